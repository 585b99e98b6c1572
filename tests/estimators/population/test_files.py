"""Files of a model for another population."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from scipy.special import logit

from tests.estimators.population.common import OTHERS, SHARES, draw, given, in_training

LOSSES = {"plain": None, "weighted": bi.weighted_objective(), "focal": bi.focal_objective()}


@pytest.mark.parametrize("loss", LOSSES)
def test_model_files(kit, task, loss, tmp_path):
    rows = draw(task, SHARES[task], 600)
    settings = {"loss": LOSSES[loss], "decision": "f1", "decision_cv": 2, "n_estimators": 5}
    model = kit.make(prevalence=given(task, OTHERS[task]), **settings).fit(rows.X, rows.y)
    p, margin = model.predict_proba(rows.X), model.decision_function(rows.X)
    path = str(tmp_path / f"model{kit.suffix}")
    model.save_model(path)
    link = in_training(model).predict_proba(rows.X, calibrated=False)
    expected = link if loss == "focal" else p
    np.testing.assert_allclose(kit.read(path)(rows.X), expected[:, 1] if task == "binary" else expected, atol=2e-6)
    np.testing.assert_array_equal(model.decision_function(rows.X), margin)  # the model itself has not changed

    loaded = kit.make()
    loaded.load_model(path)
    np.testing.assert_allclose(loaded.predict_proba(rows.X), p, atol=2e-6)
    np.testing.assert_allclose(loaded.decision_function(rows.X), margin, atol=2e-5)
    np.testing.assert_array_equal(loaded.thresholds_, model.thresholds_)
    again = str(tmp_path / f"again{kit.suffix}")
    loaded.save_model(again)
    np.testing.assert_allclose(kit.read(again)(rows.X), kit.read(path)(rows.X), atol=2e-6)
    with pytest.raises(ValueError, match="population of other shares"):
        loaded.set_params(prevalence=None).predict(rows.X)
    np.testing.assert_allclose(loaded.predict_proba(rows.X), in_training(model).predict_proba(rows.X), atol=2e-6)


@pytest.mark.parametrize(
    "params",
    [{"prevalence": pd.Series({"ok": 0.9, "fraud": 0.1})}, {"sampling_rate": {"ok": np.float64(0.5)}}],
    ids=["prevalence", "sampling_rate"],
)
def test_files_hold_names(kit, params, tmp_path):
    rows = draw("binary", SHARES["binary"], 300)
    model = kit.make(n_estimators=3, **params).fit(rows.X, np.where(rows.y == 1, "fraud", "ok"))
    model.save_model(tmp_path / f"model{kit.suffix}")
    loaded = kit.make()
    loaded.load_model(tmp_path / f"model{kit.suffix}")
    np.testing.assert_allclose(loaded.predict_proba(rows.X), model.predict_proba(rows.X), atol=2e-6)


def test_a_training_that_goes_on_from_a_file_begins_at_the_margins_of_training(kit, tmp_path):
    rows = draw("binary", SHARES["binary"], 600)
    model = kit.make(n_estimators=5).fit(rows.X, rows.y)
    name = "xgb_model" if kit.name == "xgboost" else "init_model"
    files = []
    for prevalence in (None, 0.05):
        files.append(str(tmp_path / f"model{len(files)}{kit.suffix}"))
        model.set_params(prevalence=prevalence).save_model(files[-1])
    plain, there = (kit.make(n_estimators=5).fit(rows.X, rows.y, **{name: file}).predict_proba(rows.X) for file in files)
    np.testing.assert_allclose(there, plain, atol=1e-4)


def test_a_file_that_does_not_say_the_shares_in_training(kit, tmp_path):
    rows = draw("binary", SHARES["binary"], 600)
    path = str(tmp_path / f"model{kit.suffix}")
    if kit.name == "xgboost":
        from xgboost import XGBClassifier

        XGBClassifier(n_estimators=3, n_jobs=1).fit(rows.X, rows.y).save_model(path)
    else:
        from lightgbm import LGBMClassifier

        LGBMClassifier(n_estimators=3, n_jobs=1, verbosity=-1).fit(rows.X, rows.y).booster_.save_model(path)
    model = kit.make(prevalence=0.1)
    model.load_model(path)
    for call in (model.predict_proba, model.estimate_prevalence):
        with pytest.raises(ValueError, match=r"model file did not say which shares.*file that save_model"):
            call(rows.X)
    before = model.set_params(prevalence=None).predict_proba(rows.X)[:, 1]
    after = model.set_params(sampling_rate={0: 0.1}).predict_proba(rows.X)[:, 1]
    np.testing.assert_allclose(logit(after) - logit(before), np.log(0.1))
    again = str(tmp_path / f"again{kit.suffix}")
    model.save_model(again)
    model.load_model(again)
    with pytest.raises(ValueError, match="model file did not say"):
        model.estimate_prevalence(rows.X)
    assert model.set_params(prevalence=0.1, sampling_rate=None).fit(rows.X, rows.y).predict_proba(rows.X).shape == (600, 2)


@pytest.mark.parametrize("loss", LOSSES)
def test_onnx(kit, task, loss):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    rows = draw(task, SHARES[task], 600)
    X = rows.X.astype(np.float32)
    model = kit.make(prevalence=given(task, OTHERS[task]), loss=LOSSES[loss], n_estimators=5).fit(X, rows.y)
    session = runtime.InferenceSession(model.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
    margin, p = session.run(["margin", "probability"], {"X": X})
    np.testing.assert_allclose(p, model.predict_proba(X), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(margin, model.decision_function(X).reshape(600, -1), rtol=1e-5, atol=1e-6)
    assert np.abs(p - in_training(model).predict_proba(X)).max() > 0.1
