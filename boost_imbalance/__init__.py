"""Loss functions for imbalanced data that plug into XGBoost and LightGBM."""

from boost_imbalance import metrics
from boost_imbalance._adapters.constructors import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    focal_objective,
    logit_adjusted_objective,
    weighted_objective,
)
from boost_imbalance._adapters.objective import Objective
from boost_imbalance._losses.weights import effective_number

__version__ = "0.1.0"

__all__ = [
    "Objective",
    "adaptive_objective",
    "asymmetric_objective",
    "class_balanced_objective",
    "effective_number",
    "focal_objective",
    "logit_adjusted_objective",
    "metrics",
    "weighted_objective",
]
