"""The sources of the site: every public name is in them, and their figures are those of the benchmarks."""

import re

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
