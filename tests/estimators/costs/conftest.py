"""Both libraries' classifiers, and each kind of task."""

import pytest

import boost_imbalance as bi
from tests.estimators.costs.common import TASKS


@pytest.fixture(params=sorted(TASKS))
def task(request):
    return request.param


@pytest.fixture(params=["xgboost", "lightgbm"])
def make(request):
    """Make a classifier of one library."""
    pytest.importorskip("sklearn")
    pytest.importorskip(request.param)
    name, quiet = ("XGB", {}) if request.param == "xgboost" else ("LGBM", {"verbosity": -1})

    def made(**params):
        settings = {"n_estimators": 8, "learning_rate": 0.3, "max_depth": 3, "n_jobs": 1, **quiet}
        return getattr(bi, f"Imbalanced{name}Classifier")(**{"loss": bi.focal_objective(), **settings, **params})

    return made
