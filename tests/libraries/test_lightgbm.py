"""LightGBM trains every loss, through each of its interfaces, from the loss's own start."""

import copy
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import boost_imbalance as bi

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

BUILT_IN = {"binary": {"objective": "binary"}, "multiclass": {"objective": "multiclass", "num_class": 3}}
QUIET = {"verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}
METRICS = [
    bi.metrics.average_precision(),
    bi.metrics.balanced_accuracy(),
    bi.metrics.f1(),
    bi.metrics.f1(1),
    bi.metrics.matthews_correlation(),
    bi.metrics.geometric_mean(),
]

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


@pytest.fixture(params=["binary", "multiclass"])
def data(request, make_data):
    return make_data(request.param)


class Recorder:
    """An objective that keeps what the booster showed it and what it answered."""

    def __init__(self, objective):
        self.objective, self.margins, self.answers = objective, [], []

    def __call__(self, margin, data):
        gradient, hessian = self.objective(margin, data)
        self.margins.append(margin.copy(order="K"))
        self.answers.append((gradient.copy(order="K"), hessian.copy(order="K")))
        return gradient, hessian

    def __deepcopy__(self, memo):
        return self


def train(objective, data, params=None, rounds=15, weight=None, **options):
    params = {**objective.lightgbm_params(data.y), **QUIET, **(params or {})}
    start = objective.lightgbm_start(data.X, data.y, weight)
    dataset = lgb.Dataset(data.X, data.y, weight=weight, free_raw_data=False)
    return lgb.train(params, dataset, rounds, **{"init_model": start, **options})


def raw(booster, X, **options):
    return booster.predict(X, raw_score=True, **options)


IS_RECENT = tuple(map(int, lgb.__version__.split(".")[:2])) >= (4, 7)


def assert_same(own, built_in):
    """To the last bit; but LightGBM before 4.7 adds its start to the first trees, whose sums then round otherwise."""
    if IS_RECENT:
        np.testing.assert_array_equal(own, built_in)
    else:
        np.testing.assert_allclose(own, built_in, rtol=0, atol=1e-14)


def softmax(u):
    e = np.exp(u - u.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def linked(margin):
    return softmax(margin) if margin.ndim == 2 else 1.0 / (1.0 + np.exp(-margin))


def log_loss(probability, y):
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return -np.log(p[np.arange(len(y)), y.astype(int)] if p.ndim == 2 else np.where(y > 0, p, 1 - p)).mean()


SAMPLINGS = [
    {},
    {"data_sample_strategy": "goss"},
    {"bagging_fraction": 0.5, "bagging_freq": 1},
    {"extra_trees": True},
    {"linear_tree": True},
    {"use_quantized_grad": True},
    {"lambda_l1": 0.1, "max_bin": 15},
]


@pytest.mark.parametrize("options", SAMPLINGS[:3], ids=str)
def test_no_focusing_is_the_built_in_objective_bit_by_bit(data, options):
    own = train(bi.focal_objective(gamma=0.0, hessian="exact"), data, options)
    built_in = lgb.train({**BUILT_IN[data.task], **QUIET, **options}, lgb.Dataset(data.X, data.y), 15)
    assert_same(raw(own, data.X), raw(built_in, data.X))
    assert own.num_trees() == built_in.num_trees() + (1 if data.task == "binary" else 3)


@pytest.mark.parametrize("options", SAMPLINGS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_focusing_is_the_built_in_objective_from_the_same_start(data, options, weighted):
    objective = bi.focal_objective(gamma=0.0, hessian="exact")
    weight = data.weight if weighted else None
    own = train(objective, data, options, weight=weight)
    dataset = lgb.Dataset(data.X, data.y, weight=weight, free_raw_data=False)
    start = objective.lightgbm_start(data.X, data.y, weight)
    built_in = lgb.train({**BUILT_IN[data.task], **QUIET, **options}, dataset, 15, init_model=start)
    np.testing.assert_allclose(raw(own, data.X), raw(built_in, data.X), rtol=0, atol=0 if not weighted else 1e-6)


def test_class_weights_are_those_of_the_library(data):
    weights = [1.0, 4.0, 9.0] if data.task == "multiclass" else 7.0
    objective = bi.weighted_objective(weights, scale=1.0, hessian="exact")
    own = train(objective, data)
    row_weights = None if data.task == "binary" else np.take(weights, data.y.astype(int))
    params = {**BUILT_IN[data.task], **QUIET} | ({"scale_pos_weight": weights} if data.task == "binary" else {})
    dataset = lgb.Dataset(data.X, data.y, weight=row_weights, free_raw_data=False)
    theirs = lgb.train(params, dataset, 15, init_model=objective.lightgbm_start(data.X, data.y))
    np.testing.assert_allclose(raw(own, data.X), raw(theirs, data.X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"boosting": "dart", "drop_rate": 0.3}, {"feature_fraction": 0.5}], ids=str)
def test_trains_where_a_custom_objective_draws_other_random_numbers(data, options):
    objective = bi.focal_objective(gamma=0.0, hessian="exact")
    booster = train(objective, data, options, rounds=25)
    start = objective.lightgbm_start(data.X, data.y)
    built_in = lgb.train(
        {**BUILT_IN[data.task], **QUIET, **options}, lgb.Dataset(data.X, data.y, free_raw_data=False), 25, init_model=start
    )
    of_built_in, of_start = log_loss(built_in.predict(data.X), data.y), log_loss(linked(start.predict(data.X)), data.y)
    assert of_built_in < 0.9 * of_start
    assert log_loss(linked(raw(booster, data.X)), data.y) == pytest.approx(of_built_in, rel=0.1)


def test_weights_are_those_of_the_built_in_objective(data):
    own = train(bi.focal_objective(gamma=0.0, hessian="exact"), data, weight=data.weight)
    dataset = lgb.Dataset(data.X, data.y, weight=data.weight)
    built_in = lgb.train({**BUILT_IN[data.task], **QUIET}, dataset, 15)
    np.testing.assert_allclose(raw(own, data.X), raw(built_in, data.X), rtol=0, atol=1e-6)


def test_lightgbm_copies_the_objective_which_still_knows_its_labels(data, any_constructor):
    objective = any_constructor()
    copied = copy.deepcopy({"objective": objective})["objective"]
    assert copied == objective
    assert copied is not objective
    booster = train(objective, data)
    probability = objective.probability(raw(booster, data.X))  # its parameters were asked for with these labels
    np.testing.assert_array_equal(probability, objective.fit(data.y).probability(raw(booster, data.X)))
    assert pickle.loads(pickle.dumps(booster)).predict(data.X).shape == probability.shape


def test_margins_come_in_columns_and_begin_at_the_start(data, any_constructor):
    objective = any_constructor()
    recorder = Recorder(objective)
    train(objective, data, {"objective": recorder}, rounds=2, weight=data.weight)
    first = recorder.margins[0]
    start = objective.start(data.y, data.weight)
    np.testing.assert_allclose(first, np.broadcast_to(start, first.shape), rtol=1e-12)
    assert first.dtype == np.float64
    assert first.flags.f_contiguous
    for gradient, hessian in recorder.answers:
        assert gradient.dtype == hessian.dtype == np.float32
        assert gradient.shape == hessian.shape == first.shape
        assert gradient.flags.f_contiguous
        assert hessian.flags.f_contiguous
        assert (hessian > 0).all()


def test_start_is_a_model_of_its_own(data, any_constructor):
    objective = any_constructor()
    start = objective.start(data.y, data.weight)
    model = objective.lightgbm_start(data.X, data.y, data.weight)
    np.testing.assert_array_equal(model.predict(data.X), np.broadcast_to(start, data.posterior.shape))
    again = lgb.Booster(model_str=model.model_to_string())
    np.testing.assert_array_equal(again.predict(data.X), np.broadcast_to(start, data.posterior.shape))


def test_trains_and_predicts_probabilities(data, any_constructor):
    objective = any_constructor()
    booster = train(objective, data, rounds=25)
    margin = raw(booster, data.X)
    assert margin.shape == data.posterior.shape
    assert np.isfinite(margin).all()
    probability = objective.lightgbm_model(booster).predict(data.X)
    assert 0.0 <= probability.min() < probability.max() <= 1.0
    share = np.bincount(data.y.astype(int)) / len(data.y)
    constant = np.broadcast_to(share if data.task == "multiclass" else share[1], data.posterior.shape)
    assert log_loss(objective.probability(margin), data.y) < 0.9 * log_loss(constant, data.y)


def test_sample_weights_are_repeated_rows(data, any_constructor):
    # Gradients rather than trees: LightGBM guesses from Hessians how many rows a leaf has.
    times = np.ceil(data.weight).astype(int)
    recorder = Recorder(any_constructor())
    train(recorder.objective, data, {"objective": recorder}, rounds=8, weight=times)
    repeated = any_constructor().bind(np.repeat(data.y, times), library="lightgbm")
    per_row = times if data.task == "binary" else times[:, None]
    for margin, answers in zip(recorder.margins, recorder.answers, strict=True):
        of_copies = repeated(np.repeat(margin, times, axis=0))
        for weighted, copies in zip(answers, of_copies, strict=True):
            np.testing.assert_allclose(np.repeat(weighted / per_row, times, axis=0), copies, rtol=1e-5, atol=1e-7)


def test_weights_of_the_dataset_multiply_gradient_and_hessian(data):
    objective = bi.focal_objective(scale=1.0)
    weighted, plain = Recorder(objective), Recorder(objective)
    start = objective.lightgbm_start(data.X, data.y)
    train(objective, data, {"objective": weighted}, rounds=1, weight=data.weight, init_model=start)
    train(objective, data, {"objective": plain}, rounds=1, init_model=start)
    weight = data.weight if data.task == "binary" else data.weight[:, None]
    for with_weight, without in zip(weighted.answers[0], plain.answers[0], strict=True):
        np.testing.assert_allclose(with_weight, weight * without, rtol=1e-5)


def test_data_frame_with_categories(make_data):
    pd = pytest.importorskip("pandas")
    for task in BUILT_IN:
        data = make_data(task)
        frame = pd.DataFrame(data.X, columns=["a", "b c", "ü", "d"])
        frame["kind"] = pd.Categorical(np.where(data.X[:, 0] > 0.5, "high", np.where(data.X[:, 1] > 0, "mid", "low")))
        frame["number"] = pd.Categorical((data.X[:, 2] > 0).astype(int) + 10)
        frame["flag"] = pd.Categorical(data.X[:, 3] > 0)
        frame["half"] = pd.Categorical(np.where(data.X[:, 3] > 1, 1.5, np.nan))
        objective = bi.focal_objective(gamma=0.0, hessian="exact")
        own = lgb.train(
            {**objective.lightgbm_params(data.y), **QUIET}, lgb.Dataset(frame, data.y), 15,
            init_model=objective.lightgbm_start(frame, data.y),
        )  # fmt: skip
        built_in = lgb.train({**BUILT_IN[task], **QUIET}, lgb.Dataset(frame, data.y), 15)
        assert_same(raw(own, frame), raw(built_in, frame))
        linked_model = objective.lightgbm_model(own)
        np.testing.assert_array_equal(raw(linked_model, frame), raw(own, frame))
        np.testing.assert_allclose(linked_model.predict(frame), built_in.predict(frame), rtol=0, atol=1e-12)
        assert linked_model.feature_name() == built_in.feature_name()


def test_sparse_features(data):
    sparse = pytest.importorskip("scipy.sparse")
    X = sparse.csr_matrix(np.where(np.abs(data.X) > 0.7, data.X, 0.0))
    objective = bi.focal_objective(gamma=0.0, hessian="exact")
    start = objective.lightgbm_start(X, data.y)
    params = {**objective.lightgbm_params(data.y), **QUIET}
    own = lgb.train(params, lgb.Dataset(X, data.y, free_raw_data=False), 10, init_model=start)
    built_in = lgb.train({**BUILT_IN[data.task], **QUIET}, lgb.Dataset(X, data.y), 10)
    assert_same(raw(own, X), raw(built_in, X))


def test_start_wants_features_rather_than_a_dataset(data):
    with pytest.raises(TypeError, match="training features"):
        bi.focal_objective().lightgbm_start(lgb.Dataset(data.X, data.y), data.y)


class Rows(lgb.Sequence):
    """Rows that are read when they are asked for."""

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, index):
        return self.rows[index]

    def __len__(self):
        return len(self.rows)


def test_start_from_a_sequence_of_rows(data):
    objective = bi.focal_objective(gamma=2.0)
    params = {**objective.lightgbm_params(data.y), **QUIET}
    one, other = (
        lgb.train(params, lgb.Dataset(rows, data.y), 10, init_model=objective.lightgbm_start(rows, data.y))
        for rows in (Rows(data.X), data.X)
    )
    assert np.array_equal(raw(one, data.X), raw(other, data.X))
    with pytest.raises(TypeError, match=r"a list of 2 lightgbm.Sequence.*init_score"):
        objective.lightgbm_start([Rows(data.X), Rows(data.X)], data.y)


@pytest.mark.parametrize("of_the_loss", [True, False])
def test_early_stopping_keeps_the_best_round(data, make_data, of_the_loss):
    objective = bi.focal_objective(gamma=1.0)
    metric = objective.metric if of_the_loss else bi.metrics.average_precision()
    held_out = make_data(data.task, seed=1)
    history = {}
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    booster = lgb.train(
        {**objective.lightgbm_params(data.y), **QUIET}, dataset, 300, feval=metric,
        valid_sets=[lgb.Dataset(held_out.X, held_out.y, weight=held_out.weight, reference=dataset, free_raw_data=False)],
        init_model=objective.lightgbm_start(data.X, data.y),
        callbacks=[lgb.early_stopping(15, verbose=False), lgb.record_evaluation(history)],
    )  # fmt: skip
    assert list(history["valid_0"]) == [metric.name]
    values = np.array(history["valid_0"][metric.name])
    best = values.argmin() if of_the_loss else values.argmax()
    assert 0 < best == len(values) - 1 - 15
    assert booster.best_iteration == best + 2  # counted from one, and the start is an iteration of its own
    margin = raw(booster, held_out.X)
    assert metric.value(margin, held_out.y, held_out.weight.astype(np.float32)) == pytest.approx(values[best], rel=1e-12)
    assert booster.best_score["valid_0"][metric.name] == values[best]
    from_linked = raw(objective.lightgbm_model(booster), held_out.X)
    np.testing.assert_array_equal(from_linked, margin)


def test_metric_values_are_those_of_the_margins_and_weights(data):
    objective = bi.focal_objective()
    metrics = [*METRICS, bi.metrics.log_loss(objective), objective.metric, bi.metrics.f1(0, objective=objective)]
    history = {}
    dataset = lgb.Dataset(data.X, data.y, weight=data.weight, free_raw_data=False)
    booster = lgb.train(
        {**objective.lightgbm_params(data.y), **QUIET}, dataset, 5, feval=metrics, valid_sets=[dataset],
        init_model=objective.lightgbm_start(data.X, data.y, data.weight), callbacks=[lgb.record_evaluation(history)],
    )  # fmt: skip
    margin = raw(booster, data.X)
    (recorded,) = history.values()
    assert len(recorded) == len({metric.name for metric in metrics})
    for metric in (metrics[0], metrics[1], *metrics[-3:]):
        assert recorded[metric.name][-1] == pytest.approx(
            metric.value(margin, data.y, data.weight.astype(np.float32)), rel=1e-12
        )


def test_metrics_say_which_way_is_better(make_data):
    data = make_data("binary")
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False).construct()
    for metric in (*METRICS, bi.focal_objective().metric, bi.metrics.log_loss(bi.focal_objective())):
        name, value, greater_is_better = metric(np.zeros(len(data.y)), dataset)
        assert (name, greater_is_better) == (metric.name, metric.greater_is_better)
        assert isinstance(value, float)
    assert all(metric.greater_is_better for metric in METRICS)


