"""The oldest versions that are promised are those that are tested."""

import re
import sys

import pytest

import boost_imbalance
from tests.helpers import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

TOOLS = {"gmpy2", "import-linter", "mypy", "numba-cuda", "ruff"}
"""What checks the code, a simulator of GPUs, and what makes arithmetic fast: the tests of the oldest versions need none."""


def release(version):
    parts = [int(part) for part in version.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def test_oldest_versions_are_the_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(one for name in extras if name not in ("cuda", "docs", "integrations", "spark", "torch") for one in extras[name]),
    ]
    bounds = {}
    for requirement in wanted:
        found = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement)
        if found is None:
            assert requirement.startswith("boost-imbalance["), requirement
        elif found[1] not in TOOLS:
            assert bounds.setdefault(found[1], release(found[2])) == release(found[2]), requirement
    lines = (ROOT / "tests" / "oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name.partition("[")[0]: release(version) for name, version in pinned.items()} == bounds


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert re.search(rf'^  version: "{re.escape(version)}"$', (ROOT / "packaging" / "recipe.yaml").read_text(), re.M)
    assert boost_imbalance.__version__ == version


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    yaml = pytest.importorskip("yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = yaml.safe_load((ROOT / "packaging" / "recipe.yaml").read_text())

    def conda(requirements):
        return {one.replace(">=", " >=") for one in requirements}

    python, *run = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert project["requires-python"] == f">={recipe['context']['python_min']}"
    assert set(run) == conda(project["dependencies"])
    libraries = conda(project["optional-dependencies"]["xgboost"] + project["optional-dependencies"]["lightgbm"])
    assert libraries == {one for one in recipe["requirements"]["run_constraints"] if not one.startswith("py-")}
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {what}" for name, what in project["scripts"].items()]
