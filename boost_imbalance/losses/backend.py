"""Which backend computes: the host's kernels, or those on the GPU where the arrays are."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from boost_imbalance.kernels import interpreted
from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.losses import labels, protocol


def use_gpu(device: str, *values: Any, on_device: bool = False) -> bool:
    """Whether to compute on the GPU what is asked of these arrays, or by a booster ``on_device``."""
    if device == "cpu":
        return False
    if device == "cuda":
        if not arrays.is_usable():
            raise ImportError(f"device is 'cuda', but numba-cuda finds no GPU here; {arrays.REMEDY}, or give device='auto'.")
        return True
    if not on_device and not any(map(arrays.is_on_device, values)):
        return False
    if arrays.is_usable():
        return True
    protocol.warn(
        "the data or the booster are on a GPU that numba-cuda does not find, so the loss is computed on the host; "
        f"{arrays.REMEDY}, or give device='cpu' to say that this is meant."
    )
    return False


def to_predict(device: str) -> str:
    """The device for predictions: not a GPU that is not there, because a model that was trained on one moves elsewhere."""
    return "auto" if device == "cuda" and not arrays.is_usable() else device


@functools.cache
def backend(gpu: bool) -> Any:
    """The module whose functions run formulas over arrays; it loads numba."""
    return importlib.import_module(f"boost_imbalance.kernels.{'cuda.runner' if gpu else 'cpu'}")


def predictor(gpu: bool, size: int) -> Any:
    """The module that makes probabilities of so many margins: for few of them, one that compiles nothing."""
    return backend(gpu) if gpu or size > interpreted.MOST_MARGINS else interpreted


def place(gpu: bool, margin: Any, label: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
    """Margins, labels and weights, checked, and in the memory of the backend."""
    m, y = labels.as_margin(margin, gpu), labels.as_label(label, gpu)
    labels.task_of(m, y)
    w = labels.as_weight(sample_weight, y, gpu)
    if not gpu:
        return m, y, w
    return arrays.to_device(m), arrays.to_device(y), None if w is None else arrays.to_device(w)
