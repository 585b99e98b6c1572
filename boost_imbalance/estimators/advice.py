"""Warnings of what is allowed, but seldom meant: each says what happens and the line to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from boost_imbalance.losses import protocol
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.generalized_cross_entropy import GeneralizedCrossEntropy
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.parameters import is_whole, same
from boost_imbalance.types import Array

_FEWEST_ONE_HOT = 30
"""Rows with exactly one label each may be chance if they are fewer."""


def of_one_hot(y: Any, label: Array) -> None:
    """Warn if the labels of a multi-label task exclude one another in every row."""
    if len(label) < _FEWEST_ONE_HOT or (label.sum(axis=1) != 1).any() or label.any(axis=0).sum() < 2:
        return
    if hasattr(y, "idxmax"):
        line = "y.idxmax(axis=1)"
    elif hasattr(y, "toarray"):
        line = "y.toarray().argmax(axis=1)"
    else:
        line = "y.argmax(axis=1)" if isinstance(y, np.ndarray) else "numpy.asarray(y).argmax(axis=1)"
    task = "two classes" if label.shape[1] == 2 else f"{label.shape[1]} classes"
    protocol.warn(
        f"every row of y has exactly one of {label.shape[1]} labels, which are trained as independent ones; if y is {task} "
        f"in one-hot form, write fit(X, {line})."
    )


def of_absolute_error(loss: Objective, at_zero: str | None = None) -> None:
    """Warn of the loss that begins at a margin which it hardly leaves, or, once trained, of its probabilities."""
    if not isinstance(loss, GeneralizedCrossEntropy) or np.any(np.asarray(loss.parameters["q"]) < 1.0):
        return
    if at_zero is None:
        protocol.warn(
            "at q=1 every calibrated probability is 1/2, so that they decide nothing; decide by the sign of "
            "decision_function(X), of several classes by the largest, or train with a lower q."
        )
    else:
        protocol.warn(
            f"at q=1 training begins at a constant decision, which it may hardly leave; begin at a margin of 0, {at_zero}, "
            f"or lower q."
        )


def of_a_promise(kind: str, goal: float, confidence: float | None, positives: int, rows: int) -> None:
    """Warn of a floor under recall or precision that the held-out rows cannot promise."""
    alarms = "every row is an alarm" if kind == "recall" else "no row is"
    sure = "" if confidence is None else f" with a confidence of {confidence:g}"
    protocol.warn(
        f"{rows} held-out rows with {positives} positives cannot promise a {kind} of {goal:g}{sure}, so {alarms}; lower the "
        f"{kind}" + (", or the confidence." if confidence is not None else ".")
    )


def of_values_as_labels(class_weight: Any, columns: int) -> None:
    """Warn if the keys of a multi-label task's ``class_weight`` may be meant as the values 0 and 1."""
    if not isinstance(class_weight, Mapping) or any(isinstance(value, Mapping) for value in class_weight.values()):
        return
    if class_weight and all(is_whole(key) and key in (0, 1) for key in class_weight):
        which = " and ".join(f"{key}" for key in class_weight)
        spelt_out = {key: dict(enumerate(value)) if np.ndim(value) else {1: value} for key, value in class_weight.items()}
        protocol.warn(
            f"class_weight is {class_weight!r}, which weighs the positives of label {which} of y's {columns}; to weigh the "
            f"values 0 and 1 of every label, write class_weight=[{class_weight!r}] * {columns}; if you mean the labels, "
            f"write class_weight={spelt_out!r}."
        )


def of_namesakes(own: Mapping[str, Any], given: Any, loss: Objective, meanings: Mapping[str, tuple[str, str]]) -> None:
    """Warn if a parameter of XGBoost is likely to be meant as the loss's; ``given`` is None without a loss.

    ``meanings`` says what each such parameter is, and its other name, under which nobody doubts that it is meant.
    """
    for name, (meaning, alias) in meanings.items():
        value, declared = own.get(name), type(loss)._declared.get(name)
        chosen = given is not None and declared is not None and not same(loss.parameters[name], declared.default)
        if not value or chosen or (declared is None and name != "gamma"):
            continue
        if given is not None and name in loss.parameters and not _takes(loss, name, value):
            continue  # it cannot be meant
        protocol.warn(
            f"{name}={value!r} is {meaning}, not a parameter of the loss; write {_with(given, loss, name, value)}, or "
            f"{alias}={value!r} if that is what you mean."
        )


def of_ignored(own: Mapping[str, Any], given: Any, loss: Objective) -> None:
    """Warn if LightGBM is given a parameter of a loss, which it does not read."""
    for name in {"gamma": 0, "alpha": 0, **loss.parameters}:
        if own.get(name) is None or name in ("device", "n_threads") or own[name] is False:
            continue
        protocol.warn(
            f"{name}={own[name]!r} is nothing that LightGBM would use here; write {_with(given, loss, name, own[name])}."
        )


def _takes(loss: Objective, name: str, value: Any) -> bool:
    try:
        loss.replace(**{name: value})
    except (TypeError, ValueError):
        return False
    return True


def _with(given: Any, loss: Objective, name: str, value: Any) -> str:
    """The line that gives a loss this parameter."""
    if name not in loss.parameters or (given is None and name in ("gamma", "alpha")):
        return f"loss=focal_objective({name}={value!r})"
    if _takes(loss, name, value):
        return f"loss={loss.replace(**{name: value})!r}"
    return f"loss={loss.constructor_name}({name}=...)"


def of_no_split(task: Task, prior: Array, has_split: Array, remedy: str) -> None:
    """Warn if no tree has a split, or none of some labels; ``has_split`` is by column.

    A class or label without rows, or without others, has nothing to split for.
    """
    varies = (prior > 0) & (prior < 1)
    without = varies & ~has_split
    if not without.any() or (task is Task.MULTICLASS and has_split.any()):
        return
    if has_split.any():
        labels = np.flatnonzero(without)
        named = f"label {labels[0]}" if len(labels) == 1 else f"labels {', '.join(map(str, labels[:10]))}"
        what = f"no tree of {named}{', ...' if len(labels) > 10 else ''} has a split, so that all rows get one probability"
    else:
        what = "no tree of this model has a split, so that all rows get the same prediction"
    protocol.warn(f"{what}; {remedy}.")
