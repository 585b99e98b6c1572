"""XGBoost: the start, on the scale that each of its objectives wants."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance._losses.labels import Task
from boost_imbalance._losses.loss import Resolved
from boost_imbalance._losses.start import clip_prior

Array = npt.NDArray[Any]


def label_of(data: Any) -> Any:
    """The labels of a DMatrix, read where XGBoost keeps them, or any other data set's ``get_label()``.

    ``DMatrix.get_label()`` makes a copy, which takes longer than the loss; this goes through the same C function. It is
    valid until the labels are changed, and so for one call of an objective.
    """
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or not isinstance(data, xgboost.DMatrix):
        return data.get_label()
    length, values = ctypes.c_uint64(), ctypes.POINTER(ctypes.c_float)()
    try:
        failed = xgboost.core._LIB.XGDMatrixGetFloatInfo(
            data.handle, ctypes.c_char_p(b"label"), ctypes.byref(length), ctypes.byref(values)
        )
    except (AttributeError, ctypes.ArgumentError):
        failed = True
    rows = data.num_row()
    if failed or not values or length.value == 0 or length.value % max(rows, 1):
        return data.get_label()
    flat = np.ctypeslib.as_array(values, shape=(length.value,))
    return flat if length.value == rows else flat.reshape(rows, -1)


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
