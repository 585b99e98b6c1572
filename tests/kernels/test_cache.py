"""Kernels on disk: baked by one user and read by another, whatever can be written; and what that leans on in numba."""

import os
import pathlib
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import time

import numba
import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.kernels import cache
from boost_imbalance.losses import warmup

SOURCE = pathlib.Path(bi.__file__).parent

COUNTED = """
import sys
from numba.core import event
recorder = event.RecordingListener()
event.register("numba:compile", recorder)
import numpy as np, boost_imbalance as bi
{code}
print(bi.__file__)
print(len(recorder.buffer))
"""

BAKE = """
print(bi.warm_up(bi.focal_objective(gamma=2.0), tasks=["binary"], libraries=["lightgbm"], verbose=False))
"""

USE = """
rng = np.random.default_rng(0)
label = (rng.random(300_000) < 0.2).astype(np.float32)
objective = bi.focal_objective(gamma=1.5)  # the same code as gamma 2
training = objective.bind(label, library="lightgbm")
gradient, hessian = training(np.zeros(300_000))
assert (np.sign(gradient) == 1 - 2 * label).all()
assert abs(objective.fit(label).probability(np.zeros(300_000)) - 0.5).max() < 1e-12
"""

TRY_TO_WRITE = """
import sys, numba
try:
    open(sys.argv[1] + "/file", "w")
except PermissionError:
    print("refused")
"""


@pytest.fixture(scope="module")
def as_other_user():
    """The beginning of a command line that runs a program without root's rights."""
    if os.name != "posix":
        pytest.skip("this system has no such users")
    if os.geteuid() != 0:
        return []
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    folder = pathlib.Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    try:
        for prefix in ([*drop, "--reuid=65534", "--regid=65534", "--clear-groups"], drop):  # root's home may be closed
            command = [*prefix, sys.executable, "-c", TRY_TO_WRITE, str(folder)]
            if shutil.which("setpriv") and subprocess.run(command, capture_output=True, text=True).stdout == "refused\n":
                return prefix
    finally:
        folder.rmdir()
    pytest.skip("root's rights cannot be given up here")


class Image:
    """An installation that everybody can read."""

    def __init__(self, root):
        self.root = root
        for path in SOURCE.rglob("*.py"):
            target = root / "site" / "boost_imbalance" / path.relative_to(SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        (root / "home").mkdir()

    def run(self, code, prefix=(), **environment):
        """What a process prints, but for its last two lines; the last is how many functions numba compiled."""
        own = {"PYTHONPATH": str(self.root / "site"), "HOME": str(self.root / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
        gone = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
        variables = {key: value for key, value in os.environ.items() if key not in gone} | own | environment
        command = [*prefix, sys.executable, "-W", "error", "-c", COUNTED.format(code=code)]
        done = subprocess.run(command, env=variables, cwd=self.root, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        *printed, file, count = done.stdout.splitlines()
        assert file.startswith(str(self.root))
        return printed, int(count)

    def close(self):
        """Let nobody write, and make all files newer than they were when the kernels were compiled."""
        later = time.time() + 3600.0
        for path in self.root.rglob("*"):
            os.utime(path, (later, later))
        for path in (self.root, *self.root.rglob("*")):
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))

    def kernels(self):
        return {path: path.stat().st_mtime_ns for path in self.root.rglob("*.nbc")}


@pytest.fixture(scope="module")
def image():
    root = pathlib.Path(tempfile.mkdtemp()).resolve()  # pytest's own folders are closed to other users
    root.chmod(0o755)
    yield Image(root)
    for path in (root, *(path for path in root.rglob("*") if path.is_dir())):
        path.chmod(0o755)
    shutil.rmtree(root)


@pytest.mark.slow
def test_another_user_reads_what_was_baked_into_an_image(image, as_other_user):
    (report,), compiled = image.run(BAKE)
    assert compiled > 0
    assert report.startswith("boost_imbalance: 3 kernels compiled, 0 found")
    assert str(image.root / "site" / "boost_imbalance" / "__pycache__") in report
    (baked,) = {path.parent for path in image.kernels()}
    shutil.copytree(baked, image.root / "kernels" / f"boost_imbalance-{baked.name.removeprefix('kernels-')}")
    image.close()
    before = image.kernels()
    assert len(before) == 2 * 3
    assert image.run(USE, as_other_user) == ([], 0)
    # Also where another place is named for what will be compiled.
    assert image.run(USE, as_other_user, NUMBA_CACHE_DIR=str(image.root / "nowhere")) == ([], 0)
    (report,), compiled = image.run(BAKE, as_other_user)
    assert compiled == 0
    assert report.startswith("boost_imbalance: 0 kernels compiled, 3 found")
    # What is not there is compiled in memory, without a word.
    _, compiled = image.run("bi.weighted_objective(None).gradient_hessian([0.0], [1])", as_other_user)
    assert compiled > 0
    assert image.kernels() == before
    # And NUMBA_CACHE_DIR may be what nobody can write.
    baked.chmod(0o755)
    for path in baked.iterdir():
        path.rename(path.with_suffix(".elsewhere"))
    assert image.run(USE, as_other_user, NUMBA_CACHE_DIR=str(image.root / "kernels")) == ([], 0)


def compile_one(folder, monkeypatch, name="one"):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder))

    def template(x, out):
        out[0] = FACTOR * x  # noqa: F821

    signature = numba.void(numba.float64, numba.types.Array(numba.float64, 1, "C"))
    made, out = cache.specialise(template, name, signature, FACTOR=3.0), np.zeros(1)
    made(2.0, out)
    assert out[0] == 6.0
    return cache.kernels[-1]


