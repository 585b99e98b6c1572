"""Any array that holds the same numbers gives the same result, and what is no loss's input is refused by name."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boost_imbalance import (
    adaptive_objective,
    asymmetric_objective,
    class_balanced_objective,
    effective_number,
    focal_objective,
    ldam_objective,
    logit_adjusted_objective,
    vector_scaling_objective,
    weighted_objective,
)

TASKS = ["binary", "multi-label", "multi-class"]
FLOATS = [np.float32, np.float64]
COLUMNS = 3


def strided(array):
    """Every second row of a larger array."""
    big = np.zeros((2 * len(array) + 1, *array.shape[1:]), array.dtype)
    big[::2][: len(array)] = array
    return big[::2][: len(array)]


def inside(array):
    """The middle columns, or elements, of a larger array."""
    big = np.zeros([size + 2 for size in array.shape], array.dtype)
    middle = big[tuple(slice(1, -1) for _ in array.shape)]
    middle[...] = array
    return middle


def unaligned(array):
    memory = bytearray(array.nbytes + 1)
    moved = np.frombuffer(memory, array.dtype, array.size, offset=1).reshape(array.shape)
    moved[...] = array
    return moved


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = {
    "as it is": lambda a: a,
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "inside another": inside,
    "backwards": lambda a: a[::-1].copy()[::-1],
    "backwards in both": lambda a: np.flip(np.flip(a).copy()),
    "transposed": lambda a: a.T.copy().T,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "read-only": read_only,
    "unaligned": unaligned,
    "list": lambda a: a.tolist(),
    "pandas": lambda a: (pd.Series if a.ndim == 1 else pd.DataFrame)(a, index=np.arange(len(a))[::-1]),
}
LABEL_TYPES = [np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float16, np.float32, np.float64, np.longdouble]


def arrays(task, n, seed=0, dtype=np.float64):
    """Margins that float32 holds, labels and sample weights."""
    rng = np.random.default_rng(seed)
    columns = {"binary": (), "multi-label": (COLUMNS,), "multi-class": (COLUMNS,)}[task]
    margin = rng.normal(scale=4.0, size=(n, *columns)).astype(np.float32).astype(dtype)
    label = rng.integers(0, 3 if task == "multi-class" else 2, n if task != "multi-label" else (n, COLUMNS))
    return margin, label, rng.integers(1, 9, n) / 4


def outputs(objective, margin, label, weight):
    return [
        objective.loss(margin, label, weight),
        *objective.gradient_hessian(margin, label, weight),
        objective.probability(margin),
    ]


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def fitted(task, **options):
    label = {"binary": [0, 1], "multi-label": [[0, 1, 1], [1, 0, 1]], "multi-class": [0, 1, 2]}
    return focal_objective(1.5, **options).fit(label[task])


@settings(deadline=None, max_examples=60)
@given(
    task=st.sampled_from(TASKS),
    n=st.integers(1, 40),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(FLOATS),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 3),
    label_type=st.sampled_from(LABEL_TYPES),
    weighted=st.booleans(),
)
def test_layout_and_type_do_not_matter(task, n, seed, dtype, layouts, label_type, weighted):
    margin, label, weight = arrays(task, n, seed, dtype)
    objective = fitted(task)
    expected = outputs(objective, margin, label, weight if weighted else None)
    for result, shape in zip(expected, (label.shape, *[margin.shape] * 3), strict=True):
        assert result.dtype == dtype
        assert result.shape == shape
    of_margin, of_label, of_weight = (LAYOUTS[name] for name in layouts)
    if layouts[0] == "list":
        of_margin = LAYOUTS["as it is"]  # a list has no float32
    given_weight = of_weight(weight) if weighted else None
    before = margin.copy(), label.copy(), weight.copy()
    same(outputs(objective, of_margin(margin), of_label(label.astype(label_type)), given_weight), expected)
    same((margin, label, weight), before)


@pytest.mark.parametrize("task", TASKS)
def test_floats_decide_the_type_of_the_result(task):
    margin, label, weight = arrays(task, 30)
    objective = fitted(task)
    for kind in (np.float32, np.float64, ">f4", ">f8"):
        for result in outputs(objective, margin.astype(kind), label, weight.astype(np.float64)):
            assert result.dtype == np.dtype(kind).newbyteorder("=")
    assert objective.loss(margin.round().astype(int), label).dtype == np.float64
    coarse = outputs(objective, margin.astype(np.float32), label, weight)
    for one, other in zip(coarse, outputs(objective, margin, label, weight), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_boolean_labels_and_negative_zero():
    margin, label, weight = arrays("binary", 50)
    expected = outputs(focal_objective(), margin, label, weight)
    same(outputs(focal_objective(), margin, label.astype(bool), weight), expected)
    same(outputs(focal_objective(), margin, np.where(label == 0, -0.0, 1.0), weight), expected)


def test_one_column_is_the_binary_task():
    margin, label, weight = arrays("binary", 20)
    expected = outputs(focal_objective(), margin, label, weight)
    columns = outputs(focal_objective(), margin[:, None], label[:, None], weight)
    for one, other in zip(columns, expected, strict=True):
        np.testing.assert_array_equal(one.ravel(), other)
    same(
        outputs(focal_objective(), [[0.25]], [[1]], None)[1:],
        [o[:, None] for o in outputs(focal_objective(), [0.25], [1], None)[1:]],
    )


def test_weights_per_label_are_those_of_each_column():
    margin, label, _ = arrays("multi-label", 200)
    weight = np.random.default_rng(1).uniform(0.0, 2.0, label.shape)
    together = focal_objective(hessian="exact").gradient_hessian(margin, label, weight)
    for k in range(COLUMNS):
        alone = focal_objective(hessian="exact").gradient_hessian(margin[:, k], label[:, k], weight[:, k])
        same([part[:, k] for part in together], alone)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("task", TASKS)
def test_any_number_of_rows_and_threads(task, dtype):
    margin, label, weight = arrays(task, 80_000, dtype=dtype)  # few enough for NumPy to give all their probabilities
    whole = outputs(fitted(task, n_threads=1), margin, label, weight)
    for n_threads in (2, 7):
        same(outputs(fitted(task, n_threads=n_threads), margin, label, weight), whole)
    same(outputs(fitted(task, n_threads=3), np.asfortranarray(margin), label, weight), whole)
    first = 0
    for n in (1, 15, 16, 17, 31, 680, 681, 1023, 1024, 1025, 2047, 2730, 2731, 40_000):
        rows = slice(first, first + n)
        same(outputs(fitted(task), margin[rows], label[rows], weight[rows]), [part[rows] for part in whole])
        first += n


@pytest.mark.parametrize("n_classes", [2, 3, 17, 200, 1000])
def test_any_number_of_classes(n_classes):
    rng = np.random.default_rng(0)
    margin, label = rng.normal(size=(70, n_classes)), rng.integers(0, n_classes, 70)
    for mode in ("positive_terms", "expected"):
        objective = focal_objective(2.0, hessian=mode).fit([0, 1], n_classes=n_classes)
        order = rng.permutation(n_classes)
        place = np.argsort(order)
        gradient, hessian = objective.gradient_hessian(margin, label)
        moved_gradient, moved_hessian = objective.gradient_hessian(margin[:, order], place[label])
        np.testing.assert_allclose(moved_gradient, gradient[:, order], rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(moved_hessian, hessian[:, order], rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(objective.probability(margin).sum(axis=1), 1.0, rtol=1e-12)


MARGIN, LABEL = np.array([0.5, -1.0, 2.0]), np.array([0, 1, 1])
MARGINS, CLASSES, INDICATORS = np.zeros((3, 3)), np.array([0, 1, 2]), np.eye(3)
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


def test_a_huge_number_of_threads_costs_nothing():
    assert focal_objective(n_threads=10**12).loss(MARGIN, LABEL).shape == (3,)


def test_arrays_on_a_device_are_brought_to_the_host(monkeypatch):
    monkeypatch.setattr("boost_imbalance.kernels.cuda.arrays.is_usable", lambda: False)  # it would look at the memory

    class OnDevice:
        """What matters of a CuPy array, which NumPy refuses to convert by itself."""

        def __init__(self, array):
            self.array = np.asarray(array)
            self.__cuda_array_interface__ = {"version": 3}

        def get(self):
            return self.array

        def __array__(self, *args, **kwargs):
            raise TypeError("implicit conversion")

    objective = focal_objective(device="cpu")
    weight = np.arange(1.0, len(LABEL) + 1)
    own = objective.gradient_hessian(OnDevice(MARGIN), OnDevice(LABEL), OnDevice(weight))
    np.testing.assert_array_equal(own, objective.gradient_hessian(MARGIN, LABEL, weight))


def test_the_old_name_of_a_hessian_still_works_and_warns():
    with pytest.warns(FutureWarning, match="hessian='bound' is now called 'positive_terms'") as seen:
        objective = focal_objective(hessian="bound")
    assert seen[0].filename == __file__
    assert objective == focal_objective(hessian="positive_terms")
