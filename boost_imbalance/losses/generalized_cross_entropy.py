"""Generalised cross-entropy (Zhang and Sabuncu, 2018, https://arxiv.org/abs/1805.07836)."""

from __future__ import annotations

from boost_imbalance.kernels.expressions import sigmoid
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.parameters import parameter
from boost_imbalance.types import Expression, FloatLike


class GeneralizedCrossEntropy(Loss):
    """Generalised cross-entropy: between cross-entropy and the absolute error, for labels some of which are wrong.

    ``(1 - p_y^q) / q``: no row can cost more than ``1 / q``, so one with a wrong label pulls less the surer the model is.

    Parameters
    ----------
    q : float or array_like
        In (0, 1]: towards 0 cross-entropy, 1 the absolute error; 0.7 is what the paper takes. One per label or class, if an
        array.
    {common}

    References
    ----------
    Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels, NeurIPS 2018,
    https://arxiv.org/abs/1805.07836

    Examples
    --------
    >>> from boost_imbalance import generalized_cross_entropy_objective
    >>> generalized_cross_entropy_objective(q=0.5).loss([0.0, -80.0], [1, 1]).round(4).tolist()
    [0.5858, 2.0]
    """

    public_name = "generalized_cross_entropy_objective"

    q: FloatLike = parameter(0.7, above=0.0, high=1.0)

    def positive(self, t: Expression) -> Expression:
        """``(1 - p^q) / q``."""
        return (1.0 - sigmoid(t) ** self.q) / self.q


generalized_cross_entropy_objective = GeneralizedCrossEntropy
