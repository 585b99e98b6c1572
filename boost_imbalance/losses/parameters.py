"""The parameters of a loss: declared in its class, checked when a loss is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args

import numpy as np

from boost_imbalance.losses import protocol
from boost_imbalance.types import Device, Expression, Hessian

T = TypeVar("T")

DEVICES: tuple[str, ...] = get_args(Device)
HESSIANS: tuple[str, ...] = get_args(Hessian)
DEFAULT_HESSIAN = "safeguarded"
"""By measurement, see BENCHMARKS.md."""

DEFAULT_UNDER_CLASS_WEIGHTS = "positive_terms"
"""With class weights, whose mean it takes; by measurement too."""

OLD_HESSIANS = {"bound": "positive_terms"}
"""Names of an earlier version."""


class Parameter:
    """One argument of a loss's constructor. As a class attribute it gives its default."""

    def __init__(
        self,
        default: Any,
        allowed: Callable[[Any], Any] | None = None,
        wanted: str = "",
        *,
        low: float = -math.inf,
        high: float = math.inf,
        scalar: bool = False,
        check: Callable[[str, Any], Any] | None = None,
        common: bool = False,
    ) -> None:
        self.default = default
        self.low, self.high, self.scalar, self.common = low, high, scalar, common
        self._allowed, self._wanted, self._check = allowed, wanted, check
        self.name = ""
        self.is_base = False
        """Whether this is the declaration that all losses inherit."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.is_base = name, owner.__name__ == "Loss"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self.default

    @property
    def is_number(self) -> bool:
        """Whether a formula can read it."""
        return self._check is None

    def checked(self, value: Any) -> Any:
        """The value as it is kept, or an error that names the parameter, the value and what is allowed."""
        if self._check is not None:
            return self._check(self.name, value)
        if value is None:
            if self.default is None:
                return None
            raise TypeError(f"{self.name} is None; this loss needs a number.")
        check_numbers(self.name, value, self._allowed, self._wanted)
        if self.scalar and np.ndim(value):
            raise ValueError(f"{self.name} is {value!r}; give a single number.")
        return value


def parameter(
    default: T,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    scalar: bool = False,
) -> T:
    """Declare a parameter of a loss, in the body of its class.

    Parameters
    ----------
    default : float or None
        None: the parameter may be left out, and then is None.
    low, high : float, optional
        Smallest and largest value that is allowed.
    above, below : float, optional
        The same, for values that are not allowed themselves.
    scalar : bool
        True: one number. False: one number, or one for each label or class.

    Examples
    --------
    >>> from boost_imbalance import Loss, log_sigmoid, parameter, sigmoid
    >>> class Poly1(Loss):
    ...     '''-log p + epsilon (1 - p).'''
    ...
    ...     epsilon: float = parameter(1.0, low=-1.0)
    ...
    ...     def positive(self, t):
    ...         return -log_sigmoid(t) + self.epsilon * sigmoid(-t)
    >>> Poly1(epsilon=2.0)
    Poly1(epsilon=2.0)
    >>> Poly1(epsilon=-2.0)
    Traceback (most recent call last):
    ...
    ValueError: epsilon is -2.0; it must be at least -1.
    """
    if (low is not None and above is not None) or (high is not None and below is not None):
        raise ValueError("low and above, or high and below, are both given; give one of them.")
    least, most = (low if low is not None else above), (high if high is not None else below)
    least, most = -math.inf if least is None else least, math.inf if most is None else most

    def allowed(value: Any) -> Any:
        over = value > least if above is not None else value >= least
        return over & (value < most if below is not None else value <= most)

    made = Parameter(default, allowed, _words(low, high, above, below), low=least, high=most, scalar=scalar)
    return cast(T, made)  # which is what it gives as an attribute


def declared(*, default: T, kw_only: bool = False, **options: Any) -> T:
    """A :class:`Parameter`, by its arguments; ``kw_only`` tells type checkers that subclasses take it by its name alone."""
    return cast(T, Parameter(default, **options))


class PerClass:
    """A number of each class, or of each side of a label, that a loss works out from class counts; see :func:`per_class`."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high, self.name = low, high, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        raise AttributeError(
            f"{self.name} is known once there are class counts; it is for positive() and negative() to read."
        )


