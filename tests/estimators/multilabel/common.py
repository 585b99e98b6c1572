"""What the tests of several labels share."""

import numpy as np

import boost_imbalance as bi
from tests.estimators import libraries
from tests.estimators.libraries import QUIET

CROSS_ENTROPY = bi.weighted_objective(weights=None, hessian="exact")
NATIVE = {**QUIET, "num_threads": 1, "feature_pre_filter": False}
"""As the classifier trains on few rows."""
STRATEGIES = ["one_output_per_tree", "multi_output_tree"]


def library_of(name):
    return libraries.library_of(name, loss=bi.focal_objective(), n_estimators=8)


def masked(y, seen, value=np.nan):
    return np.where(seen, y, value)


def coarse(X):
    """Features with few values, which a library divides alike whatever the rows weigh."""
    return np.round(2 * X) / 2


def native(lgb, X, Y, objective=CROSS_ENTROPY, rounds=12, weight=None, **options):
    params = {**objective.lightgbm_params(Y), **NATIVE}
    return lgb.train(params, bi.multilabel_dataset(X, Y, weight), rounds, **options)
