"""Pictures of what a model decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from boost_imbalance.losses import labels
from boost_imbalance.losses.parameters import is_whole
from boost_imbalance.plots import drawing
from boost_imbalance.plots.drawing import Array, Colors, Legend, Style
from boost_imbalance.types import ArrayLike, Axes, FeaturesLike, LabelsLike, Predictor

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

_CENTRED = {"horizontalalignment": "center", "verticalalignment": "center"}
_LETTERS_IN_A_ROW = 40
"""Names of classes that are longer in all are written at an angle."""


def plot_decision_regions(
    model: Predictor,
    X: FeaturesLike,
    y: LabelsLike,
    *,
    response: Literal["predict", "probability"] = "predict",
    class_index: int = 1,
    resolution: int = 200,
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """Where a classifier decides for which class, in the plane of two features, and the rows themselves.

    Parameters
    ----------
    model : classifier
        Fitted to two features; anything with ``predict``, and ``predict_proba`` for the probabilities.
    X : array_like or data frame, shape (n, 2)
        The rows to draw; the picture reaches 5% further on every side.
    y : array_like, shape (n,)
        Their classes. Rare classes are drawn last, so that others do not hide them.
    response : {"predict", "probability"}
        What the background shows: the predicted class, or the probability of one class. The black line is where ``predict``
        changes, in both.
    class_index : int
        Which column of ``predict_proba``, for ``"probability"``.
    resolution : int
        Number of points along each axis at which the model is asked.
    ax : matplotlib.axes.Axes, optional
    colors : list of colours, or dict of class (as str) to colour, optional
        One per class.
    style : dict, optional
        Line properties of matplotlib for the points, such as ``{"markersize": 2, "alpha": 0.5}``.
    legend : bool, "inside" or "outside"
        True places it beside the axes where there are more than five classes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError, ValueError
        If the model cannot predict, or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from boost_imbalance import ImbalancedXGBClassifier
    >>> from boost_imbalance.plots import plot_decision_regions
    >>> rng = np.random.default_rng(0)
    >>> y = (rng.random(500) < 0.1).astype(int)
    >>> X = rng.normal(size=(500, 2)) + 1.5 * y[:, None]
    >>> model = ImbalancedXGBClassifier(decision="balanced", n_estimators=20, max_depth=3).fit(X, y)
    >>> ax = plot_decision_regions(model, X, y, resolution=50)
    >>> ax.images[0].get_array().shape
    (50, 50)
    """
    drawing.check(ax, style, legend)
    drawing.choose("response", response, ("predict", "probability"))
    if not (is_whole(resolution) and resolution >= 2):
        raise ValueError(f"resolution is {resolution!r}; give a whole number of at least 2.")
    _check_method(model, "predict" if response == "predict" else "predict_proba")
    features, truth = _two_features(X), _one_column("y", y)
    if len(truth) != len(features):
        raise ValueError(f"y has {len(truth)} rows, but X has {len(features)}; give one class per row.")
    classes = np.asarray(getattr(model, "classes_", np.unique(truth)))
    unknown = ~np.isin(truth, classes)
    if unknown.any():
        raise ValueError(f"y has {truth[unknown][0].item()!r}, which is no class of the model: {classes.tolist()}.")
    names = [str(one) for one in classes.tolist()]
    palette = drawing.colors_of(names, colors)
    edges = _edges(features, resolution)
    grid, centres = _grid_like(X, edges)
    decided = _codes(model.predict(grid), classes).reshape(resolution, resolution)
    probability = None
    if response == "probability":
        columns = np.asarray(cast(Any, model).predict_proba(grid))
        if not (is_whole(class_index) and 0 <= class_index < columns.shape[1]):
            raise ValueError(
                f"class_index is {class_index!r}; give a column of predict_proba, from 0 to {columns.shape[1] - 1}."
            )
        probability = columns[:, class_index].reshape(resolution, resolution)

    ax = drawing.axes_of(ax)
    extent = (*edges[0][[0, -1]], *edges[1][[0, -1]])
    if probability is None:
        _draw_regions(ax, decided, extent, palette)
    else:
        _draw_probability(ax, probability, extent, palette[class_index], f"probability of class {names[class_index]}")
    for k in range(len(classes) - (len(classes) == 2)):
        inside = decided == k
        if inside.any() and not inside.all():
            ax.contour(*centres, inside.astype(float), levels=[0.5], colors="black", linewidths=1.0)
    _draw_points(ax, features, truth, classes, names, palette, style)
    one, other = _feature_names(X)
    drawing.finish(ax, legend, xlabel=one, ylabel=other, xlim=extent[:2], ylim=extent[2:])
    ax.grid(False)
    return ax


def plot_confusion_matrix(
    label: LabelsLike,
    predicted: LabelsLike,
    *,
    sample_weight: ArrayLike | None = None,
    classes: LabelsLike | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
    cmap: str | Colormap = "Blues",
    style: Style = None,
) -> Axes:
    r"""Confusion matrix: of each true class, what share was predicted as which class, and how many rows that is.

    The colours are the shares, so that a rare class is as visible as a common one.

    Parameters
    ----------
    label : array_like, shape (n,)
        True classes, of any type.
    predicted : array_like, shape (n,)
        What ``predict`` gave.
    sample_weight : array_like, shape (n,), optional
        The numbers shown are then sums of weights.
    classes : array_like, optional
        Their order. Default: all that occur, sorted.
    names : list of str, optional
        What to call them.
    ax : matplotlib.axes.Axes, optional
    cmap : matplotlib colour map
    style : dict, optional
        Text properties of matplotlib for the numbers, such as ``{"fontsize": 8}``.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib, or without scikit-learn.
    TypeError, ValueError
        If labels and predictions do not fit each other, or a class is not in ``classes``.

    Examples
    --------
    >>> from boost_imbalance.plots import plot_confusion_matrix
    >>> ax = plot_confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1])
    >>> [text.get_text() for text in ax.texts]
    ['66.7%\n2', '33.3%\n1', '0.0%\n0', '100.0%\n1']
    """
    drawing.check(ax, style)
    sk = drawing.scikit_learn("metrics")
    truth, decided = _one_column("label", label), _one_column("predicted", predicted)
    if len(truth) != len(decided):
        raise ValueError(f"predicted has {len(decided)} rows, but label has {len(truth)}; give one prediction per row.")
    weight = _weights(sample_weight, truth)
    known = np.union1d(truth, decided) if classes is None else _one_column("classes", classes)
    for name, values in (("label", truth), ("predicted", decided)):
        unknown = ~np.isin(values, known)
        if unknown.any():
            raise ValueError(f"{name} has {values[unknown][0].item()!r}, which is not in classes; add it there.")
    shown = [str(one) for one in known.tolist()] if names is None else [str(name) for name in names]
    if len(shown) != len(known):
        raise ValueError(f"names has {len(shown)} entries, but there are {len(known)} classes; give one for each.")
    matrix = sk.confusion_matrix(truth, decided, labels=known, sample_weight=weight)
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, total, out=np.full(matrix.shape, np.nan), where=total > 0)

    ax = drawing.axes_of(ax)
    image = ax.imshow(share, cmap=cmap, vmin=0.0, vmax=1.0)
    given = drawing.matplotlib("cbook").normalize_kwargs(dict(style or {}), drawing.matplotlib("text").Text)
    for (row, column), value in np.ndenumerate(share):
        percent = "no rows" if np.isnan(value) else f"{100 * value:.1f}%\n{_number(matrix[row, column])}"
        color = _readable_on(image.cmap(image.norm(value)) if np.isfinite(value) else (1.0, 1.0, 1.0, 1.0))
        ax.text(column, row, percent, **{**_CENTRED, "color": color, **given})
    ticks = np.arange(len(known))
    ax.set(xticks=ticks, yticks=ticks, xticklabels=shown, yticklabels=shown)
    if len(shown) * max(map(len, shown)) > _LETTERS_IN_A_ROW:
        ax.set_xticks(ticks, shown, rotation=45.0, ha="right", rotation_mode="anchor")
    ax.set(xlabel="predicted class", ylabel="true class (rows add up to 100%)")
    return ax


def _check_method(model: Any, name: str) -> None:
    if not (hasattr(model, "predict") and hasattr(model, name)):
        raise TypeError(f"model is {model!r}, which has no {name}; give a fitted classifier.")


def _two_features(X: Any) -> Array:
    array = labels.as_array("X", X)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise ValueError(f"X has shape {array.shape}; give the two features that the model was fitted to, shape (n, 2).")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"X has dtype {array.dtype}; a plane needs two features that are numbers.") from None


def _one_column(name: str, values: Any) -> Array:
    array = labels.as_array(name, values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} has shape {array.shape}; give one class per row, and of several labels one column.")
    return array


def _weights(sample_weight: Any, label: Array) -> Array | None:
    weight = labels.as_weight(sample_weight, label)
    if weight is not None:
        labels.check_weight(weight)
    return weight


def _edges(features: Array, resolution: int) -> list[Array]:
    """The borders of the grid's cells along each feature."""
    edges = []
    for k in range(2):
        finite = features[np.isfinite(features[:, k]), k]
        if len(finite) == 0:
            raise ValueError(f"X has no finite value in column {k}; give features that are known.")
        low, high = finite.min(), finite.max()
        margin = 0.05 * (high - low) or 0.5
        edges.append(np.linspace(low - margin, high + margin, resolution + 1))
    return edges