def test_a_kernel_is_compiled_once_and_everybody_can_read_it(tmp_path, monkeypatch):
    mask = os.umask(0o022)
    try:
        first = compile_one(tmp_path, monkeypatch)
    finally:
        os.umask(mask)
    assert first.compiled
    assert tmp_path in first.file.parents
    assert os.name != "posix" or stat.S_IMODE(first.file.stat().st_mode) == 0o644
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first.file]
    second = compile_one(tmp_path, monkeypatch)
    assert second == first._replace(compiled=False)
    assert compile_one(tmp_path, monkeypatch, "another").compiled


@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[:-9], lambda content: content[:-9] + bytes(9)]
)
def test_a_file_that_is_not_whole_is_written_again(tmp_path, monkeypatch, damage):
    first = compile_one(tmp_path, monkeypatch)
    whole = first.file.read_bytes()
    first.file.write_bytes(damage(whole))
    assert compile_one(tmp_path, monkeypatch) == first
    assert len(first.file.read_bytes()) == len(whole)
    assert not compile_one(tmp_path, monkeypatch).compiled


PROCESSOR = """
import numba, numpy as np
from boost_imbalance.kernels import cache
from boost_imbalance.losses import warmup
def template(x, out):
    out[0] = x
cache.specialise(template, "one", numba.void(numba.float64, numba.types.Array(numba.float64, 1, "C")))
print(cache.processor(), cache.kernels[-1].compiled, cache.kernels[-1].file.name)
"""


def test_machine_code_is_filed_by_the_processor(fresh_python, tmp_path):
    seen = {}
    for name, features in ((None, None), ("generic", ""), ("generic", ""), ("x86-64-v3", "")):
        if name == "x86-64-v3" and platform.machine() != "x86_64":
            continue
        printed = fresh_python(PROCESSOR, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features)
        processor, compiled, file = printed.split()
        assert compiled == str(file not in seen)
        assert seen.setdefault(file, processor) == processor
        assert name in (None, processor)
    assert len(seen) == len(set(seen.values())) == (3 if platform.machine() == "x86_64" else 2)


def test_other_sources_have_other_kernels(tmp_path, monkeypatch):
    first = compile_one(tmp_path, monkeypatch)
    monkeypatch.setattr(cache, "source_key", lambda: "others")
    second = compile_one(tmp_path, monkeypatch)
    assert second.compiled
    assert first.file.name == second.file.name
    assert first.file.parent != second.file.parent


def test_without_sources_there_are_no_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "source_key", lambda: None)
    assert compile_one(tmp_path, monkeypatch) == cache.Kernel("one", None, True)
    assert cache.folders_to_read() == cache.folders_to_write() == []


def test_a_full_disk_breaks_nothing(tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_write", full)
    assert compile_one(tmp_path, monkeypatch) == cache.Kernel("one", None, True)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (
            [],
            {"tasks": ["regression"]},
            ValueError,
            "tasks has 'regression'; choose from 'binary', 'multi-class', 'multi-label'.",
        ),
        ([], {"libraries": ["catboost"]}, ValueError, "library is 'catboost'"),
        (["focal"], {}, TypeError, "objectives has 'focal'; give objectives of this package, or fitted classifiers."),
        ([bi.vector_scaling_objective()], {"tasks": "multi-class"}, ValueError, "vector_scaling_objective is for binary"),
    ],
    ids=str,
)
def test_warm_up_says_what_it_cannot_do(arguments, options, error, words):
    with pytest.raises(error, match=words):
        bi.warm_up(*arguments, **{"libraries": ["xgboost"], **options})


def test_a_warm_up_leaves_out_the_tasks_that_a_loss_is_not_for(monkeypatch):
    tasks = []
    monkeypatch.setattr(
        warmup, "_train", lambda objective, task, library, weighted: tasks.append((task.value, library.name))
    )
    bi.warm_up(bi.vector_scaling_objective(), libraries="xgboost", verbose=False)
    assert tasks == [("binary", "xgboost"), ("multi-label", "xgboost")]


