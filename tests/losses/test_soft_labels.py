"""Labels between 0 and 1: a soft label is the mean of the two losses, by how much it is for each."""

import numpy as np
import pytest

import boost_imbalance as bi

LOSSES = {
    "weighted": lambda **o: bi.weighted_objective(5.0, **o),
    "cross-entropy": lambda weights=None, **o: bi.weighted_objective(weights, **o),
    "focal": lambda **o: bi.focal_objective(2.0, **o),
    "asymmetric": lambda **o: bi.asymmetric_objective(1.0, 3.0, **o),
    "logit-adjusted": lambda **o: bi.logit_adjusted_objective(priors=0.2, **o),
    "generalised": lambda **o: bi.generalized_cross_entropy_objective(0.5, **o),
    "poly1": lambda **o: bi.poly1_objective(2.0, **o),
}


@pytest.mark.parametrize(
    ("name", "hessian"),
    [
        ("focal", "positive_terms"), ("asymmetric", "positive_terms"), ("weighted", "expected"),
        *(
            pytest.param(name, hessian, marks=pytest.mark.slow)
            for name, hessian in (
                ("focal", "exact"), *((name, "positive_terms") for name in LOSSES if name not in ("focal", "asymmetric")),
            )
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("columns", [1, 3])
def test_a_soft_label_is_two_weighted_rows(name, hessian, columns):
    rng = np.random.default_rng(0)
    shape = (200,) if columns == 1 else (200, columns)
    margin, soft, weight = rng.normal(size=shape) * 4, rng.random(shape), rng.uniform(0.5, 2.0, 200)
    soft.flat[:20] = 1.0
    soft.flat[20:40] = 0.0
    objective = LOSSES[name](hessian=hessian)
    if name == "logit-adjusted" and columns > 1:
        objective = objective.replace(priors=[0.2] * columns)
    wide = weight if columns == 1 else weight[:, None]
    ones, zeros = (objective.gradient_hessian(margin, np.full(shape, k)) for k in (1.0, 0.0))
    expected = [wide * (soft * one + (1.0 - soft) * zero) for one, zero in zip(ones, zeros, strict=True)]
    for own, values in zip(objective.gradient_hessian(margin, soft, weight), expected, strict=True):
        np.testing.assert_allclose(own, values, rtol=1e-5, atol=1e-7)
    loss = wide * (soft * objective.loss(margin, np.ones(shape)) + (1.0 - soft) * objective.loss(margin, np.zeros(shape)))
    np.testing.assert_allclose(objective.loss(margin, soft, weight), loss, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "hessian"),
    [("focal", "exact"), ("cross-entropy", "positive_terms"), ("asymmetric", "expected")],
)
def test_class_probabilities_are_weighted_rows_of_each_class(name, hessian):
    rng = np.random.default_rng(0)
    margin, shares = rng.normal(size=(150, 4)) * 3, rng.dirichlet(np.full(4, 0.5), size=150).astype(np.float32)
    objective = LOSSES[name](hessian=hessian, weights=[1.0, 2.0, 0.5, 3.0]).fit(shares, n_classes=4)
    each = [objective.gradient_hessian(margin, np.full(150, k)) for k in range(4)]
    for i, own in enumerate(objective.gradient_hessian(margin, shares)):
        np.testing.assert_allclose(own, sum(shares[:, [k]] * each[k][i] for k in range(4)), rtol=2e-5, atol=1e-6)
    loss = sum(shares[:, k] * objective.loss(margin, np.full(150, k)) for k in range(4))
    np.testing.assert_allclose(objective.loss(margin, shares), loss, rtol=1e-5)
    assert objective.counts.soft
    np.testing.assert_allclose(objective.counts.priors, shares.mean(axis=0), rtol=1e-6)
    with pytest.raises(ValueError, match=r"label sums to 0\.5 in row 0; class probabilities sum to 1"):
        objective.fit(np.full((3, 4), 0.125), n_classes=4)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("focal", "asymmetric"))) for name in LOSSES]
)
def test_smoothing_moves_labels_towards_the_mean(name):
    rng = np.random.default_rng(0)
    margin, label = rng.normal(size=100) * 3, rng.integers(0, 2, size=100).astype(float)
    smooth, plain = LOSSES[name](smoothing=0.2), LOSSES[name]()
    moved = 0.8 * label + 0.1
    for own, expected in zip(
        [smooth.loss(margin, label), *smooth.gradient_hessian(margin, label)],
        [plain.loss(margin, moved), *plain.gradient_hessian(margin, moved)],
        strict=True,
    ):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_smoothing_of_several_classes():
    rng = np.random.default_rng(0)
    margin, label = rng.normal(size=(100, 5)), rng.integers(0, 5, size=100)
    moved = (0.7 * np.eye(5)[label] + 0.3 / 5).astype(np.float32)
    plain = bi.focal_objective(1.0).fit(moved, n_classes=5)
    smooth = bi.focal_objective(1.0, smoothing=0.3)
    for own, expected in zip(smooth.gradient_hessian(margin, label), plain.gradient_hessian(margin, moved), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("columns", [1, 3])
def test_a_training_with_soft_labels_is_one_with_repeated_rows(library, columns):
    module = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 8, size=(300, 3)).astype(float)
    # Shares that are whole eighths: float32 adds the repeated rows up without rounding.
    soft = np.clip(rng.integers(0, 9, size=(300, columns)) + X[:, [0]] - 4, 0, 8) / 8
    soft = soft[:, 0] if columns == 1 else soft
    objective = bi.focal_objective(1.0, hessian="exact", n_threads=1)
    if library == "xgboost":
        data = module.DMatrix(X, soft)
        params = {**objective.xgboost_params(soft), "max_depth": 3, "tree_method": "exact", "nthread": 1}
        booster = module.train(params, data, 5, obj=objective)
        margin = booster.predict(data, output_margin=True)
    else:
        data = module.Dataset(X, soft) if columns == 1 else bi.multilabel_dataset(X, soft)
        params = {**objective.lightgbm_params(soft), "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 1}
        booster = module.train(params, data, 5, init_model=objective.lightgbm_start(X, soft))
        margin = booster.predict(X, raw_score=True)
    fitted = objective.fit(soft)
    start = np.broadcast_to(np.asarray(objective.start(soft)), soft.shape)
    np.testing.assert_allclose(fitted.probability(start.astype(float)).mean(axis=0), soft.mean(axis=0), rtol=1e-5)
    assert fitted.mean_loss(margin, soft) < fitted.mean_loss(start, soft)
    probability = fitted.probability(margin)
    assert np.abs(probability.mean(axis=0) - soft.mean(axis=0)).max() < 0.03


def test_a_label_outside_0_and_1_is_refused():
    for value in (1.5, -0.25, np.nan):
        with pytest.raises(ValueError, match="label is"):
            bi.focal_objective().loss(np.zeros(3), [0.0, 0.5, value])


def test_moving_weights_need_classes():
    shares = np.full((4, 3), 1 / 3, np.float32)
    objective = bi.adaptive_objective().fit([0, 1, 2])
    with pytest.raises(ValueError, match=r"label has shape \(4, 3\), a probability for each class.*give class indices"):
        objective.bind(shares, n_classes=3)
