"""
Resampling, losses, and what they do to probabilities
=====================================================

SMOTE and undersampling before the model, with the plain and with the focal loss, in pipelines of imbalanced-learn. The
rows are drawn here, so that the true probabilities are known.

``python examples/sampling.py``
"""

import matplotlib.pyplot as plt
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.metrics import average_precision_score, log_loss

from boost_imbalance import ImbalancedXGBClassifier, focal_objective, plots, weighted_objective


def draw(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    true = 1.0 / (1.0 + np.exp(4.5 - 1.5 * X[:, 0] - X[:, 1] * X[:, 2] - np.abs(X[:, 3])))
    return X, (rng.random(n) < true).astype(int), true


X, y, _ = draw(4000, seed=0)
X_test, y_test, true = draw(20000, seed=1)
print(f"{y.mean():.1%} positive; log loss of the true probabilities {log_loss(y_test, true):.4f}\n")

# %%
# The sampler is a step of the pipeline, so that ``fit`` resamples and ``predict_proba`` does not.

samplers = {
    "as it is": "passthrough",
    "SMOTE": SMOTE(random_state=0),
    "undersampling": RandomUnderSampler(random_state=0),
}
losses = {
    "cross-entropy": weighted_objective(weights=None),
    "focal, gamma 2": focal_objective(gamma=2.0),
    "balanced weights": weighted_objective("balanced"),
}
probability, result = {}, {}
print(f"{'rows':<16}{'loss':<18}{'average precision':>18}{'log loss':>10}{'mean p':>9}{'corrected':>11}{'mean p':>9}")
for rows, sampler in samplers.items():
    for name, loss in losses.items():
        model = ImbalancedXGBClassifier(loss=loss, n_estimators=80, max_depth=3, learning_rate=0.1, n_jobs=1)
        pipeline = Pipeline([("sampler", sampler), ("model", model)]).fit(X, y)
        p = pipeline.predict_proba(X_test)[:, 1]
        # The correction for a changed share of positives: multiply the odds by the ratio of the two populations' odds.
        now = pipeline[-1].class_prior_.item()
        odds = p / (1 - p) * (y.mean() / (1 - y.mean())) / (now / (1 - now))
        corrected = odds / (1 + odds)
        precision = average_precision_score(y_test, p)
        before, after = log_loss(y_test, p), log_loss(y_test, corrected)
        print(f"{rows:<16}{name:<18}{precision:>18.4f}{before:>10.4f}{p.mean():>9.3f}{after:>11.4f}{corrected.mean():>9.3f}")
        probability[f"{rows}, {name}"], result[rows, name] = p, (precision, before, after)

# %%
# Class weights in the loss are undone by ``predict_proba``; made-up or dropped rows are not, because the model cannot
# know of them (after SMOTE the classes are even, so that balanced weights are 1). Its probabilities are then those of a
# population that is half positive. The correction by shares gets most of that back. Neither made-up nor dropped rows rank as
# well as the rows as they are, or have as good a log loss, whatever the loss; on those, the focal loss is on a par with
# cross-entropy.

figure, axis = plt.subplots(figsize=(6, 4.2), layout="constrained")
shown = {f"{rows}, cross-entropy": probability[f"{rows}, cross-entropy"] for rows in samplers}
plots.plot_reliability(y_test, {**shown, "as it is, balanced weights": probability["as it is, balanced weights"]}, ax=axis)
axis.set_title("reliability after resampling, and with weights")

plain_precision, plain_loss, _ = result.pop(("as it is", "cross-entropy"))
for (rows, _), (precision, before, after) in result.items():
    if rows == "as it is":
        assert precision < plain_precision + 0.005
        assert after > plain_loss - 0.002
    else:
        assert precision < plain_precision
        assert plain_loss < after < before / 2
plt.show()
