"""Probabilities and rules in another population, against posteriors that are known; and what is refused."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from scipy.special import logit
from sklearn import metrics as sk
from sklearn.base import clone

from boost_imbalance.estimators import population
from boost_imbalance.losses.labels import Task
from tests.estimators.population.common import OTHERS, SHARES, by_bayes, clone_of, draw, given, in_training, posterior


@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_are_those_of_the_population(kit, task, weighted):
    rows, elsewhere = draw(task, SHARES[task], 4000), draw(task, OTHERS[task], 4000, seed=1)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, 4000) if weighted else None
    model = kit.make().fit(rows.X, rows.y, sample_weight=weight)
    margin, before = model.decision_function(elsewhere.X), model.predict_proba(elsewhere.X)
    link, prior = model.predict_proba(elsewhere.X, calibrated=False), model.class_prior_.copy()
    there = model.set_params(prevalence=given(task, OTHERS[task])).predict_proba(elsewhere.X)

    if task == "multiclass":
        expected = before * OTHERS[task] / prior
        expected /= expected.sum(axis=1, keepdims=True)
    else:
        positive = np.atleast_1d(given(task, OTHERS[task]))
        of_one = by_bayes(before[:, 1:] if task == "binary" else before, prior, positive)
        expected = np.hstack([1 - of_one, of_one]) if task == "binary" else of_one
    np.testing.assert_allclose(there, expected, rtol=1e-6, atol=1e-12)

    true = posterior(task, elsewhere.X, OTHERS[task])
    assert np.abs(there - true).mean() < min(0.045, 0.3 * np.abs(before - true).mean())
    np.testing.assert_allclose(there.mean(axis=0), OTHERS[task], atol=0.03)

    ratio = OTHERS[task] / SHARES[task]
    if task != "multilabel":  # a row has one weight, and as many ratios as labels
        factor = ratio[rows.y] * (1.0 if weight is None else weight)
        retrained = kit.make().fit(rows.X, rows.y, sample_weight=factor).predict_proba(elsewhere.X)
        assert abs(sk.log_loss(elsewhere.y, there) - sk.log_loss(elsewhere.y, retrained)) < 0.015

    np.testing.assert_array_equal(model.decision_function(elsewhere.X), margin)
    np.testing.assert_array_equal(model.predict_proba(elsewhere.X, calibrated=False), link)
    np.testing.assert_array_equal(model.class_prior_, prior)
    np.testing.assert_array_equal(model.set_params(prevalence=None).predict_proba(elsewhere.X), before)


@pytest.mark.parametrize("loss", [bi.focal_objective(), bi.weighted_objective(), bi.logit_adjusted_objective()], ids=repr)
def test_of_any_loss(kit, loss):
    rows, elsewhere = draw("binary", SHARES["binary"], 4000), draw("binary", OTHERS["binary"], 4000, seed=1)
    p = kit.make(loss=loss, prevalence=0.05).fit(rows.X, rows.y).predict_proba(elsewhere.X)
    assert np.abs(p - posterior("binary", elsewhere.X, OTHERS["binary"])).mean() < 0.03


def test_a_population_like_training_changes_nothing(kit, task):
    rows = draw(task, SHARES[task], 600)
    model = kit.make().fit(rows.X, rows.y)
    before = model.predict_proba(rows.X)
    prior = model.class_prior_
    model.set_params(prevalence=float(prior[0]) if task == "binary" else prior)
    np.testing.assert_allclose(model.predict_proba(rows.X), before, rtol=1e-12)


@pytest.mark.parametrize("kept", [0.05, 0.3])
def test_rows_drawn_at_a_known_rate_give_the_probabilities_of_all(kit, kept):
    shares = np.array([0.95, 0.05])
    rows, test = draw("binary", shares, 20_000), draw("binary", shares, 4000, seed=1)
    sampled = (rows.y == 1) | (np.random.default_rng(3).random(20_000) < kept)
    X, y = rows.X[sampled], rows.y[sampled]
    model = kit.make(sampling_rate={0: kept}).fit(X, y)
    p = model.predict_proba(test.X)
    assert np.abs(p - posterior("binary", test.X, shares))[:, 1].mean() < 0.02
    assert p[:, 1].mean() == pytest.approx(0.05, abs=0.01)
    np.testing.assert_allclose(logit(p[:, 1]) - logit(in_training(model).predict_proba(test.X)[:, 1]), np.log(kept))

    # As many copies of the positives are the same, and so are weights, which no rate is needed for.
    copied = clone(model).set_params(sampling_rate={1: 1 / kept}).fit(X, y)
    np.testing.assert_allclose(copied.predict_proba(test.X), p, rtol=1e-9)
    back = clone(model).set_params(sampling_rate=None).fit(X, y, sample_weight=np.where(y == 1, 1.0, 1 / kept))
    assert sk.log_loss(test.y, back.predict_proba(test.X)) == pytest.approx(sk.log_loss(test.y, p), abs=0.01)


def test_rates_of_several_classes(kit):
    shares, rates = np.array([0.8, 0.15, 0.05]), {"a": 0.1, "b": 0.5}
    rows, test = draw("multiclass", shares, 20_000), draw("multiclass", shares, 4000, seed=1)
    sampled = np.random.default_rng(3).random(20_000) < np.array([0.1, 0.5, 1.0])[rows.y]
    model = kit.make(sampling_rate=rates).fit(rows.X[sampled], np.array(["a", "b", "c"])[rows.y[sampled]])
    assert np.abs(model.predict_proba(test.X) - posterior("multiclass", test.X, shares)).mean() < 0.03
    np.testing.assert_allclose(model.set_params(decision="balanced").thresholds_, shares, atol=0.02)


def test_ways_of_giving_it(kit):
    rows = draw("binary", SHARES["binary"], 600)
    names = np.where(rows.y == 1, "fraud", "ok")
    model = kit.make(prevalence={"ok": 0.9, "fraud": 0.1}).fit(rows.X, names)
    p = model.predict_proba(rows.X)
    for params in (
        {"prevalence": [0.1, 0.9]},
        {"prevalence": pd.Series({"ok": 0.9, "fraud": 0.1})},
        {"prevalence": 0.1, "pos_label": "fraud"},
        {"prevalence": np.float32(0.9), "pos_label": "ok"},
    ):
        np.testing.assert_allclose(clone_of(model).set_params(**params).predict_proba(rows.X), p, rtol=1e-6)
    rows = draw("multiclass", SHARES["multiclass"], 600)
    model = kit.make(prevalence={2: 0.7, 0: 0.1, 1: 0.2}).fit(rows.X, rows.y)
    p = model.predict_proba(rows.X)
    for prevalence in ([0.1, 0.2, 0.7], np.array([0.1, 0.2, 0.7]), pd.Series([0.7, 0.2, 0.1], [2, 1, 0])):
        np.testing.assert_array_equal(model.set_params(prevalence=prevalence).predict_proba(rows.X), p)


def test_a_class_that_is_not_there(kit):
    rows = draw("multiclass", SHARES["multiclass"], 600)
    model = kit.make(prevalence=[0.5, 0.5, 0.0]).fit(rows.X, rows.y)
    p, plain = model.predict_proba(rows.X), in_training(model).predict_proba(rows.X)
    assert p[:, 2].max() < 1e-100
    ratio = 0.5 / model.class_prior_[:2]
    np.testing.assert_allclose(p[:, 1] / p[:, 0], plain[:, 1] / plain[:, 0] * ratio[1] / ratio[0])
    for decision in ("posterior", "balanced"):
        assert set(model.set_params(decision=decision).predict(rows.X).tolist()) == {0, 1}
    there = rows.y < 2
    for decision in ("f1", "balanced_accuracy"):
        model = clone(model).set_params(decision=decision, decision_cv=2).fit(rows.X, rows.y)
        held_out = clone_of(model).tune_decision(rows.X, rows.y)
        for one in (model, held_out):  # the class counts for nothing, where it would ask for others to be given up
            assert sk.balanced_accuracy_score(rows.y[there], one.predict(rows.X[there])) > 0.8
            assert set(one.predict(rows.X).tolist()) == {0, 1}


def test_a_model_that_is_certain_of_a_class_that_is_not_there():
    p = population.adapted(np.array([[1.0, 0.0, 0.0]]), population.ratios(Task.MULTICLASS, np.full(3, 1 / 3), np.eye(3)[1]))
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


# Decisions


def test_rules_that_need_no_tuning(kit, task):
    rows, test = draw(task, SHARES[task], 1500), draw(task, OTHERS[task], 1000, seed=1)
    model = kit.make(prevalence=given(task, OTHERS[task])).fit(rows.X, rows.y)
    p = model.predict_proba(test.X)
    eta = p[:, 1] if task == "binary" else p
    expected = p.argmax(axis=1) if task == "multiclass" else eta > 0.5
    np.testing.assert_array_equal(model.predict(test.X), expected)
    assert model.score(test.X, test.y) == np.mean(np.all((expected == test.y).reshape(1000, -1), axis=1))
    assert model.score(test.X, test.y) > in_training(model).score(test.X, test.y)

    # What is about classes, not shares, decides as before.
    model.set_params(decision="balanced")
    np.testing.assert_array_equal(model.predict(test.X), in_training(model).predict(test.X))
    np.testing.assert_allclose(model.thresholds_, np.atleast_1d(given(task, OTHERS[task])))

    classes = 3 if task == "multiclass" else 2
    cost = 1.0 - np.eye(classes)
    cost[-1] *= 4
    model.set_params(decision={"cost": cost})
    expected = np.argmin(p @ cost, axis=1) if task == "multiclass" else eta > 0.2
    np.testing.assert_array_equal(model.predict(test.X), expected)
    if task == "multiclass":
        model.set_params(decision={"threshold": [0.5, 0.3, 0.2]})
        np.testing.assert_array_equal(model.predict(test.X), (p / [0.5, 0.3, 0.2]).argmax(axis=1))
    else:
        np.testing.assert_array_equal(model.set_params(decision={"threshold": 0.3}).predict(test.X), eta > 0.3)
        top = model.set_params(decision={"top": 20}).predict(test.X)
        np.testing.assert_array_equal(top, in_training(model).predict(test.X))


def test_class_weights_stay_what_an_error_costs(kit):
    rows, test = draw("binary", SHARES["binary"], 1500), draw("binary", OTHERS["binary"], 500, seed=1)
    model = kit.make(prevalence=0.05, class_weight={1: 4.0}).fit(rows.X, rows.y)
    np.testing.assert_array_equal(model.predict(test.X), model.predict_proba(test.X)[:, 1] > 0.2)


# Errors


@pytest.mark.parametrize(
    ("task", "params", "said"),
    [
        ("binary", {"prevalence": 5}, "prevalence is 5; a share lies between 0 and 1"),
        ("binary", {"prevalence": float("nan")}, "a share lies between 0 and 1"),
        ("binary", {"prevalence": "low"}, "prevalence is 'low'; give the share of the positive class, or a dict"),
        ("binary", {"prevalence": [0.5]}, "give the share of the positive class, or a dict"),
        ("binary", {"prevalence": {1: 0.1}}, "without class 0; name all classes"),
        ("binary", {"prevalence": {0: 0.8, 1: 0.1}}, "sums to 0.9; .* divide them by their sum"),
        ("binary", {"prevalence": {0: 0.9, 7: 0.1}}, "prevalence holds 7, which is not one of the classes 0, 1"),
        ("binary", {"prevalence": 0.1, "sampling_rate": {0: 0.1}}, "prevalence=0.1 and sampling_rate=.* give one of them"),
        ("binary", {"sampling_rate": 0.1}, "sampling_rate is 0.1; give a dict .* such as {0: 0.1}"),
        ("binary", {"sampling_rate": {0: 0.0}}, "rates are finite and above 0"),
        ("binary", {"sampling_rate": {0: "x"}}, "rates are finite and above 0|rates are numbers|could not convert"),
        ("binary", {"sampling_rate": {2: 0.1}}, "sampling_rate holds 2, which is not one of the classes"),
        ("multiclass", {"prevalence": 0.1}, r"give a dict with a share for each of the classes \[0, 1, 2\]"),
        ("multiclass", {"prevalence": [10, 20, 70]}, "a share lies between 0 and 1"),
        ("multiclass", {"prevalence": [0.1, 0.2, 0.6]}, "sums to 0.9"),
        ("multilabel", {"prevalence": 0.1}, "give a list with the share of 1 in each of the 2 labels"),
        ("multilabel", {"prevalence": {0: 0.1, 1: 0.2}}, "give a list with the share of 1 in each of the 2 labels"),
        ("multilabel", {"sampling_rate": {0: 0.1}}, "a row of several labels has no class to be drawn by; give prevalence"),
    ],
)
def test_what_cannot_be_is_said_before_training(kit, task, params, said):
    rows = draw(task, SHARES[task], 300)
    with pytest.raises((ValueError, TypeError), match=said):
        kit.make(n_estimators=10**9, **params).fit(rows.X, rows.y)
    model = kit.make(n_estimators=2).fit(rows.X, rows.y).set_params(**params)
    with pytest.raises((ValueError, TypeError), match=said):
        model.predict(rows.X)


def test_which_class_a_number_is_about(kit):
    rows = draw("binary", SHARES["binary"], 300)
    with pytest.raises(
        ValueError, match=r"pos_label is None, but the classes are 'a', 'b'; name the one that prevalence=0.1"
    ):
        kit.make(prevalence=0.1).fit(rows.X, np.array(["a", "b"])[rows.y])


def test_what_training_did_not_have_cannot_be_given(kit):
    rows = draw("binary", SHARES["binary"], 300)
    with pytest.raises(ValueError, match=r"no row of training was of class 2, of which .*; give 0 for that class"):
        kit.make(classes=[0, 1, 2], prevalence=[0.3, 0.3, 0.4]).fit(rows.X, rows.y)
    y = np.stack([rows.y, np.zeros(300, int)], axis=1)
    with pytest.raises(
        ValueError, match=r"no row of training had another label 1 than 0, of which .*; give 0 for that label"
    ):
        kit.make(prevalence=[0.3, 0.3]).fit(rows.X, y)
