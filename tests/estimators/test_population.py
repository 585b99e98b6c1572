"""Another population than that of training: classes of other shares, whose rows look the same."""

import pickle
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax
from sklearn import metrics as sk
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict

from boost_imbalance.estimators import population
from boost_imbalance.losses.labels import Task

TASKS = ["binary", "multiclass", "multilabel"]
SHARES = {"binary": np.array([0.7, 0.3]), "multiclass": np.array([0.6, 0.3, 0.1]), "multilabel": np.array([0.4, 0.2])}
OTHERS = {"binary": np.array([0.95, 0.05]), "multiclass": np.array([0.2, 0.3, 0.5]), "multilabel": np.array([0.1, 0.5])}
GOALS = {"recall": 0.7, "precision": 0.5, "false_positive_rate": 0.05, "alarms": 0.05}


class Rows(NamedTuple):
    X: Any
    y: Any


class Kit(NamedTuple):
    name: str
    ours: Any
    settings: dict[str, Any]
    suffix: str
    read: Any

    def make(self, **params):
        return self.ours(
            **{"n_estimators": 60, "learning_rate": 0.15, "max_depth": 2, "n_jobs": 1, **self.settings, **params}
        )


@pytest.fixture(params=["xgboost", "lightgbm"])
def kit(request):
    library = pytest.importorskip(request.param)
    if request.param == "xgboost":

        def read(path):
            booster = library.Booster(model_file=path)
            return lambda X: booster.predict(library.DMatrix(X))

        return Kit("xgboost", bi.ImbalancedXGBClassifier, {}, ".json", read)
    settings = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    return Kit(
        "lightgbm", bi.ImbalancedLGBMClassifier, settings, ".txt", lambda path: library.Booster(model_file=path).predict
    )


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


def draw(task, shares, n, seed=0):
    """Rows whose class, or label, moves one feature of its own."""
    rng = np.random.default_rng(seed)
    if task == "multilabel":
        y = (rng.random((n, 2)) < shares).astype(int)
        return Rows(rng.normal(size=(n, 2)) + 1.5 * y, y)
    y = rng.choice(len(shares), n, p=shares)
    return Rows(rng.normal(size=(n, len(shares))) + 1.5 * np.eye(len(shares))[y], y)


def posterior(task, X, shares):
    """The true one, in the form of ``predict_proba``."""
    evidence = 1.5 * X  # log density of each class, but for what all have
    return (
        expit(evidence - 1.5**2 / 2 + logit(shares)) if task == "multilabel" else softmax(evidence + np.log(shares), axis=1)
    )


def given(task, shares):
    return float(shares[1]) if task == "binary" else shares.tolist()


def in_training(model):
    """Probabilities in the population of training."""
    return clone_of(model).set_params(prevalence=None, sampling_rate=None)


def clone_of(model):
    return pickle.loads(pickle.dumps(model))


def by_bayes(p, old, new):
    """For one class at a time, by odds."""
    return expit(logit(p) + logit(new) - logit(old))


# Probabilities


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


# Files


LOSSES = {"plain": None, "weighted": bi.weighted_objective(), "focal": bi.focal_objective()}


@pytest.mark.parametrize("loss", LOSSES)
def test_model_files(kit, task, loss, tmp_path):
    rows = draw(task, SHARES[task], 600)
    settings = {"loss": LOSSES[loss], "decision": "f1", "decision_cv": 2, "n_estimators": 5}
    model = kit.make(prevalence=given(task, OTHERS[task]), **settings).fit(rows.X, rows.y)
    p, margin = model.predict_proba(rows.X), model.decision_function(rows.X)
    path = str(tmp_path / f"model{kit.suffix}")
    model.save_model(path)
    link = in_training(model).predict_proba(rows.X, calibrated=False)
    expected = link if loss == "focal" else p
    np.testing.assert_allclose(kit.read(path)(rows.X), expected[:, 1] if task == "binary" else expected, atol=2e-6)
    np.testing.assert_array_equal(model.decision_function(rows.X), margin)  # the model itself has not changed

    loaded = kit.make()
    loaded.load_model(path)
    np.testing.assert_allclose(loaded.predict_proba(rows.X), p, atol=2e-6)
    np.testing.assert_allclose(loaded.decision_function(rows.X), margin, atol=2e-5)
    np.testing.assert_array_equal(loaded.thresholds_, model.thresholds_)
    again = str(tmp_path / f"again{kit.suffix}")
    loaded.save_model(again)
    np.testing.assert_allclose(kit.read(again)(rows.X), kit.read(path)(rows.X), atol=2e-6)
    with pytest.raises(ValueError, match="population of other shares"):
        loaded.set_params(prevalence=None).predict(rows.X)
    np.testing.assert_allclose(loaded.predict_proba(rows.X), in_training(model).predict_proba(rows.X), atol=2e-6)


