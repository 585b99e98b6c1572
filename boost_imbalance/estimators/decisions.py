"""From calibrated probabilities to decisions: by name, by cost, or by thresholds that held-out rows choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve, roc_curve

from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

_NAMES = "'posterior', 'balanced', 'f1', 'balanced_accuracy', {'threshold': t}, {'cost': C} or {'recall': r}"
_SWEEPS = 10
_CANDIDATES = 256


@dataclass(frozen=True)
class Decision:
    """A rule as the user wrote it, checked."""

    kind: str
    value: Any = None

    @classmethod
    def of(cls, decision: Any) -> Decision:
        """Read ``decision=``."""
        if isinstance(decision, str):
            if decision not in ("posterior", "balanced", "f1", "balanced_accuracy"):
                raise ValueError(f"decision is {decision!r}; give {_NAMES}.")
            return cls(decision)
        if not isinstance(decision, Mapping):
            raise TypeError(f"decision is {decision!r}; give {_NAMES}.")
        if len(decision) != 1 or next(iter(decision)) not in ("threshold", "cost", "recall"):
            raise ValueError(f"decision is {decision!r}; give {_NAMES}.")
        ((kind, value),) = decision.items()
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"decision is {decision!r}; {kind} must hold numbers.") from None
        if not np.isfinite(array).all():
            raise ValueError(f"decision is {decision!r}; {kind} must hold finite numbers.")
        if kind in ("threshold", "recall") and not ((array > 0) & (array < 1 if kind == "threshold" else array <= 1)).all():
            raise ValueError(f"decision is {decision!r}; a {kind} lies between 0 and 1.")
        return cls(kind, array)

    @property
    def is_tuned(self) -> bool:
        """Whether it takes held-out rows to know the thresholds."""
        return self.kind in ("f1", "balanced_accuracy", "recall")

    @property
    def is_about_one_class(self) -> bool:
        """Whether of two classes it is about one of them."""
        return self.kind in ("f1", "recall", "threshold")

    def check(self, task: Task, columns: int) -> None:
        """Refuse a rule that does not fit the task, before anything is trained."""
        if self.kind == "cost":
            classes = columns if task is Task.MULTICLASS else 2
            shapes = [(classes, classes), *([(columns, 2, 2)] if task is Task.MULTILABEL else [])]
            if self.value.shape not in shapes:
                raise ValueError(
                    f"decision has a cost of shape {self.value.shape}; cost[true, predicted] of this {task.value} task has "
                    f"shape {' or '.join(map(str, shapes))}."
                )
        elif self.kind == "threshold":
            shapes = [(columns,)] if task is Task.MULTICLASS else [(), (columns,)]
            if self.value.shape not in shapes:
                raise ValueError(
                    f"decision has a threshold of shape {self.value.shape}; this {task.value} task needs shape "
                    f"{' or '.join(map(str, shapes))}."
                )
        elif self.kind == "recall":
            if task is Task.MULTICLASS:
                raise ValueError(
                    "decision {'recall': r} is for binary and multi-label tasks; with several classes give {'cost': C} or "
                    "{'threshold': t} instead."
                )
            if self.value.shape not in [(), (columns,)]:
                raise ValueError(f"decision has a recall of shape {self.value.shape}; give one number, or {columns}.")

    def thresholds(self, prior: Array, even: Array) -> Array:
        """Thresholds (columns,) of the rules that need no tuning.

        ``prior`` is each column's share in training, ``even`` where ``class_weight`` is indifferent.
        """
        if self.kind == "balanced":
            return np.asarray(np.clip(prior, 1e-12, None))
        if self.kind == "threshold":
            return np.asarray(np.broadcast_to(self.value, len(prior)))
        return even

    def tune(self, task: Task, eta: Array, label: Array, weight: Array | None) -> Array:
        """Thresholds (columns,) that serve held-out rows best; ``eta`` is (n,), (n, classes) or (n, labels)."""
        if task is Task.MULTICLASS:
            return _tune_classes(eta, label.astype(np.intp), weight, self.kind)
        eta, label = eta.reshape(len(eta), -1), label.reshape(len(label), -1)
        goals = np.broadcast_to(np.nan if self.value is None else self.value, eta.shape[1])
        found = np.empty(eta.shape[1])
        for k in range(eta.shape[1]):
            w = weight[:, k] if weight is not None and weight.ndim == 2 else weight
            kept = slice(None) if w is None else w > 0
            found[k] = _tune_one(eta[kept, k], label[kept, k], None if w is None else w[kept], self.kind, float(goals[k]))
        return found


def decide(task: Task, eta: Array, thresholds: Array) -> Array:
    """Predicted codes from probabilities (n,), (n, classes) or (n, labels)."""
    if task is Task.MULTICLASS:
        return np.asarray(np.argmax(eta / thresholds, axis=1))
    return np.asarray(eta > (thresholds if task is Task.MULTILABEL else thresholds[0])).astype(np.intp)


def cheapest(task: Task, eta: Array, cost: Array) -> Array:
    """The codes of the smallest expected cost."""
    if task is Task.MULTICLASS:
        return np.asarray(np.argmin(eta @ cost, axis=1))
    # Predict 1 where its expected cost is smaller than that of predicting 0.
    above = eta * cost[..., 1, 1] + (1 - eta) * cost[..., 0, 1] < eta * cost[..., 1, 0] + (1 - eta) * cost[..., 0, 0]
    return np.asarray(above).astype(np.intp)


def _tune_one(eta: Array, label: Array, weight: Array | None, kind: str, goal: float) -> float:
    if not 0 < label.sum() < len(label):
        return 0.5
    if kind == "balanced_accuracy":
        false_alarm, hit, cut = roc_curve(label, eta, sample_weight=weight, drop_intermediate=False)
        best = int(np.argmax(hit - false_alarm))
    else:
        precision, recall, cut = precision_recall_curve(label, eta, sample_weight=weight)
        precision, recall = precision[:-1], recall[:-1]
        if kind == "f1":
            score = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        else:
            # Of all that reach the floor, the most precise.
            score = np.where(recall >= goal - 1e-12, precision, -1.0)
        best = len(score) - 1 - int(np.argmax(score[::-1]))
    chosen = cut[best]
    below = eta[eta < chosen]
    if len(below):
        highest = float(below.max())
        middle = (float(chosen) + highest) / 2
        return middle if highest < middle < chosen else highest
    return float(chosen / 2) if chosen > 0 else -1e-300  # a probability of 0 is above this


def _tune_classes(eta: Array, label: Array, weight: Array | None, kind: str) -> Array:
    """One threshold per class, by coordinate ascent from the prior of the held-out rows and from equal thresholds.

    A row goes to the class with the largest ``eta / threshold``. With the other thresholds fixed, lowering that of one class
    takes rows over from the others one by one, at ratios that can be sorted.
    """
    w = np.ones(len(label)) if weight is None else weight.astype(np.float64)
    kept = w > 0
    eta, label, w = eta[kept], label[kept], w[kept]
    classes = eta.shape[1]
    true = np.bincount(label, weights=w, minlength=classes)
    score = _macro_f1 if kind == "f1" else _mean_recall
    log_eta = np.log(np.maximum(eta, 1e-300))
    best, best_score = np.full(classes, 1.0 / classes), -1.0
    for start in (np.full(classes, 1.0 / classes), np.clip(true / true.sum(), 1e-12, None)):
        level = -np.log(start)
        value = _score_of(log_eta + level, label, w, true, score)
        for _ in range(_SWEEPS):
            before = value
            for k in range(classes):
                moved, reached = _best_level(log_eta, level, k, label, w, true, score)
                if reached > value + 1e-12:
                    level[k], value = moved, reached
            if value <= before + 1e-12:
                break
        if value > best_score:
            best, best_score = np.exp(level.min() - level), value
    return best


def _best_level(
    log_eta: Array, level: Array, k: int, label: Array, w: Array, true: Array, score: Any
) -> tuple[float, float]:
    """The best ``level`` (negative log threshold) of class ``k``, the others fixed, and its score."""
    classes = log_eta.shape[1]
    others = log_eta + level
    others[:, k] = -np.inf
    rival = others.argmax(axis=1)
    needed = others[np.arange(len(rival)), rival] - log_eta[:, k]
    edges = np.unique(np.quantile(needed, np.linspace(0.0, 1.0, _CANDIDATES)))
    candidates = np.concatenate([[edges[0] - 1.0], (edges[1:] + edges[:-1]) / 2, [edges[-1] + 1.0]])
    group = np.searchsorted(candidates, needed)
    size = (len(candidates) + 1) * classes

    def up_to(column: Array, mass: Array) -> Array:
        table = np.bincount(group * classes + column, weights=mass, minlength=size).reshape(-1, classes)
        return np.asarray(np.cumsum(table, axis=0)[:-1])

    # Class k has taken over every row whose needed level lies below the candidate; the rest are with their rivals.
    taken, right = up_to(rival, w), up_to(rival, w * (label == rival))
    predicted = np.bincount(rival, weights=w, minlength=classes) - taken
    hits = np.bincount(rival, weights=w * (label == rival), minlength=classes) - right
    own = up_to(np.zeros_like(rival), w)[:, 0], up_to(np.zeros_like(rival), w * (label == k))[:, 0]
    predicted[:, k], hits[:, k] = own
    values = score(hits, predicted, true)
    best = int(np.argmax(values))
    return float(candidates[best]), float(values[best])


def _score_of(shifted: Array, label: Array, w: Array, true: Array, score: Any) -> float:
    predicted = shifted.argmax(axis=1)
    mass = np.bincount(predicted, weights=w, minlength=len(true))
    hits = np.bincount(predicted, weights=w * (predicted == label), minlength=len(true))
    return float(score(hits, mass, true))


def _macro_f1(hits: Array, predicted: Array, true: Array) -> Array:
    return np.asarray((2 * hits / np.maximum(predicted + true, 1e-300)).mean(axis=-1))


def _mean_recall(hits: Array, predicted: Array, true: Array) -> Array:
    seen = true > 0
    return np.asarray((hits[..., seen] / true[seen]).mean(axis=-1))
