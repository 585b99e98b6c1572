"""``hessian="residual"`` and ``"safeguarded"``: no leaf steps further than 1, or than 2, and none too far."""

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
LONGEST = {"residual": 1.0, "safeguarded": 2.0}
"""Step of a leaf, before the learning rate."""


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
@pytest.mark.parametrize("hessian", LONGEST)
def test_a_soft_label_has_the_mean_of_both(task, gamma, hessian):
    margin, _, weight = rows(task)
    rng = np.random.default_rng(1)
    objective = bi.focal_objective(gamma, hessian=hessian)
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
@pytest.mark.parametrize("hessian", LONGEST)
def test_no_leaf_of_xgboost_steps_further(xgboost, make_data, task, name, hessian):
    data = make_data(task, n=400)
    objective = LOSSES[name](hessian=hessian)
    params = {**objective.xgboost_params(data.y), "eta": 0.5, "lambda": 0.0, "min_child_weight": 0.0, "max_depth": 5}
    matrix = xgboost.DMatrix(data.X, data.y, weight=data.weight)
    booster = xgboost.train(params, matrix, 4, obj=objective)
    trees = booster.trees_to_dataframe()
    steps = np.abs(trees.loc[trees.Feature == "Leaf", "Gain"])
    assert 0.1 < steps.max() <= 0.5 * LONGEST[hessian] * (1 + 1e-5)


@pytest.mark.parametrize("name", ["weighted", "asymmetric"])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("hessian", LONGEST)
def test_no_leaf_of_lightgbm_steps_further(lightgbm, make_data, task, name, hessian):
    data = make_data(task, n=400)
    objective = LOSSES[name](hessian=hessian)
    params = {**objective.lightgbm_params(data.y), "learning_rate": 0.5, "min_data_in_leaf": 1, "verbosity": -1}
    params |= {"min_sum_hessian_in_leaf": 0.0, "boost_from_average": False}
    booster = lightgbm.train(params, lightgbm.Dataset(data.X, data.y, weight=data.weight), 4)
    trees = booster.dump_model()["tree_info"]

    def leaves(node):
        return [node["leaf_value"]] if "leaf_value" in node else leaves(node["left_child"]) + leaves(node["right_child"])

    steps = np.abs([value for tree in trees for value in leaves(tree["tree_structure"])])
    assert 0.1 < steps.max() <= 0.5 * LONGEST[hessian] * (1 + 1e-5)


CURVATURES = {
    "residual": lambda p, label: np.abs(p - label),
    "safeguarded": lambda p, label: np.maximum(p * (1.0 - p), np.abs(p - label) / 2.0),
}


@pytest.mark.parametrize("hessian", CURVATURES)
def test_cross_entropy_grows_the_trees_of_a_hessian_by_hand(xgboost, make_data, hessian):
    data, objective = make_data("binary"), bi.focal_objective(0.0, hessian=hessian)
    matrix = xgboost.DMatrix(data.X, data.y)
    params = {**objective.xgboost_params(data.y), "eta": 0.4, "tree_method": "exact"}

    def by_hand(margin, matrix):
        p = 1.0 / (1.0 + np.exp(-np.float64(margin)))
        return (p - data.y).astype(np.float32), CURVATURES[hessian](p, data.y).astype(np.float32)

    own, other = (xgboost.train(params, matrix, 10, obj=one).predict(matrix) for one in (objective, by_hand))
    np.testing.assert_allclose(own, other, rtol=0, atol=1e-5)
    assert np.abs(own - xgboost.train(params, matrix, 10).predict(matrix)).max() > 0.02


