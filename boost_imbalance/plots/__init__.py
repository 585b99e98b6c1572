"""Pictures of losses and of what models make of imbalanced data; they need matplotlib.

Of a loss: :func:`plot_loss` and :func:`plot_curvature`, which draw what the objective itself computes,
:func:`plot_class_weights` and :func:`plot_effective_number`. Of a model: :func:`plot_decision_regions`,
:func:`plot_reliability`, :func:`plot_precision_recall` and :func:`plot_confusion_matrix`; the last two need scikit-learn.

Each draws into the matplotlib ``Axes`` given as ``ax``, or into a new figure, and returns the ``Axes``. None of them shows
a figure or changes matplotlib's settings: sizes and fonts are those of ``rcParams`` and of the figure that ``ax`` belongs
to. ``colors`` and ``style`` change how lines look, and whatever else is wanted can be set on the returned ``Axes``. A figure
with ``layout="constrained"``, as new ones are, makes room for a legend beside the axes.

Examples
--------
Two pictures side by side, as SVG, without pyplot:

>>> import io
>>> from matplotlib.figure import Figure
>>> from boost_imbalance import focal_objective, plots
>>> objectives = {f"gamma {gamma:g}": focal_objective(gamma=gamma) for gamma in (0.0, 1.0, 2.0)}
>>> figure = Figure(figsize=(9, 3.5), layout="constrained")
>>> left, right = figure.subplots(1, 2)
>>> _ = plots.plot_loss(objectives, ax=left, legend=False)
>>> _ = plots.plot_loss(objectives, "gradient", ax=right)
>>> picture = io.StringIO()
>>> figure.savefig(picture, format="svg")
"""

from boost_imbalance.plots.decisions import plot_confusion_matrix, plot_decision_regions
from boost_imbalance.plots.drawing import PALETTE
from boost_imbalance.plots.losses import plot_class_weights, plot_curvature, plot_effective_number, plot_loss
from boost_imbalance.plots.probabilities import plot_precision_recall, plot_reliability

__all__ = [
    "PALETTE",
    "plot_class_weights",
    "plot_confusion_matrix",
    "plot_curvature",
    "plot_decision_regions",
    "plot_effective_number",
    "plot_loss",
    "plot_precision_recall",
    "plot_reliability",
]
