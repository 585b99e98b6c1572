"""What the rule of decision is worth, and how near it comes to the best threshold known afterwards, on real data.

python benchmarks/decisions.py                       # the 8 binary sets; some five minutes on two cores
python benchmarks/decisions.py --csv benchmarks/results/decisions.csv

The library's own objective is trained in the folds of a comparison. Each row is decided at the smallest expected cost, and
beside that at 0.5, and by the one threshold that would have served all rows best, which is only known afterwards. Costs are
of 1000 rows, where a false alarm costs 1. Intervals of differences are those of ``compare``.
"""

from __future__ import annotations

import argparse
import pathlib
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import results
from datasets import Dataset, load

from boost_imbalance import compare
from boost_imbalance.comparison.statistics import paired

Array = npt.NDArray[Any]
CONFIDENCE = 0.95
ROWS = 50_000


def costs_of(data: Dataset) -> dict[str, float]:
    """What a missed row costs, by name: ten times a false alarm, and as much as makes the classes equal."""
    return {"10": 10.0, "even": float(round((data.y == 0).sum() / (data.y == 1).sum()))}


def measured(data: Dataset, library: str, folds: int) -> list[dict[str, Any]]:
    """A line for each cost."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = compare(
            data.X, data.y, losses=[], baselines=[], library=library, folds=folds, repeats=1, progress=False, n_jobs=2
        )
    one = found.out_of_fold("built-in")
    truth, p = data.y[one["rows"]] == 1, one["probability"]
    lines = []
    for name, miss in costs_of(data).items():

        def by_fold(alarm: Array, miss: float = miss) -> Array:
            row = 1000.0 * (miss * (truth & ~alarm) + (~truth & alarm))
            return np.array([row[one["fold"] == fold].mean() for fold in range(folds)])

        ours = found.for_goal(f"cost:fn={miss:g},fp=1").values("built-in", "goal")
        plain, best = by_fold(p > 0.5), by_fold(p >= best_threshold(truth, p, miss))
        regret = paired(ours, best, 1.0 / (folds - 1), CONFIDENCE)
        line = {"set": data.name, "library": library, "goal": f"a miss costs {name}", "miss": miss, "decided": ours.mean()}
        line |= {"at_half": plain.mean(), "best_afterwards": best.mean()}
        lines.append({**line, "regret": regret.mean, "regret_half": regret.half, "within_noise": regret.low <= 0.0})
    return lines


def best_threshold(truth: Array, p: Array, miss: float) -> float:
    """The lowest probability that is an alarm where all rows together cost least."""
    order = np.argsort(-p, kind="stable")
    hits = np.append(0, np.cumsum(truth[order]))
    total = miss * (hits[-1] - hits) + np.arange(len(p) + 1) - hits
    whole = np.append(True, np.append(p[order][1:] < p[order][:-1], True))  # equal ones are not torn apart
    many = int(np.argmin(np.where(whole, total, np.inf)))
    return float(p[order][many - 1]) if many else np.inf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", nargs="+", default=["xgboost", "lightgbm"], choices=["xgboost", "lightgbm"])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS, help="At most so many of a set.")
    parser.add_argument("--only", nargs="*", help="Sets by name.")
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    lines = []
    for data in load("binary", options.rows):
        if options.only and data.name not in options.only:
            continue
        for library in options.library:
            lines += measured(data, library, options.folds)
            print(pd.DataFrame(lines[-2:]).to_string(index=False, header=len(lines) == 2, float_format="%.1f"), flush=True)
    table = pd.DataFrame(lines)
    if options.csv is not None:
        rounded = [{name: f"{one:.6g}" if isinstance(one, float) else one for name, one in line.items()} for line in lines]
        results.write(options.csv, rounded, note=f"at most {options.rows} rows of each set, {options.folds} folds")
    for (library, goal), group in table.groupby(["library", "goal"], sort=False):
        ratio = np.exp(np.log(group["decided"] / group["best_afterwards"]).mean())
        saved = np.exp(np.log(group["decided"] / group["at_half"]).mean())
        print(
            f"{library}, {goal}: {ratio:.3f} of the best known afterwards, {saved:.3f} of that at 0.5 (geometric means); "
            f"within noise of the best on {group['within_noise'].sum()} of {len(group)} sets"
        )


if __name__ == "__main__":
    main()
