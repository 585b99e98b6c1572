"""The site: every public name is on it, its figures are those of the benchmarks, and it builds without a warning."""

import re
import shutil
import subprocess
import sys

import pytest

import boost_imbalance as bi
from boost_imbalance import metrics
from tests.helpers import ROOT

DOCS = ROOT / "docs"


def documented():
    """What the pages of the reference name after ``auto...::``, with its module."""
    for page in sorted((DOCS / "api").glob("*.md")):
        module = "boost_imbalance"
        for line in page.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif found := re.match(r"\.\. auto(?:function|class|data):: (\w+)", line):
                yield f"{module}.{found[1]}"


def test_every_public_name_is_in_the_reference():
    plots = (ROOT / "boost_imbalance" / "plots" / "__init__.py").read_text(encoding="utf-8")  # without importing matplotlib
    public = {f"boost_imbalance.{name}" for name in {*bi.__all__, *bi._LATER} if name != "metrics"}
    public |= {f"boost_imbalance.metrics.{name}" for name in metrics.__all__}
    public |= {f"boost_imbalance.plots.{name}" for name in re.findall(r'^    "(\w+)",$', plots, re.MULTILINE)}
    assert set(documented()) == public


def test_every_loss_has_a_page():
    losses = {name.removesuffix("_objective").replace("_", "-") for name in bi.__all__ if name.endswith("_objective")}
    assert {page.stem for page in (DOCS / "losses").glob("*.md")} == losses | {"index"}


def test_the_tables_of_the_losses_are_in_the_benchmarks(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    from measurements import Measured, measured

    found = measured()
    for page in (DOCS / "losses").glob("*.md"):
        for names in re.findall(r"^```\{measured\} (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            for name in names.split("; "):
                assert all(set(Measured.columns) <= set(found[group, name][1]) for group in Measured.groups)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """All but the examples, which ``tests/project/test_examples.py`` runs."""
    for module in (
        "sphinx", "sphinx_gallery", "sphinx_design", "sphinx_copybutton", "myst_parser", "numpydoc", "pydata_sphinx_theme",
        "matplotlib", "sklearn", "xgboost", "lightgbm",
    ):  # fmt: skip
        pytest.importorskip(module)
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-D", "plot_gallery=0"]
    # Examples become pages inside the source folder, so that a copy is built and the checkout stays as it is.
    for name in ("docs", "examples", "benchmarks/results"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("_build", "gallery", "__pycache__"))
    for name in ("BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    done = subprocess.run(
        [*build, str(tmp_path / "docs"), str(tmp_path / "site")],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "losses" / "focal.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert "focal-1.svg" in page
    assert re.findall(r"<(?:script|link|img)[^>]*=.https?:[^>]*>", page) == [], "the page loads something from elsewhere"
