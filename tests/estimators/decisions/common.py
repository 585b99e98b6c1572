"""What the tests of decisions share."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.model_selection import (
    cross_val_predict,
)


def posterior_of(model, X):
    """One column for a binary task."""
    probability = model.predict_proba(X)
    return probability[:, 1] if probability.shape[1] == 2 else probability


COSTS = {
    "errors alike": [[0.0, 1.0], [1.0, 0.0]],
    "misses are dear": [[0.0, 1.0], [8.0, 0.0]],
    "with gains": [[-1.0, 3.0], [5.0, -20.0]],
    "one class is never worth it": [[0.0, 1.0], [0.5, 0.9]],
    "always worth it": [[2.0, 1.0], [3.0, 0.0]],
}


def out_of_fold(library, data, cv, **options):
    """Probabilities of the same model for rows that it has not seen, by scikit-learn."""
    found = cross_val_predict(library.make(), data.X, data.y, method="predict_proba", cv=cv, **options)
    return found[:, 1] if found.shape[1] == 2 else found


def candidates(eta):
    """A threshold on each side of every value."""
    values = np.unique(eta)
    return np.concatenate([[values[0] / 2], (values[1:] + values[:-1]) / 2, [(values[-1] + 1) / 2]])


SCORES = {"f1": sk.f1_score, "balanced_accuracy": sk.balanced_accuracy_score}


def over_thresholds(y, eta):
    """Precision, recall and every score, at each of the thresholds there are."""
    above = (eta > candidates(eta)[:, None]).astype(float)
    hits, chosen, positives, negatives = above @ y, above.sum(axis=1), y.sum(), len(y) - y.sum()
    recall, false_alarm = hits / positives, (chosen - hits) / negatives
    return {
        "precision": hits / np.maximum(chosen, 1),
        "recall": recall,
        "f1": 2 * hits / (chosen + positives),
        "balanced_accuracy": (recall + 1 - false_alarm) / 2,
    }


def best_score(rule, y, eta):
    """The best that any threshold does."""
    return over_thresholds(y, eta)[rule].max()
