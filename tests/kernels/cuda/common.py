"""Arrays on a device, and the host's answers to compare with."""

import numba
import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.kernels.expressions import evaluate
from boost_imbalance.kernels.program import Row
from tests.accuracy import assert_close, mean_over_labels, softmax_sizes

cuda = pytest.importorskip("numba.cuda")


SIMULATED = bool(numba.config.ENABLE_CUDASIM)


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


def check(objective, mode, margin, label, weight):
    """The kernels against the host in float64."""
    m, y, w = OnDevice(margin), OnDevice(label), None if weight is None else OnDevice(weight)
    answers = objective.loss(m, y, w), *objective.gradient_hessian(m, y, w)
    expected, factor = on_the_host(objective, mode, margin, label), 1.0 if weight is None else weight.astype(np.float64)
    for own, name in zip(answers, ("loss", "gradient", mode), strict=True):
        assert arrays.is_on_device(own)
        assert own.dtype == margin.dtype
        assert_close(arrays.to_host(own), expected, name, factor)
