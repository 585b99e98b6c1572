"""Do losses made for wrong labels help? Labels are flipped for training and stopping; the test rows keep the right ones.

python benchmarks/noise.py --output noise.json      # about 20 minutes on one core
python benchmarks/noise.py --output rounds.json --configuration defaults --share 0 0.2 --folds 1
python benchmarks/noise.py --table noise.json rounds.json --csv benchmarks/results/noise.csv

"Either way": each label is flipped with the same probability. "Missing positives": only positives are, and become 0. Every
loss is compared with cross-entropy of the same set, fold, library and wrong labels. "Early stopping" is by calibrated log
loss of validation rows, a fifth of the training rows, whose labels are as wrong; "defaults" are 100 rounds of the libraries'
own parameters on all training rows.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import sys
import time

import numpy as np
import results
from datasets import FOLDER, Dataset, keel, load
from estimators import CONFIGURATIONS, SMALLEST, Fold, made
from scipy.special import expit
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, log_loss
from sklearn.model_selection import StratifiedKFold

import boost_imbalance as bi
from boost_imbalance.comparison.statistics import Difference, paired

ROWS, FOLDS = 4_000, 3
BASELINE = "cross-entropy"
LOSSES = {
    BASELINE: lambda: bi.weighted_objective(None),
    "focal 1": lambda: bi.focal_objective(1.0),
    "focal 2": lambda: bi.focal_objective(2.0),
    "asymmetric 0, 4, margin 0.05": bi.asymmetric_objective,
    "generalised cross-entropy 0.3": lambda: bi.generalized_cross_entropy_objective(q=0.3),
    "generalised cross-entropy 0.7": lambda: bi.generalized_cross_entropy_objective(q=0.7),
    "robust focal 0.5, 0.5": lambda: bi.robust_focal_objective(gamma=0.5, q=0.5),
    "Poly-1, epsilon 1": lambda: bi.poly1_objective(1.0),
}
WITH_RIGHT_LABELS = {
    "Poly-1, epsilon 2": lambda: bi.poly1_objective(2.0),
    "LDAM 0.5": lambda: bi.ldam_objective(0.5),
    "LDAM 1": lambda: bi.ldam_objective(1.0),
}
"""More losses, which are not for wrong labels."""
KINDS = {"uniform": "wrong either way", "positives": "missing positives"}
SHARES = (0.0, 0.1, 0.2, 0.3)
MEASURES = {
    "ap": "average precision",
    "logloss": "calibrated log loss",
    "link": "log loss of the sigmoid",
    "f1": "F1 of the sigmoid at 1/2",
    "balanced": "balanced accuracy of the sigmoid at 1/2",
}
SMALLER_IS_BETTER = ("logloss", "link")
SHOWN, SHOWN_OF_RIGHT_LABELS = ("ap", "logloss"), ("ap", "logloss", "f1", "balanced")


def sets(task: str, rows: int) -> list[Dataset]:
    if task == "keel":
        return keel(rows)
    if not (FOLDER / "manifest.json").exists():
        print(f"skipped: no data sets in {FOLDER}", file=sys.stderr)
        return []
    return load(task, rows)


def flipped(label: np.ndarray, kind: str, share: float, seed: int) -> np.ndarray:
    """Wrong labels; those of a smaller share stay wrong in a larger one."""
    wrong = np.random.default_rng(seed).random(len(label)) < share
    return np.where(wrong & (label == 1), 0, label) if kind == "positives" else np.where(wrong, 1 - label, label)


def scores(library: str, model: object, fold: Fold) -> dict:
    """How well the right labels of the test rows are predicted."""
    y = fold.y_test
    margin = model.predict(fold.X_test, **{"output_margin" if library == "xgboost" else "raw_score": True})
    p = model.predict_proba(fold.X_test)[:, 1].astype(np.float64)
    link = expit(margin.astype(np.float64))
    decided = link > 0.5
    return {
        "ap": average_precision_score(y, margin),
        "logloss": log_loss(y, np.clip(p, SMALLEST, 1.0 - SMALLEST)),
        "link": log_loss(y, np.clip(link, SMALLEST, 1.0 - SMALLEST)),
        "f1": f1_score(y, decided, zero_division=0.0),
        "balanced": balanced_accuracy_score(y, decided),
    }


def run(data: Dataset, library: str, configuration: str, number: int, shares: list[float]) -> list[dict]:
    """All losses on one fold, under all wrong labels."""
    params, records = CONFIGURATIONS[library, configuration], []
    train, test = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(data.X, data.y))[number]
    for kind, share in itertools.product(KINDS, shares):
        if share == 0 and kind != "uniform":
            continue
        fold = Fold(data, train, test, stops=configuration == "early stopping", seed=number)
        fold.y = flipped(fold.y, kind, share, seed=2 * number)
        if fold.stops:
            fold.y_valid = flipped(fold.y_valid, kind, share, seed=2 * number + 1)
        for name, loss in {**LOSSES, **(WITH_RIGHT_LABELS if share == 0 else {})}.items():
            model = made(library, fold, params, loss()).fit(fold.X, fold.y, **fold.options(library))
            common = {"data": data.name, "library": library, "config": configuration, "fold": number}
            records.append({**common, "kind": kind, "share": share, "loss": name, **scores(library, model, fold)})
    return records


class Records:
    """Results of some trainings, with paired differences."""

    def __init__(self, records: list[dict]) -> None:
        self.records = records

    def only(self, **wanted: object) -> Records:
        """Those with these settings."""
        return Records([one for one in self.records if all(one[key] == value for key, value in wanted.items())])

    @property
    def shares(self) -> list[float]:
        """How many labels are wrong."""
        return sorted({one["share"] for one in self.records})

    def by_fold(self, loss: str, measure: str) -> dict:
        """A loss's values by set and fold."""
        return {(one["data"], one["fold"]): one[measure] for one in self.only(loss=loss).records}

    def differences(self, loss: str, measure: str) -> tuple[Difference, Difference]:
        """To cross-entropy, over sets x folds and over the means of sets."""
        own, base = self.by_fold(loss, measure), self.by_fold(BASELINE, measure)
        assert own.keys() == base.keys()
        sets = list(dict.fromkeys(name for name, _ in base))
        pairs = np.array([own[key] for key in base]), np.array([base[key] for key in base])
        means = [np.array([np.mean([one[key] for key in base if key[0] == name]) for name in sets]) for one in (own, base)]
        return paired(*pairs, test_share=0.0, confidence=0.95), paired(*means, test_share=0.0, confidence=0.95)

    def row(self, loss: str, measure: str) -> dict:
        """Of the file: cross-entropy's own value, or a difference, which is sure where both intervals leave out 0."""
        if loss == BASELINE:
            return {"mean": f"{self.mean(loss, measure):.4f}"}
        found = self.differences(loss, measure)
        sure = all(one.verdict(measure not in SMALLER_IS_BETTER) != "tie" for one in found)
        return {"mean": "", **results.difference(found[0].mean, found[0].half, sure)}

    def mean(self, loss: str, measure: str) -> float:
        """Over sets and folds."""
        return float(np.mean([one[measure] for one in self.only(loss=loss).records]))


