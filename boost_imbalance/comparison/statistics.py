"""Paired differences over the folds of a repeated cross-validation, with intervals that know that folds share rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Array = npt.NDArray[Any]

_ROUNDING = 1e-6
"""Differences below this are those of the last digits of float32."""


class Difference(NamedTuple):
    """A difference to the baseline: its mean over folds, and the half width of its interval (NaN where it is not known)."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half

    def verdict(self, larger_is_better: bool) -> str:
        """``better``, ``worse``, or ``tie`` where the interval holds 0 or is not known, and below what is ever shown."""
        if not abs(self.mean) > self.half or abs(self.mean) < _ROUNDING:
            return "tie"
        return "better" if (self.mean > 0) == larger_is_better else "worse"


def paired(values: Array, base: Array, test_share: float, confidence: float, compared: int = 1) -> Difference:
    """The mean of ``values - base`` and its interval.

    Trainings of one cross-validation share most of their rows, so their results vary less than those of independent
    samples would. The variance is corrected for it (Nadeau and Bengio, Inference for the generalization error, Machine
    Learning 2003): ``(1 / J + n_test / n_train) s^2`` for J folds. With ``compared`` candidates in a column the intervals
    hold together with at least this confidence (Bonferroni).

    Parameters
    ----------
    values, base : ndarray, shape (folds,)
        In the same order of folds; pairs with a NaN are left out.
    test_share : float
        ``n_test / n_train``.
    confidence : float
    compared : int

    Examples
    --------
    >>> import numpy as np
    >>> found = paired(np.array([0.7, 0.8, 0.9]), np.array([0.6, 0.7, 0.9]), test_share=0.5, confidence=0.95)
    >>> round(found.mean, 3), round(found.half, 3), found.verdict(larger_is_better=True)
    (0.067, 0.227, 'tie')
    """
    difference = np.asarray(values, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    difference = difference[np.isfinite(difference)]
    count = len(difference)
    # Folds that all differ by the same say nothing of the noise, unless they do not differ.
    if count < 2 or (difference[0] != 0 and np.ptp(difference) <= 1e-12):
        return Difference(float(difference.mean()) if count else np.nan, np.nan)
    error = np.sqrt((1.0 / count + test_share) * difference.var(ddof=1))
    quantile = student.ppf(1.0 - (1.0 - confidence) / (2.0 * compared), count - 1)
    return Difference(float(difference.mean()), float(quantile * error))
