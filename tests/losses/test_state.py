"""A loss keeps nothing that one training could take from another."""

import copy
import gc
import threading

import numpy as np
import pytest

import boost_imbalance as bi


@pytest.fixture
def two_sets(make_data):
    first = make_data("binary", 600)
    second = make_data("binary", 600, seed=1)
    return first, second._replace(y=((second.y > 0) | (second.X[:, 2] > 0.5)).astype(float))  # far more positives


def trained(xgboost, objective, data, rounds=5, **options):
    history = {}
    matrix = xgboost.DMatrix(data.X, data.y)
    booster = xgboost.train(
        {**objective.xgboost_params(data.y), "nthread": 1, "eta": 0.5}, matrix, rounds, obj=objective,
        evals=[(matrix, "train")], evals_result=history, custom_metric=objective.metric, verbose_eval=False, **options,
    )  # fmt: skip
    return booster, booster.predict(matrix, output_margin=True), history["train"][objective.metric.name]


def test_probabilities_are_never_those_of_another_training(two_sets):
    xgboost = pytest.importorskip("xgboost")
    objective = bi.weighted_objective("balanced")
    first, second = two_sets
    _, margin, _ = trained(xgboost, objective, first)
    known = objective.probability(margin)
    np.testing.assert_array_equal(known, objective.fit(first.y).probability(margin))
    trained(xgboost, objective, second)
    gc.collect()
    with pytest.raises(ValueError, match=r"has served trainings with different labels; use the objective that fit\(label\)"):
        objective.probability(margin)
    np.testing.assert_array_equal(objective.fit(first.y).probability(margin), known)
    focal = bi.focal_objective(2.0)  # does not depend on labels, so there is nothing to confuse
    _, margin, _ = trained(xgboost, focal, first)
    before = focal.probability(margin)
    trained(xgboost, focal, second)
    np.testing.assert_array_equal(focal.probability(margin), before)


