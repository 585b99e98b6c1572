"""What the package relies on in XGBoost itself."""

import json
import sys

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.libraries import xgboost
from tests.libraries.xgboost.common import BUILT_IN, SOFTMAX_HESSIANS, predict, softmax, train, train_by_hand

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")


# What the package relies on in XGBoost itself.


@pytest.mark.library_fact
def test_fact_margins_are_new_float32_arrays_in_c_order(any_data):
    shown = []

    def objective(margin, data):
        shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    xgb.train(BUILT_IN[any_data.task], xgb.DMatrix(any_data.X, any_data.y), 2, obj=objective)
    assert all(margin.dtype == np.float32 and margin.flags.c_contiguous for margin in shown)
    assert shown[0].shape == any_data.posterior.shape
    assert not np.shares_memory(*shown)


@pytest.mark.library_fact
@pytest.mark.parametrize(
    ("params", "first"),
    [
        ({}, 0.5),
        ({"base_score": -1.5}, -1.5),
        ({"objective": "binary:logistic"}, 0.0),
        ({"objective": "binary:logistic", "base_score": 0.2}, np.log(0.25)),
        ({"objective": "binary:logitraw", "base_score": -1.5}, -1.5),
        ({"objective": "multi:softprob", "num_class": 3, "base_score": [0.7, -2.0, 0.1]}, [0.7, -2.0, 0.1]),
        ({"objective": "multi:softprob", "num_class": 3}, [0.5, 0.5, 0.5]),
    ],
    ids=str,
)
def test_fact_base_score_on_the_scale_of_each_objective(make_data, params, first):
    data = make_data("binary", n=100)
    shown = []

    def objective(margin, data):
        shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    xgb.train(params, xgb.DMatrix(data.X, data.y), 1, obj=objective)
    np.testing.assert_allclose(shown[0], np.broadcast_to(first, shown[0].shape), rtol=1e-6)


@pytest.mark.library_fact
def test_fact_base_score_of_several_labels_is_their_probabilities(make_data):
    data = make_data("multilabel")
    shown = []

    def objective(margin, data):
        shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    share = np.array([0.2, 0.5, 0.01])
    xgb.train({**BUILT_IN["multilabel"], "base_score": share.tolist()}, xgb.DMatrix(data.X, data.y), 1, obj=objective)
    np.testing.assert_allclose(shown[0][0], np.log(share) - np.log1p(-share), rtol=1e-5, atol=1e-6)


@pytest.mark.library_fact
def test_fact_softprob_doubles_the_diagonal_of_the_hessian_or_takes_the_gradient(make_data):
    data = make_data("multiclass")
    matrix = xgb.DMatrix(data.X, data.y)
    built_in = xgb.train({**BUILT_IN["multiclass"], "base_score": [0.0, 0.0, 0.0]}, matrix, 5).predict(matrix)
    own = SOFTMAX_HESSIANS["gradient" if xgboost.takes_gradient_as_hessian() else "diagonal"]
    np.testing.assert_allclose(train_by_hand(data, own).predict(matrix), built_in, rtol=0, atol=1e-6)
    plain = train_by_hand(data, lambda p, slope: p * (1.0 - p)).predict(matrix)
    assert np.abs(plain - built_in).max() > 0.01


@pytest.mark.library_fact
def test_fact_the_configuration_says_whether_base_score_was_given(make_data):
    data = make_data("binary", n=100)
    matrix = xgb.DMatrix(data.X, data.y)
    found = []

    def train(params, **options):
        def objective(margin, data):
            frame = sys._getframe(1)
            booster = frame.f_locals["self"]
            assert frame.f_globals["__name__"] == "xgboost.core"
            assert frame.f_locals["dtrain"] is matrix
            learner = json.loads(booster.save_config())["learner"]
            by_default = learner["learner_model_param"]["boost_from_average"] == "1"
            metrics = [metric["name"] for metric in learner["metrics"]]
            weight = float(learner["objective"]["reg_loss_param"]["scale_pos_weight"])
            disabled = learner["learner_train_param"]["disable_default_eval_metric"]
            found.append((learner["objective"]["name"], by_default, metrics, weight, disabled, booster.num_boosted_rounds()))
            return np.zeros_like(margin), np.ones_like(margin)

        return xgb.train(params, matrix, 1, obj=objective, **options)

    half = train({})
    train({"base_score": 0.5, "scale_pos_weight": 3.0, "eval_metric": "logloss", "objective": "binary:logistic"})
    train({"disable_default_eval_metric": 1}, xgb_model=half)
    assert found == [
        ("reg:squarederror", True, [], 1.0, "0", 0),
        ("binary:logistic", False, ["logloss"], 3.0, "0", 0),
        ("reg:squarederror", True, ["rmse"], 1.0, "1", 1),  # of the first training
    ]


