"""Warnings of what is allowed but seldom meant: once, where it can be acted upon, and with a line that works."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import boost_imbalance as bi

pytest.importorskip("sklearn")

SETTINGS = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}


@pytest.fixture(params=["xgboost", "lightgbm"])
def make(request):
    pytest.importorskip(request.param)
    if request.param == "xgboost":
        return lambda **params: bi.ImbalancedXGBClassifier(**{**SETTINGS, **params})
    return lambda **params: bi.ImbalancedLGBMClassifier(**{**SETTINGS, "verbosity": -1, **params})


@pytest.fixture
def xgboost_model():
    pytest.importorskip("xgboost")
    return lambda **params: bi.ImbalancedXGBClassifier(**{**SETTINGS, **params})


@pytest.fixture
def lightgbm_model():
    pytest.importorskip("lightgbm")
    return lambda **params: bi.ImbalancedLGBMClassifier(**{**SETTINGS, "verbosity": -1, **params})


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    return X, (X[:, 0] + 0.5 * rng.normal(size=300) > 0.5).astype(int)


def said(call):
    """What a call warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    here = [one for one in caught if one.filename == __file__]  # the user's own line
    return [str(one.message) for one in here if "eval_set" not in str(one.message)]


# One-hot labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    ("form", "line"),
    [
        (lambda y: y, "y.argmax(axis=1)"),
        (lambda y: y.astype(float), "y.argmax(axis=1)"),
        (lambda y: y.tolist(), "numpy.asarray(y).argmax(axis=1)"),
        (lambda y: pd.DataFrame(y == 1, columns=[f"kind {i}" for i in range(y.shape[1])]), "y.idxmax(axis=1)"),
        (scipy.sparse.csr_matrix, "y.toarray().argmax(axis=1)"),
    ],
    ids=["integers", "floats", "list", "dummies", "sparse"],
)
def test_one_hot_labels(make, data, classes, form, line):
    X, _ = data
    code = np.digitize(X[:, 0], [-0.5, 0.5][: classes - 1])
    y = form(np.eye(classes, dtype=int)[code])
    (message,) = said(lambda: make(decision="f1", decision_cv=2).fit(X, y))
    assert f"write fit(X, {line})" in message
    label = eval(line, {"y": y, "numpy": np})
    model = make()
    assert not said(lambda: model.fit(X, label))
    assert model.predict_proba(X).shape == (300, classes)


def test_labels_that_are_not_one_hot(make, data):
    X, y = data
    others = X[:, 1:] > 0.3
    exclusive = np.column_stack([y, 1 - y])
    for labels in (
        np.column_stack([y, others]),
        np.column_stack([y, np.zeros(300)]),
        np.column_stack([np.ones(300), np.zeros(300)]),
        np.vstack([exclusive[:299], [[1, 1]]]),
        np.where(np.arange(300)[:, None] == 5, np.nan, exclusive),
        np.where([[True, False]] & (np.arange(300)[:, None] == 5), np.nan, exclusive),
    ):
        assert not [one for one in said(lambda labels=labels: make().fit(X, labels)) if "one-hot" in one]
    assert not [one for one in said(lambda: make(min_child_weight=0).fit(X[:20], exclusive[:20])) if "one-hot" in one]


# Parameters of the same name


def test_gamma_of_xgboost(xgboost_model, data):
    (message,) = said(lambda: xgboost_model(gamma=2.0, decision="f1", decision_cv=2).fit(*data))
    assert "smallest gain of a split" in message
    assert "loss=focal_objective(gamma=2.0)" in message
    assert "min_split_loss=2.0" in message
    (message,) = said(lambda: xgboost_model(gamma=2.0, loss=bi.focal_objective(weights=3.0)).fit(*data))
    assert "loss=focal_objective(gamma=2.0, weights=3.0)" in message
    assert said(lambda: xgboost_model(gamma=2.0, loss=bi.ldam_objective()).fit(*data))
    (message,) = said(lambda: xgboost_model(alpha=0.25, loss=bi.focal_objective(gamma=2.0)).fit(*data))
    assert "loss=focal_objective(gamma=2.0, alpha=0.25)" in message
    assert "reg_alpha=0.25" in message


