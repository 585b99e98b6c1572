"""The data of a comparison: labels as codes, and the folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    train_test_split,
)
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from boost_imbalance.comparison import features
from boost_imbalance.estimators.targets import Target, labelled
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

STOP_SIZE = 0.2
"""Share of a fold's training rows on which training stops and thresholds are tuned."""


class Part(NamedTuple):
    """Features and labels of some of the rows."""

    X: Any
    label: Array


class Fold(NamedTuple):
    """Row numbers of one fold: those to fit on, those to stop on, those to be measured on."""

    repeat: int
    number: int
    fit: Array
    stop: Array
    test: Array

    @property
    def train(self) -> Array:
        """Rows of the fold that may be learnt from: those to fit on and those to stop on."""
        return np.concatenate([self.fit, self.stop])

    @property
    def seed(self) -> int:
        """Seed for what is drawn at random within the fold."""
        return 1000 * self.repeat + self.number


@dataclass(frozen=True)
class Problem:
    """Features and labels, checked."""

    name: str
    X: Any
    """A data frame, a CSR matrix or a 2-d array."""
    label: Array
    """Codes, int64 of shape (n,); in a multi-label task float64 of shape (n, labels), where NaN is a missing label."""
    task: Task
    classes: list[Any]
    """Classes by code, in a binary task the positive one last; in a multi-label task the names of the labels."""
    groups: Array | None = None
    preparation: tuple[str, ...] = ()
    """Lines of Python that bring the features into this form."""
    unlabelled: int = 0
    """How many rows were left out because they have no label."""
    names: tuple[str, ...] = ()
    """Names of the features as they were given; none of an array."""
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Words that stood among the numbers of a column, by column, with how often each did."""
    target: str = ""
    """Name of the column of labels, if it has one."""
    reading: tuple[str, ...] = ()
    """Lines of Python that read features and labels, where they come from a file."""
    time: Array | None = None
    """When each row was, float64 of shape (n,), for folds that go forward."""

    @classmethod
    def of(
        cls,
        X: Any,
        y: Any,
        name: str = "data",
        pos_label: Any = None,
        groups: Any = None,
        time: Any = None,
        merge_labels: bool = False,
    ) -> Problem:
        """Read what a user gave; rows without a label are left out.

        ``merge_labels`` takes labels that differ only by case or blanks as one.
        """
        if groups is not None and time is not None:
            raise ValueError("groups and time are given; folds that go forward keep no groups together, so leave one out.")
        X, lines, given_names, words = features.prepared(X)
        if type(y).__module__.startswith("pyarrow"):
            y = y.to_pandas()
        names = [str(column) for column in getattr(y, "columns", ())]
        column = str(y.name) if getattr(y, "name", None) is not None else names[0] if len(names) == 1 else ""
        check_consistent_length(X, y, groups, time)
        groups = None if groups is None else _group_codes(groups)
        time = None if time is None else instants(time)
        if merge_labels:
            y = merged(y)
            lines += ("import pandas", "import numpy as np", MERGING)
        if len(np.shape(y)) == 2 and np.shape(y)[1] == 1:
            y = np.asarray(y)[:, 0]
        known, given = labelled(y, np.nan), X.shape[0]
        if known is not None:
            X, y = _safe_indexing(X, known), _safe_indexing(y, known)
            groups = None if groups is None else groups[known]
            time = None if time is None else time[known]
        target = Target.of(y, None, np.nan)
        code, observed = target.encode(y, "y")
        if target.task is Task.MULTILABEL:
            if pos_label is not None:
                raise ValueError(f"pos_label is {pos_label!r}, but y is multi-label, where 1 is positive; leave it out.")
            label = code.astype(np.float64)
            if observed is not None:
                label[~observed] = np.nan
            names = names or [f"label {k}" for k in range(label.shape[1])]
            left_out = given - len(label)
            return cls(name, X, label, target.task, names, groups, lines, left_out, given_names, words, time=time)
        label, classes = code.astype(np.int64), target.classes.tolist()
        if target.task is Task.BINARY:
            positive = (
                int(2 * label.sum() <= len(label)) if pos_label is None else target.class_index(pos_label, "pos_label")
            )
            if positive == 0:
                label, classes = 1 - label, classes[::-1]
        elif pos_label is not None:
            raise ValueError(f"pos_label is {pos_label!r}, but y has {len(classes)} classes; it is for two.")
        return cls(
            name, X, label, target.task, classes, groups, lines, given - len(label), given_names, words, column, time=time
        )

    @property
    def rows(self) -> int:
        """How many rows have a label."""
        return len(self.label)

    @property
    def columns(self) -> int:
        """Number of classes or labels."""
        return len(self.classes)

    def spellings(self) -> list[dict[Any, int]]:
        """Classes that differ only by case or blanks, those of one together, with their numbers of rows."""
        if self.task is Task.MULTILABEL:
            return []
        return _alike(dict(zip(self.classes, self.counts.tolist(), strict=True)))

    @property
    def has_categories(self) -> bool:
        """True if a column of the data frame holds categories."""
        return hasattr(self.X, "iloc") and any(str(kind) == "category" for kind in self.X.dtypes)

    @property
    def counts(self) -> Array:
        """Number of rows of each class, or with each label."""
        if self.task is Task.MULTILABEL:
            return np.asarray(np.nansum(self.label, axis=0).astype(np.int64))
        return np.bincount(self.label, minlength=self.columns)

    def part(self, rows: Array) -> Part:
        """Features and labels of the given rows."""
        return Part(_safe_indexing(self.X, rows), self.label[rows])

    def folds(self, folds: int, repeats: int, seed: int) -> Iterator[Fold]:
        """Repeated k-fold: by class unless multi-label, groups kept together; or, with times, folds that go forward."""
        for repeat in range(repeats):
            state = seed + repeat
            for number, (train, test) in enumerate(self._splits(np.arange(self.rows), folds, state)):
                fit, stop = self.split(train, state)
                for k, few in enumerate(self.classes if self._strata is not None else ()):
                    if k not in self.label[fit]:
                        remedy = "more folds or smaller groups" if self.time is None else "fewer folds, or no time"
                        raise ValueError(
                            f"folds is {folds}, which leaves a fold no row of the class {few!r} to train on; give "
                            f"{remedy}, or leave the class out."
                        )
                yield Fold(repeat, number, fit, stop, test)

    def split(self, rows: Array, seed: int) -> tuple[Array, Array]:
        """Most of the rows to fit on, and the rest to stop on; with times, the last."""
        if self.time is not None:
            rows = rows[np.argsort(self.time[rows], kind="stable")]
            last = int(np.ceil(STOP_SIZE * len(rows)))
            return rows[:-last], rows[-last:]
        if self.groups is not None:
            splitter = GroupShuffleSplit(20, test_size=STOP_SIZE, random_state=seed)
            splits = [(rows[fit], rows[stop]) for fit, stop in splitter.split(rows, groups=self.groups[rows])]
            # Of these the first in which both sides have all classes, or as many as can be.
            return max(splits, key=lambda split: [0 if self._strata is None else len(set(self._strata[p])) for p in split])
        strata = None if self._strata is None else self._strata[rows]
        always = rows[:0]
        if strata is not None:
            _, first, counts = np.unique(strata, return_index=True, return_counts=True)
            if counts.min() < 2 or len(counts) > STOP_SIZE * len(rows):  # too few to be in both
                always, rows, strata = rows[first], np.delete(rows, first), None
        fit, stop = train_test_split(rows, test_size=STOP_SIZE, random_state=seed, stratify=strata)
        return np.concatenate([always, fit]), stop

    def inner(self, rows: Array, folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
        """Folds of some of the rows, each to fit on and to be scored on."""
        return self._splits(rows, folds, seed)

    def check(self, folds: int, inner: int = 0) -> None:
        """Refuse what would leave a fold, or one of the inner folds within it, without a class."""
        groups = None if self.groups is None else len(np.unique(self.groups))
        if groups is not None and groups < max(folds, 3):
            raise ValueError(
                f"folds is {folds}, but groups holds {groups} groups; give at least 3, and no more folds than groups."
            )
        if self.task is Task.MULTILABEL:
            return
        counts = self.counts
        if counts.min() < folds:
            few = self.classes[int(np.argmin(counts))]
            alike = next((several for several in self.spellings() if few in several), None)
            if alike is not None:
                raise ValueError(
                    f"y holds {', '.join(map(repr, alike))}, which differ only by case or blanks, and of {few!r} there are "
                    f"too few rows ({counts.min()}) to be a class; make them one: y = y.str.strip().str.casefold()."
                )
            raise ValueError(
                f"folds is {folds}, but the class {few!r} has {counts.min()} rows; give fewer folds, or leave the class out."
            )
        if (counts - -(-counts // folds)).min() < inner:
            few = self.classes[int(np.argmin(counts))]
            raise ValueError(
                f"tune needs {inner} rows of each class beside the test part, but the class {few!r} has {counts.min()} "
                f"rows; give tune=0, or leave the class out."
            )

    @property
    def _strata(self) -> Array | None:
        return None if self.task is Task.MULTILABEL else self.label

    def _splits(self, rows: Array, folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
        """Rows to learn from and rows to be measured on, of some of the rows."""
        if self.time is not None:
            rows = rows[np.argsort(self.time[rows], kind="stable")]
            strata, groups = None, None
        else:
            strata = None if self._strata is None else self._strata[rows]
            groups = None if self.groups is None else self.groups[rows]
        for train, test in self._splitter(folds, seed).split(rows, strata, groups):
            yield rows[train], rows[test]

    def _splitter(self, folds: int, seed: int) -> Any:
        if self.time is not None:
            return TimeSeriesSplit(folds)
        if self.groups is None:
            made = KFold if self._strata is None else StratifiedKFold
        else:
            made = GroupKFold if self._strata is None else StratifiedGroupKFold
        return made(folds, shuffle=True, random_state=seed)


MERGING = "y = pandas.Series(np.ravel(y)).str.strip().str.casefold()  # labels that differ by case or blanks"
"""The line of Python that does what :func:`merged` does."""


def spellings(y: Any) -> list[dict[Any, int]]:
    """Labels of one column that differ only by case or blanks, as :meth:`Problem.spellings`."""
    import pandas

    if len(np.shape(y)) == 2 and np.shape(y)[1] > 1:
        return []
    return _alike(pandas.Series(np.ravel(y)).value_counts().to_dict())


def _alike(counts: Mapping[Any, int]) -> list[dict[Any, int]]:
    found: dict[str, dict[Any, int]] = {}
    for one, count in counts.items():
        if isinstance(one, str):
            found.setdefault(one.strip().casefold(), {})[one] = int(count)
    return [several for several in found.values() if len(several) > 1]


def merged(y: Any) -> Any:
    """Labels without blanks at their ends and without capitals; numbers as they are."""
    import pandas

    values = pandas.Series(np.ravel(y))
    if not values.map(lambda value: isinstance(value, str) or pandas.isna(value)).all():
        raise ValueError(
            "merge_labels is True, but y holds other than text, which has neither case nor blanks; leave it out."
        )
    return values.str.strip().str.casefold()


def instants(time: Any) -> Array:
    """When each row was, as numbers that grow: numbers as they are, dates and text as the seconds that they stand for."""
    import pandas

    values = pandas.Series(np.asarray(time).reshape(-1)).infer_objects()
    if values.isna().any():
        raise ValueError(f"time is missing in row {int(np.argmax(values.isna()))}; give every row one, or leave time out.")
    if values.dtype.kind in "biuf":
        return np.asarray(values, dtype=np.float64)
    if hasattr(values.dtype, "freq"):
        values = values.dt.to_timestamp()
    if values.dtype.kind != "M" and not hasattr(values.dtype, "tz"):
        year_first = values.map(str).str.match(r"\s*\d{4}").all()
        readings = [
            found for first in ((False,) if year_first else (False, True)) if (found := _dates(values, first)) is not None
        ]
        if not readings:
            raise ValueError(f"time holds {values.iloc[0]!r}, and not all can be read as dates; write them as 2024-12-31.")
        if not readings[0].equals(readings[-1]):
            raise ValueError(
                f"time holds {values.iloc[0]!r}, which may be month first or day first; write dates as 2024-12-31."
            )
        values = readings[0]
    seconds: Array = (values - values.min()).dt.total_seconds().to_numpy(np.float64)
    return seconds


def _dates(values: Any, day_first: bool) -> Any:
    import warnings

    import pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that day_first does not fit
        try:
            return pandas.to_datetime(values, dayfirst=day_first)
        except (ValueError, TypeError, OverflowError):
            return None


def _group_codes(groups: Any) -> Array:
    import pandas

    codes = pandas.factorize(np.asarray(groups).reshape(-1))[0]
    if (codes < 0).any():
        raise ValueError(
            f"groups holds a missing value in row {int(np.argmax(codes < 0))}; give every row a group, if need be its own."
        )
    return np.asarray(codes)
