"""Rules that need no tuning, against their definitions, and rules that are refused."""

import copy

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import metrics as sk

from tests.estimators.decisions.common import COSTS, best_score, posterior_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


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
