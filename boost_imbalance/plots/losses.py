"""Pictures of a loss: its value and derivatives, its curvatures, and class weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from scipy.special import logit

from boost_imbalance.losses import weighting as weights
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.parameters import HESSIANS, is_whole
from boost_imbalance.plots import drawing
from boost_imbalance.plots.drawing import Array, Colors, Legend, Line, Style
from boost_imbalance.types import Axes, FloatLike, Hessian

_POINTS = 501
_QUANTITIES = {
    "loss": "loss (nats)",
    "gradient": "gradient (d loss / d margin)",
    "hessian": "Hessian (curvature in the margin)",
}
_AGAINST = {"probability": "probability of the true class", "margin": "margin, in log-odds"}
_MOST_LINEAR = 10.0
"""Class weights further apart than this are drawn on a logarithmic axis."""
_LIMITS = {"probability": (0.001, 0.999), "margin": (-6.0, 6.0)}


def plot_loss(
    objectives: Loss | Sequence[Loss] | Mapping[str, Loss],
    quantity: Literal["loss", "gradient", "hessian"] = "loss",
    against: Literal["probability", "margin"] = "probability",
    *,
    label: int | Sequence[int] = 1,
    column: int = 0,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """Loss, gradient or Hessian of one row, as the objectives themselves compute them.

    Parameters
    ----------
    objectives : Objective, list of Objective, or dict of name to Objective
        None of them is changed. One whose class weights or logit adjustment come from class counts must have seen labels,
        by ``fit(label)`` or in a training. One that was fitted to several classes is drawn with the other classes' margins
        at 0.
    quantity : {"loss", "gradient", "hessian"}
        Gradient and Hessian are those of ``gradient_hessian``: derivatives in the margin, whatever is on the x axis, the
        Hessian being the one that ``hessian=`` chooses.
    against : {"probability", "margin"}
        What the x axis shows. The probability is the sigmoid or softmax of the margin, not the calibrated one, of the class
        ``label``.
    label : int or sequence of int
        The true class of the row; several are drawn in different line styles.
    column : int
        Which label, for objectives that were fitted to a multi-label task.
    limits : (float, float), optional
        Of the x axis. Default: 0.001 to 0.999, or -6 to 6.
    ax : matplotlib.axes.Axes, optional
    colors : list of colours, or dict of name to colour, optional
        One per objective. Default: :data:`PALETTE`.
    style : dict, optional
        Line properties of matplotlib, for all lines.
    legend : bool, "inside" or "outside"
        True places it beside the axes where there are more than five lines.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError, ValueError
        If an argument has a value other than the above, or an objective needs counts and has seen no labels.

    References
    ----------
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, https://arxiv.org/abs/1708.02002, Figure 1

    Examples
    --------
    >>> from boost_imbalance import focal_objective
    >>> from boost_imbalance.plots import plot_loss
    >>> ax = plot_loss([focal_objective(gamma=gamma) for gamma in (0.5, 1.0, 5.0)])
    >>> [line.get_label() for line in ax.lines]
    ['focal(gamma=0.5)', 'focal(gamma=1.0)', 'focal(gamma=5.0)']
    """
    drawing.check(ax, style, legend)
    drawing.choose("quantity", quantity, list(_QUANTITIES))
    x = _grid(against, limits)
    named = _named(objectives)
    classes = list(label) if isinstance(label, Sequence) and not isinstance(label, str) else [label]
    if not classes:
        raise ValueError(f"label is {label!r}; give a class, or several.")
    palette = drawing.colors_of([name for name, _ in named], colors)
    lines = []
    for i, (name, objective) in enumerate(named):
        for step, k in enumerate(classes):
            y = _curve(objective, x, quantity, against, k, column)
            shown = f"{name}, label {k}" if len(classes) > 1 else name
            lines.append(Line(shown, x, y, palette[i], drawing.other_style(drawing.line_style(i, colors), step)))
    ax = drawing.axes_of(ax)
    drawing.draw_lines(ax, lines, style)
    x_label = _x_label(against, [objective for _, objective in named], classes)
    return drawing.finish(ax, legend, xlabel=x_label, ylabel=_QUANTITIES[quantity])


def plot_curvature(
    objective: Loss,
    against: Literal["probability", "margin"] = "probability",
    *,
    hessian: Iterable[Hessian] | None = None,
    label: int = 1,
    column: int = 0,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """The Hessians that a loss can give a booster, in one picture, before any floor or scale.

    Where ``"exact"`` is below the zero line, a booster would divide by a negative number. The one that the objective itself
    gives is marked. For plain cross-entropy all but ``"residual"`` and ``"safeguarded"`` are the same.

    Parameters
    ----------
    objective : Objective
        It is not changed.
    against : {"probability", "margin"}
        As in :func:`plot_loss`.
    hessian : iterable of str, optional
        Which ones. Default: all of ``"exact"``, ``"expected"``, ``"positive_terms"``, ``"absolute"``, ``"reweighted"``,
        ``"residual"`` and ``"safeguarded"``.
    label, column, limits, ax, style, legend
        As in :func:`plot_loss`; ``label`` is one class.
    colors : list of colours, or dict of Hessian to colour, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError, ValueError
        As :func:`plot_loss` does.

    Examples
    --------
    >>> from boost_imbalance import focal_objective
    >>> from boost_imbalance.plots import plot_curvature
    >>> ax = plot_curvature(focal_objective(gamma=2.0))
    >>> bool(ax.lines[0].get_ydata().min() < 0)  # the exact one, of a positive that is badly wrong
    True
    """
    drawing.check(ax, style, legend)
    x = _grid(against, limits)
    ((_, known),) = _named([objective])
    names = list(HESSIANS) if hessian is None else [hessian] if isinstance(hessian, str) else list(hessian)
    if not names:
        raise ValueError(f"hessian is {hessian!r}; choose some of {', '.join(map(repr, HESSIANS))}.")
    for name in names:
        drawing.choose("hessian", name, list(HESSIANS))
    palette = drawing.colors_of(names, colors)
    own = (known if known.is_fitted else known.fit([0, 1])).fitted.hessian  # which depends on the class weights
    lines = []
    for i, name in enumerate(names):
        y = _curve(known.copy(hessian=name), x, "hessian", against, label, column)
        # Some of them coincide over much of the range: different dashes let the lower one show.
        shown = f"{name} (given to the booster)" if name == own else name
        lines.append(Line(shown, x, y, palette[i], drawing.other_style("-", i)))
    ax = drawing.axes_of(ax)
    drawing.draw_lines(ax, lines, style)
    ax.axhline(0.0, color="0.5", linewidth=0.8, zorder=1)
    return drawing.finish(ax, legend, xlabel=_x_label(against, [known], [label]), ylabel=_QUANTITIES["hessian"])


def plot_class_weights(
    counts: FloatLike | Mapping[str, float],
    *,
    betas: FloatLike | None = None,
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """Class weights of the class-balanced loss against beta, between equal weights and inverse frequency.

    Parameters
    ----------
    counts : array_like, shape (classes,), or dict of name to count
        Number of training rows of each class.
    betas : array_like, shape (m,), optional
        Each in [0, 1). Default: 0 to ``1 - 1 / (10 n)``, with ``n`` the largest count.
    ax : matplotlib.axes.Axes, optional
    colors : list of colours, or dict of name to colour, optional
        One per class.
    style, legend
        As in :func:`plot_loss`.

    Returns
    -------
    matplotlib.axes.Axes
        Its x axis is ``1 / (1 - beta)``, the largest effective number there can be, with ``beta`` at the ticks. Dotted
        lines are inverse frequencies at the same sum.

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError
        If a count is not positive, there are fewer than two, or a beta is not in [0, 1).

    References
    ----------
    Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, https://arxiv.org/abs/1901.05555

    Examples
    --------
    >>> from boost_imbalance.plots import plot_class_weights
    >>> ax = plot_class_weights({"common": 5000, "rare": 100}, betas=[0.0, 0.999, 0.9999])
    >>> ax.lines[1].get_ydata().round(3).tolist()  # of the rare class
    [1.0, 1.825, 1.951]
    """
    drawing.check(ax, style, legend)
    names, n = _class_counts(counts)
    if betas is None:
        betas = 1.0 - 1.0 / np.geomspace(1.0, 10.0 * max(n.max(), 10.0), 201)
    betas = np.sort(_flat("betas", betas))
    known = Counts(Task.MULTICLASS, n, n, int(n.sum()), np.full(len(n), n.sum()))
    by_beta = np.stack([weights.effective(known, beta)[:, 0] for beta in betas.tolist()])
    inverse = weights.balanced(known)[:, 0]
    inverse = inverse * len(inverse) / inverse.sum()
    palette = drawing.colors_of(names, colors)
    x = 1.0 / (1.0 - betas)
    lines = [
        Line(f"{name} (n = {rows:,.10g})", x, y, color, drawing.line_style(i, colors))
        for i, (name, rows, y, color) in enumerate(zip(names, n, by_beta.T, palette, strict=True))
    ]
    ax = drawing.axes_of(ax)
    drawing.draw_lines(ax, lines, style)
    for i, (weight, color) in enumerate(zip(inverse, palette, strict=True)):
        ax.axhline(
            weight, color=color, linestyle=":", linewidth=0.9, zorder=1, label=None if i else "inverse frequency (dotted)"
        )
    ax.set_xscale("log")
    ticker = drawing.matplotlib("ticker")
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(_beta_at))
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())
    if inverse.max() > _MOST_LINEAR * inverse.min():
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(ticker.FuncFormatter(_plain_number))
        ax.yaxis.set_minor_formatter(ticker.NullFormatter())
    return drawing.finish(ax, legend, xlabel="beta (spaced by 1 / (1 - beta))", ylabel="class weight (mean 1 over classes)")


def plot_effective_number(
    betas: FloatLike = (0.9, 0.99, 0.999, 0.9999),
    *,
    limits: tuple[float, float] = (1.0, 1e5),
    ax: Axes | None = None,
    colors: Colors = None,
    style: Style = None,
    legend: Legend = True,
) -> Axes:
    """Effective number of samples against the number of samples.

    It follows ``n`` at first and levels off at ``1 / (1 - beta)``: classes larger than that weigh the same.

    Parameters
    ----------
    betas : float or array_like, shape (m,)
        Each in [0, 1), a line each.
    limits : (float, float)
        Smallest and largest number of samples, at least 1.
    ax : matplotlib.axes.Axes, optional
    colors : list of colours, or dict of "beta = ..." to colour, optional
    style, legend
        As in :func:`plot_loss`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    ValueError
        If a beta is not in [0, 1), or the limits are not those of an axis.

    References
    ----------
    Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, https://arxiv.org/abs/1901.05555

    Examples
    --------
    >>> from boost_imbalance.plots import plot_effective_number
    >>> ax = plot_effective_number([0.99, 0.999], limits=(1, 1e6))
    >>> [round(float(line.get_ydata()[-1])) for line in ax.lines]  # the last is n itself
    [100, 1000, 1000000]
    """
    drawing.check(ax, style, legend)
    low, high = drawing.check_limits(limits, 1.0, 1e15, "both at least 1")
    each = _flat("betas", betas).tolist()
    n = np.geomspace(low, high, _POINTS)
    names = [f"beta = {beta:.10g}" for beta in each]
    palette = drawing.colors_of(names, colors)
    lines = [
        Line(name, n, weights.effective_number(n, beta), palette[i], drawing.line_style(i, colors))
        for i, (name, beta) in enumerate(zip(names, each, strict=True))
    ]
    ax = drawing.axes_of(ax)
    drawing.draw_lines(ax, lines, style)
    ax.plot(n, n, color="0.5", linestyle=":", linewidth=1.2, zorder=1, label="n itself (beta to 1)")
    return drawing.finish(
        ax, legend, xscale="log", yscale="log", xlabel="samples of a class, n", ylabel="effective number of samples"
    )


def _named(objectives: Any) -> list[tuple[str, Any]]:
    """Pairs of name and objective; what is drawn computes with the class counts that the objective has seen."""
    if isinstance(objectives, Loss):
        objectives = [objectives]
    if isinstance(objectives, Mapping):
        pairs = [(str(name), objective) for name, objective in objectives.items()]
    elif isinstance(objectives, Iterable) and not isinstance(objectives, str):
        pairs = [(_short_name(objective), objective) for objective in objectives]
    else:
        raise TypeError(f"objectives is {objectives!r}; give objectives of this package, in a list or a dict.")
    if not pairs:
        raise ValueError(f"objectives is {objectives!r}; give at least one.")
    return [(name, _with_counts(objective)) for name, objective in pairs]


def _short_name(objective: Any) -> str:
    return repr(objective).replace("_objective(", "(", 1)


def _with_counts(objective: Any) -> Any:
    """An objective whose ``loss`` depends on the margin alone: the same, or a copy fitted to what it was trained on."""
    if not isinstance(objective, Loss):
        raise TypeError(
            f"objectives has {objective!r}; give objectives of this package, for instance focal_objective(gamma=2.0)."
        )
    if objective.is_fitted:
        return objective
    seen = objective.seen_counts
    if seen is not None:
        return objective.fit_counts(seen)
    if objective.needs_counts:
        raise ValueError(f"objectives has {objective!r}, which depends on class counts; give what its fit(label) returns.")
    return objective


def _task_of(objective: Any) -> tuple[Task, int]:
    """What the objective was fitted to; without labels, a binary task."""
    if not objective.is_fitted:
        return Task.BINARY, 1
    counts = objective.fitted.counts
    return counts.task, counts.columns


def _curve(objective: Any, x: Array, quantity: str, against: str, label: Any, column: Any) -> Array:
    """The quantity at each x, of a row whose true class is ``label`` and whose other margins are 0."""
    task, columns = _task_of(objective)
    classes = columns if task is Task.MULTICLASS else 2
    _check_index("label", label, classes, f"a class of this {task.value} task")
    margin = logit(x) if against == "probability" else x
    if against == "probability" and task is Task.MULTICLASS:
        margin = margin + np.log(columns - 1.0)
    elif against == "probability" and label == 0:
        margin = -margin
    if task is Task.BINARY:
        return _computed(objective, margin, np.full(len(x), label), quantity)
    own = label if task is Task.MULTICLASS else column
    _check_index("column", own, columns, "a label of this multi-label task")
    table = np.zeros((len(x), columns))
    table[:, own] = margin
    if task is Task.MULTICLASS:
        values = _computed(objective, table, np.full(len(x), label), quantity)
    else:
        truth = np.zeros((len(x), columns))
        truth[:, own] = label
        values = _computed(objective, table, truth, quantity)
    return values if values.ndim == 1 else np.asarray(values[:, own])


def _computed(objective: Any, margin: Array, label: Array, quantity: str) -> Array:
    if quantity == "loss":
        return np.asarray(objective.loss(margin, label))
    gradient, hessian = objective.gradient_hessian(margin, label)
    return np.asarray(gradient if quantity == "gradient" else hessian)


def _check_index(name: str, value: Any, n: int, what: str) -> None:
    if not (is_whole(value) and 0 <= value < n):
        raise ValueError(f"{name} is {value!r}; give {what}, from 0 to {n - 1}.")


def _grid(against: Any, limits: Any) -> Array:
    drawing.choose("against", against, list(_AGAINST))
    if limits is None:
        limits = _LIMITS[against]
    if against == "probability":
        # The margins 0 and 1 would need are infinite.
        low, high = drawing.check_limits(limits, 1e-12, 1.0 - 1e-12, "both probabilities between 0 and 1, exclusive")
    else:
        low, high = drawing.check_limits(limits, -1e6, 1e6, "both margins")
    return np.linspace(low, high, _POINTS)


def _x_label(against: str, objectives: Sequence[Any], classes: Sequence[Any]) -> str:
    softmax = any(_task_of(objective)[0] is Task.MULTICLASS for objective in objectives)
    name = "margin of the true class, the others 0" if softmax and against == "margin" else _AGAINST[against]
    return f"{name} (label {classes[0]})" if len(classes) == 1 else name


def _class_counts(counts: Any) -> tuple[list[str], Array]:
    if isinstance(counts, Mapping):
        names, values = [str(name) for name in counts], _flat("counts", list(counts.values()))
    else:
        values = _flat("counts", counts)
        names = [f"class {k}" for k in range(len(values))]
    if len(values) < 2 or not (values > 0).all():
        raise ValueError(f"counts is {counts!r}; give at least two classes, each with a positive number of rows.")
    return names, values


def _flat(name: str, values: Any) -> Array:
    """Finite numbers, float64 of shape (m,)."""
    try:
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {values!r}; give numbers.") from None
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} is {values!r}; give a list of finite numbers.")
    return array


def _beta_at(x: float, _: Any = None) -> str:
    """The beta of a tick at 1 / (1 - beta); written short where there would be many nines."""
    power = round(np.log10(x))
    return f"{1.0 - 1.0 / x:.10g}" if power <= 4 else f"$1 - 10^{{-{power}}}$"


def _plain_number(value: float, _: Any = None) -> str:
    return f"{value:g}"
