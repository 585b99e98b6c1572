"""What decisions cost: one matrix ``cost[true, predicted]`` for all rows, or one for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.losses.labels import Task, as_weight, check_weight
from boost_imbalance.types import Array, ArrayLike, LabelsLike


def cost_matrix(*, fn: ArrayLike, fp: ArrayLike, tp: ArrayLike = 0.0, tn: ArrayLike = 0.0) -> npt.NDArray[np.float64]:
    """Costs of the four outcomes of a binary decision, as ``cost[true, predicted]``.

    Parameters
    ----------
    fn, fp, tp, tn : float or array_like, shape (n,) or (n, labels)
        What a false negative (a miss), a false positive (a false alarm), a true positive and a true negative cost: one
        number, or one for each row. A benefit is a negative cost. Of a multi-label task, (n, 1) is the same for all labels
        of a row.

    Returns
    -------
    ndarray of float64
        ``[[tn, fp], [fn, tp]]``, shape (2, 2) if all are numbers, else (n, 2, 2) or (n, labels, 2, 2).

    Raises
    ------
    TypeError, ValueError
        If one of them holds something else than finite numbers, or their lengths differ.

    Notes
    -----
    The second row and column are the positive class. A classifier takes the costs in the order of its ``classes_``: where
    the positive class comes first there, as ``"fraud"`` does before ``"ok"``, give it ``cost[..., ::-1, ::-1]``.

    Examples
    --------
    >>> from boost_imbalance import cost_matrix
    >>> cost_matrix(fn=500.0, fp=10.0, tp=10.0).tolist()
    [[0.0, 10.0], [500.0, 10.0]]
    >>> cost_matrix(fn=[120.0, 7.5, 980.0], fp=10.0, tp=10.0).shape
    (3, 2, 2)
    """
    parts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    arrays = {name: numbers(value, name) for name, value in parts.items()}
    try:
        cells = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items() if array.ndim)
        raise ValueError(f"the shapes do not fit together: {shapes}; give one number, or one for each row.") from None
    return np.stack(cells, axis=-1).reshape(*cells[0].shape, 2, 2)


def cost_weights(y: ArrayLike, cost: ArrayLike) -> npt.NDArray[np.float64]:
    """What is at stake in each row: how much dearer the wrong decision is than the right one, for ``sample_weight=``.

    The expected cost of a decision that is 1 with probability p is, up to what no model can change, ``w (1 - p_y)`` with
    this weight ``w`` (Bahnsen et al.; Höppner et al.): :func:`generalized_cross_entropy_objective` with ``q=1`` trains it,
    begun at a margin of 0 (XGBoost: ``base_score=0.5``; LightGBM: ``boost_from_average=False``). Cross-entropy with the
    weight trains the decision at 1/2 that costs least (Zadrozny et al.).

    Parameters
    ----------
    y : array_like, shape (n,) or (n, labels)
        0 or 1.
    cost : array_like, shape (2, 2), (n, 2, 2), (labels, 2, 2) or (n, labels, 2, 2)
        ``cost[true, predicted]``, for instance of :func:`cost_matrix`.

    Returns
    -------
    ndarray of float64
        Same shape as ``y``: ``fn - tp`` where it is 1, ``fp - tn`` where it is 0. Divide it by its mean, and what a library
        adds to Hessians or asks of them (``reg_lambda``, ``min_child_weight``) means the same as without weights.

    Raises
    ------
    ValueError
        If a right decision costs more than a wrong one, as finding a fraud of 5 by a call of 10 does: there is no weight for
        such a row.

    Notes
    -----
    A model that is trained with these weights has the costs in its probabilities: they are those of a population in which
    a row counts by what is at stake. Decide at 1/2 then, where ``decision_function(X)`` is above 0, not by
    ``predict(X, cost=cost)``, which would count the costs twice. Without the weights, the probabilities serve any costs.

    References
    ----------
    Zadrozny, Langford and Abe, Cost-Sensitive Learning by Cost-Proportionate Example Weighting, ICDM 2003,
    https://doi.org/10.1109/ICDM.2003.1250950

    Bahnsen, Aouada and Ottersten, Example-Dependent Cost-Sensitive Logistic Regression for Credit Scoring, ICMLA 2014,
    https://doi.org/10.1109/ICMLA.2014.48

    Höppner et al., Instance-Dependent Cost-Sensitive Learning for Detecting Transfer Fraud, European Journal of Operational
    Research, 2022, https://doi.org/10.1016/j.ejor.2021.05.028

    Examples
    --------
    >>> from boost_imbalance import cost_matrix, cost_weights
    >>> cost_weights([1, 0, 1], cost_matrix(fn=[120.0, 7.5, 980.0], fp=10.0, tp=10.0)).tolist()
    [110.0, 10.0, 970.0]
    """
    label = _codes(y, "y", 2)
    task = Task.BINARY if label.ndim == 1 else Task.MULTILABEL
    given = checked(cost, task, label.shape[-1], len(label), "cost")
    of_decisions = _given_truth(label, given)
    right, wrong = (np.take_along_axis(of_decisions, code[..., None], -1)[..., 0] for code in (label, 1 - label))
    stake = np.asarray(wrong - right)
    if (stake < 0).any():
        where = tuple(np.argwhere(stake < 0)[0])
        raise ValueError(
            f"cost makes the right decision of row {where[0]} (y is {label[where]}) dearer than the wrong one, "
            f"{right[where]:g} against {wrong[where]:g}; leave such rows out, or train without weights and decide by "
            f"predict(X, cost=cost)."
        )
    return stake


def decide_by_cost(probability: ArrayLike, cost: ArrayLike) -> npt.NDArray[np.int64]:
    """The class of each row with the smallest expected cost.

    For probabilities that are calibrated, wherever they come from; ``predict(X, cost=cost)`` of this package's classifiers
    does the same.

    Parameters
    ----------
    probability : array_like, shape (n,) or (n, classes)
        Of class 1, or of each class, as ``predict_proba`` gives them.
    cost : array_like, shape (classes, classes) or (n, classes, classes)
        ``cost[true, predicted]``, of :func:`cost_matrix` or of several classes.

    Returns
    -------
    ndarray of int
        Shape (n,), 0 to ``classes - 1``. Of two decisions that cost the same, the first.

    Examples
    --------
    >>> from boost_imbalance import cost_matrix, decide_by_cost
    >>> decide_by_cost([0.05, 0.05], cost_matrix(fn=[120.0, 980.0], fp=10.0, tp=10.0)).tolist()
    [0, 1]
    """
    p = numbers(probability, "probability")
    if p.ndim not in (1, 2) or (p.ndim == 2 and p.shape[1] < 2):
        raise ValueError(f"probability has shape {p.shape}; give (n,) of class 1, or (n, classes).")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probability holds numbers that are not between 0 and 1; give what predict_proba gives.")
    p = np.stack([1.0 - p, p], axis=1) if p.ndim == 1 else p
    return cheapest(Task.MULTICLASS, p, checked(cost, Task.MULTICLASS, p.shape[1], len(p), "cost"))


def mean_cost(
    y_true: LabelsLike,
    y_pred: LabelsLike,
    *,
    cost: ArrayLike,
    labels: LabelsLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean realised cost of decisions; the smaller the better.

    Parameters
    ----------
    y_true, y_pred : array_like, shape (n,) or (n, labels)
        Two columns or more are a multi-label task of zeros and ones, with costs of each decision by itself.
    cost : array_like
        ``cost[true, predicted]`` of shape (classes, classes), or (n, classes, classes) with that of each row; of a
        multi-label task, (2, 2), (labels, 2, 2), (n, 1, 2, 2) or (n, labels, 2, 2).
    labels : array_like, shape (classes,), optional
        The classes in the order of ``cost``. Default: 0, 1, ...
    sample_weight : array_like, shape (n,), optional

    Returns
    -------
    float
        Over rows, or over rows and labels.

    Examples
    --------
    >>> from boost_imbalance import cost_matrix, mean_cost
    >>> mean_cost([1, 0, 1], [0, 0, 1], cost=cost_matrix(fn=[120.0, 7.5, 980.0], fp=10.0, tp=10.0)).__round__(2)
    43.33
    """
    return _of_arrays(y_true, y_pred, cost, labels, sample_weight)[0]


