"""Model files: what plain XGBoost and LightGBM read in them, and what a classifier gets back."""

import json
import pathlib
import pickle
import re
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import boost_imbalance as bi

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]

TASKS = ["binary", "multiclass", "multilabel"]
ROWS = 260

EXPLICIT = {"binary": [1.0, 4.0], "multiclass": [1.0, 2.0, 5.0], "multilabel": [[1.0, 2.0], [3.0, 1.0], [0.5, 4.0]]}

# Those that a constant calibrates, and those that no constant does.
CONSTANT = {
    "plain": lambda task: bi.weighted_objective(weights=None),
    "balanced": lambda task: bi.weighted_objective("balanced"),
    "explicit": lambda task: bi.weighted_objective(EXPLICIT[task]),
    "logit_adjusted": lambda task: bi.logit_adjusted_objective(tau=0.7),
    "class_balanced": lambda task: bi.class_balanced_objective(beta=0.99),
    "adjusted_and_weighted": lambda task: bi.logit_adjusted_objective(tau=0.5, weights=EXPLICIT[task]),
}
OTHER = {
    "focal": lambda task: bi.focal_objective(gamma=2.0),
    "asymmetric": lambda task: bi.asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.05),
    "class_balanced_focal": lambda task: bi.class_balanced_objective(beta=0.99, gamma=1.0),
}
LOSSES = {**CONSTANT, **OTHER}

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


class Kit(NamedTuple):
    """One library: its classifier with small defaults, its file names, its own way to read one, and its precision."""

    name: str
    library: Any
    classifier: Any
    defaults: dict[str, Any]
    suffixes: tuple[str, ...]
    tolerance: float

    def make(self, **params):
        return self.classifier(**{"n_jobs": 1, "n_estimators": 8, **self.defaults, **params})

    def fit(self, data, label=None, fit=None, **params):
        return self.make(**params).fit(data.X, data.y if label is None else label, **(fit or {}))

    def read(self, path):
        """What the library's own booster predicts."""
        booster = self.library.Booster(model_file=path)
        return lambda X: booster.predict(self.library.DMatrix(X) if self.name == "xgboost" else X)


@pytest.fixture(params=["xgboost", "lightgbm"])
def kit(request):
    library = pytest.importorskip(request.param)
    pytest.importorskip("sklearn")
    if request.param == "xgboost":
        return Kit("xgboost", library, bi.ImbalancedXGBClassifier, {"max_depth": 3}, (".json", ".ubj"), 3e-6)
    defaults = {"num_leaves": 7, "min_child_samples": 5, "verbosity": -1}
    return Kit("lightgbm", library, bi.ImbalancedLGBMClassifier, defaults, (".txt",), 1e-12)


@pytest.fixture
def xgboost_kit(kit):
    if kit.name != "xgboost":
        pytest.skip("of XGBoost alone")
    return kit


@pytest.fixture
def lightgbm_kit(kit):
    if kit.name != "lightgbm":
        pytest.skip("of LightGBM alone")
    return kit


@pytest.fixture
def small(make_data):
    """Few rows, some with missing features."""

    def make(task, rows=ROWS, seed=0):
        data = make_data(task, rows, seed)
        data.X[::7, 3] = np.nan
        return data

    return make


def positive(task, probability):
    """The library's own shape: a binary task has the second column alone."""
    return probability[:, 1] if task == "binary" else probability


def shift_by_hand(name, task, y):
    """What makes the plain link calibrated, from the class counts and math alone; of a softmax, centred."""
    if task == "multiclass":
        n = np.bincount(y.astype(int), minlength=3)[:, None].astype(float)
        explicit = np.asarray(EXPLICIT[task])[:, None]
    else:
        y = y.reshape(len(y), -1)
        n = np.stack([(1 - y).sum(axis=0), y.sum(axis=0)])
        explicit = np.asarray(EXPLICIT[task]).reshape(-1, 2).T
    weights = {
        "balanced": 1.0 / n,
        "explicit": explicit,
        "class_balanced": (1 - 0.99) / (1 - 0.99**n),
        "adjusted_and_weighted": explicit,
    }.get(name, np.ones_like(n))
    tau = {"logit_adjusted": 0.7, "adjusted_and_weighted": 0.5}.get(name, 0.0)
    undone = tau * np.log(n / n.sum(axis=0)) - np.log(weights)
    return (undone - undone.mean(axis=0))[:, 0] if task == "multiclass" else undone[1] - undone[0]


