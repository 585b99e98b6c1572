"""Several labels a row in one model of each library, and labels that are missing."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:Overriding the parameters from Reference Dataset"),
]

CROSS_ENTROPY = bi.weighted_objective(weights=None, hessian="exact")
NO_FOCUSING = bi.focal_objective(gamma=0.0, hessian="exact")
QUIET = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
NATIVE = {**QUIET, "num_threads": 1, "feature_pre_filter": False}
"""As the classifier trains on few rows."""
STRATEGIES = ["one_output_per_tree", "multi_output_tree"]


@dataclass
class Library:
    """One library's classifier, and what the two libraries call differently."""

    name: str
    module: Any
    ours: Any
    parent: Any
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_xgboost(self) -> bool:
        return self.name == "xgboost"

    def make(self, **params):
        # Its calibrated probabilities are not those of its margins, so that one cannot be taken for the other.
        return self.ours(**{"loss": bi.focal_objective(), "n_estimators": 8, "n_jobs": 1, **self.settings, **params})

    def plain(self, **params):
        return self.parent(**{"n_estimators": 8, "n_jobs": 1, **self.settings, **params})

    def margin(self, model, X):
        return model.predict(X, **{"output_margin" if self.is_xgboost else "raw_score": True})

    def evaluated(self, X, y, pairs, metric=None, weights=None, params=None, **options):
        """A fitted classifier, and its metrics: one dict of curves for each evaluation set."""
        params = dict(params or {})
        if self.is_xgboost:
            params |= {} if metric is None else {"eval_metric": metric}
            options |= {"verbose": False, "sample_weight_eval_set": weights}
        else:
            options |= {} if metric is None else {"eval_metric": metric}
            options |= {"eval_sample_weight": weights}
        model = self.make(**params).fit(X, y, eval_set=pairs, **options)
        found = model.evals_result() if self.is_xgboost else model.evals_result_
        return model, [{name.removeprefix("pre_"): curve for name, curve in one.items()} for one in found.values()]


def library_of(name):
    module = pytest.importorskip(name)
    if name == "xgboost":
        return Library(name, module, bi.ImbalancedXGBClassifier, module.XGBClassifier)
    return Library(name, module, bi.ImbalancedLGBMClassifier, module.LGBMClassifier, dict(QUIET))


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    return library_of(request.param)


@pytest.fixture
def lgb():
    return pytest.importorskip("lightgbm")


@pytest.fixture
def data(make_data):
    return make_data("multilabel", 600)


@pytest.fixture
def test(make_data):
    return make_data("multilabel", 400, seed=1)


@pytest.fixture
def observed():
    """Where there is a label: of some rows none, and of each column more or fewer."""
    rng = np.random.default_rng(4)
    seen = rng.random((600, 3)) < [0.9, 0.6, 0.75]
    seen[::13] = False
    return seen


def masked(y, seen, value=np.nan):
    return np.where(seen, y, value)


def coarse(X):
    """Features with few values, which a library divides alike whatever the rows weigh."""
    return np.round(2 * X) / 2


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


# LightGBM's own interface


def native(lgb, X, Y, objective=CROSS_ENTROPY, rounds=12, weight=None, **options):
    params = {**objective.lightgbm_params(Y), **NATIVE}
    return lgb.train(params, bi.multilabel_dataset(X, Y, weight), rounds, **options)


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_native_training(lgb, data, test, begins, weighted):
    weight = data.weight.astype(np.float32) if weighted else None
    start = CROSS_ENTROPY.lightgbm_start(data.X, data.y, weight) if begins else None
    booster = native(lgb, data.X, data.y, weight=weight, init_model=start)
    raw = booster.predict(test.X, raw_score=True)
    for k in range(3):
        params = {**NATIVE, "objective": "binary", "boost_from_average": begins}
        alone = lgb.train(params, lgb.Dataset(data.X, data.y[:, k], weight=weight), 12)
        np.testing.assert_allclose(raw[:, k], alone.predict(test.X, raw_score=True), rtol=0, atol=1e-12 if begins else 0)


def test_the_classifier_is_the_native_training(lgb, data, test):
    objective = bi.focal_objective(weights="balanced")
    start = objective.lightgbm_start(data.X, data.y)
    booster = native(lgb, data.X, data.y, objective, rounds=8, init_model=start)
    model = library_of("lightgbm").make(loss=objective).fit(data.X, data.y)
    np.testing.assert_array_equal(model.decision_function(test.X), booster.predict(test.X, raw_score=True))
    np.testing.assert_array_equal(
        model.predict_proba(test.X), objective.probability(booster.predict(test.X, raw_score=True))
    )


