"""The GPU's kernels against the CPU's loops, in numba's simulator; and, on a machine with a GPU, on it."""

import json
import pickle
import warnings

import numba
import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays, kernels, runner
from boost_imbalance.kernels.expressions import evaluate
from boost_imbalance.kernels.program import Row
from boost_imbalance.libraries import xgboost as adapter
from boost_imbalance.losses import protocol
from boost_imbalance.losses.device import Copies, DeviceBuffers
from boost_imbalance.losses.fitted import CURVATURES
from tests.accuracy import assert_close, mean_over_labels, softmax_sizes

cuda = pytest.importorskip("numba.cuda")
if not arrays.is_usable():
    pytest.skip("numba-cuda finds no GPU and does not simulate one", allow_module_level=True)
SIMULATED = bool(numba.config.ENABLE_CUDASIM)
pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in scalar:RuntimeWarning")  # a GPU says nothing of them


class OnDevice:
    """What matters of a CuPy array: its interface, and that nothing converts it by accident."""

    def __init__(self, array):
        self._array = np.array(array)
        self._memory = None if SIMULATED else cuda.to_device(self._array)

    @property
    def __cuda_array_interface__(self):
        memory = self._array.__array_interface__ if SIMULATED else self._memory.__cuda_array_interface__
        return {**memory, "version": 3, "stream": None}

    def __getitem__(self, index):
        return OnDevice(self._array[index])

    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, "_array"), name)

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion")


@pytest.fixture(autouse=True, scope="module")
def _fewer_threads_in_the_simulator():
    """Each is a thread of the host there; with this many, two rows of a warp each still share a block."""
    with pytest.MonkeyPatch.context() as patch:
        if SIMULATED:
            patch.setattr(kernels, "THREADS", 64)
            runner._kernel.cache_clear()
        yield
    runner._kernel.cache_clear()


@pytest.fixture(autouse=True)
def _views_in_the_simulator(monkeypatch):
    if SIMULATED:  # whose device memory is the host's

        class View:
            def __init__(self, owner):
                self.owner, self.__array_interface__ = owner, owner.__cuda_array_interface__

        simulated = cuda.simulator.cudadrv.devicearray.FakeCUDAArray
        monkeypatch.setattr(cuda, "as_cuda_array", lambda value: simulated(np.asarray(View(value))), raising=False)


CONSTRUCTORS = {
    "weighted": lambda **o: bi.weighted_objective("balanced", **o),
    "cross-entropy": lambda **o: bi.focal_objective(0.0, **o),
    "focal": lambda **o: bi.focal_objective(2.0, clip_weights=(0.5, 2.0), weights="balanced", **o),
    "asymmetric": lambda **o: bi.asymmetric_objective(1.0, 2.5, **o),
    "asymmetric, gamma_pos 0": lambda **o: bi.asymmetric_objective(**o),
    "asymmetric, margin 0": lambda **o: bi.asymmetric_objective(1.0, 2.5, 0.0, **o),
    "class-balanced": lambda **o: bi.class_balanced_objective(0.99, 1.0, **o),
    "logit-adjusted": lambda **o: bi.logit_adjusted_objective(gamma=0.5, **o),
    "adaptive": lambda **o: bi.adaptive_objective(0.5, **o),
    "ldam": lambda **o: bi.ldam_objective(2.0, **o),
}
TASKS = ("binary", "multi-class", "multi-label")
NAMES = [
    pytest.param(name, marks=[] if name in ("class-balanced", "adaptive") else pytest.mark.slow) for name in CONSTRUCTORS
]


def inputs(task, dtype=np.float32, columns=3, rows=20, seed=0):
    rng = np.random.default_rng(seed)
    shape = rows if task == "binary" else (rows, columns)
    spread = rng.choice([0.5, 5.0, 20.0, 80.0], size=rows if task == "binary" else (rows, 1))
    margin = np.clip(rng.normal(size=shape) * spread, -80, 80)
    # Where p crosses the margin of the asymmetric loss, p - 0.05 cancels, and any float32 errs by about 1e-7 p / (p - 0.05)
    # times the focus. Of random margins 1 in 3000 is off by more than 1e-5 for it, none further than 1/8 from there.
    margin = np.where(np.abs(margin - np.log(0.05 / 0.95)) < 1 / 8, margin + 1 / 4, margin).astype(dtype)
    if task == "multi-class":
        return margin, np.resize(np.arange(columns), rows).astype(np.float32), rng.uniform(0.5, 2.0, rows).astype(np.float32)
    label = np.resize([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0], shape).astype(np.float32)
    return margin, label, rng.uniform(0.5, 2.0, rows).astype(np.float32)


