"""Losses of other packages, trained for ``evidence.py`` as their users would: pip install bokbokbok gbdtCBL imlightgbm.

Each is a function of labels and margins to gradient and Hessian, for two classes. They bring no start, so training begins
at 0. Early stopping is by the log loss of the sigmoid, and the probabilities are the sigmoid's. imbalance-xgboost 0.8.1 is
left out: it does not run with XGBoost 3.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from boost_imbalance.comparison.candidates import Candidate
from boost_imbalance.comparison.fitting import LIBRARIES, PATIENCE, ROUNDS

Loss = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def losses(library: str) -> dict[str, Loss]:
    """Losses of other packages that are installed and made for the library."""
    found: dict[str, Loss] = {}
    if importlib.util.find_spec("gbdtCBL"):
        from gbdtCBL.binary import ASLLoss, CBELoss, FLLoss

        found["gbdtCBL focal 2"] = FLLoss(r1=2.0)
        found["gbdtCBL asymmetric 0, 4, 0.05"] = ASLLoss(r1=0.0, r2=4.0, m=0.05)
        found["gbdtCBL class-balanced"] = CBELoss(b=0.9999)
    if importlib.util.find_spec("bokbokbok"):
        from bokbokbok.loss_functions.classification import WeightedFocalLoss

        found["bokbokbok focal 2"] = _of_data_set(WeightedFocalLoss(alpha=1.0, gamma=2.0))
    if importlib.util.find_spec("imlightgbm") and library == "lightgbm":
        from imlightgbm.objective import binary_focal_objective

        found["imlightgbm focal 2"] = lambda label, margin: binary_focal_objective(label, margin, gamma=2.0)
    return found


def candidates(library: str, params: dict[str, Any]) -> dict[str, Candidate]:
    """Candidates for ``compare(others=...)``."""
    train = _xgboost if library == "xgboost" else _lightgbm
    params = {**LIBRARIES[library].defaults, **params}

    def candidate(name: str, loss: Loss) -> Candidate:
        return Candidate(name, name, train=lambda fit, stop, seed: train(loss, params, fit, stop))

    return {name: candidate(name, loss) for name, loss in losses(library).items()}


class Model:
    """Sigmoids of a margin."""

    def __init__(self, margin: Callable[[Any], np.ndarray]) -> None:
        self.margin = margin

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of both classes."""
        p = expit(self.margin(X))
        if not np.isfinite(p).all():
            raise ValueError("NaN in the predictions")
        return np.column_stack([1.0 - p, p])


def _of_data_set(loss: Callable[..., Any]) -> Loss:
    class Labels:
        def __init__(self, label: np.ndarray) -> None:
            self.label = label

        def get_label(self) -> np.ndarray:
            return self.label

    return lambda label, margin: loss(margin, Labels(label))


def _log_loss(label: np.ndarray, margin: np.ndarray) -> float:
    return float(np.logaddexp(0.0, np.where(label == 1, -margin, margin).astype(np.float64)).mean())


def _xgboost(loss: Loss, params: dict[str, Any], fit: Any, stop: Any) -> tuple[Model, int]:
    import xgboost as xgb

    data, held_out = (xgb.DMatrix(part.X, part.label) for part in (fit, stop))
    callback = xgb.callback.EarlyStopping(PATIENCE, metric_name="own", save_best=True, maximize=False)
    booster = xgb.train(
        {**params, "objective": "binary:logistic", "base_score": 0.5, "disable_default_eval_metric": 1},
        data,
        ROUNDS,
        obj=lambda margin, d: loss(d.get_label(), margin),
        custom_metric=lambda margin, d: ("own", _log_loss(d.get_label(), margin)),
        evals=[(held_out, "valid")],
        callbacks=[callback],
        verbose_eval=False,
    )
    return Model(lambda X: booster.predict(xgb.DMatrix(X), output_margin=True)), booster.num_boosted_rounds()


def _lightgbm(loss: Loss, params: dict[str, Any], fit: Any, stop: Any) -> tuple[Model, int]:
    import lightgbm as lgb

    data = lgb.Dataset(fit.X, fit.label.astype(np.float64))
    booster = lgb.train(
        {**params, "objective": lambda margin, d: loss(d.get_label(), margin), "metric": "None"},
        data,
        ROUNDS,
        valid_sets=[lgb.Dataset(stop.X, stop.label, reference=data)],
        feval=lambda margin, d: ("own", _log_loss(d.get_label(), margin), False),
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )
    return Model(lambda X: booster.predict(X)), booster.best_iteration
