"""Tables as wide as the terminal, with and without colour."""

import io
import re

import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from rich.console import Console

from boost_imbalance.comparison import terminal
from boost_imbalance.comparison.candidates import chosen
from boost_imbalance.comparison.columns import Column, Finding, Summary
from boost_imbalance.comparison.comparison import Comparison
from boost_imbalance.comparison.metrics import METRICS
from boost_imbalance.comparison.store import Store
from boost_imbalance.losses.labels import Task

WIDTHS = [60, 80, 100, 120, 140, 160, 200, 240]
LONG = "focal:gamma=1,tau=0.5"


@pytest.fixture(scope="module")
def found():
    """Numbers drawn at random; one candidate is far better, one far worse, and some trainings take hours."""
    rng = np.random.default_rng(0)
    names = [candidate.name for candidate in chosen(Task.BINARY)] + [LONG]
    settings = {
        "name": "invented", "task": Task.BINARY.value, "classes": [0, 1], "rows": 100, "features": 2, "counts": [90, 10],
        "preparation": [], "unlabelled": 0, "libraries": ["xgboost"], "versions": {"xgboost": "3"},
        "params": {"xgboost": {}}, "candidates": names, "about": {}, "losses": {name: {} for name in names[6:]},
        "folds": 5, "repeats": 2, "tune": 0, "tune_for": "average_precision", "precision": 0.5, "confidence": 0.95,
        "goal": {"decision": "f1", "text": "f1"},
    }  # fmt: skip
    store = Store(settings, np.zeros(100, np.int64))
    for name in names:
        for fold in range(10):
            record = {"library": "xgboost", "candidate": name, "repeat": fold // 5, "fold": fold % 5}
            record |= {"n_train": 4, "n_test": 1, "rounds": 3, "params": {}}
            for metric in METRICS.values():
                better = {"focal": 1.0, "weighted": -1.0}.get(name, 0.0) * (1 if metric.larger_is_better else -1)
                record[metric.name] = 0.5 + 0.4 * better + 0.01 * rng.random()
            store.add({**record, "seconds": 12345.678 * rng.random(), "rounds": 1000 * rng.random()}, None)
    return Comparison(store)


def printed(show, width, **options):
    """What a terminal shows."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=options.pop("encoding", "utf-8"), write_through=True)
    show(Console(file=stream, width=width, legacy_windows=False, **options))
    return stream.buffer.getvalue().decode(stream.encoding)


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_fit_and_nothing_is_cut_off(found, width):
    text = printed(lambda console: terminal.show(found, console), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for candidate in found.candidates:
        whole = [line for line in text.splitlines() if line.startswith(f" {candidate} ")]
        assert len(whole) == sum(line.startswith(" built-in ") for line in text.splitlines())
    for metric in METRICS.values():
        mean, difference = found.mean("built-in", metric.name), found.difference("class-balanced", metric.name)
        assert f" {mean:.{metric.digits}f} " in text
        assert f"{difference.mean:+.{metric.digits}f} ±{difference.half:.{metric.digits}f}" in text
        for word in metric.title.split():
            assert word in text


def test_a_wide_terminal_takes_one_table_of_all_metrics(found):
    text = printed(lambda console: terminal.show(found, console), 320)
    assert text.count("xgboost, difference to built-in") == 1


@pytest.mark.parametrize("width", [60, 80])
def test_names_longer_than_the_terminal_go_on_in_the_next_line(found, width):
    name = "asymmetric:" + ",".join(f"gamma{k}={k}" for k in range(12))
    store = Store({**found.settings, "candidates": ["built-in", name], "losses": {name: {}}}, found.label)
    for record in found._store.records:
        if record["candidate"] in ("built-in", "focal"):
            store.add({**record, "candidate": record["candidate"].replace("focal", name)}, None)
    text = printed(lambda console: terminal.show(Comparison(store), console), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    first = re.sub(r"\s", "", "".join(line[: width - 20] for line in text.splitlines() if "gamma" in line))
    assert "gamma11=11" in first


@pytest.mark.parametrize(("encoding", "better", "worse"), [("utf-8", "✓", "✗"), ("cp1252", "+", "-")])
@pytest.mark.parametrize("colour", [True, False])
def test_better_and_worse_are_told_without_colour(found, encoding, better, worse, colour, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = printed(lambda console: terminal.show(found, console), 120, encoding=encoding, force_terminal=colour)
    assert ("\x1b[1;32m" in text) == colour
    lines = re.sub(r"\x1b\[[\d;]*m", "", text).replace("|", " ").splitlines()  # ASCII has lines between columns
    shown = {name: [line for line in lines if line.startswith(f" {name} ")] for name in ("focal", "weighted", "adaptive")}
    marked = {name: re.findall(r"±[\d.]+ (\S)(?= |$)", " ".join(rows)) for name, rows in shown.items()}
    assert marked["focal"].count(better) == marked["weighted"].count(worse) == 10  # all but seconds and rounds
    assert worse not in marked["focal"]
    assert better not in marked["weighted"]
    assert f"{better} is better, {worse} worse" in " ".join(" ".join(lines).split())


SUMMARY = Summary(
    [
        Column("a_rather_long_name_of_a_column_that_a_data_base_has_made", "identifier", 0.25, 1_234_567, "x" * 40),
        Column("[b]", "number", 0.0, 3, "1"),
        *(Column(f"c{k}", "number", 0.0001, 3, "1") for k in range(60)),
    ],
    [
        Finding("identifier", ("c59",), "Column 'c59' is an identifier [so]", "`--drop c59`", "X = X.drop(columns=['c59'])"),
        Finding("constant", ("c0",), "Column 'c0' says nothing", "", "", False),
    ],
)


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_fit(width):
    text = printed(lambda console: terminal.show_columns(SUMMARY, 10, console), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for part in ("1,234,567", "25.0%", "<0.1%", "[b]", "! c59", "and 22 others", "10 rows, 62 columns"):
        assert part in text
    assert "! Column 'c59' is an identifier [so]: --drop c59." in " ".join(text.split())
    assert "- Column 'c0' says nothing." in text
    assert len(text.splitlines()) < 60


def test_nothing_is_printed_of_nothing():
    assert printed(lambda console: terminal.show_columns(Summary([], []), 10, console), 80) == ""
