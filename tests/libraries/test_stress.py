"""What happens on a bad day: interrupts, many at once, numbers at the edge, files from elsewhere, and very long runs."""

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import boost_imbalance as bi
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.parameters import parameter

LOSSES = {
    "weighted": lambda gamma: bi.weighted_objective("balanced", gamma=gamma),
    "focal": lambda gamma: bi.focal_objective(gamma),
    "asymmetric": lambda gamma: bi.asymmetric_objective(0.5 * gamma, gamma, 0.05),
    "class_balanced": lambda gamma: bi.class_balanced_objective(0.999, gamma),
    "logit_adjusted": lambda gamma: bi.logit_adjusted_objective(1.0, gamma=gamma),
    "adaptive": lambda gamma: bi.adaptive_objective(gamma=gamma),
    "ldam": lambda gamma: bi.ldam_objective(0.1 * gamma),
    "poly1": lambda gamma: bi.poly1_objective(gamma - 1.0),
    "generalized_cross_entropy": lambda gamma: bi.generalized_cross_entropy_objective(1.0 / (1.0 + gamma)),
    "robust_focal": lambda gamma: bi.robust_focal_objective(gamma),
    "vector_scaling": lambda gamma: bi.vector_scaling_objective(0.01 * gamma),
}
TASKS = ["binary", "multi-label", "multi-class"]
HESSIANS = [None, "exact", "expected", "positive_terms", "absolute", "reweighted", "residual", "safeguarded"]


def train(library, objective, X, y, rounds=5, weight=None, **params):
    """A model and its margins, begun at the loss's own start."""
    if library == "xgboost":
        xgboost = pytest.importorskip("xgboost")
        data = xgboost.DMatrix(X, y, weight=weight)
        known = {**objective.xgboost_params(y, weight), "nthread": 1, **params}
        model = xgboost.train(known, data, rounds, obj=objective)
        return model, model.predict(data, output_margin=True)
    lightgbm = pytest.importorskip("lightgbm")
    known = {**objective.lightgbm_params(y), "verbosity": -1, "num_threads": 1, "deterministic": True, **params}
    start = objective.lightgbm_start(X, y, weight)
    data = lightgbm.Dataset(X, y, weight=weight, free_raw_data=False)
    model = lightgbm.train(known, data, rounds, init_model=start)
    return model, model.predict(X, raw_score=True)


LIBRARIES = ["xgboost", "lightgbm"]


# Faults ------------------------------------------------------------------------------------------------------------------


class Failing(bi.Loss):
    """Cross-entropy whose third round goes wrong, in a way that a test chooses."""

    margin: float = parameter(0.0, low=-1.0)
    weights_move = True
    error: type[BaseException] = KeyboardInterrupt
    rounds = 0

    def positive(self, t):
        return -bi.log_sigmoid(t - self.margin)

    def moved_weights(self, weights, missed):
        Failing.rounds += 1
        if Failing.rounds == 3:
            raise Failing.error("in the middle")
        return weights


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ZeroDivisionError])
def test_an_error_in_the_middle_ends_the_training_and_the_objective_goes_on(library, error, make_data, monkeypatch):
    data = make_data("binary")
    objective = Failing()
    monkeypatch.setattr(Failing, "error", error)
    monkeypatch.setattr(Failing, "rounds", 0)
    with pytest.raises(error, match="in the middle"):
        train(library, objective, data.X, data.y)
    monkeypatch.setattr(Failing, "rounds", 10)
    _, margin = train(library, objective, data.X, data.y)
    _, alone = train(library, Failing(), data.X, data.y)
    np.testing.assert_array_equal(margin, alone)


ENDLESS = """
import sys, threading, numpy as np, boost_imbalance as bi
library = sys.argv[1]
rng = np.random.default_rng(0)
X = rng.normal(size=(50_000, 4)).astype(np.float32)
y = (X[:, 0] + rng.normal(size=50_000) > 2).astype(np.float32)
objective = bi.focal_objective(2.0)
event = threading.Event()
def begun(*arguments):
    print("begun", flush=True)
    event.set()
def endless():
    if library == "xgboost":
        import xgboost
        class Told(xgboost.callback.TrainingCallback):
            def after_iteration(self, model, epoch, log):
                return epoch == 2 and begun()
        xgboost.train(objective.xgboost_params(y), xgboost.DMatrix(X, y), 10**6, obj=objective, callbacks=[Told()])
    else:
        import lightgbm
        told = lambda env: env.iteration == 2 and begun()
        params = {**objective.lightgbm_params(y), "verbosity": -1}
        lightgbm.train(params, lightgbm.Dataset(X, y), 10**6, init_model=objective.lightgbm_start(X, y), callbacks=[told])
"""