def close(own, expected, tolerance, cancels=False):
    """Relative error, or, for what can cross zero, error relative to the largest of its row."""
    own, expected = arrays.to_host(own), np.asarray(expected)
    assert own.shape == expected.shape
    assert own.dtype == expected.dtype
    size = np.abs(expected)
    if cancels:
        size = size.max(axis=1, keepdims=True) if size.ndim == 2 else np.maximum(size, 1e-3)
    assert (np.abs(own - expected) <= tolerance * size + 1e-30).all()


def on_the_host(objective, mode, margin, label):
    """Loss, gradient and Hessian in float64 on the host, and the size of the terms of what can cross zero."""
    margin, fitted = margin.astype(np.float64), objective.fitted
    gradient, hessian = objective.gradient_hessian(margin, label)
    expected = {"loss": objective.loss(margin, label), "gradient": gradient, mode: hessian}
    if mode in ("exact", "expected", "absolute") or fitted.softmax:
        sizes = softmax_terms(fitted, margin) if fitted.softmax else sigmoid_terms(objective, margin)
        gradients, curvatures, belief, slopes = sizes
        if mode == "expected":
            expected["expected size"] = mean_over_labels(curvatures, belief, slopes)
        elif mode in ("exact", "absolute"):
            expected[f"{mode} size"] = own_label(curvatures, label)
        if fitted.softmax:
            expected["gradient size"] = own_label(gradients, label)
    return expected


def own_label(values, label):
    """Of values for every label, (label, ...), those for the one that was seen."""
    label = label.astype(int)
    if values.shape[1:] == label.shape:
        return np.take_along_axis(values, label[None], axis=0)[0]
    return values[label, np.arange(len(label))]


def sigmoid_terms(objective, margin):
    """Size of the terms of the Hessian for either label, the link's belief in it, and the gradient."""
    each = objective.copy(hessian="positive_terms")
    slopes, bounds = zip(*(each.gradient_hessian(margin, np.full(margin.shape, label)) for label in (0, 1)), strict=True)
    e = np.exp(margin + objective.fitted.offset.reshape(margin.shape[1:]))
    return None, np.stack(bounds), np.stack([1 / (1 + e), e / (1 + e)]), np.stack(slopes)


def softmax_terms(fitted, margin):
    """Size of the terms of gradient and Hessian for each label, and the link's belief in it."""
    u, classes = margin + fitted.offset, margin.shape[1]
    e = np.exp(u - u.max(axis=1, keepdims=True))
    p, q = e / e.sum(axis=1, keepdims=True), (e @ (1 - np.eye(classes))) / e.sum(axis=1, keepdims=True)
    t = np.log(p) - np.log(q)
    half = len(fitted.shape) // 2

    def slope_and_bound(terms, rows, log_odds):
        each = []
        for k in range(classes):
            values = {**dict(zip(fitted.formula.shape, fitted.shape[rows, k], strict=True)), "t": log_odds[:, k]}
            each.append(np.broadcast_arrays(*evaluate([terms.slope, terms.positive_terms], values), log_odds[:, k])[:2])
        return np.moveaxis(np.array(each), 0, -1)

    if_true = slope_and_bound(fitted.formula.positive, slice(half), t)
    if_false = slope_and_bound(fitted.formula.negative, slice(half, None), -t) * fitted.formula.all_classes
    weight = fitted.coefficients[Row.POSITIVE_WEIGHT]
    sizes = []
    for label in range(classes):
        slope, bound = weight[label] * np.where(np.arange(classes) == label, if_true, if_false)
        sizes.append(softmax_sizes(p, q, slope, bound))
    gradients, curvatures = map(np.stack, zip(*sizes, strict=True))
    return gradients, curvatures, p.T[..., None], None


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


