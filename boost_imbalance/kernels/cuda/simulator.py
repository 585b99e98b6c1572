"""Formulas and elements in plain Python, for numba's simulator: compiling them for the host first would take minutes."""

from __future__ import annotations

import functools
import inspect
import math
import types
from typing import Any

import numba

from boost_imbalance.kernels import primitives


@functools.cache
def interpreted(function: Any) -> Any:
    """A scalar function that runs in Python, and all that it calls; only the primitives are machine code."""
    function = getattr(function, "py_func", function)
    names = function.__globals__
    called = {name: _replaced(names[name]) for name in function.__code__.co_names if name in names}
    return types.FunctionType(function.__code__, {**names, **called}, function.__name__)


def _replaced(value: Any) -> Any:
    if value is math.fabs:  # which would make float64 of float32
        return abs
    if any(value is primitive for primitive in vars(primitives).values() if hasattr(primitive, "_defn")):
        return _callable(value)
    return interpreted(value) if hasattr(value, "py_func") else value


@functools.cache
def _callable(primitive: Any) -> Any:
    """A primitive as a function that Python can call."""
    if primitive is primitives.number:
        return lambda value, like: type(like)(value)
    if primitive is primitives.choose:
        return lambda condition, a, b: a if condition else b
    arguments = ", ".join(list(inspect.signature(primitive._defn).parameters)[1:])
    return numba.njit(eval(f"lambda {arguments}: primitive({arguments})", {"primitive": primitive}))
