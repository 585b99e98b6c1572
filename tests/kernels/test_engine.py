"""The machinery around the losses: copies, buffers, threads, processes, the disk cache and imports."""

import copy
import itertools
import os
import pathlib
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels.threads import cpu_quota, default_threads, part_count, run_parts


def margins(task, n, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    if task == "binary":
        return rng.normal(size=n).astype(dtype), (rng.random(n) < 0.2).astype(np.float32)
    y = rng.integers(3, size=n) if task == "multiclass" else rng.random((n, 3)) < 0.2
    return rng.normal(size=(n, 3)).astype(dtype), y.astype(np.float32)


def test_pickle_gives_the_same_loss(any_data, any_constructor):
    objective = any_constructor()
    margin = np.random.default_rng(0).normal(size=any_data.posterior.shape)
    before = pickle.loads(pickle.dumps(objective))
    objective = objective.fit(any_data.y)
    after = pickle.loads(pickle.dumps(objective))
    assert repr(before) == repr(after) == repr(objective)
    before = before.fit(any_data.y)
    for other in (before, after):
        assert other == objective
        assert other is not objective
        np.testing.assert_array_equal(other.loss(margin, any_data.y), objective.loss(margin, any_data.y))
        np.testing.assert_array_equal(other.probability(margin), objective.probability(margin))
        assert np.array_equal(other.start(any_data.y), objective.start(any_data.y))
        for own, others in zip(objective(any_data.y, margin), other(any_data.y, margin), strict=True):
            np.testing.assert_array_equal(own, others)


def test_pickle_after_a_training_knows_the_probability(any_data):
    objective = bi.weighted_objective("balanced")
    margin = np.random.default_rng(0).normal(size=any_data.posterior.shape)
    objective(any_data.y, margin)
    again = pickle.loads(pickle.dumps(objective))
    np.testing.assert_array_equal(again.probability(margin), objective.probability(margin))
    metric = pickle.loads(pickle.dumps(objective.metric))
    assert metric.value(margin, any_data.y) == objective.metric.value(margin, any_data.y)


@pytest.mark.parametrize(
    "metric", [bi.metrics.average_precision(), bi.metrics.f1(), bi.metrics.balanced_accuracy(objective=bi.focal_objective())]
)
def test_metrics_pickle(metric):
    again = pickle.loads(pickle.dumps(metric))
    assert repr(again) == repr(metric)
    assert again.__name__ == metric.__name__
    assert again.value([0.1, -0.2, 0.3], [0, 0, 1]) == metric.value([0.1, -0.2, 0.3], [0, 0, 1])


def test_deepcopy_is_an_equal_object_of_its_own(any_constructor):
    objective = any_constructor()
    for other in (copy.deepcopy(objective), copy.deepcopy([objective])[0], copy.copy(objective)):
        assert other == objective
        assert hash(other) == hash(objective)
        assert other is not objective


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        (bi.focal_objective(), "focal_objective(gamma=1.0)"),
        (bi.focal_objective(gamma=1.5, alpha=0.25), "focal_objective(gamma=1.5, alpha=0.25)"),
        (bi.weighted_objective({1: 3.0}, tau=0.5), "weighted_objective(weights={1: 3.0}, tau=0.5)"),
        (bi.asymmetric_objective(1.0, 3.0), "asymmetric_objective(gamma_pos=1.0, gamma_neg=3.0, margin=0.05)"),
        (bi.class_balanced_objective(beta=0.99), "class_balanced_objective(beta=0.99)"),
        (bi.logit_adjusted_objective(hessian="exact"), "logit_adjusted_objective(tau=1.0, hessian='exact')"),
        (bi.adaptive_objective(scale=2.0, n_threads=1), "adaptive_objective(rate=0.01, scale=2.0, n_threads=1)"),
    ],
    ids=repr,
)
def test_repr_makes_the_object(objective, text):
    assert repr(objective) == text
    assert repr(eval(text, vars(bi))) == text


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_answers_that_are_still_held_are_not_overwritten(task, order):
    margin, label = margins(task, 3000)
    training = bi.focal_objective().bind(label)
    held, copies = [], []
    for i in range(6):
        gradient, hessian = training(np.asarray(margin + i, order=order))
        # In turn: both, one, a view of one, and a view of a view.
        kept = [(gradient, hessian), (gradient,), (hessian[::2],), (gradient.T[..., 1:][..., ::3],)][i % 4]
        held.append(kept)
        copies.append([array.copy() for array in kept])
        del gradient, hessian, kept
    for arrays, before in zip(held, copies, strict=True):
        for array, copied in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copied)


