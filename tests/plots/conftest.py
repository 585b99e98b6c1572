"""Axes that nobody else draws on."""

import pytest

from tests.plots.common import blank, matplotlib, plt


@pytest.fixture
def ax():
    """Axes that pyplot knows nothing of; afterwards it still knows of none."""
    plt.close("all")
    settings = dict(matplotlib.rcParams)
    yield blank(layout="constrained")
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == settings


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")