def test_metrics_of_a_training_equal_scikit_learn(make_data):
    from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score

    data, held_out = make_data("binary"), make_data("binary", seed=1)
    history = {}
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    valid = lgb.Dataset(held_out.X, held_out.y, weight=held_out.weight, reference=dataset, free_raw_data=False)
    objective = bi.weighted_objective("balanced")
    booster = lgb.train(
        {**objective.lightgbm_params(data.y), **QUIET}, dataset, 10, valid_sets=[valid],
        feval=[bi.metrics.average_precision(), bi.metrics.balanced_accuracy(), bi.metrics.f1()],
        init_model=objective.lightgbm_start(data.X, data.y), callbacks=[lgb.record_evaluation(history)],
    )  # fmt: skip
    margin, y, weight = raw(booster, held_out.X), held_out.y, held_out.weight
    expected = {
        "average_precision": average_precision_score(y, margin, sample_weight=weight),
        "balanced_accuracy": balanced_accuracy_score(y, margin > 0, sample_weight=weight),
        "f1_macro": f1_score(y, margin > 0, average="macro", sample_weight=weight),
    }
    assert {name: values[-1] for name, values in history["valid_0"].items()} == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("options", SAMPLINGS[:3], ids=str)
def test_cv_equals_the_built_in(data, options):
    objective = bi.focal_objective(gamma=0.0, hessian="exact")
    start = objective.lightgbm_start(data.X, data.y)
    own, built_in = (
        lgb.cv(
            {**params, **QUIET, **options}, lgb.Dataset(data.X, data.y, free_raw_data=False), 10, nfold=3, seed=1,
            init_model=start, feval=feval, stratified=True,
        )
        for params, feval in (
            (objective.lightgbm_params(data.y), objective.metric),
            ({**BUILT_IN[data.task], "metric": "multi_logloss" if data.task == "multiclass" else "binary_logloss"}, None),
        )
    )  # fmt: skip
    for own_values, built_in_values in zip(own.values(), built_in.values(), strict=True):
        np.testing.assert_allclose(own_values, built_in_values, rtol=1e-9)