def test_native_validation_sets(lgb, data, test):
    objective = bi.focal_objective()
    params = {**objective.lightgbm_params(data.y), **NATIVE}
    train = bi.multilabel_dataset(data.X, data.y, data.weight, free_raw_data=False)
    valid = bi.multilabel_dataset(test.X, test.y, test.weight, reference=train, free_raw_data=False)
    names = ("log_loss", "average_precision", "f1")
    metrics = [bi.metrics.log_loss(objective), bi.metrics.average_precision(), bi.metrics.f1()]
    found = {}
    booster = lgb.train(
        params, train, 12, valid_sets=[valid, train], valid_names=["valid", "train"], feval=metrics,
        init_model=objective.lightgbm_start(data.X, data.y, data.weight), callbacks=[lgb.record_evaluation(found)],
    )  # fmt: skip
    for name, one in (("valid", test), ("train", data)):
        raw = booster.predict(one.X, raw_score=True)
        probability = objective.probability(raw)
        expected = [
            np.mean([sk.log_loss(one.y[:, k], probability[:, k], sample_weight=one.weight) for k in range(3)]),
            sk.average_precision_score(one.y, raw, sample_weight=one.weight),
            np.mean([sk.f1_score(one.y[:, k], raw[:, k] > 0, sample_weight=one.weight) for k in range(3)]),
        ]
        for metric, value in zip(names, expected, strict=True):
            found_name = "f1_macro" if metric == "f1" else metric
            assert found[name][found_name][-1] == pytest.approx(value, abs=1e-6)


def test_native_early_stopping(lgb, data, test):
    objective = bi.focal_objective()
    params = {**objective.lightgbm_params(data.y), **NATIVE, "learning_rate": 0.4}
    train = bi.multilabel_dataset(data.X, data.y)
    booster = lgb.train(
        params, train, 100, valid_sets=[bi.multilabel_dataset(test.X, test.y, reference=train)],
        feval=bi.metrics.log_loss(objective), init_model=objective.lightgbm_start(data.X, data.y),
        callbacks=[lgb.early_stopping(4, verbose=False)],
    )  # fmt: skip
    assert 1 < booster.best_iteration < 97
    probability = objective.probability(booster.predict(test.X, raw_score=True))
    expected = np.mean([sk.log_loss(test.y[:, k], probability[:, k]) for k in range(3)])
    assert booster.best_score["valid_0"]["log_loss"] == pytest.approx(expected, abs=1e-9)


