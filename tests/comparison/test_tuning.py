"""Studies."""

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from sklearn import metrics as sk

from boost_imbalance.comparison import candidates, experiment, fitting
from boost_imbalance.comparison.problem import Problem
from boost_imbalance.comparison.tuning import tuned
from boost_imbalance.losses.labels import Task
from tests.comparison.common import SMALL, compared


@pytest.mark.slow
def test_every_study_has_the_same_budget_and_begins_with_the_usual_parameters(library, rare, monkeypatch):
    pytest.importorskip("optuna")
    seen = []

    def train(library, candidate, problem, fit, stop, params, seed):
        seen.append((candidate.name, len(fit.label), params))
        return fitting.train(library, candidate, problem, fit, stop, {**params, "n_estimators": 5}, seed)

    monkeypatch.setattr("boost_imbalance.comparison.tuning.train", train)
    found = compared(*rare, library=library, losses=["focal", "asymmetric"], tune=3)
    counts = {name: sum(one == name for one, *_ in seen) for name in ("built-in", "focal", "asymmetric")}
    assert set(counts.values()) == {3 * 3 * 3} | ({counts[found.recommended()]} if found.recommended() in counts else set())
    first = next(params for name, _, params in seen if name == "focal")
    usual = fitting.LIBRARIES[library].defaults
    assert {name: first[name] for name in usual} == usual
    assert first["loss__gamma"] == bi.focal_objective().parameters["gamma"]
    assert max(rows for _, rows, _ in seen) <= len(rare[1]) * 2 / 3
    chosen = [r["params"] for r in found.records if r["candidate"] == "focal"]
    assert all("loss__gamma" in params for params in chosen)
    assert found.tuned_on_all(found.recommended())


def test_a_study_leaves_what_the_user_has_set(small, capfd):
    pytest.importorskip("optuna")
    losses = {"weights": bi.weighted_objective(weights=[1, 3]), "gamma": bi.focal_objective(gamma=6.0)}
    found = compared(*small, **{**SMALL, "losses": losses, "params": {"n_estimators": 5, "max_depth": 12}}, tune=2)
    assert not found.errors
    for record in found.records:
        assert record["params"]["max_depth"] == 12
        assert not any(name.startswith("loss__") for name in record["params"])
    assert not capfd.readouterr().err
    y = (np.arange(240) % 60 == 0).astype(int)
    with pytest.raises(ValueError, match="tune needs 3 rows of each class"):
        compared(small[0], y, **SMALL, tune=2)


def test_a_study_on_all_rows_that_fails_loses_nothing(small, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.setattr(
        experiment, "tuned", lambda *arguments: {**arguments[4], **({} if len(arguments[3]) < 240 else 1 / 0)}
    )
    with pytest.warns(UserWarning, match="on all rows failed with ZeroDivisionError"):
        found = compared(*small, **SMALL, tune=1)
    assert found.complete
    assert found.code()


def test_a_study_finds_what_is_better(library, rare):
    """At 1 round the learning rate that was given is far too small, and a study is free to leave it."""
    pytest.importorskip("optuna")
    X, y = rare
    problem, lib = Problem.of(X, y), fitting.LIBRARIES[library]
    candidate = candidates.chosen(Task.BINARY, ["focal"], [])[-1]
    params = {**lib.defaults, "n_estimators": 20, "n_jobs": 1}
    best = tuned(lib, candidate, problem, np.arange(len(y)), params, 12, "log_loss", 0)
    scores = []
    for settings in (params, best):
        fit, stop = (problem.part(rows) for rows in problem.split(np.arange(len(y)), 0))
        trained = fitting.train(lib, candidate, problem, fit, stop, settings, 0)
        p = fitting.predict(trained, candidate, problem.task, stop.X).probability
        scores.append(sk.log_loss(stop.label, p))
    assert scores[1] < scores[0]
