"""XGBoost: the start, on the scale that each of its objectives wants."""

from __future__ import annotations

import ctypes
import json
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.losses.base import Resolved
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.start import clip_prior

Array = npt.NDArray[Any]


class _Reference:
    """Memory of a DMatrix, on the host or on a GPU; valid until its labels are changed, so for one call of an objective."""

    def __init__(self, data: Any, interface: dict[str, Any]) -> None:
        self._data = data
        on_device = "stream" in interface
        setattr(self, "__cuda_array_interface__" if on_device else "__array_interface__", interface)


def label_of(data: Any) -> Any:
    """The labels of a DMatrix, read where XGBoost keeps them, or any other data set's ``get_label()``.

    ``DMatrix.get_label()`` makes a copy, which takes longer than the loss; this goes through the same C function.
    """
    reference = _reference(data, "label")
    return data.get_label() if reference is None else reference


def weight_of(data: Any) -> Any:
    """The sample weights, in the same way."""
    reference = _reference(data, "weight")
    return data.get_weight() if reference is None else reference


def _reference(data: Any, field: str) -> Any:
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or not isinstance(data, xgboost.DMatrix):
        return None
    text = ctypes.c_char_p()
    try:
        failed = xgboost.core._LIB.XGDMatrixGetInfoRef(data.handle, field.encode(), ctypes.byref(text))
    except (AttributeError, ctypes.ArgumentError):
        failed = True
    if failed or not text.value:
        return None
    found = json.loads(text.value)
    interface = found | {key: tuple(found[key]) for key in ("data", "shape", "strides") if found.get(key) is not None}
    if 0 in interface["shape"]:
        return np.empty(0, np.float32)
    reference = _Reference(data, interface)
    if "stream" not in interface:
        return np.asarray(reference)
    return reference if arrays.is_usable() else None


def booster_device() -> int | None:
    """The GPU of the booster that asks for gradients, None if it is on the host.

    An objective is not handed its booster, but is called by it.
    """
    xgboost = sys.modules.get("xgboost")
    frame = sys._getframe(1) if xgboost is not None else None
    for _ in range(_MOST_CALLERS):
        if frame is None:
            break
        if frame.f_globals.get("__name__") == "xgboost.core":
            booster = frame.f_locals.get("self")
            if xgboost is not None and isinstance(booster, xgboost.Booster):
                if booster not in _devices:
                    _devices[booster] = _device_of(booster)
                return _devices[booster]
        frame = frame.f_back
    return None


_MOST_CALLERS = 8
_devices: weakref.WeakKeyDictionary[Any, int | None] = weakref.WeakKeyDictionary()


def _device_of(booster: Any) -> int | None:
    name, _, ordinal = json.loads(booster.save_config())["learner"]["generic_param"]["device"].partition(":")
    return int(ordinal or 0) if name == "cuda" else None


def sum_over_workers(margin_type: Any) -> Callable[[Array], Array] | None:
    """What adds an array up over the workers of a distributed XGBoost training; None where there is one process.

    LightGBM's Python interface has no such function: fix class counts with ``fit`` before a distributed training there.
    """
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or margin_type != np.float32 or not xgboost.collective.is_distributed():
        return None
    collective = xgboost.collective
    # allreduce returns a flat array.
    return lambda array: np.asarray(collective.allreduce(array, collective.Op.SUM)).reshape(array.shape)


def params(resolved: Resolved) -> dict[str, Any]:
    """Training parameters: the link, and ``base_score``."""
    chosen: dict[str, Any] = {"disable_default_eval_metric": 1}
    if resolved.task is Task.MULTICLASS:
        # base_score of a softmax is a margin. XGBoost's own is log(prior + 1e-6), less its mean.
        start = np.log(resolved.counts.priors + 1e-6) if resolved.is_built_in else resolved.start
        start = start - start.mean()
        chosen |= {"objective": "multi:softprob", "num_class": len(start)}
        return {**chosen, "base_score": [float(value) for value in start]}
    # base_score of a logistic objective is a probability.
    share = resolved.counts.priors if resolved.is_built_in else 1.0 / (1.0 + np.exp(-resolved.start))
    start = np.asarray(clip_prior(share))
    chosen["objective"] = "binary:logistic"
    if resolved.task is Task.MULTILABEL:
        return {**chosen, "base_score": [float(value) for value in start]}
    return {**chosen, "base_score": float(start[0])}
