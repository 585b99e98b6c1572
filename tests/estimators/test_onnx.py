"""ONNX graphs, run by onnxruntime, against the boosters and against ``probability``."""

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
from boost_imbalance.estimators import onnx as export  # noqa: E402
from boost_imbalance.estimators import onnx_graph  # noqa: E402

COLUMNS = {"binary": 1, "multiclass": 3, "multilabel": 3}


def spread(task, *values):
    """One value per column, or the first one where there is one column."""
    return list(values) if COLUMNS[task] > 1 else values[0]


LOSSES = {
    "plain": lambda task: bi.weighted_objective(weights=None),
    "weighted": lambda task: bi.weighted_objective(),
    "focal": lambda task: bi.focal_objective(),
    "asymmetric": lambda task: bi.asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.05),
    "asymmetric, positives not focused": lambda task: bi.asymmetric_objective(),
    "asymmetric, margin 0": lambda task: bi.asymmetric_objective(margin=0.0),
    "class-balanced": lambda task: bi.class_balanced_objective(beta=0.99, gamma=1.0),
    "logit-adjusted": lambda task: bi.logit_adjusted_objective(tau=1.0),
    "everything": lambda task: bi.focal_objective(gamma=spread(task, 2.0, 0.5, 1.0), weights="balanced", tau=0.5),
}
QUIET = {"verbosity": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 5}


@pytest.fixture(params=["xgboost", "lightgbm"])
def library(request):
    pytest.importorskip(request.param)
    return request.param


def train(library, loss, X, y, rounds=6, start=True, **params):
    """A booster, and its raw margins as a function of features and rounds."""
    if library == "xgboost":
        xgb = sys.modules["xgboost"]
        options = {"nthread": 1, "max_depth": 3, **loss.xgboost_params(y), **params}
        booster = xgb.train(options, xgb.DMatrix(X, y), rounds, obj=loss)
    else:
        lgb = sys.modules["lightgbm"]
        first = loss.lightgbm_start(X, y) if start else None
        options = {**QUIET, **loss.lightgbm_params(y), **params}
        if y.ndim == 2:
            options["objective"] = lambda margin, data: loss(y, margin)
        label = np.zeros(len(y)) if y.ndim == 2 else y
        booster = lgb.train(options, lgb.Dataset(X, label), rounds, init_model=first)
    return booster


def margin_of(booster, X, iterations=None):
    if hasattr(booster, "save_raw"):
        xgb = sys.modules["xgboost"]
        return booster.predict(xgb.DMatrix(X), output_margin=True, iteration_range=(0, iterations or 0))
    return booster.predict(X, raw_score=True, num_iteration=iterations)


def run(model, X):
    onnx.checker.check_model(model, full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})


def probability_graph(objective, columns):
    """A graph from margins alone."""
    value = export._probability(objective.fitted, onnx_graph.cast(onnx_graph.apply("Input"), np.float64))
    output = onnx_graph.cast(value, np.float32), max(columns, 2)
    return onnx_graph.model("margin", columns, {"probability": output}, "")


def both(probability):
    return np.stack([1.0 - probability, probability], axis=1) if probability.ndim == 1 else probability


def check(booster, objective, X, iterations=None):
    """The graph's outputs are the booster's margins and what the objective makes of them."""
    margin, probability = run(to_onnx(booster, objective, iterations=iterations), X)
    wanted = margin_of(booster, X, iterations)
    assert margin.dtype == probability.dtype == np.float32
    np.testing.assert_allclose(margin, wanted.reshape(len(X), -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probability, both(objective.probability(np.float64(wanted))), rtol=0, atol=1e-6)
    return margin


def features(data, missing=True):
    X = data.X.astype(np.float32)
    if missing:
        X[np.random.default_rng(1).random(X.shape) < 0.1] = np.nan
    return X


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("task", COLUMNS)
def test_outputs_are_the_boosters_margins_and_their_probability(make_data, library, task, loss):
    data = make_data(task, 400)
    X = features(data)
    objective = LOSSES[loss](task)
    booster = train(library, objective, X, data.y)
    assert len(np.unique(check(booster, objective, X), axis=0)) > 5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("task", COLUMNS)
def test_probability_keeps_its_digits_at_extreme_margins(make_data, task, loss):
    objective = LOSSES[loss](task).fit(make_data(task, 400).y)
    columns = COLUMNS[task]
    rng = np.random.default_rng(0)
    margin = rng.uniform(-30.0, 30.0, size=(500, columns)).astype(np.float32)
    margin[:7] = np.array([-30, -1e-3, 0, 1e-7, 15, 30, 80])[:, None]
    margin[0, -1] = 30.0
    (probability,) = run(probability_graph(objective, columns), margin)
    wanted = objective.probability(np.float64(margin if columns > 1 else margin[:, 0]))
    np.testing.assert_allclose(
        probability[:, -1:] if columns == 1 else probability, wanted.reshape(500, -1), rtol=1e-6, atol=1e-37
    )
    np.testing.assert_allclose(probability, both(wanted), rtol=0, atol=1e-6)
    if task != "multilabel":
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-6)


