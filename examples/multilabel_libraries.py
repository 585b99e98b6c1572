"""
Multi-label in both libraries
=============================

One model for all labels, in XGBoost (a tree per label, or trees that labels share) and in LightGBM, with a gamma, a
weight and a threshold for each label, and with labels that are not known.

``python examples/multilabel_libraries.py``
"""

import importlib.util

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import average_precision_score, f1_score

import boost_imbalance as bi
from boost_imbalance import plots

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
LIBRARIES = [name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)]
SHARES = np.array([0.2, 0.08, 0.03])


def draw(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8))
    score = np.stack([X[:, 0] + X[:, 1] * X[:, 2], X[:, 1] - X[:, 3], X[:, 0] * X[:, 4] + X[:, 5]], axis=1)
    noisy = score + 0.7 * rng.logistic(size=score.shape)
    return X, (noisy > np.quantile(noisy, 1.0 - SHARES, axis=0).diagonal()).astype(float)


X, Y = draw(4000, seed=0)
X_test, Y_test = draw(4000, seed=1)


def classifiers(loss, **options):
    if "xgboost" in LIBRARIES:
        settings = {"n_estimators": 60, "max_depth": 3, "learning_rate": 0.15, "n_jobs": 1, **options}
        yield "XGBoost, tree per label", bi.ImbalancedXGBClassifier(loss=loss, **settings)
        yield "XGBoost, shared trees", bi.ImbalancedXGBClassifier(loss=loss, multi_strategy="multi_output_tree", **settings)
    if "lightgbm" in LIBRARIES:
        settings = {"n_estimators": 60, "num_leaves": 8, "learning_rate": 0.15, "n_jobs": 1, "verbosity": -1, **options}
        yield "LightGBM", bi.ImbalancedLGBMClassifier(loss=loss, **settings)


# %%
# Three losses. ``decision="f1"`` chooses a threshold for each label, on held-out folds of the training rows.

losses = {
    "cross-entropy": bi.weighted_objective(weights=None),
    "focal 1": bi.focal_objective(gamma=1.0),
    "gamma and weight by label": bi.focal_objective(gamma=[1.0, 0.5, 0.0], weights=[1.0, 2.0, 4.0]),
}
precision = {}
print(f"{'model':<26}{'loss':<28}{'average precision':>18}{'F1 at 1/2':>12}{'F1, tuned':>12}")
for name, loss in losses.items():
    for model_name, model in classifiers(loss, decision="f1", decision_cv=3):
        model.fit(X, Y)
        p = model.predict_proba(X_test)
        precision[model_name, name] = average_precision_score(Y_test, p, average=None)
        plain = f1_score(Y_test, p > 0.5, average="macro", zero_division=0.0)
        tuned = f1_score(Y_test, model.predict(X_test), average="macro")
        print(f"{model_name:<26}{name:<28}{precision[model_name, name].mean():>18.3f}{plain:>12.3f}{tuned:>12.3f}")
        assert abs(p.mean(axis=0) - Y_test.mean(axis=0)).max() < 0.03  # calibrated, whatever the weights
        assert tuned > plain

# %%
# Tuned thresholds gain more than any of these losses. Shared trees are a third as many, and rank about as well on this data.

figure, axes = plt.subplots(1, len(SHARES), figsize=(10, 3.4), layout="constrained")
models = list(dict.fromkeys(model for model, _ in precision))
for k, axis in enumerate(axes):
    for i, name in enumerate(losses):
        axis.bar(np.arange(len(models)) + 0.27 * (i - 1), [precision[model, name][k] for model in models], 0.27, label=name)
    axis.set_xticks(range(len(models)), [model.replace(", ", "\n") for model in models], fontsize=7)
    axis.set(title=f"label {k}, {SHARES[k]:.0%} positive", ylim=(0, 1))
axes[0].set_ylabel("average precision")
axes[-1].legend(frameon=False, fontsize=8)

# %%
# Now remove half of the labels at random. NaN is a missing label: it has no gradient, but the other labels of the row count.

partial = np.where(np.random.default_rng(2).random(Y.shape) < 0.5, np.nan, Y)
complete = ~np.isnan(partial).any(axis=1)
print(f"\n{'half of the labels missing':<28}{'average precision':>18}")
for model_name, model in classifiers(bi.focal_objective(gamma=1.0)):
    known = average_precision_score(Y_test, model.fit(X, partial).predict_proba(X_test), average="macro")
    dropped = average_precision_score(Y_test, model.fit(X[complete], Y[complete]).predict_proba(X_test), average="macro")
    print(f"{model_name:<28}{known:>18.3f}   of the {complete.sum()} complete rows alone {dropped:.3f}")
    assert known > dropped
plt.show()
