"""What a model is deployed for: the rule of decision that serves it, and the number by which candidates are judged."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, precision_recall_curve, roc_curve

from boost_imbalance.comparison import metrics
from boost_imbalance.comparison.metrics import Metric
from boost_imbalance.estimators.decisions import Decision, decide
from boost_imbalance.losses.costs import cheapest, realised
from boost_imbalance.losses.labels import Task
from boost_imbalance.metrics import recall_at

Array = npt.NDArray[Any]

DEFAULT = "f1"
"""Found and false alarms in balance: a floor under recall or precision, or costs, are the user's to know."""

_NAMES = (
    "f1, balanced_accuracy, recall=0.9, precision=0.5, false_positive_rate=0.01, alarms=0.02, top=100, cost:fn=500,fp=10 or "
    "cost=FILE.csv"
)
_OUTCOMES = {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}
_EDGE = 1e-9
"""How near to 0 or 1 a threshold can be written."""


class Goal(NamedTuple):
    """A goal as a comparison keeps it."""

    decision: Any
    """What ``decision=`` of a classifier takes, in values that JSON can hold."""
    text: str
    """As it is written on the command line."""

    @classmethod
    def of(cls, given: Any, task: Task, classes: list[Any], rows: int) -> Goal:
        """Read ``goal=``, and refuse one that does not fit the task."""
        given = given.strip() if isinstance(given, str) else given
        text = given if isinstance(given, str) else _text(given)
        decision = _from_text(given, task, classes) if isinstance(given, str) else given
        if isinstance(decision, Mapping) and "top" in decision:
            decision = _share_of_top(decision, rows)
        if decision in ("posterior", "balanced") or (isinstance(decision, Mapping) and "threshold" in decision):
            raise ValueError(f"goal is {given!r}, a rule rather than a goal; give {_NAMES}.")
        try:
            Decision.of(decision).check(task, len(classes))
        except (TypeError, ValueError) as error:
            raise type(error)(f"goal is {given!r}: {error}") from None
        if isinstance(decision, Mapping) and "cost" in decision:
            _check_costs(given, task, np.asarray(decision["cost"], np.float64))
        if isinstance(decision, Mapping):
            decision = {name: np.asarray(value, np.float64).tolist() for name, value in decision.items()}
        return cls(decision, text)

    @property
    def rule(self) -> Decision:
        """The rule of decision."""
        return Decision.of(self.decision)

    @property
    def is_ranking(self) -> bool:
        """Whether candidates are judged by the order of their predictions, which no threshold changes."""
        return self.rule.kind in _AT

    @property
    def metrics(self) -> dict[str, Metric]:
        """What is measured of the decisions for the goal: how well it is met, and what is found at which price."""
        title, larger, about = self._judged()
        found = (
            Metric("goal", title, larger, about, digits=4 if larger else 1),
            Metric("found", "found", True, "The share of the positive rows that are alarms, decided for the goal."),
            Metric("false_alarms", "false alarms", False, "False alarms of 1000 rows, decided for the goal.", digits=1),
        )
        return {metric.name: metric for metric in found}

    def _judged(self) -> tuple[str, bool, str]:
        """Title, direction and meaning of the number by which candidates are judged."""
        kind = self.rule.kind
        value = np.asarray(0.0 if self.rule.value is None else self.rule.value)
        amount, share = (f"{float(value):g}", f"{100 * float(value):.3g}%") if value.ndim == 0 else ("goal", "goal")
        return {
            "f1": ("F1", True, "F1, with thresholds tuned for it on rows that were held out."),
            "balanced_accuracy": (
                "bal. accuracy",
                True,
                "Balanced accuracy, with thresholds tuned for it on rows that were held out.",
            ),
            "cost": ("cost of 1000", False, "What 1000 decisions cost, each at the smallest expected cost."),
            "recall": (f"prec. at recall {amount}", True, f"The largest precision at a recall of at least {amount}."),
            "precision": (f"recall at prec. {amount}", True, f"The largest recall at a precision of at least {amount}."),
            "false_positive_rate": (
                f"recall at FPR {share}",
                True,
                f"The largest recall at a false-positive rate of at most {share}.",
            ),
            "alarms": (
                f"recall in top {share}",
                True,
                f"The recall where {share} of the rows, the most probable, are alarms.",
            ),
        }[kind]

    def thresholds(self, task: Task, probability: Array, label: Array) -> Array | None:
        """The thresholds that serve these held-out rows best; None under costs, which need none."""
        if self.rule.kind == "cost":
            return None
        return tuned(self.rule, task, probability, label)

    def decide(self, task: Task, probability: Array, thresholds: Array | None) -> Array:
        """Predicted codes."""
        if thresholds is None:
            return cheapest(task, probability, self.rule.value)
        return decide(task, probability, thresholds)

    def delivered(self, task: Task, thresholds: Array | None) -> dict[str, Any]:
        """The rule with these thresholds, as ``decision=`` of a classifier takes it, to five digits."""
        if thresholds is None:
            return dict(self.decision)
        values = thresholds / thresholds.sum() if task is Task.MULTICLASS else thresholds
        written = [_rounded(float(value)) for value in np.clip(values, _EDGE, 1.0 - _EDGE)]
        return {"threshold": written[0] if task is Task.BINARY else written}

    def measured(self, task: Task, label: Array, probability: Array, decided: Array, rare: int) -> dict[str, float]:
        """The goal's :attr:`metrics` and ``alarms``, of 1000 rows, for the class ``rare`` of several.

        The rows are some that had no part in the thresholds.
        """
        truth, alarm = label, decided
        if task is Task.MULTICLASS:
            truth, alarm = label == rare, decided == rare
        known = np.isfinite(truth.astype(np.float64))
        positive, alarm = known & (truth == 1), known & (alarm == 1)
        return {
            "goal": self._score(task, label, probability, decided),
            "found": float(alarm[positive].mean()) if positive.any() else float("nan"),
            "alarms": 1000.0 * float(alarm.sum()) / len(label),
            "false_alarms": 1000.0 * float((alarm & ~positive).sum()) / len(label),
        }

    def _score(self, task: Task, label: Array, probability: Array, decided: Array) -> float:
        rule = self.rule
        if rule.kind == "f1" and task is Task.BINARY:
            return float(f1_score(label, decided, zero_division=0)) if label.any() else float("nan")
        if rule.kind in ("f1", "balanced_accuracy"):
            found = metrics.of_decisions(task, label, decided)
            return found["macro_f1" if rule.kind == "f1" else "balanced_accuracy"]
        if rule.kind == "cost":
            return 1000.0 * _cost(label, decided, rule.value)
        truth, p = label.reshape(len(label), -1).astype(np.float64), probability.reshape(len(label), -1)
        goals = np.broadcast_to(rule.value, truth.shape[1])
        found_by_column = []
        for t, column, goal in zip(truth.T, p.T, goals, strict=True):
            known = np.isfinite(t)
            if 0 < t[known].sum() < known.sum():
                found_by_column.append(_AT[rule.kind](t[known], column[known], float(goal)))
        return float(np.mean(found_by_column)) if found_by_column else float("nan")


