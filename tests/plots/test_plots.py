"""What the pictures show, against formulas written out here, scikit-learn, SciPy and the models themselves."""

import copy
import io

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest

import boost_imbalance as bi

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from boost_imbalance import plots

GAMMAS = (0.0, 0.5, 2.0, 5.0)


@pytest.fixture
def ax():
    """Axes that pyplot knows nothing of; afterwards it still knows of none."""
    plt.close("all")
    settings = dict(matplotlib.rcParams)
    yield Figure(layout="constrained").subplots()
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == settings


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows():
    """Labels, calibrated probabilities, and sample weights."""
    rng = np.random.default_rng(0)
    eta = expit(rng.normal(-2.5, 1.5, size=3000))
    return (rng.random(3000) < eta).astype(int), eta, rng.uniform(0.5, 2.0, size=3000)


def lines_of(ax):
    return {line.get_label(): line.get_xydata().T for line in ax.lines}


# Losses


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
        ax = plots.plot_loss(objective, quantity, "margin", label=label, limits=(-3.0, 3.0), ax=Figure().subplots())
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
        drawn = lines_of(plots.plot_curvature(objective, ax=Figure().subplots()))
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


# Decisions


@pytest.fixture(scope="module")
def plane():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 2)) * [1.0, 100.0] + [0.0, 50.0]
    return X, np.where(X[:, 0] > 1.2, "rare", np.where(X[:, 1] > 0, "b", "a"))


def cells(ax):
    """The background, and the features of each of its cells as rows."""
    (image,) = ax.images
    assert image.origin == "lower"
    values = np.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    n = len(values)
    x, y = (low + (np.arange(n) + 0.5) * (high - low) / n for low, high in ((left, right), (bottom, top)))
    return values, np.column_stack([each.ravel() for each in np.meshgrid(x, y)])


def test_regions_are_what_the_model_predicts(ax, plane):
    X, y = plane
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    plots.plot_decision_regions(model, X, y, resolution=40, ax=ax)
    values, grid = cells(ax)
    assert (model.classes_[values].ravel() == model.predict(grid)).all()
    left, right, bottom, top = ax.images[0].get_extent()
    assert left < X[:, 0].min() < X[:, 0].max() < right
    assert bottom < X[:, 1].min() < X[:, 1].max() < top


def test_points_are_the_rows_with_rare_classes_on_top(ax, plane):
    X, y = plane
    plots.plot_decision_regions(DecisionTreeClassifier(random_state=0).fit(X, y), X, y, resolution=5, ax=ax)
    drawn = lines_of(ax)
    sizes = [len(xy[0]) for xy in drawn.values()]
    assert sizes == sorted(sizes, reverse=True)
    np.testing.assert_array_equal(drawn[f"rare (n = {(y == 'rare').sum()})"].T, X[y == "rare"])


