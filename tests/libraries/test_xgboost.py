"""XGBoost trains every loss, through each of its interfaces, from the loss's own start."""

import json
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.libraries import xgboost

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")

BUILT_IN = {
    "binary": {"objective": "binary:logistic"},
    "multiclass": {"objective": "multi:softprob", "num_class": 3},
    "multilabel": {"objective": "binary:logistic"},
}
METRICS = [
    bi.metrics.average_precision(),
    bi.metrics.balanced_accuracy(),
    bi.metrics.f1(),
    bi.metrics.f1(1),
    bi.metrics.matthews_correlation(),
    bi.metrics.geometric_mean(),
]


@pytest.fixture(autouse=True)
def one_thread():
    with xgb.config_context(nthread=1):
        yield


class Recorder:
    """An objective that keeps what the booster showed it and what it answered."""

    def __init__(self, objective):
        self.objective, self.margins, self.answers = objective, [], []

    def __call__(self, margin, data):
        gradient, hessian = self.objective(margin, data)
        self.margins.append(margin.copy())
        self.answers.append((gradient.copy(), hessian.copy()))
        return gradient, hessian


def train(objective, data, params=None, rounds=15, weight=None, **options):
    matrix = xgb.DMatrix(data.X, data.y, weight=weight)
    params = {**objective.xgboost_params(data.y, weight), **(params or {})}
    return xgb.train(params, matrix, rounds, obj=objective, **options)


def predict(booster, data, **options):
    return booster.predict(xgb.DMatrix(data.X), **options)


def softmax(u):
    e = np.exp(u - u.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_loss(probability, y):
    p = np.clip(np.asarray(probability, dtype=np.float64), 1e-12, 1 - 1e-12)
    if y.ndim < p.ndim:
        return -np.log(p[np.arange(len(y)), y.astype(int)]).mean()
    return -np.log(np.where(y > 0, p, 1 - p)).mean()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"subsample": 0.5, "colsample_bytree": 0.5, "seed": 3},
        {"booster": "dart", "rate_drop": 0.3},
        {"booster": "gblinear", "updater": "coord_descent"},
        {"grow_policy": "lossguide", "max_leaves": 8},
        {"multi_strategy": "multi_output_tree"},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"max_delta_step": 0.5},
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


