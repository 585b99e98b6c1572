"""How far off a loss and its derivatives may be: relative error, or relative to the terms of what can cross zero."""

import numpy as np

TOLERANCE = {np.float64: (1e-10, 1e-300), np.float32: (1e-5, 1e-30)}


def assert_close(actual, expected, name, factor=1.0):
    """``actual`` against ``expected[name] * factor`` of float64, with the size of its terms in ``expected["<name> size"]``.

    float32 is no finer next to a zero; and the positive and negative terms of "expected" can cancel altogether.
    """
    tolerance, floor = TOLERANCE[actual.dtype.type]
    value = (expected[name].T * factor).T
    allowed = np.abs(value)
    if f"{name} size" in expected and (actual.dtype == np.float32 or name == "expected"):
        allowed = np.maximum(allowed, (expected[f"{name} size"].T * factor).T)
    error = np.abs(actual - value) / (tolerance * allowed + floor)
    worst = np.argmax(error)
    assert actual.shape == value.shape
    assert error.max() <= 1, f"{name}: {actual.flat[worst]} for {value.flat[worst]}, entry {worst}"


def softmax_sizes(p, q, slope, bound):
    """Size of the terms of gradient and second derivative of a softmax, from arrays (..., class), in any arithmetic.

    ``slope`` and ``bound`` are of what each class adds, in its log-odds t, and 0 for one that adds nothing. dt_k/du_j is 1
    or -r, and d2t_k/du_j2 is 0 or -r (1 - r).
    """
    own = np.eye(p.shape[-1], dtype=bool)
    neither = 1 - (own[:, None] | own[None, :])  # (k, j, class)
    r = np.where(own, 1, p[..., None, :] / q[..., None])
    bend = np.where(own, 0, r * (p[..., None, None, :] * neither).sum(axis=-1) / q[..., None])
    slope, bound = abs(slope)[..., None], bound[..., None]
    return (slope * r).sum(axis=-2), (bound * r**2 + slope * bend).sum(axis=-2)


def mean_over_labels(values, belief, gradient=None):
    """The mean of values (label, ...) by belief in each label; of a sigmoid, or by the calibrated one if that gives more.

    At the calibrated belief the expected ``gradient`` (label, ...) is 0.
    """
    mean = (belief * values).sum(axis=0)
    if gradient is None:
        return mean
    slope = np.abs(gradient)
    return np.maximum(mean, (slope[::-1] * values).sum(axis=0) / slope.sum(axis=0))
