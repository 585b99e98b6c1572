"""Which loss helps, on real data: ``boost_imbalance.compare`` on every set, and what that amounts to.

python benchmarks/evidence.py --output evidence                 # everything at its defaults, with other packages' losses
python benchmarks/evidence.py --output tuned --tune 8 --rows 2500 --folds 3 --repeats 1 --task binary
python benchmarks/evidence.py --output evidence --table         # the tables of what is there
python benchmarks/evidence.py --output evidence tuned --write   # the same, into evidence.csv and evidence_sets.csv
python benchmarks/evidence.py --output hessians --study hessians --repeats 1      # which Hessian; also: gamma, beta
python benchmarks/evidence.py --output hessians gamma beta --write                # into choices.csv

Every set and library has a folder of its own there, and a run goes on where one was stopped. Other packages take part if
they are installed (see ``peers.py``).
"""

from __future__ import annotations

import argparse
import functools
import itertools
import pathlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import peers
import results
from datasets import Dataset, keel, load

import boost_imbalance as bi
from boost_imbalance.comparison.candidates import BASELINE, BASELINES
from boost_imbalance.comparison.metrics import METRICS
from boost_imbalance.comparison.statistics import Difference, paired

ROWS = {"binary": 8_000, "keel": 4_000, "multiclass": 3_000, "multilabel": 1_600}
REPEATS = {"binary": 2, "keel": 2, "multiclass": 1, "multilabel": 1}
PARAMS = {"multilabel": {"max_bin": 63}}
"""Hundreds of features for each of many labels."""
HESSIANS = ("expected", "positive_terms", "exact")
STUDIES: dict[str, dict[str, Callable[[], Any]]] = {
    "hessians": {
        f"{name}, {hessian}": functools.partial(make, hessian=hessian)
        for name, make in {
            "weighted": bi.weighted_objective,
            "focal 2": functools.partial(bi.focal_objective, 2.0),
            "focal 2, balanced": functools.partial(bi.focal_objective, 2.0, weights="balanced"),
            "asymmetric": bi.asymmetric_objective,
        }.items()
        for hessian in HESSIANS
    },
    "gamma": {
        **{f"focal {gamma}": functools.partial(bi.focal_objective, gamma) for gamma in (0.5, 1.0, 1.5, 2.0)},
        **{
            f"asymmetric 0, {gamma}": functools.partial(bi.asymmetric_objective, 0.0, gamma, 0.0)
            for gamma in (1.0, 2.0, 4.0)
        },
    },
    "beta": {
        f"class-balanced {beta}": functools.partial(bi.class_balanced_objective, beta) for beta in (0.9, 0.99, 0.999, 0.9999)
    },
}
"""Losses beside each other instead of those at their defaults; what ``--study`` takes."""
SHOWN = (
    "average_precision",
    "log_loss",
    "brier",
    "macro_f1_tuned",
    "balanced_accuracy_tuned",
    "macro_f1",
    "balanced_accuracy",
)
BY_SET = ("average_precision", "log_loss")


def sets(task: str, rows: int) -> list[Dataset]:
    return keel(rows) if task == "keel" else load(task, rows)


