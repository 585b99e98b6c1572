"""The diagonal of a softmax's Hessian is what this XGBoost takes it for."""

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.libraries import xgboost
from tests.libraries.common import Recorder
from tests.libraries.xgboost.common import SOFTMAX_HESSIANS, predict, softmax, train, train_by_hand

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")


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
