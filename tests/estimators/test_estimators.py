"""The two classifiers against their parents, against scikit-learn, and against posteriors that are known."""

import copy
import inspect
import io
import pickle
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.special import expit, logit, softmax

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.base import clone, is_classifier
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import check_estimator

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]

TASKS = ["binary", "multiclass", "multilabel"]
CROSS_ENTROPY = bi.weighted_objective(weights=None, hessian="exact")
NO_FOCUSING = bi.focal_objective(gamma=0.0, hessian="exact")
FOCAL = bi.focal_objective(gamma=2.0)
"""Calibrated, its probabilities are not those of its margins, so that one cannot be taken for the other."""


@dataclass
class Library:
    """One library's pair of classifiers, and what the two libraries call differently."""

    name: str
    module: Any
    ours: Any
    parent: Any
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_xgboost(self) -> bool:
        return self.name == "xgboost"

    def make(self, **params):
        return self.ours(**{"loss": FOCAL, "n_estimators": 10, "n_jobs": 1, **self.settings, **params})

    def plain(self, **params):
        """The parent, with its built-in objective."""
        return self.parent(**{"n_estimators": 10, "n_jobs": 1, **self.settings, **params})

    def margin(self, model, X):
        """Raw scores of the parent."""
        return model.predict(X, **{"output_margin" if self.is_xgboost else "raw_score": True})

    def evaluated(self, X, y, pairs, metric=None, weights=None, params=None, **options):
        """A fitted classifier, and its metrics: one dict of curves for each evaluation set."""
        params, options = dict(params or {}), dict(options)
        if self.is_xgboost:
            params |= {} if metric is None else {"eval_metric": metric}
            options |= {"verbose": False, "sample_weight_eval_set": weights}
        else:
            options |= {} if metric is None else {"eval_metric": metric}
            options |= {"eval_sample_weight": weights}
        model = self.make(**params).fit(X, y, eval_set=pairs, **options)
        return model, self.curves(model)

    def curves(self, model):
        found = model.evals_result() if self.is_xgboost else model.evals_result_
        return [{name.removeprefix("pre_"): curve for name, curve in one.items()} for one in found.values()]

    def early_stopping(self, rounds):
        """Parameters, and arguments of ``fit``."""
        if self.is_xgboost:
            return {"early_stopping_rounds": rounds}, {}
        return {}, {"callbacks": [self.module.early_stopping(rounds, verbose=False)]}

    def rounds(self, k):
        """Arguments of ``predict`` that use the first rounds only."""
        return {"iteration_range": (0, k)} if self.is_xgboost else {"num_iteration": k}


