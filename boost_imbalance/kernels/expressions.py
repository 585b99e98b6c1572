"""The arithmetic in which a loss is written: functions of numbers, of arrays, and of expressions that are traced.

A loss's formula is ordinary Python. Called with an :class:`Expression` instead of a number it leaves behind what it
computed, and from that follow the derivatives (:mod:`boost_imbalance.kernels.derivatives`), compiled code for the CPU and
for a GPU (:mod:`boost_imbalance.kernels.source`), and an ONNX graph.

What would lose digits is written another way on the spot: ``1 - sigmoid(t)`` becomes ``sigmoid(-t)``, ``log(sigmoid(t))``
becomes ``log_sigmoid(t)``, ``sigmoid(t) ** c`` becomes ``exp(c * log_sigmoid(t))``, and ``1 - exp(x)`` ``-expm1(x)``.
"""

from __future__ import annotations

import math
import numbers
import operator
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

INFINITY = math.inf


class Expression:
    """One operation of a traced formula, with the interval in which its value lies.

    Equal expressions are one object, so that what a formula computes twice is computed once.
    """

    __slots__ = ("__weakref__", "arguments", "high", "low", "operation")

    operation: str
    arguments: tuple[Any, ...]
    low: float
    high: float

    def __bool__(self) -> bool:
        raise TypeError("a formula has no branches; write where(condition, a, b) instead of if, and, or, not, min and max.")

    def __float__(self) -> float:
        raise TypeError("a formula takes sigmoid, log_sigmoid, exp, log and so on from boost_imbalance, not from math.")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        scalar = next((one for one in inputs if isinstance(one, np.generic)), None)
        meant = _OPERATORS_OF_NUMPY.get(ufunc.__name__)
        if scalar is not None and meant is not None and method == "__call__":  # a NumPy number beside an expression
            return meant(*(one.item() if isinstance(one, np.generic) else one for one in inputs))
        raise TypeError(
            f"a formula takes sigmoid, log_sigmoid, exp, log and so on from boost_imbalance, not numpy.{ufunc.__name__}."
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Expression):
            return self is other
        raise TypeError(
            "a formula has no branches; a parameter that may be 0 is asked for by is_zero(self.name), not by ==."
        )

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Expression:
        return _add(self, _expression(other))

    def __radd__(self, other: Any) -> Expression:
        return _add(_expression(other), self)

    def __sub__(self, other: Any) -> Expression:
        return _subtract(self, _expression(other))

    def __rsub__(self, other: Any) -> Expression:
        return _subtract(_expression(other), self)

    def __mul__(self, other: Any) -> Expression:
        return _multiply(self, _expression(other))

    def __rmul__(self, other: Any) -> Expression:
        return _multiply(_expression(other), self)

    def __truediv__(self, other: Any) -> Expression:
        return _divide(self, _expression(other))

    def __rtruediv__(self, other: Any) -> Expression:
        return _divide(_expression(other), self)

    def __pow__(self, other: Any) -> Expression:
        return _power(self, _expression(other))

    def __rpow__(self, other: Any) -> Expression:
        return _power(_expression(other), self)

    def __neg__(self) -> Expression:
        return _negate(self)

    def __abs__(self) -> Any:
        return where(self < 0, -self, self)

    def __gt__(self, other: Any) -> Expression:
        return _compare("greater", self, _expression(other))

    def __lt__(self, other: Any) -> Expression:
        return _compare("greater", _expression(other), self)

    def __ge__(self, other: Any) -> Expression:
        return _compare("greater_equal", self, _expression(other))

    def __le__(self, other: Any) -> Expression:
        return _compare("greater_equal", _expression(other), self)

    def __repr__(self) -> str:
        return shown(self)

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: Any) -> Expression:
        return self

    @property
    def is_constant(self) -> bool:
        """Whether this is a number."""
        return self.operation == "constant"

    @property
    def value(self) -> float:
        """The number that a constant is."""
        return float(self.arguments[0])


_known: weakref.WeakValueDictionary[Any, Expression] = weakref.WeakValueDictionary()


def make(operation: str, *arguments: Any, low: float = -INFINITY, high: float = INFINITY) -> Expression:
    """The expression of this operation; the one that exists already, if there is one."""
    key = (operation, low, high, *(id(one) if isinstance(one, Expression) else one for one in arguments))
    found = _known.get(key)
    if found is None:
        found = Expression.__new__(Expression)
        found.operation, found.arguments, found.low, found.high = operation, arguments, low, high
        _known[key] = found
    return found


