"""Metrics of a budget and of costs, round by round."""

import itertools

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance import metrics
from tests.estimators.costs.common import MATRICES, fraud


def case(task, weighted, seed=0, n=300):
    """Margins without ties that have something to do with the labels."""
    rng = np.random.default_rng(seed)
    label = rng.random((n, 3) if task == "multilabel" else n) < 0.2
    margin = 2.0 * label - 1.5 + rng.normal(size=label.shape)
    return margin, label.astype(int), rng.choice([0.5, 1.0, 3.25], size=n) if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "multilabel"])
@pytest.mark.parametrize("top", [1, 10, 300, 5000])
def test_a_number_of_rows_against_scikit_learn(kind, weighted, top):
    sk = pytest.importorskip("sklearn.metrics")
    margin, label, weight = case(kind, weighted)
    found = {"precision": [], "recall": [], "lift": []}
    for y, m in zip(label.reshape(300, -1).T, margin.reshape(300, -1).T, strict=True):
        decided = np.isin(np.arange(300), np.argsort(-m)[:top])
        found["precision"].append(sk.precision_score(y, decided, sample_weight=weight))
        found["recall"].append(sk.recall_score(y, decided, sample_weight=weight))
        found["lift"].append(found["precision"][-1] / np.average(y, weights=weight))
    for name, values in found.items():
        metric = getattr(metrics, f"{name}_at")(top)
        assert metric.value(margin, label, weight) == pytest.approx(np.mean(values), rel=1e-12)
        assert metric.name == f"{name}_at_{top}"


def test_a_share_is_one_of_the_weights():
    margin, label, _ = case("binary", False)
    weight = np.random.default_rng(1).integers(1, 4, 300)
    repeated = np.repeat(margin, weight), np.repeat(label, weight)
    for share in (0.01, 0.1, 0.5, 1.0):
        for make_metric in (metrics.precision_at, metrics.recall_at, metrics.lift_at):
            value = make_metric(share).value(margin, label, weight)
            assert value == pytest.approx(make_metric(share).value(*repeated), rel=1e-12)
            assert value == pytest.approx(make_metric(share).value(margin, label, 7.5 * weight), rel=1e-12)
        rows = int(share * 300)
        assert metrics.recall_at(share).value(margin, label) == pytest.approx(metrics.recall_at(rows).value(margin, label))
    assert metrics.lift_at(1.0).value(margin, label, weight) == pytest.approx(1.0)


def test_ties_count_by_their_chance():
    """The mean over all orders of the rows, of what the first rows would be."""
    margin, label = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 0.0]), np.array([1, 1, 0, 0, 1, 1])
    for top in range(1, 7):
        shares = []
        for order in itertools.permutations(range(6)):
            first = np.array(order)[np.argsort(-margin[list(order)], kind="stable")[:top]]
            shares.append(label[first].mean())
        assert metrics.precision_at(top).value(margin, label) == pytest.approx(np.mean(shares))
        assert metrics.recall_at(top).value(margin, label) == pytest.approx(np.mean(shares) * top / 4)


def test_rows_of_weight_0_are_none():
    margin, label, weight = case("binary", True)
    weight[np.random.default_rng(2).random(300) < 0.4] = 0.0
    kept = weight > 0
    for top in (20, 0.1):
        for make_metric in (metrics.precision_at, metrics.recall_at, metrics.lift_at):
            value = make_metric(top).value(margin, label, weight)
            assert value == pytest.approx(make_metric(top).value(margin[kept], label[kept], weight[kept]), rel=1e-12)


def test_labels_without_positives_do_not_count():
    margin, label, _ = case("multilabel", False)
    label[:, 1] = 0
    of_two = metrics.recall_at(30).value(margin[:, [0, 2]], label[:, [0, 2]])
    assert metrics.recall_at(30).value(margin, label) == pytest.approx(of_two)
    assert metrics.recall_at(30).value(margin[:, 1], label[:, 1]) == 0.0
    assert metrics.lift_at(30).value(margin[:, 1], label[:, 1]) == 0.0
    assert metrics.precision_at(30).value(margin[:, 1], label[:, 1]) == 0.0


@pytest.mark.parametrize("top", [0, -3, 0.0, 1.5, np.nan, True, "10", None, [10]])
def test_a_budget_that_is_none_is_refused(top):
    for make_metric in (metrics.precision_at, metrics.recall_at, metrics.lift_at):
        with pytest.raises((TypeError, ValueError), match="top is"):
            make_metric(top)


