"""The GPU's kernels against the CPU's loops, in numba's simulator or on a GPU."""

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays, kernels
from boost_imbalance.losses.fitted import CURVATURES
from tests.kernels.cuda.common import CONSTRUCTORS, SIMULATED, TASKS, OnDevice, check, close, inputs

cuda = pytest.importorskip("numba.cuda")
if not arrays.is_usable():
    pytest.skip("numba-cuda finds no GPU and does not simulate one", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in scalar:RuntimeWarning")  # a GPU says nothing of them


NAMES = [
    pytest.param(name, marks=[] if name in ("class-balanced", "adaptive") else pytest.mark.slow) for name in CONSTRUCTORS
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_loss_gradient_and_hessian(task, name):
    cases = [("positive_terms", np.float32), ("expected", np.float32)]
    if name in ("focal", "asymmetric"):
        cases = [*((mode, np.float32) for mode in CURVATURES), ("exact", np.float64)]
    for mode, dtype in cases:
        margin, label, weight = inputs(task, dtype)
        objective = CONSTRUCTORS[name](hessian=mode).fit(label)
        check(objective, mode, margin, label, None)
        check(objective, mode, margin, label, weight)


@pytest.mark.parametrize(
    ("task", "name", "hessian"),
    [
        ("binary", "asymmetric", "positive_terms"),
        ("multi-label", "ldam", "exact"),
        ("multi-class", "asymmetric", "expected"),
    ],
)
@pytest.mark.slow
def test_soft_labels(task, name, hessian):
    margin, label, weight = inputs(task, np.float64)
    soft = (
        np.random.default_rng(0).dirichlet(np.ones(3), size=20) if task == "multi-class" else np.where(label > 0, 0.75, 0.0)
    )
    soft, n_classes = soft.astype(np.float32), 3 if task == "multi-class" else None
    smoothed = CONSTRUCTORS[name](hessian=hessian, smoothing=0.1)
    for objective, y in (
        (smoothed.fit(label), label),
        (smoothed.replace(smoothing=0.0).fit(soft, n_classes=n_classes), soft),
    ):
        arguments = OnDevice(margin), OnDevice(y), OnDevice(weight)
        for own, expected in zip(
            (objective.loss(*arguments), *objective.gradient_hessian(*arguments)),
            (objective.loss(margin, y, weight), *objective.gradient_hessian(margin, y, weight)),
            strict=True,
        ):
            close(own, expected, 1e-9, cancels=True)


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["33", "THREADS + 44"])
@pytest.mark.parametrize("task", TASKS[1:])
def test_many_columns(task, columns):
    columns = eval(columns, vars(kernels))
    margin, label, weight = inputs(task, np.float64, columns, rows=6 if columns == 33 else 2)
    label[0] = columns - 1 if task == "multi-class" else label[0]
    for objective in (bi.focal_objective(2.0, hessian="positive_terms"), bi.asymmetric_objective()):
        gradient, hessian = objective.gradient_hessian(margin, label, weight)
        own = objective.gradient_hessian(OnDevice(margin), OnDevice(label), OnDevice(weight))
        close(own[0], gradient, 1e-9, cancels=True)
        close(own[1], hessian, 1e-9, cancels=True)
        close(objective.loss(OnDevice(margin), OnDevice(label)), objective.loss(margin, label), 1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", TASKS)
def test_probability(task, name):
    margin, label, _ = inputs(task, np.float64)
    objective = CONSTRUCTORS[name](tau=0.5).fit(label)
    for values, tolerance in ((margin, 1e-12), (margin.astype(np.float32), 1e-6), (np.asfortranarray(margin), 1e-12)):
        own = objective.probability(OnDevice(values))
        assert arrays.is_on_device(own)
        close(own, objective.probability(values), tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("columns", ["33", "THREADS + 44"])
@pytest.mark.parametrize("task", TASKS[1:])
def test_probability_of_many_columns(task, columns):
    columns = eval(columns, vars(kernels))
    margin, label, _ = inputs(task, np.float64, columns, rows=6)
    label = np.arange(columns) if task == "multi-class" else label
    for objective in (bi.focal_objective(2.0), bi.asymmetric_objective()):
        objective = objective.fit(label)
        close(objective.probability(OnDevice(margin)), objective.probability(margin), 1e-11)


@pytest.mark.parametrize("rows", ["1", "THREADS - 1", "THREADS", "THREADS + 1", "2 * THREADS + 44"])
@pytest.mark.parametrize("task", TASKS)
def test_every_row_once(task, rows):
    rows = eval(rows, vars(kernels))
    margin, label, weight = inputs(task, np.float32, rows=rows)
    objective = bi.focal_objective(2.0, hessian="positive_terms")
    for own, expected in zip(
        objective.gradient_hessian(OnDevice(margin), OnDevice(label), OnDevice(weight)),
        objective.gradient_hessian(margin, label, weight),
        strict=True,
    ):
        close(own, expected, 1e-5, cancels=True)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_memory_orders_and_formats(task):
    margin, label, weight = inputs(task, np.float64)
    objective = bi.focal_objective(2.0)
    expected = objective.gradient_hessian(margin, label, weight)
    wide = np.repeat(margin, 2, axis=0)[::2] if SIMULATED else margin
    variants = (
        (np.asfortranarray(margin), label.astype(np.int64), weight.astype(np.float64)),
        (wide, label.astype(bool) if task != "multi-class" else label.astype(np.uint8), weight[:, None]),
        (margin, label[:, None] if label.ndim == 1 else label, weight),
    )
    for m, y, w in variants:
        if task == "multi-label" and w.ndim == 2:
            w = np.repeat(w, 3, axis=1)
        for own, value in zip(objective.gradient_hessian(OnDevice(m), OnDevice(y), OnDevice(w)), expected, strict=True):
            close(own, value, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "name", ["adaptive", *(pytest.param(one, marks=pytest.mark.slow) for one in ("weighted", "cross-entropy"))]
)
def test_rounds_of_a_training(task, name):
    margin, label, weight = inputs(task)
    ours, theirs = CONSTRUCTORS[name](device="cuda"), CONSTRUCTORS[name](device="cpu")
    on_device, on_host = ours.bind(label, weight), theirs.bind(label, weight)
    for step in (0.0, 0.25, 0.5):
        for own, expected in zip(on_device(margin + step), on_host(margin + step), strict=True):
            assert isinstance(own, np.ndarray)
            close(own, expected, 1e-5, cancels=True)
    assert ours.metric.value(margin, label, weight) == pytest.approx(theirs.metric.value(margin, label, weight), rel=1e-5)


def test_formats_that_a_kernel_cannot_read():
    margin, label, _ = inputs("binary")
    with pytest.raises(TypeError, match="margin has dtype int64; on a GPU give float32 or float64"):
        bi.focal_objective().loss(OnDevice(margin.astype(np.int64)), OnDevice(label))
    with pytest.raises(TypeError, match="margin has dtype int64; on a GPU give float32 or float64"):
        bi.focal_objective().probability(OnDevice(margin.astype(np.int64)))
    with pytest.raises(TypeError, match="margin has dtype float16"):
        bi.focal_objective().loss(OnDevice(margin.astype(np.float16)), OnDevice(label))
