"""Losses as PyTorch has them or as the papers write them, differentiated twice by its autograd."""

import importlib.util

import numpy as np
import pytest

from boost_imbalance import asymmetric_objective, focal_objective, weighted_objective
from tests.helpers import Later

torch, functional = Later("torch"), Later("torch.nn.functional")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"),
]

RNG = np.random.default_rng(0)
BINARY = RNG.normal(scale=4.0, size=200), RNG.integers(0, 2, 200)
MULTILABEL = RNG.normal(scale=4.0, size=(80, 3)), RNG.integers(0, 2, (80, 3))
MULTICLASS = RNG.normal(scale=3.0, size=(80, 4)), RNG.integers(0, 4, 80)
SIGMOID = [pytest.param(BINARY, id="binary"), pytest.param(MULTILABEL, id="multi-label")]


def differentiate(loss, margin, label):
    """Loss, gradient and the diagonal of the Hessian of ``loss(margin, label)``, a tensor with the loss of each row."""
    z = torch.tensor(margin, dtype=torch.float64, requires_grad=True)
    value = loss(z, torch.tensor(label))
    (gradient,) = torch.autograd.grad(value.sum(), z, create_graph=True)
    diagonal = torch.zeros_like(z)
    for column in range(z.shape[1] if z.ndim == 2 else 1):
        chosen = (..., column) if z.ndim == 2 else ...
        diagonal[chosen] = torch.autograd.grad(gradient[chosen].sum(), z, retain_graph=True)[0][chosen]
    return value.detach().numpy(), gradient.detach().numpy(), diagonal.numpy()


def assert_agrees(objective, loss, data):
    value, gradient, diagonal = differentiate(loss, *data)
    ours, hessian = objective.gradient_hessian(*data)
    # PyTorch's own rounding is absolute where log(1 + e) meets a small e and where autograd subtracts terms.
    np.testing.assert_allclose(objective.loss(*data), value, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours, gradient, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(hessian, diagonal, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("data", SIGMOID)
def test_weight_of_the_positive_class_is_pos_weight(data):
    def loss(z, y):
        weight = torch.tensor(7.5, dtype=torch.float64)
        return functional.binary_cross_entropy_with_logits(z, y.double(), pos_weight=weight, reduction="none")

    assert_agrees(weighted_objective(7.5, hessian="exact"), loss, data)


def test_weight_of_each_label_is_pos_weight():
    weights = [0.25, 3.0, 40.0]

    def loss(z, y):
        pos_weight = torch.tensor(weights, dtype=torch.float64)
        return functional.binary_cross_entropy_with_logits(z, y.double(), pos_weight=pos_weight, reduction="none")

    assert_agrees(weighted_objective(weights, hessian="exact"), loss, MULTILABEL)


def test_class_weights_of_cross_entropy():
    weights = [0.5, 1.0, 8.0, 25.0]

    def loss(z, y):
        return functional.cross_entropy(z, y, weight=torch.tensor(weights, dtype=torch.float64), reduction="none")

    assert_agrees(weighted_objective(weights, hessian="exact"), loss, MULTICLASS)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("data", SIGMOID)
def test_focal_loss_of_a_sigmoid(data, gamma):
    def loss(z, y):
        cross_entropy = functional.binary_cross_entropy_with_logits(z, y.double(), reduction="none")
        miss = torch.sigmoid(torch.where(y == 1, -z, z))
        return torch.where(y == 1, 0.25, 0.75).double() * miss**gamma * cross_entropy

    assert_agrees(focal_objective(gamma, alpha=0.25, hessian="exact"), loss, data)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_focal_loss_of_a_softmax(gamma):
    alpha = [0.1, 0.2, 0.3, 0.9]

    def loss(z, y):
        cross_entropy = functional.cross_entropy(z, y, reduction="none")
        true = torch.nn.functional.one_hot(y, z.shape[1]).double()
        miss = (torch.softmax(z, 1) * (1 - true)).sum(1)
        return torch.tensor(alpha, dtype=torch.float64)[y] * miss**gamma * cross_entropy

    assert_agrees(focal_objective(gamma, alpha=alpha, hessian="exact"), loss, MULTICLASS)


@pytest.mark.parametrize(("gamma_pos", "gamma_neg", "margin"), [(0, 4, 0.05), (1, 2, 0.2), (0.5, 2.5, 0.0), (1, 1, 0.05)])
@pytest.mark.parametrize("data", SIGMOID)
def test_asymmetric_loss(data, gamma_pos, gamma_neg, margin):
    """Equations 4 to 7 of Ridnik et al."""

    def loss(z, y):
        p = torch.sigmoid(z)
        shifted = torch.clamp(p - margin, min=0)
        positive = torch.sigmoid(-z) ** gamma_pos * -functional.logsigmoid(z)
        miss = torch.where(shifted > 0, shifted, 1.0)  # autograd of 0 ** x is not a number
        negative = torch.where(shifted > 0, miss**gamma_neg * -torch.log(torch.sigmoid(-z) + (p - shifted)), 0.0)
        return torch.where(y == 1, positive, negative)

    assert_agrees(asymmetric_objective(gamma_pos, gamma_neg, margin, hessian="exact"), loss, data)