def test_wrong_input_of_a_budget_is_named():
    metric = metrics.recall_at(1)
    with pytest.raises(ValueError, match=r"label is 2(\.0)? in row 1"):
        metric.value([0.0, 1.0], [0, 2])
    with pytest.raises(ValueError, match="margin is nan in row 1"):
        metric.value([0.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="recall_at_1 is of binary and multi-label tasks, but margin has 3 columns"):
        metric.value(np.zeros((2, 3)), [0, 2])
    with pytest.raises(ValueError, match="sample_weight"):
        metric.value([0.0, 1.0], [0, 1], [1.0, -1.0])


def test_scikit_learn_scores_by_a_budget(make):
    sk = pytest.importorskip("sklearn.metrics")
    selection = pytest.importorskip("sklearn.model_selection")
    X, y, _, _ = fraud(600)
    scorer = sk.make_scorer(metrics.recall_at(50), response_method="decision_function")
    found = selection.cross_validate(
        make(), X, y, scoring=scorer, cv=3, return_estimator=True, return_indices=True, error_score="raise"
    )
    for fitted, rows, score in zip(found["estimator"], found["indices"]["test"], found["test_score"], strict=True):
        assert score == metrics.recall_at(50).value(fitted.decision_function(X[rows]), y[rows])


# Metrics of costs, per round


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_costs_of_margins_are_those_of_their_decisions(make_data, task, weighted, calibrated):
    data = make_data(task, 300)
    rng = np.random.default_rng(0)
    margin = rng.normal(size=(300, 3) if task != "binary" else 300)
    weight = data.weight if weighted else None
    objective = bi.focal_objective(gamma=3.0).fit(data.y, n_classes=3 if task == "multiclass" else None)
    options = {"objective": objective} if calibrated else {}
    plain = np.exp(margin) / np.exp(margin).sum(axis=1, keepdims=True) if task == "multiclass" else 1 / (1 + np.exp(-margin))
    p = objective.probability(margin) if calibrated else plain
    matrix = np.abs(MATRICES[task])
    if task == "multilabel":
        decided = np.stack([bi.decide_by_cost(p[:, k], matrix[k]) for k in range(3)], axis=1)
    else:
        decided = bi.decide_by_cost(p, matrix)
    paid = metrics.cost(matrix, **options).value(margin, data.y, weight)
    assert paid == pytest.approx(bi.mean_cost(data.y, decided, cost=matrix, sample_weight=weight), rel=1e-12)
    saved = metrics.savings(matrix, **options).value(margin, data.y, weight)
    assert saved == pytest.approx(bi.savings_score(data.y, decided, cost=matrix, sample_weight=weight), rel=1e-12)


def test_costs_of_each_row_are_no_metric_of_a_round():
    with pytest.raises(ValueError, match="costs of each row go to predict, score, mean_cost or savings_score"):
        metrics.cost(np.ones((4, 2, 2))).value([0.0, 1.0, -1.0, 2.0], [0, 1, 1, 0])
    with pytest.raises(ValueError, match=r"cost has shape \(3, 3\)"):
        metrics.savings(np.ones((3, 3))).value([0.0, 1.0], [0, 1])
    with pytest.raises(ValueError, match="cost is nan"):
        metrics.cost([[0.0, np.nan], [1.0, 0.0]])


def test_costs_of_each_row_in_a_function_for_one_held_out_set(make):
    X, y, _, amount = fraud(900)
    cost = bi.cost_matrix(fn=amount[600:], fp=5.0, tp=5.0)

    def paid(y_true, p):
        return bi.mean_cost(y_true, bi.decide_by_cost(p, cost), cost=cost)

    def lightgbm_metric(y_true, p):
        return "paid", paid(y_true, p), False

    held_out = [(X[600:], y[600:])]
    if "XGB" in type(make()).__name__:
        model = make(eval_metric=paid).fit(X[:600], y[:600], eval_set=held_out, verbose=False)
        shown = model.evals_result()["validation_0"]["paid"][-1]
    else:
        model = make().fit(X[:600], y[:600], eval_set=held_out, eval_metric=lightgbm_metric)
        shown = model.evals_result_["valid_0"]["paid"][-1]
    assert shown == pytest.approx(-model.score(*held_out[0], cost=cost), abs=1e-6)


METRICS = [
    metrics.precision_at(30),
    metrics.recall_at(0.1),
    metrics.lift_at(0.1),
    metrics.cost(MATRICES["binary"]),
    metrics.savings(MATRICES["binary"]),
]


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_classifiers_judge_by_them_and_stop_the_right_way(make, make_data, metric):
    data, held_out = make_data("binary", n=600), make_data("binary", n=300, seed=1)
    xgboost = "XGB" in type(make()).__name__
    if xgboost:
        model = make(eval_metric=metric, n_estimators=30, early_stopping_rounds=5)
        weights = {"sample_weight_eval_set": [held_out.weight]}
        model.fit(data.X, data.y, eval_set=[(held_out.X, held_out.y)], verbose=False, **weights)
        history, stopped = model.evals_result()["validation_0"][metric.__name__], model.best_iteration
    else:
        lightgbm = pytest.importorskip("lightgbm")
        model = make(n_estimators=30)
        weights = {"eval_sample_weight": [held_out.weight], "callbacks": [lightgbm.early_stopping(5, verbose=False)]}
        model.fit(data.X, data.y, eval_set=[(held_out.X, held_out.y)], eval_metric=metric, **weights)
        history, stopped = model.evals_result_["valid_0"][metric.name], model.best_iteration_ - 1
    best = min(history) if metric.name == "cost" else max(history)
    assert history[stopped] == pytest.approx(best, abs=1e-6)
    margin = model.decision_function(held_out.X)
    value = metric.of(model.loss_).value(margin, held_out.y, held_out.weight)
    assert value == pytest.approx(best, abs=2e-6)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_missing_labels_of_held_out_rows_do_not_count(make, make_data, metric):
    data, held_out = make_data("multilabel", n=300), make_data("multilabel", n=200, seed=1)
    y = np.where(np.random.default_rng(0).random((200, 3)) < 0.3, np.nan, held_out.y)
    if "XGB" in type(make()).__name__:
        model = make(eval_metric=metric).fit(data.X, data.y, eval_set=[(held_out.X, y)], verbose=False)
        shown = model.evals_result()["validation_0"][metric.__name__][-1]
    else:
        model = make().fit(data.X, data.y, eval_set=[(held_out.X, y)], eval_metric=metric)
        shown = model.evals_result_["valid_0"][metric.name][-1]
    known, matrix = np.isfinite(y), MATRICES["binary"]
    if metric.name in ("cost", "savings"):
        decided = model.predict(held_out.X, cost=matrix)
        value = bi.mean_cost(y[known], decided[known], cost=matrix)
        if metric.name == "savings":
            paid = [
                [bi.mean_cost(t[k], np.full(k.sum(), c), cost=matrix) for c in (0, 1)]
                for t, k in zip(y.T, known.T, strict=True)
            ]
            value = 1 - value / np.average(np.min(paid, axis=1), weights=known.sum(axis=0))
    else:
        margin, judge = model.decision_function(held_out.X), metric.of(model.loss_)
        value = np.mean([judge.value(m[k], t[k]) for m, t, k in zip(margin.T, y.T, known.T, strict=True)])
    assert shown == pytest.approx(value, abs=2e-6)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_native_interfaces_show_them(metric, make_data, library):
    data = make_data("binary" if library == "lightgbm" else "multilabel", 300)
    objective, found = bi.weighted_objective(None), {}
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        dataset = lightgbm.Dataset(data.X, data.y, weight=data.weight)
        params = {"objective": objective, "verbosity": -1, "num_threads": 1}
        booster = lightgbm.train(
            params, dataset, 4, valid_sets=[dataset], feval=metric, callbacks=[lightgbm.record_evaluation(found)],
            init_model=objective.lightgbm_start(data.X, data.y, data.weight),
        )  # fmt: skip
        value, shown = booster.predict(data.X, raw_score=True), found["training"][metric.name][-1]
        assert shown == pytest.approx(metric.value(value, data.y, data.weight), rel=1e-6)
        return
    xgboost = pytest.importorskip("xgboost")
    dmatrix = xgboost.DMatrix(data.X, data.y, weight=data.weight)
    params = {"nthread": 1, "disable_default_eval_metric": 1, **objective.xgboost_params(data.y, data.weight)}
    booster = xgboost.train(
        params, dmatrix, 4, evals=[(dmatrix, "train")], obj=objective, custom_metric=metric, evals_result=found,
        verbose_eval=False,
    )  # fmt: skip
    value, shown = booster.predict(dmatrix, output_margin=True), found["train"][metric.__name__][-1]
    assert shown == pytest.approx(metric.value(value, data.y, data.weight), abs=2e-6)
