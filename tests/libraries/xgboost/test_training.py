"""XGBoost's native interface trains every loss from the loss's own start."""

import json

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.common import Recorder, over_losses
from tests.libraries.xgboost.common import BUILT_IN, Rounds, log_loss, predict, softmax, train

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")


METRICS = [
    bi.metrics.average_precision(),
    bi.metrics.balanced_accuracy(),
    bi.metrics.f1(),
    bi.metrics.f1(1),
    bi.metrics.matthews_correlation(),
    bi.metrics.geometric_mean(),
]


@pytest.mark.parametrize(
    ("options", "weighted"),
    [
        ({}, False),
        ({}, True),  # what a library does with a gradient does not depend on the weights in it
        ({"tree_method": "exact"}, True),
        ({"tree_method": "approx"}, False),
        ({"subsample": 0.5, "colsample_bytree": 0.5, "seed": 3}, False),
        ({"booster": "dart", "rate_drop": 0.3}, False),
        ({"booster": "gblinear", "updater": "coord_descent"}, True),
        ({"grow_policy": "lossguide", "max_leaves": 8}, False),
        ({"multi_strategy": "multi_output_tree"}, True),
        ({"num_parallel_tree": 3, "subsample": 0.5}, False),
        ({"max_delta_step": 0.5}, False),
    ],
    ids=str,
)
def test_no_focusing_is_the_built_in_objective(any_data, options, weighted):
    objective = bi.focal_objective(gamma=0.0, hessian="exact")
    weight = any_data.weight if weighted else None
    own = train(objective, any_data, options, weight=weight)
    built_in = xgb.train({**BUILT_IN[any_data.task], **options}, xgb.DMatrix(any_data.X, any_data.y, weight=weight), 15)
    np.testing.assert_allclose(predict(own, any_data), predict(built_in, any_data), rtol=0, atol=1e-6)


def test_class_weights_are_those_of_the_library(any_data):
    weights = [1.0, 4.0, 9.0] if any_data.task == "multiclass" else 7.0
    objective = bi.weighted_objective(weights, scale=1.0, hessian="exact")
    exact = {"tree_method": "exact"}  # sample weights also move the bins of a histogram
    own = train(objective, any_data, exact)
    params = {**BUILT_IN[any_data.task], **exact, "base_score": objective.xgboost_params(any_data.y)["base_score"]}
    if any_data.task == "multiclass":
        matrix = xgb.DMatrix(any_data.X, any_data.y, weight=np.take(weights, any_data.y.astype(int)))
    else:
        matrix, params["scale_pos_weight"] = xgb.DMatrix(any_data.X, any_data.y), weights
    theirs = predict(xgb.train(params, matrix, 15), any_data, output_margin=True)
    np.testing.assert_allclose(predict(own, any_data, output_margin=True), theirs, rtol=0, atol=2e-5)


def test_first_margin_is_the_start(any_data, any_constructor):
    objective = any_constructor()
    recorder = Recorder(objective)
    params = objective.xgboost_params(any_data.y, any_data.weight)
    xgb.train(params, xgb.DMatrix(any_data.X, any_data.y, weight=any_data.weight), 1, obj=recorder)
    first = recorder.margins[0]
    assert first.shape == ((len(any_data.y),) if any_data.task == "binary" else (len(any_data.y), 3))
    assert (first == first[0]).all()
    start = objective.start(any_data.y, any_data.weight)
    if any_data.task == "multiclass":  # a softmax does not see a constant added to all
        np.testing.assert_allclose(softmax(first[:1])[0], softmax(start[None])[0], rtol=1e-5)
    else:
        np.testing.assert_allclose(first[0], start, rtol=1e-5, atol=1e-6)


def test_base_score_is_in_a_format_that_xgboost_reads(any_data, any_constructor):
    params = any_constructor().xgboost_params(any_data.y)
    score = params["base_score"]
    assert all(type(value) is float for value in (score if isinstance(score, list) else [score]))
    assert isinstance(score, list) == (any_data.task != "binary")
    assert json.loads(json.dumps(params)) == params


def test_params_of_a_label_that_lacks_the_highest_class(make_data):
    data = make_data("multiclass")
    objective = bi.focal_objective()
    params = objective.xgboost_params(np.minimum(data.y, 1), n_classes=3)
    assert params["num_class"] == len(params["base_score"]) == 3
    booster = xgb.train(params, xgb.DMatrix(data.X, np.minimum(data.y, 1)), 3, obj=objective)
    assert predict(booster, data)[:, 2].max() < 1e-3


