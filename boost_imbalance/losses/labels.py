"""Labels, margins and sample weights as a caller gives them: checked, counted, and the task that their shapes mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

import numpy as np

from boost_imbalance.kernels.cuda.arrays import column, is_on_device, to_host, view
from boost_imbalance.kernels.program import LARGEST
from boost_imbalance.losses.workers import Workers
from boost_imbalance.types import Array


class Task(Enum):
    """What the labels mean."""

    BINARY = "binary"
    MULTICLASS = "multi-class"
    MULTILABEL = "multi-label"

    def __reduce__(self) -> Any:
        """By value, which every format of persistence can write and read."""
        return type(self), (self.value,)


@dataclass(frozen=True, eq=False)
class Counts:
    """How often each label is 1 (binary, multi-label) or each class occurs (multi-class), plain and weighted."""

    task: Task
    ones: Array
    """Number of rows, float64 of shape (columns,)."""
    totals: Array
    """Their summed sample weight, float64 of shape (columns,)."""
    rows: int
    weight: Array
    """Summed weight of all rows, float64 of shape (columns,)."""
    soft: bool = False
    """Whether labels lie between 0 and 1, or are a share for each class; ``ones`` is then their sum."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> Any:
        return (
            self.task, self.ones.tobytes(), self.totals.tobytes(), self.rows, self.weight.tobytes(), self.soft,
        )  # fmt: skip

    @property
    def columns(self) -> int:
        """Number of labels or classes; 1 for a binary task."""
        return len(self.ones)

    @property
    def priors(self) -> Array:
        """Weighted share of label 1 in each column, or of each class."""
        return np.asarray(self.totals / self.weight)

    @property
    def by_class(self) -> Array:
        """Weighted rows of each class, shape (classes, 1), or of label 0 and 1 in each column, shape (2, columns)."""
        if self.task is Task.MULTICLASS:
            return np.asarray(self.totals[:, None])
        return np.stack([self.weight - self.totals, self.totals])

    @property
    def occurs(self) -> Array:
        """Whether each class has any rows, beyond what sums of weights leave by rounding; shaped like :attr:`by_class`."""
        n = self.by_class
        return np.asarray(n > 1e-9 * n.sum(axis=0))

    def summed(self, workers: Workers) -> Counts:
        """The counts of all workers of a distributed training."""
        ones, totals, weight, rows, soft = workers.sums(self.ones, self.totals, self.weight, self.rows, self.soft)
        if not weight.any():
            raise ValueError("sample_weight is zero in every row of every worker; leave it out for equal weights.")
        _check_mass(weight)
        return Counts(self.task, ones, totals, int(rows), weight, bool(soft))

    def agrees(self, ones: Array, totals: Array) -> bool:
        """Whether a later pass over the data saw the same labels and weights."""
        same = _close(self.ones, ones) if self.soft else np.array_equal(self.ones, ones)
        return bool(same and _close(self.totals, totals))


def _close(sums: Array, others: Array) -> bool:
    """Whether two sums are the same but for rounding; most are the same, which is found out ten times as fast."""
    return bool(np.array_equal(sums, others) or np.allclose(sums, others, rtol=1e-6, atol=0.0))


MOST_CLASSES = 2**24
"""float32, in which both libraries keep labels, has no larger whole numbers without gaps."""