@pytest.mark.parametrize(
    "params",
    [{"prevalence": pd.Series({"ok": 0.9, "fraud": 0.1})}, {"sampling_rate": {"ok": np.float64(0.5)}}],
    ids=["prevalence", "sampling_rate"],
)
def test_files_hold_names(kit, params, tmp_path):
    rows = draw("binary", SHARES["binary"], 300)
    model = kit.make(n_estimators=3, **params).fit(rows.X, np.where(rows.y == 1, "fraud", "ok"))
    model.save_model(tmp_path / f"model{kit.suffix}")
    loaded = kit.make()
    loaded.load_model(tmp_path / f"model{kit.suffix}")
    np.testing.assert_allclose(loaded.predict_proba(rows.X), model.predict_proba(rows.X), atol=2e-6)


def test_a_training_that_goes_on_from_a_file_begins_at_the_margins_of_training(kit, tmp_path):
    rows = draw("binary", SHARES["binary"], 600)
    model = kit.make(n_estimators=5).fit(rows.X, rows.y)
    name = "xgb_model" if kit.name == "xgboost" else "init_model"
    files = []
    for prevalence in (None, 0.05):
        files.append(str(tmp_path / f"model{len(files)}{kit.suffix}"))
        model.set_params(prevalence=prevalence).save_model(files[-1])
    plain, there = (kit.make(n_estimators=5).fit(rows.X, rows.y, **{name: file}).predict_proba(rows.X) for file in files)
    np.testing.assert_allclose(there, plain, atol=1e-4)


def test_a_file_that_does_not_say_the_shares_in_training(kit, tmp_path):
    rows = draw("binary", SHARES["binary"], 600)
    path = str(tmp_path / f"model{kit.suffix}")
    if kit.name == "xgboost":
        from xgboost import XGBClassifier

        XGBClassifier(n_estimators=3, n_jobs=1).fit(rows.X, rows.y).save_model(path)
    else:
        from lightgbm import LGBMClassifier

        LGBMClassifier(n_estimators=3, n_jobs=1, verbosity=-1).fit(rows.X, rows.y).booster_.save_model(path)
    model = kit.make(prevalence=0.1)
    model.load_model(path)
    for call in (model.predict_proba, model.estimate_prevalence):
        with pytest.raises(ValueError, match=r"model file did not say which shares.*file that save_model"):
            call(rows.X)
    before = model.set_params(prevalence=None).predict_proba(rows.X)[:, 1]
    after = model.set_params(sampling_rate={0: 0.1}).predict_proba(rows.X)[:, 1]
    np.testing.assert_allclose(logit(after) - logit(before), np.log(0.1))
    again = str(tmp_path / f"again{kit.suffix}")
    model.save_model(again)
    model.load_model(again)
    with pytest.raises(ValueError, match="model file did not say"):
        model.estimate_prevalence(rows.X)
    assert model.set_params(prevalence=0.1, sampling_rate=None).fit(rows.X, rows.y).predict_proba(rows.X).shape == (600, 2)


@pytest.mark.parametrize("loss", LOSSES)
def test_onnx(kit, task, loss):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    rows = draw(task, SHARES[task], 600)
    X = rows.X.astype(np.float32)
    model = kit.make(prevalence=given(task, OTHERS[task]), loss=LOSSES[loss], n_estimators=5).fit(X, rows.y)
    session = runtime.InferenceSession(model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    margin, p = session.run(["margin", "probability"], {"X": X})
    np.testing.assert_allclose(p, model.predict_proba(X), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(margin, model.decision_function(X).reshape(600, -1), rtol=1e-5, atol=1e-6)
    assert np.abs(p - in_training(model).predict_proba(X)).max() > 0.1


# Unknown shares


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
