"""The constant margin that minimises a loss, where training should begin.

A loss is a sum ``f_1(t_1) + f_2(t_2) + ...`` over columns, with ``f(t) = mass1 l1(t) + mass0 l0(-t)`` at the column's
log-odds ``t``: of each column by itself under a sigmoid, and with probabilities ``p = sigmoid(t)`` that add up to 1 under a
softmax. Then ``f'(t) = multiplier p (1 - p)`` at the minimum, with one multiplier for all columns, which is 0 under a
sigmoid. So the work is linear in the number of columns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from boost_imbalance.types import Array

SMALLEST_PRIOR = 1e-6
"""A class that never or always occurs would begin at infinity; XGBoost clips its own intercept at the same place."""

_FARTHEST = 30.0
"""Where a column begins whose loss falls without end."""

_EDGE = 80.0
"""Log-odds up to which every loss is known to be finite."""

_BLOCK = 64
"""Columns that are searched at once."""


def clip_prior(prior: Array) -> Array:
    """Keep a share of positives away from 0 and 1."""
    return np.clip(prior, SMALLEST_PRIOR, 1.0 - SMALLEST_PRIOR)


class Side(NamedTuple):
    """Loss of some columns on one side, without class weights, and its derivatives in the log-odds of what is true."""

    loss: Array
    slope: Array
    curvature: Array


Sides = Callable[[Array, slice], tuple[Side, Side]]
"""Both sides of those columns, from log-odds of shape (columns, ...): a positive's at ``t``, a negative's at ``-t``."""


class _Columns(NamedTuple):
    """Some columns, with the mass of the rows where each is true and where it is false."""

    sides: Sides
    true: Array
    false: Array
    which: slice = slice(None)

    def part(self, which: slice) -> _Columns:
        """These of the columns."""
        return _Columns(self.sides, self.true[which], self.false[which], which)

    def loss(self, t: Array) -> float:
        """All columns together, at log-odds of shape (columns,)."""
        positive, negative = self.sides(t, self.which)
        return float(self.true @ positive.loss + self.false @ negative.loss)

    def pulls(self, t: Array) -> tuple[Array, Array, Array, Array]:
        """``up`` and ``down``, not negative, of ``f'(t) = p (1 - p) (down - up)``, with ``up'/up`` and ``down'``."""
        with np.errstate(all="ignore"):
            positive, negative = self.sides(t, self.which)
            shape = -1, *(1,) * (t.ndim - 1)
            p, q = 1.0 / (1.0 + np.exp(-t)), 1.0 / (1.0 + np.exp(t))
            true, false = self.true.reshape(shape) / (p * q), self.false.reshape(shape) / (p * q)
            up, down = -true * positive.slope, -false * negative.slope
            turn = q - p
            return up, down, positive.curvature / positive.slope - turn, false * negative.curvature - down * turn

    def excess(self, t: Array, multiplier: float) -> tuple[Array, Array]:
        """``log(up / (down - multiplier))``, nearly straight, which falls through 0 at a minimum; and its slope."""
        up, down, of_log_up, of_down = self.pulls(t)
        with np.errstate(all="ignore"):
            contrary = down - multiplier
            return np.where(contrary > 0, np.log(up / contrary), np.inf), of_log_up - of_down / contrary


def sigmoid_start(sides: Sides, priors: Array, w1: Array, w0: Array) -> Array:
    """Minimise ``prior w1 l1(t) + (1 - prior) w0 l0(-t)`` in each column."""
    columns = _Columns(sides, priors * w1, (1.0 - priors) * w0)
    return np.concatenate([_lowest(columns.part(slice(k, k + _BLOCK))) for k in range(0, len(priors), _BLOCK)])


def _lowest(columns: _Columns) -> Array:
    # The loss falls from the left end. Where it has more than one minimum (asymmetric with a margin), its positive side
    # alone decides the flat left part, so the first crossing is the one that descent from there reaches.
    grid = np.linspace(-_FARTHEST, _FARTHEST, 601)
    up, down, _, _ = columns.pulls(np.broadcast_to(grid, (len(columns.true), len(grid))))
    rising = down > up
    first = rising.argmax(axis=1)
    t = _crossings(lambda t: columns.excess(t, 0.0), grid[np.maximum(first - 1, 0)], grid[first])
    return np.where(rising.any(axis=1), t, _FARTHEST)


