"""From calibrated probabilities to decisions: by name, by cost, or by thresholds that held-out rows choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from boost_imbalance.estimators import advice
from boost_imbalance.estimators import thresholds as best
from boost_imbalance.estimators.budgets import PROMISES, cut_for
from boost_imbalance.losses import costs
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Array

_NAMES = (
    "'posterior', 'balanced', 'f1', 'balanced_accuracy', {'threshold': t}, {'cost': C}, {'top': k}, or one of "
    "{'recall': r}, {'precision': p}, {'false_positive_rate': a}, {'alarms': s}, with 'confidence': c beside it if it shall "
    "hold beyond the held-out rows"
)
_KINDS = ("threshold", "cost", "top", *PROMISES)
_ARTICLE = {"alarms": "a share of"}
_TIE = 1e-5
"""What float32 margins leave of the relative accuracy of a probability, and some more."""


@dataclass(frozen=True)
class Decision:
    """A rule as the user wrote it, checked."""

    kind: str
    value: Any = None
    confidence: float | None = None
    """The probability with which a tuned promise holds beyond the held-out rows; None: it holds on them."""

    @classmethod
    def of(cls, decision: Any) -> Decision:
        """Read ``decision=``."""
        if isinstance(decision, str):
            if decision not in ("posterior", "balanced", "f1", "balanced_accuracy"):
                raise ValueError(f"decision is {decision!r}; give {_NAMES}.")
            return cls(decision)
        if not isinstance(decision, Mapping):
            raise TypeError(f"decision is {decision!r}; give {_NAMES}.")
        named = [name for name in decision if name != "confidence"]
        if len(named) != 1 or named[0] not in _KINDS or (len(decision) > 1 and named[0] not in PROMISES):
            raise ValueError(f"decision is {decision!r}; give {_NAMES}.")
        ((kind, value),) = ((name, decision[name]) for name in named)
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"decision is {decision!r}; {kind} must hold numbers.") from None
        if not np.isfinite(array).all():
            raise ValueError(f"decision is {decision!r}; {kind} must hold finite numbers.")
        if kind == "top" and not (array.ndim <= 1 and (array == np.floor(array)).all() and (array >= 0).all()):
            raise ValueError(f"decision is {decision!r}; top is a whole number of rows, or one for each label.")
        if kind == "threshold" or kind in PROMISES:
            closed = array < 1 if kind == "threshold" else array <= 1
            if not ((array > 0) & closed).all():
                raise ValueError(f"decision is {decision!r}; {_ARTICLE.get(kind, 'a')} {kind} lies between 0 and 1.")
        confidence = decision.get("confidence")
        if confidence is not None and not (isinstance(confidence, (int, float, np.number)) and 0.5 <= confidence < 1):
            raise ValueError(f"decision is {decision!r}; a confidence lies between 0.5 and 1.")
        return cls(kind, array, None if confidence is None else float(confidence))

    @property
    def is_tuned(self) -> bool:
        """Whether it takes held-out rows to know the thresholds."""
        return self.kind in ("f1", "balanced_accuracy", *PROMISES)

    @property
    def is_about_one_class(self) -> bool:
        """Whether of two classes it is about one of them."""
        return self.kind in ("f1", "threshold", "top", *PROMISES)

    def check(self, task: Task, columns: int) -> None:
        """Refuse a rule that does not fit the task, before anything is trained."""
        if self.kind == "cost":
            costs.checked(self.value, task, columns, None, "the cost in decision")
        elif self.kind == "threshold":
            shapes = [(columns,)] if task is Task.MULTICLASS else [(), (columns,)]
            if self.value.shape not in shapes:
                raise ValueError(
                    f"decision has a threshold of shape {self.value.shape}; this {task.value} task needs shape "
                    f"{' or '.join(map(str, shapes))}."
                )
        elif self.kind == "top" or self.kind in PROMISES:
            if task is Task.MULTICLASS:
                raise ValueError(
                    f"decision with {self.kind!r} is for binary and multi-label tasks; with several classes give "
                    f"{{'cost': C}} or {{'threshold': t}} instead."
                )
            if self.value.shape not in [(), (columns,)]:
                raise ValueError(
                    f"decision has {_ARTICLE.get(self.kind, 'a')} {self.kind} of shape {self.value.shape}; give one number, "
                    f"or {columns}."
                )

    def is_by_share(self, even: Array) -> bool:
        """Whether a model that predicts the same for every row sits at the thresholds, but for rounding."""
        return self.kind == "balanced" or (self.kind == "posterior" and bool((even != 0.5).any()))

    def thresholds(self, task: Task, prior: Array, even: Array) -> Array:
        """Thresholds (columns,) of the rules that need no tuning.

        ``prior`` is each column's share in training, ``even`` where ``class_weight`` is indifferent.
        """
        if self.kind == "balanced":
            return out_of_reach(task, prior, prior)
        if self.kind == "threshold":
            return np.asarray(np.broadcast_to(self.value, len(prior)))
        return even

    def tune(self, task: Task, eta: Array, label: Array, weight: Array | None) -> Array:
        """Thresholds (columns,) that serve held-out rows best; ``eta`` is (n,), (n, classes) or (n, labels)."""
        if task is Task.MULTICLASS:
            return best.of_classes(eta, label.astype(np.intp), weight, self.kind)
        eta, label = eta.reshape(len(eta), -1), label.reshape(len(label), -1)
        goals = np.broadcast_to(np.nan if self.value is None else self.value, eta.shape[1])
        found = np.empty(eta.shape[1])
        for k in range(eta.shape[1]):
            w = weight[:, k] if weight is not None and weight.ndim == 2 else weight
            kept = slice(None) if w is None else w > 0
            w = None if w is None else w[kept]
            if self.kind in PROMISES and (self.kind != "recall" or self.confidence is not None):
                found[k] = self._promised(eta[kept, k], label[kept, k], w, float(goals[k]))
            else:
                found[k] = best.of_column(eta[kept, k], label[kept, k], w, self.kind, float(goals[k]))
        return found

    def _promised(self, eta: Array, label: Array, weight: Array | None, goal: float) -> float:
        if not len(eta):  # a label of which no held-out row is known
            return 0.5
        # A recall looks at the positives alone, a false-positive rate at the negatives.
        counted = {"recall": label == 1, "false_positive_rate": label == 0}.get(self.kind, np.ones(len(label), bool))
        if self.confidence is not None and weight is not None and not np.allclose(weight[counted], weight[counted][:1]):
            raise ValueError(
                "decision has a confidence, which takes rows that count alike, but the held-out rows have unequal weights; "
                "leave the confidence out, or the weights."
            )
        w = np.ones(len(eta)) if weight is None else weight
        cut = cut_for(self.kind, eta, label, w, goal, self.confidence)
        if cut is None:
            advice.of_a_promise(self.kind, goal, self.confidence, int(label.sum()), len(label))
            return -1.0 if self.kind == "recall" else 1.0
        return 1.0 if cut == np.inf else best.below(eta, cut)


def known(task: Task, eta: Array, prior: Array) -> Array:
    """Probabilities (n,), (n, classes) or (n, labels), exactly 0 for a class without a row in training.

    A model says next to nothing of such a class, and a rule that divides by its share would make that the largest.
    """
    if task is Task.MULTICLASS:
        return np.where(prior > 0, eta, 0.0)
    return np.where(prior <= 0, 0.0, np.where(prior >= 1, 1.0, eta))


def out_of_reach(task: Task, thresholds: Array, prior: Array) -> Array:
    """The thresholds, but for a class without a row in training one that no probability passes."""
    if task is Task.MULTICLASS:
        return np.where(prior > 0, thresholds, np.inf)
    return np.where(prior <= 0, 1.0, np.where(prior >= 1, 0.0, thresholds))


def decide(task: Task, eta: Array, thresholds: Array, prior: Array | None = None, by_share: bool = False) -> Array:
    """Predicted codes from probabilities (n,), (n, classes) or (n, labels).

    Given each column's share in training, a class without a row there is never predicted. Where thresholds are made of the
    shares (``by_share``), ties go to the more frequent class, so that rounding does not decide.
    """
    if task is Task.MULTICLASS:
        ratio = eta / thresholds
        if prior is not None:
            ratio = np.where(prior > 0, ratio, -1.0)
        if prior is None or not by_share:
            return np.asarray(np.argmax(ratio, axis=1))
        tied = ratio >= (1.0 - _TIE) * ratio.max(axis=1, keepdims=True)
        return np.asarray(np.argmax(np.where(tied, prior, -1.0), axis=1))
    chosen = eta > thresholds
    if prior is not None:
        if by_share:
            chosen = np.where(np.abs(eta - thresholds) <= _TIE * thresholds * (1.0 - thresholds), prior > 0.5, chosen)
        chosen = np.where(prior <= 0, False, chosen | (prior >= 1))
    return np.asarray(chosen).astype(np.intp)


def largest(eta: Array, wanted: Array) -> Array:
    """1 for so many of the most probable rows of each column, the first ones where there are ties."""
    columns = eta.reshape(len(eta), -1)
    chosen = np.zeros(columns.shape, np.intp)
    for k, many in enumerate(np.broadcast_to(wanted, columns.shape[1]).astype(int)):
        chosen[np.argsort(-columns[:, k], kind="stable")[:many], k] = 1
    return chosen.reshape(eta.shape)
