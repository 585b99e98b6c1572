"""What happens where a loss is defined: its parameters are collected, its formula is traced, and both are tested."""

from __future__ import annotations

import inspect
import linecache
import traceback
import types
from typing import Any

import numpy as np

from boost_imbalance.kernels.derivatives import Terms, completed, terms_of
from boost_imbalance.kernels.expressions import Expression, constant, evaluate, ordered, variable
from boost_imbalance.kernels.source import Formula, T
from boost_imbalance.losses.parameters import Parameter, PerClass, hashable
from boost_imbalance.types import Array


def declare(cls: Any, base: Any, common: str) -> None:
    """Collect the parameters of a new class, and trace its formula, so that what is wrong is said where it is defined."""
    own = {name: value for name, value in vars(cls).items() if isinstance(value, (Parameter, PerClass))}
    reserved = set(dir(base)) | {"counts", "_memory", "t"}
    for name, value in own.items():
        overrides = isinstance(value, Parameter) and value.common and name in base._declared
        if name in reserved and not overrides and name != "priors":
            kind = "a parameter that every loss has" if name in base._declared else "a name that every loss uses"
            raise TypeError(f"{cls.__name__} has a parameter {name!r}, which is {kind}; choose another name.")
    positional = {name: value for name, value in own.items() if isinstance(value, Parameter)}
    inherited: dict[str, Parameter] = {}
    for parent in cls.__mro__[1:]:
        for name, value in getattr(parent, "_declared", {}).items():
            if name not in positional:
                inherited.setdefault(name, value)
    cls._declared = {**positional, **inherited}
    cls._by_class = {
        name: value for parent in cls.__mro__ for name, value in vars(parent).items() if isinstance(value, PerClass)
    }
    cls._formulas, cls._checked, cls._base = {}, set(), base
    if "public_name" in vars(cls):  # under which the class is to be found, also by pickle
        cls.__name__ = cls.__qualname__ = cls.public_name
    kinds = inspect.Parameter
    cls._signature = inspect.Signature(
        [
            kinds(name, kinds.POSITIONAL_OR_KEYWORD if name in positional else kinds.KEYWORD_ONLY, default=value.default)
            for name, value in cls._declared.items()
        ]
    )
    document(cls, common)
    if cls.positive is not base.positive and not cls.__module__.startswith("boost_imbalance."):  # whose own are tested
        defaults = {name: value.default for name, value in cls._declared.items()}
        stand_in = object.__new__(cls)
        stand_in.__dict__.update(defaults)
        check(stand_in)


def document(cls: Any, common: str) -> None:
    """Put the documentation of the common parameters where a docstring has ``{common}``."""
    text = cls.__doc__ or ""
    for line in text.splitlines():
        if line.strip() == "{common}":
            indent = line[: len(line) - len(line.lstrip())]
            lines = "\n".join(indent + one if one else one for one in _common_lines(cls, common))
            cls.__doc__ = text.replace(line, lines)
            return


def _common_lines(cls: Any, common: str) -> list[str]:
    """The documentation of the common parameters, without those that the class documents itself."""
    own = {name for name, value in vars(cls).items() if isinstance(value, Parameter) and not value.is_base}
    lines: list[str] = []
    keep = True
    for line in common.splitlines():
        if not line.startswith(" "):
            keep = line.partition(" ")[0] not in own
        if keep:
            lines.append(line)
    return lines


def formula_of(cls: Any, fixed: frozenset[tuple[str, float]]) -> Formula:
    """The traced formula of a class, with these values of parameters made part of it."""
    found: Formula | None = cls._formulas.get(fixed)
    if found is None:
        try:
            found = _trace(cls, fixed)
        except ZeroDivisionError:  # the formula has a limit there, but does not say so
            found = _trace(cls, frozenset()) if fixed else None
            if found is None:
                raise
        cls._formulas[fixed] = found
    return found


def _trace(cls: Any, fixed: frozenset[tuple[str, float]]) -> Formula:
    stand_in, values = object.__new__(cls), dict(fixed)
    everything: dict[str, Any] = {**cls._declared, **cls._by_class}
    for name, declared in everything.items():
        optional = isinstance(declared, Parameter) and declared.default is None
        if isinstance(declared, PerClass) or (declared.is_number and not declared.common and not optional):
            symbol = constant(values[name]) if name in values else variable(name, declared.low, declared.high)
            stand_in.__dict__[name] = symbol
        else:
            stand_in.__dict__[name] = declared.default
    t = variable(T)
    positive = _side(stand_in, "positive", t)
    two_sided = cls.negative is not cls._base.negative
    negative = _side(stand_in, "negative", t) if two_sided else positive
    used = {one.arguments[0] for terms in (positive, negative) for one in _variables(terms)} - {T}
    shape = tuple(name for name in (*cls._declared, *cls._by_class) if name in used)
    return Formula(positive, negative, shape, all_classes=two_sided)


