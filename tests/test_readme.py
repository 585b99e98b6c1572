"""The code in README.md and CONTRIBUTING.md runs, and does what the text says."""

import os
import pathlib
import re

import numba
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


def python_blocks(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, found.start(1))
        yield compile("\n" * line + found[1], str(ROOT / file), "exec")  # tracebacks show the line in the text


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


@pytest.fixture
def poly1_objective(tmp_path, monkeypatch):
    # Kernels are kept on disk under the formula's name and the package's sources, and this formula is not among those.
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    names = {"__name__": "contributing"}
    for block in python_blocks("CONTRIBUTING.md"):
        exec(block, names)
    return names["poly1_objective"]


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


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("epsilon", [0.0, 1.0, 2.5])
def test_contributing_loss_has_the_derivatives_of_its_formula(poly1_objective, columns, epsilon):
    rng = np.random.default_rng(0)
    margin = rng.uniform(-4.0, 4.0, size=(50, columns))
    label = rng.integers(0, max(2, columns), size=50)

    def loss(m):
        if columns == 1:
            p = 1.0 / (1.0 + np.exp(np.where(label == 1, -m[:, 0], m[:, 0])))
        else:
            e = np.exp(m)
            p = e[np.arange(50), label] / e.sum(axis=1)
        return -np.log(p) + epsilon * (1.0 - p)

    objective = poly1_objective(epsilon, hessian="exact")
    flat = margin[:, 0] if columns == 1 else margin
    np.testing.assert_allclose(objective.loss(flat, label), loss(margin), rtol=1e-12)
    gradient, hessian = (values.reshape(50, columns) for values in objective.gradient_hessian(flat, label))
    step = 1e-4
    for k in range(columns):
        up, down = margin.copy(), margin.copy()
        up[:, k] += step
        down[:, k] -= step
        first = (loss(up) - loss(down)) / (2.0 * step)
        second = (loss(up) - 2.0 * loss(margin) + loss(down)) / step**2
        np.testing.assert_allclose(gradient[:, k], first, atol=1e-7)
        np.testing.assert_allclose(hessian[:, k], second, atol=1e-6)


def test_contributing_loss_has_a_start_and_a_probability(poly1_objective):
    label = np.repeat([0, 1], [80, 20])
    objective = poly1_objective(epsilon=2.0)
    start = objective.start(label)
    assert objective.probability(np.array([start]))[0] == pytest.approx(0.2)
    candidates = start + np.linspace(-1.0, 1.0, 201)
    means = [objective.mean_loss(np.full(100, margin), label) for margin in candidates]
    assert candidates[np.argmin(means)] == pytest.approx(start, abs=1e-9)
    assert "epsilon" in repr(objective)


def test_contributing_loss_trains(poly1_objective):
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = (X[:, 0] + rng.normal(size=500) > 1.5).astype(int)
    objective = poly1_objective(epsilon=1.0)
    data = xgboost.DMatrix(X, y)
    booster = xgboost.train({**objective.xgboost_params(y), "nthread": 1}, data, 20, obj=objective)
    assert objective.mean_loss(booster.predict(data, output_margin=True), y) < objective.mean_loss(
        np.full(500, objective.start(y)), y
    )
