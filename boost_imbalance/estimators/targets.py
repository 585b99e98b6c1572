"""What ``y`` means: which task, which classes, and which labels are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from boost_imbalance.losses import labels
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Array, DaskCollection

if TYPE_CHECKING:
    from typing_extensions import TypeIs


@dataclass(frozen=True)
class Target:
    """How the labels of one training are read, and how predictions are written back."""

    task: Task
    classes: Array
    """The classes in order; of a multi-label task, the label indices."""
    dtype: Any
    """Of a multi-label task's predictions."""
    missing_label: Any

    @classmethod
    def of(cls, y: Any, classes: Any, missing_label: Any) -> Target:
        """Learn the task and its classes from training labels."""
        array = as_array(y)
        if array.ndim == 2:
            if classes is not None:
                raise ValueError(
                    f"classes is {classes!r}, but y has shape {array.shape}, a multi-label task of zeros and ones; leave it "
                    f"out."
                )
            kind = array.dtype if array.dtype.kind in "biuf" else np.dtype(np.int64)
            target = cls(Task.MULTILABEL, np.arange(array.shape[1]), kind, missing_label)
            empty = missing_in(array, missing_label).all(axis=0)
            if empty.any():
                raise ValueError(f"y holds no label in column {int(np.argmax(empty))}; leave that column out.")
            return target
        values, _ = _distinct(array)
        observed = plain(values[~missing_in(values, missing_label)])
        if len(observed) == 0:
            raise ValueError("y holds no label at all; training needs at least one row of each of two classes.")
        if observed.dtype.kind == "f" and np.isinf(observed).any():
            raise ValueError("y contains infinity; classes are finite numbers or strings.")
        check_types("y", observed)
        found = _unique("y", observed)
        check_classification_targets(np.resize(observed, max(len(observed), min(len(array), 3 * len(observed)))))
        if classes is not None and np.ndim(classes) != 1:
            raise TypeError(f"classes is {classes!r}; give a list of all classes, such as [0, 1].")
        known = found if classes is None else _unique("classes", plain(as_array(classes)))
        if classes is not None and len(known) < 2:
            raise ValueError(f"classes is {classes!r}, one class only; a classifier needs two, so name them all.")
        if len(known) < 2:
            raise ValueError(
                f"y holds one class only, {_listed(known)}; a classifier needs two, so give rows of another or name all in "
                f"classes=."
            )
        target = cls(Task.BINARY if len(known) == 2 else Task.MULTICLASS, known, known.dtype, missing_label)
        target._codes(observed, "y", "leave those rows out, or name all classes in classes=")
        return target

    @property
    def columns(self) -> int:
        """Number of margins of a row."""
        return 1 if self.task is Task.BINARY else len(self.classes)

    @property
    def n_classes(self) -> int | None:
        """Number of classes, where the labels alone might not show it."""
        return len(self.classes) if self.task is Task.MULTICLASS else None

    def encode(self, y: Any, name: str) -> tuple[Array, Array | None]:
        """Labels as float32 codes, missing ones as 0, and where there is a label (None: everywhere)."""
        array = as_array(y)
        if array.ndim != (2 if self.task is Task.MULTILABEL else 1):
            raise ValueError(
                f"{name} has shape {array.shape}, but the training labels were {self.task.value}; give the same kind."
            )
        array, index = _distinct(array)
        missing = missing_in(array, self.missing_label)
        observed = ~missing if missing.any() else None
        if self.task is Task.MULTILABEL:
            if array.shape[1] != len(self.classes):
                raise ValueError(
                    f"{name} has {array.shape[1]} labels, but the training had {len(self.classes)}; give as many."
                )
            filled = np.where(missing, 0, array) if observed is not None else array
            try:
                code = filled.astype(np.float32)
            except (TypeError, ValueError):
                raise TypeError(f"{name} has dtype {array.dtype}; a multi-label task needs zeros and ones.") from None
            if not np.isfinite(code).all():
                raise ValueError(f"{name} contains infinity; a multi-label task needs zeros and ones.")
            if not ((code == 0) | (code == 1)).all():
                row, column = np.argwhere((code != 0) & (code != 1))[0]
                raise ValueError(
                    f"{name} is {array[row, column].item()!r} in row {row}, column {column}; a multi-label task needs zeros "
                    f"and ones. Several multi-class columns at once are not supported."
                )
            return code, observed
        code = np.zeros(len(array), np.float32)
        where = slice(None) if observed is None else observed
        code[where] = self._codes(
            plain(array[where]), name, "leave those rows out, or name all classes in classes= before fit"
        )
        if index is not None:
            code, observed = code[index], None if observed is None else observed[index]
        return code, observed

    def decode(self, code: Array) -> Array:
        """Predicted codes as the user's labels."""
        if self.task is Task.MULTILABEL:
            return code.astype(self.dtype)
        return np.asarray(self.classes[code.astype(np.intp)])

    def class_index(self, label: Any, name: str) -> int:
        """The code of one class."""
        remedy = "give one of those, or name all classes in classes= if the training rows lack some"
        return int(self._codes(plain(as_array([label])), name, remedy)[0])

    def positive_code(self, pos_label: Any) -> int:
        """The code of the positive one of two classes."""
        if self.task is not Task.BINARY:
            raise ValueError(f"pos_label is {pos_label!r}, but the task is {self.task.value}; it is for two classes.")
        return self.class_index(pos_label, "pos_label")

    def check_positive(self, what: str) -> None:
        """Refuse to guess which of two classes is the positive one."""
        if self.classes.dtype.kind not in "biuf" or self.classes[1] != 1 or self.classes[0] not in (0, -1):
            raise ValueError(
                f"pos_label is None, but the classes are {_listed(self.classes)}; name the one that {what} is about."
            )

    def _codes(self, values: Array, name: str, remedy: str) -> Array:
        try:
            code = np.minimum(np.searchsorted(self.classes, values), len(self.classes) - 1)
            unknown = self.classes[code] != values
        except TypeError:
            code, unknown = np.zeros(len(values), np.intp), np.ones(len(values), bool)
        if np.any(unknown):
            value = values[int(np.argmax(np.broadcast_to(unknown, values.shape))) :][:1].tolist()[0]
            raise ValueError(f"{name} holds {value!r}, which is not one of the classes {_listed(self.classes)}; {remedy}.")
        return np.asarray(code)


