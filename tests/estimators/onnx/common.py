"""Boosters, their graphs, and a comparison of both."""

import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("sklearn")

from boost_imbalance import to_onnx  # noqa: E402

COLUMNS = {"binary": 1, "multiclass": 3, "multilabel": 3}
QUIET = {"verbosity": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 5}


def train(library, loss, X, y, rounds=6, start=True, **params):
    """A booster, and its raw margins as a function of features and rounds."""
    if library == "xgboost":
        xgb = sys.modules["xgboost"]
        options = {"nthread": 1, "max_depth": 3, **loss.xgboost_params(y), **params}
        booster = xgb.train(options, xgb.DMatrix(X, y), rounds, obj=loss)
    else:
        lgb = sys.modules["lightgbm"]
        first = loss.lightgbm_start(X, y) if start else None
        options = {**QUIET, **loss.lightgbm_params(y), **params}
        if y.ndim == 2:
            options["objective"] = lambda margin, data: loss(y, margin)
        label = np.zeros(len(y)) if y.ndim == 2 else y
        booster = lgb.train(options, lgb.Dataset(X, label), rounds, init_model=first)
    return booster


def margin_of(booster, X, iterations=None):
    if hasattr(booster, "save_raw"):
        xgb = sys.modules["xgboost"]
        return booster.predict(xgb.DMatrix(X), output_margin=True, iteration_range=(0, iterations or 0))
    return booster.predict(X, raw_score=True, num_iteration=iterations)


def run(model, X):
    onnx.checker.check_model(model, full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def both(probability):
    return np.stack([1.0 - probability, probability], axis=1) if probability.ndim == 1 else probability


def check(booster, objective, X, iterations=None):
    """The graph's outputs are the booster's margins and what the objective makes of them."""
    margin, probability = run(to_onnx(booster, objective, iterations=iterations), X)
    wanted = margin_of(booster, X, iterations)
    assert margin.dtype == probability.dtype == np.float32
    np.testing.assert_allclose(margin, wanted.reshape(len(X), -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probability, both(objective.probability(np.float64(wanted))), rtol=0, atol=1e-6)
    return margin


def features(data, missing=True):
    X = data.X.astype(np.float32)
    if missing:
        X[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
    return X
