"""From margins to the class probabilities they stand for.

A model that minimises one of these losses does not have the class probability in ``sigmoid(margin)``. The margin that is
optimal for a probability tells which probability it was: where the expected slope is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_FARTHEST = 60.0
"""Beyond these log-odds the probability is 0 or 1 in float64, and a focusing power might underflow."""


def sigmoid_probability(slopes: Any, u: Array, positive_weight: float, negative_weight: float) -> Array:
    """Probability of label 1 at margins ``u`` (n,): ``W0 p / (W0 p + W1 q)``."""
    near = np.clip(u, -_FARTHEST, _FARTHEST)
    of_positive, of_negative = slopes(near)
    down = negative_weight * of_negative
    up = -positive_weight * of_positive
    return np.asarray(down / (down + up))


def softmax_probability(slopes: Any, u: Array, class_weights: Array, all_classes: bool) -> Array:
    """Probability of each class at margins ``u`` (n, classes).

    ``slopes(k, t)`` gives, for class k at log-odds ``t``, the slope of its being true and of its being false.
    """
    top = u.max(axis=1, keepdims=True)
    e = np.exp(u - top)
    # The sum over the other classes, added up from both ends: total less own would cancel next to a dominant class.
    before, after = np.zeros_like(e), np.zeros_like(e)
    before[:, 1:] = np.cumsum(e[:, :-1], axis=1)
    after[:, :-1] = np.cumsum(e[:, :0:-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore"):
        t = np.clip((u - top) - np.log(before + after), -_FARTHEST, _FARTHEST)
    distance = np.exp(-np.abs(t))
    pq = distance / (1.0 + distance) ** 2
    if_true, if_false = np.empty_like(t), np.empty_like(t)
    for k in range(t.shape[1]):
        if_true[:, k], if_false[:, k] = slopes(k, t[:, k])
    if all_classes:
        spread = if_true - if_false
        inverse = pq / spread
        level = (1.0 + (if_false / spread).sum(axis=1, keepdims=True)) / inverse.sum(axis=1, keepdims=True)
        eta = np.maximum(level * inverse - if_false / spread, 0.0)
    else:
        eta = pq / -if_true
    eta = eta / class_weights
    return np.asarray(eta / eta.sum(axis=1, keepdims=True))
