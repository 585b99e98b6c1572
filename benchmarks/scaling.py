"""What a round costs as rows, classes, labels and threads grow, beside the same round of the library's own objective.

    python benchmarks/scaling.py [--rows 100000 1000000] [--classes 2 10 100 1000] [--labels 1 10 100 1000] [--threads 1 2]

Each case trains a few rounds of XGBoost and LightGBM with their own objective and with focal loss, one after the other and
over again, so that what else the machine does hits both. Where others use the machine, as when the table in the repository
was taken, seconds mean nothing, and the share of a round that the objective takes says most: the ratio to the library's own
round is also that of two different sets of trees.
"""

from __future__ import annotations

import argparse
import pathlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import results
from timing import machine

import boost_imbalance as bi

Array = npt.NDArray[Any]

FEATURES, DEPTH, ROUNDS = 10, 6, 5

Rounds = tuple[Callable[[], float], Callable[[], float], list[float]]


def timed(function: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """The function, which notes how long each call takes."""

    def called(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            seconds.append(time.perf_counter() - begun)

    return called


def data(task: str, rows: int, columns: int) -> tuple[Array, Array]:
    """Features and labels, of which the last classes or labels are rare."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    if task == "multi-label":
        return X, (rng.random((rows, columns), dtype=np.float32) < np.geomspace(0.3, 0.01, columns)).astype(np.float32)
    if task == "binary":
        return X, (X[:, 0] + rng.normal(size=rows) > 2.5).astype(np.float32)
    share = np.geomspace(1.0, 0.01, columns)
    y = rng.choice(columns, rows, p=share / share.sum())
    y[:columns] = np.arange(columns)
    return X, y.astype(np.float32)


def with_xgboost(task: str, X: Array, y: Array, columns: int, threads: int) -> Rounds:
    """Rounds of both objectives, in seconds each, and the seconds of each call of ours."""
    import xgboost

    matrix = xgboost.QuantileDMatrix(X, y, nthread=threads)
    common = {"nthread": threads, "max_depth": DEPTH, "tree_method": "hist", "disable_default_eval_metric": True}
    objective = bi.focal_objective(2.0, n_threads=threads)
    calls: list[float] = []
    ours = timed(objective, calls)
    own = {"binary": "binary:logistic", "multi-label": "binary:logistic", "multi-class": "multi:softprob"}[task]
    classes = {"num_class": columns} if task == "multi-class" else {}

    def seconds(params: dict[str, Any], function: Any) -> float:
        booster = xgboost.Booster(params, [matrix])
        begun = time.perf_counter()
        for i in range(ROUNDS):
            booster.update(matrix, i, fobj=function)
        return (time.perf_counter() - begun) / ROUNDS

    of_own = {**common, "objective": own, **classes}
    of_ours = {**common, **objective.xgboost_params(y, n_classes=classes.get("num_class"))}
    return lambda: seconds(of_own, None), lambda: seconds(of_ours, ours), calls


def with_lightgbm(task: str, X: Array, y: Array, columns: int, threads: int) -> Rounds:
    """The same of LightGBM, which has no objective of its own for several labels."""
    import lightgbm

    common = {"num_threads": threads, "num_leaves": 31, "verbosity": -1}
    objective = bi.focal_objective(2.0, n_threads=threads)
    calls: list[float] = []
    ours = timed(objective, calls)
    plain = lightgbm.Dataset(X, y, params=common, free_raw_data=False).construct()
    own = {**common, "objective": "binary", **({"objective": "multiclass", "num_class": columns} if columns > 1 else {})}
    params = {**common, **objective.lightgbm_params(y, n_classes=None if task == "binary" else columns)}

    def seconds(params: dict[str, Any], function: Any) -> float:
        booster = lightgbm.Booster({**params, "objective": "none"} if function is not None else params, plain)
        begun = time.perf_counter()
        for _ in range(ROUNDS):
            booster.update(fobj=function)
        return (time.perf_counter() - begun) / ROUNDS

    return lambda: seconds(own, None), lambda: seconds(params, ours), calls


def measured(library: str, task: str, rows: int, columns: int, threads: int, repeats: int) -> dict[str, Any]:
    """One line of the table."""
    X, y = data(task, rows, columns)
    begun = time.perf_counter()
    _ = bi.focal_objective(2.0).start(y, n_classes=columns if task == "multi-class" else None)
    start = time.perf_counter() - begun
    own, ours, calls = {"xgboost": with_xgboost, "lightgbm": with_lightgbm}[library](task, X, y, columns, threads)
    own(), ours()
    calls.clear()
    pairs = np.array([(own(), ours()) for _ in range(repeats)])
    spent = np.median(calls)
    return {
        "library": library, "task": task, "rows": rows, "columns": columns, "threads": threads,
        "own_round_s": f"{np.median(pairs[:, 0]):.4f}", "round_s": f"{np.median(pairs[:, 1]):.4f}",
        "ratio": f"{np.median(pairs[:, 1] / pairs[:, 0]):.3f}", "objective_s": f"{spent:.4f}",
        "objective_share": f"{spent / np.median(pairs[:, 1]):.3f}", "ns_per_margin": f"{spent / (rows * columns) * 1e9:.2f}",
        "start_s": f"{start:.3f}",
    }  # fmt: skip


def main() -> None:
    """Measure all cases that fit, and write the table as they come."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 10, 100, 1000])
    parser.add_argument("--labels", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--most", type=int, default=10_000_000, help="margins of the largest case")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=pathlib.Path, default=results.FOLDER / "scaling.csv")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine())
    cases = [("binary", rows, 1, threads) for rows in given.rows for threads in given.threads]
    cases += [("multi-class", max(given.most // 10 // k, 2 * k), k, 1) for k in given.classes]
    cases += [("multi-label", given.most // 10 // k, k, 1) for k in given.labels]
    lines = []
    for task, rows, columns, threads in cases:
        if rows * columns > given.most:
            continue
        for library in ("xgboost", "lightgbm"):
            if library == "lightgbm" and task == "multi-label":
                continue
            lines.append(measured(library, task, rows, columns, threads, given.repeats))
            print(lines[-1], flush=True)
            results.write(given.output, lines)


if __name__ == "__main__":
    main()
