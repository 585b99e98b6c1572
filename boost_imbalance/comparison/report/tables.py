"""Numbers as a reader sees them: means and differences, intervals to draw, confusions, recalls."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from boost_imbalance.comparison.candidates import BASELINE
from boost_imbalance.comparison.metrics import Metric
from boost_imbalance.comparison.report.series import ranked, ranks_as_built_in
from boost_imbalance.comparison.results import Results
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

FORESTS = ("goal", "average_precision", "log_loss")

PLAIN = f"{BASELINE}, its own rule"
"""The built-in objective decided as the library does: at 0.5, or by the largest probability."""

_WIDEST = 3.0
"""Intervals that reach further than this many times the median reach are cut, or one outlier would hide the others."""

CONFUSED, LISTED = 20, 60
"""How many classes have confusions, and how many are listed, the rarest of more."""

FEATURES = 12
"""How many features are listed by what the trees gain by them."""

OTHERS = "all others"
MINUS, UNKNOWN = "\N{MINUS SIGN}", "\N{EN DASH}"


class Cell(NamedTuple):
    """One metric of one candidate."""

    metric: str
    value: float
    mean: str
    difference: str
    verdict: str


class Row(NamedTuple):
    """One candidate's row of the table."""

    name: str
    loss: bool
    folds: int
    cells: list[Cell]


class Interval(NamedTuple):
    """A difference to draw: where it is and how far it reaches, in percent of the width."""

    name: str
    loss: bool
    text: str
    verdict: str
    at: float | None
    start: float | None
    end: float | None
    beyond: str
    """``left`` or ``right`` if the mean itself is outside."""


class Forest(NamedTuple):
    """The differences of one metric."""

    metric: Metric
    limit: str
    rows: list[Interval]


class Share(NamedTuple):
    """A number of rows and its share of a total."""

    rows: int
    percent: float | None
    right: bool = False


class Matrix(NamedTuple):
    """Confusions of one candidate by true class, or by label."""

    candidate: str
    names: list[str]
    totals: list[int]
    rows: list[list[Share]]


class Recalls(NamedTuple):
    """Recalls of each class or label, by candidate."""

    candidates: list[str]
    rows: list[tuple[str, int, list[Share]]]
    left_out: int


class Importances(NamedTuple):
    """What the trees of the built-in objective and of another candidate split by."""

    other: str
    rows: list[tuple[str, float, float, str]]
    """Feature, its share of the gain in percent with both, and the difference with its interval."""


class Class(NamedTuple):
    """A class or label, and how many rows it has."""

    name: str
    rows: int
    percent: float


def number(value: float, metric: Metric) -> str:
    """A value with the digits of its metric; a dash where there is none."""
    return f"{value:.{metric.digits}f}".replace("-", MINUS) if np.isfinite(value) else UNKNOWN


def difference(results: Results, name: str, metric: str, library: str) -> tuple[str, str]:
    """The difference to the baseline as text, and its verdict."""
    found, known = results.difference(name, metric, library), results.metrics[metric]
    if not np.isfinite(found.mean):
        return "", ""
    amount = number(abs(found.mean), known)
    sign = "" if not float(amount) else "+" if found.mean > 0 else MINUS
    half = f" ± {number(found.half, known)}" if np.isfinite(found.half) else ""
    verdict = found.verdict(known.larger_is_better) if half else ""
    return f"{sign}{amount}{half}", verdict


def rows(results: Results, library: str) -> list[Row]:
    """Rows of the table of all metrics."""
    found = []
    for name in results.candidates:
        cells = []
        for metric, known in results.metrics.items():
            mean = results.mean(name, metric, library)
            text, verdict = ("", "") if name == BASELINE else difference(results, name, metric, library)
            cells.append(Cell(metric, mean, number(mean, known), text, verdict))
        folds = len(results.records_of(name, library))
        found.append(Row(name, name in results.losses, folds, cells))
    return found


def forests(results: Results, library: str) -> list[Forest]:
    """Differences with their intervals, to draw, for the metrics that say most."""
    found = []
    for metric in FORESTS:
        names = [name for name in results.candidates if name != BASELINE]
        differences = {name: results.difference(name, metric, library) for name in names}
        reach = [abs(d.mean) + np.nan_to_num(d.half) for d in differences.values() if np.isfinite(d.mean)]
        if not reach:
            continue
        limit = float(min(max(reach), _WIDEST * np.median(reach))) or float(max(reach)) or 1.0
        drawn = []
        for name, d in differences.items():
            text, verdict = difference(results, name, metric, library)
            at, start, end = (_place(value, limit) for value in (d.mean, d.low, d.high))
            beyond = "right" if d.mean > limit else "left" if d.mean < -limit else ""
            drawn.append(Interval(name, name in results.losses, text or UNKNOWN, verdict, at, start, end, beyond))
        found.append(Forest(results.metrics[metric], f"{limit:.2g}", drawn))
    return found


def _place(value: float, limit: float) -> float | None:
    return round(50.0 + 50.0 * float(np.clip(value / limit, -1.0, 1.0)), 2) if np.isfinite(value) else None


