"""Real imbalanced data sets for the benchmarks: a folder of .npz files with a manifest, if there is one."""

from __future__ import annotations

import json
import os
import pathlib
from typing import NamedTuple

import numpy as np

FOLDER = pathlib.Path(
    os.environ.get("BOOST_IMBALANCE_DATA", pathlib.Path(__file__).resolve().parents[2] / "shared" / "data" / "open")
)


class Dataset(NamedTuple):
    """Features, labels and which features are categories."""

    name: str
    task: str
    X: np.ndarray
    y: np.ndarray


def load(task: str, most_rows: int = 20_000) -> list[Dataset]:
    """All sets of a task ("binary", "multiclass", "multilabel"), larger ones cut to a random ``most_rows``."""
    if not (FOLDER / "manifest.json").exists():
        raise SystemExit(
            f"no data sets in {FOLDER}; set BOOST_IMBALANCE_DATA to a folder with manifest.json and .npz files."
        )
    found = []
    for entry in json.loads((FOLDER / "manifest.json").read_text()):
        if entry["task"] != task:
            continue
        with np.load(FOLDER / entry["file"], allow_pickle=False) as arrays:
            X, y = arrays["X"], arrays["y"]
        if len(X) > most_rows:
            rows = np.random.default_rng(0).permutation(len(X))[:most_rows]
            X, y = X[rows], y[rows]
        if task == "multiclass":
            # A class needs a few rows in every fold.
            classes, counts = np.unique(y, return_counts=True)
            kept = np.isin(y, classes[counts >= 10])
            X, y = X[kept], np.searchsorted(classes[counts >= 10], y[kept])
        found.append(Dataset(entry["name"], task, X, y))
    return found
