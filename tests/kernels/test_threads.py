"""How many threads the compiled loops take: what the process, its container and the user allow."""

import os
import sys
import threading

import numpy as np
import pytest

from boost_imbalance.kernels import threads

V1 = "12:pids:/docker/1\n4:cpu,cpuacct:{path}\n1:name=systemd:/docker/1\n"


def written(root, membership, files):
    """A file system with these control groups."""
    for name, text in {"proc/self/cgroup": membership, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("5000 100000\n", 1),
        ("max 100000\n", None),
        ("", None),
        ("a b\n", None),
    ],
    ids=repr,
)
def test_quota_of_a_container_that_sees_its_own_group_as_the_root(tmp_path, text, allowed):
    root = written(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": text})
    assert threads.cpu_quota(root) == allowed


@pytest.mark.parametrize(
    ("quota", "period", "allowed"), [("400000\n", "100000\n", 4), ("25000\n", "50000\n", 1), ("-1\n", "100000\n", None)]
)
@pytest.mark.parametrize("folder", ["cpu,cpuacct", "cpu"])
@pytest.mark.parametrize("visible", [True, False])
def test_quota_of_control_groups_version_1(tmp_path, quota, period, allowed, folder, visible):
    """The path of ``/proc/self/cgroup`` is the host's, which a container may or may not see."""
    inside = f"sys/fs/cgroup/{folder}/docker/1" if visible else f"sys/fs/cgroup/{folder}"
    files = {f"{inside}/cpu.cfs_quota_us": quota, f"{inside}/cpu.cfs_period_us": period}
    root = written(tmp_path, V1.format(path="/docker/1"), files)
    assert threads.cpu_quota(root) == allowed


def test_the_strictest_of_nested_groups_counts(tmp_path):
    files = {
        "sys/fs/cgroup/kubepods/cpu.max": "300000 100000\n",
        "sys/fs/cgroup/kubepods/pod/cpu.max": "max 100000\n",
        "sys/fs/cgroup/kubepods/pod/c/cpu.max": "800000 100000\n",
        "sys/fs/cgroup/other/cpu.max": "100000 100000\n",
    }
    assert threads.cpu_quota(written(tmp_path, "0::/kubepods/pod/c\n", files)) == 3


@pytest.mark.parametrize("membership", ["", "0::/../..\n", "3:memory:/x\n"])
def test_no_quota_where_there_is_none(tmp_path, membership):
    assert threads.cpu_quota(written(tmp_path, membership, {})) is None
    assert threads.cpu_quota(tmp_path / "nothing") is None


def test_allowedfollow_the_quota(monkeypatch, tmp_path):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 48, raising=False)
    root = written(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": "300000 100000\n"})
    monkeypatch.setattr(threads, "_quota", lambda: threads.cpu_quota(root))
    assert threads.default_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads.default_threads() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert threads.default_threads() == 3
    monkeypatch.setattr(threads, "_quota", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads.default_threads() == 48


def test_a_task_that_waits_behind_others_keeps_no_arrays():
    busy, out, parts = threading.Event(), np.zeros(4), list(range(4))
    blocked = [threads._get_pool(1).submit(busy.wait) for _ in range(64)]  # every thread there is has something to do

    def kernel(start, stop, out, part):
        out[start:stop] = part

    try:
        before = sys.getrefcount(out)
        threads.run_parts(kernel, (), (out,), parts, 4, 2)
        assert sys.getrefcount(out) == before
    finally:
        busy.set()
    assert out.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert all(one.result(10) for one in blocked)


def test_a_thread_that_outlives_the_main_one_goes_on_without_helpers(fresh_python):
    code = """
import threading
import numpy as np
import boost_imbalance as bi

margin, label = np.linspace(-3, 3, 400_000), np.arange(400_000) % 2
objective = bi.focal_objective(2.0, n_threads=4)
expected = objective.gradient_hessian(margin, label)

def late():
    threading.main_thread().join()
    for own, value in zip(objective.gradient_hessian(margin, label), expected):
        assert (own == value).all()
    print("equal", flush=True)

threading.Thread(target=late).start()
"""
    assert fresh_python(code) == "equal"
