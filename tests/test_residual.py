"""``hessian="residual"``: the size of the gradient, under which no leaf steps further than 1."""

import numpy as np
import pytest

import boost_imbalance as bi

LOSSES = {
    "cross-entropy": lambda **o: bi.weighted_objective(None, **o),
    "weighted": lambda **o: bi.weighted_objective("balanced", **o),
    "focal": lambda **o: bi.focal_objective(2.0, **o),
    "asymmetric": lambda **o: bi.asymmetric_objective(0.5, 2.5, 0.05, **o),
    "logit-adjusted": lambda **o: bi.logit_adjusted_objective(**o),
}
TASKS = ("binary", "multiclass", "multilabel")


def rows(task, n=300):
    """Margins, labels of which 1 or the last class is rare, and row weights."""
    rng = np.random.default_rng(0)
    columns = {"binary": (), "multiclass": (4,), "multilabel": (3,)}[task]
    label = rng.choice(4, n, p=[0.6, 0.25, 0.1, 0.05]) if task == "multiclass" else (rng.random((n, *columns)) < 0.1) * 1
    return rng.normal(scale=4.0, size=(n, *columns)), label, rng.uniform(0.1, 3.0, n)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("task", TASKS)
def test_it_is_the_size_of_the_gradient(task, name):
    margin, label, weight = rows(task)
    objective = LOSSES[name](hessian="residual").fit(label)
    gradient, hessian = objective.gradient_hessian(margin, label, weight)
    if task == "multiclass" and name == "asymmetric":  # where the classes pull a margin both ways, it is each pull's size
        assert (hessian >= np.abs(gradient) * (1 - 1e-12)).all()
        true = np.eye(4, dtype=bool)[label]
        np.testing.assert_allclose(hessian[true], np.abs(gradient[true]), rtol=1e-9)  # all pull the true class up
        assert (hessian[~true] > np.abs(gradient[~true]) * 1.01).any()
    else:
        np.testing.assert_allclose(hessian, np.abs(gradient), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_a_soft_label_has_the_mean_of_the_sizes(task, gamma):
    margin, _, weight = rows(task)
    rng = np.random.default_rng(1)
    objective = bi.focal_objective(gamma, hessian="residual")
    if task == "multiclass":
        soft = rng.dirichlet(np.full(4, 0.5), size=len(margin))
        each = [objective.gradient_hessian(margin, np.full(len(margin), k), weight)[1] for k in range(4)]
        expected = sum(soft[:, [k]] * each[k] for k in range(4))
        own = objective.fit(soft, n_classes=4).gradient_hessian(margin, soft, weight)[1]
    else:
        soft = rng.random(margin.shape)
        one, zero = (objective.gradient_hessian(margin, np.full(margin.shape, k), weight)[1] for k in (1.0, 0.0))
        expected = soft * one + (1.0 - soft) * zero
        own = objective.gradient_hessian(margin, soft, weight)[1]
    np.testing.assert_allclose(own, expected, rtol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weighted", "asymmetric"])
@pytest.mark.parametrize("task", TASKS)
def test_no_leaf_of_xgboost_steps_further_than_one(xgboost, make_data, task, name):
    data = make_data(task, n=400)
    objective = LOSSES[name](hessian="residual")
    params = {**objective.xgboost_params(data.y), "eta": 0.5, "lambda": 0.0, "min_child_weight": 0.0, "max_depth": 5}
    matrix = xgboost.DMatrix(data.X, data.y, weight=data.weight)
    booster = xgboost.train(params, matrix, 4, obj=objective)
    trees = booster.trees_to_dataframe()
    steps = np.abs(trees.loc[trees.Feature == "Leaf", "Gain"])
    assert 0.1 < steps.max() <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize("name", ["weighted", "asymmetric"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_no_leaf_of_lightgbm_steps_further_than_one(lightgbm, make_data, task, name):
    data = make_data(task, n=400)
    objective = LOSSES[name](hessian="residual")
    params = {**objective.lightgbm_params(data.y), "learning_rate": 0.5, "min_data_in_leaf": 1, "verbosity": -1}
    params |= {"min_sum_hessian_in_leaf": 0.0, "boost_from_average": False}
    booster = lightgbm.train(params, lightgbm.Dataset(data.X, data.y, weight=data.weight), 4)
    trees = booster.dump_model()["tree_info"]

    def leaves(node):
        return [node["leaf_value"]] if "leaf_value" in node else leaves(node["left_child"]) + leaves(node["right_child"])

    steps = np.abs([value for tree in trees for value in leaves(tree["tree_structure"])])
    assert 0.1 < steps.max() <= 0.5 * (1 + 1e-5)


def by_hand(margin, label):
    """``p - y`` and ``|p - y|`` in float32."""
    p = 1.0 / (1.0 + np.exp(-np.float64(margin)))
    gradient = (p - label).astype(np.float32)
    return gradient, np.maximum(np.abs(gradient), 1e-16)


def test_cross_entropy_grows_the_trees_of_the_residual_by_hand(xgboost, make_data):
    data, objective = make_data("binary"), bi.focal_objective(0.0, hessian="residual")
    matrix = xgboost.DMatrix(data.X, data.y)
    params = {**objective.xgboost_params(data.y), "eta": 0.4, "tree_method": "exact"}
    own = xgboost.train(params, matrix, 10, obj=objective).predict(matrix)
    other = xgboost.train(params, matrix, 10, obj=lambda margin, data: by_hand(margin, data.get_label())).predict(matrix)
    np.testing.assert_allclose(own, other, rtol=0, atol=1e-5)
    plain = xgboost.train(params, matrix, 10).predict(matrix)
    assert np.abs(own - plain).max() > 0.05


def test_cross_entropy_of_a_residual_has_the_scale_of_the_plain_one():
    label = np.repeat([0, 1], [990, 10])
    margin = np.zeros(1000, np.float32)
    plain, residual = bi.focal_objective(0.0), bi.focal_objective(0.0, hessian="residual")
    np.testing.assert_array_equal(residual(label, margin)[0], plain(label, margin)[0])
    weighted = [bi.weighted_objective(50.0, hessian=hessian)(label, margin)[0] for hessian in ("residual", "exact")]
    np.testing.assert_allclose(*weighted, rtol=1e-5)
