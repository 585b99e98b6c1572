"""Facts about XGBoost, LightGBM, numba and scikit-learn that the libraries' modules, the losses and the kernels lean on.

Others stand where they are used: ``pytest -m library_fact`` runs them all, so that a new release that changes one is named.
"""

import importlib
import json
import subprocess
import sys

import numpy as np
import pytest

from boost_imbalance.libraries import lightgbm as lightgbm_module
from boost_imbalance.libraries import xgboost as xgboost_module
from boost_imbalance.losses import protocol
from boost_imbalance.losses.start import SMALLEST_PRIOR

pytestmark = pytest.mark.library_fact

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3))
Y = (X[:, 0] + rng.normal(size=300) > 1).astype(int)
LABELS = {"binary": Y, "multiclass": Y + (X[:, 1] > 0), "multilabel": np.c_[Y, 1 - Y]}
WEIGHT = rng.uniform(0.5, 2.0, 300)


def flat(margin, data):
    return np.zeros_like(margin), np.ones_like(margin)


# XGBoost


def xgboost_params(task):
    several = {"objective": "multi:softprob", "num_class": 3}
    return {**(several if task == "multiclass" else {"objective": "binary:logistic"}), "nthread": 1}


@pytest.mark.parametrize("task", LABELS)
def test_xgboost_calls_objectives_and_metrics_from_a_booster_that_knows_its_outputs(xgboost, task):
    matrix, calls, given = xgboost.DMatrix(X, LABELS[task]), [], []

    def objective(margin, data):
        calls.append(protocol.calling())
        given.append(data)
        return flat(margin, data)

    def metric(margin, data):
        calls.append(protocol.calling())
        given.append(data)
        assert not margin.any() or task == "multiclass"  # margins, not probabilities
        return "metric", 0.0

    booster = xgboost.train(
        xgboost_params(task), matrix, 2, evals=[(matrix, "e")], obj=objective, custom_metric=metric, verbose_eval=False
    )
    library = protocol.library("xgboost")
    assert {call.library for call in calls} == {library}
    assert len({call.booster for call in calls}) == 1  # by identity, as memory of a training is kept
    assert all(data is matrix for data in given)
    assert library.n_outputs(booster) == {"binary": 1, "multiclass": 3, "multilabel": 2}[task]
    assert library.device(booster) is None
    assert json.loads(booster.save_config())["learner"]["generic_param"]["device"] == "cpu"


@pytest.mark.parametrize("task", LABELS)
def test_xgboost_shows_labels_and_weights_without_a_copy(xgboost, task):
    matrix = xgboost.DMatrix(X, LABELS[task], weight=WEIGHT)
    for read, expected in (
        (xgboost_module.label_of, matrix.get_label().reshape(LABELS[task].shape)),
        (xgboost_module.weight_of, matrix.get_weight()),
    ):
        found = read(matrix)
        np.testing.assert_array_equal(found, expected)
        assert np.shares_memory(found, read(matrix))
    assert xgboost_module.weight_of(xgboost.DMatrix(X, LABELS[task])) is None


@pytest.mark.parametrize("task", LABELS)
def test_xgboost_begins_its_own_objectives_at_the_shares_of_the_classes(xgboost, task):
    y = LABELS[task]
    matrix = xgboost.DMatrix(X, y)
    booster = xgboost.train({**xgboost_params(task), "max_depth": 1, "learning_rate": 1e-30}, matrix, 1)
    if task == "multiclass":
        expected = np.log(np.bincount(y) / len(y) + 1e-6)
        expected -= expected.mean()
    else:
        share = y.mean(axis=0)
        expected = np.log(share / (1.0 - share))
    np.testing.assert_allclose(booster.predict(matrix, output_margin=True)[0], expected, rtol=0, atol=1e-5)


def test_xgboost_clips_the_intercept_of_a_logistic_objective(xgboost):
    params = {"objective": "binary:logistic", "nthread": 1, "base_score": 1e-9}
    booster = xgboost.train(params, xgboost.DMatrix(X, Y), 1, obj=flat)
    margin = booster.predict(xgboost.DMatrix(X), output_margin=True)
    np.testing.assert_allclose(margin, np.log(SMALLEST_PRIOR), rtol=1e-5)


