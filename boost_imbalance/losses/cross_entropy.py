"""Cross-entropy, the loss that every other one here reweights."""

from __future__ import annotations

from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.link import log_sigmoid, sigmoid


@inlined
def cross_entropy(t, a, b):
    """``-log p``."""
    p, q = sigmoid(t)
    minus_log_p, _, _ = log_sigmoid(t)
    curvature = p * q
    return minus_log_p, -q, curvature, curvature, curvature
