"""What a library calls while it trains a classifier: the objective, and metrics on the right scale."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from boost_imbalance import metrics
from boost_imbalance.losses.metric import Metric, MetricValue
from boost_imbalance.types import Array

LOG_LOSSES = ("logloss", "mlogloss", "binary_logloss", "multi_logloss", "log_loss")
"""The libraries' names of log loss; theirs would take a loss's margins for those of cross-entropy."""

_WEIGHT_NAMES = ("sample_weight", "sample_weights", "weight", "weights")


class Training:
    """An objective bound to the labels and weights of one fit, whatever the library keeps of them."""

    def __init__(self, loss: Any, label: Array, weight: Array | None) -> None:
        self._loss, self._label, self._weight = loss, label, weight

    def __repr__(self) -> str:
        """As the loss: it is what a log of the training's parameters shows."""
        return repr(self._loss)

    def __deepcopy__(self, memo: Any) -> Training:
        """The object itself: LightGBM deep-copies its parameters."""
        return self

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> tuple[Array, Array]:
        """Gradient and Hessian; called as ``(label, margin)`` by XGBoost's classifier, ``(margin, data)`` by LightGBM."""
        margin = first if hasattr(second, "get_label") else second
        gradient, hessian = self._loss(self._label, margin, self._weight)
        return gradient, hessian


class Evaluation:
    """A metric of one fit: one of this package's, or a user's function of labels and calibrated probabilities."""

    def __init__(self, metric: Any, loss: Any) -> None:
        self._metric = metric.of(loss) if isinstance(metric, Metric) else metric
        self._loss = loss
        self._weight = None if isinstance(metric, Metric) else _weight_parameter(metric)
        self.__name__ = str(getattr(metric, "__name__", type(metric).__name__))

    def __call__(self, margin: Any, label: Array, weight: Array | None) -> Any:
        """The value, in the form that the library expects; where the weight is 0, the label may be missing."""
        if isinstance(self._metric, Metric):
            return MetricValue.of(
                self._metric.name, self._metric.over_workers(margin, label, weight), self._metric.greater_is_better
            )
        label = label.copy()  # a user's function may do with it what it likes
        probability = self._loss._probability(np.asarray(margin, dtype=np.float64))
        if weight is not None and weight.ndim > 1:
            label = np.where(weight > 0, label, np.nan)
        elif weight is not None and not weight.all():
            counts = weight > 0
            label, probability, weight = label[counts], probability[counts], weight[counts]
        if self._weight is None or (weight is None and self._weight.default is not inspect.Parameter.empty):
            return self._metric(label, probability)
        if self._weight.kind is inspect.Parameter.POSITIONAL_ONLY:
            return self._metric(label, probability, weight)
        return self._metric(label, probability, **{self._weight.name: weight})


def _weight_parameter(metric: Any) -> inspect.Parameter | None:
    """The parameter of a user's metric that takes sample weights: by its name, or a third one that must be given."""
    try:
        parameters = list(inspect.signature(metric).parameters.values())[2:]
    except (TypeError, ValueError):  # compiled code that does not say
        return None
    kinds = inspect.Parameter
    for parameter in parameters:
        if parameter.name in _WEIGHT_NAMES and parameter.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD):
            return parameter
    for third in parameters[:1]:
        if third.default is kinds.empty and third.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
            return third
    return None


def requested(eval_metric: Any) -> list[Any]:
    """``eval_metric`` as a list, with this package's log loss for the libraries' own."""
    if eval_metric is None:
        return []
    given = [eval_metric] if isinstance(eval_metric, str) or callable(eval_metric) else eval_metric
    if not isinstance(given, Sequence):
        raise TypeError(f"eval_metric is {eval_metric!r}; give a name, a function or a list of them.")
    found: list[Any] = []
    for metric in given:
        if not isinstance(metric, str) and not callable(metric):
            raise TypeError(f"eval_metric holds {metric!r}; give a name or a function.")
        found.append(_log_loss(metric) if metric in LOG_LOSSES else metric)
    return found


def pair(given: Any, i: int, weights: str) -> tuple[Any, Any]:
    """Features and labels of one validation set; ``weights`` is the parameter that takes their weights."""
    entries = len(given) if isinstance(given, (tuple, list)) else 0
    if entries == 3:
        raise ValueError(f"eval_set[{i}] has 3 entries; give (X, y), and its weights as {weights}=[w].")
    if entries != 2:
        raise TypeError(f"eval_set[{i}] is {type(given).__name__}; give a list of pairs (X, y).")
    X, y = given
    return X, y


def default() -> list[Any]:
    """Log loss of calibrated probabilities."""
    return [metrics.log_loss()]


def as_given(label: Array, weight: Any) -> tuple[Array, Array | None]:
    """Labels and weights as the library hands them over; a label of -1 is missing."""
    weight = None if weight is None or np.size(weight) == 0 else np.asarray(weight)
    missing = label < 0
    if not missing.any():
        return label, weight
    observed = ~missing
    if weight is not None:
        return np.where(missing, 0, label), observed * (weight if weight.ndim == label.ndim else weight[:, None])
    return np.where(missing, 0, label), observed.astype(np.float32)


def _log_loss(name: str) -> Metric:
    metric = copy.copy(metrics.log_loss())
    metric.name = metric.__name__ = name
    return metric