def test_xgboost_leaves_its_own_metric_out_if_told_to(xgboost):
    matrix, history = xgboost.DMatrix(X, Y), {}
    params = {"objective": "binary:logistic", "nthread": 1, "disable_default_eval_metric": 1}
    options = {"evals": [(matrix, "e")], "evals_result": history, "verbose_eval": False}
    xgboost.train(params, matrix, 1, custom_metric=lambda margin, data: ("own", 0.5), **options)
    assert history == {"e": {"own": [0.5]}}


def test_xgboosts_classifier_looks_for_sample_weight_in_the_signature_of_an_objective(xgboost):
    pytest.importorskip("sklearn")
    seen = []

    def objective(label, margin, sample_weight=None):
        seen.append((label, margin, sample_weight))
        return np.zeros_like(margin), np.ones_like(margin)

    xgboost.XGBClassifier(n_estimators=1, n_jobs=1, objective=objective).fit(X, Y, sample_weight=WEIGHT)
    ((label, margin, weight),) = seen
    np.testing.assert_array_equal(label, Y)
    np.testing.assert_array_equal(weight, WEIGHT.astype(np.float32))
    assert not margin.any()


def test_xgboost_adds_up_nothing_in_one_process(xgboost):
    assert protocol.library("xgboost").sum_over_workers() is None
    counts = np.array([[3.0, 4.0]])
    summed = xgboost.collective.allreduce(counts.copy(), xgboost.collective.Op.SUM)
    np.testing.assert_array_equal(np.reshape(summed, counts.shape), counts)


IN_A_THREAD = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import xgboost
from boost_imbalance.libraries.xgboost import takes_gradient_as_hessian

rank, arguments = int(sys.argv[1]), json.loads(sys.argv[2])
with xgboost.collective.CommunicatorContext(**arguments):
    with ThreadPoolExecutor(1) as thread:
        alone = thread.submit(xgboost.collective.get_world_size).result()
    if rank == 0:
        takes_gradient_as_hessian()
    print(json.dumps([xgboost.collective.get_world_size(), alone]))
