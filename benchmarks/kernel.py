"""Gradient and Hessian alone, one thread, beside plain NumPy, the peer packages that are installed, and a copy.

python benchmarks/kernel.py [--rows 1000000] [--rounds 15] [--csv benchmarks/results/kernel.csv]
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Callable

import numpy as np
import results
from timing import interleaved, machine

import boost_imbalance as bi

Contest = dict[str, Callable[[], object]]
COPY = "copy of the same bytes"


class Data:
    """What a peer's objective asks of a DMatrix."""

    def __init__(self, label: np.ndarray) -> None:
        self.label = label

    def get_label(self) -> np.ndarray:
        """The labels."""
        return self.label


def numpy_focal(z, y, gamma):
    p = 1 / (1 + np.exp(-z))
    t = np.where(y > 0, p, 1 - p)
    q = 1 - t
    log_t = np.log(t)
    focus = q**gamma
    gradient = focus * (gamma * t * log_t - q) * np.where(y > 0, np.float32(1), np.float32(-1))
    hessian = t * focus * ((1 + 2 * gamma) * q - gamma * log_t * (gamma * t - q))
    return gradient, hessian


def numpy_asymmetric(z, y, gamma_pos, gamma_neg, margin):
    p = 1 / (1 + np.exp(-z))
    q = 1 - p
    positive = q**gamma_pos * (gamma_pos * p * np.log(p) - q)
    positive_hessian = p * q**gamma_pos * ((1 + 2 * gamma_pos) * q - gamma_pos * np.log(p) * (gamma_pos * p - q))
    s = np.maximum(p - margin, np.float32(1e-9))
    r = 1 - s
    a = -gamma_neg * s ** (gamma_neg - 1) * np.log(r) + s**gamma_neg / r
    b = (
        -gamma_neg * (gamma_neg - 1) * s ** (gamma_neg - 2) * np.log(r)
        + 2 * gamma_neg * s ** (gamma_neg - 1) / r
        + s**gamma_neg / r**2
    )
    negative_hessian = p * q * (1 - 2 * p) * a + (p * q) ** 2 * b
    return np.where(y > 0, positive, p * q * a), np.where(y > 0, positive_hessian, negative_hessian)


def numpy_weighted(z, y, weight):
    p = 1 / (1 + np.exp(-z))
    w = np.where(y > 0, weight, np.float32(1))
    return w * (p - y), w * p * (1 - p)


def numpy_softmax_focal(z, y, gamma):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    truth = y[:, None] == np.arange(z.shape[1])
    t = p[truth][:, None]
    q, log_t = 1 - t, np.log(t)
    w = q**gamma - gamma * q ** (gamma - 1) * t * log_t
    dw = (
        -2 * gamma * q ** (gamma - 1) - gamma * q ** (gamma - 1) * log_t + gamma * (gamma - 1) * q ** (gamma - 2) * t * log_t
    )
    d = p - truth
    return w * d, -dw * t * d * d + w * p * (1 - p)


