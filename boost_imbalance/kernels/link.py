"""Probability and its logarithm from log-odds, without cancellation at either end."""

from __future__ import annotations

from math import fabs

from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.primitives import choose, exp_negative, log, log1p_ratio, number
from boost_imbalance.kernels.program import FARTHEST


@inlined
def near(t):
    """The log-odds no further out than :data:`~boost_imbalance.kernels.program.FARTHEST`."""
    far = number(FARTHEST, t)
    t = far if t > far else t
    return -far if t < -far else t


@inlined
def sigmoid(t):
    """``(p, q)``: the probability of the truth and of the contrary, both to full relative precision."""
    one = number(1, t)
    e = exp_negative(-fabs(t))
    large = one / (one + e)
    small = e * large
    p = large if t >= 0 else small
    q = small if t >= 0 else large
    return p, q


@inlined
def log_sigmoid(t):
    """``(-log p, -log q, -log(p) / q)``; the last stays exact where both its parts vanish."""
    one = number(1, t)
    distance = fabs(t)
    e = exp_negative(-distance)
    ratio = log1p_ratio(e)
    near = e * ratio
    far = near + distance
    minus_log_p = near if t >= 0 else far
    minus_log_q = far if t >= 0 else near
    minus_log_p_over_q = (ratio if t >= 0 else far) * (one + e)
    return minus_log_p, minus_log_q, minus_log_p_over_q


@inlined
def exp(x):
    """``exp(x)`` of any number."""
    e = exp_negative(-fabs(x))
    return number(1, e) / e if x > 0 else e


@inlined
def expm1_negative(x):
    """``exp(x) - 1`` of a number that is not positive, by Kahan's way: a logarithm undoes what rounding did to ``exp``."""
    e = exp_negative(x)
    one = number(1, e)
    far = e - one
    tiny = e == one
    near = far * (x / choose(tiny, one, log(e)))
    return choose(tiny, x, choose(x > -one, near, far))


@inlined
def expm1(x):
    """``exp(x) - 1`` of any number: ``-exp(x) (exp(-x) - 1)`` where it is positive."""
    m = expm1_negative(-fabs(x))
    one = number(1, m)
    return choose(x > number(0, x), -m / (one + m), m)


@inlined
def log1p(x):
    """``log(1 + x)``, by Kahan's way: what rounding did to the sum is undone by a difference."""
    one = number(1, x)
    above = one + x
    tiny = above == one
    return choose(tiny, x, log(above) * (x / choose(tiny, one, above - one)))
