"""Losses of other packages, for ``kernel.py``, ``evidence.py`` and ``peer_comparison.py``.

pip install bokbokbok gbdtCBL imlightgbm jaxboost gbnet treeboost-autograd; what is not installed is left out. The robust
focal loss is one file, ``rfl_loss.py`` of https://github.com/Luojiaqimath/Robust-GBDT, and takes part where it can be
imported. Each loss is a function of labels and margins to gradient and Hessian, for two classes. They bring no start, so
training begins at 0. Early stopping is by the log loss of the sigmoid, and the probabilities are the sigmoid's.

imbalance-xgboost 0.8.1 does not run with XGBoost 3: its formula is measured, its classifier is not.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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
        found["bokbokbok focal 2"] = _bokbokbok(2.0)
    if importlib.util.find_spec("imlightgbm") and library == "lightgbm":
        found["imlightgbm focal 2"] = _imlightgbm(2.0)
    if importlib.util.find_spec("jaxboost"):
        found["jaxboost focal 2"] = jaxboost_focal(2.0, alpha=0.25)  # its default
    if importlib.util.find_spec("rfl_loss"):
        found["Robust-GBDT 0.5, 0.5"] = robust_gbdt(0.5, 0.5)
    return found


def candidates(library: str, params: dict[str, Any]) -> dict[str, Candidate]:
    """Candidates for ``compare(others=...)``."""
    train = train_xgboost if library == "xgboost" else train_lightgbm
    params = {**LIBRARIES[library].defaults, **params}

    def candidate(name: str, loss: Loss) -> Candidate:
        return Candidate(name, name, train=lambda fit, stop, seed: train(loss, params, fit, stop))

    return {name: candidate(name, loss) for name, loss in losses(library).items()}


class Focal(NamedTuple):
    """A binary focal loss of another package."""

    package: str
    make: Callable[[float, int], Loss]
    """A function of gamma and the number of rows."""
    times: float = 1.0
    """What its alpha multiplies both classes by."""

    @property
    def version(self) -> str:
        """Of the package; empty of a file that is none."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return ""


FOCAL = {
    "jaxboost focal_loss": Focal("jaxboost", lambda gamma, rows: jaxboost_focal(gamma, 0.5), 0.5),
    "jaxboost auto_objective": Focal("jaxboost", lambda gamma, rows: _jaxboost_auto(gamma)),
    "gbnet": Focal("gbnet", lambda gamma, rows: _gbnet(gamma, rows)),
    "treeboost_autograd": Focal("treeboost-autograd", lambda gamma, rows: _treeboost(gamma)),
    "Robust-GBDT": Focal("Robust-GBDT", lambda gamma, rows: robust_gbdt(gamma, 0.0)),
    "gbdtCBL": Focal("gbdtCBL", lambda gamma, rows: _gbdtcbl(gamma)),
    "bokbokbok": Focal("bokbokbok", lambda gamma, rows: _bokbokbok(gamma)),
    "imlightgbm": Focal("imlightgbm", lambda gamma, rows: _imlightgbm(gamma)),
    "imbalance-xgboost": Focal("imbalance-xgboost", lambda gamma, rows: _imxgboost(gamma)),
}
"""Binary focal losses by name; ``make`` raises ImportError without the package."""


