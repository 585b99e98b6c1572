"""What stands in the files: missing values, objectives and linear boosters."""

import re

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.portable.common import CONSTANT, LOSSES, TASKS, assert_same_classifier, positive

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


@pytest.mark.parametrize("missing", [-999.0, 0.0, np.nan])
def test_the_missing_value_comes_back(xgboost_kit, missing, small, tmp_path):
    data, path = small("binary"), tmp_path / "model.ubj"
    data.X[::3, 0] = missing
    model = xgboost_kit.fit(data, missing=missing)
    model.save_model(path)
    loaded = xgboost_kit.make(missing=1.0)
    loaded.load_model(path)
    np.testing.assert_equal(loaded.get_params()["missing"], missing)
    np.testing.assert_allclose(loaded.predict_proba(data.X), model.predict_proba(data.X), rtol=0, atol=xgboost_kit.tolerance)


def test_a_missing_value_of_none_is_written_as_nan(xgboost_kit, small, tmp_path):
    """XGBoost trains with it, though its own classifier cannot predict an array then."""
    xgboost_kit.fit(small("binary"), missing=None).save_model(tmp_path / "model.ubj")
    loaded = xgboost_kit.make(missing=1.0)
    loaded.load_model(tmp_path / "model.ubj")
    assert np.isnan(loaded.get_params()["missing"])


def parameter(text, name):
    return re.search(rf"^\[{name}: (.*)\]$", text, re.MULTILINE)[1]


NATIVE = {"binary": "binary", "multiclass": "multiclass", "multilabel": "multiclassova"}


@pytest.mark.parametrize("loss", ["plain", "balanced", "logit_adjusted", "focal"])
@pytest.mark.parametrize("task", TASKS)
def test_lightgbm_files_say_which_objective_their_margins_are_of(lightgbm_kit, task, loss, small, tmp_path):
    """That of the library where sigmoid or softmax is calibrated; else none, so that refit is refused."""
    data, path = small(task), tmp_path / "model.txt"
    model = lightgbm_kit.fit(data, loss=LOSSES[loss](task))
    native = NATIVE[task]
    assert parameter(model.booster_.model_to_string(), "objective") == (native if loss == "plain" else "custom")
    model.save_model(path)
    text = path.read_text(encoding="utf-8")
    assert parameter(text, "objective") == (native if loss in CONSTANT else "custom")
    assert parameter(text, "num_class") == ("1" if task == "binary" else "3")
    assert f"\nobjective={native}" in text
    loaded = lightgbm_kit.make()
    loaded.load_model(path)
    assert parameter(loaded.booster_.model_to_string(), "objective") == (native if loss == "plain" else "custom")


