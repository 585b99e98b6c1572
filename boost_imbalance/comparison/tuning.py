"""An Optuna study for each candidate: its loss's own parameters and those of the trees, with the same budget for all."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.comparison import metrics
from boost_imbalance.comparison.candidates import Candidate
from boost_imbalance.comparison.fitting import Library, predict, train
from boost_imbalance.comparison.problem import Problem

Array = npt.NDArray[Any]

INNER_FOLDS = 3
_STARTUP_TRIALS = 5


def tuned(
    library: Library,
    candidate: Candidate,
    problem: Problem,
    rows: Array,
    params: dict[str, Any],
    trials: int,
    metric: str,
    seed: int,
    told: Callable[[int, int], None] = lambda number, total: None,
) -> dict[str, Any]:
    """The best parameters for some rows, by cross-validation among them.

    A trial is given up after an inner fold by which it is worse than the median of the trials before. The first trial is the
    configuration that is used without tuning. What a user has set to other than the usual values stays as it is, and so
    does a parameter of a loss that is outside of what is tried. ``told`` hears which trial begins, and of how many.
    """
    import optuna

    larger = metrics.METRICS[metric].larger_is_better
    folds = list(problem.inner(rows, INNER_FOLDS, seed))
    if candidate.loss is not None:
        given = candidate.loss.parameters
        space = {name: suggest for name, suggest in (candidate.space or {}).items() if _allows(suggest, given[name])}
        candidate = replace(candidate, space=space)
    fixed = {name: value for name, value in params.items() if library.defaults.get(name) != value}

    def objective(trial: Any) -> float:
        told(trial.number + 1, trials)
        scores: list[float] = []
        settings = {**params, **_suggested(trial, library, candidate), **fixed}
        trial.set_user_attr("settings", settings)
        for step, (fit, score) in enumerate(folds):
            part = problem.part(score)
            trained = train(library, candidate, problem, problem.part(fit), part, settings, seed)
            found = predict(trained, candidate, problem.task, part.X)
            scores.append(metrics.of_probabilities(problem.task, part.label, found.probability, 0.5)[metric])
            if not np.isfinite(scores[-1]):  # a part without the positive class
                scores.pop()
                continue
            trial.report(float(np.mean(scores)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # what fails is raised
    try:
        study = optuna.create_study(
            direction="maximize" if larger else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS),
        )
        study.enqueue_trial(_usual(library, candidate))
        study.optimize(objective, n_trials=trials)
    finally:
        optuna.logging.set_verbosity(before)
    return dict(study.best_trial.user_attrs["settings"])


def _allows(suggest: Any, value: Any) -> bool:
    from optuna.trial import FixedTrial

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            suggest(FixedTrial({"value": value}), "value")
        except (TypeError, ValueError, UserWarning):
            return False
    return True


def _suggested(trial: Any, library: Library, candidate: Candidate) -> dict[str, Any]:
    found = {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.5, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
    }
    if library.name == "xgboost":
        found["max_depth"] = trial.suggest_int("max_depth", 2, 8)
        found["min_child_weight"] = trial.suggest_float("min_child_weight", 1e-2, 30.0, log=True)
    else:
        found["num_leaves"] = trial.suggest_int("num_leaves", 4, 128, log=True)
        found["min_child_samples"] = trial.suggest_int("min_child_samples", 2, 100, log=True)
        found["subsample_freq"] = 1
    for name, suggest in (candidate.space or {}).items():
        found[f"loss__{name}"] = suggest(trial, f"loss__{name}")
    return found


def _usual(library: Library, candidate: Candidate) -> dict[str, Any]:
    usual = {"learning_rate": library.defaults["learning_rate"], "subsample": 1.0, "colsample_bytree": 1.0}
    if library.name == "xgboost":
        usual |= {"reg_lambda": 1.0, "max_depth": library.defaults["max_depth"], "min_child_weight": 1.0}
    else:
        usual |= {"reg_lambda": 1e-3, "num_leaves": library.defaults["num_leaves"], "min_child_samples": 20}
    if candidate.loss is not None:
        usual |= {f"loss__{name}": candidate.loss.parameters[name] for name in candidate.space or {}}
    return usual