def library_of(name):
    module = pytest.importorskip(name)
    if name == "xgboost":
        return Library(name, module, bi.ImbalancedXGBClassifier, module.XGBClassifier)
    settings = {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    return Library(name, module, bi.ImbalancedLGBMClassifier, module.LGBMClassifier, settings)


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    return library_of(request.param)


@pytest.fixture(params=TASKS)
def task(request):
    return request.param


@pytest.fixture
def binary(make_data):
    return make_data("binary", 500)


def positive(probability):
    """The part of ``predict_proba`` that a multi-label task and a binary one have in common."""
    return probability[:, 1] if probability.shape[1] == 2 else probability


def mean_log_loss(y, probability, weight=None):
    if y.ndim == 1:
        return sk.log_loss(y, probability, sample_weight=weight)
    return np.mean([sk.log_loss(y[:, k], probability[:, k], sample_weight=weight) for k in range(y.shape[1])])


def divergence(posterior, probability):
    """Mean Kullback-Leibler divergence of probabilities from the true posterior: held-out log loss beyond the least."""
    p = np.clip(positive(probability) if posterior.ndim == 1 else probability, 1e-15, 1 - 1e-15)
    q = posterior

    def part(a, b):
        return a * np.log(a / b)

    if q.ndim == 2 and np.allclose(q.sum(axis=1), 1.0):
        return part(q, p).sum(axis=1).mean()
    return (part(q, p) + part(1 - q, 1 - p)).mean()


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


# Labels


def two_classes(n=300, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (X[:, 0] + rng.normal(size=n) > 0.8).astype(int)


WORDS = np.array(["no", "yes"])
LABELS = {
    "strings": (lambda y: WORDS[y], ["no", "yes"]),
    "list of strings": (lambda y: WORDS[y].tolist(), ["no", "yes"]),
    "objects": (lambda y: WORDS[y].astype(object), ["no", "yes"]),
    "-1 and 1": (lambda y: 2 * y - 1, [-1, 1]),
    "floats": (lambda y: 3.0 * y, [0.0, 3.0]),
    "bools": (lambda y: y > 0, [False, True]),
    "unsigned": (lambda y: y.astype(np.uint8), [0, 1]),
    "column": (lambda y: WORDS[y][:, None], ["no", "yes"]),
    "series": (lambda y: pd.Series(WORDS[y], index=np.arange(len(y)) + 7), ["no", "yes"]),
    "categorical series": (lambda y: pd.Series(WORDS[y]).astype("category"), ["no", "yes"]),
    "nullable series": (lambda y: pd.Series(y).astype("Int64"), [0, 1]),
    "data frame of one column": (lambda y: pd.DataFrame({"label": WORDS[y]}), ["no", "yes"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_any_labels(library, kind):
    X, y = two_classes()
    write, classes = LABELS[kind]
    model = library.make().fit(X, write(y))
    reference = library.make().fit(X, y)
    assert model.classes_.tolist() == classes
    np.testing.assert_array_equal(model.predict_proba(X), reference.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), np.array(classes)[reference.predict(X)])
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, np.asarray(write(y)).ravel()) == reference.score(X, y)


def test_polars_labels(library):
    polars = pytest.importorskip("polars")
    X, y = two_classes()
    reference = library.make().fit(X, y).predict_proba(X)
    for label in (polars.Series(WORDS[y]), polars.DataFrame({"label": WORDS[y]})):
        model = library.make().fit(X, label)
        assert model.classes_.tolist() == ["no", "yes"]
        np.testing.assert_array_equal(model.predict_proba(X), reference)


def test_several_classes_with_names(library, make_data):
    data = make_data("multiclass", 400)
    names = np.array(["b", "c", "a"])
    model = library.make().fit(data.X, names[data.y.astype(int)])
    reference = library.make().fit(data.X, data.y)
    assert model.classes_.tolist() == ["a", "b", "c"]
    probability = reference.predict_proba(data.X)[:, [2, 0, 1]]
    np.testing.assert_allclose(model.predict_proba(data.X), probability, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(model.predict(data.X), np.array(["a", "b", "c"])[probability.argmax(axis=1)])


def blanked(y, rows, blank):
    column = y.astype(object)
    column[rows] = blank
    return column


MISSING = {
    "None": (lambda y, rows: blanked(WORDS[y], rows, None), ["no", "yes"], {}),
    "NaN among strings": (lambda y, rows: blanked(WORDS[y], rows, np.nan), ["no", "yes"], {}),
    "NaN among floats": (lambda y, rows: np.where(rows, np.nan, y), [0, 1], {}),
    "nullable integers": (lambda y, rows: pd.Series(y).astype("Int64").mask(rows), [0, 1], {}),
    "nullable bools": (lambda y, rows: pd.Series(y > 0).astype("boolean").mask(rows), [False, True], {}),
    "nullable strings": (lambda y, rows: pd.Series(WORDS[y]).astype("string").mask(rows), ["no", "yes"], {}),
    "categorical": (lambda y, rows: pd.Series(WORDS[y]).astype("category").mask(rows), ["no", "yes"], {}),
    "a number": (lambda y, rows: np.where(rows, -1, y), [0, 1], {"missing_label": -1}),
    "a word": (lambda y, rows: np.where(rows, "?", WORDS[y]), ["no", "yes"], {"missing_label": "?"}),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_row_without_a_label_is_left_out(library, kind):
    X, y = two_classes()
    rows = np.arange(len(y)) % 7 == 0
    write, classes, params = MISSING[kind]
    model = library.make(**params).fit(X, write(y, rows))
    reference = library.make().fit(X[~rows], y[~rows])
    assert model.classes_.tolist() == classes
    np.testing.assert_array_equal(model.predict_proba(X), reference.predict_proba(X))
    assert model.class_prior_ == pytest.approx(y[~rows].mean())


@pytest.mark.parametrize("classes", [["maybe", "no", "yes"], ("yes", "maybe", "no"), np.array(["no", "yes", "maybe"])])
def test_a_class_that_does_not_occur_gets_a_column(library, classes):
    X, y = two_classes()
    model = library.make(classes=classes).fit(X, WORDS[y])
    assert model.classes_.tolist() == ["maybe", "no", "yes"]
    probability = model.predict_proba(X)
    assert probability.shape == (300, 3)
    assert probability[:, 0].max() < 1e-4
    assert set(model.predict(X)) <= {"no", "yes"}
    assert sk.log_loss(WORDS[y], probability, labels=["maybe", "no", "yes"]) < sk.log_loss(y, np.full(300, y.mean()))


def test_one_class_in_a_fold(library):
    X, y = two_classes()
    model = library.make(classes=[0, 1]).fit(X[y == 0], y[y == 0])
    assert model.predict_proba(X).shape == (300, 2)
    assert model.predict_proba(X)[:, 1].max() < 1e-4
    assert not model.predict(X).any()


LONG_TAIL = [
    bi.weighted_objective("balanced"),
    bi.class_balanced_objective(0.99),
    bi.logit_adjusted_objective(),
    bi.ldam_objective(),
    bi.adaptive_objective(),
    bi.focal_objective(gamma=1.0, weights="balanced"),
]


@pytest.mark.parametrize("loss", LONG_TAIL, ids=repr)
def test_weights_are_of_the_classes_that_are_there(library, make_data, loss):
    """As where a fold of a cross-validation lacks a class."""
    data = make_data("multiclass", 300)
    model = library.make(loss=loss, classes=[0, 1, 2, 3]).fit(data.X, data.y)
    probability = model.predict_proba(data.X)
    assert probability[:, 3].max() < 1e-4
    assert not (model.predict(data.X) == 3).any()
    assert not (model.decision_function(data.X).argmax(axis=1) == 3).any()
    if library.is_xgboost:  # LightGBM's factor on Hessians depends on the number of classes
        without = library.make(loss=loss).fit(data.X, data.y).predict_proba(data.X)
        np.testing.assert_allclose(probability[:, :3], without, atol=1e-4)


@pytest.mark.parametrize("loss", [*LONG_TAIL[:4], bi.vector_scaling_objective()], ids=repr)
def test_weights_where_there_is_one_class(library, loss):
    X, y = two_classes()
    model = library.make(loss=loss, classes=[0, 1]).fit(X[y == 0], y[y == 0])
    assert model.predict_proba(X)[:, 1].max() < 1e-4
    assert not model.predict(X).any()
    labels = np.column_stack([y, np.zeros(300), np.ones(300)]).astype(int)
    model = library.make(loss=loss).fit(X, labels)
    probability = model.predict_proba(X)
    assert probability[:, 1].max() < 1e-4
    assert probability[:, 2].min() > 1 - 1e-4
    alone = library.make(loss=loss).fit(X, y).predict_proba(X)[:, 1]
    np.testing.assert_allclose(probability[:, 0], alone, atol=1e-6)


def test_balanced_class_weights_without_rows_of_a_class(library, make_data):
    data = make_data("multiclass", 300)
    model = library.make(class_weight="balanced", classes=[0, 1, 2, 3]).fit(data.X, data.y)
    assert not (model.predict(data.X) == 3).any()
    with_three = library.make(class_weight="balanced").fit(data.X, data.y)
    if library.is_xgboost:
        np.testing.assert_array_equal(model.predict(data.X), with_three.predict(data.X))


@pytest.mark.parametrize(
    ("label", "error", "words"),
    [
        (lambda y: None, ValueError, "y"),
        (lambda y: y[:-1], ValueError, "inconsistent numbers of samples"),
        (lambda y: y[:0], ValueError, "inconsistent numbers of samples"),
        (lambda y: np.zeros(len(y)), ValueError, "y holds one class"),
        (lambda y: np.full(len(y), np.nan), ValueError, "y holds no label"),
        (lambda y: np.where(y > 0, np.inf, 0.0), ValueError, "y contains infinity"),
        (lambda y: np.array([("a" if one else 1) for one in y], dtype=object), TypeError, "y mixes"),
        (lambda y: np.random.default_rng(0).normal(size=len(y)), ValueError, "Unknown label type"),
        (lambda y: y * 1j, ValueError, "y is complex"),
        (lambda y: np.zeros((len(y), 2, 2)), ValueError, "y has shape"),
        (lambda y: np.stack([y, y + 1], axis=1), ValueError, "y is .*multi-label"),
    ],
)
def test_labels_that_are_refused(library, label, error, words):
    X, y = two_classes()
    with pytest.raises(error, match=words):
        library.make().fit(X, label(y))


def test_classes_that_are_refused(library):
    X, y = two_classes()
    with pytest.raises(ValueError, match=r"y holds 'yes'.*'maybe', 'no'.*classes="):
        library.make(classes=["no", "maybe"]).fit(X, WORDS[y])
    with pytest.raises(ValueError, match=r"classes is \['no'\], one class only"):
        library.make(classes=["no"]).fit(X, WORDS[y])
    with pytest.raises(ValueError, match="classes"):
        library.make(classes=[0, 1]).fit(X, np.stack([y, y], axis=1))


# Evaluation sets


@pytest.mark.parametrize("loss", [bi.focal_objective(), bi.weighted_objective()], ids=["focal", "weighted"])
@pytest.mark.parametrize("weighted", [False, True])
def test_default_metric_is_log_loss_of_the_probabilities(library, make_data, task, loss, weighted):
    data, first, second = make_data(task, 400), make_data(task, 300, seed=1), make_data(task, 200, seed=2)
    pairs = [(one.X, one.y) for one in (first, second)]
    weights = [one.weight for one in (first, second)] if weighted else None
    model, curves = library.evaluated(data.X, data.y, pairs, weights=weights, params={"loss": loss})
    for one, curve in zip((first, second), curves, strict=True):
        assert list(curve) == ["log_loss"]
        assert len(curve["log_loss"]) == 10
        for k in (1, 10):
            expected = mean_log_loss(
                one.y, model.predict_proba(one.X, **library.rounds(k)), one.weight if weighted else None
            )
            assert curve["log_loss"][k - 1] == pytest.approx(expected, abs=2e-6)


def test_evaluation_on_the_training_set(library, make_data, task):
    data = make_data(task, 400)
    model, (curve,) = library.evaluated(data.X, data.y, [(data.X, data.y)])
    assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(data.y, model.predict_proba(data.X)), abs=2e-6)


def test_evaluation_sets_do_not_change_the_model(library, make_data, task):
    data, test = make_data(task, 400), make_data(task, 200, seed=1)
    model, _ = library.evaluated(data.X, data.y, [(test.X, test.y)])
    np.testing.assert_array_equal(model.predict_proba(test.X), library.make().fit(data.X, data.y).predict_proba(test.X))


def test_our_metrics_are_those_of_the_predictions(library, make_data, task):
    data, test = make_data(task, 500), make_data(task, 400, seed=1)
    names = ("average_precision", "balanced_accuracy", "f1", "matthews_correlation", "geometric_mean", "log_loss")
    given = [getattr(bi.metrics, name)() for name in names]
    weight = np.round(test.weight)
    model, (curve,) = library.evaluated(
        data.X, data.y, [(test.X, test.y)], given, [weight], {"loss": bi.weighted_objective()}
    )
    probability, decided = model.predict_proba(test.X), model.predict(test.X)

    def by_column(score, of):
        pairs = [(test.y, of)] if task != "multilabel" else zip(test.y.T, of.T, strict=True)
        return np.mean([score(y, one, sample_weight=weight) for y, one in pairs])

    assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(test.y, probability, weight), abs=2e-6)
    assert curve["balanced_accuracy"][-1] == pytest.approx(by_column(sk.balanced_accuracy_score, decided), abs=2e-6)
    assert curve["matthews_correlation"][-1] == pytest.approx(by_column(sk.matthews_corrcoef, decided), abs=2e-6)
    expected = sk.f1_score(test.y, decided, average="macro", sample_weight=weight)
    assert curve["f1_macro"][-1] == pytest.approx(expected, abs=2e-6)


def test_average_precision_is_that_of_the_probabilities(library, make_data, task):
    data, test = make_data(task, 500), make_data(task, 400, seed=1)
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], bi.metrics.average_precision())
    truth = np.eye(3)[test.y.astype(int)] if task == "multiclass" else test.y
    expected = sk.average_precision_score(truth, positive(model.predict_proba(test.X)))
    assert curve["average_precision"][-1] == pytest.approx(expected, abs=2e-6)


def test_names_of_log_loss_are_of_calibrated_probabilities(library, make_data, task):
    data, test = make_data(task, 400), make_data(task, 300, seed=1)
    multiclass, other = ("mlogloss", "logloss") if library.is_xgboost else ("multi_logloss", "binary_logloss")
    name = multiclass if task == "multiclass" else other
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], name, params={"loss": bi.weighted_objective()})
    assert list(curve) == [name]
    assert curve[name][-1] == pytest.approx(mean_log_loss(test.y, model.predict_proba(test.X)), abs=2e-6)