def test_answers_held_by_other_means_are_not_overwritten():
    margin, label = margins("binary", 3000)
    training = bi.focal_objective().bind(label)
    gradient, hessian = training(margin)
    views = [memoryview(gradient), np.frombuffer(hessian, np.float32), gradient.reshape(30, 100).view(np.int32)]
    before = [np.array(view) for view in views]
    del gradient, hessian
    for i in range(4):
        training(margin + 1.0 + i)
    for view, copied in zip(views, before, strict=True):
        np.testing.assert_array_equal(np.asarray(view), copied)


def test_memory_that_nobody_holds_is_used_again():
    margin, label = margins("multiclass", 3000)
    training = bi.focal_objective().bind(label)  # a call of the objective by hand keeps nothing
    places = set()
    for i in range(20):
        gradient, hessian = training(margin + i)
        assert not np.shares_memory(gradient, hessian)
        places.add(gradient.ctypes.data)
        del gradient, hessian
    assert len(places) == 1
    for i in range(20):  # as a training loop does it: the last answer is held while the next is made
        held = training(margin + i)
        places.add(held[0].ctypes.data)
    assert len(places) == 2


def test_answers_of_different_sizes_in_turn():
    objective = bi.focal_objective()
    for n in (100, 5000, 10, 5001, 2600, 99):
        margin, label = margins("multiclass", n)
        gradient, hessian = objective(label, margin)
        expected = bi.focal_objective()(label, margin)
        np.testing.assert_array_equal(gradient, expected[0])
        np.testing.assert_array_equal(hessian, expected[1])


def answer(objective, seed):
    """What an objective says about data of its own; at module level, so that other processes can be told to do it."""
    margin, label = margins("multiclass", 2000 + 500 * (seed % 3), seed)
    first = objective(label, margin)[0].copy()
    gradient, hessian = objective(label, 0.5 * margin)
    return np.stack([first, gradient, hessian])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib(any_constructor, backend):
    joblib = pytest.importorskip("joblib")
    objective = any_constructor(n_threads=2)
    expected = [answer(any_constructor(), seed) for seed in range(6)]
    answers = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(answer)(objective, seed) for seed in range(6))
    for own, others in zip(expected, answers, strict=True):
        np.testing.assert_array_equal(own, others)


def test_many_threads_share_one_objective():
    objective = bi.class_balanced_objective(gamma=1.0, n_threads=2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: answer(objective, seed), range(40)))
    for seed, together in enumerate(answers):
        np.testing.assert_array_equal(together, answer(bi.class_balanced_objective(gamma=1.0), seed))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_fork_after_threads_were_used(tmp_path):
    margin, label = margins("binary", 200_000)
    objective = bi.focal_objective(n_threads=3)
    expected = np.stack(objective(label, margin))
    child = os.fork()
    if child == 0:
        try:
            np.save(tmp_path / "child.npy", np.stack(objective(label, margin)))
        finally:
            os._exit(0)
    deadline = time.monotonic() + 30.0
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the forked process hangs")
        time.sleep(0.02)
    np.testing.assert_array_equal(np.load(tmp_path / "child.npy"), expected)
    np.testing.assert_array_equal(np.stack(objective(label, margin)), expected)