def savings_score(
    y_true: LabelsLike,
    y_pred: LabelsLike,
    *,
    cost: ArrayLike,
    labels: LabelsLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of the cost of the best constant decision that decisions save; 1 is a cost of nothing.

    The constant one predicts the same class for every row (of a multi-label task, for every row of a label), whichever
    costs less: none of two classes is looked for, or all rows are alarms. Where it has a negative cost, a benefit, it is how
    much larger the benefit is.

    Parameters
    ----------
    y_true, y_pred, cost, labels, sample_weight
        As of :func:`mean_cost`.

    Returns
    -------
    float
        At most 1 if no cost is negative; below 0, the decisions are worse than the constant one.

    Raises
    ------
    ValueError
        If the constant decision costs nothing, so that there is nothing to save.

    References
    ----------
    Bahnsen, Aouada and Ottersten, Example-Dependent Cost-Sensitive Decision Trees, Expert Systems with Applications, 2015,
    https://doi.org/10.1016/j.eswa.2015.04.042

    Examples
    --------
    >>> from boost_imbalance import cost_matrix, savings_score
    >>> savings_score([1, 0, 1], [0, 0, 1], cost=cost_matrix(fn=[120.0, 7.5, 980.0], fp=10.0, tp=10.0))
    -3.3333333333333335
    """
    return savings(*_of_arrays(y_true, y_pred, cost, labels, sample_weight))


def checked(cost: Any, task: Task, columns: int, rows: int | None, name: str) -> Array:
    """Costs as float64 of a shape that fits a task; ``rows`` is None where there can be none of each row."""
    array = numbers(cost, name)
    classes = columns if task is Task.MULTICLASS else 2
    shapes: list[tuple[int, ...]] = [(classes, classes)]
    if task is Task.MULTILABEL:
        shapes += [(columns, 2, 2)] + ([(rows, columns, 2, 2), (rows, 1, 2, 2)] if rows is not None else [])
    elif rows is not None:
        shapes += [(rows, classes, classes)]
    if array.shape in shapes:
        return array
    *others, last = map(str, shapes)
    remedy = ""
    if task is Task.MULTILABEL and array.shape == (rows, 2, 2):
        remedy = "; for the same costs in every label of a row give cost[:, None]"
    elif rows is None and array.ndim > 2:
        remedy = "; costs of each row go to predict, score, mean_cost or savings_score"
    raise ValueError(
        f"{name} has shape {array.shape}; cost[true, predicted] of this {task.value} task has shape "
        f"{', '.join(others)}{' or ' if others else ''}{last}{remedy}."
    )


def expected(task: Task, eta: Array, cost: Array) -> Array:
    """What each decision is expected to cost, with one more axis than the decisions: (n, classes), or (n, labels, 2)."""
    probability = eta if task is Task.MULTICLASS else np.stack([1 - eta, eta], axis=-1)
    return np.asarray(np.einsum("...j,...jk->...k", probability, cost))


def cheapest(task: Task, eta: Array, cost: Array) -> Array:
    """The codes of the smallest expected cost; ``eta`` is (n,), (n, classes) or (n, labels)."""
    return np.asarray(expected(task, eta, cost).argmin(axis=-1))


def realised(label: Array, decided: Array, cost: Array, weight: Array | None) -> tuple[float, float]:
    """Mean cost of decided codes, and that of the best constant decision, of each label by itself if there are several."""
    return means(*totals(label, decided, cost, weight))


def totals(label: Array, decided: Array, cost: Array, weight: Array | None) -> tuple[Array, Array, Array]:
    """Summed cost of decided codes, that of each constant decision, and summed weight."""
    of_decisions = _given_truth(label, cost)
    paid = np.take_along_axis(of_decisions, decided[..., None], -1)[..., 0]
    w = np.ones(1) if weight is None else weight
    w = np.broadcast_to(w if w.ndim == paid.ndim else w[:, None], paid.shape)
    return np.asarray((w * paid).sum()), np.einsum("i...,i...k->...k", w, of_decisions), np.asarray(w.sum())


def means(paid: Array, constant: Array, mass: Array) -> tuple[float, float]:
    """See :func:`realised`."""
    return float(paid / mass), float(constant.min(axis=-1).sum() / mass)


def savings(mean: float, constant: float) -> float:
    """See :func:`savings_score`."""
    if constant == 0:
        raise ValueError(
            "cost makes the best constant decision cost nothing, so that there is nothing to save; compare costs instead."
        )
    return (constant - mean) / abs(constant)


def _given_truth(label: Array, cost: Array) -> Array:
    """What each decision costs, the truth being known: (n, classes), or (n, labels, 2)."""
    of_rows = np.broadcast_to(cost, (*label.shape, *cost.shape[-2:]))
    index: Any = (*np.indices(label.shape, sparse=True), label)
    return np.asarray(of_rows[index])


def _of_arrays(y_true: Any, y_pred: Any, cost: Any, classes: Any, sample_weight: Any) -> tuple[float, float]:
    """See :func:`realised`."""
    array = numbers(cost, "cost")
    if array.ndim < 2:
        raise ValueError(f"cost has shape {array.shape}; give cost[true, predicted], for instance of cost_matrix.")
    known = None if classes is None else np.asarray(classes)
    n_classes = array.shape[-1] if known is None else len(known)
    truth, decided = _codes(y_true, "y_true", n_classes, known), _codes(y_pred, "y_pred", n_classes, known)
    if truth.shape != decided.shape:
        raise ValueError(f"y_true has shape {truth.shape}, but y_pred has shape {decided.shape}; give one for each.")
    multilabel = truth.ndim == 2
    given = checked(
        array, Task.MULTILABEL if multilabel else Task.MULTICLASS, truth.shape[1] if multilabel else n_classes,
        len(truth), "cost",
    )  # fmt: skip
    weight = as_weight(sample_weight, truth)
    if weight is not None:
        check_weight(weight)
    return realised(truth, decided, given, weight)


def _codes(y: Any, name: str, n_classes: int, classes: Array | None = None) -> Array:
    """Labels as positions in ``classes``; None: they are the positions."""
    array = np.asarray(y)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; give (n,), or (n, labels) of zeros and ones.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    known = np.arange(2 if array.ndim == 2 else n_classes) if classes is None or array.ndim == 2 else classes
    if {array.dtype.kind, known.dtype.kind} - set("biuf"):
        array, known = array.astype(object), known.astype(object)  # so that numbers and strings can be compared
    is_class = array[..., None] == known
    unknown = ~is_class.any(axis=-1)
    if unknown.any():
        value = array[unknown][:1].tolist()[0]
        if value is None or value != value:
            remedy = "leave out what has no label"
        elif classes is not None and array.ndim == 1:
            remedy = f"labels holds {', '.join(map(repr, known[:10].tolist()))}{', ...' if len(known) > 10 else ''}"
        elif name == "y":
            remedy = "give 0 and 1"
        else:
            remedy = f"name the classes in the order of cost, labels=[...], or give 0 to {known[-1]}"
        raise ValueError(f"{name} holds {value!r}; {remedy}.")
    return np.asarray(is_class.argmax(axis=-1))


def numbers(value: Any, name: str) -> Array:
    """A float64 array of finite numbers, or an error that says where it is none."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} cannot be read as an array of numbers; give as many numbers in each row.") from None
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        position = f" at {where if len(where) > 1 else where[0]}" if where else ""
        raise ValueError(f"{name} is {array[tuple(where)]}{position}; give finite numbers.")
    return array
