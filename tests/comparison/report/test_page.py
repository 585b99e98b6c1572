"""What stands in a report, and that it needs nothing else."""

import html as escaping
import re
import sys
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("xgboost")

from boost_imbalance.comparison.candidates import chosen
from boost_imbalance.comparison.comparison import Comparison
from boost_imbalance.comparison.metrics import METRICS
from boost_imbalance.comparison.report import html
from boost_imbalance.comparison.statistics import paired
from boost_imbalance.comparison.store import Store
from boost_imbalance.estimators import portable
from boost_imbalance.losses.labels import Task
from tests.comparison.report.common import BAD


class Page(HTMLParser):
    """Elements with their attributes, and tables, by class, as rows of cells."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.text, self.tables, self._kinds = [], [], [], [], []
        self._inside, self._cell = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self._inside.append(tag)
        if tag == "table":
            self.tables.append([])
            self._kinds.append(attributes["class"].split()[0])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = {"text": "", "class": attributes.get("class", "").split(), "column": len(self.tables[-1][-1])}
            self.tables[-1][-1].append(self._cell)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if "script" in self._inside:
            self.scripts.append(data)
        elif "style" not in self._inside:
            self.text.append(data)
            if self._cell is not None:
                self._cell["text"] += data

    @property
    def plain(self):
        return " ".join("".join(self.text).split())

    def all(self, name):
        return [value for _, attributes in self.elements for key, value in attributes.items() if key == name]

    def of_class(self, kind):
        return [table for table, its in zip(self.tables, self._kinds, strict=True) if its == kind]


def invented(task, label, classes, probability, folds=3, **changes):
    """A comparison of numbers drawn at random, which takes no training."""
    rng = np.random.default_rng(0)
    candidates = chosen(task)
    settings = {
        "name": "invented", "task": task.value, "classes": classes, "rows": len(label), "features": 2, "data": "0",
        "preparation": [], "unlabelled": 0,
        "counts": (np.nansum(label, axis=0) if label.ndim == 2 else np.bincount(label)).astype(int).tolist(),
        "libraries": ["xgboost"], "versions": {"xgboost": "3"}, "params": {"xgboost": {}},
        "candidates": [c.name for c in candidates], "about": {},
        "losses": {c.name: portable.loss_parameters(c.loss) for c in candidates if c.loss is not None},
        "folds": folds, "repeats": 1, "tune": 0, "tune_for": "average_precision", "precision": 0.5, "confidence": 0.95,
        "seed": 0, "goal": {"decision": "f1", "text": "f1"}, **changes,
    }  # fmt: skip
    store = Store(settings, label)
    for candidate in candidates:
        for fold in range(folds):
            rows = np.arange(fold, len(label), folds)
            record = {
                "library": "xgboost",
                "candidate": candidate.name,
                "repeat": 0,
                "fold": fold,
                "n_train": 2,
                "n_test": 1,
            }
            record |= {"rounds": 3, "params": {}, **{metric: rng.random() for metric in METRICS}}
            p = probability(rows, rng)
            decided = p.argmax(axis=1) if task is Task.MULTICLASS else (p > 0.5).astype(int)
            store.add(record, {"rows": rows, "probability": p.astype(np.float32), "decided": decided})
    return Comparison(store)


def without(comparison, left_out, settings=None):
    """The same comparison without some records and their predictions."""
    store = Store({**comparison.settings, **(settings or {})}, comparison.label)
    for record in comparison._store.records:
        if not left_out(record):
            parts = comparison._store.predictions.get((record["library"], record["candidate"]), {})
            store.add(record, parts.get((record["repeat"], record["fold"])))
    return Comparison(store)


def test_a_page_that_needs_nothing_else(pages, task):
    page = Page(pages[task])
    assert pages[task].startswith("<!DOCTYPE html>")
    assert ("html", {"lang": "en"}) in page.elements
    counted = Counter(tag for tag, _ in page.elements)
    assert [counted[tag] for tag in ("head", "h1", "main", "script", "style")] == [1] * 5
    title = re.search(r"<title>(.*?)</title>", pages[task])[1]
    assert escaping.unescape(title).startswith(f"{BAD}: ")
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    for reference in page.all("href") + page.all("xlink:href"):
        assert reference.startswith("#")
        assert reference[1:] in ids
    assert not page.all("src") + page.all("srcset") + page.all("data") + page.all("action")
    assert not re.search(r"url\((?!#)|@import|https?:|//\w+\.\w", pages[task])
    assert (
        "default-src 'none'"
        in dict(e[1].values() for e in page.elements if e[1].get("http-equiv"))["Content-Security-Policy"]
    )
    assert len(pages[task]) < 1_000_000


def test_figures_take_the_colours_of_the_page(pages, task):
    figures = re.findall(r"<svg.*?</svg>", pages[task], flags=re.DOTALL)
    large = [figure for figure in figures if 'role="img"' in figure]
    assert len(large) >= 8
    for figure in large:
        assert re.search(r'aria-label="[^"]{10,}"', figure)
        assert not re.search(r"#[0-9a-f]{6}|DejaVu|<metadata", figure)
        assert "var(--ink)" in figure


@pytest.mark.parametrize("metric", ["goal", "found", "false_alarms", *METRICS])
def test_every_number_is_there(found, pages, task, metric):
    comparison = found[task]
    (table,) = Page(pages[task]).of_class("metrics")
    column = list(comparison.metrics).index(metric) + 1
    assert table[0][column]["text"].split("\n")[0].strip().startswith(comparison.metrics[metric].title)
    assert [row[0]["text"].strip() for row in table[1:]] == comparison.candidates
    digits = comparison.metrics[metric].digits
    for name, row in zip(comparison.candidates, table[1:], strict=True):
        cell = row[column]["text"].replace("\N{MINUS SIGN}", "-")
        mean = f"{comparison.mean(name, metric):.{digits}f}"
        assert cell.startswith(mean)
        difference = comparison.difference(name, metric)
        verdict = difference.verdict(comparison.metrics[metric].larger_is_better)
        if name == "built-in":
            assert "±" not in cell
            continue
        shown = re.search(r"([+-]?\d+\.\d+) ± (\d+\.\d+)$", cell[len(mean) :])
        assert float(shown[1]) == pytest.approx(difference.mean, abs=0.51 * 10.0**-digits)
        assert float(shown[2]) == pytest.approx(difference.half, abs=0.51 * 10.0**-digits)
        assert verdict in row[column]["class"]
        assert ("✓" in cell, "✗" in cell) == (verdict == "better", verdict == "worse")


def test_lines_that_cross_the_middle_are_ties(found, pages):
    cells = re.findall(
        r'<tr class="(better|worse|tie)[^"]*">\s*<th scope="row">([^<]+)</th>\s*(<td class="track".*?</td>)', pages["binary"]
    )
    assert len(cells) == 3 * (len(found["binary"].candidates) - 1)
    for verdict, _, track in cells:
        start, end = (float(re.search(rf"--{side}: ([\d.]+)%", track)[1]) for side in ("start", "end"))
        assert (start <= 50.0 <= end) == (verdict == "tie")


def test_confusions_and_recalls(found, pages):
    comparison = found["multiclass"]
    page = Page(pages["multiclass"])
    matrices = page.of_class("confusion")
    assert len(matrices) == len(comparison.candidates) + 1  # the built-in objective by its own rule as well
    names = [str(one) for one in comparison.settings["classes"]]
    plain = comparison.out_of_fold("built-in")
    truth = comparison.label[plain["rows"]]
    own_rule = "built-in, its own rule"
    expected = {own_rule: (confusion_matrix(truth, plain["decided"]), recall_score(truth, plain["decided"], average=None))}
    for name in comparison.candidates:
        one = comparison.decided(name)
        truth = comparison.label[one["rows"]]
        expected[name] = confusion_matrix(truth, one["decided"]), recall_score(truth, one["decided"], average=None)
    counted = [
        [[int(cell["text"].split("%")[1].replace(",", "")) for cell in row[1:]] for row in table[1:]] for table in matrices
    ]
    assert sorted(counted) == sorted(matrix.tolist() for matrix, _ in expected.values())
    (recalls,) = page.of_class("recalls")
    assert [cell["text"] for cell in recalls[0][2:]] == [own_rule, *comparison.candidates]
    for row in recalls[1:]:
        k = names.index(row[0]["text"])
        for cell, (_, recall) in zip(row[2:], expected.values(), strict=True):
            assert cell["text"] == f"{100 * recall[k]:.1f}%"


def test_confusions_of_labels_leave_missing_ones_out(found, pages):
    comparison = found["multilabel"]
    one = comparison.out_of_fold("built-in")
    truth, decided = comparison.label[one["rows"]], one["decided"]
    table = Page(pages["multilabel"]).of_class("confusion")[0]
    for row in table[1:]:
        k = comparison.settings["classes"].index(row[0]["text"])
        known = np.isfinite(truth[:, k])
        expected = confusion_matrix(truth[known, k], decided[known, k])[[1, 1, 0, 0], [1, 0, 1, 0]]
        assert [int(cell["text"].split("%")[1].replace(",", "")) for cell in row[1:]] == expected.tolist()


def test_text_of_the_user_is_text(pages, task):
    page = Page(pages[task])
    assert "alert(" not in "".join(page.scripts)
    assert BAD in page.plain
    assert BAD not in pages[task]
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_it_says_what_was_found(found, pages, task):
    comparison, page = found[task], Page(pages[task])
    for sentence in (comparison.deployment(), *comparison.conclusion()):
        assert sentence in page.plain
    assert comparison.code() in "".join(page.text)
    assert "Nadeau and Bengio" in page.plain
    assert "Bonferroni" in page.plain
    assert "Not complete" not in page.plain
    for name in comparison.candidates:
        assert name in page.plain


def test_a_comparison_that_was_stopped(found):
    """One fold of one of two libraries; one candidate failed there, of another nothing is known."""
    two = {"libraries": ["xgboost", "lightgbm"], "params": {"xgboost": {}, "lightgbm": {}}}
    stopped = without(found["binary"], lambda r: r["repeat"] or r["fold"] or r["candidate"] in ("focal", "weighted"), two)
    failure = {"library": "xgboost", "candidate": "weighted", "repeat": 0, "fold": 0, "error": f"ValueError: {BAD}"}
    stopped._store.add(failure, None)
    text = html(stopped)
    page = Page(text)
    assert f"{len(stopped.records)} of {stopped.planned} results" in page.plain
    assert f"weighted, xgboost, in 1 folds: ValueError: {BAD}" in page.plain
    assert BAD not in text
    assert page.plain.count("1 of 6 folds") == len(stopped.candidates) - 2
    assert page.plain.count("Nothing can be said yet") == 1
    (table,) = page.of_class("metrics")
    unknown = next(row for row in table if row[0]["text"].startswith("focal"))
    assert {cell["text"] for cell in unknown[1:]} == {"\N{EN DASH}"}
    assert not any("nan" in cell["text"] for table in page.tables for row in table for cell in row)


def test_a_baseline_that_failed(found):
    comparison = without(found["multiclass"], lambda r: r["candidate"] in ("built-in", "tuned threshold"))
    page = Page(html(comparison))
    assert "Nothing can be said yet" in page.plain
    (table,) = page.of_class("metrics")
    assert table[-1][1]["text"] == f"{comparison.mean('focal', 'goal'):.4f}"
    assert not page.of_class("forest")


def test_predictions_of_different_rows(found):
    """Curves are those of the rows that all have predicted; one with few of them takes none away."""
    lacking = {"weighted": 1, "focal": 2}
    comparison = without(found["binary"], lambda r: r["fold"] < lacking.get(r["candidate"], 0))
    page = Page(html(comparison))
    rows = len(comparison.out_of_fold("weighted")["rows"])
    assert 0 < rows < len(comparison.label)
    assert f"Of the {rows:,} rows" in page.plain
    keys = [f"xgboost-s{comparison.candidates.index(name)}" in page.all("id") for name in ("built-in", "weighted", "focal")]
    assert keys == [True, True, False]


def test_no_predictions(found):
    bare = without(found["multiclass"], lambda r: False)
    bare._store.predictions.clear()
    page = Page(html(bare))
    assert not page.of_class("confusion")
    assert "Precision, recall and reliability" not in page.plain


@pytest.mark.slow
def test_many_labels():
    rng = np.random.default_rng(0)
    label = (rng.random((600, 70)) < 0.05).astype(float)
    label[rng.random(label.shape) < 0.1] = np.nan
    comparison = invented(
        Task.MULTILABEL, label, [f"tag {k}" for k in range(70)], lambda rows, rng: rng.random((len(rows), 70))
    )
    text = html(comparison)
    page = Page(text)
    assert len(text) < 1_500_000
    assert "Drawn are the 3 rarest of 70 labels." in page.plain
    assert "10 more frequent ones are left out" in page.plain


@pytest.mark.slow
def test_many_classes():
    rng = np.random.default_rng(0)
    label = np.concatenate([np.arange(30), rng.integers(30, size=870)])
    comparison = invented(
        Task.MULTICLASS, label, list(range(30)), lambda rows, rng: rng.dirichlet(np.ones(30), size=len(rows))
    )
    text = html(comparison)
    assert len(text) < 2_000_000
    matrices = Page(text).of_class("confusion")
    counts = [int(number.replace(",", "")) for number in re.findall(r'<span title="([\d,]+) rows">', text)]
    assert sum(counts) == len(matrices) * len(label)
    assert all(len(table) == 1 + 20 + 1 for table in matrices)


def test_the_same_page_whatever_the_settings_of_matplotlib(found, pages):
    import matplotlib

    with matplotlib.rc_context({"font.size": 30.0, "axes.facecolor": "red", "svg.fonttype": "path", "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        assert html(found["multilabel"]) == pages["multilabel"]
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_package_that_is_missing(found, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"{package}.*pip install 'boost-imbalance\[compare\]'"):
        html(found["binary"])


def test_what_the_trees_split_by(found, pages):
    comparison = found["binary"]
    (table,) = Page(pages["binary"]).of_class("importances")
    other = table[0][2]["text"]
    assert other not in ("built-in", "tuned threshold")
    base, own = (100.0 * comparison.importance(name) for name in ("built-in", other))
    np.testing.assert_allclose(base.sum(axis=1), 100.0, atol=0.1)
    names = [column["name"] for column in comparison.columns["columns"]]
    assert {row[0]["text"] for row in table[1:]} == set(names)
    for row in table[1:]:
        k = names.index(row[0]["text"])
        shown = [float(cell["text"]) for cell in row[1:3]]
        assert shown == pytest.approx([base[:, k].mean(), own[:, k].mean()], abs=0.06)
        half = paired(own[:, k], base[:, k], 0.5, 0.95, len(names)).half
        assert row[3]["text"].endswith(f" ± {half:.1f}")
