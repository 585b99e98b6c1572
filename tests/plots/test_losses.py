"""Curves of losses, against the papers and formulas written out here."""

import copy

import mpmath
import numpy as np
import pytest
from scipy.special import logit

import boost_imbalance as bi

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")


from boost_imbalance import plots
from tests.plots.common import blank, lines_of

GAMMAS = (0.0, 0.5, 2.0, 5.0)


def test_focal_curves_are_those_of_the_paper(ax):
    objectives = {f"{gamma}": bi.focal_objective(gamma=gamma) for gamma in GAMMAS}
    drawn = lines_of(plots.plot_loss(objectives, ax=ax))
    for gamma in GAMMAS:
        p, loss = drawn[f"{gamma}"]
        np.testing.assert_allclose(loss, -((1.0 - p) ** gamma) * np.log(p), rtol=1e-9)
    assert (p[0], p[-1]) == (0.001, 0.999)


def test_asymmetric_negatives_are_those_of_the_paper(ax):
    plots.plot_loss(bi.asymmetric_objective(gamma_neg=4.0, margin=0.05), label=0, limits=(0.02, 0.99), ax=ax)
    p, loss = ax.lines[0].get_xydata().T
    shifted = np.maximum(1.0 - p - 0.05, 0.0)
    np.testing.assert_allclose(loss, -(shifted**4) * np.log1p(-shifted), rtol=1e-7, atol=1e-15)


@pytest.mark.parametrize("label", [0, 1])
def test_gradients_and_exact_hessians_are_derivatives_of_the_loss(any_constructor, label):
    objective = any_constructor(hessian="exact").fit([0] * 9 + [1])
    drawn = {}
    for quantity in ("loss", "gradient", "hessian"):
        ax = plots.plot_loss(objective, quantity, "margin", label=label, limits=(-3.0, 3.0), ax=blank())
        margin, drawn[quantity] = ax.lines[0].get_xydata()[5:-5].T
    slope, second = (np.gradient(drawn[name], margin)[5:-5] for name in ("loss", "gradient"))
    np.testing.assert_allclose(slope, drawn["gradient"][5:-5], rtol=2e-3, atol=2e-4)
    if objective.constructor_name != "asymmetric_objective":  # whose second derivative jumps
        np.testing.assert_allclose(second, drawn["hessian"][5:-5], rtol=2e-3, atol=5e-4)


def test_derivatives_are_in_the_margin_also_against_the_probability(ax):
    plots.plot_loss(bi.focal_objective(gamma=2.0), "gradient", ax=ax)
    p, gradient = ax.lines[0].get_xydata()[[50, 250, 450]].T
    with mpmath.workdps(30):
        slopes = [mpmath.diff(lambda z: mpmath.log(1 + mpmath.exp(-z)) / (1 + mpmath.exp(z)) ** 2, logit(one)) for one in p]
    np.testing.assert_allclose(gradient, np.array(slopes, dtype=float), rtol=1e-9)


def test_several_classes_are_drawn_by_the_probability_of_the_true_one(ax):
    objective = bi.focal_objective(gamma=2.0, weights=[1.0, 2.0, 5.0]).fit([0, 1, 2])
    drawn = lines_of(plots.plot_loss({"focal": objective}, label=(0, 2), ax=ax))
    for label, weight in ((0, 1.0), (2, 5.0)):
        p, loss = drawn[f"focal, label {label}"]
        np.testing.assert_allclose(loss, -weight * (1.0 - p) ** 2 * np.log(p), rtol=1e-9)
    left, right = (line.get_linestyle() for line in ax.lines)
    assert left != right


def test_the_other_margins_of_several_classes_are_0(ax):
    objective = bi.weighted_objective(None).fit([0, 1, 2, 3])
    plots.plot_loss(objective, "gradient", "margin", label=1, ax=ax)
    z, gradient = ax.lines[0].get_xydata().T
    np.testing.assert_allclose(gradient, np.exp(z) / (np.exp(z) + 3.0) - 1.0, atol=1e-12)
    assert "others 0" in ax.get_xlabel()


@pytest.mark.parametrize("column", [0, 1])
def test_each_label_of_several(ax, column):
    objective = bi.focal_objective(gamma=[0.0, 3.0]).fit([[0, 1], [1, 0]])
    plots.plot_loss(objective, label=0, column=column, ax=ax)
    p, loss = ax.lines[0].get_xydata().T
    np.testing.assert_allclose(loss, -((1.0 - p) ** [0.0, 3.0][column]) * np.log(p), rtol=1e-9)


