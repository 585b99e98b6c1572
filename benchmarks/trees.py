"""How few trees give the same quality: Hessians and learning rates against the library's own objective, on real data.

python benchmarks/trees.py --output trees.jsonl                   # binary; about ten minutes on two cores
python benchmarks/trees.py --output trees.jsonl --task multiclass multilabel
python benchmarks/trees.py --table trees.jsonl

Every contestant stops early, by log loss on a fifth of the training rows, at every learning rate. Its rival is
``max_delta_step``, which both libraries have. What is shown is against the library's own objective at the lowest rate: for
rounds, seconds and log loss a ratio, the geometric mean over sets; for average precision a difference, the mean over sets.
Intervals are of folds within sets. A run goes on where one was stopped.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import pathlib
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import joblib
import lightgbm as lgb
import numpy as np
import xgboost as xgb
from datasets import Dataset, keel, load
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

import boost_imbalance as bi

ROWS = {"binary": 15_000, "keel": 8_000, "multiclass": 5_000, "multilabel": 1_600}
RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
MOST_ROUNDS, PATIENCE = 3_000, 30
CONTESTANTS: dict[str, dict[str, Any]] = {
    "built-in": {},
    "built-in, max_delta_step 0.5": {"max_delta_step": 0.5},
    "built-in, max_delta_step 1": {"max_delta_step": 1.0},
    "built-in, max_delta_step 2": {"max_delta_step": 2.0},
    "residual": {"hessian": "residual"},
    "safeguarded": {"hessian": "safeguarded"},
}
BASE = "built-in", RATES[0]
SIZES = {
    ("xgboost", "small"): {"max_depth": 4},
    ("xgboost", "defaults"): {},
    ("lightgbm", "small"): {"num_leaves": 15},
    ("lightgbm", "defaults"): {},
}
SMALLEST = 1e-7
"""Probabilities are kept this far from 0 and 1, which is about what float32 margins can say."""


def jobs(options: argparse.Namespace) -> Iterator[tuple[str, Dataset, str, int, int]]:
    found = {task: keel(ROWS[task]) if task == "keel" else load(task, ROWS[task]) for task in options.task}
    sets = [(task, data) for task, several in found.items() for data in several]
    for repeat, fold in itertools.product(range(options.repeats), range(options.folds)):
        for (task, data), library in itertools.product(sets, options.library):
            if options.only and not any(name in data.name for name in options.only):
                continue
            if not (library == "lightgbm" and data.task == "multilabel"):  # which its own classifier lacks
                yield task, data, library, repeat, fold


def run(options: argparse.Namespace) -> None:
    output = pathlib.Path(options.output)
    done = {key(record) for record in read([output])} if output.exists() else set()
    tasks = (joblib.delayed(measure)(*job, options, done) for job in jobs(options))
    with output.open("a") as file:
        for records in joblib.Parallel(n_jobs=options.jobs, return_as="generator_unordered")(tasks):
            file.writelines(json.dumps(record) + "\n" for record in records)
            file.flush()
    table([output])


def measure(
    task: str, data: Dataset, library: str, repeat: int, fold: int, options: argparse.Namespace, done: set[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """All contestants on one fold of one set."""
    warnings.simplefilter("ignore")
    # So that no training waits for a compiler.
    losses = [bi.focal_objective(0.0, hessian=hessian) for hessian in ("residual", "safeguarded")]
    bi.warm_up(*losses, libraries=[library], verbose=False)
    splitter = KFold if data.task == "multilabel" else StratifiedKFold
    folds = splitter(options.folds, shuffle=True, random_state=repeat).split(data.X, data.y)
    train, test = list(folds)[fold]
    strata = None if data.task == "multilabel" else data.y[train]
    fitted, stopped = train_test_split(train, test_size=0.2, random_state=options.folds * repeat + fold, stratify=strata)
    records = []
    for name, parameters in CONTESTANTS.items():
        for rate in RATES:
            record = {"data": data.name, "task": task, "library": library, "size": options.size}
            record |= {"repeat": repeat, "fold": fold, "contestant": name, "rate": rate}
            if key(record) not in done:
                params = {**SIZES[library, options.size], **parameters, "learning_rate": rate}
                model, seconds = fit(data, library, params, fitted, stopped)
                record |= {"rounds": rounds(model), "seconds": seconds, **quality(data, model, test)}
                records.append(record)
    return records


def fit(data: Dataset, library: str, params: dict, fitted: np.ndarray, stopped: np.ndarray) -> tuple[Any, float]:
    hessian = params.pop("hessian", None)
    params |= {"n_estimators": MOST_ROUNDS, "n_jobs": 1}
    X, y, valid = data.X[fitted], data.y[fitted], (data.X[stopped], data.y[stopped])
    loss = None if hessian is None else bi.focal_objective(0.0, hessian=hessian, n_threads=1)
    if library == "xgboost":
        params["early_stopping_rounds"] = PATIENCE
        model = xgb.XGBClassifier(**params) if loss is None else bi.ImbalancedXGBClassifier(loss=loss, **params)
        options: dict[str, Any] = {"eval_set": [valid], "verbose": False}
    else:
        params |= {"verbosity": -1, "feature_pre_filter": False}
        model = lgb.LGBMClassifier(**params) if loss is None else bi.ImbalancedLGBMClassifier(loss=loss, **params)
        options = {"eval_X": valid[0], "eval_y": valid[1], "callbacks": [lgb.early_stopping(PATIENCE, verbose=False)]}
    begun = time.process_time()
    model.fit(X, y, **options)
    return model, time.process_time() - begun


def rounds(model: Any) -> int:
    return int(model.best_iteration) + 1 if hasattr(model, "best_iteration") else int(model.best_iteration_)


def quality(data: Dataset, model: Any, test: np.ndarray) -> dict[str, float]:
    """Log loss and average precision, its mean over classes or labels."""
    begun = time.process_time()
    p = np.clip(model.predict_proba(data.X[test]).astype(np.float64), SMALLEST, 1 - SMALLEST)
    seconds = time.process_time() - begun
    y = data.y[test]
    if data.task == "multilabel":
        truth, cost = y, float(np.mean(-np.log(np.where(y == 1, p, 1 - p))))
    else:
        cost = log_loss(y, p / p.sum(axis=1, keepdims=True), labels=np.arange(p.shape[1]))
        truth = np.eye(p.shape[1])[y.astype(int)]
        if data.task == "binary":
            truth, p = truth[:, 1:], p[:, 1:]
    usable = [k for k in range(truth.shape[1]) if 0 < truth[:, k].sum() < len(truth)]
    ranking = np.mean([average_precision_score(truth[:, k], p[:, k]) for k in usable])
    return {"log_loss": float(cost), "average_precision": float(ranking), "predicting": seconds}


def key(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in ("data", "library", "size", "repeat", "fold", "contestant", "rate"))


def read(paths: list[pathlib.Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def table(paths: list[pathlib.Path]) -> None:
    groups = defaultdict(list)
    for record in read(paths):
        groups[record["task"], record["library"], record["size"]].append(record)
    for (task, library, size), records in groups.items():
        n_sets = len({record["data"] for record in records})
        print(f"\n{task}, {library}, {size} trees: {n_sets} sets\n")
        print("| objective | rate | rounds | training | predicting | log loss | worst set | average precision | worst set |")
        print("|---|---|---|---|---|---|---|---|---|")
        found = {(r["contestant"], r["rate"], r["data"], r["repeat"], r["fold"]): r for r in records}
        for name, rate in dict.fromkeys((r["contestant"], r["rate"]) for r in records):
            line = _row(found, name, rate)
            if line:
                print(line)


def _row(found: dict[tuple[Any, ...], dict[str, Any]], name: str, rate: float) -> str | None:
    by_set = defaultdict(list)
    for (contestant, at, data, repeat, fold), record in found.items():
        base = found.get((*BASE, data, repeat, fold))
        if (contestant, at) == (name, rate) and base is not None:
            by_set[data].append(_against(record, base))
    if not by_set:
        return None
    mean = np.array([np.mean(rows, axis=0) for rows in by_set.values()])
    unknown = np.full(5, np.nan)  # of one fold
    variance = [np.var(rows, axis=0, ddof=1) / len(rows) if len(rows) > 1 else unknown for rows in by_set.values()]
    half = 1.96 * np.sqrt(np.sum(variance, axis=0)) / len(by_set)
    n_rounds, training, predicting, cost, ranking = mean.mean(axis=0)
    cells = (
        name, f"{rate}", f"{np.exp(n_rounds):.3f}", f"{np.exp(training):.2f}", f"{np.exp(predicting):.2f}",
        f"{np.exp(cost):.3f} ± {half[3]:.3f}", f"{np.exp(mean[:, 3].max()):.3f}",
        f"{ranking:+.4f} ± {half[4]:.4f}", f"{mean[:, 4].min():+.3f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _against(record: dict[str, Any], base: dict[str, Any]) -> list[float]:
    ratios = [np.log(record[name] / base[name]) for name in ("rounds", "seconds", "predicting", "log_loss")]
    return [*ratios, record["average_precision"] - base["average_precision"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several = functools.partial(parser.add_argument, nargs="+")
    several("--task", default=["binary"], choices=list(ROWS))
    several("--library", default=["xgboost", "lightgbm"], choices=["xgboost", "lightgbm"])
    several("--only", help="sets whose name holds one of these")
    several("--table", type=pathlib.Path, help="the tables of what is there, as Markdown")
    parser.add_argument("--size", default="small", choices=["small", "defaults"])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", default="trees.jsonl")
    options = parser.parse_args()
    table(options.table) if options.table else run(options)


if __name__ == "__main__":
    main()
