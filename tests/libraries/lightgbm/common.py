"""Trainings of LightGBM, and what they are compared with."""

import numpy as np
import pytest

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")


BUILT_IN = {"binary": {"objective": "binary"}, "multiclass": {"objective": "multiclass", "num_class": 3}}
QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}


class Recorder:
    """An objective that keeps what the booster showed it and what it answered."""

    def __init__(self, objective):
        self.objective, self.margins, self.answers = objective, [], []

    def __call__(self, margin, data):
        gradient, hessian = self.objective(margin, data)
        self.margins.append(margin.copy(order="K"))
        self.answers.append((gradient.copy(order="K"), hessian.copy(order="K")))
        return gradient, hessian

    def __deepcopy__(self, memo):
        return self


def train(objective, data, params=None, rounds=15, weight=None, **options):
    params = {**objective.lightgbm_params(data.y), **QUIET, **(params or {})}
    start = objective.lightgbm_start(data.X, data.y, weight)
    dataset = lgb.Dataset(data.X, data.y, weight=weight, free_raw_data=False)
    return lgb.train(params, dataset, rounds, **{"init_model": start, **options})


def raw(booster, X, **options):
    return booster.predict(X, raw_score=True, **options)


IS_RECENT = tuple(map(int, lgb.__version__.split(".")[:2])) >= (4, 7)


def softmax(u):
    e = np.exp(u - u.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def linked(margin):
    return softmax(margin) if margin.ndim == 2 else 1.0 / (1.0 + np.exp(-margin))


def log_loss(probability, y):
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return -np.log(p[np.arange(len(y)), y.astype(int)] if p.ndim == 2 else np.where(y > 0, p, 1 - p)).mean()
