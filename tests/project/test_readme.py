"""The code in README.md and CONTRIBUTING.md runs, and does what the text says."""

import os
import pathlib
import re

import numba
import numpy as np
import pytest

from tests.helpers import ROOT, python_blocks


@pytest.fixture(scope="module")
def readme(tmp_path_factory):
    for module in ("xgboost", "lightgbm", "sklearn"):
        pytest.importorskip(module)
    names = {}
    before = pathlib.Path.cwd()
    os.chdir(tmp_path_factory.mktemp("readme"))  # one snippet writes a model file
    try:
        for block in python_blocks("README.md"):
            exec(block, names)
        names["file"] = names["lightgbm"].Booster(model_file="model.txt")
    finally:
        os.chdir(before)
    return names


@pytest.fixture(scope="module")
def contributing(tmp_path_factory):
    # Kernels are kept on disk under the package's sources, and these losses are not among those.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "CACHE_DIR", str(tmp_path_factory.mktemp("kernels")))
        names = {"__name__": "contributing"}
        for block in python_blocks("CONTRIBUTING.md"):
            exec(block, names)
        yield names


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_readme_code_runs(readme):
    assert readme["y"].mean() == pytest.approx(0.04, abs=0.005)
    assert ((readme["probability"] > 0) & (readme["probability"] < 1)).all()


def test_readme_model_file_predicts_probabilities(readme):
    X, model = readme["X_test"], readme["search"].best_estimator_
    assert np.allclose(readme["file"].predict(X), model.predict_proba(X, calibrated=False)[:, 1], rtol=1e-12)


def test_readme_names_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\((?!http)([^)#]+)\)", text))
    assert {"docs/quickstart.png", "CONTRIBUTING.md", "CHANGELOG.md"} <= linked
    assert [name for name in sorted(linked) if not (ROOT / name).exists()] == []


def sigmoid(t):
    return 1.0 / (1.0 + np.exp(-t))


def poly_focal(gamma, epsilon):
    def cost(p):
        return (1.0 - p) ** gamma * (-np.log(p) + epsilon * (1.0 - p))

    return cost, cost, False


def hill(gamma, margin, peak):
    def positive(p):
        s = sigmoid(np.log(p / (1.0 - p)) - margin)
        return -((1.0 - s) ** gamma) * np.log(s)

    def negative(p):  # of label 0, whose probability p is
        return (peak - (1.0 - p)) * (1.0 - p) ** 2

    return positive, negative, True


FORMULAS = {"PolyFocal": poly_focal, "Hill": hill}
PARAMETERS = [
    ("PolyFocal", {"gamma": 0.0, "epsilon": 0.0}),
    ("PolyFocal", {"gamma": 2.0, "epsilon": 1.0}),
    ("PolyFocal", {"gamma": 0.5, "epsilon": -1.0}),
    ("Hill", {"gamma": 2.0, "margin": 1.0, "peak": 1.5}),
    ("Hill", {"gamma": 0.0, "margin": 0.25, "peak": 3.0}),
]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multi-class", "multi-label"])
@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
def test_contributing_loss_has_the_derivatives_of_its_formula(contributing, name, parameters, task):
    positive, negative, all_classes = FORMULAS[name](**parameters)
    rng = np.random.default_rng(0)
    columns = 1 if task == "binary" else 3
    margin = rng.uniform(-4.0, 4.0, size=(50, columns))
    label = rng.integers(0, 3 if task == "multi-class" else 2, size=(50, 3) if task == "multi-label" else 50)
    is_true = np.eye(3)[label] if task == "multi-class" else label.reshape(50, columns)

    def loss(m):
        if task == "multi-class":
            p = np.exp(m) / np.exp(m).sum(axis=1, keepdims=True)
            return np.where(is_true, positive(p), negative(1.0 - p) if all_classes else 0.0).sum(axis=1)
        p = sigmoid(m)
        return np.where(is_true, positive(p), negative(1.0 - p))

    objective = contributing[name](**parameters, hessian="exact")
    given = margin[:, 0] if task == "binary" else margin
    values = loss(margin)
    np.testing.assert_allclose(objective.loss(given, label).reshape(values.shape), values, rtol=1e-12)
    gradient, hessian = (values.reshape(50, columns) for values in objective.gradient_hessian(given, label))
    for k in range(columns):
        own = (slice(None), k) if values.ndim == 2 else slice(None)
        shift = np.eye(columns)[k]
        step, wide = 1e-4, 4e-4
        first = ((loss(margin + step * shift) - loss(margin - step * shift)) / (2.0 * step))[own]
        second = ((loss(margin + wide * shift) - 2.0 * values + loss(margin - wide * shift)) / wide**2)[own]
        np.testing.assert_allclose(gradient[:, k], first, atol=1e-7)
        np.testing.assert_allclose(hessian[:, k], second, atol=1e-6)


@pytest.mark.parametrize("ones", [2, 20, 60])
@pytest.mark.parametrize(("name", "parameters"), PARAMETERS)
def test_contributing_loss_has_a_start_and_a_probability(contributing, name, parameters, ones):
    label = np.repeat([0, 1], [100 - ones, ones])
    objective = contributing[name](**parameters)
    start = objective.start(label)
    assert objective.probability(np.array([start]))[0] == pytest.approx(ones / 100)
    candidates = start + np.linspace(-1.0, 1.0, 201)
    means = [objective.mean_loss(np.full(100, margin), label) for margin in candidates]
    assert candidates[np.argmin(means)] == pytest.approx(start, abs=1e-9)
    assert repr(contributing[name](gamma=3.0)).startswith(f"{name}(gamma=3.0")


@pytest.mark.parametrize(("name", "parameters"), [PARAMETERS[1], PARAMETERS[3]])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_contributing_loss_trains(contributing, name, parameters, library):
    module = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = (X[:, 0] + rng.normal(size=500) > 1.5).astype(int)
    objective = contributing[name](**parameters)
    if library == "xgboost":
        data = module.DMatrix(X, y)
        booster = module.train({**objective.xgboost_params(y), "nthread": 1}, data, 20, obj=objective)
        margin = booster.predict(data, output_margin=True)
    else:
        params = {**objective.lightgbm_params(y), "num_threads": 1, "verbosity": -1}
        booster = module.train(params, module.Dataset(X, y), 20, init_model=objective.lightgbm_start(X, y))
        margin = booster.predict(X, raw_score=True)
    assert objective.mean_loss(margin, y) < 0.9 * objective.mean_loss(np.full(500, objective.start(y)), y)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("PolyFocal", {"epsilon": -1.1}, "epsilon is -1.1; it must be at least -1"),
        ("Hill", {"peak": 1.4}, "peak is 1.4; it must be at least 1.5"),
    ],
)
def test_contributing_loss_has_the_range_in_which_it_falls(contributing, name, parameters, said):
    with pytest.raises(ValueError, match=said):
        contributing[name](**parameters)
    t = np.linspace(-10.0, 10.0, 201)
    gamma, beyond = {"gamma": 0.0}, {"margin": 0.0} if name == "Hill" else {}
    positive, negative, _ = FORMULAS[name](**(gamma | beyond | parameters))
    assert max(np.diff(positive(sigmoid(t))).max(), np.diff(negative(sigmoid(t))).max()) > 0
