"""The loops over rows, one for each link. :func:`boost_imbalance.kernels.cache.specialise` binds a formula into them.

Every array comes flat, with its strides: see :class:`Strided`, which covers both libraries' layouts, one column, and weights
per row (column stride 0). Rows are taken in blocks that stay in the L1 cache, transposed so that the inner loops run along
rows whatever the layout.

``coefficients`` has one column per label or class and the rows named by :class:`Row`; its format is the one that is
computed in. ``checks`` receives, per column, how many labels are 1 (or are this class) and their summed weight, then in its
last row what was wrong with the input: :data:`BAD_MARGIN`, :data:`BAD_LABEL`, :data:`BAD_WEIGHT`.

What they compute of each element is in :mod:`boost_imbalance.kernels.pointwise`. Its functions, and the names in capitals,
are bound at compile time. A GPU goes through rows in another way, one thread or warp for each, so its kernels are others.
"""

from __future__ import annotations

from math import fabs
from typing import Any, NamedTuple

import numba
import numpy as np

from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.link import exp
from boost_imbalance.kernels.pointwise import (
    class_balance,
    class_cost,
    class_derivatives,
    class_level,
    class_log_odds,
    class_share,
    class_terms,
    cross_entropy_derivatives,
    sigmoid_cost,
    sigmoid_derivatives,
    sigmoid_probabilities,
    true_class_cost,
    true_class_terms,
)
from boost_imbalance.kernels.primitives import exp_negative, log, number
from boost_imbalance.kernels.program import BAD_LABEL, BAD_MARGIN, BAD_WEIGHT, Row

DERIVATIVES, LOSS, PROBABILITY = range(3)

positive = negative = shape_of = shape_at = None
QUANTITY = DERIVATIVES
N_SHAPE = 0
EXPECTED = ABSOLUTE = SMOOTH = NEGATIVES = CROSS_ENTROPY = WEIGHTED = CONTIGUOUS = SOFT = MATRIX = False


class Strided(NamedTuple):
    """An array without gaps in memory: element (row, column) is ``values[row * self.row + column * self.column]``."""

    values: Any
    row: int
    column: int


# Plain integers, which numba takes for constants.
POSITIVE_WEIGHT, NEGATIVE_WEIGHT, OFFSET, GRADIENT_SCALE, HESSIAN_SCALE, HESSIAN_FLOOR, SMOOTHING, SHAPE = map(int, Row)

# Sums may be reordered, which lets them vectorise; the formulas may not.
_summed = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"}, nogil=True)


@inlined
def _limit(like):
    """2^120, the largest margin or weight that passes."""
    return number(1 << 60, like) * number(1 << 60, like)


@_summed
def _count(values, value, rows):
    """How many of at most 2^24 ``values`` are ``value``; counted in their own format, as wide as the comparison."""
    one, zero = number(1, values[0]), number(0, values[0])
    count = zero
    for i in range(rows):
        count += one if values[i] == value else zero
    return count


@_summed
def _count_finite(values, rows):
    one, zero = number(1, values[0]), number(0, values[0])
    largest = _limit(values[0])
    count = zero
    for i in range(rows):
        count += one if fabs(values[i]) <= largest else zero
    return count


@_summed
def _count_weights(values, rows):
    one, zero = number(1, values[0]), number(0, values[0])
    largest = _limit(values[0])
    count = zero
    for i in range(rows):
        count += one if zero <= values[i] <= largest else zero
    return count


@_summed
def _total(label, weight, value, rows):
    total = 0.0
    for i in range(rows):
        total += weight[i] if label[i] == value else 0.0
    return total


@inlined
def _load(source, first, column, rows, target):
    first = first * source.row + column * source.column
    if source.row == 1:
        near = source.values[first : first + rows]  # a slice: an index that could be negative would not vectorise
        for i in range(rows):
            target[i] = near[i]
    else:
        far = source.values[first:]
        step = np.uintp(source.row)
        for i in range(np.uintp(rows)):
            target[i] = far[i * step]


