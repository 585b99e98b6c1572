"""What is measured, against scikit-learn."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from sklearn import metrics as sk

from boost_imbalance.comparison import metrics
from boost_imbalance.losses.labels import Task
from tests.comparison.common import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_metrics_are_those_of_scikit_learn(make_data, task):
    data = make_data(task, 400)
    y, p = data.y.astype(int), data.posterior
    found = metrics.of_probabilities(Task[task.upper()], y, p, 0.4)
    if task == "multiclass":
        decided = p.argmax(axis=1)
        expected = {
            "log_loss": sk.log_loss(y, p),
            "brier": sk.brier_score_loss(y, p, scale_by_half=False),
            "average_precision": sk.average_precision_score(np.eye(3)[y], p),
        }
        decisions = {
            "balanced_accuracy": sk.balanced_accuracy_score(y, decided),
            "macro_f1": sk.f1_score(y, decided, average="macro"),
            "mcc": sk.matthews_corrcoef(y, decided),
        }
    else:
        columns, truths = p.reshape(len(y), -1).T, y.reshape(len(y), -1).T
        decided = (p > 0.3).astype(int)
        pairs = list(zip(truths, columns, strict=True))
        expected = {
            "log_loss": np.mean([sk.log_loss(t, c) for t, c in pairs]),
            "brier": np.mean([sk.brier_score_loss(t, c) for t, c in pairs]),
            "average_precision": np.mean([sk.average_precision_score(t, c) for t, c in pairs]),
        }
        pairs = list(zip(truths, decided.reshape(len(y), -1).T, strict=True))
        binary = task == "binary"
        decisions = {
            "balanced_accuracy": np.mean([sk.balanced_accuracy_score(t, d) for t, d in pairs]),
            "macro_f1": np.mean([sk.f1_score(t, d, average="macro" if binary else "binary") for t, d in pairs]),
            "mcc": np.mean([sk.matthews_corrcoef(t, d) for t, d in pairs]),
        }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert metrics.of_decisions(Task[task.upper()], y, decided) == pytest.approx(decisions)


def test_recall_at_a_precision_tries_every_threshold(make_data):
    data = make_data("binary", 300)
    y, p = data.y.astype(int), data.posterior
    reached = [sk.recall_score(y, p >= t) for t in np.unique(p) if sk.precision_score(y, p >= t) >= 0.6]
    assert metrics.of_probabilities(Task.BINARY, y, p, 0.6)["recall_at_precision"] == pytest.approx(max(reached))
    assert metrics.of_probabilities(Task.BINARY, y, 1 - p, 0.99)["recall_at_precision"] == 0.0


def test_missing_labels_are_not_measured(make_data):
    data = make_data("multilabel", 400)
    seen = np.random.default_rng(0).random(data.y.shape) < 0.6
    y = np.where(seen, data.y, np.nan)
    found = metrics.of_probabilities(Task.MULTILABEL, y, data.posterior, 0.5)
    expected = [sk.average_precision_score(data.y[seen[:, k], k], data.posterior[seen[:, k], k]) for k in range(3)]
    assert found["average_precision"] == pytest.approx(np.mean(expected))
    assert found["log_loss"] == pytest.approx(sk.log_loss(data.y[seen], data.posterior[seen]))
    decided = data.posterior > 0.5
    by_hand = [sk.matthews_corrcoef(data.y[seen[:, k], k], decided[seen[:, k], k]) for k in range(3)]
    assert metrics.of_decisions(Task.MULTILABEL, y, decided)["mcc"] == pytest.approx(np.mean(by_hand))


def test_one_certain_error_does_not_make_the_log_loss_infinite():
    found = metrics.of_probabilities(Task.BINARY, np.array([0, 1, 1]), np.array([0.1, 0.0, 0.9]), 0.5)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, metrics.SMALLEST, 0.9]).mean())