def _variables(terms: Terms) -> list[Expression]:
    return [one for one in ordered(terms) if one.operation == "variable"]


def _side(stand_in: Any, side: str, t: Expression) -> Terms:
    """Trace one side, or take its derivatives from ``positive_derivatives`` or ``negative_derivatives`` if it has them."""
    cls = type(stand_in)
    by_hand = getattr(stand_in, f"{side}_derivatives", None)
    name = side if by_hand is None else f"{side}_derivatives"
    try:
        known = None if by_hand is None else by_hand(t)
        if known is not None:
            loss, slope, exact, rising = known
            return completed(loss, slope, exact, rising, t)
        result = getattr(stand_in, side)(t)
        if not isinstance(result, Expression):
            raise TypeError(f"it gives {result!r}, which does not depend on t")
        return terms_of(result, t)
    except (ZeroDivisionError, NotImplementedError):
        raise
    except Exception as error:
        raise TypeError(f"{cls.__name__}.{name} cannot be compiled{_line_of(error, cls)}: {error}") from error


def _line_of(error: BaseException, cls: Any) -> str:
    """Where in the user's class an error came about."""
    files = {function.__code__.co_filename for function in vars(cls).values() if isinstance(function, types.FunctionType)}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            text = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            return f", line {frame.lineno}" + (f" ({text})" if text else "")
    return ""


_GRID = np.linspace(-80.0, 80.0, 641)


def check(loss: Any) -> None:
    """Refuse a formula that is not finite, or rises with the log-odds of what is true, for these parameters."""
    cls = type(loss)
    formula = loss.formula
    values = {name: loss.__dict__.get(name) for name in formula.shape if name not in cls._by_class}
    values |= {
        name: np.clip(1.0, cls._by_class[name].low, cls._by_class[name].high) for name in formula.shape if name not in values
    }
    key = formula, *(hashable(value) for value in values.values())
    try:
        if key in cls._checked:
            return
        if len(cls._checked) > 1000:
            cls._checked.clear()
        cls._checked.add(key)
    except TypeError:
        pass
    columns = max([1, *(np.size(value) for value in values.values())])
    numbers = {
        name: np.broadcast_to(np.asarray(value, np.float64).reshape(-1, 1), (columns, 1))
        for name, value in values.items()
        if np.size(value) in (1, columns)
    }
    if len(numbers) < len(values):
        return  # fit() says which has the wrong number of entries
    for side, terms in (("positive", formula.positive), ("negative", formula.negative)):
        with np.errstate(all="ignore"):
            cost, slope, exact = (
                np.broadcast_to(value, (columns, len(_GRID))) for value in evaluate(terms[:3], {**numbers, T: _GRID[None]})
            )
        try:
            _check_side(loss, side, cost, slope, exact)
        except ValueError:
            cls._checked.discard(key)
            raise


def _check_side(loss: Any, side: str, cost: Array, slope: Array, exact: Array) -> None:
    name = f"{type(loss).__name__}.{side}"
    for what, value in (("loss", cost), ("first derivative", slope), ("second derivative", exact)):
        if not np.isfinite(value).all():
            row, i = np.argwhere(~np.isfinite(value))[0]
            raise ValueError(
                f"{name} of {loss!r} has the {what} {value[row, i]} at t = {_GRID[i]:g}; a loss must be finite from -80 to "
                f"80."
            )
    rising = slope > 1e-12 * np.maximum(1.0, np.abs(cost))
    if rising.any():
        row, i = np.unravel_index(int(np.argmax(slope)), slope.shape)
        raise ValueError(
            f"{name} of {loss!r} rises at t = {_GRID[i]:g}, with slope {slope[row, i]:g}; t is the log-odds of what is "
            f"true, so a loss must fall."
        )
    flat = ~(cost[:, 0] > cost[:, -1])
    if flat.any():
        row = int(np.argmax(flat))
        raise ValueError(
            f"{name} of {loss!r} costs {cost[row, 0]:g} at t = -80 and {cost[row, -1]:g} at t = 80; a loss must fall."
        )
