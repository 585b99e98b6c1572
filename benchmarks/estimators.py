"""The classifiers with each loss beside the library's own classifier, on real data: probabilities, ranking, decisions.

python benchmarks/estimators.py --output estimators.json    # all of it, about 45 minutes on one core
python benchmarks/estimators.py --table estimators.json --csv benchmarks/results/classifiers.csv

A loss is compared with the built-in objective of the same library, configuration, set, seed and fold. "Early stopping" keeps
a fifth of the training rows to stop on, by log loss: the library's own, or the classifier's default. LightGBM's classifier
knows no multi-label task, so there one built-in classifier is trained, and stopped, for each label.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import sys
import time
from typing import NamedTuple

import lightgbm as lgb
import numpy as np
import results
import xgboost as xgb
from curvature import FOLDS, ROUNDS
from datasets import Dataset, keel, load
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

import boost_imbalance as bi


class Size(NamedTuple):
    """What a task can afford."""

    rows: int
    seeds: int
    params: dict


TASKS = {
    "binary": Size(8_000, 2, {}),
    "multiclass": Size(3_000, 2, {}),
    "multilabel": Size(1_600, 1, {"max_bin": 63}),  # hundreds of features for each of many labels
    "keel": Size(8_000, 2, {}),
}
MOST_ROUNDS, PATIENCE = 300, 20
EVERY_FEATURE = {"feature_pre_filter": False}
"""LightGBM would leave out features that are rare in a small set, which matters more there than any loss."""
CONFIGURATIONS = {
    ("xgboost", "defaults"): {},
    ("xgboost", "early stopping"): {"learning_rate": 0.1, "max_depth": 4, "early_stopping_rounds": PATIENCE},
    ("lightgbm", "defaults"): EVERY_FEATURE,
    ("lightgbm", "early stopping"): {"learning_rate": 0.05, "num_leaves": 15, **EVERY_FEATURE},
}
LOSSES = {
    "cross-entropy": lambda: bi.weighted_objective(weights=None, hessian="exact"),
    "focal 1": lambda: bi.focal_objective(gamma=1.0),
    "focal 2": lambda: bi.focal_objective(gamma=2.0),
    "focal 2, expected": lambda: bi.focal_objective(gamma=2.0, hessian="expected"),
    "asymmetric 0, 4, margin 0.05": bi.asymmetric_objective,
    "asymmetric 0, 4": lambda: bi.asymmetric_objective(0.0, 4.0, 0.0),
    "asymmetric 0, 2": lambda: bi.asymmetric_objective(0.0, 2.0, 0.0),
    "class-balanced": bi.class_balanced_objective,
    "balanced": bi.weighted_objective,
    "balanced, expected": lambda: bi.weighted_objective(hessian="expected"),
    "logit-adjusted": bi.logit_adjusted_objective,
    "adaptive": bi.adaptive_objective,
}
SMALLEST = 1e-6
"""Below this a probability counts as this, for all losses alike: one with a margin says 0, and may be wrong."""
METRICS = {
    "logloss": "calibrated log loss",
    "ap": "average precision",
    "link": "log loss, not calibrated",
    "brier": "Brier score",
    "balanced": "balanced accuracy, balanced",
    "f1": "F1, posterior",
    "f1_tuned": "F1, f1",
}
SMALLER_IS_BETTER = ("logloss", "link", "brier")


def sets(task: str, rows: int) -> list[Dataset]:
    return keel(rows) if task == "keel" else load(task, rows)


class Fold:
    """Rows to fit on, to stop on and to test on, and how each library is told."""

    def __init__(self, data: Dataset, train: np.ndarray, test: np.ndarray, stops: bool, seed: int) -> None:
        self.task, self.stops = data.task, stops
        self.X_test, self.y_test = data.X[test], data.y[test]
        if stops:
            strata = None if data.task == "multilabel" else data.y[train]
            train, valid = train_test_split(train, test_size=0.2, random_state=seed, stratify=strata)
            self.X_valid, self.y_valid = data.X[valid], data.y[valid]
        self.X, self.y = data.X[train], data.y[train]
        self.rounds = MOST_ROUNDS if stops else ROUNDS[data.task]

    def options(self, library: str, column: int | None = None) -> dict:
        """Arguments of fit."""
        if not self.stops:
            return {"verbose": False} if library == "xgboost" else {}
        y = self.y_valid if column is None else self.y_valid[:, column]
        if library == "xgboost":
            return {"verbose": False, "eval_set": [(self.X_valid, y)]}
        return {"eval_X": self.X_valid, "eval_y": y, "callbacks": [lgb.early_stopping(PATIENCE, verbose=False)]}

    @property
    def truth(self) -> np.ndarray:
        """Of each row and class or label, whether it holds; a binary task has one column."""
        if self.task == "multiclass":
            return np.eye(int(self.y.max()) + 1)[self.y_test]
        return self.y_test.reshape(len(self.y_test), -1)


def made(library: str, fold: Fold, params: dict, loss: object = None, **own: object) -> object:
    """A classifier: ours, or without a loss the library's."""
    params = {**params, "n_estimators": fold.rounds, "n_jobs": 1}
    if library == "lightgbm":
        params["verbosity"] = -1
    if loss is None:
        return (xgb.XGBClassifier if library == "xgboost" else lgb.LGBMClassifier)(**params)
    return (bi.ImbalancedXGBClassifier if library == "xgboost" else bi.ImbalancedLGBMClassifier)(loss=loss, **params, **own)


