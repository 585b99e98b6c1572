"""Populations whose posterior is known."""

import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.special import expit, logit, softmax

SHARES = {"binary": np.array([0.7, 0.3]), "multiclass": np.array([0.6, 0.3, 0.1]), "multilabel": np.array([0.4, 0.2])}
OTHERS = {"binary": np.array([0.95, 0.05]), "multiclass": np.array([0.2, 0.3, 0.5]), "multilabel": np.array([0.1, 0.5])}


class Rows(NamedTuple):
    X: Any
    y: Any


def draw(task, shares, n, seed=0):
    """Rows whose class, or label, moves one feature of its own."""
    rng = np.random.default_rng(seed)
    if task == "multilabel":
        y = (rng.random((n, 2)) < shares).astype(int)
        return Rows(rng.normal(size=(n, 2)) + 1.5 * y, y)
    y = rng.choice(len(shares), n, p=shares)
    return Rows(rng.normal(size=(n, len(shares))) + 1.5 * np.eye(len(shares))[y], y)


def posterior(task, X, shares):
    """The true one, in the form of ``predict_proba``."""
    evidence = 1.5 * X  # log density of each class, but for what all have
    return (
        expit(evidence - 1.5**2 / 2 + logit(shares)) if task == "multilabel" else softmax(evidence + np.log(shares), axis=1)
    )


def given(task, shares):
    return float(shares[1]) if task == "binary" else shares.tolist()


def in_training(model):
    """Probabilities in the population of training."""
    return clone_of(model).set_params(prevalence=None, sampling_rate=None)


def clone_of(model):
    return pickle.loads(pickle.dumps(model))


def by_bayes(p, old, new):
    """For one class at a time, by odds."""
    return expit(logit(p) + logit(new) - logit(old))