def as_array(name: str, value: Any, device: bool = False) -> Array:
    """An array in host memory, or with ``device`` in the GPU's if it is there, or an error that names the parameter."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost; fill it, or leave the masked rows out.")
    if is_on_device(value):
        return view(value) if device else to_host(value)
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} cannot be read as an array of numbers: {error}") from None


def as_margin(margin: Any, device: bool = False) -> Array:
    """A float32 or float64 array of shape (n,) or (n, columns)."""
    array = as_array("margin", margin, device)
    if array.dtype == np.float16:
        raise TypeError("margin has dtype float16, which is too coarse for a loss; cast it with margin.astype('float32').")
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        raise TypeError(f"margin has dtype {array.dtype}; give float32 or float64 raw scores.")
    if array.dtype not in (np.float32, np.float64) or not array.dtype.isnative:
        if is_on_device(array):
            raise TypeError(f"margin has dtype {array.dtype}; on a GPU give float32 or float64 raw scores.")
        array = array.astype(np.float32 if array.dtype.newbyteorder("=") == np.float32 else np.float64)
    if array.ndim not in (1, 2):
        raise ValueError(f"margin has shape {array.shape}; give (n,) or (n, columns).")
    if array.size == 0:
        raise ValueError(f"margin has shape {array.shape}; a loss needs at least one row.")
    return array


def as_label(label: Any, device: bool = False) -> Array:
    """A float32 array of shape (n,) or (n, columns); a device array keeps its format, which the kernels convert."""
    array = as_array("label", label, device)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"label has dtype {array.dtype}; encode the classes as 0, 1, 2, ... first.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = column(array)
    if array.ndim not in (1, 2):
        raise ValueError(f"label has shape {array.shape}; give (n,) or, for a multi-label task, (n, labels).")
    if array.size == 0:
        raise ValueError("label is empty; a loss needs at least one row.")
    if is_on_device(array) or (array.dtype == np.float32 and array.dtype.isnative):
        return array
    with np.errstate(over="ignore"):
        converted = array.astype(np.float32)
    if array.dtype.kind != "b" and not np.array_equal(converted, array) and not _shares(array):
        bad_label(array, None)  # float32 would round it into another label
    return converted


def _shares(array: Array) -> bool:
    """Whether these are labels between 0 and 1, of which rounding makes no other."""
    return array.dtype.kind == "f" and bool(((array >= 0) & (array <= 1)).all())


def as_weight(sample_weight: Any, label: Array, device: bool = False) -> Array | None:
    """A float array with a weight for each row, or, if multi-label, for each row and label; None for equal weights."""
    if sample_weight is None:
        return None
    array = as_array("sample_weight", sample_weight, device)
    if array.size == 0 and label.size:  # XGBoost's way of saying that there are none
        return None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight has dtype {array.dtype}; give numbers.")
    if not is_on_device(array) and (array.dtype not in (np.float32, np.float64) or not array.dtype.isnative):
        array = array.astype(np.float64)
    if array.ndim == 2 and array.shape[1] == 1 and label.ndim == 1:
        array = column(array)
    if array.shape != label.shape and array.shape != label.shape[:1]:
        raise ValueError(f"sample_weight has shape {array.shape} but label has shape {label.shape}; give one per row.")
    return array


def without_missing(label: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Several labels a row of which some are NaN, as zeros of weight 0; anything else as it is."""
    array = as_array("label", label)
    if array.ndim != 2 or array.dtype.kind != "f" or not np.isnan(array).any():
        return label, sample_weight
    observed = ~np.isnan(array)
    y = as_label(np.where(observed, array, 0))
    w = as_weight(sample_weight, y)
    return y, np.asarray(observed * (np.ones(1) if w is None else w.reshape(len(w), -1)))


def task_of(margin: Array, label: Array, known: Task | None = None) -> Task:
    """The task that two shapes mean; two-dimensional labels of a ``known`` multi-class one are a share for each class."""
    if margin.shape[0] != label.shape[0]:
        raise ValueError(
            f"margin has {margin.shape[0]} rows but label has {label.shape[0]}; give one row of margins per label."
        )
    columns = margin.shape[1] if margin.ndim == 2 else 1
    if label.ndim == 2:
        if label.shape[1] != columns:
            raise ValueError(
                f"margin has shape {margin.shape} but label has shape {label.shape}; a multi-label task needs the same."
            )
        return Task.MULTICLASS if known is Task.MULTICLASS else Task.MULTILABEL
    return Task.BINARY if columns == 1 else Task.MULTICLASS


def none(task: Task, columns: int) -> Array:
    """The labels of a worker without rows."""
    return np.empty((0, columns) if task is Task.MULTILABEL else 0, np.float32)


