"""Class weights: inverse frequency, effective number, and what a user writes down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.losses.labels import Counts, Task, as_array
from boost_imbalance.types import Array, ArrayLike, FloatLike, Weights


def effective_number(counts: FloatLike, beta: float) -> npt.NDArray[np.float64]:
    """Effective number of samples ``(1 - beta^n) / (1 - beta)`` of each class.

    Parameters
    ----------
    counts : array_like
        Number of rows ``n`` of each class.
    beta : float
        In [0, 1): 0 makes every class count as one sample; towards 1 the effective number approaches ``n``.

    Returns
    -------
    ndarray of float64
        Same shape as ``counts``.

    References
    ----------
    Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, https://arxiv.org/abs/1901.05555

    Examples
    --------
    >>> import numpy as np
    >>> print(np.round(effective_number([5000, 100], beta=0.9999), 2))
    [3934.85   99.51]
    """
    if not isinstance(beta, (int, float, np.number)) or not 0.0 <= beta < 1.0:
        raise ValueError(f"beta is {beta!r}; it must be a number of at least 0 and less than 1, for instance 0.9999.")
    n = as_array("counts", counts)
    if n.dtype.kind not in "fiu" or not (n >= 0).all():
        raise ValueError(f"counts is {counts!r}; it must hold numbers that are not negative.")
    n = n.astype(np.float64)
    if beta == 0.0:
        return np.where(n > 0, 1.0, 0.0)
    return np.asarray(-np.expm1(n * np.log1p(beta - 1.0)) / (1.0 - beta))


def balanced(counts: Counts) -> Array:
    """``n / (K n_k)`` over the K classes that occur, 1 for others, in the shape of :attr:`Counts.by_class`."""
    n, occurs = counts.by_class, counts.occurs
    return np.where(occurs, n.sum(axis=0) / (occurs.sum(axis=0) * np.where(occurs, n, 1.0)), 1.0)


def effective(counts: Counts, beta: float) -> Array:
    """The inverse effective numbers, at mean 1 over the classes that occur, in the shape of :attr:`Counts.by_class`.

    Other classes weigh 1.
    """
    occurs = counts.occurs
    inverse = np.where(occurs, 1.0 / effective_number(np.where(occurs, counts.by_class, 1.0), beta), 0.0)
    return np.where(occurs, inverse * occurs.sum(axis=0) / inverse.sum(axis=0), 1.0)


def given(weights: Weights, counts: Counts) -> Array:
    """Weights as the user wrote them, in the shape of :attr:`Counts.by_class`."""
    task, columns = counts.task, counts.columns
    if isinstance(weights, Mapping):
        weights = _from_mapping(weights, task, columns)
    array = np.asarray(weights, dtype=np.float64)
    if task is Task.MULTICLASS:
        if array.shape != (columns,):
            raise ValueError(
                f"weights has shape {array.shape}; a task with {columns} classes needs one weight per class, or 'balanced'."
            )
        return array[:, None]
    if task is Task.BINARY and array.shape == (2,):
        return array[:, None]
    if array.shape == () or (task is Task.MULTILABEL and array.shape == (columns,)):
        positive = np.broadcast_to(array, columns)
        return np.stack([np.ones(columns), positive])
    if task is Task.MULTILABEL and array.shape == (columns, 2):
        return np.asarray(array.T)
    wanted = (
        "the positive class's weight, or the weights of class 0 and 1"
        if task is Task.BINARY
        else f"one positive weight, {columns} of them, or an array of shape ({columns}, 2)"
    )
    raise ValueError(f"weights has shape {array.shape}; a {task.value} task needs {wanted}, or 'balanced'.")


def _from_mapping(weights: Mapping[Any, Any], task: Task, columns: int) -> Array:
    classes = range(2 if task is Task.BINARY else columns)
    unknown = [key for key in weights if key not in classes]
    if unknown:
        kind = "label" if task is Task.MULTILABEL else "class"
        raise ValueError(f"weights has the key {unknown[0]!r}; the {kind} indices of this task are 0 to {classes[-1]}.")
    values = [weights.get(k, 1.0) for k in classes]
    if task is Task.MULTILABEL:
        values = [(1.0, value) if np.ndim(value) == 0 else value for value in values]
    if len({np.shape(value) for value in values}) > 1 or (task is not Task.MULTILABEL and np.ndim(values[0])):
        raise ValueError(f"weights is {weights!r}; a {task.value} task needs one number per key.")
    return np.asarray(values, dtype=np.float64)


def per_column(name: str, value: ArrayLike, counts: Counts) -> Array:
    """A parameter as one number for each label or class."""
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (1,), (counts.columns,)):
        raise ValueError(
            f"{name} has shape {array.shape}; give one number, or {counts.columns} of them for this {counts.task.value} "
            f"task."
        )
    return np.broadcast_to(array, counts.columns)


def ones(counts: Counts) -> Array:
    """Weights of 1, in the shape of :attr:`Counts.by_class`."""
    return np.ones((counts.columns, 1) if counts.task is Task.MULTICLASS else (2, counts.columns))


def product(weights: Weights, counts: Counts) -> Array:
    """What ``weights=`` of a loss says, in the shape of :attr:`Counts.by_class`."""
    if weights is None:
        return ones(counts)
    return balanced(counts) if isinstance(weights, str) else given(weights, counts)


def logit_adjustment(tau: float, priors: FloatLike | None, counts: Counts) -> Array:
    """The offset ``tau log prior`` of each class, or ``tau`` times the log-odds of label 1 in each column."""
    if tau == 0:
        return np.zeros(counts.columns)
    if priors is None:
        # Nothing is adjusted for a class without rows.
        occurs = counts.occurs
        if counts.task is Task.MULTICLASS:
            return np.asarray(tau * np.log(np.where(occurs[:, 0], counts.priors, 1.0)))
        shares = np.where(occurs.all(axis=0), counts.priors, 0.5)
    else:
        shares = np.asarray(priors, dtype=np.float64)
        if counts.task is Task.BINARY and shares.shape == (2,):
            shares = shares[1:] / shares.sum()
        if counts.task is not Task.MULTICLASS and shares.ndim == 0:
            shares = np.full(counts.columns, shares)
        if shares.shape != (counts.columns,):
            raise ValueError(
                f"priors has shape {shares.shape}; a {counts.task.value} task needs {counts.columns}, one for each "
                f"{'class' if counts.task is Task.MULTICLASS else 'label'}."
            )
    if counts.task is not Task.MULTICLASS:
        return np.asarray(tau * (np.log(shares) - np.log1p(-shares)))
    if abs(shares.sum() - 1.0) > 1e-3:
        raise ValueError(f"priors is {priors!r}, which sums to {shares.sum():g}; class shares must sum to 1.")
    return np.asarray(tau * np.log(shares))
