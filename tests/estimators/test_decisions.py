"""Decision rules against their definitions, and tuned thresholds against a search over all of them."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]

TASKS = ["binary", "multiclass", "multilabel"]


@dataclass
class Library:
    """One library's classifier."""

    name: str
    module: Any
    ours: Any
    settings: dict[str, Any] = field(default_factory=dict)

    def make(self, **params):
        # Its calibrated probabilities are not those of its margins, so that one cannot be taken for the other.
        return self.ours(
            **{
                "loss": bi.focal_objective(),
                "n_estimators": 6,
                "learning_rate": 0.3,
                "max_depth": 3,
                "n_jobs": 1,
                **self.settings,
                **params,
            }
        )


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    module = pytest.importorskip(request.param)
    if request.param == "xgboost":
        return Library("xgboost", module, bi.ImbalancedXGBClassifier)
    settings = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    return Library("lightgbm", module, bi.ImbalancedLGBMClassifier, settings)


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def cut(make_data):
    """Training rows and others."""

    def make(task, n=500):
        return make_data(task, n), make_data(task, 400, seed=1)

    return make


def posterior_of(model, X):
    """One column for a binary task."""
    probability = model.predict_proba(X)
    return probability[:, 1] if probability.shape[1] == 2 else probability


# Rules that need no tuning


def test_the_largest_posterior(library, cut, task):
    data, test = cut(task)
    model = library.make().fit(data.X, data.y)
    eta, decided = posterior_of(model, test.X), model.predict(test.X)
    np.testing.assert_array_equal(decided, eta.argmax(axis=1) if task == "multiclass" else eta > 0.5)
    assert 0 < decided.mean() < 1
    np.testing.assert_array_equal(model.thresholds_, np.full(1 if task == "binary" else 3, 0.5))


def test_balanced_divides_by_the_share_in_training(library, cut, task):
    data, test = cut(task)
    weight = data.weight
    model = library.make(decision="balanced").fit(data.X, data.y, sample_weight=weight)
    eta, decided = posterior_of(model, test.X), model.predict(test.X)
    if task == "multiclass":
        share = np.array([weight[data.y == k].sum() for k in range(3)]) / weight.sum()
        expected = (eta / share).argmax(axis=1)
    else:
        share = np.average(data.y, axis=0, weights=weight)
        expected = eta / share > (1 - eta) / (1 - share)
    np.testing.assert_allclose(model.class_prior_, np.atleast_1d(share), rtol=1e-6)
    np.testing.assert_array_equal(decided, expected)
    plain = copy.copy(model).set_params(decision="posterior").predict(test.X)

    def score(prediction):
        pairs = zip(test.y.T, prediction.T, strict=True) if task == "multilabel" else [(test.y, prediction)]
        return np.mean([sk.balanced_accuracy_score(y, p) for y, p in pairs])

    assert score(decided) > score(plain) + 0.02


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_one_threshold(library, cut, threshold):
    data, test = cut("binary")
    model = library.make(decision={"threshold": threshold}).fit(data.X, data.y)
    np.testing.assert_array_equal(model.predict(test.X), posterior_of(model, test.X) > threshold)
    assert model.thresholds_.tolist() == [threshold]


@pytest.mark.parametrize("threshold", [0.3, [0.1, 0.3, 0.6], np.array([0.5, 0.2, 0.9])], ids=str)
def test_a_threshold_per_label(library, cut, threshold):
    data, test = cut("multilabel")
    model = library.make(decision={"threshold": threshold}).fit(data.X, data.y)
    np.testing.assert_array_equal(model.predict(test.X), posterior_of(model, test.X) > np.asarray(threshold))
    np.testing.assert_array_equal(model.thresholds_, np.broadcast_to(threshold, 3))


def test_a_threshold_per_class(library, cut):
    data, test = cut("multiclass")
    thresholds = [0.7, 0.1, 0.4]
    model = library.make(decision={"threshold": thresholds}).fit(data.X, data.y)
    np.testing.assert_array_equal(model.predict(test.X), (posterior_of(model, test.X) / thresholds).argmax(axis=1))
    np.testing.assert_array_equal(model.thresholds_, thresholds)


