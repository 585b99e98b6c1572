"""Calibrated probabilities by NumPy, for few rows: a process that only predicts compiles nothing and does not load numba.

What is computed of a margin or class is the same as in the kernels: :mod:`boost_imbalance.kernels.pointwise`, and the
generated source of the loss. Only the arithmetic is NumPy's, whose ``exp`` and ``log`` may round the last digit differently.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels import pointwise
from boost_imbalance.kernels.program import BAD_MARGIN, FARTHEST, LARGEST, Checks, Program, Row
from boost_imbalance.kernels.source import Formula, function, source

Array = npt.NDArray[Any]

MOST_MARGINS = 1 << 18
"""Up to this many margins NumPy takes some 20 ms, far less than numba takes to be loaded.

More go to a kernel, which may differ by some 1e-15 of a probability, and by 1e-14 where a formula loses digits by itself.
"""


def probability(
    program: Program, margin: Array, coefficients: Array, out: Array, *, softmax: bool, n_threads: int
) -> Checks:
    """Write the calibrated probability of label 1, or of each class, into ``out``, of the shape of ``margin``."""
    assert program.formula is not None
    calculate = _calculations(program.formula)
    columns = coefficients.shape[1]
    u = margin.reshape(len(margin), columns).astype(np.float64)
    finite = bool((np.abs(u) <= LARGEST).all())
    with np.errstate(all="ignore"):
        u += coefficients[Row.OFFSET]
        shapes = tuple(coefficients[Row.SHAPE :])
        s1, s0 = shapes[: len(shapes) // 2], shapes[len(shapes) // 2 :]
        w1, w0 = coefficients[Row.POSITIVE_WEIGHT], coefficients[Row.NEGATIVE_WEIGHT]
        if softmax:
            found = _softmax(calculate, program.formula.all_classes, u, s1, s0, w1)
        else:
            _, found = calculate.sigmoid_probabilities(u, s1, s0, w1, w0)
        out[...] = found.reshape(out.shape)
    return Checks(np.zeros(columns), np.zeros(columns), 0 if finite else BAD_MARGIN)


def _softmax(calculate: Any, all_classes: bool, u: Array, s1: Any, s0: Any, class_weights: Array) -> Array:
    """See ``softmax_probability`` in :mod:`boost_imbalance.kernels.loops`, whose names these are."""
    top = u.max(axis=1, keepdims=True)
    leads = np.arange(u.shape[1]) == u.argmax(axis=1)[:, None]
    second = np.where(leads, -np.inf, u).max(axis=1, keepdims=True)
    near = np.where(leads, 0.0, _exp_negative(u - second))
    largest = near.max(axis=1, keepdims=True)
    np.put_along_axis(near, near.argmax(axis=1)[:, None], 0.0, axis=1)
    rest = near.sum(axis=1, keepdims=True)
    below, second = u - top, second - top
    others = (largest + rest) * _exp_negative(second)
    t = calculate.class_log_odds(below, leads, second, largest, rest, others)
    inverse, share = calculate.class_balance(t, s1, s0)
    sums = inverse.sum(axis=1, keepdims=True), share.sum(axis=1, keepdims=True)
    level = calculate.class_level(*sums) if all_classes else 1.0
    eta = calculate.class_share(inverse, share, level, class_weights)
    return np.asarray(eta / eta.sum(axis=1, keepdims=True))


class _Calculations(NamedTuple):
    """Functions of :mod:`boost_imbalance.kernels.pointwise` that take arrays."""

    sigmoid_probabilities: Callable[..., Any]
    class_log_odds: Callable[..., Any]
    class_balance: Callable[..., Any]
    class_level: Callable[..., Any]
    class_share: Callable[..., Any]


@functools.cache
def _calculations(formula: Formula) -> _Calculations:
    sides = {
        # A probability follows from the slopes; they are the second of what a side gives.
        name: function("terms", source((terms.slope, terms.slope), formula.shape), _ARITHMETIC)
        for name, terms in (("positive", formula.positive), ("negative", formula.negative))
    }
    names = {**_ARITHMETIC, **sides, "NEGATIVES": formula.all_classes}
    functions = [getattr(pointwise, name) for name in _Calculations._fields]
    return _Calculations(**pointwise.elements(functions, names, lambda bound: bound))


# As in boost_imbalance.kernels.primitives and link, powers neither vanish nor overflow, and nothing is the logarithm of 0.
_LOWEST_EXP = -708.0
_TINY = np.finfo(np.float64).tiny


def _exp_negative(x: Any) -> Any:
    return np.exp(np.maximum(x, _LOWEST_EXP))


def _exp(x: Any) -> Any:
    return np.exp(np.clip(x, _LOWEST_EXP, -_LOWEST_EXP))


def _log(x: Any) -> Any:
    return np.log(np.maximum(x, _TINY))


def _log1p(x: Any) -> Any:
    return np.maximum(np.log1p(x), np.log(_TINY))


def _near(t: Any) -> Any:
    return np.clip(t, -FARTHEST, FARTHEST)


def _sigmoid(t: Any) -> Any:
    e = _exp_negative(-np.abs(t))
    large = 1.0 / (1.0 + e)
    small = e * large
    return np.where(t >= 0, large, small), np.where(t >= 0, small, large)


def _log_sigmoid(t: Any) -> Any:
    near = np.log1p(_exp_negative(-np.abs(t)))
    far = near + np.abs(t)
    return np.where(t >= 0, near, far), np.where(t >= 0, far, near), None


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "choose": np.where,
    "exp": _exp,
    "exp_negative": _exp_negative,
    "expm1": np.expm1,
    "expm1_negative": np.expm1,
    "log": _log,
    "log1p": _log1p,
    "log_sigmoid": _log_sigmoid,
    "near": _near,
    "number": lambda value, like: float(value),
    "sigmoid": _sigmoid,
}
