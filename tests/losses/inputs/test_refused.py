"""What is no loss's input is refused by name."""

import numpy as np
import pytest

from boost_imbalance import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    effective_number,
    focal_objective,
    logit_adjusted_objective,
    weighted_objective,
)
from tests.losses.inputs.common import CLASSES, INDICATORS, LABEL, MARGIN, MARGINS, TASKS, arrays

NAN, INF = np.nan, np.inf

BAD_PARAMETERS = [
    (focal_objective, {"gamma": -1.0}, "gamma is -1"),
    (focal_objective, {"gamma": NAN}, "gamma is nan"),
    (focal_objective, {"gamma": INF}, "gamma is inf"),
    (focal_objective, {"gamma": [1.0, -2.0]}, r"gamma is \[1.0, -2.0\]"),
    (focal_objective, {"gamma": []}, r"gamma is \[\]"),
    (focal_objective, {"gamma": "much"}, "gamma is 'much'"),
    (focal_objective, {"gamma": "2"}, "gamma is '2'; it must be a number"),
    (asymmetric_objective, {"gamma_neg": ["2"]}, r"gamma_neg is \['2'\]; it must be a number"),
    (focal_objective, {"gamma": None}, "gamma is None"),
    (focal_objective, {"gamma": 1j}, "gamma is 1j"),
    (weighted_objective, {"gamma": -1.0}, "gamma is -1"),
    (asymmetric_objective, {"gamma_pos": -1.0}, "gamma_pos is -1"),
    (asymmetric_objective, {"gamma_neg": NAN}, "gamma_neg is nan"),
    *[(focal_objective, {"alpha": bad}, f"alpha is {bad}") for bad in (0, 1, -0.1, 1.5, NAN)],
    *[(asymmetric_objective, {"margin": bad}, f"margin is {bad}") for bad in (-0.1, 1, 2.0, NAN)],
    (asymmetric_objective, {"margin": [0.1, 0.2]}, "margin"),
    *[(class_balanced_objective, {"beta": bad}, f"beta is {bad!r}") for bad in (1, -0.1, 1.5, NAN, "x", None)],
    (class_balanced_objective, {"beta": [0.9, 0.99]}, r"beta is \[0.9, 0.99\]"),
    *[(logit_adjusted_objective, {"tau": bad}, f"tau is {bad}") for bad in (-1, NAN, INF)],
    (logit_adjusted_objective, {"tau": [1.0, 2.0]}, "tau"),
    *[(logit_adjusted_objective, {"priors": bad}, f"priors is {bad}") for bad in (0.0, 1.0, -0.5, NAN)],
    (logit_adjusted_objective, {"priors": [0.5, 0.5, 0.0]}, r"priors is \[0.5, 0.5, 0.0\]"),
    (logit_adjusted_objective, {"priors": "half"}, "priors is 'half'"),
    *[(adaptive_objective, {"rate": bad}, f"rate is {bad}") for bad in (0, -0.5, 1.5, NAN, None)],
    (adaptive_objective, {"rate": [0.1, 0.2]}, "rate"),
    *[(weighted_objective, {"weights": bad}, f"weights is {bad}") for bad in (-1, NAN, INF, 0)],
    (weighted_objective, {"weights": [1, -3]}, r"weights is \[1, -3\]"),
    (weighted_objective, {"weights": [0, 0]}, r"weights is \[0, 0\]"),
    (weighted_objective, {"weights": {1: -3.0}}, "weights is -3"),
    (weighted_objective, {"weights": "blanced"}, "weights is 'blanced'"),
    (weighted_objective, {"weights": [[1], [1, 2]]}, "weights is "),
    *[(weighted_objective, {"clip_weights": bad}, "clip_weights is ") for bad in (3.0, (2, 1), (1, 2, 3), (-1, 2), (0, 0))],
    *[(weighted_objective, {"clip_weights": bad}, "clip_weights is ") for bad in ("ab", (1, NAN), (None, 1))],
    *[(focal_objective, {"hessian": bad}, "hessian is ") for bad in ("exakt", 3, ["exact"], True)],
    *[(focal_objective, {"scale": bad}, f"scale is {bad!r}") for bad in (0, -1.0, NAN, INF, "big", None)],
    *[(focal_objective, {"n_threads": bad}, f"n_threads is {bad!r}") for bad in (0, -2, 1.5, "2", True)],
]


