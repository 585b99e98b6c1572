"""A comparison in a terminal: tables as wide as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from boost_imbalance.comparison.candidates import BASELINE
from boost_imbalance.comparison.columns import Summary, percent
from boost_imbalance.comparison.metrics import METRICS, Metric
from boost_imbalance.comparison.results import Results
from boost_imbalance.losses.labels import Task

_GAP = 3
"""Blanks between two columns of a table."""

_HEADED = 15
"""Most characters of a line in the head of a column, whose words stand below each other."""

_STYLES = {"better": "bold green", "worse": "red", "tie": "dim"}
_LISTED = 40
"""How many columns of the data are shown."""


def show(results: Results, console: Any) -> None:
    """Print tables, what follows from them, and what failed."""
    console.print(f"{results.deployment()}\n", style="bold", highlight=False, markup=False)
    console.print(f"{heading(results)}\n", highlight=False, markup=False)
    for library in results.libraries:
        for table in _tables(results, library, console):
            console.print(table)
        for sentence in results.conclusion(library):
            console.print(f"- {sentence}", highlight=False, markup=False)
        console.print()
    for failed in results.errors:
        first = failed["error"].partition("\n")[0]
        where = f"{failed['candidate']} failed in {failed['folds']} folds with {failed['library']}"
        console.print(f"{where}: {first}", style="red", highlight=False, markup=False)
    confidence = f"{results.settings['confidence']:.0%}"
    marks = _marks(console)
    console.print(
        f"± is half the interval of the difference to {BASELINE}; those of a column hold together with {confidence} "
        f"confidence. {marks['better']} is better, {marks['worse']} worse, the rest a tie. The ± of the first sentence "
        f"are of its figures alone.",
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
    folds = f"{s['folds']} folds that go forward in time" if s.get("forward") else f"{s['repeats']} x {s['folds']} folds"
    folds += f"{tuned}{missing}"
    return f"{s['name']}: {s['rows']} rows, {s['features']} features, {classes}; {folds}"


def show_columns(summary: Summary, rows: int, console: Any) -> None:
    """Print what the columns are, and what to do about some of them."""
    from rich.table import Table
    from rich.text import Text

    if summary.columns:
        console.print(f"{rows:,} rows, {len(summary.columns)} columns", highlight=False, markup=False)
        console.print(_columns(summary, console))
    for finding in summary.findings:
        line = Table.grid(padding=(0, 1))
        text = Text(finding.text, style="" if finding.grave else "dim")
        text.append(f"{finding.remedy(command=True)}.", style="bold" if finding.grave else "")
        line.add_row(Text("!", style="bold yellow") if finding.grave else "-", text)
        console.print(line)
    if summary.columns or summary.findings:
        console.print()


def _columns(summary: Summary, console: Any) -> Any:
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    told = {name for finding in summary.findings if finding.grave for name in finding.columns}
    shown = summary.columns
    if len(shown) > _LISTED:  # those to look at, and the first of the others
        others = [column for column in shown if column.name not in told]
        kept = {column.name for column in others[: max(0, _LISTED - len(told))]} | told
        shown = [column for column in shown if column.name in kept][:_LISTED]
    marked = {column.name: ("! " if column.name in told else "") + column.name for column in shown}
    types, distinct = (max(8, *map(len, texts)) for texts in zip(*((c.type, f"{c.distinct:,}") for c in shown), strict=True))
    left = console.width - types - len("missing") - distinct - 4 * _GAP
    named = min(max(6, *map(cell_len, marked.values())), max(6, left - len("example")))
    room = max(3, left - named)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("column", overflow="fold", min_width=named, max_width=named)
    for name in ("type", "missing", "distinct"):
        table.add_column(name, justify="left" if name == "type" else "right", no_wrap=True)
    table.add_column("example", overflow="fold")
    for column in shown:
        cells = column.type, percent(column.missing), f"{column.distinct:,}", Text(_shortened(column.example, room))
        table.add_row(Text(marked[column.name]), *cells, style="yellow" if column.name in told else "")
    if len(shown) < len(summary.columns):
        table.caption, table.caption_justify = f"and {len(summary.columns) - len(shown)} others", "left"
    return table


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def _tables(results: Results, library: str, console: Any) -> list[Any]:
    """The metrics in as many tables as the terminal's width takes."""
    cells = {
        metric: [_cell(results, name, metric, library, console) for name in results.candidates]
        for metric in results.metrics.values()
    }
    widths = {metric: max(_headed(metric), *(cell.cell_len for cell in column)) for metric, column in cells.items()}
    first = min(max(map(len, results.candidates)), max(8, console.width - max(widths.values()) - 2 * _GAP))
    chunks: list[list[Metric]] = []
    left = 0
    for metric, width in widths.items():
        if not chunks or left < width + _GAP:
            chunks.append([])
            left = console.width - first - _GAP
        chunks[-1].append(metric)
        left -= width + _GAP
    return [
        _table(results, library, first, {metric: (widths[metric], cells[metric]) for metric in chunk}) for chunk in chunks
    ]


def _table(results: Results, library: str, first: int, columns: dict[Metric, tuple[int, list[Any]]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{library}, difference to {BASELINE}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", overflow="fold", min_width=first, max_width=first)
    for metric, (width, _) in columns.items():
        table.add_column(metric.title, justify="right", min_width=width, max_width=width)
    for k, candidate in enumerate(results.candidates):
        cells = [column[k] for _, column in columns.values()]
        table.add_row(Text(candidate), *cells, end_section=candidate == _last_baseline(results))
    return table


def _headed(metric: Metric) -> int:
    """Width of a metric's name, broken between words."""
    import textwrap

    return max(map(len, textwrap.wrap(metric.title, _HEADED)))


def _cell(results: Results, candidate: str, metric: Metric, library: str, console: Any) -> Any:
    from rich.text import Text

    mean = results.mean(candidate, metric.name, library)
    difference, digits = results.difference(candidate, metric.name, library), metric.digits
    if np.isnan(mean) or np.isnan(difference.mean):
        return Text("-  ")
    if candidate == BASELINE:
        return Text(f"{mean:.{digits}f}  ")
    verdict = difference.verdict(metric.larger_is_better)
    half = "" if np.isnan(difference.half) else f" ±{difference.half:.{digits}f}"
    return Text(f"{difference.mean:+.{digits}f}{half} {_marks(console)[verdict]}", style=_STYLES[verdict])


def _marks(console: Any) -> dict[str, str]:
    """What tells better from worse where there is no colour, in letters that the terminal has."""
    better, worse = ("✓", "✗") if console.encoding.lower().startswith("utf") else ("+", "-")
    return {"better": better, "worse": worse, "tie": " "}


def _last_baseline(results: Results) -> str:
    return [name for name in results.candidates if name not in results.losses][-1]
