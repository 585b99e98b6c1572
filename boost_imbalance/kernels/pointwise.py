"""What one margin of a sigmoid, or one class of a softmax row, adds up to: plain scalars, for every engine.

The loops of :mod:`boost_imbalance.kernels.loops`, the kernels of :mod:`boost_imbalance.kernels.cuda` and the arrays of
:mod:`boost_imbalance.kernels.interpreted` differ in how they go through rows; what they compute of each is here. The names
in capitals, ``positive``, ``negative`` and the arithmetic are bound by :func:`boost_imbalance.kernels.cache.bound`. ``s1``
and ``s0`` are tuples of the loss's own parameters, as a positive and as a negative sees them.

Of a softmax, ``below`` is a class's margin less the row's largest, ``e`` its exponential, and ``others`` the sum of ``e``
over the other classes than the one that leads (or is true): ``largest`` of these and the ``rest``, because the total less
the largest would cancel. Where ``second`` is the largest ``below`` of the other classes, they are in units of its ``e``, and
``near`` is one of them: from margins less a far leader's float32 would lose the digits of the distance between two others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boost_imbalance.kernels.cache import bound
from boost_imbalance.kernels.program import Program
from boost_imbalance.kernels.source import compiled, compiled_arithmetic, is_cross_entropy, shape_functions

choose = exp = exp_negative = log = near = number = sigmoid = None
positive = negative = shape_if = None
TERM = 2
EXPECTED = ABSOLUTE = SMOOTH = NEGATIVES = SYMMETRIC = SOFT = False
SAME_SHAPE = True

SMALLEST_SLOPE = 1e-290
"""A strong focus takes the slope of a class that is certain down to 0."""


def believed_weight(m, w1, w0):
    """Geometric mean of the class weights, each label as probable as the sigmoid of the margin says."""
    p, q = sigmoid(m)
    return exp(p * log(w1) + q * log(w0))


def log_weight(w):
    """What :func:`mean_weight` adds up of a class weight."""
    return log(w)


def mean_weight(sum_of_logs, total):
    """Geometric mean of class weights from a sum of their logarithms, each multiplied by its ``e``, and the sum of ``e``."""
    return exp(sum_of_logs / total)


def softened(y, smoothing):
    """A label moved towards 1/2."""
    half = number(1, y) / number(2, y)
    return y + smoothing * (half - y)


def sigmoid_derivatives(m, y, smoothing, s1, s0, w1, w0):
    """Slope and curvature of the loss at margin ``m`` under label ``y``."""
    is_positive = y > number(0, y)
    if SYMMETRIC and not EXPECTED and not SOFT:
        side = positive(m if is_positive else -m, s1 if SAME_SHAPE else shape_if(is_positive, s1, s0))
        class_weight = w1 if is_positive else w0
        curvature = (believed_weight(m, w1, w0) if SMOOTH else class_weight) * side[TERM]
        slope = (class_weight if is_positive else -class_weight) * side[1]
    else:
        t1 = positive(m, s1)
        t0 = negative(-m, s0)
        if SOFT:
            true = softened(y, smoothing)
            false = number(1, m) - true
            slope = true * w1 * t1[1] - false * w0 * t0[1]
        else:
            slope = w1 * t1[1] if is_positive else -w0 * t0[1]
        if EXPECTED:
            # By the link's belief, and by the calibrated one, whose slope is 0 and curvature positive.
            p, q = sigmoid(m)
            up, down = -w1 * t1[1], -w0 * t0[1]
            curvature = p * w1 * t1[TERM] + q * w0 * t0[TERM]
            calibrated = (down * w1 * t1[TERM] + up * w0 * t0[TERM]) / (up + down)
            curvature = curvature if curvature > calibrated else calibrated
        elif SOFT:
            if SMOOTH:
                curvature = believed_weight(m, w1, w0) * (true * t1[TERM] + false * t0[TERM])
            else:
                curvature = true * w1 * t1[TERM] + false * w0 * t0[TERM]
        else:
            class_weight = w1 if is_positive else w0
            class_weight = believed_weight(m, w1, w0) if SMOOTH else class_weight
            curvature = class_weight * (t1[TERM] if is_positive else t0[TERM])
    if ABSOLUTE:
        curvature = abs(curvature)
    return slope, curvature


def sigmoid_cost(m, y, smoothing, s1, s0, w1, w0):
    """The loss at margin ``m`` under label ``y``."""
    t1 = positive(m, s1)
    t0 = negative(-m, s0)
    if SOFT:
        true = softened(y, smoothing)
        return true * w1 * t1[0] + (number(1, m) - true) * w0 * t0[0]
    return w1 * t1[0] if y > number(0, y) else w0 * t0[0]


def sigmoid_probabilities(m, s1, s0, w1, w0):
    """Calibrated probability of label 0 and of label 1 at margin ``m``: the one at which the expected slope is 0."""
    t = near(m)
    up, down = -w1 * positive(t, s1)[1], -w0 * negative(-t, s0)[1]
    both = up + down
    return up / both, down / both


def exponential(below):
    """``exp(below)`` of a number that is not positive."""
    return exp_negative(below)


def true_class_cost(below, others, s1):
    """The loss of a row that looks at its true class alone."""
    return positive(below - log(others), s1)[0]


def true_class_terms(below, others, s1):
    """Slope and curvature in the log-odds of the true class."""
    terms = positive(below - log(others), s1)
    return terms[1], -terms[1] if TERM == 1 else terms[TERM]


def cross_entropy_derivatives(e, is_true, e_true, others, largest, rest, total, inverse, limit):
    """``p - 1`` or ``p``, and ``p (1 - p)`` or the slope, as the built-in objectives round, until ``1 - p`` would cancel."""
    one = number(1, e)
    p = e / total
    contrary = rest + e_true if e == largest else total - e
    contrary = (others if is_true else contrary) * inverse
    q = one - p if p < limit else contrary
    slope = -q if is_true else p
    return slope, slope if TERM == 1 else p * q


def class_log_odds(below, leads, second, largest, rest, others):
    """Log-odds of one class, without cancellation next to the leader's or in it."""
    of_leader = second + log(largest + rest)
    of_other = log(number(1, below) + others - exp_negative(below))
    return below - choose(leads, of_leader, of_other)


