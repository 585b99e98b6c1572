"""How few trees give the same quality: Hessians and learning rates against the library's own objective, on real data.

python benchmarks/trees.py --output trees.jsonl                   # binary; about ten minutes on two cores
python benchmarks/trees.py --output trees.jsonl --task multiclass multilabel
python benchmarks/trees.py --output trees.jsonl --loss focal balanced
python benchmarks/trees.py --output trees.jsonl --size untouched  # the libraries' defaults, 100 rounds, nothing stopped
python benchmarks/trees.py --output trees.jsonl --size tuned      # as small, regularisation chosen on the rows to stop on
python benchmarks/trees.py --table trees.jsonl --csv benchmarks/results/trees.csv --picture docs/benchmarks/trees.png

Every contestant stops early, by log loss on a fifth of the training rows, at every learning rate. Its rival is
``max_delta_step``, which both libraries have. What is shown is against the library's own objective, for a loss that it lacks
against ``positive_terms``, at the lowest rate, or at the library's if nothing is stopped: for rounds, seconds and log loss a
ratio, the geometric mean over sets; for average precision a difference, the mean over sets. Intervals are of folds within
sets. The rate "chosen" is the one that stopped at the lowest log loss. A run goes on where one was stopped.
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
import pandas as pd
import results
import xgboost as xgb
from datasets import Dataset, keel, load
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

import boost_imbalance as bi

ROWS = {"binary": 15_000, "keel": 8_000, "multiclass": 5_000, "multilabel": 1_600}
RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
MOST_ROUNDS, PATIENCE = 3_000, 30
BUILT_IN: dict[str, dict[str, Any]] = {
    "built-in": {},
    "built-in, max_delta_step 0.5": {"max_delta_step": 0.5},
    "built-in, max_delta_step 1": {"max_delta_step": 1.0},
    "built-in, max_delta_step 2": {"max_delta_step": 2.0},
}
OURS: dict[str, dict[str, Any]] = {name: {"hessian": name} for name in ("residual", "safeguarded")}
OTHERS: dict[str, dict[str, Any]] = {
    "positive_terms": {"hessian": "positive_terms"},
    "positive_terms, max_delta_step 1": {"hessian": "positive_terms", "max_delta_step": 1.0},
}
LOSSES: dict[str, Any] = {
    "cross-entropy": functools.partial(bi.focal_objective, 0.0),
    "focal": functools.partial(bi.focal_objective, 2.0),
    "balanced": functools.partial(bi.weighted_objective, "balanced"),
    "class-balanced": functools.partial(bi.class_balanced_objective, 0.999),
    "logit-adjusted": functools.partial(bi.logit_adjusted_objective, 1.0),
    "asymmetric": functools.partial(bi.asymmetric_objective, 0.0, 2.0, 0.0),
}
PENALISED: dict[str, dict[str, Any]] = {
    f"{name}, reg_lambda 1": {**given, "reg_lambda": 1.0}
    for name, given in {**BUILT_IN, **OURS}.items()
    if name in ("built-in", "built-in, max_delta_step 1", "residual", "safeguarded")
}
"""With the penalty on leaves that XGBoost has by itself, for LightGBM."""
CONTESTANTS = {loss: {**(BUILT_IN if loss == "cross-entropy" else OTHERS), **OURS} for loss in LOSSES}
SIZES = {
    ("xgboost", "small"): {"max_depth": 4},
    ("xgboost", "defaults"): {},
    ("xgboost", "untouched"): {},
    ("xgboost", "tuned"): {"max_depth": 4},
    ("lightgbm", "small"): {"num_leaves": 15},
    ("lightgbm", "defaults"): {},
    ("lightgbm", "untouched"): {},
    ("lightgbm", "tuned"): {"num_leaves": 15},
}
GRID: dict[str, list[dict[str, Any]]] = {
    "xgboost": [
        {"reg_lambda": penalty, "min_child_weight": least}
        for penalty, least in ((1.0, 1.0), (10.0, 1.0), (0.1, 1.0), (1.0, 0.1), (1.0, 5.0), (10.0, 0.1))
    ],
    "lightgbm": [
        {"reg_lambda": penalty, "min_child_samples": least}
        for penalty, least in ((0.0, 20), (1.0, 20), (10.0, 20), (0.0, 60), (1.0, 5), (10.0, 5))
    ],
}
"""Regularisation that is tried where the size is "tuned"; the first is the library's own."""
DEFAULT_RATE = {"xgboost": 0.3, "lightgbm": 0.1}
DEFAULT_ROUNDS = 100
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
    show(summary([output]))


