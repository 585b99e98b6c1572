"""Both libraries' classifiers, each kind of task, and rows to tune and to judge by."""

from dataclasses import dataclass, field
from typing import Any

import pytest

import boost_imbalance as bi

TASKS = ["binary", "multiclass", "multilabel"]


@dataclass
class Library:
    """One library's classifier."""

    name: str
    module: Any
    ours: Any
    settings: dict[str, Any] = field(default_factory=dict)

    def make(self, **params):
        # Its calibrated probabilities are not those of its margins, so that one cannot be taken for the other.
        return self.ours(
            **{
                "loss": bi.focal_objective(),
                "n_estimators": 6,
                "learning_rate": 0.3,
                "max_depth": 3,
                "n_jobs": 1,
                **self.settings,
                **params,
            }
        )


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    module = pytest.importorskip(request.param)
    if request.param == "xgboost":
        return Library("xgboost", module, bi.ImbalancedXGBClassifier)
    settings = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    return Library("lightgbm", module, bi.ImbalancedLGBMClassifier, settings)


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def cut(make_data):
    """Training rows and others."""

    def make(task, n=500):
        return make_data(task, n), make_data(task, 400, seed=1)

    return make
