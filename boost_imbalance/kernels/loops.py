"""The loops over rows, one for each link. :func:`boost_imbalance.kernels.cache.specialise` binds a formula into them.

Every array comes flat. Element (row, column) of the margins is ``margin[row * margin_row + column * margin_column]``, and
so for the rest, which covers both libraries' layouts, one column, and weights per row (column stride 0). Rows are taken in
blocks that stay in the L1 cache, transposed so that the inner loops run along rows whatever the layout.

``coefficients`` has one column per label or class and the rows named by :class:`Row`; its format is the one that is
computed in. ``checks`` receives, per column, how many labels are 1 (or are this class) and their summed weight, then in its
last row what was wrong with the input: :data:`BAD_MARGIN`, :data:`BAD_LABEL`, :data:`BAD_WEIGHT`.

What they compute of each element is in :mod:`boost_imbalance.kernels.pointwise`. Its functions, and the names in capitals,
are bound at compile time.
"""

from __future__ import annotations

from enum import IntEnum
from math import fabs

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

BAD_MARGIN = 1
BAD_LABEL = 2
BAD_WEIGHT = 4

positive = negative = None
EXPECTED = ABSOLUTE = SMOOTH = NEGATIVES = CROSS_ENTROPY = WEIGHTED = CONTIGUOUS = False


class Row(IntEnum):
    """The rows of ``coefficients``."""

    POSITIVE_A = 0
    POSITIVE_B = 1
    NEGATIVE_A = 2
    NEGATIVE_B = 3
    POSITIVE_WEIGHT = 4
    NEGATIVE_WEIGHT = 5
    OFFSET = 6
    GRADIENT_SCALE = 7
    HESSIAN_SCALE = 8
    HESSIAN_FLOOR = 9


# Plain integers, which numba takes for constants.
POSITIVE_A, POSITIVE_B, NEGATIVE_A, NEGATIVE_B, POSITIVE_WEIGHT, NEGATIVE_WEIGHT = map(int, list(Row)[:6])
OFFSET, GRADIENT_SCALE, HESSIAN_SCALE, HESSIAN_FLOOR = map(int, list(Row)[6:])

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
def _load(source, first, stride, rows, target):
    if stride == 1:
        near = source[first : first + rows]  # a slice: an index that could be negative would not vectorise
        for i in range(rows):
            target[i] = near[i]
    else:
        far = source[first:]
        step = np.uintp(stride)
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
def _store(values, weight, rows, target, first, stride, weighted):
    if weighted:
        _weigh(values, weight, rows)
    if stride == 1:
        near = target[first : first + rows]
        for i in range(rows):
            near[i] = values[i]
    else:
        far = target[first:]
        step = np.uintp(stride)
        for i in range(np.uintp(rows)):
            far[i * step] = values[i]


@inlined
def _check_sigmoid(margin, label, weight, rows, checks, column, weighted):
    """Count one column's positives; return what is wrong with its labels, margins and weights."""
    ones, zeros, finite = _inspect(margin, label, rows)
    checks[0, column] += ones
    checks[1, column] += _total(label, weight, number(1, label[0]), rows) if weighted else ones
    wrong = 0
    if ones + zeros != rows:
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


def sigmoid_gradient_hessian(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, gradient, hessian, out_row, out_column, checks,
):  # fmt: skip
    """Gradient and Hessian of a sigmoid per column: binary (one column) or multi-label."""
    block = 1024
    columns = coefficients.shape[1]
    w = np.empty(block, weight.dtype)
    if not CONTIGUOUS:
        own_u, own_y = np.empty(block, coefficients.dtype), np.empty(block, label.dtype)
        own_g, own_h = np.empty(block, coefficients.dtype), np.empty(block, coefficients.dtype)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        for column in range(columns):
            a1, b1 = coefficients[POSITIVE_A, column], coefficients[POSITIVE_B, column]
            a0, b0 = coefficients[NEGATIVE_A, column], coefficients[NEGATIVE_B, column]
            w1, w0 = coefficients[POSITIVE_WEIGHT, column], coefficients[NEGATIVE_WEIGHT, column]
            offset = coefficients[OFFSET, column]
            gradient_scale = coefficients[GRADIENT_SCALE, column]
            hessian_scale = coefficients[HESSIAN_SCALE, column]
            floor = coefficients[HESSIAN_FLOOR, column]
            from_margin = first * margin_row + column * margin_column
            from_label = first * label_row + column * label_column
            target = first * out_row + column * out_column
            if CONTIGUOUS:
                u, y = margin[from_margin : from_margin + rows], label[from_label : from_label + rows]
                g, h = gradient[target : target + rows], hessian[target : target + rows]
            else:
                u, y, g, h = own_u, own_y, own_g, own_h
                _load(margin, from_margin, margin_row, rows, u)
                _load(label, from_label, label_row, rows, y)
            if WEIGHTED:
                _load(weight, first * weight_row + column * weight_column, weight_row, rows, w)
            for i in range(rows):
                slope, curvature = sigmoid_derivatives(u[i] + offset, y[i] > 0, a1, b1, a0, b0, w1, w0)
                curvature = curvature * hessian_scale
                h[i] = curvature if curvature > floor else floor
                g[i] = slope * gradient_scale
            if not CONTIGUOUS:
                _store(g, w, rows, gradient, target, out_row, WEIGHTED)
                _store(h, w, rows, hessian, target, out_row, WEIGHTED)
            elif WEIGHTED:
                _weigh(g, w, rows)
                _weigh(h, w, rows)
            wrong |= _check_sigmoid(u, y, w, rows, checks, column, WEIGHTED)
    checks[2, 0] = wrong


