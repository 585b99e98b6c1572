"""Loss, gradient and Hessian of every loss against differences taken in 300-digit arithmetic."""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from mpmath import exp, log, mp, mpf

from boost_imbalance import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    focal_objective,
    logit_adjusted_objective,
    weighted_objective,
)
from tests.accuracy import TOLERANCE, assert_close, mean_over_labels, softmax_sizes

GAMMAS = (0.0, 0.5, 1.0, 2.0, 2.5, 5.0)
MODES = ("exact", "expected", "positive_terms", "absolute", "reweighted", "residual", "safeguarded")
TASKS = ("binary", "multi-label", "multi-class")

# Multiples of 1/64, which float32 holds and adds without rounding.
POSITIVE_MARGINS = (1 / 64, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.25, 3, 3.5, 4, 5, 6.5, 8, 10, 13, 17, 22, 30, 37, 44, 55, 70, 80)
MARGINS = tuple(sorted({sign * m for m in (0.0, *POSITIVE_MARGINS) for sign in (-1, 1)}))
SPREADS = np.repeat([1, 3, 9, 20], 6)[:, None]
ROWS = (
    *map(tuple, np.random.default_rng(0).integers(-64, 64, (24, 3)) * SPREADS / 64),
    (0.0, 0.0, 0.0), (80.0, -80.0, 0.0), (-80.0, -80.0, 80.0), (80.0, 80.0, 80.0), (80.0, 79.5, -80.0), (-80.0, 0.0, 0.0),
    (0.0, 40.0, -40.0), (-60.0, -61.0, -59.5), (20.0, -17.0, 20.0), (5.0, -80.0, 3.0),
)  # fmt: skip

# The offsets tau log(prior odds) and tau log(prior) of these labels are whole numbers, so float32 adds them exactly too.
TAU = 1 / math.log(2)
FITTED = {
    "binary": np.array([0, 0, 0, 0, 1]),
    "multi-label": np.array([[0, 0, 1]] * 4 + [[0, 0, 1]] + [[0, 1, 1]] * 3 + [[1, 1, 0]] * 2),
    "multi-class": np.array([0, 0, 1, 2]),
}
SAMPLE_WEIGHTS = np.array([0.5, 1.0, 3.25, 1e-3, 40.0])

mp.dps = 300
STEP = mpf(10) ** -40


def sigmoid_loss(u, label, g1, g0, m):
    p, q = 1 / (1 + exp(-u)), 1 / (1 + exp(u))
    if label:
        return -(q**g1) * log(p)
    s = max(p - m, mpf(0))
    return -(s**g0) * log(1 - s)


def sigmoid_weight(u, label, g1, g0, m):
    """The dynamic weight."""
    p, q = 1 / (1 + exp(-u)), 1 / (1 + exp(u))
    if label:
        return q**g1 - g1 * q ** (g1 - 1) * p * log(p)
    s = p - m
    return q * (-g0 * s ** (g0 - 1) * log(1 - s) + s**g0 / (1 - s)) if s > 0 else mpf(0)


def sigmoid_bound(u, label, g1, g0, m):
    """The second derivative without its negative terms; the one that the margin m brings enters by its size."""
    p, q = 1 / (1 + exp(-u)), 1 / (1 + exp(u))
    if label:
        return (2 * g1 + 1) * p * q ** (g1 + 1) - g1**2 * p**2 * q**g1 * log(p)
    s = p - m
    if s <= 0:
        return mpf(0)
    r, c = 1 - s, p * q
    focusing = c**2 * (-(g0**2) * s ** (g0 - 2) * log(r) + 2 * g0 * s ** (g0 - 1) / r)
    return focusing + s**g0 * c / r * (q + p * m / r)