def classifier(objective, y, weight=None, **options):
    return xgb.XGBClassifier(
        n_estimators=15, n_jobs=1, **{**objective.xgboost_params(y, weight), "objective": objective, **options}
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_classifier_is_the_native_training(any_data, any_constructor, weighted):
    objective = any_constructor()
    weight = any_data.weight if weighted else None
    model = classifier(objective, any_data.y, weight).fit(any_data.X, any_data.y, sample_weight=weight)
    native = predict(train(any_constructor(), any_data, weight=weight), any_data)
    probability = model.predict_proba(any_data.X)
    if any_data.task == "binary":
        assert probability.shape == (len(any_data.y), 2)
        probability = probability[:, 1]
    np.testing.assert_allclose(probability, native, rtol=0, atol=1e-6)
    decided = native.argmax(axis=1) if any_data.task == "multiclass" else native > 0.5
    np.testing.assert_array_equal(model.predict(any_data.X), decided)


def test_classifier_survives_pickle_and_clone(any_data, any_constructor):
    from sklearn.base import clone

    objective = any_constructor()
    model = classifier(objective, any_data.y).fit(any_data.X, any_data.y)
    probability = model.predict_proba(any_data.X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(any_data.X), probability)
    margin = again.predict(any_data.X, output_margin=True)
    np.testing.assert_array_equal(again.objective.probability(margin), objective.probability(margin))
    for copy in (again, clone(model), clone(again)):
        np.testing.assert_array_equal(copy.fit(any_data.X, any_data.y).predict_proba(any_data.X), probability)


def test_classifier_stops_early_with_a_metric(make_data):
    data, held_out = make_data("binary"), make_data("binary", seed=1)
    objective = bi.focal_objective()
    for metric in (bi.metrics.average_precision(), objective.metric):
        model = classifier(objective, data.y, eval_metric=metric, early_stopping_rounds=10).set_params(n_estimators=200)
        model.fit(
            data.X, data.y, eval_set=[(held_out.X, held_out.y)], sample_weight_eval_set=[held_out.weight], verbose=False
        )
        values = np.array(model.evals_result()["validation_0"][metric.__name__])
        assert model.best_iteration == (values.argmax() if metric.greater_is_better else values.argmin())
        assert 0 < model.best_iteration == len(values) - 1 - 10
        expected = metric.value(model.predict(held_out.X, output_margin=True), held_out.y, held_out.weight)
        assert model.best_score == pytest.approx(expected, abs=1e-6)


def test_classifier_in_a_grid_over_objectives(make_data):
    from sklearn.model_selection import GridSearchCV

    data = make_data("binary", n=600)
    grid = {"objective": [bi.focal_objective(gamma=0.0), bi.focal_objective(gamma=5.0)]}
    search = GridSearchCV(xgb.XGBClassifier(n_estimators=5), grid, scoring="neg_log_loss", cv=2).fit(data.X, data.y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]


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


@pytest.mark.parametrize("name", ["weighted", "class_balanced", "logit_adjusted", "focal", "adaptive"])
def test_changed_labels_of_the_same_dmatrix_are_noticed(any_data, name):
    constructor = getattr(bi, f"{name}_objective")
    objective = constructor()
    matrix = xgb.DMatrix(any_data.X, any_data.y)
    params = {**BUILT_IN[any_data.task], "base_score": [0.1, 0.2, 0.3] if any_data.task == "multiclass" else 0.3}
    changed = any_data.y.copy()
    changed[: len(changed) // 3] = 1.0 if any_data.task != "multiclass" else 2.0
    for y in (any_data.y, changed, changed, any_data.y):
        matrix.set_label(y)
        booster = xgb.train(params, matrix, 4, obj=objective)
        fresh = xgb.train(params, xgb.DMatrix(any_data.X, y), 4, obj=constructor())
        np.testing.assert_array_equal(predict(booster, any_data), predict(fresh, any_data))


def test_changed_weights_of_the_same_dmatrix_are_noticed(make_data):
    data = make_data("binary")
    matrix = xgb.DMatrix(data.X, data.y)
    objective = bi.weighted_objective("balanced")
    params = {**BUILT_IN["binary"], "tree_method": "exact"}
    xgb.train(params, matrix, 3, obj=objective)
    weight = np.where(data.y > 0, 5.0, 1.0)
    matrix.set_weight(weight)
    booster = xgb.train(params, matrix, 3, obj=objective)
    fresh = xgb.train(params, xgb.DMatrix(data.X, data.y, weight=weight), 3, obj=bi.weighted_objective("balanced"))
    np.testing.assert_array_equal(predict(booster, data), predict(fresh, data))


def false_negative_rates(margin, data, weight):
    """Of each class, or of label 0 and 1 in each column."""
    if data.task == "multiclass":
        missed = margin.argmax(axis=1) != data.y
        return np.array([np.average(missed[data.y == k], weights=weight[data.y == k]) for k in range(3)])
    up, y = (margin > 0).reshape(len(margin), -1), data.y.reshape(len(margin), -1)
    return np.array(
        [
            [np.average(up[y[:, j] == 0, j], weights=weight[y[:, j] == 0]) for j in range(y.shape[1])],
            [np.average(~up[y[:, j] == 1, j], weights=weight[y[:, j] == 1]) for j in range(y.shape[1])],
        ]
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_adaptive_weights_follow_the_false_negative_rates(any_data, weighted):
    rate = 0.3
    recorder = Recorder(bi.adaptive_objective(rate, scale=1.0, hessian="exact"))
    weight = any_data.weight if weighted else np.ones(len(any_data.y))
    params = recorder.objective.xgboost_params(any_data.y, weight)
    xgb.train(params, xgb.DMatrix(any_data.X, any_data.y, weight=weight if weighted else None), 12, obj=recorder)
    class_weight = 1.0
    for margin, (gradient, hessian) in zip(recorder.margins, recorder.answers, strict=True):
        m = margin.astype(np.float64)
        class_weight = (1.0 - rate) * class_weight + rate * false_negative_rates(m, any_data, weight)
        if any_data.task == "multiclass":
            p = softmax(m)
            w = (weight * class_weight[any_data.y.astype(int)])[:, None]
            slope = p - np.eye(3)[any_data.y.astype(int)]
            curvature = np.abs(slope) if xgboost.takes_gradient_as_hessian() else 2.0 * p * (1.0 - p)
        else:
            p = 1.0 / (1.0 + np.exp(-m))
            of_label = np.where(any_data.y.reshape(len(m), -1) > 0, class_weight[1], class_weight[0])
            w = (weight[:, None] * of_label).reshape(m.shape)
            slope, curvature = p - any_data.y, p * (1.0 - p)
        np.testing.assert_allclose(gradient, w * slope, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(hessian, w * curvature, rtol=1e-4, atol=1e-6)
    assert np.ptp(class_weight) > 0.1


def test_adaptive_starts_over_with_each_training(any_data):
    objective = bi.adaptive_objective(0.3)
    matrix = xgb.DMatrix(any_data.X, any_data.y)
    params = objective.xgboost_params(any_data.y)
    first, second = (xgb.train(params, matrix, 6, obj=objective).predict(matrix) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_adaptive_folds_do_not_mix(any_data):
    rows = np.arange(len(any_data.y))
    folds = [(rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]
    objective = bi.adaptive_objective(0.3)
    params = {**objective.xgboost_params(any_data.y), "disable_default_eval_metric": 0}
    metric = "mlogloss" if any_data.task == "multiclass" else "logloss"
    result = xgb.cv(
        params, xgb.DMatrix(any_data.X, any_data.y), 6, folds=folds, obj=objective, metrics=[metric], as_pandas=False
    )
    alone = []
    for inside, outside in folds:
        booster = xgb.train(params, xgb.DMatrix(any_data.X[inside], any_data.y[inside]), 6, obj=bi.adaptive_objective(0.3))
        alone.append(log_loss(booster.predict(xgb.DMatrix(any_data.X[outside])), any_data.y[outside]))
    assert result[f"test-{metric}-mean"][-1] == pytest.approx(np.mean(alone), abs=2e-6)


@pytest.mark.parametrize("name", ["focal", "class_balanced", "adaptive"])
def test_one_objective_serves_several_threads(make_data, name):
    constructor = getattr(bi, f"{name}_objective")
    data = [make_data("multiclass", n=500 + 100 * (i % 2), seed=i) for i in range(8)]

    def run(i, objective, native):
        params = {**constructor().xgboost_params(data[i].y), "nthread": 1}
        if native:
            return predict(xgb.train(params, xgb.DMatrix(data[i].X, data[i].y), 15, obj=objective), data[i])
        model = xgb.XGBClassifier(n_estimators=15, **{**params, "objective": objective})
        return model.fit(data[i].X, data[i].y).predict_proba(data[i].X)

    shared = constructor()
    for native in (True, False):
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(run, range(8), [shared] * 8, [native] * 8))
        for i, probability in enumerate(together):
            np.testing.assert_array_equal(probability, run(i, constructor(), native))


class Rounds(xgb.callback.TrainingCallback):
    def __init__(self):
        self.finished = 0

    def after_iteration(self, model, epoch, evals_log):
        self.finished += 1
        return False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: np.where(np.arange(len(y)) == 7, 2.0, y), "label is 2.0 in row 7"),
        (lambda y: np.where(np.arange(len(y)) == 7, 1.5, y), "label is 1.5 in row 7"),
        (lambda y: 2.0 * y - 1.0, "label is -1.0 in row"),
    ],
)
def test_bad_labels_stop_before_the_first_tree(make_data, any_constructor, change, message):
    data = make_data("binary")
    rounds = Rounds()
    with pytest.raises(ValueError, match=message):
        xgb.train(
            {"objective": "binary:logistic"},
            xgb.DMatrix(data.X, change(data.y)),
            3,
            obj=any_constructor(),
            callbacks=[rounds],
        )
    assert rounds.finished == 0


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
@pytest.mark.parametrize(
    "make",
    [
        lambda: bi.weighted_objective("balanced"),
        lambda: bi.focal_objective(gamma=2.0),
        lambda: bi.asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.02),
        lambda: bi.class_balanced_objective(beta=0.9999, gamma=1.0),
        lambda: bi.logit_adjusted_objective(tau=1.0),
        lambda: bi.adaptive_objective(rate=0.001),
    ],
    ids=["weighted", "focal", "asymmetric", "class_balanced", "logit_adjusted", "adaptive"],
)
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


# What the package relies on in XGBoost itself.


@pytest.mark.library_fact
def test_fact_margins_are_new_float32_arrays_in_c_order(any_data):
    shown = []

    def objective(margin, data):
        shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    xgb.train(BUILT_IN[any_data.task], xgb.DMatrix(any_data.X, any_data.y), 2, obj=objective)
    assert all(margin.dtype == np.float32 and margin.flags.c_contiguous for margin in shown)
    assert shown[0].shape == any_data.posterior.shape
    assert not np.shares_memory(*shown)


@pytest.mark.library_fact
@pytest.mark.parametrize(
    ("params", "first"),
    [
        ({}, 0.5),
        ({"base_score": -1.5}, -1.5),
        ({"objective": "binary:logistic"}, 0.0),
        ({"objective": "binary:logistic", "base_score": 0.2}, np.log(0.25)),
        ({"objective": "binary:logitraw", "base_score": -1.5}, -1.5),
        ({"objective": "multi:softprob", "num_class": 3, "base_score": [0.7, -2.0, 0.1]}, [0.7, -2.0, 0.1]),
        ({"objective": "multi:softprob", "num_class": 3}, [0.5, 0.5, 0.5]),
    ],
    ids=str,
)
def test_fact_base_score_on_the_scale_of_each_objective(make_data, params, first):
    data = make_data("binary", n=100)
    shown = []

    def objective(margin, data):
        shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    xgb.train(params, xgb.DMatrix(data.X, data.y), 1, obj=objective)
    np.testing.assert_allclose(shown[0], np.broadcast_to(first, shown[0].shape), rtol=1e-6)


@pytest.mark.library_fact
def test_fact_base_score_of_several_labels_is_their_probabilities(make_data):
    data = make_data("multilabel")
    shown = []

    def objective(margin, data):
        shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    share = np.array([0.2, 0.5, 0.01])
    xgb.train({**BUILT_IN["multilabel"], "base_score": share.tolist()}, xgb.DMatrix(data.X, data.y), 1, obj=objective)
    np.testing.assert_allclose(shown[0][0], np.log(share) - np.log1p(-share), rtol=1e-5, atol=1e-6)


SOFTMAX_HESSIANS = {"diagonal": lambda p, slope: 2.0 * p * (1.0 - p), "gradient": lambda p, slope: np.abs(slope)}


def train_by_hand(data, hessian, params=None, rounds=5, weight=None):
    """Cross-entropy of three classes from equal margins, under a Hessian of one's own."""
    w = np.float32(np.ones(len(data.y)) if weight is None else weight)[:, None]

    def objective(margin, matrix):
        e = np.exp(np.float64(margin - np.maximum(margin.max(axis=1, keepdims=True), 0))).astype(np.float32)
        p = e / np.float32(np.float64(e).sum(axis=1, keepdims=True))  # rounded as XGBoost does, so that ties stay ties
        slope = p - np.eye(3, dtype=np.float32)[data.y.astype(int)]
        return w * slope, w * np.float32(hessian(p, slope))

    params = {**BUILT_IN["multiclass"], "base_score": [0.0, 0.0, 0.0], **(params or {})}
    return xgb.train(params, xgb.DMatrix(data.X, data.y), rounds, obj=objective)


@pytest.mark.library_fact
def test_fact_softprob_doubles_the_diagonal_of_the_hessian_or_takes_the_gradient(make_data):
    data = make_data("multiclass")
    matrix = xgb.DMatrix(data.X, data.y)
    built_in = xgb.train({**BUILT_IN["multiclass"], "base_score": [0.0, 0.0, 0.0]}, matrix, 5).predict(matrix)
    own = SOFTMAX_HESSIANS["gradient" if xgboost.takes_gradient_as_hessian() else "diagonal"]
    np.testing.assert_allclose(train_by_hand(data, own).predict(matrix), built_in, rtol=0, atol=1e-6)
    plain = train_by_hand(data, lambda p, slope: p * (1.0 - p)).predict(matrix)
    assert np.abs(plain - built_in).max() > 0.01


@pytest.mark.library_fact
def test_fact_the_configuration_says_whether_base_score_was_given(make_data):
    data = make_data("binary", n=100)
    matrix = xgb.DMatrix(data.X, data.y)
    found = []

    def train(params, **options):
        def objective(margin, data):
            frame = sys._getframe(1)
            booster = frame.f_locals["self"]
            assert frame.f_globals["__name__"] == "xgboost.core"
            assert frame.f_locals["dtrain"] is matrix
            learner = json.loads(booster.save_config())["learner"]
            by_default = learner["learner_model_param"]["boost_from_average"] == "1"
            metrics = [metric["name"] for metric in learner["metrics"]]
            weight = float(learner["objective"]["reg_loss_param"]["scale_pos_weight"])
            disabled = learner["learner_train_param"]["disable_default_eval_metric"]
            found.append((learner["objective"]["name"], by_default, metrics, weight, disabled, booster.num_boosted_rounds()))
            return np.zeros_like(margin), np.ones_like(margin)

        return xgb.train(params, matrix, 1, obj=objective, **options)

    half = train({})
    train({"base_score": 0.5, "scale_pos_weight": 3.0, "eval_metric": "logloss", "objective": "binary:logistic"})
    train({"disable_default_eval_metric": 1}, xgb_model=half)
    assert found == [
        ("reg:squarederror", True, [], 1.0, "0", 0),
        ("binary:logistic", False, ["logloss"], 3.0, "0", 0),
        ("reg:squarederror", True, ["rmse"], 1.0, "1", 1),  # of the first training
    ]


@pytest.fixture
def an_answer():
    """Forgets what XGBoost was asked, before and after."""
    xgboost.takes_gradient_as_hessian.cache_clear()
    yield xgboost.takes_gradient_as_hessian
    xgboost.takes_gradient_as_hessian.cache_clear()


@pytest.mark.parametrize("kind", [*SOFTMAX_HESSIANS, "none of them"])
def test_the_hessian_of_softprob_is_recognised(monkeypatch, an_answer, kind):
    class Booster(xgb.Booster):
        def update(self, data, iteration):
            super().update(data, iteration, fobj=objective)

    def objective(margin, data):
        p = softmax(margin.astype(np.float64))
        slope = p - np.eye(3)[data.get_label().astype(int)]
        hessian = SOFTMAX_HESSIANS.get(kind, lambda p, slope: p * (1.0 - p))(p, slope)
        return slope.astype(np.float32), hessian.astype(np.float32)

    monkeypatch.setattr(xgb, "Booster", Booster)
    assert an_answer() == (kind == "gradient")


def test_xgboost_is_asked_once_silently_and_for_several_classes_alone(monkeypatch, an_answer, make_data, capfd):
    asked, leaf = [], xgboost._leaf_of_softmax
    monkeypatch.setattr(xgboost, "_leaf_of_softmax", lambda: asked.append(None) or leaf())
    monkeypatch.setattr(xgb, "train", lambda *args, **options: pytest.fail("a training that others see"))
    before = xgb.get_config()
    for task, losses in (("binary", [0.0, 2.0]), ("multilabel", [0.0]), ("multiclass", [2.0])):
        data = make_data(task)
        for gamma in losses:
            bi.focal_objective(gamma)(np.zeros(data.posterior.shape, np.float32), xgb.DMatrix(data.X, data.y))
    assert not asked
    for _ in range(2):
        bi.focal_objective(0.0, hessian="exact")(np.zeros(data.posterior.shape, np.float32), xgb.DMatrix(data.X, data.y))
    assert len(asked) == 1
    assert xgb.get_config() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("weighted", [False, True])
def test_no_focusing_is_the_built_in_objective_once_that_takes_the_gradient(make_data, monkeypatch, weighted):
    data = make_data("multiclass")
    exact = {"tree_method": "exact"}  # sample weights also move the bins of a histogram
    weight = data.weight if weighted else None
    monkeypatch.setattr(xgboost, "takes_gradient_as_hessian", lambda: True)
    objective = bi.focal_objective(0.0, hessian="exact")
    start = {"base_score": objective.xgboost_params(data.y, weight)["base_score"], **exact}
    by_hand = train_by_hand(data, SOFTMAX_HESSIANS["gradient"], start, 15, weight)
    own = train(objective, data, exact, weight=weight)
    np.testing.assert_allclose(predict(own, data), predict(by_hand, data), rtol=0, atol=1e-6)
    diagonal = train_by_hand(data, SOFTMAX_HESSIANS["diagonal"], start, 15, weight)
    assert np.abs(predict(own, data) - predict(diagonal, data)).max() > 0.01


def test_exact_class_weights_are_those_of_a_library_that_takes_the_gradient(make_data, monkeypatch):
    data, weights = make_data("multiclass"), np.array([1.0, 4.0, 9.0])
    monkeypatch.setattr(xgboost, "takes_gradient_as_hessian", lambda: True)
    objective = bi.weighted_objective(weights, scale=1.0, hessian="exact")
    exact = {"tree_method": "exact", "base_score": objective.xgboost_params(data.y)["base_score"]}
    by_hand = train_by_hand(data, SOFTMAX_HESSIANS["gradient"], exact, 15, weights[data.y.astype(int)])
    own = train(objective, data, exact)
    np.testing.assert_allclose(predict(own, data), predict(by_hand, data), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["focal", "asymmetric", "class_balanced"])
def test_other_losses_keep_their_hessian_whatever_the_library_has(make_data, monkeypatch, name):
    data, answers = make_data("multiclass", n=300), []
    for answer in (False, True):
        monkeypatch.setattr(xgboost, "takes_gradient_as_hessian", lambda answer=answer: answer)
        recorder = Recorder(getattr(bi, f"{name}_objective")())
        xgb.train(recorder.objective.xgboost_params(data.y), xgb.DMatrix(data.X, data.y), 3, obj=recorder)
        answers.append(recorder.answers)
    np.testing.assert_array_equal(*answers)


@pytest.mark.library_fact
@pytest.mark.parametrize(("name", "maximised"), [("pre_anything", True), ("anything", False)])
def test_fact_metrics_whose_names_begin_with_pre_are_maximised(make_data, name, maximised):
    data = make_data("binary", n=100)
    matrix = xgb.DMatrix(data.X, data.y)
    rounds = []

    def metric(margin, data):
        rounds.append(None)
        return name, float(len(rounds))

    params = {"objective": "binary:logistic", "disable_default_eval_metric": 1}
    booster = xgb.train(
        params, matrix, 8, evals=[(matrix, "e")], custom_metric=metric, early_stopping_rounds=2, verbose_eval=False
    )
    assert booster.best_iteration == (7 if maximised else 0)


@pytest.mark.library_fact
def test_fact_weights_do_not_multiply_a_custom_gradient(make_data):
    data = make_data("binary", n=200)

    def objective(margin, matrix):
        return (1.0 / (1.0 + np.exp(-margin)) - data.y).astype(np.float32), np.full_like(margin, 0.25)

    params = {"objective": "binary:logistic", "tree_method": "exact"}
    weighted, plain = (xgb.DMatrix(data.X, data.y, weight=w) for w in (data.weight, None))
    first, second = (xgb.train(params, matrix, 3, obj=objective).predict(matrix) for matrix in (weighted, plain))
    np.testing.assert_array_equal(first, second)


@pytest.mark.library_fact
def test_fact_predict_applies_the_link_of_the_named_objective(any_data):
    booster = train(bi.focal_objective(), any_data, rounds=3)
    margin = predict(booster, any_data, output_margin=True)
    linked = softmax(margin) if any_data.task == "multiclass" else 1.0 / (1.0 + np.exp(-margin))
    np.testing.assert_allclose(predict(booster, any_data), linked, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["QuantileDMatrix", "ExtMemQuantileDMatrix"])
def test_batches_give_the_model_of_one_array(kind, tmp_path):
    rng = np.random.default_rng(0)
    X = np.clip(np.round(2 * rng.normal(size=(3000, 4))) / 2, -2, 2).astype(np.float32)  # which quantiles keep as it is
    y = (X[:, 0] + X[:, 1] + rng.logistic(size=3000) > 3).astype(np.float32)
    weight = rng.uniform(0.5, 2.0, size=3000).astype(np.float32)

    class Batches(xgb.DataIter):
        def __init__(self, **options):
            self.rows = 0
            super().__init__(**options)

        def next(self, put):
            if self.rows == 3000:
                return False
            batch = slice(self.rows, self.rows + 1000)
            put(data=X[batch], label=y[batch], weight=weight[batch])
            self.rows += 1000
            return True

        def reset(self):
            self.rows = 0

    objective = bi.focal_objective(gamma=2.0)
    params = {**objective.xgboost_params(y, weight), "max_depth": 3, "nthread": 1}
    batches = Batches(cache_prefix=str(tmp_path / "cache")) if kind.startswith("Ext") else Batches()
    found = []
    for data in (xgb.QuantileDMatrix(X, y, weight=weight), getattr(xgb, kind)(batches)):
        history = {}
        booster = xgb.train(
            params, data, 5, obj=objective, custom_metric=bi.metrics.average_precision(), evals=[(data, "train")],
            evals_result=history, verbose_eval=False,
        )  # fmt: skip
        found.append((booster.predict(xgb.DMatrix(X)), history["train"]["pre_average_precision"]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