@pytest.mark.library_fact
@pytest.mark.parametrize(("name", "maximised"), [("pre_anything", True), ("anything", False)])
def test_fact_metrics_whose_names_begin_with_pre_are_maximised(make_data, name, maximised):
    data = make_data("binary", n=100)
    matrix = xgb.DMatrix(data.X, data.y)
    rounds = []

    def metric(margin, data):
        rounds.append(None)
        return name, float(len(rounds))

    params = {"objective": "binary:logistic", "disable_default_eval_metric": 1}
    booster = xgb.train(
        params, matrix, 8, evals=[(matrix, "e")], custom_metric=metric, early_stopping_rounds=2, verbose_eval=False
    )
    assert booster.best_iteration == (7 if maximised else 0)


@pytest.mark.library_fact
def test_fact_weights_do_not_multiply_a_custom_gradient(make_data):
    data = make_data("binary", n=200)

    def objective(margin, matrix):
        return (1.0 / (1.0 + np.exp(-margin)) - data.y).astype(np.float32), np.full_like(margin, 0.25)

    params = {"objective": "binary:logistic", "tree_method": "exact"}
    weighted, plain = (xgb.DMatrix(data.X, data.y, weight=w) for w in (data.weight, None))
    first, second = (xgb.train(params, matrix, 3, obj=objective).predict(matrix) for matrix in (weighted, plain))
    np.testing.assert_array_equal(first, second)


@pytest.mark.library_fact
def test_fact_predict_applies_the_link_of_the_named_objective(any_data):
    booster = train(bi.focal_objective(), any_data, rounds=3)
    margin = predict(booster, any_data, output_margin=True)
    linked = softmax(margin) if any_data.task == "multiclass" else 1.0 / (1.0 + np.exp(-margin))
    np.testing.assert_allclose(predict(booster, any_data), linked, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["QuantileDMatrix", "ExtMemQuantileDMatrix"])
def test_batches_give_the_model_of_one_array(kind, tmp_path):
    rng = np.random.default_rng(0)
    X = np.clip(np.round(2 * rng.normal(size=(3000, 4))) / 2, -2, 2).astype(np.float32)  # which quantiles keep as it is
    y = (X[:, 0] + X[:, 1] + rng.logistic(size=3000) > 3).astype(np.float32)
    weight = rng.uniform(0.5, 2.0, size=3000).astype(np.float32)

    class Batches(xgb.DataIter):
        def __init__(self, **options):
            self.rows = 0
            super().__init__(**options)

        def next(self, put):
            if self.rows == 3000:
                return False
            batch = slice(self.rows, self.rows + 1000)
            put(data=X[batch], label=y[batch], weight=weight[batch])
            self.rows += 1000
            return True

        def reset(self):
            self.rows = 0

    objective = bi.focal_objective(gamma=2.0)
    params = {**objective.xgboost_params(y, weight), "max_depth": 3, "nthread": 1}
    batches = Batches(cache_prefix=str(tmp_path / "cache")) if kind.startswith("Ext") else Batches()
    found = []
    for data in (xgb.QuantileDMatrix(X, y, weight=weight), getattr(xgb, kind)(batches)):
        history = {}
        booster = xgb.train(
            params, data, 5, obj=objective, custom_metric=bi.metrics.average_precision(), evals=[(data, "train")],
            evals_result=history, verbose_eval=False,
        )  # fmt: skip
        found.append((booster.predict(xgb.DMatrix(X)), history["train"]["pre_average_precision"]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