def run(options: argparse.Namespace) -> None:
    for task in options.task:
        for data in sets(task, min(options.rows or ROWS[task], ROWS[task])):
            if options.only and not any(name in data.name for name in options.only):
                continue
            folds = min(options.folds, int(np.bincount(data.y).min())) if task != "multilabel" else options.folds
            for library in options.library:
                begun = time.perf_counter()
                params = PARAMS.get(task, {})
                others = peers.candidates(library, params) if data.y.ndim == 1 and data.y.max() == 1 else {}
                warnings.filterwarnings("ignore", category=RuntimeWarning)  # of other packages' logarithms of 0
                study = {name: make() for name, make in STUDIES[options.study].items()} if options.study else None
                bi.compare(
                    data.X, data.y, name=data.name, library=library, folds=folds, repeats=options.repeats or REPEATS[task],
                    tune=options.tune, others={} if options.tune or study else others, losses=study,
                    baselines=[] if study else ["tuned threshold"] if options.tune else None,
                    params=params, pos_label=None, n_jobs=1,
                    output=pathlib.Path(options.output[0]) / task / f"{data.name}-{library}", progress=False,
                )  # fmt: skip
                print(f"{task} {data.name}, {library}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


class Collection:
    """All comparisons of one task and library."""

    def __init__(self, folder: pathlib.Path, library: str) -> None:
        self.library = library
        self.found = [
            bi.Comparison.read(one) for one in sorted(folder.glob(f"*-{library}")) if (one / "settings.json").exists()
        ]
        self.found = [one for one in self.found if one.complete]

    @property
    def candidates(self) -> list[str]:
        """All but the one that is compared with."""
        return [name for name in self.found[0].candidates if name != BASELINE]

    def difference(self, candidate: str, metric: str) -> Difference:
        """A mean over sets; the sets are independent of each other."""
        base = np.array([one.mean(BASELINE, metric, self.library) for one in self.found])
        own = np.array([one.mean(candidate, metric, self.library) for one in self.found])
        return paired(own, base, test_share=0.0, confidence=0.95)

    def record(self, candidate: str, metric: str) -> tuple[int, ...]:
        """On how many sets it is better, equal within the interval, or worse."""
        larger = METRICS[metric].larger_is_better
        said = [one.difference(candidate, metric, self.library).verdict(larger) for one in self.found]
        return tuple(said.count(verdict) for verdict in ("better", "tie", "worse"))

    def rounds(self, candidate: str) -> str:
        """How many times as many as the built-in objective took, in the middle of the sets."""
        ratios = []
        for one in self.found:
            base, own = (
                np.mean([record["rounds"] for record in one.records if record["candidate"] == name])
                for name in (BASELINE, candidate)
            )
            ratios.append(own / base)
        return f"{np.median(ratios):.1f}"

    def failed(self, candidate: str) -> int:
        """On how many sets."""
        return sum(candidate == failed["candidate"] for one in self.found for failed in one.errors)


def rows_of(folder: pathlib.Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of one run: means over data sets, and those of each set."""
    means: list[dict[str, Any]] = []
    by_set: list[dict[str, Any]] = []
    for task, library in itertools.product(ROWS, ("xgboost", "lightgbm")):
        found = Collection(folder / task, library)
        if found.found:
            common = {"study": study(found), "task": task, "library": library}
            means += _means(found, common)
            by_set += _by_set(found, common)
    return means, by_set


def study(found: Collection) -> str:
    """What was compared: a loss in several variants, or losses at their defaults or tuned."""
    of_variants = (name for name, variants in STUDIES.items() if set(found.candidates) <= set(variants))
    return next(of_variants, "tuned" if found.found[0].settings["tune"] else "defaults")


def _means(found: Collection, common: dict[str, Any]) -> Iterator[dict[str, Any]]:
    s = found.found[0].settings
    common = {**common, "sets": len(found.found), "repeats": s["repeats"], "folds": s["folds"]}
    for metric in SHOWN:
        base = np.mean([one.mean(BASELINE, metric, found.library) for one in found.found])
        yield {**common, "candidate": BASELINE, "metric": METRICS[metric].title, "mean": f"{base:.4f}"}
    for name, metric in itertools.product(found.candidates, SHOWN):
        row = {**common, "candidate": name, "metric": METRICS[metric].title, "mean": ""}
        row |= _difference(found.difference(name, metric), metric)
        if metric in BY_SET:
            row |= dict(zip(("better", "tie", "worse"), found.record(name, metric), strict=True))
        yield row
    for name in found.candidates:
        yield {**common, "candidate": name, "metric": "rounds, times the built-in's", "mean": found.rounds(name)}
        if found.failed(name):
            yield {**common, "candidate": name, "metric": "sets on which it failed", "mean": found.failed(name)}


def _by_set(found: Collection, common: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Average precision and log loss of each set, every candidate beside the built-in objective."""
    names = [name for name in found.candidates if name not in BASELINES or BASELINES[name].source == name]
    for metric, one in itertools.product(BY_SET, found.found):
        row = {**common, "set": one.settings["name"], "metric": METRICS[metric].title}
        yield {**row, "candidate": BASELINE, "mean": f"{one.mean(BASELINE, metric, found.library):.4f}"}
        for name in names:
            difference = _difference(one.difference(name, metric, found.library), metric)
            yield {**row, "candidate": name, "mean": "", **difference}


def _difference(found: Difference, metric: str) -> dict[str, str]:
    return results.difference(found.mean, found.half, found.verdict(METRICS[metric].larger_is_better) != "tie")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", nargs="+", required=True, help="folders of runs; the first is written to")
    parser.add_argument("--task", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--library", nargs="+", choices=("xgboost", "lightgbm"), default=["xgboost", "lightgbm"])
    parser.add_argument("--rows", type=int, help="cut sets to fewer rows than usual")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, help="instead of 2, with several classes or labels 1")
    parser.add_argument("--tune", type=int, default=0)
    parser.add_argument("--study", choices=STUDIES, help="a loss in several variants, without baselines")
    parser.add_argument("--only", nargs="+", help="only sets whose name contains one of these")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument("--write", action="store_true", help="write what is there into benchmarks/results")
    options = parser.parse_args()
    if not (options.table or options.write):
        run(options)
    found = [rows_of(pathlib.Path(folder)) for folder in options.output]
    means, by_set = ([row for rows in part for row in rows] for part in zip(*found, strict=True))
    of_losses = [row for row in means if row["study"] not in STUDIES]
    of_variants = [row for row in means if row["study"] in STUDIES]
    tables = {"evidence.csv": of_losses, "evidence_sets.csv": by_set if of_losses else [], "choices.csv": of_variants}
    for name, rows in tables.items():
        results.show(rows, results.FOLDER / name if options.write and rows else None)


if __name__ == "__main__":
    main()
