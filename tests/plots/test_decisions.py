"""Regions and confusion matrices, against the models and scikit-learn."""

import numpy as np
import pandas as pd
import pytest

import boost_imbalance as bi

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from boost_imbalance import plots
from tests.plots.common import lines_of


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
