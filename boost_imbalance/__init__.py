"""Loss functions for imbalanced data that plug into XGBoost and LightGBM."""

from typing import TYPE_CHECKING, Any

from boost_imbalance import metrics
from boost_imbalance.libraries.constructors import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    focal_objective,
    logit_adjusted_objective,
    weighted_objective,
)
from boost_imbalance.libraries.lightgbm import multilabel_dataset
from boost_imbalance.libraries.objective import Objective
from boost_imbalance.losses.weighting import effective_number

if TYPE_CHECKING:
    from boost_imbalance.comparison.comparison import Comparison
    from boost_imbalance.comparison.experiment import compare
    from boost_imbalance.estimators.lightgbm import ImbalancedLGBMClassifier
    from boost_imbalance.estimators.xgboost import ImbalancedXGBClassifier

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "ImbalancedLGBMClassifier",
    "ImbalancedXGBClassifier",
    "Objective",
    "adaptive_objective",
    "asymmetric_objective",
    "class_balanced_objective",
    "compare",
    "effective_number",
    "focal_objective",
    "logit_adjusted_objective",
    "metrics",
    "multilabel_dataset",
    "weighted_objective",
]

_LATER = {
    "Comparison": ("comparison.comparison", "sklearn"),
    "ImbalancedLGBMClassifier": ("estimators.lightgbm", "lightgbm"),
    "ImbalancedXGBClassifier": ("estimators.xgboost", "xgboost"),
    "compare": ("comparison.experiment", "sklearn"),
}
"""What is imported when it is asked for: from where, and what it needs beside scikit-learn."""


def __getattr__(name: str) -> Any:
    """The classifiers, and what needs other libraries, when they are asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'boost_imbalance' has no attribute {name!r}")
    import importlib

    module, library = _LATER[name]
    try:
        found = importlib.import_module(f"boost_imbalance.{module}")
    except ModuleNotFoundError as error:
        if error.name not in (library, "sklearn"):
            raise
        extra = "compare" if library == "sklearn" else library
        needed = "scikit-learn" if library == "sklearn" else f"{library} and scikit-learn"
        raise ImportError(f"{name} needs {needed}; install it with pip install 'boost-imbalance[{extra}]'.") from error
    return getattr(found, name)
