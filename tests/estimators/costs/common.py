"""Costs of rows."""

import numpy as np

from boost_imbalance.losses.labels import Task

TASKS = {"binary": Task.BINARY, "multiclass": Task.MULTICLASS, "multilabel": Task.MULTILABEL}
MATRICES = {
    "binary": [[0.0, 1.0], [8.0, 0.5]],
    "multiclass": [[0.0, 1.0, 2.0], [4.0, 0.0, 1.0], [9.0, 3.0, 0.0]],
    "multilabel": [[[0.0, 1.0], [4.0, 0.0]], [[0.0, 2.0], [3.0, 1.0]], [[-1.0, 1.0], [7.0, 0.0]]],
}


def costs_of_rows(task, n, seed=0):
    rng = np.random.default_rng(seed)
    shape = {"binary": (n, 2, 2), "multiclass": (n, 3, 3), "multilabel": (n, 3, 2, 2)}[task]
    return rng.exponential(size=shape) - 0.3


def fraud(n, seed=0):
    """Features, labels, true probabilities and amounts: the larger the amount, the likelier the fraud."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    amount = np.exp(3.0 + X[:, 2])
    p = 1.0 / (1.0 + np.exp(3.0 - 1.2 * X[:, 0] - 0.8 * X[:, 1] * X[:, 2] - 0.5 * X[:, 2]))
    return X, (rng.random(n) < p).astype(int), p, amount
