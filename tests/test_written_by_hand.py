"""What is written by hand although a library has something like it: when a fact here changes, ask again."""

import inspect

import numpy as np
import pandas as pd
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


def test_the_encoders_that_a_comparison_names_make_numbers_of_dates_and_text():
    skrub = pytest.importorskip("skrub")
    from boost_imbalance.comparison.columns import described
    from boost_imbalance.comparison.problem import Problem

    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.1
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, 400), "D")
    text = [" ".join(rng.choice(WORDS, 8)) for _ in range(400)]
    X = pd.DataFrame({"opened": days.strftime("%d/%m/%Y"), "notes": text})
    remedies = {one.kind: one.python for one in described(Problem.of(X, y)).findings}
    assert "skrub's DatetimeEncoder" in remedies["date"]
    assert "skrub's StringEncoder" in remedies["text"]
    opened = skrub.DatetimeEncoder().fit_transform(skrub.ToDatetime().fit_transform(X["opened"]))
    numbers = pd.concat([opened, skrub.StringEncoder(random_state=0).fit_transform(X["notes"])], axis=1)
    found = described(Problem.of(numbers, y))
    assert {one.type for one in found.columns} == {"number"}
    assert found.findings == []


WORDS = ["rear", "bumper, left", "damage", "it's", 'said "no"', "late; again", "a|b"]
KINDS = {
    "numbers": lambda rng: rng.normal(size=50).round(3),
    "categories": lambda rng: rng.choice(["north", "south", None], 50),
    "text": lambda rng: [" ".join(rng.choice(WORDS, 6)) for _ in range(50)],
    "dates": lambda rng: rng.choice(["2024-01-02", "03/04/2024 10:30"], 50),
}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_whatever_stands_between(tmp_path, separator):
    # The csv module's Sniffer misses about one in eight of such files.
    from boost_imbalance.comparison import sources

    rng = np.random.default_rng(0)
    for number in range(15):
        chosen = rng.choice(list(KINDS), rng.integers(1, 8))
        table = pd.DataFrame({f"c{k}": KINDS[kind](rng) for k, kind in enumerate(chosen)}).assign(y=rng.integers(0, 2, 50))
        path = tmp_path / f"{number}.csv"
        table.to_csv(path, sep=separator, decimal="," if separator == ";" and number % 2 else ".", index=False)
        found = sources.read(str(path), ["y"])
        assert list(found.X.columns) == [f"c{k}" for k in range(len(chosen))]
        np.testing.assert_array_equal(found.y, table["y"])