def test_cross_validation(lgb, data, test):
    folds = list(KFold(3, shuffle=True, random_state=0).split(data.X))
    params = {**CROSS_ENTROPY.lightgbm_params(data.y), **NATIVE}
    found = lgb.cv(
        params, bi.multilabel_dataset(data.X, data.y), 12, folds=folds, feval=bi.metrics.log_loss(CROSS_ENTROPY),
        return_cvbooster=True,
    )  # fmt: skip
    alone = [
        lgb.cv(
            {**NATIVE, "objective": "binary", "boost_from_average": False}, lgb.Dataset(data.X, data.y[:, k]), 12,
            folds=folds, return_cvbooster=True,
        )
        for k in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(
        found["valid log_loss-mean"], np.mean([one["valid binary_logloss-mean"] for one in alone], axis=0), rtol=0, atol=1e-9
    )
    for i, booster in enumerate(found["cvbooster"].boosters):
        raw = booster.predict(test.X, raw_score=True)
        for k in range(3):
            expected = alone[k]["cvbooster"].boosters[i].predict(test.X, raw_score=True)
            np.testing.assert_array_equal(raw[:, k], expected)


def test_cross_validation_with_shuffled_folds(lgb, data):
    """Folds that LightGBM makes itself."""
    params = {**CROSS_ENTROPY.lightgbm_params(data.y), **NATIVE}
    found = lgb.cv(
        params, bi.multilabel_dataset(data.X, data.y, data.weight), 5, nfold=3, stratified=False, seed=1,
        feval=bi.metrics.log_loss(CROSS_ENTROPY),
    )  # fmt: skip
    alone = [
        lgb.cv(
            {**NATIVE, "objective": "binary", "boost_from_average": False},
            lgb.Dataset(data.X, data.y[:, k], weight=data.weight), 5, nfold=3, stratified=False, seed=1,
        )["valid binary_logloss-mean"]
        for k in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(found["valid log_loss-mean"], np.mean(alone, axis=0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2])
def test_subsets_keep_their_labels(lgb, data, test, depth):
    outer, inner = np.arange(0, 600, 2), np.arange(0, 300, 3)

    def part(dataset):
        first = dataset.subset(outer)
        return first if depth == 1 else first.subset(inner)

    weight = data.weight.astype(np.float32)
    params = {**CROSS_ENTROPY.lightgbm_params(data.y), **NATIVE, "min_data_in_leaf": 5}
    booster = lgb.train(params, part(bi.multilabel_dataset(data.X, data.y, weight, free_raw_data=False)), 5)
    raw = booster.predict(test.X, raw_score=True)
    for k in range(3):
        dataset = lgb.Dataset(data.X, data.y[:, k], weight=weight, free_raw_data=False)
        alone_params = {**NATIVE, "objective": "binary", "boost_from_average": False, "min_data_in_leaf": 5}
        alone = lgb.train(alone_params, part(dataset), 5)
        np.testing.assert_allclose(raw[:, k], alone.predict(test.X, raw_score=True), rtol=0, atol=1e-12)


def test_forms_of_native_labels(lgb, data):
    expected = native(lgb, data.X, data.y, rounds=3).predict(data.X, raw_score=True)
    for label in (data.y.astype(int), data.y > 0, data.y.tolist(), pd.DataFrame(data.y)):
        np.testing.assert_array_equal(native(lgb, data.X, label, rounds=3).predict(data.X, raw_score=True), expected)
    frame = pd.DataFrame(data.X, columns=["a", "b", "c", "d"])
    np.testing.assert_array_equal(native(lgb, frame, data.y, rounds=3).predict(frame, raw_score=True), expected)


def test_native_labels_that_are_refused(lgb, data):
    with pytest.raises(ValueError, match="label has shape"):
        bi.multilabel_dataset(data.X, data.y[:, 0])
    with pytest.raises(ValueError, match="label is 2"):
        bi.multilabel_dataset(data.X, data.y * 2)
    with pytest.raises(TypeError, match="label has dtype"):
        bi.multilabel_dataset(data.X, np.where(data.y > 0, "a", "b"))
    with pytest.raises(ValueError, match="sample_weight has shape"):
        bi.multilabel_dataset(data.X, data.y, np.ones(5))
    empty = data.y.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match="label"):
        bi.multilabel_dataset(data.X, empty)


@pytest.mark.parametrize("begins", [False, True])
def test_missing_labels_in_a_native_data_set(lgb, data, test, observed, begins):
    y = masked(data.y, observed)
    params = {**CROSS_ENTROPY.lightgbm_params(y), **NATIVE}
    start = CROSS_ENTROPY.lightgbm_start(data.X, y) if begins else None
    booster = lgb.train(params, bi.multilabel_dataset(data.X, y), 12, init_model=start)
    raw = booster.predict(test.X, raw_score=True)
    for k in range(3):
        params = {**NATIVE, "objective": "binary", "boost_from_average": begins}
        weight = observed[:, k].astype(np.float32)
        alone = lgb.train(params, lgb.Dataset(data.X, data.y[:, k], weight=weight), 12)
        np.testing.assert_allclose(raw[:, k], alone.predict(test.X, raw_score=True), rtol=0, atol=1e-12)


# Labels that are missing

BLANKS = {
    "NaN": (lambda y, seen: masked(y, seen), {}),
    "None": (lambda y, seen: np.where(seen, y.astype(int).astype(object), None), {}),
    "-1": (lambda y, seen: masked(y, seen, -1).astype(int), {"missing_label": -1}),
    "9": (lambda y, seen: masked(y, seen, 9.0), {"missing_label": 9.0}),
    "pandas": (lambda y, seen: pd.DataFrame(y.astype(int)).astype("Int64").mask(~seen), {}),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", [kind for kind in BLANKS if kind != "NaN"])
def test_ways_to_say_that_a_label_is_missing(library, data, test, observed, kind, strategy):
    settings = {"multi_strategy": strategy} if library.is_xgboost else {}  # LightGBM's trees are of one label
    write, params = BLANKS[kind]
    model = library.make(**params, **settings).fit(data.X, write(data.y, observed))
    reference = library.make(**settings).fit(data.X, masked(data.y, observed))
    np.testing.assert_array_equal(model.predict_proba(test.X), reference.predict_proba(test.X))
    np.testing.assert_array_equal(model.predict(test.X), reference.predict(test.X))
    whole = library.make(**settings).fit(data.X, data.y)
    assert np.abs(model.predict_proba(test.X) - whole.predict_proba(test.X)).max() > 0.05


def test_a_missing_label_has_weight_zero(library, data, test, observed):
    """Whatever stands in its place."""
    some = observed.any(axis=1)
    reference = library.make().fit(data.X, masked(data.y, observed))
    for y in (data.y, 1.0 - (1.0 - data.y) * observed, data.y * observed):
        model = library.make().fit(data.X[some], y[some], sample_weight=observed[some].astype(float))
        np.testing.assert_array_equal(model.predict_proba(test.X), reference.predict_proba(test.X))


def test_each_label_is_learned_from_the_rows_that_have_it(library, data, test, observed):
    X, X_test, settings = coarse(data.X), coarse(test.X), {"max_depth": 2}
    own = library.make(loss=CROSS_ENTROPY, **settings).fit(X, masked(data.y, observed))
    for k in range(3):
        alone = library.plain(**settings, **({} if library.is_xgboost else {"feature_pre_filter": False}))
        alone.fit(X, data.y[:, k], sample_weight=observed[:, k].astype(np.float32))
        np.testing.assert_allclose(own.decision_function(X_test)[:, k], library.margin(alone, X_test), rtol=0, atol=1e-5)
    np.testing.assert_allclose(own.class_prior_, [data.y[observed[:, k], k].mean() for k in range(3)], rtol=1e-6)


def test_counts_ignore_missing_labels(library, data, test, observed):
    y = masked(data.y, observed)
    n = observed.sum(axis=0)
    ones = np.nansum(y, axis=0)
    table = np.stack([n / (2 * (n - ones)), n / (2 * ones)], axis=1)
    balanced = library.make(loss=bi.weighted_objective("balanced")).fit(data.X, y)
    given = library.make(loss=bi.weighted_objective(table)).fit(data.X, y)
    np.testing.assert_allclose(balanced.decision_function(test.X), given.decision_function(test.X), rtol=0, atol=1e-5)
    adjusted = library.make(loss=bi.logit_adjusted_objective()).fit(data.X, y)
    by_hand = library.make(loss=bi.logit_adjusted_objective(priors=ones / n)).fit(data.X, y)
    np.testing.assert_allclose(adjusted.decision_function(test.X), by_hand.decision_function(test.X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_ignore_missing_labels(library, data, test, weighted):
    seen = np.random.default_rng(5).random((400, 3)) < [0.9, 0.5, 0.7]
    seen[::11] = False
    weight = np.round(test.weight) if weighted else None
    names = ("average_precision", "balanced_accuracy", "matthews_correlation", "f1", "log_loss")
    metrics = [getattr(bi.metrics, name)() for name in names]
    y = masked(test.y, seen)
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, y)], metrics, None if weight is None else [weight])
    probability, decided = model.predict_proba(test.X), model.predict(test.X)

    def by_label(score, of):
        values = []
        for k in range(3):
            rows = seen[:, k]
            values.append(score(test.y[rows, k], of[rows, k], sample_weight=None if weight is None else weight[rows]))
        return np.mean(values)

    entry_weight = np.broadcast_to(np.ones(400)[:, None] if weight is None else weight[:, None], seen.shape)[seen]
    expected = {
        "average_precision": by_label(sk.average_precision_score, probability),
        "balanced_accuracy": by_label(sk.balanced_accuracy_score, decided),
        "matthews_correlation": by_label(sk.matthews_corrcoef, decided),
        "f1_macro": by_label(sk.f1_score, decided),
        "log_loss": sk.log_loss(test.y[seen], probability[seen], sample_weight=entry_weight),
    }
    assert set(curve) == set(expected)
    for name, value in expected.items():
        assert curve[name][-1] == pytest.approx(value, abs=2e-6), name


def test_a_users_metric_knows_what_is_missing(library, data, test):
    seen = np.random.default_rng(5).random((400, 3)) < 0.6
    calls = []

    def spy(y, probability):
        calls.append(np.array(y))
        return 0.0 if library.is_xgboost else ("spy", 0.0, False)

    library.evaluated(data.X, data.y, [(test.X, masked(test.y, seen))], spy)
    np.testing.assert_array_equal(calls[-1], masked(test.y, seen))


def test_a_users_metric_is_given_the_weights_of_rows_with_missing_labels(library, data, test):
    seen = np.random.default_rng(5).random((400, 3)) < 0.6
    calls = []

    def brier(y, probability, sample_weight=None):
        calls.append(sample_weight)
        return 0.0 if library.is_xgboost else ("brier", 0.0, False)

    library.evaluated(data.X, data.y, [(test.X, masked(test.y, seen))], brier, [test.weight])
    weight = np.asarray(calls[-1], dtype=float)
    weight = weight if weight.ndim == 2 else np.repeat(weight[:, None], 3, axis=1)
    np.testing.assert_allclose(weight[seen], np.repeat(test.weight[:, None], 3, axis=1)[seen], rtol=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_users_metric_does_not_see_rows_without_a_label(library, make_data, task):
    data, valid = make_data(task, 300), make_data(task, 200, seed=1)
    seen = np.arange(200) % 3 > 0

    def accuracy(y, probability):
        decided = probability.argmax(axis=1) if probability.ndim == 2 else probability > 0.5
        value = float(np.mean(decided == y))
        return value if library.is_xgboost else ("accuracy", value, True)

    model, (curve,) = library.evaluated(data.X, data.y, [(valid.X, np.where(seen, valid.y, np.nan))], accuracy)
    expected = (model.predict(valid.X) == valid.y)[seen].mean()
    assert curve["accuracy"][-1] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("metric", ["error", ["rmse"]])
def test_xgboosts_own_metrics_are_refused_where_labels_are_missing(data, test, metric):
    """They would count a missing label."""
    library = library_of("xgboost")
    seen = np.random.default_rng(5).random((400, 3)) < 0.6
    params = {"loss": CROSS_ENTROPY}
    with pytest.raises(ValueError, match=r"eval_metric.*missing"):
        library.evaluated(data.X, data.y, [(test.X, masked(test.y, seen))], metric, params=params)
    _, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], metric, params=params)
    assert len(curve) == 1


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_without_any_label_are_left_out(library, make_data, task, weighted):
    data = make_data(task, 500)
    seen = np.random.default_rng(1).random(500) < 0.7
    y = np.where(seen if task != "multilabel" else seen[:, None], data.y, np.nan)
    loss = bi.focal_objective(weights="balanced")
    weight = data.weight if weighted else None
    model = library.make(loss=loss).fit(data.X, y, sample_weight=weight)
    reference = library.make(loss=loss).fit(
        data.X[seen], data.y[seen], sample_weight=None if weight is None else weight[seen]
    )
    np.testing.assert_array_equal(model.predict_proba(data.X), reference.predict_proba(data.X))
    np.testing.assert_allclose(model.class_prior_, reference.class_prior_, rtol=1e-12)
    features = pd.DataFrame(data.X, index=np.arange(500) + 3)
    of_frame = library.make(loss=loss).fit(features, y, sample_weight=weight)
    np.testing.assert_array_equal(of_frame.predict_proba(data.X), reference.predict_proba(data.X))
    of_sparse = library.make(loss=loss).fit(scipy.sparse.csr_matrix(data.X), y, sample_weight=weight)
    np.testing.assert_allclose(of_sparse.predict_proba(data.X), reference.predict_proba(data.X), rtol=0, atol=1e-6)