def test_gamma_of_xgboost_that_nobody_doubts(xgboost_model, data):
    for params in (
        {},
        {"gamma": 0},
        {"min_split_loss": 2.0},
        {"loss": bi.focal_objective(gamma=2.0), "gamma": 0.5},
        {"alpha": 0.25},
        {"reg_alpha": 0.25, "loss": bi.focal_objective()},
    ):
        assert not said(lambda params=params: xgboost_model(**params).fit(*data))
    meant = xgboost_model(min_split_loss=2.0, loss=bi.focal_objective()).fit(*data).predict_proba(data[0])
    with pytest.warns(UserWarning, match="min_split_loss"):
        same = xgboost_model(gamma=2.0, loss=bi.focal_objective()).fit(*data).predict_proba(data[0])
    np.testing.assert_array_equal(meant, same)


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"gamma": 2.0}, "loss=focal_objective(gamma=2.0)"),
        ({"gamma": 2.0, "loss": bi.focal_objective(gamma=1.0)}, "loss=focal_objective(gamma=2.0)"),
        ({"alpha": 0.25, "loss": bi.focal_objective(gamma=2.0)}, "loss=focal_objective(gamma=2.0, alpha=0.25)"),
        ({"tau": 0.5, "loss": bi.logit_adjusted_objective()}, "loss=logit_adjusted_objective(tau=0.5)"),
        ({"hessian": "exact"}, "loss=weighted_objective(weights=None, hessian='exact')"),
    ],
    ids=str,
)
def test_parameters_that_lightgbm_ignores(lightgbm_model, data, params, line):
    (message,) = said(lambda: lightgbm_model(**params).fit(*data))
    assert f"write {line}." in message
    assert not said(lambda: lightgbm_model(min_split_gain=0.1, loss=bi.focal_objective(gamma=2.0)).fit(*data))


# Weights by label


@pytest.mark.parametrize("weights", [{1: 5.0}, {0: 1.0, 1: 5.0}])
def test_values_in_the_place_of_labels(make, data, weights):
    X, y = data
    labels = np.column_stack([y, X[:, 1] > 0, X[:, 2] > 0]).astype(int)
    (message,) = said(lambda: make(class_weight=weights, decision="f1", decision_cv=2).fit(X, labels))
    assert f"write class_weight=[{weights!r}] * 3" in message
    for meant in ([weights] * 3, {1: {1: 5.0}}, {1: 5.0, 2: 1.0}, "balanced"):
        assert not said(lambda meant=meant: make(class_weight=meant).fit(X, labels))
    assert not said(lambda: make(class_weight=weights).fit(X, y))


# Trees without any split


def test_hessians_that_are_too_small_for_a_split(make, data):
    X, y = data
    weight = np.full(300, 1e-6)
    (message,) = said(lambda: make(decision="f1", decision_cv=2).fit(X, y, sample_weight=weight))
    assert "no tree of this model has a split" in message
    assert "give min_child_weight=0" in message
    p = y.mean()
    sum_of_hessians = 1e-6 * 300 * p * (1 - p) * (max(p, 0.5) + max(1 - p, 0.5))
    assert float(message.partition("sum to ")[2].partition(",")[0]) == pytest.approx(sum_of_hessians, rel=0.01)
    assert not said(lambda: make(min_child_weight=0, reg_lambda=0).fit(X, y, sample_weight=weight))


@pytest.mark.parametrize("several", [False, True])
def test_a_gain_that_is_too_large_for_a_split(xgboost_model, lightgbm_model, data, several):
    X, y = data
    y = np.digitize(X[:, 0], [-0.5, 0.5]) if several else y
    for model, name in ((xgboost_model, "min_split_loss"), (lightgbm_model, "min_split_gain")):
        (message,) = said(lambda model=model, name=name: model(**{name: 1e5}).fit(X, y))
        assert "no tree of this model has a split" in message
        assert name in message


def test_too_few_rows_for_a_split_of_lightgbm(lightgbm_model, data):
    X, y = data[0][:30], data[1][:30]
    (message,) = said(lambda: lightgbm_model().fit(X, y))
    assert "min_child_samples=20" in message
    assert "there are 30" in message
    assert not said(lambda: lightgbm_model(min_child_samples=2).fit(X, y))


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_labels_without_a_split(xgboost_model, data, strategy):
    X, y = data
    rare = (np.arange(300) == 0).astype(int)
    labels = np.column_stack([y, rare, np.zeros(300, int), rare[::-1]])
    messages = said(lambda: xgboost_model(multi_strategy=strategy, num_parallel_tree=2).fit(X, labels))
    if strategy == "multi_output_tree":  # whose splits are of all labels
        assert messages == []
    else:
        assert len(messages) == 1
        assert messages[0].startswith("no tree of labels 1, 3 has a split")
        assert "min_child_weight" in messages[0]
        assert not said(lambda: xgboost_model(min_child_weight=0).fit(X, labels))


def test_what_cannot_have_a_split(make, data):
    X, y = data
    assert not said(lambda: make(classes=[0, 1]).fit(X, 0 * y))
    assert not said(lambda: make(classes=[0, 1, 2]).fit(X, 0 * y))


def test_linear_models_have_no_trees(xgboost_model, data):
    assert not [one for one in said(lambda: xgboost_model(booster="gblinear", max_depth=None).fit(*data)) if "split" in one]


# Validation sets


def test_weights_among_the_validation_sets(make, data):
    X, y = data
    name = "sample_weight_eval_set" if "XGB" in type(make()).__name__ else "eval_sample_weight"
    with pytest.raises(ValueError, match=rf"eval_set\[0\] has 3 entries; .* as {name}="):
        make().fit(X, y, eval_set=[(X, y, np.ones(300))])
    with pytest.raises(TypeError, match=r"eval_set\[1\] is .*; give a list of pairs"):
        make().fit(X, y, eval_set=[(X, y), X])
