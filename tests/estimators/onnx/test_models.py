"""ONNX graphs of every loss and task, run by onnxruntime, against the boosters and against ``probability``."""

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
from tests.estimators.onnx.common import COLUMNS, QUIET, both, check, features, run, train  # noqa: E402


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


def probability_graph(objective, columns):
    """A graph from margins alone."""
    value = export._probability(objective.fitted, onnx_graph.cast(onnx_graph.apply("Input"), np.float64))
    output = onnx_graph.cast(value, np.float32), max(columns, 2)
    return onnx_graph.model("margin", columns, {"probability": output}, "")


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
