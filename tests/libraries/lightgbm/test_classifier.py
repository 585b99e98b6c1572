"""Every loss as the objective of LightGBM's own classifier."""

import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.lightgbm.common import QUIET, linked, raw, train

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


def classifier(objective, data, weight=None, **options):
    params = {**QUIET, "n_estimators": 15, "metric": "None", "objective": objective, **options}
    del params["num_threads"]
    model = lgb.LGBMClassifier(n_jobs=1, **params)
    return model.fit(data.X, data.y, sample_weight=weight, init_model=objective.lightgbm_start(data.X, data.y, weight))


@pytest.mark.parametrize("weighted", [False, True])
def test_classifier_is_the_native_training(data, any_constructor, weighted):
    objective = any_constructor()
    weight = data.weight if weighted else None
    model = classifier(objective, data, weight)
    native = raw(train(any_constructor(), data, weight=weight), data.X)
    np.testing.assert_allclose(model.predict(data.X, raw_score=True), native, rtol=0, atol=1e-6)
    np.testing.assert_allclose(objective.lightgbm_model(model).predict(data.X), linked(native), rtol=0, atol=1e-6)


def test_class_weight_of_the_classifier_multiplies_sample_weight(data):
    class_weight = {0: 1.0, 1: 3.0, 2: 5.0} if data.task == "multiclass" else {0: 1.0, 1: 3.0}
    objective = bi.focal_objective()
    product = data.weight * np.array([class_weight[int(label)] for label in data.y])
    model = lgb.LGBMClassifier(n_estimators=10, n_jobs=1, verbosity=-1, objective=objective, class_weight=class_weight)
    start = objective.lightgbm_start(data.X, data.y, product)
    model.fit(data.X, data.y, sample_weight=data.weight, init_model=start)
    native = raw(train(bi.focal_objective(), data, rounds=10, weight=product), data.X)
    np.testing.assert_allclose(model.predict(data.X, raw_score=True), native, rtol=0, atol=1e-6)


def test_classifier_encodes_names_of_classes(make_data):
    data = make_data("multiclass")
    names = np.array(["a", "b", "c"])[data.y.astype(int)]
    objective = bi.focal_objective()
    model = lgb.LGBMClassifier(n_estimators=10, n_jobs=1, verbosity=-1, objective=objective)
    model.fit(data.X, names, init_model=objective.lightgbm_start(data.X, data.y))
    assert list(model.classes_) == ["a", "b", "c"]
    native = raw(train(bi.focal_objective(), data, rounds=10), data.X)
    np.testing.assert_allclose(model.predict(data.X, raw_score=True), native, rtol=0, atol=1e-6)


def test_classifier_survives_pickle_and_clone(data, any_constructor):
    from sklearn.base import clone

    objective = any_constructor()
    model = classifier(objective, data)
    margin = model.predict(data.X, raw_score=True)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data.X, raw_score=True), margin)
    np.testing.assert_array_equal(again.objective.probability(margin), objective.probability(margin))
    for copied in (again, clone(model), clone(again)):
        fitted = copied.fit(data.X, data.y, init_model=objective.lightgbm_start(data.X, data.y))
        np.testing.assert_array_equal(fitted.predict(data.X, raw_score=True), margin)


def test_classifier_stops_early_with_a_metric(make_data):
    data, held_out = make_data("binary"), make_data("binary", seed=1)
    objective = bi.focal_objective()
    for metric in (bi.metrics.average_precision(), objective.metric):
        model = lgb.LGBMClassifier(n_estimators=300, n_jobs=1, verbosity=-1, objective=objective, metric="None")
        model.fit(
            data.X, data.y, eval_set=[(held_out.X, held_out.y)], eval_sample_weight=[held_out.weight], eval_metric=metric,
            init_model=objective.lightgbm_start(data.X, data.y), callbacks=[lgb.early_stopping(10, verbose=False)],
        )  # fmt: skip
        values = np.array(model.evals_result_["valid_0"][metric.name])
        best = values.argmax() if metric.greater_is_better else values.argmin()
        assert 0 < best == len(values) - 1 - 10
        assert model.best_iteration_ == best + 2
        margin = model.predict(held_out.X, raw_score=True)
        assert metric.value(margin, held_out.y, held_out.weight.astype(np.float32)) == pytest.approx(values[best], rel=1e-12)
