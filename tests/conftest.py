"""Synthetic data, and a fresh interpreter, for every test."""

import collections
import os
import shutil
import subprocess
import sys
from typing import Any, NamedTuple

if shutil.which("nvidia-smi") is None:
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")  # read when numba is imported; the CPU's kernels do not mind
os.environ.setdefault("MPLBACKEND", "Agg")  # no test opens a window

import numpy as np
import pytest

import boost_imbalance as bi
from tests.helpers import ROOT


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Mark as slow what a test that is crossed over several parameters need not try to have tried each value once.

    With each library, because there may be one alone. What is skipped or expected to fail tries nothing.
    """
    cases = collections.defaultdict(list)
    for item in items:
        if hasattr(item, "callspec") and not any(
            item.get_closest_marker(name) for name in ("slow", "skip", "skipif", "xfail")
        ):
            library = next((value for value in item.callspec.params.values() if str(value) in ("xgboost", "lightgbm")), None)
            cases[item.nodeid.partition("[")[0], library].append((_values(item), item))
    for found in cases.values():
        for item in _beyond_a_cover(found):
            item.add_marker(pytest.mark.slow)


def _values(item):
    """What each parametrization of a test takes in this case."""
    params, groups = item.callspec.params, []
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs["argnames"]
        groups.append([name.strip() for name in (names.split(",") if isinstance(names, str) else names)])
    known = set().union(*groups)
    groups += [[name] for name in params if name not in known]
    return {tuple(names): tuple(id(params[name]) for name in names) for names in groups}


def _beyond_a_cover(cases):
    """The items that are not needed for each parametrization to take each of its values."""
    orders = collections.defaultdict(dict)
    for values, _ in cases:
        for name, value in values.items():
            orders[name].setdefault(value, len(orders[name]))
    steps = range(max(map(len, orders.values())))
    diagonal = [{name: step % len(order) for name, order in orders.items()} for step in steps]

    def is_beside(case):
        return {name: orders[name][value] for name, value in case[0].items()} not in diagonal

    missing, beyond = {(name, value) for name, order in orders.items() for value in order}, []
    for values, item in sorted(cases, key=is_beside):
        if missing.isdisjoint(values.items()):
            beyond.append(item)
        missing -= set(values.items())
    return beyond


class Data(NamedTuple):
    task: str
    X: Any
    y: Any
    weight: Any
    posterior: Any


def _make(task: str, n: int = 1200, seed: int = 0) -> Data:
    """Rows from a known smooth posterior; label (n,) or, if multi-label, (n, 3), and sample weights from 0.5 to 3."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32).astype(np.float64)
    slope = 1.2 * X[:, 0] - 0.8 * X[:, 1] + 0.5 * X[:, 0] * X[:, 1]
    if task == "binary":
        posterior = 1.0 / (1.0 + np.exp(2.5 - slope))
        y = (rng.random(n) < posterior).astype(np.float64)
    elif task == "multilabel":
        logit = np.stack([slope - 1.0, 0.7 * X[:, 2] - 2.0, X[:, 3] - X[:, 0] - 3.0], axis=1)
        posterior = 1.0 / (1.0 + np.exp(-logit))
        y = (rng.random((n, 3)) < posterior).astype(np.float64)
    else:
        u = np.exp(np.stack([np.zeros(n), slope - 1.5, X[:, 2] - 0.5 * X[:, 0] - 2.0], axis=1))
        posterior = u / u.sum(axis=1, keepdims=True)
        y = (rng.random(n)[:, None] > np.cumsum(posterior, axis=1)).sum(axis=1).astype(np.float64)
    return Data(task, X, y, rng.uniform(0.5, 3.0, size=n), posterior)


@pytest.fixture(scope="session")
def make_data():
    return _make


@pytest.fixture(params=["binary", "multiclass", "multilabel"])
def any_data(request):
    return _make(request.param)


@pytest.fixture(params=["weighted", "focal", "asymmetric", "class_balanced", "logit_adjusted", "adaptive"])
def any_constructor(request):
    return getattr(bi, f"{request.param}_objective")


@pytest.fixture
def xgboost():
    return pytest.importorskip("xgboost")


@pytest.fixture
def lightgbm():
    return pytest.importorskip("lightgbm")


@pytest.fixture
def fresh_python():
    """Run code in another interpreter that can import the package, and return what it prints."""

    def run(code: str, *arguments: str, timeout: float = 100.0, **environment: str | None) -> str:
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={name: value for name, value in variables.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
