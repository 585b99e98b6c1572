"""XGBoost: its data sets, its boosters, and the start on the scale that each of its objectives wants."""

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
from boost_imbalance.losses.fitted import FittedLoss
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.start import clip_prior

Array = npt.NDArray[Any]


class XGBoost:
    """See :class:`boost_imbalance.losses.protocol.Library`."""

    name = "xgboost"
    calls_from = "xgboost.core"
    margin_format = np.float32, "C"

    def is_data(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("xgboost")
        return module is not None and isinstance(value, module.DMatrix)

    def is_booster(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("xgboost")
        return module is not None and isinstance(value, module.Booster)

    def label_and_weight(self, data: Any) -> tuple[Any, Any]:
        """Read where XGBoost keeps them."""
        return label_of(data), weight_of(data)

    def training_data(self, booster: Any) -> Any:
        """None: an XGBoost booster does not know its training data."""
        return None

    def n_outputs(self, booster: Any) -> int:
        """Number of margins of a row."""
        learner = json.loads(booster.save_config())["learner"]["learner_model_param"]
        return max(1, int(learner["num_class"]), int(learner["num_target"]))

    def device(self, booster: Any) -> int | None:
        """The GPU of a booster."""
        if booster not in _devices:
            _devices[booster] = _device_of(booster)
        return _devices[booster]

    def hessian_factor(self, n_classes: int) -> float:
        """XGBoost doubles the diagonal."""
        return 2.0

    def sum_over_workers(self) -> Callable[[Array], Array] | None:
        """XGBoost's own sum over the workers of a distributed training."""
        module = sys.modules.get("xgboost")
        if module is None or not module.collective.is_distributed():
            return None
        collective = module.collective
        # Before version 3.4 allreduce returns a flat array.
        return lambda array: np.asarray(collective.allreduce(array, collective.Op.SUM)).reshape(array.shape)

    def metric_result(self, metric: Any, value: float) -> Any:
        """A name, and the value."""
        return metric.__name__, value

    def params(self, fitted: FittedLoss) -> dict[str, Any]:
        """Training parameters: the link, and ``base_score``."""
        return params(fitted)


class _Reference:
    """Memory of a DMatrix, on the host or on a GPU; valid until its labels are changed, so for one call of an objective."""


def label_of(data: Any) -> Any:
    """The labels of a DMatrix, read where XGBoost keeps them, or any other data set's ``get_label()``.

    ``DMatrix.get_label()`` makes a copy, which takes longer than the loss; this goes through the same C function.
    """
    reference = _reference(data, b"label")
    return data.get_label() if reference is None else reference


def weight_of(data: Any) -> Any:
    """The sample weights, in the same way; None for equal ones."""
    reference = _reference(data, b"weight")
    weight = data.get_weight() if reference is None else reference
    return None if isinstance(weight, np.ndarray) and weight.size == 0 else weight


def _reference(data: Any, field: bytes) -> Any:
    module = sys.modules.get("xgboost")
    if module is None or not isinstance(data, module.DMatrix):
        return None
    text = ctypes.c_char_p()
    try:
        failed = module.core._LIB.XGDMatrixGetInfoRef(data.handle, field, ctypes.byref(text))
    except (AttributeError, ctypes.ArgumentError):
        failed = True
    if failed or not text.value:
        return None
    interface = json.loads(text.value)
    for key in ("data", "shape", "strides"):
        if interface.get(key) is not None:
            interface[key] = tuple(interface[key])
    if 0 in interface["shape"]:
        return np.empty(0, np.float32)
    reference: Any = _Reference()
    reference.owner = data
    if "stream" not in interface:
        reference.__array_interface__ = interface
        return np.asarray(reference)
    reference.__cuda_array_interface__ = interface
    return reference if arrays.is_usable() else None


_devices: weakref.WeakKeyDictionary[Any, int | None] = weakref.WeakKeyDictionary()


def _device_of(booster: Any) -> int | None:
    name, _, ordinal = json.loads(booster.save_config())["learner"]["generic_param"]["device"].partition(":")
    return int(ordinal or 0) if name == "cuda" else None


def params(fitted: FittedLoss) -> dict[str, Any]:
    """Training parameters: the link, and ``base_score``."""
    chosen: dict[str, Any] = {"disable_default_eval_metric": 1}
    if fitted.task is Task.MULTICLASS:
        # base_score of a softmax is a margin. XGBoost's own is log(prior + 1e-6), less its mean.
        start = np.log(fitted.counts.priors + 1e-6) if fitted.is_built_in else fitted.start
        start = start - start.mean()
        chosen |= {"objective": "multi:softprob", "num_class": len(start)}
        return {**chosen, "base_score": [float(value) for value in start]}
    # base_score of a logistic objective is a probability.
    share = fitted.counts.priors if fitted.is_built_in else 1.0 / (1.0 + np.exp(-fitted.start))
    start = np.asarray(clip_prior(share))
    chosen["objective"] = "binary:logistic"
    if fitted.task is Task.MULTILABEL:
        return {**chosen, "base_score": [float(value) for value in start]}
    return {**chosen, "base_score": float(start[0])}
