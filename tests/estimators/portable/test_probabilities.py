"""Plain XGBoost and LightGBM read a file's probabilities."""

import numpy as np
import pytest

from tests.estimators.portable.common import CONSTANT, LOSSES, OTHER, TASKS, positive, shift_by_hand, variants

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


READ = """
import pathlib, sys
sys.modules["boost_imbalance"] = None
import numpy as np
folder = pathlib.Path(sys.argv[1])
X, found = np.load(folder / "X.npy"), {}
for path in sorted(folder.iterdir()):
    if path.suffix in (".json", ".ubj"):
        import xgboost
        booster, data = xgboost.Booster(model_file=path), xgboost.DMatrix(X)
        found[path.name + " margin"] = booster.predict(data, output_margin=True)
        found[path.name + " predict"] = booster.predict(data)
        model = xgboost.XGBClassifier(n_jobs=1)
        model.load_model(path)
        found[path.name + " classifier"] = model.predict_proba(X)
    elif path.suffix == ".txt":
        import lightgbm
        booster = lightgbm.Booster(model_file=path)
        found[path.name + " margin"] = booster.predict(X, raw_score=True)
        found[path.name + " predict"] = booster.predict(X)
try:
    import boost_imbalance
except ImportError:
    np.savez(folder / "found.npz", **found)
"""


@pytest.mark.parametrize("task", TASKS)
def test_plain_libraries_read_probabilities(kit, task, small, fresh_python, tmp_path):
    data = small(task)
    fresh = small(task, 150, seed=2)
    np.save(tmp_path / "X.npy", fresh.X)
    models = {}

    def save(name, model):
        for suffix in kit.suffixes:
            model.save_model(tmp_path / f"{name}{suffix}")
            models[f"{name}{suffix}"] = model, name.split(" ")[0]

    for name, loss in LOSSES.items():
        save(name, kit.fit(data, loss=loss(task)))
    for variant, params, fit in variants(kit, task, small):
        for name in ("balanced", "logit_adjusted", "focal"):
            model = kit.fit(data, fit=fit, loss=LOSSES[name](task), **params)
            if "stopped" in variant:
                rounds = model.best_iteration + 1 if kit.name == "xgboost" else model.best_iteration_
                assert rounds < 50
            save(f"{name} {variant}", model)
    fresh_python(READ, tmp_path)
    found = np.load(tmp_path / "found.npz")

    for file, (model, name) in models.items():
        expected = model.predict_proba(fresh.X, calibrated=name in CONSTANT)
        read = found[f"{file} predict"]
        np.testing.assert_allclose(read, positive(task, expected), rtol=0, atol=kit.tolerance, err_msg=file)
        if kit.name == "xgboost":
            np.testing.assert_allclose(found[f"{file} classifier"], expected, rtol=0, atol=kit.tolerance, err_msg=file)
        moved = found[f"{file} margin"] - model.decision_function(fresh.X)
        by_hand = shift_by_hand(name, task, data.y) if name in CONSTANT else np.zeros(1)
        if task == "multiclass":
            moved = moved - moved.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(moved, np.broadcast_to(by_hand, moved.shape), rtol=0, atol=1e-5, err_msg=file)
        if name in OTHER:
            assert np.abs(model.predict_proba(fresh.X) - expected).max() > 0.01, file
