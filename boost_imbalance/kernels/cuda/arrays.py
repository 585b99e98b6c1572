"""Arrays in a GPU's memory: known by ``__cuda_array_interface__``, seen without a copy, copied either way.

Kernels run on the legacy default stream, one at a time, and every call waits for its own. An array of someone else's stream
is waited for when it is taken; what goes out is finished, and can be read on any stream.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

REMEDY = "install numba-cuda with pip install 'boost-imbalance[cuda]', on a machine whose GPU and driver it can use"


def is_on_device(value: Any) -> bool:
    """Whether an array is in a GPU's memory; imports nothing."""
    return hasattr(value, "__cuda_array_interface__") or hasattr(value, "__cuda_ndarray__")


@functools.cache
def is_usable() -> bool:
    """Whether numba-cuda is installed and finds a GPU, or simulates one."""
    if importlib.util.find_spec("numba_cuda") is None:  # what numba itself still brings is older
        return False
    from numba import config, cuda

    if not cuda.is_available():
        return False
    if not config.ENABLE_CUDASIM:
        import_compiler()
    return True


def import_compiler() -> None:
    """Import numba-cuda's compiler, whose versions up to 0.30 ask NumPy for a name that is gone from 2.5 on."""
    if hasattr(np, "row_stack"):
        return
    vars(np)["row_stack"] = np.vstack  # lent for the import alone: other code asks whether it is there
    try:
        importlib.import_module("numba.cuda.cudaimpl")
    finally:
        del vars(np)["row_stack"]


def view(value: Any) -> Any:
    """A numba device array over the memory of any device array, once what its stream still does to it is done."""
    from numba import cuda

    return value if hasattr(value, "__cuda_ndarray__") else cuda.as_cuda_array(value)


def to_device(array: Any) -> Any:
    """A copy of a host array on the GPU; a device array as it is."""
    from numba import cuda

    if is_on_device(array):
        return view(array)
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    return cuda.to_device(array if contiguous else np.ascontiguousarray(array))


def to_host(array: Any) -> Array:
    """A NumPy array with the contents of a device array; a host array as it is."""
    if not is_on_device(array):
        return np.asarray(array)
    if is_usable():
        return np.asarray(view(array).copy_to_host())
    for copy in ("to_numpy", "get"):  # cuDF and CuPy copy themselves
        if hasattr(array, copy):
            return np.asarray(getattr(array, copy)())
    return np.asarray(array)


def like(result: Any, original: Any) -> Any:
    """A result where ``original`` is: as CuPy for CuPy arrays, sharing memory; as NumPy for what is on the host."""
    if not is_on_device(original) or not is_usable():
        return to_host(result)
    if type(original).__module__.partition(".")[0] == "cupy":
        return sys.modules["cupy"].asarray(result)
    return to_device(result)


def column(array: Any) -> Any:
    """The only column of an array of shape (n, 1), as (n,)."""
    if not hasattr(array, "gpu_data"):
        return array[:, 0]
    # numba's own slicing goes through the rows one by one where they are not next to each other.
    return type(array)(array.shape[:1], array.strides[:1], array.dtype, stream=array.stream, gpu_data=array.gpu_data)


def current_gpu() -> int:
    """The ordinal of the GPU that arrays are made on."""
    from numba import cuda

    return int(getattr(cuda.get_current_device(), "id", 0))  # the simulated one has none


def on_gpu(ordinal: int) -> Any:
    """A context in which that GPU is the current one."""
    from numba import cuda

    return cuda.gpus[ordinal]


def empty(shape: tuple[int, ...], dtype: Any, order: str = "C") -> Any:
    """A device array with arbitrary contents."""
    from numba import cuda

    return cuda.device_array(shape, dtype, order=order)


def as_matrix(array: Any) -> Any:
    """(n,) as (n, 1), sharing memory."""
    if array.ndim == 2:
        return array
    if array.strides[0] == array.dtype.itemsize:
        return array.reshape(len(array), 1)
    from numba.cuda.cudadrv.devicearray import DeviceNDArray

    strides = (array.strides[0], array.dtype.itemsize)
    return DeviceNDArray((len(array), 1), strides, array.dtype, stream=array.stream, gpu_data=array.gpu_data)
