"""The interface of scikit-learn: its checks, shapes, calibration, what is left of an earlier fit, and errors."""

import inspect

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.special import expit, logit, softmax

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from tests.estimators.classifier.common import CROSS_ENTROPY, divergence, mean_log_loss, positive

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


NO_FOCUSING = bi.focal_objective(gamma=0.0, hessian="exact")


# The interface of scikit-learn


def test_passes_the_checks_of_scikit_learn_that_its_parent_passes(library):
    params = {"n_estimators": 20, "n_jobs": 1, **({} if library.is_xgboost else {"verbosity": -1})}

    def failed(estimator):
        found = check_estimator(estimator, on_fail=None, on_skip=None)
        assert len(found) > 40
        return {one["check_name"] for one in found if one["status"] == "failed"}

    assert failed(library.ours(**params)) <= failed(library.parent(**params))


def test_is_a_classifier_of_several_labels_too(library):
    model = library.make()
    assert is_classifier(model)
    assert isinstance(model, library.parent)
    assert model.__sklearn_tags__().classifier_tags.multi_label
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [CROSS_ENTROPY, NO_FOCUSING], ids=["weights=None", "gamma=0"])
def test_cross_entropy_is_the_parent(library, make_data, loss, weighted, task):
    if task == "multilabel" and not library.is_xgboost:
        pytest.skip("LightGBM's own classifier takes one label")
    data = make_data(task, 800)
    weight = data.weight.astype(np.float32) if weighted else None
    own = library.make(loss=loss, n_estimators=20).fit(data.X, data.y, sample_weight=weight)
    parent = library.plain(n_estimators=20).fit(data.X, data.y, sample_weight=weight)
    if library.is_xgboost:
        np.testing.assert_allclose(own.predict_proba(data.X), parent.predict_proba(data.X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        own.decision_function(data.X), library.margin(parent, data.X), rtol=0, atol=1e-5 if library.is_xgboost else 1e-12
    )
    np.testing.assert_array_equal(own.predict(data.X), parent.predict(data.X))
    assert own.score(data.X, data.y) == parent.score(data.X, data.y)


def test_shapes_and_links(library, make_data, task):
    data = make_data(task, 300)
    model = library.make().fit(data.X, data.y)
    margin, raw, calibrated = (
        model.decision_function(data.X), model.predict_proba(data.X, calibrated=False), model.predict_proba(data.X)
    )  # fmt: skip
    assert margin.shape == data.y.shape if task != "multiclass" else (300, 3)
    assert raw.shape == calibrated.shape == (300, 2 if task == "binary" else 3)
    link = softmax(margin, axis=1) if task == "multiclass" else expit(margin)
    np.testing.assert_allclose(positive(raw), link, rtol=1e-6)
    np.testing.assert_allclose(positive(calibrated), model.loss_.probability(margin.astype(np.float64)), rtol=1e-12)
    assert calibrated.dtype == np.float64
    if task != "multilabel":
        np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, rtol=1e-12)
    name = "output_margin" if library.is_xgboost else "raw_score"
    np.testing.assert_array_equal(model.predict(data.X, **{name: True}), margin)