def test_trainings_at_once_do_not_disturb_each_other(two_sets, any_constructor):
    xgboost = pytest.importorskip("xgboost")
    alone = [trained(xgboost, any_constructor(), data, 10)[1:] for data in two_sets]
    objective, found = any_constructor(), [None, None]

    def run(k):
        found[k] = trained(xgboost, objective, two_sets[k], 10)[1:]

    threads = [threading.Thread(target=run, args=(k,)) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (margin, values), (own, own_values) in zip(found, alone, strict=True):
        np.testing.assert_array_equal(margin, own)
        assert values == own_values


def test_metrics_of_folds_use_the_weights_of_their_own_fold(two_sets):
    xgboost = pytest.importorskip("xgboost")
    data = two_sets[0]
    order = np.argsort(-data.y, kind="stable")
    folds = [(order[50:], order[:50]), (order[:-50], order[-50:])]  # with very different shares of positives
    objective = bi.weighted_objective("balanced")
    params = {**objective.xgboost_params(data.y), "nthread": 1}
    found = xgboost.cv(
        params,
        xgboost.DMatrix(data.X, data.y),
        3,
        folds=folds,
        obj=objective,
        custom_metric=objective.metric,
        as_pandas=False,
    )
    expected = []
    for train, test in folds:
        own, history = bi.weighted_objective("balanced").fit(data.y[train]), {}
        xgboost.train(
            params, xgboost.DMatrix(data.X[train], data.y[train]), 3, obj=own, custom_metric=own.metric,
            evals=[(xgboost.DMatrix(data.X[test], data.y[test]), "test")], evals_result=history, verbose_eval=False,
        )  # fmt: skip
        expected.append(history["test"][own.metric.name])
    np.testing.assert_allclose(found[f"test-{objective.metric.name}-mean"], np.mean(expected, axis=0), rtol=1e-5)


def test_the_adaptive_loss_begins_anew_with_every_booster(two_sets):
    xgboost = pytest.importorskip("xgboost")
    data = two_sets[0]
    objective = bi.adaptive_objective(0.5)
    matrix = xgboost.DMatrix(data.X, data.y)

    def first_gradients(objective, base_score):
        seen = []

        def noted(margin, dtrain):
            answer = objective(margin, dtrain)
            seen.append([np.array(array) for array in answer])
            return answer

        xgboost.train({**objective.xgboost_params(data.y), "base_score": base_score, "nthread": 1}, matrix, 3, obj=noted)
        return seen

    for base_score in (0.2, 0.7, 0.2):  # the same object and data, other first margins
        again, fresh = first_gradients(objective, base_score), first_gradients(bi.adaptive_objective(0.5), base_score)
        np.testing.assert_array_equal(again, fresh)


def test_called_by_hand_nothing_is_kept():
    objective = bi.adaptive_objective(0.5)
    label, margin = np.array([0.0, 1.0]), np.array([-1.0, -1.0])
    first, again = (objective(label, margin)[0].copy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    one, other = objective.bind(label), objective.bind(label)
    one(margin)
    moved = one(margin)[0].copy()
    np.testing.assert_array_equal(other(margin)[0], first)
    assert (moved != first).any()


def test_a_clone_is_an_object_of_its_own(two_sets):
    xgboost = pytest.importorskip("xgboost")
    sklearn = pytest.importorskip("sklearn.base")
    first, second = two_sets
    objective = bi.logit_adjusted_objective()
    model = xgboost.XGBClassifier(objective=objective, n_estimators=3, n_jobs=1).fit(first.X, first.y)
    before = objective.probability([0.0])
    other = sklearn.clone(model)
    assert other.objective == objective
    assert other.objective is not objective
    other.fit(second.X, second.y)
    np.testing.assert_array_equal(objective.probability([0.0]), before)
    assert copy.deepcopy(objective) == objective


def test_lightgbm_without_its_parameters_says_that_fit_is_needed(two_sets):
    lightgbm = pytest.importorskip("lightgbm")
    data = two_sets[0]
    objective = bi.weighted_objective("balanced")
    lightgbm.train({"objective": objective, "verbosity": -1}, lightgbm.Dataset(data.X, data.y), 2)
    with pytest.raises(ValueError, match=r"has not seen any labels; .*that fit\(label\) returns"):
        objective.probability(np.zeros(3))


def test_the_library_is_not_guessed_from_the_format():
    rng = np.random.default_rng(0)
    margin, label = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    objective = bi.focal_objective(gamma=0.0)
    np.testing.assert_allclose(objective(label, margin.astype(np.float32))[1], objective(label, margin)[1], rtol=1e-5)
    own = objective.gradient_hessian(margin, label)[1]
    for library, factor in ((None, 1.0), ("xgboost", 2.0), ("lightgbm", 1.5)):
        for kind in (np.float32, np.float64):
            np.testing.assert_allclose(
                objective.bind(label, library=library)(margin.astype(kind))[1], factor * own, rtol=1e-5
            )
    with pytest.raises(ValueError, match="library is 'catboost'; choose one of 'xgboost', 'lightgbm'"):
        objective.bind(label, library="catboost")


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_calls_per_round(library, make_data):
    import sys

    module = pytest.importorskip(library)
    data, counted = make_data("binary"), []
    objective = bi.focal_objective(2.0)

    def profiled(margin, dataset):
        calls = []

        def note(frame, event, argument):
            if event == "call" and "boost_imbalance" in frame.f_code.co_filename:
                calls.append(frame.f_code.co_name)

        sys.setprofile(note)
        try:
            answer = objective(margin, dataset)
        finally:
            sys.setprofile(None)
        counted.append(len(calls))
        return answer

    if library == "xgboost":
        params = objective.xgboost_params(data.y)
        module.train({**params, "nthread": 1}, module.DMatrix(data.X, data.y), 4, obj=profiled)
    else:
        params = {**objective.lightgbm_params(data.y), "objective": profiled, "verbosity": -1}
        module.train(params, module.Dataset(data.X, data.y), 4, init_model=objective.lightgbm_start(data.X, data.y))
    assert counted[-1] <= 25
