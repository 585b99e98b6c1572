"""Axes that nobody else draws on, and rows whose probabilities are known."""

import pytest


@pytest.fixture
def ax():
    """Axes that pyplot knows nothing of; afterwards it still knows of none."""
    import matplotlib
    from matplotlib import pyplot as plt
    from matplotlib.figure import Figure

    plt.close("all")
    settings = dict(matplotlib.rcParams)
    yield Figure(layout="constrained").subplots()
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == settings


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot as plt

    plt.close("all")