COSTS = {
    "errors alike": [[0.0, 1.0], [1.0, 0.0]],
    "misses are dear": [[0.0, 1.0], [8.0, 0.0]],
    "with gains": [[-1.0, 3.0], [5.0, -20.0]],
    "one class is never worth it": [[0.0, 1.0], [0.5, 0.9]],
    "always worth it": [[2.0, 1.0], [3.0, 0.0]],
}


@pytest.mark.parametrize("name", COSTS)
def test_costs(library, cut, name):
    data, test = cut("binary")
    cost = np.array(COSTS[name])
    model = library.make(decision={"cost": cost.tolist()}).fit(data.X, data.y)
    probability = model.predict_proba(test.X)
    np.testing.assert_array_equal(model.predict(test.X), (probability @ cost).argmin(axis=1))
    assert model.thresholds_ is None


def test_costs_of_several_classes(library, cut):
    data, test = cut("multiclass")
    cost = np.array([[0.0, 1.0, 2.0], [4.0, 0.0, 1.0], [9.0, 3.0, 0.0]])
    names = np.array(["low", "mid", "top"])
    model = library.make(decision={"cost": cost}).fit(data.X, names[data.y.astype(int)])
    expected = names[(model.predict_proba(test.X) @ cost).argmin(axis=1)]
    np.testing.assert_array_equal(model.predict(test.X), expected)
    true = test.y.astype(int)
    plain = copy.copy(model).set_params(decision="posterior").predict(test.X)
    paid = [cost[true, np.searchsorted(names, decided)].mean() for decided in (model.predict(test.X), plain)]
    assert paid[0] < paid[1]


def test_costs_of_labels(library, cut):
    data, test = cut("multilabel")
    same = np.array([[0.0, 1.0], [6.0, 0.0]])
    each = np.stack([same, [[0.0, 5.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, -3.0]]])
    for cost in (same, each):
        model = library.make(decision={"cost": cost}).fit(data.X, data.y)
        eta = model.predict_proba(test.X)
        for k in range(3):
            table = cost if cost.ndim == 2 else cost[k]
            expected = (np.column_stack([1 - eta[:, k], eta[:, k]]) @ table).argmin(axis=1)
            np.testing.assert_array_equal(model.predict(test.X)[:, k], expected)


def test_a_threshold_is_a_cost(library, cut):
    data, test = cut("binary")
    model = library.make(decision={"threshold": 0.2}).fit(data.X, data.y)
    by_cost = copy.copy(model).set_params(decision={"cost": [[0.0, 0.2], [0.8, 0.0]]})
    np.testing.assert_array_equal(model.predict(test.X), by_cost.predict(test.X))


def test_strings_are_decided_alike(library, cut):
    data, test = cut("binary")
    names = np.array(["a", "b"])
    for decision in ("balanced", {"threshold": 0.3}, {"cost": COSTS["misses are dear"]}, "f1", {"recall": 0.8}):
        reference = library.make(decision=decision).fit(data.X, data.y).predict(test.X)
        model = library.make(decision=decision, pos_label="b").fit(data.X, names[data.y.astype(int)])
        np.testing.assert_array_equal(model.predict(test.X), names[reference.astype(int)])