def test_a_certain_class_under_a_strong_focus():
    objective = bi.focal_objective(gamma=30.0).fit([0, 1, 2])
    (probability,) = run(probability_graph(objective, 3), np.array([[70, 0, 0], [0, 90, 90]], np.float32))
    np.testing.assert_allclose(probability, [[1, 0, 0], [0, 0.5, 0.5]], atol=1e-6)


@pytest.mark.parametrize("task", COLUMNS)
def test_cross_entropy_is_a_plain_sigmoid_or_softmax(make_data, task):
    pytest.importorskip("xgboost")
    data = make_data(task, 300)
    objective = LOSSES["plain"](task)
    model = to_onnx(train("xgboost", objective, data.X, data.y, 1), objective)
    operators = [node.op_type for node in model.graph.node if node.op_type not in ("Cast", "TreeEnsembleRegressor")]
    sigmoid = ["Mul", "Exp", "Add", "Div"]
    assert operators == {"binary": sigmoid, "multiclass": ["Softmax"], "multilabel": sigmoid}[task]


def test_values_on_a_threshold_go_where_the_booster_sends_them(make_data, library):
    data = make_data("binary", 400)
    X = np.round(features(data), 1)
    objective = bi.focal_objective()
    booster = train(library, objective, X, data.y, 10)
    if library == "xgboost":
        frame = booster.trees_to_dataframe()
        thresholds = frame["Split"].dropna().to_numpy()
    else:
        thresholds = booster.trees_to_dataframe()["threshold"].dropna().to_numpy()
    near = thresholds.astype(np.float32)
    near = np.concatenate([near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))])
    rng = np.random.default_rng(0)
    check(booster, objective, rng.choice(near, size=(2000, X.shape[1])))


def test_rounds_can_be_chosen(make_data, library):
    data = make_data("multiclass", 300)
    X = features(data)
    objective = bi.focal_objective()
    booster = train(library, objective, X, data.y, 5)
    few = check(booster, objective, X, 2)
    assert not np.allclose(few, check(booster, objective, X))
    with pytest.raises(ValueError, match="iterations is 99; this model has"):
        to_onnx(booster, objective, iterations=99)


@pytest.mark.parametrize("task", COLUMNS)
def test_early_stopping(make_data, library, task):
    data, other = make_data(task, 400), make_data(task, 200, seed=1)
    objective = bi.focal_objective(scale=3.0)
    if library == "xgboost":
        xgb = sys.modules["xgboost"]
        booster = xgb.train(
            {**objective.xgboost_params(data.y), "nthread": 1, "eta": 1.0}, xgb.DMatrix(data.X, data.y), 50, obj=objective,
            evals=[(xgb.DMatrix(other.X, other.y), "valid")], custom_metric=objective.metric, early_stopping_rounds=3,
            verbose_eval=False,
        )  # fmt: skip
        assert booster.best_iteration + 1 < booster.num_boosted_rounds() < 50
        check(booster, objective, features(other))
        check(booster, objective, features(other), booster.best_iteration + 1)
    else:
        lgb = sys.modules["lightgbm"]
        dataset = bi.multilabel_dataset if task == "multilabel" else lgb.Dataset
        params = {**objective.lightgbm_params(data.y), **QUIET, "learning_rate": 1.0}
        booster = lgb.train(
            params, dataset(data.X, data.y), 50, init_model=objective.lightgbm_start(data.X, data.y),
            valid_sets=[dataset(other.X, other.y)], feval=objective.metric,
            callbacks=[lgb.early_stopping(3, verbose=False)], keep_training_booster=True,
        )  # fmt: skip
        assert 1 < booster.best_iteration < booster.current_iteration() < 50
        check(booster, objective, features(other))
        check(booster, objective, features(other), booster.current_iteration())


