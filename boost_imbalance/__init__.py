"""Loss functions for imbalanced data that plug into XGBoost and LightGBM."""

import importlib.util as _util
from collections.abc import Callable as _Callable
from typing import TYPE_CHECKING, Any

from boost_imbalance import libraries as _libraries  # noqa: F401 -- makes the libraries known to every loss
from boost_imbalance import metrics
from boost_imbalance.kernels import expressions as _expressions
from boost_imbalance.libraries.lightgbm import multilabel_dataset
from boost_imbalance.losses import (
    Loss,
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    focal_objective,
    generalized_cross_entropy_objective,
    ldam_objective,
    logit_adjusted_objective,
    poly1_objective,
    robust_focal_objective,
    vector_scaling_objective,
    weighted_objective,
)
from boost_imbalance.losses.costs import cost_matrix, cost_weights, decide_by_cost, mean_cost, savings_score
from boost_imbalance.losses.parameters import parameter, per_class
from boost_imbalance.losses.training import Training
from boost_imbalance.losses.warmup import warm_up
from boost_imbalance.losses.weighting import effective_number
from boost_imbalance.types import Elementwise as _Elementwise
from boost_imbalance.types import Where as _Where

if TYPE_CHECKING:
    from boost_imbalance.comparison.comparison import Comparison
    from boost_imbalance.comparison.experiment import compare
    from boost_imbalance.estimators.dask_lightgbm import ImbalancedDaskLGBMClassifier
    from boost_imbalance.estimators.dask_xgboost import ImbalancedDaskXGBClassifier
    from boost_imbalance.estimators.lightgbm import ImbalancedLGBMClassifier
    from boost_imbalance.estimators.onnx import to_onnx
    from boost_imbalance.estimators.spark import ImbalancedSparkXGBClassifier
    from boost_imbalance.estimators.xgboost import ImbalancedXGBClassifier

__version__ = "0.1.0"

exp: _Elementwise = _expressions.exp
expm1: _Elementwise = _expressions.expm1
log: _Elementwise = _expressions.log
log1p: _Elementwise = _expressions.log1p
log_sigmoid: _Elementwise = _expressions.log_sigmoid
sigmoid: _Elementwise = _expressions.sigmoid
where: _Where = _expressions.where
is_zero: _Callable[[object], bool] = _expressions.is_zero

Objective = Loss
"""What a loss is called where it is given to a library; the same class."""

__all__ = [
    "Comparison",
    "ImbalancedDaskLGBMClassifier",
    "ImbalancedDaskXGBClassifier",
    "ImbalancedLGBMClassifier",
    "ImbalancedSparkXGBClassifier",
    "ImbalancedXGBClassifier",
    "Loss",
    "Objective",
    "Training",
    "adaptive_objective",
    "asymmetric_objective",
    "class_balanced_objective",
    "compare",
    "cost_matrix",
    "cost_weights",
    "decide_by_cost",
    "effective_number",
    "exp",
    "expm1",
    "focal_objective",
    "generalized_cross_entropy_objective",
    "is_zero",
    "ldam_objective",
    "log",
    "log1p",
    "log_sigmoid",
    "logit_adjusted_objective",
    "mean_cost",
    "metrics",
    "multilabel_dataset",
    "parameter",
    "per_class",
    "poly1_objective",
    "robust_focal_objective",
    "savings_score",
    "sigmoid",
    "to_onnx",
    "vector_scaling_objective",
    "warm_up",
    "weighted_objective",
    "where",
]

_LATER = {
    "Comparison": ("comparison.comparison", "sklearn"),
    "ImbalancedDaskLGBMClassifier": ("estimators.dask_lightgbm", "lightgbm", "dask"),
    "ImbalancedDaskXGBClassifier": ("estimators.dask_xgboost", "xgboost", "dask"),
    "ImbalancedLGBMClassifier": ("estimators.lightgbm", "lightgbm"),
    "ImbalancedSparkXGBClassifier": ("estimators.spark", "xgboost", "pyspark", "pandas"),
    "ImbalancedXGBClassifier": ("estimators.xgboost", "xgboost"),
    "compare": ("comparison.experiment", "sklearn"),
    "to_onnx": ("estimators.onnx", "onnx"),
}
"""What is imported when it is asked for: from where, and what it needs beside scikit-learn."""
_EXTRAS = {"pandas": "spark", "pyspark": "spark"}
"""The extra that brings it, where its name is another."""


def _is_installed(library: str) -> bool:
    try:
        return _util.find_spec(library) is not None
    except (ModuleNotFoundError, ValueError):
        return False


# So that ``import *`` and completion do not stumble over what cannot be imported.
__all__ = [one for one in __all__ if one not in _LATER or all(map(_is_installed, (*_LATER[one][1:], "sklearn")))]


def __dir__() -> list[str]:
    """What can be had, with what is imported when it is asked for."""
    return sorted({*__all__, *(name for name in globals() if name not in _LATER)})


def __getattr__(name: str) -> Any:
    """The classifiers, and what needs other libraries, when they are asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'boost_imbalance' has no attribute {name!r}")
    import importlib

    module, *libraries = _LATER[name]
    try:
        found = importlib.import_module(f"boost_imbalance.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in (*libraries, "sklearn"):
            raise
        extras = ",".join(dict.fromkeys(_EXTRAS.get(one, one) for one in libraries))
        extras = "compare" if libraries == ["sklearn"] else extras
        *others, last = [one for one in libraries if one != "sklearn"] + ["scikit-learn"]
        needed = f"{', '.join(others)}{' and ' if others else ''}{last}"
        raise ImportError(f"{name} needs {needed}; install it with pip install 'boost-imbalance[{extras}]'.") from error
    return getattr(found, name)
