"""Warnings of what would silently give wrong numbers: in a training's first round, and of probabilities for margins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from boost_imbalance.kernels.cuda.arrays import to_host
from boost_imbalance.losses import protocol
from boost_imbalance.losses.fitted import FittedLoss
from boost_imbalance.types import Array

_NEAR = 0.1
"""A start this close to the loss's own makes no difference that a first tree does not."""
_MANY = 30
_A_FEW = slice(0, 64)


@dataclass(frozen=True)
class FirstRound:
    """What a library sees of a training in which a loss is called for the first time."""

    fitted: FittedLoss
    margin: Array
    """The first row's, float64 of shape (columns,)."""
    call: protocol.Call
    native: bool
    """Whether the native interface calls; else one of the scikit-learn classes."""

    @property
    def loss(self) -> Any:
        """The loss that is trained."""
        return self.fitted.loss

    @property
    def far_from_start(self) -> bool:
        """Whether the margins are not those that this loss should begin with."""
        off = self.margin - self.fitted.start
        if self.fitted.softmax:  # which does not see a constant added to all
            off = off - off.mean()
        return bool((np.abs(off) > _NEAR).any())

    @property
    def starts(self) -> str:
        """Where the training begins, and where it should, in words."""
        own = f"{self.fitted.start[0]:.4g}, " if len(self.fitted.start) == 1 else ""
        return f"at margin {self.margin[0] + 0.0:.4g} instead of {own}the start of {self.loss!r}"


def advise(first: FirstRound, warned: set[str]) -> None:
    """Warn of what a library notices, each kind once for an objective and its copies."""
    for kind, message in first.call.library.advice(first):
        if kind not in warned:
            warned.add(kind)
            protocol.warn(message)


def warn_of_probabilities(margin: Array, fitted: FittedLoss | None, softmax: bool | None = None) -> None:
    """Warn of margins that are all between 0 and 1, as if they came from a ``predict`` that applies the link.

    Those of a loss that begins between 0 and 1 itself may well be margins.
    """
    if len(margin) < _MANY or not _inside(to_host(margin[_A_FEW])):
        return
    margin = to_host(margin)
    softmax = fitted is not None and fitted.softmax if softmax is None else softmax
    if not _inside(margin) or (softmax and not np.allclose(margin.sum(axis=1), 1.0, atol=1e-3)):
        return
    if not softmax and fitted is not None and fitted.counts.rows and _inside(fitted.start):
        return
    protocol.warn(
        "margin lies between 0 and 1 in every row, as probabilities do, and is taken for raw scores; if it holds "
        "probabilities, write objective.predict_probability(booster, data), or give raw scores: booster.predict(data, "
        "output_margin=True) of XGBoost, booster.predict(X, raw_score=True) of LightGBM."
    )


def _inside(margin: Array) -> bool:
    return bool(((margin > 0) & (margin < 1)).all())