def test_a_name_and_functions_together(library, binary, make_data):
    test = make_data("binary", 300, seed=1)

    def brier(y, probability):
        value = float(np.mean((y - probability) ** 2))
        return value if library.is_xgboost else ("brier", value, False)

    model, (curve,) = library.evaluated(binary.X, binary.y, [(test.X, test.y)], ["auc", brier, bi.metrics.f1("binary")])
    probability = model.predict_proba(test.X)[:, 1]
    assert set(curve) == {"auc", "brier", "f1_binary"}
    assert curve["auc"][-1] == pytest.approx(sk.roc_auc_score(test.y, probability), abs=1e-6)
    assert curve["brier"][-1] == pytest.approx(sk.brier_score_loss(test.y, probability), abs=2e-6)
    assert curve["f1_binary"][-1] == pytest.approx(sk.f1_score(test.y, model.predict(test.X)), abs=2e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_user_functions_are_given_calibrated_probabilities(library, make_data, task, weighted):
    data, test = make_data(task, 300), make_data(task, 200, seed=1)
    calls = []

    def spy(y, probability, sample_weight=None):
        calls.append((np.array(y), np.array(probability), sample_weight))
        return 0.0 if library.is_xgboost else ("spy", 0.0, False)

    model, _ = library.evaluated(data.X, data.y, [(test.X, test.y)], spy, [test.weight] if weighted else None)
    assert len(calls) == 10
    label, probability, weight = calls[-1]
    np.testing.assert_array_equal(label, test.y)
    expected = model.predict_proba(test.X)
    np.testing.assert_allclose(probability, expected[:, 1] if task == "binary" else expected, rtol=0, atol=1e-7)
    if weighted:
        np.testing.assert_allclose(weight, test.weight, rtol=1e-6)
    else:
        assert weight is None


@pytest.mark.parametrize("metric", [None, "ours"])
def test_early_stopping(library, make_data, task, metric):
    data, test = make_data(task, 300), make_data(task, 300, seed=1)
    params, options = library.early_stopping(4)
    params |= {"n_estimators": 100, "learning_rate": 0.5}
    given, name, sign = (
        (None, "log_loss", -1) if metric is None else (bi.metrics.average_precision(), "average_precision", 1)
    )
    model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], given, params=params, **options)
    values = sign * np.array(curve[name])
    assert len(values) < 100
    best = int(np.argmax(values)) + 1
    assert len(values) == best + 4
    assert (model.best_iteration + 1 if library.is_xgboost else model.best_iteration_) == best
    np.testing.assert_array_equal(model.predict_proba(test.X), model.predict_proba(test.X, **library.rounds(best)))
    if metric is None:
        assert -values.max() == pytest.approx(mean_log_loss(test.y, model.predict_proba(test.X)), abs=2e-6)
    shorter = library.make(
        **{**params, "n_estimators": best, **({"early_stopping_rounds": None} if library.is_xgboost else {})}
    )
    shorter.fit(data.X, data.y)
    np.testing.assert_allclose(model.predict_proba(test.X), shorter.predict_proba(test.X), rtol=0, atol=1e-6)


def test_evaluation_labels_are_read_like_training_labels(library, binary, make_data):
    test = make_data("binary", 200, seed=1)
    y, y_test = WORDS[binary.y.astype(int)], WORDS[test.y.astype(int)]
    _, (curve,) = library.evaluated(binary.X, y, [(test.X, pd.Series(y_test))])
    _, (reference,) = library.evaluated(binary.X, binary.y, [(test.X, test.y)])
    assert curve["log_loss"] == reference["log_loss"]
    y_test = y_test.astype(object)
    y_test[3] = "maybe"
    with pytest.raises(ValueError, match=r"eval_set\[1\] holds .*maybe.*'no', 'yes'"):
        library.evaluated(binary.X, y, [(binary.X, y), (test.X, y_test)])
    with pytest.raises(ValueError, match=r"eval_set\[0\] has shape"):
        library.evaluated(binary.X, y, [(test.X, np.zeros((200, 2)))])


def test_rows_without_a_label_do_not_count_in_evaluation(library, make_data, task):
    data, test = make_data(task, 400), make_data(task, 300, seed=1)
    y = test.y.copy()
    y[::3] = np.nan
    kept = np.arange(300) % 3 > 0
    for weight in (None, test.weight):
        metrics = [bi.metrics.log_loss(), bi.metrics.average_precision(), bi.metrics.f1()]
        weights = None if weight is None else [weight]
        _, (curve,) = library.evaluated(data.X, data.y, [(test.X, y)], metrics, weights)
        shorter = None if weight is None else [weight[kept]]
        _, (reference,) = library.evaluated(data.X, data.y, [(test.X[kept], y[kept])], metrics, shorter)
        assert set(curve) == set(reference)
        for name, values in reference.items():
            np.testing.assert_allclose(curve[name], values, rtol=0, atol=2e-6)


@pytest.mark.parametrize("metric", [3, [3], {"auc"}, pytest.param(object(), id="object")], ids=repr)
def test_metrics_that_are_refused(library, binary, metric):
    with pytest.raises(TypeError, match="eval_metric"):
        library.evaluated(binary.X, binary.y, [(binary.X, binary.y)], metric)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        (lambda n: -np.ones(n), ValueError),
        (lambda n: np.full(n, np.nan), ValueError),
        (lambda n: np.ones(n - 1), ValueError),
    ],
)
def test_evaluation_weights_that_are_refused(library, binary, weight, error):
    name = "sample_weight_eval_set" if library.is_xgboost else "eval_sample_weight"
    pairs = [(binary.X, binary.y.copy())] * 2
    with pytest.raises(error, match=rf"{name}\[1\]"):
        library.evaluated(binary.X, binary.y, pairs, weights=[np.ones(500), weight(500)])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_metrics_of_decisions_are_of_those_that_predict_makes(library, make_data, task):
    """By their names in the library: they are refused, or they are right."""
    data, test = make_data(task, 500), make_data(task, 400, seed=1)
    name = {"binary": ("error", "binary_error"), "multiclass": ("merror", "multi_error")}[task][not library.is_xgboost]
    message, curve = "", {}
    try:
        model, (curve,) = library.evaluated(
            data.X, data.y, [(test.X, test.y)], name, params={"loss": bi.weighted_objective()}
        )
    except ValueError as error:
        message = str(error)
    if curve:
        assert curve[name][-1] == pytest.approx((model.predict(test.X) != test.y).mean(), abs=2e-6)
    else:
        assert "eval_metric" in message


