"""The gradient boosting libraries, one module each: their data sets, shapes, weights, signatures, starts and model files."""

from boost_imbalance.libraries.lightgbm import LightGBM
from boost_imbalance.libraries.xgboost import XGBoost
from boost_imbalance.losses.protocol import register

register(XGBoost())
register(LightGBM())
