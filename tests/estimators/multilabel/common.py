"""What the tests of several labels share."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import boost_imbalance as bi

CROSS_ENTROPY = bi.weighted_objective(weights=None, hessian="exact")
QUIET = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
NATIVE = {**QUIET, "num_threads": 1, "feature_pre_filter": False}
"""As the classifier trains on few rows."""
STRATEGIES = ["one_output_per_tree", "multi_output_tree"]


@dataclass
class Library:
    """One library's classifier, and what the two libraries call differently."""

    name: str
    module: Any
    ours: Any
    parent: Any
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_xgboost(self) -> bool:
        return self.name == "xgboost"

    def make(self, **params):
        # Its calibrated probabilities are not those of its margins, so that one cannot be taken for the other.
        return self.ours(**{"loss": bi.focal_objective(), "n_estimators": 8, "n_jobs": 1, **self.settings, **params})

    def plain(self, **params):
        return self.parent(**{"n_estimators": 8, "n_jobs": 1, **self.settings, **params})

    def margin(self, model, X):
        return model.predict(X, **{"output_margin" if self.is_xgboost else "raw_score": True})

    def evaluated(self, X, y, pairs, metric=None, weights=None, params=None, **options):
        """A fitted classifier, and its metrics: one dict of curves for each evaluation set."""
        params = dict(params or {})
        if self.is_xgboost:
            params |= {} if metric is None else {"eval_metric": metric}
            options |= {"verbose": False, "sample_weight_eval_set": weights}
        else:
            options |= {} if metric is None else {"eval_metric": metric}
            options |= {"eval_sample_weight": weights}
        model = self.make(**params).fit(X, y, eval_set=pairs, **options)
        found = model.evals_result() if self.is_xgboost else model.evals_result_
        return model, [{name.removeprefix("pre_"): curve for name, curve in one.items()} for one in found.values()]


def library_of(name):
    module = pytest.importorskip(name)
    if name == "xgboost":
        return Library(name, module, bi.ImbalancedXGBClassifier, module.XGBClassifier)
    return Library(name, module, bi.ImbalancedLGBMClassifier, module.LGBMClassifier, dict(QUIET))


def masked(y, seen, value=np.nan):
    return np.where(seen, y, value)


def coarse(X):
    """Features with few values, which a library divides alike whatever the rows weigh."""
    return np.round(2 * X) / 2


def native(lgb, X, Y, objective=CROSS_ENTROPY, rounds=12, weight=None, **options):
    params = {**objective.lightgbm_params(Y), **NATIVE}
    return lgb.train(params, bi.multilabel_dataset(X, Y, weight), rounds, **options)
