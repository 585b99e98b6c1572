"""Many columns: the same numbers whatever the order in memory, a few rows at a time or all of them."""

import itertools

import numpy as np
import pytest

from boost_imbalance import asymmetric_objective, focal_objective, multilabel_dataset
from boost_imbalance.losses import slices


def data(n, k):
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(n, k)).astype(np.float32),
        (rng.random((n, k)) < 0.1).astype(np.float32),
        rng.uniform(0.1, 2.0, (n, k)).astype(np.float32),
    )


@pytest.mark.parametrize("columns", [3, 256, 300])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_order_in_memory_changes_nothing(columns, n_threads, monkeypatch):
    margin, label, weight = data(401, columns)
    objective = focal_objective(2.0, weights="balanced", n_threads=n_threads)
    monkeypatch.setattr(slices, "rows_at_once", lambda margin: None)
    plain = objective.bind(label)(margin)
    weighed = objective.bind(label, weight)(margin)
    monkeypatch.undo()
    for orders in itertools.product("CF", repeat=3):
        m, y, w = (np.asarray(array, order=order) for array, order in zip((margin, label, weight), orders, strict=True))
        for found, expected in ((objective.bind(y)(m), plain), (objective.bind(y, w)(m), weighed)):
            assert all(map(np.array_equal, found, expected)), orders
    rows = objective.bind(label, weight[:, 0])(margin)
    assert np.array_equal(rows[0], objective.bind(label, np.repeat(weight[:, :1], columns, axis=1))(margin)[0])


def test_few_rows_at_a_time_only_where_columns_are_many_and_apart():
    assert slices.rows_at_once(np.empty((10, 1000), np.float32)) == 128
    assert slices.rows_at_once(np.empty((10, 1024), np.float32)) == 32
    assert slices.rows_at_once(np.empty((10, 512))) == 32
    assert slices.rows_at_once(np.empty((10, 100))) is None
    assert slices.rows_at_once(np.empty((10, 1000), order="F")) is None
    assert slices.rows_at_once(np.empty(1000)) is None


@pytest.mark.parametrize("wrong", ["label", "margin", "weight"])
def test_what_is_wrong_is_named_by_its_row(wrong):
    margin, label, weight = data(300, 256)
    training = asymmetric_objective().bind(label, weight)
    _ = training(margin)
    {"label": training.label, "margin": margin, "weight": training.weight}[wrong][203, 7] = -np.inf
    with pytest.raises(ValueError, match=f"{wrong} is -inf in row 203"):
        training(margin)


def test_labels_of_a_data_set_lie_as_the_margins_of_lightgbm():
    pytest.importorskip("lightgbm")
    from boost_imbalance.libraries.lightgbm import attached

    _, label, weight = data(50, 4)
    dataset = multilabel_dataset(np.arange(50.0)[:, None], label, weight)
    for whole, rows in ((dataset, slice(None)), (dataset.subset(list(range(0, 50, 2))), slice(0, 50, 2))):
        y, w = attached(whole)
        assert y.flags.f_contiguous
        assert w.flags.f_contiguous
        assert np.array_equal(y, label[rows])
        assert np.array_equal(w, weight[rows])
