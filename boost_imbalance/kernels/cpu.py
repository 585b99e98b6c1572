"""Calls a compiled loop on NumPy arrays of any shape, order and format."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels import loops
from boost_imbalance.kernels.cache import inlined, specialise
from boost_imbalance.kernels.pointwise import bindings_of
from boost_imbalance.kernels.threads import part_count, run_parts

Array = npt.NDArray[Any]

BAD_MARGIN, BAD_LABEL, BAD_WEIGHT = loops.BAD_MARGIN, loops.BAD_LABEL, loops.BAD_WEIGHT
Row = loops.Row
_SMALLEST_PART = 16384


def template_name(formula: Any, curvature: Any, softmax: bool) -> str:
    """Which loop or kernel gives gradient and Hessian."""
    if not softmax:
        return "sigmoid_gradient_hessian"
    all_classes = formula.negatives_in_softmax or curvature.expected
    return "softmax_gradient_hessian_of_all_classes" if all_classes else "softmax_gradient_hessian"


class Checks(NamedTuple):
    """What a pass over the data saw: labels per column, their summed weight, and what was wrong (``BAD_...`` flags)."""

    counts: Array
    totals: Array
    wrong: int


def gradient_hessian(
    formula: Any,
    curvature: Any,
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
    template = getattr(loops, template_name(formula, curvature, softmax))
    return _run(template, formula, curvature, margin, label, weight, coefficients, out, n_threads)


def loss(
    formula: Any,
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
    template = loops.softmax_loss if softmax else loops.sigmoid_loss
    return _run(template, formula, None, margin, label, weight, coefficients, (out, out), n_threads)


def probability(formula: Any, margin: Array, coefficients: Array, out: Array, *, softmax: bool, n_threads: int) -> Checks:
    """Write the calibrated probability of label 1, or of each class, into ``out``, of the shape of ``margin``."""
    template = loops.softmax_probability if softmax else loops.sigmoid_probability
    return _run(template, formula, None, margin, margin, None, coefficients, (out, out), n_threads)


def misses(
    margin: Array, label: Array, weight: Array | None, coefficients: Array, *, softmax: bool, n_threads: int
) -> Array:
    """Summed weight of misclassified rows: per class (1, classes) for a softmax, of label 0 and 1 (2, columns) else."""
    template = loops.softmax_misses if softmax else loops.sigmoid_misses
    arrays = _Inputs.of(margin, label, weight, coefficients)
    kernel = _misses_kernel(template, arrays.formats, weight is not None)
    count = part_count(margin.shape[0], n_threads, _SMALLEST_PART)
    parts = np.zeros((count, 1 if softmax else 2, arrays.columns))

    def part(index: int, start: int, stop: int) -> None:
        kernel(*arrays.flat, start, stop, parts[index])

    run_parts(part, margin.shape[0], count, n_threads)
    return np.asarray(parts.sum(axis=0))


def empty_like(array: Array) -> Array:
    """An array of the same shape, format and order, with arbitrary contents."""
    return np.empty_like(array)


def total(array: Array) -> float:
    """The sum of all elements, in float64."""
    return float(array.sum(dtype=np.float64))


def evaluate(formula: Any, t: Array, shape: Array) -> Array:
    """The formula's terms (2, 5, n) over log-odds ``t``, float64 (n,); ``shape`` is a1, b1, a0, b0."""
    t = np.ascontiguousarray(t, dtype=np.float64)
    terms = np.empty((2, 5, len(t)))
    _evaluate_kernel(formula)(t, *map(float, shape), terms)
    return terms


class _Inputs(NamedTuple):
    """The arguments that every loop over rows begins with."""

    flat: tuple[Any, ...]
    formats: tuple[Any, ...]
    columns: int

    @classmethod
    def of(cls, margin: Array, label: Array, weight: Array | None, coefficients: Array) -> _Inputs:
        margin, label = _flattenable(margin), _flattenable(label)
        weight = np.empty(0, np.float32) if weight is None else _flattenable(weight)
        coefficients = np.ascontiguousarray(coefficients)
        flat = (
            margin.ravel(order="K"), *_strides(margin),
            label.ravel(order="K"), *_strides(label),
            weight.ravel(order="K"), *_strides(weight),
            coefficients,
        )  # fmt: skip
        return cls(flat, (margin.dtype, label.dtype, weight.dtype, coefficients.dtype), coefficients.shape[1])


