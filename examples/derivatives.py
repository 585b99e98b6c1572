"""
Every gradient, compared with PyTorch
=====================================

The five losses as their papers write them, differentiated twice by PyTorch's autograd, beside what the objectives
compute. Without PyTorch the script says so, and takes differences of the loss instead.

``python examples/derivatives.py``
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

import boost_imbalance as bi
from boost_imbalance import plots

try:
    import torch
except ImportError:
    torch = None

label = np.repeat([0, 1], [950, 50])  # what class counts are taken from
z = np.linspace(-6.0, 6.0, 121)

# %%
# Each loss of a positive and of a negative, as a function of the log of the probability and of its complement.


def parts(z):
    """``p``, ``log p`` and ``log (1 - p)``."""
    if torch is not None and isinstance(z, torch.Tensor):
        return torch.sigmoid(z), torch.nn.functional.logsigmoid(z), torch.nn.functional.logsigmoid(-z)
    return expit(z), -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)


def weighted(z, y):
    _, log_p, log_q = parts(z)
    return -7.5 * log_p if y else -log_q


def focal(z, y):
    p, log_p, log_q = parts(z)
    return -0.25 * (1 - p) ** 2.0 * log_p if y else -0.75 * p**2.0 * log_q


def asymmetric(z, y):
    p, log_p, _ = parts(z)
    s = (p - 0.05) * (p > 0.05)
    if y:
        return -log_p
    return -(s**4.0) * (torch if torch is not None and isinstance(z, torch.Tensor) else np).log(1 - s)


def class_balanced(z, y):
    inverse = 1.0 / np.array([(1 - 0.999**950) / (1 - 0.999), (1 - 0.999**50) / (1 - 0.999)])
    weight = (2 * inverse / inverse.sum())[y]
    p, log_p, log_q = parts(z)
    return -weight * (1 - p) ** 1.0 * log_p if y else -weight * p**1.0 * log_q


def logit_adjusted(z, y):
    _, log_p, log_q = parts(z + np.log(50 / 950))
    return -log_p if y else -log_q


pairs = {
    "weighted": (weighted, bi.weighted_objective(7.5, hessian="exact")),
    "focal": (focal, bi.focal_objective(2.0, alpha=0.25, hessian="exact")),
    "asymmetric": (asymmetric, bi.asymmetric_objective(0.0, 4.0, 0.05, hessian="exact")),
    "class-balanced": (class_balanced, bi.class_balanced_objective(0.999, gamma=1.0, hessian="exact").fit(label)),
    "logit-adjusted": (logit_adjusted, bi.logit_adjusted_objective(hessian="exact").fit(label)),
}


# %%
# Both derivatives, by autograd or by central differences.


def differentiate(loss, z, y):
    if torch is not None:
        margin = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(loss(margin, y).sum(), margin, create_graph=True)
        (second,) = torch.autograd.grad(gradient.sum(), margin)
        return gradient.detach().numpy(), second.numpy()
    step = 1e-4
    below, at, above = loss(z - step, y), loss(z, y), loss(z + step, y)
    return (above - below) / (2 * step), (above - 2 * at + below) / step**2


by = "PyTorch's autograd" if torch is not None else "central differences (PyTorch is not installed)"
tolerance = 1e-9 if torch is not None else 1e-5
print(f"largest difference to {by}, of margins from -6 to 6\n")
print(f"{'loss':<16}{'label':>6}{'gradient':>12}{'second derivative':>20}")
figure, axes = plt.subplots(1, 5, figsize=(13, 3.0), layout="constrained")
for axis, (name, (loss, objective)) in zip(axes, pairs.items(), strict=True):
    for y in (0, 1):
        gradient, hessian = objective.gradient_hessian(z, np.full(len(z), y))
        expected, second = differentiate(loss, z, y)
        print(f"{name:<16}{y:>6}{abs(gradient - expected).max():>12.1e}{abs(hessian - second).max():>20.1e}")
        assert np.allclose(gradient, expected, rtol=tolerance, atol=tolerance)
        assert np.allclose(hessian, second, rtol=100 * tolerance, atol=100 * tolerance)
        axis.plot(z, gradient, color=plots.PALETTE[y], label=f"label {y}")
        axis.plot(z[::8], expected[::8], "k.", markersize=4)
    axis.set(title=name, xlabel="margin")
axes[0].set_ylabel("gradient (dots: the check)")
axes[0].legend(frameon=False)

# %%
# ``hessian="exact"`` is the second derivative. What a booster is given by default is another curvature, which is
# positive, and the same gradient.

for name, (_, objective) in pairs.items():
    default = objective.copy(hessian=None)
    for y in (0, 1):
        gradient, hessian = default.gradient_hessian(z, np.full(len(z), y))
        assert np.array_equal(gradient, objective.gradient_hessian(z, np.full(len(z), y))[0])
        assert (hessian >= 0).all(), name
plt.show()
