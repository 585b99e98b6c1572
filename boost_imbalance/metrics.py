"""Metrics by which people judge models on imbalanced data, per round, in XGBoost and LightGBM.

Each function makes one metric object, which goes unchanged into ``custom_metric`` (xgboost.train, xgboost.cv), ``feval``
(lightgbm.train, lightgbm.cv) and ``eval_metric`` (XGBClassifier, LGBMClassifier), and honours sample weights everywhere.
They read raw margins, which is what both libraries pass when the objective is a custom one. Early stopping goes the right
way in both: XGBoost maximises a metric only if its name begins with one of a few words, hence the names ``pre_...`` there.

Average precision and the metrics of a budget (``precision_at``, ``recall_at``, ``lift_at``) rank rows. The others but log
loss are about decisions: label 1 where its probability exceeds ``threshold``, or the most probable class; ``cost`` and
``savings`` decide by the smallest expected cost. The probability is ``sigmoid`` or ``softmax`` of the margin, as a library's
own ``predict`` takes it; give ``objective=`` to decide by its calibrated probability instead.

In a distributed training of XGBoost, by Dask, Spark, Ray or its own tracker, each worker calls a metric with its own rows,
and gets the value of the rows of all workers, the same on each. Where they have more than four million positives, average
precision takes scores that differ by less than one part in 1024 for equal. LightGBM offers no sum over machines: there a
metric is of the rows of one machine, and says so.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from boost_imbalance.losses import costs, labels
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.metric import Metric, Rows
from boost_imbalance.losses.workers import Workers
from boost_imbalance.types import Array, ArrayLike

if TYPE_CHECKING:
    from boost_imbalance.losses.base import Loss

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


def balanced_accuracy(*, threshold: float = 0.5, objective: Loss | None = None) -> Metric:
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


def f1(
    average: Literal["binary", "macro"] | int = "macro", *, threshold: float = 0.5, objective: Loss | None = None
) -> Metric:
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


def matthews_correlation(*, threshold: float = 0.5, objective: Loss | None = None) -> Metric:
    """Matthews correlation coefficient between labels and decisions; over labels, its mean.

    Equal to :func:`sklearn.metrics.matthews_corrcoef`: 0 where either is constant.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.matthews_correlation().value([-1.0, 1.0, 1.0], [0, 0, 1])
    0.5
    """
    return _ConfusionMetric("matthews_correlation", _matthews, threshold, objective)


def geometric_mean(*, threshold: float = 0.5, objective: Loss | None = None) -> Metric:
    """Geometric mean of the recalls of the classes that occur; over labels, its mean.

    Examples
    --------
    >>> from boost_imbalance import metrics
    >>> metrics.geometric_mean().value([-1.0, -1.0, 1.0, 1.0], [0, 0, 0, 1]).__round__(4)
    0.8165
    """
    return _ConfusionMetric("geometric_mean", _geometric_mean, threshold, objective)


def log_loss(objective: Loss | None = None) -> Metric:
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


def cost(cost: ArrayLike, *, objective: Loss | None = None) -> Metric:
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


def savings(cost: ArrayLike, *, objective: Loss | None = None) -> Metric:
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

    def _prepared(self, rows: Rows) -> _Columns:
        margin, label, weight, task = rows
        labels.check_label(label, rows.columns if task is Task.MULTICLASS else 2)
        score = margin.reshape(len(margin), rows.columns)
        if task is Task.MULTICLASS:
            # A class's margin alone does not rank rows: that depends on the other classes' too.
            score = _softmax(margin) if self._objective is None else self._probability(margin.astype(np.float64))
        if np.isnan(score).any():
            labels.check_margin(score)
        return _Columns(score, label, weight)

    def _evaluated(self, prepared: _Columns, task: Task, workers: Workers, weighted: bool) -> float:
        if workers.size == 1:
            values = [_one_average_precision(*column) for column in prepared if column.positives.any()]
        else:
            values = _average_precisions(prepared, workers, log_odds=task is Task.MULTICLASS)
        return float(np.mean(values)) if values else 0.0


class _Column(NamedTuple):
    """What ranks rows for one label or class, which of them are positives, and what they weigh."""

    score: Array
    truth: Array
    weight: Array | None

    @property
    def positives(self) -> Array:
        """Those that count."""
        return self.truth if self.weight is None else self.truth & (self.weight > 0)


class _Columns(Sequence[_Column]):
    """The columns of several labels or classes, each made when it is asked for."""

    def __init__(self, score: Array, label: Array, weight: Array | None, only_weighted: bool = False) -> None:
        self._score, self._label = score, label
        self._weight = None if weight is None else weight.reshape(len(score), -1)
        self._only_weighted = only_weighted
        """Whether rows of weight 0 are left out."""

    def __len__(self) -> int:
        return int(self._score.shape[1])

    def __getitem__(self, k: Any) -> Any:
        if k >= len(self):
            raise IndexError(k)
        score = np.ascontiguousarray(self._score[:, k])
        if self._label.ndim == 2:
            truth = self._label[:, k] > 0
        else:
            truth = self._label > 0 if len(self) == 1 else self._label == k
        if self._weight is None:
            return _Column(score, truth, None)
        weight = self._weight[:, min(k, self._weight.shape[1] - 1)].astype(np.float64)
        if not self._only_weighted:
            return _Column(score, truth, weight)
        counted = weight > 0
        return _Column(score[counted], truth[counted], weight[counted])


_MOST_GATHERED = 2**22
"""Of more positives than these, average precision takes scores that differ by less than one in 2^10 for equal."""


def _average_precisions(columns: Sequence[_Column], workers: Workers, log_odds: bool) -> list[float]:
    """The average precision of each column that has positives on any of the workers.

    The positives' scores are what all workers need of each other; then each counts its own rows at or above each of them.
    """
    n_positives = workers(np.array([float(np.count_nonzero(column.positives)) for column in columns]))
    too_many = n_positives.sum() > _MOST_GATHERED

    def scores(column: _Column) -> Array:
        return _rounded(column.score, log_odds) if too_many else column.score

    sent = []
    for column in columns:
        positives, weight = column.positives, column.weight
        values, place = np.unique(scores(column)[positives], return_inverse=True)
        sent += [values, np.bincount(place, None if weight is None else weight[positives], minlength=len(values))]
    received = workers.gather(sent)
    gained, reached = [], []
    for column, values, mass in zip(columns, received[::2], received[1::2], strict=True):
        thresholds, place = np.unique(values, return_inverse=True)
        gained.append(np.bincount(place, mass, minlength=len(thresholds)))
        level = np.searchsorted(thresholds, scores(column), side="right")
        reached.append(np.bincount(level, column.weight, minlength=len(thresholds) + 1)[::-1].cumsum()[::-1][1:])
    pairs = zip(gained, workers.sums(*reached), strict=True)
    return [float((gain * gain[::-1].cumsum()[::-1] / rows).sum() / gain.sum()) for gain, rows in pairs if gain.any()]


def _rounded(score: Array, log_odds: bool) -> Array:
    """Scores, or the log-odds of probabilities, to 10 binary digits."""
    with np.errstate(divide="ignore"):
        value = np.log(score) - np.log1p(-score) if log_odds else score
    return np.asarray((value.astype(np.float32).view(np.int32) & -(2**13)).view(np.float32))


def _softmax(margin: Array) -> Array:
    e = np.exp(margin.astype(np.float64) - margin.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _one_average_precision(score: Array, positive: Array, weight: Array | None) -> float:
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

    def _prepared(self, rows: Rows) -> Array:
        margin, label, weight, task = rows
        labels.check_margin(margin)
        available = rows.columns if rows.columns > 1 else 2
        if self._label is not None and self._label >= available:
            kind = "labels" if task is Task.MULTILABEL else "classes"
            raise ValueError(f"{self.name} is of index {self._label}, but there are {available} {kind}, counted from 0.")
        score, threshold = margin, self._margin_threshold
        if self._objective is not None:
            score, threshold = self._probability(margin), self._threshold
        if task is Task.MULTICLASS:
            classes = margin.shape[1]
            labels.check_label(label, classes)
            cell = label.astype(np.intp) * classes + score.argmax(axis=1)
            table = np.bincount(cell, weights=weight, minlength=classes * classes)
            return table.reshape(1, classes, classes).astype(np.float64)
        labels.check_label(label, 2)
        decided, truth = (score > threshold).reshape(len(score), rows.columns), (label > 0).reshape(len(label), rows.columns)
        weights = weight if weight is None or weight.ndim == 2 else weight[:, None]
        tables = []
        for k in range(rows.columns):
            w = None if weights is None else weights[:, min(k, weights.shape[1] - 1)]
            tables.append(_two_by_two(truth[:, k], decided[:, k], w))
        return np.array(tables)

    def _evaluated(self, prepared: Array, task: Task, workers: Workers, weighted: bool) -> float:
        (tables,) = workers.sums(prepared)
        multilabel = task is Task.MULTILABEL
        # A table without any weight says nothing about its label.
        values = [self._score(table, multilabel) if table.any() else np.nan for table in tables]
        if multilabel and self._label is not None:
            return float(values[self._label])
        if np.isnan(values).all():
            raise ValueError("sample_weight is zero in every row; leave it out for equal weights.")
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

    def _prepared(self, rows: Rows) -> _Columns:
        margin, label, weight, task = rows
        labels.check_margin(margin)
        if task is Task.MULTICLASS:
            raise ValueError(
                f"{self.name} is of binary and multi-label tasks, but margin has {margin.shape[1]} columns for one label; "
                f"give average_precision() or balanced_accuracy()."
            )
        labels.check_label(label, 2)
        return _Columns(margin.reshape(len(margin), rows.columns), label, weight, only_weighted=True)

    def _evaluated(self, prepared: _Columns, task: Task, workers: Workers, weighted: bool) -> float:
        by_mass = weighted and isinstance(self._top, float)
        sizes = workers(np.array([_mass(column, by_mass) for column in prepared]))
        budgets = self._top * sizes if isinstance(self._top, float) else np.minimum(self._top, sizes)
        lasts = _lasts(prepared, budgets, by_mass, workers)
        parts = []
        for (score, truth, weight), last in zip(prepared, lasts, strict=True):
            w = np.ones(len(score)) if weight is None else weight
            above, tied = score > last, score == last
            chosen = above, tied, above & truth, tied & truth, truth, np.ones(len(score), bool)
            parts.append([[w[rows].sum() for rows in chosen], [float(np.count_nonzero(rows)) for rows in chosen]])
        values = []
        for masses, budget in zip(workers.sums(*parts), budgets, strict=True):
            mass, n_rows = masses
            if n_rows[-1] and (self._kind == "precision_at" or n_rows[-2]):
                values.append(self._of_masses(mass, mass if by_mass else n_rows, budget))
        return float(np.mean(values)) if values else 0.0

    def _of_masses(self, mass: Array, size: Array, budget: float) -> float:
        above, tied, hits, tied_hits, positives, everything = mass
        # Those that tie for the last places count by their chance of getting one.
        share = min((budget - size[0]) / size[1], 1.0)
        hits = hits + share * tied_hits
        if self._kind == "recall_at":
            return float(hits / positives)
        precision = hits / (above + share * tied)
        return float(precision if self._kind == "precision_at" else precision * everything / positives)


def _mass(column: _Column, by_mass: bool) -> float:
    return float(len(column.score) if column.weight is None or not by_mass else column.weight.sum())


def _lasts(columns: Sequence[_Column], budgets: Array, by_mass: bool, workers: Workers) -> Array:
    """The score in each column at which the rows from the top reach its budget."""
    if workers.size == 1:
        return np.array([_last(column, budget, by_mass) for column, budget in zip(columns, budgets, strict=True)])
    found = np.zeros(len(columns), np.uint64)
    for start in range(0, len(columns), _AT_A_TIME):
        some = range(start, min(start + _AT_A_TIME, len(columns)))
        found[some] = _largest_keys([_ranked(columns[k], by_mass) for k in some], budgets[some], workers)
    return _of_key(found)


_AT_A_TIME = 32
"""Columns whose ranked rows are in memory at once."""


def _ranked(column: _Column, by_mass: bool) -> tuple[Array, Array]:
    """The scores as keys in ascending order, and the mass from each of them on."""
    key = _key(column.score)
    order = np.argsort(key)
    mass = np.ones(len(key)) if column.weight is None or not by_mass else column.weight[order]
    return key[order], np.append(mass[::-1].cumsum()[::-1], 0.0)


def _largest_keys(ranked: list[tuple[Array, Array]], budgets: Array, workers: Workers) -> Array:
    """The largest key in each column from which on the rows of all workers fill its budget, 8 of its 64 bits at a time."""
    found = np.zeros(len(ranked), np.uint64)
    for shift in range(56, -1, -8):
        steps = found[:, None] | (np.arange(256, dtype=np.uint64) << np.uint64(shift))
        mass = workers(np.array([mass[np.searchsorted(key, step)] for (key, mass), step in zip(ranked, steps, strict=True)]))
        enough = np.maximum((mass >= budgets[:, None]).sum(axis=1) - 1, 0)
        found = steps[np.arange(len(ranked)), enough]
    return found


def _last(column: _Column, budget: float, by_mass: bool) -> float:
    score, _, weight = column
    if not len(score):
        return np.nan
    if by_mass:
        assert weight is not None
        order = np.argsort(-score)
        return float(score[order[min(int(np.searchsorted(np.cumsum(weight[order]), budget)), len(score) - 1)]])
    place = len(score) - int(np.ceil(budget))
    return float(np.partition(score, place)[place])


_SIGN = np.uint64(1 << 63)


def _key(score: Array) -> Array:
    """Whole numbers in the order of the scores."""
    bits = (score.astype(np.float64) + 0.0).view(np.uint64)  # the sum makes a negative zero an ordinary one
    return np.asarray(np.where(bits & _SIGN, ~bits, bits | _SIGN))


def _of_key(key: Array) -> Array:
    """The scores of such numbers."""
    return np.asarray(np.where(key & _SIGN, key ^ _SIGN, ~key)).view(np.float64)


class _CostMetric(Metric):
    """Mean cost, or savings, of deciding by the smallest expected cost."""

    def __init__(self, name: str, cost: Any, objective: Any) -> None:
        super().__init__(name, greater_is_better=name == "savings")
        self._cost, self._objective = costs.numbers(cost, "cost"), objective

    def _prepared(self, rows: Rows) -> tuple[Array, Array, Array]:
        margin, label, weight, task = rows
        labels.check_margin(margin)
        columns = rows.columns
        given = costs.checked(self._cost, task, columns, None, "cost")
        labels.check_label(label, columns if task is Task.MULTICLASS else 2)
        margin = margin.astype(np.float64)
        if self._objective is not None:
            eta = self._probability(margin)
        else:
            eta = _softmax(margin) if task is Task.MULTICLASS else np.exp(-np.logaddexp(0.0, -margin))
        decided = costs.cheapest(task, eta.reshape(-1) if columns == 1 else eta, given)
        weight = None if weight is None else weight.astype(np.float64)
        return costs.totals(label.astype(np.intp), decided, given, weight)

    def _evaluated(self, prepared: tuple[Array, Array, Array], task: Task, workers: Workers, weighted: bool) -> float:
        mean, constant = costs.means(*workers.sums(*prepared))
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

    def _prepared(self, rows: Rows) -> tuple[float, float]:
        if self._objective is None:
            raise ValueError("objective is None; give log_loss(objective) the objective being trained.")
        margin, label, weight, task = rows
        probability = np.clip(self._probability(margin.astype(np.float64)), 1e-15, 1.0 - 1e-15)
        if task is Task.MULTICLASS:
            labels.check_label(label, margin.shape[1])
            loss = -np.log(np.take_along_axis(probability, label.astype(np.intp)[:, None], axis=1)[:, 0])
        else:
            labels.check_label(label, 2)
            loss = -np.log(np.where(label > 0, probability.reshape(label.shape), 1.0 - probability.reshape(label.shape)))
        if weight is None:
            return float(loss.sum()), float(loss.size)
        if weight.ndim < loss.ndim:
            loss = loss.mean(axis=1)
        return float(np.sum(loss * weight)), float(weight.sum(dtype=np.float64))

    def _evaluated(self, prepared: tuple[float, float], task: Task, workers: Workers, weighted: bool) -> float:
        loss, mass = workers.sums(*prepared)
        return float(loss / mass)
