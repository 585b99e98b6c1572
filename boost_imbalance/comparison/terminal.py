"""A comparison in a terminal: tables as wide as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from boost_imbalance.comparison.candidates import BASELINE
from boost_imbalance.comparison.metrics import METRICS, Metric
from boost_imbalance.comparison.results import Results
from boost_imbalance.losses.labels import Task

_FIRST, _CELL = 18, 17
_STYLES = {"better": "bold green", "worse": "red", "tie": "dim"}


def show(results: Results, console: Any) -> None:
    """Print tables, what follows from them, and what failed."""
    console.print(f"{results.deployment()}\n", style="bold", highlight=False, markup=False)
    console.print(f"{heading(results)}\n", highlight=False, markup=False)
    for library in results.libraries:
        for metrics in _chunks(list(results.metrics.values()), max(1, (console.width - _FIRST) // _CELL)):
            console.print(_table(results, library, metrics))
        for sentence in results.conclusion(library):
            console.print(f"- {sentence}", highlight=False, markup=False)
        console.print()
    for failed in results.errors:
        first = failed["error"].partition("\n")[0]
        where = f"{failed['candidate']} failed in {failed['folds']} folds with {failed['library']}"
        console.print(f"{where}: {first}", style="red", highlight=False, markup=False)
    confidence = f"{results.settings['confidence']:.0%}"
    console.print(
        f"± is half the interval of the difference to {BASELINE}; those of a column hold together with {confidence} "
        f"confidence. Green is better, red worse, the rest a tie. The ± of the first sentence are of its figures alone.",
        style="dim",
        highlight=False,
    )


def heading(results: Results) -> str:
    """The data and the folds in a sentence."""
    s = results.settings
    if results.task is Task.BINARY:
        classes = f"{s['counts'][1] / s['rows']:.2%} are {s['classes'][1]!r}"
    elif results.task is Task.MULTICLASS:
        classes = f"{len(s['classes'])} classes, the rarest {min(s['counts']) / s['rows']:.2%}"
    else:
        classes = f"{len(s['classes'])} labels, the rarest {min(s['counts']) / s['rows']:.2%}"
    tuned = f", tuned with {s['tune']} trials for {METRICS[s['tune_for']].title}" if s["tune"] else ""
    missing = "" if results.complete else f"; stopped after {len(results.records)} of {results.planned} results"
    folds = f"{s['repeats']} x {s['folds']} folds{tuned}{missing}"
    return f"{s['name']}: {s['rows']} rows, {s['features']} features, {classes}; {folds}"


def _table(results: Results, library: str, metrics: list[Metric]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{library}, difference to {BASELINE}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True)
    for metric in metrics:
        table.add_column(metric.title, justify="right", min_width=15, max_width=15)
    for candidate in results.candidates:
        cells = [_cell(results, candidate, metric, library) for metric in metrics]
        table.add_row(escape(candidate), *cells, end_section=candidate == _last_baseline(results))
    return table


def _cell(results: Results, candidate: str, metric: Metric, library: str) -> str:
    mean = results.mean(candidate, metric.name, library)
    difference, digits = results.difference(candidate, metric.name, library), metric.digits
    if np.isnan(mean) or np.isnan(difference.mean):
        return "-"
    if candidate == BASELINE:
        return f"{mean:.{digits}f}"
    style = _STYLES[difference.verdict(metric.larger_is_better)]
    half = "" if np.isnan(difference.half) else f" ±{difference.half:.{digits}f}"
    return f"[{style}]{difference.mean:+.{digits}f}{half}[/]"


def _last_baseline(results: Results) -> str:
    return [name for name in results.candidates if name not in results.losses][-1]


def _chunks(values: list[Any], size: int) -> list[list[Any]]:
    return [values[i : i + size] for i in range(0, len(values), size)]
