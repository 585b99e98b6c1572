"""What pictures are drawn on, and what is read off them."""

from tests.helpers import Later

matplotlib, plt = Later("matplotlib"), Later("matplotlib.pyplot")


def blank(**options):
    """Axes that pyplot knows nothing of."""
    from matplotlib.figure import Figure

    return Figure(**options).subplots()


def lines_of(ax):
    return {line.get_label(): line.get_xydata().T for line in ax.lines}
