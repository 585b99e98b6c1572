"""Two workers of one XGBoost training share their class counts."""

import json
import subprocess
import sys

import numpy as np
import pytest

xgb = pytest.importorskip("xgboost")

DATA = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(600, 3))
y = (X[:, 0] + rng.normal(size=600) > 1.2 + (np.arange(600) < 400)).astype(float)
"""

WORKER = (
    DATA
    + """
import json, sys
import xgboost as xgb
import boost_imbalance as bi

rank, arguments, name = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
rows = slice(0, 400) if rank == 0 else slice(400, 600)
with xgb.collective.CommunicatorContext(**arguments):
    objective = getattr(bi, name)()
    params = {**objective.xgboost_params(y), "nthread": 1}
    booster = xgb.train(params, xgb.DMatrix(X[rows], y[rows]), 5, obj=objective)
print(json.dumps(booster.predict(xgb.DMatrix(X)).tolist()))
"""
)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weighted_objective", "logit_adjusted_objective", "adaptive_objective"])
def test_two_workers_train_the_model_of_one(name):
    import boost_imbalance as bi

    tracker = pytest.importorskip("xgboost.tracker").RabitTracker(host_ip="127.0.0.1", n_workers=2)
    tracker.start()
    arguments = json.dumps(tracker.worker_args())
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(rank), arguments, name], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    together = [json.loads(worker.communicate(timeout=120)[0].splitlines()[-1]) for worker in workers]
    tracker.wait_for(timeout=30)
    assert together[0] == together[1]

    scope = {}
    exec(DATA, scope)
    objective = getattr(bi, name)()
    params = {**objective.xgboost_params(scope["y"]), "nthread": 1}
    alone = xgb.train(params, xgb.DMatrix(scope["X"], scope["y"]), 5, obj=objective).predict(xgb.DMatrix(scope["X"]))
    # The quantile sketch of two workers is not that of one, so trees may differ a little; class weights of each worker's
    # own rows would move every prediction.
    assert np.abs(np.array(together[0]) - alone).mean() < 0.02
