"""Trainings, metrics, buffers and boosters on a device."""

import json
import pickle
import warnings

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.libraries import xgboost as adapter
from boost_imbalance.losses import protocol
from boost_imbalance.losses.device import Copies, DeviceBuffers
from tests.kernels.cuda.common import SIMULATED, TASKS, OnDevice, close, inputs

cuda = pytest.importorskip("numba.cuda")
if not arrays.is_usable():
    pytest.skip("numba-cuda finds no GPU and does not simulate one", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in scalar:RuntimeWarning")  # a GPU says nothing of them


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
