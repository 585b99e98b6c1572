"""Both libraries' classifiers, and rows of several labels."""

import numpy as np
import pytest

from tests.estimators.multilabel.common import library_of


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    return library_of(request.param)


@pytest.fixture
def lgb():
    return pytest.importorskip("lightgbm")


@pytest.fixture
def data(make_data):
    return make_data("multilabel", 600)


@pytest.fixture
def test(make_data):
    return make_data("multilabel", 400, seed=1)


@pytest.fixture
def observed():
    """Where there is a label: of some rows none, and of each column more or fewer."""
    rng = np.random.default_rng(4)
    seen = rng.random((600, 3)) < [0.9, 0.6, 0.75]
    seen[::13] = False
    return seen