@functools.cache
def sigmoid_reference(g1, g0, m, tau, prior):
    """Float64 arrays of shape (margins, 2), the last for label 0 and 1."""
    g1, g0, m = mpf(g1), mpf(g0), mpf(m)
    offset = mpf(tau) * log(mpf(prior) / (1 - mpf(prior)))
    names = ("loss", "gradient", "exact", "positive_terms", "reweighted", "belief")
    table = {name: np.empty((len(MARGINS), 2)) for name in names}
    for (i, margin), label in itertools.product(enumerate(MARGINS), (0, 1)):
        u, shape = margin + offset, (label, g1, g0, m)
        p, q = 1 / (1 + exp(-u)), 1 / (1 + exp(u))
        below, here, above = (sigmoid_loss(v, *shape) for v in (u - STEP, u, u + STEP))
        gradient, exact = (above - below) / (2 * STEP), (above - 2 * here + below) / STEP**2
        bound, reweighted = sigmoid_bound(u, *shape), sigmoid_weight(u, *shape) * p * q
        values = here, gradient, exact, bound, reweighted, p if label else q
        for name, value in zip(names, values, strict=True):
            table[name][i, label] = value
    return table


def softmax(u):
    e = [exp(v) for v in u]
    total = sum(e)
    return [v / total for v in e], [(sum(e[:k]) + sum(e[k + 1 :])) / total for k in range(len(e))]


def softmax_losses(u, g1, g0, m, all_classes):
    """The loss were each class the true one."""
    p, q = softmax(u)
    true = [-(b**g1) * log(a) for a, b in zip(p, q, strict=True)]
    shifted = [max(a - m, mpf(0)) for a in p]
    false = [-(s**g0) * log(1 - s) if all_classes else mpf(0) for s in shifted]
    return [cost + sum(false[:k]) + sum(false[k + 1 :]) for k, cost in enumerate(true)]


def terms_of_softmax(p, q, g1, g0, m):
    """Slope in the log-odds t of each class, bound and reweighted curvature, were it false and true: (class, 2, 3)."""
    t = [log(a) - log(b) for a, b in zip(p, q, strict=True)]
    weights = [[sigmoid_weight(v, label, g1, g0, m) for label in (0, 1)] for v in t]
    bounds = [[sigmoid_bound(v, label, g1, g0, m) for label in (0, 1)] for v in t]
    return [
        [(w[0] * a, bound[0], w[0] * a * b), (-w[1] * b, bound[1], w[1] * a * b)]
        for a, b, w, bound in zip(p, q, weights, bounds, strict=True)
    ]


def curvatures_of_softmax(p, q, terms, label, j, all_classes):
    """Bound and reweighted second derivative in ``u[j]``.

    Class k adds a function of its log-odds t; dt/du_j is 1 or -r, and d2t/du_j2 is 0 or -r (1 - r). A bound leaves out
    what is negative.
    """
    bound = reweighted = safeguarded = mpf(0)
    for k in range(len(p)) if all_classes else (label,):
        slope, of_bound, frozen = terms[k][int(k == label)]
        r = mpf(1) if j == k else p[j] / q[k]
        bend = -slope * r * (1 - r)
        bound += of_bound * r**2 + max(bend, mpf(0))
        reweighted += frozen * r**2 + max(bend, mpf(0))
        safeguarded += max(of_bound, abs(slope) / 2) * r**2 + max(bend, mpf(0))
    return bound, reweighted, safeguarded


def sizes_of_softmax(p, q, terms, label, all_classes):
    """Size of the terms of gradient and second derivative in each ``u[j]``."""
    seen = [terms[k][int(k == label)] if all_classes or k == label else (mpf(0),) * 3 for k in range(len(p))]
    return softmax_sizes(np.array(p), np.array(q), np.array([s for s, _, _ in seen]), np.array([b for _, b, _ in seen]))


