"""Files that are broken, of another model or of another version are named for what they are."""

import json
import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.portable.common import ROWS

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


def test_a_broken_file_leaves_the_model_as_it_was(kit, small, tmp_path):
    data = small("binary")
    model = kit.fit(data, loss=bi.weighted_objective())
    before = model.predict_proba(data.X)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(Exception, match=r"."):
        model.load_model(path)
    np.testing.assert_array_equal(model.predict_proba(data.X), before)


def wrong_file(kit, what, small):
    if what == "other library":
        text = (
            "tree\nversion=v4\nnum_class=1\n" if kit.name == "xgboost" else '{"learner":{"attributes":{},"feature_names":[]'
        )
        return text.encode()
    return {"empty": b"", "pickle": pickle.dumps(small("binary")), "text": b"a,b\n1,2\n", "json": b'{"a": 1}'}[what]


WRONG_FILES = {
    "empty": "is empty; give a file that save_model wrote, of (XGBoost|LightGBM) or of its classifier",
    "pickle": "is a pickle, for pickle.load or joblib.load; give",
    "other library": "is a model of (XGBoost, for ImbalancedXGB|LightGBM, for ImbalancedLGBM)Classifier; give",
    "text": "is no model file; give",
    "json": "is no model file; give",
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_a_wrong_file_is_named_for_what_it_is(kit, what, small, tmp_path):
    path = tmp_path / "wrong"
    path.write_bytes(wrong_file(kit, what, small))
    model = kit.fit(small("binary"), n_estimators=2)
    before = model.predict_proba(small("binary").X)
    continuing = {"xgb_model" if kit.name == "xgboost" else "init_model": path}
    for read in (lambda: model.load_model(path), lambda: kit.fit(small("binary"), fit=continuing, n_estimators=2)):
        with pytest.raises(ValueError, match=f"wrong' {WRONG_FILES[what]}"):
            read()
    np.testing.assert_array_equal(model.predict_proba(small("binary").X), before)
    if kit.name == "xgboost":
        with pytest.raises(ValueError, match=f"the model {WRONG_FILES[what]}"):
            model.load_model(bytearray(path.read_bytes()))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model.load_model(tmp_path / "nowhere")


def test_half_a_file_is_damaged(kit, small, tmp_path):
    path = tmp_path / f"model{kit.suffixes[0]}"
    model = kit.fit(small("binary"), n_estimators=2)
    model.save_model(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"model\.\w+' is damaged, or of another version of the library \(.+\)\.$"):
        model.load_model(path)


RECORDS = {
    "a later format": (
        "version",
        2,
        "has format 2, but this boost-imbalance reads formats up to 1; upgrade boost-imbalance",
    ),
    "another format": ("version", "x", "has format x, but this boost-imbalance reads formats up to 1; upgrade"),
    "no format": ("version", None, "is damaged; save the model again"),
    "no classes": ("classes", None, "lacks classes; save the model again"),
}


@pytest.mark.parametrize(("field", "value", "said"), RECORDS.values(), ids=RECORDS)
def test_the_format_of_the_record_is_checked(kit, field, value, said, small, tmp_path, monkeypatch):
    from boost_imbalance.estimators import portable

    written = portable.record

    def changed(model, shift):
        state = json.loads(written(model, shift))
        assert state["version"] == 1
        state |= {field: value}
        return json.dumps({key: one for key, one in state.items() if key != field or value is not None})

    model, path = kit.fit(small("binary"), n_estimators=2), tmp_path / f"model{kit.suffixes[-1]}"
    before = model.predict_proba(small("binary").X)
    with monkeypatch.context() as patch:
        patch.setattr(portable, "record", changed)
        model.save_model(path)
    assert kit.read(path)(small("binary").X).shape == (ROWS,)  # to the library itself it is a model like any other
    continuing = {"xgb_model" if kit.name == "xgboost" else "init_model": str(path)}
    for read in (lambda: model.load_model(path), lambda: kit.fit(small("binary"), fit=continuing, n_estimators=2)):
        with pytest.raises(ValueError, match=said):
            read()
    np.testing.assert_array_equal(model.predict_proba(small("binary").X), before)


def test_a_loss_that_this_version_lacks_is_named(kit, small, tmp_path):
    model = kit.fit(small("multiclass"), loss=bi.weighted_objective(), n_estimators=2)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    path.write_bytes(path.read_bytes().replace(b"weighted_objective", b"worthier_objective"))
    used = kit.fit(small("binary"), n_estimators=2)
    before = used.predict_proba(small("binary").X)
    with pytest.raises(ValueError, match="worthier_objective"):
        used.load_model(path)
    np.testing.assert_array_equal(used.predict_proba(small("binary").X), before)


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:hinge", "count:poisson", "rank:pairwise"])
def test_xgboost_models_of_something_else_are_refused(xgboost_kit, objective, small, tmp_path):
    data, path = small("binary"), tmp_path / "model.json"
    matrix = xgboost_kit.library.DMatrix(data.X, data.y, qid=np.zeros(len(data.y)))
    xgboost_kit.library.train({"objective": objective, "nthread": 1}, matrix, 2).save_model(path)
    with pytest.raises(ValueError, match=objective):
        xgboost_kit.make().load_model(path)


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "regression"},
        {"objective": "poisson"},
        {"objective": "binary", "sigmoid": 2.0},
        {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    ],
)
def test_lightgbm_models_of_something_else_are_refused(lightgbm_kit, params, small, tmp_path):
    data, path = small("binary"), tmp_path / "model.txt"
    options = {"verbosity": -1, "num_threads": 1, **params}
    lightgbm_kit.library.train(options, lightgbm_kit.library.Dataset(data.X, data.y), 2).save_model(path)
    with pytest.raises(ValueError, match=params["objective"]):
        lightgbm_kit.make().load_model(path)


def test_classes_that_a_file_cannot_hold_are_named(kit, small, tmp_path):
    data = small("binary")
    days = np.array(["2025-01-01", "2025-01-02"], dtype="datetime64[D]")[data.y.astype(int)]
    with pytest.raises(TypeError, match="datetime64"):
        kit.fit(data, days, n_estimators=2).save_model(tmp_path / f"model{kit.suffixes[0]}")
