"""Numbers that can be read, and what scikit-learn's own displays lack: when a fact here changes, ask again."""

import inspect

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

from matplotlib import colormaps, colors
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay, calibration_curve
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay

from boost_imbalance import plots

WCAG_AA = 4.5
"""The contrast that text needs."""

SHARES = np.array([[0.3, 0.4, 0.3], [0.25, 0.35, 0.4], [0.2, 0.4, 0.4]])


def luminance(color):
    c = np.asarray(color[:3])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def least_contrast(texts, shares, cmap):
    """Of all numbers of a confusion matrix, the one that is hardest to read on its cell."""
    found = []
    for text, share in zip(texts, shares.ravel(), strict=True):
        darker, lighter = sorted([luminance(colors.to_rgb(text.get_color())), luminance(colormaps[cmap](share))])
        found.append((lighter + 0.05) / (darker + 0.05))
    return min(found)


@pytest.mark.parametrize("cmap", ["Blues", "viridis", "coolwarm", "Greys"])
def test_every_number_of_a_confusion_matrix_can_be_read(cmap):
    label = np.repeat(np.arange(11), 100)
    found = np.concatenate([np.repeat([k, (k + 1) % 11], [100 - 9 * k, 9 * k]) for k in range(11)])
    ax = plots.plot_confusion_matrix(label, found, cmap=cmap, ax=Figure().subplots())
    assert least_contrast(ax.texts, np.asarray(ax.images[0].get_array()), cmap) > WCAG_AA


@pytest.mark.library_fact
def test_scikit_learn_writes_pale_numbers_on_pale_cells():
    looks = {"cmap": "Blues", "im_kw": {"vmin": 0.0, "vmax": 1.0}, "colorbar": False}
    shown = ConfusionMatrixDisplay(SHARES).plot(ax=Figure().subplots(), **looks)
    assert least_contrast(shown.text_.ravel(), SHARES, "Blues") < 2


@pytest.mark.library_fact
@pytest.mark.parametrize("function", [calibration_curve, CalibrationDisplay.from_predictions])
def test_scikit_learns_calibration_curve_knows_no_weights(function):
    assert "sample_weight" not in inspect.signature(function).parameters


class Rule:
    """A model that decides, and is nothing of scikit-learn's."""

    def __init__(self, model):
        self.predict, self.classes_ = model.predict, model.classes_


@pytest.mark.library_fact
def test_scikit_learns_regions_are_of_its_estimators_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(int)
    rule = Rule(LogisticRegression().fit(X, y))
    with pytest.raises(TypeError, match="not an estimator"):
        DecisionBoundaryDisplay.from_estimator(rule, X, response_method="predict", ax=Figure().subplots())
    assert plots.plot_decision_regions(rule, X, y, resolution=5, ax=Figure().subplots()).images
