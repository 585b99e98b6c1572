"""Class weights that follow the errors of the model that is being trained."""

from __future__ import annotations

import numpy as np

from boost_imbalance.losses.focal import Focused
from boost_imbalance.losses.parameters import parameter
from boost_imbalance.types import Array


class Adaptive(Focused):
    """Class weights that follow what the model gets wrong.

    Every class starts at weight 1, and each round its weight moves towards its false-negative rate under the current
    margins: ``w_k <- (1 - rate) w_k + rate FNR_k``. Each training begins at 1, whatever its first margins, except one that
    continues another of this loss (``xgb_model=``, ``init_model=``): it goes on where that one ended. As plain functions,
    and as a metric, the loss has the weights of the first round.

    Parameters
    ----------
    rate : float
        In (0, 1]: share of the new rate in the smoothed one.
    gamma : float or array_like
        Focusing; see :func:`focal_objective`.
    {common}

    Notes
    -----
    The weights belong to a training, which is known by the booster that calls. They are kept with that booster: of XGBoost
    as an attribute, which its files have too; of LightGBM with the ``Booster`` and its pickle, but not in its model file.
    Whoever calls the objective by hand makes a training with :meth:`~boost_imbalance.Loss.bind`, and calls that.

    Examples
    --------
    >>> import numpy as np
    >>> from boost_imbalance import adaptive_objective
    >>> training = adaptive_objective(rate=0.5).bind([0, 1])
    >>> _ = training(np.array([-1.0, -1.0]))  # label 1 is missed and stays at 1; label 0 is right and halves
    >>> gradient, _ = training(np.array([-0.9, -0.9]))
    >>> print(gradient.round(4))
    [ 0.0723 -0.7109]
    """

    public_name = "adaptive_objective"

    rate: float = parameter(0.01, above=0.0, high=1.0, scalar=True)

    weights_move = True

    def moved_weights(self, weights: Array, missed: Array) -> Array:
        """One step towards each class's false-negative rate."""
        weights = (1.0 - self.rate) * weights + self.rate * missed
        return weights if self.clip_weights is None else np.clip(weights, *self.clip_weights)


adaptive_objective = Adaptive
