import colorsys
import html as escaping
import json
import pathlib
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, recall_score

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("xgboost")

import boost_imbalance as bi
from boost_imbalance.comparison.candidates import chosen
from boost_imbalance.comparison.comparison import Comparison
from boost_imbalance.comparison.metrics import METRICS
from boost_imbalance.comparison.report import html, threshold
from boost_imbalance.comparison.statistics import paired
from boost_imbalance.comparison.store import Store
from boost_imbalance.estimators import portable
from boost_imbalance.losses.labels import Task

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BAD = '<script>alert("x")</script>'
STYLE = pathlib.Path(bi.__file__).parent / "comparison" / "report" / "report.css"


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


def small(task, name=BAD, **options):
    rng = np.random.default_rng(0)
    n = 450
    X = rng.normal(size=(n, 4))
    slope = 1.5 * X[:, 0] - X[:, 1]
    if task == "binary":
        y = np.where(rng.random(n) < 1 / (1 + np.exp(2.5 - slope)), "rare & so", BAD)
    elif task == "multiclass":
        y = np.array([BAD, "b", "c"])[
            np.argmax(np.stack([0 * slope, slope - 1, X[:, 2] - 1]) + rng.gumbel(size=(3, n)), axis=0)
        ]
    else:
        y = (rng.random((n, 3)) < 1 / (1 + np.exp([1.0, 2.0, 2.5] - slope[:, None]))).astype(float)
        y[rng.random(y.shape) < 0.1] = np.nan
        y = pd.DataFrame(y, columns=[BAD, "b", "c"])
    params = {"n_estimators": 12, "max_depth": 2, "n_jobs": 1}
    return bi.compare(
        X, y, losses=["weighted", "focal"], library="xgboost", folds=3, params=params, progress=False, name=name, **options
    )


@pytest.fixture(scope="module")
def found():
    return {
        "binary": small("binary", repeats=2, baselines=["tuned threshold", "class weights"]),
        "multiclass": small("multiclass", repeats=1, baselines=["tuned threshold"]),
        "multilabel": small("multilabel", repeats=1),
    }


@pytest.fixture(scope="module")
def pages(found):
    return {task: html(comparison) for task, comparison in found.items()}


@pytest.fixture(params=["binary", "multiclass", "multilabel"])
def task(request):
    return request.param


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


