"""The negative side of the asymmetric loss (Ridnik et al., 2021, https://arxiv.org/abs/2009.14119)."""

from __future__ import annotations

from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.link import sigmoid
from boost_imbalance.kernels.primitives import exp_negative, log, number


@inlined
def shifted_focal(t, gamma, margin):
    """``-s^gamma log(1 - s)`` with ``s = max(q - margin, 0)``: negatives scored below the margin cost nothing."""
    one = number(1, t)
    zero = number(0, t)
    p, q = sigmoid(t)
    s = q - margin
    counts = s > zero
    s = s if counts else one
    r = p + margin
    per_both = one / (s * r)
    per_s = per_both * r
    per_r = per_both * s
    minus_log_r = -log(r) - ((one - r) - s) * per_r if counts else one  # the second term is what rounding took from r
    ratio = minus_log_r * per_s
    focus = exp_negative(gamma * log(s)) if counts else zero  # s^gamma
    both = p * q
    chain = both * per_r
    twice = gamma + gamma
    slope = focus * (both * gamma * ratio + chain)
    exact = (p - q) * slope + focus * (both * both * per_s * (gamma * (gamma - one) * ratio + twice * per_r) + chain * chain)
    # At margin 0 this is the bound of the focal loss; the margin's own term enters with its absolute value.
    bound = focus * (both * both * per_s * (gamma * gamma * ratio + twice * per_r) + chain * (p + q * margin * per_r))
    return focus * minus_log_r, -slope, exact, bound, slope * p
