"""What is read off a picture."""


def lines_of(ax):
    return {line.get_label(): line.get_xydata().T for line in ax.lines}
