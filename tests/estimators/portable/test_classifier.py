"""What a file brings back of a classifier."""

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.portable.common import LOSSES, TASKS, assert_same_classifier, positive, shift_by_hand

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


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
