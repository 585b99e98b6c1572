"""Times that a change can be compared by: gradient and Hessian of each task, and a short training with either library.

pip install ".[test]" pytest-benchmark
python -m pytest benchmarks/speed.py --benchmark-save=main        # before
python -m pytest benchmarks/speed.py --benchmark-compare          # after; the last saved run is beside it
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import boost_imbalance as bi

ROWS = 200_000
LOSSES = {
    "weighted": lambda: bi.weighted_objective("balanced"),
    "focal": lambda: bi.focal_objective(2.0),
    "asymmetric": lambda: bi.asymmetric_objective(),
    "logit-adjusted": lambda: bi.logit_adjusted_objective(),
}


def labels(task: str) -> Any:
    rng = np.random.default_rng(0)
    if task == "multi-class":
        return rng.choice(10, ROWS, p=np.geomspace(1, 0.01, 10) / np.geomspace(1, 0.01, 10).sum()).astype(np.float32)
    return (rng.random((ROWS, 10) if task == "multi-label" else ROWS) < 0.05).astype(np.float32)


@pytest.mark.parametrize("task", ["binary", "multi-class", "multi-label"])
@pytest.mark.parametrize("name", LOSSES)
def test_round(benchmark: Any, name: str, task: str) -> None:
    label = labels(task)
    training = LOSSES[name]().bind(label)
    margin = np.random.default_rng(1).normal(size=ROWS if task == "binary" else (ROWS, 10)).astype(np.float32)
    benchmark.pedantic(training, (margin,), rounds=20, warmup_rounds=2)


@pytest.mark.parametrize("loss", [None, *LOSSES])
def test_xgboost(benchmark: Any, loss: str | None) -> None:
    xgboost = pytest.importorskip("xgboost")
    y = labels("binary")
    data = xgboost.QuantileDMatrix(np.random.default_rng(2).normal(size=(ROWS, 10)) + y[:, None], y)
    objective = None if loss is None else LOSSES[loss]()
    params = {"objective": "binary:logistic"} if objective is None else objective.xgboost_params(y)
    benchmark.pedantic(xgboost.train, (params, data, 10), {"obj": objective}, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("loss", [None, *LOSSES])
def test_lightgbm(benchmark: Any, loss: str | None) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    y = labels("binary")
    X = np.random.default_rng(2).normal(size=(ROWS, 10)) + y[:, None]
    params = {"objective": "binary"} if loss is None else LOSSES[loss]().lightgbm_params(y)
    data = lightgbm.Dataset(X, y, free_raw_data=False).construct()
    begin = None if loss is None else LOSSES[loss]().lightgbm_start(X, y)
    options = {} if begin is None else {"init_model": begin}
    benchmark.pedantic(lightgbm.train, ({**params, "verbosity": -1}, data, 10), options, rounds=5, warmup_rounds=1)
