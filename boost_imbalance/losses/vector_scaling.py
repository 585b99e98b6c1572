"""The vector-scaling loss (Kini et al., 2021, https://arxiv.org/abs/2103.01550)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from boost_imbalance.kernels.expressions import log_sigmoid
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.parameters import declared, parameter, per_class
from boost_imbalance.losses.weighting import logit_adjustment
from boost_imbalance.types import Array, ArrayLike, Expression


class VectorScaling(Loss):
    """Vector-scaling (VS) loss: a factor and an offset on the margin, both by the label's frequency.

    ``-log sigmoid(d_y t + o_y)``, with ``t`` the log-odds of the true label, ``d_y = (n_y / n_max)^gamma`` and ``o_y`` plus
    or minus ``tau`` times the log-odds of label 1: a rare label has to be right by more, both absolutely and in proportion.
    For binary and multi-label tasks; over a softmax the factors would be on the raw scores of all classes, which no function
    of the true class's log-odds can say.

    Parameters
    ----------
    gamma : float
        At least 0: power of the factor. 0 leaves the offset alone, which is the logit-adjusted loss.
    tau : float
        At least 0: strength of the offset. 0 leaves the factor alone.
    {common}

    References
    ----------
    Kini et al., Label-Imbalanced and Group-Sensitive Classification under Overparameterization, NeurIPS 2021,
    https://arxiv.org/abs/2103.01550

    Examples
    --------
    >>> from boost_imbalance import vector_scaling_objective
    >>> objective = vector_scaling_objective(gamma=0.5, tau=0.0)  # label 1 is a quarter as frequent, so its factor is 1/2
    >>> objective.loss([2.0] * 5, [0, 0, 0, 0, 1])[[0, -1]].round(4).tolist()
    [2.1269, 0.3133]
    """

    public_name = "vector_scaling_objective"

    gamma: float = parameter(0.15, low=0.0, scalar=True)
    tau: float = declared(
        default=1.0, allowed=lambda v: v >= 0, wanted="finite and not negative", low=0.0, scalar=True, common=True
    )
    class_factor = per_class(low=0.0, high=1.0)
    class_offset = per_class()

    def positive(self, t: Expression) -> Expression:
        """``-log sigmoid(d t + o)``."""
        return -log_sigmoid(self.class_factor * t + self.class_offset)

    def offset(self, counts: Counts) -> Array:
        """None: the formula has it."""
        return np.zeros(counts.columns)

    def class_parameters(self, counts: Counts) -> Mapping[str, ArrayLike]:
        """Factors and offsets."""
        if counts.task is Task.MULTICLASS:
            raise ValueError(
                f"{self.public_name} is for binary and multi-label tasks, but there are {counts.columns} classes; take "
                f"logit_adjusted_objective(tau={self.tau}) or ldam_objective()."
            )
        n = counts.by_class / counts.by_class.max(axis=0)
        n = np.where(counts.occurs, n, 1.0)  # nothing is scaled for a label without rows
        adjustment = logit_adjustment(self.tau, None, counts)
        return {"class_factor": n**self.gamma, "class_offset": np.stack([-adjustment, adjustment])}


vector_scaling_objective = VectorScaling
