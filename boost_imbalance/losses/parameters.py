"""The parameters of a loss, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from boost_imbalance.losses.curvature import CURVATURES
from boost_imbalance.losses.formula import (
    ASYMMETRIC,
    CROSS_ENTROPY,
    FOCAL,
    HALF_FOCAL_ASYMMETRIC,
    UNSHIFTED_ASYMMETRIC,
    Formula,
)

DEVICES = ("auto", "cpu", "cuda")

Weights = Literal["balanced"] | float | Mapping[int, Any] | Any | None


@dataclass(frozen=True)
class Parameters:
    """Everything that a loss is made of; the constructors of the package fill it in."""

    gamma_pos: Any = 0.0
    gamma_neg: Any = 0.0
    margin: float = 0.0
    asymmetric: bool = False
    alpha: Any = None
    weights: Weights = None
    beta: float | None = None
    rate: float | None = None
    clip_weights: tuple[float, float] | None = None
    tau: float = 0.0
    priors: Any = None
    hessian: str | None = None
    scale: Any = "auto"
    n_threads: int | None = None
    device: str = "auto"
    names: Mapping[str, str] = field(default_factory=dict)
    """What the user called a parameter, where it differs (gamma for gamma_pos)."""

    def __post_init__(self) -> None:
        for parameter in ("gamma_pos", "gamma_neg"):
            _check(
                self.names.get(parameter, parameter),
                getattr(self, parameter),
                lambda v: (v >= 0) & (v <= 1000),
                "between 0 and 1000",
            )
        _check("margin", self.margin, lambda v: (v >= 0) & (v < 1), "at least 0 and less than 1")
        if self.alpha is not None:
            _check("alpha", self.alpha, lambda v: (v > 0) & (v < 1), "between 0 and 1")
        _check("tau", self.tau, lambda v: v >= 0, "finite and not negative")
        if self.beta is not None:
            _check("beta", self.beta, lambda v: (v >= 0) & (v < 1), "at least 0 and less than 1")
        if self.rate is not None:
            _check("rate", self.rate, lambda v: (v > 0) & (v <= 1), "more than 0 and at most 1")
        if self.priors is not None:
            _check("priors", self.priors, lambda v: (v > 0) & (v < 1), "between 0 and 1")
        for parameter in ("tau", "margin", "beta", "rate"):
            if np.ndim(getattr(self, parameter)):
                raise ValueError(f"{parameter} is {getattr(self, parameter)!r}; give a single number.")
        self._check_weights()
        if self.clip_weights is not None:
            _check_range("clip_weights", self.clip_weights)
        if self.hessian is not None and not (isinstance(self.hessian, str) and self.hessian in CURVATURES):
            raise ValueError(f"hessian is {self.hessian!r}; choose one of {', '.join(map(repr, CURVATURES))}.")
        if self.scale not in ("auto", "start") if isinstance(self.scale, str) else not _positive_number(self.scale):
            raise ValueError(f"scale is {self.scale!r}; give 'auto', 'start' or a positive number.")
        if self.n_threads is not None and (not is_whole(self.n_threads) or self.n_threads < 1):
            raise ValueError(f"n_threads is {self.n_threads!r}; give a positive whole number, or None for all processors.")
        if self.device not in DEVICES:
            raise ValueError(f"device is {self.device!r}; choose one of {', '.join(map(repr, DEVICES))}.")

    def _check_weights(self) -> None:
        weights = self.weights
        if weights is None or (isinstance(weights, str) and weights == "balanced"):
            return
        if isinstance(weights, str):
            raise ValueError(f"weights is {weights!r}; give 'balanced', a number, one per class, or a dict.")
        values = list(weights.values()) if isinstance(weights, Mapping) else [weights]
        for value in values:
            _check("weights", value, lambda v: v > 0, "positive and finite; leave rows out by sample_weight")

    @property
    def formula(self) -> Formula:
        """The cheapest formula that these parameters need."""
        if self.asymmetric:
            if self.margin == 0:
                return UNSHIFTED_ASYMMETRIC
            return ASYMMETRIC if np.any(self.gamma_pos) else HALF_FOCAL_ASYMMETRIC
        if np.any(self.gamma_pos) or np.any(self.gamma_neg):
            return FOCAL
        return CROSS_ENTROPY

    @property
    def needs_counts(self) -> bool:
        """Whether the loss itself depends on how often each class occurs."""
        adjusted = self.tau > 0 and self.priors is None
        return isinstance(self.weights, str) or self.beta is not None or adjusted


def _check(name: str, value: Any, allowed: Any, wanted: str) -> None:
    try:
        array = np.asarray(None if isinstance(value, (str, bytes)) or value is None else value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}; it must be a number or an array of numbers.") from None
    if array.size == 0 or not (np.isfinite(array) & allowed(array)).all():
        raise ValueError(f"{name} is {value!r}; it must be {wanted}.")


def _check_range(name: str, value: Any) -> None:
    _check(name, value, lambda v: v >= 0, "a pair (low, high) of numbers that are not negative")
    if np.shape(value) != (2,) or not value[0] <= value[1] or not value[1] > 0:
        raise ValueError(f"{name} is {value!r}; it must be a pair (low, high) with low <= high and high > 0.")


def _positive_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value) and value > 0)
    )


def is_whole(value: Any) -> bool:
    """Whether a value is an integer; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