def class_balance(t, s1, s0):
    """What one class adds to the sums from which a row's calibrated probabilities follow, see :func:`class_share`.

    With its slopes in ``t`` if it is true and if it is false, ``p (1 - p)`` and the latter over their difference.
    """
    t = near(t)
    p, q = sigmoid(t)
    if_true = -positive(t, s1)[1]
    if_false = -negative(-t, s0)[1] if NEGATIVES else number(0, t)
    spread = if_true + if_false
    smallest = number(SMALLEST_SLOPE, t)
    spread = choose(spread > smallest, spread, smallest)
    return p * q / spread, if_false / spread


def class_level(sum_inverse, sum_share):
    """The level at which a row's probabilities add up to 1, where classes that are not true count; else any will do."""
    return (number(1, sum_share) - sum_share) / sum_inverse


def class_share(inverse, share, level, class_weight):
    """Calibrated probability of one class, but for a factor of its row."""
    eta = level * inverse + share
    zero = number(0, eta)
    return choose(eta > zero, eta, zero) / class_weight


def class_cost(below, leads, true, false, second, largest, rest, others, s1, s0):
    """What one class adds to the loss of a row, the label being so much for it and so much against it."""
    t = class_log_odds(below, leads, second, largest, rest, others)
    cost = true * positive(t, s1)[0]
    return cost + false * negative(-t, s0)[0] if NEGATIVES else cost


