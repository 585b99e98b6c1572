"""Continued trainings, labels that change, adaptive weights, and several trainings with one objective."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.common import Recorder
from tests.libraries.lightgbm.common import QUIET, linked, raw, train

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


def test_continued_training_is_one_long_training(data):
    objective = bi.focal_objective()
    half = train(objective, data, rounds=6)
    for begun in (half, objective.lightgbm_model(half)):
        continued = train(objective, data, rounds=6, init_model=begun)
        whole = raw(train(objective, data, rounds=12), data.X)
        np.testing.assert_allclose(raw(continued, data.X), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("how", [lambda b: b, lambda b: pickle.loads(pickle.dumps(b)), bi.focal_objective().lightgbm_model])
def test_continued_adaptive_training_keeps_its_class_weights(data, how):
    rate = 0.2
    recorder, whole = Recorder(bi.adaptive_objective(rate)), Recorder(bi.adaptive_objective(rate))
    train(whole.objective, data, {"objective": whole}, rounds=8)
    half = train(bi.adaptive_objective(rate), data, rounds=4)
    train(recorder.objective, data, {"objective": recorder}, rounds=4, init_model=how(half))
    for (gradient, hessian), (expected, curvature) in zip(recorder.answers, whole.answers[4:], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(hessian, curvature, rtol=1e-5, atol=1e-7)


def test_class_weights_that_a_file_does_not_hold_are_missed(make_data, tmp_path):
    data, objective = make_data("binary"), bi.adaptive_objective(0.2)
    train(objective, data, rounds=2).save_model(tmp_path / "half.txt")
    with pytest.warns(UserWarning, match=r"half\.txt' does not say where the class weights"):
        train(objective, data, rounds=2, init_model=str(tmp_path / "half.txt"))


@pytest.mark.parametrize("name", ["weighted", "class_balanced", "logit_adjusted", "focal", "adaptive"])
def test_changed_labels_of_the_same_dataset_are_noticed(data, name):
    constructor = getattr(bi, f"{name}_objective")
    objective = constructor()
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False).construct()
    changed = data.y.copy()
    changed[: len(changed) // 3] = data.y.max()
    start = bi.focal_objective().lightgbm_start(data.X, data.y)
    for y in (data.y, changed, changed, data.y):
        dataset.set_label(y)
        params = {**objective.lightgbm_params(data.y), **QUIET}
        booster = lgb.train(params, dataset, 4, init_model=start)
        fresh = lgb.train({**params, "objective": constructor()}, lgb.Dataset(data.X, y), 4, init_model=start)
        np.testing.assert_array_equal(raw(booster, data.X), raw(fresh, data.X))


def test_adaptive_weights_follow_the_false_negative_rates(data):
    rate = 0.3
    recorder = Recorder(bi.adaptive_objective(rate, scale=1.0, hessian="exact"))
    train(recorder.objective, data, {"objective": recorder}, rounds=12, weight=data.weight)
    y = data.y.astype(int)
    classes = y.max() + 1
    class_weight = np.ones(classes)
    for m, (gradient, hessian) in zip(recorder.margins, recorder.answers, strict=True):
        missed = (m.argmax(axis=1) if m.ndim == 2 else m > 0) != y
        rates = [np.average(missed[y == k], weights=data.weight[y == k]) for k in range(classes)]
        class_weight = (1.0 - rate) * class_weight + rate * np.array(rates)
        w, p = data.weight * class_weight[y], linked(m)
        slope, curvature = (p - np.eye(3)[y], 1.5 * p * (1.0 - p)) if m.ndim == 2 else (p - y, p * (1.0 - p))
        np.testing.assert_allclose(gradient, (w * slope.T).T, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(hessian, (w * curvature.T).T, rtol=1e-4, atol=1e-6)
    assert np.ptp(class_weight) > 0.1


def test_adaptive_starts_over_with_each_training(data):
    objective = bi.adaptive_objective(0.3)
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    params, start = {**objective.lightgbm_params(data.y), **QUIET}, objective.lightgbm_start(data.X, data.y)
    first, second = (raw(lgb.train(params, dataset, 6, init_model=start), data.X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_adaptive_folds_do_not_mix(data):
    rows = np.arange(len(data.y))
    folds = [(rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]
    objective = bi.adaptive_objective(0.3)
    start = objective.lightgbm_start(data.X, data.y)
    params = {**objective.lightgbm_params(data.y), **QUIET}
    metric = bi.metrics.average_precision()
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    result = lgb.cv(params, dataset, 6, folds=folds, init_model=start, feval=metric, return_cvbooster=True)
    for booster, (inside, _) in zip(result["cvbooster"].boosters, folds, strict=True):
        alone = lgb.train(
            {**params, "objective": bi.adaptive_objective(0.3)},
            lgb.Dataset(data.X, data.y, free_raw_data=False).subset(inside), 6, init_model=start,
        )  # fmt: skip
        np.testing.assert_array_equal(raw(booster, data.X), raw(alone, data.X))


@pytest.mark.parametrize("name", ["focal", "class_balanced", "adaptive"])
def test_one_objective_serves_several_threads(make_data, name):
    constructor = getattr(bi, f"{name}_objective")
    data = [make_data("multiclass", n=500 + 100 * (i % 2), seed=i) for i in range(8)]

    def run(i, objective, native):
        if native:
            start = constructor().lightgbm_start(data[i].X, data[i].y)
            return raw(train(objective, data[i], init_model=start), data[i].X)
        model = lgb.LGBMClassifier(n_estimators=15, n_jobs=1, verbosity=-1, objective=objective)
        return model.fit(data[i].X, data[i].y).predict(data[i].X, raw_score=True)

    shared = constructor()
    for native in (True, False):
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(run, range(8), [shared] * 8, [native] * 8))
        for i, margin in enumerate(together):
            np.testing.assert_array_equal(margin, run(i, constructor(), native))