"""


@pytest.mark.slow
def test_xgboost_has_a_communicator_for_each_thread(xgboost):
    """So that one worker of a distributed training may train a model of its own in another thread."""
    tracker = pytest.importorskip("xgboost.tracker").RabitTracker(host_ip="127.0.0.1", n_workers=2)
    tracker.start()
    arguments = json.dumps(tracker.worker_args())
    commands = [[sys.executable, "-c", IN_A_THREAD, str(rank), arguments] for rank in range(2)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    for worker in workers:
        assert json.loads(worker.communicate(timeout=120)[0].splitlines()[-1]) == [2, 1]
    tracker.wait_for(timeout=30)


# LightGBM

QUIET = {"verbosity": -1, "num_threads": 1}


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_lightgbm_calls_objectives_and_metrics_from_a_booster_that_knows_its_data(lightgbm, task):
    dataset, calls = lightgbm.Dataset(X, LABELS[task], weight=WEIGHT, free_raw_data=False), []
    library = protocol.library("lightgbm")

    class Objective:
        def __call__(self, margin, data):
            calls.append(protocol.calling())
            return flat(margin, data)

        def __deepcopy__(self, memo):
            return self

    def metric(margin, data):
        calls.append(protocol.calling())
        assert library.training_data(calls[-1].booster) is data is dataset
        return "metric", 0.0, False

    columns = 3 if task == "multiclass" else 1
    params = {**QUIET, "objective": Objective(), "num_class": columns, "metric": "None"}
    lightgbm.train(params, dataset, 2, valid_sets=[dataset], feval=metric)
    assert {call.library for call in calls} == {library}
    assert len({call.booster for call in calls}) == 1
    assert library.n_outputs(calls[0].booster) == columns
    label, weight = library.label_and_weight(dataset)
    np.testing.assert_array_equal(label, LABELS[task])
    np.testing.assert_allclose(weight, WEIGHT, rtol=1e-6)


@pytest.mark.parametrize("order", ["C", "F", "flat"])
def test_lightgbm_takes_gradients_of_several_classes_in_any_order_but_flat_by_columns(lightgbm, order):
    y = LABELS["multiclass"]

    def objective(margin, data):
        e = np.exp(margin)
        p = e / e.sum(axis=1, keepdims=True)
        answer = (p - np.eye(3)[y], 1.5 * p * (1.0 - p))
        return [one.ravel("F") if order == "flat" else np.asarray(one, order=order) for one in answer]

    params = {**QUIET, "objective": objective, "num_class": 3}
    own = lightgbm.train(params, lightgbm.Dataset(X, y), 3).predict(X)
    params = {**QUIET, "objective": "multiclass", "num_class": 3, "boost_from_average": False}
    built_in = lightgbm.train(params, lightgbm.Dataset(X, y), 3).predict(X, raw_score=True)
    np.testing.assert_allclose(own, built_in, rtol=0, atol=1e-9)


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("start", [[-1.5], [0.1, -2.0, 1 / 3]], ids=str)
def test_lightgbm_reads_a_constant_model_and_trains_on_from_it(lightgbm, start, frame):
    data = X
    if frame:
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame({"a": X[:, 0], "b": pandas.Categorical(np.where(X[:, 1] > 0, "up", "down"))})
    model = lightgbm_module.constant_model(np.array(start), data)
    np.testing.assert_array_equal(model.predict(data).reshape(300, -1), np.tile(start, (300, 1)))
    shown = []

    def objective(margin, dataset):
        shown.append(np.array(margin))
        return flat(margin, dataset)

    y = LABELS["multiclass"] if len(start) > 1 else Y
    params = {**QUIET, "objective": objective, "num_class": len(start)}
    booster = lightgbm.train(params, lightgbm.Dataset(data, y, free_raw_data=False), 1, init_model=model)
    np.testing.assert_array_equal(shown[0], model.predict(data))
    np.testing.assert_array_equal(booster.predict(data), model.predict(data))


@pytest.mark.parametrize("kind", ["binary", "softmax", "sigmoids"])
def test_lightgbm_takes_the_link_from_a_line_of_the_model(lightgbm, kind):
    start = np.array([0.3] if kind == "binary" else [0.3, -1.0, 2.0])
    model = lightgbm_module.with_link(lightgbm_module.constant_model(start, X), kind == "sigmoids", calibrated=True)
    expected = np.exp(start) / np.exp(start).sum() if kind == "softmax" else 1.0 / (1.0 + np.exp(-start))
    np.testing.assert_allclose(np.atleast_2d(model.predict(X[:1]).T).ravel(), expected, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X[:1], raw_score=True).ravel(), start)


def test_lightgbm_subsets_know_their_rows_and_the_whole(lightgbm):
    whole = lightgbm.Dataset(X, Y, free_raw_data=False)
    part = whole.subset([3, 5, 8])
    assert list(part.used_indices) == [3, 5, 8]
    assert part.reference is whole


def test_lightgbms_classifier_calls_an_objective_by_its_number_of_parameters(lightgbm):
    pytest.importorskip("sklearn")
    seen = []

    def objective(label, margin, sample_weight=None):
        seen.append((label, margin, sample_weight))
        return np.zeros_like(margin), np.ones_like(margin)

    model = lightgbm.LGBMClassifier(n_estimators=1, n_jobs=1, verbosity=-1, objective=objective)
    model.fit(X, Y, sample_weight=WEIGHT)
    label, margin, weight = seen[0]
    np.testing.assert_array_equal(label, Y)
    np.testing.assert_allclose(weight, WEIGHT, rtol=1e-6)
    assert not margin.any()


# numba and scikit-learn


def test_numba_keeps_machine_code_where_its_setting_said_when_a_function_was_decorated(tmp_path, monkeypatch):
    numba = importlib.import_module("numba")

    def one_more(x):
        return x + 1

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    compiled = numba.njit("int64(int64)", cache=True)(one_more)
    assert compiled(1) == 2
    assert list(tmp_path.rglob("*.nbi"))
    assert compiled.py_func is one_more


def test_scikit_learn_takes_rows_of_anything():
    taken = pytest.importorskip("sklearn.utils")._safe_indexing(X, np.array([2, 0]))
    np.testing.assert_array_equal(taken, X[[2, 0]])
