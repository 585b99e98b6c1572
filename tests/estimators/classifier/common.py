"""What the tests of the classifiers share: both libraries under one set of names."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk

CROSS_ENTROPY = bi.weighted_objective(weights=None, hessian="exact")
FOCAL = bi.focal_objective(gamma=2.0)
"""Calibrated, its probabilities are not those of its margins, so that one cannot be taken for the other."""


@dataclass
class Library:
    """One library's pair of classifiers, and what the two libraries call differently."""

    name: str
    module: Any
    ours: Any
    parent: Any
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_xgboost(self) -> bool:
        return self.name == "xgboost"

    def make(self, **params):
        return self.ours(**{"loss": FOCAL, "n_estimators": 10, "n_jobs": 1, **self.settings, **params})

    def plain(self, **params):
        """The parent, with its built-in objective."""
        return self.parent(**{"n_estimators": 10, "n_jobs": 1, **self.settings, **params})

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


def library_of(name):
    module = pytest.importorskip(name)
    if name == "xgboost":
        return Library(name, module, bi.ImbalancedXGBClassifier, module.XGBClassifier)
    settings = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    return Library(name, module, bi.ImbalancedLGBMClassifier, module.LGBMClassifier, settings)


def positive(probability):
    """The part of ``predict_proba`` that a multi-label task and a binary one have in common."""
    return probability[:, 1] if probability.shape[1] == 2 else probability


def mean_log_loss(y, probability, weight=None):
    if y.ndim == 1:
        return sk.log_loss(y, probability, sample_weight=weight)
    return np.mean([sk.log_loss(y[:, k], probability[:, k], sample_weight=weight) for k in range(y.shape[1])])


def divergence(posterior, probability):
    """Mean Kullback-Leibler divergence of probabilities from the true posterior: held-out log loss beyond the least."""
    p = np.clip(positive(probability) if posterior.ndim == 1 else probability, 1e-15, 1 - 1e-15)
    q = posterior

    def part(a, b):
        return a * np.log(a / b)

    if q.ndim == 2 and np.allclose(q.sum(axis=1), 1.0):
        return part(q, p).sum(axis=1).mean()
    return (part(q, p) + part(1 - q, 1 - p)).mean()


def two_classes(n=300, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + rng.normal(size=n) > 0.8).astype(int)


WORDS = np.array(["no", "yes"])


def fitted(library, make_data, task, n=400, **params):
    data, test = make_data(task, n), make_data(task, 200, seed=1)
    model, _ = library.evaluated(
        data.X, data.y, [(test.X, test.y)], bi.metrics.f1(), params={"decision": "f1", **params}, sample_weight=data.weight
    )
    return model, test.X
