"""Data that are split over workers, and workers that are threads."""

import threading
import warnings

import numpy as np

import boost_imbalance as bi

CONSTRUCTORS = [bi.focal_objective, bi.weighted_objective, bi.logit_adjusted_objective, bi.adaptive_objective]
ROWS = 600


class Data:
    """Rows with so few distinct values that the bins of several workers are those of one; positives first."""

    def __init__(self, task, weighted=False, seed=0):
        rng = np.random.default_rng(seed)
        X = np.clip(np.round(2 * rng.normal(size=(ROWS, 3))) / 2, -2, 2)
        score = X[:, 0] + rng.normal(size=ROWS)
        order = np.argsort(-score + 2.0 * rng.random(ROWS))
        X, score = X[order], score[order]
        # Machines of LightGBM each find the bins of some features, in their own rows.
        X[np.arange(ROWS) % 100 < 9] = np.tile(np.arange(-2.0, 2.1, 0.5), ROWS // 100)[:, None]
        self.task, self.X = task, X
        if task == "binary":
            self.y = (score > 1.2).astype(float)
        elif task == "multiclass":
            self.y = (score > 0.5) * 1.0 + (score > 1.5)
        else:
            self.y = np.stack([score > 1.0, X[:, 1] + rng.normal(size=ROWS) > 1.5], axis=1).astype(float)
        self.weight = rng.choice([0.0, 0.5, 2.0], size=ROWS) if weighted else None
        if weighted:
            self.weight[500:] = 0.0

    def matrix(self, rows=slice(None)):
        import xgboost

        weight = None if self.weight is None else self.weight[rows]
        return xgboost.DMatrix(self.X[rows], self.y[rows], weight=weight, nthread=1)


def run_together(work, contexts):
    """What each worker returns or raises; ``contexts`` make what each is given."""
    results = [None] * len(contexts)

    def run(rank):
        try:
            results[rank] = contexts[rank](lambda *given: work(rank, *given))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,), daemon=True) for rank in range(len(contexts))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a worker hangs"
    return results


def raised(results):
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


SPLITS = {
    "uneven": [slice(0, 500), slice(500, ROWS)],
    "empty": [slice(0, 200), slice(200, 200), slice(200, ROWS)],
    "weightless": [slice(500, ROWS), slice(0, 500)],
}
"""The rows of each worker."""