def test_fewer_evaluation_weights_than_sets_are_as_in_the_parent(make_data):
    """LightGBM gives no weights to the sets that are left."""
    library = library_of("lightgbm")
    data, test = make_data("binary", 300), make_data("binary", 200, seed=1)
    pairs = [(test.X, test.y), (test.X.copy(), test.y.copy())]
    _, curves = library.evaluated(data.X, data.y, pairs, weights=[test.weight])
    _, reference = library.evaluated(data.X, data.y, pairs, weights=[test.weight, None])
    assert curves == reference


def test_lightgbm_names_and_forms_of_evaluation_sets(make_data, task):
    library = library_of("lightgbm")
    data, first, second = make_data(task, 400), make_data(task, 300, seed=1), make_data(task, 200, seed=2)
    _, (a, b) = library.evaluated(data.X, data.y, [(first.X, first.y), (second.X, second.y)])
    options = {"eval_X": (first.X, second.X), "eval_y": (first.y, second.y), "eval_names": ["one", "two"]}
    found = library.make().fit(data.X, data.y, **options).evals_result_
    assert list(found) == ["one", "two"]
    assert found["one"]["log_loss"] == a["log_loss"]
    assert found["two"]["log_loss"] == b["log_loss"]
    alone = library.make().fit(data.X, data.y, eval_X=first.X, eval_y=first.y).evals_result_
    assert next(iter(alone.values()))["log_loss"] == a["log_loss"]
    with pytest.raises(ValueError, match="eval_set and eval_X"):
        library.make().fit(data.X, data.y, eval_set=[(first.X, first.y)], eval_X=first.X, eval_y=first.y)
    with pytest.raises(ValueError, match="eval_X and eval_y"):
        library.make().fit(data.X, data.y, eval_X=first.X)


def test_lightgbm_weighs_evaluation_rows_by_class(binary, make_data):
    library = library_of("lightgbm")
    test = make_data("binary", 300, seed=1)
    y, y_test = WORDS[binary.y.astype(int)], WORDS[test.y.astype(int)]
    pairs, by_class = [(test.X, y_test)], [{"no": 1.0, "yes": 5.0}]
    model, (curve,) = library.evaluated(binary.X, y, pairs, weights=[test.weight], eval_class_weight=by_class)
    weight = test.weight * np.where(test.y > 0, 5.0, 1.0)
    assert curve["log_loss"][-1] == pytest.approx(sk.log_loss(test.y, model.predict_proba(test.X), sample_weight=weight))


def test_lightgbm_evaluation_margins_are_not_ignored(binary, make_data):
    """Without margins for the training rows they are refused, or used."""
    library = library_of("lightgbm")
    test = make_data("binary", 300, seed=1)
    _, (reference,) = library.evaluated(binary.X, binary.y, [(test.X, test.y)])
    message, curve = "", {}
    try:
        _, (curve,) = library.evaluated(
            binary.X, binary.y, [(test.X, test.y)], eval_init_score=[np.linspace(-3.0, 3.0, 300)]
        )
    except ValueError as error:
        message = str(error)
    assert "eval_init_score" in message or np.abs(np.subtract(curve["log_loss"], reference["log_loss"])).min() > 0.01


@pytest.mark.parametrize("metric", ["binary_error", "l2", "cross_entropy"])
def test_lightgbm_metrics_of_probabilities_are_refused(binary, metric):
    library = library_of("lightgbm")
    with pytest.raises(ValueError, match=r"eval_metric.*raw scores"):
        library.evaluated(binary.X, binary.y, [(binary.X, binary.y)], metric)


# Sample weights and class weights


@pytest.fixture
def coarse(make_data):
    """Features with few values, which both libraries divide alike whatever the rows weigh."""

    def make(task, n=600):
        data = make_data(task, n)
        return data._replace(X=np.round(2 * data.X) / 2)

    return make


# Trees of few, large leaves, so that rounding decides between no two splits, and no limit on the number of rows.
FEW_LEAVES = {
    "xgboost": {"max_depth": 2},
    "lightgbm": {"max_depth": 2, "min_child_samples": 0, "min_data_in_bin": 1, "min_child_weight": 1.0},
}


def test_whole_weights_are_repeated_rows(library, coarse, task):
    data = coarse(task)
    times = np.random.default_rng(0).integers(1, 4, size=600)
    params = {"loss": bi.focal_objective(weights="balanced"), "n_estimators": 4, **FEW_LEAVES[library.name]}
    weighted = library.make(**params).fit(data.X, data.y, sample_weight=times)
    repeated = library.make(**params).fit(np.repeat(data.X, times, axis=0), np.repeat(data.y, times, axis=0))
    np.testing.assert_allclose(weighted.class_prior_, repeated.class_prior_, rtol=1e-6)
    np.testing.assert_allclose(weighted.predict_proba(data.X), repeated.predict_proba(data.X), rtol=0, atol=1e-6)


def test_rows_of_weight_zero_are_no_rows(library, coarse, task):
    data = coarse(task)
    kept = np.random.default_rng(0).random(600) < 0.7
    params = {"loss": bi.focal_objective(weights="balanced"), "n_estimators": 4, **FEW_LEAVES[library.name]}
    weighted = library.make(**params).fit(data.X, data.y, sample_weight=kept.astype(float))
    fewer = library.make(**params).fit(data.X[kept], data.y[kept])
    np.testing.assert_allclose(weighted.class_prior_, fewer.class_prior_, rtol=1e-6)
    np.testing.assert_allclose(weighted.predict_proba(data.X), fewer.predict_proba(data.X), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        (lambda n: -np.ones(n), ValueError),
        (lambda n: np.full(n, np.nan), ValueError),
        (lambda n: np.full(n, np.inf), ValueError),
        (lambda n: np.ones(n + 1), ValueError),
        (lambda n: np.zeros(n), ValueError),
        (lambda n: np.ones((n, 2)), ValueError),
        (lambda n: np.array(["a"] * n), TypeError),
    ],
)
def test_sample_weights_that_are_refused(library, binary, weight, error):
    with pytest.raises(error, match="sample_weight"):
        library.make().fit(binary.X, binary.y, sample_weight=weight(500))


@pytest.mark.parametrize("rows", [499, 501])
def test_sample_weights_must_fit_rows_without_a_label_too(library, binary, rows):
    y = np.where(np.arange(500) % 3 > 0, binary.y, np.nan)
    with pytest.raises(ValueError, match=r"sample_weight|inconsistent numbers of samples"):
        library.make().fit(binary.X, y, sample_weight=np.ones(rows))


@pytest.mark.parametrize("form", ["list", "series", "column"])
def test_forms_of_sample_weights(library, binary, form):
    forms = {"list": list, "series": pd.Series, "column": lambda w: w[:, None]}
    own = library.make().fit(binary.X, binary.y, sample_weight=forms[form](binary.weight))
    reference = library.make().fit(binary.X, binary.y, sample_weight=binary.weight)
    np.testing.assert_array_equal(own.predict_proba(binary.X), reference.predict_proba(binary.X))


@pytest.mark.parametrize("by", ["balanced", {"no": 1.0, "yes": 4.0}, {"yes": 4.0}, {"no": 0.5, "yes": 1.5}], ids=repr)
def test_class_weights_are_those_of_the_parent(library, coarse, by):
    data = coarse("binary")
    y = WORDS[data.y.astype(int)]
    loss = CROSS_ENTROPY.replace(hessian="exact", scale=1.0)
    own = library.make(loss=loss, class_weight=by).fit(data.X, y)
    weight = compute_sample_weight(by if by == "balanced" else {"no": 1.0, **by}, y)
    parent = library.plain().fit(data.X, data.y, sample_weight=weight)
    np.testing.assert_allclose(own.decision_function(data.X), library.margin(parent, data.X), rtol=0, atol=1e-5)