def softmax_start(sides: Sides, priors: Array, class_weights: Array, all_classes: bool) -> Array:
    """Minimise ``sum_y prior_y w_y L(u, y)`` over a vector ``u``, returned with log-sum-exp 0.

    ``L`` is ``l1`` of the true class, and with ``all_classes`` also ``l0`` of every other.
    """
    mass = priors * class_weights
    columns = _Columns(sides, mass, mass.sum() - mass if all_classes else np.zeros(len(mass)))
    with np.errstate(divide="ignore"):
        share = mass / mass.sum()
        log_share = np.log(share)
        t = log_share - np.log1p(-share)
    up, down, _, _ = columns.pulls(t)
    if np.ptp(down - up) <= 1e-13 * np.abs(down - up).max():  # balanced classes, where the absolute error is flat
        return np.asarray(log_share)
    leader = int(np.argmax(mass))
    t = _under(leader, columns)
    likeliest = int(t.argmax())
    if likeliest != leader:
        t = _under(likeliest, columns)
    return np.asarray(-np.logaddexp(0.0, -t))


def _under(leader: int, columns: _Columns) -> Array:
    """Log-odds of all classes: the leader's give the multiplier, which gives the others', which must leave it so much.

    No other may be more probable than all the rest, where losses of large margins are not convex.
    """
    from scipy import optimize  # imported where used: it takes longer than all the rest of this package

    alone = columns.part(slice(leader, leader + 1))
    low, high = np.full(len(columns.true), -_EDGE), np.full(len(columns.true), 1e-9)
    near = low / 2.0

    def multiplier(of_leader: float) -> float:
        up, down, _, _ = alone.pulls(np.array([of_leader]))
        return float(down[0] - up[0])

    def others(multiplier: float) -> Array:
        nonlocal near
        near = _crossings(lambda t: columns.excess(t, multiplier), low, high, near)
        t = near.copy()
        t[leader] = -np.inf
        return t

    def surplus(of_leader: float, multiplier: float) -> float:
        return _log_total(others(multiplier)) + float(np.logaddexp(0.0, of_leader))

    @functools.cache  # the root finder asks for the ends again
    def falling(of_leader: float) -> float:
        return surplus(of_leader, multiplier(of_leader))

    def with_the_rest(t: Array) -> Array:
        t[t < -_EDGE + 1e-9] = -_FARTHEST
        t[leader] = -np.inf
        rest = _log_total(t)
        t[leader] = np.log(-np.expm1(rest)) - rest
        return t

    def at(of_leader: float) -> Array | None:
        if abs(falling(of_leader)) < 1e-9:
            return with_the_rest(others(multiplier(of_leader)))
        # The leader's loss has an edge there, or turns: only one of them is a minimum.
        ends = multiplier(of_leader - 1e-9), multiplier(of_leader + 1e-9)
        if not surplus(of_leader, ends[0]) < 0 < surplus(of_leader, ends[1]):
            return None
        return with_the_rest(others(optimize.brentq(functools.partial(surplus, of_leader), *ends, xtol=1e-300, rtol=1e-14)))

    # A leader whose loss is not convex in its probability may have several minima, one of them where it takes all.
    grid = np.linspace(-_EDGE, _EDGE, 321)
    up, down, _, _ = alone.pulls(grid[None])
    pull = (down - up)[0]
    turned = np.diff(pull) < -1e-9 * np.abs(pull[1:])
    knots = grid[np.concatenate([[True], turned]) | np.concatenate([turned, [True]])]
    surpluses = np.array([falling(knot) for knot in knots])
    found = [
        at(optimize.brentq(falling, knots[i], knots[i + 1], xtol=1e-14, rtol=1e-14))
        for i in np.flatnonzero((surpluses[:-1] < 0) & (surpluses[1:] >= 0))
    ]
    minima = [t for t in found if t is not None]
    if turned.any() or not minima:
        minima.append(with_the_rest(low.copy()))
    return min(minima, key=columns.loss)


def _crossings(
    function: Callable[[Array], tuple[Array, Array]], low: Array, high: Array, near: Array | None = None
) -> Array:
    """Where functions of a number each fall through 0, by Newton's method within bounds; ``function`` has slopes too."""
    t = (low + high) / 2.0 if near is None else near
    for _ in range(200):
        value, slope = function(t)
        low, high = np.where(value > 0, t, low), np.where(value > 0, high, t)
        with np.errstate(all="ignore"):
            newton = t - value / slope
        inside = (newton > low) & (newton < high)
        last, t = t, np.where(inside, newton, (low + high) / 2.0)
        if np.where(inside, np.abs(t - last) <= 1e-12 * (1.0 + np.abs(t)), high - low <= 1e-14 * (1.0 + np.abs(t))).all():
            break
    return t


def _log_total(t: Array) -> float:
    """``log(sum(sigmoid(t)))``."""
    log_p = -np.logaddexp(0.0, -t)
    top = log_p.max()
    return float(top + np.log(np.exp(log_p - top).sum()))
