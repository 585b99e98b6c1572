"""The training loops of the page on Ray Train: workers judge by exact metrics, and stop as one machine does."""

import numpy as np
import pytest

import boost_imbalance as bi
from tests.helpers import python_blocks

PAGE = "docs/guide/ray.md"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What the names of the page stand for, once its code has run."""
    ray = pytest.importorskip("ray")
    for module in ("ray.data", "ray.train", "xgboost", "lightgbm", "sklearn", "pandas"):
        pytest.importorskip(module)
    names = {"__name__": "guide"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("ray"))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        try:
            for block in python_blocks(PAGE):
                exec(block, names)
            yield names
        finally:
            ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_xgboost_judges_stops_and_trains_as_one_machine(page):
    import xgboost

    features = ["a", "b", "c"]
    train, valid = (xgboost.DMatrix(page[name][features], page[name]["label"]) for name in ("train", "valid"))
    objective, history = page["objective"], {}
    start = objective.xgboost_params(page["classes"], sample_weight=page["counts"])
    alone = xgboost.train(
        {**start, "max_depth": 3, "learning_rate": 0.5, "nthread": 1}, train, 40, obj=objective,
        custom_metric=bi.metrics.average_precision(), evals=[(valid, "valid")], early_stopping_rounds=3,
        evals_result=history, verbose_eval=False,
    )  # fmt: skip
    booster = page["booster"]
    assert (booster.best_iteration, booster.num_boosted_rounds()) == (alone.best_iteration, alone.num_boosted_rounds())
    assert booster.best_iteration < 36
    whole = xgboost.DMatrix(page["frame"][features])
    assert np.array_equal(booster.predict(whole), alone.predict(whole))
    reported = page["xgboost_result"].metrics["valid-pre_average_precision"]
    assert reported == history["valid"]["pre_average_precision"][-1]


@pytest.mark.slow
def test_lightgbm_judges_all_validation_rows_on_each_worker(page):
    from sklearn.metrics import average_precision_score

    model, valid = page["model"], page["valid"]
    best, history = page["result"].metrics["best"], page["result"].metrics["average_precision"]
    assert len(history) == 20
    assert model.num_trees() == best + 1 == int(np.argmax(history)) + 2  # the first is the start
    for i in range(best):
        score = model.predict(valid[["a", "b", "c"]], raw_score=True, num_iteration=i + 2)
        assert average_precision_score(valid["label"], score) == pytest.approx(history[i], abs=1e-12)
    assert (page["train"]["label"].iloc[:250] == 0).all()  # what the first worker had to train on


@pytest.mark.slow
def test_counts_are_those_of_all_rows(page):
    assert page["counts"] == np.bincount(page["train"]["label"]).tolist()
    assert page["objective"].start(page["train"]["label"]) == pytest.approx(
        float(page["objective"].fitted.start[0]), abs=1e-12
    )