def named(bad):
    make, options, _ = bad
    return f"{make.__name__}-{'-'.join(f'{key}={value}' for key, value in options.items())}"


@pytest.mark.parametrize(("make", "options", "message"), BAD_PARAMETERS, ids=map(named, BAD_PARAMETERS))
def test_bad_parameters_are_named(make, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(**options)


BAD_SHAPES = [
    (lambda: focal_objective([1.0, 2.0]), MARGINS, CLASSES, r"gamma has shape \(2,\)"),
    (lambda: focal_objective([1.0, 2.0]), MARGIN, LABEL, r"gamma has shape \(2,\)"),
    (lambda: focal_objective(alpha=0.25), MARGINS, CLASSES, "alpha is 0.25"),
    (lambda: focal_objective(alpha=[0.2, 0.3]), MARGINS, INDICATORS, r"alpha has shape \(2,\)"),
    (lambda: weighted_objective([1, 2, 3]), MARGIN, LABEL, r"weights has shape \(3,\)"),
    (lambda: weighted_objective(2.0), MARGINS, CLASSES, r"weights has shape \(\)"),
    (lambda: weighted_objective(np.ones((2, 3))), MARGINS, INDICATORS, r"weights has shape \(2, 3\)"),
    (lambda: weighted_objective({3: 2.0}), MARGINS, CLASSES, "weights has the key 3"),
    (lambda: weighted_objective({"a": 2.0}), MARGIN, LABEL, "weights has the key 'a'"),
    (lambda: weighted_objective({0: (1, 2)}), MARGIN, LABEL, "weights"),
    (lambda: logit_adjusted_objective(priors=[0.5, 0.5]), MARGINS, CLASSES, r"priors has shape \(2,\)"),
    (lambda: logit_adjusted_objective(priors=0.5), MARGINS, CLASSES, r"priors has shape \(\)"),
]


@pytest.mark.parametrize(("make", "margin", "label", "message"), BAD_SHAPES)
def test_parameters_that_do_not_fit_the_task_are_named(make, margin, label, message):
    with pytest.raises(ValueError, match=message):
        make().gradient_hessian(margin, label)
    with pytest.raises(ValueError, match=message):
        make().fit(label)


BAD_LABELS = [
    ([0, 1, 2], "label is 2"),
    ([0, 1, -1], "label is -1"),
    ([0, 1, 1.5], "label is 1.5"),
    ([0, 1, 1 + 1e-12], "label is 1.000000000001"),
    ([0, 1, NAN], "label is nan"),
    ([0, 1, INF], "label is inf"),
    ([0, 1, 1e9], "label is 1000000000"),
    ([0, 1, 1e30], r"label is 1e\+30"),
    (np.array([0, 1, 2**64 - 1], np.uint64), r"label is 1.8446744073709552e\+19"),
    (["a", "b", "a"], "label has dtype"),
    (np.array([0, 1, 1], object), "label has dtype object"),
    (np.array([0, 1, 1], complex), "label has dtype complex128"),
    (np.array(["2020-01-01"] * 3, "M8[D]"), "label has dtype datetime64"),
    (np.zeros((3, 2, 2)), r"label has shape \(3, 2, 2\)"),
    (np.float64(1.0), r"label has shape \(\)"),
    ([0, 1], "margin has 3 rows but label has 2"),
    ([], "label is empty"),
    ([[0], [1, 1], [1]], "label"),
    (None, "label has dtype object"),
    (np.zeros((3, 2)), r"label has shape \(3, 2\)"),
]


@pytest.mark.parametrize(("label", "message"), BAD_LABELS)
def test_bad_labels_are_named(label, message):
    for call in (focal_objective().loss, focal_objective().gradient_hessian):
        with pytest.raises((ValueError, TypeError), match=message):
            call(MARGIN, label)


@pytest.mark.parametrize(("label", "message"), [bad for bad in BAD_LABELS[1:15] if "uint64" not in str(bad)])
def test_bad_labels_are_named_before_a_training(label, message):
    for call in (focal_objective().fit, focal_objective().start):
        with pytest.raises((ValueError, TypeError), match=message):
            call(label)


@pytest.mark.parametrize("bad", [3, -1, 1.5, NAN, INF])
def test_bad_classes_and_indicators_are_named(bad):
    classes, indicators = np.array([0.0, bad, 2.0]), INDICATORS.copy()
    indicators[2, 1] = bad
    for label in (classes, indicators):
        with pytest.raises(ValueError, match=f"label is {float(bad)} in row"):
            focal_objective().gradient_hessian(MARGINS, label)
        with pytest.raises(ValueError, match=f"label is {float(bad)} in row"):
            focal_objective().loss(MARGINS, label)


@pytest.mark.parametrize("row", [0, 1, 1023, 1024, 39_999])
@pytest.mark.parametrize("task", TASKS)
def test_one_bad_value_is_found_wherever_it_is(task, row):
    margin, label, weight = arrays(task, 40_000)
    objective = focal_objective(n_threads=2)
    for values, bad, name in (
        (margin, NAN, "margin is nan"),
        (margin, -INF, "margin is -inf"),
        (weight, INF, "sample_weight is inf"),
    ):
        before = values[row].copy()
        values[row] = bad
        for call in (objective.loss, objective.gradient_hessian):
            with pytest.raises(ValueError, match=f"{name} in row {row}"):
                call(margin, label, weight)
        values[row] = before


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ([0.0, NAN, 0.0], "margin is nan in row 1"),
        ([0.0, 0.0, INF], "margin is inf in row 2"),
        (np.zeros(3, np.float16), "margin has dtype float16"),
        (np.zeros(3, complex), "margin has dtype complex128"),
        (np.zeros(3, object), "margin has dtype object"),
        (["a", "b", "c"], "margin has dtype"),
        (np.zeros((3, 1, 1)), r"margin has shape \(3, 1, 1\)"),
        (np.float64(0.0), r"margin has shape \(\)"),
        ([], r"margin has shape \(0,\)"),
        (np.zeros((3, 0)), r"margin has shape \(3, 0\)"),
        ([[0.0], [0.0, 1.0], [0.0]], "margin"),
        (None, "margin has dtype object"),
        (np.ma.masked_array([0.0, 1e9, 0.0], [False, True, False]), "margin"),
    ],
)
def test_bad_margins_are_named(margin, message):
    objective = focal_objective()
    with pytest.raises((ValueError, TypeError), match=message):
        objective.gradient_hessian(margin, LABEL)
    with pytest.raises((ValueError, TypeError), match=message):
        objective.loss(margin, LABEL)
    with pytest.raises((ValueError, TypeError), match=message):
        objective.probability(margin)


