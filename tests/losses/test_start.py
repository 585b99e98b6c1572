"""The start against stationarity in 40 digits, against a general optimiser, and against the clock."""

import itertools
import time

import numpy as np
import pytest
from mpmath import exp, log, mp, mpf
from scipy.optimize import minimize
from scipy.special import log_softmax

from boost_imbalance import (
    Loss,
    asymmetric_objective,
    focal_objective,
    generalized_cross_entropy_objective,
    ldam_objective,
    poly1_objective,
    robust_focal_objective,
    sigmoid,
)
from boost_imbalance.losses.labels import Counts, Task

PRIORS = {
    "mild": [0.5, 0.3, 0.2],
    "rare": [0.9, 0.0999, 1e-4],
    "rarest": [0.7, 0.3 - 2e-6, 1e-6, 1e-6],
    "many": (np.arange(1, 41) ** -2.0 / np.sum(np.arange(1, 41) ** -2.0)).tolist(),
}


def fitted(objective, priors, task=Task.MULTICLASS, rows=10**7):
    """The objective for that share of each class or label, without making the rows."""
    totals = np.asarray(priors, float)
    totals = rows * (totals / totals.sum() if task is Task.MULTICLASS else totals)
    return objective.fit_counts(Counts(task, totals, totals, rows, np.full(len(totals), float(rows)))).fitted


def focal_slope(p, gamma):
    """Of ``-(1 - p)^gamma log p``, in p."""
    q = 1 - p
    return gamma * q ** (gamma - 1) * log(p) - q**gamma / p if gamma else -1 / p


def asymmetric_slope(p, gamma, margin):
    """Of ``-s^gamma log(1 - s)`` with ``s = max(p - margin, 0)``, in p."""
    s = p - margin
    return s**gamma / (1 - s) - gamma * s ** (gamma - 1) * log(1 - s) if s > 0 else mpf(0)


SLOPES = {  # of the true class and of every other, in the class's probability
    focal_objective(0.5): (lambda p: focal_slope(p, mpf(0.5)), None),
    focal_objective(2.0): (lambda p: focal_slope(p, 2), None),
    focal_objective(10.0): (lambda p: focal_slope(p, 10), None),
    generalized_cross_entropy_objective(0.5): (lambda p: -(p ** mpf(-0.5)), None),
    poly1_objective(2.0): (lambda p: -1 / p - 2, None),
    asymmetric_objective(0.0, 4.0, 0.0): (lambda p: -1 / p, lambda p: asymmetric_slope(p, 4, 0)),
    asymmetric_objective(1.0, 2.0, 0.05): (lambda p: focal_slope(p, 1), lambda p: asymmetric_slope(p, 2, mpf(0.05))),
}


