"""Both libraries' classifiers, and small data."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.portable.common import ROWS


class Kit(NamedTuple):
    """One library: its classifier with small defaults, its file names, its own way to read one, and its precision."""

    name: str
    library: Any
    classifier: Any
    defaults: dict[str, Any]
    suffixes: tuple[str, ...]
    tolerance: float

    def make(self, **params):
        return self.classifier(**{"n_jobs": 1, "n_estimators": 8, **self.defaults, **params})

    def fit(self, data, label=None, fit=None, **params):
        return self.make(**params).fit(data.X, data.y if label is None else label, **(fit or {}))

    def read(self, path):
        """What the library's own booster predicts."""
        booster = self.library.Booster(model_file=path)
        return lambda X: booster.predict(self.library.DMatrix(X) if self.name == "xgboost" else X)


@pytest.fixture(params=["xgboost", "lightgbm"])
def kit(request):
    library = pytest.importorskip(request.param)
    pytest.importorskip("sklearn")
    if request.param == "xgboost":
        return Kit("xgboost", library, bi.ImbalancedXGBClassifier, {"max_depth": 3}, (".json", ".ubj"), 3e-6)
    defaults = {"num_leaves": 7, "min_child_samples": 5, "verbosity": -1}
    return Kit("lightgbm", library, bi.ImbalancedLGBMClassifier, defaults, (".txt",), 1e-12)


@pytest.fixture
def xgboost_kit(kit):
    if kit.name != "xgboost":
        pytest.skip("of XGBoost alone")
    return kit


@pytest.fixture
def lightgbm_kit(kit):
    if kit.name != "lightgbm":
        pytest.skip("of LightGBM alone")
    return kit


@pytest.fixture
def small(make_data):
    """Few rows, some with missing features."""

    def make(task, rows=ROWS, seed=0):
        data = make_data(task, rows, seed)
        data.X[::7, 3] = np.nan
        return data

    return make
