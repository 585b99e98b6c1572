"""Compiles formulas and loops with numba, and keeps the machine code on disk for the next process."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import pathlib
import pickle
import tempfile
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numba

_OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}, "nogil": True}
_PACKAGE = pathlib.Path(__file__).resolve().parent.parent
_compiling = threading.RLock()


def inlined(function: Any) -> Any:
    """Decorator of a scalar function that is pasted into the loop that calls it; one that has it already stays as it is."""
    return function if hasattr(function, "py_func") else numba.njit(forceinline=True, **_OPTIONS)(function)


def bound(template: Callable[..., Any], name: str, bindings: Mapping[str, Any]) -> Callable[..., Any]:
    """A copy of ``template`` with some of its global names bound to the given functions and constants."""
    function = types.FunctionType(template.__code__, {**template.__globals__, **bindings}, name)
    function.__qualname__ = name
    function.__module__ = template.__module__
    return function


def specialise(template: Callable[..., Any], name: str, signature: Any, **bindings: Any) -> Any:
    """Compile ``template``, :func:`bound` to the given functions and constants.

    The compiled function lands in a disk cache, filed under ``name``, which must therefore say all there is to say about
    the bindings.
    """
    function = bound(template, name, bindings)
    with _compiling, quiet():
        for directory in _cache_directories():
            try:
                return _compile(function, signature, directory)
            except (OSError, EOFError, pickle.UnpicklingError):  # not writable, full, gone or damaged: the next one
                continue
        return numba.njit(signature, **_OPTIONS)(function)


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


def _compile(function: Callable[..., Any], signature: Any, directory: pathlib.Path) -> Any:
    directory.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=directory).close()  # else numba would look for another place by itself
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(directory)
    try:
        return numba.njit(signature, cache=True, **_OPTIONS)(function)
    except RuntimeError as error:
        if "no locator available" in str(error):  # numba's way of saying that the directory cannot be written
            raise OSError(str(error)) from error
        raise
    finally:
        numba.config.CACHE_DIR = before


def _cache_directories() -> Iterator[pathlib.Path]:
    key = _source_key()
    if numba.config.CACHE_DIR:
        yield pathlib.Path(numba.config.CACHE_DIR) / f"boost_imbalance-{key}"
        return
    yield _PACKAGE / "__pycache__" / f"kernels-{key}"
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    yield pathlib.Path(home) / "boost_imbalance" / f"kernels-{key}"


@functools.cache
def _source_key() -> str:
    """A hash of every source that ends up in a kernel: numba itself only looks at the file that holds the loop."""
    digest = hashlib.sha256()
    for folder in ("kernels",):
        for source in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
