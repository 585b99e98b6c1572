"""Classes without a row are decided for by nobody but a cost that asks for them."""

import numpy as np
import pytest

pytest.importorskip("sklearn")


pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


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