def _run(
    template: Any,
    formula: Any,
    curvature: Any,
    margin: Array,
    label: Array,
    weight: Array | None,
    coefficients: Array,
    out: tuple[Array, Array],
    n_threads: int,
) -> Checks:
    inputs = _Inputs.of(margin, label, weight, coefficients)
    contiguous = (
        template is loops.sigmoid_gradient_hessian
        and (margin.strides[0], label.strides[0], out[0].strides[0]) == (margin.itemsize, label.itemsize, out[0].itemsize)
        and margin.dtype == coefficients.dtype == out[0].dtype
    )
    kernel = _kernel(template, formula, curvature, weight is not None, contiguous, inputs.formats, out[0].dtype)
    outputs = (out[0].ravel(order="K"), out[1].ravel(order="K"), *_strides(out[0]))
    smallest = max(1, _SMALLEST_PART // inputs.columns)
    checks = np.zeros((part_count(margin.shape[0], n_threads, smallest), 3, inputs.columns))

    def part(index: int, start: int, stop: int) -> None:
        kernel(*inputs.flat, start, stop, *outputs, checks[index])

    run_parts(part, margin.shape[0], len(checks), n_threads)
    wrong = np.bitwise_or.reduce(checks[:, 2, 0].astype(np.int64))
    return Checks(checks[:, 0].sum(axis=0), checks[:, 1].sum(axis=0), int(wrong))


@functools.cache
def _kernel(
    template: Any, formula: Any, curvature: Any, weighted: bool, contiguous: bool, formats: tuple[Any, ...], out: Any
) -> Any:
    output = _flat(out)
    signature = numba.void(*_input_types(formats), numba.intp, numba.intp, output, output, numba.intp, numba.intp, _MATRIX)
    bindings = bindings_of(formula, curvature, inlined) | {"WEIGHTED": weighted, "CONTIGUOUS": contiguous}
    name = f"{template.__name__}_{formula.name}{'_weighted' if weighted else ''}{'_contiguous' if contiguous else ''}"
    if curvature is not None:
        name += f"_{curvature.term}{'_expected' if curvature.expected else ''}{'_absolute' if curvature.absolute else ''}"
        name += "_smooth" if curvature.smooth else ""
    return specialise(template, name, signature, **bindings)


@functools.cache
def _misses_kernel(template: Any, formats: tuple[Any, ...], weighted: bool) -> Any:
    signature = numba.void(*_input_types(formats), numba.intp, numba.intp, _MATRIX)
    return specialise(template, f"{template.__name__}{'_weighted' if weighted else ''}", signature, WEIGHTED=weighted)


@functools.cache
def _evaluate_kernel(formula: Any) -> Any:
    number = numba.float64
    terms = numba.types.Array(number, 3, "C")
    signature = numba.void(_flat(np.dtype(np.float64), readonly=True), number, number, number, number, terms)
    bindings = {"positive": formula.positive, "negative": formula.negative}
    return specialise(loops.evaluate, f"evaluate_{formula.name}", signature, **bindings)


_MATRIX = numba.types.Array(numba.float64, 2, "C")


def _flat(kind: Any, readonly: bool = False) -> Any:
    return numba.types.Array(numba.from_dtype(kind), 1, "C", readonly=readonly)


def _input_types(formats: tuple[Any, ...]) -> list[Any]:
    *arrays, coefficients = formats
    flat = [argument for kind in arrays for argument in (_flat(kind, readonly=True), numba.intp, numba.intp)]
    return [*flat, numba.types.Array(numba.from_dtype(coefficients), 2, "C", readonly=True)]


def _flattenable(array: Array) -> Array:
    """The array itself if its memory has no gaps, else a copy."""
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return array
    return np.ascontiguousarray(array)


def _strides(array: Array) -> tuple[int, int]:
    """Row and column stride, in elements; 0 for a column that is not there."""
    row, column = (*array.strides, 0)[:2]
    return row // array.itemsize, column // array.itemsize
