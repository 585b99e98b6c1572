"""A loss whose class weights, offsets and start are numbers: parameters met class counts."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from boost_imbalance.kernels.derivatives import Terms
from boost_imbalance.kernels.expressions import evaluate
from boost_imbalance.kernels.program import Curvature, Program, Row
from boost_imbalance.kernels.source import CROSS_ENTROPY, Formula, T, is_cross_entropy
from boost_imbalance.losses import backend, start, weighting
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.links import Link, link_of
from boost_imbalance.losses.parameters import DEFAULT_HESSIAN, DEFAULT_UNDER_CLASS_WEIGHTS
from boost_imbalance.types import Array

CURVATURES = {
    "exact": Curvature(2),
    "expected": Curvature(2, expected=True),
    "positive_terms": Curvature(3, smooth=True),
    "absolute": Curvature(2, absolute=True),
    "reweighted": Curvature(4),
    "residual": Curvature(1, absolute=True),
    "safeguarded": Curvature(5),
}
"""What each value of ``hessian=`` means."""

OF_THEIR_OWN = ("residual", "safeguarded")
"""Hessians that are another for plain cross-entropy too."""

SMALLEST_HESSIAN = 1e-16
"""The floor that XGBoost's own objectives put under their Hessian."""

_MOST_AT_ONCE = 2**22
"""Margins of one label of every kind, of which there are the square of the number of classes."""


