"""The kernels, one for each link. :mod:`boost_imbalance.kernels.cuda.runner` binds a formula into them.

Every array has two dimensions, (rows, columns), in any memory order; weights of a multi-label task may have one column.
``coefficients`` and ``checks`` are those of :mod:`boost_imbalance.kernels.loops`, but what was wrong is marked in three
rows of ``checks``: margins, labels, weights. Threads stride over the grid, so that it need not grow with the data.

A sigmoid has one thread for each margin, and the grid is a multiple of the columns: a thread stays in its column. A softmax
has ``LANES`` threads for each row, which share its columns: one where there are few classes, whose rows then lie in the
cache together, a warp where there are many. They go over the margins again rather than keep them.

The names in capitals, and the functions that are None, are bound when a kernel is made. ``KIND`` is the format that is
computed in: a bare number would turn float32 arithmetic into float64.
"""

from __future__ import annotations

import numpy as np
from numba import cuda

from boost_imbalance.kernels.loops import (
    DERIVATIVES,
    GRADIENT_SCALE,
    HESSIAN_FLOOR,
    HESSIAN_SCALE,
    LOSS,
    NEGATIVE_WEIGHT,
    OFFSET,
    POSITIVE_WEIGHT,
    PROBABILITY,
    SHAPE,
    SMOOTHING,
)

THREADS = 128
HISTOGRAM = 256
"""Up to this many classes are counted in a block's own memory."""

ONES, TOTALS, MARGINS, LABELS, WEIGHTS = range(5)

KIND = np.float32
LARGEST = np.float32(2.0**120)
LIMIT = np.float32(0.98)
LANES = 1
QUANTITY = DERIVATIVES
N_SHAPE = 0
EXPECTED = ABSOLUTE = SMOOTH = NEGATIVES = CROSS_ENTROPY = WEIGHTED = SOFT = MATRIX = False

exponential = shape_of = None
sigmoid_derivatives = sigmoid_cost = true_class_cost = true_class_terms = None
cross_entropy_derivatives = class_log_odds = class_balance = class_level = class_share = None
class_cost = class_terms = class_derivatives = log_weight = mean_weight = sigmoid_probabilities = None


def count_column(ones, total, column, columns, checks):
    """Add up two numbers of each thread by column, and the block's sums to ``checks``."""
    all_ones = cuda.shared.array(THREADS, np.float64)
    all_totals = cuda.shared.array(THREADS, np.float64)
    thread = cuda.threadIdx.x
    all_ones[thread] = ones
    all_totals[thread] = total
    cuda.syncthreads()
    if thread < columns:  # the threads of a column follow each other at this distance
        for other in range(thread + columns, THREADS, columns):
            ones += all_ones[other]
            total += all_totals[other]
        cuda.atomic.add(checks, (ONES, column), ones)
        cuda.atomic.add(checks, (TOTALS, column), total)