@pytest.mark.parametrize("loss", ["plain", "balanced", "logit_adjusted", "focal"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_lightgbm_refits_a_file_of_calibrated_probabilities(lightgbm_kit, task, loss, small, tmp_path):
    data, fresh, path = small(task), small(task, 600, seed=2), tmp_path / "model.txt"
    model = lightgbm_kit.fit(data, loss=LOSSES[loss](task))
    model.save_model(path)
    booster = lightgbm_kit.library.Booster(model_file=path)
    if loss == "focal":
        with pytest.raises(lightgbm_kit.library.basic.LightGBMError, match="No objective function"):
            booster.refit(fresh.X, fresh.y)
        return
    expected = positive(task, model.predict_proba(fresh.X))
    same, moved = (booster.refit(fresh.X, fresh.y, decay_rate=rate).predict(fresh.X) for rate in (1.0, 0.5))
    np.testing.assert_allclose(same, expected, rtol=0, atol=lightgbm_kit.tolerance)
    assert np.abs(moved - same).max() > 0.01
    if loss == "plain":  # as LightGBM refits its own
        model = lightgbm_kit.fit(data, loss=bi.weighted_objective(weights=None, hessian="exact"))
        model.save_model(path)
        booster = lightgbm_kit.library.Booster(model_file=path)
        moved = booster.refit(fresh.X, fresh.y, decay_rate=0.5).predict(fresh.X)
        own = lightgbm_kit.library.LGBMClassifier(n_estimators=8, n_jobs=1, **lightgbm_kit.defaults).fit(data.X, data.y)
        own = own.booster_.refit(fresh.X, fresh.y, decay_rate=0.5).predict(fresh.X)
        np.testing.assert_allclose(moved, own, rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", ["balanced", "focal"])
def test_linear_boosters_keep_all_rounds(xgboost_kit, loss, small, tmp_path):
    """XGBoost predicts with all rounds of a linear booster, stopped early or not."""
    data, valid, path = small("binary"), small("binary", 100, seed=1), tmp_path / "model.json"
    params = {"booster": "gblinear", "max_depth": None, "n_estimators": 60, "early_stopping_rounds": 2}
    fit = {"eval_set": [(valid.X, valid.y)], "verbose": False}
    model = xgboost_kit.fit(data, fit=fit, loss=LOSSES[loss]("binary"), **params)
    assert model.best_iteration < 55
    model.save_model(path)
    expected = model.predict_proba(valid.X, calibrated=loss in CONSTANT)[:, 1]
    np.testing.assert_allclose(xgboost_kit.read(path)(valid.X), expected, rtol=0, atol=xgboost_kit.tolerance)


@pytest.mark.parametrize("task", TASKS)
def test_linear_boosters_begin_at_the_start(xgboost_kit, task, small):
    """Each output at its own, though gblinear takes one base_score for all of them."""
    pandas = pytest.importorskip("pandas")
    data = small(task)
    loss = bi.focal_objective(gamma=1.0)
    start = np.asarray(loss.start(data.y))
    for X in (data.X, pandas.DataFrame(data.X, columns=list("abcd"))):
        model = xgboost_kit.make(booster="gblinear", max_depth=None, n_estimators=1, learning_rate=1e-9, loss=loss)
        margin = model.fit(X, data.y).decision_function(X)
        moved = margin - start
        if task == "multiclass":
            moved = moved - moved.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(moved, 0.0, atol=1e-6)


@pytest.mark.parametrize("loss", ["balanced", "logit_adjusted", "focal"])
@pytest.mark.parametrize("task", TASKS)
def test_files_of_linear_boosters(xgboost_kit, task, loss, small, tmp_path):
    """The calibrating shift is in the biases: plain XGBoost's gblinear adds one base_score to all outputs."""
    data, fresh = small(task), small(task, 100, seed=2)
    params = {"booster": "gblinear", "max_depth": None, "n_estimators": 20, "early_stopping_rounds": 3}
    fit = {"eval_set": [(fresh.X, fresh.y)], "verbose": False}
    model = xgboost_kit.fit(data, fit=fit, loss=LOSSES[loss](task), **params)
    expected = positive(task, model.predict_proba(fresh.X, calibrated=loss in CONSTANT))
    for suffix in xgboost_kit.suffixes:
        path = tmp_path / f"model{suffix}"
        model.save_model(path)
        np.testing.assert_allclose(xgboost_kit.read(path)(fresh.X), expected, rtol=0, atol=xgboost_kit.tolerance)
        loaded = xgboost_kit.make()
        loaded.load_model(path)
        assert_same_classifier(loaded, model, fresh.X, xgboost_kit.tolerance)
        loaded.save_model(path)
        np.testing.assert_allclose(xgboost_kit.read(path)(fresh.X), expected, rtol=0, atol=xgboost_kit.tolerance)
    more = {**params, "n_estimators": 3, "early_stopping_rounds": None}
    continued = [
        xgboost_kit.fit(data, fit={"xgb_model": known}, loss=LOSSES[loss](task), **more).predict_proba(fresh.X)
        for known in (model, path)
    ]
    np.testing.assert_allclose(*continued, rtol=0, atol=1e-5)


@pytest.mark.library_fact
@pytest.mark.filterwarnings("ignore")
def test_gblinear_begins_every_output_at_the_first_base_score(xgboost_kit, small):
    data, starts = small("multiclass"), [-1.0, 0.0, 1.0]
    params = {"booster": "gblinear", "objective": "multi:softprob", "num_class": 3, "base_score": starts}
    matrix = xgboost_kit.library.DMatrix(data.X, data.y)
    booster = xgboost_kit.library.train(params, matrix, 0)
    assert (booster.predict(matrix, output_margin=True) == -1.0).all()