def begun(code, *arguments):
    """A process that has begun to train."""
    variables = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(bi.__file__))}
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS + code, *arguments],
        env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "begun\n", process.communicate()
    return process


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
@pytest.mark.parametrize("library", LIBRARIES)
def test_ctrl_c_ends_a_training_within_seconds(library):
    pytest.importorskip(library)
    process = begun("endless()", library)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert said.rstrip().endswith("KeyboardInterrupt"), said


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_an_interpreter_that_ends_while_a_thread_trains_does_not_hang(library):
    pytest.importorskip(library)
    code = """
    threading.Thread(target=endless, daemon=True).start()
    event.wait()
    sys.exit(7)
    """
    process = begun(textwrap.dedent(code), library)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 7, (process.returncode, said)
    assert "Traceback" not in said


@pytest.mark.slow
def test_two_processes_compile_at_once(tmp_path):
    """Both get the kernel, and what lies on disk is whole."""
    code = """
import numpy as np, boost_imbalance as bi
from boost_imbalance.kernels import cache
with cache.filling():  # never mind what lies in the package's own folder
    gradient, hessian = bi.focal_objective(2.5).gradient_hessian(np.linspace(-3, 3, 7), np.arange(7) % 2)
print(gradient.tolist(), hessian.tolist(), [one.compiled for one in cache.kernels])
"""
    variables = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(bi.__file__)), "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", code]
    both = [
        subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [one.communicate(timeout=300) for one in both]
    assert all(error == "" for _, error in said), said
    assert any("[True]" in out for out, _ in said)  # one that comes late finds what another has left
    after = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300, check=True)
    assert {out.rpartition(" [")[0] for out, _ in said} == {after.stdout.rpartition(" [")[0]}
    assert after.stdout.endswith("[False]\n")
    assert not list(tmp_path.rglob("*.part"))


# Many at once ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("loss", ["focal", "adaptive", "logit_adjusted"])
def test_eight_trainings_at_once_with_one_objective(library, loss, make_data):
    """The margins of each training alone, to the last bit; two at a time share labels, and sizes and tasks differ."""
    sets = [make_data(task, n=300 + 100 * seed, seed=seed) for seed in range(4) for task in ("binary", "multiclass")]
    alone = [train(library, LOSSES[loss](2.0), data.X, data.y)[1] for data in sets]
    objective = LOSSES[loss](2.0)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: train(library, objective, data.X, data.y)[1], sets))
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one, other)


def _fold(objective, library, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3))
    return train(library, objective, X, (X[:, 0] + rng.normal(size=400) > 1.5).astype(float))[1]


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_trainings_by_joblib(library, backend, fresh_python):
    """In a process of its own: forks of one whose libraries have begun threads hang in these."""
    pytest.importorskip(library)
    pytest.importorskip("joblib")
    code = "import sys; from tests.libraries import test_stress; test_stress.by_joblib(*sys.argv[1:])"
    assert fresh_python(code, library, backend, timeout=200.0) == "equal"


def by_joblib(library, backend):
    import joblib

    objective = LOSSES["adaptive"](1.0)
    together = joblib.Parallel(4, backend=backend)(joblib.delayed(_fold)(objective, library, seed) for seed in range(6))
    for seed, margin in enumerate(together):
        np.testing.assert_array_equal(margin, _fold(LOSSES["adaptive"](1.0), library, seed))
    print("equal")


# Numbers -----------------------------------------------------------------------------------------------------------------


FEW = ["focal", "asymmetric", "logit_adjusted"]


@st.composite
def rounds(draw, names, gammas, hessians):
    """A loss, and one round that it may meet."""
    task = draw(st.sampled_from(TASKS))
    name = draw(st.sampled_from([one for one in names if task != "multi-class" or one != "vector_scaling"]))
    gamma = draw(gammas)
    n, k = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-3, 30))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    margin = (rng.normal(size=(n, k)) * scale * 10.0 ** -rng.integers(0, 30, (n, k))).astype(dtype)
    share = draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    label = {
        "binary": lambda: (rng.random(n) < share).astype(np.float32),
        "multi-label": lambda: (rng.random((n, k)) < share).astype(np.float32),
        "multi-class": lambda: np.where(rng.random(n) < share, rng.integers(0, k, n), 0).astype(np.float32),
    }[task]()
    weight = None
    if draw(st.booleans()):
        weight = 10.0 ** rng.uniform(-30, 30, n)
        weight[rng.random(n) < 0.2] = 0.0
        weight[0] = 10.0 ** draw(st.integers(-30, 30))
    if task == "binary":
        margin = margin[:, 0].copy()
    if draw(st.booleans()):
        margin = np.asfortranarray(margin)
    if draw(st.booleans()):
        margin = margin[::-1]
    return task, LOSSES[name](gamma).replace(hessian=draw(st.sampled_from(hessians))), margin, label, weight, k