def columns(probability: np.ndarray, task: str) -> np.ndarray:
    return probability.astype(np.float64)[:, 1:] if task == "binary" else probability.astype(np.float64)


def built_in(library: str, fold: Fold, params: dict) -> dict:
    """The library's own objective, and the decisions that its probabilities lead to."""
    margin_name = "output_margin" if library == "xgboost" else "raw_score"
    if fold.task == "multilabel" and library == "lightgbm":
        models = [
            made(library, fold, params).fit(fold.X, fold.y[:, k], **fold.options(library, k)) for k in range(fold.y.shape[1])
        ]
        p = np.stack([model.predict_proba(fold.X_test)[:, 1] for model in models], axis=1)
        margin = np.stack([model.predict(fold.X_test, raw_score=True) for model in models], axis=1)
    else:
        model = made(library, fold, params).fit(fold.X, fold.y, **fold.options(library))
        p = columns(model.predict_proba(fold.X_test), fold.task)
        margin = model.predict(fold.X_test, **{margin_name: True})
    if fold.task == "multiclass":
        prior = np.bincount(fold.y, minlength=p.shape[1]) / len(fold.y)
        decided = {"f1": p.argmax(axis=1), "balanced": (p / prior).argmax(axis=1)}
    else:
        decided = {"f1": p > 0.5, "balanced": p > fold.y.reshape(len(fold.y), -1).mean(axis=0)}
    return measured(fold, p, p, margin, decided)


def ours(library: str, fold: Fold, params: dict, loss: object, tune: bool) -> dict:
    """A loss in our classifier, with each rule of decision."""
    refits = tune and not fold.stops
    model = made(library, fold, params, loss, decision="f1" if refits else "posterior", decision_cv=FOLDS)
    model.fit(fold.X, fold.y, **fold.options(library))
    decided = {}
    if tune:
        model.set_params(decision="f1")
        decided["f1_tuned"] = (model if refits else model.tune_decision(fold.X_valid, fold.y_valid)).predict(fold.X_test)
    decided["f1"] = model.set_params(decision="posterior").predict(fold.X_test)
    decided["balanced"] = model.set_params(decision="balanced").predict(fold.X_test)
    p = columns(model.predict_proba(fold.X_test), fold.task)
    link = columns(model.predict_proba(fold.X_test, calibrated=False), fold.task)
    found = measured(fold, p, link, model.decision_function(fold.X_test), decided)
    if fold.stops:
        found["rounds"] = int(model.best_iteration) + 1 if library == "xgboost" else int(model.best_iteration_)
    return found


def measured(fold: Fold, p: np.ndarray, link: np.ndarray, margin: np.ndarray, decided: dict) -> dict:
    truth = fold.truth
    # A softmax's ranking of the rows for one class takes all margins; a sigmoid's is that of its margin.
    score = p if fold.task == "multiclass" else margin.reshape(truth.shape)
    usable = [k for k in range(truth.shape[1]) if 0 < truth[:, k].sum() < len(truth)]
    of_truth = of_what_is_true(fold, p)
    found = {
        "logloss": -np.log(np.maximum(of_truth, SMALLEST)).mean(),
        "logloss_15": -np.log(np.maximum(of_truth, 1e-15)).mean(),
        "infinite": (of_truth <= 0.0).mean(),
        "link": -np.log(np.maximum(of_what_is_true(fold, link), SMALLEST)).mean(),
        "brier": ((p - truth) ** 2).sum() / (len(truth) if fold.task == "multiclass" else truth.size),
        "ap": np.mean([average_precision_score(truth[:, k], score[:, k]) for k in usable]),
        "balanced": balanced_accuracy(fold, decided["balanced"], usable),
    }
    for name in ("f1", "f1_tuned"):
        if name in decided:
            found[name] = f1(fold, decided[name], usable)
    return {name: float(value) for name, value in found.items()}


