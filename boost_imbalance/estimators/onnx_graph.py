"""Arithmetic that is written down as an ONNX graph, and the formulas of the losses run on it."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels import primitives

Array = npt.NDArray[Any]

OPSETS = {"": 18, "ai.onnx.ml": 3}
_IR_VERSION = 8


class Value:
    """A tensor of a graph: an operator, and what it is applied to. Python's operators make new ones, of float64."""

    __array_ufunc__ = None  # NumPy leaves array * Value to __rmul__

    def __init__(self, operator: str, inputs: Sequence[Any], attributes: dict[str, Any], domain: str = "") -> None:
        self.operator, self.inputs, self.attributes, self.domain = operator, inputs, attributes, domain

    def __bool__(self) -> bool:
        raise TypeError("an ONNX graph has no branches; write 'a if condition else b' in a formula, not an if statement.")

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else apply("Add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __sub__(self, other: Any) -> Any:
        return self if _is(other, 0) else apply("Sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return -self if _is(other, 0) else apply("Sub", other, self)

    def __mul__(self, other: Any) -> Any:
        if _is(other, 0):
            return 0.0
        return self if _is(other, 1) else apply("Mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Any:
        return self if _is(other, 1) else apply("Div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return 0.0 if _is(other, 0) else apply("Div", other, self)

    def __neg__(self) -> Any:
        return apply("Neg", self)

    def __gt__(self, other: Any) -> Any:
        return apply("Greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return apply("GreaterOrEqual", self, other)

    def __lt__(self, other: Any) -> Any:
        return apply("Less", self, other)

    def __le__(self, other: Any) -> Any:
        return apply("LessOrEqual", self, other)

    def __and__(self, other: Any) -> Any:
        return apply("And", self, other)


def apply(operator: str, *inputs: Any, domain: str = "", **attributes: Any) -> Value:
    """The result of an ONNX operator. Inputs are values, or constants: arrays as they are, numbers as float64."""
    return Value(operator, inputs, attributes, domain)


def cast(value: Value, dtype: Any) -> Value:
    """The value in another format, given as NumPy's."""
    from onnx import helper

    return apply("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def where(condition: Any, a: Any, b: Any) -> Any:
    """``a if condition else b``, element by element."""
    return apply("Where", condition, a, b) if isinstance(condition, Value) else a if condition else b


def total(value: Value) -> Value:
    """Sum over columns, of shape (n, 1)."""
    return apply("ReduceSum", value, np.array([1]), keepdims=1)


def traced(function: Any) -> Callable[..., Any]:
    """A formula, or a function that formulas use, made to run on values.

    Its source stays the only place where the formula is written: ``a if c else b`` becomes a call of :func:`where`, and the
    functions it calls are replaced by traced ones, down to the primitives of the engine.
    """
    return _traced(function.py_func)


@functools.cache
def _traced(function: Callable[..., Any]) -> Callable[..., Any]:
    tree = _Conditionals().visit(ast.parse(textwrap.dedent(inspect.getsource(function))))
    definition = tree.body[0]
    definition.decorator_list = []
    names = {**function.__globals__, "where": where}
    for name in function.__code__.co_names:
        known = names.get(name)
        if hasattr(known, "py_func"):
            names[name] = traced(known)
        elif callable(known):
            if known not in _PRIMITIVES:
                raise NotImplementedError(
                    f"{function.__name__} uses {name}, which has no ONNX form yet; add one in {__name__}."
                )
            names[name] = _PRIMITIVES[known]
    exec(compile(ast.fix_missing_locations(tree), inspect.getfile(function), "exec"), names)
    result: Callable[..., Any] = names[definition.name]
    return result


class _Conditionals(ast.NodeTransformer):
    def visit_IfExp(self, node: ast.IfExp) -> Any:
        self.generic_visit(node)
        return ast.Call(ast.Name("where", ast.Load()), [node.test, node.body, node.orelse], [])


def _exp_negative(x: Any) -> Any:
    return apply("Exp", apply("Max", x, -708.0)) if isinstance(x, Value) else np.exp(np.maximum(x, -708.0))


def _log(x: Any) -> Any:
    return apply("Log", apply("Max", x, np.finfo(np.float64).tiny)) if isinstance(x, Value) else np.log(x)


def _log1p_ratio(x: Any) -> Any:
    # Rounding 1 + x changes x; the ratio hardly depends on x, and log(1 + x) / ((1 + x) - 1) is that of the rounded one.
    above = 1.0 + x
    rounded = above - 1.0
    tiny = rounded <= 0.0
    return where(tiny, 1.0, apply("Log", above) / where(tiny, 1.0, rounded))


def _fabs(x: Any) -> Any:
    return apply("Abs", x)


def _number(value: int, like: Any) -> float:
    return float(value)


_PRIMITIVES: dict[Any, Callable[..., Any]] = {
    primitives.choose: where,
    primitives.exp_negative: _exp_negative,
    primitives.log: _log,
    primitives.log1p_ratio: _log1p_ratio,
    primitives.number: _number,
    math.fabs: _fabs,
}


def constant(array: Any) -> Any:
    """Numbers for use in a formula: a float where all are the same."""
    array = np.asarray(array, dtype=np.float64)
    return float(array.flat[0]) if (array == array.flat[0]).all() else array


def model(name: str, width: int, outputs: dict[str, tuple[Value, int]], description: str) -> Any:
    """An ``onnx.ModelProto`` with one float32 input, the value ``apply("Input")``, and float32 outputs with their widths."""
    import onnx
    from onnx import helper, numpy_helper

    nodes: list[Any] = []
    initializers: dict[tuple[Any, ...], Any] = {}
    named: dict[int, str] = {}
    numbers = itertools.count()

    def name_of(value: Any) -> str:
        if isinstance(value, Value):
            return named[id(value)] if id(value) in named else write(value, f"{value.operator}_{next(numbers)}")
        array = np.asarray(value, np.float64 if isinstance(value, (int, float)) else None)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in initializers:
            initializers[key] = numpy_helper.from_array(array, f"constant_{len(initializers)}")
        return str(initializers[key].name)

    def write(value: Value, output: str) -> str:
        if value.operator == "Input":
            output = name
        else:
            parts = [name_of(part) for part in value.inputs]
            nodes.append(helper.make_node(value.operator, parts, [output], domain=value.domain, **value.attributes))
        named[id(value)] = output
        return output

    for output, (value, _) in outputs.items():
        write(value, output)
    described = [
        helper.make_tensor_value_info(key, onnx.TensorProto.FLOAT, ["n", columns])
        for key, columns in [(name, width), *((output, columns) for output, (_, columns) in outputs.items())]
    ]
    graph = helper.make_graph(nodes, "boost_imbalance", described[:1], described[1:], list(initializers.values()))
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="boost_imbalance")
    made.doc_string = description
    return made


def _is(value: Any, number: int) -> bool:
    return not isinstance(value, Value) and bool((np.asarray(value) == number).all())
