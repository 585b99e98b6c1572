"""Runs, and what an interrupted one leaves behind."""

import contextlib
import itertools
import json
import signal
import warnings

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd
from scipy import sparse

from boost_imbalance.comparison import candidates, experiment, fitting, metrics, store
from boost_imbalance.losses.labels import Task
from tests.comparison.common import LIBRARIES, RATES, SMALL, TASKS, compared, runs


@pytest.mark.parametrize("task", ["binary", *(pytest.param(task, marks=pytest.mark.slow) for task in TASKS[1:])])
def test_every_candidate_on_every_task(library, make_data, task):
    data = make_data(task, 500)
    y = data.y.copy()
    if task == "multilabel":
        y[::7, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compared(data.X, y, library=library, baselines=None)
    assert found.complete
    assert not found.errors
    table = found.table()
    assert table["candidate"].tolist() == found.candidates
    assert len(found.candidates) == (10 if task == "multilabel" else 13)
    assert np.isfinite(table[list(metrics.METRICS)].to_numpy()).all()
    for name in found.candidates:
        kept = found.out_of_fold(name)
        assert np.array_equal(kept["rows"], np.arange(500))
        assert kept["probability"].shape == {"binary": (500,), "multiclass": (500, 3), "multilabel": (500, 3)}[task]
    json.dumps(found.to_dict(), allow_nan=False)
    assert "built-in" in repr(found)
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize("kind", ["frame", "sparse", "list"])
def test_kinds_of_features(library, rare, kind):
    X, y = rare
    if kind == "frame":
        X = pd.DataFrame(X).assign(text=np.where(X[:, 0] > 0, "up", "down"), flag=X[:, 1] > 0)
        X.iloc[::5, 2] = np.nan
    elif kind == "sparse":
        X = sparse.coo_matrix(np.where(np.abs(X) > 1, X, 0))
    else:
        X, y = X.tolist(), np.where(y, "yes", "no").tolist()
    found = compared(X, y, library=library, losses=["focal"], baselines=["over-sampling"])
    assert not found.errors
    assert found.mean("focal", "average_precision") > 0.5


def test_a_failure_is_told_and_the_rest_goes_on(library, rare, monkeypatch):
    def train(library, candidate, *rest):
        if candidate.name == "focal":
            raise RuntimeError("no memory")
        return fitting.train(library, candidate, *rest)

    monkeypatch.setattr(experiment, "train", train)
    found = compared(*rare, library=library, losses=["focal", "adaptive"])
    assert found.errors == [{"library": library, "candidate": "focal", "folds": 3, "error": "RuntimeError: no memory"}]
    assert found.complete
    assert np.isfinite(found.mean("adaptive", "log_loss"))
    assert np.isnan(found.mean("focal", "log_loss"))
    monkeypatch.setattr(experiment, "train", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match=r"no training succeeded.*ZeroDivisionError"):
        compared(*rare, library=library)


@pytest.mark.slow
def test_stopped_and_continued_is_as_if_never_stopped(library, rare, tmp_path, monkeypatch):
    options = {"library": library, "losses": ["focal", "asymmetric"], "baselines": ["tuned threshold"], "repeats": 2}
    whole = compared(*rare, **options)
    calls = []

    def train(*arguments):
        calls.append(arguments[1].name)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return fitting.train(*arguments)

    monkeypatch.setattr(experiment, "train", train)
    with pytest.warns(UserWarning, match=r"stopped after .* call again with the same arguments"):
        part = compared(*rare, **options, output=tmp_path)
    assert not part.complete
    assert np.isfinite(part.mean("focal", "log_loss"))
    with (tmp_path / "records.jsonl").open("a") as lines:
        lines.write('{"library": "xgb')  # as a crash would leave it
    calls.clear()
    calls.extend(["already"] * 10)
    rest = compared(*rare, **options, output=tmp_path)
    assert rest.complete
    assert len(calls) - 10 == 3 * 3 * 2 - 4
    again = bi.Comparison.read(tmp_path)
    for name, metric in itertools.product(whole.candidates, RATES):
        assert np.array_equal(whole.values(name, metric), rest.values(name, metric))
        assert np.array_equal(whole.values(name, metric), again.values(name, metric))
        np.testing.assert_array_equal(whole.out_of_fold(name)["probability"], again.out_of_fold(name)["probability"])
    assert again.to_dict() == rest.to_dict()


def test_ctrl_c_that_a_library_drops_still_stops(rare, monkeypatch):
    """What a callback raises does not come through every C library."""
    calls = []

    def train(*arguments):
        calls.append(arguments[1].name)
        if len(calls) == 2:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return fitting.train(*arguments)

    monkeypatch.setattr(experiment, "train", train)
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(UserWarning, match="stopped after 2 of"):
        compared(*rare, losses=["focal"])
    assert len(calls) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_keeps_one_comparison(rare, tmp_path, monkeypatch):
    X, y = rare
    compared(X, y, losses=["focal"], output=tmp_path)
    monkeypatch.setattr(experiment, "train", None)
    compared(X, y, losses=["focal"], output=tmp_path)  # all there
    with pytest.raises(ValueError, match=r"holds a comparison of other seed; give another folder, or restart=True"):
        compared(X, y, losses=["focal"], output=tmp_path, seed=1)
    with pytest.raises(ValueError, match="other data"):
        compared(X + 1, y, losses=["focal"], output=tmp_path)
    monkeypatch.undo()
    assert compared(X, y, losses=["focal"], output=tmp_path, seed=1, restart=True).settings["seed"] == 1
    with pytest.raises(FileNotFoundError, match="holds no comparison"):
        bi.Comparison.read(tmp_path / "elsewhere")


@pytest.mark.parametrize("library", LIBRARIES)
def test_fewer_trees_at_a_high_rate_and_the_same_in_the_code(rare, library):
    found = compared(*rare, library=library, losses=["fewer-trees"], baselines=["max_delta_step", "tuned threshold"])
    for name in ("fewer-trees", "max_delta_step"):
        assert found.mean(name, "rounds") < found.mean("built-in", "rounds") / 2
        assert found.estimator(name).get_params()["learning_rate"] == 0.4
    assert found.estimator("max_delta_step").get_params()["max_delta_step"] == 1.0
    assert found.mean("fewer-trees", "predicting") > 0
    # A baseline that only decides otherwise has the trees of the library's own objective.
    X, y = rare
    own, moved = (found.estimator(name).fit(X, y) for name in ("built-in", "tuned threshold"))
    np.testing.assert_allclose(moved.predict_proba(X), own.predict_proba(X), rtol=1e-4)


@pytest.mark.skipif("lightgbm" not in LIBRARIES, reason="of LightGBM alone")
def test_a_model_that_cannot_stop_early_has_all_its_rounds(small):
    params = {"boosting_type": "dart", "n_estimators": 7}
    found = compared(*small, losses=["focal"], folds=2, library="lightgbm", params=params)
    assert found.mean("built-in", "rounds") == 7
    assert "n_estimators=7" in found.code()


def test_a_folder_of_an_older_version(small, tmp_path):
    """Its settings and records call a candidate a contestant."""
    compared(*small, **SMALL, output=tmp_path)
    for name in ("settings.json", "records.jsonl"):
        path = tmp_path / name
        path.write_text(
            path.read_text().replace("candidate", "contestant").replace(f'"version": {store.VERSION}', '"version": 1')
        )
    with pytest.raises(ValueError, match="an older version wrote; run it again with restart=True"):
        bi.Comparison.read(tmp_path)
    with pytest.raises(ValueError, match="an older version wrote"):
        compared(*small, **SMALL, output=tmp_path)
    assert compared(*small, **SMALL, output=tmp_path, restart=True).complete


def test_a_folder_of_a_later_version(small, tmp_path):
    compared(*small, **SMALL, output=tmp_path)
    path = tmp_path / "settings.json"
    path.write_text(path.read_text().replace(f'"version": {store.VERSION}', f'"version": {store.VERSION + 1}'))
    for read in (lambda: bi.Comparison.read(tmp_path), lambda: compared(*small, **SMALL, output=tmp_path)):
        with pytest.raises(ValueError, match="holds a comparison that a later version wrote; upgrade boost-imbalance"):
            read()


def test_stopped_before_anything_was_done(rare, monkeypatch):
    def train(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", train)
    with pytest.raises(KeyboardInterrupt):
        compared(*rare)


def test_numbers_of_numpy(small, tmp_path):
    X, y = small
    params = {"n_estimators": np.int64(5), "learning_rate": np.float32(0.25), "missing": np.nan}
    options = {**SMALL, "library": LIBRARIES[0], "folds": np.int64(2), "seed": np.int64(3), "output": tmp_path}
    if LIBRARIES[0] != "xgboost":
        del params["missing"]
    found = compared(X, y, **{**options, "params": params})
    runs(found, X, y)
    compared(X, y, **{**options, "params": params})  # the same comparison
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_failed_is_tried_once_more(small, tmp_path, monkeypatch):
    def train(library, candidate, *rest):
        if candidate.name == "built-in":
            raise RuntimeError("no memory")
        return fitting.train(library, candidate, *rest)

    monkeypatch.setattr(experiment, "train", train)
    found = compared(*small, **SMALL, output=tmp_path)
    assert [(failed["candidate"], failed["folds"]) for failed in found.errors] == [("built-in", 2)]
    assert found.conclusion() == [
        "No loss was measured on two folds beside the built-in objective; nothing can be said of the losses."
    ]
    monkeypatch.undo()
    found = compared(*small, **SMALL, output=tmp_path)
    assert found.complete
    assert not found.errors
    assert not bi.Comparison.read(tmp_path).errors


def test_two_runs_in_one_folder_count_once(small, tmp_path):
    found = compared(*small, **SMALL, output=tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_text(path.read_text() * 2)
    assert bi.Comparison.read(tmp_path).records == found.records


def test_nothing_but_the_built_in_objective(small):
    found = compared(*small, **{**SMALL, "losses": []})
    assert found.table()["candidate"].tolist() == ["built-in"]
    assert found.recommended() == "built-in"


def test_names_of_candidates(small):
    from sklearn.linear_model import LogisticRegression

    names = [c.name for c in candidates.chosen(Task.BINARY, ["focal", "focal"], [])]
    assert names == ["built-in", "focal"]
    assert [c.name for c in candidates.chosen(Task.BINARY, {"a": "focal", "b": "focal"}, [])][1:] == ["a", "b"]
    with pytest.raises(ValueError, match="two candidates named 'mine'"):
        compared(*small, losses={"mine": bi.focal_objective()}, others={"mine": LogisticRegression()})


@pytest.mark.parametrize("value", [np.nan, 7.0, -1.0])
def test_models_of_ones_own_that_give_no_probabilities(small, value):
    from sklearn.dummy import DummyClassifier

    class Odd(DummyClassifier):
        def predict_proba(self, X):
            return np.full((len(X), 2), value)

    found = compared(*small, **SMALL, others={"odd": Odd()})
    assert "predict_proba gave numbers from" in found.errors[0]["error"]
    assert np.isfinite(found.mean("focal", "log_loss"))


def test_names_that_are_not_there(rare):
    found = compared(*rare, losses=["focal"])
    with pytest.raises(ValueError, match="candidate is 'fokal'"):
        found.difference("fokal", "log_loss")
    with pytest.raises(ValueError, match="metric is 'auc'"):
        found.values("focal", "auc")
    with pytest.raises(ValueError, match="library is 'catboost'"):
        found.mean("focal", "log_loss", "catboost")
