"""Rows of many columns in one order and a few at a time, so that what belongs together stays in the processor's cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from boost_imbalance.kernels import threads
from boost_imbalance.kernels.cuda.arrays import is_on_device
from boost_imbalance.kernels.program import Checks, Program
from boost_imbalance.types import Array

_LEAST_COLUMNS = 256
_PAGE = 4096


def in_order_of(margin: Array, array: Array | None) -> Array | None:
    """Labels or weights of rows and columns, as the margins lie in memory."""
    if array is None or array.ndim == 1 or is_on_device(array):
        return array
    return np.asarray(array, order="F" if margin.flags.f_contiguous and not margin.flags.c_contiguous else "C")


def rows_at_once(margin: Array) -> int | None:
    """How many rows of a sigmoid's margins to hand to a kernel, which goes down their columns; None for all.

    One column of rows that lie one after the other takes a line of cache for each number. The lines have to be there still
    for the next columns; rows a page apart, or several, share a few places in the cache.
    """
    if margin.ndim != 2 or not margin.flags.c_contiguous or margin.shape[1] < _LEAST_COLUMNS:
        return None
    return 32 if margin.strides[0] % _PAGE == 0 else 128


def gradient_hessian(
    engine: Any, program: Program, margin: Array, label: Array, weight: Array | None, coefficients: Array,
    out: tuple[Array, Array], rows: int, n_threads: int,
) -> Checks:  # fmt: skip
    """As of :mod:`boost_imbalance.kernels.cpu`, of so many rows at once."""
    n, columns = margin.shape
    parts = threads.part_count(n, n_threads, rows)
    counts, totals, wrong = np.zeros((parts, columns)), np.zeros((parts, columns)), np.zeros(parts, np.int64)

    def part(start: int, stop: int, index: int) -> None:
        for i in range(start, stop, rows):
            at = slice(i, min(i + rows, stop))
            checks = engine.gradient_hessian(
                program, margin[at], label[at], None if weight is None else weight[at], coefficients,
                (out[0][at], out[1][at]), softmax=False, n_threads=1,
            )  # fmt: skip
            counts[index] += checks.counts
            totals[index] += checks.totals
            wrong[index] |= checks.wrong

    threads.run_parts(part, (), (), list(range(parts)), n, n_threads)
    return Checks(counts.sum(axis=0), totals.sum(axis=0), int(np.bitwise_or.reduce(wrong)))
