"""The bar of a comparison: what it says, the time left, and in a notebook."""

import builtins
import importlib.util
import sys
import time
import types
import warnings

import pytest

pytest.importorskip("rich")
pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from sklearn.datasets import make_classification

import boost_imbalance as bi
from boost_imbalance.comparison.progress import Progress, progress_bar

LIBRARY = next((name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)), None)


def test_what_was_done_before_says_nothing_of_the_speed():
    with progress_bar(20, True, done=10) as bar:
        now = [0.0]
        bar.display.get_time = lambda: now[0]
        for now[0] in (100.0, 160.0, 220.0):  # a minute for each, longer than rich looks back by itself
            bar.advance()
        (task,) = bar.display.tasks
        assert task.completed == 13
        assert task.time_remaining == pytest.approx(7 * 60)


def test_something_moves_by_itself(capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar(3, True) as bar:
        bar.begin("xgboost, [focal]")
        time.sleep(0.6)
        first = capsys.readouterr().err
        time.sleep(0.6)
        second = capsys.readouterr().err
    assert "xgboost, [focal]" in first
    spinner = set("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
    assert len(spinner & set(first + second)) >= 3


def test_nothing_is_shown_where_nothing_is_wanted(capsys):
    with progress_bar(3, False) as bar:
        bar.begin("what")
        bar.step(1, 2)
        bar.advance()
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(LIBRARY is None, reason="needs a library")
def test_each_trial_and_what_is_left_of_a_resumed_comparison(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    X, y = make_classification(200, weights=[0.8], random_state=0)
    steps, bars = [], []
    monkeypatch.setattr(Progress, "step", lambda self, number, total: steps.append((number, total)))
    whole = Progress.__init__

    def kept(self, display=None, task=None):
        whole(self, display, task)
        bars.append(display and display.tasks[0].completed)

    monkeypatch.setattr(Progress, "__init__", kept)
    options = {"losses": ["focal"], "baselines": [], "folds": 2, "repeats": 1, "tune": 2, "library": LIBRARY, "n_jobs": 1}
    options |= {"output": tmp_path, "params": {"n_estimators": 3}}
    bi.compare(X, y, **options)
    assert steps == [(1, 2), (2, 2)] * 5  # two candidates on two folds, and one on all rows
    lines = (tmp_path / "records.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "records.jsonl").write_text("".join(lines[:3]))
    bi.compare(X, y, **options)
    assert bars == [0, 3]


@pytest.fixture
def notebook(monkeypatch):
    """What IPython was given to show, in a notebook without ipywidgets."""
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(picture)

    def display(picture, display_id):
        assert display_id is True
        shown.append(picture)
        return Handle()

    ZMQInteractiveShell = type("ZMQInteractiveShell", (), {})
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    ipython, shows = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    shows.display, ipython.display = display, shows
    for name, module in (("IPython", ipython), ("IPython.display", shows), ("ipywidgets", None)):
        monkeypatch.setitem(sys.modules, name, module)
    return shown


def test_a_notebook_without_ipywidgets(notebook, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with progress_bar(3, True) as bar:
            bar.begin("xgboost, <focal>")
            time.sleep(0.7)
            bar.advance()
            bar.step(2, 5)
        assert len(notebook) >= 3
    assert capsys.readouterr() == ("", "")
    assert "0/3" in repr(notebook[0])
    assert "xgboost, <focal>" in repr(notebook[1])
    assert "1/3" in repr(notebook[-1])
    assert "trial 2 of 5" in repr(notebook[-1])
    assert "&lt;focal&gt;" in notebook[-1]._repr_html_()


def test_an_error_ends_the_bar_of_a_notebook(notebook):
    with pytest.raises(KeyboardInterrupt), progress_bar(3, True):
        raise KeyboardInterrupt
    number = len(notebook)
    time.sleep(0.7)
    assert len(notebook) == number
