"""Tuning after the training, searches over rules, and scikit-learn's own tools around the classifiers."""

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
)

from tests.estimators.decisions.common import COSTS, SCORES, best_score, out_of_fold

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


# After the training


@pytest.mark.parametrize("rule", SCORES)
def test_tuning_after_fit(library, cut, rule):
    data, test = cut("binary")
    model = library.make(decision=rule).fit(data.X, data.y)
    before = model.predict_proba(test.X)
    assert model.tune_decision(test.X, test.y) is model
    eta = before[:, 1]
    best = best_score(rule, test.y, eta)
    assert SCORES[rule](test.y, model.predict(test.X)) == pytest.approx(best, abs=1e-9)
    np.testing.assert_array_equal(model.predict_proba(test.X), before)
    model.tune_decision(test.X, test.y, sample_weight=np.where(np.arange(400) < 200, 1.0, 0.0))
    best = best_score(rule, test.y[:200], eta[:200])
    assert SCORES[rule](test.y[:200], model.predict(test.X)[:200]) == pytest.approx(best, abs=1e-9)


def test_tuning_after_fit_with_names_and_missing_labels(library, cut):
    data, test = cut("binary")
    names = np.array(["a", "b"])
    y = names[test.y.astype(int)].astype(object)
    y[::3] = None
    kept = np.arange(400) % 3 > 0
    model = library.make(pos_label="b").fit(data.X, names[data.y.astype(int)]).set_params(decision="f1")
    threshold = model.tune_decision(test.X, y).thresholds_
    assert model.tune_decision(test.X[kept], y[kept]).thresholds_ == pytest.approx(threshold)
    with pytest.raises(ValueError, match="y holds 'z'"):
        model.tune_decision(test.X, np.full(400, "z"))


def test_changing_the_decision_after_fit(library, cut, task):
    data, test = cut(task)
    model = library.make(decision="f1").fit(data.X, data.y)
    tuned = model.predict(test.X)
    rules = ["posterior", "balanced", {"cost": np.ones((2, 2)) if task != "multiclass" else 1 - np.eye(3)}]
    for rule in rules:
        direct = library.make(decision=rule).fit(data.X, data.y)
        np.testing.assert_array_equal(model.set_params(decision=rule).predict(test.X), direct.predict(test.X))
    np.testing.assert_array_equal(model.set_params(decision="f1").predict(test.X), tuned)
    model.set_params(decision="balanced_accuracy")
    with pytest.raises(ValueError, match=r"decision is 'balanced_accuracy'.*tune_decision"):
        model.predict(test.X)
    with pytest.raises(ValueError, match="decision is 'balanced_accuracy'"):
        _ = model.thresholds_
    assert model.tune_decision(test.X, test.y).predict(test.X).shape == test.y.shape
    model.set_params(decision="posterior")
    with pytest.raises(ValueError, match=r"decision is 'posterior'.*nothing to tune"):
        model.tune_decision(test.X, test.y)


def test_another_recall_floor_must_be_tuned(library, cut):
    data, test = cut("binary")
    model = library.make(decision={"recall": 0.5}).fit(data.X, data.y)
    model.set_params(decision={"recall": 0.9})
    with pytest.raises(ValueError, match=r"decision is .*0\.9.*tune_decision"):
        model.predict(test.X)
    model.tune_decision(test.X, test.y)
    assert sk.recall_score(test.y, model.predict(test.X)) >= 0.9


def test_the_training_weights_folds_like_the_whole(library, cut):
    """Everything else that the classifier is given goes to its folds too."""
    data, _ = cut("binary")
    model = library.make(decision="f1", class_weight={1: 3.0}, loss=bi.focal_objective(gamma=1.0)).fit(data.X, data.y)
    inner = library.make(class_weight={1: 3.0}, loss=bi.focal_objective(gamma=1.0))
    eta = cross_val_predict(inner, data.X, data.y, method="predict_proba", cv=5)[:, 1]
    best = best_score("f1", data.y, eta)
    assert sk.f1_score(data.y, eta > model.thresholds_[0]) == pytest.approx(best, abs=1e-9)


def test_rules_in_a_search(library, cut):
    data, _ = cut("binary")
    rules = ["posterior", "balanced", {"threshold": 0.15}, {"cost": COSTS["misses are dear"]}, "f1"]
    search = GridSearchCV(library.make(decision_cv=2), {"decision": rules}, scoring="recall", cv=2, error_score="raise")
    search.fit(data.X, data.y)
    recall = dict(zip(map(str, rules), search.cv_results_["mean_test_score"], strict=True))
    assert recall["posterior"] < recall["balanced"]
    assert recall["posterior"] < recall["{'threshold': 0.15}"]
    assert clone(search.best_estimator_).decision == search.best_params_["decision"]


# scikit-learn's own tools around the classifiers


def test_fixed_threshold_of_scikit_learn(library, cut):
    data, test = cut("binary")
    outer = FixedThresholdClassifier(library.make(), threshold=0.2, response_method="predict_proba").fit(data.X, data.y)
    inner = library.make(decision={"threshold": 0.2}).fit(data.X, data.y)
    np.testing.assert_array_equal(outer.predict(test.X), inner.predict(test.X))
    by_margin = FixedThresholdClassifier(library.make(), threshold=0.0, response_method="decision_function")
    by_margin.fit(data.X, data.y)
    margin = library.make().fit(data.X, data.y).decision_function(test.X)
    np.testing.assert_array_equal(by_margin.predict(test.X), margin >= 0.0)


def test_tuned_threshold_of_scikit_learn(library, cut):
    data, test = cut("binary")
    outer = TunedThresholdClassifierCV(library.make(), scoring="f1", cv=5, thresholds=50).fit(data.X, data.y)
    inner = library.make(decision="f1").fit(data.X, data.y)
    np.testing.assert_array_equal(outer.predict_proba(test.X), inner.predict_proba(test.X))
    eta = out_of_fold(library, data, 5)
    # Ours is the best of the rows of all folds together.
    assert sk.f1_score(data.y, eta > inner.thresholds_[0]) >= sk.f1_score(data.y, eta >= outer.best_threshold_) - 1e-9


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_of_scikit_learn(library, make_data, method):
    data, test = make_data("binary", 1500), make_data("binary", 1000, seed=1)
    model = library.make(n_estimators=30, learning_rate=0.1)
    outer = CalibratedClassifierCV(model, method=method, cv=3).fit(data.X, data.y)
    loss = sk.log_loss(test.y, np.clip(outer.predict_proba(test.X), 1e-3, 1 - 1e-3))
    own = sk.log_loss(test.y, clone(model).fit(data.X, data.y).predict_proba(test.X))
    assert loss == pytest.approx(own, abs=0.03)