@functools.cache
def softmax_reference(g1, g0, m, tau, priors, all_classes):
    """Float64 arrays of shape (rows, label) for the loss, else (rows, label, class)."""
    g1, g0, m = mpf(g1), mpf(g0), mpf(m)
    offsets = [mpf(tau) * log(mpf(prior)) for prior in priors]
    n, k = len(ROWS), len(offsets)
    by_class = ("gradient", "exact", "positive_terms", "reweighted", "safeguarded")
    table = {name: np.empty((n, k, k)) for name in (*by_class, "gradient size", "exact size")}
    table |= {"loss": np.empty((n, k)), "belief": np.empty((n, k))}
    for i, row in enumerate(ROWS):
        u = [v + o for v, o in zip(row, offsets, strict=True)]
        p, q = softmax(u)
        terms = terms_of_softmax(p, q, g1, g0, m)
        here = softmax_losses(u, g1, g0, m, all_classes)
        table["loss"][i], table["belief"][i] = here, p
        for label in range(k):
            sizes = sizes_of_softmax(p, q, terms, label, all_classes)
            table["gradient size"][i, label], table["exact size"][i, label] = sizes
        for j in range(k):
            below, above = (
                softmax_losses([*u[:j], u[j] + step, *u[j + 1 :]], g1, g0, m, all_classes) for step in (-STEP, STEP)
            )
            for label in range(k):
                gradient = (above[label] - below[label]) / (2 * STEP)
                exact = (above[label] - 2 * here[label] + below[label]) / STEP**2
                bound, reweighted, safeguarded = curvatures_of_softmax(p, q, terms, label, j, all_classes)
                if not all_classes:  # as on the page: the exact one less its negative term, and W p (1 - p)
                    P, Q = p[label], q[label]
                    fading = g1 * Q ** (g1 - 1) * P * log(P)
                    bound = exact - fading * (Q if j == label else p[j]) ** 2
                    reweighted = (Q**g1 - fading) * p[j] * q[j]
                for name, value in zip(by_class, (gradient, exact, bound, reweighted, safeguarded), strict=True):
                    table[name][i, label, j] = value
    return table


@dataclass(frozen=True)
class Case:
    """A constructor, and what it means to the reference."""

    make: Callable
    g0: Callable = lambda gamma: gamma
    m: float = 0.0
    all_classes: bool = False
    class_weights: Callable = lambda task: 1.0
    adjusted: bool = False


ALPHA = {"binary": 0.25, "multi-label": [0.25, 0.5, 0.9], "multi-class": [0.25, 0.5, 0.75]}
WEIGHTS = {
    "binary": np.array([0.5, 3.0]),
    "multi-label": np.array([[0.5, 3.0], [1.0, 20.0], [2.0, 0.25]]),
    "multi-class": np.array([0.5, 1.0, 30.0]),
}
BETA = 0.9


def alpha_weights(task):
    alpha = np.array(ALPHA[task])
    return alpha if task == "multi-class" else np.reshape([1 - alpha, alpha], (2, -1))


def effective_number_weights(task):
    label = FITTED[task]
    counts = np.bincount(label) if task == "multi-class" else np.stack([(label == 0).sum(0), (label == 1).sum(0)])
    inverse = (1 - BETA) / (1 - BETA**counts)
    weights = inverse * len(inverse) / inverse.sum(axis=0)
    return weights if task == "multi-class" else weights.reshape(2, -1)


def mirrored(gamma):
    return GAMMAS[-1 - GAMMAS.index(gamma)]


CASES = {
    "weighted": Case(lambda task, g, weights=None, **o: weighted_objective(weights, gamma=g, **o)),
    "focal": Case(lambda task, g, **o: focal_objective(g, **o)),
    "focal with alpha": Case(lambda task, g, **o: focal_objective(g, ALPHA[task], **o), class_weights=alpha_weights),
    "asymmetric": Case(lambda task, g, **o: asymmetric_objective(g, mirrored(g), 0.05, **o), mirrored, 0.05, True),
    "asymmetric, margin 0": Case(lambda task, g, **o: asymmetric_objective(g, mirrored(g), 0.0, **o), mirrored, 0.0, True),
    "class-balanced": Case(
        lambda task, g, **o: class_balanced_objective(BETA, g, **o), class_weights=effective_number_weights
    ),
    "logit-adjusted": Case(lambda task, g, tau=TAU, **o: logit_adjusted_objective(tau, gamma=g, **o), adjusted=True),
    "adaptive": Case(lambda task, g, **o: adaptive_objective(gamma=g, **o)),
}
VARIANTS = {
    "plain": (False, False, False),
    "class weights": (True, False, False),
    "sample weights": (False, True, False),
    "logit adjustment": (False, False, True),
    "all at once": (True, True, True),
}


