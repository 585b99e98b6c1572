"""From margins to the class probabilities they stand for.

A model that minimises one of these losses does not have the class probability in ``sigmoid(margin)``. The margin that is
optimal for a probability tells which probability it was: where the expected slope is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FARTHEST = 60.0
"""Beyond these log-odds the probability is 0 or 1 in float64, and a focusing power might underflow."""

_SMALLEST_SLOPE = 1e-290
"""A strong focus takes the slope of a class that is certain down to 0."""


def sigmoid_probability(slopes: Any, u: Array, positive_weight: float, negative_weight: float) -> Array:
    """Probability of label 1 at margins ``u`` (n,): ``W0 p / (W0 p + W1 q)``."""
    near = np.clip(u, -FARTHEST, FARTHEST)
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
        t = np.clip((u - top) - np.log(before + after), -FARTHEST, FARTHEST)
    distance = np.exp(-np.abs(t))
    pq = distance / (1.0 + distance) ** 2
    if_true, if_false = np.empty_like(t), np.empty_like(t)
    for k in range(t.shape[1]):
        if_true[:, k], if_false[:, k] = slopes(k, t[:, k])
    return np.asarray(class_shares(pq, if_true, if_false, class_weights, all_classes, _row_sums, np.maximum))


def class_shares(
    pq: Any, if_true: Any, if_false: Any, class_weights: Any, all_classes: bool, total: Any, maximum: Any
) -> Any:
    """Probability of each class from the slopes of its being true and of its being false, and ``p (1 - p)``.

    ``total`` gives the sums over columns, of shape (n, 1). Like the formulas, this also runs on values of an ONNX graph.
    """
    if all_classes:
        spread = if_true - if_false
        inverse, share = pq / spread, if_false / spread
        level = (1.0 + total(share)) / total(inverse)
        eta = maximum(level * inverse - share, 0.0)
    else:
        eta = pq / maximum(-if_true, _SMALLEST_SLOPE)
    eta = eta / class_weights
    return eta / total(eta)


def _row_sums(array: Array) -> Array:
    return np.asarray(array.sum(axis=1, keepdims=True))
