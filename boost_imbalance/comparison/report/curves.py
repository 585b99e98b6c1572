"""Figures of out-of-fold probabilities, and of the losses themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from sklearn.metrics import roc_curve

from boost_imbalance import plots
from boost_imbalance.comparison.candidates import BASELINE, built_in
from boost_imbalance.comparison.report import figures
from boost_imbalance.comparison.report.figures import Series
from boost_imbalance.comparison.report.series import few, ranked, ranks_as_built_in, series
from boost_imbalance.comparison.results import Results
from boost_imbalance.estimators import portable
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

CLASSES = 3
"""How many classes or labels have curves, the rarest, where there are more than two."""

_POINTS = 200
_SPIKES = 0.05
"""A recall below which precision is a matter of a few rows, and does not decide how high the axes are."""

_RARE = 0.1
"""A prevalence below which reliability has logarithmic axes: linear ones would hold all rows in a corner."""

_QUANTITIES = {
    "loss": ("Loss", "loss (nats)"),
    "gradient": ("Gradient", "size of the gradient"),
    "hessian": ("Curvature", "curvature given to the booster"),
}
_DECADES = 4.0


class Judged(NamedTuple):
    """The curves of one class or label."""

    name: str
    rows: int
    positives: int
    precision_recall: Markup
    roc: Markup
    gain: Markup
    reliability: Markup
    logarithmic: bool


class Curves(NamedTuple):
    """Curves of what a library's models predicted for rows that they had not seen."""

    lines: list[Series]
    rows: int
    classes: list[Judged]
    chosen: str
    """A sentence on which classes are drawn."""


class LossFigure(NamedTuple):
    """A picture of one quantity of the losses, for one kind of row."""

    title: str
    row: str
    picture: Markup


class _Shown(NamedTuple):
    """One class as its figures need it: its truths, the candidates' scores, and their lines."""

    key: str
    name: str
    target: Array
    scores: dict[str, Array]
    lines: list[Series]


def curves(results: Results, library: str) -> Curves | None:
    """Precision-recall and reliability curves of one library; None without predictions."""
    names, rows, predicted = _predictions(results, library)
    if not names:
        return None
    lines = series(results, names, few(names, ranked(results, results.settings["tune_for"], library)))
    judged = []
    for k in _rarest(results, rows):
        target = _target(results, rows, k)
        known = np.isfinite(target)
        scores = {name: (one if one.ndim == 1 else one[:, k])[known] for name, one in predicted.items()}
        name = str(results.settings["classes"][k])
        judged.append(_judged(_Shown(f"{library}-{k}", name, target[known].astype(np.int64), scores, lines)))
    return Curves(lines, len(rows), judged, _chosen(results, len(judged)))


def _chosen(results: Results, drawn: int) -> str:
    task, known = results.task, len(results.settings["classes"])
    if task is Task.BINARY:
        return ""
    what = "labels" if task is Task.MULTILABEL else "classes"
    which = f"all {known} {what}" if drawn == known else f"the {drawn} rarest of {known} {what}"
    return f"Drawn are {which}{'' if task is Task.MULTILABEL else ', each against the rest'}."


def losses(results: Results) -> tuple[list[Series], list[LossFigure]]:
    """Loss, gradient and curvature of the losses that took part, beside cross-entropy."""
    objectives = _objectives(results)
    lines = series(results, list(objectives), list(objectives))
    found = []
    for label, column, row in _kinds_of_rows(results):
        for quantity, (title, _) in _QUANTITIES.items():
            found.append(LossFigure(title, row, _loss(objectives, quantity, label, column, lines, row)))
    return lines, found


def _kinds_of_rows(results: Results) -> list[tuple[int, int, str]]:
    """Two kinds of rows: their class, the column of the label in question, and what to call them."""
    task, classes, counts = results.task, results.settings["classes"], results.settings["counts"]
    if task is Task.BINARY:
        return [(k, 0, f"a row of class {classes[k]}") for k in (1, 0)]
    rare, common = int(np.argmin(counts)), int(np.argmax(counts))
    if task is Task.MULTICLASS:
        rarest = (rare, 0, f"a row of the rarest class, {classes[rare]}")
        return [rarest, (common, 0, f"a row of the most frequent class, {classes[common]}")]
    return [(1, rare, f"a row with the rarest label, {classes[rare]}"), (0, rare, f"a row without {classes[rare]}")]


