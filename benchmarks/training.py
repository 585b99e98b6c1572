"""A whole training at focusing 0 beside the built-in objective, which grows the same trees.

python benchmarks/training.py [--rows 1000000] [--rounds 5] [--library xgboost] [--csv benchmarks/results/training.csv]
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable

import numpy as np
import results
from timing import interleaved, machine

import boost_imbalance as bi

TREES, DEPTH, FEATURES = 30, 6, 28


def data(rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    signal = np.stack(
        [X[:, 2 * k] * X[:, 2 * k + 1] + X[:, 2 * k] - (3.0 if k else 0.0) for k in range(max(2, classes))], axis=1
    )
    chosen = (signal + rng.gumbel(size=signal.shape)).argmax(axis=1)
    return X, chosen if classes > 2 else (chosen == 1).astype(np.int64)


def xgboost_contest(X: np.ndarray, y: np.ndarray, classes: int) -> dict[str, Callable[[], object]]:
    import xgboost as xgb

    matrix = xgb.DMatrix(X, y)
    matrix_of_ours = xgb.DMatrix(X, y)
    params = {"max_depth": DEPTH, "eta": 0.1, "tree_method": "hist", "nthread": 2}
    ours = bi.focal_objective(gamma=0.0, hessian="exact")
    start = ours.xgboost_params(y)
    plain = {key: value for key, value in start.items() if key != "disable_default_eval_metric"}
    focal = bi.focal_objective(gamma=2.0)
    return {
        "built-in": lambda: xgb.train({**params, **plain}, matrix, TREES),
        "focusing 0": lambda: xgb.train({**params, **start}, matrix_of_ours, TREES, obj=ours),
        "focal, gamma 2": lambda: xgb.train({**params, **focal.xgboost_params(y)}, matrix_of_ours, TREES, obj=focal),
    }


def lightgbm_contest(X: np.ndarray, y: np.ndarray, classes: int) -> dict[str, Callable[[], object]]:
    import lightgbm as lgb

    params = {"max_depth": DEPTH, "num_leaves": 63, "learning_rate": 0.1, "num_threads": 2, "verbosity": -1}
    native = {"objective": "multiclass", "num_class": classes} if classes > 2 else {"objective": "binary"}
    native["boost_from_average"] = False
    plain, of_ours = (lgb.Dataset(X, y, free_raw_data=False).construct() for _ in range(2))
    contest = {"built-in": lambda: lgb.train({**params, **native}, plain, TREES)}
    for name, gamma in (("focusing 0", 0.0), ("focal, gamma 2", 2.0)):
        objective = bi.focal_objective(gamma=gamma, hessian=None if gamma else "exact")
        chosen = {**params, **objective.lightgbm_params(y)}
        contest[name] = lambda p=chosen: lgb.train(p, of_ours, TREES)
    return contest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--library", choices=("xgboost", "lightgbm"))
    parser.add_argument("--classes", type=int, choices=(2, 5))
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    print(machine())
    print(f"{options.rows} x {FEATURES}, {TREES} rounds, depth {DEPTH}, medians of {options.rounds} interleaved trainings\n")
    for library, make in (("xgboost", xgboost_contest), ("lightgbm", lightgbm_contest)):
        for classes in (2, 5):
            if options.library not in (None, library) or options.classes not in (None, classes):
                continue
            taken = interleaved(make(*data(options.rows, classes), classes), options.rounds)
            for name, seconds in taken.items():
                row = {"library": library, "classes": classes, "objective": name, "seconds": f"{seconds:.3f}"}
                rows.append({**row, "ratio": f"{seconds / taken['built-in']:.3f}"})
                print(*rows[-1].values(), sep="\t", flush=True)
    if options.csv is not None:
        results.write(options.csv, rows)


if __name__ == "__main__":
    main()