def inputs(task, dtype):
    """Every margin or row with every label, the label varying slowest."""
    n_labels = 3 if task == "multi-class" else 2
    points = {"binary": np.array(MARGINS), "multi-label": np.array([MARGINS] * 3).T, "multi-class": np.array(ROWS)}[task]
    margin = np.concatenate([points] * n_labels).astype(dtype)
    label = np.repeat(np.arange(n_labels), len(points))
    return margin, np.stack([label] * 3, axis=1) if task == "multi-label" else label


def expected_values(case, task, gamma, class_weighted, adjusted):
    """Loss, gradient, every Hessian and the size of its terms, in the layout of ``inputs``."""
    shape = gamma, case.g0(gamma), case.m
    weight = case.class_weights(task) * np.ones((2, 3 if task == "multi-label" else 1) if task != "multi-class" else 3)
    if class_weighted:
        weight = weight * (WEIGHTS[task] if task == "multi-class" else WEIGHTS[task].T.reshape(2, -1))
    tau = TAU if adjusted or case.adjusted else 0.0
    if task == "multi-class":
        table = softmax_reference(*shape, tau, (0.5, 0.25, 0.25), case.all_classes)
        values = {name: np.einsum("nl...,l->ln...", value, weight) for name, value in table.items()}
        for name, terms in (("expected", "exact"), ("expected size", "exact size")):
            values[name] = np.stack([mean_over_labels(values[terms], table["belief"].T[..., None])] * 3)
        mean_weight = np.exp(table["belief"] @ np.log(weight))[:, None]
    else:
        columns = [sigmoid_reference(*shape, tau, prior) for prior in ((0.2,) if task == "binary" else (0.2, 0.5, 0.8))]
        table = {name: np.stack([column[name] for column in columns], axis=-1) for name in columns[0]}
        values = {name: np.einsum("nlc,lc->lnc", value, weight) for name, value in table.items()}
        values["exact size"] = values["positive_terms"]
        belief = np.moveaxis(table["belief"], 1, 0)
        mean_weight = np.exp((belief * np.log(weight)[:, None]).sum(axis=0))
        values["safeguarded"] = np.maximum(values["positive_terms"], np.abs(values["gradient"]) / 2)
        for name, terms in (("expected", "exact"), ("expected size", "exact size")):
            values[name] = np.stack([mean_over_labels(values[terms], belief, values["gradient"])] * 2)
    values["positive_terms"] = np.moveaxis(table["positive_terms"], 1, 0) * mean_weight
    values["absolute"], values["absolute size"] = np.abs(values["exact"]), values["exact size"]
    values["residual"] = values["gradient size"] if task == "multi-class" else np.abs(values["gradient"])
    flat = {name: value.reshape(-1, *value.shape[2:]) for name, value in values.items()}
    return {name: value[:, 0] for name, value in flat.items()} if task == "binary" else flat


def make(case, task, gamma, class_weighted=False, adjusted=False, **options):
    options |= {"weights": WEIGHTS[task]} if class_weighted else {}
    options |= {"tau": TAU} if adjusted else {}
    return case.make(task, gamma, **options).fit(FITTED[task])