def _grid_like(X: Any, edges: Sequence[Array]) -> tuple[Any, tuple[Array, Array]]:
    """The cells' centres as rows for the model, in a data frame if it knows one, and as a mesh."""
    one, other = np.meshgrid(*((each[:-1] + each[1:]) / 2.0 for each in edges))
    grid = np.column_stack([one.ravel(), other.ravel()])
    if hasattr(X, "columns"):
        return type(X)({name: grid[:, k] for k, name in enumerate(X.columns)}), (one, other)
    return grid, (one, other)


def _codes(decided: Any, classes: Array) -> Array:
    """Where each prediction stands among the classes."""
    order = np.argsort(classes)
    return np.asarray(order[np.searchsorted(classes[order], np.asarray(decided).ravel())])


def _feature_names(X: Any) -> tuple[str, str]:
    if hasattr(X, "columns"):
        one, other = X.columns
        return str(one), str(other)
    return "feature 0", "feature 1"


def _draw_regions(ax: Any, decided: Array, extent: Any, palette: Sequence[Any]) -> None:
    cmap = drawing.matplotlib("colors").ListedColormap(list(palette))
    _draw_image(ax, decided, extent, cmap=cmap, vmin=-0.5, vmax=len(palette) - 0.5, alpha=0.25)


def _draw_probability(ax: Any, probability: Array, extent: Any, color: Any, name: str) -> None:
    cmap = drawing.matplotlib("colors").LinearSegmentedColormap.from_list("probability", ["white", color])
    image = _draw_image(ax, probability, extent, cmap=cmap, vmin=0.0, vmax=1.0, alpha=0.6)
    ax.figure.colorbar(image, ax=ax, label=name)


def _draw_image(ax: Any, values: Array, extent: Any, **look: Any) -> Any:
    """One image, which stays small in a file and shows no third class where two meet, as filled contours would."""
    return ax.imshow(values, origin="lower", extent=extent, aspect="auto", interpolation="nearest", zorder=0, **look)


def _draw_points(
    ax: Any, features: Array, truth: Array, classes: Array, names: Sequence[str], palette: Sequence[Any], style: Style
) -> None:
    rows = np.array([np.count_nonzero(truth == one) for one in classes])
    for k in np.argsort(-rows, kind="stable"):
        inside = truth == classes[k]
        properties = drawing.line_properties(
            style,
            linestyle="none",
            marker="os^Dv"[k % 5],
            markersize=4.0,
            color=palette[k],
            markeredgecolor="white",
            markeredgewidth=0.4,
        )
        ax.plot(*features[inside].T, **{"label": f"{names[k]} (n = {rows[k]})", **properties})


def _readable_on(color: Any) -> str:
    """Black or white, whichever has more contrast: at least 4.58, by the relative luminance of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return "black" if np.dot(linear, (0.2126, 0.7152, 0.0722)) > 0.179 else "white"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) and value != int(value) else f"{int(value):,}"