@pytest.mark.parametrize("decision", [{"threshold": 0.7}, "f1", {"recall": 0.9}, "balanced_accuracy"], ids=str)
def test_the_positive_class_may_be_the_first(library, cut, decision):
    """Naming the classes the other way round turns the positive class into the first one."""
    data, test = cut("binary")
    names = np.array(["yes", "no"])  # 1 is written "no", which comes first
    reference = library.make(decision=decision).fit(data.X, data.y)
    model = library.make(decision=decision, pos_label="no").fit(data.X, names[data.y.astype(int)])
    assert model.classes_.tolist() == ["no", "yes"]
    # The loss is symmetric, so that the trees are those of the other class.
    np.testing.assert_allclose(model.predict_proba(test.X)[:, 0], reference.predict_proba(test.X)[:, 1], rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.thresholds_, reference.thresholds_, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(model.predict(test.X), names[reference.predict(test.X).astype(int)])


@pytest.mark.parametrize(
    "decision", ["posterior", "balanced", "balanced_accuracy", {"cost": COSTS["misses are dear"]}], ids=str
)
def test_rules_for_which_no_class_is_the_positive_one(library, cut, decision):
    data, test = cut("binary")
    y = np.array(["a", "b"])[data.y.astype(int)]
    models = [library.make(decision=decision, pos_label=label).fit(data.X, y) for label in (None, "a", "b")]
    for other in models[1:]:
        np.testing.assert_array_equal(models[0].predict(test.X), other.predict(test.X))


@pytest.mark.parametrize("decision", [{"threshold": 0.3}, "f1", {"recall": 0.8}], ids=str)
def test_the_positive_class_is_never_guessed(library, cut, decision):
    data, test = cut("binary")
    y = np.array(["a", "b"])[data.y.astype(int)]
    expected = r"pos_label is None.*'a', 'b'"
    with pytest.raises(ValueError, match=expected):
        library.make(decision=decision).fit(data.X, y)
    later = library.make().fit(data.X, y).set_params(decision=decision)
    with pytest.raises(ValueError, match=expected):
        later.tune_decision(test.X, y[:400]) if later.decision != {"threshold": 0.3} else later.predict(test.X)
    for values in ([0, 1], [-1, 1], [False, True], [0.0, 1.0]):
        model = library.make(decision=decision).fit(data.X, np.array(values)[data.y.astype(int)])
        reference = library.make(decision=decision, pos_label=values[1]).fit(data.X, np.array(values)[data.y.astype(int)])
        np.testing.assert_array_equal(model.predict(test.X), reference.predict(test.X))
    with pytest.raises(ValueError, match="pos_label is None"):
        library.make(decision=decision).fit(data.X, np.array([1, 2])[data.y.astype(int)])


def test_naming_the_positive_class_after_fit(library, cut):
    data, test = cut("binary")
    names = np.array(["a", "b"])
    y, y_test = names[data.y.astype(int)], names[test.y.astype(int)]
    model = library.make().fit(data.X, y)
    model.set_params(pos_label="a", decision="f1").tune_decision(test.X, y_test)
    eta = model.predict_proba(test.X)[:, 0]
    best = best_score("f1", y_test == "a", eta)
    assert sk.f1_score(y_test, model.predict(test.X), pos_label="a") == pytest.approx(best, abs=1e-9)


def test_positive_classes_that_are_refused(library, make_data):
    data = make_data("binary", 200)
    with pytest.raises(ValueError, match="pos_label holds 2"):
        library.make(pos_label=2).fit(data.X, data.y.astype(int))
    for task in ("multiclass", "multilabel"):
        several = make_data(task, 200)
        with pytest.raises(ValueError, match="pos_label is 1"):
            library.make(pos_label=1).fit(several.X, several.y)


# Classes without a row


DEAR = np.array([[0.0, 1.0], [1e12, 0.0]])
"""A miss of label 1 costs so much that a probability of 1e-6 would decide."""
RULES = ["posterior", "balanced", {"threshold": 1e-9}, {"cost": DEAR}, "f1", "balanced_accuracy", {"recall": 1.0}]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule)[:14])
def test_a_label_without_rows_is_never_predicted(library, cut, rule):
    """Nor is label 0 where all are 1."""
    data, test = cut("multilabel", 200)
    y = np.column_stack([data.y[:, 0], np.zeros(200), np.ones(200)])
    model = library.make(decision=rule, decision_cv=2).fit(data.X, y)
    decided = model.predict(test.X)
    assert not decided[:, 1].any()
    assert decided[:, 2].all()
    if isinstance(rule, str) or "recall" in rule:
        by_hand = model.predict_proba(test.X)[:, 1:] > model.thresholds_[1:]
        np.testing.assert_array_equal(decided[:, 1:], by_hand)
    if not isinstance(rule, str) and "recall" not in rule:
        return
    if rule not in ("posterior", "balanced"):  # rows that have the label do not change that
        model.tune_decision(test.X, test.y)
        assert not model.predict(test.X)[:, 1].any()
        assert model.predict(test.X)[:, 2].all()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule)[:14])
def test_one_of_two_classes_without_rows_is_never_predicted(library, cut, rule):
    data, test = cut("binary", 100)
    for only in (0, 1):
        model = library.make(decision=rule, decision_cv=2, classes=[0, 1]).fit(data.X, np.full(100, only))
        assert (model.predict(test.X) == only).all()
        model = library.make(decision=rule, decision_cv=2, classes=[0, 1], pos_label=0).fit(data.X, np.full(100, only))
        if rule != {"cost": DEAR}:
            assert (model.predict(test.X) == only).all()


