"""Pictures of how good a model's probabilities, or its ranking, are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from boost_imbalance.losses import labels
from boost_imbalance.losses.parameters import is_whole
from boost_imbalance.plots import drawing
from boost_imbalance.plots.drawing import Array, Colors, Legend, Style
from boost_imbalance.types import ArrayLike, Axes

_HISTOGRAM_BINS = 40


def plot_reliability(
    label: ArrayLike,
    probability: ArrayLike | Mapping[str, ArrayLike],
    *,
    sample_weight: ArrayLike | None = None,
    class_index: int | None = None,
    n_bins: int = 10,
    strategy: Literal["quantile", "uniform"] = "quantile",
    confidence: float = 0.95,
    scale: Literal["linear", "log"] = "linear",
    counts: bool = True,
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """Reliability diagram: how often the class was observed where the models predicted a probability.

    The bars are Wilson intervals of the observed share, one bin at a time: of calibrated probabilities about ``confidence``
    of them cross the diagonal. They take rows to be independent. Weighted rows count as Kish's effective number of them,
    ``(sum w)^2 / sum w^2``.

    Parameters
    ----------
    label : array_like, shape (n,) or (n, labels)
        0 or 1; or class indices, or several labels, with ``class_index``.
    probability : dict of name to array_like, or one array_like, shape (n,) or (n, classes)
        Of the class in question, or of every class as ``predict_proba`` gives them.
    sample_weight : array_like, shape (n,), optional
    class_index : int, optional
        The class that is judged against the rest, or the label of several. Default: class 1 of a binary task.
    n_bins : int
    strategy : {"quantile", "uniform"}
        Bins with the same weight of rows in each, or of the same width. Each model has its own bins of equal weight.
    confidence : float
        Between 0 and 1.
    scale : {"linear", "log"}
        Of both axes; ``"log"`` for a rare class, whose probabilities crowd near 0.
    counts : bool
        Whether to draw above the axes how many rows (or what weight of them) have which probability. That histogram is
        ``ax.child_axes[0]``.
    ax : matplotlib.axes.Axes, optional
    colors : list of colours, or dict of name to colour, optional
    style, legend
        As in :func:`plot_loss`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError, ValueError
        If labels, probabilities and weights do not fit each other.

    References
    ----------
    Bröcker and Smith, Increasing the Reliability of Reliability Diagrams, Weather and Forecasting 22, 2007

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927

    Examples
    --------
    >>> import numpy as np
    >>> from boost_imbalance.plots import plot_reliability
    >>> rng = np.random.default_rng(0)
    >>> eta = rng.beta(1, 9, size=2000)
    >>> label = (rng.random(2000) < eta).astype(int)
    >>> ax = plot_reliability(label, {"calibrated": eta, "too cautious": 0.5 * eta + 0.25}, n_bins=5)
    >>> ax.get_legend_handles_labels()[1]
    ['calibrated', 'too cautious', 'perfect calibration']
    """
    drawing.check(ax, style, legend)
    drawing.choose("strategy", strategy, ("quantile", "uniform"))
    drawing.choose("scale", scale, ("linear", "log"))
    if not (is_whole(n_bins) and n_bins >= 1):
        raise ValueError(f"n_bins is {n_bins!r}; give a positive whole number.")
    if not (isinstance(confidence, (int, float)) and 0.0 < confidence < 1.0):
        raise ValueError(f"confidence is {confidence!r}; it must be between 0 and 1, for instance 0.95.")
    judged = _judged(label, probability, sample_weight, class_index, "probability")
    palette = drawing.colors_of(list(judged.scores), colors)
    bins = [_reliability(judged, score, n_bins, strategy, confidence) for score in judged.scores.values()]
    limits = (0.0, 1.0) if scale == "linear" else (_smallest_shown(bins), 1.0)

    ax = drawing.axes_of(ax)
    ax.set(xscale=scale, yscale=scale)
    for i, (name, found) in enumerate(zip(judged.scores, bins, strict=True)):
        properties = drawing.line_properties(
            style, color=palette[i], linestyle=drawing.line_style(i, colors), marker="o", markersize=4.0
        )
        (line,) = ax.plot(found.predicted, found.observed, **{"label": name, **properties})
        bars = np.maximum([found.observed - found.low, found.high - found.observed], 0.0)
        ax.errorbar(found.predicted, found.observed, yerr=bars, fmt="none", ecolor=line.get_color(), elinewidth=1.0)
    ax.plot(limits, limits, color="0.5", linestyle=":", linewidth=1.2, zorder=1, label="perfect calibration")
    if counts:
        _draw_counts(ax, judged, palette, limits, scale)
    shown = (-0.02, 1.02) if scale == "linear" else (limits[0], 1.1)
    return drawing.finish(
        ax,
        legend,
        xlabel=f"mean predicted probability of {judged.what} in a bin",
        ylabel=f"observed share, {100 * confidence:g}% interval",
        xlim=shown,
        ylim=shown,
    )


def plot_precision_recall(
    label: ArrayLike,
    score: ArrayLike | Mapping[str, ArrayLike],
    *,
    sample_weight: ArrayLike | None = None,
    class_index: int | None = None,
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """Precision-recall curves, with the prevalence, which is the precision of a model that ranks at random.

    Drawn in steps, as :func:`sklearn.metrics.average_precision_score` (AP in the legend) adds them up.

    Parameters
    ----------
    label : array_like, shape (n,) or (n, labels)
        0 or 1; or class indices, or several labels, with ``class_index``.
    score : dict of name to array_like, or one array_like, shape (n,) or (n, classes)
        Probabilities, or margins of a binary or multi-label task: whatever ranks the rows.
    sample_weight : array_like, shape (n,), optional
    class_index : int, optional
        The class that is judged against the rest, or the label of several. Default: class 1 of a binary task.
    ax : matplotlib.axes.Axes, optional
    colors : list of colours, or dict of name to colour, optional
    style, legend
        As in :func:`plot_loss`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib, or without scikit-learn.
    TypeError, ValueError
        If labels, scores and weights do not fit each other, or no row is positive.

    References
    ----------
    Saito and Rehmsmeier, The Precision-Recall Plot Is More Informative than the ROC Plot When Evaluating Binary Classifiers
    on Imbalanced Datasets, PLoS ONE 10, 2015

    Examples
    --------
    >>> from boost_imbalance.plots import plot_precision_recall
    >>> ax = plot_precision_recall([0, 0, 1, 1], {"model": [0.1, 0.4, 0.35, 0.8]})
    >>> ax.get_legend_handles_labels()[1]
    ['model (AP 0.833)', 'prevalence 0.5']
    """
    drawing.check(ax, style, legend)
    sk = drawing.scikit_learn("metrics")
    judged = _judged(label, score, sample_weight, class_index, "score")
    if not judged.target.any():
        raise ValueError(f"label has no row of {judged.what} with a positive weight; a recall needs at least one.")
    palette = drawing.colors_of(list(judged.scores), colors)
    ax = drawing.axes_of(ax)
    for i, (name, one) in enumerate(judged.scores.items()):
        precision, recall, _ = sk.precision_recall_curve(judged.target, one, sample_weight=judged.weight)
        average = sk.average_precision_score(judged.target, one, sample_weight=judged.weight)
        # Calibration leaves a ranking as it is: different dashes let a curve show through one that is equal.
        properties = drawing.line_properties(
            style, color=palette[i], linestyle=drawing.other_style("-", i), drawstyle="steps-post"
        )
        ax.plot(recall, precision, **{"label": f"{name} (AP {average:.3f})", **properties})
    prevalence = float(np.average(judged.target, weights=judged.weight))
    ax.axhline(prevalence, color="0.5", linestyle=":", linewidth=1.2, zorder=1, label=f"prevalence {prevalence:.3g}")
    return drawing.finish(
        ax,
        legend,
        xlabel=f"recall (share of {judged.what} that is found)",
        ylabel=f"precision (share of the found that is {judged.what})",
        xlim=(0.0, 1.01),
        ylim=(0.0, 1.02),
    )


class _Judged(NamedTuple):
    """One class against the rest."""

    target: Array
    """Bool of shape (n,)."""
    scores: dict[str, Array]
    """Float64 of shape (n,) each."""
    weight: Array | None
    what: str


class _Bins(NamedTuple):
    """What a reliability curve shows; arrays of shape (bins that hold rows,)."""

    predicted: Array
    observed: Array
    low: Array
    high: Array


def _judged(label: Any, scores: Any, sample_weight: Any, class_index: int | None, name: str) -> _Judged:
    """What was given, checked, without the rows that weigh nothing."""
    y = labels.as_label(label)
    weight = labels.as_weight(sample_weight, y)
    if weight is not None:
        labels.check_weight(weight)
    target, weight, what = _one_against_rest(y, weight, class_index)
    if not isinstance(scores, Mapping):
        scores = {"model": scores}
    if not scores:
        raise ValueError(f"{name} is {scores!r}; give at least one model's.")
    columns = {str(key): _score(f"{name}[{key!r}]", one, y, class_index) for key, one in scores.items()}
    for key, column in columns.items():
        _check_score(f"{name}[{key!r}]", column, are_probabilities=name == "probability")
    if weight is None:
        return _Judged(target, columns, None, what)
    kept = weight > 0
    if not kept.any():
        raise ValueError(f"sample_weight is 0 in every row of {what}; judge another one.")
    columns = {key: column[kept] for key, column in columns.items()}
    return _Judged(target[kept], columns, weight[kept].astype(np.float64), what)


def _one_against_rest(y: Array, weight: Array | None, class_index: int | None) -> tuple[Array, Array | None, str]:
    """Whether each row is of the class, or has the label; the rows' weights for it, and what to call it."""
    if class_index is not None and not (is_whole(class_index) and class_index >= 0):
        raise ValueError(f"class_index is {class_index!r}; give the index of a class or label.")
    if y.ndim == 2:
        if class_index is None or class_index >= y.shape[1]:
            raise ValueError(f"class_index is {class_index!r}, but label has shape {y.shape}; give one of its columns.")
        labels.check_label(y, 2)
        weight = weight[:, class_index] if weight is not None and weight.ndim == 2 else weight
        return y[:, class_index] == 1, weight, f"label {class_index}"
    if class_index is None and (y > 1).any():
        raise ValueError(f"label has the class {y.max():g}; give class_index= to judge one class against the rest.")
    labels.check_label(y, labels.MOST_CLASSES)
    k = 1 if class_index is None else class_index
    return y == k, weight, f"class {k}"