COUNT_THREADS = """
import os, sys
if sys.argv[1] and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[0]])
from boost_imbalance.kernels.threads import default_threads
print(default_threads())
"""


@pytest.mark.parametrize("requested", ["1", "2", "1,4", " 2 ", "0", "", "many", "-3", "100000", None])
def test_threads_by_environment(monkeypatch, requested):
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    available = min(available, cpu_quota() or available)
    if requested is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", requested)
    whole = {"1": 1, "2": 2, "1,4": 1, " 2 ": 2}.get(requested, available)
    assert default_threads() == min(available, whole)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no processor affinity")
def test_threads_by_affinity(fresh_python):
    assert fresh_python(COUNT_THREADS, "pinned", OMP_NUM_THREADS=None) == "1"
    assert fresh_python(COUNT_THREADS, "pinned", OMP_NUM_THREADS="8") == "1"
    assert fresh_python(COUNT_THREADS, "", OMP_NUM_THREADS="1") == "1"


STARTED = """
import sys, threading, numpy, boost_imbalance
rng = numpy.random.default_rng(0)
margin, label = rng.normal(size=400_000).astype("f4"), (rng.random(400_000) < 0.2).astype("f4")
n_threads = int(sys.argv[1]) or None
boost_imbalance.focal_objective(n_threads=n_threads)(label, margin)
print(sum(thread.name.startswith("boost_imbalance") for thread in threading.enumerate()))
"""


@pytest.mark.slow
def test_number_of_threads_that_are_started(fresh_python):
    assert fresh_python(STARTED, "1", OMP_NUM_THREADS="4") == "0"
    assert fresh_python(STARTED, "0", OMP_NUM_THREADS="1") == "0"
    assert fresh_python(STARTED, "2", OMP_NUM_THREADS="1") == "1"  # beside the calling one
    assert 1 <= int(fresh_python(STARTED, "4", OMP_NUM_THREADS="1")) <= 3


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_number_of_threads_does_not_change_the_numbers(task):
    margin, label = margins(task, 100_001)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(margin)).astype(np.float32)
    answers = [bi.focal_objective(n_threads=n)(label, margin, weight) for n in (1, 2, 3, 7)]
    for gradient, hessian in answers[1:]:
        np.testing.assert_array_equal(gradient, answers[0][0])
        np.testing.assert_array_equal(hessian, answers[0][1])


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 1000, 1003])
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_parts_cover_every_row_once(rows, n_threads):
    seen, lock = [], threading.Lock()

    def kernel(start, stop, index):
        with lock:
            seen.append((index, start, stop))

    run_parts(kernel, (), (), range(part_count(rows, n_threads, 10)), rows, n_threads)
    seen.sort()
    assert [index for index, _, _ in seen] == list(range(len(seen)))
    assert len(seen) <= 8 * n_threads
    assert seen[0][1] == 0
    assert seen[-1][2] == rows
    assert all(before[2] == after[1] for before, after in itertools.pairwise(seen))
    assert len(seen) == 1 or all(stop - start >= 10 for _, start, stop in seen)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_an_error_in_any_part_reaches_the_caller(failing):
    begun, finished = threading.Barrier(3, timeout=60), []

    def kernel(start, stop, index):
        begun.wait()  # a part that has not begun when another fails need not run
        if index == failing:
            raise KeyError(index)
        time.sleep(0.01)
        finished.append(index)

    with pytest.raises(KeyError):
        run_parts(kernel, (), (), range(3), 300, 3)
    assert sorted(finished) == [index for index in range(3) if index != failing]  # nobody writes after the call is over


ONE_LOSS = """
import boost_imbalance
class Own(boost_imbalance.Loss):  # which lies in no cache yet
    def positive(self, t):
        return -1.0000000001 * boost_imbalance.log_sigmoid(t)
print(float(Own().loss([1.0], [0])[0]))
"""


