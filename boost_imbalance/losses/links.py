"""The links between margins and probabilities: what a sigmoid per column and a softmax over columns do differently."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from boost_imbalance.losses import start
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Array


class Link(Protocol):
    """What a loss needs to know of a link. Class weights come as ``w1`` and ``w0`` of shape (columns,)."""

    is_softmax: bool
    """Which of the kernels run it."""

    def equal_weights(self, w1: Array, w0: Array) -> bool:
        """Whether all classes weigh alike."""

    def unit_weights(self, w1: Array, w0: Array) -> bool:
        """Whether all class weights are 1."""

    def start_of_cross_entropy(self, priors: Array, w1: Array, w0: Array) -> Array:
        """The margins that minimise weighted cross-entropy."""

    def start(self, sides: start.Sides, priors: Array, w1: Array, w0: Array, all_classes: bool) -> Array:
        """The margins that minimise a loss."""

    def calibrating_shift(self, offset: Array, w1: Array, w0: Array) -> Array:
        """What to add to the margins of cross-entropy so that their plain link is calibrated."""

    def mean_weight(self, priors: Array, w1: Array, w0: Array) -> Array:
        """The mean class weight of a row, by column or for all of them."""

    def one_of_each(self, priors: Array) -> tuple[Array, Array]:
        """Labels of every kind that a row can have, and how often each occurs, by column or for all of them."""

    def totals(self, values: Array) -> Array:
        """Values by column, added up where the columns belong to one row's label."""


class Sigmoid:
    """``p = 1 / (1 + exp(-margin))`` in each column by itself."""

    is_softmax = False

    def equal_weights(self, w1: Array, w0: Array) -> bool:
        """See :class:`Link`."""
        return bool((w1 == w0).all())

    def unit_weights(self, w1: Array, w0: Array) -> bool:
        """See :class:`Link`."""
        return bool((w1 == 1).all() and (w0 == 1).all())

    def start_of_cross_entropy(self, priors: Array, w1: Array, w0: Array) -> Array:
        """See :class:`Link`."""
        share = start.clip_prior(priors * w1 / (priors * w1 + (1.0 - priors) * w0))
        return np.asarray(np.log(share / (1.0 - share)))  # as LightGBM computes it, to the last bit

    def start(self, sides: start.Sides, priors: Array, w1: Array, w0: Array, all_classes: bool) -> Array:
        """See :class:`Link`."""
        return start.sigmoid_start(sides, priors, w1, w0)

    def calibrating_shift(self, offset: Array, w1: Array, w0: Array) -> Array:
        """See :class:`Link`."""
        return np.asarray(offset - np.log(w1 / w0))

    def mean_weight(self, priors: Array, w1: Array, w0: Array) -> Array:
        """See :class:`Link`."""
        return np.asarray(priors * w1 + (1.0 - priors) * w0)

    def one_of_each(self, priors: Array) -> tuple[Array, Array]:
        """See :class:`Link`."""
        label = np.repeat(np.array([[0.0], [1.0]], np.float32), len(priors), axis=1)
        return label, np.stack([1.0 - priors, priors])

    def totals(self, values: Array) -> Array:
        """See :class:`Link`."""
        return values


class Softmax:
    """``p = exp(margin) / sum(exp(margin))`` over the columns."""

    is_softmax = True

    def equal_weights(self, w1: Array, w0: Array) -> bool:
        """See :class:`Link`."""
        return bool((w1 == w1[0]).all())

    def unit_weights(self, w1: Array, w0: Array) -> bool:
        """See :class:`Link`."""
        return bool((w1 == 1).all())

    def start_of_cross_entropy(self, priors: Array, w1: Array, w0: Array) -> Array:
        """See :class:`Link`."""
        share = priors * np.maximum(w1, start.SMALLEST_PRIOR * w1.max())
        return np.asarray(np.log(share / share.sum()))

    def start(self, sides: start.Sides, priors: Array, w1: Array, w0: Array, all_classes: bool) -> Array:
        """See :class:`Link`."""
        return start.softmax_start(sides, priors, w1, all_classes)

    def calibrating_shift(self, offset: Array, w1: Array, w0: Array) -> Array:
        """See :class:`Link`."""
        shift = offset - np.log(w1)
        return np.asarray(shift - shift.mean())

    def mean_weight(self, priors: Array, w1: Array, w0: Array) -> Array:
        """See :class:`Link`."""
        return np.asarray((priors * w1).sum(keepdims=True))

    def one_of_each(self, priors: Array) -> tuple[Array, Array]:
        """See :class:`Link`."""
        return np.arange(len(priors), dtype=np.float32), (priors / priors.sum())[:, None]

    def totals(self, values: Array) -> Array:
        """See :class:`Link`."""
        return np.asarray(values.sum(keepdims=True))


SIGMOID, SOFTMAX = Sigmoid(), Softmax()


def link_of(task: Task) -> Link:
    """The link of a task's margins."""
    return SOFTMAX if task is Task.MULTICLASS else SIGMOID