def variable(name: str, low: float = -INFINITY, high: float = INFINITY) -> Expression:
    """A number that is not known while a formula is traced."""
    return make("variable", name, low=low, high=high)


def constant(value: Any) -> Expression:
    """A number."""
    number = float(value)
    return make("constant", number, low=number, high=number)


def sigmoid(t: Any) -> Any:
    """``1 / (1 + exp(-t))``, to full relative precision at both ends.

    Parameters
    ----------
    t : float, ndarray or what a formula is traced with
        Log-odds.

    Examples
    --------
    >>> from boost_imbalance import sigmoid
    >>> float(sigmoid(0.0))
    0.5
    """
    if not isinstance(t, Expression):
        return NUMPY["sigmoid"](t)
    if t.is_constant:
        return constant(NUMPY["sigmoid"](t.value))
    return make("sigmoid", t, low=float(NUMPY["sigmoid"](t.low)), high=float(NUMPY["sigmoid"](t.high)))


def log_sigmoid(t: Any) -> Any:
    """``log(sigmoid(t))``, to full relative precision at both ends.

    Parameters
    ----------
    t : float, ndarray or what a formula is traced with
        Log-odds.

    Examples
    --------
    >>> from boost_imbalance import log_sigmoid
    >>> round(float(log_sigmoid(0.0)), 4)
    -0.6931
    """
    if not isinstance(t, Expression):
        return NUMPY["log_sigmoid"](t)
    if t.is_constant:
        return constant(NUMPY["log_sigmoid"](t.value))
    return make("log_sigmoid", t, low=float(NUMPY["log_sigmoid"](t.low)), high=float(NUMPY["log_sigmoid"](t.high)))


def exp(x: Any) -> Any:
    """``exp(x)``.

    Parameters
    ----------
    x : float, ndarray or what a formula is traced with
    """
    if not isinstance(x, Expression):
        return NUMPY["exp"](x)
    if x.is_constant:
        return constant(math.exp(x.value))
    if x.operation == "log":
        return x.arguments[0]
    return make("exp", x, low=_exp(x.low), high=_exp(x.high))


def expm1(x: Any) -> Any:
    """``exp(x) - 1``, without cancellation near 0.

    Parameters
    ----------
    x : float, ndarray or what a formula is traced with
    """
    if not isinstance(x, Expression):
        return NUMPY["expm1"](x)
    if x.is_constant:
        return constant(math.expm1(x.value))
    return make("expm1", x, low=_exp(x.low) - 1.0, high=_exp(x.high) - 1.0)


def log(x: Any) -> Any:
    """``log(x)`` of a positive number.

    Parameters
    ----------
    x : float, ndarray or what a formula is traced with
    """
    if not isinstance(x, Expression):
        return NUMPY["log"](x)
    if x.is_constant:
        return constant(math.log(x.value))
    if x.operation == "sigmoid":
        return log_sigmoid(x.arguments[0])
    if x.operation == "exp":
        return x.arguments[0]
    return make("log", x, low=_log(x.low), high=_log(x.high))


def log1p(x: Any) -> Any:
    """``log(1 + x)`` of a number above -1, without loss of digits near 0.

    Parameters
    ----------
    x : float, ndarray or what a formula is traced with
    """
    if not isinstance(x, Expression):
        return NUMPY["log1p"](x)
    if x.is_constant:
        return constant(math.log1p(x.value))
    inner = x.arguments[0] if x.operation == "negative" else None
    if inner is not None and inner.operation == "sigmoid":  # log(1 - p)
        return log_sigmoid(-inner.arguments[0])
    return make("log1p", x, low=_log(1.0 + x.low), high=_log(1.0 + x.high))


def is_constant(value: Any) -> bool:
    """Whether this is a number, not something that a formula is traced with."""
    return value.is_constant if isinstance(value, Expression) else True


def is_zero(value: Any) -> bool:
    """Whether this is the number 0, for a formula that is simpler there."""
    if isinstance(value, Expression):
        return value is ZERO
    return not np.any(value)