def test_class_weights_are_weights_of_the_loss(library, make_data, task):
    data = make_data(task, 400)
    loss = bi.focal_objective(gamma=1.0)
    cases = [("balanced", "balanced")]
    if task == "binary":
        cases += [({1: 4.0}, 4.0), ({0: 0.5, 1: 2.0}, [0.5, 2.0])]
    elif task == "multiclass":
        cases += [({1: 4.0}, [1.0, 4.0, 1.0]), ({2: 3.0, 0: 0.5}, [0.5, 1.0, 3.0])]
    else:
        cases += [
            ({1: 4.0, 2: 2.0}, [1.0, 4.0, 2.0]),
            ({0: {0: 0.5, 1: 3.0}, 2: 2.0}, [[0.5, 3.0], [1.0, 1.0], [1.0, 2.0]]),
            ([{1: 4.0}] * 3, 4.0),
            ([{1: 4.0}, {0: 0.5}, {}], [[1.0, 4.0], [0.5, 1.0], [1.0, 1.0]]),
            ([4.0, (0.5, 1.0), {}], [[1.0, 4.0], [0.5, 1.0], [1.0, 1.0]]),
        ]
    for class_weight, weights in cases:
        own = library.make(loss=loss, class_weight=class_weight).fit(data.X, data.y)
        reference = library.make(loss=loss.replace(weights=weights)).fit(data.X, data.y)
        np.testing.assert_allclose(own.decision_function(data.X), reference.decision_function(data.X), rtol=0, atol=1e-12)
        np.testing.assert_allclose(own.predict_proba(data.X), reference.predict_proba(data.X), rtol=0, atol=1e-12)


def test_class_weights_move_decisions_but_not_probabilities(library, make_data, task):
    data, test = make_data(task, 3000), make_data(task, 2000, seed=1)
    settings = {"loss": CROSS_ENTROPY, "n_estimators": 40, "learning_rate": 0.1, "max_depth": 3}
    favoured = 2 if task == "multiclass" else 1
    class_weight = [{favoured: 5.0}] * 3 if task == "multilabel" else {favoured: 5.0}
    weighted = library.make(class_weight=class_weight, **settings).fit(data.X, data.y)
    plain = library.make(**settings).fit(data.X, data.y)
    chosen, before = (weighted.predict(test.X) == favoured).mean(), (plain.predict(test.X) == favoured).mean()
    assert chosen > before + 0.05
    probability = weighted.predict_proba(test.X)
    assert divergence(test.posterior, probability) < divergence(test.posterior, plain.predict_proba(test.X)) + 0.01
    if task == "multilabel":
        expected = (5.0 * probability > 1.0 - probability).astype(int)
    else:
        expected = (probability * np.where(np.arange(probability.shape[1]) == favoured, 5.0, 1.0)).argmax(axis=1)
    np.testing.assert_array_equal(weighted.predict(test.X), expected)


def test_scale_pos_weight_is_a_class_weight(library, binary):
    own = library.make(scale_pos_weight=4.0).fit(binary.X, binary.y)
    reference = library.make(class_weight={1: 4.0}).fit(binary.X, binary.y)
    np.testing.assert_array_equal(own.decision_function(binary.X), reference.decision_function(binary.X))
    np.testing.assert_array_equal(own.predict_proba(binary.X), reference.predict_proba(binary.X))
    np.testing.assert_array_equal(own.predict(binary.X), reference.predict(binary.X))
    neutral = library.make(scale_pos_weight=1.0).fit(binary.X, binary.y)
    plain = library.make().fit(binary.X, binary.y)
    np.testing.assert_array_equal(neutral.predict_proba(binary.X), plain.predict_proba(binary.X))


def test_scale_pos_weight_is_of_the_positive_class(library, binary):
    y = WORDS[binary.y.astype(int)]
    for label in ("no", "yes"):
        own = library.make(scale_pos_weight=4.0, pos_label=label).fit(binary.X, y)
        reference = library.make(class_weight={label: 4.0}).fit(binary.X, y)
        np.testing.assert_allclose(own.predict_proba(binary.X), reference.predict_proba(binary.X), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(own.predict(binary.X), reference.predict(binary.X))
    with pytest.raises(ValueError, match=r"pos_label is None.*'no', 'yes'"):
        library.make(scale_pos_weight=4.0).fit(binary.X, y)


def test_weights_that_are_refused(library, make_data):
    data, several = make_data("binary", 300), make_data("multiclass", 300)
    weighted = bi.weighted_objective(weights=2.0)
    with pytest.raises(ValueError, match=r"class_weight is .*loss has weights"):
        library.make(loss=weighted, class_weight="balanced").fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"scale_pos_weight is .*loss has weights"):
        library.make(loss=weighted, scale_pos_weight=3.0).fit(data.X, data.y)
    with pytest.raises(ValueError, match="class_weight and scale_pos_weight"):
        library.make(class_weight="balanced", scale_pos_weight=3.0).fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"scale_pos_weight is .*class_weight"):
        library.make(scale_pos_weight=3.0).fit(several.X, several.y)
    with pytest.raises(ValueError, match=r"class_weight holds 7.*0, 1.*classes="):
        library.make(class_weight={7: 2.0}).fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"class_weight is 0\.0; it must be positive"):
        library.make(class_weight={1: 0.0}).fit(data.X, data.y)
    with pytest.raises(ValueError, match="class_weight is 'even'"):
        library.make(class_weight="even").fit(data.X, data.y)
    with pytest.raises(TypeError, match="class_weight is 3"):
        library.make(class_weight=3).fit(data.X, data.y)
    with pytest.raises(ValueError, match="class_weight has 2 entries"):
        library.make(class_weight=[{1: 2.0}, {}]).fit(data.X, make_data("multilabel", 300).y)


@pytest.mark.parametrize(
    ("class_weight", "error", "words"),
    [
        ({"rare": 9.0}, ValueError, "class_weight has the key 'rare', which is no label of y; .*columns 0 to 2"),
        ({3: 9.0}, ValueError, "class_weight has the key 3, "),
        ({-1: 9.0}, ValueError, "class_weight has the key -1, "),
        ([{1: 2.0}, {2: 5.0}, {}], ValueError, r"class_weight\[1\] has the key 2; .* 0 or 1"),
        (["balanced", 1.0, 1.0], ValueError, r"class_weight\[0\] is 'balanced'; give a number"),
        ({2: [1.0, 2.0, 3.0]}, ValueError, r"class_weight\[2\] is .*; give a number"),
        ([1.0, -2.0, 1.0], ValueError, r"class_weight\[1\] is -2.0; it must be positive"),
        (3.0, TypeError, "class_weight is 3.0; .*dict by label"),
    ],
)
def test_weights_of_labels_that_are_refused(library, make_data, class_weight, error, words):
    data = make_data("multilabel", 100)
    with pytest.raises(error, match=words):
        library.make(class_weight=class_weight).fit(data.X, data.y)


@pytest.mark.parametrize("decision", ["posterior", "f1"])
def test_weights_by_the_names_of_labels(library, make_data, decision):
    """Also of a frame with rows that have no label, and in the folds of a tuned decision."""
    data = make_data("multilabel", 200)
    y = data.y.copy()
    y[:5] = np.nan
    for names, weights in ((["a", "b", "c"], {"c": 5.0, "a": 2.0}), ([7, 0, 1], {1: 5.0, 7: 2.0})):
        own = library.make(decision=decision, class_weight=weights).fit(data.X, pd.DataFrame(y, columns=names))
        reference = library.make(decision=decision, class_weight=[2.0, 1.0, 5.0]).fit(data.X, y)
        np.testing.assert_array_equal(own.decision_function(data.X), reference.decision_function(data.X))
        np.testing.assert_array_equal(own.thresholds_, reference.thresholds_)
    with pytest.raises(ValueError, match=r"class_weight has the key 2, .*labels are 7, 0, 1"):
        library.make(class_weight={2: 5.0}).fit(data.X, pd.DataFrame(y, columns=[7, 0, 1]))


