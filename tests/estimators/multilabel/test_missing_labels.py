"""Labels that are missing."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk

from tests.estimators.multilabel.common import CROSS_ENTROPY, STRATEGIES, coarse, library_of, masked

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:Overriding the parameters from Reference Dataset"),
]


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