def of_what_is_true(fold: Fold, p: np.ndarray) -> np.ndarray:
    if fold.task == "multiclass":
        return p[np.arange(len(p)), fold.y_test]
    return np.where(fold.truth == 1, p, 1.0 - p)


def balanced_accuracy(fold: Fold, decided: np.ndarray, usable: list[int]) -> float:
    if fold.task == "multiclass":
        return float(np.mean([(decided[fold.y_test == k] == k).mean() for k in usable]))
    truth, decided = fold.truth == 1, decided.reshape(fold.truth.shape) == 1
    return float(np.mean([(decided[truth[:, k], k].mean() + (~decided[~truth[:, k], k]).mean()) / 2 for k in usable]))


def f1(fold: Fold, decided: np.ndarray, usable: list[int]) -> float:
    if fold.task == "multiclass":
        return float(f1_score(fold.y_test, decided, labels=usable, average="macro", zero_division=0))
    decided = decided.reshape(fold.truth.shape)
    return float(np.mean([f1_score(fold.truth[:, k], decided[:, k], zero_division=0) for k in usable]))


def run(options: argparse.Namespace) -> None:
    records = []
    for task in options.task:
        rows, seeds, shared = TASKS[task]
        for data in sets(task, min(options.rows or rows, rows)):
            if options.only and not any(name in data.name for name in options.only):
                continue
            for (library, configuration), params in CONFIGURATIONS.items():
                if library not in options.library:
                    continue
                begun = time.perf_counter()
                params = {**shared, **params}
                for seed in range(options.seeds or seeds):
                    splitter = KFold if data.task == "multilabel" else StratifiedKFold
                    splits = splitter(FOLDS, shuffle=True, random_state=seed).split(data.X, data.y)
                    for number, (train, test) in enumerate(splits):
                        fold = Fold(data, train, test, configuration == "early stopping", seed)
                        common = {"data": data.name, "task": task, "library": library, "config": configuration}
                        common |= {"seed": seed, "fold": number}
                        records.append({**common, "loss": "built-in", **built_in(library, fold, params)})
                        tune = fold.stops or (seed == 0 and task in options.tune)
                        for name, make in LOSSES.items():
                            started = time.perf_counter()
                            found = ours(library, fold, params, make(), tune)
                            found["seconds"] = time.perf_counter() - started
                            records.append({**common, "loss": name, **found})
                taken = time.perf_counter() - begun
                print(f"{task} {data.name}, {library}, {configuration}: {taken:.0f} s", file=sys.stderr, flush=True)
            pathlib.Path(options.output).write_text(json.dumps(records))


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean and half a 95 % interval; NaN where there are too few."""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return (float(values[0]) if len(values) else np.nan), np.nan
    return float(values.mean()), float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


class Comparison:
    """Differences to the built-in objective, a mean over seeds and folds for each set."""

    def __init__(self, records: list[dict], task: str) -> None:
        self.records = [r for r in records if r["task"] == task]
        self.sets = list(dict.fromkeys(r["data"] for r in self.records))
        self.losses = [name for name in dict.fromkeys(r["loss"] for r in self.records) if name != "built-in"]
        self.keys = list(dict.fromkeys((r["library"], r["config"]) for r in self.records))

    def mean(self, loss: str, metric: str, key: tuple[str, str]) -> np.ndarray:
        """One number for each set; NaN where it was not measured."""
        chosen = [r for r in self.records if r["loss"] == loss and (r["library"], r["config"]) == key and metric in r]
        values = [[r[metric] for r in chosen if r["data"] == name] for name in self.sets]
        return np.array([np.mean(v) if v else np.nan for v in values])

    def base(self, metric: str, key: tuple[str, str]) -> np.ndarray:
        """The built-in objective; its thresholds are not tuned, and those of plain cross-entropy, which equals it, are."""
        return self.mean("cross-entropy" if metric == "f1_tuned" else "built-in", metric, key)

    def difference(self, loss: str, metric: str, keys: list[tuple[str, str]]) -> tuple[float, float]:
        """Mean over sets and half a 95 % interval; of several configurations, their mean for each set."""
        each = np.array([self.mean(loss, metric, key) - self.base(metric, key) for key in keys])
        return interval(each[np.isfinite(each).any(axis=1)].mean(axis=0))

    def change(self, loss: str, before: str, after: str, key: tuple[str, str]) -> tuple[float, float]:
        """From one metric to another, where both were taken."""
        chosen = [r for r in self.records if r["loss"] == loss and (r["library"], r["config"]) == key and after in r]
        gains = [[r[after] - r[before] for r in chosen if r["data"] == name] for name in self.sets]
        return interval(np.array([np.mean(g) if g else np.nan for g in gains]))

    def row(self, loss: str, metric: str, keys: list[tuple[str, str]]) -> dict:
        """Of the file: the built-in objective's own value, or a difference to it."""
        if loss == "built-in":
            return {"mean": f"{np.nanmean([self.base(metric, key) for key in keys]):.4f}"}
        mean, half = self.difference(loss, metric, keys)
        return {"mean": "", **results.difference(mean, half, abs(mean) > half and abs(mean) >= 0.00005)}

    def verdict(self, loss: str) -> str:
        """In how many of the configurations log loss or average precision is better, or worse, beyond the interval."""
        better = worse = 0
        for metric, key in itertools.product(("logloss", "ap"), self.keys):
            mean, half = self.difference(loss, metric, [key])
            if abs(mean) > half and abs(mean) >= 0.00005:
                good = (mean < 0) == (metric in SMALLER_IS_BETTER)
                better, worse = better + good, worse + (not good)
        return f"{better} / {worse}"


