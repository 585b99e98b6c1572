"""Everything that the template shows, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from boost_imbalance import __version__
from boost_imbalance.comparison.candidates import BASELINE
from boost_imbalance.comparison.metrics import METRICS, SMALLEST
from boost_imbalance.comparison.report import curves, tables
from boost_imbalance.comparison.report.series import DASHES, few, ranked
from boost_imbalance.estimators import portable
from boost_imbalance.losses.labels import Task

if TYPE_CHECKING:
    from boost_imbalance.comparison.comparison import Comparison

TITLES = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}
_CLASSES_SHOWN = 12

_EXPLAINED = {
    "average_precision": "How far the rows of a class are ranked before others: the area under its precision-recall curve.",
    "log_loss": "How surprising the truth was given the calibrated probabilities, none counted as less than {smallest}.",
    "brier": "The mean squared distance of the calibrated probabilities from what happened.",
    "balanced_accuracy": "The mean recall of the classes, each decided by the candidate's own rule.",
    "macro_f1": "The mean F1 of the classes (harmonic mean of precision and recall), decided by the candidate's own rule.",
    "mcc": "The correlation of what was decided, by the candidate's own rule, with what was true.",
    "balanced_accuracy_tuned": "Balanced accuracy with thresholds that were tuned for it on held-out training rows.",
    "macro_f1_tuned": "Macro F1 with thresholds that were tuned for F1 on held-out training rows.",
    "recall_at_precision": "The largest recall at which precision is at least {precision}.",
    "seconds": "How long one training took, early stopping included.",
}
"""Each metric in a sentence."""

_PER_CLASS = ("average_precision", "recall_at_precision")
_PER_LABEL = (*_PER_CLASS, "balanced_accuracy", "macro_f1", "mcc", "balanced_accuracy_tuned", "macro_f1_tuned")


class Part(NamedTuple):
    """What one library's models did."""

    key: str
    title: str
    version: str
    sentences: list[str]
    recommended: str
    code: str | None
    measured: bool
    """Whether anything was."""
    rows: list[tables.Row]
    forests: list[tables.Forest]
    params: str
    curves: curves.Curves | None
    matrices: list[tables.Matrix]
    more_matrices: list[tables.Matrix]
    recalls: tables.Recalls | None


def content(comparison: Comparison) -> dict[str, Any]:
    """Names and values for the template."""
    s = comparison.settings
    lines, figures = curves.losses(comparison) if comparison.losses else ([], [])
    listed = tables.classes(comparison)
    return {
        "name": str(s["name"]),
        "task": s["task"],
        "tasks": {task.name.lower(): task.value for task in Task},
        "settings": s,
        "rows": f"{s['rows']:,}",
        "features": f"{s['features']:,}",
        "classes": listed[:_CLASSES_SHOWN],
        "more_classes": listed[_CLASSES_SHOWN : tables.LISTED],
        "n_classes": len(listed),
        "folds": s["folds"] * s["repeats"],
        "complete": comparison.complete,
        "measured": len(comparison.records),
        "planned": comparison.planned,
        "errors": comparison.errors,
        "metrics": METRICS,
        "baseline": BASELINE,
        "about": [(name, _loss(comparison, name), s["about"].get(name, "")) for name in comparison.candidates],
        "composition": _composition(comparison),
        "tuning": _tuning(comparison),
        "versions": [f"{TITLES.get(name, name)} {s['versions'].get(name, '')}" for name in comparison.libraries],
        "explained": _explained(comparison),
        "confidence": f"{100 * s['confidence']:g}%",
        "tuned_for": METRICS[s["tune_for"]].title,
        "parts": [part(comparison, library) for library in comparison.libraries],
        "dashes": DASHES,
        "loss_lines": lines,
        "loss_figures": figures,
        "listed": tables.LISTED,
        "confused": tables.CONFUSED,
        "version": __version__,
    }


def part(comparison: Comparison, library: str) -> Part:
    """Of one library."""
    decided = tables.decisions(comparison, library)
    shown = few(list(decided), ranked(comparison, "macro_f1", library))
    matrices = {name: tables.matrix(comparison, name, *decided[name]) for name in decided}
    recommended = comparison.recommended(library)
    based = bool(np.isfinite(comparison.values(BASELINE, "log_loss", library)).any())
    return Part(
        library,
        TITLES.get(library, library),
        str(comparison.settings["versions"].get(library, "")),
        comparison.conclusion(library) if based else [],
        recommended,
        comparison.code(recommended, library) if based else None,
        any(r["library"] == library for r in comparison.records),
        tables.rows(comparison, library),
        tables.forests(comparison, library),
        ", ".join(f"{key}={value!r}" for key, value in comparison.settings["params"][library].items()),
        curves.curves(comparison, library),
        [matrices[name] for name in shown],
        [one for name, one in matrices.items() if name not in shown],
        tables.recalls(comparison, decided) if decided else None,
    )


def _loss(comparison: Comparison, name: str) -> str:
    """Of a loss, the Python that makes it."""
    state = comparison.settings["losses"].get(name)
    return "" if state is None else repr(portable.loss_from(state))


def _composition(comparison: Comparison) -> str:
    """Which classes there are, in a few words."""
    s = comparison.settings
    listed = tables.classes(comparison)
    if s["task"] == Task.BINARY.value:
        return f"of which {s['counts'][1] / s['rows']:.2%} are {s['classes'][1]}"
    what = "labels" if s["task"] == Task.MULTILABEL.value else "classes"
    return f"{len(listed)} {what}, the rarest, {listed[0].name}, with {listed[0].percent:.2f}%"


def _tuning(comparison: Comparison) -> str:
    s = comparison.settings
    if not s["tune"]:
        return "Nothing was tuned: trees and losses have the parameters given below."
    return f"Each was tuned in each fold with {s['tune']} trials for {METRICS[s['tune_for']].title}."


def _explained(comparison: Comparison) -> dict[str, str]:
    """Each metric in a sentence."""
    several = comparison.settings["task"] != Task.BINARY.value
    whole = "The mean over labels." if comparison.settings["task"] == Task.MULTILABEL.value else "The mean over classes."
    averaged = _PER_CLASS if whole.endswith("classes.") else _PER_LABEL
    found = {}
    for name, metric in METRICS.items():
        text = _EXPLAINED.get(name, f"{metric.about[0].upper()}{metric.about[1:]}.")
        text = text.format(smallest=f"{SMALLEST:g}", precision=f"{comparison.settings['precision']:g}")
        found[name] = f"{text} {whole}" if several and name in averaged else text
    return found
