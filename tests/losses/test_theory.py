"""What the papers and the algebra say of these losses: limits, invariances, starts and calibrated probabilities."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.utils.class_weight import compute_class_weight

from boost_imbalance import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    effective_number,
    focal_objective,
    logit_adjusted_objective,
    weighted_objective,
)

MODES = [
    pytest.param(mode, marks=[pytest.mark.slow] * (mode != "positive_terms"))
    for mode in ("exact", "expected", "positive_terms", "absolute", "reweighted", "residual", "safeguarded")
]
TASKS = ["binary", "multi-label", "multi-class"]
LOSSES = {
    "cross-entropy": lambda **o: weighted_objective(None, **o),
    "balanced": lambda **o: weighted_objective("balanced", **o),
    "balanced focal": lambda **o: weighted_objective("balanced", gamma=1.5, **o),
    "focal": lambda **o: focal_objective(2.0, **o),
    "focal, gamma 0.5": lambda **o: focal_objective(0.5, **o),
    "asymmetric": lambda **o: asymmetric_objective(0.5, 2.5, 0.05, **o),
    "asymmetric, margin 0": lambda **o: asymmetric_objective(1.0, 2.5, 0.0, **o),
    "class-balanced": lambda **o: class_balanced_objective(0.99, 1.0, **o),
    "logit-adjusted": lambda **o: logit_adjusted_objective(1.0, **o),
    "logit-adjusted focal": lambda **o: logit_adjusted_objective(0.5, gamma=2.0, **o),
    "adaptive": lambda **o: adaptive_objective(**o),
}


def training_labels(task):
    rng = np.random.default_rng(3)
    if task == "binary":
        return (rng.random(500) < 0.08).astype(int)
    if task == "multi-label":
        return (rng.random((500, 3)) < [0.03, 0.3, 0.6]).astype(int)
    return rng.choice(4, 500, p=[0.6, 0.25, 0.1, 0.05])


def random_margins(task, n=40, scale=3.0, seed=0):
    rng = np.random.default_rng(seed)
    shape = {"binary": n, "multi-label": (n, 3), "multi-class": (n, 4)}[task]
    label = {"binary": lambda: rng.integers(0, 2, n), "multi-label": lambda: rng.integers(0, 2, (n, 3))}
    return rng.normal(scale=scale, size=shape), label.get(task, lambda: rng.integers(0, 4, n))()


def both(one, other, margin, label, rtol=1e-12):
    """The two objectives agree in loss, gradient and Hessian."""
    np.testing.assert_allclose(one.loss(margin, label), other.loss(margin, label), rtol=rtol)
    for ours, theirs in zip(one.gradient_hessian(margin, label), other.gradient_hessian(margin, label), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, "positive_terms") for name in LOSSES),
        *(
            pytest.param(name, *mode.values, marks=mode.marks)
            for name in ("focal", "asymmetric")
            for mode in MODES
            if mode.marks
        ),
    ],
)
def test_softmax_does_not_see_a_common_shift(name, mode):
    objective = LOSSES[name](hessian=mode).fit(training_labels("multi-class"))
    margin, label = random_margins("multi-class")
    margin = np.round(margin * 64) / 64
    shift = np.array([[-50.0], [0.5], [7.0], [300.0]] * 10)
    np.testing.assert_allclose(objective.loss(margin + shift, label), objective.loss(margin, label), rtol=1e-9)
    before, after = objective.gradient_hessian(margin, label), objective.gradient_hessian(margin + shift, label)
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(objective.probability(margin + shift), objective.probability(margin), rtol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_softmax_gradient_sums_to_zero(name):
    objective = LOSSES[name]().fit(training_labels("multi-class"))
    gradient, _ = objective.gradient_hessian(*random_margins("multi-class"))
    np.testing.assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-13)


def test_two_classes_of_a_softmax_are_a_sigmoid_of_their_difference():
    margin, label = random_margins("binary")
    pair = np.stack([np.zeros_like(margin), margin], axis=1)
    for gamma in (0.0, 0.5, 2.0):
        one, two = focal_objective(gamma, hessian="exact"), focal_objective(gamma, hessian="exact")
        np.testing.assert_allclose(two.loss(pair, label), one.loss(margin, label), rtol=1e-12)
        for of_pair, of_one in zip(two.gradient_hessian(pair, label), one.gradient_hessian(margin, label), strict=True):
            np.testing.assert_allclose(of_pair[:, 1], of_one, rtol=1e-10)


@pytest.mark.parametrize(("beta", "expected", "ratio"), [(0.9999, [3934.85, 99.51], 39.5), (0.999, [993.28, 95.21], 10.4)])
def test_effective_numbers_of_long_tailed_cifar(beta, expected, ratio):
    effective = effective_number([5000, 100], beta)
    np.testing.assert_allclose(effective, expected, atol=0.005)
    assert effective[0] / effective[1] == pytest.approx(ratio, abs=0.05)


def test_effective_number_at_its_limits():
    n = np.array([1.0, 10.0, 1e3, 1e7])
    np.testing.assert_allclose(effective_number(n, 0.0), 1.0)
    np.testing.assert_allclose(effective_number(n, 1 - 1e-12), n, rtol=1e-4)
    np.testing.assert_allclose(effective_number(1.0, 0.37), 1.0, rtol=1e-14)
    # By its recursion E_n = 1 + beta E_(n-1), which cannot cancel.
    for beta in (0.5, 0.99, 1 - 1e-9):
        e = 0.0
        for count in range(1, 200):
            e = 1.0 + beta * e
            assert effective_number(count, beta) == pytest.approx(e, rel=1e-12)


def test_class_balanced_weights_are_inverse_effective_numbers_that_sum_to_their_count():
    label = np.repeat([0, 1, 2], [5000, 500, 50])
    objective = class_balanced_objective(0.999).fit(label)
    weight = objective.loss(np.zeros((3, 3)), [0, 1, 2]) / np.log(3)
    inverse = (1 - 0.999) / (1 - 0.999 ** np.array([5000, 500, 50]))
    np.testing.assert_allclose(weight, 3 * inverse / inverse.sum(), rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("task", TASKS)
def test_cross_entropy_is_where_every_loss_begins(task, mode):
    plain, label = weighted_objective(None, hessian=mode), training_labels(task)
    with_counts = [
        logit_adjusted_objective(0.0, hessian=mode).fit(label),
        class_balanced_objective(0.0, hessian=mode).fit(label),
    ]
    for same in (focal_objective(0.0, hessian=mode), adaptive_objective(hessian=mode), *with_counts):
        both(same, plain, *random_margins(task))


@pytest.mark.parametrize("gamma", [1e-9, 1e-12])
@pytest.mark.parametrize("task", TASKS)
def test_focal_loss_is_continuous_in_gamma_at_zero(task, gamma):
    both(focal_objective(gamma, hessian="exact"), weighted_objective(None, hessian="exact"), *random_margins(task), 1e-6)


@pytest.mark.parametrize(
    ("task", "gamma", "mode"),
    [
        *(pytest.param("binary", gamma, *mode.values, marks=mode.marks) for gamma in (0.0, 0.5) for mode in MODES),
        # A whole number is compiled in, and several labels are further apart in memory, whatever the Hessian.
        ("binary", 2.0, "positive_terms"),
        pytest.param("binary", 2.0, "exact", marks=pytest.mark.slow),
        ("multi-label", 0.5, "positive_terms"),
    ],
)
def test_asymmetric_with_equal_sides_is_focal(task, gamma, mode):
    one, other = asymmetric_objective(gamma, gamma, 0.0, hessian=mode), focal_objective(gamma, hessian=mode)
    both(one, other, *random_margins(task), rtol=1e-10)
    if mode == "expected" and gamma > 0:
        return  # with a flat part there is another belief to average over
    # A margin of almost nothing takes the shifted formula to the same limit.
    shifted = asymmetric_objective(gamma, gamma, 1e-13, hessian=mode)
    both(shifted, other, *random_margins(task, scale=1.5), rtol=1e-6)


def test_negatives_below_the_margin_cost_nothing():
    margin = np.log(np.array([1e-9, 0.01, 0.0499]) / (1 - np.array([1e-9, 0.01, 0.0499])))
    objective = asymmetric_objective(0.0, 4.0, 0.05, hessian="exact")
    assert not objective.loss(margin, np.zeros(3)).any()
    assert not np.any(objective.gradient_hessian(margin, np.zeros(3)))
    assert (objective.loss(margin, np.ones(3)) > 2.99).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", LOSSES)
def test_start_minimises_the_loss_and_stands_for_the_class_frequency(name, task):
    label = training_labels(task)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, len(label))
    objective = LOSSES[name]().fit(label, weight)
    start = objective.start(label, weight)
    shape = (len(label), np.size(start)) if task != "binary" else len(label)
    margin = np.broadcast_to(start, shape)
    gradient, _ = objective.gradient_hessian(margin, label, weight)
    assert np.max(np.abs(gradient.sum(axis=0))) <= 1e-6 * np.abs(gradient).sum(axis=0).max()
    share = label.T if task != "multi-class" else np.eye(4)[label].T
    np.testing.assert_allclose(objective.probability(margin)[0], share @ weight / weight.sum(), rtol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_start_of_cross_entropy_is_the_log_odds_of_the_class_frequency(task):
    label = training_labels(task)
    start = weighted_objective(None).start(label)
    if task == "multi-class":
        np.testing.assert_allclose(start, np.log(np.bincount(label) / len(label)), rtol=1e-12)
        assert np.logaddexp.reduce(focal_objective(2.0).start(label)) == pytest.approx(0.0, abs=1e-12)
    else:
        p = label.mean(axis=0)
        np.testing.assert_allclose(start, np.log(p / (1 - p)), rtol=1e-12)


def test_start_where_a_class_is_rare_or_absent():
    for name, make in LOSSES.items():
        label = np.zeros(100_000)
        label[0] = 1
        start = make().start(label)
        assert np.isfinite(start), name
        assert make().fit(label).probability([start])[0] == pytest.approx(1e-5, rel=1e-6), name
    for constant in (0, 1):
        assert np.isfinite(focal_objective(2.0).start([constant] * 10))
    start = focal_objective(2.0).start([0, 0, 1, 1], n_classes=3)
    assert np.isfinite(start).all()
    assert start[2] == start.min()


def simplex(rng, n, k):
    return rng.dirichlet(np.ones(k), size=n)


@pytest.mark.parametrize("name", LOSSES)
def test_probability_is_the_label_frequency_whose_expected_loss_the_margin_minimises(name):
    rng = np.random.default_rng(5)
    objective = LOSSES[name](hessian="exact").fit(training_labels("binary"))
    for eta in rng.uniform(0.02, 0.9, 8):

        def risk(z, eta=eta):
            return eta * objective.loss(z, [1])[0] + (1 - eta) * objective.loss(z, [0])[0]

        found = minimize(risk, [0.1], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-15})
        assert objective.probability(found.x)[0] == pytest.approx(eta, abs=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_probabilities_of_a_softmax_minimise_the_expected_loss(name):
    rng = np.random.default_rng(6)
    objective = LOSSES[name](hessian="exact").fit(rng.choice(3, 300, p=[0.7, 0.2, 0.1]))
    labels = np.arange(3)
    for eta in 0.06 + 0.82 * simplex(rng, 6, 3):

        def risk(z, eta=eta):
            rows = np.tile(z, (3, 1))
            return eta @ objective.loss(rows, labels), eta @ objective.gradient_hessian(rows, labels)[0]

        found = minimize(risk, np.log(eta), jac=True, method="BFGS", options={"gtol": 1e-10})
        np.testing.assert_allclose(objective.probability(found.x[None])[0], eta, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_probability_rises_with_the_margin_from_0_to_1(name):
    objective = LOSSES[name]().fit(training_labels("binary"))
    p = objective.probability(np.linspace(-90, 90, 20_001))
    assert (np.diff(p) >= -1e-15).all()
    assert (p >= 0).all()
    assert (p <= 1).all()
    assert p[0] < 1e-9
    if objective.loss([90.0], [0])[0] > 50:  # with a margin, a certain negative costs a bounded amount
        assert p[-1] > 1 - 1e-9


@pytest.mark.parametrize("task", TASKS)
def test_probability_of_cross_entropy_is_the_link(task):
    margin, _ = random_margins(task, scale=10.0)
    objective = weighted_objective(None).fit(training_labels(task))
    link = softmax(margin, axis=1) if task == "multi-class" else expit(margin)
    np.testing.assert_allclose(objective.probability(margin), link, rtol=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_probability_undoes_class_weights_and_logit_adjustment(task):
    label = training_labels(task)
    margin, _ = random_margins(task)
    balanced = weighted_objective("balanced").fit(label)
    adjusted = logit_adjusted_objective(1.0).fit(label)
    if task == "multi-class":
        frequency = np.bincount(label) / len(label)
        undone = softmax(margin + np.log(frequency), axis=1)
    else:
        frequency = label.mean(axis=0)
        undone = expit(margin + np.log(frequency / (1 - frequency)))
    np.testing.assert_allclose(balanced.probability(margin), undone, rtol=1e-12)
    np.testing.assert_allclose(adjusted.probability(margin), undone, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", LOSSES)
def test_probability_of_any_finite_margin_is_a_probability(name, task, dtype):
    objective = LOSSES[name]().fit(training_labels(task))
    values = np.array([-1e30, -1e4, -700.0, -88.0, -20.0, 0.0, 1e-30, 20.0, 88.0, 700.0, 1e4, 1e30])
    if task == "binary":
        margin = values
    else:
        margin = np.random.default_rng(0).choice(values, (300, 3 if task == "multi-label" else 4))
    p = objective.probability(margin.astype(dtype))
    assert p.dtype == dtype
    assert p.shape == margin.shape
    assert np.isfinite(p).all()
    assert (p >= 0).all()
    assert (p <= 1).all()
    if task == "multi-class":
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6 if dtype == np.float32 else 1e-12)


def weights_of(objective, task, columns=3):
    """Class weights, read off the loss: (2, columns) for label 0 and 1, or (classes,)."""
    if task == "multi-class":
        return objective.loss(np.zeros((columns, columns)), np.arange(columns)) / np.log(columns)
    if task == "binary":
        return objective.loss(np.zeros(2), [0, 1]) / np.log(2)
    return objective.loss(np.zeros((2, columns)), [[0] * columns, [1] * columns]) / np.log(2)


def test_weights_as_they_are_written_down():
    assert weights_of(weighted_objective(5.0), "binary").tolist() == pytest.approx([1, 5])
    assert weights_of(weighted_objective([2.0, 5.0]), "binary").tolist() == pytest.approx([2, 5])
    assert weights_of(weighted_objective({0: 0.5}), "binary").tolist() == pytest.approx([0.5, 1])
    assert weights_of(weighted_objective([1, 2, 3]), "multi-class").tolist() == pytest.approx([1, 2, 3])
    assert weights_of(weighted_objective({2: 7}), "multi-class").tolist() == pytest.approx([1, 1, 7])
    np.testing.assert_allclose(weights_of(weighted_objective(4.0), "multi-label"), [[1, 1, 1], [4, 4, 4]])
    np.testing.assert_allclose(weights_of(weighted_objective([2, 3, 4]), "multi-label"), [[1, 1, 1], [2, 3, 4]])
    pairs = [[1, 2], [3, 4], [5, 6]]
    np.testing.assert_allclose(weights_of(weighted_objective(pairs), "multi-label"), np.transpose(pairs))
    np.testing.assert_allclose(weights_of(weighted_objective({1: 3, 2: (5, 6)}), "multi-label"), [[1, 1, 5], [1, 3, 6]])


def test_alpha_weighs_positives_and_the_rest_of_it_negatives():
    np.testing.assert_allclose(weights_of(focal_objective(0.0, alpha=0.2), "binary"), [0.8, 0.2])
    np.testing.assert_allclose(
        weights_of(focal_objective(0.0, alpha=[0.1, 0.5, 0.7]), "multi-label"), [[0.9, 0.5, 0.3], [0.1, 0.5, 0.7]]
    )
    np.testing.assert_allclose(weights_of(focal_objective(0.0, alpha=[0.1, 0.5, 0.7]), "multi-class"), [0.1, 0.5, 0.7])
    margin, label = random_margins("binary")
    scaled, plain = focal_objective(2.0, alpha=0.2), focal_objective(2.0)
    np.testing.assert_allclose(
        scaled.loss(margin, label), np.where(label == 1, 0.2, 0.8) * plain.loss(margin, label), rtol=1e-12
    )


@pytest.mark.parametrize("task", TASKS)
def test_balanced_weights_are_those_of_scikit_learn(task):
    label = training_labels(task)
    objective = weighted_objective("balanced").fit(label)
    if task == "multi-label":
        expected = np.stack(
            [compute_class_weight("balanced", classes=np.array([0, 1]), y=column) for column in label.T], axis=1
        )
    else:
        expected = compute_class_weight("balanced", classes=np.unique(label), y=label)
    np.testing.assert_allclose(weights_of(objective, task, 4 if task == "multi-class" else 3), expected, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_sample_weights_count_as_repeated_rows(task):
    label = training_labels(task)
    repeats = np.random.default_rng(0).integers(1, 4, len(label))
    repeated = np.repeat(label, repeats, axis=0)
    for name, make in LOSSES.items():
        if name == "class-balanced":
            continue
        weighted, plain = make().fit(label, repeats), make().fit(repeated)
        both(weighted, plain, *random_margins(task), rtol=1e-9)
        np.testing.assert_allclose(weighted.start(label, repeats), plain.start(repeated), rtol=1e-6, err_msg=name)


def test_clip_weights_applies_to_the_product():
    label = np.repeat([0, 1, 2], [900, 90, 10])
    product = weights_of(weighted_objective("balanced").fit(label), "multi-class")
    clipped = weighted_objective("balanced", clip_weights=(0.5, 10.0)).fit(label)
    np.testing.assert_allclose(weights_of(clipped, "multi-class"), np.clip(product, 0.5, 10.0), rtol=1e-12)
    assert product[0] < 0.5
    assert product[2] > 10.0
    twice = focal_objective(0.0, alpha=0.5, weights=[3.0, 30.0], clip_weights=(2.0, 10.0))
    np.testing.assert_allclose(weights_of(twice, "binary"), [2.0, 10.0])


def test_everything_at_once_is_the_product_of_its_parts():
    label = training_labels("binary")
    margin, truth = random_margins("binary")
    n1, n = label.sum(), len(label)
    objective = class_balanced_objective(0.99, gamma=2.0, weights=3.0, tau=0.7, hessian="exact").fit(label)
    inverse = (1 - 0.99) / (1 - 0.99 ** np.array([n - n1, n1]))
    weight = 2 * inverse / inverse.sum() * [1.0, 3.0]
    u = margin + 0.7 * np.log(n1 / (n - n1))
    focal = focal_objective(2.0, hessian="exact")
    np.testing.assert_allclose(objective.loss(margin, truth), weight[truth] * focal.loss(u, truth), rtol=1e-12)
    for ours, part in zip(objective.gradient_hessian(margin, truth), focal.gradient_hessian(u, truth), strict=True):
        np.testing.assert_allclose(ours, weight[truth] * part, rtol=1e-11)


def test_everything_at_once_for_a_softmax():
    label = training_labels("multi-class")
    margin, truth = random_margins("multi-class")
    counts = np.bincount(label)
    objective = class_balanced_objective(0.99, gamma=2.0, weights=[1, 2, 3, 4], tau=0.7, hessian="exact").fit(label)
    inverse = (1 - 0.99) / (1 - 0.99**counts)
    weight = 4 * inverse / inverse.sum() * [1, 2, 3, 4]
    u = margin + 0.7 * np.log(counts / len(label))
    focal = focal_objective(2.0, hessian="exact")
    np.testing.assert_allclose(objective.loss(margin, truth), weight[truth] * focal.loss(u, truth), rtol=1e-12)
    for ours, part in zip(objective.gradient_hessian(margin, truth), focal.gradient_hessian(u, truth), strict=True):
        np.testing.assert_allclose(ours, weight[truth][:, None] * part, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_parameters_per_label_are_those_of_each_column_alone(mode):
    margin, label = random_margins("multi-label")
    gamma, alpha, weights = [0.0, 1.0, 2.5], [0.1, 0.5, 0.9], [1.0, 5.0, 0.2]
    together = focal_objective(gamma, alpha=alpha, weights=weights, hessian=mode)
    pushed = asymmetric_objective(gamma, gamma[::-1], 0.05, weights=weights, hessian=mode)
    for k in range(3):
        alone = focal_objective(gamma[k], alpha=alpha[k], weights=weights[k], hessian=mode)
        single = asymmetric_objective(gamma[k], gamma[2 - k], 0.05, weights=weights[k], hessian=mode)
        for many, one in ((together, alone), (pushed, single)):
            np.testing.assert_allclose(many.loss(margin, label)[:, k], one.loss(margin[:, k], label[:, k]), rtol=1e-12)
            columns = many.gradient_hessian(margin, label)
            for ours, theirs in zip(columns, one.gradient_hessian(margin[:, k], label[:, k]), strict=True):
                np.testing.assert_allclose(ours[:, k], theirs, rtol=1e-10, atol=1e-15)


def test_focusing_per_class_is_that_of_the_true_class():
    margin, label = random_margins("multi-class")
    gamma = np.array([0.0, 0.5, 2.0, 3.0])
    together = focal_objective(gamma, hessian="exact")
    for k in range(4):
        rows = label == k
        alone = focal_objective(gamma[k], hessian="exact")
        np.testing.assert_allclose(together.loss(margin, label)[rows], alone.loss(margin[rows], label[rows]), rtol=1e-12)
        for ours, theirs in zip(
            together.gradient_hessian(margin, label), alone.gradient_hessian(margin[rows], label[rows]), strict=True
        ):
            np.testing.assert_allclose(ours[rows], theirs, rtol=1e-10)


def test_logit_adjusted_argmax_is_balanced_and_its_probability_the_posterior():
    priors = np.array([0.9, 0.09, 0.01])
    posterior = simplex(np.random.default_rng(0), 200, 3)
    objective = logit_adjusted_objective(1.0, priors).fit([0, 1, 2])
    margin = np.log(posterior / priors)  # the minimiser: softmax(margin + log prior) is the posterior
    np.testing.assert_allclose(objective.probability(margin), posterior, rtol=1e-12)
    gradient = sum(posterior[:, [k]] * objective.gradient_hessian(margin, np.full(200, k))[0] for k in range(3))
    np.testing.assert_allclose(gradient, 0.0, atol=1e-14)


def test_focal_probability_is_the_published_transformation():
    """Charoenphakdee et al., theorem 11: eta_k is proportional to h(p_k), h(v) = v / ((1-v)^g - g (1-v)^(g-1) v log v)."""
    margin, _ = random_margins("multi-class")
    v, gamma = softmax(margin, axis=1), 2.0
    h = v / ((1 - v) ** gamma - gamma * (1 - v) ** (gamma - 1) * v * np.log(v))
    objective = focal_objective(gamma).fit(training_labels("multi-class"))
    np.testing.assert_allclose(objective.probability(margin), h / h.sum(axis=1, keepdims=True), rtol=1e-9)