@pytest.mark.parametrize("hessian", CURVATURES)
def test_no_leaf_passes_its_best_step(hessian):
    """A leaf whose rows have the probability p, and of which a share r is positive: the step against the best one."""
    p, r = np.meshgrid(np.exp(-np.linspace(0.01, 9.0, 60)), np.linspace(1e-6, 1 - 1e-6, 101))
    margin = np.log(p) - np.log1p(-p)
    objective = bi.focal_objective(0.0, hessian=hessian)
    (g1, h1), (g0, h0) = (objective.gradient_hessian(margin.ravel(), np.full(margin.size, label)) for label in (1, 0))
    share = r.ravel()
    step = -(share * g1 + (1.0 - share) * g0) / (share * h1 + (1.0 - share) * h0)
    best = np.log(share) - np.log1p(-share) - margin.ravel()
    assert (np.abs(step) <= np.abs(best) * (1 + 1e-9) + 1e-9).all()
    assert (np.sign(step) == np.sign(best))[np.abs(best) > 1e-6].all()
    assert np.abs(step).max() <= LONGEST[hessian]


@pytest.mark.parametrize("weights", [None, 20.0])
def test_no_step_of_a_residual_passes_the_best_whatever_is_in_a_leaf(weights):
    rng, objective = np.random.default_rng(0), bi.weighted_objective(weights, hessian="residual")
    for _ in range(300):
        n = rng.integers(2, 40)
        margin, label = rng.normal(rng.normal(scale=3.0), rng.exponential(3.0), n), (rng.random(n) < rng.random()) * 1
        gradient, hessian = objective.gradient_hessian(margin, label)
        step = -gradient.sum() / hessian.sum()
        beyond = objective.gradient_hessian(margin + step, label)[0].sum()  # still pulls the same way
        assert beyond * gradient.sum() >= -1e-12


@pytest.mark.parametrize("task", TASKS)
def test_it_is_the_default_without_class_weights(task):
    margin, label, weight = rows(task)

    def hessian(make, **options):
        return make(**options).fit(label).gradient_hessian(margin, label, weight)[1]

    uneven = {"multiclass": [1.0, 1.0, 1.0, 2.0]}.get(task, 2.0)
    for make in LOSSES.values():
        own = "positive_terms" if make is LOSSES["weighted"] else "safeguarded"
        np.testing.assert_array_equal(hessian(make), hessian(make, hessian=own))
    for make in (bi.focal_objective, bi.adaptive_objective):
        weights = {} if make is bi.adaptive_objective else {"weights": uneven}
        np.testing.assert_array_equal(hessian(make, **weights), hessian(make, **weights, hessian="positive_terms"))


def test_lightgbm_does_not_diverge_at_its_own_settings(lightgbm):
    """Its own objective steps so far beyond the best in the few leaves with positives that it does."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30_000, 5))
    y = (X[:, 0] + X[:, 1] + 0.5 * rng.normal(size=len(X)) > 4.2).astype(int)
    train, test = slice(0, 15_000), slice(15_000, None)
    found = []
    for make in (lightgbm.LGBMClassifier, bi.ImbalancedLGBMClassifier):
        p = make(n_jobs=1, verbosity=-1).fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        found.append(-np.log(np.clip(np.where(y[test] == 1, p, 1.0 - p), 1e-7, None)).mean())
    always = -(y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log(1 - y.mean()))
    own, ours = found
    assert ours < always < own


@pytest.mark.parametrize("hessian", CURVATURES)
def test_plain_cross_entropy_is_not_scaled(hessian):
    label = np.repeat([0, 1], [990, 10])
    margin = np.zeros(1000, np.float32)
    plain, own = bi.focal_objective(0.0), bi.focal_objective(0.0, hessian=hessian)
    np.testing.assert_array_equal(own(label, margin)[0], plain(label, margin)[0])
    weighted = [bi.weighted_objective(50.0, hessian=one)(label, margin)[0] for one in (hessian, "exact")]
    np.testing.assert_allclose(*weighted, rtol=1e-5)
    nearly = bi.weighted_objective(1.0 + 1e-9, scale="start", hessian=hessian)
    np.testing.assert_allclose(nearly(label, margin)[0], plain(label, margin)[0], rtol=1e-5)
    several = np.repeat([0, 1, 2], [900, 80, 20])
    plain = bi.weighted_objective(None)(several, np.zeros((1000, 3), np.float32))[0]
    nearly = bi.weighted_objective([1.0, 1.0, 1.0 + 1e-9], scale="start", hessian=hessian)
    np.testing.assert_allclose(nearly(several, np.zeros((1000, 3), np.float32))[0], plain, rtol=1e-5)
