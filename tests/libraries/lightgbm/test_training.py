"""LightGBM's native interface trains every loss from the loss's own start."""

import copy
import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.common import Recorder, over_losses
from tests.libraries.lightgbm.common import BUILT_IN, IS_RECENT, QUIET, linked, log_loss, raw, train

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


METRICS = [
    bi.metrics.average_precision(),
    bi.metrics.balanced_accuracy(),
    bi.metrics.f1(),
    bi.metrics.f1(1),
    bi.metrics.matthews_correlation(),
    bi.metrics.geometric_mean(),
]


def assert_same(own, built_in):
    """To the last bit; but LightGBM before 4.7 adds its start to the first trees, whose sums then round otherwise."""
    if IS_RECENT:
        np.testing.assert_array_equal(own, built_in)
    else:
        np.testing.assert_allclose(own, built_in, rtol=0, atol=1e-14)


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


@pytest.mark.parametrize(("options", "weighted"), [({}, True), *((options, False) for options in SAMPLINGS)], ids=str)
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


def test_init_score_is_what_the_loss_begins_with(data):
    objective = bi.focal_objective()
    score = np.random.default_rng(0).normal(size=data.posterior.shape)
    recorder = Recorder(objective)
    params = {**objective.lightgbm_params(data.y), **QUIET, "objective": recorder}
    lgb.train(params, lgb.Dataset(data.X, data.y, init_score=score), 1)
    np.testing.assert_array_equal(recorder.margins[0], score)


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
@over_losses
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
