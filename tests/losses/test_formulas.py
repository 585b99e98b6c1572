"""Losses that are derived from one formula: as their papers have them, with derivatives by differences of 60 digits."""

import numpy as np
import pytest
from mpmath import diff, exp, log, mp, mpf

import boost_imbalance as bi

COUNTS = {"binary": (900, 100), "multi-class": (600, 300, 100)}
MARGINS = {
    "binary": np.array([[sign * m] for m in (0.0, 0.25, 1.0, 3.0, 8.0, 20.0, 44.0) for sign in (-1, 1)]),
    "multi-class": np.array([[0.0, 0.0, 0.0], [1.0, -0.5, 2.0], [-4.0, 3.0, 0.5], [8.0, -8.0, 1.0], [-30.0, 5.0, 4.0]]),
}


def ldam_margin(counts, k):
    return mpf("0.8") * (mpf(min(counts)) / counts[k]) ** mpf("0.25")


def shifted(z, k, by):
    """The probability of class k with its raw score moved."""
    return exp(z[k] + by) / (exp(z[k] + by) + sum(exp(one) for i, one in enumerate(z) if i != k))


def vector_scaling(z, k, counts):
    """Kini et al., equation 2, for labels -1 and 1: ``log(1 + exp(iota_y) exp(-Delta_y y f))``."""
    y = 2 * k - 1
    delta = (mpf(counts[k]) / max(counts)) ** mpf("0.3")
    iota = -y * mpf("0.7") * log(mpf(counts[1]) / counts[0])
    return log(1 + exp(iota) * exp(-delta * y * (z[1] - z[0])))


# What the true class k costs at the probability p of it, at raw scores z, with the numbers of rows of each class.
FORMULAS = {
    "poly1": (bi.poly1_objective(2.0), lambda p, z, k, n: -log(p) + 2 * (1 - p)),
    "generalised cross-entropy": (
        bi.generalized_cross_entropy_objective(0.625), lambda p, z, k, n: (1 - p ** mpf("0.625")) / mpf("0.625"),
    ),
    "robust focal": (
        bi.robust_focal_objective(2.5, 0.25),
        lambda p, z, k, n: (1 - p) ** mpf("2.5") * (1 - p ** mpf("0.25")) / mpf("0.25"),
    ),
    "LDAM": (bi.ldam_objective(0.8), lambda p, z, k, n: -log(shifted(z, k, -ldam_margin(n, k)))),
    "vector scaling": (bi.vector_scaling_objective(0.3, 0.7), lambda p, z, k, n: vector_scaling(z, k, n)),
}  # fmt: skip


@pytest.mark.parametrize("task", COUNTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_loss_gradient_and_second_derivative_are_those_of_the_paper(name, task):
    if name == "vector scaling" and task == "multi-class":
        pytest.skip("that loss is for sigmoids")
    objective, formula = FORMULAS[name]
    counts, margins = COUNTS[task], MARGINS[task]
    fitted = objective.replace(hessian="exact").fit(np.arange(len(counts)), sample_weight=counts)
    with mp.workdps(60):
        for label in range(len(counts)):
            expected = [[derivatives(formula, row, label, counts, column) for column in range(len(row))] for row in margins]
            loss, gradient, hessian = np.moveaxis(np.array(expected, dtype=float), -1, 0)
            y = np.full(len(margins), label)
            raw = margins[:, 0] if task == "binary" else margins
            got = fitted.gradient_hessian(raw, y)
            np.testing.assert_allclose(fitted.loss(raw, y), loss[:, 0], rtol=1e-9)
            np.testing.assert_allclose(got[0].reshape(margins.shape), gradient, rtol=1e-9)
            near = np.maximum(np.abs(hessian), np.abs(gradient))
            assert (np.abs(got[1].reshape(margins.shape) - hessian) <= 1e-9 * near).all()


def derivatives(formula, row, label, counts, column):
    """Loss, first and second derivative by one raw score."""

    def loss(margin):
        raw = [*map(mpf, row)]
        raw[column] = margin
        z = [mpf(0), *raw] if len(raw) == 1 else raw
        return formula(exp(z[label]) / sum(map(exp, z)), z, label, counts)

    at = mpf(row[column])
    return loss(at), diff(loss, at), diff(loss, at, 2)
