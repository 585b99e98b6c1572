"""XGBoost: the start, on the scale that each of its objectives wants."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance._losses.labels import Task
from boost_imbalance._losses.loss import Resolved
from boost_imbalance._losses.start import clip_prior

Array = npt.NDArray[Any]


def sum_over_workers(margin_type: Any) -> Callable[[Array], Array] | None:
    """What adds an array up over the workers of a distributed XGBoost training; None where there is one process.

    LightGBM's Python interface has no such function: fix class counts with ``fit`` before a distributed training there.
    """
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or margin_type != np.float32 or not xgboost.collective.is_distributed():
        return None
    collective = xgboost.collective
    return lambda array: np.asarray(collective.allreduce(array, collective.Op.SUM))


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
