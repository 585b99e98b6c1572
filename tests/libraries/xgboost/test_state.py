"""Labels that change, adaptive weights, and several trainings with one objective."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.libraries import xgboost
from tests.libraries.common import Recorder
from tests.libraries.xgboost.common import BUILT_IN, Rounds, log_loss, predict, softmax

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")


@pytest.mark.parametrize("name", ["weighted", "class_balanced", "logit_adjusted", "focal", "adaptive"])
def test_changed_labels_of_the_same_dmatrix_are_noticed(any_data, name):
    constructor = getattr(bi, f"{name}_objective")
    objective = constructor()
    matrix = xgb.DMatrix(any_data.X, any_data.y)
    params = {**BUILT_IN[any_data.task], "base_score": [0.1, 0.2, 0.3] if any_data.task == "multiclass" else 0.3}
    changed = any_data.y.copy()
    changed[: len(changed) // 3] = 1.0 if any_data.task != "multiclass" else 2.0
    for y in (any_data.y, changed, changed, any_data.y):
        matrix.set_label(y)
        booster = xgb.train(params, matrix, 4, obj=objective)
        fresh = xgb.train(params, xgb.DMatrix(any_data.X, y), 4, obj=constructor())
        np.testing.assert_array_equal(predict(booster, any_data), predict(fresh, any_data))


def test_changed_weights_of_the_same_dmatrix_are_noticed(make_data):
    data = make_data("binary")
    matrix = xgb.DMatrix(data.X, data.y)
    objective = bi.weighted_objective("balanced")
    params = {**BUILT_IN["binary"], "tree_method": "exact"}
    xgb.train(params, matrix, 3, obj=objective)
    weight = np.where(data.y > 0, 5.0, 1.0)
    matrix.set_weight(weight)
    booster = xgb.train(params, matrix, 3, obj=objective)
    fresh = xgb.train(params, xgb.DMatrix(data.X, data.y, weight=weight), 3, obj=bi.weighted_objective("balanced"))
    np.testing.assert_array_equal(predict(booster, data), predict(fresh, data))


def false_negative_rates(margin, data, weight):
    """Of each class, or of label 0 and 1 in each column."""
    if data.task == "multiclass":
        missed = margin.argmax(axis=1) != data.y
        return np.array([np.average(missed[data.y == k], weights=weight[data.y == k]) for k in range(3)])
    up, y = (margin > 0).reshape(len(margin), -1), data.y.reshape(len(margin), -1)
    return np.array(
        [
            [np.average(up[y[:, j] == 0, j], weights=weight[y[:, j] == 0]) for j in range(y.shape[1])],
            [np.average(~up[y[:, j] == 1, j], weights=weight[y[:, j] == 1]) for j in range(y.shape[1])],
        ]
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_adaptive_weights_follow_the_false_negative_rates(any_data, weighted):
    rate = 0.3
    recorder = Recorder(bi.adaptive_objective(rate, scale=1.0, hessian="exact"))
    weight = any_data.weight if weighted else np.ones(len(any_data.y))
    params = recorder.objective.xgboost_params(any_data.y, weight)
    xgb.train(params, xgb.DMatrix(any_data.X, any_data.y, weight=weight if weighted else None), 12, obj=recorder)
    class_weight = 1.0
    for margin, (gradient, hessian) in zip(recorder.margins, recorder.answers, strict=True):
        m = margin.astype(np.float64)
        class_weight = (1.0 - rate) * class_weight + rate * false_negative_rates(m, any_data, weight)
        if any_data.task == "multiclass":
            p = softmax(m)
            w = (weight * class_weight[any_data.y.astype(int)])[:, None]
            slope = p - np.eye(3)[any_data.y.astype(int)]
            curvature = np.abs(slope) if xgboost.takes_gradient_as_hessian() else 2.0 * p * (1.0 - p)
        else:
            p = 1.0 / (1.0 + np.exp(-m))
            of_label = np.where(any_data.y.reshape(len(m), -1) > 0, class_weight[1], class_weight[0])
            w = (weight[:, None] * of_label).reshape(m.shape)
            slope, curvature = p - any_data.y, p * (1.0 - p)
        np.testing.assert_allclose(gradient, w * slope, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(hessian, w * curvature, rtol=1e-4, atol=1e-6)
    assert np.ptp(class_weight) > 0.1


def test_adaptive_starts_over_with_each_training(any_data):
    objective = bi.adaptive_objective(0.3)
    matrix = xgb.DMatrix(any_data.X, any_data.y)
    params = objective.xgboost_params(any_data.y)
    first, second = (xgb.train(params, matrix, 6, obj=objective).predict(matrix) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_adaptive_folds_do_not_mix(any_data):
    rows = np.arange(len(any_data.y))
    folds = [(rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]
    objective = bi.adaptive_objective(0.3)
    params = {**objective.xgboost_params(any_data.y), "disable_default_eval_metric": 0}
    metric = "mlogloss" if any_data.task == "multiclass" else "logloss"
    result = xgb.cv(
        params, xgb.DMatrix(any_data.X, any_data.y), 6, folds=folds, obj=objective, metrics=[metric], as_pandas=False
    )
    alone = []
    for inside, outside in folds:
        booster = xgb.train(params, xgb.DMatrix(any_data.X[inside], any_data.y[inside]), 6, obj=bi.adaptive_objective(0.3))
        alone.append(log_loss(booster.predict(xgb.DMatrix(any_data.X[outside])), any_data.y[outside]))
    assert result[f"test-{metric}-mean"][-1] == pytest.approx(np.mean(alone), abs=2e-6)


@pytest.mark.parametrize("name", ["focal", "class_balanced", "adaptive"])
def test_one_objective_serves_several_threads(make_data, name):
    constructor = getattr(bi, f"{name}_objective")
    data = [make_data("multiclass", n=500 + 100 * (i % 2), seed=i) for i in range(8)]

    def run(i, objective, native):
        params = {**constructor().xgboost_params(data[i].y), "nthread": 1}
        if native:
            return predict(xgb.train(params, xgb.DMatrix(data[i].X, data[i].y), 15, obj=objective), data[i])
        model = xgb.XGBClassifier(n_estimators=15, **{**params, "objective": objective})
        return model.fit(data[i].X, data[i].y).predict_proba(data[i].X)

    shared = constructor()
    for native in (True, False):
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(run, range(8), [shared] * 8, [native] * 8))
        for i, probability in enumerate(together):
            np.testing.assert_array_equal(probability, run(i, constructor(), native))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: np.where(np.arange(len(y)) == 7, 2.0, y), "label is 2.0 in row 7"),
        (lambda y: np.where(np.arange(len(y)) == 7, 1.5, y), "label is 1.5 in row 7"),
        (lambda y: 2.0 * y - 1.0, "label is -1.0 in row"),
    ],
)
def test_bad_labels_stop_before_the_first_tree(make_data, any_constructor, change, message):
    data = make_data("binary")
    rounds = Rounds()
    with pytest.raises(ValueError, match=message):
        xgb.train(
            {"objective": "binary:logistic"},
            xgb.DMatrix(data.X, change(data.y)),
            3,
            obj=any_constructor(),
            callbacks=[rounds],
        )
    assert rounds.finished == 0