@_summed
def _inspect(margin, label, rows):
    """How many labels are 1, how many 0, and how many margins are finite."""
    one, zero = number(1, margin[0]), number(0, margin[0])
    label_one, label_zero = number(1, label[0]), number(0, label[0])
    largest = _limit(margin[0])
    ones, zeros, finite = label_zero, label_zero, zero
    for i in range(rows):
        ones += label_one if label[i] == label_one else label_zero
        zeros += label_one if label[i] == label_zero else label_zero
        finite += one if fabs(margin[i]) <= largest else zero
    return ones, zeros, finite


@inlined
def _weigh(values, weight, rows):
    for i in range(rows):
        values[i] *= weight[i]


@inlined
def _store(values, weight, rows, target, first, column, weighted):
    if weighted:
        _weigh(values, weight, rows)
    first = first * target.row + column * target.column
    if target.row == 1:
        near = target.values[first : first + rows]
        for i in range(rows):
            near[i] = values[i]
    else:
        far = target.values[first:]
        step = np.uintp(target.row)
        for i in range(np.uintp(rows)):
            far[i * step] = values[i]


@_summed
def _sum(label, weight, rows, weighted):
    """Of labels between 0 and 1: their sum, their sum by weight, and how many they are."""
    one, zero = number(1, label[0]), number(0, label[0])
    plain, total, count = 0.0, 0.0, zero
    for i in range(rows):
        plain += label[i]
        total += weight[i] * label[i] if weighted else label[i]
        count += one if zero <= label[i] <= one else zero
    return plain, total, count


@inlined
def _check_sigmoid(margin, label, weight, rows, checks, column, weighted, soft):
    """Count one column's positives; return what is wrong with its labels, margins and weights."""
    wrong = 0
    if soft:
        ones, total, allowed = _sum(label, weight, rows, weighted)
        finite = _count_finite(margin, rows)
    else:
        ones, zeros, finite = _inspect(margin, label, rows)
        total = _total(label, weight, number(1, label[0]), rows) if weighted else ones
        allowed = ones + zeros
    checks[0, column] += ones
    checks[1, column] += total
    if allowed != rows:
        wrong |= BAD_LABEL
    if finite != rows:
        wrong |= BAD_MARGIN
    if weighted and _count_weights(weight, rows) != rows:
        wrong |= BAD_WEIGHT
    return wrong


@inlined
def _check_class(label, weight, column, rows, checks, weighted):
    """Count one class; return how many rows it has."""
    k = number(column, label[0])
    members = _count(label, k, rows)
    checks[0, column] += members
    checks[1, column] += _total(label, weight, k, rows) if weighted else members
    return members


