"""Tuning with splits, frames, early stopping and labels of all kinds."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.model_selection import (
    ShuffleSplit,
    cross_val_predict,
)

from tests.estimators.decisions.common import SCORES, best_score, posterior_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


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