def binary_contests(z, y, n_threads) -> dict[str, Contest]:
    def ours(objective):
        training = objective.bind(y)
        return lambda: training(z)

    contests: dict[str, Contest] = {}
    for gamma in (2.0, 2.5):
        contest = {
            "boost-imbalance": ours(bi.focal_objective(gamma=gamma, n_threads=n_threads)),
            "boost-imbalance, expected": ours(bi.focal_objective(gamma=gamma, hessian="expected", n_threads=n_threads)),
            "NumPy": lambda g=gamma: numpy_focal(z, y, np.float32(g)),
        }
        for peer in (
            _torch(gamma),
            _jaxboost(gamma),
            _imxgboost(gamma),
            _bokbokbok(gamma),
            _imlightgbm(gamma),
            _gbdtcbl_binary("FLLoss", gamma),
        ):
            if peer is not None:
                contest[peer[0]] = lambda f=peer[1]: f(z, y)
        contests[f"binary focal, gamma {gamma:g}"] = contest
    contests["asymmetric 0, 4, 0.05"] = {
        "boost-imbalance": ours(bi.asymmetric_objective(n_threads=n_threads)),
        "boost-imbalance, expected": ours(bi.asymmetric_objective(hessian="expected", n_threads=n_threads)),
        "NumPy": lambda: numpy_asymmetric(z, y, np.float32(0), np.float32(4), np.float32(0.05)),
    }
    peer = _gbdtcbl_binary("ASLLoss", 0.0, 4.0, 0.05)
    if peer is not None:
        contests["asymmetric 0, 4, 0.05"][peer[0]] = lambda: peer[1](z, y)
    contests["other formulas"] = {
        name: ours(objective)
        for name, objective in (
            ("Poly-1", bi.poly1_objective(2.0, n_threads=n_threads)),
            ("generalised cross-entropy", bi.generalized_cross_entropy_objective(n_threads=n_threads)),
            ("robust focal", bi.robust_focal_objective(n_threads=n_threads)),
            ("LDAM", bi.ldam_objective(n_threads=n_threads)),
        )
    }
    contests["weighted"] = {
        "boost-imbalance": ours(bi.weighted_objective(weights=5.0, n_threads=n_threads)),
        "boost-imbalance, exact": ours(bi.weighted_objective(weights=5.0, hessian="exact", n_threads=n_threads)),
        "NumPy": lambda: numpy_weighted(z, y, np.float32(5)),
    }
    peer = _gbdtcbl_binary("WCELoss", 5.0)
    if peer is not None:
        contests["weighted"][peer[0]] = lambda f=peer[1]: f(z, y)
    return contests


def softmax_contests(z, y, n_threads) -> dict[str, Contest]:
    by_column = np.asfortranarray(z)
    contest: Contest = {}
    for name, margin in (("row-major", z), ("column-major", by_column)):
        training = bi.focal_objective(gamma=2.0, n_threads=n_threads).bind(y)
        contest[f"boost-imbalance, {name}"] = lambda t=training, m=margin: t(m)
    contest["NumPy"] = lambda: numpy_softmax_focal(z, y, np.float32(2))
    try:
        from gbdtCBL.xgbmulti import XGBFLMulti

        peer = XGBFLMulti(2.0)
        contest["gbdtCBL XGBFLMulti"] = lambda: peer(y, z)
    except ImportError:
        pass
    return {f"softmax focal, gamma 2, K = {z.shape[1]}": contest}


def _torch(gamma):
    """Automatic differentiation, twice."""
    try:
        import torch
        from torch.nn.functional import logsigmoid
    except ImportError:
        return None
    torch.set_num_threads(1)

    def focal(z, y):
        margin = torch.tensor(z, requires_grad=True)
        t = torch.where(torch.tensor(y) > 0, margin, -margin)
        loss = -(torch.sigmoid(-t) ** gamma) * logsigmoid(t)
        (gradient,) = torch.autograd.grad(loss.sum(), margin, create_graph=True)
        (hessian,) = torch.autograd.grad(gradient.sum(), margin)
        return gradient.detach().numpy(), hessian.numpy()

    return "PyTorch autograd", focal


def _jaxboost(gamma):
    """A loss by automatic differentiation, compiled."""
    try:
        import jax
        from jaxboost import auto_objective
    except ImportError:
        return None
    focal = auto_objective(lambda z, y: -(jax.nn.sigmoid(-(2 * y - 1) * z) ** gamma) * jax.nn.log_sigmoid((2 * y - 1) * z))
    return "jaxboost auto_objective", lambda z, y: (focal.gradient(z, y), focal.hessian(z, y))


def _imxgboost(gamma):
    try:
        from imxgboost.focal_loss import Focal_Binary_Loss
    except ImportError:
        return None
    loss = Focal_Binary_Loss(gamma)
    return "imbalance-xgboost", lambda z, y: loss.focal_binary_object(z, Data(y))


