"""Calls a kernel on device arrays: the functions of :mod:`boost_imbalance.kernels.cpu`, for a GPU."""

from __future__ import annotations

import functools
import math
import threading
import types
import warnings
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import cuda

from boost_imbalance.kernels.cache import bound
from boost_imbalance.kernels.cpu import template_name
from boost_imbalance.kernels.cuda import kernels
from boost_imbalance.kernels.cuda.arrays import as_matrix, current_gpu, to_device
from boost_imbalance.kernels.cuda.cache import keep
from boost_imbalance.kernels.cuda.simulator import interpreted
from boost_imbalance.kernels.loops import DERIVATIVES, LOSS, PROBABILITY
from boost_imbalance.kernels.pointwise import bindings_of
from boost_imbalance.kernels.program import BAD_LABEL, BAD_MARGIN, BAD_WEIGHT, Checks, Program

Array = npt.NDArray[Any]

_MOST_BLOCKS = 2048
"""A few for each multiprocessor of the largest GPU; each adds its counts to the same memory."""

_ONE_LANE = 32
"""Up to this many classes a thread takes a whole row: a warp's 32 rows then fit into the L1 cache."""


def gradient_hessian(
    program: Program,
    margin: Any,
    label: Any,
    weight: Any,
    coefficients: Array,
    out: tuple[Any, Any],
    *,
    softmax: bool,
    n_threads: int,
) -> Checks:
    """Write gradient and Hessian of ``margin`` (n,) or (n, columns) into the two arrays ``out`` of the same shape."""
    name = template_name(program, softmax)
    return _run(name, program, DERIVATIVES, margin, label, weight, coefficients, out, softmax)


def loss(
    program: Program,
    margin: Any,
    label: Any,
    weight: Any,
    coefficients: Array,
    out: Any,
    *,
    softmax: bool,
    n_threads: int,
) -> Checks:
    """Write the loss into ``out``: per row (binary, softmax) or per row and column (multi-label)."""
    name = "softmax_loss" if softmax else "sigmoid"
    return _run(name, program, LOSS, margin, label, weight, coefficients, (out, out), softmax)


def probability(program: Program, margin: Any, coefficients: Array, out: Any, *, softmax: bool, n_threads: int) -> Checks:
    """Write the calibrated probability of label 1, or of each class, into ``out``, of the shape of ``margin``."""
    name = "softmax_probability" if softmax else "sigmoid"
    return _run(name, program, PROBABILITY, margin, margin, None, coefficients, (out, out), softmax)


def misses(margin: Any, label: Any, weight: Any, coefficients: Array, *, softmax: bool, n_threads: int) -> Array:
    """Summed weight of misclassified rows: per class (1, classes) for a softmax, of label 0 and 1 (2, columns) else."""
    columns = coefficients.shape[1]
    name = "softmax_misses" if softmax else "sigmoid_misses"
    kernel = _kernel(name, Program(None), Variant(DERIVATIVES, weight is not None, False, 1), coefficients.dtype)
    found = _sums.take((2, columns))
    blocks = _blocks(len(margin) if softmax else len(margin) * columns, 1 if softmax else columns)
    _started(kernel, blocks)(*_inputs(margin, label, weight, coefficients), found)
    table = _sums.read(found)
    return table[kernels.TOTALS :] if softmax else table


def empty_like(array: Any) -> Any:
    """A device array of the same shape and format, with arbitrary contents."""
    return cuda.device_array(array.shape, array.dtype)


def total(array: Any) -> float:
    """The sum of all elements, in float64."""
    sums = _sums.take((2, 1))
    kernel = _kernel("total", Program(None), Variant(DERIVATIVES, False, False, 1), np.dtype(np.float64))
    _started(kernel, _blocks(array.size, 1))(as_matrix(array), sums)
    return float(_sums.read(sums)[kernels.TOTALS, 0])


class _Sums(threading.local):
    """Memory that kernels add to, 0 before each: to allocate it for every kernel takes longer than the kernel."""

    def __init__(self) -> None:
        self._idle: dict[int, dict[Any, Any]] = {}

    def take(self, shape: tuple[int, int]) -> Any:
        """An array of zeros on the current GPU; one whose kernel fails is not given back."""
        array = self._of_this_gpu().pop(shape, None)
        return cuda.to_device(np.zeros(shape)) if array is None else array

    def read(self, array: Any) -> Array:
        """What has been added up, once it has; then the array is 0 again and can be taken."""
        values = np.asarray(array.copy_to_host())
        array.copy_to_device(np.zeros(array.shape))
        self._of_this_gpu()[array.shape] = array
        return values

    def _of_this_gpu(self) -> Any:
        return self._idle.setdefault(current_gpu(), {})


