"""Trainings of XGBoost, and what they are compared with."""

import numpy as np
import pytest

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")


BUILT_IN = {
    "binary": {"objective": "binary:logistic"},
    "multiclass": {"objective": "multi:softprob", "num_class": 3},
    "multilabel": {"objective": "binary:logistic"},
}


def train(objective, data, params=None, rounds=15, weight=None, **options):
    matrix = xgb.DMatrix(data.X, data.y, weight=weight)
    params = {**objective.xgboost_params(data.y, weight), **(params or {})}
    return xgb.train(params, matrix, rounds, obj=objective, **options)


def predict(booster, data, **options):
    return booster.predict(xgb.DMatrix(data.X), **options)


def softmax(u):
    e = np.exp(u - u.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_loss(probability, y):
    p = np.clip(np.asarray(probability, dtype=np.float64), 1e-12, 1 - 1e-12)
    if y.ndim < p.ndim:
        return -np.log(p[np.arange(len(y)), y.astype(int)]).mean()
    return -np.log(np.where(y > 0, p, 1 - p)).mean()


class Rounds(xgb.callback.TrainingCallback):
    def __init__(self):
        self.finished = 0

    def after_iteration(self, model, epoch, evals_log):
        self.finished += 1
        return False


SOFTMAX_HESSIANS = {"diagonal": lambda p, slope: 2.0 * p * (1.0 - p), "gradient": lambda p, slope: np.abs(slope)}


def train_by_hand(data, hessian, params=None, rounds=5, weight=None):
    """Cross-entropy of three classes from equal margins, under a Hessian of one's own."""
    w = np.float32(np.ones(len(data.y)) if weight is None else weight)[:, None]

    def objective(margin, matrix):
        e = np.exp(np.float64(margin - np.maximum(margin.max(axis=1, keepdims=True), 0))).astype(np.float32)
        p = e / np.float32(np.float64(e).sum(axis=1, keepdims=True))  # rounded as XGBoost does, so that ties stay ties
        slope = p - np.eye(3, dtype=np.float32)[data.y.astype(int)]
        return w * slope, w * np.float32(hessian(p, slope))

    params = {**BUILT_IN["multiclass"], "base_score": [0.0, 0.0, 0.0], **(params or {})}
    return xgb.train(params, xgb.DMatrix(data.X, data.y), rounds, obj=objective)
