"""One candidate on one fold: training with early stopping, probabilities, decisions."""

from __future__ import annotations

import importlib
import inspect
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import _safe_indexing
from sklearn.utils.class_weight import compute_sample_weight

from boost_imbalance.comparison.candidates import Candidate, built_in
from boost_imbalance.comparison.problem import Part, Problem
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

ROUNDS, PATIENCE = 1000, 30

_ENOUGH = 0.05
"""Seconds of predictions that are timed."""


class Library(NamedTuple):
    """XGBoost or LightGBM, with a configuration in which rare classes do not make training diverge."""

    name: str
    title: str
    built_in: str
    classifier: str
    defaults: dict[str, Any]
    rounds: str
    """Name of the attribute in which a fitted model keeps its best round."""
    file: str
    """Usual name of a model file."""

    def classifier_of(self, own: bool) -> Any:
        """The library's class of classifiers, or for ``own`` that of this package."""
        return getattr(
            importlib.import_module("boost_imbalance" if own else self.name), self.classifier if own else self.built_in
        )

    def make(self, loss: Any, params: dict[str, Any]) -> Any:
        """A classifier with a loss of this package, or without one the library's."""
        return self.classifier_of(loss is not None)(**({} if loss is None else {"loss": loss.replace()}), **params)


LIBRARIES = {
    library.name: library
    for library in (
        Library(
            "xgboost",
            "XGBoost",
            "XGBClassifier",
            "ImbalancedXGBClassifier",
            {"learning_rate": 0.1, "max_depth": 4},
            "best_iteration",
            "model.json",
        ),
        Library(
            "lightgbm",
            "LightGBM",
            "LGBMClassifier",
            "ImbalancedLGBMClassifier",
            # LightGBM would leave out features that are rare in a small set, which matters more there than any loss.
            {"learning_rate": 0.05, "num_leaves": 15, "feature_pre_filter": False, "verbosity": -1},
            "best_iteration_",
            "model.txt",
        ),
    )
}


class Trained(NamedTuple):
    """A fitted model, its number of rounds and the seconds of its training."""

    model: Any
    rounds: int
    seconds: float


class Predicted(NamedTuple):
    """Calibrated probabilities of rows, (n,), (n, classes) or (n, labels), and the codes of the candidate's rule."""

    probability: Array
    decided: Array


def loss_of(candidate: Candidate, task: Task) -> Any:
    """The loss to train; for several labels, which LightGBM does not know, our cross-entropy stands for the built-in."""
    if candidate.loss is None and task is Task.MULTILABEL:
        return built_in()
    return candidate.loss


def train(
    library: Library, candidate: Candidate, problem: Problem, fit: Part, stop: Part, params: dict[str, Any], seed: int
) -> Trained:
    """Fit on one part, and stop by log loss on another."""
    begun = time.perf_counter()
    if candidate.train is not None:
        model, rounds = candidate.train(fit, stop, seed)
        return Trained(model, rounds, time.perf_counter() - begun)
    changes = {name.removeprefix("loss__"): value for name, value in params.items() if name.startswith("loss__")}
    params = {name: value for name, value in params.items() if not name.startswith("loss__")}
    loss = loss_of(candidate, problem.task)
    if changes:
        loss = loss.replace(**changes)
    weight, stop_weight = None, None
    if candidate.balance == "weights":
        weight = compute_sample_weight("balanced", fit.label)
    elif candidate.balance is not None:
        fit = _resampled(fit, candidate.balance, seed)
    if candidate.balance is not None:  # by the loss that it minimises
        stop_weight = compute_sample_weight("balanced", stop.label)
    params = {"n_estimators": ROUNDS, **params, **candidate.params}
    options: dict[str, Any] = {} if weight is None else {"sample_weight": weight}
    if library.name == "xgboost":
        params |= {"early_stopping_rounds": PATIENCE}
        model = library.make(loss, params)
        options |= {"eval_set": [(stop.X, stop.label)], "verbose": False}
        options |= {} if stop_weight is None else {"sample_weight_eval_set": [stop_weight]}
    else:
        import lightgbm

        model = library.make(loss, params)
        later = "eval_X" in inspect.signature(model.fit).parameters
        options |= {"eval_X": stop.X, "eval_y": stop.label} if later else {"eval_set": [(stop.X, stop.label)]}
        options |= {} if stop_weight is None else {"eval_sample_weight": [stop_weight]}
        options["callbacks"] = [lightgbm.early_stopping(PATIENCE, verbose=False)]
    with warnings.catch_warnings():
        # Of the library alone, about its own ways; ours are raised as errors or kept.
        warnings.filterwarnings("ignore", category=UserWarning, module=library.name)
        warnings.filterwarnings("default", message=r"[\s\S]*are not used")  # a parameter that does not exist
        model.fit(fit.X, fit.label, **options)
    seconds = time.perf_counter() - begun
    best = int(getattr(model, library.rounds))
    # LightGBM knows of no best round where it does not stop early, which DART does not allow.
    rounds = best + 1 if library.name == "xgboost" else best or model.booster_.current_iteration()
    return Trained(model, rounds, seconds)


