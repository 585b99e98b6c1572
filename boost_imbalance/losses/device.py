"""What a training on a GPU keeps there from round to round: copies of the host's labels and weights, and its outputs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.kernels.threads import meanwhile, part_count, run_parts
from boost_imbalance.types import Array

_KEPT = 2
_SMALLEST_PART = 1 << 17
"""So many rows are compared in less time than it takes to hand them to a thread."""


class Copies:
    """Host arrays on the GPU, copied again where their contents have changed."""

    def __init__(self, n_threads: int = 1) -> None:
        self.n_threads = n_threads
        self._kept: dict[str, tuple[Array, Any]] = {}

    def compared(self, **given: Any) -> Callable[[], list[Any]]:
        """Begin to compare these with what is kept; what is returned waits for it, and gives the device's copies of all."""
        same = meanwhile(lambda: {name: self._is_kept(name, array) for name, array in given.items()}, self.n_threads)

        def copies() -> list[Any]:
            unchanged = same()
            return [self._copy(name, array, unchanged[name]) for name, array in given.items()]

        return copies

    def _is_kept(self, name: str, array: Any) -> bool:
        if array is None or arrays.is_on_device(array):
            return False
        kept = self._kept.get(name)
        return kept is not None and _equal(kept[0], array, self.n_threads)

    def _copy(self, name: str, array: Any, unchanged: bool) -> Any:
        """A device array with the contents of ``array``; one that is on the device already as it is."""
        if array is None or arrays.is_on_device(array):
            return None if array is None else arrays.view(array)
        if not unchanged:
            # The library may write new labels where the old ones were: a host copy is what they are compared with.
            self._kept[name] = np.array(array), arrays.to_device(array)
        return self._kept[name][1]


def _equal(first: Array, second: Array, n_threads: int) -> bool:
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    differ = np.zeros((part_count(len(first), n_threads, _SMALLEST_PART), 1), bool)
    run_parts(_compare, (first, second), (), differ, len(first), n_threads)
    return not differ.any()


def _compare(first: Array, second: Array, start: int, stop: int, differ: Array) -> None:
    differ[0] = not np.array_equal(first[start:stop], second[start:stop])


class DeviceBuffers(threading.local):
    """Memory of one GPU that is used again: of outputs once nobody refers to them any more, and of margins from the host.

    XGBoost may still be reading outputs, on its own stream, when it has let go of them. It is done before it can give the
    next margins, which it copies to the host on that stream.
    """

    def __init__(self) -> None:
        self._pool: list[Any] = []
        self._unheld: int | None = None
        self._margin: Any = None
        self._margin_format: Any = None
        self._table: tuple[Any, Any] = (None, None)

    def take(self, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Two float32 arrays of ``shape`` with arbitrary contents."""
        taken: list[Any] = []
        if self._unheld is None:
            self._unheld = _references([arrays.empty((1,), np.float32)], 0)
        idle = [_references(self._pool, i) <= self._unheld for i in range(len(self._pool))]
        for i, array in enumerate(self._pool):
            if len(taken) < 2 and idle[i] and array.shape == shape:
                taken.append(array)
        while len(taken) < 2:
            self._pool.append(arrays.empty(shape, np.float32))
            taken.append(self._pool[-1])
        del self._pool[: -2 * _KEPT]
        return taken[0], taken[1]

    def table(self, host: Array) -> Any:
        """A copy of coefficients, which stay the same array until they change."""
        if self._table[0] is not host:
            self._table = host, arrays.to_device(host)
        return self._table[1]

    def margin(self, host: Array) -> Any:
        """A copy of margins, valid until the next one: a call has finished with it when it returns."""
        order = "F" if host.flags.f_contiguous and not host.flags.c_contiguous else "C"
        wanted = host.shape, host.dtype, order
        if wanted != self._margin_format:
            self._margin, self._margin_format = arrays.empty(host.shape, host.dtype, order), wanted
        self._margin.copy_to_device(host)
        return self._margin


def _references(pool: list[Any], i: int) -> int:
    """How many references there are to an array, and, by views, to its memory."""
    memory = getattr(pool[i], "gpu_data", None)
    if memory is None:  # the simulator's arrays are NumPy's
        return sys.getrefcount(pool[i]) + sys.getrefcount(pool[i]._ary)
    return sys.getrefcount(pool[i]) + sys.getrefcount(memory) + int(memory.refct)  # a reshaped array has the same memory
