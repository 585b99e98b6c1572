"""Several labels a row in one model of each library: as many separate models."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict

from tests.estimators.multilabel.common import CROSS_ENTROPY, NATIVE, STRATEGIES, coarse, library_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:Overriding the parameters from Reference Dataset"),
]


NO_FOCUSING = bi.focal_objective(gamma=0.0, hessian="exact")


# One model for several labels


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("weighted", [False, True])
def test_xgboost_cross_entropy_is_the_parent(data, test, strategy, weighted):
    library = library_of("xgboost")
    weight = data.weight if weighted else None
    settings = {"multi_strategy": strategy, "n_estimators": 20}
    own = library.make(loss=CROSS_ENTROPY, **settings).fit(data.X, data.y, sample_weight=weight)
    parent = library.plain(**settings).fit(data.X, data.y, sample_weight=weight)
    np.testing.assert_allclose(own.predict_proba(test.X), parent.predict_proba(test.X), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(own.predict(test.X), parent.predict(test.X))
    trees = own.get_booster().trees_to_dataframe() if strategy == STRATEGIES[0] else None
    assert trees is None or trees["Tree"].nunique() == 60


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"subsample": 0.6, "subsample_freq": 1, "random_state": 3}, {"num_leaves": 7}], ids=str
)
def test_lightgbm_is_as_many_separate_classifiers(data, test, weighted, options):
    library = library_of("lightgbm")
    weight = data.weight.astype(np.float32) if weighted else None
    own = library.make(loss=CROSS_ENTROPY, n_estimators=25, **options).fit(data.X, data.y, sample_weight=weight)
    for k in range(3):
        alone = library.plain(n_estimators=25, feature_pre_filter=False, **options)
        alone.fit(data.X, data.y[:, k], sample_weight=weight)
        raw = library.margin(alone, test.X)
        np.testing.assert_allclose(own.decision_function(test.X)[:, k], raw, rtol=0, atol=1e-12)
        np.testing.assert_allclose(own.predict_proba(test.X)[:, k], alone.predict_proba(test.X)[:, 1], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(own.predict(test.X)[:, k], alone.predict(test.X))


@pytest.mark.parametrize("loss", [CROSS_ENTROPY, NO_FOCUSING], ids=["weights=None", "gamma=0"])
def test_lightgbm_is_as_many_native_boosters_bit_by_bit(lgb, data, test, loss):
    library = library_of("lightgbm")
    own = library.make(loss=loss, n_estimators=25).fit(data.X, data.y)
    assert own.booster_.num_model_per_iteration() == 3
    assert own.booster_.num_trees() == 75
    for k in range(3):
        start = loss.lightgbm_start(data.X, data.y[:, k])
        dataset = lgb.Dataset(data.X, data.y[:, k], free_raw_data=False)
        native = lgb.train({**NATIVE, "objective": "binary"}, dataset, 25, init_model=start)
        np.testing.assert_array_equal(own.decision_function(test.X)[:, k], native.predict(test.X, raw_score=True))


def test_lightgbm_with_validation_sets_is_as_many_native_boosters(lgb, data, test):
    library = library_of("lightgbm")
    own, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], params={"loss": CROSS_ENTROPY, "n_estimators": 25})
    curves = []
    for k in range(3):
        dataset = lgb.Dataset(data.X, data.y[:, k])
        found = {}
        valid = lgb.Dataset(test.X, test.y[:, k], reference=dataset)
        options = {"valid_sets": [valid], "callbacks": [lgb.record_evaluation(found)]}
        native = lgb.train({**NATIVE, "objective": "binary"}, dataset, 25, **options)
        curves.append(found["valid_0"]["binary_logloss"])
        raw = native.predict(test.X, raw_score=True)
        np.testing.assert_allclose(own.decision_function(test.X)[:, k], raw, rtol=0, atol=1e-12)
    np.testing.assert_allclose(curve["log_loss"], np.mean(curves, axis=0), rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", [bi.focal_objective(), bi.asymmetric_objective(), bi.logit_adjusted_objective()], ids=repr)
def test_lightgbm_of_any_loss_is_as_many_separate_classifiers(data, test, loss):
    library = library_of("lightgbm")
    own = library.make(loss=loss).fit(data.X, data.y)
    for k in range(3):
        alone = library.make(loss=loss).fit(data.X, data.y[:, k])
        np.testing.assert_allclose(own.decision_function(test.X)[:, k], alone.decision_function(test.X), rtol=0, atol=1e-6)
        np.testing.assert_allclose(own.predict_proba(test.X)[:, k], alone.predict_proba(test.X)[:, 1], rtol=0, atol=1e-6)


def test_parameters_by_label(library, data, test):
    loss = bi.focal_objective(gamma=[0.0, 1.0, 3.0], weights=[1.0, 2.0, 4.0], hessian="positive_terms")
    own = library.make(loss=loss).fit(data.X, data.y)
    for k, (gamma, weight) in enumerate([(0.0, 1.0), (1.0, 2.0), (3.0, 4.0)]):
        single = bi.focal_objective(gamma=gamma, weights=weight, hessian="positive_terms")
        alone = library.make(loss=single).fit(data.X, data.y[:, k])
        np.testing.assert_allclose(own.predict_proba(test.X)[:, k], alone.predict_proba(test.X)[:, 1], rtol=0, atol=1e-5)


LABELS = {
    "int": lambda y: y.astype(int),
    "bool": lambda y: y > 0,
    "float32": lambda y: y.astype(np.float32),
    "list": lambda y: y.astype(int).tolist(),
    "sparse": lambda y: scipy.sparse.csr_matrix(y.astype(int)),
    "pandas": lambda y: pd.DataFrame(y.astype(int), columns=["a", "b", "c"], index=np.arange(len(y)) + 5),
    "objects": lambda y: y.astype(int).astype(object),
}


@pytest.mark.parametrize("kind", LABELS)
def test_forms_of_labels(library, data, kind):
    label = LABELS[kind](data.y)
    model = library.make().fit(data.X, label)
    reference = library.make().fit(data.X, data.y)
    np.testing.assert_array_equal(model.predict_proba(data.X), reference.predict_proba(data.X))
    decided = model.predict(data.X)
    np.testing.assert_array_equal(decided, reference.predict(data.X))
    assert decided.shape == (600, 3)
    assert decided.dtype == (bool if kind == "bool" else np.float32 if kind == "float32" else int)
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(model.class_prior_, data.y.mean(axis=0), rtol=1e-6)


def test_polars_labels(library, data):
    polars = pytest.importorskip("polars")
    model = library.make().fit(data.X, polars.DataFrame(data.y, schema=["a", "b", "c"]))
    np.testing.assert_array_equal(model.predict_proba(data.X), library.make().fit(data.X, data.y).predict_proba(data.X))


def test_inside_scikit_learn(library, data):
    model = library.make(n_estimators=4)
    cv = KFold(3, shuffle=True, random_state=0)
    probability = cross_val_predict(model, data.X, data.y, method="predict_proba", cv=cv)
    for train, test in cv.split(data.X):
        direct = library.make(n_estimators=4).fit(data.X[train], data.y[train]).predict_proba(data.X[test])
        np.testing.assert_array_equal(probability[test], direct)
    search = GridSearchCV(model, {"loss__gamma": [0.0, 4.0]}, scoring="average_precision", cv=cv, error_score="raise")
    search.fit(data.X, data.y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert model.fit(data.X, data.y).score(data.X, data.y) == sk.accuracy_score(data.y, model.predict(data.X))


@pytest.mark.parametrize(
    ("label", "error", "words"),
    [
        (lambda y: y + 1.0, ValueError, "y is 2.0 in row .*multi-label"),
        (lambda y: np.where(y > 0, 0.5, 0.0), ValueError, r"y is .*0\.5.*zeros and ones"),
        (lambda y: np.where(y > 0, np.inf, 0.0), ValueError, "y contains infinity"),
        (lambda y: np.where(y > 0, "a", "b"), TypeError, "y has dtype .*zeros and ones"),
        (lambda y: np.zeros((len(y), 3, 2)), ValueError, "y has shape"),
        (lambda y: y[:-1], ValueError, "inconsistent numbers of samples"),
    ],
)
def test_labels_that_are_refused(library, data, label, error, words):
    with pytest.raises(error, match=words):
        library.make().fit(data.X, label(data.y))


def test_evaluation_labels_that_are_refused(library, data, test):
    with pytest.raises(ValueError, match=r"eval_set\[0\] has 2 labels, but the training had 3"):
        library.evaluated(data.X, data.y, [(test.X, test.y[:, :2])])
    with pytest.raises(ValueError, match=r"eval_set\[1\] has shape"):
        library.evaluated(data.X, data.y, [(test.X, test.y), (test.X, test.y[:, 0])])
    with pytest.raises(ValueError, match=r"eval_set\[0\] is .*zeros and ones"):
        library.evaluated(data.X, data.y, [(test.X, test.y + 1.0)])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_label_that_never_changes_does_not_disturb_the_others(library, data, test, value):
    y = np.column_stack([data.y[:, 0], np.full(600, value), data.y[:, 1:]])
    model = library.make().fit(data.X, y)
    reference = library.make().fit(data.X, data.y)
    probability = model.predict_proba(test.X)
    np.testing.assert_allclose(probability[:, [0, 2, 3]], reference.predict_proba(test.X), rtol=0, atol=1e-6)
    assert np.abs(probability[:, 1] - value).max() < 1e-3
    assert (model.predict(test.X)[:, 1] == value).all()


def test_weights_by_label(library, data, test):
    rng = np.random.default_rng(0)
    weight = rng.choice([0.5, 1.0, 2.0], size=(600, 3)).astype(np.float32)
    X, settings = coarse(data.X), {"loss": CROSS_ENTROPY, "max_depth": 2}
    own = library.make(**settings).fit(X, data.y, sample_weight=weight)
    for k in range(3):
        alone = library.plain(max_depth=2, **({} if library.is_xgboost else {"feature_pre_filter": False}))
        alone.fit(X, data.y[:, k], sample_weight=weight[:, k])
        raw = library.margin(alone, coarse(test.X))
        np.testing.assert_allclose(own.decision_function(coarse(test.X))[:, k], raw, rtol=0, atol=1e-5)
    np.testing.assert_allclose(own.class_prior_, np.average(data.y, axis=0, weights=weight), rtol=1e-6)
    equal = library.make(**settings).fit(X, data.y, sample_weight=np.repeat(data.weight[:, None], 3, axis=1))
    by_row = library.make(**settings).fit(X, data.y, sample_weight=data.weight)
    np.testing.assert_allclose(equal.predict_proba(X), by_row.predict_proba(X), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="sample_weight has shape"):
        library.make().fit(data.X, data.y, sample_weight=weight[:, :2])


def test_evaluation_weights_by_label(library, data, test):
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=(400, 3))
    if library.is_xgboost:  # XGBoost keeps one weight per row
        with pytest.raises(ValueError, match=r"sample_weight_eval_set\[0\]"):
            library.evaluated(data.X, data.y, [(test.X, test.y)], weights=[weight])
        return
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], weights=[weight])
    p = model.predict_proba(test.X)
    loss = -np.where(test.y > 0, np.log(p), np.log(1 - p))
    assert curve["log_loss"][-1] == pytest.approx(np.average(loss, weights=weight), abs=1e-6)


@pytest.mark.parametrize("metric", ["auc", "average_precision", "multi_error", "binary_error"])
def test_lightgbm_metrics_of_one_column_are_refused(data, test, metric):
    library = library_of("lightgbm")
    with pytest.raises(ValueError, match=rf"eval_metric is '{metric}'"):
        library.evaluated(data.X, data.y, [(test.X, test.y)], metric)
