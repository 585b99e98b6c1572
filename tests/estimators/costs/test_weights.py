"""Weights that train a cost."""

import warnings

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.costs.common import MATRICES, fraud


def test_weights_are_what_is_at_stake(task):
    if task == "multiclass":
        with pytest.raises(ValueError, match="y holds 2; give 0 and 1"):
            bi.cost_weights([0, 2], MATRICES["binary"])
        return
    rng = np.random.default_rng(0)
    shape = (40, 3) if task == "multilabel" else (40,)
    y, amount = rng.integers(2, size=shape), rng.exponential(size=shape)
    weight = bi.cost_weights(y, bi.cost_matrix(fn=2 + amount, fp=3.0, tp=amount, tn=1.0))
    np.testing.assert_allclose(weight, 2.0)
    weight = bi.cost_weights(y, bi.cost_matrix(fn=amount, fp=0.5))
    np.testing.assert_allclose(weight, np.where(y == 1, amount, 0.5))
    with pytest.raises(ValueError, match=r"the right decision of row \d+ \(y is 1\) dearer than the wrong one, 10 against"):
        bi.cost_weights(y, bi.cost_matrix(fn=amount, fp=10.0, tp=10.0))


def test_absolute_error_with_these_weights_is_the_expected_cost():
    """Up to a constant, in value, and in the gradient against finite differences of the expected cost."""
    rng = np.random.default_rng(0)
    y, amount = rng.integers(2, size=60), rng.exponential(size=60) + 1.0
    cost = bi.cost_matrix(fn=amount, fp=0.5, tp=0.25, tn=0.0)
    weight = bi.cost_weights(y, cost)
    objective = bi.generalized_cross_entropy_objective(q=1.0)

    def of_rows(margin):
        p = 1.0 / (1.0 + np.exp(-margin))
        return np.array([c[t, 1] * q + c[t, 0] * (1 - q) for c, t, q in zip(cost, y, p, strict=True)])

    margin = rng.normal(size=60)
    loss = objective.loss(margin, y, weight)
    np.testing.assert_allclose(of_rows(margin) - loss, cost[np.arange(60), y, y], atol=1e-12)
    gradient, _ = objective.gradient_hessian(margin, y, weight)
    step = 1e-6
    numeric = (of_rows(margin + step) - of_rows(margin - step)) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9)


def test_cross_entropy_with_these_weights_has_the_costs_in_its_probabilities(make):
    """Its decision at 1/2 is that of plain probabilities by cost; by cost once more, it would count them twice."""
    X, y, p, _ = fraud(6000)
    cost = bi.cost_matrix(fn=10.0, fp=1.0)
    settings = {"loss": bi.weighted_objective(None), "n_estimators": 60, "learning_rate": 0.1}
    plain = make(**settings).fit(X, y).predict(X, cost=cost)
    weighted = make(**settings).fit(X, y, sample_weight=bi.cost_weights(y, cost))
    best = bi.decide_by_cost(p, cost)
    assert (plain == best).mean() > 0.8
    assert (weighted.predict(X) == plain).mean() > 0.8
    twice = weighted.predict(X, cost=cost)
    assert twice.mean() > 2 * best.mean()


def test_the_expected_cost_is_trained_from_a_margin_of_0(make):
    X, y, _, _ = fraud(3000)
    weight = bi.cost_weights(y, bi.cost_matrix(fn=10.0, fp=1.0))
    settings = {"loss": bi.generalized_cross_entropy_objective(q=1.0), "n_estimators": 40}
    line = "base_score=0.5" if "XGB" in type(make()).__name__ else "boost_from_average=False"
    with pytest.warns(UserWarning, match=f"at q=1 training begins.*{line}"):
        make(**settings).fit(X, y, sample_weight=weight / weight.mean())
    name, value = line.split("=")
    model = make(**settings, **{name: {"0.5": 0.5, "False": False}[value]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, sample_weight=weight / weight.mean())
    alarm = (model.decision_function(X) > 0).astype(int)
    assert bi.savings_score(y, alarm, cost=bi.cost_matrix(fn=10.0, fp=1.0)) > 0.1
    with pytest.warns(UserWarning, match="every calibrated probability is 1/2"):
        model.predict(X)


@pytest.mark.parametrize("seed", range(2))
def test_cross_entropy_decided_by_costs_comes_close_to_the_best_decision(make, seed):
    """And closer than one threshold, the best known afterwards."""
    X, y, _, _ = fraud(20_000, seed)
    X_new, _, p, amount_new = fraud(20_000, 100 + seed)

    def paid(decided):
        return np.where(decided == 1, 5.0, p * amount_new).mean()

    settings = {"loss": bi.weighted_objective(None), "n_estimators": 60, "learning_rate": 0.1}
    plain = make(**settings).fit(X, y)
    by_cost = paid(plain.predict(X_new, cost=bi.cost_matrix(fn=amount_new, fp=5.0, tp=5.0)))
    q = plain.predict_proba(X_new)[:, 1]
    best = np.minimum(5.0, p * amount_new).mean()
    assert best <= by_cost < 1.06 * best
    assert by_cost < 0.9 * min(paid((q > t).astype(int)) for t in np.linspace(0.0, 1.0, 101))
