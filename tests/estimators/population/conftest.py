"""Both libraries' classifiers, and each kind of task."""

from typing import Any, NamedTuple

import pytest

import boost_imbalance as bi

TASKS = ["binary", "multiclass", "multilabel"]


class Kit(NamedTuple):
    name: str
    ours: Any
    settings: dict[str, Any]
    suffix: str
    read: Any

    def make(self, **params):
        return self.ours(
            **{"n_estimators": 60, "learning_rate": 0.15, "max_depth": 2, "n_jobs": 1, **self.settings, **params}
        )


@pytest.fixture(params=["xgboost", "lightgbm"])
def kit(request):
    library = pytest.importorskip(request.param)
    if request.param == "xgboost":

        def read(path):
            booster = library.Booster(model_file=path)
            return lambda X: booster.predict(library.DMatrix(X))

        return Kit("xgboost", bi.ImbalancedXGBClassifier, {}, ".json", read)
    settings = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    return Kit(
        "lightgbm", bi.ImbalancedLGBMClassifier, settings, ".txt", lambda path: library.Booster(model_file=path).predict
    )


@pytest.fixture(params=TASKS)
def task(request):
    return request.param