@pytest.mark.parametrize("task", COLUMNS)
def test_trees_of_one_leaf(make_data, library, task):
    data = make_data(task, 200)
    X = features(data)
    objective = bi.focal_objective(weights=2.0 if task == "binary" else None)
    params = {"gamma": 1e9} if library == "xgboost" else {"min_gain_to_split": 1e9}
    booster = train(library, objective, X, data.y, 3, **params)
    margin = check(booster, objective, X)
    assert (margin == margin[0]).all()


def test_a_column_that_only_some_trees_split(make_data, library):
    data = make_data("multiclass", 300)
    y = np.where(data.y == 2, 0, data.y)
    objective = bi.focal_objective().fit(y, n_classes=3)
    if library == "xgboost":
        booster = train(library, objective, data.X, y, 2, base_score=[0.1, 0.2, 0.3], num_class=3)
    else:
        booster = train(library, objective, data.X, y, 2, start=False, num_class=3)
    check(booster, objective, features(data))


def test_a_start_may_be_missing(make_data, library):
    data = make_data("multilabel", 300)
    objective = bi.focal_objective()
    params = {"base_score": 0.5} if library == "xgboost" else {"start": False}
    check(train(library, objective, data.X, data.y, 3, **params), objective, features(data))


@pytest.mark.parametrize("task", COLUMNS)
def test_dart(make_data, library, task):
    data = make_data(task, 300)
    objective = bi.focal_objective()
    params = {"booster": "dart", "rate_drop": 0.5} if library == "xgboost" else {"boosting": "dart", "drop_rate": 0.5}
    if library == "lightgbm":
        params["start"] = False
    booster = train(library, objective, data.X, data.y, 8, seed=0, **params)
    check(booster, objective, features(data))
    check(booster, objective, features(data), 5)


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


@pytest.mark.parametrize("task", COLUMNS)
def test_margins_are_not_calibrated_twice(make_data, library, task, tmp_path):
    """A booster from a file of save_model has the calibration in it; with the classifier itself there is no doubt."""
    data = make_data(task, 300)
    name, suffix = ("ImbalancedXGBClassifier", "json") if library == "xgboost" else ("ImbalancedLGBMClassifier", "txt")
    model = getattr(bi, name)(
        loss=bi.weighted_objective(), n_estimators=3, n_jobs=1, **({} if library == "xgboost" else QUIET)
    )
    path = tmp_path / f"model.{suffix}"
    model.fit(features(data), data.y).save_model(path)
    booster = sys.modules[library].Booster(model_file=path)
    with pytest.raises(
        ValueError, match=r"calibrated already, as in a file of save_model, and weighted_objective\(weights='bal"
    ):
        to_onnx(booster, model.loss_)
    plain = bi.weighted_objective(weights=None).fit(data.y)
    expected = model.predict_proba(features(data))
    model.load_model(path)
    for made in (to_onnx(booster, plain), model.to_onnx()):
        np.testing.assert_allclose(run(made, features(data))[1], expected, rtol=0, atol=1e-6)


def test_onnx_is_optional(make_data, library, monkeypatch):
    data = make_data("binary", 300)
    objective = bi.focal_objective()
    booster = train(library, objective, data.X, data.y, 1)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'boost-imbalance\[onnx\]'"):
        to_onnx(booster, objective)


def not_compiled(t, a, b):
    return square(t)


def square(t):
    return t * t


def test_a_formula_that_cannot_be_traced_says_so():
    with pytest.raises(NotImplementedError, match="not_compiled uses square, which has no ONNX form yet"):
        onnx_graph._traced(not_compiled)
    with pytest.raises(TypeError, match="an ONNX graph has no branches"):
        bool(onnx_graph.apply("Input") > 0)
