"""Trees of every kind in ONNX: dropped and weighted, categories, missing values, vector leaves."""

import json
import re
import sys

import numpy as np
import pytest

import boost_imbalance as bi

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("sklearn")

from boost_imbalance import to_onnx  # noqa: E402
from tests.estimators.onnx.common import COLUMNS, QUIET, both, check, features, run, train  # noqa: E402

DROPPING = {
    "rate_drop": {"rate_drop": 0.5},
    "booster": {"booster": "dart", "rate_drop": 0.5, "normalize_type": "forest"},
    "forest": {"booster": "dart", "rate_drop": 0.5, "num_parallel_tree": 2},
    "vector leaves": {"rate_drop": 0.5, "multi_strategy": "multi_output_tree"},
    "nothing dropped": {"booster": "dart", "rate_drop": 0.0},
}


@pytest.mark.filterwarnings("ignore")  # before version 3.4 gbtree does not know rate_drop, after it dart is deprecated
@pytest.mark.parametrize("params", DROPPING.values(), ids=DROPPING)
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_xgboost_weights_of_dropped_trees(make_data, task, params):
    """As a setting of gbtree or as a booster of its own; whole, by rounds and as a slice."""
    xgboost_or_skip()
    data = make_data(task, 300)
    objective = bi.focal_objective()
    booster = train("xgboost", objective, data.X, data.y, 8, seed=0, **params)
    check(booster, objective, features(data))
    check(booster, objective, features(data), 5)
    check(booster[:5], objective, features(data))


@pytest.mark.library_fact
@pytest.mark.filterwarnings("ignore")
def test_xgboost_keeps_the_weights_of_dropped_trees_in_one_of_two_places(make_data):
    xgb = xgboost_or_skip()
    data = make_data("binary", 300)
    objective = bi.focal_objective()
    booster = train("xgboost", objective, data.X, data.y, 8, seed=0, booster="dart", rate_drop=0.5)
    part = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    as_setting = tuple(int(number) for number in xgb.__version__.split(".")[:2]) >= (3, 4)
    assert part["name"] == ("gbtree" if as_setting else "dart")
    weights = part["model"]["weight_drop"] if as_setting else part["weight_drop"]
    assert len(weights) == 8
    assert min(weights) < 1


