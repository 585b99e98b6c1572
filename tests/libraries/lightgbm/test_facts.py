"""What the package relies on in LightGBM itself."""

import sys

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.lightgbm.common import BUILT_IN, QUIET, raw, softmax, train

lgb = pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


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