SEVERAL = ["posterior", "balanced", {"threshold": [0.5, 0.5, 0.5, 1e-9]}, "f1", "balanced_accuracy"]


@pytest.mark.parametrize(
    "rule", [*SEVERAL, {"cost": np.where(np.eye(4), 0.0, [[1.0]] * 3 + [[1e12]])}], ids=lambda r: str(r)[:14]
)
def test_one_of_several_classes_without_rows_is_never_predicted(library, cut, rule):
    data, test = cut("multiclass", 200)
    model = library.make(decision=rule, decision_cv=2, classes=[0, 1, 2, 3]).fit(data.X, data.y)
    decided = model.predict(test.X)
    assert not (decided == 3).any()
    if isinstance(rule, str):
        ratio = model.predict_proba(test.X) / model.thresholds_
        np.testing.assert_array_equal(decided, ratio.argmax(axis=1))
    if rule == "balanced":
        three = library.make(decision=rule).fit(data.X, data.y)
        np.testing.assert_allclose(model.thresholds_[:3], three.thresholds_)
    if rule in ("f1", "balanced_accuracy"):  # rows of the class do not change that
        y = np.where(np.arange(400) % 4 == 0, 3, test.y)
        assert not (model.tune_decision(test.X, y).predict(test.X) == 3).any()


def test_a_cost_may_choose_a_class_without_rows_for_what_it_costs(library, cut):
    """As a class of its own for rows that a person should look at."""
    data, test = cut("multiclass", 300)
    cost = 1.0 - np.eye(4)
    cost[:, 3] = 0.4
    model = library.make(decision={"cost": cost}, classes=[0, 1, 2, 3]).fit(data.X, data.y)
    unsure = model.predict_proba(test.X)[:, :3].max(axis=1) < 0.6
    np.testing.assert_array_equal(model.predict(test.X) == 3, unsure)


@pytest.mark.filterwarnings("ignore:no tree of this model has a split")
@pytest.mark.parametrize("rule", ["balanced", "class_weight"])
@pytest.mark.parametrize("positives", [30, 63, 170])
def test_rounding_does_not_decide(library, rule, positives):
    """Without any split all rows are alike, and the more frequent class is as good as any."""
    X = np.random.default_rng(0).normal(size=(201, 2))
    params = {"decision": "balanced"} if rule == "balanced" else {"class_weight": "balanced"}
    y = (np.arange(201) < positives).astype(int)
    for seed in range(3):
        weight = np.random.default_rng(seed).uniform(0.9, 1.1, 201)
        model = library.make(**params, min_child_weight=1e6).fit(X, y, sample_weight=weight)
        assert (model.predict(X) == (positives > 100)).all()
        several = np.where(np.arange(201) < positives, 1, np.where(np.arange(201) < positives + 20, 2, 0))
        model = library.make(**params, min_child_weight=1e6).fit(X, several, sample_weight=weight)
        assert (model.predict(X) == np.bincount(several).argmax()).all()


# Thresholds that held-out folds choose


def out_of_fold(library, data, cv, **options):
    """Probabilities of the same model for rows that it has not seen, by scikit-learn."""
    found = cross_val_predict(library.make(), data.X, data.y, method="predict_proba", cv=cv, **options)
    return found[:, 1] if found.shape[1] == 2 else found


def candidates(eta):
    """A threshold on each side of every value."""
    values = np.unique(eta)
    return np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [(values[-1] + 1) / 2]])


SCORES = {"f1": sk.f1_score, "balanced_accuracy": sk.balanced_accuracy_score}


def over_thresholds(y, eta):
    """Precision, recall and every score, at each of the thresholds there are."""
    above = (eta > candidates(eta)[:, None]).astype(float)
    hits, chosen, positives, negatives = above @ y, above.sum(axis=1), y.sum(), len(y) - y.sum()
    recall, false_alarm = hits / positives, (chosen - hits) / negatives
    return {
        "precision": hits / np.maximum(chosen, 1),
        "recall": recall,
        "f1": 2 * hits / (chosen + positives),
        "balanced_accuracy": (recall + 1 - false_alarm) / 2,
    }


def best_score(rule, y, eta):
    """The best that any threshold does."""
    return over_thresholds(y, eta)[rule].max()


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


