"""One LightGBM model with a tree per label and round, beside one binary model per label: time, memory, and equal scores.

python benchmarks/multilabel.py [--rows 100000] [--features 50] [--labels 5 20] [--rounds 30] [--repeats 3] [--jobs 2]
    [--csv benchmarks/results/multilabel.csv]

Each training has a process of its own, in turn. Memory is the process's largest resident size, less that before the
training, when libraries and data are loaded and a small training has warmed both up.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

# A child's largest resident size counts its parent's before it starts, so what is large is imported in the child alone.

CANDIDATES = ("one", "separate")
WARM_UP_ROWS = 2_000


def make_data(options: argparse.Namespace) -> None:
    """Labels of which 1 % to 30 % hold."""
    import numpy as np

    rng = np.random.default_rng(0)
    (labels,) = options.labels
    X = rng.standard_normal((options.rows, options.features), dtype=np.float32)
    linear = rng.standard_normal((options.features, labels), dtype=np.float32) / np.float32(options.features) ** 0.5
    first, second = rng.integers(options.features, size=(2, labels))
    signal = X @ linear + X[:, first] * X[:, second] + rng.logistic(size=(options.rows, labels))
    cuts = [np.quantile(signal[:, k], 1.0 - share) for k, share in enumerate(np.geomspace(0.01, 0.3, labels))]
    np.save(options.folder / "X.npy", X)
    np.save(options.folder / "Y.npy", (signal > cuts).astype(np.int8))


def train(candidate: str, X: object, Y: object, options: argparse.Namespace) -> list:
    """The models: one, or one for each label."""
    params = {"n_estimators": options.rounds, "n_jobs": options.jobs, "verbosity": -1}
    if candidate == "one":
        from boost_imbalance import ImbalancedLGBMClassifier, weighted_objective

        return [ImbalancedLGBMClassifier(loss=weighted_objective(weights=None, hessian="exact"), **params).fit(X, Y)]
    from lightgbm import LGBMClassifier

    return [LGBMClassifier(**params).fit(X, Y[:, k]) for k in range(Y.shape[1])]


def largest_size() -> float:
    """Memory of this process so far, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def contest(options: argparse.Namespace) -> None:
    """Train one candidate and say what it took."""
    import numpy as np

    X, Y = np.load(options.folder / "X.npy"), np.load(options.folder / "Y.npy")
    train(options.child, X[:WARM_UP_ROWS], Y[:WARM_UP_ROWS], argparse.Namespace(rounds=2, jobs=options.jobs))
    before = largest_size()
    begun = time.perf_counter()
    models = train(options.child, X, Y, options)
    seconds = time.perf_counter() - begun
    memory = largest_size() - before
    scores = np.column_stack([model.predict(X, raw_score=True) for model in models])
    digest = hashlib.sha256(np.ascontiguousarray(scores, dtype=np.float64).tobytes()).hexdigest()
    print(json.dumps({"seconds": seconds, "memory": memory, "digest": digest}))


def child(role: str, labels: int, folder: str, options: argparse.Namespace) -> str:
    command = [sys.executable, __file__, "--child", role, "--folder", folder, "--labels", str(labels)]
    for name in ("rows", "features", "rounds", "jobs"):
        command += [f"--{name}", str(getattr(options, name))]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def compare(options: argparse.Namespace) -> None:
    print(
        f"{options.rows} x {options.features}, {options.rounds} rounds, {options.jobs} threads, medians of {options.repeats}"
    )
    print("interleaved trainings\n")
    rows = []
    for labels in options.labels:
        with tempfile.TemporaryDirectory() as folder:
            child("data", labels, folder, options)
            found: dict[str, list[dict]] = {name: [] for name in CANDIDATES}
            for _ in range(options.repeats):
                for name in CANDIDATES:
                    found[name].append(json.loads(child(name, labels, folder, options)))
        seconds, memory = (
            {name: statistics.median(run[key] for run in runs) for name, runs in found.items()}
            for key in ("seconds", "memory")
        )
        digests = {run["digest"] for runs in found.values() for run in runs}
        equal = "bit-equal" if len(digests) == 1 else "differ"
        for name, called in (("one", "one, all labels"), ("separate", "one per label")):
            row = {"labels": labels, "model": called, "seconds": f"{seconds[name]:.2f}"}
            row |= {"time_ratio": f"{seconds[name] / seconds['separate']:.2f}", "memory_mb": f"{memory[name]:.0f}"}
            rows.append({**row, "memory_ratio": f"{memory[name] / memory['separate']:.2f}"})
            print(*rows[-1].values(), sep="\t", flush=True)
        print(f"raw scores: {equal}", flush=True)
    if options.csv is not None:
        import results

        results.write(options.csv, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--labels", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--csv", type=pathlib.Path)
    parser.add_argument("--child", choices=("data", *CANDIDATES), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is None:
        compare(options)
    elif options.child == "data":
        make_data(options)
    else:
        contest(options)


if __name__ == "__main__":
    main()
