"""Model files of LightGBM that hold the loss's link."""

import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.lightgbm.common import BUILT_IN, IS_RECENT, QUIET, linked, log_loss, raw, train

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


def test_linked_model_predicts_probabilities_and_keeps_raw_scores(data, tmp_path, fresh_python):
    objective = bi.focal_objective()
    booster = train(objective, data, rounds=6)
    model = objective.lightgbm_model(booster)
    margin = raw(booster, data.X)
    np.testing.assert_array_equal(raw(model, data.X), margin)
    np.testing.assert_allclose(model.predict(data.X), linked(margin), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(booster.predict(data.X), margin)  # the model that was passed is as it was
    assert objective.lightgbm_model(model).model_to_string() == model.model_to_string()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data.X), model.predict(data.X))
    model.save_model(tmp_path / "model.txt")
    np.save(tmp_path / "X.npy", data.X)
    code = """
import sys, numpy, lightgbm
folder = sys.argv[1]
booster, X = lightgbm.Booster(model_file=folder + "/model.txt"), numpy.load(folder + "/X.npy")
numpy.savez(folder + "/out.npz", probability=booster.predict(X), margin=booster.predict(X, raw_score=True))
assert not [name for name in sys.modules if name.startswith("boost_imbalance")]
"""
    fresh_python(code, tmp_path)
    out = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(out["probability"], model.predict(data.X))
    np.testing.assert_array_equal(out["margin"], margin)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_linked_model_can_be_refitted_where_its_link_is_calibrated(make_data, task):
    """As LightGBM's own model; under any other loss its own objective would be of other margins, and is refused."""
    data, fresh = make_data(task), make_data(task, seed=1)
    objective = bi.weighted_objective(weights=None)
    model = objective.lightgbm_model(train(objective, data, rounds=6))
    assert f"[objective: {BUILT_IN[task]['objective']}]" in model.model_to_string()
    again = lgb.Booster(model_str=model.model_to_string())
    model = objective.lightgbm_model(again)  # whose text is as it should be already
    for one in (model, again) if IS_RECENT else (model,):  # older ones do not read the objective of a model's text
        same = one.refit(fresh.X, fresh.y, decay_rate=1.0).predict(fresh.X)
        np.testing.assert_allclose(same, model.predict(fresh.X), rtol=0, atol=1e-12)
    refitted = model.refit(fresh.X, fresh.y, decay_rate=0.5)
    assert log_loss(refitted.predict(data.X), data.y) > log_loss(model.predict(data.X), data.y)
    for loss in (bi.focal_objective(), bi.weighted_objective(), bi.logit_adjusted_objective()):
        model = loss.lightgbm_model(train(loss, data, rounds=2))
        assert "[objective: custom]" in model.model_to_string()
        with pytest.raises(lgb.basic.LightGBMError, match="No objective function"):
            model.refit(fresh.X, fresh.y)


def test_linked_model_of_labels_in_one_booster(make_data):
    # LightGBM has one label per row: the rows' numbers stand in for it, and the objective looks the labels up.
    data = make_data("multilabel")
    objective = bi.focal_objective()
    params = {**objective.lightgbm_params(data.y), **QUIET, "objective": lambda margin, _: objective(data.y, margin)}
    dataset = lgb.Dataset(data.X, np.arange(len(data.y)), free_raw_data=False)
    booster = lgb.train(params, dataset, 10, init_model=objective.lightgbm_start(data.X, data.y))
    model = objective.lightgbm_model(booster)
    margin = raw(booster, data.X)
    np.testing.assert_allclose(model.predict(data.X), 1.0 / (1.0 + np.exp(-margin)), rtol=0, atol=1e-12)
    for k in range(3):
        one = data._replace(y=data.y[:, k])
        np.testing.assert_allclose(
            margin[:, k], raw(train(bi.focal_objective(), one, rounds=10), data.X), rtol=1e-6, atol=1e-6
        )