_sums = _Sums()


def _run(
    name: str,
    program: Program,
    quantity: int,
    margin: Any,
    label: Any,
    weight: Any,
    coefficients: Array,
    out: tuple[Any, Any],
    softmax: bool,
) -> Checks:
    columns = coefficients.shape[1]
    lanes = 1 if columns <= _ONE_LANE or not softmax else 32
    matrix = softmax and quantity != PROBABILITY and label.ndim == 2
    kernel = _kernel(name, program, Variant(quantity, weight is not None, matrix, lanes), coefficients.dtype)
    checks = _sums.take((5, columns))
    blocks = _blocks(len(margin) * (lanes if softmax else columns), 1 if softmax else columns)
    _started(kernel, blocks)(*_inputs(margin, label, weight, coefficients), as_matrix(out[0]), as_matrix(out[1]), checks)
    seen = _sums.read(checks)  # waits for the kernel: what goes out is finished
    wrong = sum(
        flag
        for flag, row in ((BAD_MARGIN, kernels.MARGINS), (BAD_LABEL, kernels.LABELS), (BAD_WEIGHT, kernels.WEIGHTS))
        if seen[row, 0]
    )
    return Checks(seen[kernels.ONES], seen[kernels.TOTALS], wrong)


def _started(kernel: Any, blocks: int) -> Any:
    """The kernel on so many blocks, without numba's advice to give a GPU more work than there is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", numba.errors.NumbaPerformanceWarning)
        return kernel[blocks, kernels.THREADS]


def _inputs(margin: Any, label: Any, weight: Any, coefficients: Array) -> tuple[Any, ...]:
    label = as_matrix(label)
    weight = label if weight is None else as_matrix(weight)  # unread where there is none
    return as_matrix(margin), label, weight, to_device(coefficients)


def _blocks(threads: int, columns: int) -> int:
    """How many blocks to start for so many threads, each of which must stay in one of the columns."""
    wanted = min(_MOST_BLOCKS, -(-threads // kernels.THREADS))
    multiple = columns // math.gcd(columns, kernels.THREADS)
    return -(-wanted // multiple) * multiple


class Variant(NamedTuple):
    """What a kernel is compiled for, beside its program."""

    quantity: int
    weighted: bool
    matrix: bool
    """Whether the labels of a softmax are a share for each class."""
    lanes: int


@functools.cache
def _kernel(name: str, program: Program, variant: Variant, format: Any) -> Any:
    """The kernel of this name with its program bound; numba compiles it for the types that it meets."""
    kind = np.dtype(format).type
    names: dict[str, Any] = {
        "KIND": kind, "LARGEST": kind(2.0**120), "LIMIT": kind(98) / kind(100), "QUANTITY": variant.quantity,
        "WEIGHTED": variant.weighted, "MATRIX": variant.matrix, "LANES": variant.lanes,
    }  # fmt: skip
    names |= bindings_of(program, _on_device)
    for helper in kernels.HELPERS:
        names[helper.__name__] = _device_function(bound(helper, helper.__name__, names))
    kernel = cuda.jit(bound(getattr(kernels, name), name, names))
    if numba.config.ENABLE_CUDASIM:
        return kernel
    flags = "_".join(str(int(flag)) for flag in variant)
    return keep(kernel, f"cuda_{name}_{flags}_{np.dtype(format).name}_{program.name}")


def _on_device(function: Any) -> Any:
    """A device function of a scalar function and of all that it calls, without the fast division of CPU options."""
    if numba.config.ENABLE_CUDASIM:
        return interpreted(function)
    return _compiled_for_device(getattr(function, "py_func", function))


@functools.cache
def _compiled_for_device(function: Any) -> Any:
    called = {
        name: _compiled_for_device(function.__globals__[name].py_func)
        for name in function.__code__.co_names
        if hasattr(function.__globals__.get(name), "py_func")
    }
    return _device_function(types.FunctionType(function.__code__, {**function.__globals__, **called}, function.__name__))


def _device_function(function: Any) -> Any:
    return cuda.jit(device=True)(function)