def test_a_label_that_never_occurs_trains(make_data):
    data = make_data("multilabel")
    data.y[:, 1] = 0.0
    objective = bi.focal_objective()
    assert predict(train(objective, data), data)[:, 1].max() < 1e-2


def test_trains_and_predicts_probabilities(any_data, any_constructor):
    objective = any_constructor()
    booster = train(objective, any_data, rounds=20)
    probability = predict(booster, any_data)
    assert probability.shape == any_data.posterior.shape
    assert np.isfinite(probability).all()
    assert 0.0 <= probability.min() < probability.max() <= 1.0
    calibrated = objective.probability(predict(booster, any_data, output_margin=True))
    constant = np.broadcast_to(
        np.bincount(any_data.y.astype(int)) / len(any_data.y) if any_data.task == "multiclass" else any_data.y.mean(axis=0),
        any_data.posterior.shape,
    )
    assert log_loss(calibrated, any_data.y) < 0.9 * log_loss(constant, any_data.y)


def test_sample_weights_are_repeated_rows(any_data, any_constructor):
    # Exact trees, because weights move the bins of the others; noise in the base margin, because equal gradients tie splits.
    objective = any_constructor()
    times = np.ceil(any_data.weight).astype(int)
    params = {**objective.xgboost_params(any_data.y, times), "tree_method": "exact", "eta": 0.1}
    noise = 0.3 * np.random.default_rng(1).normal(size=any_data.posterior.shape)
    start = objective.start(any_data.y, times) + noise
    weighted = xgb.DMatrix(any_data.X, any_data.y, weight=times, base_margin=start)
    X, y, repeated_start = (np.repeat(part, times, axis=0) for part in (any_data.X, any_data.y, start))
    repeated = xgb.DMatrix(X, y, base_margin=repeated_start)
    first = xgb.train(params, weighted, 8, obj=objective)
    second = xgb.train(params, repeated, 8, obj=any_constructor())
    np.testing.assert_allclose(first.predict(weighted), second.predict(weighted), rtol=0, atol=1e-5)


def test_weights_of_the_dmatrix_multiply_gradient_and_hessian(any_data):
    objective = bi.focal_objective(scale=1.0)
    weighted, plain = Recorder(objective), Recorder(objective)
    params = objective.xgboost_params(any_data.y)
    xgb.train(params, xgb.DMatrix(any_data.X, any_data.y, weight=any_data.weight), 1, obj=weighted)
    xgb.train(params, xgb.DMatrix(any_data.X, any_data.y), 1, obj=plain)
    weight = any_data.weight.reshape(-1, *[1] * (any_data.posterior.ndim - 1))
    for with_weight, without in zip(weighted.answers[0], plain.answers[0], strict=True):
        np.testing.assert_allclose(with_weight, weight * without, rtol=1e-5)


def test_scale_does_not_change_the_trees_but_what_regularises_them(make_data):
    data = make_data("binary")
    free = {"lambda": 0.0, "min_child_weight": 0.0, "max_depth": 2}
    one = train(bi.focal_objective(scale=1.0), data, free, rounds=5)
    many = train(bi.focal_objective(scale=8.0), data, free, rounds=5)
    np.testing.assert_allclose(predict(one, data), predict(many, data), rtol=0, atol=1e-6)


@pytest.mark.parametrize("of_the_loss", [True, False])
def test_early_stopping_keeps_the_best_round(any_data, make_data, of_the_loss):
    objective = bi.focal_objective(gamma=1.0)
    metric = objective.metric if of_the_loss else bi.metrics.average_precision()
    held_out = make_data(any_data.task, seed=1)
    history = {}
    valid = xgb.DMatrix(held_out.X, held_out.y)
    booster = train(
        objective, any_data, {"eta": 0.3}, 200, evals=[(valid, "valid")], custom_metric=metric, evals_result=history,
        early_stopping_rounds=15, verbose_eval=False,
    )  # fmt: skip
    values = np.array(history["valid"][metric.__name__])
    assert list(history["valid"]) == [metric.__name__]
    assert len(values) < 200
    assert booster.best_iteration == (values.argmin() if of_the_loss else values.argmax())
    assert 0 < booster.best_iteration == len(values) - 1 - 15
    margin = booster.predict(valid, output_margin=True, iteration_range=(0, booster.best_iteration + 1))
    assert metric.value(margin, held_out.y) == pytest.approx(booster.best_score, abs=1e-6)