def test_cv_stops_early_at_the_best_round(data):
    objective = bi.class_balanced_objective(beta=0.99)
    result = lgb.cv(
        {**objective.lightgbm_params(data.y), **QUIET}, lgb.Dataset(data.X, data.y, free_raw_data=False), 300, nfold=3,
        init_model=objective.lightgbm_start(data.X, data.y), feval=bi.metrics.average_precision(),
        callbacks=[lgb.early_stopping(10, verbose=False)],
    )  # fmt: skip
    values = result["valid average_precision-mean"]
    assert 1 < len(values) < 300
    assert np.argmax(values) == len(values) - 1


def test_linked_model_predicts_probabilities_and_keeps_raw_scores(data, tmp_path, fresh_python):
    objective = bi.focal_objective()
    booster = train(objective, data, rounds=6)
    model = objective.lightgbm_model(booster)
    margin = raw(booster, data.X)
    np.testing.assert_array_equal(raw(model, data.X), margin)
    np.testing.assert_allclose(model.predict(data.X), linked(margin), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(booster.predict(data.X), margin)  # the model that was passed is as it was
    assert objective.lightgbm_model(model).model_to_string() == model.model_to_string()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data.X), model.predict(data.X))
    model.save_model(tmp_path / "model.txt")
    np.save(tmp_path / "X.npy", data.X)
    code = """
import sys, numpy, lightgbm
folder = sys.argv[1]
booster, X = lightgbm.Booster(model_file=folder + "/model.txt"), numpy.load(folder + "/X.npy")
numpy.savez(folder + "/out.npz", probability=booster.predict(X), margin=booster.predict(X, raw_score=True))
assert not [name for name in sys.modules if name.startswith("boost_imbalance")]
"""
    fresh_python(code, tmp_path)
    out = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(out["probability"], model.predict(data.X))
    np.testing.assert_array_equal(out["margin"], margin)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_linked_model_can_be_refitted_where_its_link_is_calibrated(make_data, task):
    """As LightGBM's own model; under any other loss its own objective would be of other margins, and is refused."""
    data, fresh = make_data(task), make_data(task, seed=1)
    objective = bi.weighted_objective(weights=None)
    model = objective.lightgbm_model(train(objective, data, rounds=6))
    assert f"[objective: {BUILT_IN[task]['objective']}]" in model.model_to_string()
    again = lgb.Booster(model_str=model.model_to_string())
    model = objective.lightgbm_model(again)  # whose text is as it should be already
    for one in (model, again) if IS_RECENT else (model,):  # older ones do not read the objective of a model's text
        same = one.refit(fresh.X, fresh.y, decay_rate=1.0).predict(fresh.X)
        np.testing.assert_allclose(same, model.predict(fresh.X), rtol=0, atol=1e-12)
    refitted = model.refit(fresh.X, fresh.y, decay_rate=0.5)
    assert log_loss(refitted.predict(data.X), data.y) > log_loss(model.predict(data.X), data.y)
    for loss in (bi.focal_objective(), bi.weighted_objective(), bi.logit_adjusted_objective()):
        model = loss.lightgbm_model(train(loss, data, rounds=2))
        assert "[objective: custom]" in model.model_to_string()
        with pytest.raises(lgb.basic.LightGBMError, match="No objective function"):
            model.refit(fresh.X, fresh.y)


