"""Files of trainings that stop early, go on, or meet odd weights and labels; and pickles."""

import json
import pathlib
import pickle
import re
import warnings

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.portable.common import TASKS, assert_same_classifier, positive, variants

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


@pytest.mark.parametrize("task", TASKS)
def test_early_stopping_is_kept(kit, task, small, tmp_path):
    data, fresh = small(task), small(task, 100, seed=2)
    for variant, params, fit in variants(kit, task, small):
        if "stopped" not in variant:
            continue
        model = kit.fit(data, fit=fit, loss=bi.logit_adjusted_objective(), **params)
        path = tmp_path / f"{variant}{kit.suffixes[-1]}"
        model.save_model(path)
        loaded = kit.make()
        loaded.load_model(path)
        assert_same_classifier(loaded, model, fresh.X, kit.tolerance)


def test_data_frames(kit, small, tmp_path):
    """Feature names, also odd ones, and categories by name survive; another order of the columns is refused still."""
    pandas = pytest.importorskip("pandas")
    data = small("binary")
    kind = np.array(["red", "green", "blue=ish"])[np.arange(len(data.y)) % 3]
    frame = pandas.DataFrame(data.X, columns=["a", "größe", "c_1", "d"]).assign(kind=pandas.Categorical(kind))
    label = ((data.y == 1) | (kind == "red")).astype(int)
    params = {"enable_categorical": True} if kit.name == "xgboost" else {}
    model = kit.make(loss=bi.weighted_objective(), **params).fit(frame, label)
    path = tmp_path / f"model{kit.suffixes[-1]}"
    model.save_model(path)
    loaded = kit.make(**params)
    loaded.load_model(path)
    fresh = frame.iloc[::-2]
    assert_same_classifier(loaded, model, fresh, kit.tolerance)
    assert list(loaded.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(fresh[["größe", "a", "c_1", "d", "kind"]])
    with pytest.raises(ValueError, match="4 features"):
        loaded.predict(fresh.iloc[:, :4])


@pytest.mark.parametrize("task", TASKS)
def test_models_without_a_record(kit, task, small, tmp_path):
    """The library's own models of its own cross-entropy, as its own classifier predicts with them."""
    data, fresh = small(task), small(task, 100, seed=2)
    path = tmp_path / f"model{kit.suffixes[0]}"
    if kit.name == "xgboost":
        plain = kit.library.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(data.X, data.y)
        plain.save_model(path)
        probability, predicted = plain.predict_proba(fresh.X), plain.predict(fresh.X)
    elif task == "multilabel":  # LightGBM itself trains no such models, but reads them
        kit.fit(data, loss=bi.weighted_objective(weights=None)).booster_.save_model(path)
        probability = kit.read(path)(fresh.X)
        predicted = probability > 0.5
    else:
        plain = kit.library.LGBMClassifier(n_estimators=5, verbosity=-1, n_jobs=1).fit(data.X, data.y)
        plain.booster_.save_model(path)
        probability, predicted = plain.predict_proba(fresh.X), plain.predict(fresh.X)
    loaded = kit.make()
    loaded.load_model(path)
    np.testing.assert_allclose(loaded.predict_proba(fresh.X), probability, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(loaded.predict(fresh.X), predicted)
    loaded.save_model(path)
    np.testing.assert_allclose(kit.read(path)(fresh.X), positive(task, probability), rtol=0, atol=1e-6)


def test_fit_after_load_forgets_the_file(kit, small, tmp_path):
    path = tmp_path / f"model{kit.suffixes[0]}"
    kit.fit(small("multiclass"), loss=bi.focal_objective(gamma=3.0), decision="f1", decision_cv=2).save_model(path)
    loaded = kit.make(loss=bi.weighted_objective())
    loaded.load_model(path)
    data = small("binary")
    expected = kit.fit(data, loss=bi.weighted_objective())
    np.testing.assert_array_equal(loaded.fit(data.X, data.y).predict_proba(data.X), expected.predict_proba(data.X))
    assert repr(loaded.loss_) == repr(expected.loss_)


def test_load_replaces_a_fitted_model(kit, small, tmp_path):
    path = tmp_path / f"model{kit.suffixes[0]}"
    model = kit.fit(small("multilabel"), loss=bi.weighted_objective())
    model.save_model(path)
    used = kit.fit(small("binary"), loss=bi.focal_objective())
    used.load_model(path)
    assert_same_classifier(used, model, small("multilabel").X, kit.tolerance)


def test_saving_changes_nothing(kit, small, tmp_path):
    data = small("binary")
    model = kit.fit(data, loss=bi.weighted_objective())
    before = pickle.dumps(model.predict_proba(data.X))
    paths = [tmp_path / f"{i}{kit.suffixes[0]}" for i in range(2)]
    for path in paths:
        model.save_model(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert pickle.dumps(model.predict_proba(data.X)) == before


def test_continued_from_a_file_as_from_the_model(kit, small, tmp_path):
    """A file's margins may be shifted by a constant; training that goes on from the loaded model is not."""
    data = small("binary")
    model = kit.fit(data, loss=bi.weighted_objective())
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    loaded = kit.make(loss=bi.weighted_objective())
    loaded.load_model(path)
    name = "xgb_model" if kit.name == "xgboost" else "init_model"
    for start in (loaded, loaded.get_booster() if kit.name == "xgboost" else loaded.booster_, str(path), path):
        once = kit.fit(data, fit={name: start}, loss=bi.weighted_objective()).predict_proba(data.X)
        expected = kit.fit(data, fit={name: model}, loss=bi.weighted_objective()).predict_proba(data.X)
        np.testing.assert_allclose(once, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("weight", [1e-9, 1e9])
@pytest.mark.parametrize("task", TASKS)
def test_extreme_class_weights(kit, task, weight, small, tmp_path):
    """XGBoost keeps the intercept of a sigmoid between 1e-6 and 1 - 1e-6. A shift beyond is left out, with a warning."""
    data, fresh = small(task), small(task, 100, seed=2)
    weights = {"binary": weight, "multiclass": [1.0, 1.0, weight], "multilabel": [1.0, weight, 2.0]}[task]
    start = {"base_score": 0.5} if kit.name == "xgboost" and task != "multiclass" else {}
    model = kit.fit(data, loss=bi.weighted_objective(weights, hessian="exact"), **start)
    path = tmp_path / f"model{kit.suffixes[0]}"
    beyond = kit.name == "xgboost" and task != "multiclass"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.save_model(path)
    assert [re.search("beyond the largest intercept", str(w.message)) is not None for w in caught] == [True] * beyond
    expected = positive(task, model.predict_proba(fresh.X, calibrated=not beyond))
    np.testing.assert_allclose(kit.read(path)(fresh.X), expected, rtol=1e-5, atol=kit.tolerance)
    loaded = kit.make()
    loaded.load_model(path)
    np.testing.assert_allclose(loaded.predict_proba(fresh.X), model.predict_proba(fresh.X), rtol=1e-4, atol=kit.tolerance)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_nearly_certain_labels(kit, task, small, tmp_path):
    """Intercepts next to the clamp of a sigmoid keep their odds, at either end."""
    data = small(task)
    for value in (0, 1):
        y = data.y.copy()
        y[:] = value
        y[5] = 1 - value
        for weights in ([20.0, 1.0], [1.0, 20.0]):
            model = kit.fit(data, y, loss=bi.weighted_objective([weights] * 3 if task == "multilabel" else weights))
            path = tmp_path / f"model{kit.suffixes[0]}"
            model.save_model(path)
            expected = positive(task, model.predict_proba(data.X))
            read = np.asarray(kit.read(path)(data.X), dtype=np.float64)
            np.testing.assert_allclose(read / (1 - read), expected / (1 - expected), rtol=2e-3)


@pytest.mark.parametrize("weights", [[8.0, 1.0], [1.0, 8.0]])
@pytest.mark.parametrize("value", [0, 1])
def test_labels_that_never_change(kit, value, weights, small, tmp_path):
    """Their intercept is at the clamp, and comes back from there."""
    data = small("multilabel")
    y = data.y.copy()
    y[:, 1] = value
    model = kit.fit(data, y, loss=bi.weighted_objective([weights] * 3))
    path = tmp_path / f"model{kit.suffixes[0]}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.save_model(path)
    written = model.predict_proba(data.X, calibrated=not caught)
    loaded = kit.make()
    loaded.load_model(path)
    for found, expected in (
        (loaded.predict_proba(data.X), model.predict_proba(data.X)),
        (np.asarray(kit.read(path)(data.X), dtype=np.float64), written),
    ):
        # float32, in which XGBoost keeps an intercept, has few digits next to 1.
        np.testing.assert_allclose(found / (1 - found), expected / (1 - expected), rtol=0.1 if value else 2e-3)


@pytest.mark.parametrize("how", ["pickle", "joblib"])
@pytest.mark.parametrize("task", TASKS)
def test_pickles(kit, task, how, small, tmp_path):
    dumps, load = pickle.dumps, pickle.loads
    if how == "joblib":
        joblib = pytest.importorskip("joblib")

        def dumps(model):
            joblib.dump(model, tmp_path / "model.joblib")
            return tmp_path / "model.joblib"

        load = joblib.load
    data, fresh = small(task), small(task, 100, seed=2)
    made = kit.make(loss=bi.focal_objective(gamma=1.0), decision="f1", decision_cv=2, n_estimators=3)
    fitted = load(dumps(made)).fit(data.X, data.y)
    found = load(dumps(fitted))
    np.testing.assert_array_equal(found.predict_proba(fresh.X), fitted.predict_proba(fresh.X))
    np.testing.assert_array_equal(found.predict(fresh.X), fitted.predict(fresh.X), strict=True)
    assert repr(found.get_params()["loss"]) == repr(made.loss)
    fitted.save_model(tmp_path / f"one{kit.suffixes[0]}")
    found.save_model(tmp_path / f"two{kit.suffixes[0]}")
    assert (tmp_path / f"one{kit.suffixes[0]}").read_bytes() == (tmp_path / f"two{kit.suffixes[0]}").read_bytes()
    loaded = kit.make(decision="f1")
    loaded.load_model(tmp_path / f"one{kit.suffixes[0]}")
    once = load(dumps(loaded))
    np.testing.assert_array_equal(once.predict(fresh.X), fitted.predict(fresh.X), strict=True)
    refitted = found.fit(data.X, data.y)
    np.testing.assert_array_equal(refitted.predict_proba(fresh.X), fitted.predict_proba(fresh.X))


def test_pickle_in_another_process(kit, small, fresh_python, tmp_path):
    data = small("multiclass")
    model = kit.fit(data, loss=bi.class_balanced_objective(gamma=1.0))
    (tmp_path / "model.pickle").write_bytes(pickle.dumps((model, data.X)))
    printed = fresh_python(
        "import json, pickle, sys; model, X = pickle.load(open(sys.argv[1], 'rb'));"
        "print(json.dumps(model.predict_proba(X).tolist()))",
        tmp_path / "model.pickle",
    )
    np.testing.assert_allclose(json.loads(printed), model.predict_proba(data.X), rtol=0, atol=1e-15)


def test_not_fitted(kit, tmp_path):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        kit.make().save_model(tmp_path / f"model{kit.suffixes[0]}")
    assert not list(pathlib.Path(tmp_path).iterdir())