def sigmoid_loss(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, loss, unused, out_row, out_column, checks,
):  # fmt: skip
    """Loss of a sigmoid per row and column."""
    block = 1024
    u = np.empty(block, coefficients.dtype)
    y = np.empty(block, label.dtype)
    w = np.empty(block, weight.dtype)
    out = np.empty(block, coefficients.dtype)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        for column in range(coefficients.shape[1]):
            a1, b1 = coefficients[POSITIVE_A, column], coefficients[POSITIVE_B, column]
            a0, b0 = coefficients[NEGATIVE_A, column], coefficients[NEGATIVE_B, column]
            w1, w0 = coefficients[POSITIVE_WEIGHT, column], coefficients[NEGATIVE_WEIGHT, column]
            offset = coefficients[OFFSET, column]
            _load(margin, first * margin_row + column * margin_column, margin_row, rows, u)
            _load(label, first * label_row + column * label_column, label_row, rows, y)
            for i in range(rows):
                out[i] = sigmoid_cost(u[i] + offset, y[i] > 0, a1, b1, a0, b0, w1, w0)
            if WEIGHTED:
                _load(weight, first * weight_row + column * weight_column, weight_row, rows, w)
            _store(out, w, rows, loss, first * out_row + column * out_column, out_row, WEIGHTED)
            wrong |= _check_sigmoid(u, y, w, rows, checks, column, WEIGHTED)
    checks[2, 0] = wrong


def sigmoid_probability(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, probability, unused, out_row, out_column, checks,
):  # fmt: skip
    """Calibrated probability of label 1 of a sigmoid per row and column; labels and weights are not read."""
    block = 1024
    u = np.empty(block, coefficients.dtype)
    out = np.empty(block, coefficients.dtype)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        for column in range(coefficients.shape[1]):
            a1, b1 = coefficients[POSITIVE_A, column], coefficients[POSITIVE_B, column]
            a0, b0 = coefficients[NEGATIVE_A, column], coefficients[NEGATIVE_B, column]
            w1, w0 = coefficients[POSITIVE_WEIGHT, column], coefficients[NEGATIVE_WEIGHT, column]
            offset = coefficients[OFFSET, column]
            _load(margin, first * margin_row + column * margin_column, margin_row, rows, u)
            wrong |= 0 if _count_finite(u, rows) == rows else BAD_MARGIN
            for i in range(rows):
                _, out[i] = sigmoid_probabilities(u[i] + offset, a1, b1, a0, b0, w1, w0)
            _store(out, out, rows, probability, first * out_row + column * out_column, out_row, False)
    checks[2, 0] = wrong


