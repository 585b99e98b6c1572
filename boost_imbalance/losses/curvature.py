"""The second derivatives that a tree booster can use, chosen from what a formula offers."""

from __future__ import annotations

from typing import NamedTuple


class Curvature(NamedTuple):
    """How to turn a formula's terms into a Hessian."""

    term: int
    """Which of a formula's results to take: 2 exact, 3 bound, 4 reweighted."""
    expected: bool = False
    """Average over the labels as the model believes them, instead of the label that was seen."""
    absolute: bool = False
    """Take the absolute value at the end."""
    smooth: bool = False
    """Take the geometric mean of the class weights as the model believes the labels, instead of the weight of the one seen.

    Then rows at the same margin count alike in ``min_child_weight`` and LightGBM's row counts, whatever their labels.
    """


CURVATURES = {
    "exact": Curvature(2),
    "expected": Curvature(2, expected=True),
    "bound": Curvature(3, smooth=True),
    "absolute": Curvature(2, absolute=True),
    "reweighted": Curvature(4),
}
