"""A third library, in this file alone: scikit-learn's histogram gradient boosting trains every loss of the package."""

import sys

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.losses import protocol

pytest.importorskip("sklearn")
from sklearn._loss.link import LogitLink, MultinomialLogit
from sklearn._loss.loss import BaseLoss
from sklearn.ensemble import HistGradientBoostingClassifier

SETTINGS = {"max_iter": 30, "max_leaf_nodes": 8, "early_stopping": False, "random_state": 0}


class HistGradientBoosting:
    """The library, as a loss sees it; see :class:`boost_imbalance.losses.protocol.Library`."""

    name = "sklearn"
    calls_from = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting"
    margin_format = np.float64, "C"

    def is_data(self, value):
        """Never: it takes arrays, and has no data sets of its own."""
        return False

    def is_booster(self, value):
        module = sys.modules.get(self.calls_from)
        return module is not None and isinstance(value, module.BaseHistGradientBoosting)

    def label_and_weight(self, data):
        raise TypeError(f"{type(data).__name__} is no data set.")

    def training_data(self, booster):
        return None

    def n_outputs(self, booster):
        return booster.n_trees_per_iteration_

    def device(self, booster):
        return None

    def hessian_factor(self, n_classes):
        """1: scikit-learn takes the diagonal as it is."""
        return 1.0

    def takes_gradient_as_hessian(self):
        return False

    def sum_over_workers(self, data=None):
        return None

    def has_unseen_rows(self, booster):
        return False

    def start_of(self, booster):
        return ""

    def leave(self, booster):
        """Nobody: it trains in one process."""

    def n_threads(self, booster):
        return None

    def metric_result(self, metric, value):
        return value

    def is_model(self, value):
        return self.is_booster(value)

    def margin(self, model, data, start, **options):
        raw = model._raw_predict(data)
        return raw if raw.shape[1] > 1 else raw.ravel()

    def advice(self, first):
        return iter(())

    def kept_weights(self, call):
        return None

    def keep_weights(self, booster, weights):
        """Nowhere: a model of scikit-learn's is continued with ``warm_start``, and is the same object."""


class AsBaseLoss(BaseLoss):
    """A loss of this package as the ``loss=`` of histogram gradient boosting, whose labels come encoded."""

    def __init__(self, objective, n_classes=2):
        super().__init__(closs=None, link=LogitLink() if n_classes == 2 else MultinomialLogit(), n_classes=n_classes)
        self.is_multiclass = n_classes > 2
        self.objective = objective
        self.called_by = None

    def fit_intercept_only(self, y_true, sample_weight=None):
        """The first call of a training: counts its labels, and gives the loss's own start."""
        n_classes = self.n_classes if self.is_multiclass else None
        self.fitted = self.objective.fit(y_true, sample_weight, n_classes)
        self.training = self.fitted.bind(y_true, sample_weight, n_classes, library="sklearn")
        start = np.asarray(self.fitted.start(y_true, sample_weight, n_classes))
        return start - start.mean() if self.is_multiclass else start

    def gradient_hessian(self, y_true, raw_prediction, sample_weight=None, gradient_out=None, hessian_out=None, n_threads=1):
        self.called_by = protocol.calling()
        gradient, hessian = self.training(self._margin(raw_prediction))
        gradient_out[...] = gradient
        hessian_out[...] = hessian
        return gradient_out, hessian_out

    def __call__(self, y_true, raw_prediction, sample_weight=None, n_threads=1):
        """The mean loss, for early stopping."""
        return self.fitted.mean_loss(self._margin(raw_prediction), y_true, sample_weight)

    def predict_proba(self, raw_prediction):
        p = self.fitted.probability(self._margin(raw_prediction))
        return p if self.is_multiclass else np.stack([1.0 - p, p], axis=1)

    def _margin(self, raw_prediction):
        return raw_prediction if self.is_multiclass else raw_prediction.ravel()


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """The library, registered for one test."""
    monkeypatch.setattr(protocol, "LIBRARIES", dict(protocol.LIBRARIES))
    monkeypatch.setattr(protocol, "_by_module", dict(protocol._by_module))
    library = HistGradientBoosting()
    protocol.register(library)
    return library


@pytest.fixture(params=["binary", "multiclass"])
def data(request, make_data):
    return make_data(request.param)


def trained(objective, data, weight=None, **settings):
    loss = AsBaseLoss(objective, int(data.y.max()) + 1)
    return HistGradientBoostingClassifier(loss=loss, **(SETTINGS | settings)).fit(data.X, data.y, weight)


