"""Losses, and what a file of each should hold."""

import numpy as np

import boost_imbalance as bi

TASKS = ["binary", "multiclass", "multilabel"]
ROWS = 260

EXPLICIT = {"binary": [1.0, 4.0], "multiclass": [1.0, 2.0, 5.0], "multilabel": [[1.0, 2.0], [3.0, 1.0], [0.5, 4.0]]}

# Those that a constant calibrates, and those that no constant does.
CONSTANT = {
    "plain": lambda task: bi.weighted_objective(weights=None),
    "balanced": lambda task: bi.weighted_objective("balanced"),
    "explicit": lambda task: bi.weighted_objective(EXPLICIT[task]),
    "logit_adjusted": lambda task: bi.logit_adjusted_objective(tau=0.7),
    "class_balanced": lambda task: bi.class_balanced_objective(beta=0.99),
    "adjusted_and_weighted": lambda task: bi.logit_adjusted_objective(tau=0.5, weights=EXPLICIT[task]),
}
OTHER = {
    "focal": lambda task: bi.focal_objective(gamma=2.0),
    "asymmetric": lambda task: bi.asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.05),
    "class_balanced_focal": lambda task: bi.class_balanced_objective(beta=0.99, gamma=1.0),
}
LOSSES = {**CONSTANT, **OTHER}


def positive(task, probability):
    """The library's own shape: a binary task has the second column alone."""
    return probability[:, 1] if task == "binary" else probability


def shift_by_hand(name, task, y):
    """What makes the plain link calibrated, from the class counts and math alone; of a softmax, centred."""
    if task == "multiclass":
        n = np.bincount(y.astype(int), minlength=3)[:, None].astype(float)
        explicit = np.asarray(EXPLICIT[task])[:, None]
    else:
        y = y.reshape(len(y), -1)
        n = np.stack([(1 - y).sum(axis=0), y.sum(axis=0)])
        explicit = np.asarray(EXPLICIT[task]).reshape(-1, 2).T
    weights = {
        "balanced": 1.0 / n,
        "explicit": explicit,
        "class_balanced": (1 - 0.99) / (1 - 0.99**n),
        "adjusted_and_weighted": explicit,
    }.get(name, np.ones_like(n))
    tau = {"logit_adjusted": 0.7, "adjusted_and_weighted": 0.5}.get(name, 0.0)
    undone = tau * np.log(n / n.sum(axis=0)) - np.log(weights)
    return (undone - undone.mean(axis=0))[:, 0] if task == "multiclass" else undone[1] - undone[0]


def variants(kit, task, data):
    """Constructor and fit arguments beyond the loss, by name."""
    valid = data(task, 120, seed=1)
    stop = {"learning_rate": 0.9, "n_estimators": 60}
    if kit.name == "lightgbm":
        watched = {"eval_set": [(valid.X, valid.y)], "callbacks": [kit.library.early_stopping(3, verbose=False)]}
        yield "dart", {"boosting_type": "dart", "n_estimators": 20, "drop_rate": 0.5}, {}
        yield "stopped", stop, watched
        return
    watched = {"eval_set": [(valid.X, valid.y)], "verbose": False}
    yield "dart", {"booster": "dart", "n_estimators": 20, "rate_drop": 0.5}, {}
    yield "stopped", {**stop, "early_stopping_rounds": 3}, watched
    if task != "binary":
        yield "vector_leaf", {"multi_strategy": "multi_output_tree"}, {}
        vector = {"multi_strategy": "multi_output_tree", "early_stopping_rounds": 3}
        yield "vector_leaf_stopped", {**stop, **vector}, watched


def assert_same_classifier(loaded, model, X, tolerance):
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=0, atol=tolerance)
    raw = model.predict_proba(X, calibrated=False)
    np.testing.assert_allclose(loaded.predict_proba(X, calibrated=False), raw, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X), strict=True)
    np.testing.assert_array_equal(loaded.classes_, model.classes_, strict=True)
    assert (loaded.n_classes_, loaded.n_features_in_) == (model.n_classes_, model.n_features_in_)
    np.testing.assert_allclose(loaded.class_prior_, model.class_prior_, rtol=1e-12)
    np.testing.assert_allclose(loaded.thresholds_, model.thresholds_, rtol=1e-12)
    assert repr(loaded.loss_) == repr(model.loss_)
    margin = np.random.default_rng(0).normal(size=(20, len(model.class_prior_)), scale=3.0).squeeze()
    np.testing.assert_allclose(loaded.loss_.probability(margin), model.loss_.probability(margin), rtol=1e-12)
