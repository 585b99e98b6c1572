"""The workers of one distributed training: they add up numbers, gather arrays, and fail together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from boost_imbalance.types import Array

Result = TypeVar("Result")

_LONGEST_MESSAGE = 512


class Workers:
    """What one of the workers knows of the others. Each of them has to call the same methods in the same order.

    Parameters
    ----------
    add : callable
        Adds a float64 array up over the workers, and gives every one the same sum.
    rank, size : int
        Which of how many this one is.
    """

    def __init__(self, add: Callable[[Array], Array], rank: int, size: int) -> None:
        self._add, self.rank, self.size = add, rank, size

    def __call__(self, array: Array) -> Array:
        """The sum over workers."""
        return self._add(array)

    def sums(self, *arrays: Any) -> list[Array]:
        """The sums of several arrays, in one message."""
        given = [np.asarray(array, np.float64) for array in arrays]
        if self.size == 1:
            return given
        total = self._add(np.concatenate([array.ravel() for array in given]))
        ends = np.cumsum([array.size for array in given])[:-1]
        return [part.reshape(array.shape) for part, array in zip(np.split(total, ends), given, strict=True)]

    def gather(self, arrays: Sequence[Array]) -> list[Array]:
        """For each of these one-dimensional arrays, those of all workers, one after the other."""
        if self.size == 1:
            return [np.asarray(array, np.float64) for array in arrays]
        lengths = np.zeros((len(arrays), self.size))
        lengths[:, self.rank] = [len(array) for array in arrays]
        lengths = self._add(lengths).astype(np.intp)
        ends = lengths.cumsum().reshape(lengths.shape)
        everything = np.zeros(lengths.sum())
        for array, end in zip(arrays, ends[:, self.rank], strict=True):
            everything[end - len(array) : end] = array
        return np.split(self._add(everything), ends[:-1, -1])

    def agree(self, check: Callable[[], tuple[Result, Sequence[float]]], n_facts: int) -> tuple[Result, Array]:
        """What ``check`` gives, and the sums of the facts it finds; if it fails on one worker, all of them raise.

        Raises
        ------
        Exception
            The error of this worker; ValueError with the message of the other, where it was another one that failed.
        """
        if self.size == 1:
            result, facts = check()
            return result, np.asarray(facts, np.float64)
        found: Any = None
        error: Exception | None = None
        facts = [0.0] * n_facts
        try:
            found, facts = check()
        except Exception as caught:
            error = caught
        failed, *summed = self._add(np.array([error is not None, *facts], np.float64))
        if failed:
            message = np.zeros(_LONGEST_MESSAGE)
            if error is not None:
                said = f"{error}".encode()[:_LONGEST_MESSAGE]
                message[: len(said)] = list(said)
            message = self._add(message)
            if error is not None:
                raise error
            if failed > 1:
                raise ValueError(f"{failed:g} of the {self.size} workers failed; their own errors say why.")
            text = bytes(message.astype(np.uint8)).rstrip(b"\0").decode(errors="ignore")
            raise ValueError(f"on another worker of this training, {text}")
        return found, np.array(summed)

    def together(self, check: Callable[[], Result]) -> Result:
        """What ``check`` gives; if it fails on one worker, all of them raise."""
        return self.agree(lambda: (check(), ()), 0)[0]


ALONE = Workers(lambda array: array, 0, 1)
"""A training in one process."""
