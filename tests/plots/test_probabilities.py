"""Reliability and precision-recall curves, against scikit-learn and SciPy."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from boost_imbalance import plots
from tests.plots.common import blank, lines_of


@pytest.fixture(scope="module")
def rows():
    """Labels, calibrated probabilities, and sample weights."""
    rng = np.random.default_rng(0)
    eta = expit(rng.normal(-2.5, 1.5, size=3000))
    return (rng.random(3000) < eta).astype(int), eta, rng.uniform(0.5, 2.0, size=3000)


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
@pytest.mark.parametrize("n_bins", [1, 4, 10])
def test_reliability_is_scikit_learns_calibration_curve(ax, rows, strategy, n_bins):
    label, eta, _ = rows
    rounded = eta.round(2)  # ties at the borders of the bins
    plots.plot_reliability(label, {"eta": eta, "rounded": rounded}, strategy=strategy, n_bins=n_bins, ax=ax)
    for name, score in (("eta", eta), ("rounded", rounded)):
        observed, predicted = calibration_curve(label, score, n_bins=n_bins, strategy=strategy)
        np.testing.assert_allclose(lines_of(ax)[name], [predicted, observed], rtol=1e-12)


def bars_of(ax):
    """Lower and upper ends of the intervals of the first curve."""
    return np.array([segment[:, 1] for segment in ax.collections[0].get_segments()]).T


def test_intervals_are_wilsons(ax, rows):
    label, eta, _ = rows
    plots.plot_reliability(label, eta, n_bins=5, confidence=0.9, ax=ax)
    bins = np.searchsorted(np.percentile(eta, [20, 40, 60, 80]), eta)
    intervals = [
        binomtest(int(label[bins == k].sum()), int((bins == k).sum())).proportion_ci(0.9, method="wilson") for k in range(5)
    ]
    np.testing.assert_allclose(bars_of(ax).T, intervals, rtol=1e-9)
    assert "90% interval" in ax.get_ylabel()


def test_intervals_cover_calibrated_probabilities():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(40):
        eta = rng.beta(1.0, 6.0, size=800)
        ax = plots.plot_reliability(rng.random(800) < eta, eta, counts=False, ax=blank())
        low, high = bars_of(ax)
        mean = ax.lines[0].get_xdata()
        covered += list((low <= mean) & (mean <= high))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)


def test_whole_weights_are_repeated_rows_in_the_curve_but_not_in_the_interval(ax, rows):
    label, eta, _ = rows
    weight = np.random.default_rng(5).integers(0, 4, size=len(label))
    repeated = np.repeat(np.arange(len(label)), weight)
    arguments = {"strategy": "uniform", "n_bins": 6}
    plots.plot_reliability(label, eta, sample_weight=weight, ax=ax, **arguments)
    again = plots.plot_reliability(label[repeated], eta[repeated], ax=blank(), **arguments)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), again.lines[0].get_xydata(), rtol=1e-12)
    wide, narrow = (high - low for low, high in (bars_of(ax), bars_of(again)))
    assert (wide > narrow).all()


def test_quantile_bins_hold_equal_weight(ax, rows):
    label, eta, weight = rows
    weight = weight * np.where(eta > 0.2, 10.0, 1.0)
    plots.plot_reliability(label, eta, sample_weight=weight, n_bins=4, ax=ax)
    predicted = ax.lines[0].get_xdata()
    order = np.argsort(eta)
    quarter = np.minimum((np.cumsum(weight[order]) / weight.sum() * 4).astype(int), 3)
    expected = [np.average(eta[order][quarter == k], weights=weight[order][quarter == k]) for k in range(4)]
    np.testing.assert_allclose(predicted, expected, rtol=0.02)


def test_equal_weights_change_nothing(ax, rows):
    label, eta, _ = rows
    plots.plot_reliability(label, eta, sample_weight=np.full(len(label), 2.5), ax=ax)
    again = plots.plot_reliability(label, eta, ax=blank())
    np.testing.assert_allclose(ax.lines[0].get_xydata(), again.lines[0].get_xydata(), rtol=1e-9)
    np.testing.assert_allclose(bars_of(ax), bars_of(again), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_histogram_counts_every_row(ax, rows, scale):
    label, eta, weight = rows
    for given, total in ((None, len(label)), (weight, weight.sum())):
        drawn = plots.plot_reliability(label, np.append(eta[1:], 0.0), sample_weight=given, scale=scale, ax=blank())
        (outline,) = drawn.child_axes[0].patches
        # The outline goes up, along and down again: each bin's height stands at its second corner.
        assert outline.get_xy()[1:-1:2, 1].sum() == pytest.approx(total)
    assert plots.plot_reliability(label, eta, counts=False, ax=ax).child_axes == []


@pytest.mark.parametrize("weighted", [False, True])
def test_precision_recall_is_scikit_learns(ax, rows, weighted):
    label, eta, weight = rows
    weight = weight if weighted else None
    plots.plot_precision_recall(label, {"eta": eta, "margin": logit(eta)}, sample_weight=weight, ax=ax)
    precision, recall, _ = sk.precision_recall_curve(label, eta, sample_weight=weight)
    average = sk.average_precision_score(label, eta, sample_weight=weight)
    for name in ("eta", "margin"):
        np.testing.assert_allclose(lines_of(ax)[f"{name} (AP {average:.3f})"], [recall, precision], rtol=1e-12)
    assert ax.lines[-1].get_ydata()[0] == pytest.approx(np.average(label, weights=weight))


@pytest.mark.parametrize("draw", [plots.plot_precision_recall, plots.plot_reliability])
def test_one_class_against_the_rest(draw, make_data):
    data = make_data("multiclass")
    for k in range(3):
        whole, own = (
            draw(label, score, **index, ax=blank())
            for label, score, index in (
                (data.y, data.posterior, {"class_index": k}),
                (data.y == k, data.posterior[:, k], {}),
            )
        )
        np.testing.assert_array_equal(whole.lines[0].get_xydata(), own.lines[0].get_xydata())
        assert f"class {k}" in whole.get_xlabel()


@pytest.mark.parametrize("draw", [plots.plot_precision_recall, plots.plot_reliability])
def test_one_label_of_several(draw, make_data):
    data = make_data("multilabel")
    weight = np.ones_like(data.y)
    weight[:200, 1] = 0.0
    whole = draw(data.y, data.posterior, class_index=1, sample_weight=weight, ax=blank())
    own = draw(data.y[200:, 1], data.posterior[200:, 1], ax=blank())
    np.testing.assert_allclose(whole.lines[0].get_xydata(), own.lines[0].get_xydata(), rtol=1e-9)


def test_both_columns_of_predict_proba_mean_the_second(ax, rows):
    label, eta, _ = rows
    both = np.column_stack([1.0 - eta, eta])
    plots.plot_precision_recall(label, {"one": eta, "both": both}, ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), ax.lines[1].get_xydata())
