"""What the tests of the classifiers share."""

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators import libraries

pytest.importorskip("sklearn")

from sklearn import metrics as sk

CROSS_ENTROPY = bi.weighted_objective(weights=None, hessian="exact")
FOCAL = bi.focal_objective(gamma=2.0)
"""Calibrated, its probabilities are not those of its margins, so that one cannot be taken for the other."""


def library_of(name):
    return libraries.library_of(name, loss=FOCAL, n_estimators=10)


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