@settings(deadline=None, max_examples=60, derandomize=True)  # at random: benchmarks/fuzz.py
@given(rounds(FEW, st.floats(0.01, 50.0), [None]))
def test_no_number_is_lost(one):
    check_round(*one)


@pytest.mark.slow
@settings(deadline=None, max_examples=80, derandomize=True)
@given(rounds(list(LOSSES), st.one_of(st.just(0.0), st.floats(0.0, 50.0)), HESSIANS))
def test_no_number_of_any_loss_is_lost(one):
    check_round(*one)


def check_round(task, objective, margin, label, weight, k):
    """Finite, of the shape of the margins, the Hessian positive where the weight is, probabilities between 0 and 1."""
    n_classes = k if task == "multi-class" else None
    training = objective.bind(label, weight, n_classes, library="xgboost")
    assert training.fitted.task.value == task
    gradient, hessian = training(margin)
    assert gradient.shape == hessian.shape == margin.shape
    counts = np.ones(len(label), bool) if weight is None else weight > 0
    for values in (gradient, hessian, training.fitted.start):
        assert np.isfinite(values).all(), (objective, values)
    assert (hessian >= 0).all()
    if weight is None:
        assert (hessian > 0).all()
    assert not gradient[~counts].any()
    fitted = objective.fit(label, weight, n_classes)
    probability = fitted.probability(margin)
    assert ((probability >= 0) & (probability <= 1)).all(), (objective, margin, probability)
    if task == "multi-class":
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-5)
    assert np.isfinite(fitted.loss(margin, label)).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("ones", [1, 10**7 - 1])
def test_one_positive_in_ten_million(name, ones):
    """Start, scale and both kinds of row, from counts alone."""
    rows = 10**7
    known = Counts(Task.BINARY, np.array([float(ones)]), np.array([float(ones)]), rows, np.array([float(rows)]))
    for gamma in (0.0, 2.0, 50.0):
        objective = LOSSES[name](gamma).fit_counts(known)
        start = objective.fitted.start
        table = objective.fitted.served(1.0, np.float32)
        assert np.isfinite(start).all()
        assert np.isfinite(table[3:5]).all()
        assert (table[3:5] > 0).all()
        for margin in (np.full(2, start[0]), np.array([-40.0, 40.0]), np.zeros(2)):
            gradient, hessian = objective.gradient_hessian(margin, [0, 1])
            assert np.isfinite(gradient).all()
            assert np.isfinite(hessian).all()
            assert gradient[0] >= 0 >= gradient[1]
            assert np.isfinite(objective.probability(margin)).all()


