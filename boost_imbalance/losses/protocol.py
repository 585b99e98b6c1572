"""What a gradient boosting library has to say to a loss, and which libraries there are.

A library is known by its data sets and by the code that calls an objective, never by the shape or format of arrays. Each has
a module in :mod:`boost_imbalance.libraries`; another library is one more object given to :func:`register`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Library(Protocol):
    """One gradient boosting library.

    It may also have ``margin_format``, dtype and order of the margins that it hands over, for :func:`warm_up`; the default
    is float64 and C.
    """

    name: str
    calls_from: str
    """The module whose functions call objectives and metrics, as methods of a booster."""

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

    def sum_over_workers(self) -> Callable[[Array], Array] | None:
        """What adds an array up over the workers of a distributed training; None where there is one process."""

    def metric_result(self, metric: Any, value: float) -> Any:
        """A metric's value in the form that the native interface expects."""


class Call(NamedTuple):
    """Who asks for gradients or a metric: the library, and its booster."""

    library: Library
    booster: Any


LIBRARIES: dict[str, Library] = {}
"""By name."""

_by_module: dict[str, Library] = {}
_MOST_CALLERS = 8


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


def label_and_weight(data: Any) -> tuple[Any, Any]:
    """Labels and sample weights of any library's data set."""
    found = library_of(data)
    if found is not None:
        return found.label_and_weight(data)
    weight = data.get_weight()
    return data.get_label(), None if weight is None or np.size(weight) == 0 else weight
