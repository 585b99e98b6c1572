"""The losses: one file each, with formula, class and documentation; and what all of them share."""

from boost_imbalance.losses.adaptive import adaptive_objective
from boost_imbalance.losses.asymmetric import asymmetric_objective
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.class_balanced import class_balanced_objective
from boost_imbalance.losses.focal import focal_objective
from boost_imbalance.losses.generalized_cross_entropy import generalized_cross_entropy_objective
from boost_imbalance.losses.ldam import ldam_objective
from boost_imbalance.losses.logit_adjusted import logit_adjusted_objective
from boost_imbalance.losses.poly1 import poly1_objective
from boost_imbalance.losses.robust_focal import robust_focal_objective
from boost_imbalance.losses.vector_scaling import vector_scaling_objective
from boost_imbalance.losses.weighted import weighted_objective

__all__ = [
    "Loss",
    "adaptive_objective",
    "asymmetric_objective",
    "class_balanced_objective",
    "focal_objective",
    "generalized_cross_entropy_objective",
    "ldam_objective",
    "logit_adjusted_objective",
    "poly1_objective",
    "robust_focal_objective",
    "vector_scaling_objective",
    "weighted_objective",
]
