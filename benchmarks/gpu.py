"""XGBoost on a GPU: time per round beside the built-in objectives, by part, and the kernel beside memory, CPU and CuPy.

python benchmarks/gpu.py [--rows 1000000 10000000] [--rounds 50] [--classes 10]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import machine

import boost_imbalance as bi
from boost_imbalance._engine.cuda import arrays

FEATURES, DEPTH = 28, 6


def data(rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, FEATURES)).astype(np.float32)
    signal = X[:, 0] * X[:, 1] + X[:, 2] + rng.logistic(size=rows).astype(np.float32)
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


def rounds_of(matrix: Any, params: dict[str, Any], rounds: int, objective: Any = None) -> tuple[float, float]:
    """Median seconds of a boosting round, and of the objective within it."""
    import xgboost as xgb

    inside: list[float] = []

    def timed(margin: Any, dtrain: Any) -> Any:
        begun = time.perf_counter()
        answer = objective(margin, dtrain)
        inside.append(time.perf_counter() - begun)
        return answer

    booster = xgb.Booster({"device": "cuda", "tree_method": "hist", "max_depth": DEPTH, **params}, [matrix])
    whole = []
    for i in range(rounds + 3):
        begun = time.perf_counter()
        booster.update(matrix, i, fobj=None if objective is None else timed)
        whole.append(time.perf_counter() - begun)
    return float(np.median(whole[3:])), float(np.median(inside[3:])) if inside else 0.0


def training(rows: int, classes: int, rounds: int) -> None:
    import xgboost as xgb

    X, y = data(rows, classes)
    try:
        import cupy

        X, label, kind = cupy.asarray(X), cupy.asarray(y), "a QuantileDMatrix from CuPy"
    except ImportError:
        label, kind = y, "a QuantileDMatrix from the host"
    matrix = xgb.QuantileDMatrix(X, label)
    plain = bi.focal_objective(0.0)
    params = plain.xgboost_params(y)
    print(f"\n{rows} x {FEATURES}, {classes} classes, {kind}\n")
    print("| | ms per round | times built-in | objective | copy in | kernel, copies out | boost and predict |")
    print("|---|---|---|---|---|---|---|")
    native, _ = rounds_of(matrix, params, rounds)
    print(f"| built-in | {native * 1e3:.2f} | 1.000 | | | | {native * 1e3:.2f} |")
    shape = rows if classes == 2 else (rows, classes)
    margin = np.zeros(shape, np.float32)
    copy_in = seconds(lambda: arrays.to_device(margin), rounds)
    for name, objective in {
        "focusing 0": plain,
        "focal, gamma 2": bi.focal_objective(2.0),
        "focusing 0, on the host": bi.focal_objective(0.0, device="cpu"),
    }.items():
        whole, inside = rounds_of(matrix, {**params, **objective.xgboost_params(y)}, rounds, objective)
        parts = "| | " if "host" in name else f"| {copy_in * 1e3:.2f} | {(inside - copy_in) * 1e3:.2f} "
        shares = f"{whole * 1e3:.2f} | {whole / native:.3f} | {inside * 1e3:.2f}"
        print(f"| {name} | {shares} {parts}| {(whole - inside) * 1e3:.2f} |")


def cupy_focal(cupy: Any, z: Any, y: Any, gamma: Any) -> tuple[Any, Any]:
    p = 1 / (1 + cupy.exp(-z))
    t = cupy.where(y > 0, p, 1 - p)
    q = 1 - t
    log_t = cupy.log(t)
    focus = q**gamma
    gradient = focus * (gamma * t * log_t - q) * cupy.where(y > 0, cupy.float32(1), cupy.float32(-1))
    return gradient, t * focus * ((1 + 2 * gamma) * q - gamma * log_t * (gamma * t - q))


def kernel(rows: int, rounds: int) -> None:
    rng = np.random.default_rng(0)
    margin, label = rng.normal(-1, 3, rows).astype(np.float32), (rng.random(rows) < 0.05).astype(np.float32)
    on_gpu = arrays.to_device(margin), arrays.to_device(label)
    target = arrays.empty((rows,), np.float32)
    host = bi.focal_objective(2.0, hessian="exact", device="cpu")
    ours = bi.focal_objective(2.0, hessian="exact")
    copied = seconds(lambda: target.copy_to_device(on_gpu[0]), rounds)
    contest = {
        "16 bytes per margin, copied on the GPU": lambda: (
            target.copy_to_device(on_gpu[0]),
            target.copy_to_device(on_gpu[1]),
        ),
        "boost-imbalance": lambda: ours(on_gpu[1], on_gpu[0]),
        "the CPU engine": lambda: host(label, margin),
    }
    try:
        import cupy

        z, y = cupy.asarray(on_gpu[0]), cupy.asarray(on_gpu[1])
        contest["CuPy"] = lambda: cupy_focal(cupy, z, y, cupy.float32(2))
    except ImportError:
        pass
    print(f"\nBinary focal, gamma 2, exact, {rows} rows; a copy moves {8e-9 * rows / copied:.0f} GB/s\n")
    print("| | ms | ns per margin |\n|---|---|---|")
    for name, work in contest.items():
        taken = seconds(work, rounds)
        print(f"| {name} | {taken * 1e3:.3f} | {taken * 1e9 / rows:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--classes", type=int, default=10)
    options = parser.parse_args()
    if not arrays.is_usable():
        raise SystemExit(f"there is no GPU that numba-cuda finds; {arrays.REMEDY}")
    print(machine())
    for rows in options.rows:
        kernel(rows, options.rounds)
        for classes in (2, options.classes):
            training(rows, classes, options.rounds)


if __name__ == "__main__":
    main()