def compile_loss(
    library: Library, candidate: Candidate, problem: Problem, fit: Part, stop: Part, params: dict[str, Any]
) -> None:
    """Train one round, so that the first training that is timed finds its loss compiled."""
    if loss_of(candidate, problem.task) is not None:
        train(library, candidate, problem, fit, stop, {**params, "n_estimators": 1}, 0)


def predict(trained: Trained, candidate: Candidate, task: Task, X: Any) -> Predicted:
    """Probabilities, and decisions as the loss makes them by itself: the largest raw score."""
    model = trained.model
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        p = _array(model.predict_proba(X))
        if not (p.min() >= 0.0 and p.max() <= 1.0):
            raise ValueError(f"predict_proba gave numbers from {p.min()} to {p.max()}; probabilities are between 0 and 1.")
        link = p if candidate.loss is None else _array(model.predict_proba(X, calibrated=False))
    if task is Task.BINARY:
        return Predicted(p[:, 1], (link[:, 1] > 0.5).astype(np.int64))
    return Predicted(p, (link > 0.5).astype(np.int64) if task is Task.MULTILABEL else link.argmax(axis=1))


def importance(trained: Trained, library: Library, candidate: Candidate) -> list[float] | None:
    """Each feature's share of what the splits gain; None of a model that is not the library's."""
    if candidate.train is not None:
        return None
    if library.name == "xgboost":
        found = np.asarray(trained.model.feature_importances_, dtype=np.float64)
    else:
        found = np.asarray(trained.model.booster_.feature_importance("gain"), dtype=np.float64)
    return [round(float(share), 5) for share in found / (found.sum() or 1.0)]


def seconds_to_predict(trained: Trained, X: Any) -> float:
    """Of a short prediction the least of several, since the first one warms up."""
    seconds, begun = np.inf, time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        while time.perf_counter() - begun < _ENOUGH:
            start = time.perf_counter()
            trained.model.predict_proba(X)
            seconds = min(seconds, time.perf_counter() - start)
    return seconds


def _array(probability: Any) -> Array:
    """Probabilities as an array; for several labels scikit-learn's classifiers give a list, with both classes of each."""
    if isinstance(probability, list):
        return np.stack([np.asarray(one, dtype=np.float64)[:, 1] for one in probability], axis=1)
    return np.asarray(probability, dtype=np.float64)


def _resampled(part: Part, how: str, seed: int) -> Part:
    """A part with rows drawn at random until all classes have equally many."""
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    sampler = (RandomOverSampler if how == "over" else RandomUnderSampler)(random_state=seed)
    rows, _ = sampler.fit_resample(np.arange(len(part.label)).reshape(-1, 1), part.label)
    kept = rows[:, 0]
    return Part(_safe_indexing(part.X, kept), part.label[kept])
