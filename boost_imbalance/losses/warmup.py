"""Compiles the kernels that trainings will need before there is one, as when an image is built."""

from __future__ import annotations

import importlib.util
import pathlib
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from boost_imbalance.kernels import cache
from boost_imbalance.losses import backend, protocol
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Array, LibraryName, TaskName

if TYPE_CHECKING:
    from boost_imbalance.estimators.lightgbm import ImbalancedLGBMClassifier
    from boost_imbalance.estimators.xgboost import ImbalancedXGBClassifier


class WarmUp(NamedTuple):
    """The answer of :func:`warm_up`."""

    folders: tuple[pathlib.Path, ...]
    """Where the machine code lies."""
    compiled: int
    """How many kernels were compiled."""
    found: int
    """How many were on disk already."""
    processor: str
    """The kind of processor that the machine code is for; on another kind, kernels are compiled anew."""
    seconds: float

    def __str__(self) -> str:
        return (
            f"boost_imbalance: {self.compiled} kernels compiled, {self.found} found, in {self.seconds:.0f} s; for the "
            f"processor {self.processor}, in {', '.join(map(str, self.folders)) or 'no folder'}"
        )


def warm_up(
    *objectives: Loss | ImbalancedXGBClassifier | ImbalancedLGBMClassifier,
    tasks: TaskName | Iterable[TaskName] | None = None,
    libraries: LibraryName | Iterable[LibraryName] | None = None,
    sample_weight: bool = False,
    verbose: bool = True,
) -> WarmUp:
    """Compile the kernels that trainings and large predictions need, and keep them on disk for other processes and users.

    For the build of an image, or the start of a service. A kernel that lies on disk already is not compiled again, so it
    can be called any number of times. Predictions of few rows need no kernels.

    Parameters
    ----------
    *objectives : Objective or fitted classifier
        What will be trained; of a classifier, the loss that it was fitted with. Default: every loss of this package, with
        its default parameters. Kernels differ by ``hessian``, by whether there are ``weights`` and ``smoothing``, and by
        which of the loss's own parameters are 0.
    tasks : iterable of {"binary", "multi-class", "multi-label"}, optional
        Default: all that an objective is for. One that has been fitted to labels has one task, whatever is given here.
    libraries : iterable of {"xgboost", "lightgbm"}, optional
        Whose trainings. Default: those that are installed.
    sample_weight : bool
        Whether the trainings will have sample weights, which takes kernels of their own.
    verbose : bool
        Whether to print the result.

    Returns
    -------
    WarmUp
        With ``folders``, ``compiled``, ``found``, ``processor`` and ``seconds``.

    Raises
    ------
    OSError
        If kernels had to be compiled and no folder can be written.

    Notes
    -----
    The machine code is written to ``NUMBA_CACHE_DIR`` if that is set, else into the installed package, else to the user's
    cache. It is read from all of them, also where they cannot be written.

    Examples
    --------
    >>> from boost_imbalance import focal_objective, warm_up
    >>> report = warm_up(focal_objective(gamma=2.0), tasks=["binary"], libraries=["xgboost"], verbose=False)
    >>> report.compiled + report.found
    4
    """
    begin = time.perf_counter()
    chosen = list(Task) if tasks is None else _tasks(tasks)
    names = [libraries] if isinstance(libraries, str) else list(_installed() if libraries is None else libraries)
    served = [protocol.library(name) for name in names]
    given = [_objective(one) for one in objectives]
    backend.backend(gpu=False).forget()
    before = len(cache.kernels)
    with cache.filling():
        for objective in given or _own():
            for task in chosen if objective.counts is None else [objective.counts.task]:
                if (given and tasks is not None) or _suits(objective, task):
                    for library in served:
                        _train(objective, task, library, sample_weight)
    needed = cache.kernels[before:]
    if any(kernel.file is None for kernel in needed):
        folders = ", ".join(map(str, cache.folders_to_write()))
        if not folders:
            raise OSError("kernels are kept by the source files of boost_imbalance, and there are none; install a wheel.")
        raise OSError(f"none of {folders} can be written; set NUMBA_CACHE_DIR to a folder that can.")
    report = WarmUp(
        tuple(sorted({kernel.file.parent for kernel in needed if kernel.file is not None})),
        sum(kernel.compiled for kernel in needed),
        sum(not kernel.compiled for kernel in needed),
        cache.processor(),
        time.perf_counter() - begin,
    )
    if verbose:
        print(report)
    return report


def _tasks(names: Iterable[str]) -> list[Task]:
    if isinstance(names, str):
        names = [names]
    known = {task.value: task for task in Task}
    for name in names:
        if name not in known:
            raise ValueError(f"tasks has {name!r}; choose from {', '.join(map(repr, known))}.")
    return [known[name] for name in names]


def _installed() -> Iterator[str]:
    for name, library in protocol.LIBRARIES.items():
        if importlib.util.find_spec(library.calls_from.partition(".")[0]) is not None:
            yield name


def _objective(value: object) -> Loss:
    found = getattr(value, "loss_", value)
    if not isinstance(found, Loss):
        raise TypeError(f"objectives has {value!r}; give objectives of this package, or fitted classifiers.")
    return found.copy(device="cpu")


def _own() -> list[Loss]:
    """Every loss of this package."""
    from boost_imbalance import losses

    constructors = [getattr(losses, name) for name in losses.__all__ if name.endswith("_objective")]
    plain = (losses.weighted_objective(None, hessian=hessian) for hessian in (None, "exact"))
    return [*plain, *(constructor(device="cpu") for constructor in constructors)]


def _suits(objective: Loss, task: Task) -> bool:
    """Whether the loss is one for this task."""
    try:
        objective.fit(_labels(task, 3), n_classes=_n_classes(task, 3))
    except ValueError:
        return False
    return True


def _labels(task: Task, columns: int) -> Array:
    """Labels of every kind, in unequal numbers."""
    if task is Task.MULTICLASS:
        return np.r_[np.arange(columns), np.zeros(columns)].astype(np.float32)
    label = (np.arange(16) % 4 == 0).astype(np.float32)
    return np.repeat(label[:, None], columns, axis=1) if task is Task.MULTILABEL else label


def _n_classes(task: Task, columns: int) -> int | None:
    return columns if task is Task.MULTICLASS else None


def _train(objective: Loss, task: Task, library: Any, sample_weight: bool) -> None:
    """One round of a training, its metric, and a large prediction, in the formats of a library."""
    columns = 3 if objective.counts is None else objective.counts.columns
    label = _labels(task, columns)
    weight = np.ones(len(label), np.float32) if sample_weight else None
    dtype, order = library.margin_format
    margin: Array = np.zeros((len(label),) if task is Task.BINARY else (len(label), columns), dtype, order)
    training = objective.bind(label, weight, _n_classes(task, columns), library.name)
    training(margin)
    fitted = training.fitted
    objective.fit_counts(fitted.counts).mean_loss(margin, label, weight)
    program = fitted.program._replace(curvature=None, soft=False)
    for many in (margin, margin.astype(np.float64)):
        backend.backend(gpu=False).probability(
            program, many, fitted.coefficients, np.empty_like(many), softmax=fitted.softmax, n_threads=1
        )
