"""XGBoost on a GPU: time per round beside the built-in objectives, by part, and the kernel beside memory, CPU and CuPy.

python benchmarks/gpu.py [--rows 1000000 10000000] [--rounds 50] [--classes 10] [--output benchmarks/results/gpu.csv]
"""

from __future__ import annotations

import argparse
import functools
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import results
from timing import machine

import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays

FEATURES, DEPTH = 28, 6


MEASURED: list[dict[str, Any]] = []


@functools.lru_cache(maxsize=1)
def features(rows: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal(size=(rows, FEATURES), dtype=np.float32)
    return X, X[:, 0] * X[:, 1] + X[:, 2] + rng.logistic(size=rows).astype(np.float32)


def data(rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    X, signal = features(rows)
    if classes == 2:
        return X, (signal > 3.0).astype(np.float32)
    edges = np.quantile(signal, np.linspace(0.5, 0.99, classes - 1))
    return X, np.digitize(signal, edges).astype(np.float32)


def seconds(work: Callable[[], object], rounds: int) -> float:
    """Median time of a call, with nothing left to do on the GPU before and after."""
    from numba import cuda

    taken = []
    for _ in range(rounds + 2):
        cuda.synchronize()
        begun = time.perf_counter()
        work()
        cuda.synchronize()
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken[2:]))


def cuda_name() -> str:
    from numba import cuda

    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


class Candidate:
    """A booster on the GPU, and how long its rounds and the objective within them take."""

    def __init__(self, name: str, matrix: Any, params: dict[str, Any], objective: Any = None) -> None:
        import xgboost as xgb

        self.name, self.matrix, self.objective = name, matrix, objective
        self.booster = xgb.Booster({"device": "cuda", "tree_method": "hist", "max_depth": DEPTH, **params}, [matrix])
        self.whole: list[float] = []
        self.inside: list[float] = []

    def update(self, iteration: int) -> None:
        """One round."""
        from numba import cuda

        begun = time.perf_counter()
        self.booster.update(self.matrix, iteration, fobj=None if self.objective is None else self._timed)
        cuda.synchronize()
        self.whole.append(time.perf_counter() - begun)

    def _timed(self, margin: Any, dtrain: Any) -> Any:
        begun = time.perf_counter()
        answer = self.objective(margin, dtrain)
        self.inside.append(time.perf_counter() - begun)
        return answer


def training(rows: int, classes: int, rounds: int) -> None:
    import xgboost as xgb

    X, y = data(rows, classes)
    try:
        import cupy

        X, label, kind = cupy.asarray(X), cupy.asarray(y), "a QuantileDMatrix from CuPy"
    except ImportError:
        label, kind = y, "a QuantileDMatrix from the host"
    matrix = xgb.QuantileDMatrix(X, label)
    candidates = [Candidate("built-in", matrix, bi.focal_objective(0.0).xgboost_params(y))] + [
        Candidate(name, matrix, objective.xgboost_params(y), objective)
        for name, objective in {
            "focusing 0": bi.focal_objective(0.0, hessian="exact"),
            "focal, gamma 2": bi.focal_objective(2.0),
            "focusing 0, on the host": bi.focal_objective(0.0, device="cpu", hessian="exact"),
        }.items()
    ]
    for i in range(rounds + 3):
        for candidate in candidates:
            candidate.update(i)
    margin = np.full(rows if classes == 2 else (rows, classes), 0.5, np.float32)  # unwritten zeros are one page of memory
    copy_in = seconds(lambda: arrays.to_device(margin), rounds)
    native = np.median(candidates[0].whole[3:])
    print(f"\n{rows} x {FEATURES}, {classes} classes, {kind}\n")
    print("| | ms per round | times built-in | objective | copy in | kernel and checks | boost and predict |")
    print("|---|---|---|---|---|---|---|")
    for candidate in candidates:
        whole = np.median(candidate.whole[3:])
        inside = np.median(candidate.inside[3:]) if candidate.inside else 0.0
        parts = " | | "
        if candidate.inside:
            on_host = "host" in candidate.name
            rest = " | " if on_host else f"{copy_in * 1e3:.2f} | {(inside - copy_in) * 1e3:.2f}"
            parts = f"{inside * 1e3:.2f} | {rest}"
        times = f"{whole * 1e3:.2f} | {whole / native:.3f}"
        print(f"| {candidate.name} | {times} | {parts} | {(whole - inside) * 1e3:.2f} |")
        MEASURED.append({
            "what": "round", "rows": rows, "task": task_of(classes), "columns": 1 if classes == 2 else classes,
            "candidate": candidate.name, "ms": whole * 1e3, "ratio": whole / native, "objective_ms": inside * 1e3,
        })  # fmt: skip


