"""What a moved threshold does: counts at a few hundred thresholds, for the page to move over."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_curve

from boost_imbalance.comparison.report.curves import CLASSES
from boost_imbalance.comparison.results import Results
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

_POINTS = 240


class Slider(NamedTuple):
    """Thresholds of one class or label, from few alarms to many the other way round, and what each does."""

    key: str
    name: str
    candidate: str
    rows: int
    positives: int
    points: list[tuple[float, int, int]]
    """For each threshold, in rising order, itself, the positive rows above it and the others above it."""
    at: int
    """The position of the threshold that was chosen."""
    low: int
    high: int
    """Positions of the lowest and the highest threshold that the folds have chosen."""
    miss: float
    alarm: float
    """Costs to begin with, of a positive row that is missed and of a false alarm, above those of right decisions."""
    base: float
    """What 1000 rows cost if all decisions are right."""

    @property
    def last(self) -> int:
        """The last position."""
        return len(self.points) - 1

    @property
    def as_json(self) -> str:
        """The points for the script of the page."""
        return json.dumps(self.points, separators=(",", ":"))

    @property
    def chosen(self) -> dict[str, Any]:
        """What the chosen threshold does: counts, and what follows from them."""
        threshold, found, false = self.points[self.at]
        return {"threshold": threshold, "found": found, "false": false, "missed": self.positives - found}


def sliders(results: Results, library: str) -> list[Slider]:
    """Those of the recommended candidate: of two classes one, of several labels the rarest few; none for more classes."""
    candidate = results.recommended(library)
    held_out = results.out_of_fold(candidate, library)
    if results.task is Task.MULTICLASS or not len(held_out["rows"]):
        return []
    probability = results.calibrated(candidate, held_out["probability"])
    label, p = (values.reshape(len(values), -1) for values in (results.label[held_out["rows"]], probability))
    chosen = [_thresholds(results, decision, p.shape[1]) for decision in results.decisions_of_folds(candidate, library)]
    own = _thresholds(results, results.decision(candidate, library), p.shape[1])
    columns = (
        [0] if results.task is Task.BINARY else np.argsort(results.settings["counts"], kind="stable")[:CLASSES].tolist()
    )
    found = []
    for k in columns:
        known = np.isfinite(label[:, k].astype(np.float64))
        truth, column = label[known, k] == 1, p[known, k].astype(np.float64)
        if 0 < truth.sum() < len(truth) and np.isfinite(own[k]):
            name = str(results.settings["classes"][-1 if results.task is Task.BINARY else k])
            folds = [one[k] for one in chosen] or [own[k]]
            costs = _costs(results, k, truth)
            found.append(_slider(f"{library}-{k}", name, candidate, truth, column, float(own[k]), folds, costs))
    return found


def _thresholds(results: Results, decision: Any, columns: int) -> Array:
    """The threshold of each column; the one at which costs are even, where the goal is one of costs."""
    if decision == "posterior":
        return np.full(columns, 0.5)
    if "threshold" in decision:
        return np.broadcast_to(decision["threshold"], columns)
    miss, alarm = _stakes(np.broadcast_to(np.asarray(decision["cost"], np.float64), (columns, 2, 2)))
    return np.asarray(alarm / (alarm + miss))


def _stakes(cost: Array) -> tuple[Any, Any]:
    """How much dearer a miss and a false alarm are than the right decisions."""
    return cost[..., 1, 0] - cost[..., 1, 1], cost[..., 0, 1] - cost[..., 0, 0]


def _costs(results: Results, k: int, truth: Array) -> tuple[float, float, float]:
    """Those of the goal; else such that both classes weigh the same."""
    decision = results.goal.decision
    if isinstance(decision, dict) and "cost" in decision:
        cost = np.asarray(decision["cost"], np.float64)
        cost = cost[k] if cost.ndim == 3 else cost
        base = 1000.0 * float((cost[1, 1] * truth + cost[0, 0] * ~truth).mean())
        miss, alarm = _stakes(cost)
        return float(miss), float(alarm), base
    return float(max(1, round((~truth).sum() / truth.sum()))), 1.0, 0.0


def _slider(
    key: str,
    name: str,
    candidate: str,
    truth: Array,
    p: Array,
    own: float,
    folds: list[Any],
    costs: tuple[float, float, float],
) -> Slider:
    false_alarm, hit, cut = roc_curve(truth, p, drop_intermediate=False)  # which does not tear ties apart
    hits = np.rint(hit * truth.sum()).astype(int)
    alarms = hits + np.rint(false_alarm * (~truth).sum()).astype(int)
    own_at, *folds_at = (int(np.searchsorted(alarms, (p > one).sum())) for one in (own, *folds))
    spread = np.searchsorted(alarms, np.geomspace(1, len(p), _POINTS)).clip(max=len(alarms) - 1)
    at = np.unique([own_at, *folds_at, *spread])[::-1]
    thresholds = ((cut + np.append(cut[1:], 0.0)) / 2)[at]
    thresholds[alarms[at] == 0], thresholds[alarms[at] == len(p)] = 1.0, 0.0
    position = {int(one): place for place, one in enumerate(at)}
    places, chosen = [position[one] for one in folds_at], position[own_at]
    thresholds[chosen] = own
    points = [(float(f"{t:.5g}"), int(h), int(n - h)) for t, h, n in zip(thresholds, hits[at], alarms[at], strict=True)]
    return Slider(
        key, name, candidate, len(p), int(truth.sum()), points, chosen,
        min(places), max(places), *costs,
    )  # fmt: skip