def table(paths: list[str]) -> list[dict]:
    """Mean over data sets of the difference to the built-in objective, with a 95 % interval over data sets."""
    records = [record for path in paths for record in json.loads(pathlib.Path(path).read_text())]
    rows: list[dict] = []
    for task in dict.fromkeys(r["task"] for r in records):
        compared = Comparison(records, task)
        seeds = 1 + max(r["seed"] for r in compared.records)
        common = {"task": task, "sets": len(compared.sets), "folds": FOLDS, "seeds": seeds}
        of_all = {**common, "library": "both", "configuration": "all four"}
        losses = ["built-in", *compared.losses]
        for metric, loss, key in itertools.product(("logloss", "ap"), losses, compared.keys):
            row = {**common, "library": key[0], "configuration": key[1], "loss": loss, "metric": METRICS[metric]}
            rows.append(row | compared.row(loss, metric, [key]))
        for metric, loss in itertools.product(METRICS, losses):
            rows.append({**of_all, "loss": loss, "metric": METRICS[metric], **compared.row(loss, metric, compared.keys)})
        rows += [
            {**of_all, "loss": loss, "metric": "better / worse of 8", "mean": compared.verdict(loss)}
            for loss in compared.losses
        ]
        for key in compared.keys:
            gain, half = compared.change("cross-entropy", "f1", "f1_tuned", key)
            if np.isfinite(gain):
                row = {**common, "library": key[0], "configuration": key[1], "loss": "cross-entropy"}
                rows.append({**row, "metric": "F1, f1 instead of posterior", "mean": "", **results.difference(gain, half)})
        infinite = sum(record["infinite"] > 0 for record in compared.records)
        row = {**of_all, "loss": "all", "metric": "models that gave 0 for something true"}
        rows.append({**row, "mean": f"{infinite} of {len(compared.records)}"})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--library", nargs="+", choices=("xgboost", "lightgbm"), default=["xgboost", "lightgbm"])
    parser.add_argument("--rows", type=int, help="cut sets to fewer rows than usual")
    parser.add_argument("--seeds", type=int, help="instead of 2, for multi-label 1")
    parser.add_argument("--only", nargs="+", help="only sets whose name contains one of these")
    parser.add_argument("--tune", nargs="*", choices=TASKS, default=["binary"], help="refit for F1 at the defaults, too")
    parser.add_argument("--output", default="estimators.json")
    parser.add_argument("--table", nargs="+", help="the tables of earlier runs")
    parser.add_argument("--csv", type=pathlib.Path, help="where to write them")
    options = parser.parse_args()
    if not options.table:
        run(options)
    results.show(table(options.table or [options.output]), options.csv)


if __name__ == "__main__":
    main()