def test_a_class_weight_for_a_class_that_a_fold_lacks(library):
    X, y = two_classes()
    with pytest.raises(ValueError, match=r"class_weight holds 2.*name all classes in classes="):
        library.make(class_weight={2: 5.0}).fit(X, y)
    model = library.make(class_weight={2: 5.0}, classes=[0, 1, 2]).fit(X, y)
    assert not (model.predict(X) == 2).any()


@pytest.mark.parametrize("name", ["is_unbalance", "unbalance", "unbalanced_sets"])
def test_is_unbalance_is_refused(binary, name):
    library = library_of("lightgbm")
    with pytest.raises(ValueError, match=rf"{name} is True.*class_weight='balanced'"):
        library.make(**{name: True}).fit(binary.X, binary.y)
    library.make(**{name: False}).fit(binary.X, binary.y)


# Parameters and search


def test_parameters_of_the_loss(library):
    model = library.make(loss=bi.focal_objective(gamma=1.5))
    deep, shallow = model.get_params(), model.get_params(deep=False)
    assert deep["loss__gamma"] == 1.5
    assert {"loss", "decision", "decision_cv", "classes", "missing_label", "class_weight", "n_estimators"} <= set(shallow)
    assert not any("__" in name for name in shallow)
    assert "objective" not in deep
    assert set(library.plain().get_params()) - {"objective"} <= set(deep)
    assert model.set_params(loss__gamma=0.5, n_estimators=7) is model
    assert model.get_params()["loss__gamma"] == 0.5
    assert model.n_estimators == model.get_params()["n_estimators"] == 7
    model.set_params(loss__tau=1.0, loss=bi.asymmetric_objective())
    assert model.loss.parameters["tau"] == 1.0
    assert model.loss.constructor_name == "asymmetric_objective"
    default = library.ours()
    assert default.loss is None
    assert default.get_params()["loss__gamma"] == default.set_params(loss__tau=0.0).get_params()["loss__gamma"]
    assert default.set_params(loss__gamma=1.25).get_params()["loss__gamma"] == 1.25
    copied = clone(model)
    assert copied is not model
    assert {name: repr(value) for name, value in copied.get_params().items()} == {
        name: repr(value) for name, value in model.get_params().items()
    }


def test_parameters_reach_the_training(library, binary):
    far = library.make(loss=bi.focal_objective(gamma=4.0)).fit(binary.X, binary.y)
    near = library.make(loss=bi.focal_objective(gamma=0.0)).fit(binary.X, binary.y)
    moved = library.make(loss=bi.focal_objective(gamma=0.0)).set_params(loss__gamma=4.0).fit(binary.X, binary.y)
    np.testing.assert_array_equal(moved.decision_function(binary.X), far.decision_function(binary.X))
    assert np.abs(moved.decision_function(binary.X) - near.decision_function(binary.X)).max() > 0.1
    assert moved.loss_.parameters["gamma"] == 4.0
    few = library.make().set_params(n_estimators=2).fit(binary.X, binary.y)
    wanted = library.make(n_estimators=2).fit(binary.X, binary.y)
    np.testing.assert_array_equal(few.decision_function(binary.X), wanted.decision_function(binary.X))


def test_setting_parameters_after_fit_does_not_change_the_model(library, make_data, task):
    data, test = make_data(task, 300), make_data(task, 200, seed=1)
    model, _ = library.evaluated(data.X, data.y, [(test.X, test.y)], params={"loss": bi.focal_objective()})
    before = model.predict_proba(test.X)
    model.set_params(loss__gamma=0.0, max_depth=2, n_jobs=1, learning_rate=0.7)
    np.testing.assert_array_equal(model.predict_proba(test.X), before)
    model.set_params(loss=bi.asymmetric_objective())
    np.testing.assert_array_equal(model.predict_proba(test.X), before)


@pytest.mark.parametrize("metric", [bi.metrics.f1(), [bi.metrics.f1(), bi.metrics.log_loss()], "log_loss"], ids=repr)
def test_setting_parameters_after_fit_with_metrics(library, binary, metric):
    model, _ = library.evaluated(binary.X, binary.y, [(binary.X, binary.y)], metric)
    before = model.predict_proba(binary.X)
    model.set_params(max_depth=2)
    np.testing.assert_array_equal(model.predict_proba(binary.X), before)


def test_parameters_that_are_refused(library, binary):
    with pytest.raises(ValueError, match="'beta' is not a parameter of focal_objective"):
        library.make().set_params(loss__beta=0.9)
    with pytest.raises(TypeError, match=r"loss__gamma.*set_params"):
        library.make(loss__gamma=1.0)
    for loss in ("focal", bi.focal_objective, 2.0):
        with pytest.raises(TypeError, match="loss is "):
            library.make(loss=loss).fit(binary.X, binary.y)
    with pytest.raises(TypeError, match=r"objective is .*loss="):
        library.make(objective="binary:logistic")
    with pytest.raises(TypeError, match=r"objective is .*loss="):
        library.make().set_params(objective=bi.focal_objective())
    library.make().set_params(objective=None)


@pytest.mark.parametrize("name", ["application", "app", "objective_type"])
@pytest.mark.parametrize("by", ["constructor", "set_params"])
def test_no_name_of_the_objective_goes_around_the_loss(name, by):
    library = library_of("lightgbm")
    with pytest.raises(TypeError, match=rf"{name} is 'binary'.*loss="):
        library.make(**{name: "binary"}) if by == "constructor" else library.make().set_params(**{name: "binary"})


def test_a_loss_is_not_changed_and_not_shared(library, make_data):
    loss = bi.focal_objective(gamma=1.0, weights="balanced")
    rare, even = make_data("binary", 400), make_data("binary", 400, seed=5)
    y_even = (even.X[:, 0] > 0).astype(int)
    first = library.make(loss=loss).fit(rare.X, rare.y)
    before = first.predict_proba(rare.X)
    second = library.make(loss=loss).fit(even.X, y_even)
    np.testing.assert_array_equal(first.predict_proba(rare.X), before)
    assert first.loss_ is not loss
    assert first.loss_ is not second.loss_
    assert not loss.is_fitted
    with pytest.raises(ValueError, match="has not seen any labels"):
        _ = loss.fitted
    assert first.loss is second.loss is loss
    again = first.fit(even.X, y_even)
    np.testing.assert_array_equal(again.predict_proba(even.X), second.predict_proba(even.X))


def test_a_loss_that_was_fitted_keeps_its_counts(library, binary):
    prior = np.r_[np.zeros(99), 1.0]
    own = library.make(loss=bi.logit_adjusted_objective().fit(prior)).fit(binary.X, binary.y)
    given = library.make(loss=bi.logit_adjusted_objective(priors=0.01)).fit(binary.X, binary.y)
    np.testing.assert_allclose(own.predict_proba(binary.X), given.predict_proba(binary.X), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="loss was fitted to"):
        library.make(loss=bi.logit_adjusted_objective().fit([0, 1, 2])).fit(binary.X, binary.y)


