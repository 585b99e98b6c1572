"""How the candidates look in every figure, and which are shown at first."""

from __future__ import annotations

import numpy as np

from boost_imbalance.comparison.candidates import BASELINE, BASELINES
from boost_imbalance.comparison.report.figures import COLORS, Series
from boost_imbalance.comparison.results import Results

DASHES = {"-": "none", "--": "7 3", "-.": "7 3 2 3", ":": "2 3"}
"""Matplotlib's line styles, as the key draws them."""

SHOWN = 4
"""Candidates in a figure until a reader chooses others."""


def series(results: Results, names: list[str], shown: list[str]) -> list[Series]:
    """Lines of some candidates; their looks depend on all, so that they are the same everywhere.

    The built-in objective is broad, so that it can be seen below an equal line; others differ in colour and in dashes.
    """
    losses = results.losses
    baselines = [name for name in results.candidates if name not in losses and name != BASELINE]
    found = []
    for name in names:
        own = None if name == BASELINE else (losses if name in losses else baselines).index(name)
        css = "var(--ink)" if own is None else f"var(--line-{own % COLORS})"
        dash = 0 if own is None else own + own // COLORS + 2 * (name in baselines)
        style, width = list(DASHES)[dash % len(DASHES)], 3.2 if own is None else 1.8
        found.append(Series(name, results.candidates.index(name), css, style, width, name in shown))
    return found


def ranked(results: Results, metric: str, library: str) -> list[str]:
    """The candidates that were measured, the best first."""
    means = {name: results.mean(name, metric, library) for name in results.candidates}
    sign = -1.0 if results.metrics[metric].larger_is_better else 1.0
    return sorted((name for name, mean in means.items() if np.isfinite(mean)), key=lambda name: sign * means[name])


def few(names: list[str], best_first: list[str]) -> list[str]:
    """The built-in objective and the best of the others, in the order of ``names``."""
    best = [name for name in best_first if name in names and name != BASELINE][: SHOWN - 1]
    return [name for name in names if name == BASELINE or name in best]


def ranks_as_built_in(name: str) -> bool:
    """True if a candidate has the built-in objective's probabilities, and only its decisions differ."""
    return name in BASELINES and BASELINES[name].thresholds is not None