def test_metric_values_are_those_of_the_margins_and_weights(any_data):
    objective = bi.focal_objective()
    metrics = [*METRICS, bi.metrics.log_loss(objective), objective.metric, bi.metrics.f1(0, objective=objective)]
    for metric in metrics:
        assert not set(metric.__name__) & set(": \t\n")
        assert metric.__name__.startswith("pre") == metric.greater_is_better
    valid = xgb.DMatrix(any_data.X, any_data.y, weight=any_data.weight)
    history = {}
    booster = train(
        objective, any_data, rounds=5, evals=[(valid, "valid")], evals_result=history, verbose_eval=False,
        custom_metric=lambda margin, data: [metric(margin, data) for metric in metrics],
    )  # fmt: skip
    margin = predict(booster, any_data, output_margin=True)
    for metric in metrics:
        expected = metric.value(margin, any_data.y, any_data.weight)
        assert history["valid"][metric.__name__][-1] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("stratified", [False, True])
def test_cv_equals_the_built_in(make_data, stratified):
    data = make_data("multiclass")
    matrix = xgb.DMatrix(data.X, data.y, weight=data.weight)
    objective = bi.focal_objective(gamma=0.0, hessian="exact")
    params = objective.xgboost_params(data.y)
    options = {"nfold": 3, "stratified": stratified, "metrics": ["mlogloss"], "seed": 4, "as_pandas": False}
    own = xgb.cv(params, matrix, 10, obj=objective, **options)
    built_in = xgb.cv({**BUILT_IN["multiclass"], "base_score": params["base_score"]}, matrix, 10, **options)
    assert own.keys() == built_in.keys()
    for name in own:
        np.testing.assert_allclose(own[name], built_in[name], rtol=0, atol=2e-6)


def test_cv_stops_early_at_the_best_round(make_data):
    data = make_data("binary")
    objective = bi.class_balanced_objective(beta=0.99)
    result = xgb.cv(
        objective.xgboost_params(data.y), xgb.DMatrix(data.X, data.y), 200, nfold=3, stratified=True, obj=objective,
        custom_metric=bi.metrics.average_precision(), early_stopping_rounds=10, as_pandas=False,
    )  # fmt: skip
    values = result["test-pre_average_precision-mean"]
    assert 1 < len(values) < 200
    assert np.argmax(values) == len(values) - 1


def test_saved_models_need_no_package(make_data, tmp_path, fresh_python):
    expected = {}
    for task in BUILT_IN:
        data = make_data(task, n=300)
        np.save(tmp_path / f"{task}.npy", data.X)
        for strategy in ("one_output_per_tree", "multi_output_tree"):
            booster = train(bi.focal_objective(), data, {"multi_strategy": strategy, "tree_method": "hist"}, rounds=5)
            for format_ in ("json", "ubj"):
                booster.save_model(tmp_path / f"{task}-{strategy}.{format_}")
                expected[f"{task}-{strategy}.{format_}"] = predict(booster, data)
    code = """
import pathlib, sys, numpy, xgboost
for path in pathlib.Path(sys.argv[1]).iterdir():
    if path.suffix != ".npy":
        X = xgboost.DMatrix(numpy.load(path.parent / (path.name.partition("-")[0] + ".npy")))
        numpy.save(path.with_name(path.name + ".predicted"), xgboost.Booster(model_file=path).predict(X))
assert not [name for name in sys.modules if name.startswith("boost_imbalance")]
"""
    fresh_python(code, tmp_path)
    for name, probability in expected.items():
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.predicted.npy"), probability)