def table(records: Records) -> list[dict]:
    """Everything, a row for each loss, metric, share of wrong labels and configuration."""
    rows: list[dict] = []
    for configuration, library in itertools.product(("early stopping", "defaults"), ("xgboost", "lightgbm")):
        found = records.only(library=library, config=configuration)
        folds = {(one["data"], one["fold"]) for one in found.records}
        common = {"library": library, "configuration": configuration}
        common |= {"sets": len({name for name, _ in folds}), "folds": len(folds)}
        parts = {("right labels", 0.0): found.only(share=0.0)}
        parts |= {(KINDS[kind], share): found.only(kind=kind, share=share) for kind in KINDS for share in found.shares[1:]}
        for (labels, share), part in parts.items():
            for measure in SHOWN if share else SHOWN_OF_RIGHT_LABELS:
                for loss in dict.fromkeys(one["loss"] for one in part.records):
                    row = {**common, "labels": labels, "share": share, "loss": loss, "metric": MEASURES[measure]}
                    rows.append({**row, **part.row(loss, measure)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", default="noise.json", help="results; a run goes on where one was stopped")
    parser.add_argument("--task", nargs="+", choices=("binary", "keel"), default=["binary", "keel"])
    parser.add_argument("--library", nargs="+", choices=("xgboost", "lightgbm"), default=["xgboost", "lightgbm"])
    parser.add_argument("--configuration", choices=("early stopping", "defaults"), default="early stopping")
    parser.add_argument("--share", nargs="+", type=float, default=list(SHARES), help="of wrong labels; 0 has to be there")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folds", type=int, default=FOLDS, help=f"how many of the {FOLDS} folds to run")
    parser.add_argument("--only", nargs="+", help="only these sets")
    parser.add_argument("--table", nargs="+", help="the tables of earlier runs")
    parser.add_argument("--csv", type=pathlib.Path, help="where to write them")
    options = parser.parse_args()
    output = pathlib.Path(options.output)
    paths = [pathlib.Path(path) for path in options.table or [output] if pathlib.Path(path).exists()]
    records = [one for path in paths for one in json.loads(path.read_text(encoding="utf-8"))]
    if not options.table:
        found = [data for task in options.task for data in sets(task, options.rows)]
        found = [data for data in found if not options.only or data.name in options.only]
        done = {(one["data"], one["library"], one["config"], one["fold"]) for one in records}
        # A run that is cut short has the first fold of all sets.
        for number, data, library in itertools.product(range(options.folds), found, options.library):
            if (data.name, library, options.configuration, number) in done:
                continue
            begun = time.perf_counter()
            records += run(data, library, options.configuration, number, options.share)
            taken = time.perf_counter() - begun
            print(f"{data.name}, {library}, fold {number}: {taken:.0f} s", file=sys.stderr, flush=True)
            output.write_text(json.dumps(records), encoding="utf-8")
    records = [one for one in records if one["fold"] < options.folds]
    results.show(table(Records(records)), options.csv)


if __name__ == "__main__":
    main()