def per_class(*, low: float = -math.inf, high: float = math.inf) -> Expression:
    """Declare a number that depends on how often each class occurs, in the body of a loss's class.

    The loss's ``class_parameters(counts)`` gives the values, and its formula reads them as ``self.name``.

    Parameters
    ----------
    low, high : float
        Between which it lies.
    """
    return cast(Expression, PerClass(low, high))  # which is what a formula reads


def _words(low: float | None, high: float | None, above: float | None, below: float | None) -> str:
    if (low is not None and high is not None) or (above is not None and below is not None):
        return f"between {low if low is not None else above:g} and {high if high is not None else below:g}"
    parts = [
        f"{words} {value:g}"
        for words, value in (("at least", low), ("more than", above), ("at most", high), ("less than", below))
        if value is not None
    ]
    return " and ".join(parts) or "finite"


def check_numbers(name: str, value: Any, allowed: Any, wanted: str) -> None:
    """Refuse what is no number, or no array of them, or not allowed."""
    try:
        array = np.asarray("" if value is None else value)
        if array.dtype.kind not in "fiubO":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}; it must be a number or an array of numbers.") from None
    if array.size == 0 or not (np.isfinite(array) & allowed(array)).all():
        raise ValueError(f"{name} is {value!r}; it must be {wanted}.")


def check_weights(name: str, weights: Any) -> Any:
    """Refuse class weights that no task could have."""
    if weights is None or (isinstance(weights, str) and weights == "balanced"):
        return weights
    if isinstance(weights, str):
        raise ValueError(f"{name} is {weights!r}; give 'balanced', a number, one per class, or a dict.")
    for value in weights.values() if isinstance(weights, Mapping) else [weights]:
        check_numbers(name, value, lambda v: v > 0, "positive and finite; leave rows out by sample_weight")
    return weights


def check_range(name: str, value: Any) -> Any:
    """Refuse what is not a pair of class weights in order."""
    if value is None:
        return None
    check_numbers(name, value, lambda v: v >= 0, "a pair (low, high) of numbers that are not negative")
    if np.shape(value) != (2,) or not value[0] <= value[1] or not value[1] > 0:
        raise ValueError(f"{name} is {value!r}; it must be a pair (low, high) with low <= high and high > 0.")
    return value


def check_hessian(name: str, value: Any) -> Any:
    """Refuse a Hessian that is none; an old name gives the new one, with a warning."""
    if isinstance(value, str) and value in OLD_HESSIANS:
        message = f"{name}={value!r} is now called {OLD_HESSIANS[value]!r}; the old name is removed in version 0.2."
        protocol.warn(message, FutureWarning)
        return OLD_HESSIANS[value]
    if value is not None and not (isinstance(value, str) and value in HESSIANS):
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, HESSIANS))}.")
    return value


def check_scale(name: str, value: Any) -> Any:
    """Refuse a scale that is neither a name nor a positive number."""
    if value not in ("auto", "start") if isinstance(value, str) else not _positive_number(value):
        raise ValueError(f"{name} is {value!r}; give 'auto', 'start' or a positive number.")
    return value


def check_threads(name: str, value: Any) -> Any:
    """Refuse a number of threads that is none."""
    if value is not None and (not is_whole(value) or value < 1):
        raise ValueError(f"{name} is {value!r}; give a positive whole number, or None for all processors.")
    return value


def check_device(name: str, value: Any) -> Any:
    """Refuse an unknown device."""
    if value not in DEVICES:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, DEVICES))}.")
    return value


def is_whole(value: Any) -> bool:
    """Whether a value is an integer; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def same(value: Any, other: Any) -> bool:
    """Whether two arguments are the same value; arrays are compared entry by entry."""
    return type(value) is type(other) and hashable(value) == hashable(other)


def hashable(value: Any) -> Any:
    """An argument as a key that equal ones share."""
    if isinstance(value, Mapping):
        return tuple((hashable(key), hashable(one)) for key, one in value.items())
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *map(hashable, value)
    return value


def _positive_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value) and value > 0)
    )
