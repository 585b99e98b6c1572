"""What a gradient boosting library has to say to a loss, and which libraries there are.

A library is known by its data sets and by the code that calls an objective, never by the shape or format of arrays. Each has
a module in :mod:`boost_imbalance.libraries`; another library is one more object given to :func:`register`.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from boost_imbalance.losses.workers import ALONE, Workers
from boost_imbalance.types import Array

if TYPE_CHECKING:
    from boost_imbalance.losses.advice import FirstRound


class Library(Protocol):
    """One gradient boosting library."""

    name: str
    calls_from: str
    """The module whose functions call objectives and metrics, as methods of a booster."""

    margin_format: tuple[Any, str]
    """Format and memory order of the margins that it hands over."""

    def is_data(self, value: Any) -> bool:
        """Whether this is one of the library's data sets."""

    def is_booster(self, value: Any) -> bool:
        """Whether this is one of the library's boosters."""

    def label_and_weight(self, data: Any) -> tuple[Any, Any]:
        """Labels and sample weights of a data set, None for equal weights."""

    def training_data(self, booster: Any) -> Any:
        """The data set that a booster is being trained on, if the booster knows."""

    def n_outputs(self, booster: Any) -> int:
        """Number of margins of a row."""

    def device(self, booster: Any) -> int | None:
        """The GPU on which a booster is trained, None if it is on the host."""

    def hessian_factor(self, n_classes: int) -> float:
        """What the library multiplies the diagonal of a softmax's Hessian by, so that it bounds the whole matrix."""

    def takes_gradient_as_hessian(self) -> bool:
        """Whether the library's own softmax has ``|p - y|`` for its Hessian instead of that multiple of ``p (1 - p)``."""

    def sum_over_workers(self, data: Any = None) -> Workers | None:
        """What adds an array up over the workers of a distributed training.

        None where there is one process, where each worker has all rows of ``data``, and where the library cannot do it.
        """

    def has_unseen_rows(self, booster: Any) -> bool:
        """Whether other machines have rows of this training that :meth:`sum_over_workers` cannot ask for."""

    def start_of(self, booster: Any) -> str:
        """Where a booster begins, in words that are the same for all workers that begin at the same place."""

    def leave(self, booster: Any) -> None:
        """Tell the other machines of a training that this one fails, so that they need not wait for it."""

    def n_threads(self, booster: Any) -> int | None:
        """On how many threads a booster is told to train; None if it is not."""

    def metric_result(self, metric: Any, value: float) -> Any:
        """A metric's value in the form that the native interface expects."""

    def is_model(self, value: Any) -> bool:
        """Whether this is a trained booster, or a model of the library's scikit-learn classes."""

    def margin(self, model: Any, data: Any, start: Any, **options: Any) -> Array:
        """Raw scores of such a model, plus a ``start`` that it does not contain; ``options`` go to its ``predict``."""

    def advice(self, first: FirstRound) -> Iterator[tuple[str, str]]:
        """Warnings for the beginning of a training: the kind of mistake, and a message with the line to write."""

    def kept_weights(self, call: Call) -> Array | None:
        """Moving class weights of the training that this one continues; None if it continues none."""

    def keep_weights(self, booster: Any, weights: Array) -> None:
        """Keep moving class weights with a booster, for the training that continues it."""


class Call(NamedTuple):
    """Who asks for gradients or a metric: the library, and its booster."""

    library: Library
    booster: Any


LIBRARIES: dict[str, Library] = {}
"""By name."""

_by_module: dict[str, Library] = {}
_MOST_CALLERS = 8
_CLUSTERS = ("dask", "spark")


def register(library: Library) -> None:
    """Make a library known to every loss."""
    LIBRARIES[library.name] = library
    _by_module[library.calls_from] = library


def library(name: str) -> Any:
    """The library of this name."""
    if name not in LIBRARIES:
        raise ValueError(f"library is {name!r}; choose one of {', '.join(map(repr, LIBRARIES))}.")
    return LIBRARIES[name]


def library_of(data: Any) -> Library | None:
    """The library that a data set belongs to."""
    return next((one for one in LIBRARIES.values() if one.is_data(data)), None)


def calling() -> Call | None:
    """The booster that is calling; None if it is not a library that calls.

    An objective is not handed its booster, but is called by one of its methods.
    """
    frame = sys._getframe(1)
    for _ in range(_MOST_CALLERS):
        back = frame.f_back
        if back is None:
            return None
        frame = back
        found = _by_module.get(frame.f_globals.get("__name__", ""))
        if found is not None:
            booster = frame.f_locals.get("self")
            if found.is_booster(booster):
                return Call(found, booster)
    return None


def workers_of(library: Library | None, data: Any = None) -> Workers:
    """The workers of the training that a library is in, by its data set if that is known."""
    return (library.sum_over_workers(data) if library is not None else None) or ALONE


def arguments_of(module: str, *functions: str) -> tuple[str, dict[str, Any]]:
    """Which of a library's functions is running further up, and its arguments; an empty name if none of them is."""
    frame: Any = sys._getframe(1)
    for _ in range(4 * _MOST_CALLERS):
        if frame is None:
            break
        if frame.f_code.co_name in functions and frame.f_globals.get("__name__") == module:
            return frame.f_code.co_name, dict(frame.f_locals)
        frame = frame.f_back
    return "", {}


def is_library(frame: Any) -> bool:
    """Whether a frame runs code of a library."""
    return any(_root(frame) == one.calls_from.partition(".")[0] for one in LIBRARIES.values())


def sender() -> Any:
    """Who copies or pickles for the workers of a cluster, if a library's interface for one is running further up.

    A reference to the asynchronous task that does it, of which each training of XGBoost's on Dask has its own; True where
    there is no such task.
    """
    frame: Any = sys._getframe(1)
    roots = {one.calls_from.partition(".")[0] for one in LIBRARIES.values()}
    while frame is not None:
        root, _, rest = str(frame.f_globals.get("__name__", "")).partition(".")
        if root in roots and rest.partition(".")[0] in _CLUSTERS:
            asyncio = sys.modules.get("asyncio")
            try:
                task = None if asyncio is None else asyncio.current_task()
            except RuntimeError:  # no loop is running in this thread
                task = None
            return True if task is None else weakref.ref(task)
        frame = frame.f_back
    return None


def _root(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def refuse_uncalled(name: str, frame: Any, data: Any = None) -> None:
    """Refuse to be made by a library, in ``frame``, to which a loss's class was given for an objective."""
    if is_library(frame) or hasattr(data, "get_label"):
        place = "obj" if hasattr(data, "get_label") and _root(frame) == "xgboost" else "objective"
        raise TypeError(f"{name} is passed uncalled: write {place}={name}(), with its arguments, if any, in parentheses.")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's code that led here, through this package and the libraries."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and (is_library(frame) or _root(frame) in ("boost_imbalance", "sklearn", "joblib")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def library_of_model(model: Any) -> Library | None:
    """The library that a trained model belongs to."""
    return next((one for one in LIBRARIES.values() if one.is_model(model)), None)


def label_and_weight(data: Any) -> tuple[Any, Any]:
    """Labels and sample weights of any library's data set."""
    found = library_of(data)
    if found is not None:
        return found.label_and_weight(data)
    weight = data.get_weight()
    return data.get_label(), None if weight is None or np.size(weight) == 0 else weight