# Every kernel takes a second or two to compile. Focusing changes the code of the asymmetric losses alone, whose whole
# numbers are compiled in; a row's weight is the last factor whatever the format, so that one of the two formats has it; and
# several labels differ from one in how the loop strides. One case is crossed in full all the same.
GENERAL = (0.5, 2.5)
GROUPS = [
    *(
        pytest.param(name, GAMMAS, id=name, marks=pytest.mark.slow if name == "focal with alpha" else [])
        for name, case in CASES.items()
        if not case.all_classes
    ),
    pytest.param("asymmetric", GENERAL, id="asymmetric"),
    pytest.param("asymmetric", tuple(g for g in GAMMAS if g not in GENERAL), id="asymmetric, whole", marks=pytest.mark.slow),
    pytest.param("asymmetric, margin 0", GAMMAS, id="asymmetric, margin 0", marks=pytest.mark.slow),
]
CASES_AND_GAMMAS = [
    pytest.param(*group.values[:1], gamma, id=f"{group.id}-{gamma}", marks=group.marks)
    for group in GROUPS
    for gamma in group.values[1]
]
IN_SHORT = ("positive_terms",)
"""The Hessian that is the default; the others are tried with what takes long."""
OF_TERMS = ("absolute", "residual", "safeguarded")
"""Hessians that are put together from terms that the others show in every format and of every formula."""
OF_OTHER_WEIGHTS = ("weighted", "focal", "class-balanced", "logit-adjusted", "adaptive")
"""One formula with other weights and offsets, which are tried with the default and the exact Hessian."""


def formats(task, name, gamma):
    """In which formats to try what, with ``True`` where a format is the one that also has row weights."""
    if name == "focal with alpha" and gamma == 2.0:
        return [(np.float64, False), (np.float64, True), (np.float32, False), (np.float32, True)]
    return [(np.float32, True)] if task == "multi-label" else [(np.float64, False), (np.float32, True)]


def is_tried(name, gamma, mode, dtype=np.float64):
    """Whether a Hessian other than the exact and the default one tells something new, for which its kernel is compiled."""
    if mode in ("exact", *IN_SHORT):
        return True
    if CASES[name].all_classes and gamma not in GENERAL:
        return False  # all Hessians take their terms from one function, which is tried with these
    return mode not in OF_TERMS or (dtype == np.float64 and name != "asymmetric, margin 0")


@pytest.mark.parametrize(("name", "gamma"), CASES_AND_GAMMAS)
@pytest.mark.parametrize("task", TASKS)
def test_loss_gradient_and_second_derivative(task, name, gamma):
    case = CASES[name]
    for dtype, with_rows in formats(task, name, gamma):
        for class_weighted, row_weighted, adjusted in VARIANTS.values():
            if row_weighted != with_rows:
                continue
            objective = make(case, task, gamma, class_weighted, adjusted, hessian="exact")
            expected = expected_values(case, task, gamma, class_weighted, adjusted)
            margin, label = inputs(task, dtype)
            weight = np.resize(SAMPLE_WEIGHTS, len(label)) if row_weighted else None
            factor = 1.0 if weight is None else weight
            gradient, hessian = objective.gradient_hessian(margin, label, weight)
            assert gradient.dtype == hessian.dtype == dtype
            assert_close(objective.loss(margin, label, weight), expected, "loss", factor)
            assert_close(gradient, expected, "gradient", factor)
            assert_close(hessian, expected, "exact", factor)