def test_linked_model_of_labels_in_one_booster(make_data):
    # LightGBM has one label per row: the rows' numbers stand in for it, and the objective looks the labels up.
    data = make_data("multilabel")
    objective = bi.focal_objective()
    params = {**objective.lightgbm_params(data.y), **QUIET, "objective": lambda margin, _: objective(data.y, margin)}
    dataset = lgb.Dataset(data.X, np.arange(len(data.y)), free_raw_data=False)
    booster = lgb.train(params, dataset, 10, init_model=objective.lightgbm_start(data.X, data.y))
    model = objective.lightgbm_model(booster)
    margin = raw(booster, data.X)
    np.testing.assert_allclose(model.predict(data.X), 1.0 / (1.0 + np.exp(-margin)), rtol=0, atol=1e-12)
    for k in range(3):
        one = data._replace(y=data.y[:, k])
        np.testing.assert_allclose(
            margin[:, k], raw(train(bi.focal_objective(), one, rounds=10), data.X), rtol=1e-6, atol=1e-6
        )


def test_continued_training_is_one_long_training(data):
    objective = bi.focal_objective()
    half = train(objective, data, rounds=6)
    for begun in (half, objective.lightgbm_model(half)):
        continued = train(objective, data, rounds=6, init_model=begun)
        whole = raw(train(objective, data, rounds=12), data.X)
        np.testing.assert_allclose(raw(continued, data.X), whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("how", [lambda b: b, lambda b: pickle.loads(pickle.dumps(b)), bi.focal_objective().lightgbm_model])
def test_continued_adaptive_training_keeps_its_class_weights(data, how):
    rate = 0.2
    recorder, whole = Recorder(bi.adaptive_objective(rate)), Recorder(bi.adaptive_objective(rate))
    train(whole.objective, data, {"objective": whole}, rounds=8)
    half = train(bi.adaptive_objective(rate), data, rounds=4)
    train(recorder.objective, data, {"objective": recorder}, rounds=4, init_model=how(half))
    for (gradient, hessian), (expected, curvature) in zip(recorder.answers, whole.answers[4:], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(hessian, curvature, rtol=1e-5, atol=1e-7)


def test_class_weights_that_a_file_does_not_hold_are_missed(make_data, tmp_path):
    data, objective = make_data("binary"), bi.adaptive_objective(0.2)
    train(objective, data, rounds=2).save_model(tmp_path / "half.txt")
    with pytest.warns(UserWarning, match=r"half\.txt' does not say where the class weights"):
        train(objective, data, rounds=2, init_model=str(tmp_path / "half.txt"))


def test_init_score_is_what_the_loss_begins_with(data):
    objective = bi.focal_objective()
    score = np.random.default_rng(0).normal(size=data.posterior.shape)
    recorder = Recorder(objective)
    params = {**objective.lightgbm_params(data.y), **QUIET, "objective": recorder}
    lgb.train(params, lgb.Dataset(data.X, data.y, init_score=score), 1)
    np.testing.assert_array_equal(recorder.margins[0], score)


def classifier(objective, data, weight=None, **options):
    params = {**QUIET, "n_estimators": 15, "metric": "None", "objective": objective, **options}
    del params["num_threads"]
    model = lgb.LGBMClassifier(n_jobs=1, **params)
    return model.fit(data.X, data.y, sample_weight=weight, init_model=objective.lightgbm_start(data.X, data.y, weight))


@pytest.mark.parametrize("weighted", [False, True])
def test_classifier_is_the_native_training(data, any_constructor, weighted):
    objective = any_constructor()
    weight = data.weight if weighted else None
    model = classifier(objective, data, weight)
    native = raw(train(any_constructor(), data, weight=weight), data.X)
    np.testing.assert_allclose(model.predict(data.X, raw_score=True), native, rtol=0, atol=1e-6)
    np.testing.assert_allclose(objective.lightgbm_model(model).predict(data.X), linked(native), rtol=0, atol=1e-6)


def test_class_weight_of_the_classifier_multiplies_sample_weight(data):
    class_weight = {0: 1.0, 1: 3.0, 2: 5.0} if data.task == "multiclass" else {0: 1.0, 1: 3.0}
    objective = bi.focal_objective()
    product = data.weight * np.array([class_weight[int(label)] for label in data.y])
    model = lgb.LGBMClassifier(n_estimators=10, n_jobs=1, verbosity=-1, objective=objective, class_weight=class_weight)
    start = objective.lightgbm_start(data.X, data.y, product)
    model.fit(data.X, data.y, sample_weight=data.weight, init_model=start)
    native = raw(train(bi.focal_objective(), data, rounds=10, weight=product), data.X)
    np.testing.assert_allclose(model.predict(data.X, raw_score=True), native, rtol=0, atol=1e-6)


def test_classifier_encodes_names_of_classes(make_data):
    data = make_data("multiclass")
    names = np.array(["a", "b", "c"])[data.y.astype(int)]
    objective = bi.focal_objective()
    model = lgb.LGBMClassifier(n_estimators=10, n_jobs=1, verbosity=-1, objective=objective)
    model.fit(data.X, names, init_model=objective.lightgbm_start(data.X, data.y))
    assert list(model.classes_) == ["a", "b", "c"]
    native = raw(train(bi.focal_objective(), data, rounds=10), data.X)
    np.testing.assert_allclose(model.predict(data.X, raw_score=True), native, rtol=0, atol=1e-6)


def test_classifier_survives_pickle_and_clone(data, any_constructor):
    from sklearn.base import clone

    objective = any_constructor()
    model = classifier(objective, data)
    margin = model.predict(data.X, raw_score=True)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data.X, raw_score=True), margin)
    np.testing.assert_array_equal(again.objective.probability(margin), objective.probability(margin))
    for copied in (again, clone(model), clone(again)):
        fitted = copied.fit(data.X, data.y, init_model=objective.lightgbm_start(data.X, data.y))
        np.testing.assert_array_equal(fitted.predict(data.X, raw_score=True), margin)


