"""Several machines of LightGBM train the model of one, or say why they cannot."""

import gc
import random
import socket

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance import metrics
from tests.libraries.distributed.common import CONSTRUCTORS, ROWS, Data, raised, run_together


def free_port(taken=()):
    """One that the system does not give to a connection: a machine that asks for another too early would get it itself."""
    while True:
        port = random.randrange(12_000, 32_000)
        if port not in taken:
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except OSError:
                continue
            return port


def on_lightgbm(work, n_machines=2):
    ports = []
    for _ in range(n_machines):
        ports.append(free_port(ports))
    network = {"machines": ",".join(f"127.0.0.1:{port}" for port in ports), "num_machines": n_machines, "time_out": 1}
    contexts = [lambda run, port=port: run({**network, "local_listen_port": port, "tree_learner": "data"}) for port in ports]
    # A booster that is collected closes the connections of the thread in which that happens to be done.
    gc.collect()
    gc.disable()
    try:
        return run_together(work, contexts)
    finally:
        gc.enable()


SETTINGS = {"verbosity": -1, "num_threads": 1, "num_leaves": 7, "min_data_in_leaf": 1, "min_data_in_bin": 1}
MACHINES = [slice(0, 100), slice(100, ROWS)]


def lightgbm_trained(data, objective, rows=slice(None), network=None, rounds=4, **options):
    import lightgbm

    weight = None if data.weight is None else data.weight[rows]
    label, columns = data.y[rows], 3 if data.task == "multiclass" else None
    params = {**objective.lightgbm_params(data.y, columns), **SETTINGS, **(network or {}), **options.pop("params", {})}
    dataset = lightgbm.Dataset(data.X[rows], label, weight=weight)
    return lightgbm.train(params, dataset, rounds, **options).predict(data.X)


@pytest.mark.parametrize("constructor", CONSTRUCTORS[:3])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weights"])
def test_machines_of_lightgbm_train_the_model_of_one(lightgbm, constructor, task, weighted):
    data = Data(task, weighted)
    objective = constructor().fit(data.y, data.weight)
    alone = lightgbm_trained(data, objective)
    rows = MACHINES if not weighted else [slice(500, ROWS), slice(0, 500)]  # nothing weighs anything on the first
    for prediction in raised(on_lightgbm(lambda rank, network: lightgbm_trained(data, objective, rows[rank], network))):
        assert np.abs(prediction - alone).max() == 0.0


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (bi.weighted_objective("balanced"), r"depends on how often each class occurs.*objective.fit\(y\).*\[n0, n1\]"),
        (bi.logit_adjusted_objective(), r"depends on how often each class occurs"),
        (bi.focal_objective(gamma=2.0), r"scale='auto' of focal_objective.*depends on how often each class occurs"),
        (bi.adaptive_objective(), r"follow the errors on all rows; train it with XGBoost"),
        (bi.adaptive_objective().fit([0, 0, 1]), r"follow the errors on all rows; train it with XGBoost"),
    ],
)
def test_what_lightgbm_would_count_on_each_machine_is_refused_on_all(lightgbm, objective, message):
    data = Data("binary")
    for error in on_lightgbm(lambda rank, network: lightgbm_trained(data, objective, MACHINES[rank], network)):
        with pytest.raises(ValueError, match=message):
            raise error


@pytest.mark.parametrize("objective", [bi.focal_objective(gamma=0.0), bi.focal_objective(gamma=2.0, scale=1.0)])
def test_a_loss_without_counts_needs_no_fit(lightgbm, objective):
    data = Data("binary")
    alone = lightgbm_trained(data, objective)
    for prediction in raised(on_lightgbm(lambda rank, network: lightgbm_trained(data, objective, MACHINES[rank], network))):
        assert np.abs(prediction - alone).max() == 0.0


def test_a_bad_label_on_one_machine_ends_the_training_of_the_others(lightgbm):
    data = Data("binary")
    objective = bi.focal_objective().fit(data.y)
    data.y[103] = 7.0

    def work(rank, network):
        dataset = lightgbm.Dataset(data.X[MACHINES[rank]], data.y[MACHINES[rank]])
        lightgbm.train({"objective": objective, "metric": "None", **SETTINGS, **network}, dataset, 3)

    there, here = on_lightgbm(work)
    with pytest.raises(ValueError, match=r"label is 7.0 in row 3"):
        raise here
    assert isinstance(there, lightgbm.basic.LightGBMError)


def test_lightgbm_does_not_stop_early_on_one_machine_alone(lightgbm):
    data = Data("binary")
    objective = bi.focal_objective().fit(data.y)

    def work(rank, network):
        held_out = lightgbm.Dataset(data.X[MACHINES[rank]], data.y[MACHINES[rank]])
        options = {"callbacks": [lightgbm.early_stopping(2, verbose=False)], "feval": objective.metric}
        lightgbm_trained(data, objective, MACHINES[rank], network, valid_sets=[held_out], **options)

    for error in on_lightgbm(work):
        with pytest.raises(ValueError, match="leave early_stopping out and choose num_boost_round, or train with XGBoost"):
            raise error


def test_a_metric_of_one_machine_says_so_once(lightgbm, recwarn):
    data = Data("binary")
    objective = bi.focal_objective().fit(data.y)
    told = []

    def work(rank, network):
        held_out = lightgbm.Dataset(data.X[MACHINES[rank]], data.y[MACHINES[rank]])
        metric = metrics.log_loss(objective)
        lightgbm_trained(data, objective, MACHINES[rank], network, valid_sets=[held_out], feval=metric)
        told.append(metric._warned)

    raised(on_lightgbm(work))
    assert told == [{"machines"}, {"machines"}]


@pytest.mark.parametrize("early", [False, True])
def test_dask_hands_over_what_lightgbms_machines_refuse(lightgbm, early):
    distributed, arrays = pytest.importorskip("distributed"), pytest.importorskip("dask.array")
    pytest.importorskip("dask.dataframe")
    data = Data("binary")
    X, y = arrays.from_array(data.X, chunks=(300, 3)), arrays.from_array(data.y.astype(int), chunks=300)
    objective = bi.focal_objective().fit(data.y) if early else bi.focal_objective()
    options = {"eval_set": [(X, y)], "callbacks": [lightgbm.early_stopping(2, verbose=False)]} if early else {}
    gc.collect()
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        model = lightgbm.DaskLGBMClassifier(
            client=client, objective=objective, n_estimators=3, tree_learner="data", **SETTINGS
        )
        with pytest.raises(ValueError, match="leave early_stopping out" if early else "depends on how often"):
            model.fit(X, y, **options)
