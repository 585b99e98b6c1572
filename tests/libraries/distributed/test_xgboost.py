"""Several workers of XGBoost train the model of one machine, see the same metrics, and fail together."""

import json
import subprocess
import sys

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance import metrics
from boost_imbalance.kernels import cpu
from tests.helpers import ROOT
from tests.libraries.distributed.common import CONSTRUCTORS, ROWS, SPLITS, Data, raised, run_together

TASKS = ["binary", "multiclass", "multilabel"]


@pytest.fixture
def xgb(xgboost):
    pytest.importorskip("xgboost.tracker")
    return xgboost


def on_xgboost(work, n_workers):
    import xgboost
    from xgboost.tracker import RabitTracker

    tracker = RabitTracker(host_ip="127.0.0.1", n_workers=n_workers, sortby="task")
    tracker.start()
    arguments = tracker.worker_args()

    def context(rank):
        def enter(run):
            with xgboost.collective.CommunicatorContext(**arguments, dmlc_task_id=str(rank), dmlc_timeout=120):
                return run()

        return enter

    results = run_together(work, [context(rank) for rank in range(n_workers)])
    tracker.wait_for(timeout=120)
    return results


def evaluated_by(objective, task):
    """Every metric, as one function for XGBoost, and the full digits of what it gave."""
    chosen = [
        objective.metric,
        metrics.average_precision(),
        metrics.balanced_accuracy(objective=objective),
        metrics.f1(),
        metrics.matthews_correlation(threshold=0.3),
        metrics.geometric_mean(),
        metrics.log_loss(objective),
        metrics.cost(1.0 - np.eye(3) if task == "multiclass" else [[0.0, 1.0], [7.0, 0.5]]),
        metrics.savings(1.0 - np.eye(3) if task == "multiclass" else [[0.0, 1.0], [7.0, 0.5]]),
    ]
    if task != "multiclass":
        chosen += [metrics.precision_at(0.1), metrics.recall_at(50), metrics.lift_at(0.05), metrics.precision_at(10_000)]
    digits = []

    def evaluate(margin, data):
        found = [metric(margin, data) for metric in chosen]
        digits.append([value for _, value in found])
        return found

    return evaluate, digits


def trained(data, rows, constructor, rounds=4):
    import xgboost

    objective = constructor()
    evaluate, digits = evaluated_by(objective, data.task)
    matrix, history = data.matrix(rows), {}
    params = {**objective.xgboost_params(data.y, data.weight), "nthread": 1, "verbosity": 0}
    booster = xgboost.train(
        params, matrix, rounds, obj=objective, evals=[(matrix, "t")], custom_metric=evaluate, evals_result=history,
        verbose_eval=False,
    )  # fmt: skip
    return booster.predict(xgboost.DMatrix(data.X)), digits, history, objective.seen_counts


@pytest.mark.parametrize(
    ("split", "weighted"), [("uneven", False), ("uneven", True), ("empty", False), ("weightless", True)]
)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_workers_train_the_model_of_one_machine_and_see_its_metrics(xgb, constructor, task, weighted, split):
    data, rows = Data(task, weighted), SPLITS[split]
    alone, digits, history, counts = trained(data, slice(None), constructor)
    results = raised(on_xgboost(lambda rank: trained(data, rows[rank], constructor), len(rows)))
    for prediction, own_digits, own_history, own_counts in results:
        assert np.abs(prediction - alone).max() == 0.0
        assert own_counts == counts
        assert own_digits == results[0][1]  # what XGBoost takes the unweighted mean of
        np.testing.assert_allclose(own_digits, digits, rtol=1e-8)  # of float32 losses, as compiled for odd or even rows
        for name, values in own_history["t"].items():
            np.testing.assert_allclose(values, history["t"][name], atol=1.5e-6)  # XGBoost writes 6 digits


def test_a_metric_of_other_rows_on_one_worker_alone(xgb):
    data, objective = Data("binary"), bi.focal_objective().fit(Data("binary").y)
    seen = [slice(0, 0), slice(0, 300)]

    def work(rank):
        evaluate, digits = evaluated_by(objective, "binary")
        booster = xgb.train({**objective.xgboost_params(data.y), "nthread": 1}, data.matrix(SPLITS["uneven"][rank]), 3,
                            obj=objective)  # fmt: skip
        booster.eval_set([(data.matrix(seen[rank]), "validation")], feval=evaluate)
        return digits, booster.predict(xgb.DMatrix(data.X), output_margin=True)

    (first, margin), (second, _) = raised(on_xgboost(work, 2))
    assert first == second
    assert first[0][1] == pytest.approx(metrics.average_precision().value(margin[:300], data.y[:300]), rel=1e-12)


