"""What all pictures have in common: axes, styles, and what is refused."""

import io

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from boost_imbalance import plots
from tests.plots.common import matplotlib, plt

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