def task_of(classes: int) -> str:
    return "binary" if classes == 2 else "multi-class"


def cupy_focal(cupy: Any, z: Any, y: Any, gamma: Any) -> tuple[Any, Any]:
    p = 1 / (1 + cupy.exp(-z))
    t = cupy.where(y > 0, p, 1 - p)
    q = 1 - t
    log_t = cupy.log(t)
    focus = q**gamma
    gradient = focus * (gamma * t * log_t - q) * cupy.where(y > 0, cupy.float32(1), cupy.float32(-1))
    return gradient, t * focus * ((1 + 2 * gamma) * q - gamma * log_t * (gamma * t - q))


def kernel(rows: int, rounds: int, task: str = "binary", columns: int = 1) -> None:
    """``rows`` counts margins: the rows of a task with several columns are fewer."""
    rng = np.random.default_rng(0)
    shape = rows if task == "binary" else (rows // columns, columns)
    margin = rng.normal(-1, 3, shape).astype(np.float32)
    label = (rng.random(shape) < 0.05).astype(np.float32)
    if task == "multi-class":
        label = rng.integers(0, columns, len(margin)).astype(np.float32)
    on_gpu = arrays.to_device(margin), arrays.to_device(label)
    target = arrays.empty(margin.shape, np.float32)
    classes = columns if task == "multi-class" else None
    host = bi.focal_objective(2.0, hessian="exact", scale=1.0, device="cpu").bind(label, n_classes=classes)
    ours = bi.focal_objective(2.0, hessian="exact", scale=1.0).bind(on_gpu[1], n_classes=classes)
    copied = seconds(lambda: target.copy_to_device(on_gpu[0]), rounds)
    other = arrays.to_device(margin)
    contest = {
        "16 bytes per margin, copied on the GPU": lambda: (
            target.copy_to_device(on_gpu[0]),
            target.copy_to_device(other),
        ),
        "boost-imbalance": lambda: ours(on_gpu[0]),
        "the CPU engine": lambda: host(margin),
    }
    try:
        import cupy

        z, y = cupy.asarray(on_gpu[0]), cupy.asarray(on_gpu[1])
        if task == "binary":
            contest["CuPy"] = lambda: cupy_focal(cupy, z, y, cupy.float32(2))
    except ImportError:
        pass
    begun = time.perf_counter()
    contest["boost-imbalance"]()
    first = time.perf_counter() - begun
    print(f"\nFocal, gamma 2, exact, {task}, {' x '.join(map(str, margin.shape))}, launch and checks included")
    print(f"(a copy moves {8e-9 * margin.size / copied:.0f} GB/s; the first call, which compiles, takes {first:.2f} s)\n")
    print("| | ms | ns per margin |\n|---|---|---|")
    floor = None
    for name, work in contest.items():
        taken = seconds(work, rounds)
        floor = taken if floor is None else floor
        print(f"| {name} | {taken * 1e3:.3f} | {taken * 1e9 / margin.size:.3f} |")
        MEASURED.append({
            "what": "kernel", "rows": len(margin), "task": task, "columns": columns, "candidate": name,
            "ms": taken * 1e3, "ratio": taken / floor, "objective_ms": taken * 1e3,
        })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    if not arrays.is_usable():
        raise SystemExit(f"there is no GPU that numba-cuda finds; {arrays.REMEDY}")
    print(f"{machine()}; {cuda_name()}")
    for rows in options.rows:
        kernel(rows, options.rounds)
        for task, columns in (("multi-label", 10), ("multi-class", 10), ("multi-class", 100), ("multi-class", 1000)):
            kernel(rows, options.rounds, task, columns)
        for classes in (2, options.classes):
            training(rows, classes, options.rounds)
    if options.output is not None:
        shown = [{name: f"{one:.4g}" if isinstance(one, float) else one for name, one in row.items()} for row in MEASURED]
        results.write(options.output, [row | {"gpu": cuda_name(), "machine": machine()} for row in shown], note=cuda_name())


if __name__ == "__main__":
    main()