def files(folder):
    return {path: path.stat().st_mtime_ns for path in pathlib.Path(folder).rglob("*.nb?")}


@pytest.mark.slow
def test_second_process_compiles_nothing(fresh_python, tmp_path):
    first = fresh_python(ONE_LOSS, NUMBA_CACHE_DIR=str(tmp_path))
    compiled = files(tmp_path)
    assert compiled
    assert fresh_python(ONE_LOSS, NUMBA_CACHE_DIR=str(tmp_path)) == first
    assert files(tmp_path) == compiled


@pytest.mark.slow
@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_cache_that_cannot_be_written_breaks_nothing(fresh_python, tmp_path, below):
    regular_file = tmp_path / "file"
    regular_file.write_text("not a folder")
    folder = os.path.join(regular_file, below) if below else str(regular_file)
    printed = fresh_python(ONE_LOSS, NUMBA_CACHE_DIR=folder)
    assert float(printed) == pytest.approx(np.log1p(np.e))
    assert regular_file.read_text() == "not a folder"


@pytest.mark.slow
def test_a_damaged_cache_breaks_nothing(fresh_python, tmp_path):
    first = fresh_python(ONE_LOSS, NUMBA_CACHE_DIR=str(tmp_path))
    for path in files(tmp_path):
        path.write_bytes(b"")
    assert fresh_python(ONE_LOSS, NUMBA_CACHE_DIR=str(tmp_path)) == first


@pytest.mark.slow
def test_folders_that_cannot_be_written_are_passed_over(fresh_python, tmp_path):
    package = tmp_path / "boost_imbalance"
    source = pathlib.Path(bi.__file__).parent
    for path in source.rglob("*.py"):
        target = package / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (package / "__pycache__").write_text("a regular file, where even root makes no folder")
    cache = tmp_path / "cache"
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{ONE_LOSS}assert {str(tmp_path)!r} in boost_imbalance.__file__"
    )
    fresh_python(code, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=str(cache), PYTHONPATH=str(tmp_path))
    assert files(cache)


def test_import_loads_no_other_library(fresh_python):
    heavy = [
        "xgboost",
        "lightgbm",
        "matplotlib",
        "pandas",
        "sklearn",
        "scipy.optimize",
        "cupy",
        "numba",
        "joblib",
        "torch",
    ]
    code = f"""
import sys, boost_imbalance
print([name for name in {heavy!r} if name in sys.modules])
"""
    assert fresh_python(code) == "[]"


WITHOUT = """
import sys
import numpy

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import boost_imbalance as bi

rng = numpy.random.default_rng(0)
label = (rng.random(50) < 0.3).astype(int)
margin = rng.normal(size=50)
for name in ("weighted", "focal", "asymmetric", "class_balanced", "logit_adjusted", "adaptive"):
    objective = getattr(bi, name + "_objective")()
    objective.start(label)
    assert numpy.isfinite(objective.loss(margin, label)).all()
    assert numpy.isfinite(objective.gradient_hessian(margin, label)).all()
    assert numpy.isfinite(objective(label, margin)).all()
    assert numpy.isfinite(objective.probability(margin)).all()
    assert "base_score" in objective.xgboost_params(label)
    assert objective.lightgbm_params(label)["objective"] is objective
    assert bi.metrics.average_precision().value(margin, label) > 0
    if "lightgbm" in sys.argv:
        try:
            objective.lightgbm_start(margin[:, None], label)
        except ModuleNotFoundError:
            pass
        else:
            raise AssertionError("lightgbm was not blocked")
assert not {"xgboost", "lightgbm"} & set(sys.modules)
"""


@pytest.mark.parametrize(
    "missing", [["xgboost"], ["lightgbm"], ["xgboost", "lightgbm", "sklearn", "pandas", "matplotlib"]], ids=str
)
def test_works_without_the_libraries(fresh_python, missing):
    fresh_python(WITHOUT, *missing)
    assert sys.modules["boost_imbalance"] is bi
