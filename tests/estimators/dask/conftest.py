"""A client of two workers, and rows spread over both."""

import importlib.util
import itertools

import numpy as np
import pytest

from tests.estimators.dask.common import SIZES, da, dask, dd, distributed

PLACES = (0, 1, 1, 0)
"""Which of the two workers has them."""


@pytest.fixture(autouse=True, scope="session")
def _dask_is_installed():  # a name of its own: a class's fixture would take the place of one with its name
    for name in ("dask", "distributed", "pyarrow"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def spread(client):
    """Rows as a Dask collection, in partitions that lie where they are put."""
    workers, kept = sorted(worker.address for worker in client.cluster.workers.values()), []

    def make(rows, sizes=SIZES, places=PLACES):
        if rows is None:
            return None
        parts = np.cumsum([0, *sizes])
        blocks = [rows.iloc[a:b] if hasattr(rows, "iloc") else rows[a:b] for a, b in itertools.pairwise(parts)]
        if hasattr(rows, "iloc"):
            # Not by from_delayed, of whose frames Dask 2026.8 cannot compute ``values``.
            frames = [dd.from_map(_itself, [block], meta=rows.iloc[:0]) for block in blocks]
            held = [client.persist(one, workers=[workers[i]]) for one, i in zip(frames, places, strict=True)]
            kept.extend(held)
            return dd.concat(held)
        held = [
            client.submit(_itself, block, workers=[workers[i]], allow_other_workers=False, pure=False)
            for block, i in zip(blocks, places, strict=True)
        ]
        kept.extend(held)
        made = [
            da.from_delayed(dask.delayed(one), block.shape, dtype=rows.dtype, meta=rows[:0])
            for one, block in zip(held, blocks, strict=True)
        ]
        return da.concatenate(made) if all(sizes) else da.Array(*_stacked(made, rows, sizes))

    return make


def _stacked(made, rows, sizes):
    """A collection that keeps blocks without rows, which ``concatenate`` would leave out."""
    from dask.highlevelgraph import HighLevelGraph

    name = f"stacked-{dask.base.tokenize(*[one.name for one in made])}"
    rest = (0,) * (rows.ndim - 1)
    layer = {(name, i, *rest): (_itself, (one.name, 0, *rest)) for i, one in enumerate(made)}
    graph = HighLevelGraph.from_collections(name, layer, dependencies=made)
    return graph, name, (tuple(sizes), *((size,) for size in rows.shape[1:])), rows.dtype, rows[:0]


def _itself(block):
    return block.copy()


def few_values(data):
    """Features of few distinct values, of which the sketches of two workers are exact."""
    return np.clip(np.round(2 * data.X) / 2, -2, 2)


@pytest.fixture
def rows(make_data):
    """Features, labels and weights whose sums are exact."""

    def make(task, n=600):
        data = make_data(task, n)
        return few_values(data), data.y, np.random.default_rng(1).choice([0.5, 1.0, 2.25], n)

    return make
