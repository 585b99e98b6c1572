"""Compiles formulas and loops with numba, and keeps the machine code on disk for the next process.

The machine code of a kernel is one file. Its name says what it was compiled from and for, so that it is never stale: a
digest of this package's sources, the types, the versions of Python and numba, and the processor. Files are read wherever
there are some, and written to the first folder that can be written; where there is none, a kernel is compiled in memory.
numba's own cache needs a folder that it can write before it reads from it, and is stale where a file's time has changed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pathlib
import pickle
import sys
import tempfile
import threading
import types
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

_OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
_PACKAGE = pathlib.Path(__file__).resolve().parent.parent
_compiling = threading.RLock()


def inlined(function: Any) -> Any:
    """Decorator of a scalar function that is pasted into the loop that calls it; one that has it already stays as it is."""
    import numba

    return function if hasattr(function, "py_func") else numba.njit(forceinline=True, **_OPTIONS)(function)


def bound(template: Callable[..., Any], name: str, bindings: Mapping[str, Any]) -> Callable[..., Any]:
    """A copy of ``template`` with some of its global names bound to the given functions and constants."""
    function = types.FunctionType(template.__code__, {**template.__globals__, **bindings}, name)
    function.__qualname__ = name
    function.__module__ = template.__module__
    return function


class Kernel(NamedTuple):
    """Where the machine code of one kernel came from."""

    name: str
    file: pathlib.Path | None
    """Where it lies on disk; None if it could not be written anywhere."""
    compiled: bool
    """Whether it was compiled, rather than read."""


kernels: list[Kernel] = []
"""The kernels of this process, in the order in which they were first needed."""


def specialise(template: Callable[..., Any], name: str, signature: Any, **bindings: Any) -> Any:
    """Compile ``template``, :func:`bound` to the given functions and constants, or read its machine code from disk.

    It is filed under ``name``, which must therefore say all there is to say about the bindings.
    """
    import numba

    dispatcher = numba.njit(**_OPTIONS)(bound(template, name, bindings))
    with _compiling, quiet():
        # numba asks a dispatcher's cache for the machine code of a signature, and hands it what it has compiled.
        dispatcher._cache = disk = Disk(name)
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        kernels.append(Kernel(name, disk.file, disk.compiled))
    return dispatcher


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what numba says of each step of a compilation out of a log at DEBUG, unless numba's own level asks for it."""
    logger = logging.getLogger("numba")
    before = logger.level
    if before == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        if before == logging.NOTSET:
            logger.setLevel(before)


class Disk:
    """The files of one kernel, in place of numba's own cache of a function. Whatever goes wrong, the kernel is compiled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.file: pathlib.Path | None = None
        self.compiled = False

    cache_path = None

    def load_overload(self, signature: Any, context: Any) -> Any:
        """What numba asks for before it compiles."""
        context.refresh()
        name = self._file_name(signature, context)
        for folder in folders_to_read():
            with contextlib.suppress(Exception):  # not there, not to be read, damaged, or of a numba that differs after all
                found = self._rebuilt(pickle.loads(_checked((folder / name).read_bytes())), context)
                self.file = folder / name
                return found
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """What numba calls once it has compiled."""
        from numba.core.serialize import dumps

        self.compiled = True
        with contextlib.suppress(Exception):
            state = self._reduced(result)
            if state is None:  # not for another process
                return
            name, content = self._file_name(signature, result.target_context), dumps(state)
            content = hashlib.sha256(content).digest() + content
            for folder in folders_to_write():
                with contextlib.suppress(OSError):  # not to be written, or full: the next one
                    _write(folder / name, content)
                    self.file = folder / name
                    return

    def _rebuilt(self, state: Any, context: Any) -> Any:
        from numba.core.compiler import CompileResult

        return CompileResult._rebuild(context, *state)

    def _reduced(self, result: Any) -> Any:
        return None if result.lifted or result.library.has_dynamic_globals else result._reduce()

    def _target(self, context: Any) -> tuple[Any, ...]:
        """What the machine code depends on beside sources and types."""
        import llvmlite
        import numba

        return context.codegen().magic_tuple(), numba.__version__, llvmlite.__version__

    def _file_name(self, signature: Any, context: Any) -> str:
        digest = hashlib.sha256(repr((signature, *self._target(context))).encode()).hexdigest()[:16]
        return f"{self.name}-{digest}.{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}.nbc"


def processor() -> str:
    """The kind of processor that machine code is for: this one, or ``NUMBA_CPU_NAME``."""
    from numba.core.registry import cpu_target

    return str(cpu_target.target_context.codegen().magic_tuple()[1])


def _checked(content: bytes) -> bytes:
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("not all of a file was written")
    return content


def _write(path: pathlib.Path, content: bytes) -> None:
    """Write a file that every user can read, if the umask lets them; another process sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def folders_to_read() -> list[pathlib.Path]:
    """Where machine code is looked for: ``NUMBA_CACHE_DIR`` if it is set, the package, the user's cache."""
    return list(dict.fromkeys((*folders_to_write(), *_own_folders())))[:_searched]


def folders_to_write() -> list[pathlib.Path]:
    """Where machine code is written, the first that can be: ``NUMBA_CACHE_DIR``, or else the package or the user's cache."""
    import numba

    key = source_key()
    if key is None:
        return []
    given = numba.config.CACHE_DIR
    return [pathlib.Path(given) / f"boost_imbalance-{key}"] if given else _own_folders()


_searched: int | None = None
"""How many of the folders are read; all, but while a cache is filled."""


@contextlib.contextmanager
def filling() -> Iterator[pathlib.Path | None]:
    """Look for machine code no further than in the first folder that can be written, which is given; None if none can."""
    global _searched
    folder = next(filter(_is_writable, folders_to_write()), None)
    with _compiling:
        _searched = None if folder is None else folders_to_read().index(folder) + 1
        try:
            yield folder
        finally:
            _searched = None


def _is_writable(folder: pathlib.Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _own_folders() -> list[pathlib.Path]:
    key = source_key()
    if key is None:
        return []
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"))
    users = [home / "boost_imbalance" / f"kernels-{key}"] if home.is_absolute() else []  # else nobody's home is known
    return [_PACKAGE / "__pycache__" / f"kernels-{key}", *users]


@functools.cache
def source_key() -> str | None:
    """A digest of the sources that end up in a kernel, whenever they were written; None where there are none."""
    sources = sorted((_PACKAGE / "kernels").glob("*.py"))
    if not sources:
        return None
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