@pytest.mark.parametrize("missing", [-999.0, 0.0, 0.1, np.inf])
@pytest.mark.parametrize("task", COLUMNS)
def test_xgboost_missing_value(make_data, task, missing):
    """A value for missing features, beside NaN; one that float32 rounds is compared as float32."""
    xgb = xgboost_or_skip()
    data = make_data(task, 300)
    X = features(data)
    holes = np.random.default_rng(2).random(X.shape) < 0.3
    X[holes] = missing
    objective = bi.focal_objective()
    matrix = xgb.DMatrix(X, data.y, missing=missing)
    booster = xgb.train({"nthread": 1, "max_depth": 3, **objective.xgboost_params(data.y)}, matrix, 6, obj=objective)
    margin, probability = run(to_onnx(booster, objective, missing=missing), X)
    wanted = booster.predict(matrix, output_margin=True)
    np.testing.assert_allclose(margin, wanted.reshape(len(X), -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probability, both(objective.probability(np.float64(wanted))), rtol=0, atol=1e-6)
    plain, _ = run(to_onnx(booster, objective), np.where(holes, np.nan, X))
    np.testing.assert_array_equal(plain, margin)


@pytest.mark.parametrize("missing", [-999, 0, np.nan])
def test_a_classifiers_missing_value(make_data, missing, tmp_path):
    xgboost_or_skip()
    data = make_data("binary", 300)
    X = features(data)
    X[::3, 0] = missing
    X[::4, 2] = np.nan
    model = bi.ImbalancedXGBClassifier(missing=missing, n_estimators=6, max_depth=3, n_jobs=1).fit(X, data.y)
    made = model.to_onnx(tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == made.SerializeToString()
    np.testing.assert_allclose(run(made, X)[1], model.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("categories", [4, 40, 200])
def test_categories(library, categories):
    rng = np.random.default_rng(0)
    n = 1500
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[:, 1], X[:, 3] = rng.integers(0, categories, n), rng.integers(0, 3, n)
    y = (np.sin(7.0 * X[:, 1]) + X[:, 0] * (X[:, 3] == 1) + rng.normal(size=n) > 1.3).astype(np.float64)
    X[rng.random(X.shape) < 0.05] = np.nan
    objective = bi.focal_objective()
    # Seen, unseen, negative, fractional, huge and missing.
    test = X.copy()
    odd = [-0.5, -0.0, 0.5, 1.5, -1.0, -7.0, categories, categories + 1, 63, 64, 65, 1e9, 2.0**24, np.nan]
    test[: n // 2, 1] = rng.choice(np.array(odd, np.float32), n // 2)
    if library == "xgboost":
        xgb = sys.modules["xgboost"]
        kinds = ["q", "c", "q", "c"]
        for most in (1, 1000):  # sets of categories, and one against the rest
            data = xgb.DMatrix(X, y, feature_types=kinds, enable_categorical=True)
            params = {**objective.xgboost_params(y), "nthread": 1, "max_depth": 4, "max_cat_to_onehot": most}
            booster = xgb.train(params, data, 5, obj=objective)
            margin, _ = run(to_onnx(booster, objective), test)
            wanted = booster.predict(xgb.DMatrix(test, feature_types=kinds, enable_categorical=True), output_margin=True)
            np.testing.assert_allclose(margin[:, 0], wanted, rtol=1e-5, atol=1e-6)
            assert any(node.op_type == "Gather" for node in to_onnx(booster, objective).graph.node)
    else:
        lgb = sys.modules["lightgbm"]
        for most in (1, 1000):
            params = {**objective.lightgbm_params(y), **QUIET, "min_data_per_group": 5, "cat_smooth": 1.0}
            params["max_cat_to_onehot"] = most
            booster = lgb.train(params, lgb.Dataset(X, y, categorical_feature=[1, 3]), 5)
            check(booster, objective, test)
            assert any(node.op_type == "Gather" for node in to_onnx(booster, objective).graph.node)


@pytest.mark.parametrize("task", COLUMNS)
def test_categories_of_every_task(make_data, library, task, tmp_path):
    data = make_data(task, 400)
    X = features(data)
    X[:, 2] = np.digitize(data.X[:, 2], [-1.0, -0.3, 0.3, 1.0])
    objective = bi.weighted_objective()
    if library == "xgboost":
        xgb = sys.modules["xgboost"]
        matrix = xgb.DMatrix(X, data.y, feature_types=["q", "q", "c", "q"], enable_categorical=True)
        params = {"nthread": 1, "max_depth": 3, "max_cat_to_onehot": 1, **objective.xgboost_params(data.y)}
        booster = xgb.train(params, matrix, 6, obj=objective)
        wanted = booster.predict(matrix, output_margin=True)
    else:
        lgb = sys.modules["lightgbm"]
        dataset = bi.multilabel_dataset if task == "multilabel" else lgb.Dataset
        params = {**QUIET, "min_data_per_group": 5, "max_cat_to_onehot": 1, **objective.lightgbm_params(data.y)}
        booster = lgb.train(
            params, dataset(X, data.y, categorical_feature=[2]), 6, init_model=objective.lightgbm_start(X, data.y)
        )
        wanted = booster.predict(X, raw_score=True)
    made = to_onnx(booster, objective, tmp_path / "model.onnx")
    assert any(node.op_type == "Gather" for node in made.graph.node)
    margin, probability = run(onnx.load(tmp_path / "model.onnx"), X)
    np.testing.assert_allclose(margin, wanted.reshape(len(X), -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probability, both(objective.probability(np.float64(wanted))), rtol=0, atol=1e-6)


def xgboost_or_skip():
    return pytest.importorskip("xgboost")


def lightgbm_or_skip():
    return pytest.importorskip("lightgbm")


@pytest.mark.parametrize("rounds", [0, 1, 8])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_xgboost_vector_leaves(make_data, task, rounds):
    xgboost_or_skip()
    data = make_data(task, 300)
    objective = bi.focal_objective().fit(data.y)
    for params in ({}, {"gamma": 1e9}):
        booster = train("xgboost", objective, data.X, data.y, rounds, multi_strategy="multi_output_tree", **params)
        check(booster, objective, features(data))


def test_xgboost_forest_and_pruning(make_data):
    xgboost_or_skip()
    data = make_data("multiclass", 400)
    objective = bi.focal_objective()
    booster = train(
        "xgboost", objective, features(data), data.y, 3, num_parallel_tree=3, subsample=0.6, tree_method="exact", gamma=0.5,
        max_depth=6,
    )  # fmt: skip
    deleted = re.findall(r'"num_deleted":"(\d+)"', booster.save_raw("json").decode())
    assert set(deleted) != {"0"}
    check(booster, objective, features(data))
    check(booster, objective, features(data), 2)


@pytest.mark.parametrize("link", ["binary:logistic", "binary:logitraw", "reg:squarederror"])
def test_xgboost_base_score_of_other_links(make_data, link):
    xgboost_or_skip()
    data = make_data("binary", 300)
    objective = bi.focal_objective()
    check(train("xgboost", objective, data.X, data.y, 3, objective=link, base_score=0.3), objective, features(data))


def test_xgboost_scikit_learn(make_data):
    xgb = xgboost_or_skip()
    data = make_data("multiclass", 300)
    objective = bi.focal_objective()
    model = xgb.XGBClassifier(objective=objective, n_estimators=3, n_jobs=1).fit(data.X, data.y)
    check(model.get_booster(), objective, features(data))
    with pytest.raises(TypeError, match="booster is XGBClassifier; give"):
        to_onnx(model, objective)


@pytest.mark.parametrize("missing", [{}, {"zero_as_missing": True}, {"use_missing": False}])
def test_lightgbm_missing_values(make_data, missing):
    lightgbm_or_skip()
    data = make_data("binary", 500)
    rng = np.random.default_rng(0)
    for seen in (np.nan, 0.0):
        X = data.X.copy()
        X[rng.random(X.shape) < 0.3] = seen
        X[:, 3] = np.abs(X[:, 3])
        objective = bi.focal_objective()
        booster = train("lightgbm", objective, X, data.y, 6, **missing)
        test = features(data)
        test[rng.random(X.shape) < 0.3] = 0.0
        test[:40] = np.float32(rng.choice([1e-36, -1e-36, 2e-35, -2e-35, 0.0, -0.0, np.inf, -np.inf, np.nan], (40, 4)))
        check(booster, objective, test)


def test_lightgbm_infinite_threshold():
    lightgbm_or_skip()
    X = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    X[::3, 0] = np.nan
    objective = bi.focal_objective()
    booster = train("lightgbm", objective, X, np.isnan(X[:, 0]).astype(float), 1)
    assert "threshold=inf" in booster.model_to_string()
    check(booster, objective, np.array([[np.inf, 0], [-np.inf, 0], [np.nan, 0], [3e38, 0]], np.float32))


def test_lightgbm_model_with_its_link(make_data):
    lightgbm_or_skip()
    data = make_data("multilabel", 300)
    objective = bi.focal_objective()
    booster = objective.lightgbm_model(train("lightgbm", objective, data.X, data.y, 3))
    check(booster, objective, features(data))


def test_xgboost_models_that_cannot_be_exported_say_so(make_data):
    xgboost_or_skip()
    data = make_data("binary", 300)
    objective = bi.focal_objective().fit(data.y)
    linear = train("xgboost", objective, data.X, data.y, 2, booster="gblinear")
    with pytest.raises(NotImplementedError, match="gblinear booster has no trees; train with booster='gbtree'"):
        to_onnx(linear, objective)
    poisson = train("xgboost", objective, data.X, data.y, 2, objective="count:poisson")
    with pytest.raises(NotImplementedError, match=r"base_score means to 'count:poisson' .*xgboost_params"):
        to_onnx(poisson, objective)


def test_lightgbm_models_that_cannot_be_exported_say_so(make_data):
    lgb = lightgbm_or_skip()
    data = make_data("binary", 300)
    objective = bi.focal_objective()
    booster = train("lightgbm", objective, data.X, data.y, 2, start=False, linear_tree=True)
    with pytest.raises(NotImplementedError, match="train with linear_tree=False"):
        to_onnx(booster, objective)
    params = {**QUIET, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5, "objective": "binary"}
    with pytest.raises(NotImplementedError, match="train with boosting='gbdt'"):
        to_onnx(lgb.train(params, lgb.Dataset(data.X, data.y), 2), objective)


def test_the_objective_must_fit_the_booster(make_data, library):
    data = make_data("binary", 300)
    booster = train(library, bi.focal_objective(), data.X, data.y, 1)
    with pytest.raises(TypeError, match="objective is str; give the objective that the booster was trained with"):
        to_onnx(booster, "binary:logistic")
    with pytest.raises(ValueError, match="has not seen any labels; use the objective"):
        to_onnx(booster, bi.focal_objective())
    with pytest.raises(ValueError, match=r"booster has 1 columns .* multi-class labels with 3"):
        to_onnx(booster, bi.focal_objective().fit([0, 1, 2]))