def _imlightgbm(gamma):
    try:
        from imlightgbm.objective import binary_focal_objective
    except ImportError:
        return None
    return "imlightgbm", lambda z, y: binary_focal_objective(y, z, gamma)


def _bokbokbok(gamma):
    try:
        from bokbokbok.loss_functions.classification import WeightedFocalLoss
    except ImportError:
        return None
    loss = WeightedFocalLoss(1.0, gamma)
    return "bokbokbok (its Hessian is wrong)", lambda z, y: loss(z, Data(y))


def _gbdtcbl_binary(name, *arguments):
    try:
        from gbdtCBL import binary
    except ImportError:
        return None
    loss = getattr(binary, name)(*arguments)
    wrong = " (its gradient is wrong)" if name == "ASLLoss" else ""
    return f"gbdtCBL {name}{wrong}", lambda z, y: loss(y, z)


def report(name: str, contest: Contest, elements: int, rounds: int) -> list[dict[str, object]]:
    """A line for each candidate, and a row of the file."""
    margins, outputs = np.zeros((2, 2 * elements), np.float32)
    contest = {**contest, COPY: lambda: np.copyto(outputs, margins)}
    taken = interleaved(contest, rounds)
    own = taken[next(iter(taken))]
    print(f"\n{name}\n")
    rows: list[dict[str, object]] = []
    for candidate, seconds in taken.items():
        found = row(name, candidate, seconds / elements)
        rows.append({**found, "times_ours": f"{seconds / own:.1f}"})
        print(f"{candidate:<45}{found['ns_per_margin']:>8} ns per margin, {seconds / own:.1f} times ours")
    return rows


def row(loss: str, candidate: str, seconds: float, caches: str = "cold", threads: int = 1) -> dict[str, object]:
    """What the file says of one candidate."""
    kind = "ours" if candidate.startswith("boost-imbalance") else {"NumPy": "NumPy", COPY: "copy"}.get(candidate, "peer")
    found = {"loss": loss, "candidate": candidate, "kind": kind, "right": "wrong" not in candidate}
    return {**found, "ns_per_margin": f"{seconds * 1e9:.2f}", "times_ours": "", "caches": caches, "threads": threads}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    print(machine())
    rng = np.random.default_rng(0)
    z = rng.normal(-1.0, 3.0, options.rows).astype(np.float32)
    y = (rng.random(options.rows) < 0.05).astype(np.float32)
    rows: list[dict[str, object]] = []
    for name, contest in binary_contests(z, y, 1).items():
        rows += report(name, contest, options.rows, options.rounds)
    wide = rng.normal(0.0, 2.0, (options.rows, options.classes)).astype(np.float32)
    classes = rng.integers(0, options.classes, options.rows).astype(np.float32)
    for name, contest in softmax_contests(wide, classes, 1).items():
        rows += report(name, contest, wide.size, max(3, options.rounds // 3))

    print("\nThe caches warm, on one thread and on two\n")
    cases = [("binary focal, gamma 2", lambda n: bi.focal_objective(gamma=2.0, n_threads=n), z, y)]
    cases.append(
        (
            f"softmax focal, gamma 2, K = {options.classes}",
            lambda n: bi.focal_objective(gamma=2.0, n_threads=n),
            wide,
            classes,
        )
    )
    for name, make, margin, label in cases:
        objectives = {n: make(n) for n in (1, 2)}
        taken = interleaved({str(n): lambda o=o, m=margin, t=label: o(t, m) for n, o in objectives.items()}, options.rounds)
        one, two = (taken[n] / margin.size for n in ("1", "2"))
        called = "boost-imbalance" if margin.ndim == 1 else "boost-imbalance, row-major"
        rows += [row(name, called, seconds, "warm", n) for n, seconds in ((1, one), (2, two))]
        print(f"{name:<45}{one * 1e9:>8.2f} {two * 1e9:.2f} ns per margin, ratio {one / two:.2f}")
    if options.csv is not None:
        results.write(options.csv, rows)


if __name__ == "__main__":
    main()