@pytest.mark.parametrize("label", [[0, 1, 1], [1, 1, 0]])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([-1.0, 1.0, 1.0], "sample_weight is -1.0 in row 0"),
        ([NAN, 1.0, 1.0], "sample_weight is nan in row 0"),
        ([INF, 1.0, 1.0], "sample_weight is inf in row 0"),
        ([0.0, 0.0, 0.0], "sample_weight is zero in every row"),
        ([1.0, 1.0], r"sample_weight has shape \(2,\)"),
        (2.0, r"sample_weight has shape \(\)"),
        (["a", "b", "c"], "sample_weight has dtype"),
        (np.ones((3, 2)), r"sample_weight has shape \(3, 2\)"),
        (np.ma.masked_array([1.0, 1.0, 1.0], [False, True, False]), "sample_weight"),
    ],
)
def test_bad_sample_weights_are_named(weight, message, label):
    for call in (focal_objective().loss, focal_objective().gradient_hessian):
        with pytest.raises((ValueError, TypeError), match=message):
            call(MARGIN, label, weight)
    for call in (focal_objective().fit, focal_objective().start):
        with pytest.raises((ValueError, TypeError), match=message):
            call(label, weight)


def test_masked_labels_are_refused():
    label = np.ma.masked_array([0, 1, 1], [False, True, False])
    with pytest.raises((ValueError, TypeError), match="label"):
        focal_objective().loss(MARGIN, label)


@pytest.mark.parametrize("n_classes", [0, -3, 2.5, "3", NAN, 10**12, True])
def test_bad_number_of_classes_is_named(n_classes):
    with pytest.raises((ValueError, TypeError), match=f"n_classes is {n_classes!r}"):
        focal_objective().fit([0, 1], n_classes=n_classes)


@pytest.mark.parametrize(("counts", "message"), [([-5], "counts"), ([NAN], "counts"), (["a"], "counts")])
def test_bad_counts_are_named(counts, message):
    with pytest.raises((ValueError, TypeError), match=message):
        effective_number(counts, 0.9)
