"""Both libraries' classifiers, each kind of task, and rows to tune and to judge by."""

import pytest

import boost_imbalance as bi
from tests.estimators.libraries import library_of

TASKS = ["binary", "multiclass", "multilabel"]


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    return library_of(request.param, loss=bi.focal_objective(), n_estimators=6, learning_rate=0.3, max_depth=3)


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def cut(make_data):
    """Training rows and others."""

    def make(task, n=500):
        return make_data(task, n), make_data(task, 400, seed=1)

    return make
