"""What decisions by costs of each row cost, where the best decision is known: by four ways to train.

python benchmarks/costs.py           # 20 data sets of 20 000 training rows: about 6 minutes on one core
python benchmarks/costs.py 6 200000  # data sets, rows

Where empulse is installed (pip install empulse==0.13.1), its threshold for each row and its boosting of the expected cost
take part with XGBoost: the former on as many trees as cross-entropy has here, the latter with the number of rounds that is
best on the new rows, which nobody could know.

Synthetic frauds, 2 % of the rows: the amount is a feature, a miss costs it, an alarm costs its price, right or not. Given
the true probabilities, the best decision is an alarm where ``p amount`` exceeds the price. Every model stops early by its
own loss on held-out rows. Printed is what each rule costs on new rows above the best decision, in percent of that decision's
cost: the expected cost given the true probabilities, so that only the models' noise counts; mean and 95 % interval over data
sets.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings

import numpy as np
from scipy.stats import t

import boost_imbalance as bi

FIRST = "cross-entropy, predict(X, cost=cost)"
PRICE = 10.0
ROUNDS = 300
TEST_ROWS = 50_000
SETTINGS = {"n_estimators": ROUNDS, "learning_rate": 0.05, "max_depth": 4, "n_jobs": 1}


def frauds(n, rng):
    """Features, true probabilities (2 % on average) and amounts."""
    X = rng.normal(size=(n, 8))
    amount = PRICE + np.exp(3.5 + 1.2 * X[:, 0])
    slope = 1.0 * X[:, 1] + 0.8 * X[:, 2] * X[:, 3] + 0.6 * np.abs(X[:, 4]) + 0.5 * X[:, 0]
    return np.column_stack([X, amount]), 1.0 / (1.0 + np.exp(5.9 - slope)), amount


def classifier(library, **params):
    """One that stops early, and how to give its ``fit`` held-out rows with weights."""
    if library == "xgboost":
        model = bi.ImbalancedXGBClassifier(**SETTINGS, early_stopping_rounds=20, **params)
        return model, "sample_weight_eval_set", {"verbose": False}
    import lightgbm

    model = bi.ImbalancedLGBMClassifier(**SETTINGS, verbosity=-1, num_leaves=15, **params)
    return model, "eval_sample_weight", {"callbacks": [lightgbm.early_stopping(20, verbose=False)]}


def trained(library, loss, rows, held_out, weights, at_zero=False):
    """A model of this loss; ``weights`` are those of both parts, and ``at_zero`` it begins at margin 0."""
    start = {"base_score": 0.5} if library == "xgboost" else {"boost_from_average": False}
    metric = {"eval_metric": loss.metric}
    own, other = (metric, {}) if library == "xgboost" else ({}, metric)
    model, name, options = classifier(library, loss=loss, **(start if at_zero else {}), **own)
    if weights is not None:
        options |= {"sample_weight": weights[0], name: [weights[1]]}
    return model.fit(*rows, eval_set=[held_out], **other, **options)


def decisions(library, rows, held_out, amounts, X, cost):
    """What each way of training and deciding decides on new rows."""
    cross_entropy, absolute = bi.weighted_objective(None), bi.generalized_cross_entropy_objective(q=1.0)
    stakes = [bi.cost_weights(y, costs_of(a)) for (_, y), a in zip((rows, held_out), amounts, strict=True)]
    weights = [stake / stakes[0].mean() for stake in stakes]
    plain = trained(library, cross_entropy, rows, held_out, None)
    weighted = trained(library, cross_entropy, rows, held_out, weights)
    of_cost = trained(library, absolute, rows, held_out, weights, at_zero=True)
    theirs = of_empulse(rows, amounts[0], plain.best_iteration + 1, X, cost) if library == "xgboost" else {}
    return {
        FIRST: plain.predict(X, cost=cost),
        **theirs,
        "cross-entropy, predict(X)": plain.predict(X),
        "cross-entropy, decision='balanced'": plain.set_params(decision="balanced").predict(X),
        "weighted by stakes, predict(X)": weighted.predict(X),
        "weighted by stakes, predict(X, cost=cost)": weighted.predict(X, cost=cost),
        "expected cost, margin above 0": (of_cost.decision_function(X) > 0).astype(int),
    }, plain.predict_proba(X)[:, 1]


def of_empulse(rows, amount, rounds, X, cost):
    """What models of empulse decide, if there are any."""
    if importlib.util.find_spec("empulse") is None:
        return {}
    from empulse.models import CSBoostClassifier, CSThresholdClassifier
    from xgboost import XGBClassifier

    def costs(amount):
        return {"tp_cost": PRICE, "fp_cost": PRICE, "fn_cost": amount, "tn_cost": 0.0}

    found = {}
    for calibrator in (None, "sigmoid", "isotonic"):
        model = CSThresholdClassifier(XGBClassifier(**{**SETTINGS, "n_estimators": rounds}), calibrator=calibrator)
        found[f"empulse, threshold, calibrator={calibrator}"] = model.fit(*rows).predict(X, **costs(cost[:, 1, 0]))
    for many in (30, 100, 300):
        model = CSBoostClassifier(XGBClassifier(**{**SETTINGS, "n_estimators": many}))
        found[f"empulse, boosting, {many} rounds"] = model.fit(*rows, **costs(amount)).predict(X)
    return found


def costs_of(amount):
    """The costs of these rows."""
    return bi.cost_matrix(fn=amount, fp=PRICE, tp=PRICE)


def one_data_set(library, n, seed):
    """What each rule costs above the best decision, in percent."""
    rng = np.random.default_rng(seed)
    parts = [frauds(size, rng) for size in (n, n // 4, TEST_ROWS)]
    (X, p, a), (X_held, p_held, a_held), (X_new, p_new, a_new) = parts
    y, y_held = ((rng.random(len(q)) < q).astype(int) for q in (p, p_held))
    decided, probability = decisions(library, (X, y), (X_held, y_held), (a, a_held), X_new, costs_of(a_new))
    thresholds = [probability > cut for cut in np.quantile(probability, np.linspace(0.5, 1.0, 201))]
    decided["one threshold, the best known afterwards"] = min(thresholds, key=lambda one: paid(one, p_new, a_new))
    decided["no alarm"] = np.zeros(TEST_ROWS, bool)
    boosted = {rule: decided.pop(rule) for rule in list(decided) if rule.startswith("empulse, boosting")}
    if boosted:
        decided["empulse, boosting, best rounds"] = min(boosted.values(), key=lambda one: paid(one, p_new, a_new))
    of_best = np.minimum(PRICE, p_new * a_new).mean()
    return {rule: 100.0 * (paid(one, p_new, a_new) / of_best - 1.0) for rule, one in decided.items()}


def paid(decided, p, amount):
    """The expected cost of decisions, given the true probabilities."""
    return np.where(decided, PRICE, p * amount).mean()


def interval(values):
    """Mean and half a 95 % interval."""
    return np.mean(values), t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))


def main(sets=20, n=20_000):
    """Print a table for each library."""
    warnings.simplefilter("ignore", UserWarning)
    for library in ("xgboost", "lightgbm"):
        found = [one_data_set(library, n, seed) for seed in range(sets)]
        print(f"\n{library}, {sets} data sets of {n} training rows: cost above the best decision, in percent")
        for rule in found[0]:
            values = [one[rule] for one in found]
            mean, half = interval(values)
            beyond, half_beyond = interval(np.subtract(values, [one[FIRST] for one in found]))
            print(f"{rule:<42} {mean:7.2f} ± {half:5.2f}   against the first {beyond:+7.2f} ± {half_beyond:5.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