def _score(name: str, value: Any, y: Array, class_index: int | None) -> Array:
    """The column that is about the class in question, float64 of shape (n,)."""
    array = labels.as_array(name, value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {array.dtype}; give numbers.")
    if array.ndim not in (1, 2) or len(array) != len(y):
        raise ValueError(f"{name} has shape {array.shape}, but label has shape {y.shape}; give one row for each.")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        if class_index is None and array.shape[1] != 2:
            raise ValueError(f"{name} has shape {array.shape}; give class_index= to judge one class against the rest.")
        k = 1 if class_index is None else class_index
        if k >= array.shape[1]:
            raise ValueError(f"class_index is {k}, but {name} has shape {array.shape}; give one of its columns.")
        array = array[:, k]
    return array.astype(np.float64)


def _check_score(name: str, score: Array, are_probabilities: bool) -> None:
    allowed = (score >= 0.0) & (score <= 1.0) if are_probabilities else np.isfinite(score)
    if allowed.all():
        return
    row = int(np.argmin(allowed))
    remedy = "give probabilities, such as those of predict_proba" if are_probabilities else "give finite scores"
    raise ValueError(f"{name} is {score[row]:g} in row {row}; {remedy}.")


def _reliability(judged: _Judged, score: Array, n_bins: int, strategy: str, confidence: float) -> _Bins:
    """Bins as those of :func:`sklearn.calibration.calibration_curve`, and by weight if there are weights."""
    levels = np.linspace(0.0, 1.0, n_bins + 1)
    edges = levels if strategy == "uniform" else _quantiles(score, judged.weight, levels)
    index = np.searchsorted(edges[1:-1], score)
    weight = np.ones(len(score)) if judged.weight is None else judged.weight
    mass, squares, predicted, observed = (
        np.bincount(index, weights=each, minlength=n_bins)
        for each in (weight, weight**2, weight * score, weight * judged.target)
    )
    held = mass > 0
    share = observed[held] / mass[held]
    return _Bins(predicted[held] / mass[held], share, *_wilson(share, mass[held] ** 2 / squares[held], confidence))


def _quantiles(score: Array, weight: Array | None, levels: Array) -> Array:
    """Quantiles by weight; with equal weights, those of NumPy."""
    if weight is None:
        return np.asarray(np.percentile(score, levels * 100.0))
    order = np.argsort(score)
    middle = np.cumsum(weight[order]) - 0.5 * weight[order]
    middle -= middle[0]
    return np.asarray(np.interp(levels * middle[-1], middle, score[order]))


def _wilson(share: Array, n: Array, confidence: float) -> tuple[Array, Array]:
    """Wilson's interval of a binomial share."""
    z = ndtri(0.5 + 0.5 * confidence)
    centre = (share + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * np.sqrt(share * (1.0 - share) / n + (z / (2.0 * n)) ** 2)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)


def _smallest_shown(bins: Sequence[_Bins]) -> float:
    """The lower end of logarithmic axes that hold every point above 0."""
    values = np.concatenate([np.concatenate([found.predicted, found.observed]) for found in bins])
    values = values[values > 0.0]
    return float(0.5 * values.min()) if len(values) else 0.01


def _draw_counts(ax: Any, judged: _Judged, palette: Sequence[Any], limits: tuple[float, float], scale: str) -> None:
    """How many rows have which probability, above the axes."""
    edges = (np.geomspace if scale == "log" else np.linspace)(*limits, _HISTOGRAM_BINS + 1)
    above = ax.inset_axes((0.0, 1.04, 1.0, 0.18), sharex=ax)
    for score, color in zip(judged.scores.values(), palette, strict=True):
        # What lies below a logarithmic axis is counted in its first bin.
        above.hist(np.maximum(score, limits[0]), bins=edges, weights=judged.weight, histtype="step", color=color)
    above.set_yscale("log")
    above.set_ylabel("rows" if judged.weight is None else "weight")
    above.tick_params(labelbottom=False, which="both")
    above.spines[["top", "right"]].set_visible(False)