def sigmoid(margin, label, weight, coefficients, start, stop, first_out, second_out, checks):
    """A sigmoid per column, binary (one column) or multi-label: what ``QUANTITY`` says, of every row and column.

    Gradient and Hessian, the loss, or the calibrated probability of label 1, for which labels and weights are not read.
    """
    block = 1024
    columns = coefficients.shape[1]
    kind = coefficients.dtype
    w = np.empty(block, weight.values.dtype)
    if not CONTIGUOUS:
        own_u, own_y = np.empty(block, kind), np.empty(block, label.values.dtype)
        own_g, own_h = np.empty(block, kind), np.empty(block, kind)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        for column in range(columns):
            s1, s0 = shape_of(coefficients, SHAPE, column), shape_of(coefficients, SHAPE + N_SHAPE, column)
            w1, w0 = coefficients[POSITIVE_WEIGHT, column], coefficients[NEGATIVE_WEIGHT, column]
            offset = coefficients[OFFSET, column]
            smoothing = coefficients[SMOOTHING, column]
            if CONTIGUOUS:
                from_margin = first + column * margin.column
                from_label = first + column * label.column
                target = first + column * first_out.column
                u, y = margin.values[from_margin : from_margin + rows], label.values[from_label : from_label + rows]
                g, h = first_out.values[target : target + rows], second_out.values[target : target + rows]
            else:
                u, y, g, h = own_u, own_y, own_g, own_h
                _load(margin, first, column, rows, u)
                if QUANTITY != PROBABILITY:
                    _load(label, first, column, rows, y)
            if WEIGHTED:
                _load(weight, first, column, rows, w)
            if QUANTITY == DERIVATIVES:
                gradient_scale = coefficients[GRADIENT_SCALE, column]
                hessian_scale = coefficients[HESSIAN_SCALE, column]
                floor = coefficients[HESSIAN_FLOOR, column]
                for i in range(rows):
                    slope, curvature = sigmoid_derivatives(u[i] + offset, y[i], smoothing, s1, s0, w1, w0)
                    curvature = curvature * hessian_scale
                    h[i] = curvature if curvature > floor else floor
                    g[i] = slope * gradient_scale
            elif QUANTITY == LOSS:
                for i in range(rows):
                    g[i] = sigmoid_cost(u[i] + offset, y[i], smoothing, s1, s0, w1, w0)
            else:
                for i in range(rows):
                    _, g[i] = sigmoid_probabilities(u[i] + offset, s1, s0, w1, w0)
            if not CONTIGUOUS:
                _store(g, w, rows, first_out, first, column, WEIGHTED)
                if QUANTITY == DERIVATIVES:
                    _store(h, w, rows, second_out, first, column, WEIGHTED)
            elif WEIGHTED:
                _weigh(g, w, rows)
                if QUANTITY == DERIVATIVES:
                    _weigh(h, w, rows)
            if QUANTITY == PROBABILITY:
                wrong |= 0 if _count_finite(u, rows) == rows else BAD_MARGIN
            else:
                wrong |= _check_sigmoid(u, y, w, rows, checks, column, WEIGHTED, SOFT)
    checks[2, 0] = wrong