@pytest.mark.parametrize("priors", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize("objective", SLOPES, ids=repr)
@pytest.mark.parametrize("weights", [None, "unequal"])
def test_softmax_start_has_one_multiplier_in_40_digits(objective, priors, weights):
    true, false = SLOPES[objective]
    w = None if weights is None else np.geomspace(0.01, 30.0, len(priors))
    one = fitted(objective.replace(weights=w), priors)
    with mp.workdps(40):
        mass = [mpf(a) * mpf(b) for a, b in zip(one.priors, one.class_weights[0], strict=True)]
        p = [exp(mpf(u)) for u in one.start]
        assert abs(sum(p) - 1) < 1e-14
        # A slope in p that all classes share; each is off by so much in the share that it stands for.
        ours = [m * true(x) + (0 if false is None else (sum(mass) - m) * false(x)) for m, x in zip(mass, p, strict=True)]
        scale = [m * abs(true(x)) for m, x in zip(mass, p, strict=True)]
        multiplier = sum(x * one for x, one in zip(p, ours, strict=True))
        worst = max(abs(one - multiplier) / size for one, size in zip(ours, scale, strict=True))
    assert worst < 2e-14 * max(1.0, max(abs(one.start)))


def general_optimum(one):
    """The start by a general optimiser on the loss of one row of each class."""
    k = len(one.start)
    objective, mass = one.loss.fit_counts(one.counts), one.priors
    label = np.arange(k)

    def value(u):
        margin = np.repeat(u[None], k, axis=0)
        gradient, _ = objective.gradient_hessian(margin, label)
        return mass @ objective.loss(margin, label), mass @ gradient

    found = minimize(value, np.log(mass * one.class_weights[0]), jac=True, method="BFGS", options={"gtol": 1e-12})
    return log_softmax(found.x), found.fun, value(one.start)[0]


GENERAL = [
    *(focal_objective(gamma, weights=weights) for gamma in (0.3, 1.0, 5.0) for weights in (None, [1.0, 8.0, 0.1])),
    focal_objective([0.5, 9.0, 2.0]),
    *(
        pytest.param(one, marks=pytest.mark.slow)  # each compiles kernels of its own
        for one in (
            asymmetric_objective(0.5, [3.0, 1.0, 0.0], 0.0),
            asymmetric_objective(2.0, 4.0, 0.2, weights=[5.0, 0.2, 1.0]),
            generalized_cross_entropy_objective(0.7),
            robust_focal_objective(2.0, 0.3),
            poly1_objective(-1.0),
            ldam_objective(0.6),
            ldam_objective(5.0),
        )
    ),
]


@pytest.mark.parametrize("objective", GENERAL, ids=repr)
def test_softmax_start_is_no_worse_than_a_general_optimiser_finds(objective):
    one = fitted(objective, PRIORS["mild"])
    start, best, ours = general_optimum(one)
    assert ours <= best * (1 + 1e-13)
    np.testing.assert_allclose(one.start, start, rtol=1e-5, atol=1e-6)


class Ramp(Loss):
    """Concave in the probability, so that all corners are minima."""

    def positive(self, t):
        return sigmoid(-t) * (1.0 + sigmoid(t))


def test_softmax_start_of_losses_that_are_not_convex():
    """The lowest minimum of the leader: here the corner where it takes all."""
    start = fitted(Ramp(), PRIORS["mild"]).start
    np.testing.assert_allclose(start, [0.0, -30.0, -30.0], atol=1e-12)
    absolute = generalized_cross_entropy_objective(1.0)
    np.testing.assert_allclose(fitted(absolute, PRIORS["mild"]).start, [0.0, -30.0, -30.0], atol=1e-12)
    for objective in (absolute, Ramp()):  # no class leads, and a corner would be one class without a reason
        for priors in ([0.25] * 4, PRIORS["mild"]):
            one = fitted(objective.replace(weights="balanced"), priors)
            np.testing.assert_allclose(one.start, -np.log(len(priors)), rtol=1e-14)


def test_softmax_start_with_a_margin_wide_enough_for_two_minima():
    """Where LDAM's margins exceed log 2, the best of a fine grid over two free probabilities."""
    for priors, margin in itertools.product(([0.45, 0.3, 0.25], [0.5, 0.3, 0.2]), (2.0, 5.0)):
        one = fitted(ldam_objective(margin), priors)
        m = one.shape[0]
        logit = np.linspace(-12, 12, 601)
        a, b = np.meshgrid(1 / (1 + np.exp(-logit)), 1 / (1 + np.exp(-logit)))
        p = np.stack([a, (1 - a) * b, (1 - a) * (1 - b)])
        t = np.log(p) - np.log(np.stack([1 - a, a + p[2], a + p[1]]))
        loss = np.einsum("k,kij->ij", one.priors, np.logaddexp(0, m[:, None, None] - t))
        u = one.start
        t = u - np.log(-np.expm1(u))
        assert one.priors @ np.logaddexp(0, m - t) <= loss.min() + 1e-12
        best = np.unravel_index(loss.argmin(), loss.shape)
        np.testing.assert_allclose(np.exp(u), p[:, best[0], best[1]], atol=0.02)


@pytest.mark.parametrize("gamma_pos", [0.0, 2.0])
def test_softmax_start_on_the_edge_of_a_margin(gamma_pos):
    """Without focusing, a negative's loss turns where ``p`` passes the margin, and a minimum may lie just there."""
    priors = np.array([0.35, 0.3, 0.2, 0.15])
    one = fitted(asymmetric_objective(gamma_pos, 0.0, 0.3), priors)
    p = np.exp(one.start)
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    assert abs(p - 0.3).min() < 1e-9

    def loss(p):
        s = np.maximum(p - 0.3, 0.0)
        return priors @ (-((1 - p) ** gamma_pos) * np.log(p)) + (1 - priors) @ -np.log1p(-s)

    rng = np.random.default_rng(0)
    for size in (1e-1, 1e-3, 1e-5):
        for _ in range(200):
            step = rng.normal(size=4) * size
            other = np.abs(p + step - step.mean())
            assert loss(p) <= loss(other / other.sum()) + 1e-14


@pytest.mark.parametrize("weights", [[1e-30, 1.0, 1e30], [1e30, 1e30, 1e-30]])
def test_softmax_start_is_finite_under_extreme_class_weights(weights):
    for objective in (
        focal_objective(2.0),
        asymmetric_objective(),
        generalized_cross_entropy_objective(),
        focal_objective(50),
    ):
        start = fitted(objective.replace(weights=weights), PRIORS["rare"]).start
        assert np.isfinite(start).all(), objective
        assert start.argmax() == np.argmax(np.multiply(weights, PRIORS["rare"])), objective


def test_sigmoid_start_of_many_labels_is_that_of_each():
    rng = np.random.default_rng(0)
    priors, gamma = np.geomspace(1e-6, 0.9, 150), rng.uniform(0, 10, 150)
    for make in (
        lambda k: focal_objective(gamma[k], weights=gamma[k] + 1),
        lambda k: asymmetric_objective(0.5, gamma[k], 0.05),
    ):
        together = fitted(make(slice(None)), priors, Task.MULTILABEL).start
        alone = [fitted(make(k), priors[k : k + 1], Task.BINARY).start[0] for k in range(150)]
        np.testing.assert_allclose(together, alone, rtol=1e-12)


@pytest.mark.parametrize("objective", [focal_objective(2.0), asymmetric_objective(), ldam_objective(3.0)], ids=repr)
def test_start_of_many_classes_takes_no_time(objective):
    priors = np.maximum(np.random.default_rng(0).dirichlet(np.full(1000, 0.3)), 1e-6)
    assert fitted(objective, priors[:3]).start.max() < 0  # imports and traces
    times = []
    for part in (slice(0, 250), slice(None)):
        one = fitted(objective, priors[part])
        began = time.thread_time()
        start = one.start
        times.append(time.thread_time() - began)
        assert np.logaddexp.reduce(start) == pytest.approx(0.0, abs=1e-12)
    assert times[1] < 2.5  # of this thread; a tenth of it where nothing else runs
    assert times[1] < 12.0 * times[0]  # 4 times the classes; a general optimiser takes 60 times as long


def test_start_is_worked_out_once_per_training(monkeypatch):
    xgboost = pytest.importorskip("xgboost")
    from boost_imbalance.losses import start

    asked = []
    under = start._under
    monkeypatch.setattr(start, "_under", lambda leader, columns: asked.append(leader) or under(leader, columns))
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), rng.choice(3, 300, p=[0.7, 0.23, 0.07])
    objective = focal_objective(2.123)
    booster = xgboost.train(objective.xgboost_params(y), xgboost.DMatrix(X, y), 3, obj=objective)
    objective.predict_probability(booster, X)
    assert len(asked) == 1