def test_continued_training_is_one_long_training(any_data):
    objective = bi.focal_objective()
    half = train(objective, any_data, rounds=6)
    continued = train(objective, any_data, rounds=6, xgb_model=half)
    assert continued.num_boosted_rounds() == 12
    np.testing.assert_allclose(
        predict(continued, any_data), predict(train(objective, any_data, rounds=12), any_data), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("from_file", [False, True])
def test_continued_adaptive_training_keeps_its_class_weights(any_data, tmp_path, from_file):
    rate = 0.2
    recorder, whole = Recorder(bi.adaptive_objective(rate)), Recorder(bi.adaptive_objective(rate))
    matrix = xgb.DMatrix(any_data.X, any_data.y)
    params = recorder.objective.xgboost_params(any_data.y)
    xgb.train(params, matrix, 8, obj=whole)
    half = xgb.train(params, matrix, 4, obj=bi.adaptive_objective(rate))
    if from_file:
        half.save_model(tmp_path / "half.json")
        half = tmp_path / "half.json"
    xgb.train(params, matrix, 4, obj=recorder, xgb_model=half)
    for (gradient, hessian), (expected, curvature) in zip(recorder.answers, whole.answers[4:], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(hessian, curvature, rtol=1e-4, atol=1e-6)
    other = train(bi.focal_objective(), any_data, rounds=4)
    anew = Recorder(bi.adaptive_objective(rate))
    xgb.train(params, matrix, 1, obj=anew, xgb_model=other)  # a model of another loss has no such weights
    expected = bi.adaptive_objective(rate).bind(any_data.y, n_classes=3 if any_data.task == "multiclass" else None)
    np.testing.assert_allclose(anew.answers[0][0], expected(anew.margins[0])[0], rtol=1e-5, atol=1e-7)


def test_base_margin_is_what_the_loss_begins_with(any_data):
    objective = bi.focal_objective()
    params = objective.xgboost_params(any_data.y)
    margin = np.random.default_rng(0).normal(size=any_data.posterior.shape).astype(np.float32)
    recorder = Recorder(objective)
    xgb.train(params, xgb.DMatrix(any_data.X, any_data.y, base_margin=margin), 1, obj=recorder)
    np.testing.assert_array_equal(recorder.margins[0], margin)


def test_quantile_dmatrix_is_a_dmatrix(any_data):
    objective = bi.focal_objective()
    params = {**objective.xgboost_params(any_data.y, any_data.weight), "tree_method": "hist"}
    quantile = xgb.QuantileDMatrix(any_data.X, any_data.y, weight=any_data.weight)
    booster = xgb.train(params, quantile, 15, obj=objective)
    plain = train(objective, any_data, {"tree_method": "hist"}, weight=any_data.weight)
    np.testing.assert_allclose(predict(booster, any_data), predict(plain, any_data), rtol=0, atol=1e-6)


def test_a_class_beyond_num_class_stops_before_the_first_tree(make_data, any_constructor):
    data = make_data("multiclass")
    rounds = Rounds()
    with pytest.raises(ValueError, match=r"label is 3.0 in row"):
        xgb.train(BUILT_IN["multiclass"], xgb.DMatrix(data.X, data.y + 1), 3, obj=any_constructor(), callbacks=[rounds])
    assert rounds.finished == 0


def test_missing_labels_and_margins_stop_before_the_first_tree(make_data, any_constructor):
    data = make_data("binary")
    rounds = Rounds()
    broken = np.where(np.arange(len(data.y)) == 7, np.nan, data.y)
    with pytest.raises(ValueError, match=r"(?i)label"):
        xgb.train(BUILT_IN["binary"], xgb.DMatrix(data.X, broken), 3, obj=any_constructor(), callbacks=[rounds])
    matrix = xgb.DMatrix(data.X, data.y, base_margin=broken)
    with pytest.raises(ValueError, match=r"(?i)margin is nan in row 7"):
        xgb.train(BUILT_IN["binary"], matrix, 3, obj=any_constructor(), callbacks=[rounds])
    assert rounds.finished == 0


@pytest.mark.slow
@over_losses
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_calibrated_probability_recovers_the_posterior(make_data, make, task, request):
    data, held_out = make_data(task, n=20000), make_data(task, n=20000, seed=1)
    options = {"eta": 0.2, "max_depth": 3, "min_child_weight": 20}
    objective = make()
    margin = predict(train(objective, data, options, 80), held_out, output_margin=True)
    built_in = xgb.train({**BUILT_IN[task], **options}, xgb.DMatrix(data.X, data.y), 80)
    truth = log_loss(held_out.posterior, held_out.y)
    excess = log_loss(objective.probability(margin), held_out.y) - truth
    excess_of_built_in = log_loss(predict(built_in, held_out), held_out.y) - truth
    raw = softmax(margin) if task == "multiclass" else 1.0 / (1.0 + np.exp(-margin))
    excess_of_raw = log_loss(raw, held_out.y) - truth
    assert excess < 0.02
    assert excess < 1.5 * excess_of_built_in + 0.001
    if "adaptive" not in request.node.callspec.id:
        assert excess_of_raw > 3 * excess