def test_prediction_with_fewer_rounds(library, make_data, task):
    data = make_data(task, 300)
    long = library.make(n_estimators=10).fit(data.X, data.y)
    short = library.make(n_estimators=4).fit(data.X, data.y)
    options = library.rounds(4)
    np.testing.assert_allclose(long.predict_proba(data.X, **options), short.predict_proba(data.X), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(long.predict(data.X, **options), short.predict(data.X))


# Calibration

LOSSES = {
    "weighted": bi.weighted_objective(),
    "focal": bi.focal_objective(gamma=2.0),
    "focal and weighted": bi.focal_objective(gamma=2.0, weights="balanced"),
    "asymmetric": bi.asymmetric_objective(),
    "asymmetric without a margin": bi.asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.0),
    "class-balanced": bi.class_balanced_objective(),
    "logit-adjusted": bi.logit_adjusted_objective(),
    "adaptive": bi.adaptive_objective(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_probabilities_are_as_good_as_those_of_the_built_in_objective(library, make_data, task, name):
    train, test = make_data(task, 4000), make_data(task, 4000, seed=1)
    settings = {"n_estimators": 60, "learning_rate": 0.1, "max_depth": 3}
    if task == "multilabel" and not library.is_xgboost:
        columns = [library.plain(**settings).fit(train.X, label).predict_proba(test.X)[:, 1] for label in train.y.T]
        built_in = np.stack(columns, axis=1)
    else:
        built_in = library.plain(**settings).fit(train.X, train.y).predict_proba(test.X)
    model = library.make(loss=LOSSES[name], **settings).fit(train.X, train.y)
    own, raw = model.predict_proba(test.X), model.predict_proba(test.X, calibrated=False)

    best = divergence(test.posterior, built_in)
    uninformed = divergence(test.posterior, np.broadcast_to(test.posterior.mean(axis=0), own.shape) if task != "binary"
                            else np.full((len(test.X), 2), test.posterior.mean()))  # fmt: skip
    assert best < 0.25 * uninformed  # the task can be learned, so that the comparison says something
    # Its own weights move while it trains, and the map is that of the first round.
    noise = 0.015 if name == "adaptive" else 0.005
    assert divergence(test.posterior, own) < best + noise
    difference = mean_log_loss(test.y, own) - mean_log_loss(test.y, built_in)
    assert difference < 3 * noise
    if "focal" in name or "weighted" in name:
        assert divergence(test.posterior, raw) > 3 * divergence(test.posterior, own)
        assert mean_log_loss(test.y, raw) > mean_log_loss(test.y, own) + 0.03


# Fitting again


def test_the_same_model_for_one_task_after_another(library, make_data):
    model = library.make(loss=bi.focal_objective(gamma=1.0))
    for task in ("binary", "multilabel", "multiclass", "binary"):
        data = make_data(task, 300)
        model.fit(data.X, data.y)
        fresh = library.make(loss=bi.focal_objective(gamma=1.0)).fit(data.X, data.y)
        np.testing.assert_array_equal(model.predict_proba(data.X), fresh.predict_proba(data.X))
        np.testing.assert_array_equal(model.predict(data.X), fresh.predict(data.X))
        np.testing.assert_array_equal(model.classes_, fresh.classes_)
        assert model.n_classes_ == fresh.n_classes_


def test_nothing_is_left_of_an_earlier_fit(library, make_data):
    data, test = make_data("binary", 300), make_data("binary", 200, seed=1)
    params, options = library.early_stopping(2)
    table = pd.DataFrame(data.X[:, :3], columns=["a", "b", "c"])
    pairs = [(pd.DataFrame(test.X[:, :3], columns=["a", "b", "c"]), test.y)]
    params |= {"n_estimators": 60, "learning_rate": 0.5, "decision": "f1"}
    model, _ = library.evaluated(table, data.y, pairs, params=params, **options)
    if library.is_xgboost:
        model.set_params(early_stopping_rounds=None)
    model.set_params(decision="posterior").fit(data.X, data.y)
    fresh = library.make(n_estimators=60, learning_rate=0.5).fit(data.X, data.y)
    np.testing.assert_array_equal(model.predict_proba(test.X), fresh.predict_proba(test.X))
    assert model.n_features_in_ == 4
    assert hasattr(model, "feature_names_in_") == hasattr(fresh, "feature_names_in_")
    model.set_params(decision="f1")
    with pytest.raises(ValueError, match="no thresholds were tuned"):
        model.predict(test.X)


# Errors


def test_features_that_do_not_match(library, make_data):
    data = make_data("binary", 300)
    table = pd.DataFrame(data.X, columns=["a", "b", "c", "d"])
    of_array, of_frame = library.make().fit(data.X, data.y), library.make().fit(table, data.y)
    expected = f"X has 3 features, but {library.ours.__name__} is expecting 4 features as input"
    for method in ("predict", "predict_proba", "decision_function"):
        for X in (data.X[:, :3], scipy.sparse.csr_matrix(data.X[:, :3]), data.X[:, :3].tolist()):
            with pytest.raises(ValueError, match=expected):
                getattr(of_array, method)(X)
        with pytest.raises(ValueError, match=expected):
            getattr(of_frame, method)(table[["a", "b", "c"]])
        with pytest.raises(ValueError, match=r"feature names.*column 0 of X is 'z', but was 'a'"):
            getattr(of_frame, method)(table.rename(columns={"a": "z"}))
        with pytest.raises(ValueError, match=r"feature names.*column 1 of X is 'c', but was 'b'"):
            getattr(of_frame, method)(table[["a", "c", "b", "d"]])
        with pytest.raises(ValueError, match="2D array"):
            getattr(of_array, method)(data.X[0])
    np.testing.assert_array_equal(of_frame.predict_proba(data.X), of_frame.predict_proba(table))


def test_before_fit(library, binary, tmp_path):
    model = library.make(decision="f1")
    calls = [
        lambda: model.predict(binary.X),
        lambda: model.predict_proba(binary.X),
        lambda: model.decision_function(binary.X),
        lambda: model.thresholds_,
        lambda: model.classes_,
        lambda: model.tune_decision(binary.X, binary.y),
        lambda: model.save_model(tmp_path / "model.json"),
        lambda: model.to_onnx(),
    ]
    for call in calls:
        with pytest.raises(NotFittedError, match=f"This {library.ours.__name__} instance is not fitted yet"):
            call()


@pytest.mark.parametrize("y", [None, "short"])
def test_lengths_that_differ(library, binary, y):
    for X in (binary.X, pd.DataFrame(binary.X), scipy.sparse.csr_matrix(binary.X), binary.X.tolist()):
        with pytest.raises(ValueError, match="requires y" if y is None else "inconsistent numbers of samples: .500, 499."):
            library.make().fit(X, None if y is None else binary.y[:-1])


def test_a_failed_fit_leaves_the_model_as_it_was(library, binary):
    model = library.make().fit(binary.X, binary.y)
    before = model.predict_proba(binary.X)
    with pytest.raises(ValueError, match="one class"):
        model.fit(binary.X, np.zeros(500))
    np.testing.assert_array_equal(model.predict_proba(binary.X), before)


def test_the_parents_arguments_of_fit_are_all_there(library):
    own, parent = inspect.signature(library.ours.fit).parameters, inspect.signature(library.parent.fit).parameters
    missing = set(parent) - set(own)
    assert missing <= {"group", "eval_group", "eval_at"}
    for name in set(parent) & set(own):
        assert own[name].kind == parent[name].kind
        assert own[name].default == parent[name].default


def test_margins_of_probabilities(library, make_data):
    """Of cross-entropy the margin is the log-odds of the probability."""
    data = make_data("binary", 300)
    model = library.make(loss=CROSS_ENTROPY).fit(data.X, data.y)
    np.testing.assert_allclose(logit(model.predict_proba(data.X)[:, 1]), model.decision_function(data.X), atol=1e-6)
