"""Loss functions for imbalanced data that plug into XGBoost and LightGBM."""

from typing import TYPE_CHECKING, Any

from boost_imbalance import metrics
from boost_imbalance._adapters.constructors import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    focal_objective,
    logit_adjusted_objective,
    weighted_objective,
)
from boost_imbalance._adapters.lightgbm import multilabel_dataset
from boost_imbalance._adapters.objective import Objective
from boost_imbalance._losses.weights import effective_number

if TYPE_CHECKING:
    from boost_imbalance._estimators.lightgbm import ImbalancedLGBMClassifier
    from boost_imbalance._estimators.xgboost import ImbalancedXGBClassifier

__version__ = "0.1.0"

__all__ = [
    "ImbalancedLGBMClassifier",
    "ImbalancedXGBClassifier",
    "Objective",
    "adaptive_objective",
    "asymmetric_objective",
    "class_balanced_objective",
    "effective_number",
    "focal_objective",
    "logit_adjusted_objective",
    "metrics",
    "multilabel_dataset",
    "weighted_objective",
]

_CLASSIFIERS = {"ImbalancedLGBMClassifier": "lightgbm", "ImbalancedXGBClassifier": "xgboost"}


def __getattr__(name: str) -> Any:
    """The classifiers, with the library that each is made for, when they are asked for."""
    library = _CLASSIFIERS.get(name)
    if library is None:
        raise AttributeError(f"module 'boost_imbalance' has no attribute {name!r}")
    import importlib

    try:
        module = importlib.import_module(f"boost_imbalance._estimators.{library}")
    except ModuleNotFoundError as error:
        if error.name not in (library, "sklearn"):
            raise
        raise ImportError(
            f"{name} needs {library} and scikit-learn; install them with pip install 'boost-imbalance[{library}]'."
        ) from error
    return getattr(module, name)