DEFAULTS = [
    "adaptive", "asymmetric", "class_balanced", "focal", "generalized_cross_entropy", "ldam", "logit_adjusted", "poly1",
    "robust_focal", "vector_scaling", "weighted",
]  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", DEFAULTS)
def test_one_positive_in_a_hundred_thousand_rows_is_found(library, name):
    """Two features identify it, and a leaf may hold one row; XGBoost's own objective asks for ``min_child_weight=0`` too."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 100, (100_000, 2)).astype(np.float32)
    X[(X == 50).all(axis=1)] = 49.0
    X[777] = 50.0
    y = np.zeros(len(X))
    y[777] = 1.0
    objective = getattr(bi, f"{name}_objective")()
    options = {"min_data_in_leaf": 1} if library == "lightgbm" else {"min_child_weight": 0}
    _, margin = train(library, objective, X, y, 20, **options)
    assert np.isfinite(margin).all()
    assert margin.argmax() == 777
    assert margin[777] > np.delete(margin, 777).max()


# Files from elsewhere ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", LIBRARIES)
def test_reading_a_model_file_imports_and_runs_nothing(library, make_data, tmp_path, monkeypatch):
    """A file names the class of a loss; it may not choose what is imported, or called."""
    pytest.importorskip(library)
    pytest.importorskip("sklearn")
    classifier = bi.ImbalancedXGBClassifier if library == "xgboost" else bi.ImbalancedLGBMClassifier
    data = make_data("binary", n=200)
    file = tmp_path / ("modèle à nous.json" if library == "xgboost" else "modèle à nous.txt")
    classifier(loss=bi.focal_objective(2.0), n_estimators=2, n_jobs=1).fit(data.X, data.y).save_model(file)
    (tmp_path / "planted.py").write_text("raise SystemExit('code of the file was run')\n")
    (tmp_path / "lazy.py").write_text("def __getattr__(name):\n    raise SystemExit('code of the file was run')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import lazy  # noqa: F401

    text = file.read_text()
    for planted in (
        "planted:Loss",
        "lazy:Loss",
        "os:system",
        "subprocess:Popen",
        "builtins:eval",
        "boost_imbalance:compare",
    ):
        changed = text.replace("constructor", "class").replace("focal_objective", planted)
        assert changed.count(planted) == 1
        file.write_text(changed)
        with pytest.warns(UserWarning, match="is not here|is no loss"):
            classifier().load_model(file)
    assert "planted" not in sys.modules
    for name in ("__class__", "load_objective", "Loss_objective", "os._objective"):
        file.write_text(text.replace("focal_objective", name))
        with pytest.raises(ValueError, match="which this version does not have"):
            classifier().load_model(file)


def test_a_folder_of_a_comparison_holds_no_pickles(tmp_path):
    """What another person's folder brings is JSON and arrays of numbers; an array of objects is refused, not opened."""
    pytest.importorskip("sklearn")
    from boost_imbalance.comparison.store import VERSION, Store

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    (tmp_path / "settings.json").write_text(json.dumps({"version": VERSION, "candidates": []}))
    np.savez(tmp_path / "labels.npz", label=np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        Store.read(tmp_path)
    assert not (tmp_path / "sprung").exists()


# A long run --------------------------------------------------------------------------------------------------------------


def resident():
    """Memory of this process, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
@pytest.mark.parametrize("library", LIBRARIES)
def test_two_thousand_rounds_are_flat(library, make_data):
    """Memory beyond the trees, and time in the objective and metric per round, after 2000 rounds as after 400."""
    data, held_out = make_data("multiclass", n=3000), make_data("multiclass", n=1000, seed=1)
    objective = bi.focal_objective(2.0)
    memory, clock, spent = [], [], [0.0]

    class Timed:
        def __init__(self, function):
            self.function = function

        def __call__(self, *arguments):
            began = time.thread_time()
            try:
                return self.function(*arguments)
            finally:
                spent[0] += time.thread_time() - began

    metrics = Timed(objective.metric), Timed(bi.metrics.average_precision())

    def note():
        gc.collect()
        memory.append(resident())
        clock.append(spent[0])

    if library == "xgboost":
        xgboost = pytest.importorskip("xgboost")

        class Noted(xgboost.callback.TrainingCallback):
            def after_iteration(self, model, epoch, log):
                if epoch % 400 == 0:
                    note()
                return False

        train_set = xgboost.DMatrix(data.X, data.y)
        params = {**objective.xgboost_params(data.y), "learning_rate": 1e-3, "max_depth": 2, "nthread": 1}
        model = xgboost.train(
            params, train_set, 2001, obj=objective, custom_metric=metrics[0], verbose_eval=False, early_stopping_rounds=3000,
            evals=[(train_set, "train"), (xgboost.DMatrix(held_out.X, held_out.y), "held_out")], callbacks=[Noted()],
        )  # fmt: skip
        assert model.num_boosted_rounds() == 2001
    else:
        lightgbm = pytest.importorskip("lightgbm")
        train_set = lightgbm.Dataset(data.X, data.y, free_raw_data=False)
        params = {
            **objective.lightgbm_params(data.y), "learning_rate": 1e-3, "num_leaves": 4, "verbosity": -1, "num_threads": 1,
        }  # fmt: skip
        lightgbm.train(
            params, train_set, 2001, valid_sets=[train_set, lightgbm.Dataset(held_out.X, held_out.y, reference=train_set)],
            feval=list(metrics), init_model=objective.lightgbm_start(data.X, data.y),
            callbacks=[
                lightgbm.early_stopping(3000, verbose=False),
                lambda env: env.iteration % 400 == 0 and note(),
            ],
        )  # fmt: skip
    grown, seconds = np.diff(memory), np.diff(clock)
    print(f"{library}: MiB per 400 rounds {grown.round(1).tolist()}, seconds in metrics {seconds.round(2).tolist()}")
    assert grown[1:].max() < 24.0  # three small trees a round are 5 to 10 MiB in 400 rounds
    assert seconds[-1] < 2.0 * seconds[0]
    assert len(objective._memory.trainings) <= 1
    assert threading.active_count() < 20
