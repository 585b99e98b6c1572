"""What every picture needs: axes, colours and line styles, a legend."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from boost_imbalance.types import Axes

Array = npt.NDArray[Any]
Colors = Sequence[Any] | Mapping[str, Any] | None
Style = Mapping[str, Any] | None
Legend = bool | Literal["inside", "outside"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours that people with any kind of colour vision tell apart (Okabe and Ito, Color Universal Design, 2008)."""

_LINE_STYLES = ("-", "--", "-.", ":")
_MOST_INSIDE = 5
"""With more lines than this the legend would cover them."""


class Line(NamedTuple):
    """One curve, before it is drawn."""

    name: str
    x: Array
    y: Array
    color: Any
    linestyle: str


def matplotlib(module: str) -> Any:
    """A module of matplotlib, or an error that says how to install it."""
    remedy = "the plots need matplotlib; install it with pip install 'boost-imbalance[plots]'."
    return _imported("matplotlib", module, remedy)


def scikit_learn(module: str) -> Any:
    """A module of scikit-learn, or an error that says how to install it."""
    remedy = "this plot needs scikit-learn; install it with pip install scikit-learn."
    return _imported("sklearn", module, remedy)


def _imported(package: str, module: str, remedy: str) -> Any:
    try:
        return importlib.import_module(f"{package}.{module}")
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ImportError(remedy) from error


def check(ax: Any, style: Style = None, legend: Any = False) -> None:
    """Refuse axes, a style or a place for the legend that nothing can be made of, before anything is computed."""
    axes = matplotlib("axes")
    if ax is not None and not isinstance(ax, axes.Axes):
        raise TypeError(f"ax is {ax!r}; give one matplotlib Axes, for instance of plt.subplots(), or None for a new figure.")
    if style is not None and not isinstance(style, Mapping):
        raise TypeError(f"style is {style!r}; give a dict of matplotlib's line properties, such as {{'linewidth': 3}}.")
    if not (isinstance(legend, bool) or legend in ("inside", "outside")):
        raise ValueError(f"legend is {legend!r}; give True, False, 'inside' or 'outside'.")


def axes_of(ax: Any) -> Any:
    """The axes to draw into; without any, those of a new figure, which a notebook will show."""
    if ax is not None:
        return ax
    return matplotlib("pyplot").subplots(layout="constrained")[1]


def colors_of(names: Sequence[str], colors: Colors, name: str = "colors") -> list[Any]:
    """A colour for each name, again from the first one when there are more names than colours."""
    if colors is None:
        colors = PALETTE
    if isinstance(colors, Mapping):
        absent = [key for key in names if key not in colors]
        if absent:
            raise ValueError(f"{name} has no entry {absent[0]!r}; give a colour for each of {', '.join(map(repr, names))}.")
        chosen = [colors[key] for key in names]
    elif isinstance(colors, str) or not isinstance(colors, (Sequence, np.ndarray)) or len(colors) == 0:
        raise TypeError(f"{name} is {colors!r}; give a list of matplotlib colours, or a dict of them by name.")
    else:
        chosen = [colors[i % len(colors)] for i in range(len(names))]
    is_color_like = matplotlib("colors").is_color_like
    for color in chosen:
        if not is_color_like(color):
            raise ValueError(f"{name} has {color!r}, which is no colour of matplotlib; write it like '#0072B2' or 'black'.")
    return chosen


def line_style(i: int, colors: Colors) -> str:
    """The line style of line ``i``: another one when its colour has been used before."""
    repeats = 0 if isinstance(colors, Mapping) else i // len(PALETTE if colors is None else colors)
    return _LINE_STYLES[repeats % len(_LINE_STYLES)]


def other_style(linestyle: str, steps: int) -> str:
    """The line style so many steps further on."""
    return _LINE_STYLES[(_LINE_STYLES.index(linestyle) + steps) % len(_LINE_STYLES)]


def line_properties(style: Style, **defaults: Any) -> dict[str, Any]:
    """The properties of a line, the caller's before ours, under their full names."""
    given = matplotlib("cbook").normalize_kwargs(dict(style or {}), matplotlib("lines").Line2D)
    return {"linewidth": 1.8, **defaults, **given}


def draw_lines(ax: Any, lines: Sequence[Line], style: Style) -> None:
    """Draw curves."""
    for line in lines:
        properties = line_properties(style, color=line.color, linestyle=line.linestyle)
        ax.plot(line.x, line.y, **{"label": line.name, **properties})


def finish(ax: Axes, legend: Legend, **labels: Any) -> Axes:
    """Name the axes, and add a grid and the legend: where there are many lines, beside the data."""
    ax.set(**labels)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    entries = len(ax.get_legend_handles_labels()[1])
    if legend is False or entries == 0:
        return ax
    if legend == "outside" or (legend is True and entries > _MOST_INSIDE):
        ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, borderaxespad=0.0)
    else:
        ax.legend(loc="best", framealpha=0.8, edgecolor="none")
    return ax


def choose(name: str, value: Any, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of the choices."""
    if not (isinstance(value, str) and value in choices):
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(map(repr, choices))}.")


def check_limits(limits: Any, lowest: float, highest: float, allowed: str) -> tuple[float, float]:
    """A pair of numbers, the first being less, both between the bounds or at them."""
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not (lowest <= low < high <= highest and np.isfinite(high - low)):
        raise ValueError(f"limits is {limits!r}; give (low, high) with low < high, {allowed}.")
    return low, high
