"""Cross-entropy with class weights."""

from __future__ import annotations

from boost_imbalance.losses.focal import Focused
from boost_imbalance.losses.parameters import check_weights, declared
from boost_imbalance.types import Weights


class Weighted(Focused):
    """Cross-entropy with class weights.

    ``-w_y log p_y``. Weights trade errors on one class for errors on another; they move every prediction towards the
    classes they favour, which ``probability`` undoes.

    Parameters
    ----------
    weights : "balanced", float, array_like or dict, optional
        ``"balanced"``: inverse frequency ``n / (K n_k)``, by label if multi-label. A number: weight of the positive class.
        An array: one weight per class; in a multi-label task one positive weight per label, or shape (labels, 2) for label 0
        and 1. A dict: by class or label, the others 1. None: plain cross-entropy.
    gamma : float or array_like
        Focusing; see :func:`focal_objective`.
    {common}

    Examples
    --------
    >>> from boost_imbalance import weighted_objective
    >>> weighted_objective(weights=3.0).loss([0.0, 0.0], [0, 1]).round(4).tolist()
    [0.6931, 2.0794]
    """

    public_name = "weighted_objective"

    weights: Weights = declared(default="balanced", check=check_weights, common=True)


weighted_objective = Weighted