def classes(results: Results) -> list[Class]:
    """Classes or labels, the rarest first."""
    s = results.settings
    label = results.label
    known = np.isfinite(label).sum(axis=0) if label.ndim == 2 else np.full(len(s["classes"]), s["rows"])
    names, order = _order(results)
    return [Class(names[k], int(s["counts"][k]), 100.0 * s["counts"][k] / max(int(known[k]), 1)) for k in order]


def decisions(results: Results, library: str) -> dict[str, tuple[Array, Array]]:
    """True and decided codes by candidate, decided for the goal, of rows that its models had not seen."""
    plain = results.out_of_fold(BASELINE, library)
    found = {PLAIN: (results.label[plain["rows"]], plain["decided"])} if len(plain["rows"]) else {}
    for name in results.candidates:
        one = results.decided(name, library)
        if len(one["rows"]):
            found[name] = results.label[one["rows"]], one["decided"]
    return found


def matrix(results: Results, candidate: str, truth: Array, decided: Array) -> Matrix:
    """Confusions: of classes true against decided, of labels one line each."""
    names, order = _order(results)
    if results.task is Task.MULTILABEL:
        return _by_label(candidate, names, order[:CONFUSED], truth, decided)
    if len(order) > CONFUSED + 1:
        order = order[:CONFUSED]
    else:
        order = np.sort(order)
    counted = confusion_matrix(truth, decided, labels=np.arange(len(names)))
    rest = np.setdiff1d(np.arange(len(names)), order)
    parts, shown = [[int(k)] for k in order], [names[k] for k in order]
    if len(rest):
        parts, shown = [*parts, rest.tolist()], [*shown, OTHERS]
    table = np.array([[counted[np.ix_(one, other)].sum() for other in parts] for one in parts])
    totals = table.sum(axis=1)
    shares = [
        # Of the classes that are lumped together a count would hide which is taken for which.
        [_share(count, total, i == j and parts[i] != rest.tolist()) for j, count in enumerate(line)]
        for i, (line, total) in enumerate(zip(table, totals, strict=True))
    ]
    return Matrix(candidate, shown, totals.tolist(), shares)


def recalls(results: Results, decided: dict[str, tuple[Array, Array]]) -> Recalls:
    """Recalls by class: the share of its rows that each candidate found."""
    names, order = _order(results)
    several = results.task is Task.MULTILABEL
    lines = []
    for k in order[:LISTED]:
        shares = []
        for truth, found in decided.values():
            own = truth[:, k] == 1 if several else truth == k
            hit = (found[:, k] == 1) & own if several else (found == k) & own
            shares.append(_share(hit.sum(), own.sum()))
        lines.append((names[k], int(results.settings["counts"][k]), shares))
    return Recalls(list(decided), lines, max(len(order) - LISTED, 0))


def importances(results: Results, library: str) -> Importances | None:
    """The features that either gains most by, beside the recommended candidate's or that of the best other one."""
    names = ranked(results, "goal", library)
    other = next(
        (name for name in [results.recommended(library), *names] if not ranks_as_built_in(name) and name != BASELINE), None
    )
    if other is None:
        return None
    base, own = 100.0 * results.importance(BASELINE, library), 100.0 * results.importance(other, library)
    measured = np.isfinite(base[:, 0] + own[:, 0])
    if not measured.any():
        return None
    means = base[measured].mean(axis=0), own[measured].mean(axis=0)
    known = [column["name"] for column in results.columns.get("columns", [])]
    first = np.argsort(-np.maximum(*means), kind="stable")[:FEATURES]
    lines = []
    for k in first:
        difference = results.paired(own[:, k], base[:, k], len(first))
        sign = "+" if difference.mean > 0 else MINUS
        half = f" ± {difference.half:.1f}" if np.isfinite(difference.half) else ""
        name = str(known[k]) if len(known) == base.shape[1] else f"feature {k}"
        lines.append((name, float(means[0][k]), float(means[1][k]), f"{sign}{abs(difference.mean):.1f}{half}"))
    return Importances(other, lines)


def _by_label(candidate: str, names: list[str], order: Array, truth: Array, decided: Array) -> Matrix:
    lines, totals = [], []
    for k in order:
        t, d = truth[:, k], decided[:, k] == 1
        positives, negatives = int((t == 1).sum()), int((t == 0).sum())
        lines.append(
            [
                _share((d & (t == 1)).sum(), positives),
                _share((~d & (t == 1)).sum(), positives),
                _share((d & (t == 0)).sum(), negatives),
                _share((~d & (t == 0)).sum(), negatives),
            ]
        )
        totals.append(positives + negatives)
    return Matrix(candidate, [names[k] for k in order], totals, lines)


def _order(results: Results) -> tuple[list[str], Array]:
    """Names of the classes or labels, and their numbers, the rarest first."""
    s = results.settings
    return [str(one) for one in s["classes"]], np.argsort(s["counts"], kind="stable")


def _share(count: Any, total: Any, right: bool = False) -> Share:
    return Share(int(count), 100.0 * float(count) / float(total) if total else None, right)
