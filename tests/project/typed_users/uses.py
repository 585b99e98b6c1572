"""What a user writes, as a type checker reads it; nothing here is run."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import xgboost
from typing_extensions import assert_type

import boost_imbalance as bi
from boost_imbalance import (
    ImbalancedLGBMClassifier,
    ImbalancedXGBClassifier,
    Loss,
    asymmetric_objective,
    class_balanced_objective,
    compare,
    cost_matrix,
    focal_objective,
    log_sigmoid,
    logit_adjusted_objective,
    metrics,
    parameter,
    per_class,
    plots,
    sigmoid,
    vector_scaling_objective,
    warm_up,
    weighted_objective,
    where,
)
from boost_imbalance.types import ArrayLike, Classifier, DecisionLike, Expression, FloatArray, Hessian

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def native_xgboost(X: Float64, y: npt.NDArray[np.int64]) -> FloatArray:
    objective = focal_objective(gamma=2)
    assert_type(objective.xgboost_params(y), dict[str, Any])
    data = xgboost.DMatrix(X, y)
    booster = xgboost.train(
        {**objective.xgboost_params(y), "max_depth": 4}, data, 100, obj=objective, custom_metric=objective.metric
    )
    xgboost.cv(objective.xgboost_params(y), data, 10, obj=objective, custom_metric=metrics.average_precision())
    assert_type(objective.predict_probability(booster, X), FloatArray)
    assert_type(objective.predict_probability(booster, data), FloatArray)
    return objective.probability(booster.predict(data, output_margin=True))


def native_lightgbm(X: Float64, y: npt.NDArray[np.int64]) -> FloatArray:
    objective = weighted_objective("balanced", hessian="exact")
    start = objective.lightgbm_start(X, y)
    assert_type(start, lightgbm.Booster)
    params = {**objective.lightgbm_params(y), "num_leaves": 15, "verbosity": -1}
    booster = lightgbm.train(
        params, lightgbm.Dataset(X, y), 100, init_model=start, feval=[objective.metric, metrics.log_loss(objective)]
    )
    several = bi.multilabel_dataset(X, np.column_stack([y, 1 - y]), free_raw_data=False)
    assert_type(several, lightgbm.Dataset)
    assert_type(objective.lightgbm_model(booster), lightgbm.Booster)
    assert_type(objective.probability(booster.predict(X, raw_score=True)), FloatArray)
    return objective.predict_probability(booster, X)


def libraries_classes(X: Float64, y: npt.NDArray[np.int64]) -> None:
    objective = focal_objective(gamma=2.0)
    theirs = xgboost.XGBClassifier(objective=objective, eval_metric=metrics.f1("binary")).fit(X, y)
    objective.predict_probability(theirs, X)
    model = lightgbm.LGBMClassifier(objective=objective, verbosity=-1)
    model.fit(X, y, init_model=objective.lightgbm_start(X, y), eval_metric=metrics.recall_at(100))
    objective.predict_probability(model, X)


def classifiers(X: Float64, y: npt.NDArray[np.int64], frame: Any) -> None:
    model = ImbalancedXGBClassifier(loss=focal_objective(gamma=2.0), decision="f1", n_estimators=100)
    assert_type(model.fit(X, y), ImbalancedXGBClassifier)
    assert_type(model.predict_proba(X), FloatArray)
    assert_type(model.decision_function(X), FloatArray)
    assert_type(model.score(X, y, cost=cost_matrix(fn=500.0, fp=10.0)), float)
    assert_type(model.set_params(loss__gamma=1.0), ImbalancedXGBClassifier)
    assert_type(model.get_params(), dict[str, Any])
    assert_type(model.loss_, Loss)
    assert_type(model.thresholds_, npt.NDArray[Any] | None)
    assert_type(model.predict(X, cost=cost_matrix(fn=y * 3.0, fp=10.0)), npt.NDArray[Any])
    assert_type(model.tune_decision(X, y), ImbalancedXGBClassifier)
    model.save_model("model.json")
    model.to_onnx("model.onnx")
    rules: list[DecisionLike] = [
        "posterior", {"recall": 0.8}, {"precision": 0.5, "confidence": 0.9}, {"threshold": [0.1, 0.2, 0.7]},
        {"cost": [[0.0, 1.0], [50.0, 0.0]]}, {"top": 100}, {"alarms": 0.02}, {"false_positive_rate": 0.01},
    ]  # fmt: skip
    for rule in rules:
        several = ImbalancedLGBMClassifier(
            loss=asymmetric_objective(), decision=rule, n_estimators=20, prevalence={"usual": 0.9, "rare": 0.1}, verbosity=-1
        )
        assert_type(several.fit(frame, ["usual", "rare", None], eval_set=[(X, y)]), ImbalancedLGBMClassifier)
        assert_type(several.predict_proba(X), npt.NDArray[Any])
        assert_type(several.objective_, Loss)


def functions_of_arrays(margin: Float64, label: list[int]) -> None:
    objective = focal_objective(gamma=[1.0, 2.0], alpha=0.25)
    assert_type(objective.loss([0.0, 3.0], [0, 1]), FloatArray)
    assert_type(objective.gradient_hessian(margin, label, np.ones(2)), tuple[FloatArray, FloatArray])
    assert_type(objective.mean_loss([[0.0, 1.0]], [[0, 1]]), float)
    assert_type(objective.start([0] * 995 + [1] * 5), float | FloatArray)
    assert_type(objective.fit([0, 1], sample_weight=[3, 1]), focal_objective)
    assert_type(objective.replace(gamma=1.0), focal_objective)
    assert_type(objective.bind([0, 1])(margin), tuple[Float32, Float32])
    assert_type(objective(margin, xgboost.DMatrix(margin)), tuple[Float32, Float32])
    assert_type(objective.parameters, dict[str, Any])
    assert_type(objective.hessian, Hessian | None)
    assert_type(bi.effective_number([90, 10], 0.99), Float64)


def metrics_by_hand(margin: Float64, label: Float64, data: xgboost.DMatrix, other: lightgbm.Dataset) -> None:
    metric = metrics.f1("macro", threshold=0.3, objective=focal_objective())
    assert_type(metric(margin, data), tuple[str, float])
    assert_type(metric(margin, other), tuple[str, float, bool])
    assert_type(float(metric(label, margin)), float)
    assert_type(metric.value(margin, label), float)
    assert_type(metrics.cost([[0, 1], [50, 0]]).of(focal_objective()).value(margin, label), float)


class Poly1(Loss):
    """-log p + epsilon (1 - p)."""

    epsilon: float = parameter(1.0, low=-1.0)
    shift = per_class(low=0.0)

    def positive(self, t: Expression) -> Expression:
        return -log_sigmoid(t - self.shift) + self.epsilon * sigmoid(-t)

    def negative(self, t: Expression) -> Expression:
        return where(sigmoid(-t) > 0.05, self.positive(t), 0.0)


def own_loss(X: Float64, y: Float64) -> None:
    loss = Poly1(epsilon=2.0, weights={0: 1.0, 1: 5.0}, hessian="safeguarded", device="cpu", n_threads=2)
    assert_type(loss.epsilon, float)
    assert_type(loss.fit(y), Poly1)
    assert_type(sigmoid(0.5), np.float64)
    assert_type(sigmoid(X), Float64)
    ImbalancedXGBClassifier(loss=loss).fit(X, y)
    class_balanced_objective(0.99, [0.0, 1.0])
    vector_scaling_objective(gamma=0.2, tau=0.5)
    logit_adjusted_objective(priors=[0.1, 0.9], gamma=1.0)


def decisions(probability: Float64, y: Float64) -> None:
    cost = cost_matrix(fn=[120.0, 980.0], fp=10.0)
    assert_type(cost, Float64)
    assert_type(bi.decide_by_cost(probability, cost), npt.NDArray[np.int64])
    assert_type(bi.mean_cost(y, [0, 1], cost=cost), float)
    assert_type(bi.savings_score(["a", "b"], ["a", "a"], cost=cost, labels=["a", "b"]), float)
    assert_type(bi.cost_weights([0, 1], cost), Float64)


def comparison(X: Float64, y: Float64) -> None:
    found = compare(X, y, losses=["focal", focal_objective(gamma=1.0)], baselines=["tuned threshold"], goal="recall=0.9")
    assert_type(found, bi.Comparison)
    assert_type(found.deployment(), str)
    assert_type(found.difference("focal", "average_precision").mean, float)
    assert_type(found.for_goal({"recall": 0.9}), bi.Comparison)
    model = found.estimator()
    assert_type(model, Classifier)
    assert_type(model.fit(X, y).predict(X), npt.NDArray[Any])
    for library in found.libraries:
        assert_type(found.code(library=library), str)
    compare(X, y, losses={"mine": Poly1()}, library="both", output="folder")


def pictures(X: Float64, y: Float64, probability: Float64) -> None:
    import matplotlib.axes

    assert_type(plots.plot_loss([focal_objective(), Poly1()], "gradient"), matplotlib.axes.Axes)
    assert_type(plots.plot_reliability(y, probability), matplotlib.axes.Axes)
    assert_type(plots.plot_precision_recall(y, {"focal": probability}), matplotlib.axes.Axes)
    assert_type(plots.plot_confusion_matrix(y, y), matplotlib.axes.Axes)
    plots.plot_curvature(focal_objective(), hessian=["exact", "expected"])
    plots.plot_decision_regions(ImbalancedXGBClassifier().fit(X, y), X, y)
    plots.plot_class_weights([90, 10])


def warmed() -> int:
    report = warm_up(focal_objective(gamma=2.0), tasks=["binary"], libraries=["xgboost"], verbose=False)
    return report.compiled + report.found


def shipped(booster: xgboost.Booster) -> bytes:
    return bytes(bi.to_onnx(booster, focal_objective()).SerializeToString())


def focal_probability(margin: ArrayLike, gamma: float = 2.0) -> FloatArray:
    return focal_objective(gamma=gamma).probability(margin)