def where(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition holds, else ``b``.

    Parameters
    ----------
    condition : bool, ndarray of bool or a comparison in a traced formula
    a, b : float, ndarray or what a formula is traced with
        Both are computed, whatever the condition.
    """
    if isinstance(condition, Expression):
        a, b = _expression(a), _expression(b)
        if condition.is_constant:
            return a if condition.value else b
        if a is b:
            return a
        return make("where", condition, a, b, low=min(a.low, b.low), high=max(a.high, b.high))
    if isinstance(a, Expression) or isinstance(b, Expression):
        return _expression(a) if condition else _expression(b)
    return NUMPY["where"](condition, a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two numbers."""
    if isinstance(a, Expression) or isinstance(b, Expression):
        a, b = _expression(a), _expression(b)
        return a if a.low >= b.high else b if b.low >= a.high else where(a > b, a, b)
    return np.maximum(a, b)


def shown(expression: Expression) -> str:
    """The expression as one would write it."""
    operation, arguments = expression.operation, expression.arguments
    if operation == "constant":
        return f"{expression.value:g}"
    if operation == "variable":
        return str(arguments[0])
    parts = [shown(one) for one in arguments]
    if operation in _SYMBOLS:
        return f"({parts[0]} {_SYMBOLS[operation]} {parts[1]})"
    return f"-{parts[0]}" if operation == "negative" else f"{operation}({', '.join(parts)})"


_SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "greater": ">",
    "greater_equal": ">=",
}


def evaluate(
    expressions: Any, values: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] | None = None
) -> list[Any]:
    """Numbers for expressions, from numbers for their variables.

    Parameters
    ----------
    expressions : sequence of Expression
    values : mapping of str to number, array or whatever ``functions`` take
        By name of the variable.
    functions : mapping of str to callable, optional
        What each operation means. Default: NumPy's arithmetic.
    """
    functions = NUMPY if functions is None else functions
    done: dict[Expression, Any] = {}
    for one in ordered(expressions):
        if one.operation == "variable":
            done[one] = values[one.arguments[0]]
        elif one.operation == "constant":
            done[one] = one.value
        else:
            done[one] = functions[one.operation](*(done[argument] for argument in one.arguments))
    return [done[one] for one in expressions]


def ordered(expressions: Any) -> list[Expression]:
    """The expressions and all that they are made of, each after its own arguments."""
    found: dict[Expression, None] = {}

    def visit(one: Expression) -> None:
        if one in found:
            return
        for argument in one.arguments:
            if isinstance(argument, Expression):
                visit(argument)
        found[one] = None

    for one in expressions:
        visit(one)
    return list(found)


ZERO, ONE = constant(0.0), constant(1.0)

_OPERATORS_OF_NUMPY: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
}


def _expression(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, (numbers.Real, np.bool_)):
        return constant(float(value))
    raise TypeError(f"a formula holds {value!r}; it is made of numbers, of t, and of the loss's parameters.")


def _interval(values: list[float]) -> dict[str, float]:
    values = [0.0 if math.isnan(value) else value for value in values]  # 0 times infinity
    return {"low": min(values), "high": max(values)}


def _add(a: Expression, b: Expression) -> Expression:
    if a.is_constant and b.is_constant:
        return constant(a.value + b.value)
    if a is ZERO:
        return b
    if b is ZERO:
        return a
    if b.operation == "negative":
        return _subtract(a, b.arguments[0])
    if a.operation == "negative":
        return _subtract(b, a.arguments[0])
    if b.is_constant:
        if b.value < 0:
            return _subtract(a, constant(-b.value))
        a, b = b, a
    return make("add", a, b, low=a.low + b.low, high=a.high + b.high)


def _subtract(a: Expression, b: Expression) -> Expression:
    if a is b:
        return ZERO
    if a.is_constant and b.is_constant:
        return constant(a.value - b.value)
    if b is ZERO:
        return a
    if a is ZERO:
        return _negate(b)
    if b.operation == "negative":
        return _add(a, b.arguments[0])
    if a.operation == "negative":
        return _negate(_add(a.arguments[0], b))
    if a is ONE and b.operation == "sigmoid":
        return sigmoid(-b.arguments[0])  # type: ignore[no-any-return]
    if a is ONE and b.operation == "exp":
        return _negate(expm1(b.arguments[0]))
    if b is ONE and a.operation == "exp":
        return expm1(a.arguments[0])  # type: ignore[no-any-return]
    return make("subtract", a, b, low=a.low - b.high, high=a.high - b.low)


