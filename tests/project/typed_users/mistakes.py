"""Calls that a type checker has to refuse, each in a line of its own."""

from __future__ import annotations

from boost_imbalance import (
    ImbalancedLGBMClassifier,
    ImbalancedXGBClassifier,
    Loss,
    compare,
    cost_matrix,
    focal_objective,
    metrics,
    parameter,
    plots,
    warm_up,
    weighted_objective,
)


class Own(Loss):
    """A loss."""

    epsilon: float = parameter(1.0, low=-1.0)


X, y = [[0.0], [1.0]], [0, 1]

focal_objective(hessian="exat")  # wrong
focal_objective(gamma="2")  # wrong
focal_objective(gama=2.0)  # wrong
focal_objective(2.0, 0.25, "balanced")  # wrong
focal_objective(device="gpu")  # wrong
focal_objective(scale="atuo")  # wrong
weighted_objective("balance")  # wrong
weighted_objective(3.0, 1.0)  # wrong
focal_objective().gamma = 3.0  # wrong
Own(epsilon="1")  # wrong
Own(eps=1.0)  # wrong
focal_objective().loss("margin", [0, 1])  # wrong
focal_objective().probability(None)  # wrong
focal_objective().loss([0.0, 3.0])  # wrong
ImbalancedXGBClassifier(loss="focal")  # wrong
ImbalancedXGBClassifier(decision="f2")  # wrong
ImbalancedXGBClassifier(decision={"recal": 0.9})  # wrong
ImbalancedXGBClassifier(decision={"threshold": 0.9, "confidence": 0.9})  # wrong
ImbalancedLGBMClassifier(loss=focal_objective)  # wrong
ImbalancedLGBMClassifier().fit(X, "y")  # wrong
ImbalancedXGBClassifier().fit(X)  # wrong
ImbalancedXGBClassifier().predict(X, cost="cost")  # wrong
metrics.f1("micro")  # wrong
metrics.log_loss(objective="focal")  # wrong
cost_matrix(fn="1", fp=1.0)  # wrong
compare(X, y, losses=["focle"])  # wrong
compare(X, y, baselines=["smote"])  # wrong
compare(X, y, library="catboost")  # wrong
compare(X, y, tune_for="accuracy")  # wrong
warm_up("focal")  # wrong
warm_up(tasks=["multiclass"])  # wrong
plots.plot_loss(focal_objective(), "curvature")  # wrong
