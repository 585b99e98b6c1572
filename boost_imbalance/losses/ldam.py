"""Label-distribution-aware margins (Cao et al., 2019, https://arxiv.org/abs/1906.07413)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from boost_imbalance.kernels.expressions import log_sigmoid
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Counts
from boost_imbalance.losses.parameters import parameter, per_class
from boost_imbalance.types import ArrayLike, Expression


class LDAM(Loss):
    """LDAM: cross-entropy with a margin that is larger for rarer classes.

    ``-log sigmoid(t_y - m_y)``, with ``t`` the log-odds of the true class and ``m_y`` proportional to ``n_y^(-1/4)``: a rare
    class has to be right by more. Over a softmax that is a margin on the true class's raw score.

    Parameters
    ----------
    max_margin : float
        At least 0: margin of the rarest class, in log-odds. The paper takes 0.5 of scores that it scales by 30.
    {common}

    References
    ----------
    Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019,
    https://arxiv.org/abs/1906.07413

    Examples
    --------
    >>> from boost_imbalance import ldam_objective
    >>> ldam_objective(max_margin=1.0).loss([0.0] * 17, [0] * 16 + [1])[[0, -1]].round(4).tolist()
    [0.9741, 1.3133]
    """

    public_name = "ldam_objective"

    max_margin: float = parameter(0.5, low=0.0, scalar=True)
    class_margin = per_class(low=0.0)

    def positive(self, t: Expression) -> Expression:
        """``-log sigmoid(t - m)``."""
        return -log_sigmoid(t - self.class_margin)

    def class_parameters(self, counts: Counts) -> Mapping[str, ArrayLike]:
        """The margins."""
        n = np.where(counts.occurs, counts.by_class, np.inf)  # a class without rows needs no margin
        return {"class_margin": self.max_margin * (n.min(axis=0) / n) ** 0.25}


ldam_objective = LDAM