def _negate(a: Expression) -> Expression:
    if a.is_constant:
        return constant(-a.value)
    if a.operation == "negative":
        return a.arguments[0]  # type: ignore[no-any-return]
    if a.operation == "subtract":
        return _subtract(a.arguments[1], a.arguments[0])
    return make("negative", a, low=-a.high, high=-a.low)


def _multiply(a: Expression, b: Expression) -> Expression:
    if a.is_constant and b.is_constant:
        return constant(a.value * b.value)
    if a is ZERO or b is ZERO:
        return ZERO
    if a is ONE:
        return b
    if b is ONE:
        return a
    for one, other in ((a, b), (b, a)):
        if one.operation == "negative":
            return _negate(_multiply(one.arguments[0], other))
        if one.is_constant and one.value < 0:
            return _negate(_multiply(constant(-one.value), other))
    if b.is_constant:
        a, b = b, a
    if a is b:
        square = max(a.low * a.low, a.high * a.high)
        return make("multiply", a, a, low=0.0 if a.low <= 0 <= a.high else min(a.low**2, a.high**2), high=square)
    return make("multiply", a, b, **_interval([x * y for x in (a.low, a.high) for y in (b.low, b.high)]))


def _divide(a: Expression, b: Expression) -> Expression:
    if b.is_constant:
        if b.value == 0:
            raise ZeroDivisionError("a formula divides by 0.")
        if a.is_constant:
            return constant(a.value / b.value)
        if b is ONE:
            return a
        if b.value < 0:
            return _negate(_divide(a, constant(-b.value)))
    if a is ZERO:
        return ZERO
    if a is b:
        return ONE
    if a.operation == "negative":
        return _negate(_divide(a.arguments[0], b))
    if b.operation == "negative":
        return _negate(_divide(a, b.arguments[0]))
    if b.low > 0 or b.high < 0:
        bounds = _interval([x / y if y else 0.0 for x in (a.low, a.high) for y in (b.low, b.high)])
        return make("divide", a, b, **bounds)
    same = (a.low >= 0 and b.low >= 0) or (a.high <= 0 and b.high <= 0)
    opposite = (a.low >= 0 and b.high <= 0) or (a.high <= 0 and b.low >= 0)
    return make("divide", a, b, low=0.0 if same else -INFINITY, high=0.0 if opposite else INFINITY)


def _power(base: Expression, exponent: Expression) -> Expression:
    if base.is_constant and exponent.is_constant:
        return constant(base.value**exponent.value)
    if exponent.is_constant:
        value = exponent.value
        if value == 0:
            return ONE
        if value == 1:
            return base
        if value < 0 and value == int(value):
            return ONE / _power(base, constant(-value))
        if base.operation not in ("sigmoid", "exp") and value == int(value) and value <= 8:
            half = _power(base, constant(value // 2))
            return half * half * base if value % 2 else half * half
    if base.operation == "sigmoid":
        return exp(exponent * log_sigmoid(base.arguments[0]))  # type: ignore[no-any-return]
    if base.operation == "exp":
        return exp(exponent * base.arguments[0])  # type: ignore[no-any-return]
    if base.low < 0:
        raise ValueError(
            f"a formula raises {shown(base)} to the power {shown(exponent)}, but it may be negative; take its abs() first."
        )
    bounds = {"low": 0.0, "high": 1.0 if base.high <= 1 and exponent.low >= 0 else INFINITY}
    return make("power", base, exponent, **bounds)


def _compare(operation: str, a: Expression, b: Expression) -> Expression:
    if a.is_constant and b.is_constant:
        return constant(a.value > b.value if operation == "greater" else a.value >= b.value)
    return make(operation, a, b, low=0.0, high=1.0)


def _exp(x: float) -> float:
    return math.exp(min(x, 709.0)) if x < INFINITY else INFINITY


def _log(x: float) -> float:
    return -INFINITY if x <= 0 else math.log(x) if x < INFINITY else INFINITY


def _numpy_sigmoid(t: Any) -> Any:
    e = np.exp(-np.abs(t))
    return np.where(np.asarray(t) >= 0, 1.0, e)[()] / (1.0 + e)


def _numpy_log_sigmoid(t: Any) -> Any:
    return np.minimum(t, 0.0) - np.log1p(np.exp(-np.abs(t)))


NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "power": np.power,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "where": lambda condition, a, b: np.asarray(np.where(condition, a, b))[()],
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": _numpy_sigmoid,
    "log_sigmoid": _numpy_log_sigmoid,
}
"""What the operations of an expression mean for numbers and NumPy arrays."""
