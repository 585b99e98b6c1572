"""Both libraries' classifiers, each kind of task, and data."""

import pytest

TASKS = ["binary", "multiclass", "multilabel"]


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    pytest.importorskip("sklearn")
    from tests.estimators.classifier.common import library_of

    return library_of(request.param)


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def binary(make_data):
    return make_data("binary", 500)
