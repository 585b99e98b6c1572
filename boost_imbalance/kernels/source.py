"""Source code of a traced formula, which numba compiles for the CPU and for a GPU alike."""

from __future__ import annotations

import functools
import hashlib
import linecache
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from boost_imbalance.kernels.cache import inlined
from boost_imbalance.kernels.derivatives import Terms, terms_of
from boost_imbalance.kernels.expressions import Expression, log_sigmoid, ordered, variable

T = "t"
"""The variable that stands for the log-odds of what is true."""


class Formula(NamedTuple):
    """A loss as the kernels know it: what a true positive costs, what a true negative costs, each by its own log-odds."""

    positive: Terms
    negative: Terms
    shape: tuple[str, ...]
    """The parameters that the two sides read, in the order in which the kernels hand them over."""
    all_classes: bool = False
    """Whether a softmax adds the negative side of every class that is not the true one."""

    @property
    def symmetric(self) -> bool:
        """Whether both sides are the same function."""
        return self.positive is self.negative or self.positive == self.negative


def _cross_entropy() -> Formula:
    t = variable(T)
    terms = terms_of(-log_sigmoid(t), t)
    return Formula(terms, terms, ())


CROSS_ENTROPY = _cross_entropy()
"""The loss that the libraries have themselves."""


def is_cross_entropy(formula: Formula) -> bool:
    """Whether this is plain cross-entropy, however it was written."""
    return formula.positive == formula.negative == CROSS_ENTROPY.positive and not formula.all_classes


@functools.cache
def digest(formula: Formula) -> str:
    """A name for the formula's code: two that compute the same have the same."""
    text = "\n".join(
        [source(formula.positive, formula.shape), source(formula.negative, formula.shape), str(formula.all_classes)]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source(terms: Iterable[Expression], shape: tuple[str, ...]) -> str:
    """Python source of a function ``terms(t, shape)`` that returns what it is given: all :class:`Terms`, or some."""
    writer = _Writer(shape)
    results = [writer.name(one) for one in terms]
    body = "".join(f"    {line}\n" for line in [*writer.lines, f"return {', '.join(results)}"])
    return f"def terms(t, shape):\n{body}"


@functools.cache
def compiled(terms: Terms, shape: tuple[str, ...]) -> Any:
    """The function of :func:`source`, to be pasted into the loop or kernel that calls it."""
    return inlined(function("terms", source(terms, shape), compiled_arithmetic()))


def function(name: str, text: str, arithmetic: Mapping[str, Any]) -> Callable[..., Any]:
    """The function ``name`` of generated source, whose lines tracebacks can show."""
    file = f"<boost_imbalance {name} {hashlib.sha256(text.encode()).hexdigest()[:16]}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    names = dict(arithmetic)
    exec(compile(text, file, "exec"), names)
    made: Callable[..., Any] = names[name]
    return made


@functools.cache
def shape_functions(count: int) -> tuple[Any, Any, Any]:
    """How a kernel gets at ``count`` parameters as a tuple.

    ``shape_of(table, first, column)`` reads a column from row ``first`` on, ``shape_at(rows, i)`` one entry of each row, and
    ``shape_if(condition, a, b)`` chooses between two tuples.
    """
    each = range(max(1, count))  # numba's tuples are not empty; the only entry is not used where there are no parameters
    texts = {
        "shape_of": ("table, first, column", "table[first + {k}, column]" if count else "table[0, column]"),
        "shape_at": ("rows, i", "rows[{k}, i]"),
        "shape_if": ("condition, a, b", "a[{k}] if condition else b[{k}]"),
    }
    made = []
    for name, (arguments, entry) in texts.items():
        entries = ", ".join(entry.format(k=k) for k in each)
        made.append(inlined(function(name, f"def {name}({arguments}):\n    return ({entries},)\n", {})))
    return made[0], made[1], made[2]


ARITHMETIC = {
    "link": ("exp", "expm1", "expm1_negative", "log1p", "log_sigmoid", "near", "sigmoid"),
    "primitives": ("choose", "exp_negative", "log", "number"),
}
"""The functions that generated source calls, and :mod:`boost_imbalance.kernels.pointwise`, by the module that has them."""


@functools.cache
def compiled_arithmetic() -> dict[str, Any]:
    """The functions of :data:`ARITHMETIC` by name, for numba."""
    from boost_imbalance.kernels import link, primitives

    modules = {"link": link, "primitives": primitives}
    return {name: getattr(modules[module], name) for module, names in ARITHMETIC.items() for name in names}


class _Writer:
    """Assigns every expression a name, in an order in which each is known before it is needed."""

    def __init__(self, shape: tuple[str, ...]) -> None:
        self._shape = shape
        self.lines: list[str] = []
        self._names: dict[Any, str] = {}

    def name(self, expression: Expression) -> str:
        for one in ordered([expression]):
            if one not in self._names:
                self._names[one] = self._written(one)
        return self._names[expression]

    def _line(self, text: str) -> str:
        name = f"x{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def _written(self, one: Expression) -> str:
        operation = one.operation
        if operation == "variable":
            name = one.arguments[0]
            return T if name == T else self._line(f"shape[{self._shape.index(name)}]")
        if operation == "constant":
            value = one.value
            return self._line(f"number({int(value) if value.is_integer() and abs(value) < 2**53 else repr(value)}, t)")
        if operation in ("sigmoid", "log_sigmoid"):
            return self._of_link(operation, one.arguments[0])
        arguments = [self._names[argument] for argument in one.arguments]
        if operation in _OPERATORS:
            return self._line(f" {_OPERATORS[operation]} ".join(arguments))
        if operation == "negative":
            return self._line(f"-{arguments[0]}")
        if operation == "where":
            return self._line(f"choose({', '.join(arguments)})")
        if operation in ("exp", "expm1"):
            return self._line(f"{operation}{'_negative' if one.arguments[0].high <= 0 else ''}({arguments[0]})")
        if operation == "power":
            logarithm = f"{arguments[1]} * log({arguments[0]})"
            shrinks = one.high <= 1
            return self._line(f"{'exp_negative' if shrinks else 'exp'}({logarithm})")
        return self._line(f"{operation}({arguments[0]})")

    def _of_link(self, operation: str, inner: Expression) -> str:
        """Both ends of a link are computed together, so ``f(-x)`` is the other half of ``f(x)``."""
        flipped = inner.operation == "negative"
        inner = inner.arguments[0] if flipped else inner
        key = (operation, inner)
        if key not in self._names:
            argument = self.name(inner)
            n = len(self.lines)
            if operation == "sigmoid":
                self.lines.append(f"p{n}, q{n} = sigmoid({argument})")
                self._names[key] = f"p{n}, q{n}"
            else:
                self.lines.append(f"l{n}, m{n}, _ = log_sigmoid({argument})")
                self._names[key] = f"-l{n}, -m{n}"
        name = self._names[key].split(", ")[flipped]
        return self._line(name) if name.startswith("-") else name


_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "greater": ">", "greater_equal": ">="}