def count(label: Array, weight: Array | None, task: Task, columns: int, partial: bool = False) -> Counts:
    """Count labels (already through :func:`as_label`), or say which of them or of the weights is wrong.

    Of ``partial`` data, other workers have the rest: there may be no rows, or none that weighs anything.
    """
    label, weight = to_host(label), None if weight is None else to_host(weight)
    if weight is not None:
        check_weight(weight, partial)
    if task is Task.MULTICLASS and label.ndim == 1:
        check_label(label, columns)
        codes = label.astype(np.intp)
        ones = np.bincount(codes, minlength=columns).astype(np.float64)
        totals = ones if weight is None else np.bincount(codes, weights=weight, minlength=columns)
        return Counts(task, ones, totals, len(label), np.full(columns, totals.sum()))
    y = label.reshape(len(label), columns)
    soft = _is_soft(label)
    if task is Task.MULTICLASS:
        check_shares(y)
        soft = True
    ones = y.sum(axis=0, dtype=np.float64) if soft else np.count_nonzero(y, axis=0).astype(np.float64)
    if weight is None:
        totals, mass = ones, np.full(columns, float(len(label)))
    else:
        w = np.broadcast_to(weight.reshape(len(label), -1), y.shape)
        totals = np.einsum("ij,ij->j", w, y, dtype=np.float64)
        mass = w.sum(axis=0, dtype=np.float64)
        if not partial:
            _check_mass(mass)
    return Counts(task, ones, totals, len(label), mass, soft)


def _check_mass(mass: Array) -> None:
    """Refuse labels without any weight."""
    if not (mass > 0).all():
        raise ValueError(f"sample_weight is 0 in every row of label {int(np.argmin(mass))}; leave that label out.")


def _is_soft(label: Array) -> bool:
    """Whether some labels lie between 0 and 1; an error for any other that is neither."""
    check_soft(label)
    return bool((label != np.floor(label)).any())


def check_soft(label: Array) -> None:
    """Refuse labels that do not lie between 0 and 1."""
    if not ((label >= 0) & (label <= 1)).all():
        bad_label(label, 2)


def check_shares(label: Array) -> None:
    """Refuse rows of class probabilities that do not add up to 1."""
    off = np.abs(label.sum(axis=1, dtype=np.float64) - 1.0)
    if not (off <= 1e-3).all():
        row = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        raise ValueError(
            f"label sums to {label[row].sum():g} in row {row}; class probabilities sum to 1 in every row (for a multi-label "
            f"task leave n_classes out)."
        )


def check_label(label: Array, n_classes: int) -> None:
    """Refuse labels that are not 0, 1, ..., n_classes - 1."""
    if not ((label >= 0) & (label < n_classes) & (label == np.floor(label))).all():
        bad_label(to_host(label), n_classes)


def bad_label(label: Array, n_classes: int | None) -> NoReturn:
    """Name the first label that is not allowed."""
    allowed = (label == np.floor(label)) & (label >= 0) & (label < (n_classes or MOST_CLASSES))
    where = np.argwhere(~allowed)[0]
    value = label[tuple(where)]
    position = f"row {where[0]}" + (f", label {where[1]}" if label.ndim == 2 else "")
    if np.isnan(value):
        remedy = "drop the rows without a label"
    elif value >= MOST_CLASSES:
        remedy = f"labels are 0 or 1, or class indices below {MOST_CLASSES}"
    elif n_classes is None or n_classes == 2:
        remedy = "labels must be 0 or 1, or between them; for more classes the margins need one column per class (num_class)"
    else:
        remedy = f"labels must be whole numbers from 0 to {n_classes - 1}, the number of margin columns less one"
    raise ValueError(f"label is {value} in {position}; {remedy}.")


def check_weight(weight: Array, partial: bool = False) -> None:
    """Refuse sample weights that are negative, not finite, or, of all rows of a training, all zero."""
    allowed = (weight >= 0) & (weight <= LARGEST)
    if not allowed.all():
        weight, allowed = to_host(weight), to_host(allowed)
        where = np.argwhere(~allowed)[0]
        raise ValueError(
            f"sample_weight is {weight[tuple(where)]} in row {where[0]}; weights must be finite (at most 2^120) and not "
            "negative."
        )
    if not partial and not weight.any():
        raise ValueError("sample_weight is zero in every row; leave it out for equal weights.")


def check_margin(margin: Array) -> None:
    """Refuse margins that are not finite."""
    allowed = np.abs(margin) <= LARGEST
    if not allowed.all():
        margin, allowed = to_host(margin), to_host(allowed)
        where = np.argwhere(~allowed)[0]
        raise ValueError(
            f"margin is {margin[tuple(where)]} in row {where[0]}: training has diverged, or the scores are not raw margins; "
            f"lower the learning rate, raise lambda, or begin at the loss's own start."
        )
