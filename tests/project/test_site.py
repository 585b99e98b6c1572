"""The built site: no warning, nothing from elsewhere, names for screen readers, and a search that answers."""

import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import boost_imbalance as bi
from boost_imbalance import metrics
from tests.helpers import ROOT

DOCS = ROOT / "docs"

# What Sphinx ships to the browser, run by Node with the little of a browser that it touches.
SEARCH = """
const fs = require("fs"), vm = require("vm"), path = require("path");
const [site, questions] = [process.argv[1], JSON.parse(fs.readFileSync(0, "utf8"))];
const browser = vm.createContext({
  document: { getElementById: () => null }, localStorage: { setItem() {} },
  SPHINX_HIGHLIGHT_ENABLED: false, _ready() {}, _: (text) => text, console,
});
vm.runInContext("globalThis.window = globalThis; var Stemmer;", browser);
const read = (name) => fs.readFileSync(path.join(site, name), "utf8");
vm.runInContext(read("_static/language_data.js"), browser);
vm.runInContext(read("_static/searchtools.js") + "; globalThis.Search = Search;", browser);
vm.runInContext(read("searchindex.js"), browser);
const { Search } = browser;
const pages = (question) => Search._performSearch(...Search._parseQuery(question)).reverse().map((hit) => hit[0]);
console.log(JSON.stringify(Object.fromEntries(questions.map((question) => [question, pages(question)]))));
"""


@pytest.fixture(scope="module")
def search_terms():
    pytest.importorskip("sphinx")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "_ext"))
        import search_terms
    return search_terms


def build(folder):
    """The site without what its examples print and draw; or a whole one that is there, in the folder ``BUILT_SITE``."""
    if built := os.environ.get("BUILT_SITE"):
        return pathlib.Path(built)
    for module in (
        "sphinx", "sphinx_gallery", "sphinx_design", "sphinx_copybutton", "myst_parser", "numpydoc", "pydata_sphinx_theme",
        "matplotlib", "sklearn", "xgboost", "lightgbm",
    ):  # fmt: skip
        pytest.importorskip(module)
    # Examples become pages inside the source folder, so that a copy is built and the checkout stays as it is.
    for name in ("docs", "examples", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("_build", "gallery", "__pycache__"))
    for page in ROOT.glob("*.md"):
        (folder / page.name).write_bytes(page.read_bytes())
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-D", "plot_gallery=0"]
    command += [str(folder / "docs"), str(folder / "html")]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_of_the_guide_and_of_a_loss_is_found_by_a_term(search_terms):
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in DOCS.rglob("*.md")}
    wanted = {page for page in pages if page.startswith(("guide/", "losses/"))} - {"guide/README", "losses/index"}
    assert wanted <= set(search_terms.TERMS) <= pages


def test_no_term_is_answered_by_two_pages(search_terms):
    terms = [term for listed in search_terms.TERMS.values() for term in listed]
    assert len(terms) == len(set(terms))
    assert all(term == term.lower() for term in terms)


def test_index_of_the_reference_names_everything():
    text = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    named = {word.strip("`~.,") for line in text.splitlines() for word in line.replace(".", " ").replace("`", " ").split()}
    assert {*bi.__all__, *bi._LATER, *metrics.__all__} - {"metrics"} <= named


def check_formulas_and_figures(site):
    page = (site / "losses" / "focal.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert "focal-1.svg" in page
    assert re.findall(r"<(?:script|link|img)[^>]*=.https?:[^>]*>", page) == [], "the page loads something from elsewhere"


def check_first_hits(site, search_terms):
    if (node := shutil.which("node")) is None:
        pytest.skip("needs Node to run the search")
    answers = {term: page for page, terms in search_terms.TERMS.items() for term in search_terms.with_libraries(terms)}
    run = subprocess.run(
        [node, "-e", SEARCH, str(site)],
        input=json.dumps(list(answers)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = json.loads(run.stdout)
    wrong = {term: found[term][:3] for term, page in answers.items() if found[term][:1] != [page]}
    assert wrong == {}


class Outline(html.parser.HTMLParser):
    """Headings of the first order, pictures without a description, and links that say nothing out of context."""

    def __init__(self):
        super().__init__()
        self.h1, self.unnamed, self.link = 0, [], None

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.h1 += tag == "h1"
        if tag == "img" and "alt" not in given:  # an empty one is for pictures beside their own title
            self.unnamed.append(given.get("src"))
        if tag == "img" and self.link is not None:
            self.link[1] += given.get("alt") or ""
        if tag == "a" and "href" in given:
            self.link = [given["href"], given.get("aria-label") or given.get("title") or ""]

    def handle_data(self, data):
        if self.link is not None:
            self.link[1] += data

    def handle_endtag(self, tag):
        if tag == "a" and self.link is not None:
            if self.link[1].strip().lower() in {"", "here", "this", "this page", "link", "click here"}:
                self.unnamed.append(self.link[0])
            self.link = None


def check_headings_and_names(site):
    for page in sorted(site.rglob("*.html")):
        name = page.relative_to(site).as_posix()
        if name.startswith("_") or name in {"genindex.html", "search.html", "py-modindex.html"}:
            continue
        outline = Outline()
        outline.feed(page.read_text(encoding="utf-8"))
        assert (name, outline.h1, outline.unnamed) == (name, 1, [])


def check_sentences(site):
    text = (site / "api" / "index.html").read_text(encoding="utf-8")
    rows = text.count('<tr class="row-')
    assert rows >= len({*bi.__all__, *metrics.__all__}) - 3
    assert "<td><p></p></td>" not in text


@pytest.mark.slow
def test_the_built_site(tmp_path, search_terms):
    """One test, so that the site is built once however tests are spread over processes."""
    site = build(tmp_path)
    check_formulas_and_figures(site)
    check_headings_and_names(site)
    check_sentences(site)
    check_first_hits(site, search_terms)
