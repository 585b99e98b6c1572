"""A simulator of few threads."""

import numba
import numpy as np
import pytest

SIMULATED = bool(numba.config.ENABLE_CUDASIM)


@pytest.fixture(autouse=True, scope="module")
def _fewer_threads_in_the_simulator():
    """Each is a thread of the host there; with this many, two rows of a warp each still share a block."""
    pytest.importorskip("numba.cuda")
    from boost_imbalance.kernels.cuda import kernels, runner

    with pytest.MonkeyPatch.context() as patch:
        if SIMULATED:
            patch.setattr(kernels, "THREADS", 64)
            runner._kernel.cache_clear()
        yield
    runner._kernel.cache_clear()


@pytest.fixture(autouse=True)
def _views_in_the_simulator(monkeypatch):
    if SIMULATED:  # whose device memory is the host's
        from numba import cuda

        class View:
            def __init__(self, owner):
                self.owner, self.__array_interface__ = owner, owner.__cuda_array_interface__

        simulated = cuda.simulator.cudadrv.devicearray.FakeCUDAArray
        monkeypatch.setattr(cuda, "as_cuda_array", lambda value: simulated(np.asarray(View(value))), raising=False)