@inlined
def _block_rows(columns):
    return max(16, min(1024, 8192 // columns // 16 * 16))


@inlined
def _load_margins(margin, margin_row, margin_column, coefficients, first, rows, u, top):
    """Load a block and its row maxima; return what is wrong with it."""
    wrong = 0
    for column in range(coefficients.shape[1]):
        offset = coefficients[OFFSET, column]
        values = u[column]
        _load(margin, first * margin_row + column * margin_column, margin_row, rows, values)
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
def _load_softmax(
    margin, margin_row, margin_column, label, label_row, weight, weight_row, coefficients, first, rows,
    u, top, y, w, checks, weighted,
):  # fmt: skip
    """Load a block, its row maxima, labels and weights; return what is wrong with them."""
    wrong = _load_margins(margin, margin_row, margin_column, coefficients, first, rows, u, top)
    _load(label, first * label_row, label_row, rows, y)
    if weighted:
        _load(weight, first * weight_row, weight_row, rows, w)
        wrong |= 0 if _count_weights(w, rows) == rows else BAD_WEIGHT
    labelled = number(0, label[0])
    for column in range(coefficients.shape[1]):
        labelled += _check_class(y, w, column, rows, checks, weighted)
    if labelled != rows:
        wrong |= BAD_LABEL
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


def softmax_loss(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, loss, unused, out_row, out_column, checks,
):  # fmt: skip
    """Loss of a softmax per row."""
    columns = coefficients.shape[1]
    block = _block_rows(columns)
    kind = coefficients.dtype
    u, near = np.empty((columns, block), kind), np.empty((columns, block), kind)
    top = np.empty(block, kind)
    y = np.empty(block, label.dtype)
    w = np.empty(block, weight.dtype)
    own, others = np.empty(block, kind), np.empty(block, kind)
    leader, second = np.empty(block, label.dtype), np.empty(block, kind)
    largest, rest = np.empty(block, kind), np.empty(block, kind)
    a, b, class_weight = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    total = np.empty(block, kind)
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        wrong |= _load_softmax(
            margin, margin_row, margin_column, label, label_row, weight, weight_row, coefficients, first, rows,
            u, top, y, w, checks, WEIGHTED,
        )  # fmt: skip
        _pick(coefficients, POSITIVE_A, y, rows, columns, a)
        _pick(coefficients, POSITIVE_B, y, rows, columns, b)
        _pick(coefficients, POSITIVE_WEIGHT, y, rows, columns, class_weight)
        if NEGATIVES:
            _rank(u, top, rows, columns, leader, second, near, largest, rest, others)
            for i in range(rows):
                total[i] = 0
            for column in range(columns):
                values = u[column]
                a0, b0 = coefficients[NEGATIVE_A, column], coefficients[NEGATIVE_B, column]
                k = number(column, y[0])
                for i in range(rows):
                    total[i] += class_cost(
                        values[i], leader[i] == k, y[i] == k, second[i], largest[i], rest[i], others[i], a[i], b[i], a0, b0
                    )
        else:
            _true_class(u, top, y, rows, columns, own, others, largest, rest)
            for i in range(rows):
                total[i] = true_class_cost(own[i], others[i], a[i], b[i])
        for i in range(rows):
            total[i] *= class_weight[i]
        _store(total, w, rows, loss, first * out_row, out_row, WEIGHTED)
    checks[2, 0] = wrong


def softmax_probability(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, probability, unused, out_row, out_column, checks,
):  # fmt: skip
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
        wrong |= _load_margins(margin, margin_row, margin_column, coefficients, first, rows, u, top)
        _rank(u, top, rows, columns, leader, second, inverses, largest, rest, others)
        for i in range(rows):
            sum_inverse[i] = 0
            sum_share[i] = 0
            total[i] = 0
        for column in range(columns):
            values = u[column]
            a, b = coefficients[POSITIVE_A, column], coefficients[POSITIVE_B, column]
            a0, b0 = coefficients[NEGATIVE_A, column], coefficients[NEGATIVE_B, column]
            k = number(column, leader[0])
            for i in range(rows):
                t = class_log_odds(values[i], leader[i] == k, second[i], largest[i], rest[i], others[i])
                inverse, share = class_balance(t, a, b, a0, b0)
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
            _store(values, values, rows, probability, first * out_row + column * out_column, out_row, False)
    checks[2, 0] = wrong


def softmax_gradient_hessian(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, gradient, hessian, out_row, out_column, checks,
):  # fmt: skip
    """Gradient and Hessian diagonal of a softmax whose loss looks at the true class alone.

    With ``t`` the log-odds of the true class and ``r_k = p_k / (1 - p_true)`` the share of class k among the others,
    ``dt/du_k = -r_k`` and ``d2t/du_k2 = -r_k (1 - r_k)``: one evaluation of the formula serves a whole row.
    """
    columns = coefficients.shape[1]
    block = _block_rows(columns)
    kind = coefficients.dtype
    u = np.empty((columns, block), kind)
    top = np.empty(block, kind)
    y = np.empty(block, label.dtype)
    w = np.empty(block, weight.dtype)
    own, others = np.empty(block, kind), np.empty(block, kind)
    largest, rest = np.empty(block, kind), np.empty(block, kind)
    a, b, class_weight = np.empty(block, kind), np.empty(block, kind), np.empty(block, kind)
    believed = np.empty(block, kind)
    gradient_scale = coefficients[GRADIENT_SCALE, 0]
    hessian_scale = coefficients[HESSIAN_SCALE, 0]
    floor = coefficients[HESSIAN_FLOOR, 0]
    limit = number(98, coefficients[0, 0]) / number(100, coefficients[0, 0])
    wrong = 0
    for first in range(start, stop, block):
        rows = min(block, stop - first)
        wrong |= _load_softmax(
            margin, margin_row, margin_column, label, label_row, weight, weight_row, coefficients, first, rows,
            u, top, y, w, checks, WEIGHTED,
        )  # fmt: skip
        _true_class(u, top, y, rows, columns, own, others, largest, rest)
        _pick(coefficients, POSITIVE_A, y, rows, columns, a)
        _pick(coefficients, POSITIVE_B, y, rows, columns, b)
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
                slope, curvature = true_class_terms(own[i], others[i], a[i], b[i])
                own[i] = slope * class_weight[i] * gradient_scale
                a[i] = curvature * hessian_weight[i] * hessian_scale
                b[i] = -slope * hessian_weight[i] * hessian_scale
                others[i] = number(1, others[i]) / others[i]
        for column in range(columns):
            values = u[column]
            k = number(column, y[0])
            target = first * out_row + column * out_column
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
            _store(top, w, rows, gradient, target, out_row, WEIGHTED)
            _store(values, w, rows, hessian, target, out_row, WEIGHTED)
    checks[2, 0] = wrong


def softmax_gradient_hessian_of_all_classes(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, gradient, hessian, out_row, out_column, checks,
):  # fmt: skip
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
    top = np.empty(block, kind)
    y = np.empty(block, label.dtype)
    w = np.empty(block, weight.dtype)
    leader = np.empty(block, label.dtype)
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
        wrong |= _load_softmax(
            margin, margin_row, margin_column, label, label_row, weight, weight_row, coefficients, first, rows,
            u, top, y, w, checks, WEIGHTED,
        )  # fmt: skip
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
        _pick(coefficients, POSITIVE_WEIGHT, y, rows, columns, class_weight)
        hessian_weight = class_weight
        if SMOOTH:
            hessian_weight = believed
            _mean_weight(u, False, coefficients, rows, columns, top, believed)
        for column in range(columns):
            values = u[column]
            a1, b1 = coefficients[POSITIVE_A, column], coefficients[POSITIVE_B, column]
            a0, b0 = coefficients[NEGATIVE_A, column], coefficients[NEGATIVE_B, column]
            w1 = coefficients[POSITIVE_WEIGHT, column]
            k = number(column, y[0])
            for i in range(rows):
                below = values[i]
                leads = leader[i] == k
                zero = number(0, below)
                slope, mixed_slope, curvature, over, to_leader = class_terms(
                    below, leads, y[i] == k, a1, b1, a0, b0, w1, class_weight[i], hessian_weight[i],
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
            target = first * out_row + column * out_column
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
            _store(slopes[column], w, rows, gradient, target, out_row, WEIGHTED)
            _store(curvatures[column], w, rows, hessian, target, out_row, WEIGHTED)
    checks[2, 0] = wrong


def evaluate(t, a1, b1, a0, b0, terms):
    """All five terms of the positive side at ``t`` and of the negative side at ``-t``: ``terms`` of shape (2, 5, n)."""
    for i in range(len(t)):
        terms[0, 0, i], terms[0, 1, i], terms[0, 2, i], terms[0, 3, i], terms[0, 4, i] = positive(t[i], a1, b1)
        terms[1, 0, i], terms[1, 1, i], terms[1, 2, i], terms[1, 3, i], terms[1, 4, i] = negative(-t[i], a0, b0)


def sigmoid_misses(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, misses,
):  # fmt: skip
    """Summed weight of wrong signs per column: ``misses[0]`` of label 0, ``misses[1]`` of label 1."""
    for column in range(coefficients.shape[1]):
        offset = coefficients[OFFSET, column]
        for i in range(start, stop):
            up = margin[i * margin_row + column * margin_column] + offset > 0
            truth = label[i * label_row + column * label_column] > 0
            if up != truth:
                misses[1 if truth else 0, column] += weight[i * weight_row + column * weight_column] if WEIGHTED else 1.0


def softmax_misses(
    margin, margin_row, margin_column, label, label_row, label_column, weight, weight_row, weight_column,
    coefficients, start, stop, misses,
):  # fmt: skip
    """Summed weight of rows of each class, in ``misses[0]``, whose largest margin is another class's."""
    columns = coefficients.shape[1]
    for i in range(start, stop):
        if not 0 <= label[i * label_row] < columns:
            continue  # the pass that follows reports it
        truth = int(label[i * label_row])
        own = margin[i * margin_row + truth * margin_column] + coefficients[OFFSET, truth]
        missed = False
        for column in range(columns):
            value = margin[i * margin_row + column * margin_column] + coefficients[OFFSET, column]
            missed |= value > own or (value == own and column < truth)
        if missed:
            misses[0, truth] += weight[i * weight_row] if WEIGHTED else 1.0
