"""A small comparison of each kind, and its page."""

import numpy as np
import pytest

import boost_imbalance as bi
from tests.comparison.report.common import BAD


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
        y = pytest.importorskip("pandas").DataFrame(y, columns=[BAD, "b", "c"])
    params = {"n_estimators": 12, "max_depth": 2, "n_jobs": 1}
    return bi.compare(
        X, y, losses=["weighted", "focal"], library="xgboost", folds=3, params=params, progress=False, name=name, **options
    )


@pytest.fixture(scope="session")
def found():
    return {
        "binary": small("binary", repeats=2, baselines=["tuned threshold", "class weights"]),
        "multiclass": small("multiclass", repeats=1, baselines=["tuned threshold"]),
        "multilabel": small("multilabel", repeats=1),
    }


@pytest.fixture(scope="session")
def pages(found):
    from boost_imbalance.comparison.report import html

    return {task: html(comparison) for task, comparison in found.items()}


@pytest.fixture(params=["binary", "multiclass", "multilabel"])
def task(request):
    return request.param
