"""Metrics of probabilities and of decisions on the test part of a fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_curve,
    recall_score,
)

from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

SMALLEST = 1e-6
"""The least that a probability counts as in the log loss; a single wrong 0 would leave no mean."""


@dataclass(frozen=True)
class Metric:
    """A number that each candidate gets on each fold: its name, title, direction and meaning."""

    name: str
    title: str
    larger_is_better: bool
    about: str
    """A sentence; ``{precision}`` in it is the precision that a comparison asks for."""
    digits: int = 4
    """Digits after the decimal point, where the number is shown."""


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "average_precision",
            "average precision",
            True,
            "How far the rows of a class are ranked before others: the area under its precision-recall curve.",
        ),
        Metric(
            "log_loss",
            "log loss",
            False,
            f"How surprising the truth was given the calibrated probabilities, none counted as less than {SMALLEST:g}.",
        ),
        Metric(
            "brier",
            "Brier score",
            False,
            "The mean squared distance of the calibrated probabilities from what happened.",
        ),
        Metric(
            "balanced_accuracy",
            "balanced accuracy",
            True,
            "The mean recall of the classes, each decided by the candidate's own rule.",
        ),
        Metric(
            "macro_f1",
            "macro F1",
            True,
            "The mean F1 of the classes (harmonic mean of precision and recall), decided by the candidate's own rule.",
        ),
        Metric(
            "mcc",
            "Matthews corr.",
            True,
            "The correlation of what was decided, by the candidate's own rule, with what was true.",
        ),
        Metric(
            "balanced_accuracy_tuned",
            "balanced acc., tuned",
            True,
            "Balanced accuracy with thresholds that were tuned for it on held-out training rows.",
        ),
        Metric(
            "macro_f1_tuned",
            "macro F1, tuned",
            True,
            "Macro F1 with thresholds that were tuned for F1 on held-out training rows.",
        ),
        Metric(
            "recall_at_precision",
            "recall at precision",
            True,
            "The largest recall at which precision is at least {precision}.",
        ),
        Metric("seconds", "seconds", False, "How long one training took, early stopping included.", digits=2),
        Metric("rounds", "rounds", False, "How many rounds of trees the model has, after early stopping.", digits=1),
        Metric("predicting", "predicting", False, "Milliseconds to predict 1000 rows of the test part.", digits=2),
    )
}


def of_probabilities(task: Task, label: Array, probability: Array, precision: float) -> dict[str, float]:
    """Metrics that need no decision.

    ``label`` are codes (n,), or (n, labels) with NaN for missing ones; ``probability`` has shape (n,), (n, classes) or
    (n, labels).
    """
    truth, p = _columns(task, label, probability)
    pairs = [(t[known], column[known]) for t, column, known in zip(truth.T, p.T, np.isfinite(truth).T, strict=True)]
    usable = [(t, column) for t, column in pairs if 0 < t.sum() < len(t)]
    known = np.isfinite(truth)
    if task is Task.MULTICLASS:
        of_truth = np.asarray(probability)[np.arange(len(label)), label]
    else:
        of_truth = np.where(truth == 1, p, 1.0 - p)[known]
    rows = len(label) if task is Task.MULTICLASS else known.sum()
    return {
        "average_precision": _mean([average_precision_score(t, column) for t, column in usable]),
        "log_loss": float(-np.log(np.maximum(of_truth, SMALLEST)).mean()),
        "brier": float(((p - truth)[known] ** 2).sum() / rows),
        "recall_at_precision": _mean([recall_at_precision(t, column, precision) for t, column in usable]),
    }


def of_decisions(task: Task, label: Array, decided: Array) -> dict[str, float]:
    """Metrics of predicted codes, of the same shape as the labels."""
    if task is not Task.MULTILABEL:
        known = np.unique(label)  # scikit-learn's own balanced accuracy warns of a class that is decided for and has no row
        return {
            "balanced_accuracy": float(recall_score(label, decided, labels=known, average="macro")),
            "macro_f1": float(f1_score(label, decided, labels=known, average="macro", zero_division=0)),
            "mcc": float(matthews_corrcoef(label, decided)),
        }
    found: dict[str, list[float]] = {"balanced_accuracy": [], "macro_f1": [], "mcc": []}
    for truth, column in zip(label.T, decided.T, strict=True):
        known = np.isfinite(truth)
        t, d = truth[known].astype(np.int64), column[known]
        if not 0 < t.sum() < len(t):
            continue
        found["balanced_accuracy"].append(balanced_accuracy_score(t, d))
        found["macro_f1"].append(f1_score(t, d, zero_division=0))
        found["mcc"].append(matthews_corrcoef(t, d))
    return {name: _mean(values) for name, values in found.items()}


def _columns(task: Task, label: Array, probability: Array) -> tuple[Array, Array]:
    """Truths and probabilities as two matrices, with a column for each class or label."""
    p = np.asarray(probability, dtype=np.float64).reshape(len(label), -1)
    if task is Task.MULTICLASS:
        return np.eye(p.shape[1])[label], p
    return np.asarray(label, dtype=np.float64).reshape(len(label), -1), p


def recall_at_precision(truth: Array, p: Array, precision: float) -> float:
    """The largest recall at which the precision is at least so high; 0 where it never is."""
    reached, recall, _ = precision_recall_curve(truth, p)
    return float(recall[:-1][reached[:-1] >= precision].max(initial=0.0))


def _mean(values: list[float]) -> float:
    """The mean over classes or labels; NaN where none could be measured."""
    return float(np.mean(values)) if values else float("nan")