def _predictions(results: Results, library: str) -> tuple[list[str], Array, dict[str, Array]]:
    """The candidates with probabilities, the rows that all of them have predicted, and these predictions."""
    found = {}
    for name in results.candidates:
        if not ranks_as_built_in(name):
            one = results.out_of_fold(name, library)
            if len(one["rows"]) and np.isfinite(one["probability"]).all():
                found[name] = one
    most = max((len(one["rows"]) for one in found.values()), default=0)
    # One of which most folds failed would take the others' rows away.
    found = {name: one for name, one in found.items() if 2 * len(one["rows"]) >= most}
    if not found:
        return [], np.empty(0, np.int64), {}
    rows = next(iter(found.values()))["rows"]
    for one in found.values():
        rows = np.intersect1d(rows, one["rows"], assume_unique=True)
    if len(rows) == 0:
        return [], rows, {}
    predicted = {
        name: np.clip(one["probability"][np.searchsorted(one["rows"], rows)], 0.0, 1.0) for name, one in found.items()
    }
    return list(found), rows, predicted


def _target(results: Results, rows: Array, k: int) -> Array:
    """Truths of one class or label: 1 or 0 for each row, NaN where the label is missing."""
    label = results.label[rows]
    return label[:, k] if label.ndim == 2 else (label == k).astype(np.float64)


def _rarest(results: Results, rows: Array) -> list[int]:
    """The classes to draw that have rows on both sides."""
    if results.task is Task.BINARY:
        wanted = [1]
    else:
        wanted = np.argsort(results.settings["counts"], kind="stable").tolist()
    usable = []
    for k in wanted:
        target = _target(results, rows, k)
        if np.any(target == 1) and np.any(target == 0):
            usable.append(k)
        if len(usable) == CLASSES:
            break
    return usable


def _judged(shown: _Shown) -> Judged:
    logarithmic = bool(shown.target.mean() < _RARE)
    reliability = _reliability(shown, "log" if logarithmic else "linear")
    figures = _precision_recall(shown), _roc(shown), _gain(shown, logarithmic), reliability
    return Judged(shown.name, len(shown.target), int(shown.target.sum()), *figures, logarithmic)


def _precision_recall(shown: _Shown) -> Markup:
    with figures.figure() as drawn:
        ax = drawn.subplots()
        plots.plot_precision_recall(shown.target, shown.scores, ax=ax, colors=_colors(shown.lines), legend=False)
        for artist in ax.lines:
            _thin(artist)
        highest = max(_highest(artist) for artist in ax.lines)
        ax.set(xlabel="recall", ylabel="precision", ylim=(0.0, 1.02 if highest > 0.5 else 1.05 * highest))
        return figures.svg(drawn, f"{shown.key}-pr", f"Precision-recall curves of {shown.name}", shown.lines)


def _roc(shown: _Shown) -> Markup:
    with figures.figure() as drawn:
        ax = drawn.subplots()
        for line in shown.lines:
            false_alarm, found, _ = roc_curve(shown.target, shown.scores[line.name])
            ax.plot(false_alarm, found, color=line.color)
            _thin(ax.lines[-1])
        ax.plot([0.0, 1.0], [0.0, 1.0], color="gray", linestyle=":", linewidth=1)
        ax.set(xlabel="share of the others that are false alarms", ylabel="recall", xlim=(0.0, 1.0), ylim=(0.0, 1.02))
        return figures.svg(drawn, f"{shown.key}-roc", f"ROC curves of {shown.name}", shown.lines)