def test_grid_search(library, binary):
    grid = {"loss__gamma": [0.0, 2.0, 6.0], "loss__tau": [0.0, 1.0]}
    search = GridSearchCV(library.make(loss=bi.focal_objective()), grid, scoring="neg_log_loss", cv=3, error_score="raise")
    search.fit(binary.X, WORDS[binary.y.astype(int)])
    assert len(set(np.round(search.cv_results_["mean_test_score"], 12))) == 6
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        loss = bi.focal_objective(gamma=params["loss__gamma"], tau=params["loss__tau"])
        direct = cross_val_score(library.make(loss=loss), binary.X, binary.y, scoring="neg_log_loss", cv=3).mean()
        assert score == pytest.approx(direct, abs=1e-9)
    best = search.best_estimator_
    assert best.loss_.parameters["gamma"] == search.best_params_["loss__gamma"]


def test_grid_search_over_losses_and_decisions(library, binary):
    losses = [bi.focal_objective(), bi.weighted_objective()]
    grid = {"loss": losses, "decision": ["posterior", "balanced"]}
    search = GridSearchCV(library.make(), grid, scoring="balanced_accuracy", cv=2, error_score="raise")
    search.fit(binary.X, binary.y)
    by_rule = dict.fromkeys(["posterior", "balanced"], 0.0)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        by_rule[params["decision"]] += score
    assert by_rule["balanced"] > by_rule["posterior"]


def test_randomized_search_in_a_pipeline(library, binary):
    pipeline = make_pipeline(StandardScaler(), library.make(n_estimators=5))
    name = f"{pipeline.steps[1][0]}__loss__gamma"
    search = RandomizedSearchCV(
        pipeline,
        {name: np.linspace(0.0, 5.0, 20)},
        n_iter=3,
        scoring="neg_log_loss",
        cv=2,
        random_state=0,
        error_score="raise",
    )
    search.fit(binary.X, binary.y)
    assert len(set(np.round(search.cv_results_["mean_test_score"], 12))) == 3
    assert search.best_estimator_[-1].loss_.parameters["gamma"] == search.best_params_[name]
    assert search.predict_proba(binary.X).shape == (500, 2)


def test_an_optuna_study(library, binary):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    model = library.make(n_estimators=5)

    def score(trial):
        trying = clone(model).set_params(loss__gamma=trial.suggest_float("loss__gamma", 0.0, 5.0))
        return cross_val_score(trying, binary.X, binary.y, scoring="neg_log_loss", cv=2, error_score="raise").mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(score, n_trials=3)
    assert len({round(trial.value, 12) for trial in study.trials}) == 3
    best = clone(model).set_params(**study.best_params)
    assert best.loss.parameters["gamma"] == study.best_params["loss__gamma"]


def test_smote_before_the_model(library, binary):
    pipelines = pytest.importorskip("imblearn.pipeline")
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    y = WORDS[binary.y.astype(int)]
    pipeline = pipelines.make_pipeline(over_sampling.SMOTE(random_state=0), library.make(n_estimators=5))
    pipeline.fit(binary.X, y)
    assert pipeline[-1].class_prior_ == pytest.approx(0.5)
    assert pipeline.predict_proba(binary.X)[:, 1].mean() > binary.y.mean() + 0.1
    name = f"{pipeline.steps[1][0]}__loss__gamma"
    search = GridSearchCV(pipeline, {name: [0.0, 3.0]}, scoring="neg_log_loss", cv=2, error_score="raise").fit(binary.X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2


def test_weights_are_routed_through_cross_validation(library, binary):
    sklearn = pytest.importorskip("sklearn")
    with sklearn.config_context(enable_metadata_routing=True):
        model = library.make().set_fit_request(sample_weight=True)
        scorer = sk.get_scorer("neg_log_loss").set_score_request(sample_weight=False)
        found = cross_validate(
            model, binary.X, binary.y, params={"sample_weight": binary.weight}, scoring=scorer, cv=2,
            return_estimator=True, return_indices=True, error_score="raise",
        )  # fmt: skip
    for fitted, rows in zip(found["estimator"], found["indices"]["train"], strict=True):
        direct = library.make().fit(binary.X[rows], binary.y[rows], sample_weight=binary.weight[rows])
        np.testing.assert_array_equal(fitted.predict_proba(binary.X), direct.predict_proba(binary.X))


def test_inside_other_estimators(library, binary):
    y = WORDS[binary.y.astype(int)]
    out_of_fold = cross_val_predict(library.make(), binary.X, y, method="decision_function", cv=StratifiedKFold(3))
    assert sk.roc_auc_score(binary.y, out_of_fold) > 0.6
    bagged = BaggingClassifier(library.make(n_estimators=3), n_estimators=3, random_state=0).fit(binary.X, y)
    assert sk.roc_auc_score(binary.y, bagged.predict_proba(binary.X)[:, 1]) > 0.7


# Copies


def fitted(library, make_data, task, n=400, **params):
    data, test = make_data(task, n), make_data(task, 200, seed=1)
    model, _ = library.evaluated(
        data.X, data.y, [(test.X, test.y)], bi.metrics.f1(), params={"decision": "f1", **params}, sample_weight=data.weight
    )
    return model, test.X


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "joblib": lambda model: joblib.load(io.BytesIO(joblib_bytes(model))),
}


def joblib_bytes(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


@pytest.mark.parametrize("how", COPIES)
def test_copies_predict_the_same(library, make_data, task, how):
    model, X = fitted(library, make_data, task)
    other = COPIES[how](model)
    assert other is not model
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.thresholds_, model.thresholds_)
    np.testing.assert_array_equal(other.classes_, model.classes_)
    assert repr(other.get_params()["loss"]) == repr(model.get_params()["loss"])
    other.set_params(loss__gamma=0.5, n_estimators=2)
    assert model.get_params()["loss__gamma"] == 2.0
    assert model.n_estimators == 10


def test_a_copy_can_be_fitted_again(library, binary):
    loss = bi.focal_objective(weights="balanced")
    model = pickle.loads(pickle.dumps(library.make(loss=loss).fit(binary.X, binary.y)))
    y = 1.0 - binary.y
    np.testing.assert_array_equal(
        model.fit(binary.X, y).predict_proba(binary.X), library.make(loss=loss).fit(binary.X, y).predict_proba(binary.X)
    )


def test_a_pickle_holds_no_training_labels(library, make_data, task):
    def size(n):
        data, test = make_data(task, n), make_data(task, n, seed=1)
        params = {"n_estimators": 2, "max_depth": 2, "loss": bi.adaptive_objective(gamma=1.0)}
        options = {"sample_weight": data.weight, "weights": [test.weight], "params": params}
        model, _ = library.evaluated(data.X, data.y, [(test.X, test.y), (data.X, data.y)][:1], **options)
        return len(pickle.dumps(model))

    assert size(20_000) < size(200) + 10_000  # a byte for every label would be twice as much


def test_skops(library, make_data, task):
    skops = pytest.importorskip("skops.io")
    model, X = fitted(library, make_data, task)
    data = skops.dumps(model)
    unknown = skops.get_untrusted_types(data=data)
    other = skops.loads(data, trusted=unknown)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.thresholds_, model.thresholds_)


# Features


def frame(data):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(data.X, columns=["a", "b", "c", "d"])
    table["kind"] = pd.Categorical(rng.choice(["red", "green", "blue"], size=len(table)))
    table.loc[::5, "b"] = np.nan
    return table


def parent_of(library, data, X, **params):
    own = library.make(loss=CROSS_ENTROPY, **params).fit(X, data.y)
    return own, library.plain(**params).fit(X, data.y)


