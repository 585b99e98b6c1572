"""Thresholds that held-out folds choose, against a search over all of them."""

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.model_selection import (
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_predict,
)

from tests.estimators.decisions.common import SCORES, best_score, out_of_fold, over_thresholds, posterior_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


@pytest.mark.parametrize("rule", SCORES)
@pytest.mark.parametrize("cv", [5, 3, StratifiedKFold(4, shuffle=True, random_state=1), KFold(3)], ids=str)
def test_a_tuned_threshold_is_the_best(library, cut, rule, cv):
    data, test = cut("binary")
    model = library.make(decision=rule, decision_cv=cv).fit(data.X, data.y)
    eta = out_of_fold(library, data, cv)
    best = best_score(rule, data.y, eta)
    (threshold,) = model.thresholds_
    assert SCORES[rule](data.y, eta > threshold) == pytest.approx(best, abs=1e-9)
    np.testing.assert_array_equal(model.predict(test.X), posterior_of(model, test.X) > threshold)
    np.testing.assert_array_equal(model.predict_proba(test.X), library.make().fit(data.X, data.y).predict_proba(test.X))


@pytest.mark.parametrize("rule", SCORES)
def test_tuned_thresholds_of_labels(library, cut, rule):
    data, test = cut("multilabel")
    cv = KFold(4, shuffle=True, random_state=0)
    model = library.make(decision=rule, decision_cv=cv).fit(data.X, data.y)
    eta = np.full(data.y.shape, np.nan)
    for train, held_out in cv.split(data.X):
        eta[held_out] = library.make().fit(data.X[train], data.y[train]).predict_proba(data.X[held_out])
    for k in range(3):
        best = best_score(rule, data.y[:, k], eta[:, k])
        reached = SCORES[rule](data.y[:, k], eta[:, k] > model.thresholds_[k])
        assert reached == pytest.approx(best, abs=1e-9)
    np.testing.assert_array_equal(model.predict(test.X), posterior_of(model, test.X) > model.thresholds_)


@pytest.mark.parametrize("rule", SCORES)
@pytest.mark.parametrize("weighted", [False, True])
def test_tuned_thresholds_of_classes(library, cut, rule, weighted):
    data, test = cut("multiclass", 600)
    weight = np.round(data.weight) if weighted else None
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    model = library.make(decision=rule, decision_cv=cv).fit(data.X, data.y, sample_weight=weight)
    eta = np.full((600, 3), np.nan)
    for train, held_out in cv.split(data.X, data.y):
        fold = library.make().fit(data.X[train], data.y[train], sample_weight=None if weight is None else weight[train])
        eta[held_out] = fold.predict_proba(data.X[held_out])

    def score(thresholds):
        table = np.zeros((3, 3))
        np.add.at(table, (data.y.astype(int), (eta / thresholds).argmax(axis=1)), 1.0 if weight is None else weight)
        hits, true, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
        return (2 * hits / (true + predicted)).mean() if rule == "f1" else (hits / true).mean()

    reached = score(model.thresholds_)
    decided = (eta / model.thresholds_).argmax(axis=1)
    if rule == "f1":
        assert reached == pytest.approx(sk.f1_score(data.y, decided, average="macro", sample_weight=weight))
    else:
        assert reached == pytest.approx(sk.balanced_accuracy_score(data.y, decided, sample_weight=weight))
    steps = np.exp(np.linspace(-3.0, 3.0, 25))
    over_grid = max(score(np.array([1.0, a, b])) for a in steps for b in steps)
    assert reached >= over_grid - 0.01
    assert reached >= score(np.ones(3)) - 1e-12
    assert reached >= score(model.class_prior_) - 1e-12
    np.testing.assert_array_equal(model.predict(test.X), (posterior_of(model, test.X) / model.thresholds_).argmax(axis=1))


@pytest.mark.parametrize("floor", [0.3, 0.6, 0.9, 1.0])
def test_a_recall_floor(library, cut, floor):
    data, _ = cut("binary")
    model = library.make(decision={"recall": floor}).fit(data.X, data.y)
    eta = out_of_fold(library, data, 5)
    (threshold,) = model.thresholds_
    assert sk.recall_score(data.y, eta > threshold) >= floor - 1e-9
    found = over_thresholds(data.y, eta)
    best = found["precision"][found["recall"] >= floor - 1e-9].max()
    assert sk.precision_score(data.y, eta > threshold) == pytest.approx(best, abs=1e-9)


def test_a_recall_floor_for_each_label(library, cut):
    data, _ = cut("multilabel")
    floors = [0.5, 0.7, 0.9]
    for given in (0.6, floors):
        model = library.make(decision={"recall": given}).fit(data.X, data.y)
        eta = cross_val_predict(library.make(), data.X, data.y, method="predict_proba", cv=KFold(5))
        for k, floor in enumerate(np.broadcast_to(given, 3)):
            assert sk.recall_score(data.y[:, k], eta[:, k] > model.thresholds_[k]) >= floor - 1e-9


@pytest.mark.parametrize("rule", ["f1", "balanced_accuracy", {"recall": 0.7}], ids=str)
def test_weights_count_in_tuning(library, cut, rule):
    data, _ = cut("binary")
    times = np.random.default_rng(0).integers(0, 4, size=500)
    model = library.make(decision=rule, decision_cv=KFold(4)).fit(data.X, data.y, sample_weight=times.astype(float))
    eta = np.full(500, np.nan)
    for train, held_out in KFold(4).split(data.X):
        fold = library.make().fit(data.X[train], data.y[train], sample_weight=times[train].astype(float))
        eta[held_out] = fold.predict_proba(data.X[held_out])[:, 1]
    y, repeated = np.repeat(data.y, times), np.repeat(eta, times)
    (threshold,) = model.thresholds_
    if isinstance(rule, dict):
        assert sk.recall_score(y, repeated > threshold) >= 0.7 - 1e-6
        return
    best = best_score(rule, y, repeated)
    assert SCORES[rule](y, repeated > threshold) == pytest.approx(best, abs=1e-6)


