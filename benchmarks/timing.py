"""Interleaved timings: every candidate once a round, so that a slow moment of the machine hits all of them."""

from __future__ import annotations

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
    """Processor, SIMD width and core count, as far as they can be told."""
    import numba

    from boost_imbalance.kernels.threads import default_threads

    features = numba.core.codegen.get_host_cpu_features()
    width = 512 if "+avx512f" in features else 256 if "+avx2" in features else 128
    versions = f"Python {platform.python_version()}, numba {numba.__version__}, numpy {np.__version__}"
    return f"{platform.machine()}, {width}-bit SIMD, {default_threads()} cores; {versions}"
