"""A pool of threads for the compiled loops, which release the interpreter's lock."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import pathlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0


def default_threads() -> int:
    """How many processors this process may use.

    The lowest of its CPU affinity, the CPU quota of its container, what Python is told to use (``-X cpu_count``), and
    ``OMP_NUM_THREADS``.
    """
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        available = os.cpu_count() or 1
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        available = min(available, os.process_cpu_count() or available)
    available = min(available, _quota() or available)
    requested = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if requested.strip().isdigit() and int(requested) > 0:
        return min(available, int(requested))
    return available


@functools.cache
def _quota() -> int | None:
    return cpu_quota()


def cpu_quota(root: str | os.PathLike[str] = "/") -> int | None:
    """How many processors the time covers that control groups give this process, rounded up; None where they set no limit.

    Parameters
    ----------
    root : path
        Under which ``proc`` and ``sys`` lie.
    """
    shares = []
    for folder in _control_groups(pathlib.Path(root)):
        try:
            if (folder / "cpu.max").is_file():  # version 2: "200000 100000", or "max 100000"
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if quota != "max" and int(quota) > 0 and int(period) > 0:
                shares.append(int(quota) / int(period))
        except (OSError, ValueError):
            continue
    return max(1, math.ceil(min(shares))) if shares else None


def _control_groups(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """The folders of the CPU groups that this process is in, each with those around it."""
    mounted = root / "sys" / "fs" / "cgroup"
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            hierarchy = mounted
        elif "cpu" in controllers.split(","):
            hierarchy = next((mounted / name for name in (controllers, "cpu") if (mounted / name).is_dir()), mounted)
        else:
            continue
        # In a container, the group may be mounted as the root of its hierarchy, whatever its path outside.
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield hierarchy.joinpath(*parts[:depth])


def part_count(rows: int, n_threads: int, smallest: int) -> int:
    """Into how many parts of at least ``smallest`` rows to cut ``rows``: several per thread, if there are threads."""
    return max(1, min(8 * n_threads, rows // smallest)) if n_threads > 1 else 1


def run_parts(
    kernel: Callable[..., Any], inputs: tuple[Any, ...], outputs: tuple[Any, ...], parts: Any, rows: int, n_threads: int
) -> None:
    """Call ``kernel(*inputs, start, stop, *outputs, parts[i])`` over ``rows``, in as many parts as ``parts`` has entries.

    Each thread takes the next part when it is done with one, so that one which is kept waiting for a processor, as by
    the spinning threads of a booster, holds nobody up.
    """
    count = len(parts)
    if count == 1:
        kernel(*inputs, 0, rows, *outputs, parts[0])
        return
    remaining = iter(range(count))  # whose next() the interpreter's lock makes atomic
    task = [kernel, inputs, outputs, parts]

    def work() -> None:
        kernel, inputs, outputs, parts = task
        for i in remaining:
            kernel(*inputs, rows * i // count, rows * (i + 1) // count, *outputs, parts[i])

    helpers = min(n_threads, count) - 1
    others: list[Future[None]] = []
    with contextlib.suppress(RuntimeError):  # the interpreter is about to end: its threads may finish, but get no helpers
        others.extend(_get_pool(helpers).submit(work) for _ in range(helpers))
    try:
        work()
    finally:
        # Waits for those that have begun: they write into the caller's arrays.
        errors = [None if other.cancel() else other.exception() for other in others]
        task.clear()  # one that was cancelled may lie in the pool's queue for a while, and shall not keep the arrays
    for error in errors:
        if error is not None:
            raise error


def meanwhile(work: Callable[[], _T], n_threads: int) -> Callable[[], _T]:
    """Begin ``work`` in another thread, if there may be one; what is returned gives its result, once there is one."""
    if n_threads < 2:
        return work
    try:
        begun = _get_pool(n_threads - 1).submit(work)
    except RuntimeError:  # the interpreter is about to end
        return work
    return lambda: work() if begun.cancel() else begun.result()


def _get_pool(size: int) -> ThreadPoolExecutor:
    global _pool, _pool_size
    with _lock:
        if _pool is None or _pool_size < size:
            # A smaller pool that is still at work finishes its tasks and goes when the last of them lets go of it.
            _pool, _pool_size = ThreadPoolExecutor(size, thread_name_prefix="boost_imbalance"), size
        return _pool


def _forget_pool() -> None:
    """A forked child has the pool object but none of its threads."""
    global _lock, _pool, _pool_size
    _lock, _pool, _pool_size = threading.Lock(), None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
