"""Everything that the template shows, as data."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple

import numpy as np

from boost_imbalance import __version__
from boost_imbalance.comparison.candidates import BASELINE
from boost_imbalance.comparison.code import code
from boost_imbalance.comparison.columns import percent
from boost_imbalance.comparison.fitting import LIBRARIES
from boost_imbalance.comparison.metrics import METRICS
from boost_imbalance.comparison.report import curves, tables, threshold
from boost_imbalance.comparison.report.series import DASHES, few, ranked
from boost_imbalance.comparison.results import Results
from boost_imbalance.estimators import portable
from boost_imbalance.losses.labels import Task

_CLASSES_SHOWN = 12
_COLUMNS_SHOWN, _COLUMNS_LISTED = 40, 400

_PER_CLASS = ("average_precision", "recall_at_precision")
_PER_LABEL = (*_PER_CLASS, "balanced_accuracy", "macro_f1", "mcc", "balanced_accuracy_tuned", "macro_f1_tuned")


class Part(NamedTuple):
    """A library's section of the report."""

    key: str
    title: str
    version: str
    deployment: str
    sentences: list[str]
    recommended: str
    sliders: list[threshold.Slider]
    code: str | None
    measured: bool
    """True if any candidate was measured with this library."""
    rows: list[tables.Row]
    forests: list[tables.Forest]
    params: str
    curves: curves.Curves | None
    matrices: list[tables.Matrix]
    more_matrices: list[tables.Matrix]
    recalls: tables.Recalls | None
    importances: tables.Importances | None


def content(results: Results) -> dict[str, Any]:
    """Names and values for the template."""
    s = results.settings
    lines, figures = curves.losses(results) if results.losses else ([], [])
    listed = tables.classes(results)
    columns = _columns(results)
    return {
        "name": str(s["name"]),
        "task": s["task"],
        "tasks": {task.name.lower(): task.value for task in Task},
        "settings": s,
        "goal": results.goal.text,
        "target": s.get("target", ""),
        "command": results.columns.get("command", ""),
        "today": datetime.date.today().isoformat(),
        "rows": f"{s['rows']:,}",
        "features": f"{s['features']:,}",
        "classes": listed[:_CLASSES_SHOWN],
        "more_classes": listed[_CLASSES_SHOWN : tables.LISTED],
        "n_classes": len(listed),
        "columns": columns[:_COLUMNS_SHOWN],
        "more_columns": columns[_COLUMNS_SHOWN:_COLUMNS_LISTED],
        "left_out_columns": max(0, len(columns) - _COLUMNS_LISTED),
        "findings": results.columns["findings"],
        "folds": s["folds"] * s["repeats"],
        "complete": results.complete,
        "measured": len(results.records),
        "planned": results.planned,
        "errors": results.errors,
        "metrics": results.metrics,
        "baseline": BASELINE,
        "about": [(name, _loss(results, name), s["about"].get(name, "")) for name in results.candidates],
        "composition": _composition(results),
        "tuning": _tuning(results),
        "versions": [f"{LIBRARIES[name].title} {s['versions'].get(name, '')}" for name in results.libraries],
        "explained": _explained(results),
        "confidence": f"{100 * s['confidence']:g}%",
        "tuned_for": METRICS[s["tune_for"]].title,
        "parts": [part(results, library) for library in results.libraries],
        "dashes": DASHES,
        "loss_lines": lines,
        "loss_figures": figures,
        "listed": tables.LISTED,
        "confused": tables.CONFUSED,
        "version": __version__,
    }


def part(results: Results, library: str) -> Part:
    """A library's section of the report, from its results."""
    decided = tables.decisions(results, library)
    shown = [tables.PLAIN, *few(list(decided), ranked(results, "goal", library))]
    matrices = {name: tables.matrix(results, name, *decided[name]) for name in decided}
    recommended = results.recommended(library)
    based = bool(np.isfinite(results.values(BASELINE, "log_loss", library)).any())
    return Part(
        library,
        LIBRARIES[library].title,
        str(results.settings["versions"].get(library, "")),
        results.deployment(library) if based else "",
        results.conclusion(library) if based else [],
        recommended,
        threshold.sliders(results, library) if based else [],
        code(results, recommended, library) if based else None,
        any(r["library"] == library for r in results.records),
        tables.rows(results, library),
        tables.forests(results, library),
        ", ".join(f"{key}={value!r}" for key, value in results.settings["params"][library].items()),
        curves.curves(results, library),
        [matrices[name] for name in shown if name in matrices],
        [one for name, one in matrices.items() if name not in shown],
        tables.recalls(results, decided) if decided else None,
        tables.importances(results, library) if based else None,
    )


def _columns(results: Results) -> list[dict[str, Any]]:
    """Columns as the table shows them, those to look at first where there are too many."""
    told = {name for finding in results.columns["findings"] if finding["grave"] for name in finding["columns"]}
    columns = [
        {**column, "missing": percent(column["missing"]), "told": column["name"] in told}
        for column in results.columns["columns"]
    ]
    return sorted(columns, key=lambda column: not column["told"]) if len(columns) > _COLUMNS_SHOWN else columns


def _loss(results: Results, name: str) -> str:
    """The Python that makes a candidate's loss; nothing for a baseline."""
    state = results.settings["losses"].get(name)
    return "" if state is None else repr(portable.loss_from(state))


def _composition(results: Results) -> str:
    """A few words on the classes and the rarest of them."""
    s = results.settings
    listed = tables.classes(results)
    if results.task is Task.BINARY:
        return f"of which {s['counts'][1] / s['rows']:.2%} are {s['classes'][1]}"
    what = "labels" if results.task is Task.MULTILABEL else "classes"
    return f"{len(listed)} {what}, the rarest, {listed[0].name}, with {listed[0].percent:.2f}%"


def _tuning(results: Results) -> str:
    s = results.settings
    if not s["tune"]:
        return "Nothing was tuned: trees and losses have the parameters given below."
    return f"Each was tuned in each fold with {s['tune']} trials for {METRICS[s['tune_for']].title}."


def _explained(results: Results) -> dict[str, str]:
    """Each metric in a sentence."""
    averaged, whole = {
        Task.BINARY: ((), ""),
        Task.MULTICLASS: (_PER_CLASS, " The mean over classes."),
        Task.MULTILABEL: (_PER_LABEL, " The mean over labels."),
    }[results.task]
    precision = f"{results.settings['precision']:g}"
    return {
        name: metric.about.format(precision=precision) + (whole if name in averaged else "")
        for name, metric in results.metrics.items()
    }