def margin(model, X):
    return model._raw_predict(X)


def test_the_library_says_all_that_the_protocol_asks_for(registered):
    asked = {*vars(protocol.Library), *protocol.Library.__annotations__}
    assert {name for name in asked if not name.startswith("_")} <= set(dir(registered))


@pytest.mark.parametrize("weighted", [False, True])
def test_gamma_0_is_the_built_in_log_loss(data, weighted):
    weight = data.weight if weighted else None
    own = trained(bi.focal_objective(gamma=0.0, hessian="exact"), data, weight)
    built_in = HistGradientBoostingClassifier(**SETTINGS).fit(data.X, data.y, weight)
    np.testing.assert_allclose(margin(own, data.X), margin(built_in, data.X), atol=1e-6)
    np.testing.assert_allclose(own.predict_proba(data.X), built_in.predict_proba(data.X), atol=1e-6)


def test_balanced_class_weights_are_the_built_in_ones(data):
    # Features of few values, because scikit-learn's bins of many depend on sample weights, and so on its class weights.
    data = data._replace(X=data.X.round(1))
    own = trained(bi.weighted_objective(weights="balanced", hessian="exact"), data)
    built_in = HistGradientBoostingClassifier(class_weight="balanced", **SETTINGS).fit(data.X, data.y)
    np.testing.assert_allclose(margin(own, data.X), margin(built_in, data.X), atol=1e-5)
    prior = np.bincount(data.y.astype(int)) / len(data.y)
    np.testing.assert_allclose(own.predict_proba(data.X).mean(axis=0), prior, atol=0.02)
    assert np.abs(built_in.predict_proba(data.X).mean(axis=0) - prior).max() > 0.05


@pytest.mark.parametrize("constructor", [bi.focal_objective, bi.asymmetric_objective, bi.ldam_objective])
def test_a_loss_begins_at_its_own_start_and_falls(constructor, data):
    objective = constructor()
    model = trained(objective, data, early_stopping=True, scoring="loss", validation_fraction=None, n_iter_no_change=30)
    losses = -np.array(model.train_score_)
    labels = data.y if data.task == "binary" else data.y.astype(int)
    start = np.atleast_1d(objective.start(labels))
    everywhere = np.broadcast_to(start if len(start) > 1 else start[0], (len(labels), len(start)))
    everywhere = everywhere if len(start) > 1 else everywhere.ravel()
    assert losses[0] == pytest.approx(objective.fit(labels).mean_loss(everywhere, labels), rel=1e-6)
    assert len(losses) == SETTINGS["max_iter"] + 1
    assert (np.diff(losses) < 0).all()


@pytest.mark.parametrize("objective", [bi.focal_objective(gamma=2.0), bi.logit_adjusted_objective(tau=1.0)])
def test_probabilities_are_calibrated(objective, data):
    model = trained(objective, data)
    prior = np.bincount(data.y.astype(int)) / len(data.y)
    probability = model.predict_proba(data.X)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(probability.mean(axis=0), prior, atol=0.02)
    fitted = objective.fit(data.y, n_classes=len(prior) if data.task == "multiclass" else None)
    own = probability if data.task == "multiclass" else probability[:, 1]
    np.testing.assert_array_equal(fitted.predict_probability(model, data.X), own)
    inverse = model._loss.link.inverse(margin(model, data.X))
    assert np.abs((inverse[:, 1:] if data.task != "binary" else inverse).mean(axis=0) - prior[1:]).max() > 0.04


def test_early_stopping_watches_the_loss_on_other_rows(data):
    settings = {"max_iter": 300, "early_stopping": True, "scoring": "loss", "n_iter_no_change": 5}
    model = trained(bi.focal_objective(gamma=1.0), data, data.weight, **settings)
    assert 5 < model.n_iter_ < 300
    assert len(model.validation_score_) == model.n_iter_ + 1


def test_a_loss_knows_which_booster_calls_it(registered, data):
    model = trained(bi.focal_objective(), data, max_iter=2)
    library, booster = model.loss.called_by
    assert library is registered
    assert booster is model
    assert library.n_outputs(booster) == (3 if data.task == "multiclass" else 1)


def test_an_unknown_library_is_refused_by_the_names_of_those_there_are():
    with pytest.raises(ValueError, match="'catboost'; choose one of 'xgboost', 'lightgbm', 'sklearn'"):
        bi.focal_objective().bind([0, 1], library="catboost")
