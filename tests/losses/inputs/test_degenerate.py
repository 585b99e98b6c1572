"""Classes without rows, labels that never change, and weights of any size."""

import numpy as np
import pytest

from boost_imbalance import (
    class_balanced_objective,
    focal_objective,
    ldam_objective,
    logit_adjusted_objective,
    vector_scaling_objective,
    weighted_objective,
)
from tests.losses.inputs.common import CLASSES, FLOATS, LABEL, MARGIN, MARGINS

BY_COUNTS = [
    weighted_objective, class_balanced_objective, logit_adjusted_objective, ldam_objective, vector_scaling_objective,
]  # fmt: skip


@pytest.mark.parametrize("make", BY_COUNTS[:4])
def test_a_class_without_rows_changes_nothing_for_the_others(make):
    """With its margin far below, a softmax over one class more is that over the classes with rows."""
    rng = np.random.default_rng(0)
    label = rng.choice(3, 200, p=[0.7, 0.2, 0.1])
    margin = rng.normal(size=(200, 3))
    wider = np.insert(margin, 1, -60.0, axis=1)
    with_gap = np.array([0, 2, 3])[label]
    weight = rng.uniform(0.5, 2.0, 200)
    own, reference = make(hessian="exact").fit(with_gap, weight), make(hessian="exact").fit(label, weight)
    np.testing.assert_allclose(own.loss(wider, with_gap), reference.loss(margin, label), rtol=1e-9)
    others = [0, 2, 3]
    for found, expected in zip(
        own.gradient_hessian(wider, with_gap), reference.gradient_hessian(margin, label), strict=True
    ):
        np.testing.assert_allclose(found[:, others], expected, rtol=1e-7, atol=1e-12)
    begun = own.probability(own.start(with_gap, weight)[None])[0]
    assert begun[1] < 1e-5
    np.testing.assert_allclose(begun[others], reference.probability(reference.start(label, weight)[None])[0], rtol=1e-4)
    assert own.start(with_gap, weight).argmin() == 1  # nor does the largest margin choose it


@pytest.mark.parametrize("make", BY_COUNTS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_label_that_never_changes_leaves_the_others_as_they_are(make, weighted):
    rng = np.random.default_rng(0)
    label = np.column_stack([rng.random(100) < 0.2, np.zeros(100), np.ones(100)]).astype(int)
    margin = rng.normal(size=(100, 3))
    weight = rng.uniform(0.5, 2.0, 100) if weighted else None
    objective = make(hessian="exact").fit(label, weight)
    alone = make(hessian="exact").fit(label[:, 0], weight)
    np.testing.assert_allclose(objective.loss(margin, label)[:, 0], alone.loss(margin[:, 0], label[:, 0]), rtol=1e-12)
    assert np.isfinite(objective.gradient_hessian(margin, label)).all()
    begun = objective.probability(np.array([objective.start(label, weight)]))[0]
    assert begun[1] < 1e-5
    assert begun[2] > 1 - 1e-5
    for k in (1, 2):
        single = make().fit(label[:, k], weight)
        assert single.probability([single.start(label[:, k], weight)])[0] == pytest.approx(begun[k], abs=1e-9)
    if make in (weighted_objective, class_balanced_objective, logit_adjusted_objective):
        plain = weighted_objective(None).loss(margin, label)
        np.testing.assert_allclose(objective.loss(margin, label)[:, 1:], plain[:, 1:], rtol=1e-12)


def test_balanced_weights_are_of_the_classes_with_rows():
    weights = weighted_objective("balanced").fit([0, 0, 0, 2], n_classes=4).fitted.class_weights[0]
    np.testing.assert_allclose(weights, [4 / (2 * 3), 1.0, 4 / (2 * 1), 1.0])
    weights = class_balanced_objective(0.9).fit([0, 0, 0, 2], n_classes=4).fitted.class_weights[0]
    inverse = 1 / np.array([1 - 0.9**3, 1 - 0.9])
    np.testing.assert_allclose(weights[[0, 2]], 2 * inverse / inverse.sum())
    assert weights[1] == weights[3] == 1.0


def test_an_objective_keeps_to_the_task_it_was_fitted_to():
    objective = focal_objective().fit(LABEL)
    with pytest.raises(ValueError, match=r"margin has shape \(3, 3\)"):
        objective.loss(MARGINS, CLASSES)
    with pytest.raises(ValueError, match=r"margin has shape \(3, 3\)"):
        objective.probability(MARGINS)
    with pytest.raises(ValueError, match=r"fit\(label\)"):
        weighted_objective().probability(MARGIN)
    with pytest.raises(ValueError, match=r"fit\(label\)"):
        focal_objective().probability(MARGINS)


@pytest.mark.parametrize("weights", [[0.0, 1.0], [0.0, 1.0, 1.0], 0.0, {1: 0.0}])
def test_a_class_of_weight_zero_is_refused_since_no_probability_could_be_told_of_it(weights):
    for make in (weighted_objective, lambda weights: focal_objective(weights=weights)):
        with pytest.raises(ValueError, match=r"weights is .*positive"):
            make(weights)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("weight", [5e-324, 1e-310, 1e-40, 1e30])
@pytest.mark.parametrize("dtype", FLOATS)
def test_sample_weights_of_any_size_keep_start_and_probability(weight, dtype):
    label = np.array([0, 0, 0, 1])
    for make in (weighted_objective, focal_objective, logit_adjusted_objective):
        equal, tiny = make().fit(label), make().fit(label, np.full(4, weight))
        assert tiny.start(label, np.full(4, weight)) == pytest.approx(equal.start(label), rel=1e-6)
        margin = np.zeros(4, dtype)
        np.testing.assert_allclose(tiny.probability(margin), equal.probability(margin), rtol=1e-6)
        assert np.isfinite(tiny.gradient_hessian(margin, label, np.full(4, weight))).all()


def test_weights_beyond_float32_do_not_turn_float32_gradients_infinite():
    with pytest.raises(ValueError, match="sample_weight is 1e\\+300 in row 0"):
        focal_objective().gradient_hessian(MARGIN.astype(np.float32), LABEL, np.full(3, 1e300))