def test_a_user_without_a_home_keeps_no_kernels_in_the_current_folder(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where neither HOME nor the user is known
    assert all(folder.is_absolute() for folder in cache.folders_to_read())


def test_a_warm_up_that_cannot_write_is_an_error(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("where even root makes no folder")
    monkeypatch.setattr(warmup, "_train", lambda *arguments: compile_one(blocked, monkeypatch))
    with pytest.raises(OSError, match=r"none of .*file.* can be written; set NUMBA_CACHE_DIR to a folder that can\."):
        bi.warm_up(bi.focal_objective(), tasks=["binary"], libraries=["xgboost"])
    monkeypatch.setattr(warmup, "_train", lambda *arguments: compile_one(tmp_path / "kernels", monkeypatch))
    report = bi.warm_up(bi.focal_objective(), tasks=["binary"], libraries=["xgboost"], verbose=False)
    assert (report.compiled, report.found) == (1, 0)
    assert tmp_path / "kernels" in report.folders[0].parents


TRAIN = """
import sys
X = np.random.default_rng(0).normal(size=(20_000, 3)).astype(np.float32)
score = X[:, 0] + np.random.default_rng(1).normal(size=20_000)
labels = {"binary": score > 1, "multi-class": np.digitize(score, [0.0, 1.5]), "multi-label": score[:, None] > [0.0, 1.0]}
make = getattr(bi, sys.argv[1])
options = {"verbosity": -1} if "LGBM" in sys.argv[1] else {}
for task in sys.argv[2:]:
    y = labels[task].astype(int)
    model = make(loss=bi.focal_objective(gamma=3.0), n_estimators=2, n_jobs=1, **options).fit(X, y)
    model.predict_proba(np.tile(X, (14, 1)))  # too many rows for NumPy
    model.loss_.metric.value(model.decision_function(X), y)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "classifier", "tasks", "kernels"),
    [
        ("xgboost", "ImbalancedXGBClassifier", ["binary", "multi-label"], 5),
        ("lightgbm", "ImbalancedLGBMClassifier", ["multi-class"], 3),
    ],
)
def test_a_training_after_a_warm_up_compiles_nothing(library, classifier, tasks, kernels, fresh_python):
    pytest.importorskip(library)
    pytest.importorskip("sklearn")
    report = bi.warm_up(bi.focal_objective(gamma=2.0), tasks=tasks, libraries=[library], verbose=False)
    assert report.compiled + report.found == kernels
    printed = fresh_python(COUNTED.format(code=TRAIN), classifier, *tasks)
    assert printed.splitlines()[-1] == "0"


@pytest.mark.slow
def test_a_warm_up_of_a_fitted_objective_is_for_its_task():
    objective = bi.focal_objective(gamma=2.0).fit([0, 0, 1, 2, 1])
    known = len(cache.kernels)
    report = bi.warm_up(objective, libraries=["xgboost"], verbose=False)
    names = [kernel.name for kernel in cache.kernels[known:]]
    assert len(names) == report.compiled + report.found == 4
    assert all(name.startswith("softmax") for name in names)
    again = bi.warm_up(objective, libraries=["xgboost"], verbose=False)
    assert (again.compiled, again.found, again.folders) == (0, 4, report.folders)


# What the cache leans on in numba


@pytest.mark.library_fact
def test_numba_asks_a_dispatchers_cache_and_hands_it_what_it_compiled():
    calls = []

    class Seen:
        cache_path = None

        def load_overload(self, signature, context):
            calls.append(("load", signature, len(context.codegen().magic_tuple())))

        def save_overload(self, signature, result):
            calls.append(("save", signature, len(result.codegen.magic_tuple())))

    function = numba.njit(lambda x: x + 1.0)
    function._cache = Seen()
    signature = numba.float64(numba.float64)
    function.compile(signature)
    assert calls == [("load", signature, 3), ("save", signature, 3)]
    assert function(1.0) == 2.0


@pytest.mark.library_fact
def test_numba_makes_a_function_of_what_it_reduced_it_to():
    from numba.core.compiler import CompileResult
    from numba.core.serialize import dumps

    kept = {}

    class Keep:
        cache_path = None

        def load_overload(self, signature, context):
            context.refresh()
            if signature in kept:
                return CompileResult._rebuild(context, *cache.pickle.loads(kept[signature]))
            return None

        def save_overload(self, signature, result):
            assert not result.lifted
            assert not result.library.has_dynamic_globals
            kept[signature] = dumps(result._reduce())

    signature = numba.float64(numba.float64)
    for _ in range(2):
        function = numba.njit(lambda x: 2.0 * x)
        function._cache = Keep()
        function.compile(signature)
        function.disable_compile()
        assert function(3.0) == 6.0
    assert len(kept) == 1
    assert sum(function.stats.cache_hits.values()) == 1


@pytest.mark.library_fact
def test_numba_names_the_processor():
    from llvmlite import binding

    assert cache.processor() == (numba.config.CPU_NAME or binding.get_host_cpu_name())
