"""The focal loss (Lin et al., 2017, https://arxiv.org/abs/1708.02002)."""

from __future__ import annotations

from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.link import log_sigmoid, sigmoid
from boost_imbalance.kernels.primitives import exp_negative, number


@inlined
def focal(t, gamma, b):
    """``-q^gamma log p``."""
    one = number(1, t)
    p, q = sigmoid(t)
    minus_log_p, minus_log_q, ratio = log_sigmoid(t)
    focus = exp_negative(-gamma * minus_log_q)  # q^gamma
    weight = focus * (one + gamma * p * ratio)
    curvature = p * q * focus
    inner = one + gamma + gamma
    exact = curvature * (inner + gamma * ratio * (gamma * p - q))
    bound = curvature * (inner + gamma * gamma * p * ratio)
    return focus * minus_log_p, -weight * q, exact, bound, weight * p * q
