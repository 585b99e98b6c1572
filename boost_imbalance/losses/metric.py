"""One metric object for every place where the two libraries take one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast, overload

import numpy as np

from boost_imbalance.losses import advice, labels, protocol
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.workers import ALONE, Workers
from boost_imbalance.types import Array, ArrayLike, DMatrix, LightGBMDataset

if TYPE_CHECKING:
    from typing_extensions import Self

    from boost_imbalance.losses.base import Loss


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
        self._warned: set[str] = set()
        """What has been warned of; copies share it."""

    def __repr__(self) -> str:
        return f"<metric {self.name}>"

    @overload
    def __call__(self, first: ArrayLike, second: DMatrix, sample_weight: None = None) -> tuple[str, float]: ...
    @overload
    def __call__(self, first: ArrayLike, second: LightGBMDataset, sample_weight: None = None) -> tuple[str, float, bool]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]  # an array may have get_label, as far as types tell
        self, first: ArrayLike, second: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> MetricValue: ...
    @overload  # as LightGBM's scikit-learn classes describe what they call
    def __call__(
        self, first: ArrayLike | None, second: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[str, float, bool]: ...
    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> Any:
        """The value in the form that the caller expects.

        ``(margin, data)`` from the native interfaces gives ``(name, value)`` to XGBoost and ``(name, value,
        greater_is_better)`` to LightGBM; ``(label, margin, sample_weight)`` gives a :class:`MetricValue`.
        """
        call = protocol.calling()
        metric = self if self._objective is None else self.of(self._objective.in_training(call))
        if not hasattr(second, "get_label"):
            library = None if call is None else call.library
            value = metric._of_call(call, library, None, second, first, sample_weight)
            return MetricValue.of(self.name, value, self.greater_is_better)
        library = protocol.library_of(second) if call is None else call.library
        value = metric._of_call(call, library, second, first, *protocol.label_and_weight(second))
        return (self.__name__, value) if library is None else library.metric_result(self, value)

    def _of_call(self, call: Any, library: Any, data: Any, margin: Any, label: Any, weight: Any) -> float:
        if call is not None and "machines" not in self._warned and library.has_unseen_rows(call.booster):
            self._warned.add("machines")
            protocol.warn(
                f"the metric {self.name!r} is of the rows of one machine alone, since LightGBM does not add metrics up over "
                f"machines; judge the trained model by all validation rows in one place."
            )
        try:
            return self._over(protocol.workers_of(library, data), margin, label, weight)
        except BaseException:
            if call is not None:
                library.leave(call.booster)
            raise

    def over_workers(self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The metric of the rows of all workers where a library calls in a distributed training; else :meth:`value`."""
        call = protocol.calling()
        return self._of_call(call, None if call is None else call.library, None, margin, label, sample_weight)

    def of(self, objective: Loss) -> Self:
        """The same metric of what this objective's calibrated probabilities say."""
        metric = copy.copy(self)
        metric._objective = objective
        return metric

    def value(self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The metric of raw margins, shape (n,) or (n, columns).

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional
        """
        return self._over(ALONE, margin, label, sample_weight)

    def _over(self, workers: Workers, margin: Any, label: Any, sample_weight: Any) -> float:
        """The metric of the rows of all workers, of which some may have none."""
        tasks = list(Task)

        def look() -> tuple[tuple[Rows, Any] | None, list[float]]:
            if workers.size > 1 and not labels.as_array("label", label).shape[0]:
                return None, [0.0] * (len(tasks) + 2)
            rows = self._rows(margin, label, sample_weight, partial=workers.size > 1)
            facts = [*(float(one is rows.task) for one in tasks), rows.columns, float(rows.weight is not None)]
            return (rows, self._prepared(rows)), facts

        found, facts = workers.agree(look, len(tasks) + 2)
        *votes, columns, weighted = facts.tolist()
        if not max(votes):
            raise ValueError("label is empty on every worker; a metric needs at least one row.")
        if max(votes) < sum(votes) or columns % sum(votes):
            raise ValueError("the workers have data of different tasks; give each labels and margins of the same columns.")
        task, width = tasks[int(np.argmax(votes))], int(columns / sum(votes))
        if found is None:
            rows = Rows.none(task, width)
            found = rows, self._prepared(rows)
        return self._evaluated(found[1], task, workers, weighted > 0)

    def _rows(self, margin: Any, label: Any, sample_weight: Any, partial: bool) -> Rows:
        """The arguments, checked; of ``partial`` data, other workers have the other rows."""
        m, y = labels.as_margin(margin), labels.as_label(label)
        task = labels.task_of(m, y)
        if not self._ranks and protocol.calling() is None:
            known = None if self._objective is None else self._objective._known()
            advice.warn_of_probabilities(m, known, task is Task.MULTICLASS)
        w = labels.as_weight(sample_weight, y)
        if w is not None:
            labels.check_weight(w, partial)
        return Rows(m, y, w, task)

    def _prepared(self, rows: Rows) -> Any:
        """What can be said of these rows alone, or an error. There may be none."""
        raise NotImplementedError

    def _evaluated(self, prepared: Any, task: Task, workers: Workers, weighted: bool) -> float:
        """The value, of what was prepared by all workers; all of them call this, so that none fails alone."""
        raise NotImplementedError

    def _probability(self, margin: Array) -> Array:
        """The objective's calibrated probability."""
        return np.asarray(self._objective._probability(margin) if len(margin) else margin)


class Rows(NamedTuple):
    """Margins, labels and weights of one worker, checked."""

    margin: Array
    label: Array
    weight: Array | None
    task: Task

    @classmethod
    def none(cls, task: Task, columns: int) -> Rows:
        """Those of a worker without any."""
        return cls(np.empty((0, columns) if columns > 1 else 0), labels.none(task, columns), None, task)

    @property
    def columns(self) -> int:
        """Number of margins of a row."""
        return self.margin.shape[1] if self.margin.ndim == 2 else 1


class LossMetric(Metric):
    """The weighted mean of an objective's own loss."""

    def __init__(self, objective: Loss, name: str) -> None:
        super().__init__(name, greater_is_better=False)
        self._objective = objective

    def value(self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The mean loss of raw margins, computed where the arrays are; see :meth:`Metric.value`."""
        if protocol.calling() is None:
            m = labels.as_margin(margin, device=True)
            advice.warn_of_probabilities(m, self._objective._known(), m.ndim == 2 and np.ndim(cast(Any, label)) == 1)
        return float(self._objective.mean_loss(margin, label, sample_weight))

    def _over(self, workers: Workers, margin: Any, label: Any, sample_weight: Any) -> float:
        if workers.size == 1:
            return self.value(margin, label, sample_weight)
        return float(self._objective.mean_loss_over(workers, margin, label, sample_weight))
