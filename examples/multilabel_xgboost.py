"""
Rare labels in one XGBoost model
================================

What do focusing and weights per label change? One booster predicts all labels, with one tree per label and round or
with one tree of vector leaves for all of them. The data are made here: no package brings a public multi-label set with
rare labels.

``python examples/multilabel_xgboost.py``
"""

import pathlib
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import xgboost
from sklearn.metrics import average_precision_score, f1_score

from boost_imbalance import focal_objective, plots, weighted_objective

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
PREVALENCE = np.array([0.30, 0.15, 0.08, 0.04, 0.02, 0.01])
STRATEGIES = {"one_output_per_tree": "a tree per label", "multi_output_tree": "vector leaves"}
ROUNDS = 50


def make_data(n, rng):
    """Labels that share some of their causes, each as common as ``PREVALENCE`` says."""
    X = rng.normal(size=(n, 20))
    causes = np.random.default_rng(0)
    hidden = np.tanh(X @ causes.normal(size=(20, 8)) / 2.0)
    score = 3.0 * hidden @ causes.normal(size=(8, len(PREVALENCE))) + rng.logistic(size=(n, len(PREVALENCE)))
    thresholds = [np.quantile(column, 1.0 - share) for column, share in zip(score.T, PREVALENCE, strict=True)]
    return X, (score > thresholds).astype(np.float32)


rng = np.random.default_rng(1)
X, Y = make_data(4000, rng)
X_test, Y_test = make_data(4000, rng)
train, test = xgboost.DMatrix(X, Y), xgboost.DMatrix(X_test)
params = {"max_depth": 4, "eta": 0.15, "nthread": 1}

# %%
# Common labels have easy negatives in plenty; a rare label needs every row that it has. So gamma and weights may differ
# by label.

gamma = np.where(PREVALENCE > 0.1, 2.0, 0.5)
weights = np.sqrt((1.0 - PREVALENCE) / PREVALENCE)
objectives = {
    "built-in": None,
    "focal": focal_objective(gamma=2.0),
    "gamma per label": focal_objective(gamma=gamma),
    "weight per label": weighted_objective(weights),
    "both per label": focal_objective(gamma=gamma, weights=weights),
}
boosters = {}
print("Average precision, and F1 of predict() > 0.5, macro over the labels")
print(" " * 18 + "".join(f"{shown:>20}" for shown in STRATEGIES.values()))
for name, objective in objectives.items():
    cells = []
    for strategy in STRATEGIES:
        link = {"objective": "binary:logistic"} if objective is None else objective.xgboost_params(Y)
        booster = xgboost.train({**params, **link, "multi_strategy": strategy}, train, ROUNDS, obj=objective)
        prediction = booster.predict(test)
        precision = average_precision_score(Y_test, prediction, average="macro")
        f1 = f1_score(Y_test, prediction > 0.5, average="macro", zero_division=0.0)
        cells.append(f"{precision:.3f}  {f1:.3f}")
        boosters[name, strategy] = booster
    print(f"{name:<18}" + "".join(f"{cell:>20}" for cell in cells))

# %%
# Weights raise F1 at 1/2, because they move probabilities up, which a threshold could do as well. The ranking, average
# precision, moves by 0.01 or so, mostly down.

predictions = {name: boosters[name, "one_output_per_tree"].predict(test) for name in objectives}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for name, prediction in predictions.items():
    axes[0].plot(average_precision_score(Y_test, prediction, average=None), marker="o", label=name)
    axes[1].plot(f1_score(Y_test, prediction > 0.5, average=None, zero_division=0.0), marker="o", label=name)
for axis, title in zip(axes, ("average precision", "F1 of predict() > 0.5"), strict=True):
    axis.set_xticks(range(len(PREVALENCE)), [f"{share:.0%}" for share in PREVALENCE])
    axis.set(xlabel="label, by its share of positives", title=title)
axes[1].legend(frameon=False)

# %%
# ``predict`` gives the sigmoid of the margin, one column per label. The model file gives it anywhere, without this
# package. Calibrated probabilities come from the objective, which must have seen the labels: training did that.

objective = focal_objective(gamma=2.0)
booster = xgboost.train({**params, **objective.xgboost_params(Y)}, train, ROUNDS, obj=objective)
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "model.json"
    booster.save_model(file)
    loaded = xgboost.Booster(model_file=file)
assert np.array_equal(loaded.predict(test), booster.predict(test))
calibrated = objective.probability(loaded.predict(test, output_margin=True))
print("Mean probability of each label: focal, saved and loaded")
for name, values in (("labels", Y_test), ("predict()", loaded.predict(test)), ("probability()", calibrated)):
    print(f"{name:<18}" + "".join(f"{value:>9.4f}" for value in values.mean(axis=0)))
assert (abs(calibrated.mean(axis=0) - PREVALENCE) < abs(loaded.predict(test).mean(axis=0) - PREVALENCE)).all()
plt.show()
