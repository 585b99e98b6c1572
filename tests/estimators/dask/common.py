"""Rows spread over partitions and workers."""

import boost_imbalance as bi
from tests.helpers import Later

dask, distributed, da, dd = map(Later, ("dask", "distributed", "dask.array", "dask.dataframe"))

SIZES = (400, 0, 120, 80)
"""Rows of the partitions: uneven, and one without any."""
LOSSES = {
    "default": lambda: None,
    "focal": lambda: bi.focal_objective(2.0),
    "balanced": lambda: bi.weighted_objective("balanced"),
    "adjusted": lambda: bi.logit_adjusted_objective(1.0),
    "class-balanced": lambda: bi.class_balanced_objective(0.99),
    "adaptive": lambda: bi.adaptive_objective(0.1),
}
COMMON = {"n_estimators": 5, "max_depth": 3}
