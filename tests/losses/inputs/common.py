"""Arrays of every task."""

import numpy as np

TASKS = ["binary", "multi-label", "multi-class"]
FLOATS = [np.float32, np.float64]
COLUMNS = 3


def arrays(task, n, seed=0, dtype=np.float64):
    """Margins that float32 holds, labels and sample weights."""
    rng = np.random.default_rng(seed)
    columns = {"binary": (), "multi-label": (COLUMNS,), "multi-class": (COLUMNS,)}[task]
    margin = rng.normal(scale=4.0, size=(n, *columns)).astype(np.float32).astype(dtype)
    label = rng.integers(0, 3 if task == "multi-class" else 2, n if task != "multi-label" else (n, COLUMNS))
    return margin, label, rng.integers(1, 9, n) / 4


MARGIN, LABEL = np.array([0.5, -1.0, 2.0]), np.array([0, 1, 1])
MARGINS, CLASSES, INDICATORS = np.zeros((3, 3)), np.array([0, 1, 2]), np.eye(3)
