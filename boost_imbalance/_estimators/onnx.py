"""A trained model as an ONNX graph: its trees, and the calibrated probability of their sum."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from boost_imbalance._engine import link
from boost_imbalance._engine.runner import Row
from boost_imbalance._estimators.onnx_graph import Value, apply, cast, constant, model, total, traced
from boost_imbalance._estimators.onnx_trees import ensemble
from boost_imbalance._losses.calibration import FARTHEST, class_shares
from boost_imbalance._losses.labels import Task
from boost_imbalance._losses.loss import Resolved


def to_onnx(booster: Any, objective: Any, *, iterations: int | None = None) -> Any:
    """A trained model with calibrated probabilities, for any ONNX runtime; neither library nor this package is needed there.

    The graph has one input, ``X``, float32 of shape (n, features), where NaN is missing and a category is its number in the
    training data. It has two outputs, both float32: ``margin`` of shape (n, columns), the raw scores, with one column in a
    binary task; and ``probability``, what ``objective.probability`` makes of them. That is of shape (n, 2) in a binary
    task, (n, classes) in a multi-class one, and (n, labels), each the probability of label 1, in a multi-label one.

    Parameters
    ----------
    booster : xgboost.Booster or lightgbm.Booster
        Trained with ``objective``. Its trees may have categorical splits and vector leaves, and may come from DART.
    objective : Objective
        As the training left it.
    iterations : int, optional
        How many rounds to take, the start of LightGBM included. Default: those that ``booster.predict`` takes. That is all;
        in LightGBM after early stopping, up to the best one. For XGBoost's best one, give ``booster.best_iteration + 1``.

    Returns
    -------
    onnx.ModelProto
        Of opset 18, and 3 of ``ai.onnx.ml``.

    Raises
    ------
    NotImplementedError
        For linear models, alone (``gblinear``) or in leaves (``linear_tree``).

    Notes
    -----
    Features that need float64 may fall on the other side of a threshold as float32.

    Examples
    --------
    >>> import lightgbm, numpy as np
    >>> from boost_imbalance import focal_objective
    >>> from boost_imbalance._estimators.onnx import to_onnx
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3)).astype(np.float32)
    >>> y = (X[:, 0] + rng.normal(size=500) > 2).astype(int)
    >>> objective = focal_objective(gamma=2.0)
    >>> params = {**objective.lightgbm_params(y), "verbosity": -1}
    >>> booster = lightgbm.train(params, lightgbm.Dataset(X, y), 20, init_model=objective.lightgbm_start(X, y))
    >>> model = to_onnx(booster, objective)
    >>> [output.name for output in model.graph.output]
    ['margin', 'probability']
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError("to_onnx needs onnx; install it with pip install 'boost-imbalance[onnx]'.") from None
    resolved = objective.resolved
    trees = ensemble(booster, iterations)
    if trees.columns != resolved.counts.columns:
        raise ValueError(
            f"booster has {trees.columns} columns of margins, but this objective saw {resolved.task.value} labels with "
            f"{resolved.counts.columns}; give the one that the booster was trained with."
        )
    margin = trees.margin(apply("Input"))
    probability = cast(_probability(resolved, cast(margin, np.float64)), np.float32)
    width = 2 if resolved.task is Task.BINARY else trees.columns
    outputs = {"margin": (margin, trees.columns), "probability": (probability, width)}
    return model("X", trees.features, outputs, description=repr(objective))


def _probability(resolved: Resolved, margin: Value) -> Any:
    """What :meth:`Resolved.probability` computes, with both columns in a binary task."""
    w1, w0 = resolved.coefficients[Row.POSITIVE_WEIGHT], resolved.coefficients[Row.NEGATIVE_WEIGHT]
    binary = resolved.task is Task.BINARY
    if resolved.calibrating_shift is not None:
        u = margin + constant(resolved.calibrating_shift)
        if resolved.softmax:
            return apply("Softmax", u)
        # The operator Sigmoid has no relative precision near 0.
        return 1.0 / (apply("Exp", u * (np.array([1.0, -1.0]) if binary else -1.0)) + 1.0)
    u = margin + constant(resolved.offset)
    if resolved.softmax:
        return _softmax_probability(resolved, u, constant(w1))
    if_true, if_false = _slopes(resolved, apply("Clip", u, -FARTHEST, FARTHEST))
    up, down = -if_true * constant(w1), if_false * constant(w0)
    return (apply("Concat", up, down, axis=1) if binary else down) / (up + down)


def _softmax_probability(resolved: Resolved, u: Value, class_weights: Any) -> Any:
    from_top = u - apply("ReduceMax", u, np.array([1]), keepdims=1)
    e = apply("Exp", from_top)
    others = apply("CumSum", e, np.array(1), exclusive=1) + apply("CumSum", e, np.array(1), exclusive=1, reverse=1)
    t = apply("Clip", from_top - apply("Log", others), -FARTHEST, FARTHEST)
    p, q = traced(link.sigmoid)(t)
    if_true, if_false = _slopes(resolved, t)
    all_classes = resolved.formula.negatives_in_softmax
    return class_shares(p * q, if_true, if_false, class_weights, all_classes, total, functools.partial(apply, "Max"))


def _slopes(resolved: Resolved, t: Value) -> tuple[Value, Value]:
    """Slope in the log-odds ``t`` of each column if it is 1, and if it is 0; without class weights."""
    a1, b1, a0, b0 = map(constant, resolved.coefficients[Row.POSITIVE_A : Row.NEGATIVE_B + 1])
    positive, negative = map(traced, resolved.formula[1:3])
    return positive(t, a1, b1)[1], -negative(-t, a0, b0)[1]