def test_splits_that_leave_rows_out(library, cut):
    data, _ = cut("binary")
    cv = ShuffleSplit(1, test_size=0.3, random_state=0)
    model = library.make(decision="f1", decision_cv=cv).fit(data.X, data.y)
    ((train, held_out),) = cv.split(data.X)
    eta = library.make().fit(data.X[train], data.y[train]).predict_proba(data.X[held_out])[:, 1]
    best = best_score("f1", data.y[held_out], eta)
    assert sk.f1_score(data.y[held_out], eta > model.thresholds_[0]) == pytest.approx(best, abs=1e-9)


def test_tuning_on_frames(library, cut):
    polars = pytest.importorskip("polars")
    data, test = cut("binary")
    names = ["a", "b", "c", "d"]
    reference = library.make(decision="f1").fit(data.X, data.y)
    index = np.arange(500) + 1000
    for frame, label in (
        (pd.DataFrame(data.X, columns=names, index=index), pd.Series(data.y, index=index)),
        (polars.DataFrame(data.X, schema=names), polars.Series(data.y)),
        (data.X.tolist(), data.y.tolist()),
    ):
        model = library.make(decision="f1").fit(frame, label, sample_weight=pd.Series(np.ones(500), index=index))
        np.testing.assert_allclose(model.thresholds_, reference.thresholds_, rtol=1e-6)
    assert reference.predict(test.X).shape == (400,)


def test_lazy_frames(library, cut):
    polars = pytest.importorskip("polars")
    data, test = cut("binary", 200)
    names = ["a", "b", "c", "d"]
    y = data.y.copy()
    y[:7] = np.nan
    lazy, labels = polars.LazyFrame(data.X, schema=names), polars.LazyFrame({"y": y})
    weight = polars.LazyFrame({"w": data.weight})
    for decision in ("posterior", "f1"):
        reference = library.make(decision=decision).fit(data.X, y, sample_weight=data.weight)
        model = library.make(decision=decision).fit(lazy, polars.Series(y), sample_weight=polars.Series(data.weight))
        np.testing.assert_allclose(model.thresholds_, reference.thresholds_, rtol=1e-6)
        frame = polars.LazyFrame(test.X, schema=names)
        np.testing.assert_allclose(model.predict_proba(frame), reference.predict_proba(test.X), rtol=1e-6)
    with pytest.warns(match="column-vector"):
        model = library.make(decision="f1").fit(lazy, labels, sample_weight=weight)
    np.testing.assert_allclose(model.thresholds_, reference.thresholds_, rtol=1e-6)


def test_tuning_with_early_stopping(library, cut):
    data, test = cut("binary")
    params, options = {"n_estimators": 40, "learning_rate": 0.4}, {}
    if library.name == "xgboost":
        params["early_stopping_rounds"] = 3
        options["verbose"] = False
    else:
        options["callbacks"] = [library.module.early_stopping(3, verbose=False)]
    model = library.make(decision="f1", **params).fit(data.X, data.y, eval_set=[(test.X, test.y)], **options)
    rounds = model.best_iteration + 1 if library.name == "xgboost" else model.best_iteration_
    assert rounds < 37
    (threshold,) = model.thresholds_
    np.testing.assert_array_equal(model.predict(test.X), posterior_of(model, test.X) > threshold)


@pytest.mark.parametrize("what", ["start", "model"])
def test_what_folds_cannot_have_is_refused(library, cut, what):
    data, test = cut("binary")
    names = {"xgboost": ("base_margin", "xgb_model"), "lightgbm": ("init_score", "init_model")}
    name = names[library.name][what == "model"]
    first = library.make().fit(data.X, data.y)
    value = np.zeros(500) if what == "start" else first
    with pytest.raises(ValueError, match=rf"decision is 'f1'.*{name}.*tune_decision"):
        library.make(decision="f1").fit(data.X, data.y, **{name: value})
    if what == "model":
        model = library.make().fit(data.X, data.y, **{name: value}).set_params(decision="f1").tune_decision(test.X, test.y)
        assert 0 < model.thresholds_[0] < 1