def test_the_probability_of_a_class_and_where_the_decision_changes(plane):
    X, y = plane
    frame = pd.DataFrame(X, columns=["age", "income"])
    model = LogisticRegression().fit(frame / [1.0, 100.0], y == "rare")
    ax = plots.plot_decision_regions(_Scaled(model), frame, y == "rare", response="probability", resolution=20)
    values, grid = cells(ax)
    expected = model.predict_proba(pd.DataFrame(grid / [1.0, 100.0], columns=["age", "income"]))[:, 1]
    np.testing.assert_allclose(values.ravel(), expected, rtol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age", "income")
    assert ax.images[0].colorbar.ax.get_ylabel() == "probability of class True"
    (boundary,) = [path for path in ax.collections[0].get_paths() if len(path.vertices)]
    assert np.ptp(boundary.vertices[:, 1]) > 100


class _Scaled:
    """A classifier that wants a data frame."""

    def __init__(self, model):
        self.model = model
        self.classes_ = model.classes_

    def predict(self, X):
        return self.model.predict(X[["age", "income"]] / [1.0, 100.0])

    def predict_proba(self, X):
        return self.model.predict_proba(X[["age", "income"]] / [1.0, 100.0])


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_regions_of_the_classifiers_follow_their_decision_rule(name):
    pytest.importorskip(name)
    rng = np.random.default_rng(2)
    y = (rng.random(600) < 0.1).astype(int)
    X = rng.normal(size=(600, 2)) + y[:, None]
    make = bi.ImbalancedXGBClassifier if name == "xgboost" else bi.ImbalancedLGBMClassifier
    model = make(loss=bi.focal_objective(), n_estimators=10, n_jobs=1).fit(X, y)
    areas = []
    for decision in ("posterior", "balanced"):
        model.set_params(decision=decision)
        ax = plots.plot_decision_regions(model, X, y, resolution=20)
        values, grid = cells(ax)
        np.testing.assert_array_equal(values.ravel(), model.predict(grid))
        areas.append(values.mean())
    assert areas[0] < areas[1]


@pytest.mark.parametrize("weighted", [False, True])
def test_confusion_matrix(ax, weighted):
    rng = np.random.default_rng(3)
    label, predicted = (np.array(["no", "yes", "maybe"])[rng.integers(0, 3, 200)] for _ in range(2))
    weight = rng.uniform(0.5, 2.0, 200) if weighted else None
    order = ["no", "maybe", "yes"]
    plots.plot_confusion_matrix(label, predicted, classes=order, sample_weight=weight, ax=ax)
    share = sk.confusion_matrix(label, predicted, labels=order, normalize="true", sample_weight=weight)
    counts = sk.confusion_matrix(label, predicted, labels=order, sample_weight=weight)
    np.testing.assert_allclose(ax.images[0].get_array(), share, rtol=1e-12)
    numbers = [text.get_text().split("\n") for text in ax.texts]
    np.testing.assert_allclose([float(one.rstrip("%")) for one, _ in numbers], 100 * share.ravel(), atol=0.051)
    np.testing.assert_allclose([float(other) for _, other in numbers], counts.ravel(), rtol=1e-3)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == order


def test_confusion_matrix_of_a_class_without_rows(ax):
    plots.plot_confusion_matrix([0, 0], [0, 1], ax=ax)
    assert [text.get_text() for text in ax.texts] == ["50.0%\n1", "50.0%\n1", "no rows", "no rows"]


# Probabilities


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
        ax = plots.plot_reliability(rng.random(800) < eta, eta, counts=False, ax=Figure().subplots())
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
    again = plots.plot_reliability(label[repeated], eta[repeated], ax=Figure().subplots(), **arguments)
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
    again = plots.plot_reliability(label, eta, ax=Figure().subplots())
    np.testing.assert_allclose(ax.lines[0].get_xydata(), again.lines[0].get_xydata(), rtol=1e-9)
    np.testing.assert_allclose(bars_of(ax), bars_of(again), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_histogram_counts_every_row(ax, rows, scale):
    label, eta, weight = rows
    for given, total in ((None, len(label)), (weight, weight.sum())):
        drawn = plots.plot_reliability(
            label, np.append(eta[1:], 0.0), sample_weight=given, scale=scale, ax=Figure().subplots()
        )
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
            draw(label, score, **index, ax=Figure().subplots())
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
    whole = draw(data.y, data.posterior, class_index=1, sample_weight=weight, ax=Figure().subplots())
    own = draw(data.y[200:, 1], data.posterior[200:, 1], ax=Figure().subplots())
    np.testing.assert_allclose(whole.lines[0].get_xydata(), own.lines[0].get_xydata(), rtol=1e-9)


def test_both_columns_of_predict_proba_mean_the_second(ax, rows):
    label, eta, _ = rows
    both = np.column_stack([1.0 - eta, eta])
    plots.plot_precision_recall(label, {"one": eta, "both": both}, ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), ax.lines[1].get_xydata())


# All of them

DRAW = {
    "plot_loss": lambda **given: plots.plot_loss([bi.focal_objective(gamma=g) for g in range(7)], **given),
    "plot_curvature": lambda **given: plots.plot_curvature(bi.focal_objective(), **given),
    "plot_class_weights": lambda **given: plots.plot_class_weights([100, 10], **given),
    "plot_effective_number": lambda **given: plots.plot_effective_number(**given),
    "plot_reliability": lambda **given: plots.plot_reliability([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], n_bins=2, **given),
    "plot_precision_recall": lambda **given: plots.plot_precision_recall([0, 1], [0.1, 0.2], **given),
    "plot_confusion_matrix": lambda **given: plots.plot_confusion_matrix([0, 1], [0, 0], **given),
    "plot_decision_regions": lambda **given: plots.plot_decision_regions(
        LogisticRegression().fit([[0, 0], [1, 1]], [0, 1]), [[0, 0], [1, 1]], [0, 1], resolution=5, **given
    ),
}
LINES = [name for name in DRAW if name != "plot_confusion_matrix"]


def test_every_public_function_is_tried():
    assert {name for name in plots.__all__ if name.startswith("plot_")} == set(DRAW)


@pytest.mark.parametrize("name", DRAW)
def test_given_axes_are_used(ax, name):
    assert DRAW[name](ax=ax) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    picture = io.StringIO()
    ax.figure.savefig(picture, format="svg")
    assert "</svg>" in picture.getvalue()


@pytest.mark.parametrize("name", DRAW)
def test_without_axes_there_is_a_new_figure(name):
    before = plt.get_fignums()
    first, second = DRAW[name](), DRAW[name]()
    assert first.figure is not second.figure
    assert len(plt.get_fignums()) == len(before) + 2


@pytest.mark.parametrize("name", LINES)
def test_lines_can_be_restyled(ax, name):
    DRAW[name](ax=ax, colors=["#123456", "#654321"], style={"lw": 7.0}, legend="outside")
    assert matplotlib.colors.to_hex(ax.lines[0].get_color()) in ("#123456", "#654321")
    assert ax.lines[0].get_linewidth() == 7.0
    assert ax.get_legend().get_bbox_to_anchor().transformed(ax.transAxes.inverted()).x0 > 1.0


@pytest.mark.parametrize("name", LINES)
def test_the_legend_can_be_left_out(ax, name):
    DRAW[name](ax=ax, legend=False)
    assert ax.get_legend() is None


def test_colours_by_name(ax):
    plots.plot_loss({"a": bi.focal_objective(), "b": bi.focal_objective()}, colors={"b": "red", "a": "blue"}, ax=ax)
    assert [line.get_color() for line in ax.lines] == ["blue", "red"]


def test_no_two_lines_look_alike(ax):
    plots.plot_loss([bi.focal_objective(gamma=g / 4) for g in range(20)], ax=ax)
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 20


def test_matplotlib_is_imported_only_to_draw(fresh_python):
    code = "import sys, boost_imbalance; assert 'matplotlib' not in sys.modules; import boost_imbalance.plots; "
    assert fresh_python(code + "print('matplotlib' in sys.modules)").strip() == "False"


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    import importlib

    def missing(name, package=None):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.setattr(importlib, "import_module", missing)
    for draw in DRAW.values():
        with pytest.raises(ImportError, match=r"pip install 'boost-imbalance\[plots\]'"):
            draw()


FOCAL = bi.focal_objective()
LABEL, PROBABILITY = [0, 1, 1, 0], [0.1, 0.9, 0.6, 0.4]


def _tree():
    return DecisionTreeClassifier().fit([[0, 0], [1, 1]], [0, 1])


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda: plots.plot_loss([]), ValueError, r"objectives is \[\]; give at least one"),
        (lambda: plots.plot_loss("focal"), TypeError, "objectives is 'focal'; give objectives"),
        (lambda: plots.plot_loss(["focal"]), TypeError, "objectives has 'focal'; give objectives"),
        (lambda: plots.plot_loss(FOCAL, "curvature"), ValueError, "quantity is 'curvature'; choose one of 'loss'"),
        (lambda: plots.plot_loss(FOCAL, against="p"), ValueError, "against is 'p'; choose one of 'probability'"),
        (lambda: plots.plot_loss(FOCAL, label=2), ValueError, "label is 2; give a class of this binary task, from 0 to 1"),
        (lambda: plots.plot_loss(FOCAL, label=()), ValueError, r"label is \(\); give a class"),
        (lambda: plots.plot_loss(FOCAL, label="1"), ValueError, "label is '1'; give a class"),
        (lambda: plots.plot_loss(FOCAL, limits=(0, 1)), ValueError, r"limits is \(0, 1\); .* exclusive"),
        (lambda: plots.plot_loss(FOCAL, limits=3), ValueError, "limits is 3; give"),
        (lambda: plots.plot_loss(bi.class_balanced_objective()), ValueError, r"depends on class counts; give what its fit"),
        (lambda: plots.plot_loss(FOCAL, ax=[1]), TypeError, r"ax is \[1\]; give one matplotlib Axes"),
        (lambda: plots.plot_loss(FOCAL, colors="red"), TypeError, "colors is 'red'; give a list"),
        (lambda: plots.plot_loss(FOCAL, colors=["reddish"]), ValueError, "colors has 'reddish', which is no colour"),
        (lambda: plots.plot_loss({"a": FOCAL}, colors={"b": "red"}), ValueError, "colors has no entry 'a'"),
        (lambda: plots.plot_loss(FOCAL, style="thick"), TypeError, "style is 'thick'; give a dict"),
        (lambda: plots.plot_loss(FOCAL, legend="left"), ValueError, "legend is 'left'; give True"),
        (
            lambda: plots.plot_loss(bi.focal_objective().fit([[0, 1], [1, 0]]), column=2),
            ValueError,
            "column is 2; give a label of this multi-label task, from 0 to 1",
        ),
        (lambda: plots.plot_curvature(FOCAL, hessian=["other"]), ValueError, "hessian is 'other'; choose one of"),
        (lambda: plots.plot_curvature(FOCAL, hessian=[]), ValueError, r"hessian is \[\]; choose some"),
        (lambda: plots.plot_class_weights([10]), ValueError, r"counts is \[10\]; give at least two classes"),
        (lambda: plots.plot_class_weights([10, 0]), ValueError, r"counts is \[10, 0\]; .* positive number"),
        (lambda: plots.plot_class_weights(["a", "b"]), TypeError, "counts is .*; give numbers"),
        (lambda: plots.plot_class_weights([10, 1], betas=[1.0]), ValueError, "beta is 1.0; it must be"),
        (lambda: plots.plot_effective_number(1.5), ValueError, "beta is 1.5; it must be"),
        (lambda: plots.plot_effective_number(limits=(0, 5)), ValueError, r"limits is \(0, 5\); give .* at least 1"),
        (
            lambda: plots.plot_decision_regions(object(), [[0, 0]], [0]),
            TypeError,
            "model is .*, which has no predict; give a fitted classifier",
        ),
        (lambda: plots.plot_decision_regions(_tree(), [[0, 0, 0]], [0]), ValueError, r"X has shape \(1, 3\); give the two"),
        (lambda: plots.plot_decision_regions(_tree(), [[0, 0]], [0, 1]), ValueError, "y has 2 rows, but X has 1"),
        (lambda: plots.plot_decision_regions(_tree(), [[0, 0]], [5]), ValueError, "y has 5, which is no class of the model"),
        (
            lambda: plots.plot_decision_regions(_tree(), [[0, 0]], [0], response="probability", class_index=2),
            ValueError,
            "class_index is 2; give a column of predict_proba, from 0 to 1",
        ),
        (lambda: plots.plot_decision_regions(_tree(), [[0, 0]], [0], resolution=1), ValueError, "resolution is 1; give"),
        (lambda: plots.plot_reliability(LABEL, {}), ValueError, r"probability is {}; give at least one"),
        (
            lambda: plots.plot_reliability(LABEL, [2, 0, 0, 0]),
            ValueError,
            r"probability\['model'\] is 2 in row 0; give prob",
        ),
        (lambda: plots.plot_reliability(LABEL, [np.nan, 0, 0, 0]), ValueError, r"probability\['model'\] is nan in row 0"),
        (lambda: plots.plot_reliability(LABEL, [0.5]), ValueError, r"has shape \(1,\), but label has shape \(4,\)"),
        (lambda: plots.plot_reliability(LABEL, ["a"] * 4), TypeError, "has dtype .*; give numbers"),
        (lambda: plots.plot_reliability([0, 1, 2, 0], PROBABILITY), ValueError, "label has the class 2; give class_index="),
        (lambda: plots.plot_reliability([0, 1, np.nan, 0], PROBABILITY), ValueError, "label is nan in row 2"),
        (lambda: plots.plot_reliability(LABEL, np.ones((4, 3))), ValueError, "give class_index= to judge one class"),
        (lambda: plots.plot_reliability(LABEL, np.ones((4, 3)), class_index=3), ValueError, "class_index is 3, but"),
        (lambda: plots.plot_reliability(LABEL, PROBABILITY, class_index=-1), ValueError, "class_index is -1; give"),
        (lambda: plots.plot_reliability(np.ones((4, 2)), np.ones((4, 2))), ValueError, "class_index is None, but label"),
        (lambda: plots.plot_reliability(LABEL, PROBABILITY, n_bins=0), ValueError, "n_bins is 0; give a positive"),
        (lambda: plots.plot_reliability(LABEL, PROBABILITY, confidence=95), ValueError, "confidence is 95; it must be"),
        (lambda: plots.plot_reliability(LABEL, PROBABILITY, strategy="best"), ValueError, "strategy is 'best'; choose"),
        (lambda: plots.plot_reliability(LABEL, PROBABILITY, scale="logit"), ValueError, "scale is 'logit'; choose"),
        (
            lambda: plots.plot_reliability(LABEL, PROBABILITY, sample_weight=[1]),
            ValueError,
            r"sample_weight has shape \(1,\)",
        ),
        (lambda: plots.plot_precision_recall([0, 0], [0.1, 0.2]), ValueError, "label has no row of class 1"),
        (lambda: plots.plot_precision_recall(LABEL, [np.inf, 0, 0, 0]), ValueError, "is inf in row 0; give finite scores"),
        (lambda: plots.plot_confusion_matrix(LABEL, [0]), ValueError, "predicted has 1 rows, but label has 4"),
        (lambda: plots.plot_confusion_matrix([0], [1], classes=[0]), ValueError, "predicted has 1, which is not in classes"),
        (lambda: plots.plot_confusion_matrix([0], [1], names=["a"]), ValueError, "names has 1 entries, but there are 2"),
        (lambda: plots.plot_confusion_matrix([[0, 1]], [[0, 1]]), ValueError, r"label has shape \(1, 2\); give one class"),
    ],
)
def test_what_is_wrong_is_named_before_a_figure_is_made(draw, error, message):
    before = plt.get_fignums()
    with pytest.raises(error, match=message):
        draw()
    assert plt.get_fignums() == before
