"""Thresholds of several classes against searches over a grid and over every row, and how long they take."""

import time

import numpy as np
import pytest

pytest.importorskip("sklearn")

from boost_imbalance.estimators.decisions import Decision
from boost_imbalance.losses.labels import Task


def held_out(rows, classes, seed, signal=1.5):
    """Probabilities that know something of labels with a long tail."""
    rng = np.random.default_rng(seed)
    prior = 1.0 / np.arange(1, classes + 1) ** 0.8
    label = rng.choice(classes, rows, p=prior / prior.sum())
    margin = np.log(prior) + rng.normal(size=(rows, classes))
    margin[np.arange(rows), label] += signal
    eta = np.exp(margin)
    return eta / eta.sum(axis=1, keepdims=True), label


def score_of(kind, eta, label, thresholds, weight=None):
    table = np.zeros((eta.shape[1],) * 2)
    np.add.at(table, (label, (eta / thresholds).argmax(axis=1)), 1.0 if weight is None else weight)
    hits, true, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    if kind == "f1":
        return (2 * hits / np.maximum(true + predicted, 1e-9)).mean()
    return (hits[true > 0] / true[true > 0]).mean()


def tuned(kind, eta, label, weight=None):
    return Decision.of(kind).tune(Task.MULTICLASS, eta, label, weight)


@pytest.mark.parametrize("kind", ["f1", "balanced_accuracy"])
@pytest.mark.parametrize("seed", range(4))
def test_as_good_as_a_grid(kind, seed):
    eta, label = held_out(60 + 40 * seed, 3, seed)
    weight = np.random.default_rng(seed).integers(1, 4, len(label)) if seed % 2 else None
    reached = score_of(kind, eta, label, tuned(kind, eta, label, weight), weight)
    steps = np.exp(np.linspace(-3.0, 3.0, 19))
    assert reached >= max(score_of(kind, eta, label, [1.0, a, b], weight) for a in steps for b in steps)


@pytest.mark.parametrize("kind", ["f1", "balanced_accuracy"])
def test_no_other_threshold_of_one_class_is_better(kind):
    """Of all there are: between two rows the decisions do not change."""
    eta, label = held_out(40, 4, 0)
    thresholds = tuned(kind, eta, label)
    reached = score_of(kind, eta, label, thresholds)
    for k in range(4):
        others = np.delete(eta / thresholds, k, axis=1).max(axis=1)
        at = np.sort(eta[:, k] / others)
        for one in np.concatenate([[at[0] / 2], np.sqrt(at[1:] * at[:-1]), [2 * at[-1]]]):
            changed = thresholds.copy()
            changed[k] = one
            assert score_of(kind, eta, label, changed) <= reached + 1e-9


def test_rows_that_exclude_a_class_stay_out_of_it():
    """A probability of 0 is never the largest, and one of 1 always is."""
    eta, label = held_out(200, 4, 1)
    eta[:, 3] = 0.0
    eta[:20] = np.eye(4)[label[:20] % 3]
    thresholds = tuned("f1", eta, label)
    assert np.isfinite(thresholds).all()
    predicted = (eta / thresholds).argmax(axis=1)
    assert not (predicted == 3).any()
    np.testing.assert_array_equal(predicted[:20], label[:20] % 3)


def test_rows_of_weight_zero_do_not_count():
    eta, label = held_out(300, 5, 2)
    weight = np.arange(300) % 3 > 0
    found = tuned("f1", eta, label, weight.astype(float))
    np.testing.assert_array_equal(found, tuned("f1", eta[weight], label[weight]))


@pytest.mark.parametrize("kind", ["f1", "balanced_accuracy"])
@pytest.mark.parametrize("classes", [200, 400])
def test_many_classes_take_no_time(kind, classes):
    eta, label = held_out(2000, classes, 0, signal=2.0)
    begun = time.process_time()
    thresholds = tuned(kind, eta, label)
    assert time.process_time() - begun < 5.0
    assert score_of(kind, eta, label, thresholds) > score_of(kind, eta, label, np.ones(classes)) + 0.02