def test_classifier_stops_early_with_a_metric(make_data):
    data, held_out = make_data("binary"), make_data("binary", seed=1)
    objective = bi.focal_objective()
    for metric in (bi.metrics.average_precision(), objective.metric):
        model = lgb.LGBMClassifier(n_estimators=300, n_jobs=1, verbosity=-1, objective=objective, metric="None")
        model.fit(
            data.X, data.y, eval_set=[(held_out.X, held_out.y)], eval_sample_weight=[held_out.weight], eval_metric=metric,
            init_model=objective.lightgbm_start(data.X, data.y), callbacks=[lgb.early_stopping(10, verbose=False)],
        )  # fmt: skip
        values = np.array(model.evals_result_["valid_0"][metric.name])
        best = values.argmax() if metric.greater_is_better else values.argmin()
        assert 0 < best == len(values) - 1 - 10
        assert model.best_iteration_ == best + 2
        margin = model.predict(held_out.X, raw_score=True)
        assert metric.value(margin, held_out.y, held_out.weight.astype(np.float32)) == pytest.approx(values[best], rel=1e-12)


@pytest.mark.parametrize("name", ["weighted", "class_balanced", "logit_adjusted", "focal", "adaptive"])
def test_changed_labels_of_the_same_dataset_are_noticed(data, name):
    constructor = getattr(bi, f"{name}_objective")
    objective = constructor()
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False).construct()
    changed = data.y.copy()
    changed[: len(changed) // 3] = data.y.max()
    start = bi.focal_objective().lightgbm_start(data.X, data.y)
    for y in (data.y, changed, changed, data.y):
        dataset.set_label(y)
        params = {**objective.lightgbm_params(data.y), **QUIET}
        booster = lgb.train(params, dataset, 4, init_model=start)
        fresh = lgb.train({**params, "objective": constructor()}, lgb.Dataset(data.X, y), 4, init_model=start)
        np.testing.assert_array_equal(raw(booster, data.X), raw(fresh, data.X))


def test_adaptive_weights_follow_the_false_negative_rates(data):
    rate = 0.3
    recorder = Recorder(bi.adaptive_objective(rate, scale=1.0, hessian="exact"))
    train(recorder.objective, data, {"objective": recorder}, rounds=12, weight=data.weight)
    y = data.y.astype(int)
    classes = y.max() + 1
    class_weight = np.ones(classes)
    for m, (gradient, hessian) in zip(recorder.margins, recorder.answers, strict=True):
        missed = (m.argmax(axis=1) if m.ndim == 2 else m > 0) != y
        rates = [np.average(missed[y == k], weights=data.weight[y == k]) for k in range(classes)]
        class_weight = (1.0 - rate) * class_weight + rate * np.array(rates)
        w, p = data.weight * class_weight[y], linked(m)
        slope, curvature = (p - np.eye(3)[y], 1.5 * p * (1.0 - p)) if m.ndim == 2 else (p - y, p * (1.0 - p))
        np.testing.assert_allclose(gradient, (w * slope.T).T, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(hessian, (w * curvature.T).T, rtol=1e-4, atol=1e-6)
    assert np.ptp(class_weight) > 0.1


def test_adaptive_starts_over_with_each_training(data):
    objective = bi.adaptive_objective(0.3)
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    params, start = {**objective.lightgbm_params(data.y), **QUIET}, objective.lightgbm_start(data.X, data.y)
    first, second = (raw(lgb.train(params, dataset, 6, init_model=start), data.X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_adaptive_folds_do_not_mix(data):
    rows = np.arange(len(data.y))
    folds = [(rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]
    objective = bi.adaptive_objective(0.3)
    start = objective.lightgbm_start(data.X, data.y)
    params = {**objective.lightgbm_params(data.y), **QUIET}
    metric = bi.metrics.average_precision()
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    result = lgb.cv(params, dataset, 6, folds=folds, init_model=start, feval=metric, return_cvbooster=True)
    for booster, (inside, _) in zip(result["cvbooster"].boosters, folds, strict=True):
        alone = lgb.train(
            {**params, "objective": bi.adaptive_objective(0.3)},
            lgb.Dataset(data.X, data.y, free_raw_data=False).subset(inside), 6, init_model=start,
        )  # fmt: skip
        np.testing.assert_array_equal(raw(booster, data.X), raw(alone, data.X))


@pytest.mark.parametrize("name", ["focal", "class_balanced", "adaptive"])
def test_one_objective_serves_several_threads(make_data, name):
    constructor = getattr(bi, f"{name}_objective")
    data = [make_data("multiclass", n=500 + 100 * (i % 2), seed=i) for i in range(8)]

    def run(i, objective, native):
        if native:
            start = constructor().lightgbm_start(data[i].X, data[i].y)
            return raw(train(objective, data[i], init_model=start), data[i].X)
        model = lgb.LGBMClassifier(n_estimators=15, n_jobs=1, verbosity=-1, objective=objective)
        return model.fit(data[i].X, data[i].y).predict(data[i].X, raw_score=True)

    shared = constructor()
    for native in (True, False):
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(run, range(8), [shared] * 8, [native] * 8))
        for i, margin in enumerate(together):
            np.testing.assert_array_equal(margin, run(i, constructor(), native))


@pytest.mark.parametrize(
    ("value", "message"), [(2.0, "label is 2.0 in row 7"), (1.5, "label is 1.5"), (-1.0, "label is -1.0")]
)
def test_bad_labels_stop_before_the_first_tree(make_data, any_constructor, value, message):
    data = make_data("binary")
    finished = []

    def finish(call):
        finished.append(call)

    dataset = lgb.Dataset(data.X, np.where(np.arange(len(data.y)) == 7, value, data.y))
    with pytest.raises(ValueError, match=message):
        lgb.train({"objective": any_constructor(), **QUIET}, dataset, 3, callbacks=[finish])
    assert not finished


def test_a_class_beyond_num_class_stops_the_training(make_data, any_constructor):
    data = make_data("multiclass")
    with pytest.raises(ValueError, match=r"label is 3.0 in row"):
        lgb.train({"objective": any_constructor(), "num_class": 3, **QUIET}, lgb.Dataset(data.X, data.y + 1), 3)


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
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_calibrated_probability_recovers_the_posterior(make_data, make, task, request):
    data, held_out = make_data(task, n=20000), make_data(task, n=20000, seed=1)
    options = {"learning_rate": 0.2, "max_depth": 3, "min_data_in_leaf": 100}
    objective = make()
    margin = raw(train(objective, data, options, 80), held_out.X)
    built_in = lgb.train({**BUILT_IN[task], **QUIET, **options}, lgb.Dataset(data.X, data.y), 80)
    truth = log_loss(held_out.posterior, held_out.y)
    excess = log_loss(objective.probability(margin), held_out.y) - truth
    excess_of_built_in = log_loss(built_in.predict(held_out.X), held_out.y) - truth
    assert excess < 0.02
    assert excess < 1.5 * excess_of_built_in + 0.001
    if "adaptive" not in request.node.callspec.id:
        assert log_loss(linked(margin), held_out.y) - truth > 3 * excess


# What the package relies on in LightGBM itself.


class Spy:
    """A constant objective that keeps what it was shown."""

    def __init__(self):
        self.shown = []

    def __call__(self, margin, data):
        self.shown.append(margin)
        return np.zeros_like(margin), np.ones_like(margin)

    def __deepcopy__(self, memo):
        return self


@pytest.mark.library_fact
def test_fact_margins_are_float64_in_f_order_and_begin_at_zero(data):
    spy = Spy()
    lgb.train({**BUILT_IN[data.task], **QUIET, "objective": spy}, lgb.Dataset(data.X, data.y), 1)
    (margin,) = spy.shown
    assert margin.dtype == np.float64
    assert margin.flags.f_contiguous
    assert margin.shape == data.posterior.shape
    assert not margin.any()


@pytest.mark.library_fact
def test_fact_parameters_are_deep_copied(make_data):
    data = make_data("binary", n=200)

    class Plain:
        calls = 0

        def __call__(self, margin, data):
            self.calls += 1
            return np.zeros_like(margin), np.ones_like(margin)

    plain = Plain()
    lgb.train({"objective": plain, **QUIET}, lgb.Dataset(data.X, data.y), 2)
    assert plain.calls == 0


@pytest.mark.library_fact
def test_fact_weights_do_not_multiply_a_custom_gradient(make_data):
    data = make_data("binary", n=400)

    def objective(margin, dataset):
        return 1.0 / (1.0 + np.exp(-margin)) - data.y, np.full_like(margin, 0.25)

    first, second = (
        raw(lgb.train({"objective": objective, **QUIET}, lgb.Dataset(data.X, data.y, weight=w), 3), data.X)
        for w in (data.weight, None)
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.library_fact
def test_fact_softmax_hessian_has_the_factor_of_the_number_of_classes(make_data):
    data = make_data("multiclass")

    def train_with(factor):
        def objective(margin, dataset):
            p = softmax(margin)
            return np.asfortranarray(p - np.eye(3)[data.y.astype(int)]), np.asfortranarray(factor * p * (1 - p))

        params = {**BUILT_IN["multiclass"], **QUIET, "objective": objective}
        return raw(lgb.train(params, lgb.Dataset(data.X, data.y), 5), data.X)

    params = {**BUILT_IN["multiclass"], **QUIET, "boost_from_average": False}
    built_in = raw(lgb.train(params, lgb.Dataset(data.X, data.y), 5), data.X)
    np.testing.assert_allclose(train_with(1.5), built_in, rtol=0, atol=1e-9)
    assert np.abs(train_with(2.0) - built_in).max() > 0.01


@pytest.mark.library_fact
def test_fact_a_custom_model_has_no_link(data):
    booster = train(bi.focal_objective(), data, rounds=2)
    assert "\nobjective=" not in booster.model_to_string()
    np.testing.assert_array_equal(booster.predict(data.X), raw(booster, data.X))


@pytest.mark.library_fact
def test_fact_metrics_see_raw_scores_and_an_initial_model(data):
    spied = []

    def feval(margin, dataset):
        spied.append(margin.copy())
        return "spied", 0.0, False

    objective = bi.focal_objective()
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    params = {**objective.lightgbm_params(data.y), **QUIET}
    start = objective.lightgbm_start(data.X, data.y)
    booster = lgb.train(params, dataset, 3, init_model=start, valid_sets=[dataset], feval=feval)
    np.testing.assert_allclose(spied[-1], raw(booster, data.X), rtol=0, atol=1e-12)


@pytest.mark.library_fact
def test_fact_what_a_booster_knows_of_its_start_in_the_first_round(make_data):
    data = make_data("binary", n=100)
    found = []

    def objective(margin, dataset):
        booster = sys._getframe(1).f_locals["self"]
        frame = sys._getframe(1)
        while frame.f_globals["__name__"] != "lightgbm.engine":
            frame = frame.f_back
        given = frame.f_locals["init_model"] is not None
        found.append((booster.train_set.get_init_score() is not None, booster.current_iteration(), given))
        assert booster.params["scale_pos_weight"] == 3.0
        assert len(frame.f_locals["valid_sets"]) == 1
        assert frame.f_locals["feval"] is None
        return np.zeros_like(margin), np.ones_like(margin)

    def train(score=None, **options):
        dataset = lgb.Dataset(data.X, data.y, init_score=score, free_raw_data=False)
        params = {**QUIET, "objective": objective, "scale_pos_weight": 3.0}
        lgb.train(params, dataset, 1, valid_sets=[dataset], **options)

    train()
    train(np.zeros(100))
    train(init_model=bi.focal_objective().lightgbm_start(data.X, data.y))
    assert found == [(False, 0, False), (True, 0, False), (True, 1, True)]
