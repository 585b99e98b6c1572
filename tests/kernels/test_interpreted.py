"""Probabilities of few rows, by NumPy: the same numbers as the kernels', and nothing is compiled or loaded for them."""

import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels import cpu, interpreted
from boost_imbalance.losses import backend


class Everything(bi.Loss):
    """All that a formula may call."""

    a: float = bi.parameter(0.5, low=0.0)

    def positive(self, t):
        p, q = bi.sigmoid(t), bi.sigmoid(-t)
        tail = bi.log1p(bi.exp(-bi.where(t > 0, t, -t)))  # of log(1 + exp(-t))
        return bi.where(t > 0, tail, tail - t) + self.a * q - 0.1 * bi.expm1(-self.a * q) - 0.1 * bi.log(1.0 + p**self.a)


LOSSES = {
    "cross-entropy": bi.weighted_objective(None),
    "weights": bi.weighted_objective("balanced"),
    "focal": bi.focal_objective(gamma=2.0),
    "focal, a fraction": bi.focal_objective(gamma=0.7, weights="balanced"),
    "asymmetric": bi.asymmetric_objective(gamma_pos=1.5, gamma_neg=2.5, margin=0.0),
    "asymmetric, shifted": bi.asymmetric_objective(),
    "class-balanced": bi.class_balanced_objective(gamma=1.0),
    "logit-adjusted": bi.logit_adjusted_objective(),
    "adaptive": bi.adaptive_objective(),
    "poly1": bi.poly1_objective(),
    "robust focal": bi.robust_focal_objective(),
    "generalised": bi.generalized_cross_entropy_objective(),
    "ldam": bi.ldam_objective(),
    "vector scaling": bi.vector_scaling_objective(),
    "of one's own": Everything(),
}
TASKS = {"binary": (), "multi-class": (4,), "multi-label": (3,)}


def fitted(loss, task, n=600):
    """A loss that knows labels, and margins of every size, some of them equal."""
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=n) if task == "multi-class" else rng.random((n, *TASKS[task])) < 0.2
    margin = rng.normal(size=(n, *TASKS[task])) * np.exp(rng.uniform(-3.0, 5.0, size=(n,) + (1,) * len(TASKS[task])))
    if margin.ndim == 2:
        margin[:50, 1] = margin[:50, 0]
        margin[50:60] = 0.0
    return LOSSES[loss].fit(y.astype(int)), margin


def by_kernel(loss, margin):
    known, out = loss.fitted, np.empty_like(margin)
    program = known.program._replace(curvature=None, soft=False)
    checks = cpu.probability(program, margin, known.coefficients, out, softmax=known.softmax, n_threads=1)
    assert not checks.wrong
    return out


IN_SHORT = ("focal", "asymmetric, shifted", "of one's own")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("loss", [pytest.param(loss, marks=[pytest.mark.slow] * (loss not in IN_SHORT)) for loss in LOSSES])
def test_numpy_and_the_kernels_agree(loss, task):
    if (loss, task) == ("vector scaling", "multi-class"):
        pytest.skip("it is for sigmoids")
    # A shift of 0.05 takes digits from the small slopes next to it, of both alike.
    rtol = 1e-13 if loss == "asymmetric, shifted" else 1e-14
    loss, margin = fitted(loss, task)
    found = loss.probability(margin)
    assert found.size <= interpreted.MOST_MARGINS
    np.testing.assert_allclose(found, by_kernel(loss, margin), rtol=rtol, atol=1e-300)
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_float32_margins_differ_by_one_rounding_at_most(task, order):
    loss, margin = fitted("focal", task)
    margin = np.asarray(margin, np.float32, order=order)
    found, expected = loss.probability(margin), by_kernel(loss, margin)
    assert found.dtype == np.float32
    np.testing.assert_array_max_ulp(found, expected, maxulp=1)


@pytest.mark.parametrize("task", TASKS)
def test_the_number_of_rows_does_not_change_the_numbers(task):
    loss, margin = fitted("focal", task)
    together = loss.probability(margin)
    many = loss.probability(np.concatenate([margin] * (1 + interpreted.MOST_MARGINS // margin.size)))
    assert len(many) * margin[0].size > interpreted.MOST_MARGINS
    np.testing.assert_allclose(many[: len(margin)], together, rtol=1e-14)
    for rows in (1, 7):
        alone = np.concatenate([loss.probability(margin[i : i + rows]) for i in range(0, len(margin), rows)])
        np.testing.assert_allclose(alone, together, rtol=1e-15)


@pytest.mark.parametrize("size", [50, interpreted.MOST_MARGINS + 1])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e200])
def test_margins_that_are_not_finite_are_refused_whatever_their_number(size, bad):
    margin = np.zeros(size)
    margin[7] = bad
    with pytest.raises(ValueError, match=r"margin is .* in row 7"):
        bi.focal_objective(gamma=2.0).probability(margin)


def test_only_many_margins_are_given_to_a_kernel():
    assert backend.predictor(False, interpreted.MOST_MARGINS) is interpreted
    assert backend.predictor(False, interpreted.MOST_MARGINS + 1) is cpu


OBJECTIVES = """
import sys, numpy as np, boost_imbalance as bi
for loss in (bi.focal_objective(gamma=2.0), bi.asymmetric_objective(), bi.ldam_objective()):
    for y in (np.arange(99) % 9 == 0, np.arange(99) % 3, np.eye(3)[np.arange(99) % 3]):
        margin = np.zeros((99, 3) if y.max() > 1 or y.ndim > 1 else 99)
        assert loss.fit(y.astype(int)).probability(margin).shape == margin.shape
print("numba" in sys.modules, "llvmlite" in sys.modules)
"""

CLASSIFIERS = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    models, files, X, expected = pickle.load(file)
for model, path, (probability, label) in zip(models, files, expected):
    read = type(model)()
    read.load_model(path)
    for one in (model, read):
        np.testing.assert_allclose(one.predict_proba(X), probability, rtol=1e-6)
        np.testing.assert_array_equal(one.predict(X), label)
print("numba" in sys.modules)
"""


def test_objectives_predict_without_numba(fresh_python):
    assert fresh_python(OBJECTIVES) == "False False"


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_classifiers_that_were_read_predict_without_numba(library, fresh_python, tmp_path):
    pytest.importorskip(library)
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)).astype(np.float32)
    score = X[:, 0] + rng.normal(size=300)
    make = bi.ImbalancedXGBClassifier if library == "xgboost" else bi.ImbalancedLGBMClassifier
    options = {"n_estimators": 3, "n_jobs": 1} | ({} if library == "xgboost" else {"verbosity": -1})
    models, files = [], []
    for y, decision in ((score > 1, "f1"), (np.digitize(score, [0, 1.5]), "balanced"), (score[:, None] > [0, 1], "f1")):
        model = make(loss=bi.focal_objective(gamma=2.0), decision=decision, decision_cv=2, **options)
        models.append(model.fit(X, y.astype(int)))
        files.append(str(tmp_path / f"{len(files)}.{'json' if library == 'xgboost' else 'txt'}"))
        model.save_model(files[-1])
    expected = [(model.predict_proba(X), model.predict(X)) for model in models]
    path = tmp_path / "models.pkl"
    path.write_bytes(pickle.dumps((models, files, X, expected)))
    assert fresh_python(CLASSIFIERS, path) == "False"