def labelled(y: Any, missing_label: Any) -> Array | None:
    """Indices of the rows that have a label; None if all have."""
    array, index = _distinct(as_array(y))
    known = ~missing_in(array, missing_label)
    rows = np.asarray(known.any(axis=1) if known.ndim == 2 else known if index is None else known[index])
    return None if rows.all() or not rows.any() else np.flatnonzero(rows)


def weights_of(sample_weight: Any, label: Array, observed: Array | None, name: str) -> Array | None:
    """Weights that leave out what is missing: of each row, or of each row and label."""
    if sample_weight is None and observed is None:
        return None
    try:
        weight = labels.as_weight(sample_weight, label)
        if weight is not None:
            labels.check_weight(weight)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("sample_weight", name)) from None
    if observed is None:
        return weight
    if weight is None:
        return observed.astype(np.float32)
    return np.asarray((weight if weight.ndim == observed.ndim else weight[:, None]) * observed)


def is_dask(data: Any) -> TypeIs[DaskCollection]:
    """Whether this is a Dask array, series or data frame."""
    return type(data).__module__.partition(".")[0] in ("dask", "dask_expr") and hasattr(data, "__dask_graph__")


def collected(data: Any) -> Any:
    """A lazy frame of polars as a frame with rows; anything else as it is."""
    return data.collect() if hasattr(data, "collect_schema") and hasattr(data, "collect") else data


