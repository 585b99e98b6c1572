"""Decisions that are tuned for another population keep their promises there."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict

from tests.estimators.population.common import OTHERS, SHARES, by_bayes, clone_of, draw, given, in_training

GOALS = {"recall": 0.7, "precision": 0.5, "false_positive_rate": 0.05, "alarms": 0.05}


# Tuned decisions


def reached(kind, predicted, y, weight=None):
    w = np.ones(len(y)) if weight is None else weight
    among = {"recall": y == 1, "precision": predicted == 1, "false_positive_rate": y == 0}.get(kind, np.ones(len(y), bool))
    counted = y == 1 if kind == "precision" else predicted == 1
    return np.average(counted[among], weights=w[among])


@pytest.mark.parametrize("kind", GOALS)
def test_a_promise_is_kept_on_rows_weighted_to_the_population(kit, kind):
    rows, held_out = draw("binary", SHARES["binary"], 1500), draw("binary", np.array([0.5, 0.5]), 800, seed=1)
    model = kit.make(decision={kind: GOALS[kind]}, prevalence=0.05, decision_cv=2).fit(rows.X, rows.y)
    model.tune_decision(held_out.X, held_out.y)
    weight = np.where(held_out.y == 1, 0.05 / held_out.y.mean(), 0.95 / (1 - held_out.y.mean()))
    value = reached(kind, model.predict(held_out.X), held_out.y, weight)
    assert value >= GOALS[kind] if kind in ("recall", "precision") else value <= GOALS[kind]
    assert value == pytest.approx(GOALS[kind], abs=0.15 if kind in ("precision", "recall") else 0.02)


def test_a_promise_about_the_first_class(kit):
    rows = draw("binary", np.array([0.3, 0.7]), 2000)
    names = np.array(["fraud", "ok"])[rows.y]
    model = kit.make(decision={"alarms": 0.05}, pos_label="fraud", prevalence=0.02, decision_cv=2).fit(rows.X, names)
    fraud = names == "fraud"
    np.testing.assert_allclose(in_training(model).class_prior_, 1 - fraud.mean(), rtol=1e-6)
    weight = np.where(fraud, 0.02 / fraud.mean(), 0.98 / (1 - fraud.mean()))
    assert np.average(model.predict_proba(rows.X)[:, 0], weights=weight) == pytest.approx(0.02, abs=0.005)
    assert np.average(model.predict(rows.X) == "fraud", weights=weight) == pytest.approx(0.05, abs=0.015)
    flipped = clone(model).set_params(pos_label=1).fit(rows.X, fraud.astype(int))
    assert np.mean((flipped.predict(rows.X) == 1) == (model.predict(rows.X) == "fraud")) > 0.99


@pytest.mark.parametrize("kind", GOALS)
def test_a_promise_tuned_in_folds_is_kept_in_the_population(kit, kind):
    rows, elsewhere = draw("binary", SHARES["binary"], 6000), draw("binary", OTHERS["binary"], 40_000, seed=1)
    model = kit.make(decision={kind: GOALS[kind]}, prevalence=0.05, decision_cv=3).fit(rows.X, rows.y)
    value = reached(kind, model.predict(elsewhere.X), elsewhere.y)
    assert value == pytest.approx(GOALS[kind], abs=0.07 if kind == "precision" else 0.05)
    if kind in ("precision", "alarms"):  # the others look at one class only
        plain = clone(model).set_params(prevalence=None).fit(rows.X, rows.y)
        assert abs(reached(kind, plain.predict(elsewhere.X), elsewhere.y) - GOALS[kind]) > abs(value - GOALS[kind])


def test_f1_tuned_for_the_population_is_near_its_best(kit, task):
    rows, elsewhere = draw(task, SHARES[task], 4000), draw(task, OTHERS[task], 20_000, seed=1)
    model = kit.make(decision="f1", prevalence=given(task, OTHERS[task]), decision_cv=3).fit(rows.X, rows.y)
    plain = clone(model).set_params(prevalence=None).fit(rows.X, rows.y)

    def f1(model):
        return sk.f1_score(elsewhere.y, model.predict(elsewhere.X), average="binary" if task == "binary" else "macro")

    there = clone_of(model).tune_decision(elsewhere.X, elsewhere.y)  # by labels that nobody has
    assert f1(plain) < f1(model)
    assert f1(model) > f1(there) - 0.02


@pytest.mark.parametrize(
    ("rule", "confidence"),
    [
        ("balanced_accuracy", None),
        *(({kind: GOALS[kind]}, c) for kind in ("recall", "false_positive_rate") for c in (None, 0.9)),
    ],
)
def test_what_looks_at_one_class_decides_as_in_training(kit, rule, confidence):
    if confidence is not None:
        rule = {**rule, "confidence": confidence}
    rows, test = draw("binary", SHARES["binary"], 1500), draw("binary", OTHERS["binary"], 1000, seed=1)
    model = kit.make(decision=rule, decision_cv=2).fit(rows.X, rows.y)
    other = clone(model).set_params(prevalence=0.05).fit(rows.X, rows.y)
    assert other.thresholds_[0] < model.thresholds_[0]
    # Folds differ a little in their shares, which the other population has not.
    assert np.mean(other.predict(test.X) != model.predict(test.X)) < 0.01
    for one in (model, other):
        one.tune_decision(test.X, test.y)
    np.testing.assert_array_equal(other.predict(test.X), model.predict(test.X))


@pytest.mark.parametrize("kind", ["precision", "alarms"])
def test_a_confidence_that_takes_rows_that_count_alike(kit, kind):
    rows, held_out = draw("binary", SHARES["binary"], 900), draw("binary", OTHERS["binary"], 900, seed=1)
    rule = {kind: GOALS[kind], "confidence": 0.8}
    with pytest.raises(ValueError, match=rf"{kind}.*has a confidence.*with prevalence=0.05 those.*leave the confidence out"):
        kit.make(decision=rule, prevalence=0.05).fit(rows.X, rows.y)
    with pytest.raises(ValueError, match=rf"{kind}.*with sampling_rate=\{{0: 0.5\}} those"):
        kit.make(decision=rule, sampling_rate={0: 0.5}).fit(rows.X, rows.y)
    model = kit.make(prevalence=float(held_out.y.mean())).fit(rows.X, rows.y).set_params(decision=rule)
    assert model.tune_decision(held_out.X, held_out.y).predict(held_out.X).sum() > 0


def test_folds_are_tuned_on_by_hand(kit):
    rows = draw("binary", SHARES["binary"], 900)
    weight = np.random.default_rng(2).uniform(0.5, 2.0, 900)
    cv = StratifiedKFold(3)
    model = kit.make(decision={"alarms": 0.1}, prevalence=0.05, decision_cv=cv).fit(rows.X, rows.y, sample_weight=weight)
    eta = np.empty(900)
    for train, test in cv.split(rows.X, rows.y):
        p = kit.make().fit(rows.X[train], rows.y[train], sample_weight=weight[train]).predict_proba(rows.X[test])[:, 1]
        eta[test] = by_bayes(p, np.average(rows.y[train], weights=weight[train]), 0.05)
    share = np.average(rows.y, weights=weight)
    w = weight * np.where(rows.y == 1, 0.05 / share, 0.95 / (1 - share))
    alarms = [np.average(eta > t, weights=w) for t in np.unique(eta)]
    lowest = np.unique(eta)[np.argmax(np.array(alarms) <= 0.1)]
    np.testing.assert_array_equal(eta > model.thresholds_[0], eta > lowest)


def test_held_out_rows_of_any_shares_tune_alike(kit, task):
    rows, held_out = draw(task, SHARES[task], 900), draw(task, OTHERS[task], 300, seed=1)
    model = kit.make(decision="f1", decision_cv=2, prevalence=given(task, OTHERS[task])).fit(rows.X, rows.y)
    predicted = model.tune_decision(held_out.X, held_out.y).predict(held_out.X)
    times = np.where((held_out.y[:, 0] if task == "multilabel" else held_out.y) > 0, 3, 1)
    repeated = model.tune_decision(*(np.repeat(one, times, axis=0) for one in held_out)).predict(held_out.X)
    if task == "multiclass":  # where one threshold is climbed after the other, rounding chooses between good ones
        weight = (OTHERS[task] / np.bincount(held_out.y))[held_out.y]
        scores = [sk.f1_score(held_out.y, p, average="macro", sample_weight=weight) for p in (predicted, repeated)]
        assert scores[0] == pytest.approx(scores[1], abs=0.005)
    else:  # of labels the first, by which rows were repeated
        np.testing.assert_array_equal(repeated.reshape(300, -1)[:, 0], predicted.reshape(300, -1)[:, 0])


def test_missing_labels_are_weighted_by_what_is_known(kit):
    rows = draw("multilabel", SHARES["multilabel"], 900)
    held_out = draw("multilabel", SHARES["multilabel"], 600, seed=1)
    y = held_out.y.astype(float)
    y[np.random.default_rng(4).random(y.shape) < 0.3] = np.nan
    model = kit.make(prevalence=[0.05, 0.5]).fit(rows.X, rows.y).set_params(decision={"alarms": 0.1})
    predicted = model.tune_decision(held_out.X, y).predict(held_out.X)
    for k, share in enumerate([0.05, 0.5]):
        known = ~np.isnan(y[:, k])
        of_one = y[known, k].mean()
        weight = np.where(y[known, k] == 1, share / of_one, (1 - share) / (1 - of_one))
        assert 0.05 < np.average(predicted[known, k], weights=weight) <= 0.1 + 1e-9


def test_thresholds_are_not_used_for_another_population(kit, task):
    rows = draw(task, SHARES[task], 600)
    prevalence = given(task, OTHERS[task])
    model = kit.make(decision="f1", decision_cv=2).fit(rows.X, rows.y)
    before = model.predict(rows.X)
    model.set_params(prevalence=prevalence)
    for call in (model.predict, lambda X: model.thresholds_):
        with pytest.raises(ValueError, match=r"decision is 'f1'.*tuned for a population of other shares.*tune_decision"):
            call(rows.X)
    assert model.predict_proba(rows.X).shape[0] == 600
    np.testing.assert_array_equal(model.set_params(prevalence=None).predict(rows.X), before)
    model.set_params(prevalence=prevalence).tune_decision(rows.X, rows.y).predict(rows.X)
    assert model.set_params(decision="posterior", prevalence=None).predict(rows.X) is not None


# scikit-learn


def test_it_is_a_parameter_like_others(kit):
    rows = draw("multiclass", SHARES["multiclass"], 600)
    model = kit.make(prevalence=[0.2, 0.3, 0.5])
    assert {"prevalence", "sampling_rate"} <= set(model.get_params())
    assert clone(model).get_params()["prevalence"] == [0.2, 0.3, 0.5]
    model.fit(rows.X, rows.y)
    np.testing.assert_array_equal(clone_of(model).predict_proba(rows.X), model.predict_proba(rows.X))
    grid = {"prevalence": [None, [0.98, 0.01, 0.01]]}
    search = GridSearchCV(kit.make(), grid, cv=2, scoring="neg_log_loss").fit(rows.X, rows.y)
    assert search.best_params_ == {"prevalence": None}
    p = cross_val_predict(kit.make(sampling_rate={0: 0.01}), rows.X, rows.y, cv=2, method="predict_proba")
    assert p[:, 0].mean() > 0.9