def variants(kit, task, data):
    """Constructor and fit arguments beyond the loss, by name."""
    valid = data(task, 120, seed=1)
    stop = {"learning_rate": 0.9, "n_estimators": 60}
    if kit.name == "lightgbm":
        watched = {"eval_set": [(valid.X, valid.y)], "callbacks": [kit.library.early_stopping(3, verbose=False)]}
        yield "dart", {"boosting_type": "dart", "n_estimators": 20, "drop_rate": 0.5}, {}
        yield "stopped", stop, watched
        return
    watched = {"eval_set": [(valid.X, valid.y)], "verbose": False}
    yield "dart", {"booster": "dart", "n_estimators": 20, "rate_drop": 0.5}, {}
    yield "stopped", {**stop, "early_stopping_rounds": 3}, watched
    if task != "binary":
        yield "vector_leaf", {"multi_strategy": "multi_output_tree"}, {}
        vector = {"multi_strategy": "multi_output_tree", "early_stopping_rounds": 3}
        yield "vector_leaf_stopped", {**stop, **vector}, watched


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


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("task", TASKS)
def test_a_file_brings_the_classifier_back(kit, task, loss, small, tmp_path):
    data, fresh = small(task), small(task, 100, seed=2)
    names = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"]}.get(task)
    label = data.y if names is None else np.array(names)[data.y.astype(int)]
    model = kit.fit(data, label, {"sample_weight": data.weight}, loss=LOSSES[loss](task))
    for suffix in kit.suffixes:
        path = tmp_path / f"model{suffix}"
        model.save_model(str(path))
        loaded = kit.make()
        loaded.load_model(str(path))
        assert_same_classifier(loaded, model, fresh.X, kit.tolerance)

        again = tmp_path / f"again{suffix}"
        loaded.save_model(again)
        np.testing.assert_allclose(kit.read(again)(fresh.X), kit.read(path)(fresh.X), rtol=0, atol=kit.tolerance)


def assert_same_classifier(loaded, model, X, tolerance):
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=0, atol=tolerance)
    raw = model.predict_proba(X, calibrated=False)
    np.testing.assert_allclose(loaded.predict_proba(X, calibrated=False), raw, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X), strict=True)
    np.testing.assert_array_equal(loaded.classes_, model.classes_, strict=True)
    assert (loaded.n_classes_, loaded.n_features_in_) == (model.n_classes_, model.n_features_in_)
    np.testing.assert_allclose(loaded.class_prior_, model.class_prior_, rtol=1e-12)
    np.testing.assert_allclose(loaded.thresholds_, model.thresholds_, rtol=1e-12)
    assert repr(loaded.loss_) == repr(model.loss_)
    margin = np.random.default_rng(0).normal(size=(20, len(model.class_prior_)), scale=3.0).squeeze()
    np.testing.assert_allclose(loaded.loss_.probability(margin), model.loss_.probability(margin), rtol=1e-12)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("decision", ["balanced", "f1", "balanced_accuracy", "recall", "threshold", "cost"])
def test_decisions_come_back(kit, task, decision, small, tmp_path):
    threshold = {"binary": 0.2, "multiclass": [0.6, 0.2, 0.2], "multilabel": [0.2, 0.4, 0.1]}[task]
    rule = {
        "recall": {"recall": 0.8},
        "threshold": {"threshold": threshold},
        "cost": {"cost": [[0, 1, 2], [5, 0, 1], [9, 3, 0]] if task == "multiclass" else [[0, 1], [7, 0]]},
    }.get(decision, decision)
    if decision == "recall" and task == "multiclass":
        pytest.skip("a recall floor is of one class")
    data, fresh = small(task), small(task, 200, seed=2)
    model = kit.fit(data, loss=bi.focal_objective(gamma=1.0), decision=rule, decision_cv=3, n_estimators=5)
    path = tmp_path / f"model{kit.suffixes[-1]}"
    model.save_model(path)
    predicted = model.predict(fresh.X)
    for loaded in (kit.make(decision=rule), kit.make()):
        loaded.load_model(path)
        np.testing.assert_array_equal(loaded.predict(fresh.X), predicted, strict=True)
    plain = kit.fit(data, loss=bi.focal_objective(gamma=1.0), n_estimators=5).predict(fresh.X)
    assert (plain != predicted).any()  # the rule does matter here