@pytest.mark.parametrize(
    ("name", "gammas", "mode"),
    [
        pytest.param(
            *group.values,
            mode,
            id=f"{group.id}-{mode}",
            marks=(*group.marks, *([] if mode in IN_SHORT else [pytest.mark.slow])),
        )
        for group, mode in itertools.product(GROUPS, MODES[1:])
        if (mode in IN_SHORT or group.values[0] not in OF_OTHER_WEIGHTS)
        and any(is_tried(group.values[0], gamma, mode) for gamma in group.values[1])
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_curvatures_for_a_booster(task, name, gammas, mode):
    case = CASES[name]
    for gamma in gammas:
        for dtype, mixed in formats(task, name, gamma):
            # Of several labels one format is tried, which of one label is the other.
            if not is_tried(name, gamma, mode, np.float64 if task == "multi-label" else dtype):
                continue
            objective = make(case, task, gamma, mixed, mixed, hessian=mode)
            expected = expected_values(case, task, gamma, mixed, mixed)
            assert_close(objective.gradient_hessian(*inputs(task, dtype))[1], expected, mode)


@pytest.mark.parametrize(("name", "gammas"), GROUPS)
@pytest.mark.parametrize("task", TASKS)
def test_at_the_probability_the_expected_gradient_is_zero(task, name, gammas):
    case = CASES[name]
    for gamma, mixed in itertools.product(gammas, (False, True)):
        objective = make(case, task, gamma, mixed, mixed)
        expected = expected_values(case, task, gamma, mixed, mixed)
        margin = inputs(task, np.float64)[0]
        n_labels = 3 if task == "multi-class" else 2
        margin = margin[: len(margin) // n_labels]
        gradient = expected["gradient"].reshape(n_labels, *margin.shape)
        p = objective.probability(margin)
        if task != "multi-class":
            slope = np.abs(gradient)
            np.testing.assert_allclose(p, slope[0] / slope.sum(axis=0), rtol=1e-10, atol=1e-24)  # from log-odds of 60 on
            continue
        # Beyond log-odds of 60 there is nothing more to tell; and what the margin of a loss takes below 0 is clipped.
        tested = (np.ptp(margin, axis=1) < 50) & (p.min(axis=1) > 0)
        belief, size = p.T[..., None], expected["gradient size"].reshape(gradient.shape)
        off = 1e-10 * belief + (1e-14 if case.all_classes else 0.0)  # where all classes count, it is a difference
        excess = np.abs((belief * gradient).sum(axis=0)) - (off * size).sum(axis=0)
        assert tested.sum() > 10
        assert excess[tested].max() <= 0


EXTREMES = (0.0, -0.0, 1e-300, 1e-45, 1e-8, 1.0, 36.0, 88.0, 104.0, 700.0, 746.0, 1e4, 1e10, 1e30)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("name", "gammas"), GROUPS)
@pytest.mark.parametrize("task", TASKS)
def test_finite_and_positive_for_every_finite_margin(task, name, gammas, dtype):
    if dtype not in [kind for kind, _ in formats(task, name, 2.0)]:
        pytest.skip("one format is tried for several labels")
    case, wide = CASES[name], dtype == np.float64
    values = np.array(sorted({sign * value for value in EXTREMES for sign in (-1, 1)}))
    margin = np.array(list(itertools.product(values[::2], repeat=3))) if task == "multi-class" else values
    margin = np.stack([margin] * 3, axis=1) if task == "multi-label" else margin
    rows = None if wide else np.ones(len(margin))
    for gamma, mode in itertools.product({0.0, 0.5, 2.0, 5.0} & set(gammas), MODES):
        if not is_tried(name, gamma, mode, dtype):
            continue
        objective = make(case, task, gamma, not wide, hessian=mode)
        for k in range(3 if task == "multi-class" else 2):
            label = np.full(margin.shape if task == "multi-label" else len(margin), k)
            loss = objective.loss(margin.astype(dtype), label, rows)
            gradient, hessian = objective.gradient_hessian(margin.astype(dtype), label, rows if mode == "exact" else None)
            assert np.isfinite(loss).all()
            assert (loss >= 0).all()
            assert np.isfinite(gradient).all()
            assert np.isfinite(hessian).all()
            if mode in ("positive_terms", "absolute", "reweighted", "residual", "safeguarded"):
                assert (hessian >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["focal with alpha", "logit-adjusted"])
@pytest.mark.parametrize("task", ["binary", "multi-class"])
def test_curvatures_that_are_positive(task, name):
    modes = ("positive_terms", "reweighted") if task == "multi-class" else ("positive_terms", "reweighted", "expected")
    for gamma, mode in itertools.product(GAMMAS, modes):
        objective = make(CASES[name], task, gamma, hessian=mode)
        margin, label = inputs(task, np.float64)
        near = np.ptp(margin, axis=1) < 20 if task == "multi-class" else np.abs(margin).reshape(len(margin), -1)[:, 0] < 20
        assert (objective.gradient_hessian(margin[near], label[near])[1] > 0).all(), (gamma, mode)