def tuned(rule: Decision, task: Task, probability: Array, label: Array) -> Array:
    """The thresholds of a tuned rule on held-out rows; labels that are NaN are left aside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a promise cannot be kept is to be seen in what is found
        if task is not Task.MULTILABEL:
            return rule.tune(task, probability, label, None)
        known = np.isfinite(label)
        return rule.tune(task, probability, np.where(known, label, 0.0), known.astype(np.float64))


def _cost(label: Array, decided: Array, cost: Array) -> float:
    """The mean cost of a decision; labels that are NaN are left aside."""
    known = np.isfinite(label.astype(np.float64))
    codes = np.where(known, label, 0).astype(np.intp)
    return realised(codes, decided.astype(np.intp), cost, known.astype(np.float64))[0]


def _precision_at_recall(truth: Array, p: Array, recall: float) -> float:
    reached, found, _ = precision_recall_curve(truth, p)
    return float(reached[:-1][found[:-1] >= recall - 1e-12].max())


def _recall_at_false_positive_rate(truth: Array, p: Array, rate: float) -> float:
    false_alarm, found, _ = roc_curve(truth, p, drop_intermediate=False)
    return float(found[false_alarm <= rate + 1e-12].max())


def _recall_in_top(truth: Array, p: Array, share: float) -> float:
    return recall_at(float(share)).value(p, truth)


_AT = {
    "recall": _precision_at_recall,
    "precision": metrics.recall_at_precision,
    "false_positive_rate": _recall_at_false_positive_rate,
    "alarms": _recall_in_top,
}


def _from_text(text: str, task: Task, classes: list[Any]) -> Any:
    """The decision that a goal's text means."""
    if text in ("f1", "balanced_accuracy"):
        return text
    if text.startswith("cost:"):
        if task is Task.MULTICLASS:
            raise ValueError(
                f"goal is {text!r}, but there are {len(classes)} classes; give cost=FILE.csv, a matrix of them."
            )
        matrix = [[0.0, 0.0], [0.0, 0.0]]
        for name, value in _assigned(text, text.removeprefix("cost:")).items():
            if name not in _OUTCOMES:
                raise ValueError(f"goal is {text!r}, with a cost of {name!r}; the outcomes are tp, fp, fn and tn.")
            true, predicted = _OUTCOMES[name]
            matrix[true][predicted] = value
        return {"cost": matrix}
    if text.startswith("cost="):
        return {"cost": _costs_of_classes(text, pathlib.Path(text.removeprefix("cost=")), classes)}
    return _assigned(text, text)


