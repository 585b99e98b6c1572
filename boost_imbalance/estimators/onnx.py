"""A trained model as an ONNX graph: its trees, and the calibrated probability of their sum."""

from __future__ import annotations

import functools
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.estimators.internals import RECORD
from boost_imbalance.estimators.onnx_graph import Value, apply, cast, constant, model, total, traced, where
from boost_imbalance.estimators.onnx_trees import ensemble
from boost_imbalance.estimators.population import adapted
from boost_imbalance.estimators.portable import shift_in
from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.pointwise import bindings_of
from boost_imbalance.kernels.program import Program
from boost_imbalance.libraries.lightgbm import trained_by_lightgbm
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.fitted import FittedLoss
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import PathLike

if TYPE_CHECKING:
    import lightgbm
    import onnx
    import xgboost

Array = npt.NDArray[Any]


def to_onnx(
    booster: xgboost.Booster | lightgbm.Booster,
    objective: Loss,
    path: PathLike | None = None,
    *,
    iterations: int | None = None,
    missing: float | None = None,
) -> onnx.ModelProto:
    """A booster with calibrated probabilities, for any ONNX runtime; neither library nor this package is needed there.

    The graph has one input, ``X``, float32 of shape (n, features), where NaN is missing and a category is its number in the
    training data. It has two outputs, both float32: ``margin`` of shape (n, columns), the raw scores, with one column in a
    binary task; and ``probability``, what ``objective.probability`` makes of them. That is of shape (n, 2) in a binary
    task, (n, classes) in a multi-class one, and (n, labels), each the probability of label 1, in a multi-label one.
    A classifier's own ``to_onnx`` writes the same graph.

    Parameters
    ----------
    booster : xgboost.Booster or lightgbm.Booster
        Trained with ``objective``. Its trees may have categorical splits and vector leaves, and may come from DART.
    objective : Objective
        The one that the training used, or the fitted one whose labels it had.
    path : str or path, optional
        Where to write the model.
    iterations : int, optional
        How many rounds to take, the start of LightGBM included. Default: those that ``booster.predict`` takes. That is all;
        in LightGBM after early stopping, up to the best one. For XGBoost's best one, give ``booster.best_iteration + 1``.
    missing : float, optional
        A value of ``X`` that stands for a missing feature beside NaN, as ``missing=`` of the ``xgboost.DMatrix`` did.

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
    >>> from boost_imbalance import focal_objective, to_onnx
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
    return exported(booster, objective, path, iterations=iterations, missing=missing)


def exported(
    booster: Any,
    objective: Any,
    path: str | os.PathLike[str] | None,
    *,
    iterations: int | None = None,
    missing: float | None = None,
    ratio: Array | None = None,
) -> Any:
    """As :func:`to_onnx`; ``ratio`` is that of the classes' shares in another population than that of training."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError("to_onnx needs onnx; install it with pip install 'boost-imbalance[onnx]'.") from None
    if not isinstance(objective, Loss):
        raise TypeError(
            f"objective is {type(objective).__name__}; give the objective that the booster was trained with, for instance "
            f"focal_objective(gamma=2.0)."
        )
    fitted = objective.fitted
    trees = ensemble(booster, iterations)
    shift = fitted.calibrating_shift
    if (shift is None or shift.any()) and _is_calibrated(booster):
        raise ValueError(
            f"booster has margins that are calibrated already, as in a file of save_model, and {objective!r} would do it a "
            f"second time; read the file with load_model of the classifier and call its to_onnx."
        )
    if trees.columns != fitted.counts.columns:
        raise ValueError(
            f"booster has {trees.columns} columns of margins, but this objective saw {fitted.task.value} labels with "
            f"{fitted.counts.columns}; give the one that the booster was trained with."
        )
    x = apply("Input")
    if missing is not None and not np.isnan(missing):
        x = where(apply("Equal", x, np.float32(missing)), np.float32(np.nan), x)
    margin = trees.margin(x)
    eta = _probability(fitted, cast(margin, np.float64))
    probability = cast(eta if ratio is None else adapted(eta, ratio, total), np.float32)
    width = 2 if fitted.task is Task.BINARY else trees.columns
    outputs = {"margin": (margin, trees.columns), "probability": (probability, width)}
    made = model("X", trees.features, outputs, description=repr(objective))
    if path is not None:
        pathlib.Path(path).write_bytes(made.SerializeToString())
    return made


def _is_calibrated(booster: Any) -> bool:
    """Whether this package's classifier folded the calibration into a booster, or an objective of the library trained it."""
    if not hasattr(booster, "save_raw"):
        return trained_by_lightgbm(booster)
    record = booster.attr(RECORD)
    shift = None if record is None else shift_in(record)[1]
    return shift is not None and bool(shift.any())


def _probability(fitted: FittedLoss, margin: Value) -> Any:
    """The calibrated probability of :meth:`Loss.probability`, with both columns in a binary task."""
    w1, w0 = fitted.class_weights
    binary = fitted.task is Task.BINARY
    if fitted.calibrating_shift is not None:
        u = margin + constant(fitted.calibrating_shift)
        if fitted.softmax:
            return apply("Softmax", u)
        # The operator Sigmoid has no relative precision near 0.
        return 1.0 / (apply("Exp", u * (np.array([1.0, -1.0]) if binary else -1.0)) + 1.0)
    u = margin + constant(fitted.offset)
    if fitted.softmax:
        return _softmax_probability(fitted, u, constant(w1))
    elements = _elements(fitted.formula)
    of_zero, of_one = elements["sigmoid_probabilities"](u, *_shapes(fitted), constant(w1), constant(w0))
    return apply("Concat", of_zero, of_one, axis=1) if binary else of_one


def _softmax_probability(fitted: FittedLoss, u: Value, class_weights: Any) -> Any:
    elements = _elements(fitted.formula)
    from_top = u - apply("ReduceMax", u, np.array([1]), keepdims=1)
    e = apply("Exp", from_top)
    # The sum over the other classes, added up from both ends: total less own would cancel next to a dominant class.
    others = apply("CumSum", e, np.array(1), exclusive=1) + apply("CumSum", e, np.array(1), exclusive=1, reverse=1)
    inverse, share = elements["class_balance"](from_top - apply("Log", others), *_shapes(fitted))
    all_classes = fitted.formula.all_classes
    level = elements["class_level"](total(inverse), total(share)) if all_classes else 1.0
    eta = elements["class_share"](inverse, share, level, class_weights)
    return eta / total(eta)


def _shapes(fitted: FittedLoss) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The loss's own parameters, as a positive and as a negative sees them."""
    rows = [constant(row) for row in fitted.shape]
    half = len(rows) // 2
    return tuple(rows[:half]), tuple(rows[half:])


@functools.cache
def _elements(formula: Any) -> dict[str, Any]:
    """What the kernels compute of a margin or a class, made to run on values."""
    names = ("sigmoid_probabilities", "class_balance", "class_level", "class_share")
    bound = bindings_of(Program(formula), inlined)
    return {name: traced(bound[name]) for name in names}
