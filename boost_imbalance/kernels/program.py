"""The program that an engine is told to run, the layout of a loss's numbers, and the checks that it answers with."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy.typing as npt

from boost_imbalance.kernels.source import Formula, digest

Array = npt.NDArray[Any]

FARTHEST = 60
"""Beyond these log-odds a calibrated probability is 0 or 1, and a focusing power might underflow."""

LARGEST = 2.0**120
"""Larger margins and weights than this mean that something went wrong before; float32 holds their product with others."""

BAD_MARGIN = 1
BAD_LABEL = 2
BAD_WEIGHT = 4


class Curvature(NamedTuple):
    """How to turn the terms of a formula into a Hessian."""

    term: int
    """Which of a formula's results to take: 1 its slope, 2 exact, 3 its positive terms, 4 reweighted, 5 safeguarded."""
    expected: bool = False
    """Average over the labels as the model believes them, instead of the label that was seen."""
    absolute: bool = False
    """Take the absolute value at the end."""
    smooth: bool = False
    """Take the geometric mean of the class weights as the model believes the labels, instead of the weight of the one seen.

    Then rows at the same margin count alike in ``min_child_weight`` and LightGBM's row counts, whatever their labels.
    """


class Program(NamedTuple):
    """What a kernel is compiled for: a loss, a Hessian, and what its parameters and labels are like."""

    formula: Formula | None
    curvature: Curvature | None = None
    same_shape: bool = True
    """Whether positives and negatives have the same parameters."""
    soft: bool = False
    """Whether labels may lie between 0 and 1, or are smoothed."""

    @property
    def name(self) -> str:
        """A name for the code that this makes of a kernel."""
        formula, curvature = self.formula, self.curvature
        parts = ["" if formula is None else digest(formula)]
        if curvature is not None:
            parts += [
                str(curvature.term),
                *(name for name in ("expected", "absolute", "smooth") if getattr(curvature, name)),
            ]
        parts += [name for name, on in (("sides", not self.same_shape), ("soft", self.soft)) if on]
        return "_".join(filter(None, parts))


class Row(IntEnum):
    """The rows of ``coefficients``, before those of the loss's own parameters."""

    POSITIVE_WEIGHT = 0
    NEGATIVE_WEIGHT = 1
    OFFSET = 2
    GRADIENT_SCALE = 3
    HESSIAN_SCALE = 4
    HESSIAN_FLOOR = 5
    SMOOTHING = 6
    SHAPE = 7
    """The first of the parameters as a positive sees them; after them come the same as a negative sees them."""


class Checks(NamedTuple):
    """What a pass over the data saw: labels per column, their summed weight, and what was wrong (``BAD_...`` flags)."""

    counts: Array
    totals: Array
    wrong: int
