"""The constructors: each makes one objective, and they differ only in what they fill in."""

from __future__ import annotations

from typing import Any

from boost_imbalance.libraries.objective import Objective
from boost_imbalance.losses.parameters import Parameters, Weights

_COMMON = """\
    weights : "balanced", float, array_like or dict, optional
        Class weights, times any other that this loss brings. ``"balanced"``: inverse frequency ``n / (K n_k)``, by label
        if multi-label. A number: weight of the positive class. An array: one weight per class; in a multi-label task one
        positive weight per label, or shape (labels, 2) for label 0 and 1. A dict: by class or label, the others 1.
    clip_weights : (float, float), optional
        Lowest and highest class weight, applied to the product.
    tau : float
        Strength of the logit adjustment added to margins in training; see :func:`logit_adjusted_objective`.
    hessian : {"exact", "expected", "bound", "absolute", "reweighted"}, optional
        Curvature handed to the booster. ``exact``: the second derivative, which is negative where a focal loss meets a
        badly misclassified row; of a weighted cross-entropy it gives the trees of the library's own class weights.
        ``bound``, the default: without its negative terms, and under the geometric mean of the class weights, each class
        as probable as ``sigmoid`` or ``softmax`` of the margin says. ``expected``: the mean over labels of the second
        derivative, with the same probabilities; of a sigmoid, never less than by calibrated ones, which is positive. It
        learns more slowly and overfits less. ``absolute``: the absolute value. ``reweighted``: cross-entropy's, under the
        frozen dynamic weight.
    scale : {"auto", "start"} or float
        What gradient and Hessian are multiplied by on their way to a booster. It does not change the loss, but decides
        what ``min_child_weight``, ``lambda`` and ``min_sum_hessian_in_leaf`` mean. ``"start"``: such that the mean Hessian
        at this loss's start is that of cross-entropy at its own, under the same class weights at mean 1. Where a class is
        rare and gamma high, that is far below 1 and strengthens ``lambda``. ``"auto"``: the same, but never less than what
        brings the class weights to mean 1.
    n_threads : int, optional
        Default: the processors that this process may use.
    device : {"auto", "cpu", "cuda"}
        Where to compute. ``"auto"``: on the GPU where the labels of the training data are on it, or the booster is
        (XGBoost), or where the arrays are that a function is given; else on the host. ``"cuda"`` needs the extra
        ``boost-imbalance[cuda]``.

    Returns
    -------
    Objective
"""


def _given(name: str, value: Any) -> Any:
    if value is None:
        raise TypeError(f"{name} is None; this loss needs a number.")
    return value


def _documented(constructor: Any) -> Any:
    constructor.__doc__ = constructor.__doc__.replace("    {common}\n", _COMMON)
    return constructor


@_documented
def weighted_objective(
    weights: Weights = "balanced",
    *,
    gamma: Any = 0.0,
    clip_weights: tuple[float, float] | None = None,
    tau: float = 0.0,
    hessian: str | None = None,
    scale: Any = "auto",
    n_threads: int | None = None,
    device: str = "auto",
) -> Objective:
    """Cross-entropy with class weights.

    ``-w_y log p_y``. Weights trade errors on one class for errors on another; they move every prediction towards the
    classes they favour, which ``probability`` undoes.

    Parameters
    ----------
    gamma : float or array_like
        Focusing; see :func:`focal_objective`.
    {common}

    Examples
    --------
    >>> from boost_imbalance import weighted_objective
    >>> weighted_objective(weights=3.0).loss([0.0, 0.0], [0, 1]).round(4).tolist()
    [0.6931, 2.0794]
    """
    return Objective(
        weighted_objective,
        Parameters(
            gamma_pos=gamma, gamma_neg=gamma, weights=weights, clip_weights=clip_weights, tau=tau, hessian=hessian,
            scale=scale, n_threads=n_threads, device=device, names=_GAMMA,
        ),
    )  # fmt: skip


@_documented
def focal_objective(
    gamma: Any = 1.0,
    alpha: Any = None,
    *,
    weights: Weights = None,
    clip_weights: tuple[float, float] | None = None,
    tau: float = 0.0,
    hessian: str | None = None,
    scale: Any = "auto",
    n_threads: int | None = None,
    device: str = "auto",
) -> Objective:
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
    return Objective(
        focal_objective,
        Parameters(
            gamma_pos=gamma, gamma_neg=gamma, alpha=alpha, weights=weights, clip_weights=clip_weights, tau=tau,
            hessian=hessian, scale=scale, n_threads=n_threads, device=device, names=_GAMMA,
        ),
    )  # fmt: skip


