"""Very many labels in XGBoost: a tree per label, trees for all labels, and these with splits found on fewer gradients.

python benchmarks/many_labels.py [--labels 100 1000 10000] [--rounds 20] [--output benchmarks/results/many_labels.csv]

Splits on fewer gradients are those of SketchBoost (Iosipoi and Vakhrushev, NeurIPS 2022): a random projection of a row's
gradients onto ``width`` numbers finds the tree, all gradients set its leaves. XGBoost calls that interface experimental.
Each training has a process of its own and one thread, whose time is that of the processor. Trees for all labels are left
out at 10 000 labels: their histograms need 13 GB at depth 6. Macro average precision is of held-out rows, over labels that
occur among them.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time
from typing import Any

ROWS = {100: 20_000, 1000: 10_000, 10_000: 4_000}
FEATURES, LATENT, WIDTHS, BINS = 40, 10, (5, 20), 32
CANDIDATES = ("a tree per label", "trees for all labels", *(f"trees for all, splits on {width}" for width in WIDTHS))


def data(labels: int) -> tuple[Any, Any]:
    """Labels of 0.5 % to 5 % that ten directions of the features explain, and noise."""
    import numpy as np

    rng = np.random.default_rng(0)
    rows = 2 * ROWS.get(labels, 10_000)
    X = rng.standard_normal((rows, FEATURES), dtype=np.float32)
    latent = np.tanh(X @ rng.standard_normal((FEATURES, LATENT)).astype(np.float32) / np.sqrt(FEATURES) * 2)
    signal = 2.0 * latent @ rng.standard_normal((LATENT, labels)).astype(np.float32)
    signal += rng.logistic(size=signal.shape).astype(np.float32)
    shares = np.geomspace(0.005, 0.05, labels)
    cuts = np.array([np.quantile(signal[:, k], 1 - shares[k]) for k in range(labels)])
    return X, (signal > cuts).astype(np.float32)


def trained(candidate: str, labels: int, rounds: int) -> dict[str, Any]:
    import numpy as np
    import xgboost
    from xgboost.objective import TreeObjective

    import boost_imbalance as bi

    class Projected(TreeObjective):
        def __init__(self, objective: Any, width: int) -> None:
            self.objective, self.width = objective, width

        def __call__(self, iteration: int, y_pred: Any, dtrain: Any) -> Any:
            return self.objective(y_pred, dtrain)

        def split_grad(self, iteration: int, grad: Any, hess: Any) -> Any:
            directions = np.random.default_rng(iteration).standard_normal((grad.shape[1], self.width), dtype=np.float32)
            projected = grad @ directions / np.float32(np.sqrt(self.width))
            return projected, np.repeat(hess.mean(axis=1, keepdims=True), self.width, axis=1)

    X, y = data(labels)
    half = len(X) // 2
    objective: Any = bi.focal_objective(gamma=1.0)
    together = "multi_output_tree" if "all" in candidate else "one_output_per_tree"
    params = {
        **objective.xgboost_params(y[:half]), "nthread": 1, "max_depth": 6, "max_bin": BINS, "eta": 0.3,
        "multi_strategy": together, "min_child_weight": 0.0 if "all" in candidate else 1.0,
    }  # fmt: skip
    given = Projected(objective, int(candidate.rpartition(" ")[2])) if "splits" in candidate else objective
    xgboost.train(
        {**params, "max_depth": 1}, xgboost.QuantileDMatrix(X[:2000], y[:2000], max_bin=BINS), 1, obj=given
    )  # compiles
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    matrix = xgboost.QuantileDMatrix(X[:half], y[:half], max_bin=BINS)
    begun = time.process_time()
    booster = xgboost.train(params, matrix, rounds, obj=given)
    taken = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    margin = booster.predict(xgboost.DMatrix(X[half:]), output_margin=True)
    macro = bi.metrics.average_precision().value(margin, y[half:])
    return {
        "labels": labels, "rows": half, "rounds": rounds, "candidate": candidate,
        "cpu_s_per_round": round(taken / rounds, 4), "memory_mb": round(memory / 1024), "macro_ap": round(macro, 4),
        "model_mb": round(len(booster.save_raw("ubj")) / 2**20, 2), "xgboost": xgboost.__version__,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--candidate", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.candidate:
        print(json.dumps(trained(options.candidate, *options.labels, options.rounds)))
        return
    found = []
    for labels in options.labels:
        for candidate in CANDIDATES:
            if labels > 5000 and candidate == "trees for all labels":
                continue
            command = [sys.executable, __file__, "--labels", str(labels), "--rounds", str(options.rounds)]
            done = subprocess.run([*command, "--candidate", candidate], capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(found[-1], flush=True)
    if options.output is not None:
        import results

        results.write(options.output, found, note="processor time; one data set for each size")


if __name__ == "__main__":
    main()