@pytest.mark.parametrize("kind", ["pandas", "polars", "csr", "csc", "NaN", "float32", "list"])
def test_kinds_of_features_are_as_in_the_parent(library, make_data, kind):
    data = make_data("multiclass", 400)
    params = {}
    if kind == "pandas":
        X = frame(data)
        params = {"enable_categorical": True} if library.is_xgboost else {}
    elif kind == "polars":
        X = pytest.importorskip("polars").DataFrame(data.X, schema=["a", "b", "c", "d"])
    elif kind in ("csr", "csc"):
        X = scipy.sparse.csr_matrix(np.where(np.abs(data.X) < 0.7, 0.0, data.X)).asformat(kind)
    elif kind == "NaN":
        X = np.where(np.random.default_rng(0).random(data.X.shape) < 0.3, np.nan, data.X)
    else:
        X = data.X.astype(np.float32) if kind == "float32" else data.X.tolist()
    own, parent = parent_of(library, data, X, **params)
    np.testing.assert_allclose(own.predict_proba(X), parent.predict_proba(X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(own.feature_importances_, parent.feature_importances_, rtol=1e-4, atol=1e-6)
    assert own.n_features_in_ == parent.n_features_in_ == (5 if kind == "pandas" else 4)
    names = getattr(own, "feature_names_in_", None)
    np.testing.assert_array_equal(names, getattr(parent, "feature_names_in_", None))
    if kind in ("pandas", "polars"):
        assert list(names) == list(X.columns)


def test_evaluation_with_frames_and_sparse_features(library, make_data):
    data, test = make_data("binary", 300), make_data("binary", 200, seed=1)
    params = {"enable_categorical": True} if library.is_xgboost else {}
    for make in (frame, lambda data: scipy.sparse.csr_matrix(np.round(data.X))):
        model, (curve,) = library.evaluated(make(data), data.y, [(make(test), test.y)], params=params)
        assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(test.y, model.predict_proba(make(test))), abs=2e-6)


def test_contributions_sum_to_the_margin(library, make_data, task):
    data = make_data(task, 300)
    model = library.make().fit(data.X, data.y)
    margin = model.decision_function(data.X)
    if library.is_xgboost:
        contributions = model.get_booster().predict(library.module.DMatrix(data.X), pred_contribs=True)
        summed = contributions.sum(axis=-1)
    else:
        contributions = np.asarray(model.predict(data.X, pred_contrib=True))
        summed = contributions.reshape(300, -1, 5).sum(axis=2).reshape(margin.shape)
    np.testing.assert_allclose(summed, margin, rtol=0, atol=1e-5)
    assert np.abs(contributions).sum() > 0


def test_leaves_and_boosters(library, binary):
    model = library.make().fit(binary.X, binary.y)
    leaves = model.apply(binary.X) if library.is_xgboost else model.predict(binary.X, pred_leaf=True)
    assert leaves.shape == (500, 10)
    assert isinstance(model.get_booster() if library.is_xgboost else model.booster_, library.module.Booster)
    if library.is_xgboost:
        # The model is told its link, so that its own prediction is that of the margin.
        direct = model.get_booster().predict(library.module.DMatrix(binary.X))
    else:
        direct = model.booster_.predict(binary.X)
    np.testing.assert_allclose(direct, model.predict_proba(binary.X, calibrated=False)[:, 1], rtol=1e-5)


@pytest.mark.parametrize("form", ["classifier", "booster"])
def test_continued_training_is_longer_training(library, make_data, task, form):
    data = make_data(task, 400)
    first = library.make(n_estimators=5).fit(data.X, data.y)
    booster = first.get_booster() if library.is_xgboost else first.booster_
    name = "xgb_model" if library.is_xgboost else "init_model"
    before = first.predict_proba(data.X)
    longer = library.make(n_estimators=7).fit(data.X, data.y, **{name: first if form == "classifier" else booster})
    whole = library.make(n_estimators=12).fit(data.X, data.y)
    np.testing.assert_allclose(longer.decision_function(data.X), whole.decision_function(data.X), rtol=0, atol=2e-5)
    np.testing.assert_array_equal(first.predict_proba(data.X), before)


def test_callbacks(library, binary, make_data):
    test = make_data("binary", 200, seed=1)
    if library.is_xgboost:
        seen = []

        class Watch(library.module.callback.TrainingCallback):
            def after_iteration(self, model, epoch, evals_log):
                seen.append(epoch)
                return epoch == 5

        model = library.make(callbacks=[Watch()]).fit(binary.X, binary.y)
        assert seen == list(range(6))
        assert model.get_booster().num_boosted_rounds() == 6
        return
    found = {}
    callbacks = [
        library.module.record_evaluation(found),
        library.module.reset_parameter(learning_rate=lambda k: 0.1 * 0.9**k),
    ]
    model = library.make().fit(binary.X, binary.y, eval_set=[(test.X, test.y)], callbacks=callbacks)
    assert found["valid_0"]["log_loss"] == library.curves(model)[0]["log_loss"]
    plain = library.make().fit(binary.X, binary.y)
    assert np.abs(model.predict_proba(test.X) - plain.predict_proba(test.X)).max() > 1e-3


@pytest.mark.parametrize(
    "options", [{"subsample": 0.5}, {"colsample_bytree": 0.5}, {"reg_lambda": 5.0}, "boosting"], ids=str
)
def test_settings_of_the_library_reach_it(library, binary, options):
    if options == "boosting":
        options = {"booster": "dart", "rate_drop": 0.5} if library.is_xgboost else {"boosting_type": "dart"}
    options = {
        **options,
        "random_state": 1,
        **({"subsample_freq": 1} if "subsample" in options and not library.is_xgboost else {}),
    }
    # LightGBM draws other random numbers where an objective is given by gradients.
    exact = library.is_xgboost or "reg_lambda" in options or "subsample" in options
    own, parent = parent_of(library, binary, binary.X, n_estimators=20, **options)
    plain = library.make(loss=CROSS_ENTROPY, n_estimators=20).fit(binary.X, binary.y)
    assert np.abs(own.predict_proba(binary.X) - plain.predict_proba(binary.X)).max() > 1e-3
    if exact:
        np.testing.assert_allclose(own.predict_proba(binary.X), parent.predict_proba(binary.X), rtol=0, atol=1e-6)
    else:
        assert mean_log_loss(binary.y, own.predict_proba(binary.X)) == pytest.approx(
            mean_log_loss(binary.y, parent.predict_proba(binary.X)), rel=0.25
        )


def test_margins_to_begin_with(library, binary):
    offset = np.where(binary.X[:, 0] > 0, 0.5, -2.5)
    name = "base_margin" if library.is_xgboost else "init_score"
    own = library.make(loss=CROSS_ENTROPY).fit(binary.X, binary.y, **{name: offset})
    parent = library.plain().fit(binary.X, binary.y, **{name: offset})
    if library.is_xgboost:
        np.testing.assert_allclose(
            own.predict_proba(binary.X, base_margin=offset), parent.predict_proba(binary.X, base_margin=offset), atol=1e-6
        )
    else:
        np.testing.assert_allclose(own.decision_function(binary.X), library.margin(parent, binary.X), rtol=0, atol=1e-12)


def test_linear_leaves_begin_at_the_start(make_data, task):
    library = library_of("lightgbm")
    data, test = make_data(task, 1500), make_data(task, 1000, seed=1)
    for name in ("linear_tree", "linear_trees"):
        model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], params={name: True, "n_estimators": 5})
        probability = model.predict_proba(test.X)
        assert "is_linear=1" in model.booster_.model_to_string()
        assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(test.y, probability), abs=1e-9)
        np.testing.assert_allclose(positive(probability).mean(axis=0), test.posterior.mean(axis=0), atol=0.05)


@pytest.mark.parametrize("categorical", [[1], [0, 1]], ids=str)
def test_lightgbm_categorical_features(make_data, categorical):
    library = library_of("lightgbm")
    data = make_data("binary", 500)
    X = np.where(np.arange(4) < 2, np.abs(np.round(data.X)), data.X)
    own = library.make(loss=CROSS_ENTROPY).fit(X, data.y, categorical_feature=categorical)
    parent = library.plain().fit(X, data.y, categorical_feature=categorical)
    np.testing.assert_allclose(own.decision_function(X), library.margin(parent, X), rtol=0, atol=1e-12)
    assert (
        np.abs(own.decision_function(X) - library.make(loss=CROSS_ENTROPY).fit(X, data.y).decision_function(X)).max() > 0.01
    )


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