@pytest.mark.parametrize("decision", ["f1", {"recall": 0.6}, {"threshold": 0.3}])
def test_the_positive_class_comes_back(kit, decision, small, tmp_path):
    data, fresh = small("binary"), small("binary", 200, seed=2)
    label = np.array(["bad", "good"])[1 - data.y.astype(int)]
    model = kit.fit(data, label, decision=decision, decision_cv=3, pos_label="bad", n_estimators=30)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    loaded = kit.make()
    loaded.load_model(path)
    assert loaded.pos_label == "bad"
    above = model.predict_proba(fresh.X)[:, 0] > model.thresholds_
    np.testing.assert_array_equal(loaded.predict(fresh.X), np.where(above, "bad", "good"))
    assert 0 < above.sum() < len(above)


def test_another_tuned_rule_than_the_files_is_refused(kit, small, tmp_path):
    path = tmp_path / f"model{kit.suffixes[0]}"
    kit.fit(small("binary"), decision="f1", decision_cv=2, n_estimators=3).save_model(path)
    loaded = kit.make(decision="balanced_accuracy")
    loaded.load_model(path)
    assert loaded.decision == "f1"
    loaded.set_params(decision="balanced_accuracy")
    with pytest.raises(ValueError, match="no thresholds were tuned"):
        loaded.predict(small("binary").X)
    loaded.save_model(path)
    again = kit.make()
    again.load_model(path)
    with pytest.raises(ValueError, match="no thresholds were tuned"):
        again.predict(small("binary").X)
    assert again.set_params(decision="f1").thresholds_ == loaded.set_params(decision="f1").thresholds_


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_class_weights_come_back(kit, task, small, tmp_path):
    data, fresh = small(task), small(task, 200, seed=2)
    weights = {1.0: 6.0}
    model = kit.fit(data, loss=bi.focal_objective(gamma=1.0), class_weight=weights)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    loaded = kit.make()
    loaded.load_model(path)
    eta = model.predict_proba(fresh.X)
    by_hand = (eta * np.where(model.classes_ == 1.0, 6.0, 1.0)).argmax(axis=1)
    np.testing.assert_array_equal(loaded.predict(fresh.X), by_hand)
    assert (by_hand != eta.argmax(axis=1)).any()


CLASSES = {
    "strings": ["no", "yes"],
    "of the format": ["a=b", "boost_imbalance={}\nfeature_names=x", '"quoted" \\ \t', "end of trees"],
    "unicode": ["Müll", "ごみ", "🗑\u2028", "\ufeffbom"],
    "as objects": np.array(["x", "a longer one", "b"], dtype=object),
    "empty": ["", "nothing"],
    "negative": [-1, 1],
    "floats": [-2.0, 0.0, 2.0**53],
    "large": [2**62, 2**62 + 1, -5],
    "small integers": np.array([3, 7, 9], dtype=np.int8),
    "unsigned": np.array([0, 2**64 - 1], dtype=np.uint64),
    "booleans": [False, True],
}


@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES)
def test_any_class_labels_come_back(kit, classes, small, tmp_path):
    task = "binary" if len(classes) == 2 else "multiclass"
    data = small(task, 200)
    label = np.asarray(classes)[np.minimum(data.y.astype(int), len(classes) - 1)]
    label[: len(classes)] = classes
    model = kit.fit(data, label, loss=bi.weighted_objective(), n_estimators=3)
    for suffix in kit.suffixes:
        path = tmp_path / f"model{suffix}"
        model.save_model(path)
        loaded = kit.make()
        loaded.load_model(path)
        assert_same_classifier(loaded, model, data.X, kit.tolerance)
        assert set(loaded.predict(data.X).tolist()) <= set(np.asarray(classes).tolist())
        expected = positive("binary" if len(classes) == 2 else "multiclass", model.predict_proba(data.X))
        np.testing.assert_allclose(kit.read(path)(data.X), expected, rtol=0, atol=kit.tolerance)


