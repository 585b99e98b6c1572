"""The focal loss (Lin et al., 2017, https://arxiv.org/abs/1708.02002), and the focusing that other losses share."""

from __future__ import annotations

import numpy as np

from boost_imbalance.kernels.expressions import log_sigmoid, sigmoid
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.parameters import declared, parameter
from boost_imbalance.losses.weighting import per_column
from boost_imbalance.types import Array, Expression, FloatLike


def focused(t: Expression, gamma: FloatLike) -> Expression:
    """Cross-entropy at the log-odds ``t``, faded by ``gamma``."""
    return -(sigmoid(-t) ** gamma) * log_sigmoid(t)


class Focused(Loss):
    """Cross-entropy that may fade on rows the model already has right."""

    gamma: FloatLike = declared(
        default=0.0,
        allowed=lambda v: (v >= 0) & (v <= 1000),
        wanted="between 0 and 1000",
        low=0.0,
        high=1000.0,
        kw_only=True,
    )

    def positive(self, t: Expression) -> Expression:
        """``-(1 - p)^gamma log p``."""
        return focused(t, self.gamma)


class Focal(Focused):
    """Focal loss: cross-entropy that fades on rows the model already has right.

    ``-alpha_y (1 - p_y)^gamma log p_y``, with a sigmoid for binary and multi-label tasks and a softmax for multi-class.

    Parameters
    ----------
    gamma : float or array_like
        Focusing, at least 0; 0 is cross-entropy, and 2 what the paper takes. One per label or class, if an array.
    alpha : float or array_like, optional
        Binary: weight of the positive class, the negative class having ``1 - alpha``; multi-label: the same, or one per
        label; multi-class: one per class. Between 0 and 1. None weighs all alike, by 1.
    {common}

    References
    ----------
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, https://arxiv.org/abs/1708.02002

    Examples
    --------
    >>> from boost_imbalance import focal_objective
    >>> focal_objective(gamma=2.0, alpha=0.25).loss([0.0, 0.0], [0, 1]).round(4).tolist()
    [0.13, 0.0433]
    """

    public_name = "focal_objective"

    gamma: FloatLike = parameter(1.0, low=0.0, high=1000.0)
    alpha: FloatLike | None = parameter(None, above=0.0, below=1.0)

    def class_weights(self, counts: Counts) -> Array:
        """Those of ``weights=``, times alpha."""
        weights = super().class_weights(counts)
        if self.alpha is None:
            return weights
        alpha = per_column("alpha", self.alpha, counts)
        if counts.task is not Task.MULTICLASS:
            return np.asarray(weights * np.stack([1.0 - alpha, alpha]))
        if np.ndim(np.asarray(self.alpha)) == 0:
            raise ValueError(
                f"alpha is {self.alpha}; a task with {counts.columns} classes needs an array with one per class."
            )
        return np.asarray(weights * alpha[:, None])


focal_objective = Focal