def test_the_hessians_are_those_that_the_objective_gives(ax):
    objective = bi.focal_objective(gamma=2.0)
    plots.plot_curvature(objective, "margin", ax=ax)
    names = ["exact", "expected", "positive_terms", "absolute", "reweighted"]
    assert [line.get_label().split(" (")[0] for line in ax.lines[:5]] == names
    assert [line.get_label() for line in ax.lines if "given" in line.get_label()] == ["safeguarded (given to the booster)"]
    for name, line in zip(names, ax.lines[:5], strict=True):
        x, y = line.get_xydata().T
        np.testing.assert_array_equal(y, objective.replace(hessian=name).gradient_hessian(x, np.ones(len(x)))[1])
    exact, absolute = ax.lines[0].get_ydata(), ax.lines[3].get_ydata()
    np.testing.assert_array_equal(np.abs(exact), absolute)
    assert exact.min() < 0


@pytest.mark.slow
def test_the_marked_hessian_is_the_tasks_default_or_the_one_asked_for():
    several = bi.focal_objective().fit([0, 1, 2])
    asked = bi.focal_objective(hessian="reweighted")
    weighted = bi.focal_objective(weights=[1.0, 2.0, 5.0]).fit([0, 1, 2])
    for objective, name in ((several, "safeguarded"), (weighted, "positive_terms"), (asked, "reweighted")):
        drawn = lines_of(plots.plot_curvature(objective, ax=blank()))
        assert [shown for shown in drawn if "given" in shown] == [f"{name} (given to the booster)"]


@pytest.mark.slow
def test_objectives_stay_as_they_were(ax, any_constructor):
    label = np.array([0] * 9 + [1])
    fitted = any_constructor().fit(label)
    trained = any_constructor()
    trained(np.zeros(10), _Data(label))
    before = [copy.copy(vars(one)) for one in (fitted, trained)]
    plots.plot_loss([fitted, trained], ax=ax)
    plots.plot_curvature(fitted, ax=ax)
    plots.plot_curvature(trained, ax=ax)
    assert [vars(one) for one in (fitted, trained)] == before
    assert not trained.is_fitted
    one, other = (line.get_ydata() for line in ax.lines[:2])
    np.testing.assert_array_equal(one, other)


class _Data:
    """As much of an ``xgboost.DMatrix`` as an objective reads."""

    def __init__(self, label):
        self._label = label

    def get_label(self):
        return self._label

    def get_weight(self):
        return np.zeros(0)

    def num_row(self):
        return len(self._label)


def test_class_weights_are_the_inverse_effective_numbers(ax):
    n = {"common": 5000, "rare": 100}
    plots.plot_class_weights(n, betas=[0.9999, 0.0, 0.99], ax=ax)
    x, common = ax.lines[0].get_xydata().T
    rare = ax.lines[1].get_ydata()
    beta = 1.0 - 1.0 / x
    np.testing.assert_allclose(beta, [0.0, 0.99, 0.9999], atol=1e-12)
    with mpmath.workdps(30):
        ratio = [(1 - mpmath.mpf(b) ** 5000) / (1 - mpmath.mpf(b) ** 100) for b in (0.0, 0.99, 0.9999)]
    np.testing.assert_allclose(rare / common, np.array(ratio, dtype=float), rtol=1e-12)
    np.testing.assert_allclose(rare + common, 2.0)
    inverse = [line.get_ydata()[0] for line in ax.lines[2:]]
    np.testing.assert_allclose(inverse, [2 * 100 / 5100, 2 * 5000 / 5100])
    ax.figure.draw_without_rendering()
    assert {"0", "0.9", "0.99"} <= {tick.get_text() for tick in ax.get_xticklabels()}


def test_class_weights_reach_inverse_frequency_by_default(ax):
    plots.plot_class_weights([1e6, 300.0, 20.0], ax=ax)
    for line, limit in zip(ax.lines[:3], ax.lines[3:], strict=True):
        assert line.get_ydata()[0] == pytest.approx(1.0)
        assert line.get_ydata()[-1] == pytest.approx(limit.get_ydata()[0], rel=0.06)


def test_effective_numbers(ax):
    plots.plot_effective_number([0.9, 0.999], limits=(1, 1e4), ax=ax)
    for line, beta in zip(ax.lines, (0.9, 0.999), strict=False):
        n, effective = line.get_xydata().T
        np.testing.assert_allclose(effective, (1.0 - beta**n) / (1.0 - beta), rtol=1e-9)
    np.testing.assert_array_equal(*ax.lines[2].get_xydata().T)
