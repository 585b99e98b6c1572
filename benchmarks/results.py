"""Results as data: a CSV file for each subject in ``results/``, and ``runs.csv``, which says where each came from."""

from __future__ import annotations

import csv
import datetime
import functools
import pathlib
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FOLDER = pathlib.Path(__file__).resolve().parent / "results"
RUNS = "runs.csv"

Row = dict[str, str]


def read(name: str, **wanted: str) -> list[Row]:
    """The rows of a file of ``results/`` that have these values."""
    path = FOLDER / name
    return [row for row in _rows(path, path.stat().st_mtime_ns) if all(row[key] == value for key, value in wanted.items())]


def write(path: pathlib.Path, rows: Sequence[Mapping[str, Any]], note: str = "") -> None:
    """A table, and in ``runs.csv`` beside it the command, the day and the machine it comes from."""
    _write(path, list(dict.fromkeys(key for row in rows for key in row)), rows)
    said(path, note)


def show(rows: Sequence[Mapping[str, Any]], path: pathlib.Path | None = None, note: str = "") -> None:
    """Print a table, and write it where there is a path."""
    for row in rows:
        print(*filter(None, map(str, row.values())), sep="\t")
    if path is not None:
        write(path, rows, note)


def said(path: pathlib.Path, note: str = "") -> None:
    """The row of ``runs.csv`` about a file that was just written."""
    from timing import hardware, versions

    run = {
        "file": path.name,
        "command": shlex.join(["python", f"benchmarks/{pathlib.Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat(),
        "machine": hardware(),
        "versions": versions(),
        "note": note,
    }
    runs = path.parent / RUNS
    known: dict[str, Mapping[str, Any]] = {}
    if runs.exists():
        with runs.open(encoding="utf-8", newline="") as file:
            known = {row["file"]: row for row in csv.DictReader(file)}
    known[path.name] = run
    _write(runs, list(run), [known[name] for name in sorted(known)])


@functools.cache
def _rows(path: pathlib.Path, changed: int) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def difference(mean: float, half: float, sure: bool | None = None) -> dict[str, str]:
    """The columns of a difference to the baseline, its interval, and whether the interval leaves out 0."""
    if mean != mean:
        return {}
    sure = abs(mean) > half if sure is None else sure
    return {"difference": f"{mean:+.4f}", "half": f"{half:.4f}", "beyond_noise": str(sure)}


def _write(path: pathlib.Path, columns: list[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