def measure(
    task: str, data: Dataset, library: str, repeat: int, fold: int, options: argparse.Namespace, done: set[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """All contestants on one fold of one set."""
    warnings.simplefilter("ignore")
    # So that no training waits for a compiler.
    contestants = [(loss, name, given) for loss in options.loss for name, given in CONTESTANTS[loss].items()]
    if library == "lightgbm" and options.size != "tuned" and "cross-entropy" in options.loss:
        contestants += [("cross-entropy", name, given) for name, given in PENALISED.items()]
    objectives = [LOSSES[loss](hessian=given["hessian"]) for loss, _, given in contestants if "hessian" in given]
    bi.warm_up(*objectives, libraries=[library], verbose=False)
    splitter = KFold if data.task == "multilabel" else StratifiedKFold
    folds = splitter(options.folds, shuffle=True, random_state=repeat).split(data.X, data.y)
    train, test = list(folds)[fold]
    strata = None if data.task == "multilabel" else data.y[train]
    rows = train_test_split(train, test_size=0.2, random_state=options.folds * repeat + fold, stratify=strata)
    if options.size == "untouched":
        rows = [train, None]
    rates = options.rates or ([DEFAULT_RATE[library]] if options.size == "untouched" else RATES)
    records = []
    grid = GRID[library] if options.size == "tuned" else [{}]
    for (loss, name, parameters), rate, regularisation in itertools.product(contestants, rates, grid):
        record = {"data": data.name, "task": task, "library": library, "size": options.size, "loss": loss}
        record |= {"repeat": repeat, "fold": fold, "contestant": name, "rate": rate, "regularisation": regularisation}
        if key(record) not in done:
            params = {**SIZES[library, options.size], **parameters, **regularisation, "learning_rate": rate}
            model, seconds = fit(data, library, loss, params, *rows)
            record |= {"rounds": rounds(model), "seconds": seconds, "at_stop": at_stop(model), **quality(data, model, test)}
            records.append(record)
    return records


def fit(
    data: Dataset, library: str, name: str, params: dict, fitted: np.ndarray, stopped: np.ndarray | None
) -> tuple[Any, float]:
    hessian = params.pop("hessian", None)
    params |= {"n_estimators": DEFAULT_ROUNDS if stopped is None else MOST_ROUNDS, "n_jobs": 1}
    X, y = data.X[fitted], data.y[fitted]
    loss = None if hessian is None else LOSSES[name](hessian=hessian, n_threads=1)
    options: dict[str, Any] = {}
    if library == "xgboost":
        if stopped is not None:
            params["early_stopping_rounds"] = PATIENCE
            options = {"eval_set": [(data.X[stopped], data.y[stopped])], "verbose": False}
        model = xgb.XGBClassifier(**params) if loss is None else bi.ImbalancedXGBClassifier(loss=loss, **params)
    else:
        params |= {"verbosity": -1, "feature_pre_filter": False}
        model = lgb.LGBMClassifier(**params) if loss is None else bi.ImbalancedLGBMClassifier(loss=loss, **params)
        if stopped is not None:
            options = {"eval_X": data.X[stopped], "eval_y": data.y[stopped]}
            options["callbacks"] = [lgb.early_stopping(PATIENCE, verbose=False)]
    begun = time.process_time()
    model.fit(X, y, **options)
    return model, time.process_time() - begun


def rounds(model: Any) -> int:
    if isinstance(model, lgb.LGBMModel):
        return int(model.best_iteration_ or model.booster_.num_trees())
    return int(model.best_iteration) + 1 if model.early_stopping_rounds else model.get_booster().num_boosted_rounds()


def at_stop(model: Any) -> float | None:
    """The log loss of the rows to stop on, in the best round; None if nothing stopped."""
    if isinstance(model, lgb.LGBMModel):
        return next((float(value) for scores in model.best_score_.values() for value in scores.values()), None)
    return float(model.best_score) if model.early_stopping_rounds else None


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
    names = "data", "library", "size", "loss", "repeat", "fold", "contestant", "rate"
    return *(record[name] for name in names), *record["regularisation"].values()


def read(paths: list[pathlib.Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


COLUMNS = (
    "rounds",
    "training",
    "predicting",
    "log_loss",
    "log_loss_half",
    "log_loss_worst",
    "average_precision",
    "average_precision_half",
    "average_precision_worst",
)


def summary(paths: list[pathlib.Path]) -> pd.DataFrame:
    """Every contestant at every rate against the first at the lowest: a row each, by task, library, size and loss."""
    groups = defaultdict(list)
    for record in read(paths):
        groups[record["task"], record["library"], record["size"], record["loss"]].append(record)
    rows = []
    for group, records in groups.items():
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for record in records:  # of several regularisations, the one that stopped at the lowest log loss
            for rate in (record["rate"], "chosen"):
                place = record["contestant"], rate, record["data"], record["repeat"], record["fold"]
                if rate != "chosen" or record["at_stop"] is not None:
                    found[place] = min(found.get(place, record), record, key=lambda one: one["at_stop"] or 0.0)
        against = next(iter(CONTESTANTS[group[-1]])), min(r["rate"] for r in records)
        for contestant in dict.fromkeys(place[:2] for place in found):
            row = _row(found, against, *contestant)
            if row is not None:
                rows.append((*group, len({r["data"] for r in records}), *contestant, *row))
    return pd.DataFrame(rows, columns=["task", "library", "size", "loss", "sets", "objective", "rate", *COLUMNS])


def _row(
    found: dict[tuple[Any, ...], dict[str, Any]], against: tuple[str, float], name: str, rate: float | str
) -> list[float] | None:
    by_set = defaultdict(list)
    for (contestant, at, data, repeat, fold), record in found.items():
        base = found.get((*against, data, repeat, fold))
        if (contestant, at) == (name, rate) and base is not None:
            by_set[data].append(_against(record, base))
    if not by_set:
        return None
    mean = np.array([np.mean(rows, axis=0) for rows in by_set.values()])
    unknown = np.full(5, np.nan)  # of one fold
    variance = [np.var(rows, axis=0, ddof=1) / len(rows) if len(rows) > 1 else unknown for rows in by_set.values()]
    half = 1.96 * np.sqrt(np.sum(variance, axis=0)) / len(by_set)
    n_rounds, training, predicting, cost, ranking = mean.mean(axis=0)
    values = (
        np.exp(n_rounds), np.exp(training), np.exp(predicting), np.exp(cost), half[3], np.exp(mean[:, 3].max()),
        ranking, half[4], mean[:, 4].min(),
    )  # fmt: skip
    return [round(float(value), 4) for value in values]


def show(found: pd.DataFrame) -> None:
    """Tables in Markdown."""
    for (task, library, size, loss, sets), rows in found.groupby(["task", "library", "size", "loss", "sets"], sort=False):
        print(f"\n{task}, {library}, {size} trees, {loss}: {sets} sets\n")
        print("| objective | rate | rounds | training | predicting | log loss | worst set | average precision | worst set |")
        print("|---|---|---|---|---|---|---|---|---|")
        for row in rows.to_dict("records"):
            cost = f"{row['log_loss']:.3f} ± {row['log_loss_half']:.3f} | {row['log_loss_worst']:.3f}"
            ranking = f"{row['average_precision']:+.4f} ± {row['average_precision_half']:.4f}"
            ranking += f" | {row['average_precision_worst']:+.3f}"
            sizes = " | ".join(f"{row[name]:.3f}" for name in COLUMNS[:3])
            print(f"| {row['objective']} | {row['rate']} | {sizes} | {cost} | {ranking} |")


def draw(found: pd.DataFrame, path: pathlib.Path) -> None:
    """Quality against rounds and against seconds, small trees and plain cross-entropy."""
    import matplotlib.pyplot as plt
    from matplotlib import ticker
    from summary import save

    from boost_imbalance.plots.drawing import PALETTE

    titles = {"rounds": "rounds of trees", "training": "seconds of training", "predicting": "seconds of prediction"}
    found = found[
        (found["task"] == "binary")
        & (found["size"] == "small")
        & (found["loss"] == "cross-entropy")
        & (found["rate"] != "chosen")
    ]
    names = ["built-in", "built-in, max_delta_step 1", "residual", "safeguarded"]
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), sharey="row", layout="constrained")
    for (library, rows), of_library in zip(found.groupby("library", sort=False), axes, strict=True):
        for x, ax in zip(COLUMNS[:3], of_library, strict=True):
            for name, marker, color in zip(names, "osD^", PALETTE, strict=False):
                line = rows[rows["objective"] == name]
                ax.errorbar(
                    line[x], line["average_precision"], yerr=line["average_precision_half"], marker=marker, color=color,
                    markersize=4, elinewidth=0.9, capsize=2, label=name,
                )  # fmt: skip
            ax.axhline(0.0, color="0.7", zorder=0)
            ax.set(xscale="log", ylim=(-0.025, 0.01), xlabel=titles[x])
            ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.xaxis.set_major_formatter("{x:g}")
            ax.xaxis.set_minor_formatter("")
        of_library[0].set_ylabel(f"{library}\naverage precision, difference")
    axes[1, 2].legend(fontsize="small", loc="lower right")
    figure.suptitle(
        "Learning rates from 0.05, on the right, to 0.5; everything against the built-in objective at 0.05,\n"
        "which leaves the picture at 0.3"
    )
    save(figure, path)


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
    parser.add_argument("--csv", type=pathlib.Path, help="where to write them too")
    parser.add_argument("--picture", type=pathlib.Path, help="where to draw them")
    several("--loss", default=["cross-entropy"], choices=list(LOSSES))
    several("--rates", type=float)
    parser.add_argument("--size", default="small", choices=["small", "defaults", "untouched", "tuned"])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", default="trees.jsonl")
    options = parser.parse_args()
    if not options.table:
        run(options)
        return
    found = summary(options.table)
    show(found)
    if options.csv:
        results.write(options.csv, found.astype(object).where(found.notna(), "").to_dict("records"))
    if options.picture:
        draw(found, options.picture)


if __name__ == "__main__":
    main()
