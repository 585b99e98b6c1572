"""The logit-adjusted loss (Menon et al., 2021, https://arxiv.org/abs/2007.07314)."""

from __future__ import annotations

from boost_imbalance.losses.focal import Focused
from boost_imbalance.losses.parameters import declared, parameter
from boost_imbalance.types import FloatLike


class LogitAdjusted(Focused):
    """Logit-adjusted loss: each class must beat the others by the log of how rare it is.

    Training sees the margins plus ``tau log prior``; prediction does not. With ``tau = 1`` the largest margin minimises
    the balanced error, while ``probability`` gives the posterior.

    Parameters
    ----------
    tau : float
        At least 0; 0 is cross-entropy.
    priors : float or array_like, optional
        Share of positives (binary; multi-label: one per label), or of each class. Default: from the training labels.
    gamma : float or array_like
        Focusing; see :func:`focal_objective`.
    {common}

    References
    ----------
    Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, https://arxiv.org/abs/2007.07314

    Examples
    --------
    >>> from boost_imbalance import logit_adjusted_objective
    >>> objective = logit_adjusted_objective(priors=0.1).fit([0, 1])
    >>> float(objective.probability([0.0])[0].round(4))  # the balanced score 0.5 is the posterior 0.1
    0.1
    """

    public_name = "logit_adjusted_objective"

    tau: float = declared(
        default=1.0, allowed=lambda v: v >= 0, wanted="finite and not negative", low=0.0, scalar=True, common=True
    )
    priors: FloatLike | None = parameter(None, above=0.0, below=1.0)


logit_adjusted_objective = LogitAdjusted
