"""The data of a comparison: labels as codes, and the folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
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

    @classmethod
    def of(cls, X: Any, y: Any, name: str = "data", pos_label: Any = None, groups: Any = None) -> Problem:
        """Read what a user gave; rows without a label are left out."""
        X, lines = features.prepared(X)
        if type(y).__module__.startswith("pyarrow"):
            y = y.to_pandas()
        names = [str(column) for column in getattr(y, "columns", ())]
        check_consistent_length(X, y, groups)
        groups = None if groups is None else _group_codes(groups)
        if len(np.shape(y)) == 2 and np.shape(y)[1] == 1:
            y = np.asarray(y)[:, 0]
        known, given = labelled(y, np.nan), X.shape[0]
        if known is not None:
            X, y = _safe_indexing(X, known), _safe_indexing(y, known)
            groups = None if groups is None else groups[known]
        target = Target.of(y, None, np.nan)
        code, observed = target.encode(y, "y")
        if target.task is Task.MULTILABEL:
            if pos_label is not None:
                raise ValueError(f"pos_label is {pos_label!r}, but y is multi-label, where 1 is positive; leave it out.")
            label = code.astype(np.float64)
            if observed is not None:
                label[~observed] = np.nan
            names = names or [f"label {k}" for k in range(label.shape[1])]
            return cls(name, X, label, target.task, names, groups, lines, given - len(label))
        label, classes = code.astype(np.int64), target.classes.tolist()
        if target.task is Task.BINARY:
            positive = (
                int(2 * label.sum() <= len(label)) if pos_label is None else target.class_index(pos_label, "pos_label")
            )
            if positive == 0:
                label, classes = 1 - label, classes[::-1]
        elif pos_label is not None:
            raise ValueError(f"pos_label is {pos_label!r}, but y has {len(classes)} classes; it is for two.")
        return cls(name, X, label, target.task, classes, groups, lines, given - len(label))

    @property
    def rows(self) -> int:
        """How many rows have a label."""
        return len(self.label)

    @property
    def columns(self) -> int:
        """Number of classes or labels."""
        return len(self.classes)

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
        """Repeated k-fold: by class unless multi-label, groups kept together."""
        for repeat in range(repeats):
            state = seed + repeat
            for number, (train, test) in enumerate(self._splitter(folds, state).split(self.X, self._strata, self.groups)):
                fit, stop = self.split(train, state)
                for k, few in enumerate(self.classes if self._strata is not None else ()):
                    if k not in self.label[fit]:
                        raise ValueError(
                            f"folds is {folds}, which leaves a fold no row of the class {few!r} to train on; give more "
                            f"folds or smaller groups, or leave the class out."
                        )
                yield Fold(repeat, number, fit, stop, test)

    def split(self, rows: Array, seed: int) -> tuple[Array, Array]:
        """Most of the rows to fit on, and the rest to stop on."""
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
        strata = None if self._strata is None else self._strata[rows]
        groups = None if self.groups is None else self.groups[rows]
        for fit, score in self._splitter(folds, seed).split(rows, strata, groups):
            yield rows[fit], rows[score]

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

    def _splitter(self, folds: int, seed: int) -> Any:
        if self.groups is None:
            made = KFold if self._strata is None else StratifiedKFold
        else:
            made = GroupKFold if self._strata is None else StratifiedGroupKFold
        return made(folds, shuffle=True, random_state=seed)


def _group_codes(groups: Any) -> Array:
    import pandas

    codes = pandas.factorize(np.asarray(groups).reshape(-1))[0]
    if (codes < 0).any():
        raise ValueError(
            f"groups holds a missing value in row {int(np.argmax(codes < 0))}; give every row a group, if need be its own."
        )
    return np.asarray(codes)