def as_array(y: Any) -> Array:
    """``y`` in host memory, of one dimension, or of two if there are several columns."""
    if y is None:
        raise ValueError("y is None; this classifier requires y to be passed, but the target y is None.")
    if is_dask(y):
        raise TypeError(f"y is a Dask {type(y).__name__}, all of which would be loaded into this process; give y.compute().")
    y = collected(y)
    if hasattr(y, "toarray"):
        y = y.toarray()
    elif type(y).__module__.startswith("pyarrow"):
        y = y.to_pandas().to_numpy()
    elif hasattr(y, "to_numpy"):
        y = y.to_numpy()
    array = labels.as_array("y", y)
    if array.dtype.kind == "U" and array.ndim == 1 and not isinstance(y, np.ndarray) and set(map(type, y)) - {str, np.str_}:
        array = np.fromiter(y, object, len(array))  # NumPy would make a class "nan" of what is missing, and "1" of 1
    if array.ndim == 2 and array.shape[1] == 1:
        array = column_or_1d(array, warn=True)
    if array.ndim not in (1, 2):
        raise ValueError(f"y has shape {array.shape}; give (n,), or (n, labels) for a multi-label task.")
    if array.shape[0] == 0:
        raise ValueError("y is empty: found array with 0 sample(s) while a minimum of 1 is required.")
    if array.dtype.kind == "c":
        raise ValueError("y is complex: Complex data not supported.")
    return array


def _distinct(array: Array) -> tuple[Array, Array | None]:
    """What a column of objects holds, and which of it each row; any other array as it is, and None.

    Objects cost a call of Python each, so that a few of them are looked at instead of millions.
    """
    if array.dtype.kind != "O" or array.ndim != 1:
        return array, None
    values = array.tolist()
    kinds = {kind for kind in set(map(type, values)) if kind not in (str, type(None)) and kind.__name__ != "NAType"}
    if len(kinds) > 1:  # of which some may be equal, as 1 and 1.0
        return array, None
    try:
        position = {value: i for i, value in enumerate(dict.fromkeys(values))}
        index = np.fromiter(map(position.__getitem__, values), np.intp, len(values))
    except TypeError:  # no hash, or no truth value
        return array, None
    found = np.empty(len(position), object)
    for value, i in position.items():
        found[i] = value
    return found, index


def missing_in(array: Array, sentinel: Any) -> Array:
    """Where there is no label: NaN, None, NA, and the sentinel."""
    if hasattr(sentinel, "__len__") and not isinstance(sentinel, (str, bytes)):
        raise TypeError(f"missing_label is {sentinel!r}; give one value, and in y put it in place of any other.")
    missing: Any
    if array.dtype.kind == "f":
        missing = np.isnan(array)
    elif array.dtype.kind in "mM":
        missing = np.isnat(array)
    elif array.dtype.kind == "O":
        missing = np.fromiter((_is_missing(value) for value in array.ravel()), bool, array.size).reshape(array.shape)
    else:
        missing = np.zeros(array.shape, bool)
    if not _is_missing(sentinel):
        missing = missing | np.asarray(array == sentinel, dtype=bool)
    return np.asarray(missing)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError, ArithmeticError):  # pandas.NA has no truth value, Decimal("sNaN") is not compared
        return True


def plain(array: Array) -> Array:
    """Numbers that a column of objects holds, as an array of numbers."""
    if array.dtype.kind == "O" and all(isinstance(value, (bool, int, float, np.generic)) for value in array):
        return np.asarray(array.tolist())
    return array


def check_types(name: str, observed: Array) -> None:
    """Refuse labels that are neither numbers nor strings, through :func:`plain`; bytes are scikit-learn's to refuse."""
    if observed.dtype.kind != "O" or any(isinstance(value, (str, bytes)) for value in observed):
        return
    odd = next((value for value in observed if not isinstance(value, (bool, int, float, np.generic))), observed[0])
    if isinstance(odd, (list, tuple, set, frozenset)):
        raise TypeError(
            f"{name} holds {odd!r}; several labels a row are columns of zeros and ones, which "
            f"sklearn.preprocessing.MultiLabelBinarizer().fit_transform({name}) makes."
        )
    raise TypeError(
        f"{name} holds {odd!r}, of type {type(odd).__name__}; labels are strings or numbers that NumPy has, so convert "
        f"them, for instance by numpy.asarray({name}).astype(str)."
    )


def _unique(name: str, array: Array) -> Array:
    try:
        return np.unique(array)
    except TypeError:
        raise TypeError(f"{name} mixes labels of different types; give numbers or strings, not both.") from None


def _listed(classes: Array) -> str:
    shown = ", ".join(repr(value) for value in classes[:10].tolist())
    return f"{shown}, ..." if len(classes) > 10 else shown