def focal_losses(
    gamma: float, rows: int, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[tuple[str, Focal, Loss]]:
    """Those of the wanted names that are installed; of the others a line is printed."""
    for name, peer in FOCAL.items():
        if not wanted(name):
            continue
        try:
            yield name, peer, peer.make(gamma, rows)
        except ImportError as missing:
            print(f"{name} is left out: {missing}", flush=True)


def jaxboost_focal(gamma: float, alpha: float) -> Loss:
    """The focal loss that jaxboost brings."""
    from jaxboost import focal_loss

    # Not with_params, for which everything is compiled again.
    return lambda label, margin: focal_loss.grad_hess(margin, label, gamma=gamma, alpha=alpha)


def _jaxboost_auto(gamma: float) -> Loss:
    """One that is written without a clipped probability."""
    import jax
    from jaxboost import auto_objective

    focal = auto_objective(lambda z, y: -(jax.nn.sigmoid(-(2 * y - 1) * z) ** gamma) * jax.nn.log_sigmoid((2 * y - 1) * z))
    return lambda label, margin: focal.grad_hess(margin, label)


def torch_focal(margin: Any, label: Any, gamma: float) -> Any:
    """The focal loss of each row as PyTorch differentiates it without NaN."""
    import torch
    from torch.nn.functional import logsigmoid

    t = torch.where(label > 0, margin, -margin)
    return -(torch.sigmoid(-t) ** gamma) * logsigmoid(t)


def _gbnet(gamma: float, rows: int) -> Loss:
    import torch
    from gbnet.xgbmodule import XGBModule

    torch.set_num_threads(1)
    module = XGBModule(rows, 1, 1)

    def loss(label: np.ndarray, margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        module.FX.data.copy_(torch.from_numpy(margin)[:, None])
        module.FX.grad = None
        torch_focal(module.FX[:, 0], torch.from_numpy(label), gamma).mean().backward(create_graph=True)
        module.gb_calc()
        return module.grad.detach().numpy()[:, 0], module.hess.detach().numpy()[:, 0]

    return loss


def _treeboost(gamma: float) -> Loss:
    import torch
    from treeboost_autograd import XgboostObjective

    torch.set_num_threads(1)
    return XgboostObjective(lambda margin, label: torch_focal(margin, label, gamma).sum())


def robust_gbdt(r: float, q: float) -> Loss:
    """The robust focal loss; with q 0 the focal loss."""
    from rfl_loss import RFLBinary

    return RFLBinary(r, q)


def _gbdtcbl(gamma: float) -> Loss:
    from gbdtCBL.binary import FLLoss

    return FLLoss(r1=gamma)


def _bokbokbok(gamma: float) -> Loss:
    from bokbokbok.loss_functions.classification import WeightedFocalLoss

    return _of_data_set(WeightedFocalLoss(alpha=1.0, gamma=gamma))


def _imlightgbm(gamma: float) -> Loss:
    from imlightgbm.objective import binary_focal_objective

    return lambda label, margin: binary_focal_objective(label, margin, gamma=gamma)


def _imxgboost(gamma: float) -> Loss:
    from imxgboost.focal_loss import Focal_Binary_Loss

    return _of_data_set(Focal_Binary_Loss(gamma).focal_binary_object)


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


def train_xgboost(loss: Loss, params: dict[str, Any], fit: Any, stop: Any) -> tuple[Model, int]:
    """A model that stopped early, and its rounds."""
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


def train_lightgbm(loss: Loss, params: dict[str, Any], fit: Any, stop: Any) -> tuple[Model, int]:
    """A model that stopped early, and its rounds."""
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


def train_gbnet(
    gamma: float, params: dict[str, Any], fit: Any, stop: Any, rounds: int = ROUNDS, weight: Any = None
) -> tuple[Model, int]:
    """Its own loop of steps: a forward pass, a backward pass, a tree; ``stop`` None trains all rounds."""
    import torch
    import xgboost as xgb
    from gbnet.xgbmodule import XGBModule

    torch.set_num_threads(1)
    module = XGBModule(len(fit.label), fit.X.shape[1], 1, params=params)
    data, label = xgb.DMatrix(fit.X, weight=weight), torch.from_numpy(fit.label.astype(np.float32))
    held_out = None if stop is None else xgb.DMatrix(stop.X)
    margin = np.zeros(0 if stop is None else len(stop.label), np.float32)
    best, best_round = np.inf, 0
    for done in range(rounds):
        module.zero_grad()
        torch_focal(module(data)[:, 0], label, gamma).mean().backward(create_graph=True)
        module.gb_step()
        if held_out is None:
            continue
        # One tree a round: the whole model would take a time that grows with the square of the rounds.
        margin += module.bst.predict(held_out, output_margin=True, iteration_range=(done, done + 1))
        error = _log_loss(stop.label, margin)
        if error < best:
            best, best_round = error, done + 1
        if done + 1 - best_round >= PATIENCE:
            break
    kept = best_round or rounds
    booster = module.bst
    return Model(lambda X: booster.predict(xgb.DMatrix(X), output_margin=True, iteration_range=(0, kept))), kept