def _assigned(text: str, pairs: str) -> dict[str, float]:
    """``recall=0.9,confidence=0.9`` as a dict."""
    found = {}
    for pair in pairs.split(","):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"goal is {text!r}; give {_NAMES}.") from None
    return found


def _costs_of_classes(text: str, path: pathlib.Path, classes: list[Any]) -> list[list[float]]:
    """A table of costs: a line for each true class, a column for each predicted one, both with their names."""
    import pandas

    if not path.exists():
        raise ValueError(f"goal is {text!r}, and there is no such file.")
    try:
        table = pandas.read_csv(path, index_col=0)
    except (OSError, ValueError) as error:
        raise ValueError(f"goal is {text!r}, whose file cannot be read as comma-separated values ({error}).") from None
    names = [f"{one:g}" if isinstance(one, float) else str(one) for one in classes]
    lines, columns = [str(one) for one in table.index], [str(one) for one in table.columns]
    if sorted(lines) != sorted(names) or sorted(columns) != sorted(names):
        raise ValueError(
            f"goal is {text!r}, whose file has lines {lines} and columns {columns}; give a line for each true class and a "
            f"column for each predicted one, of {names}."
        )
    table.index, table.columns = lines, columns
    try:
        matrix: list[list[float]] = table.loc[names, names].astype(float).to_numpy().tolist()
    except ValueError as error:
        raise ValueError(f"goal is {text!r}, whose file holds other than numbers ({error}).") from None
    return matrix


def _check_costs(given: Any, task: Task, cost: Array) -> None:
    """Refuse costs by which some wrong decision is no dearer than the right one, so that nothing is left to decide."""
    right = np.diagonal(cost, axis1=-2, axis2=-1)[..., None]
    wrong = cost - right
    dearer = wrong >= 0 if task is Task.MULTICLASS else (wrong > 0) | np.eye(2, dtype=bool)
    if not dearer.all() or not (wrong > 0).any():
        raise ValueError(
            f"goal is {given!r}, by which a wrong decision costs no more than the right one; costs are cost[true, "
            f"predicted], the positive class second, so give a miss (fn) and a false alarm (fp) costs above those of tp and "
            f"tn."
        )


def _share_of_top(decision: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """So many of as many rows as were given, as a share: predictions come in batches of any size."""
    top = np.asarray(decision["top"], np.float64)
    if len(decision) > 1 or not ((top >= 1) & (top <= rows)).all():
        raise ValueError(f"goal is {dict(decision)!r}; top is a number of rows between 1 and the {rows} there are.")
    return {"alarms": (top / rows).tolist()}


def _text(given: Any) -> str:
    if not isinstance(given, Mapping) or not given:
        raise TypeError(f"goal is {given!r}; give {_NAMES}.")
    return ",".join(f"{name}={np.asarray(value).tolist()}" for name, value in given.items())


def _rounded(threshold: float) -> float:
    """To five digits, counted from the nearer of 0 and 1."""
    return round(threshold, 4 - int(np.floor(np.log10(min(threshold, 1.0 - threshold)))))