def test_early_stopping_is_at_the_round_of_one_machine(xgb):
    data, rows = Data("binary"), SPLITS["uneven"]

    def train(part):
        objective = bi.focal_objective()
        matrix, held_out = data.matrix(part), Data("binary", seed=1).matrix(part)
        params = {**objective.xgboost_params(data.y), "nthread": 1, "learning_rate": 0.5}
        booster = xgb.train(params, matrix, 60, obj=objective, evals=[(held_out, "v")], verbose_eval=False,
                            custom_metric=metrics.average_precision(), early_stopping_rounds=4)  # fmt: skip
        return booster.best_iteration, booster.best_score

    alone = train(slice(None))
    assert 0 < alone[0] < 55
    for best in raised(on_xgboost(lambda rank: train(rows[rank]), 2)):
        assert best == pytest.approx(alone, abs=1.5e-6)


def test_average_precision_of_very_many_positives_is_of_rounded_scores(xgb, monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.random(4000) < 0.3
    margin = 3.0 * rng.normal(size=4000) + y
    of_classes = rng.normal(size=(4000, 3)) * 3.0
    classes = of_classes.argmax(axis=1) * (rng.random(4000) < 0.5)

    def work(rank):
        from boost_imbalance.libraries.xgboost import XGBoost

        rows = slice(0, 1000) if rank == 0 else slice(1000, None)
        workers = XGBoost().sum_over_workers()
        metric = metrics.average_precision()
        binary = metric._over(workers, margin[rows], y[rows], None)
        return binary, metric._over(workers, of_classes[rows], classes[rows], None)

    exact = metrics.average_precision().value(margin, y), metrics.average_precision().value(of_classes, classes)
    np.testing.assert_allclose(raised(on_xgboost(work, 2)), [exact, exact], rtol=1e-12)
    monkeypatch.setattr(metrics, "_MOST_GATHERED", 100)
    found = raised(on_xgboost(work, 2))
    assert found[0] == found[1]
    np.testing.assert_allclose(found[0], exact, atol=1e-3)


def test_columns_on_several_workers_count_every_label_once(xgb):
    if not hasattr(xgb.DMatrix, "data_split_mode"):
        pytest.skip("this XGBoost does not split by column")
    data = Data("binary")

    def train(columns, mode):
        objective, margins = bi.weighted_objective("balanced"), []

        def noted(margin, matrix):
            margins.append(margin.copy())
            return objective(margin, matrix)

        X = np.ascontiguousarray(data.X[:, columns])
        matrix = xgb.DMatrix(X, data.y, nthread=1, data_split_mode=mode)
        values = []
        xgb.train({**objective.xgboost_params(data.y), "nthread": 1, "tree_method": "hist"}, matrix, 4, obj=noted,
                  evals=[(matrix, "t")], verbose_eval=False,
                  custom_metric=lambda m, d: values.append(metrics.log_loss(objective)(m, d)[1]) or ("x", 0.0))  # fmt: skip
        return margins[-1], objective.seen_counts.rows, values

    modes = xgb.core.DataSplitMode
    alone = train(slice(0, 3), modes.ROW)
    for margin, rows, values in raised(on_xgboost(lambda rank: train([slice(0, 1), slice(1, 3)][rank], modes.COL), 2)):
        assert rows == ROWS
        np.testing.assert_allclose(margin, alone[0], atol=1e-6)
        assert values == pytest.approx(alone[2], rel=1e-6)


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("label", r"label is 5.0 in row 3; labels must be 0 or 1"),
        ("weight", r"sample_weight is -1.0 in row 3; weights must be finite"),
    ],
)
def test_what_is_wrong_on_one_worker_is_the_same_error_on_all(xgb, constructor, what, message):
    data = Data("binary")
    y, weight = data.y.copy(), np.ones(ROWS)
    if what == "label":
        y[503] = 5.0
    else:
        weight[503] = -1.0  # which XGBoost's own data sets refuse

    def work(rank):
        rows, objective = SPLITS["uneven"][rank], constructor()
        matrix = xgb.DMatrix(data.X[rows], nthread=1)
        called = lambda margin, _: objective(y[rows], margin, weight[rows])  # noqa: E731
        xgb.train({"nthread": 1, "base_score": 0.0}, matrix, 3, obj=called)

    here, there = on_xgboost(work, 2)[::-1]
    assert isinstance(here, ValueError)
    assert isinstance(there, ValueError)
    assert str(there) == f"on another worker of this training, {here}"
    with pytest.raises(ValueError, match=message):
        raise here


