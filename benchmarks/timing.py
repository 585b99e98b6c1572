"""Interleaved timings: every candidate once a round, so that a slow moment of the machine hits all of them."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import time
from collections.abc import Callable

import numpy as np


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate."""
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for candidate in candidates.values():
        candidate()
    for _ in range(rounds):
        for name, candidate in candidates.items():
            begun = time.perf_counter()
            candidate()
            taken[name].append(time.perf_counter() - begun)
    return {name: float(np.median(seconds)) for name, seconds in taken.items()}


def machine() -> str:
    """The computer and what runs on it."""
    return f"{hardware()}; {versions()}"


def hardware() -> str:
    """Processor, SIMD width and core count, as far as they can be told."""
    import numba

    from boost_imbalance.kernels.threads import default_threads

    features = numba.core.codegen.get_host_cpu_features()
    width = 512 if "+avx512f" in features else 256 if "+avx2" in features else 128
    return f"{platform.machine()}, {width}-bit SIMD, {default_threads()} cores"


def versions() -> str:
    """Of Python and of the installed packages that a measurement depends on."""
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "numba", "xgboost", "lightgbm"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)
