"""The asymmetric loss (Ridnik et al., 2021, https://arxiv.org/abs/2009.14119)."""

from __future__ import annotations

from typing import Any, ClassVar

from boost_imbalance.kernels.expressions import exp, is_constant, is_zero, log, log_sigmoid, sigmoid, where
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.parameters import parameter
from boost_imbalance.types import Expression, FloatLike


class Asymmetric(Loss):
    """Asymmetric loss: positives and negatives focus differently, and easy negatives cost nothing.

    ``-(1 - p)^gamma_pos log p`` for a positive, ``-s^gamma_neg log(1 - s)`` with ``s = max(p - margin, 0)`` for a negative.
    Over a softmax the true class is the positive and every other class a negative.

    Parameters
    ----------
    gamma_pos, gamma_neg : float or array_like
        Focusing of positives and negatives, at least 0; one per label or class, if arrays.
    margin : float
        In [0, 1): a negative with a probability below this has no loss. (A probability, not a raw score.)
    {common}

    References
    ----------
    Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, https://arxiv.org/abs/2009.14119

    Examples
    --------
    >>> from boost_imbalance import asymmetric_objective
    >>> asymmetric_objective().loss([-4.0, 0.0, 0.0], [0, 0, 1]).round(4).tolist()
    [0.0, 0.0245, 0.6931]
    """

    public_name = "asymmetric_objective"
    compiled_in: ClassVar = {"gamma_neg": (1.0, 2.0, 3.0, 4.0)}

    gamma_pos: FloatLike = parameter(0.0, low=0.0, high=1000.0)
    gamma_neg: FloatLike = parameter(4.0, low=0.0, high=1000.0)
    margin: float = parameter(0.05, low=0.0, below=1.0, scalar=True)

    def positive(self, t: Expression) -> Expression:
        """``-(1 - p)^gamma_pos log p``."""
        return -(sigmoid(-t) ** self.gamma_pos) * log_sigmoid(t)

    def negative(self, t: Expression) -> Expression:
        """``-s^gamma_neg log(1 - s)``, where ``t`` is the log-odds of label 0 and ``s = max(sigmoid(-t) - margin, 0)``."""
        if is_zero(self.margin):
            return -(sigmoid(-t) ** self.gamma_neg) * log_sigmoid(t)
        s = sigmoid(-t) - self.margin
        counts = s > 0
        s = where(counts, s, 1.0)
        return where(counts, -(abs(s) ** self.gamma_neg) * log(sigmoid(t) + self.margin), 0.0)

    def negative_derivatives(self, t: Expression) -> tuple[Expression, ...] | None:
        """Loss and derivatives of a negative, with quotients shared and what rounding takes from ``1 - s`` put back."""
        if is_zero(self.margin):
            return None
        gamma: Any = self.gamma_neg  # a number, or what it is traced as
        margin = self.margin
        p, q = sigmoid(t), sigmoid(-t)
        s = q - margin
        counts = s > 0
        s = where(counts, s, 1.0)
        r = p + margin
        per_both = 1.0 / (s * r)
        per_s, per_r = per_both * r, per_both * s
        minus_log_r = where(counts, -log(r) - ((1.0 - r) - s) * per_r, 1.0)
        ratio = minus_log_r * per_s
        focus = where(counts, s**gamma if is_constant(gamma) else exp(gamma * log(s)), 0.0)
        both = p * q
        chain = both * per_r
        twice = gamma + gamma
        slope = focus * (both * gamma * ratio + chain)
        square = both * both * per_s
        exact = (p - q) * slope + focus * (square * (gamma * (gamma - 1.0) * ratio + twice * per_r) + chain * chain)
        # At margin 0 these are the positive terms of the focal loss; the margin's own enters with its absolute value.
        rising = focus * (square * (gamma * gamma * ratio + twice * per_r) + chain * (p + q * margin * per_r))
        return focus * minus_log_r, -slope, exact, rising


asymmetric_objective = Asymmetric