def test_a_metric_that_fails_on_one_worker_fails_on_all(xgb):
    data = Data("binary")

    def work(rank):
        objective, rows = bi.focal_objective(), SPLITS["uneven"][rank]
        held_out = data.y[rows].copy()
        held_out[0] = 3.0 if rank else 0.0
        evals = [(xgb.DMatrix(data.X[rows], held_out, nthread=1), "v")]
        xgb.train({**objective.xgboost_params(data.y), "nthread": 1}, data.matrix(rows), 2, obj=objective, evals=evals,
                  custom_metric=metrics.average_precision(), verbose_eval=False)  # fmt: skip

    there, here = on_xgboost(work, 2)
    assert str(here).startswith("label is 3.0 in row 0")
    assert str(there) == f"on another worker of this training, {here}"


def test_no_rows_at_all_and_no_weight_at_all_are_errors_of_all_workers(xgb):
    data = Data("binary")

    def work(rank, weight, rows):
        matrix = xgb.DMatrix(data.X[rows], data.y[rows], weight=weight, nthread=1)
        xgb.train({"nthread": 1, "base_score": 0.0}, matrix, 1, obj=bi.focal_objective())

    for error in on_xgboost(lambda rank: work(rank, np.zeros(300), slice(rank * 300, rank * 300 + 300)), 2):
        with pytest.raises(ValueError, match="sample_weight is zero in every row of every worker"):
            raise error


def test_a_worker_without_rows_that_cannot_know_the_task_is_told_what_to_write(xgb):
    data = Data("multilabel")

    def work(rank):
        objective = bi.focal_objective()
        params = {"objective": "binary:logistic", "base_score": 0.5, "nthread": 1}
        matrix = data.matrix() if rank == 0 else xgb.DMatrix(np.empty((0, 3)), nthread=1)
        xgb.train(params, matrix, 1, obj=objective)

    errors = on_xgboost(work, 2)
    for error in errors:
        assert isinstance(error, ValueError)
        assert "write num_class or num_target in the parameters, as xgboost_params(y) does" in str(error)


def test_starts_of_each_workers_own_labels_are_refused(xgb):
    data = Data("binary")

    def work(rank):
        objective, rows = bi.focal_objective(), SPLITS["uneven"][rank]
        params = {**objective.xgboost_params(data.y[rows]), "nthread": 1}
        xgb.train(params, data.matrix(rows), 1, obj=objective)

    for error in on_xgboost(work, 2):
        with pytest.raises(ValueError, match=r"begin at different places.*from the labels of all workers, or their counts"):
            raise error