def test_a_label_that_is_never_positive(library, cut):
    data, test = cut("multilabel")
    y = np.column_stack([data.y[:, 0], np.zeros(500)])
    for rule in ("f1", "balanced_accuracy", {"recall": 0.8}, "balanced"):
        model = library.make(decision=rule).fit(data.X, y)
        assert np.isfinite(model.thresholds_).all()
        assert model.predict(test.X).shape == (400, 2)
        assert not model.predict(test.X)[:, 1].any()


def test_a_loss_that_gives_probability_zero(library, cut):
    """Below its margin an asymmetric loss knows of no probabilities; ties must not break the tuning."""
    data, _ = cut("binary")
    settings = {"loss": bi.asymmetric_objective(gamma_neg=0.0, margin=0.3, hessian="exact"), "n_estimators": 30}
    eta = cross_val_predict(library.make(**settings), data.X, data.y, method="predict_proba", cv=5)[:, 1]
    assert (eta == 0).sum() > 10
    for rule, score in SCORES.items():
        model = library.make(decision=rule, **settings).fit(data.X, data.y)
        best = best_score(rule, data.y, eta)
        assert score(data.y, eta > model.thresholds_[0]) == pytest.approx(best, abs=1e-9)
    model = library.make(decision={"recall": 1.0}, **settings).fit(data.X, data.y)
    assert sk.recall_score(data.y, eta > model.thresholds_[0]) == pytest.approx(sk.recall_score(data.y, eta >= 0))


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


# Rules that are refused


@pytest.mark.parametrize(
    ("task", "decision", "error"),
    [
        ("binary", "best", ValueError),
        ("binary", "recall", ValueError),
        ("binary", None, TypeError),
        ("binary", 0.5, TypeError),
        ("binary", ["f1"], TypeError),
        ("binary", {}, ValueError),
        ("binary", {"threshold": 0.5, "cost": [[0, 1], [1, 0]]}, ValueError),
        ("binary", {"accuracy": 0.5}, ValueError),
        ("binary", {"threshold": "half"}, TypeError),
        ("binary", {"threshold": 0.0}, ValueError),
        ("binary", {"threshold": 1.0}, ValueError),
        ("binary", {"threshold": np.nan}, ValueError),
        ("binary", {"threshold": [0.5, 0.5]}, ValueError),
        ("binary", {"recall": 1.5}, ValueError),
        ("binary", {"recall": 0.0}, ValueError),
        ("binary", {"cost": [0.0, 1.0]}, ValueError),
        ("binary", {"cost": [[0.0, 1.0], [np.inf, 0.0]]}, ValueError),
        ("binary", {"cost": [[0.0, 1.0], [1.0]]}, TypeError),
        ("binary", {"cost": np.ones((3, 3))}, ValueError),
        ("multiclass", {"cost": np.ones((2, 2))}, ValueError),
        ("multiclass", {"threshold": 0.5}, ValueError),
        ("multiclass", {"threshold": [0.5, 0.5]}, ValueError),
        ("multiclass", {"recall": 0.5}, ValueError),
        ("multilabel", {"cost": np.ones((3, 3))}, ValueError),
        ("multilabel", {"cost": np.ones((2, 2, 2))}, ValueError),
        ("multilabel", {"threshold": [0.5, 0.5]}, ValueError),
        ("multilabel", {"recall": [0.5, 0.5]}, ValueError),
    ],
)
def test_rules_that_are_refused(library, make_data, task, decision, error):
    data = make_data(task, 200)
    with pytest.raises(error, match=r"decision|cost|threshold|recall") as raised:
        library.make(decision=decision).fit(data.X, data.y)
    assert "decision" in str(raised.value)
    fitted = library.make().fit(data.X, data.y).set_params(decision=decision)
    with pytest.raises(error, match="decision"):
        fitted.predict(data.X)


def test_splitters_that_are_refused(library, make_data):
    data = make_data("binary", 200)
    with pytest.raises((ValueError, TypeError), match="decision_cv"):
        library.make(decision="f1", decision_cv=1).fit(data.X, data.y)
    with pytest.raises((ValueError, TypeError), match="decision_cv"):
        library.make(decision="f1", decision_cv="five").fit(data.X, data.y)
    library.make(decision="posterior", decision_cv="five").fit(data.X, data.y)
    with pytest.raises(ValueError, match="decision_cv is 5: n_splits=5 cannot be greater"):
        library.make(decision="f1").fit(data.X[:8], [0, 0, 0, 0, 1, 1, 1, 1])
