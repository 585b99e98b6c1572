"""Any array that holds the same numbers gives the same result."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boost_imbalance import (
    focal_objective,
)
from tests.losses.inputs.common import COLUMNS, FLOATS, LABEL, MARGIN, TASKS, arrays


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
