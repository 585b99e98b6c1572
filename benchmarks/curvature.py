"""Which Hessian, and which scale, should a loss hand to a booster? Paired with the built-in objective on real data.

python benchmarks/curvature.py --task binary --output binary.json
python benchmarks/curvature.py --table binary.json multiclass.json --csv benchmarks/results/curvature.csv
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import time
import warnings

import lightgbm as lgb
import numpy as np
import results
import xgboost as xgb
from datasets import Dataset, load
from scipy.special import expit, softmax
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import KFold, StratifiedKFold

import boost_imbalance as bi

FOLDS = 3
HESSIANS = ("expected", "positive_terms", "reweighted", "absolute", "exact")
CONFIGURATIONS = {
    ("xgboost", "defaults"): {"eta": 0.3, "max_depth": 6},
    ("xgboost", "stable"): {"eta": 0.1, "max_depth": 4, "lambda": 5.0, "subsample": 0.8, "seed": 0},
    ("lightgbm", "defaults"): {"learning_rate": 0.1, "num_leaves": 31},
    ("lightgbm", "stable"): {
        "learning_rate": 0.05, "num_leaves": 15, "lambda_l2": 5.0, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": 0,
    },
}  # fmt: skip
BINARY_ONLY = (
    "focal 4, expected",
    "focal 4, expected, scale='start'",
    "logit-adjusted",
)
METRICS = {"ap": "average precision", "logloss": "calibrated log loss", "ber": "balanced error"}
ROUNDS = {"binary": 100, "multiclass": 40, "multilabel": 40}


def losses(task: str) -> dict:
    """Each entry makes a fresh objective."""
    made = {"cross-entropy": lambda: bi.focal_objective(gamma=0.0, hessian="exact", n_threads=1)}
    for hessian in HESSIANS:
        made[f"focal 2, {hessian}"] = lambda h=hessian: bi.focal_objective(gamma=2.0, hessian=h, n_threads=1)
    for hessian in HESSIANS[:2]:
        made[f"focal 2, {hessian}, scale='start'"] = lambda h=hessian: bi.focal_objective(
            gamma=2.0, hessian=h, scale="start", n_threads=1
        )
        made[f"focal 4, {hessian}"] = lambda h=hessian: bi.focal_objective(gamma=4.0, hessian=h, n_threads=1)
        made[f"asymmetric, {hessian}"] = lambda h=hessian: bi.asymmetric_objective(hessian=h, n_threads=1)
    if task != "multilabel":
        made["focal 4, expected, scale='start'"] = lambda: bi.focal_objective(
            gamma=4.0, hessian="expected", scale="start", n_threads=1
        )
        made["logit-adjusted"] = lambda: bi.logit_adjusted_objective(n_threads=1)
    return made


def margins(library: str, data: Dataset, train: np.ndarray, test: np.ndarray, params: dict, objective) -> np.ndarray:
    X, y = data.X[train], data.y[train]
    classes = int(data.y.max()) + 1 if data.task == "multiclass" else None
    if library == "xgboost":
        start = objective.xgboost_params(y, n_classes=classes)
        booster = xgb.train({**params, **start, "nthread": 1}, xgb.DMatrix(X, y), ROUNDS[data.task], obj=objective)
        return booster.predict(xgb.DMatrix(data.X[test]), output_margin=True)
    params = {**params, **objective.lightgbm_params(y, n_classes=classes), "num_threads": 1, "verbosity": -1}
    start = objective.lightgbm_start(X, y, n_classes=classes)
    booster = lgb.train(params, lgb.Dataset(X, y), ROUNDS[data.task], init_model=start)
    return booster.predict(data.X[test], raw_score=True)


def built_in(library: str, data: Dataset, train: np.ndarray, test: np.ndarray, params: dict) -> np.ndarray:
    X, y = data.X[train], data.y[train]
    classes = int(data.y.max()) + 1
    if library == "xgboost":
        kind = (
            {"objective": "multi:softprob", "num_class": classes}
            if data.task == "multiclass"
            else {"objective": "binary:logistic"}
        )
        booster = xgb.train({**params, **kind, "nthread": 1}, xgb.DMatrix(X, y), ROUNDS[data.task])
        return booster.predict(xgb.DMatrix(data.X[test]), output_margin=True)
    kind = {"objective": "multiclass", "num_class": classes} if data.task == "multiclass" else {"objective": "binary"}
    booster = lgb.train({**params, **kind, "num_threads": 1, "verbosity": -1}, lgb.Dataset(X, y), ROUNDS[data.task])
    return booster.predict(data.X[test], raw_score=True)


def scores(data: Dataset, train: np.ndarray, test: np.ndarray, margin: np.ndarray, probability: np.ndarray) -> dict:
    """Average precision, log loss of the calibrated probability, and balanced error of the decision that minimises it."""
    y, prior = data.y[test], None
    p = np.clip(np.nan_to_num(probability.astype(np.float64), nan=0.5), 1e-9, 1.0 - 1e-9)
    if data.task == "multiclass":
        classes = int(data.y.max()) + 1
        prior = np.bincount(data.y[train], minlength=classes) / len(train)
        truth = np.eye(classes)[y]
        present = truth.any(axis=0)
        decided = (p / np.maximum(prior, 1e-9)).argmax(axis=1)
        wrong = 1.0 - np.mean([(decided[y == k] == k).mean() for k in np.flatnonzero(present)])
        precision = np.mean([average_precision_score(truth[:, k], p[:, k]) for k in np.flatnonzero(present)])
        return {
            "ap": precision,
            "logloss": log_loss(y, p / p.sum(1, keepdims=True), labels=np.arange(classes)),
            "ber": wrong,
        }
    y, p = y.reshape(len(y), -1), p.reshape(len(y), -1)
    score = np.nan_to_num(margin.reshape(p.shape))
    prior = data.y[train].reshape(len(train), -1).mean(axis=0)
    usable = [k for k in range(y.shape[1]) if 0 < y[:, k].sum() < len(y)]
    return {
        "ap": np.mean([average_precision_score(y[:, k], score[:, k]) for k in usable]),
        "logloss": np.mean([log_loss(y[:, k], p[:, k], labels=[0, 1]) for k in usable]),
        "ber": np.mean([
            0.5 * ((p[y[:, k] == 1, k] <= prior[k]).mean() + (p[y[:, k] == 0, k] > prior[k]).mean()) for k in usable
        ]),
    }  # fmt: skip


def run(task: str, output: str, only: str | None) -> None:
    records = []
    for data in load(task, 8_000 if task == "binary" else 2_500):
        splitter = KFold if task == "multilabel" else StratifiedKFold
        folds = list(splitter(FOLDS, shuffle=True, random_state=0).split(data.X, data.y))
        begun = time.perf_counter()
        for (library, configuration), params in CONFIGURATIONS.items():
            if task == "multilabel" and library == "lightgbm":
                continue  # LightGBM has no multi-label labels of its own
            for fold, (train, test) in enumerate(folds):
                common = {"data": data.name, "task": task, "library": library, "config": configuration, "fold": fold}
                margin = built_in(library, data, train, test, params)
                link = (
                    softmax(margin.astype(np.float64), axis=1) if task == "multiclass" else expit(margin.astype(np.float64))
                )
                records.append({**common, "loss": "built-in", **scores(data, train, test, margin, link)})
                for name, make in losses(task).items():
                    if (only and only not in name) or (task != "binary" and name in BINARY_ONLY):
                        continue
                    objective = make()
                    try:
                        margin = margins(library, data, train, test, params, objective)
                        probability = objective.probability(margin)
                    except ValueError as error:  # a training that diverged
                        warnings.warn(f"{common} {name}: {error}", stacklevel=1)
                        margin = np.zeros((len(test), *link.shape[1:]))
                        probability = np.full_like(margin, 1.0 / margin.shape[1] if task == "multiclass" else 0.5)
                    records.append({**common, "loss": name, **scores(data, train, test, margin, probability)})
        print(f"{data.name}: {time.perf_counter() - begun:.0f} s", flush=True)
        with open(output, "w") as file:
            json.dump(records, file)


def table(paths: list[str]) -> list[dict]:
    """Mean over data sets of the difference to the built-in objective, with a 95 % interval over data sets."""
    rows: list[dict] = []
    records = [record for path in paths for record in json.loads(pathlib.Path(path).read_text())]
    for task in dict.fromkeys(r["task"] for r in records):
        for key in dict.fromkeys((r["library"], r["config"]) for r in records if r["task"] == task):
            chosen = [r for r in records if r["task"] == task and (r["library"], r["config"]) == key]
            names = dict.fromkeys(r["loss"] for r in chosen)
            sets = list(dict.fromkeys(r["data"] for r in chosen))

            def mean(loss: str, metric: str, chosen=chosen, sets=sets) -> np.ndarray:
                return np.array([
                    np.mean([r[metric] for r in chosen if r["loss"] == loss and r["data"] == name]) for name in sets
                ])  # fmt: skip

            common = {"task": task, "library": key[0], "configuration": key[1], "sets": len(sets), "folds": FOLDS}
            for name, (metric, title) in itertools.product(names, METRICS.items()):
                row = {**common, "loss": name, "metric": title, "mean": ""}
                if name == "built-in":
                    rows.append({**row, "mean": f"{mean(name, metric).mean():.4f}"})
                    continue
                gains = mean(name, metric) - mean("built-in", metric)
                half = student.ppf(0.975, len(sets) - 1) * gains.std(ddof=1) / np.sqrt(len(sets))
                row |= results.difference(gains.mean(), half)
                if metric == "ap":
                    row |= {"better": (gains > 0.001).sum(), "worse": (gains < -0.001).sum()}
                rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("binary", "multiclass", "multilabel"))
    parser.add_argument("--output", default="curvature.json")
    parser.add_argument("--only", help="only losses whose name contains this")
    parser.add_argument("--table", nargs="+", help="print the tables of earlier runs")
    parser.add_argument("--csv", type=pathlib.Path, help="where to write them")
    options = parser.parse_args()
    if not options.table:
        run(options.task, options.output, options.only)
    results.show(table(options.table or [options.output]), options.csv)


if __name__ == "__main__":
    main()