def class_terms(
    below, leads, true, false, hessian_true, hessian_false, s1, s0, w1, second, largest, rest, others,
    lead_weight, others_weight,
):  # fmt: skip
    """What one class contributes to its row: slope, mixed slope and curvature in its own log-odds.

    Then ``1 / (1 - p)``, and what it adds to the leader's diagonal. ``true`` and ``false`` are how much the label is for and
    against the class, times the class weight; ``hessian_true`` and ``hessian_false`` the same, as the Hessian weighs it.
    """
    zero = number(0, below)
    total = number(1, below) + others
    e = exp_negative(below)
    contrary = others if leads else total - e
    t = class_log_odds(below, leads, second, largest, rest, others)
    t1 = positive(t, s1)
    slope = true * t1[1]
    if EXPECTED:
        hessian_true = w1 * e / total
        hessian_false = (others_weight if leads else lead_weight + others_weight - w1 * e) / total
    mixed_slope = hessian_true * t1[1]
    curvature = hessian_true * t1[TERM]
    if NEGATIVES:
        t0 = negative(-t, s0)
        slope = slope - false * t0[1]
        mixed_slope = mixed_slope - hessian_false * t0[1]
        curvature = curvature + hessian_false * t0[TERM]
    if TERM == 1:
        # No derivative, but the size of what each class does to the gradient.
        curvature = abs(curvature)
        mixed_slope = -curvature
    elif TERM != 2:
        mixed_slope = mixed_slope if mixed_slope < zero else zero
    over = total / contrary
    unshared = rest * exp_negative(second) if below == second else others - e
    to_leader = zero if leads else over * over * (curvature - mixed_slope * unshared)
    return slope, mixed_slope, curvature, over, to_leader


def class_derivatives(
    below, leads, slope, mixed_slope, curvature, near, largest, rest, others,
    sum_slope, sum_curving, sum_curvature, sum_unshared, lead_slope, lead_curving, lead_curvature,
):  # fmt: skip
    """Gradient and diagonal in one class's margin, from its own terms, the leader's and the sums over the others."""
    one = number(1, below)
    zero = number(0, below)
    total = one + others
    e = exp_negative(below)
    p = e / total
    over = total / (total - e)
    own_slope = zero if leads else slope * over
    own_curving = zero if leads else mixed_slope * over
    own_curvature = zero if leads else (curvature + mixed_slope) * over * over
    contrary = largest + rest
    share = zero if leads else near / contrary
    g = slope - p * (sum_slope - own_slope) - lead_slope * share
    h = curvature + p * (p * (sum_curvature - own_curvature) - (sum_curving - own_curving))
    unshared = rest / contrary if near == largest else one - share
    h = h + share * (lead_curvature * share - lead_curving * unshared)
    h = curvature + p * p * sum_unshared if leads else h
    if ABSOLUTE:
        h = abs(h)
    return g, h


ELEMENTS = (
    believed_weight, log_weight, mean_weight, softened,
    sigmoid_derivatives, sigmoid_cost, sigmoid_probabilities, exponential, true_class_cost, true_class_terms,
    cross_entropy_derivatives, class_log_odds, class_balance, class_level, class_share, class_cost, class_terms,
    class_derivatives,
)  # fmt: skip
"""Each after those that it calls itself."""


def bindings_of(program: Program, inline: Any) -> dict[str, Any]:
    """What the names of a loop or kernel stand for; ``inline`` makes a compiled function of a plain or an inlined one."""
    formula, curvature = program.formula, program.curvature
    if formula is None:
        return {}
    shape_of, shape_at, shape_if = map(inline, shape_functions(len(formula.shape)))
    names = {
        "positive": inline(compiled(formula.positive, formula.shape)),
        "negative": inline(compiled(formula.negative, formula.shape)),
        "shape_of": shape_of,
        "shape_at": shape_at,
        "shape_if": shape_if,
        "N_SHAPE": len(formula.shape),
        "SYMMETRIC": formula.symmetric,
        "SAME_SHAPE": program.same_shape,
        "SOFT": program.soft,
        # Which the libraries have themselves, where a safeguarded Hessian has nothing to equal.
        "CROSS_ENTROPY": is_cross_entropy(formula) and not program.soft and (curvature is None or curvature.term != 5),
        "NEGATIVES": formula.all_classes,
    }
    if curvature is not None:
        names |= {
            "TERM": curvature.term,
            "EXPECTED": curvature.expected,
            "ABSOLUTE": curvature.absolute,
            "SMOOTH": curvature.smooth,
        }
    names |= elements(ELEMENTS, {**compiled_arithmetic(), **names}, inline)
    return names


def elements(functions: Any, names: Mapping[str, Any], inline: Any) -> dict[str, Any]:
    """The functions by name, bound to ``names`` and to those of them that come before."""
    found: dict[str, Any] = {}
    for function in functions:
        found[function.__name__] = inline(bound(function, function.__name__, {**names, **found}))
    return found
