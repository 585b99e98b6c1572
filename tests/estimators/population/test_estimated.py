"""Shares that are estimated from rows without labels."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")

from scipy.optimize import minimize_scalar
from scipy.special import softmax

from boost_imbalance.estimators import population
from boost_imbalance.losses.labels import Task
from tests.estimators.population.common import OTHERS, SHARES, draw, in_training, posterior


def test_shares_are_found_among_rows_without_labels(kit, task):
    rows = draw(task, SHARES[task], 6000)
    model = kit.make(decision="posterior").fit(rows.X, rows.y)
    for shares in (OTHERS[task], SHARES[task]):
        elsewhere = draw(task, shares, 6000, seed=1)
        found = model.estimate_prevalence(elsewhere.X)
        if task == "multilabel":
            counted = elsewhere.y.mean(axis=0)
        else:
            assert list(found) == list(range(len(shares)))
            found, counted = list(found.values()), np.bincount(elsewhere.y) / 6000
        # Statistics alone would allow 0.01 or 0.02; the rest is what the model's probabilities lack.
        np.testing.assert_allclose(found, counted, atol=0.045)
    model.set_params(prevalence=model.estimate_prevalence(draw(task, OTHERS[task], 6000, seed=1).X))
    test = draw(task, OTHERS[task], 4000, seed=2)
    assert np.abs(model.predict_proba(test.X) - posterior(task, test.X, OTHERS[task])).mean() < 0.045
    # What is set does not count.
    assert np.allclose(
        pd.Series(model.estimate_prevalence(test.X)), pd.Series(in_training(model).estimate_prevalence(test.X)), atol=0
    )


def test_the_error_of_the_estimate_is_that_of_statistics():
    """With true probabilities, over many draws: without bias, and as precise as the information says."""
    shares, found = OTHERS["binary"], []
    for seed in range(60):
        X = draw("binary", shares, 2000, seed).X
        found.append(population.estimated(Task.BINARY, posterior("binary", X, SHARES["binary"]), SHARES["binary"][1:])[0])
    X = draw("binary", shares, 200_000, 99).X
    likelihood = posterior("binary", X, SHARES["binary"]) / SHARES["binary"]
    information = np.mean(((likelihood[:, 1] - likelihood[:, 0]) / (likelihood @ shares)) ** 2)
    error = 1 / np.sqrt(2000 * information)
    assert abs(np.mean(found) - shares[1]) < 4 * error / np.sqrt(60)
    assert np.std(found) == pytest.approx(error, rel=0.35)


def test_it_is_the_most_likely_one():
    X = draw("binary", OTHERS["binary"], 2000).X
    p = posterior("binary", X, SHARES["binary"])
    found = population.estimated(Task.BINARY, p, SHARES["binary"][1:])[0]
    likelihood = p / SHARES["binary"]
    best = minimize_scalar(lambda s: -np.log(likelihood @ [1 - s, s]).mean(), bounds=(0, 1), options={"xatol": 1e-10})
    assert found == pytest.approx(best.x, abs=1e-6)


@pytest.mark.parametrize("classes", [3, 20])
def test_it_converges(classes):
    """At the maximum of a concave likelihood, no class has a slope above 1 (Karush, Kuhn and Tucker)."""
    rng = np.random.default_rng(classes)
    prior, shares = rng.dirichlet(np.ones(classes), 2)
    shares[0] = 0.0  # a class that is not there
    shares /= shares.sum()
    centre = rng.normal(size=(classes, 10))
    y = rng.choice(classes, 3000, p=shares)
    X = rng.normal(size=(3000, 10)) + centre[y]
    evidence = -((X[:, None] - centre) ** 2).sum(axis=2) / 2
    p = softmax(evidence + np.log(prior), axis=1)
    found = population.estimated(Task.MULTICLASS, p, prior)
    likelihood = p / prior
    assert (likelihood / (likelihood @ found)[:, None]).mean(axis=0).max() <= 1 + 1e-8
    assert found.sum() == pytest.approx(1.0)
    assert found[0] < 0.01


def test_what_training_did_not_have_is_estimated_as_nothing(kit):
    rows = draw("binary", SHARES["binary"], 600)
    model = kit.make(classes=[0, 1, 2]).fit(rows.X, rows.y)
    found = model.estimate_prevalence(rows.X)
    assert found[2] == 0.0
    assert sum(found.values()) == pytest.approx(1.0)
    assert model.set_params(prevalence=found).predict_proba(rows.X)[:, 2].max() < 0.05
    with pytest.raises(ValueError, match=r"X has no rows|0 sample"):
        model.estimate_prevalence(rows.X[:0])