def _gain(shown: _Shown, logarithmic: bool) -> Markup:
    """Recall against the share of rows that are looked at, the most probable first."""
    rows, positives = len(shown.target), int(shown.target.sum())
    with figures.figure() as drawn:
        ax = drawn.subplots()
        alarms = np.unique(np.geomspace(1, rows, _POINTS).round().astype(int))
        for line in shown.lines:
            # Rows of equal probability come one after another, as likely in any order.
            false_alarm, found, _ = roc_curve(shown.target, shown.scores[line.name], drop_intermediate=False)
            looked_at = false_alarm * (rows - positives) + found * positives
            ax.plot(alarms / rows, np.interp(alarms, looked_at, found), color=line.color)
        share = alarms / rows
        ax.plot(share, share, color="gray", linestyle=":", linewidth=1)
        ax.plot(share, np.minimum(1.0, alarms / positives), color="gray", linestyle="--", linewidth=1)
        ax.set(xlabel="share of rows looked at, the most probable first", ylabel="recall", ylim=(0.0, 1.02))
        if logarithmic:
            ax.set_xscale("log")
            _plain(ax.xaxis)
        return figures.svg(drawn, f"{shown.key}-gain", f"Gain curves of {shown.name}", shown.lines)


def _highest(artist: Any) -> float:
    """The largest precision of a drawn curve, early spikes left aside."""
    recall, precision = (np.asarray(values) for values in artist.get_data())
    return float(precision[recall >= _SPIKES].max())


def _thin(artist: Any) -> None:
    """Thin out a drawn curve to points that are evenly spread from left to right, which looks the same."""
    x, y = artist.get_data()
    if len(x) <= _POINTS:
        return
    sign = -1.0 if x[0] > x[-1] else 1.0
    kept = np.unique(np.searchsorted(sign * x, sign * np.linspace(x[0], x[-1], _POINTS))).clip(0, len(x) - 1)
    artist.set_data(x[kept], y[kept])


def _reliability(shown: _Shown, scale: Any) -> Markup:
    with figures.figure(height=3.8) as drawn:
        ax = drawn.subplots()
        plots.plot_reliability(shown.target, shown.scores, scale=scale, ax=ax, colors=_colors(shown.lines), legend=False)
        ax.set(xlabel="predicted probability (mean of a bin)", ylabel="observed share")
        if scale == "log":
            _plain(ax.xaxis)
            _plain(ax.yaxis)
            for artist in ax.lines:
                # Lines down to a share of 0 would be longer than anything they say.
                artist.set_ydata(np.where(np.asarray(artist.get_ydata()) > 0.0, artist.get_ydata(), np.nan))
        _plain(ax.child_axes[0].yaxis)
        return figures.svg(drawn, f"{shown.key}-reliability", f"Reliability curves of {shown.name}", shown.lines)


def _plain(axis: Any) -> None:
    """Label an axis with plain numbers instead of powers of ten."""
    from matplotlib import ticker

    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


def _objectives(results: Results) -> dict[str, Any]:
    """The losses by name, with the class weights of these labels."""
    made = {BASELINE: built_in()}
    made |= {name: portable.loss_from(state) for name, state in results.settings["losses"].items()}
    label = results.label
    known = np.isfinite(label)
    weight = None if label.ndim == 1 else known.astype(np.float64)
    label = label if label.ndim == 1 else np.where(known, label, 0.0)
    found = {}
    for name, objective in made.items():
        # A class without rows has no weight; what needs one could not be trained either.
        with suppress(ValueError):
            found[name] = objective.replace().fit(label, sample_weight=weight)
    return found


def _loss(objectives: dict[str, Any], quantity: Any, label: int, column: int, lines: list[Series], row: str) -> Markup:
    title, ylabel = _QUANTITIES[quantity]
    with figures.figure(height=3.0) as drawn:
        ax = drawn.subplots()
        plots.plot_loss(objectives, quantity, label=label, column=column, ax=ax, colors=_colors(lines), legend=False)
        highest = 0.0
        for artist in ax.lines:
            artist.set_ydata(np.abs(artist.get_ydata()))
            highest = max(highest, float(artist.get_ydata().max()))
        # Class weights put the losses decades apart, and focusing makes them vanish.
        ax.set_ylim(highest * 10.0**-_DECADES, highest * 1.5)
        ax.set_yscale("log")
        _plain(ax.yaxis)
        ax.set(xlabel="probability of the truth", ylabel=ylabel)
        name = f"losses-{label}-{quantity}"
        return figures.svg(drawn, name, f"{title} of each loss against the probability of the truth, for {row}", lines)


def _colors(lines: list[Series]) -> dict[str, str]:
    return {line.name: line.color for line in lines}