def sigmoid(margin, label, weight, coefficients, first_out, second_out, checks):
    """A sigmoid per column, binary (one column) or multi-label: what ``QUANTITY`` says, of every row and column.

    Gradient and Hessian, the loss, or the calibrated probability of label 1, for which labels and weights are not read.
    """
    columns = coefficients.shape[1]
    first, step = cuda.grid(1), cuda.gridsize(1)
    column = first % columns
    s1, s0 = shape_of(coefficients, SHAPE, column), shape_of(coefficients, SHAPE + N_SHAPE, column)
    w1, w0 = coefficients[POSITIVE_WEIGHT, column], coefficients[NEGATIVE_WEIGHT, column]
    offset = coefficients[OFFSET, column]
    smoothing = coefficients[SMOOTHING, column]
    gradient_scale = coefficients[GRADIENT_SCALE, column]
    hessian_scale = coefficients[HESSIAN_SCALE, column]
    floor = coefficients[HESSIAN_FLOOR, column]
    weight_column = column if weight.shape[1] > 1 else 0
    ones, total = np.float64(0), np.float64(0)
    for row in range(first // columns, margin.shape[0], step // columns):
        m = KIND(margin[row, column])
        if not abs(m) <= LARGEST:
            checks[MARGINS, 0] = 1
        if QUANTITY == PROBABILITY:
            _, first_out[row, column] = sigmoid_probabilities(m + offset, s1, s0, w1, w0)
        else:
            y = KIND(label[row, column])
            if SOFT:
                if not KIND(0) <= y <= KIND(1):
                    checks[LABELS, 0] = 1
            elif y != KIND(0) and y != KIND(1):
                checks[LABELS, 0] = 1
            share = np.float64(y) if SOFT else np.float64(1) if y > KIND(0) else np.float64(0)
            ones += share
            w = KIND(weight[row, weight_column]) if WEIGHTED else KIND(1)
            if WEIGHTED:
                if not KIND(0) <= w <= LARGEST:
                    checks[WEIGHTS, 0] = 1
                total += np.float64(w * y)
            if QUANTITY == LOSS:
                cost = sigmoid_cost(m + offset, y, smoothing, s1, s0, w1, w0)
                first_out[row, column] = cost * w if WEIGHTED else cost
            else:
                slope, curvature = sigmoid_derivatives(m + offset, y, smoothing, s1, s0, w1, w0)
                curvature = curvature * hessian_scale
                curvature = curvature if curvature > floor else floor
                slope = slope * gradient_scale
                first_out[row, column] = slope * w if WEIGHTED else slope
                second_out[row, column] = curvature * w if WEIGHTED else curvature
    if QUANTITY != PROBABILITY:
        count_column(ones, total if WEIGHTED else ones, column, columns, checks)


def sigmoid_misses(margin, label, weight, coefficients, misses):
    """Summed weight of wrong signs per column: ``misses[0]`` of label 0, ``misses[1]`` of label 1."""
    columns = coefficients.shape[1]
    first, step = cuda.grid(1), cuda.gridsize(1)
    column = first % columns
    offset = coefficients[OFFSET, column]
    weight_column = column if weight.shape[1] > 1 else 0
    of_zero, of_one = np.float64(0), np.float64(0)
    for row in range(first // columns, margin.shape[0], step // columns):
        up = KIND(margin[row, column]) + offset > KIND(0)
        y = KIND(label[row, column])
        w = KIND(weight[row, weight_column]) if WEIGHTED else KIND(1)
        of_zero += np.float64(w * (KIND(1) - y)) if up else np.float64(0)
        of_one += np.float64(0) if up else np.float64(w * y)
    count_column(of_zero, of_one, column, columns, misses)


def largest_of_lanes(value, scratch):
    """The largest value of the threads that share a row."""
    if LANES == 1:
        return value
    scratch[cuda.threadIdx.x] = value
    cuda.syncthreads()
    first = cuda.threadIdx.x // LANES * LANES
    value = scratch[first]
    for other in range(first + 1, first + LANES):
        value = scratch[other] if scratch[other] > value else value
    cuda.syncthreads()
    return value


def sum_of_lanes(value, scratch):
    """The sum over the threads that share a row, the same to the last bit for each of them."""
    if LANES == 1:
        return value
    scratch[cuda.threadIdx.x] = value
    cuda.syncthreads()
    first = cuda.threadIdx.x // LANES * LANES
    value = scratch[first]
    for other in range(first + 1, first + LANES):
        value += scratch[other]
    cuda.syncthreads()
    return value


def merge_lanes(largest, rest, scratch, others):
    """The largest number of the threads that share a row, and the sum of all the rest."""
    if LANES == 1:
        return largest, rest
    scratch[cuda.threadIdx.x] = largest
    others[cuda.threadIdx.x] = rest
    cuda.syncthreads()
    first = cuda.threadIdx.x // LANES * LANES
    largest, rest = scratch[first], others[first]
    for other in range(first + 1, first + LANES):
        value = scratch[other]
        rest += others[other] + (value if value < largest else largest)
        largest = largest if value < largest else value
    cuda.syncthreads()
    return largest, rest


def begin_counting(ones, totals, columns):
    """Clear the block's counts."""
    if columns <= HISTOGRAM:
        for k in range(cuda.threadIdx.x, columns, THREADS):
            ones[k] = 0
            totals[k] = 0
        cuda.syncthreads()


def count_class(ones, totals, columns, truth, w, checks):
    """Count one row."""
    if columns <= HISTOGRAM:
        cuda.atomic.add(ones, truth, 1)
        if WEIGHTED:
            cuda.atomic.add(totals, truth, np.float64(w))
    else:
        cuda.atomic.add(checks, (ONES, truth), np.float64(1))
        cuda.atomic.add(checks, (TOTALS, truth), np.float64(w))


def end_counting(ones, totals, columns, checks):
    """Add the block's counts to ``checks``."""
    if columns <= HISTOGRAM:
        cuda.syncthreads()
        for k in range(cuda.threadIdx.x, columns, THREADS):
            count = np.float64(ones[k])
            if count > np.float64(0):
                cuda.atomic.add(checks, (ONES, k), count)
                cuda.atomic.add(checks, (TOTALS, k), totals[k] if WEIGHTED else count)


def find_top(margin, coefficients, row, lane, scratch, checks):
    """The largest margin of a row; marks what is wrong."""
    top = -LARGEST * KIND(2)
    for k in range(lane, coefficients.shape[1], LANES):
        m = KIND(margin[row, k])
        if not abs(m) <= LARGEST:
            checks[MARGINS, 0] = 1
        m += coefficients[OFFSET, k]
        top = m if m > top else top
    return largest_of_lanes(top, scratch)


def share_of(label, coefficients, row, k, truth):
    """How much a row's label is for class ``k``: its entry of a matrix, or 1 for the true class; smoothed."""
    share = KIND(label[row, k]) if MATRIX else KIND(1) if k == truth else KIND(0)
    if SOFT:
        share += coefficients[SMOOTHING, k] * (KIND(1) / KIND(coefficients.shape[1]) - share)
    return share


def weight_of_class(label, coefficients, row, lane, truth, scratch):
    """A row's class weight: of its true class, or the mean by its shares."""
    if not SOFT:
        return coefficients[POSITIVE_WEIGHT, truth]
    total = KIND(0)
    for k in range(lane, coefficients.shape[1], LANES):
        total += coefficients[POSITIVE_WEIGHT, k] * share_of(label, coefficients, row, k, truth)
    return sum_of_lanes(total, scratch)


def check_softmax(margin, label, weight, coefficients, row, active, lane, ones, totals, scratch, checks):
    """The true class of a row, its largest margin and its weight; counts it, and marks what is wrong."""
    columns = coefficients.shape[1]
    if MATRIX:
        w = KIND(weight[row, 0]) if WEIGHTED else KIND(1)
        if not KIND(0) <= w <= LARGEST:
            checks[WEIGHTS, 0] = 1
        for k in range(lane, columns, LANES):
            share = KIND(label[row, k])
            if not KIND(0) <= share <= KIND(1):
                checks[LABELS, 0] = 1
            if active:
                cuda.atomic.add(checks, (ONES, k), np.float64(share))
                cuda.atomic.add(checks, (TOTALS, k), np.float64(share * w))
        return np.int32(0), find_top(margin, coefficients, row, lane, scratch, checks), w
    y = np.float32(label[row, 0])
    truth = np.int32(y) if np.float32(0) <= y < np.float32(columns) else np.int32(0)
    if np.float32(truth) != y:
        checks[LABELS, 0] = 1
    w = KIND(weight[row, 0]) if WEIGHTED else KIND(1)
    if not KIND(0) <= w <= LARGEST:
        checks[WEIGHTS, 0] = 1
    if active and lane == 0:
        count_class(ones, totals, columns, truth, w, checks)
    return truth, find_top(margin, coefficients, row, lane, scratch, checks), w


def true_class(margin, coefficients, row, lane, truth, top, scratch, more):
    """Largest and rest of the other classes' ``e``, and the sum of all."""
    largest, rest, total = KIND(0), KIND(0), KIND(0)
    for k in range(lane, coefficients.shape[1], LANES):
        e = exponential(KIND(margin[row, k]) + coefficients[OFFSET, k] - top)
        if CROSS_ENTROPY:  # in one order whatever the true class, so that rows with equal margins tie
            total += e
        e = KIND(0) if k == truth else e
        rest += e if e < largest else largest
        largest = largest if e < largest else e
    largest, rest = merge_lanes(largest, rest, scratch, more)
    return largest, rest, sum_of_lanes(total, scratch) if CROSS_ENTROPY else total


def rank(margin, coefficients, row, lane, top, scratch, more):
    """The leading class; of the others, the largest margin, its ``below``, then largest and rest in units of its ``e``."""
    columns = coefficients.shape[1]
    first = -KIND(columns - 1)
    for k in range(lane, columns, LANES):
        leads = KIND(margin[row, k]) + coefficients[OFFSET, k] >= top
        first = -KIND(k) if leads and -KIND(k) > first else first
    leader = np.int32(-largest_of_lanes(first, scratch))
    runner_up = -LARGEST * KIND(16)
    for k in range(lane, columns, LANES):
        m = KIND(margin[row, k]) + coefficients[OFFSET, k]
        runner_up = m if m > runner_up and k != leader else runner_up
    runner_up = largest_of_lanes(runner_up, scratch)
    second = runner_up - top
    largest, rest = KIND(0), KIND(0)
    for k in range(lane, columns, LANES):
        e = exponential(KIND(margin[row, k]) + coefficients[OFFSET, k] - runner_up)
        e = KIND(0) if k == leader else e
        rest += e if e < largest else largest
        largest = largest if e < largest else e
    largest, rest = merge_lanes(largest, rest, scratch, more)
    return leader, runner_up, second, largest, rest, (largest + rest) * exponential(second)


def weight_of_hessian(margin, coefficients, row, lane, truth, top, scratch):
    """The class weight under which a row's curvatures are: of its own class, or the mean as the row believes."""
    if not SMOOTH:
        return coefficients[POSITIVE_WEIGHT, truth]
    total, logs = KIND(0), KIND(0)
    for k in range(lane, coefficients.shape[1], LANES):
        e = exponential(KIND(margin[row, k]) + coefficients[OFFSET, k] - top)
        total += e
        logs += e * log_weight(coefficients[POSITIVE_WEIGHT, k])
    return mean_weight(sum_of_lanes(logs, scratch), sum_of_lanes(total, scratch))


def balance(margin, coefficients, row, k, top, leader, second, largest, rest, others):
    """What one class adds to the sums over its row."""
    below = KIND(margin[row, k]) + coefficients[OFFSET, k] - top
    t = class_log_odds(below, k == leader, second, largest, rest, others)
    return class_balance(t, shape_of(coefficients, SHAPE, k), shape_of(coefficients, SHAPE + N_SHAPE, k))


def softmax_loss(margin, label, weight, coefficients, loss, unused, checks):
    """Loss of a softmax per row."""
    ones = cuda.shared.array(HISTOGRAM, np.int32)
    totals = cuda.shared.array(HISTOGRAM, np.float64)
    scratch = cuda.shared.array(THREADS, KIND)
    more = cuda.shared.array(THREADS, KIND)
    columns, n = coefficients.shape[1], margin.shape[0]
    lane = cuda.threadIdx.x % LANES
    rows = THREADS // LANES
    begin_counting(ones, totals, columns)
    for first in range(cuda.blockIdx.x * rows, n, cuda.gridDim.x * rows):
        row = first + cuda.threadIdx.x // LANES
        active = row < n
        row = row if active else n - 1  # all threads of a block must meet at its barriers
        truth, top, w = check_softmax(margin, label, weight, coefficients, row, active, lane, ones, totals, scratch, checks)
        class_weight = weight_of_class(label, coefficients, row, lane, truth, scratch)
        if NEGATIVES or SOFT:
            leader, _, second, largest, rest, others = rank(margin, coefficients, row, lane, top, scratch, more)
            total = KIND(0)
            for k in range(lane, columns, LANES):
                below = KIND(margin[row, k]) + coefficients[OFFSET, k] - top
                s1, s0 = shape_of(coefficients, SHAPE, k), shape_of(coefficients, SHAPE + N_SHAPE, k)
                true = class_weight if k == truth else KIND(0)
                if SOFT:
                    true = coefficients[POSITIVE_WEIGHT, k] * share_of(label, coefficients, row, k, truth)
                total += class_cost(below, k == leader, true, class_weight - true, second, largest, rest, others, s1, s0)
            total = sum_of_lanes(total, scratch)
        else:
            largest, rest, _ = true_class(margin, coefficients, row, lane, truth, top, scratch, more)
            own = KIND(margin[row, truth]) + coefficients[OFFSET, truth] - top
            total = true_class_cost(own, largest + rest, shape_of(coefficients, SHAPE, truth)) * class_weight
        if active and lane == 0:
            loss[row, 0] = total * w
    end_counting(ones, totals, columns, checks)


def softmax_probability(margin, label, weight, coefficients, probability, unused, checks):
    """Calibrated probability of each class of a softmax; labels and weights are not read."""
    scratch = cuda.shared.array(THREADS, KIND)
    more = cuda.shared.array(THREADS, KIND)
    columns, n = coefficients.shape[1], margin.shape[0]
    lane = cuda.threadIdx.x % LANES
    rows = THREADS // LANES
    for first in range(cuda.blockIdx.x * rows, n, cuda.gridDim.x * rows):
        row = first + cuda.threadIdx.x // LANES
        active = row < n
        row = row if active else n - 1
        top = find_top(margin, coefficients, row, lane, scratch, checks)
        leader, _, second, largest, rest, others = rank(margin, coefficients, row, lane, top, scratch, more)
        level, total = KIND(1), KIND(0)
        if NEGATIVES:
            sum_inverse, sum_share = KIND(0), KIND(0)
            for k in range(lane, columns, LANES):
                inverse, share = balance(margin, coefficients, row, k, top, leader, second, largest, rest, others)
                sum_inverse += inverse
                sum_share += share
            level = class_level(sum_of_lanes(sum_inverse, scratch), sum_of_lanes(sum_share, scratch))
        for k in range(lane, columns, LANES):
            inverse, share = balance(margin, coefficients, row, k, top, leader, second, largest, rest, others)
            total += class_share(inverse, share, level, coefficients[POSITIVE_WEIGHT, k])
        total = sum_of_lanes(total, scratch)
        for k in range(lane, columns, LANES):
            inverse, share = balance(margin, coefficients, row, k, top, leader, second, largest, rest, others)
            if active:
                probability[row, k] = class_share(inverse, share, level, coefficients[POSITIVE_WEIGHT, k]) / total


def softmax_gradient_hessian(margin, label, weight, coefficients, gradient, hessian, checks):
    """Gradient and Hessian diagonal of a softmax whose loss looks at the true class alone."""
    ones = cuda.shared.array(HISTOGRAM, np.int32)
    totals = cuda.shared.array(HISTOGRAM, np.float64)
    scratch = cuda.shared.array(THREADS, KIND)
    more = cuda.shared.array(THREADS, KIND)
    columns, n = coefficients.shape[1], margin.shape[0]
    gradient_scale = coefficients[GRADIENT_SCALE, 0]
    hessian_scale = coefficients[HESSIAN_SCALE, 0]
    floor = coefficients[HESSIAN_FLOOR, 0]
    lane = cuda.threadIdx.x % LANES
    rows = THREADS // LANES
    begin_counting(ones, totals, columns)
    for first in range(cuda.blockIdx.x * rows, n, cuda.gridDim.x * rows):
        row = first + cuda.threadIdx.x // LANES
        active = row < n
        row = row if active else n - 1
        truth, top, w = check_softmax(margin, label, weight, coefficients, row, active, lane, ones, totals, scratch, checks)
        class_weight = coefficients[POSITIVE_WEIGHT, truth]
        hessian_weight = weight_of_hessian(margin, coefficients, row, lane, truth, top, scratch)
        own = KIND(margin[row, truth]) + coefficients[OFFSET, truth] - top
        largest, rest, total = true_class(margin, coefficients, row, lane, truth, top, scratch, more)
        others = largest + rest
        if CROSS_ENTROPY:
            own, per = exponential(own), KIND(1) / total
        else:
            per = KIND(1) / others
            own_slope, own_curvature = true_class_terms(own, others, shape_of(coefficients, SHAPE, truth))
            bend = -own_slope * hessian_weight * hessian_scale
            own_slope = own_slope * class_weight * gradient_scale
            own_curvature = own_curvature * hessian_weight * hessian_scale
        for k in range(lane, columns, LANES):
            e = exponential(KIND(margin[row, k]) + coefficients[OFFSET, k] - top)
            if CROSS_ENTROPY:
                slope, curvature = cross_entropy_derivatives(e, k == truth, own, others, largest, rest, total, per, LIMIT)
                slope = slope * class_weight * gradient_scale
                curvature = curvature * hessian_weight * hessian_scale
            else:
                share = e * per
                unshared = rest * per if e == largest else KIND(1) - share
                slope = own_slope if k == truth else -own_slope * share
                curvature = own_curvature if k == truth else share * (bend * unshared + share * own_curvature)
            if ABSOLUTE:
                curvature = abs(curvature)
            curvature = curvature if curvature > floor else floor
            if active:
                gradient[row, k] = slope * w
                hessian[row, k] = curvature * w
    end_counting(ones, totals, columns, checks)


def terms_of_class(
    below, label, coefficients, row, k, leader, truth, class_weight, hessian_weight,
    second, largest, rest, others, lead_weight, others_weight,
):  # fmt: skip
    """What class ``k`` contributes to its row."""
    share = share_of(label, coefficients, row, k, truth)
    true = coefficients[POSITIVE_WEIGHT, k] * share if SOFT else class_weight if k == truth else KIND(0)
    false = class_weight - true
    hessian_true = hessian_weight * share if SMOOTH else true
    hessian_false = hessian_weight - hessian_true if SMOOTH else false
    s1, s0 = shape_of(coefficients, SHAPE, k), shape_of(coefficients, SHAPE + N_SHAPE, k)
    return class_terms(
        below, k == leader, true, false, hessian_true, hessian_false, s1, s0, coefficients[POSITIVE_WEIGHT, k],
        second, largest, rest, others, lead_weight, others_weight,
    )  # fmt: skip


def softmax_gradient_hessian_of_all_classes(margin, label, weight, coefficients, gradient, hessian, checks):
    """Gradient and Hessian diagonal of a softmax to which every class contributes.

    The sums are those of the loop of this name; a class's own terms are worked out again rather than kept.
    """
    ones = cuda.shared.array(HISTOGRAM, np.int32)
    totals = cuda.shared.array(HISTOGRAM, np.float64)
    scratch = cuda.shared.array(THREADS, KIND)
    more = cuda.shared.array(THREADS, KIND)
    columns, n = coefficients.shape[1], margin.shape[0]
    gradient_scale = coefficients[GRADIENT_SCALE, 0]
    hessian_scale = coefficients[HESSIAN_SCALE, 0]
    floor = coefficients[HESSIAN_FLOOR, 0]
    lane = cuda.threadIdx.x % LANES
    rows = THREADS // LANES
    begin_counting(ones, totals, columns)
    for first in range(cuda.blockIdx.x * rows, n, cuda.gridDim.x * rows):
        row = first + cuda.threadIdx.x // LANES
        active = row < n
        row = row if active else n - 1
        truth, top, w = check_softmax(margin, label, weight, coefficients, row, active, lane, ones, totals, scratch, checks)
        class_weight = weight_of_class(label, coefficients, row, lane, truth, scratch)
        hessian_weight = weight_of_hessian(margin, coefficients, row, lane, truth, top, scratch)
        leader, runner_up, second, largest, rest, others = rank(margin, coefficients, row, lane, top, scratch, more)
        lead_weight, others_weight = coefficients[POSITIVE_WEIGHT, leader], KIND(0)
        if EXPECTED and NEGATIVES:
            for k in range(lane, columns, LANES):
                e = exponential(KIND(margin[row, k]) + coefficients[OFFSET, k] - top)
                others_weight += KIND(0) if k == leader else coefficients[POSITIVE_WEIGHT, k] * e
            others_weight = sum_of_lanes(others_weight, scratch)
        lead_slope, lead_curving, lead_curvature = KIND(0), KIND(0), KIND(0)
        sum_slope, sum_curving, sum_curvature, sum_unshared = KIND(0), KIND(0), KIND(0), KIND(0)
        for k in range(lane, columns, LANES):
            slope, curving, curvature, over, to_leader = terms_of_class(
                KIND(margin[row, k]) + coefficients[OFFSET, k] - top, label, coefficients, row, k, leader, truth,
                class_weight, hessian_weight, second, largest, rest, others, lead_weight, others_weight,
            )  # fmt: skip
            if k == leader:
                lead_slope, lead_curving, lead_curvature = slope, curving, curvature
            else:
                sum_slope += slope * over
                sum_curving += curving * over
                sum_curvature += (curvature + curving) * over * over
                sum_unshared += to_leader
        lead_slope = sum_of_lanes(lead_slope, scratch)
        lead_curving = sum_of_lanes(lead_curving, scratch)
        lead_curvature = sum_of_lanes(lead_curvature, scratch)
        sum_slope = sum_of_lanes(sum_slope, scratch)
        sum_curving = sum_of_lanes(sum_curving, scratch)
        sum_curvature = sum_of_lanes(sum_curvature, scratch)
        sum_unshared = sum_of_lanes(sum_unshared, scratch)
        for k in range(lane, columns, LANES):
            m = KIND(margin[row, k]) + coefficients[OFFSET, k]
            slope, curving, curvature, _, _ = terms_of_class(
                m - top, label, coefficients, row, k, leader, truth, class_weight,
                hessian_weight, second, largest, rest, others, lead_weight, others_weight,
            )  # fmt: skip
            g, h = class_derivatives(
                m - top, k == leader, slope, curving, curvature, exponential(m - runner_up), largest, rest, others,
                sum_slope, sum_curving, sum_curvature, sum_unshared, lead_slope, lead_curving, lead_curvature,
            )  # fmt: skip
            h = h * hessian_scale
            h = h if h > floor else floor
            if active:
                gradient[row, k] = g * gradient_scale * w
                hessian[row, k] = h * w
    end_counting(ones, totals, columns, checks)


def softmax_misses(margin, label, weight, coefficients, misses):
    """Summed weight of rows of each class, in ``misses[TOTALS]``, whose largest margin is another class's."""
    ones = cuda.shared.array(HISTOGRAM, np.int32)
    totals = cuda.shared.array(HISTOGRAM, np.float64)
    columns = coefficients.shape[1]
    begin_counting(ones, totals, columns)
    for row in range(cuda.grid(1), margin.shape[0], cuda.gridsize(1)):
        y = np.float32(label[row, 0])
        if not np.float32(0) <= y < np.float32(columns):
            continue  # the pass that follows reports it
        truth = np.int32(y)
        own = KIND(margin[row, truth]) + coefficients[OFFSET, truth]
        missed = False
        for k in range(columns):
            value = KIND(margin[row, k]) + coefficients[OFFSET, k]
            missed |= value > own or (value == own and k < truth)
        if missed:
            w = np.float64(weight[row, 0]) if WEIGHTED else np.float64(1)
            count_class(ones, totals, columns, truth, w, misses)
    end_counting(ones, totals, columns, misses)


def total(values, sums):
    """The sum of all values."""
    columns = values.shape[1]
    added = np.float64(0)
    for i in range(cuda.grid(1), values.shape[0] * columns, cuda.gridsize(1)):
        added += np.float64(values[i // columns, i % columns])
    count_column(np.float64(0), added, 0, 1, sums)


HELPERS = (
    count_column, count_class, begin_counting, end_counting, largest_of_lanes, sum_of_lanes, merge_lanes, true_class, rank,
    find_top, share_of, weight_of_class, check_softmax, weight_of_hessian, balance, terms_of_class,
)  # fmt: skip
"""Functions that the kernels call, each after those that it calls itself."""