def test_rows_without_a_label_do_not_count_in_tuning(library, make_data, task):
    data = make_data(task, 500)
    seen = np.random.default_rng(0).random(500) < 0.8
    y = np.where(seen if task != "multilabel" else seen[:, None], data.y, np.nan)
    cv = KFold(4)
    model = library.make(decision="f1", decision_cv=cv).fit(data.X, y)
    reference = library.make(decision="f1", decision_cv=cv).fit(data.X[seen], data.y[seen])
    np.testing.assert_array_equal(model.thresholds_, reference.thresholds_)


def test_missing_labels_do_not_count_in_tuning(library, make_data):
    data = make_data("multilabel", 600)
    seen = np.random.default_rng(0).random((600, 3)) < [0.9, 0.6, 0.75]
    seen[:, 0] |= ~seen.any(axis=1)
    y = np.where(seen, data.y, np.nan)
    cv = KFold(4)
    model = library.make(decision="f1", decision_cv=cv).fit(data.X, y)
    eta = np.full(y.shape, np.nan)
    for train, held_out in cv.split(data.X):
        eta[held_out] = library.make().fit(data.X[train], y[train]).predict_proba(data.X[held_out])
    for k in range(3):
        rows = seen[:, k]
        best = best_score("f1", data.y[rows, k], eta[rows, k])
        reached = sk.f1_score(data.y[rows, k], eta[rows, k] > model.thresholds_[k])
        assert reached == pytest.approx(best, abs=1e-9)


def test_splits_given_as_indices_are_of_the_rows_given(library, cut):
    """With rows that have no label among them."""
    data, _ = cut("binary")
    seen = np.random.default_rng(0).random(500) < 0.8
    y = np.where(seen, data.y, np.nan)
    splits = list(KFold(3, shuffle=True, random_state=0).split(data.X))
    model = library.make(decision="f1", decision_cv=splits).fit(data.X, y)
    eta = np.full(500, np.nan)
    for train, held_out in splits:
        eta[held_out] = library.make().fit(data.X[train], y[train]).predict_proba(data.X[held_out])[:, 1]
    best = best_score("f1", data.y[seen], eta[seen])
    assert sk.f1_score(data.y[seen], eta[seen] > model.thresholds_[0]) == pytest.approx(best, abs=1e-9)


@pytest.mark.filterwarnings("error")
def test_few_rows_without_a_label_are_no_class_of_their_own(library, make_data):
    data = make_data("binary", 300)
    y = data.y.copy()
    y[:2] = np.nan
    library.make(decision="f1").fit(data.X, y)


def test_a_class_that_a_fold_lacks(library):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 3))
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.5 * rng.normal(size=240), [0.0, 1.0])]
    order = np.argsort(y == "c", kind="stable")  # all rows of one class are in the last fold
    model = library.make(decision="balanced_accuracy", decision_cv=KFold(3)).fit(X[order], y[order])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.thresholds_.shape == (3,)
    assert set(model.predict(X)) <= {"a", "b", "c"}


@pytest.mark.filterwarnings("error")
def test_a_fold_that_is_trained_on_one_of_two_classes_is_told(library, make_data):
    data = make_data("binary", 240)
    order = np.argsort(data.y, kind="stable")
    model = library.make(decision="f1", decision_cv=KFold(3))
    model.set_params(decision_cv=3).fit(data.X[order], data.y[order])
    last = np.r_[np.zeros(240 - int(data.y.sum())), np.ones(int(data.y.sum()))]  # all positives in one fold
    folds = PredefinedSplit(np.where(last == 1, 2, np.arange(240) % 2))
    with pytest.warns(UserWarning, match="decision is 'f1', but 1 of the 3 folds of decision_cv are trained on rows of one"):
        model.set_params(decision_cv=folds).fit(data.X[order], data.y[order])


@pytest.mark.parametrize(
    "loss", [bi.weighted_objective(), bi.class_balanced_objective(), bi.logit_adjusted_objective()], ids=repr
)
def test_a_class_of_one_row_in_tuning(library, cut, loss):
    data, test = cut("multiclass", 200)
    y = data.y.copy()
    y[0] = 3
    model = library.make(decision="f1", decision_cv=3, loss=loss).fit(data.X, y)
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert (model.predict(test.X) == test.y).mean() > 0.5
    one = (np.arange(200) == 0).astype(int)
    model = library.make(decision="f1", decision_cv=3, loss=loss).fit(data.X, one)
    assert model.predict(test.X).shape == (400,)


def test_a_label_that_only_one_fold_has(library, cut):
    """Its rows cannot be predicted by a model that has seen none of them."""
    data, _ = cut("multilabel", 300)
    cv = KFold(3)
    y = data.y.copy()
    y[100:, 2] = np.nan
    weight = np.ones((300, 3))
    for sample_weight in (None, np.ones(300), weight):
        model = library.make(decision="f1", decision_cv=cv).fit(data.X, y, sample_weight=sample_weight)
        reference = library.make(decision="f1", decision_cv=cv).fit(data.X, data.y[:, :2])
        if library.name == "lightgbm":
            np.testing.assert_allclose(model.thresholds_[:2], reference.thresholds_, rtol=1e-5)
        assert np.isfinite(model.thresholds_).all()
    assert (weight == 1).all()
