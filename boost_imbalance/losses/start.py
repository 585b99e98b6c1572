"""The constant margin that minimises a loss, where training should begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SMALLEST_PRIOR = 1e-6
"""A class that never or always occurs would begin at infinity; XGBoost clips its own intercept at the same place."""

_FARTHEST = 30.0


def clip_prior(prior: Array) -> Array:
    """Keep a share of positives away from 0 and 1."""
    return np.clip(prior, SMALLEST_PRIOR, 1.0 - SMALLEST_PRIOR)


def sigmoid_start(slopes: Any, prior: float, positive_weight: float, negative_weight: float) -> float:
    """Minimise ``prior * w1 * l1(z) + (1 - prior) * w0 * l0(z)``.

    ``slopes(z)`` gives the slope of the loss in ``z`` for label 1 and for label 0, each without its weight.
    """
    from scipy import optimize  # imported where used: it takes longer than all the rest of this package

    def slope(z: Any) -> Any:
        of_positive, of_negative = slopes(np.atleast_1d(z))
        return prior * positive_weight * of_positive + (1.0 - prior) * negative_weight * of_negative

    # The loss falls from the left end. Where it has more than one minimum (asymmetric with a margin), its positive side
    # alone decides the flat left part, so the first crossing is the one that descent from there reaches.
    grid = np.linspace(-_FARTHEST, _FARTHEST, 601)
    rising = np.flatnonzero(slope(grid) > 0)
    if len(rising) == 0:
        return _FARTHEST
    first = int(rising[0])
    if first == 0:
        return -_FARTHEST
    return float(optimize.brentq(lambda z: float(slope(z)[0]), grid[first - 1], grid[first], xtol=1e-14, rtol=1e-14))


def softmax_start(terms: Any, priors: Array, class_weights: Array) -> Array:
    """Minimise ``sum_y prior_y w_y L(u, y)`` over a vector ``u``, returned with log-sum-exp 0.

    ``terms(t)`` gives, for log-odds ``t`` of shape (classes,), loss and slope in ``t`` of the class being true and of its
    being false, without class weights; the last two are 0 where the loss looks at the true class alone.
    """
    from scipy import optimize

    mass = priors * class_weights

    def objective(u: Array) -> tuple[float, Array]:
        t, ratio = _log_odds(u)
        loss_true, slope_true, loss_false, slope_false = terms(t)
        rest = mass.sum() - mass
        per_class = mass * slope_true + rest * slope_false
        value = float(mass @ loss_true + rest @ loss_false)
        return value, per_class - (per_class @ ratio - per_class * np.diag(ratio))

    u0 = np.log(mass / mass.sum())
    found = optimize.minimize(objective, u0, jac=True, method="BFGS", options={"gtol": 1e-12, "maxiter": 1000})
    return np.asarray(found.x - _log_sum_exp(found.x))


def _log_odds(u: Array) -> tuple[Array, Array]:
    """``t_k`` and ``p_j / (1 - p_k)`` in row k, column j."""
    others = np.where(np.eye(len(u), dtype=bool), -np.inf, u[None, :])
    rest = _log_sum_exp(others)
    return u - rest, np.exp(u[None, :] - rest[:, None])


def _log_sum_exp(u: Array) -> Array:
    top = u.max(axis=-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(u - top).sum(axis=-1)))
