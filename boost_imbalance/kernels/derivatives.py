"""First and second derivative of a traced formula, by forward differentiation of second order.

The second derivative comes in two parts that are not negative, ``rising - falling``: it is a sum of products whose signs are
known from the intervals of their factors. The rising part by itself is a curvature that a tree booster can always use.
"""

from __future__ import annotations

from typing import NamedTuple

from boost_imbalance.kernels.expressions import ONE, ZERO, Expression, exp, maximum, ordered, sigmoid, where


class Jet(NamedTuple):
    """A value with its derivatives in one variable; the second is ``rising - falling``."""

    value: Expression
    slope: Expression
    rising: Expression
    falling: Expression


class Terms(NamedTuple):
    """What the kernels need of one side of a loss, each a function of the log-odds ``t`` of what is true."""

    loss: Expression
    slope: Expression
    """First derivative in ``t``."""
    exact: Expression
    """Second derivative in ``t``."""
    positive_terms: Expression
    """The second derivative without its negative terms."""
    reweighted: Expression
    """The second derivative of cross-entropy under the dynamic weight ``-slope / (1 - p)``, held fixed."""
    safeguarded: Expression
    """The positive terms, but never less than half the size of the slope."""


def terms_of(loss: Expression, t: Expression) -> Terms:
    """Differentiate a loss in its log-odds."""
    jet = differentiate(loss, t)
    return completed(jet.value, jet.slope, jet.rising - jet.falling, jet.rising, t)


def completed(loss: Expression, slope: Expression, exact: Expression, positive_terms: Expression, t: Expression) -> Terms:
    """The terms of a loss whose derivatives are known."""
    size = -slope if slope.high <= 0 else maximum(slope, -slope)
    return Terms(loss, slope, exact, positive_terms, -slope * sigmoid(t), maximum(positive_terms, size * 0.5))


def differentiate(expression: Expression, t: Expression) -> Jet:
    """Value, first and second derivative of an expression in the variable ``t``."""
    jets: dict[Expression, Jet] = {}
    for one in ordered([expression]):
        if one is t:
            jets[one] = Jet(one, ONE, ZERO, ZERO)
        elif one.operation in ("variable", "constant", "greater", "greater_equal"):
            jets[one] = Jet(one, ZERO, ZERO, ZERO)
        else:
            jets[one] = _derivative(one, [jets[argument] for argument in one.arguments])
    return jets[expression]


def _derivative(one: Expression, arguments: list[Jet]) -> Jet:
    operation, a = one.operation, arguments[0]
    if operation == "add":
        b = arguments[1]
        return Jet(one, a.slope + b.slope, a.rising + b.rising, a.falling + b.falling)
    if operation == "subtract":
        b = arguments[1]
        return Jet(one, a.slope - b.slope, a.rising + b.falling, a.falling + b.rising)
    if operation == "negative":
        return Jet(one, -a.slope, a.falling, a.rising)
    if operation == "multiply":
        return _product(one, a, arguments[1])
    if operation == "divide":
        b = arguments[1]
        inverse = ONE / b.value
        return _product(one, a, _chained(inverse, b, -inverse * inverse, (inverse * inverse * inverse) * 2.0))
    if operation == "where":
        condition, a, b = one.arguments[0], arguments[1], arguments[2]
        return Jet(one, *(where(condition, x, y) for x, y in zip(a[1:], b[1:], strict=True)))
    if operation == "power":
        return _power(one, a, arguments[1])
    return _chained(one, a, *_FIRST_AND_SECOND[operation](one, a.value))


def _chained(value: Expression, inner: Jet, first: Expression, second: Expression) -> Jet:
    """``f(u)`` from ``f'(u)``, ``f''(u)`` and the derivatives of ``u``."""
    if inner.slope is ZERO and inner.rising is ZERO and inner.falling is ZERO:
        return Jet(value, ZERO, ZERO, ZERO)
    up, down = _times(split(second), split(inner.slope * inner.slope))
    more_up, more_down = _times(split(first), (inner.rising, inner.falling))
    return Jet(value, first * inner.slope, up + more_up, down + more_down)


def _product(value: Expression, a: Jet, b: Jet) -> Jet:
    up = down = ZERO
    crossed = _times(split(a.slope), split(b.slope))
    for rising, falling in (
        _times((a.rising, a.falling), split(b.value)),
        (crossed[0] * 2.0, crossed[1] * 2.0),
        _times(split(a.value), (b.rising, b.falling)),
    ):
        up, down = up + rising, down + falling
    return Jet(value, a.slope * b.value + a.value * b.slope, up, down)


def _power(value: Expression, base: Jet, exponent: Jet) -> Jet:
    if exponent.slope is not ZERO:
        raise TypeError("a formula has t in an exponent; write exp(exponent * log(base)).")
    c = exponent.value
    per = value / base.value
    return _chained(value, base, c * per, c * c * (per / base.value) - c * (per / base.value))


_FIRST_AND_SECOND = {
    "sigmoid": lambda one, u: (
        one * sigmoid(-u),
        one * sigmoid(-u) * sigmoid(-u) - one * one * sigmoid(-u),
    ),
    "log_sigmoid": lambda one, u: (sigmoid(-u), -(sigmoid(u) * sigmoid(-u))),
    "exp": lambda one, u: (one, one),
    "expm1": lambda one, u: (exp(u), exp(u)),
    "log": lambda one, u: (ONE / u, -(ONE / (u * u))),
    "log1p": lambda one, u: (ONE / (ONE + u), -(ONE / ((ONE + u) * (ONE + u)))),
}


def split(one: Expression) -> tuple[Expression, Expression]:
    """Two expressions, neither of them ever negative, whose difference is ``one``."""
    if one.low >= 0:
        return one, ZERO
    if one.high <= 0:
        return ZERO, -one
    operation = one.operation
    if operation == "negative":
        return split(one.arguments[0])[::-1]
    if operation in ("add", "subtract"):
        (a, b), (c, d) = split(one.arguments[0]), split(one.arguments[1])
        return (a + c, b + d) if operation == "add" else (a + d, b + c)
    if operation == "multiply":
        return _times(split(one.arguments[0]), split(one.arguments[1]))
    if operation == "divide" and (one.arguments[1].low >= 0 or one.arguments[1].high <= 0):
        a, b = split(one.arguments[0])
        below = one.arguments[1]
        return (a / below, b / below) if below.low >= 0 else (b / -below, a / -below)
    return maximum(one, ZERO), maximum(-one, ZERO)


def _times(a: tuple[Expression, Expression], b: tuple[Expression, Expression]) -> tuple[Expression, Expression]:
    return a[0] * b[0] + a[1] * b[1], a[0] * b[1] + a[1] * b[0]
