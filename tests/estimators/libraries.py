"""Both libraries' classifiers under one set of names."""

from dataclasses import dataclass
from typing import Any

import pytest

import boost_imbalance as bi

QUIET = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
"""LightGBM's parameters."""


@dataclass
class Library:
    """One library's pair of classifiers, and what the two libraries call differently."""

    name: str
    module: Any
    ours: Any
    parent: Any
    settings: dict[str, Any]
    loss: Any

    @property
    def is_xgboost(self) -> bool:
        return self.name == "xgboost"

    def make(self, **params):
        return self.ours(**{"loss": self.loss, **self.settings, **params})

    def plain(self, **params):
        """The parent, with its built-in objective."""
        return self.parent(**{**self.settings, **params})

    def margin(self, model, X):
        """Raw scores of the parent."""
        return model.predict(X, **{"output_margin" if self.is_xgboost else "raw_score": True})

    def evaluated(self, X, y, pairs, metric=None, weights=None, params=None, **options):
        """A fitted classifier, and its metrics: one dict of curves for each evaluation set."""
        params, options = dict(params or {}), dict(options)
        if self.is_xgboost:
            params |= {} if metric is None else {"eval_metric": metric}
            options |= {"verbose": False, "sample_weight_eval_set": weights}
        else:
            options |= {} if metric is None else {"eval_metric": metric}
            options |= {"eval_sample_weight": weights}
        model = self.make(**params).fit(X, y, eval_set=pairs, **options)
        return model, self.curves(model)

    def curves(self, model):
        found = model.evals_result() if self.is_xgboost else model.evals_result_
        return [{name.removeprefix("pre_"): curve for name, curve in one.items()} for one in found.values()]

    def early_stopping(self, rounds):
        """Parameters, and arguments of ``fit``."""
        if self.is_xgboost:
            return {"early_stopping_rounds": rounds}, {}
        return {}, {"callbacks": [self.module.early_stopping(rounds, verbose=False)]}

    def rounds(self, k):
        """Arguments of ``predict`` that use the first rounds only."""
        return {"iteration_range": (0, k)} if self.is_xgboost else {"num_iteration": k}


def library_of(name, *, loss, **settings):
    """A library whose classifiers have these parameters, unless told otherwise; skipped where it is not installed.

    Take a loss whose calibrated probabilities are not those of its margins, so that one cannot be taken for the other.
    """
    module = pytest.importorskip(name)
    pytest.importorskip("sklearn")
    settings = {"n_jobs": 1, **settings}
    if name == "xgboost":
        return Library(name, module, bi.ImbalancedXGBClassifier, module.XGBClassifier, settings, loss)
    return Library(name, module, bi.ImbalancedLGBMClassifier, module.LGBMClassifier, {**QUIET, **settings}, loss)
