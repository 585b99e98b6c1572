"""Label shift: another population than that of training, where classes have other shares and look the same otherwise.

All that changes is how much each class counts, by the ratio of its shares in both populations. That ratio multiplies
probabilities, its logarithm moves margins, and held-out rows are weighted by it. Shares are in the form of ``class_prior_``:
that of the second of two classes, of each of several, or of 1 in each label.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from boost_imbalance.estimators.targets import Target
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Array

_ROUNDING = 1e-6
_SMALLEST = 1e-200
"""Ratio of a class that the other population does not have; its logarithm is a number."""
_GAP = 1e-9
"""How far the mean log likelihood of a row may be from its maximum."""
_MAX_ROUNDS = 1000


def shares_of(prevalence: Any, sampling_rate: Any, target: Target, pos_label: Any, prior: Array) -> Array | None:
    """What the classifiers' parameters say of the shares; None if the population is that of training.

    ``prior`` are the shares in training.
    """
    if prevalence is not None and sampling_rate is not None:
        raise ValueError(
            f"prevalence={prevalence!r} and sampling_rate={sampling_rate!r} both say what the population is; give one of "
            f"them, and None for the other."
        )
    if sampling_rate is not None:
        share = by_class(target.task, prior) / _rates(sampling_rate, target)
        share = share / share.sum()
        return np.asarray(share[1:] if target.task is Task.BINARY else share)
    if prevalence is None:
        return None
    share = _prevalence(prevalence, target, pos_label)
    unknown = np.argwhere((by_class(target.task, prior) <= 0) & (by_class(target.task, share) > 0))
    if len(unknown):
        k = int(unknown[0, -1])
        if target.task is Task.MULTILABEL:
            what, instead = f"had another label {k} than {prior[k]:g}", f"give {prior[k]:g} for that label"
        else:
            what, instead = f"was of class {target.classes.tolist()[k]!r}", "give 0 for that class"
        raise ValueError(
            f"prevalence is {prevalence!r}, but no row of training {what}, of which the model knows nothing; {instead}."
        )
    return share


def _prevalence(prevalence: Any, target: Target, pos_label: Any) -> Array:
    """``prevalence=``, checked."""
    several = f"a dict with a share for each of the classes {target.classes.tolist()}, or a list in that order"
    wanted = {
        Task.BINARY: "the share of the positive class, or a dict with a share for each of both",
        Task.MULTICLASS: several,
        Task.MULTILABEL: f"a list with the share of 1 in each of the {target.columns} labels",
    }[target.task]
    given = prevalence
    if target.task is not Task.MULTILABEL and hasattr(given, "items"):  # a Series of pandas may have another order
        given = _in_order(given, target, "prevalence", None)
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"prevalence is {prevalence!r}; give {wanted}.") from None
    shape = () if target.task is Task.BINARY and array.ndim == 0 else (len(target.classes),)
    if isinstance(prevalence, (str, bool)) or array.shape != shape:
        raise ValueError(f"prevalence is {prevalence!r}; give {wanted}.")
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"prevalence is {prevalence!r}; a share lies between 0 and 1.")
    if array.ndim == 0:
        if pos_label is None:
            target.check_positive(f"prevalence={prevalence!r}")
        positive = 1 if pos_label is None else target.positive_code(pos_label)
        return np.array([array if positive else 1 - array])
    if target.task is Task.MULTILABEL:
        return np.asarray(array)
    if abs(array.sum() - 1) > _ROUNDING:
        raise ValueError(
            f"prevalence is {prevalence!r}, which sums to {array.sum():.7g}; the shares of all classes sum to 1, so divide "
            f"them by their sum."
        )
    return array[1:] if target.task is Task.BINARY else np.asarray(array)


def _rates(sampling_rate: Any, target: Target) -> Array:
    """``sampling_rate=`` as one rate per class, checked."""
    if target.task is Task.MULTILABEL:
        raise ValueError(
            f"sampling_rate is {sampling_rate!r}, but a row of several labels has no class to be drawn by; give prevalence, "
            f"the share of 1 in each label."
        )
    if not hasattr(sampling_rate, "items"):
        raise TypeError(
            f"sampling_rate is {sampling_rate!r}; give a dict with the share of the rows of a class that was kept, such as "
            f"{{{target.classes.tolist()[0]!r}: 0.1}}."
        )
    try:
        rates = np.asarray(_in_order(sampling_rate, target, "sampling_rate", 1.0), dtype=np.float64)
    except TypeError:
        raise TypeError(f"sampling_rate is {sampling_rate!r}; rates are numbers.") from None
    if not (np.isfinite(rates) & (rates > 0)).all():
        raise ValueError(f"sampling_rate is {sampling_rate!r}; rates are finite and above 0.")
    return rates


def _in_order(by_name: Any, target: Target, name: str, default: Any) -> list[Any]:
    """The values of a dict by class, in the order of the classes; the default None stands for no default."""
    found = [default] * len(target.classes)
    for label, value in by_name.items():
        found[target.class_index(label, name)] = value
    if None in found:
        without = target.classes.tolist()[found.index(None)]
        raise ValueError(f"{name} is {by_name!r}, without class {without!r}; name all classes.")
    return found


def by_class(task: Task, shares: Array) -> Array:
    """Shares of each class, (classes,), or of 0 and 1 of each label, (2, labels)."""
    if task is Task.MULTICLASS:
        return shares
    both = np.stack([1.0 - shares, shares])
    return both[:, 0] if task is Task.BINARY else both


def ratios(task: Task, prior: Array, shares: Array) -> Array:
    """How much more a row of each class counts, in the form of :func:`by_class`; 1 where there was no row before."""
    old, new = by_class(task, prior), by_class(task, shares)
    return np.where(old > 0, np.maximum(new / np.where(old > 0, old, 1.0), _SMALLEST), 1.0)


def _total(values: Array) -> Array:
    return np.asarray(values.sum(axis=1, keepdims=True))


def adapted(probability: Any, ratio: Array, total: Callable[[Any], Any] = _total) -> Any:
    """Probabilities (n, classes) or (n, labels) in the other population, by Bayes' rule.

    Also of values of an ONNX graph, with the ``total`` of their columns.
    """
    if ratio.ndim == 1:
        joint = probability * ratio
        return joint / total(joint)
    joint = probability * ratio[1]
    return joint / (joint + (1.0 - probability) * ratio[0])


def margin_shift(task: Task, ratio: Array) -> Array:
    """What it adds to the calibrated margins of each column."""
    log = np.log(ratio)
    return log if task is Task.MULTICLASS else np.atleast_1d(log[1] - log[0])


def row_weights(label: Array, weight: Array | None, ratio: Array) -> Array:
    """Weights (n,) or (n, labels) with which these rows stand for those of the other population."""
    ratio = np.where(ratio > _SMALLEST, ratio, 0.0)
    factor = ratio[label.astype(np.intp)] if ratio.ndim == 1 else np.where(label == 1, ratio[1], ratio[0])
    if weight is None:
        return factor
    return np.asarray((weight if weight.ndim == factor.ndim else weight[:, None]) * factor)


def estimated(task: Task, probability: Array, prior: Array) -> Array:
    """The most likely shares of the population that rows with these probabilities come from.

    ``probability``, (n, classes) or (n, labels), is calibrated for a population with the shares ``prior``.
    """
    if task is Task.MULTICLASS:
        return _most_likely(probability, prior)
    if task is Task.BINARY:
        return _most_likely(probability, by_class(task, prior))[1:]
    pairs = zip(probability.T, by_class(task, prior).T, strict=True)
    return np.array([_most_likely(np.stack([1.0 - p, p], axis=1), pair)[1] for p, pair in pairs])


def _most_likely(probability: Array, prior: Array) -> Array:
    """Expectation maximisation (Saerens, Latinne and Decaestecker, 2002), accelerated as by Varadhan and Roland (2008)."""
    present = prior > 0
    density = probability[:, present] / prior[present]

    def mixed(share: Array) -> Array:
        return np.asarray(density @ share)

    share = prior[present]
    for _ in range(_MAX_ROUNDS):
        gain = density.T @ (1.0 / mixed(share)) / len(density)  # the slope of the mean log likelihood
        if gain.max() - 1.0 <= _GAP:  # it is concave, so that this bounds what is left to gain
            break
        first = share * gain
        second = first * (density.T @ (1.0 / mixed(first))) / len(density)
        step, bend = first - share, second - 2.0 * first + share
        length = max(float(np.linalg.norm(step) / max(np.linalg.norm(bend), 1e-300)), 1.0)
        far = np.maximum(share + 2.0 * length * step + length**2 * bend, 1e-3 * second)
        far /= far.sum()
        share = far if np.log(mixed(far)).mean() >= np.log(mixed(second)).mean() else second
    found = np.zeros(len(prior))
    found[present] = share / share.sum()
    return found