def test_nothing_to_learn_from(library, data):
    y = data.y.copy()
    y[:, 1] = np.nan
    with pytest.raises(ValueError, match="y holds no label in column 1"):
        library.make().fit(data.X, y)
    with pytest.raises(ValueError, match="y holds no label"):
        library.make().fit(data.X, np.full((600, 3), np.nan))
    with pytest.raises(ValueError, match="y holds no label in column 2"):
        library.make(missing_label=-1).fit(data.X, np.column_stack([data.y[:, :2], np.full(600, -1)]))
    with pytest.raises(ValueError, match="sample_weight is 0 in every row of label 0"):
        library.make().fit(data.X, data.y, sample_weight=np.column_stack([np.zeros(600), np.ones((600, 2))]))


def test_evaluation_on_the_training_set_with_missing_labels(library, data, observed):
    y = masked(data.y, observed)
    model, (curve,) = library.evaluated(data.X, y, [(data.X, y)])
    expected = sk.log_loss(data.y[observed], model.predict_proba(data.X)[observed])
    assert curve["log_loss"][-1] == pytest.approx(expected, abs=2e-6)


def test_probabilities_do_not_depend_on_how_many_labels_are_missing(library, make_data):
    """Labels that are missing at random leave the posterior as it is."""
    data, test = make_data("multilabel", 6000), make_data("multilabel", 3000, seed=1)
    seen = np.random.default_rng(2).random(data.y.shape) < [1.0, 0.5, 0.7]
    settings = {"n_estimators": 40, "learning_rate": 0.1, "max_depth": 3}

    def error(label):
        probability = library.make(**settings).fit(data.X, label).predict_proba(test.X)
        return np.abs(probability - test.posterior).mean(axis=0)

    whole, partial, filled = error(data.y), error(masked(data.y, seen)), error(masked(data.y, seen, 0.0))
    assert (partial < whole + 0.01).all()
    assert (filled[1:] > 1.25 * partial[1:]).all()  # as if a missing label were a negative one
