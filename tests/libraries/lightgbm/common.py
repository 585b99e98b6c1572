"""Trainings of LightGBM, and what they are compared with."""

import numpy as np
import pytest

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")


BUILT_IN = {"binary": {"objective": "binary"}, "multiclass": {"objective": "multiclass", "num_class": 3}}
QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}


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
