"""Output arrays that are used again from round to round, once nobody looks at them any more."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from boost_imbalance.types import Array

_KEPT = 2


def _references(pool: list[Any]) -> list[int]:
    """How many references each object has; a view counts as one to the array that owns the memory."""
    return [sys.getrefcount(pool[i]) for i in range(len(pool))]


_FROM_THE_POOL_ALONE = _references([object()])[0]


class Buffers(threading.local):
    """A pool for each thread."""

    def __init__(self) -> None:
        self.pool: list[Array] = []

    def take(self, shape: tuple[int, ...], order: str) -> tuple[Array, Array]:
        """Two float32 arrays of ``shape``, in C or F order, with arbitrary contents."""
        size = shape[0] * shape[1] if len(shape) == 2 else shape[0]
        pool, references = self.pool, sys.getrefcount
        for i in range(len(pool)):
            if size <= pool[i].shape[1] <= 2 * size and references(pool[i]) <= _FROM_THE_POOL_ALONE:
                base = pool[i]
                break
        else:
            held = [pool[i] for i in range(len(pool)) if references(pool[i]) > _FROM_THE_POOL_ALONE]
            base = np.empty((2, size), np.float32)
            self.pool = [*held[-(_KEPT - 1) :], base]
        first, second = base[0, :size], base[1, :size]
        if order == "F":
            return first.reshape(shape[::-1]).T, second.reshape(shape[::-1]).T
        return first.reshape(shape), second.reshape(shape)
