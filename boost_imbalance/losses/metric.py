"""One metric object for every place where the two libraries take one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.losses import advice, labels, protocol

Array = npt.NDArray[Any]


class MetricValue(float):
    """A number, for XGBClassifier, that also unpacks as ``(name, value, greater is better)``, for LGBMClassifier."""

    name: str
    greater_is_better: bool

    @classmethod
    def of(cls, name: str, value: float, greater_is_better: bool) -> MetricValue:
        """Make one; the class itself stays constructible like any float."""
        number = cls(value)
        number.name, number.greater_is_better = name, greater_is_better
        return number

    @property
    def _triple(self) -> tuple[str, float, bool]:
        return self.name, float(self), self.greater_is_better

    def __iter__(self) -> Iterator[Any]:
        return iter(self._triple)

    def __getitem__(self, index: int) -> Any:
        return self._triple[index]

    def __len__(self) -> int:
        return 3


class Metric:
    """A function of margins, labels and weights, in the signatures of both libraries.

    ``__name__`` is the name that XGBoost shows. XGBoost maximises a metric in early stopping only if its name begins with
    one of a few words; ``pre`` is one of them, hence the prefix of the metrics that are better when greater.
    """

    _objective: Any = None
    _ranks: bool = False
    """Whether only the order of the margins counts."""

    def __init__(self, name: str, greater_is_better: bool) -> None:
        self.name = name
        self.greater_is_better = greater_is_better
        self.__name__ = f"pre_{name}" if greater_is_better else name

    def __repr__(self) -> str:
        return f"<metric {self.name}>"

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> Any:
        """The value in the form that the caller expects.

        ``(margin, data)`` from the native interfaces gives ``(name, value)`` to XGBoost and ``(name, value,
        greater_is_better)`` to LightGBM; ``(label, margin, sample_weight)`` gives a :class:`MetricValue`.
        """
        call = protocol.calling()
        metric = self if self._objective is None else self.of(self._objective.in_training(call))
        if not hasattr(second, "get_label"):
            return MetricValue.of(self.name, metric.value(second, first, sample_weight), self.greater_is_better)
        library = protocol.library_of(second) if call is None else call.library
        value = metric.value(first, *protocol.label_and_weight(second))
        return (self.__name__, value) if library is None else library.metric_result(self, value)

    def of(self, objective: Any) -> Metric:
        """The same metric of what this objective's calibrated probabilities say."""
        metric = copy.copy(self)
        metric._objective = objective
        return metric

    def value(self, margin: Any, label: Any, sample_weight: Any = None) -> float:
        """The metric of raw margins, shape (n,) or (n, columns).

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional
        """
        m, y = labels.as_margin(margin), labels.as_label(label)
        task = labels.task_of(m, y)
        if not self._ranks and protocol.calling() is None:
            known = None if self._objective is None else self._objective._known()
            advice.warn_of_probabilities(m, known, task is labels.Task.MULTICLASS)
        w = labels.as_weight(sample_weight, y)
        if w is not None:
            labels.check_weight(w)
        return self._value(m, y, w)

    def _value(self, margin: Array, label: Array, weight: Array | None) -> float:
        raise NotImplementedError


class LossMetric(Metric):
    """The weighted mean of an objective's own loss."""

    def __init__(self, objective: Any, name: str) -> None:
        super().__init__(name, greater_is_better=False)
        self._objective = objective

    def value(self, margin: Any, label: Any, sample_weight: Any = None) -> float:
        """The mean loss of raw margins, computed where the arrays are; see :meth:`Metric.value`."""
        if protocol.calling() is None:
            m = labels.as_margin(margin, device=True)
            advice.warn_of_probabilities(m, self._objective._known(), m.ndim == 2 and np.ndim(label) == 1)
        return float(self._objective.mean_loss(margin, label, sample_weight))
