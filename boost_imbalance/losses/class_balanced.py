"""The class-balanced loss (Cui et al., 2019, https://arxiv.org/abs/1901.05555)."""

from __future__ import annotations

import numpy as np

from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.focal import focused
from boost_imbalance.losses.labels import Counts
from boost_imbalance.losses.parameters import parameter
from boost_imbalance.losses.weighting import effective
from boost_imbalance.types import Array, Expression, FloatLike


class ClassBalanced(Loss):
    """Class-balanced loss: classes weigh the inverse of their effective number of samples.

    The effective number of ``n`` samples is ``(1 - beta^n) / (1 - beta)``; the weights sum to the number of classes.

    Parameters
    ----------
    beta : float
        In [0, 1): 0 weighs all classes alike; towards 1 the weights approach inverse frequency. At 0.99 classes of some
        hundred rows and more weigh nearly alike.
    gamma : float or array_like
        Focusing; with gamma > 0 this is the class-balanced focal loss.
    {common}

    References
    ----------
    Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, https://arxiv.org/abs/1901.05555

    Examples
    --------
    >>> from boost_imbalance import class_balanced_objective
    >>> label = [0] * 90 + [1] * 10
    >>> class_balanced_objective(beta=0.99).loss([0.0] * 100, label)[[0, -1]].round(4).tolist()
    [0.1919, 1.1944]
    """

    public_name = "class_balanced_objective"

    beta: float = parameter(0.99, low=0.0, below=1.0, scalar=True)
    gamma: FloatLike = parameter(0.0, low=0.0, high=1000.0)

    def positive(self, t: Expression) -> Expression:
        """``-(1 - p)^gamma log p``."""
        return focused(t, self.gamma)

    @property
    def needs_counts(self) -> bool:
        """Always."""
        return True

    def class_weights(self, counts: Counts) -> Array:
        """Those of ``weights=``, times the inverse effective numbers."""
        return np.asarray(super().class_weights(counts) * effective(counts, self.beta))


class_balanced_objective = ClassBalanced
