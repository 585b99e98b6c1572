"""The robust focal loss (Luo et al., 2023, https://arxiv.org/abs/2310.05067)."""

from __future__ import annotations

from boost_imbalance.kernels.expressions import sigmoid
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.parameters import parameter
from boost_imbalance.types import Expression, FloatLike


class RobustFocal(Loss):
    """Robust focal loss: the focusing of the focal loss on generalised cross-entropy.

    ``(1 - p_y)^gamma (1 - p_y^q) / q``: rows that are right fade, and rows that are wrong cannot cost more than ``1 / q``.

    Parameters
    ----------
    gamma : float or array_like
        Focusing, at least 0; 0 is generalised cross-entropy. The paper calls it r.
    q : float or array_like
        In (0, 1]; towards 0 the focal loss.
    {common}

    References
    ----------
    Luo et al., Robust-GBDT: A Novel Gradient Boosting Model for Noise-Robust Classification,
    https://arxiv.org/abs/2310.05067

    Examples
    --------
    >>> from boost_imbalance import robust_focal_objective
    >>> robust_focal_objective(gamma=1.0, q=0.5).loss([0.0, -80.0], [1, 1]).round(4).tolist()
    [0.2929, 2.0]
    """

    public_name = "robust_focal_objective"

    gamma: FloatLike = parameter(0.5, low=0.0, high=1000.0)
    q: FloatLike = parameter(0.5, above=0.0, high=1.0)

    def positive(self, t: Expression) -> Expression:
        """``(1 - p)^gamma (1 - p^q) / q``."""
        return sigmoid(-t) ** self.gamma * ((1.0 - sigmoid(t) ** self.q) / self.q)


robust_focal_objective = RobustFocal
