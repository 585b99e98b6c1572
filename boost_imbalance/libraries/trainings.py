"""What an objective remembers of the trainings it serves, one entry for each."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels.cpu import Row
from boost_imbalance.kernels.cuda.arrays import to_host
from boost_imbalance.libraries.device import Copies
from boost_imbalance.losses.base import Resolved
from boost_imbalance.losses.labels import Counts

Array = npt.NDArray[Any]

_MOST_WITHOUT_DATA = 64


@dataclass
class Training:
    """One training: the loss for its labels, as served to its library, and the weights that move."""

    resolved: Resolved
    local: Counts
    """Counts of the labels that this process sees: all of them, unless the training is distributed."""
    served: Array
    """Coefficients with the booster's scales and floor, in the format to compute in."""
    first_margin: Array | None = None
    copies: Copies = field(default_factory=Copies)
    moving: Array | None = None
    """Class weights of an adaptive loss, as they are this round."""

    def current(self) -> Array:
        """The coefficients of this round."""
        if self.moving is None:
            return self.served
        table: Array = self.served.copy()
        if self.resolved.softmax:
            table[Row.POSITIVE_WEIGHT] *= self.moving[0]
        else:
            table[Row.NEGATIVE_WEIGHT] *= self.moving[0]
            table[Row.POSITIVE_WEIGHT] *= self.moving[1]
        return table


class Trainings:
    """Trainings by their data set; by thread and shape where a library shows only arrays."""

    def __init__(self) -> None:
        self._entries: dict[Any, Training] = {}
        self._arrays: dict[Any, None] = {}

    def key(self, data: Any, margin: Array) -> Any:
        """What tells one training from another."""
        if data is None:
            return threading.get_ident(), margin.shape, margin.dtype.char
        return id(data)

    def get(self, key: Any) -> Training | None:
        """The training of this key, if it has been seen."""
        return self._entries.get(key)

    def put(self, key: Any, data: Any, training: Training) -> None:
        """Remember a training for as long as its data live."""
        if data is not None:
            if key not in self._entries:
                weakref.finalize(data, self._entries.pop, key, None).atexit = False
        else:
            self._arrays[key] = None
            for oldest in list(self._arrays)[:-_MOST_WITHOUT_DATA]:
                self._arrays.pop(oldest, None)
                self._entries.pop(oldest, None)
        self._entries[key] = training


def sample_of(margin: Array) -> Array:
    """A few margins, to recognise the first round of a training by."""
    margin = to_host(margin)
    flat = margin.reshape(-1) if margin.flags.c_contiguous else margin.T.reshape(-1)
    return np.array(flat[:: max(1, len(flat) // 64)], copy=True)