@inlined
def _block_rows(columns):
    return max(16, min(1024, 8192 // columns // 16 * 16))


@inlined
def _load_margins(margin, coefficients, first, rows, u, top):
    """Load a block and its row maxima; return what is wrong with it."""
    wrong = 0
    for column in range(coefficients.shape[1]):
        offset = coefficients[OFFSET, column]
        values = u[column]
        _load(margin, first, column, rows, values)
        wrong |= 0 if _count_finite(values, rows) == rows else BAD_MARGIN
        for i in range(rows):
            values[i] += offset
        if column == 0:
            for i in range(rows):
                top[i] = values[i]
        else:
            for i in range(rows):
                top[i] = values[i] if values[i] > top[i] else top[i]
    return wrong


@inlined
def _load_softmax(margin, label, weight, coefficients, first, rows, u, top, y, w, checks, weighted):
    """Load a block, its row maxima, labels and weights; return what is wrong with them."""
    wrong = _load_margins(margin, coefficients, first, rows, u, top)
    _load(label, first, 0, rows, y)
    if weighted:
        _load(weight, first, 0, rows, w)
        wrong |= 0 if _count_weights(w, rows) == rows else BAD_WEIGHT
    labelled = number(0, y[0])
    for column in range(coefficients.shape[1]):
        labelled += _check_class(y, w, column, rows, checks, weighted)
    if labelled != rows:
        wrong |= BAD_LABEL
    return wrong


@inlined
def _load_shares(margin, label, weight, coefficients, first, rows, u, top, y, w, truth, class_weight, checks, weighted):
    """Load a block whose labels are a share for each class; keep them smoothed, and a row's class weights by them."""
    columns = coefficients.shape[1]
    wrong = _load_margins(margin, coefficients, first, rows, u, top)
    if weighted:
        _load(weight, first, 0, rows, w)
        wrong |= 0 if _count_weights(w, rows) == rows else BAD_WEIGHT
    for i in range(rows):
        class_weight[i] = 0
    for column in range(columns):
        shares = truth[column]
        _load(label, first, column, rows, y)
        plain, total, allowed = _sum(y, w, rows, weighted)
        wrong |= 0 if allowed == rows else BAD_LABEL
        checks[0, column] += plain
        checks[1, column] += total
        smoothing, w1 = coefficients[SMOOTHING, column], coefficients[POSITIVE_WEIGHT, column]
        even = number(1, smoothing) / number(columns, smoothing)
        for i in range(rows):
            shares[i] = y[i]
            shares[i] += smoothing * (even - shares[i])
            class_weight[i] += w1 * shares[i]
    return wrong


@inlined
def _load_smoothed(margin, label, weight, coefficients, first, rows, u, top, y, w, truth, class_weight, checks, weighted):
    """The same for labels that are class indices."""
    columns = coefficients.shape[1]
    wrong = _load_softmax(margin, label, weight, coefficients, first, rows, u, top, y, w, checks, weighted)
    for i in range(rows):
        class_weight[i] = 0
    for column in range(columns):
        shares = truth[column]
        smoothing, w1 = coefficients[SMOOTHING, column], coefficients[POSITIVE_WEIGHT, column]
        one = number(1, smoothing)
        even = one / number(columns, smoothing)
        k = number(column, y[0])
        for i in range(rows):
            share = one if y[i] == k else number(0, smoothing)
            shares[i] = share + smoothing * (even - share)
            class_weight[i] += w1 * shares[i]
    return wrong


@inlined
def _true_class(u, top, y, rows, columns, own, others, largest, rest):
    """Turn the block ``u`` into ``exp(u - top)``; keep the true class's ``u - top`` and the sum over the other classes.

    Of that sum, keep the largest part and the rest: the total less the largest would cancel.
    """
    for i in range(rows):
        own[i] = 0
        largest[i] = 0
        rest[i] = 0
    for column in range(columns):
        values = u[column]
        k = number(column, y[0])
        for i in range(rows):
            below = values[i] - top[i]
            e = exp_negative(below)
            is_true = y[i] == k
            own[i] = below if is_true else own[i]
            values[i] = e
            e = number(0, e) if is_true else e
            rest[i] += e if e < largest[i] else largest[i]
            largest[i] = largest[i] if e < largest[i] else e
    for i in range(rows):
        others[i] = largest[i] + rest[i]


@inlined
def _rank(u, top, rows, columns, leader, second, near, largest, rest, others):
    """Turn the block ``u`` into ``u - top``; find its leader and, of the other classes, the largest and their sum.

    ``largest`` (1) and ``rest`` add up to that sum in units of the second's ``e``, so it does not vanish next to a leader.
    The block ``near`` has its parts.
    """
    for i in range(rows):
        leader[i] = -1
        second[i] = -number(1 << 62, top[i]) * number(1 << 62, top[i])
        largest[i] = 0
        rest[i] = 0
    for column in range(columns):
        values = u[column]
        k = number(column, leader[0])
        for i in range(rows):
            leads = values[i] >= top[i] and leader[i] < 0
            leader[i] = k if leads else leader[i]
            second[i] = values[i] if values[i] > second[i] and not leads else second[i]
    for column in range(columns):
        values = u[column]
        k = number(column, leader[0])
        for i in range(rows):
            e = exp_negative(values[i] - second[i])
            e = number(0, e) if leader[i] == k else e
            near[column, i] = e
            values[i] -= top[i]
            rest[i] += e if e < largest[i] else largest[i]
            largest[i] = largest[i] if e < largest[i] else e
    for i in range(rows):
        second[i] -= top[i]
        others[i] = (largest[i] + rest[i]) * exp_negative(second[i])


@inlined
def _mean_weight(u, exponentials, coefficients, rows, columns, total, mean):
    """Geometric mean of the class weights, each class as probable as a row says; ``u`` as one of the two above left it."""
    for i in range(rows):
        total[i] = 0
        mean[i] = 0
    for column in range(columns):
        values = u[column]
        weight_log = log(coefficients[POSITIVE_WEIGHT, column])
        for i in range(rows):
            e = values[i] if exponentials else exp_negative(values[i])
            total[i] += e
            mean[i] += e * weight_log
    for i in range(rows):
        mean[i] = exp(mean[i] / total[i])


@inlined
def _pick(coefficients, row, y, rows, columns, target):
    for i in range(rows):
        target[i] = coefficients[row, 0]
    for column in range(1, columns):
        value = coefficients[row, column]
        k = number(column, y[0])
        for i in range(rows):
            target[i] = value if y[i] == k else target[i]


@inlined
def _pick_shape(coefficients, y, rows, columns, target, count):
    for j in range(count):
        _pick(coefficients, SHAPE + j, y, rows, columns, target[j])


def softmax_loss(margin, label, weight, coefficients, start, stop, loss, unused, checks):
    """Loss of a softmax per row."""
    columns = coefficients.shape[1]
    block = _block_rows(columns)
    kind = coefficients.dtype
    u, near = np.empty((columns, block), kind), np.empty((columns, block), kind)
    truth = np.empty((columns if SOFT else 1, block), kind)
    top = np.empty(block, kind)
    y = np.empty(block, label.values.dtype)
    w = np.empty(block, weight.values.dtype)
    own, others = np.empty(block, kind), np.empty(block, kind)
    leader, second = np.empty(block, label.values.dtype), np.empty(block, kind)
    largest, rest = np.empty(block, kind), np.empty(block, kind)
    class_weight = np.empty(block, kind)
    picked = np.empty((max(1, N_SHAPE), block), kind)
    total = np.empty(block, kind)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        if MATRIX:
            wrong |= _load_shares(
                margin, label, weight, coefficients, first, rows, u, top, y, w, truth, class_weight, checks, WEIGHTED
            )
        elif SOFT:
            wrong |= _load_smoothed(
                margin, label, weight, coefficients, first, rows, u, top, y, w, truth, class_weight, checks, WEIGHTED
            )
        else:
            wrong |= _load_softmax(margin, label, weight, coefficients, first, rows, u, top, y, w, checks, WEIGHTED)
            _pick(coefficients, POSITIVE_WEIGHT, y, rows, columns, class_weight)
        if NEGATIVES or SOFT:
            _rank(u, top, rows, columns, leader, second, near, largest, rest, others)
            for i in range(rows):
                total[i] = 0
            for column in range(columns):
                values = u[column]
                s1, s0 = shape_of(coefficients, SHAPE, column), shape_of(coefficients, SHAPE + N_SHAPE, column)
                w1 = coefficients[POSITIVE_WEIGHT, column]
                k = number(column, leader[0])
                for i in range(rows):
                    if SOFT:
                        true = w1 * truth[column, i]
                    else:
                        true = class_weight[i] if y[i] == k else number(0, w1)
                    total[i] += class_cost(
                        values[i], leader[i] == k, true, class_weight[i] - true, second[i], largest[i], rest[i], others[i],
                        s1, s0,
                    )  # fmt: skip
        else:
            _true_class(u, top, y, rows, columns, own, others, largest, rest)
            _pick_shape(coefficients, y, rows, columns, picked, N_SHAPE)
            for i in range(rows):
                total[i] = true_class_cost(own[i], others[i], shape_at(picked, i)) * class_weight[i]
        _store(total, w, rows, loss, first, 0, WEIGHTED)
    checks[2, 0] = wrong


def softmax_probability(margin, label, weight, coefficients, start, stop, probability, unused, checks):
    """Calibrated probability of each class of a softmax; labels and weights are not read."""
    columns = coefficients.shape[1]
    block = _block_rows(columns)
    kind = coefficients.dtype
    u = np.empty((columns, block), kind)
    inverses, shares = np.empty_like(u), np.empty_like(u)
    top = np.empty(block, kind)
    leader, second = np.empty(block, kind), np.empty(block, kind)
    largest, rest, others = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    sum_inverse, sum_share = np.empty(block, kind), np.empty(block, kind)
    level, total = np.empty(block, kind), np.empty(block, kind)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        wrong |= _load_margins(margin, coefficients, first, rows, u, top)
        _rank(u, top, rows, columns, leader, second, inverses, largest, rest, others)
        for i in range(rows):
            sum_inverse[i] = 0
            sum_share[i] = 0
            total[i] = 0
        for column in range(columns):
            values = u[column]
            s1, s0 = shape_of(coefficients, SHAPE, column), shape_of(coefficients, SHAPE + N_SHAPE, column)
            k = number(column, leader[0])
            for i in range(rows):
                t = class_log_odds(values[i], leader[i] == k, second[i], largest[i], rest[i], others[i])
                inverse, share = class_balance(t, s1, s0)
                sum_inverse[i] += inverse
                sum_share[i] += share
                inverses[column, i] = inverse
                shares[column, i] = share
        for i in range(rows):
            level[i] = class_level(sum_inverse[i], sum_share[i]) if NEGATIVES else 1
        for column in range(columns):
            values = u[column]
            class_weight = coefficients[POSITIVE_WEIGHT, column]
            for i in range(rows):
                values[i] = class_share(inverses[column, i], shares[column, i], level[i], class_weight)
                total[i] += values[i]
        for column in range(columns):
            values = u[column]
            for i in range(rows):
                values[i] /= total[i]
            _store(values, values, rows, probability, first, column, False)
    checks[2, 0] = wrong


def softmax_gradient_hessian(margin, label, weight, coefficients, start, stop, gradient, hessian, checks):
    """Gradient and Hessian diagonal of a softmax whose loss looks at the true class alone.

    With ``t`` the log-odds of the true class and ``r_k = p_k / (1 - p_true)`` the share of class k among the others,
    ``dt/du_k = -r_k`` and ``d2t/du_k2 = -r_k (1 - r_k)``: one evaluation of the formula serves a whole row.
    """
    columns = coefficients.shape[1]
    block = _block_rows(columns)
    kind = coefficients.dtype
    u = np.empty((columns, block), kind)
    top = np.empty(block, kind)
    y = np.empty(block, label.values.dtype)
    w = np.empty(block, weight.values.dtype)
    own, others = np.empty(block, kind), np.empty(block, kind)
    largest, rest = np.empty(block, kind), np.empty(block, kind)
    a, b, class_weight = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    picked = np.empty((max(1, N_SHAPE), block), kind)
    believed = np.empty(block, kind)
    gradient_scale = coefficients[GRADIENT_SCALE, 0]
    hessian_scale = coefficients[HESSIAN_SCALE, 0]
    floor = coefficients[HESSIAN_FLOOR, 0]
    limit = number(98, coefficients[0, 0]) / number(100, coefficients[0, 0])
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        wrong |= _load_softmax(margin, label, weight, coefficients, first, rows, u, top, y, w, checks, WEIGHTED)
        _true_class(u, top, y, rows, columns, own, others, largest, rest)
        _pick_shape(coefficients, y, rows, columns, picked, N_SHAPE)
        _pick(coefficients, POSITIVE_WEIGHT, y, rows, columns, class_weight)
        hessian_weight = class_weight
        if SMOOTH:
            hessian_weight = believed
            _mean_weight(u, True, coefficients, rows, columns, top, believed)
        if CROSS_ENTROPY:
            # Added up in one order whatever the true class, so that rows with equal margins tie as they do in a library.
            for i in range(rows):
                a[i] = exp_negative(own[i])
                b[i] = 0
            for column in range(columns):
                for i in range(rows):
                    b[i] += u[column, i]
            for i in range(rows):
                own[i] = number(1, b[i]) / b[i]
        else:
            for i in range(rows):
                slope, curvature = true_class_terms(own[i], others[i], shape_at(picked, i))
                own[i] = slope * class_weight[i] * gradient_scale
                a[i] = curvature * hessian_weight[i] * hessian_scale
                b[i] = -slope * hessian_weight[i] * hessian_scale
                others[i] = number(1, others[i]) / others[i]
        for column in range(columns):
            values = u[column]
            k = number(column, y[0])
            for i in range(rows):
                is_true = y[i] == k
                if CROSS_ENTROPY:
                    slope, curvature = cross_entropy_derivatives(
                        values[i], is_true, a[i], others[i], largest[i], rest[i], b[i], own[i], limit
                    )
                    slope = slope * class_weight[i] * gradient_scale
                    curvature = curvature * hessian_weight[i] * hessian_scale
                else:
                    one = number(1, values[i])
                    share = values[i] * others[i]
                    unshared = rest[i] * others[i] if values[i] == largest[i] else one - share
                    slope = own[i] if is_true else -own[i] * share
                    curvature = a[i] if is_true else share * (b[i] * unshared + share * a[i])
                if ABSOLUTE:
                    curvature = abs(curvature)
                curvature = curvature if curvature > floor else floor
                values[i] = curvature
                top[i] = slope
            _store(top, w, rows, gradient, first, column, WEIGHTED)
            _store(values, w, rows, hessian, first, column, WEIGHTED)
    checks[2, 0] = wrong


def softmax_gradient_hessian_of_all_classes(margin, label, weight, coefficients, start, stop, gradient, hessian, checks):
    """Gradient and Hessian diagonal of a softmax to which every class contributes.

    Class k contributes a function of its own log-odds ``t_k``, with slope ``s_k`` and curvature ``c_k``: because the loss
    looks at all classes (asymmetric), or because the Hessian is an average over labels (expected). By the derivatives in
    :func:`softmax_gradient_hessian`, with ``r = p_j / (1 - p_k)``,

    * gradient_j = s_j - sum over k != j of s_k r
    * diagonal_j = c_j + sum over k != j of (c_k + s_k) r^2 - s_k r

    and the sums are shared by all j. Only the most probable class can have ``1 - p_k`` near 0: it is kept out of the sums.
    """
    columns = coefficients.shape[1]
    block = _block_rows(4 * columns)
    kind = coefficients.dtype
    u = np.empty((columns, block), kind)
    near, slopes, curving, curvatures = np.empty_like(u), np.empty_like(u), np.empty_like(u), np.empty_like(u)
    truth = np.empty((columns if SOFT else 1, block), kind)
    top = np.empty(block, kind)
    y = np.empty(block, label.values.dtype)
    w = np.empty(block, weight.values.dtype)
    leader = np.empty(block, label.values.dtype)
    others, class_weight = np.empty(block, kind), np.empty(block, kind)
    others_weight, lead_weight = np.empty(block, kind), np.empty(block, kind)
    largest, rest, sum_unshared = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    second = np.empty(block, kind)
    sum_slope, sum_curving, sum_curvature = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    lead_slope, lead_curving, lead_curvature = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    believed = np.empty(block, kind)
    gradient_scale = coefficients[GRADIENT_SCALE, 0]
    hessian_scale = coefficients[HESSIAN_SCALE, 0]
    floor = coefficients[HESSIAN_FLOOR, 0]
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        if MATRIX:
            wrong |= _load_shares(
                margin, label, weight, coefficients, first, rows, u, top, y, w, truth, class_weight, checks, WEIGHTED
            )
        elif SOFT:
            wrong |= _load_smoothed(
                margin, label, weight, coefficients, first, rows, u, top, y, w, truth, class_weight, checks, WEIGHTED
            )
        else:
            wrong |= _load_softmax(margin, label, weight, coefficients, first, rows, u, top, y, w, checks, WEIGHTED)
            _pick(coefficients, POSITIVE_WEIGHT, y, rows, columns, class_weight)
        _rank(u, top, rows, columns, leader, second, near, largest, rest, others)
        for i in range(rows):
            others_weight[i] = 0
            lead_weight[i] = 0
            sum_unshared[i] = 0
            sum_slope[i] = 0
            sum_curving[i] = 0
            sum_curvature[i] = 0
            lead_slope[i] = 0
            lead_curving[i] = 0
            lead_curvature[i] = 0
        if EXPECTED and NEGATIVES:
            for column in range(columns):
                values = u[column]
                w1 = coefficients[POSITIVE_WEIGHT, column]
                k = number(column, y[0])
                for i in range(rows):
                    leads = leader[i] == k
                    e = w1 * exp_negative(values[i])
                    lead_weight[i] = e if leads else lead_weight[i]
                    others_weight[i] += number(0, e) if leads else e
        if SMOOTH:
            _mean_weight(u, False, coefficients, rows, columns, top, believed)
        for column in range(columns):
            values = u[column]
            s1, s0 = shape_of(coefficients, SHAPE, column), shape_of(coefficients, SHAPE + N_SHAPE, column)
            w1 = coefficients[POSITIVE_WEIGHT, column]
            k = number(column, y[0])
            for i in range(rows):
                below = values[i]
                leads = leader[i] == k
                zero = number(0, below)
                if SOFT:
                    share = truth[column, i]
                    true = w1 * share
                else:
                    share = number(1, below) if y[i] == k else zero
                    true = class_weight[i] if y[i] == k else zero
                false = class_weight[i] - true
                hessian_true, hessian_false = true, false
                if SMOOTH:
                    hessian_true = believed[i] * share
                    hessian_false = believed[i] - hessian_true
                slope, mixed_slope, curvature, over, to_leader = class_terms(
                    below, leads, true, false, hessian_true, hessian_false, s1, s0, w1,
                    second[i], largest[i], rest[i], others[i], lead_weight[i], others_weight[i],
                )  # fmt: skip
                lead_slope[i] = slope if leads else lead_slope[i]
                lead_curving[i] = mixed_slope if leads else lead_curving[i]
                lead_curvature[i] = curvature if leads else lead_curvature[i]
                sum_slope[i] += zero if leads else slope * over
                sum_curving[i] += zero if leads else mixed_slope * over
                sum_curvature[i] += zero if leads else (curvature + mixed_slope) * over * over
                sum_unshared[i] += to_leader
                slopes[column, i] = slope
                curving[column, i] = mixed_slope
                curvatures[column, i] = curvature
        for column in range(columns):
            values = u[column]
            k = number(column, y[0])
            for i in range(rows):
                g, h = class_derivatives(
                    values[i], leader[i] == k, slopes[column, i], curving[column, i], curvatures[column, i],
                    near[column, i], largest[i], rest[i], others[i],
                    sum_slope[i], sum_curving[i], sum_curvature[i], sum_unshared[i],
                    lead_slope[i], lead_curving[i], lead_curvature[i],
                )  # fmt: skip
                h = h * hessian_scale
                h = h if h > floor else floor
                slopes[column, i] = g * gradient_scale
                curvatures[column, i] = h
            _store(slopes[column], w, rows, gradient, first, column, WEIGHTED)
            _store(curvatures[column], w, rows, hessian, first, column, WEIGHTED)
    checks[2, 0] = wrong


def sigmoid_misses(margin, label, weight, coefficients, start, stop, misses):
    """Summed weight of wrong signs per column: ``misses[0]`` of label 0, ``misses[1]`` of label 1."""
    for column in range(coefficients.shape[1]):
        offset = coefficients[OFFSET, column]
        for i in range(start, stop):
            up = margin.values[i * margin.row + column * margin.column] + offset > 0
            y = label.values[i * label.row + column * label.column]
            w = weight.values[i * weight.row + column * weight.column] if WEIGHTED else 1.0
            misses[0 if up else 1, column] += w * ((1.0 - y) if up else y)


def softmax_misses(margin, label, weight, coefficients, start, stop, misses):
    """Summed weight of rows of each class, in ``misses[0]``, whose largest margin is another class's."""
    columns = coefficients.shape[1]
    for i in range(start, stop):
        if not 0 <= label.values[i * label.row] < columns:
            continue  # the pass that follows reports it
        truth = int(label.values[i * label.row])
        own = margin.values[i * margin.row + truth * margin.column] + coefficients[OFFSET, truth]
        missed = False
        for column in range(columns):
            value = margin.values[i * margin.row + column * margin.column] + coefficients[OFFSET, column]
            missed |= value > own or (value == own and column < truth)
        if missed:
            misses[0, truth] += weight.values[i * weight.row] if WEIGHTED else 1.0
