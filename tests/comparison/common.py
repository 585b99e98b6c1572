"""Small comparisons."""

import importlib.util
import warnings

import boost_imbalance as bi

TASKS = ["binary", "multiclass", "multilabel"]
LIBRARIES = [name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)]
QUICK = {"baselines": [], "folds": 3, "repeats": 1, "progress": False, "n_jobs": 1}
RATES = ("average_precision", "log_loss", "brier", "balanced_accuracy", "macro_f1", "mcc", "recall_at_precision")


def compared(X, y, **options):
    return bi.compare(X, y, **{**QUICK, **options})


SMALL = {"losses": ["focal"], "folds": 2, "params": {"n_estimators": 5}}


def runs(found, X, y):
    """The data and the model that the code of the first loss makes of them."""
    scope = {"X": X, "y": y}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in found.candidates:
            scope = {"X": X, "y": y}
            exec(found.code(name), scope)
            assert len(scope["model"].predict(scope["X"])) == len(scope["y"])
    return scope