def check(objective, mode, margin, label, weight):
    """The kernels against the host in float64."""
    m, y, w = OnDevice(margin), OnDevice(label), None if weight is None else OnDevice(weight)
    answers = objective.loss(m, y, w), *objective.gradient_hessian(m, y, w)
    expected, factor = on_the_host(objective, mode, margin, label), 1.0 if weight is None else weight.astype(np.float64)
    for own, name in zip(answers, ("loss", "gradient", mode), strict=True):
        assert arrays.is_on_device(own)
        assert own.dtype == margin.dtype
        assert_close(arrays.to_host(own), expected, name, factor)


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
@pytest.mark.parametrize("columns", [33, 300])
@pytest.mark.parametrize("task", TASKS[1:])
def test_many_columns(task, columns):
    margin, label, weight = inputs(task, np.float64, columns, rows=6 if columns < 300 else 2)
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
@pytest.mark.parametrize("columns", [33, 300])
@pytest.mark.parametrize("task", TASKS[1:])
def test_probability_of_many_columns(task, columns):
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


def test_arrays_decide():
    margin, label, _ = inputs("binary")
    objective = bi.focal_objective()
    assert isinstance(objective(label, margin)[0], np.ndarray)
    assert arrays.is_on_device(objective(OnDevice(label), margin)[0])
    assert isinstance(bi.focal_objective(device="cpu")(OnDevice(label), margin)[0], np.ndarray)
    assert isinstance(bi.focal_objective(device="cuda")(label, margin)[0], np.ndarray)
    assert isinstance(bi.focal_objective(device="cuda").loss(margin, label), np.ndarray)
    assert arrays.is_on_device(objective.probability(OnDevice(margin)))
    assert isinstance(bi.focal_objective(device="cuda").probability(margin), np.ndarray)
    assert arrays.is_on_device(bi.focal_objective(device="cpu").probability(OnDevice(margin)))


