"""The code that a comparison writes runs, and is the estimator."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from sklearn import metrics as sk

from boost_imbalance.comparison.problem import Problem
from tests.comparison.common import TASKS, compared


@pytest.mark.parametrize("kind", ["strings", *(pytest.param(kind, marks=pytest.mark.slow) for kind in TASKS)])
def test_the_code_runs_and_is_the_estimator(library, make_data, kind):
    data = make_data("binary" if kind == "strings" else kind, 400)
    y = np.where(data.y == 1, "fraud", "ok") if kind == "strings" else data.y.astype(int)
    found = compared(data.X, y, library=library, baselines=None)
    for name in found.candidates:
        scope = {"X": data.X, "y": y}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(found.code(name), scope)
            model = found.estimator(name).fit(data.X, y)
            order = [1, 0] if kind == "strings" else slice(None)  # "fraud", the positive class, comes first
            np.testing.assert_allclose(
                scope["model"].predict_proba(data.X), model.predict_proba(data.X)[:, order], atol=1e-4
            )
    assert f"n_estimators={round(np.mean([r['rounds'] for r in found.records if r['candidate'] == 'focal']))}" in found.code(
        "focal"
    )


def test_models_of_ones_own(library, make_data):
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    data = make_data("multilabel", 400)
    found = compared(
        data.X, data.y, library=library, losses=["focal"], others={"neighbours": KNeighborsClassifier(20)}, tune=0
    )
    assert found.mean("neighbours", "average_precision") > data.y.mean()
    y = data.y[:, 0].astype(int)
    found = compared(data.X, y, library=library, losses=["focal"], others={"linear": LogisticRegression()})
    problem = Problem.of(data.X, y)
    fold = next(problem.folds(3, 1, 0))
    p = LogisticRegression().fit(data.X[fold.fit], y[fold.fit]).predict_proba(data.X[fold.test])[:, 1]
    assert found.values("linear", "log_loss")[0] == pytest.approx(sk.log_loss(y[fold.test], p))
    with pytest.raises(ValueError, match="a model of your own"):
        found.code("linear")
    with pytest.raises(TypeError, match="has no predict_proba"):
        compared(data.X, y, others={"linear": LinearRegression()})
    with pytest.raises(ValueError, match="others names a model 'focal'"):
        compared(data.X, y, others={"focal": LogisticRegression()})
