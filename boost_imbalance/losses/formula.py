"""The formulas of the losses: scalar functions, written as in the papers, that the engine compiles.

A formula is a function of one number, the log-odds ``t`` of what is true: ``t = margin`` where the label is 1,
``t = -margin`` where it is 0, and ``t = log(p / (1 - p))`` of the true class under a softmax. One such function gives a
loss for binary, multi-label and multi-class data at once, because the link's derivatives are the engine's business.

Conventions, the same for every formula ``f(t, a, b)``:

* ``a`` and ``b`` are the formula's own shape parameters (a focusing exponent, a probability margin); one that needs fewer
  ignores the rest.
* The result is the tuple ``(loss, slope, exact, bound, reweighted)``: the loss, its first and second derivative with
  respect to ``t``, the second derivative without its negative terms, and the curvature of cross-entropy under the frozen
  dynamic weight, ``weight * p * (1 - p)``.
* Arithmetic stays in the format of ``t``; ``number(1, t)`` is a 1 of that format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from boost_imbalance.losses.asymmetric import shifted_focal
from boost_imbalance.losses.cross_entropy import cross_entropy
from boost_imbalance.losses.focal import focal

Side = Callable[..., tuple[float, float, float, float, float]]


class Formula(NamedTuple):
    """A loss: what a true positive outcome costs and what a true negative one costs, each by its own log-odds."""

    name: str
    positive: Side
    negative: Side
    negatives_in_softmax: bool = False
    """Whether a softmax adds the negative side of every class that is not the true one."""


CROSS_ENTROPY = Formula("cross_entropy", cross_entropy, cross_entropy)
FOCAL = Formula("focal", focal, focal)
ASYMMETRIC = Formula("asymmetric", focal, shifted_focal, negatives_in_softmax=True)
HALF_FOCAL_ASYMMETRIC = Formula("half_focal_asymmetric", cross_entropy, shifted_focal, negatives_in_softmax=True)
UNSHIFTED_ASYMMETRIC = Formula("unshifted_asymmetric", focal, focal, negatives_in_softmax=True)