@dataclass(frozen=True, eq=False)
class FittedLoss:
    """A loss for the labels of one training."""

    loss: Any
    counts: Counts
    coefficients: Array
    """Float64, as the kernels take them; scales are 1 and there is no floor under the Hessian."""

    @property
    def task(self) -> Task:
        """Binary, multi-class or multi-label."""
        return self.counts.task

    @functools.cached_property
    def link(self) -> Link:
        """Sigmoid or softmax."""
        return link_of(self.counts.task)

    @functools.cached_property
    def softmax(self) -> bool:
        """Whether the link is a softmax; else a sigmoid per column."""
        return self.link.is_softmax

    @functools.cached_property
    def formula(self) -> Formula:
        """What the kernels run."""
        formula: Formula = self.loss.formula
        return formula

    @functools.cached_property
    def program(self) -> Program:
        """What the kernels are compiled for, with the Hessian that was asked for; most are one for plain cross-entropy."""
        shape = self.shape
        half = len(shape) // 2
        soft = self.counts.soft or bool(self.loss.smoothing)
        return Program(self.formula, self._curvature, bool((shape[:half] == shape[half:]).all()), soft)

    @property
    def _curvature(self) -> Curvature:
        if self.grows_built_in:
            return CURVATURES["exact"]
        curvature = CURVATURES[self.hessian]
        # The mean of equal weights costs time.
        return curvature._replace(smooth=False) if self.link.equal_weights(*self.class_weights) else curvature

    @property
    def shape(self) -> Array:
        """The formula's parameters as a positive sees them, then as a negative does, one row each."""
        return np.asarray(self.coefficients[Row.SHAPE :])

    @property
    def class_weights(self) -> tuple[Array, Array]:
        """Weights of label 1 and 0 of each column; of a softmax, of each class, and ones."""
        return self.coefficients[Row.POSITIVE_WEIGHT], self.coefficients[Row.NEGATIVE_WEIGHT]

    @property
    def offset(self) -> Array:
        """What training adds to the margins of each column."""
        return np.asarray(self.coefficients[Row.OFFSET])

    @property
    def is_cross_entropy(self) -> bool:
        """Whether this is cross-entropy but for class weights and offsets."""
        return is_cross_entropy(self.formula)

    @functools.cached_property
    def is_built_in(self) -> bool:
        """Whether this is the cross-entropy that the libraries have themselves."""
        return (
            self.is_cross_entropy
            and not self.offset.any()
            and not self.loss.smoothing
            and self.link.unit_weights(*self.class_weights)
        )

    @property
    def grows_built_in(self) -> bool:
        """Whether its trees are those of the libraries' own objective; without class weights most Hessians are one."""
        return self.is_built_in and self.hessian not in OF_THEIR_OWN

    @functools.cached_property
    def hessian(self) -> str:
        """The Hessian that was asked for, or else this loss's own."""
        if self.loss.hessian is not None:
            return str(self.loss.hessian)
        weighted = self.loss.weights_move or not self.link.equal_weights(*self.class_weights)
        return DEFAULT_UNDER_CLASS_WEIGHTS if weighted else DEFAULT_HESSIAN

    @functools.cached_property
    def priors(self) -> Array:
        """Weighted share of label 1 in each column, or of each class, smoothed as the labels are, and away from 0 and 1."""
        priors = self.counts.priors
        smoothing = self.loss.smoothing
        if smoothing:
            priors = priors + smoothing * (1.0 / (len(priors) if self.softmax else 2) - priors)
        return start.clip_prior(priors)

    @functools.cached_property
    def start(self) -> Array:
        """The constant margin of each column that minimises the loss, float64 of shape (columns,)."""
        if self.is_cross_entropy:
            u = self.link.start_of_cross_entropy(self.priors, *self.class_weights)
        else:
            u = _start(self.formula, self.task, self.priors.tobytes(), self.coefficients.tobytes())
        return np.asarray(u - self.offset)

    @functools.cached_property
    def calibrating_shift(self) -> Array | None:
        """What to add to the margins of each column so that their plain link is calibrated; None if no constant does it."""
        return self.link.calibrating_shift(self.offset, *self.class_weights) if self.is_cross_entropy else None

    @property
    def link_is_calibrated(self) -> bool:
        """Whether sigmoid or softmax of the margin is the calibrated probability."""
        shift = self.calibrating_shift
        return shift is not None and not shift.any()

    def served(self, hessian_factor: float, margin_type: Any, weight_type: Any = None) -> Array:
        """Coefficients with what only serves a booster: scale, a library's own Hessian factor, floor.

        The formats are those of the training's margins and sample weights.
        """
        table: Array = self.coefficients.copy()
        table[Row.HESSIAN_FLOOR] = SMALLEST_HESSIAN
        scale = self._scale(margin_type, weight_type)
        table[Row.GRADIENT_SCALE] *= scale
        table[Row.HESSIAN_SCALE] *= scale * hessian_factor
        # A booster takes float32 gradients, so float32 arithmetic serves it, except where the built-in objective of a
        # library with float64 margins is to be met to the last bit.
        return table.astype(margin_type if self.grows_built_in else np.float32)

    def _scale(self, margin_type: Any, weight_type: Any) -> Array | float:
        """What gradient and Hessian are multiplied by; see the constructors."""
        scale = self.loss.scale
        if not isinstance(scale, str):
            return float(scale)
        if self.is_built_in:
            return 1.0
        # Cross-entropy under the same class weights at mean 1 has, at its own start, these shares for probabilities.
        priors, (w1, w0) = self.priors, self.class_weights
        mean_weight = self.link.mean_weight(priors, w1, w0)
        share = start.clip_prior(priors * w1 / mean_weight)
        curvature = CURVATURES[self.hessian if self.hessian in OF_THEIR_OWN else "exact"]
        plain = self.link.totals(_hessian_of_cross_entropy(curvature.term, share, self.softmax))
        own = self._mean_hessian(margin_type, weight_type)
        with np.errstate(divide="ignore"):
            matched = plain / own
        matched = np.where(np.isfinite(matched) & (matched > 0), matched, 1.0)
        return matched if scale == "start" else np.maximum(matched, 1.0 / mean_weight)

    def _mean_hessian(self, margin_type: Any, weight_type: Any) -> Array:
        """At the start, over labels with these priors; added up where the columns belong to one row's label."""
        label, mass = self.link.one_of_each(self.priors)
        # In the formats of the training, whose kernel is then compiled already.
        start, program = self.start.astype(margin_type), self.program._replace(soft=False)
        table, columns = self.coefficients.astype(np.float32), len(self.start)
        total, rows = np.zeros(columns), max(2, _MOST_AT_ONCE // columns)
        for i in range(0, len(label), rows):
            margin = np.repeat(start[None, :], len(label[i : i + rows]), axis=0)
            weight = None if weight_type is None else np.ones(len(margin), weight_type)
            gradient, hessian = np.empty(margin.shape, np.float32), np.empty(margin.shape, np.float32)
            backend.backend(gpu=False).gradient_hessian(
                program, margin, label[i : i + rows], weight, table, (gradient, hessian), softmax=self.softmax, n_threads=1
            )
            total += (mass[i : i + rows] * np.maximum(hessian, 0.0)).sum(axis=0)
        return self.link.totals(total)


@functools.lru_cache(maxsize=16)  # parameters for a library, its starting model and its training each ask
def _start(formula: Formula, task: Task, priors: bytes, table: bytes) -> Array:
    """The margins with their offset at which the loss is lowest; the numbers come as bytes, which can be looked up."""
    link, of_each = link_of(task), np.frombuffer(priors)
    coefficients = np.frombuffer(table).reshape(-1, len(of_each))
    shape = np.split(coefficients[Row.SHAPE :], 2)

    def side(terms: Terms, parameters: Array, t: Array, which: slice) -> start.Side:
        values = {
            name: row[which].reshape(-1, *(1,) * (t.ndim - 1)) for name, row in zip(formula.shape, parameters, strict=True)
        }
        found = evaluate((terms.loss, terms.slope, terms.exact), {**values, T: t})
        return start.Side(*(np.broadcast_to(value, t.shape) for value in found))

    def sides(t: Array, which: slice) -> tuple[start.Side, start.Side]:
        return side(formula.positive, shape[0], t, which), side(formula.negative, shape[1], -t, which)

    u = link.start(sides, of_each, coefficients[Row.POSITIVE_WEIGHT], coefficients[Row.NEGATIVE_WEIGHT], formula.all_classes)
    u.flags.writeable = False
    return u


def fitted_loss(loss: Any, counts: Counts) -> FittedLoss:
    """The loss for labels with these counts."""
    return FittedLoss(loss, counts, _coefficients(loss, counts))


def _hessian_of_cross_entropy(term: int, share: Array, softmax: bool) -> Array:
    """Mean Hessian of plain cross-entropy in each column where the probabilities are the shares of the labels."""

    def sizes(t: Array) -> tuple[Array, Array]:
        slope, curvature = evaluate((CROSS_ENTROPY.positive.slope, CROSS_ENTROPY.positive[term]), {T: t})
        return -slope, np.abs(curvature)

    t = np.log(share) - np.log1p(-share)
    slope, curvature = sizes(t)
    if not softmax:
        return np.asarray(share * curvature + (1.0 - share) * sizes(-t)[1])
    # By the chain rule: where class y is true, its log-odds change with the margin of class j by -r, for
    # r = share_j / (1 - share_y), and the Hessian of j is r^2 curvature + r (1 - r) |slope|.
    first, second = share * slope / (1.0 - share), share * (curvature - slope) / (1.0 - share) ** 2
    return np.asarray(share * (first.sum() - first + share * (second.sum() - second) + curvature))


def _coefficients(loss: Any, counts: Counts) -> Array:
    formula: Formula = loss.formula
    columns, n_shape = counts.columns, len(formula.shape)
    table = np.zeros((Row.SHAPE + 2 * n_shape, columns))
    table[[Row.GRADIENT_SCALE, Row.HESSIAN_SCALE]] = 1.0
    table[Row.HESSIAN_FLOOR] = -np.inf
    weight = loss.class_weights(counts)
    if loss.clip_weights is not None:
        weight = np.clip(weight, *loss.clip_weights)
    if counts.task is Task.MULTICLASS:
        table[Row.POSITIVE_WEIGHT], table[Row.NEGATIVE_WEIGHT] = weight[:, 0], 1.0
    else:
        table[Row.NEGATIVE_WEIGHT], table[Row.POSITIVE_WEIGHT] = weight
    table[Row.OFFSET] = loss.offset(counts)
    table[Row.SMOOTHING] = loss.smoothing
    by_class = _class_parameters(loss, counts)
    for i, name in enumerate(formula.shape):
        rows = Row.SHAPE + i, Row.SHAPE + n_shape + i
        if name not in by_class:
            table[rows[0]] = table[rows[1]] = weighting.per_column(name, getattr(loss, name), counts)
        elif counts.task is Task.MULTICLASS:
            table[rows[0]] = table[rows[1]] = by_class[name][:, 0]
        else:
            table[rows[1]], table[rows[0]] = by_class[name]
    return table


def _class_parameters(loss: Any, counts: Counts) -> dict[str, Array]:
    """What a loss makes of class counts, in the shape of its class weights."""
    declared = type(loss)._by_class
    if not declared:
        return {}
    given: Mapping[str, Any] = loss.class_parameters(counts)
    if set(given) != set(declared):
        raise ValueError(
            f"{loss.constructor_name}.class_parameters gives {', '.join(map(repr, given)) or 'nothing'}; it must give "
            f"{', '.join(map(repr, declared))}."
        )
    shape, found = weighting.ones(counts).shape, {}
    for name, value in given.items():
        array = np.asarray(value, dtype=np.float64)
        if array.shape not in (shape, shape[:1] if 1 in shape else shape):
            raise ValueError(
                f"{loss.constructor_name}.class_parameters gives {name!r} the shape {array.shape}; it must be {shape}, that "
                f"of the class weights."
            )
        low, high = declared[name].low, declared[name].high
        if not (np.isfinite(array) & (array >= low) & (array <= high)).all():
            raise ValueError(
                f"{loss.constructor_name}.class_parameters gives {name!r} the values {array.ravel().tolist()}; they must be "
                f"finite, and between {low:g} and {high:g}."
            )
        found[name] = array.reshape(shape)
    return found
