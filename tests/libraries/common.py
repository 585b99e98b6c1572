"""What the tests of both libraries share."""

import pytest

import boost_imbalance as bi


class Recorder:
    """An objective that keeps what the booster showed it and what it answered."""

    def __init__(self, objective):
        self.objective, self.margins, self.answers = objective, [], []

    def __call__(self, margin, data):
        gradient, hessian = self.objective(margin, data)
        self.margins.append(margin.copy(order="K"))
        self.answers.append((gradient.copy(order="K"), hessian.copy(order="K")))
        return gradient, hessian

    def __deepcopy__(self, memo):  # LightGBM copies its parameters
        return self


over_losses = pytest.mark.parametrize(
    "make",
    [
        lambda: bi.weighted_objective("balanced"),
        lambda: bi.focal_objective(gamma=2.0),
        lambda: bi.asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.02),
        lambda: bi.class_balanced_objective(beta=0.9999, gamma=1.0),
        lambda: bi.logit_adjusted_objective(tau=1.0),
        lambda: bi.adaptive_objective(rate=0.001),
    ],
    ids=["weighted", "focal", "asymmetric", "class_balanced", "logit_adjusted", "adaptive"],
)
