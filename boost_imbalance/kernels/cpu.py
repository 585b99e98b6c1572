"""Calls a compiled loop on NumPy arrays of any shape, order and format."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels import loops
from boost_imbalance.kernels.cache import inlined, specialise
from boost_imbalance.kernels.loops import Strided
from boost_imbalance.kernels.pointwise import bindings_of
from boost_imbalance.kernels.program import Checks, Program
from boost_imbalance.kernels.threads import part_count, run_parts

Array = npt.NDArray[Any]

_SMALLEST_PART = 16384


def template_name(program: Program, softmax: bool) -> str:
    """Which loop or kernel gives gradient and Hessian."""
    if not softmax:
        return "sigmoid"
    assert program.formula is not None
    assert program.curvature is not None
    all_classes = program.formula.all_classes or program.curvature.expected or program.soft
    return "softmax_gradient_hessian_of_all_classes" if all_classes else "softmax_gradient_hessian"


def gradient_hessian(
    program: Program,
    margin: Array,
    label: Array,
    weight: Array | None,
    coefficients: Array,
    out: tuple[Array, Array],
    *,
    softmax: bool,
    n_threads: int,
) -> Checks:
    """Write gradient and Hessian of ``margin`` (n,) or (n, columns) into the two arrays ``out`` of the same shape.

    The format of ``coefficients`` is the one that is computed in, whatever those of the arrays.
    """
    name = template_name(program, softmax)
    return _run(name, program, loops.DERIVATIVES, margin, label, weight, coefficients, out, n_threads)


def loss(
    program: Program,
    margin: Array,
    label: Array,
    weight: Array | None,
    coefficients: Array,
    out: Array,
    *,
    softmax: bool,
    n_threads: int,
) -> Checks:
    """Write the loss into ``out``: per row (binary, softmax) or per row and column (multi-label)."""
    name = "softmax_loss" if softmax else "sigmoid"
    return _run(name, program, loops.LOSS, margin, label, weight, coefficients, (out, out), n_threads)


def probability(
    program: Program, margin: Array, coefficients: Array, out: Array, *, softmax: bool, n_threads: int
) -> Checks:
    """Write the calibrated probability of label 1, or of each class, into ``out``, of the shape of ``margin``."""
    name = "softmax_probability" if softmax else "sigmoid"
    return _run(name, program, loops.PROBABILITY, margin, margin, None, coefficients, (out, out), n_threads)


def misses(
    margin: Array, label: Array, weight: Array | None, coefficients: Array, *, softmax: bool, n_threads: int
) -> Array:
    """Summed weight of misclassified rows: per class (1, classes) for a softmax, of label 0 and 1 (2, columns) else."""
    template = loops.softmax_misses if softmax else loops.sigmoid_misses
    arrays = _strided((margin, label, _NO_WEIGHT if weight is None else weight), read_only=3)
    coefficients = np.ascontiguousarray(coefficients)
    kernel = _misses_kernel(template, tuple(array.values.dtype for array in arrays), coefficients.dtype, weight is not None)
    count = part_count(margin.shape[0], n_threads, _SMALLEST_PART)
    parts = np.zeros((count, 1 if softmax else 2, coefficients.shape[1]))
    run_parts(kernel, (*arrays, coefficients), (), parts, margin.shape[0], n_threads)
    return np.asarray(parts.sum(axis=0))


def empty_like(array: Array) -> Array:
    """An array of the same shape, format and order, with arbitrary contents."""
    return np.empty_like(array)


def total(array: Array) -> float:
    """The sum of all elements, in float64."""
    return float(array.sum(dtype=np.float64))


_NO_WEIGHT = np.empty(0, np.float32)


def _run(
    name: str,
    program: Program,
    quantity: int,
    margin: Array,
    label: Array,
    weight: Array | None,
    coefficients: Array,
    out: tuple[Array, Array],
    n_threads: int,
) -> Checks:
    columns, rows = coefficients.shape[1], margin.shape[0]
    first_out = out[0]
    contiguous = (
        quantity == loops.DERIVATIVES
        and name == "sigmoid"
        and margin.strides[0] == margin.itemsize
        and label.strides[0] == label.itemsize
        and first_out.strides[0] == first_out.itemsize
        and margin.dtype == coefficients.dtype == first_out.dtype
    )
    variant = Variant(quantity, weight is not None, contiguous, label.ndim == 2 and name.startswith("softmax_"))
    weight = _NO_WEIGHT if weight is None else weight
    formats = margin.dtype, label.dtype, weight.dtype, coefficients.dtype, first_out.dtype
    kernel = _kernel(name, program, variant, formats)
    *inputs, first, second = _strided((margin, label, weight, *out), read_only=3)
    count = part_count(rows, n_threads, max(1, _SMALLEST_PART // columns))
    checks = np.zeros((count, 3, columns))
    run_parts(kernel, (*inputs, np.ascontiguousarray(coefficients)), (first, second), checks, rows, n_threads)
    if count == 1:
        return Checks(checks[0, 0], checks[0, 1], int(checks[0, 2, 0]))
    wrong = np.bitwise_or.reduce(checks[:, 2, 0].astype(np.int64))
    return Checks(checks[:, 0].sum(axis=0), checks[:, 1].sum(axis=0), int(wrong))


class Variant(NamedTuple):
    """What a loop is compiled for, beside its program."""

    quantity: int
    weighted: bool
    contiguous: bool
    matrix: bool
    """Whether the labels of a softmax are a share for each class."""


@functools.cache
def _kernel(name: str, program: Program, variant: Variant, formats: tuple[Any, ...]) -> Any:
    *inputs, coefficients, output = formats
    out = _strided_type(output, readonly=False)
    signature = numba.void(
        *(_strided_type(kind) for kind in inputs), _table_type(coefficients), numba.intp, numba.intp, out, out, _MATRIX
    )
    bindings = bindings_of(program, inlined) | {
        "QUANTITY": variant.quantity,
        "WEIGHTED": variant.weighted,
        "CONTIGUOUS": variant.contiguous,
        "MATRIX": variant.matrix,
    }
    flags = "".join(str(int(flag)) for flag in variant)
    return specialise(getattr(loops, name), f"{name}_{flags}_{program.name}", signature, **bindings)


def forget() -> None:
    """Ask the disk for each kernel again."""
    _kernel.cache_clear()
    _misses_kernel.cache_clear()


@functools.cache
def _misses_kernel(template: Any, formats: tuple[Any, ...], coefficients: Any, weighted: bool) -> Any:
    signature = numba.void(
        *(_strided_type(kind) for kind in formats), _table_type(coefficients), numba.intp, numba.intp, _MATRIX
    )
    return specialise(template, f"{template.__name__}{'_weighted' if weighted else ''}", signature, WEIGHTED=weighted)


_MATRIX = numba.types.Array(numba.float64, 2, "C")


def _strided_type(kind: Any, readonly: bool = True) -> Any:
    values = numba.types.Array(numba.from_dtype(kind), 1, "C", readonly=readonly)
    return numba.types.NamedTuple([values, numba.intp, numba.intp], Strided)


def _table_type(kind: Any) -> Any:
    return numba.types.Array(numba.from_dtype(kind), 2, "C", readonly=True)


def _strided(arrays: tuple[Array, ...], read_only: int) -> list[Strided]:
    """The arrays flat, copied where their memory has gaps, with strides in elements; 0 for a column that is not there."""
    found = []
    for i, array in enumerate(arrays):
        if not array.flags.c_contiguous and not array.flags.f_contiguous:
            array = np.ascontiguousarray(array)
        values = array.reshape(-1, order="A")
        if i < read_only:
            values.flags.writeable = False  # numba takes a tuple of arrays by their exact type
        strides, size = array.strides, array.itemsize
        found.append(Strided(values, strides[0] // size, strides[1] // size if len(strides) > 1 else 0))
    return found