def luminance(color):
    return float(
        np.dot([0.2126, 0.7152, 0.0722], [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color])
    )


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_contrast(mode):
    """At least what WCAG 2.2 asks for: 4.5 for text, 3 for graphics."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2
    colors = {
        name: np.array([int(value[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        for name, value in re.findall(r"--([\w-]+): #(\w{6});", blocks[mode])
    }
    shaded = 0.5 * colors["shade"] + 0.5 * colors["paper"]
    pairs = [("ink", "paper"), ("muted", "paper"), ("accent", "paper"), ("better", "paper"), ("worse", "paper")]
    pairs += [("better", "better-paper"), ("worse", "worse-paper"), ("ink", "notice-paper"), ("muted", "better-paper")]
    for one, other in pairs:
        assert contrast(colors[one], colors[other]) >= 4.5, (one, other)
    assert contrast(0.92 * colors["ink"] + 0.08 * shaded, shaded) >= 4.5
    lines = [color for name, color in colors.items() if name.startswith("line-")]
    assert all(contrast(color, colors["paper"]) >= 3.0 for color in lines)
    hues = sorted(colorsys.rgb_to_hsv(*color)[0] for color in lines)
    assert min(np.diff([*hues, hues[0] + 1.0])) > 0.04


WATCH = """
window.problems = [];
addEventListener("error", event => problems.push(String(event.message)));
addEventListener("securitypolicyviolation", event => problems.push(event.violatedDirective + " " + event.blockedURI));
addEventListener("unhandledrejection", event => problems.push(String(event.reason)));
"""

LOOK = """
const shown = element => element.ownerDocument.defaultView.getComputedStyle(element).display !== "none";
const facts = (view) => {
  const page = view.document, root = page.documentElement;
  const table = page.querySelector("table.metrics"), box = table.parentElement;
  const names = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent.trim());
  const numbers = () => [...table.tBodies[0].rows].map(row => Number(row.cells[5].dataset.value));
  const head = table.tHead.rows[0].cells[5], button = head.querySelector("button");
  const before = names();
  button.click();
  const ascending = [head.getAttribute("aria-sort"), numbers()];
  button.click();
  const descending = [head.getAttribute("aria-sort"), numbers()];
  button.click();
  box.scrollLeft = 150;
  const first = table.tBodies[0].rows[0].cells[0].getBoundingClientRect().left - box.getBoundingClientRect().left;
  const brier = page.querySelector("td.m-brier"), seen = [shown(brier)];
  page.querySelector("#xgboost-brier").click();
  seen.push(shown(brier));
  const line = page.querySelector("#xgboost figure .s0"), there = [shown(line)];
  page.querySelector("#xgboost-s0").click();
  there.push(shown(line));
  const told = box => Object.fromEntries([...box.querySelectorAll("[data-out]")].map(e => [e.dataset.out, e.textContent]));
  const sliders = [...page.querySelectorAll(".slider")].map(box => {
    const range = box.querySelector("input[type=range]"), miss = box.querySelector("[data-in=miss]");
    const press = name => box.querySelector(`[data-go=${name}]`).click();
    const steps = [told(box)];
    for (const place of [0, Math.floor(range.max / 2), Number(range.max)]) {
      range.value = place;
      range.dispatchEvent(new view.Event("input"));
      steps.push({...told(box), spoken: range.getAttribute("aria-valuetext"), place});
    }
    miss.value = "7.5";
    miss.dispatchEvent(new view.Event("input"));
    press("best");
    const best = told(box), drawn = box.querySelector("svg path").getAttribute("d").split("L").length;
    press("chosen");
    return {steps, best, drawn, again: told(box), points: JSON.parse(box.dataset.points), at: Number(box.dataset.at)};
  });
  const style = view.getComputedStyle(page.body);
  const right = element => element.getBoundingClientRect().right;
  const wide = [...page.querySelectorAll("body *:not(.scroll *, pre *, svg *)")].filter(e => right(e) > view.innerWidth + 1);
  return {
    width: view.innerWidth, scroll: root.scrollWidth, problems: view.problems, wide: wide.map(e => e.outerHTML.slice(0, 80)),
    copies: page.querySelectorAll(".copy").length, codes: page.querySelectorAll("pre.code").length,
    sliders, ascending, descending, restored: String(before) === String(names()), first, seen, there,
    paper: style.backgroundColor, ink: style.color,
    tick: view.getComputedStyle(page.querySelector("figure svg text")).fill,
  };
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => facts(frame.contentWindow));
  document.body.innerHTML = "";
  const out = document.createElement("pre");
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
"""


def in_chromium(folder, pages, dark):
    """What :data:`LOOK` finds in each page, 380 and 1300 pixels wide."""
    frames = []
    for text in pages:
        watched = text.replace("script-src 'sha256-", "script-src 'nonce-watch' 'sha256-", 1)
        watched = watched.replace("<title>", f"<script nonce='watch'>{WATCH}</script><title>", 1)
        frames += [
            f'<iframe style="width:{w}px;height:900px" srcdoc="{escaping.escape(watched)}"></iframe>' for w in (380, 1300)
        ]
    path = folder / "frames.html"
    scheme = '<meta name="color-scheme" content="light dark">'
    path.write_text(
        f"<!DOCTYPE html><meta charset=utf-8>{scheme}<script>{LOOK}</script><body>{''.join(frames)}", encoding="utf-8"
    )
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    flags += f"--disable-component-update --disable-sync --blink-settings=preferredColorScheme={0 if dark else 1} --dump-dom"
    done = subprocess.run(
        [CHROMIUM, *flags.split(), f"--user-data-dir={folder / 'profile'}", path.as_uri()],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return json.loads(escaping.unescape(re.search(r"<pre>(.*)</pre>", done.stdout, flags=re.DOTALL)[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_in_a_browser(pages, tmp_path):
    light, dark = (in_chromium(tmp_path, pages.values(), dark) for dark in (False, True))
    assert len(light) == len(dark) == 2 * len(pages)
    for one in light + dark:
        assert one["problems"] == []
        assert one["scroll"] <= one["width"]
        assert one["wide"] == []
        assert one["copies"] == one["codes"] == 1
        assert one["ascending"] == ["ascending", sorted(one["ascending"][1])]
        assert one["descending"] == ["descending", sorted(one["ascending"][1], reverse=True)]
        assert one["restored"]
        assert abs(one["first"]) < 1
        assert one["seen"] == one["there"] == [True, False]
        assert one["ink"] == one["tick"]
    assert {one["width"] for one in light} == {380, 1300}
    assert {one["paper"] for one in light} == {"rgb(253, 253, 252)"}
    assert {one["paper"] for one in dark} == {"rgb(22, 24, 27)"}


@pytest.mark.parametrize("goal", ["f1", "cost:fn=9,fp=1,tp=2,tn=-1"])
def test_the_chosen_threshold_does_what_was_measured(found, monkeypatch, goal):
    """Of class weights too, whose probabilities are calibrated in the classifier; costs are all that there are."""
    comparison = found["binary"].for_goal(goal)
    for name in ("built-in", "class weights", "focal"):
        monkeypatch.setattr(type(comparison), "recommended", lambda self, library=None, name=name: name)
        (slider,) = threshold.sliders(comparison, comparison.libraries[0])
        p = comparison.calibrated(name, comparison.out_of_fold(name)["probability"])
        y = comparison.label[comparison.out_of_fold(name)["rows"]]
        cut = comparison.decision(name)["threshold"] if goal == "f1" else 2.0 / 9.0
        assert (slider.chosen["found"], slider.chosen["false"]) == ((y[p > cut] == 1).sum(), (y[p > cut] == 0).sum())
        if goal != "f1":
            paid = slider.base + 1000 * (
                slider.miss * slider.chosen["missed"] + slider.alarm * slider.chosen["false"]
            ) / len(y)
            cost = np.array([[-1.0, 1.0], [9.0, 2.0]])[y, (p > cut).astype(int)]
            assert paid == pytest.approx(1000.0 * cost.mean())


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_threshold_moves(found, pages, tmp_path):
    """What the page says after each step, against scikit-learn's figures of the predictions of rows that were held out."""
    tasks = ["binary", "multilabel", "multiclass"]
    seen = in_chromium(tmp_path, [pages[task] for task in tasks], dark=False)[::2]
    assert [len(one["sliders"]) for one in seen] == [1, 3, 0]
    for task, one in zip(tasks[:2], seen, strict=False):
        comparison = found[task]
        held_out = comparison.out_of_fold(comparison.recommended())
        columns = [0] if task == "binary" else np.argsort(comparison.settings["counts"], kind="stable")[:3]
        threshold = np.atleast_1d(comparison.decision(comparison.recommended())["threshold"])
        for k, slider in zip(columns, one["sliders"], strict=True):
            y, p = (values.reshape(len(values), -1)[:, k] for values in (comparison.label, held_out["probability"]))
            y = y[held_out["rows"]]
            y, p = y[np.isfinite(y)], p[np.isfinite(y)].astype(float)
            assert slider["points"][slider["at"]][0] == pytest.approx(threshold[k], rel=1e-4)
            assert slider["steps"][0] == {**slider["again"], "cost": slider["steps"][0]["cost"]}
            assert slider["drawn"] == len(slider["points"])
            costs = []
            for cut, hits, wrong in slider["points"]:
                _, fp, _, tp = confusion_matrix(y, p > cut, labels=[0, 1]).ravel()
                if np.abs(p - cut).min() > 1e-4 * cut:  # the page has five digits
                    assert (hits, wrong) == (tp, fp)
                costs.append(1000.0 * (7.5 * (y.sum() - hits) + wrong) / len(y))
            assert float(slider["best"]["cost"]) == pytest.approx(min(costs), abs=0.06)
            for step in slider["steps"][1:]:
                cut, tp, fp = slider["points"][step["place"]]
                numbers = {name: float(step[name].replace(",", "").rstrip("%")) for name in step if name in (
                    "found", "false", "missed", "left", "recall", "alarms")}  # fmt: skip
                alarms = 1000.0 * (tp + fp) / len(y)
                assert numbers == pytest.approx(
                    {"found": tp, "false": fp, "missed": y.sum() - tp, "left": (y == 0).sum() - fp,
                     "recall": 100.0 * tp / y.sum(), "alarms": alarms}, abs=0.06,
                )  # fmt: skip
                precision = f"{100.0 * tp / (tp + fp):.1f}%" if tp + fp else "\N{EN DASH}"
                assert step["precision"] == precision
                assert step["spoken"].endswith(f", {numbers['alarms']:.1f} alarms in 1000 rows")
                assert float(step["threshold"]) == pytest.approx(cut, rel=0.01)


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
