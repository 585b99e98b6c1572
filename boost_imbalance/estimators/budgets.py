"""Thresholds that keep a promise: a floor under recall or precision, a ceiling on false alarms or on alarms.

With ``confidence`` None the promise holds on the held-out rows. With a confidence it holds, with that probability over the
draw of the held-out rows, in the population that they come from; that costs a more cautious threshold.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import beta

from boost_imbalance.types import Array

PROMISES = ("recall", "precision", "false_positive_rate", "alarms")
"""What can be promised: at least so much of the first two, at most so much of the others."""

_STARTS = (1, 4, 16)
"""Where sequences of tests of a precision begin, in the fewest alarms that could show it."""
_STEP = 1.1
"""From one number of alarms to the next in such a sequence."""
_ROUNDING = 1e-12


def cut_for(kind: str, eta: Array, label: Array, weight: Array, goal: float, confidence: float | None) -> float | None:
    """The lowest probability that is an alarm; infinite for none at all, None where the promise cannot be kept.

    ``eta`` and ``label`` are those of held-out rows, ``weight`` is positive. Of all thresholds that keep the promise, it is
    the one that finds most: the highest one for a recall, where fewer alarms are better, else the lowest.
    """
    if kind == "recall":
        positive = label == 1
        return _highest_that_leaves(eta[positive], weight[positive], 1.0 - goal, confidence)
    if kind == "precision":
        return _lowest_with_precision(eta, label, weight, goal, confidence)
    counted = label == 0 if kind == "false_positive_rate" else np.ones(len(eta), bool)
    return _lowest_that_passes(eta[counted], weight[counted], goal, confidence)


def _ends_of_ties(falling: Array) -> Array:
    """Positions of the last of each group of equal values, where they are sorted from the largest on."""
    return np.flatnonzero(np.append(falling[1:] < falling[:-1], True)) if len(falling) else np.zeros(0, int)


def _highest_that_leaves(eta: Array, weight: Array, share: float, confidence: float | None) -> float | None:
    """The highest of these probabilities below which at most a share of them lies."""
    order = np.argsort(eta, kind="stable")
    eta, weight = eta[order], weight[order]
    if confidence is None:
        below = np.cumsum(weight) - weight
        kept = below <= share * weight.sum() + _ROUNDING * weight.sum()
    else:
        # What lies below the j-th smallest of n draws is a Beta(j, n + 1 - j).
        n, j = len(eta), np.arange(1, len(eta) + 1)
        kept = beta.cdf(share, j, n + 1 - j) >= confidence
    if not kept.any():
        return None
    return float(eta[np.flatnonzero(kept)[-1]])


def _lowest_that_passes(eta: Array, weight: Array, share: float, confidence: float | None) -> float | None:
    """The lowest probability at or above which at most a share of these lies; infinite if only none of them may."""
    order = np.argsort(-eta, kind="stable")
    eta, weight = eta[order], weight[order]
    # A group of ties passes as a whole.
    ends = _ends_of_ties(eta)
    if confidence is None:
        passed = np.cumsum(weight)[ends] <= share * weight.sum() * (1.0 + _ROUNDING)
    else:
        # Above the (m + 1)-th largest of n draws, which is where the first m end, lies at most a Beta(m + 1, n - m).
        n, m = len(eta), ends + 1
        passed = np.where(m < n, beta.cdf(share, np.minimum(m + 1, n), np.maximum(n - m, 1)) >= confidence, share >= 1.0)
    kept = np.flatnonzero(passed)
    return float(eta[ends[kept[-1]]]) if len(kept) else np.inf


def _lowest_with_precision(eta: Array, label: Array, weight: Array, goal: float, confidence: float | None) -> float | None:
    """The lowest probability at or above which at least a share of the rows are positive."""
    order = np.argsort(-eta, kind="stable")
    eta, hit, weight = eta[order], label[order] == 1, weight[order]
    ends = _ends_of_ties(eta)
    if confidence is not None:
        return _tested_precision(eta, np.cumsum(hit), ends, goal, 1.0 - (1.0 - confidence) / len(_STARTS))
    kept = np.cumsum(weight * hit)[ends] / np.cumsum(weight)[ends] >= goal - _ROUNDING
    if not kept.any():
        return None
    return float(eta[ends[np.flatnonzero(kept)[-1]]])


def _tested_precision(eta: Array, hits: Array, ends: Array, goal: float, confidence: float) -> float | None:
    """The lowest probability that a sequence of tests reaches, with this confidence for each sequence.

    Numbers of alarms are tried in an order that is fixed before the labels are looked at, from few to many, until the first
    one whose precision is not shown to be enough; what was shown before holds all together (Wiens, 2003,
    https://doi.org/10.1002/pst.64). There are several sequences, since the first alarms may be too few to show anything.
    """
    fewest = int(np.ceil(np.log1p(-confidence) / np.log(goal))) if goal < 1.0 else len(eta) + 1  # if all were right
    best = None
    for start in _STARTS:
        if start * fewest > len(eta):
            continue
        steps = int(np.log(len(eta) / (start * fewest)) / np.log(_STEP)) + 2
        wanted = np.geomspace(start * fewest, len(eta), steps).round().astype(int)
        at = np.unique(ends[np.searchsorted(ends, wanted - 1)])
        m, right = at + 1, hits[at]
        # Clopper and Pearson's lower bound.
        shown = np.where(right > 0, beta.ppf(1.0 - confidence, np.maximum(right, 1), m - right + 1), 0.0) >= goal
        reached = len(shown) if shown.all() else int(np.argmin(shown))
        if reached:
            cut = float(eta[at[reached - 1]])
            best = cut if best is None else min(best, cut)
    return best
