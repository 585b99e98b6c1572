"""Keeps the GPU's machine code on disk, beside the CPU's: NVIDIA's compiler takes seconds for a kernel."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import pathlib
from typing import Any

from boost_imbalance.kernels import cache


def keep(dispatcher: Any, name: str) -> Any:
    """A kernel that looks for its machine code on disk, filed under ``name``, before it compiles, and leaves it there."""
    dispatcher._cache = Disk(name)
    return dispatcher


class Disk(cache.Disk):
    """The files of one kernel for a GPU. A file holds code for the compute capability that its name knows."""

    def save_overload(self, signature: Any, result: Any) -> None:
        """See :class:`boost_imbalance.kernels.cache.Disk`."""
        super().save_overload(signature, result)
        cache.kernels.append(cache.Kernel(self.name, self.file, compiled=True))

    def _rebuilt(self, state: Any, context: Any) -> Any:
        from numba.cuda.dispatcher import _Kernel

        kernel = _Kernel._rebuild(**state)
        cache.kernels.append(cache.Kernel(self.name, None, compiled=False))
        return kernel

    def _reduced(self, result: Any) -> Any:
        return result._reduce_states()

    def _target(self, context: Any) -> tuple[Any, ...]:
        import numba
        from numba import cuda

        capability = tuple(cuda.get_current_device().compute_capability)
        return "cuda", capability, _sources(), numba.__version__, importlib.metadata.version("numba-cuda")


@functools.cache
def _sources() -> str:
    digest = hashlib.sha256()
    for source in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
