"""Matplotlib figures as SVG inside a page, which gives them their colours and fonts."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup, escape

COLORS = 6
"""How many colours the style sheet has for lines, beside that of text."""

_INK, _MUTED = "#fe0000", "#fe0001"
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", "#808080": "--muted"}
"""Colours that stand for those of the page: matplotlib writes them, and then they are replaced."""

_LOOK = {
    "svg.fonttype": "none",
    "svg.hashsalt": "boost-imbalance",
    "text.parse_math": False,
    "text.color": _INK,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "grid.color": _MUTED,
    "font.size": 9.0,
    "path.simplify_threshold": 0.3,
}


class Series(NamedTuple):
    """A candidate, as it looks in every figure."""

    name: str
    number: int
    """Number of the candidate among all."""
    css: str
    """Colour of the line on the page."""
    linestyle: str
    width: float
    shown: bool
    """True if the line is drawn until the reader chooses others."""

    @property
    def key(self) -> str:
        """The class, on the page, of elements that belong to the candidate."""
        return f"s{self.number}"

    @property
    def color(self) -> str:
        """The colour that matplotlib is told, no other candidate's: it tells what was drawn for whom."""
        return f"#fd{self.number:04x}"


@contextmanager
def figure(width: float = 4.4, height: float = 3.3) -> Iterator[Any]:
    """A figure without pyplot; within the block matplotlib's settings are those of the report, whatever they were."""
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", _LOOK]):
        yield Figure(figsize=(width, height), layout="constrained")


def svg(drawn: Any, name: str, label: str, lines: Sequence[Series] = ()) -> Markup:
    """A figure as an element of a page.

    Parameters
    ----------
    drawn : matplotlib.figure.Figure
        Within its :func:`figure` block.
    name : str
        A name that no other figure of the page has.
    label : str
        Description of the figure, for those who cannot see it.
    lines : sequence of Series
        Candidates in it: what has one of their colours gets its line style and class, and says its name under a pointer.
    """
    known = {line.color: line for line in lines}
    for artist in _artists(drawn):
        line_of = known.get(_color_of(artist) or "")
        if line_of is not None:
            _belong(artist, line_of)
    written = io.StringIO()
    drawn.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for line in lines:
        text = text.replace(f'<g id="{line.key}">', f'<g class="{line.key}">').replace(line.color, line.css)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, f"var({variable})")
    text = _short(_own_ids(text, f"{name}-"))
    for line in lines:  # last, since a name is nothing to look for colours in
        text = text.replace(f'<g class="{line.key}">', f'<g class="{line.key}"><title>{escape(line.name)}</title>')
    box = re.search(r'viewBox="([^"]*)"', text)
    assert box is not None
    head = Markup('<svg viewBox="{}" role="img" aria-label="{}">').format(box.group(1), label)
    return head + Markup(text[text.index(">") + 1 :].strip())


def _artists(drawn: Any) -> list[Any]:
    """Everything drawn in a figure's axes and in axes inside these, but for ticks, of which there would be a thousand."""
    axes = [one for ax in drawn.axes for one in (ax, *ax.child_axes)]
    return [artist for ax in axes for artist in (*ax.lines, *ax.patches, *ax.collections)]


def _color_of(artist: Any) -> str | None:
    """The colour of a line, an outline, or a collection of them; None where it has none."""
    from matplotlib import colors

    found = getattr(artist, "get_color", None) or getattr(artist, "get_edgecolor", None)
    value = None if found is None else found()
    if value is None or len(value) == 0:
        return None
    return str(colors.to_hex(value if isinstance(value, str) or np.ndim(value) == 1 else value[0]))


def _belong(artist: Any, line: Series) -> None:
    artist.set_gid(line.key)
    if hasattr(artist, "get_drawstyle") and artist.get_linestyle() != "None":
        artist.set(linestyle=line.linestyle, linewidth=line.width)


def _own_ids(text: str, prefix: str) -> str:
    """A picture with identifiers that no other of the page has; those that nothing refers to are left out."""
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
    names = {name for pair in used for name in pair if name}
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in names else "", text)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", text)


def _short(text: str) -> str:
    """A picture with no more digits than can be seen, no fonts of matplotlib's, and no style for the whole page."""
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), text)
    text = re.sub(r" ?font-family: [^;\"]*;?", "", re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", text))
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", text)