@pytest.mark.parametrize("how", ["all to their own", "one to all", "classifier"])
def test_objectives_fitted_to_each_workers_own_labels_are_refused(xgb, how):
    if how == "classifier":
        pytest.importorskip("sklearn")
    data = Data("binary")

    def work(rank):
        objective, rows = bi.weighted_objective("balanced"), (slice(0, 200), slice(200, ROWS))[rank]
        if how == "classifier":
            bi.ImbalancedXGBClassifier(loss=objective, n_estimators=1, n_jobs=1).fit(data.X[rows], data.y[rows])
            return
        if how == "all to their own":
            objective = objective.fit(data.y[rows])
        elif rank == 0:
            objective = objective.fit(data.y)
        xgb.train({"base_score": 0.5, "nthread": 1}, data.matrix(rows), 1, obj=objective)

    for error in on_xgboost(work, 2):
        with pytest.raises(ValueError, match=r"fitted to different labels.*which counts the rows of all workers"):
            raise error


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
def test_labels_that_change_on_one_worker_alone(xgb, constructor):
    before, after = Data("binary"), Data("binary")
    after.y[:50] = 1.0 - after.y[:50]  # the second worker's stay as they are

    def train(rows):
        objective = constructor()
        matrices = [before.matrix(rows), after.matrix(rows)]
        booster = xgb.Booster({**objective.xgboost_params(before.y), "nthread": 1}, matrices)
        for i in range(6):
            booster.update(matrices[i // 2 % 2], i, fobj=objective)
        return booster.predict(xgb.DMatrix(before.X))

    alone = train(slice(None))
    for prediction in raised(on_xgboost(lambda rank: train(SPLITS["uneven"][rank]), 2)):
        assert np.abs(prediction - alone).max() == 0.0


def test_one_objective_of_the_classifier_serves_two_trainings(xgb):
    pytest.importorskip("sklearn")
    before, after = Data("binary"), Data("binary", seed=1)
    after.X[300:], after.y[300:] = before.X[300:], before.y[300:]
    rows = [slice(0, 300), slice(300, ROWS)]

    def train(part):
        objective, found = bi.weighted_objective("balanced"), []
        for data in (before, after):
            start = objective.xgboost_params(data.y)["base_score"]
            model = xgb.XGBClassifier(n_estimators=3, n_jobs=1, objective=objective, base_score=start)
            found.append(model.fit(data.X[part], data.y[part]).predict_proba(before.X))
        return found

    alone = train(slice(None))
    for found in raised(on_xgboost(lambda rank: train(rows[rank]), 2)):
        np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_an_objective_runs_on_the_threads_of_its_booster(library, monkeypatch):
    module, data, used = pytest.importorskip(library), Data("binary"), []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as Dask sets it in its workers
    original = cpu.run_parts
    monkeypatch.setattr(cpu, "run_parts", lambda *given: (used.append(given[-1]), original(*given)))
    for n_threads, expected in ((None, 3), (2, 2)):
        objective = bi.focal_objective(n_threads=n_threads).fit(data.y)
        used.clear()
        if library == "xgboost":
            module.train({**objective.xgboost_params(data.y), "nthread": 3}, data.matrix(), 1, obj=objective)
        else:
            params = {**objective.lightgbm_params(data.y), "num_threads": 3, "verbosity": -1}
            start = objective.lightgbm_start(data.X, data.y)
            module.train(params, module.Dataset(data.X, data.y), 1, init_model=start)
        assert used[-1] == expected


@pytest.mark.parametrize("constructor", CONSTRUCTORS)
@pytest.mark.parametrize("task", TASKS)
def test_counts_are_enough_to_fit(constructor, task):
    data = Data(task)
    fitted = constructor().fit(data.y)
    if task == "multilabel":
        positives = data.y.sum(axis=0)
        counted = constructor().fit([[0, 0], [1, 1]], sample_weight=[ROWS - positives, positives])
    else:
        classes = np.unique(data.y)
        counted = constructor().fit(classes, sample_weight=np.bincount(data.y.astype(int)))
    margin = np.random.default_rng(0).normal(size=(50, data.y.shape[1]) if task == "multilabel" else
                                             (50, 3) if task == "multiclass" else 50)  # fmt: skip
    np.testing.assert_array_equal(counted.probability(margin), fitted.probability(margin))
    np.testing.assert_array_equal(counted.fitted.start, fitted.fitted.start)
    label = data.y[:50] if task != "multiclass" else np.arange(50) % 3
    for own, theirs in zip(counted.gradient_hessian(margin, label), fitted.gradient_hessian(margin, label), strict=True):
        np.testing.assert_array_equal(own, theirs)


PROCESS = """
import json, sys
import numpy as np
import xgboost
import boost_imbalance as bi
sys.path.insert(0, sys.argv[4])
from tests.libraries.distributed.common import SPLITS, Data

rank, arguments, name = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
data = Data("binary")
with xgboost.collective.CommunicatorContext(**arguments):
    objective = getattr(bi, name)()
    params = {**objective.xgboost_params(data.y), "nthread": 1}
    booster = xgboost.train(params, data.matrix(SPLITS["uneven"][rank]), 5, obj=objective)
print(json.dumps(booster.predict(xgboost.DMatrix(data.X)).tolist()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weighted_objective", "logit_adjusted_objective", "adaptive_objective"])
def test_two_workers_train_the_model_of_one(xgb, name):
    tracker = pytest.importorskip("xgboost.tracker").RabitTracker(host_ip="127.0.0.1", n_workers=2)
    tracker.start()
    arguments = [json.dumps(tracker.worker_args()), name, str(ROOT)]
    workers = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(rank), *arguments], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    together = [json.loads(worker.communicate(timeout=120)[0].splitlines()[-1]) for worker in workers]
    tracker.wait_for(timeout=120)
    data, objective = Data("binary"), getattr(bi, name)()
    params = {**objective.xgboost_params(data.y), "nthread": 1}
    alone = xgb.train(params, data.matrix(), 5, obj=objective).predict(xgb.DMatrix(data.X))
    assert np.abs(np.array(together) - alone).max() == 0.0