def test_classes_without_rows_come_back(kit, small, tmp_path):
    data = small("multiclass")
    label = np.array(["a", "c", "d"])[data.y.astype(int)]
    model = kit.fit(data, label, classes=["a", "b", "c", "d", "e"], loss=bi.focal_objective(gamma=1.0), n_estimators=3)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    loaded = kit.make()
    loaded.load_model(path)
    assert_same_classifier(loaded, model, data.X, kit.tolerance)
    assert loaded.predict_proba(data.X)[:, [1, 4]].max() < 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_missing_labels_travel_as_the_rest_of_the_rows(kit, task, small, tmp_path):
    data = small(task)
    y = data.y.copy()
    y[::4] = np.nan
    model = kit.fit(data, y, loss=bi.weighted_objective())
    kept = ~np.isnan(y.reshape(len(y), -1)).any(axis=1)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    loaded = kit.make()
    loaded.load_model(path)
    assert_same_classifier(loaded, model, data.X, kit.tolerance)
    shift = loaded.loss_.probability(np.zeros((1, 3) if task != "binary" else 1)).ravel()
    n = shift_by_hand("balanced", task, y[kept])
    by_hand = np.exp(n) / np.exp(n).sum() if task == "multiclass" else 1 / (1 + np.exp(-n))
    np.testing.assert_allclose(shift, by_hand, rtol=1e-6)


PARAMETERS = [
    (
        "binary",
        lambda: bi.focal_objective(gamma=1.5, alpha=0.25, clip_weights=(0.5, 2.0), hessian="positive_terms", scale=2.0),
    ),
    ("binary", lambda: bi.weighted_objective({1: 3.0}, tau=0.5)),
    ("binary", lambda: bi.logit_adjusted_objective(tau=1.0, priors=0.1, n_threads=1)),
    ("binary", lambda: bi.adaptive_objective(rate=0.1, gamma=1.0)),
    ("multiclass", lambda: bi.focal_objective(gamma=np.array([0.0, 1.0, 2.0]), alpha=(0.2, 0.3, 0.9))),
    ("multiclass", lambda: bi.logit_adjusted_objective(priors=np.array([0.5, 0.3, 0.2]), gamma=np.float32(0.5))),
    ("multilabel", lambda: bi.asymmetric_objective(gamma_pos=[0.0, 1.0, 0.5], weights={0: 2.0, 2: [1.0, 3.0]})),
    ("multilabel", lambda: bi.weighted_objective([2.0, 3.0, np.float64(4.0)], clip_weights=np.array([1.0, 3.5]))),
]


@pytest.mark.parametrize(("task", "loss"), PARAMETERS)
def test_parameters_of_every_type_come_back(kit, task, loss, small, tmp_path):
    data = small(task, 150)
    model = kit.fit(data, loss=loss(), n_estimators=2)
    path = tmp_path / f"model{kit.suffixes[0]}"
    model.save_model(path)
    loaded = kit.make()
    loaded.load_model(path)
    assert loaded.loss_.constructor_name == model.loss_.constructor_name
    saved, read = model.loss_.parameters, loaded.loss_.parameters
    assert saved.keys() == read.keys()
    for name, value in saved.items():
        if value is None or isinstance(value, (str, dict)):
            assert read[name] == value
        else:
            np.testing.assert_array_equal(np.asarray(read[name]), np.asarray(value), err_msg=name)
    margin = model.decision_function(data.X)
    for one, other in zip(
        loaded.loss_.gradient_hessian(margin, data.y), model.loss_.gradient_hessian(margin, data.y), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)


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


def test_classes_that_a_file_cannot_hold_are_named(kit, small, tmp_path):
    data = small("binary")
    days = np.array(["2025-01-01", "2025-01-02"], dtype="datetime64[D]")[data.y.astype(int)]
    with pytest.raises(TypeError, match="datetime64"):
        kit.fit(data, days, n_estimators=2).save_model(tmp_path / f"model{kit.suffixes[0]}")