@_documented
def asymmetric_objective(
    gamma_pos: Any = 0.0,
    gamma_neg: Any = 4.0,
    margin: float = 0.05,
    *,
    weights: Weights = None,
    clip_weights: tuple[float, float] | None = None,
    tau: float = 0.0,
    hessian: str | None = None,
    scale: Any = "auto",
    n_threads: int | None = None,
    device: str = "auto",
) -> Objective:
    """Asymmetric loss: positives and negatives focus differently, and easy negatives cost nothing.

    ``-(1 - p)^gamma_pos log p`` for a positive, ``-s^gamma_neg log(1 - s)`` with ``s = max(p - margin, 0)`` for a negative.
    Over a softmax the true class is the positive and every other class a negative.

    Parameters
    ----------
    gamma_pos, gamma_neg : float or array_like
        Focusing of positives and negatives, at least 0; one per label or class, if arrays.
    margin : float
        In [0, 1): a negative with a probability below this has no loss. (A probability, not a raw score.)
    {common}

    References
    ----------
    Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, https://arxiv.org/abs/2009.14119

    Examples
    --------
    >>> from boost_imbalance import asymmetric_objective
    >>> asymmetric_objective().loss([-4.0, 0.0, 0.0], [0, 0, 1]).round(4).tolist()
    [0.0, 0.0245, 0.6931]
    """
    return Objective(
        asymmetric_objective,
        Parameters(
            gamma_pos=gamma_pos, gamma_neg=gamma_neg, margin=margin, asymmetric=True, weights=weights,
            clip_weights=clip_weights, tau=tau, hessian=hessian, scale=scale, n_threads=n_threads, device=device,
        ),
    )  # fmt: skip


@_documented
def class_balanced_objective(
    beta: float = 0.99,
    gamma: Any = 0.0,
    *,
    weights: Weights = None,
    clip_weights: tuple[float, float] | None = None,
    tau: float = 0.0,
    hessian: str | None = None,
    scale: Any = "auto",
    n_threads: int | None = None,
    device: str = "auto",
) -> Objective:
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
    return Objective(
        class_balanced_objective,
        Parameters(
            gamma_pos=gamma, gamma_neg=gamma, beta=_given("beta", beta), weights=weights, clip_weights=clip_weights, tau=tau,
            hessian=hessian, scale=scale, n_threads=n_threads, device=device, names=_GAMMA,
        ),
    )  # fmt: skip


@_documented
def logit_adjusted_objective(
    tau: float = 1.0,
    priors: Any = None,
    *,
    gamma: Any = 0.0,
    weights: Weights = None,
    clip_weights: tuple[float, float] | None = None,
    hessian: str | None = None,
    scale: Any = "auto",
    n_threads: int | None = None,
    device: str = "auto",
) -> Objective:
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
    return Objective(
        logit_adjusted_objective,
        Parameters(
            gamma_pos=gamma, gamma_neg=gamma, weights=weights, clip_weights=clip_weights, tau=tau, priors=priors,
            hessian=hessian, scale=scale, n_threads=n_threads, device=device, names=_GAMMA,
        ),
    )  # fmt: skip


@_documented
def adaptive_objective(
    rate: float = 0.01,
    *,
    gamma: Any = 0.0,
    weights: Weights = None,
    clip_weights: tuple[float, float] | None = None,
    tau: float = 0.0,
    hessian: str | None = None,
    scale: Any = "auto",
    n_threads: int | None = None,
    device: str = "auto",
) -> Objective:
    """Class weights that follow what the model gets wrong.

    Every class starts at weight 1, and each round its weight moves towards its false-negative rate under the current
    margins: ``w_k <- (1 - rate) w_k + rate FNR_k``. A training on the same data that begins with the same margins starts
    over. As plain functions, and as a metric, the loss has the weights of the first round.

    Parameters
    ----------
    rate : float
        In (0, 1]: share of the new rate in the smoothed one.
    gamma : float or array_like
        Focusing; see :func:`focal_objective`.
    {common}

    Examples
    --------
    >>> import numpy as np
    >>> from boost_imbalance import adaptive_objective
    >>> objective = adaptive_objective(rate=0.5)
    >>> label, margin = np.array([0.0, 1.0]), np.array([-1.0, -1.0])
    >>> _ = objective(label, margin)  # label 1 is missed and stays at 1; label 0 is right and halves
    >>> gradient, _ = objective(label, margin + 0.1)
    >>> print(gradient.round(4))
    [ 0.0723 -0.7109]
    """
    return Objective(
        adaptive_objective,
        Parameters(
            gamma_pos=gamma, gamma_neg=gamma, rate=_given("rate", rate), weights=weights, clip_weights=clip_weights, tau=tau,
            hessian=hessian, scale=scale, n_threads=n_threads, device=device, names=_GAMMA,
        ),
    )  # fmt: skip


_GAMMA = {"gamma_pos": "gamma", "gamma_neg": "gamma"}
