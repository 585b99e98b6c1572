"""Metrics by which people judge models on imbalanced data, per round, in XGBoost and LightGBM.

Each function makes one metric object, which goes unchanged into ``custom_metric`` (xgboost.train, xgboost.cv), ``feval``
(lightgbm.train, lightgbm.cv) and ``eval_metric`` (XGBClassifier, LGBMClassifier), and honours sample weights everywhere.
They read raw margins, which is what both libraries pass when the objective is a custom one. Early stopping goes the right
way in both: XGBoost maximises a metric only if its name begins with one of a few words, hence the names ``pre_...`` there.

Average precision and the metrics of a budget (``precision_at``, ``recall_at``, ``lift_at``) rank rows. The others but log
loss are about decisions: label 1 where its probability exceeds ``threshold``, or the most probable class; ``cost`` and
``savings`` decide by the smallest expected cost. The probability is ``sigmoid`` or ``softmax`` of the margin, as a library's
own ``predict`` takes it; give ``objective=`` to decide by its calibrated probability instead.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from boost_imbalance.losses import costs, labels
from boost_imbalance.losses.metric import Metric

Array = npt.NDArray[Any]

__all__ = [
    "Metric",
    "average_precision",
    "balanced_accuracy",
    "cost",
    "f1",
    "geometric_mean",
    "lift_at",
    "log_loss",
    "matthews_correlation",
    "precision_at",
    "recall_at",
    "savings",
]


def average_precision() -> Metric:
    """Average precision: the mean precision over the positives, each at its own threshold.

    Equal to :func:`sklearn.metrics.average_precision_score`; over several classes or labels, the mean over those that
    occur, each against the rest. Rows are ranked by margin, or by the softmax of several classes' margins.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.average_precision().value([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.8333333333333333
    """
    return _AveragePrecision("average_precision", greater_is_better=True)


def balanced_accuracy(*, threshold: float = 0.5, objective: Any = None) -> Metric:
    """Balanced accuracy: the mean recall over the classes that occur; over labels, its mean.

    Parameters
    ----------
    threshold : float
        In (0, 1), for binary and multi-label tasks.
    objective : Objective, optional
        Decide by its calibrated probability.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.balanced_accuracy().value([-1.0, -1.0, -1.0, 1.0], [0, 0, 1, 1])
    0.75
    """
    return _ConfusionMetric("balanced_accuracy", _balanced_accuracy, threshold, objective)


def f1(average: Literal["binary", "macro"] | int = "macro", *, threshold: float = 0.5, objective: Any = None) -> Metric:
    """F1 score: the harmonic mean of precision and recall.

    Parameters
    ----------
    average : "macro", "binary" or int
        ``"macro"``: the mean over classes (binary and multi-class), or over labels (multi-label). ``"binary"``: of label 1
        alone. A number: of this class or label alone.
    threshold : float
    objective : Objective, optional

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.f1("binary").value([-1.0, 1.0, 1.0], [0, 0, 1])
    0.6666666666666666
    """
    if average not in ("binary", "macro") and not (isinstance(average, (int, np.integer)) and average >= 0):
        raise ValueError(f"average is {average!r}; give 'macro', 'binary', or the index of a class or label.")
    label = None if isinstance(average, str) else int(average)
    return _ConfusionMetric(f"f1_{average}", functools.partial(_f1, average=average), threshold, objective, label)


def matthews_correlation(*, threshold: float = 0.5, objective: Any = None) -> Metric:
    """Matthews correlation coefficient between labels and decisions; over labels, its mean.

    Equal to :func:`sklearn.metrics.matthews_corrcoef`: 0 where either is constant.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.matthews_correlation().value([-1.0, 1.0, 1.0], [0, 0, 1])
    0.5
    """
    return _ConfusionMetric("matthews_correlation", _matthews, threshold, objective)


def geometric_mean(*, threshold: float = 0.5, objective: Any = None) -> Metric:
    """Geometric mean of the recalls of the classes that occur; over labels, its mean.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.geometric_mean().value([-1.0, -1.0, 1.0, 1.0], [0, 0, 0, 1]).__round__(4)
    0.8165
    """
    return _ConfusionMetric("geometric_mean", _geometric_mean, threshold, objective)


def log_loss(objective: Any = None) -> Metric:
    """Cross-entropy of the objective's calibrated probabilities: comparable between losses.

    Parameters
    ----------
    objective : Objective, optional
        The objective being trained. This package's classifiers fill in their own.

    Examples
    --------
    >>> from boost_imbalance import focal_objective, metrics
    >>> round(metrics.log_loss(focal_objective(gamma=2.0)).value([0.0, 0.0], [0, 1]), 4)
    0.6931
    """
    return _LogLoss(objective)


def precision_at(top: int | float) -> Metric:
    """Precision of a budget: the share of positives among the rows with the largest margins; over labels, its mean.

    Parameters
    ----------
    top : int or float
        How many rows can be looked at: a number of rows, such as 100, or as a float in (0, 1] a share of them. Rows of
        weight 0 are none. Weights say what a row counts for; a share is one of their sum.

    Notes
    -----
    Where several rows tie for the last places, each counts by the chance of being among those that get one, so that the
    order of the rows does not matter. A number of rows is one of each data set that is judged, whatever its size.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.precision_at(2).value([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.5
    """
    return _TopMetric("precision_at", top)


def recall_at(top: int | float) -> Metric:
    """Recall of a budget: the share of the positives that are among the rows with the largest margins.

    Over labels, the mean over those that occur; 0 without positives.

    Parameters
    ----------
    top : int or float
        As of :func:`precision_at`.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.recall_at(0.75).value([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    1.0
    """
    return _TopMetric("recall_at", top)


def lift_at(top: int | float) -> Metric:
    """Lift of a budget: how many times the precision of rows chosen at random that of the largest margins is.

    Over labels, the mean over those that occur; 0 without positives.

    Parameters
    ----------
    top : int or float
        As of :func:`precision_at`.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.lift_at(0.25).value([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    2.0
    """
    return _TopMetric("lift_at", top)


def cost(cost: Any, *, objective: Any = None) -> Metric:
    """Mean cost of deciding each row by the smallest expected cost; over labels, its mean.

    What ``decision={"cost": cost}`` of the classifiers does. Costs of each row cannot be given: a data set that a library
    hands over does not say which rows it has. For one ``eval_set`` of a classifier, whose rows you know, write a function of
    labels and probabilities, ``mean_cost(y, decide_by_cost(p, cost), cost=cost)``.

    Parameters
    ----------
    cost : array_like, shape (classes, classes)
        ``cost[true, predicted]``, for instance of :func:`~boost_imbalance.cost_matrix`; of a multi-label task, (2, 2) or
        (labels, 2, 2).
    objective : Objective, optional
        Decide by its calibrated probability.

    Examples
    --------
    >>> from boost_imbalance import cost_matrix, metrics
    >>> metrics.cost(cost_matrix(fn=8.0, fp=1.0)).value([-4.0, -1.0, -1.0, 1.0], [0, 0, 1, 1])
    0.25
    """
    return _CostMetric("cost", cost, objective)


def savings(cost: Any, *, objective: Any = None) -> Metric:
    """Share of the cost of the best constant decision that deciding by the smallest expected cost saves.

    Parameters
    ----------
    cost, objective
        As of :func:`~boost_imbalance.metrics.cost`.

    See Also
    --------
    boost_imbalance.savings_score : The same of any decisions, also with costs of each row.

    Examples
    --------
    >>> from boost_imbalance import cost_matrix, metrics
    >>> metrics.savings(cost_matrix(fn=8.0, fp=1.0)).value([-4.0, -1.0, -1.0, 1.0], [0, 0, 1, 1])
    0.5
    """
    return _CostMetric("savings", cost, objective)


class _AveragePrecision(Metric):
    _ranks = True

    def _value(self, margin: Array, label: Array, weight: Array | None) -> float:
        task = labels.task_of(margin, label)
        if task is labels.Task.BINARY:
            labels.check_label(label, 2)
            return _one_average_precision(margin.reshape(-1), label > 0, weight)
        labels.check_label(label, margin.shape[1] if label.ndim == 1 else 2)
        score = margin
        if task is labels.Task.MULTICLASS:
            # A class's margin alone does not rank rows: that depends on the other classes' too.
            score = _softmax(margin) if self._objective is None else self._objective._probability(margin.astype(np.float64))
        values = []
        for k in range(margin.shape[1]):
            positive = label == k if label.ndim == 1 else label[:, k] > 0
            w = weight[:, k] if weight is not None and weight.ndim == 2 else weight
            if (positive if w is None else positive & (w > 0)).any():
                values.append(_one_average_precision(np.ascontiguousarray(score[:, k]), positive, w))
        return float(np.mean(values)) if values else 0.0


def _softmax(margin: Array) -> Array:
    e = np.exp(margin.astype(np.float64) - margin.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _one_average_precision(score: Array, positive: Array, weight: Array | None) -> float:
    if np.isnan(score).any():
        labels.check_margin(score)
    if weight is None:
        # Only the positives' own thresholds count: how many rows, and how many positives, score at least as high.
        own = np.sort(score[positive])
        if len(own) == 0:
            return 0.0
        if 20 * len(own) < len(score):
            hits = len(own) - np.searchsorted(own, own)
            above = len(score) - np.searchsorted(np.sort(score), own)
            return float(np.mean(hits / above))
    order = np.argsort(-score)
    ranked = score[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # the last row of each group of equal scores
    w = np.ones(len(score)) if weight is None else weight[order].astype(np.float64)
    hits = np.cumsum(np.where(positive[order], w, 0.0))[last]
    above = np.cumsum(w)[last]
    if hits[-1] == 0:
        return 0.0
    gained = np.diff(hits, prepend=0.0)
    counted = gained > 0
    return float((gained[counted] * hits[counted] / above[counted]).sum() / hits[-1])


class _ConfusionMetric(Metric):
    """A function of the confusion matrix ``table[true, predicted]``."""

    def __init__(self, name: str, score: Any, threshold: float, objective: Any, label: int | None = None) -> None:
        if not 0.0 < threshold < 1.0:
            raise ValueError(f"threshold is {threshold}; it is a probability between 0 and 1.")
        super().__init__(name, greater_is_better=True)
        self._score, self._threshold, self._objective, self._label = score, threshold, objective, label
        self._margin_threshold = float(np.log(threshold) - np.log1p(-threshold))

    def _value(self, margin: Array, label: Array, weight: Array | None) -> float:
        labels.check_margin(margin)
        task = labels.task_of(margin, label)
        available = margin.shape[1] if margin.ndim == 2 and margin.shape[1] > 1 else 2
        if self._label is not None and self._label >= available:
            kind = "labels" if task is labels.Task.MULTILABEL else "classes"
            raise ValueError(f"{self.name} is of index {self._label}, but there are {available} {kind}, counted from 0.")
        score, threshold = margin, self._margin_threshold
        if self._objective is not None:
            score, threshold = self._objective._probability(margin), self._threshold
        if task is labels.Task.MULTICLASS:
            classes = margin.shape[1]
            labels.check_label(label, classes)
            cell = label.astype(np.intp) * classes + score.argmax(axis=1)
            table = np.bincount(cell, weights=weight, minlength=classes * classes)
            return float(self._score(table.reshape(classes, classes).astype(np.float64), False))
        labels.check_label(label, 2)
        decided, truth = (score > threshold).reshape(len(score), -1), (label > 0).reshape(len(label), -1)
        weights = weight if weight is None or weight.ndim == 2 else weight[:, None]
        values = []
        for k in range(truth.shape[1]):
            w = None if weights is None else weights[:, min(k, weights.shape[1] - 1)]
            if w is not None and not w.any():
                values.append(np.nan)  # no row says anything about this label
                continue
            values.append(self._score(_two_by_two(truth[:, k], decided[:, k], w), task is labels.Task.MULTILABEL))
        if task is labels.Task.MULTILABEL and self._label is not None:
            return float(values[self._label])
        return float(np.nanmean(values))


class _TopMetric(Metric):
    """Of the rows with the largest margins; ``top`` is how many, or which share."""

    _ranks = True

    def __init__(self, kind: str, top: Any) -> None:
        is_share = isinstance(top, (float, np.floating))
        if not is_share and (not isinstance(top, (int, np.integer)) or isinstance(top, bool)):
            raise TypeError(f"top is {top!r}; give a number of rows, such as 100, or a share of them, such as 0.01.")
        if not (0.0 < top <= 1.0 if is_share else top >= 1):
            raise ValueError(f"top is {top!r}; give at least 1 row, or as a float a share of them between 0 and 1.")
        self._kind, self._top = kind, float(top) if is_share else int(top)
        super().__init__(f"{kind}_{self._top}", greater_is_better=True)

    def _value(self, margin: Array, label: Array, weight: Array | None) -> float:
        labels.check_margin(margin)
        task = labels.task_of(margin, label)
        if task is labels.Task.MULTICLASS:
            raise ValueError(
                f"{self.name} is of binary and multi-label tasks, but margin has {margin.shape[1]} columns for one label; "
                f"give average_precision() or balanced_accuracy()."
            )
        labels.check_label(label, 2)
        score, truth = margin.reshape(len(margin), -1), (label > 0).reshape(len(label), -1)
        weights = None if weight is None else weight.reshape(len(weight), -1).astype(np.float64)
        values = []
        for k in range(truth.shape[1]):
            ranked, positive, w = score[:, k], truth[:, k], None
            if weights is not None:
                w = weights[:, min(k, weights.shape[1] - 1)]
                counted = w > 0
                ranked, positive, w = ranked[counted], positive[counted], w[counted]
            if len(ranked) and (self._kind == "precision_at" or positive.any()):
                values.append(self._of_column(ranked, positive, w))
        return float(np.mean(values)) if values else 0.0

    def _of_column(self, score: Array, positive: Array, weight: Array | None) -> float:
        def mass(rows: Any) -> float:
            return float(np.count_nonzero(rows) if weight is None else weight[rows].sum())

        every, counts_rows = np.ones(len(score), bool), False
        if isinstance(self._top, float) and weight is not None:
            budget = self._top * mass(every)
            order = np.argsort(-score)
            last = score[order[min(int(np.searchsorted(np.cumsum(weight[order]), budget)), len(score) - 1)]]
        else:
            budget = self._top * len(score) if isinstance(self._top, float) else min(self._top, len(score))
            place = len(score) - int(np.ceil(budget))
            last = np.partition(score, place)[place]
            counts_rows = True

        def size(rows: Any) -> float:
            return float(np.count_nonzero(rows)) if counts_rows else mass(rows)

        above, tied = score > last, score == last
        # Those that tie for the last places count by their chance of getting one.
        share = min((budget - size(above)) / size(tied), 1.0)
        hits = mass(above & positive) + share * mass(tied & positive)
        if self._kind == "recall_at":
            return hits / mass(positive)
        precision = hits / (mass(above) + share * mass(tied))
        return precision if self._kind == "precision_at" else precision * mass(every) / mass(positive)


class _CostMetric(Metric):
    """Mean cost, or savings, of deciding by the smallest expected cost."""

    def __init__(self, name: str, cost: Any, objective: Any) -> None:
        super().__init__(name, greater_is_better=name == "savings")
        self._cost, self._objective = costs.numbers(cost, "cost"), objective

    def _value(self, margin: Array, label: Array, weight: Array | None) -> float:
        labels.check_margin(margin)
        task = labels.task_of(margin, label)
        columns = margin.shape[1] if margin.ndim == 2 else 1
        given = costs.checked(self._cost, task, columns, None, "cost")
        labels.check_label(label, columns if task is labels.Task.MULTICLASS else 2)
        margin = margin.astype(np.float64)
        if self._objective is not None:
            eta = self._objective._probability(margin)
        else:
            eta = _softmax(margin) if task is labels.Task.MULTICLASS else np.exp(-np.logaddexp(0.0, -margin))
        decided = costs.cheapest(task, eta.reshape(-1) if columns == 1 else eta, given)
        weight = None if weight is None else weight.astype(np.float64)
        mean, constant = costs.realised(label.astype(np.intp), decided, given, weight)
        return costs.savings(mean, constant) if self.name == "savings" else mean


def _two_by_two(truth: Array, decided: Array, weight: Array | None) -> Array:
    def mass(mask: Array) -> float:
        return float(np.count_nonzero(mask)) if weight is None else float(weight[mask].sum(dtype=np.float64))

    hit, positive, up = mass(truth & decided), mass(truth), mass(decided)
    total = float(len(truth)) if weight is None else float(weight.sum(dtype=np.float64))
    return np.array([[total - positive - up + hit, up - hit], [positive - hit, hit]])


def _recalls(table: Array) -> Array:
    occurring = table.sum(axis=1) > 0
    return np.asarray(np.diag(table)[occurring] / table.sum(axis=1)[occurring])


def _balanced_accuracy(table: Array, multilabel: bool) -> float:
    return float(_recalls(table).mean())


def _geometric_mean(table: Array, multilabel: bool) -> float:
    recalls = _recalls(table)
    return float(np.exp(np.log(recalls).mean())) if (recalls > 0).all() else 0.0


def _matthews(table: Array, multilabel: bool) -> float:
    true, decided, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    spread = (total**2 - decided @ decided) * (total**2 - true @ true)
    return float((np.trace(table) * total - decided @ true) / np.sqrt(spread)) if spread > 0 else 0.0


def _f1(table: Array, multilabel: bool, average: Any) -> float:
    if average == "binary" and len(table) != 2:
        raise ValueError(f"average is 'binary' but there are {len(table)} classes; give 'macro' or the index of a class.")
    sums = table.sum(axis=0) + table.sum(axis=1)
    scores = np.divide(2.0 * np.diag(table), sums, out=np.zeros(len(table)), where=sums > 0)
    if multilabel or average == "binary":
        return float(scores[1])
    if average == "macro":
        return float(scores[sums > 0].mean())
    return float(scores[average])


class _LogLoss(Metric):
    def __init__(self, objective: Any) -> None:
        super().__init__("log_loss", greater_is_better=False)
        self._objective = objective

    def _value(self, margin: Array, label: Array, weight: Array | None) -> float:
        if self._objective is None:
            raise ValueError("objective is None; give log_loss(objective) the objective being trained.")
        task = labels.task_of(margin, label)
        probability = self._objective._probability(margin.astype(np.float64))
        probability = np.clip(probability, 1e-15, 1.0 - 1e-15)
        if task is labels.Task.MULTICLASS:
            labels.check_label(label, margin.shape[1])
            loss = -np.log(np.take_along_axis(probability, label.astype(np.intp)[:, None], axis=1)[:, 0])
        else:
            labels.check_label(label, 2)
            loss = -np.log(np.where(label > 0, probability.reshape(label.shape), 1.0 - probability.reshape(label.shape)))
        if weight is not None and weight.ndim < loss.ndim:
            loss = loss.mean(axis=1)
        return float(np.average(loss, weights=weight))