METRICS = {
    "average precision": lambda objective: bi.metrics.average_precision(),
    "balanced accuracy": lambda objective: bi.metrics.balanced_accuracy(objective=objective),
    "f1": lambda objective: bi.metrics.f1(),
    "log loss": bi.metrics.log_loss,
    "matthews correlation": lambda objective: bi.metrics.matthews_correlation(),
    "geometric mean": lambda objective: bi.metrics.geometric_mean(objective=objective),
    "loss": lambda objective: objective.metric,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("task", TASKS)
def test_metrics_take_device_arrays(task, name):
    margin, label, weight = inputs(task)
    metric = METRICS[name](bi.focal_objective().fit(label))
    for w in (None, weight):
        expected = pytest.approx(metric.value(margin, label, w), rel=1e-5)
        on_device = None if w is None else OnDevice(w)
        assert metric.value(OnDevice(margin), OnDevice(label), on_device) == expected
        assert metric.value(margin, OnDevice(label), on_device) == expected


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_the_loss_as_a_metric_copies_no_labels_down(task, monkeypatch):
    margin, label, weight = inputs(task, rows=300)
    metric = bi.weighted_objective("balanced").fit(label).metric
    kind, sizes = type(cuda.to_device(np.zeros(1))), []
    copy = kind.copy_to_host

    def noted(self, *args, **kwargs):
        sizes.append(self.size)
        return copy(self, *args, **kwargs)

    monkeypatch.setattr(kind, "copy_to_host", noted)
    metric.value(margin, OnDevice(label), OnDevice(weight))
    assert sizes
    assert max(sizes) <= 15


def test_a_booster_on_a_gpu_decides(monkeypatch):
    margin, label, _ = inputs("binary")

    class Busy:
        name = "xgboost"

        def device(self, booster):
            return 0

        def hessian_factor(self, n_classes):
            return 2.0

        def sum_over_workers(self, data=None):
            return None

        def has_unseen_rows(self, booster):
            return False

        def n_threads(self, booster):
            return None

        def advice(self, first):
            return ()

    booster = Busy()  # what a weak reference can be made to
    monkeypatch.setattr(protocol, "calling", lambda: protocol.Call(booster, booster))
    assert arrays.is_on_device(bi.focal_objective()(label, margin)[0])
    assert isinstance(bi.focal_objective(device="cpu")(label, margin)[0], np.ndarray)


def test_without_the_extra(monkeypatch):
    margin, label, weight = inputs("binary")
    expected = bi.focal_objective().gradient_hessian(margin, label)
    monkeypatch.setattr(arrays, "is_usable", lambda: False)
    monkeypatch.setattr(OnDevice, "get", lambda self: self._array, raising=False)
    with pytest.warns(UserWarning, match=r"pip install 'boost-imbalance\[cuda\]'"):
        own = bi.focal_objective().gradient_hessian(OnDevice(margin), OnDevice(label))
    np.testing.assert_array_equal(own, expected)
    with pytest.raises(ImportError, match=r"device is 'cuda'.*pip install 'boost-imbalance\[cuda\]'"):
        bi.focal_objective(device="cuda")(label, margin)
    # A model that was trained on a GPU predicts elsewhere.
    moved = bi.focal_objective(device="cuda").probability(margin)
    np.testing.assert_array_equal(moved, bi.focal_objective().probability(margin))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bi.focal_objective(device="cpu")(OnDevice(label), margin, OnDevice(weight))


def test_a_device_that_is_not_known():
    with pytest.raises(ValueError, match="device is 'gpu'; choose one of 'auto', 'cpu', 'cuda'"):
        bi.focal_objective(device="gpu")


@pytest.mark.parametrize("on_device", [False, True])
def test_a_changed_label_is_noticed(on_device):
    margin, label, weight = inputs("binary", rows=50)
    ours, theirs = (bi.weighted_objective("balanced", device=device) for device in ("cuda", "cpu"))
    held = OnDevice(label) if on_device else label
    for change in range(3):
        if change and SIMULATED:
            current = held._array if on_device else held
            current[3 * change : 3 * change + 2] = current[3 * change : 3 * change + 2][::-1] if change == 1 else 1.0
        host = held._array if on_device else held
        for own, expected in zip(ours(held, margin, weight), theirs(host, margin, weight), strict=True):
            close(own, expected, 1e-5)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_copies_are_made_where_contents_changed(n_threads):
    copies, array = Copies(n_threads), np.arange(400_000, dtype=np.float32)
    (first,) = copies.compared(label=array)()
    assert copies.compared(label=array.copy())() == [first]
    array[[5, 6]] = array[[6, 5]]
    (second,) = copies.compared(label=array)()
    assert second is not first
    np.testing.assert_array_equal(arrays.to_host(second), array)
    assert copies.compared(weight=None)() == [None]


def test_outputs_are_used_again_when_nobody_holds_them():
    buffers = DeviceBuffers()
    places = {id(array) for _ in range(10) for array in buffers.take((7,))}
    assert len(places) <= 4  # the loop's own variable holds one into the next round
    gradient, hessian = buffers.take((7,))
    held = {id(gradient), id(hessian)}
    assert not held & {id(array) for array in buffers.take((7,))}


@pytest.mark.parametrize("seen_as", [lambda a: a[::2], lambda a: a.reshape(7, 1), lambda a: a.view(np.int32)])
def test_outputs_are_not_used_again_while_a_view_is_held(seen_as):
    buffers = DeviceBuffers()
    gradient, hessian = buffers.take((7,))
    gradient.copy_to_device(np.zeros(7, np.float32))
    view = seen_as(gradient)
    del gradient, hessian
    for _ in range(5):
        for array in buffers.take((7,)):
            array.copy_to_device(np.ones(7, np.float32))
        del array
    assert (arrays.to_host(view) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("what", "value", "message"),
    [
        ("margin", np.nan, "margin is nan in row 4"),
        ("margin", -np.inf, "margin is -inf in row 4"),
        ("label", np.nan, "label is nan in row 4"),
        ("label", -1.0, "label is -1.0 in row 4"),
        ("label", 1.5, "label is 1.5 in row 4"),
        ("label", 3.0, "label is 3.0 in row 4"),
        ("weight", -1.0, "sample_weight is -1.0 in row 4"),
        ("weight", np.inf, "sample_weight is inf in row 4"),
    ],
)
def test_wrong_input_is_named(task, what, value, message):
    margin, label, weight = inputs(task)
    {"margin": margin, "label": label, "weight": weight}[what][4] = value
    objective = bi.focal_objective()
    for call in (objective.gradient_hessian, objective.loss, lambda m, y, w: objective(y, m, w)):
        with pytest.raises(ValueError, match=message.replace(".", r"\.")):
            call(OnDevice(margin), OnDevice(label), OnDevice(weight))
    if what == "margin":
        with pytest.raises(ValueError, match=message):
            objective.fit(inputs(task)[1]).probability(OnDevice(margin))


def test_formats_that_a_kernel_cannot_read():
    margin, label, _ = inputs("binary")
    with pytest.raises(TypeError, match="margin has dtype int64; on a GPU give float32 or float64"):
        bi.focal_objective().loss(OnDevice(margin.astype(np.int64)), OnDevice(label))
    with pytest.raises(TypeError, match="margin has dtype int64; on a GPU give float32 or float64"):
        bi.focal_objective().probability(OnDevice(margin.astype(np.int64)))
    with pytest.raises(TypeError, match="margin has dtype float16"):
        bi.focal_objective().loss(OnDevice(margin.astype(np.float16)), OnDevice(label))


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_a_model_of_xgboost(task, strategy):
    xgboost = pytest.importorskip("xgboost")
    _, label, weight = inputs(task, rows=60)
    X = np.random.default_rng(0).normal(size=(60, 3)) + (label if label.ndim == 1 else label[:, 0])[:, None]
    margins = []
    for device in ("cpu", "cuda"):
        objective = bi.focal_objective(device=device)
        params = {**objective.xgboost_params(label), "max_depth": 2, "multi_strategy": strategy, "eta": 0.3}
        data = xgboost.DMatrix(X, label, weight=weight)
        booster = xgboost.train(
            params, data, 2, obj=objective, evals=[(data, "d")], custom_metric=objective.metric, verbose_eval=False
        )
        margins.append(booster.predict(data, output_margin=True))
    np.testing.assert_allclose(*margins, rtol=1e-4, atol=1e-5)


def test_the_booster_is_found_among_the_callers():
    xgboost = pytest.importorskip("xgboost")
    seen = []

    def objective(margin, data):
        call = protocol.calling()
        seen.append(call.library.device(call.booster))
        return np.zeros_like(margin), np.ones_like(margin)

    def sklearn_objective(label, margin):
        return objective(margin, None)

    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    on_gpu = {}
    original = adapter._device_of
    adapter._device_of = lambda booster: on_gpu.setdefault("device", original(booster)) or 3
    try:
        xgboost.train({}, xgboost.DMatrix(X, y), 2, obj=objective)
        xgboost.XGBClassifier(n_estimators=1, objective=sklearn_objective).fit(X, y)
    finally:
        adapter._device_of = original
    assert on_gpu == {"device": None}  # this booster is on the host
    assert seen == [3, 3, 3]
    assert protocol.calling() is None


@pytest.mark.slow
@pytest.mark.skipif(not SIMULATED, reason="this pretends that the host's memory is a GPU's")
@pytest.mark.parametrize("task", TASKS)
def test_a_matrix_whose_labels_are_on_a_gpu(task, monkeypatch):
    xgboost = pytest.importorskip("xgboost")
    margin, label, weight = inputs(task)
    data = xgboost.DMatrix(np.zeros((len(label), 1)), label, weight=weight)
    library, texts = xgboost.core._LIB, []

    class OnGpu:
        def XGDMatrixGetInfoRef(self, handle, field, out):  # noqa: N802
            failed = library.XGDMatrixGetInfoRef(handle, field, out)
            texts.append(json.dumps(json.loads(out._obj.value) | {"stream": 2}).encode())
            out._obj.value = texts[-1]
            return failed

        def __getattr__(self, name):
            return getattr(library, name)

    objective, host = bi.focal_objective(), bi.focal_objective(device="cpu")
    expected = [host(margin, data), host.metric(margin, data)[1]]
    monkeypatch.setattr(xgboost.core, "_LIB", OnGpu())
    own = objective(margin, data)
    for array, value in zip(own, expected[0], strict=True):
        assert arrays.is_on_device(array)
        close(array, value, 1e-5, cancels=True)
    assert objective.metric(margin, data)[1] == pytest.approx(expected[1], rel=1e-5)
    assert bi.metrics.f1()(margin, data)[1] == bi.metrics.f1().value(margin, label, weight)


def test_lightgbm_is_served_on_the_host():
    lightgbm = pytest.importorskip("lightgbm")
    _, label, _ = inputs("binary", rows=60)
    X = np.random.default_rng(0).normal(size=(60, 3)) + label[:, None]
    scores = []
    for device in ("cpu", "cuda"):
        params = {**bi.focal_objective(device=device).lightgbm_params(label), "verbosity": -1, "min_data_in_leaf": 5}
        booster = lightgbm.train(params, lightgbm.Dataset(X, label), 2)
        scores.append(booster.predict(X, raw_score=True))
    np.testing.assert_allclose(*scores, rtol=1e-4)


def test_pickle_after_a_training():
    margin, label, _ = inputs("binary")
    objective = bi.focal_objective(device="cuda")
    objective(label, margin)
    again = pickle.loads(pickle.dumps(objective))
    assert again.parameters["device"] == "cuda"
    for own, expected in zip(again(label, margin), objective(label, margin), strict=True):
        np.testing.assert_array_equal(own, expected)


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
@pytest.mark.parametrize("mode", CURVATURES)
@pytest.mark.parametrize("name", CONSTRUCTORS)
@pytest.mark.parametrize("task", TASKS)
def test_on_a_gpu_to_1e_5_of_float64(task, name, mode):
    margin, label, weight = inputs(task, np.float32, rows=1_000_001)
    check(CONSTRUCTORS[name](hessian=mode).fit(label), mode, margin, label, weight)


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_a_booster_on_the_gpu_is_served_there(task, strategy):
    xgboost = pytest.importorskip("xgboost")
    if strategy == "multi_output_tree" and task == "binary":
        pytest.skip("there is one output")
    _, label, weight = inputs(task, rows=6000)
    shift = label if label.ndim == 1 else label[:, 0]
    X = np.random.default_rng(0).normal(size=(6000, 3)) + shift[:, None]
    margins = []
    for device in ("cpu", "auto"):
        objective, places = bi.focal_objective(2.0, device=device), []

        def spy(margin, data, objective=objective, places=places):
            answer = objective(margin, data)
            places.append([arrays.is_on_device(array) for array in answer])
            return answer

        data = xgboost.QuantileDMatrix(X, label, weight=weight)
        params = {**objective.xgboost_params(label), "device": "cuda", "max_depth": 2, "multi_strategy": strategy}
        booster = xgboost.train(params, data, 3, obj=spy, evals=[(data, "train")], custom_metric=objective.metric)
        assert places == [[device == "auto"] * 2] * 3
        margins.append(booster.predict(data, output_margin=True))
    np.testing.assert_allclose(*margins, rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
@pytest.mark.parametrize("options", [{}, {"sampling_method": "gradient_based", "subsample": 0.3}], ids=str)
def test_cupy_all_the_way(options):
    cupy = pytest.importorskip("cupy")
    xgboost = pytest.importorskip("xgboost")
    margin, label, weight = inputs("binary", rows=6000)
    objective = bi.focal_objective(2.0)
    on_host = objective.gradient_hessian(margin, label, weight)
    for own, expected in zip(objective.gradient_hessian(*map(cupy.asarray, (margin, label, weight))), on_host, strict=True):
        assert isinstance(own, cupy.ndarray)
        np.testing.assert_allclose(cupy.asnumpy(own), expected, rtol=1e-4, atol=1e-6)
    X = cupy.asarray(np.random.default_rng(0).normal(size=(6000, 3)) + label[:, None])
    data = xgboost.QuantileDMatrix(X, cupy.asarray(label), weight=cupy.asarray(weight))
    params = {**objective.xgboost_params(label), "device": "cuda", "max_depth": 3, **options}
    booster = xgboost.train(params, data, 10, obj=objective)
    start = objective.mean_loss(np.full(6000, objective.start(label, weight)), label, weight)
    assert objective.mean_loss(booster.predict(data, output_margin=True), label, weight) < 0.9 * start


@pytest.mark.skipif(SIMULATED, reason="there is no GPU here")
def test_the_next_process_need_not_compile(fresh_python, tmp_path):
    code = """
import numpy as np
import boost_imbalance as bi
from boost_imbalance.kernels import cache
y = np.resize([0.0, 1.0, 0.0], 99)
gradient, hessian = bi.focal_objective(2.0, device="cuda").bind(y)(np.linspace(-9, 9, 99))
print([kernel.compiled for kernel in cache.kernels if kernel.name.startswith("cuda_")], gradient.sum(), hessian.sum())
"""
    first, second = (fresh_python(code, timeout=300.0, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.startswith("[True]")
    assert second == first.replace("True", "False")
