"""The Poly-1 loss (Leng et al., 2022, https://arxiv.org/abs/2204.12511)."""

from __future__ import annotations

from boost_imbalance.kernels.expressions import log_sigmoid, sigmoid
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.parameters import parameter
from boost_imbalance.types import Expression, FloatLike


class Poly1(Loss):
    """Poly-1: cross-entropy plus epsilon times the probability that is missing.

    ``-log p_y + epsilon (1 - p_y)``: the first term of cross-entropy's expansion in ``1 - p`` counts ``1 + epsilon`` times.

    Parameters
    ----------
    epsilon : float or array_like
        At least -1; 0 is cross-entropy, and 2 what the paper takes for ImageNet. One per label or class, if an array.
    {common}

    References
    ----------
    Leng et al., PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions, ICLR 2022,
    https://arxiv.org/abs/2204.12511

    Examples
    --------
    >>> from boost_imbalance import poly1_objective
    >>> poly1_objective(epsilon=2.0).loss([0.0, 3.0], [1, 1]).round(4).tolist()
    [1.6931, 0.1434]
    """

    public_name = "poly1_objective"

    epsilon: FloatLike = parameter(1.0, low=-1.0)

    def positive(self, t: Expression) -> Expression:
        """``-log p + epsilon (1 - p)``."""
        return -log_sigmoid(t) + self.epsilon * sigmoid(-t)


poly1_objective = Poly1
