"""What the columns of a user's data are, and what about them is likely to spoil a model or its measurement."""

from __future__ import annotations

import re
import shlex
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from boost_imbalance.comparison.problem import Problem
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

LEAK = 0.99
"""Mean area under the ROC curve from which on one column alone is taken to know the target."""

_NEARLY_ALL = 0.95
"""Share of different values from which on a column tells rows apart, and share of values that have to be dates."""

_FEW = 50
"""Fewer rows than this say little of what a column is."""

_LEAST_POSITIVE = 5
_CELLS, _SAMPLE = 20_000_000, 20_000
_FEW_COPIES, _COPIES = 10, 0.005
"""Number and share of rows with a twin from which on it is worth saying."""

_LONG, _WORDY = 25, 4
"""Mean number of characters and of words of free text."""

_KEY = re.compile(r"(^|[\W_])(id|ids|uid|uuid|guid|key|index|nr|no)$|[a-z](Id|ID|Key|Nr|No)$", re.ASCII)
_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})|\d{1,2}[ -][A-Za-z]{3,9}[ -,]+\d{2,4}"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4})([T ]+\d{1,2}:\d{2}.*)?\s*"
)


class Column(NamedTuple):
    """One column of the features."""

    name: str
    type: str
    """number, category, text, date, identifier or constant."""
    missing: float
    """Share of the rows without a value."""
    distinct: int
    """How many different values there are."""
    example: str


class Finding(NamedTuple):
    """Something to know of some columns, or of the rows, and what to do about it."""

    kind: str
    columns: tuple[str, ...]
    text: str
    command: str
    """The remedy in the words of the command line, options between backticks; empty if there is nothing to do."""
    python: str
    """The remedy in Python, code between backticks."""
    grave: bool = True
    """False for what costs nothing but room."""

    def sentence(self, command: bool = False) -> str:
        """What was found, with its remedy."""
        return f"{self.text}{self.remedy(command)}."

    def remedy(self, command: bool = False) -> str:
        """What to write, behind a colon; nothing if there is nothing to do."""
        found = (self.command if command else self.python).replace("`", "")
        return f": {found}" if found else ""


class Summary(NamedTuple):
    """What the columns are, and what was found in them."""

    columns: list[Column]
    findings: list[Finding]

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists."""
        return {
            "columns": [column._asdict() for column in self.columns],
            "findings": [finding._asdict() | {"columns": list(finding.columns)} for finding in self.findings],
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Summary:
        """What :meth:`to_json` has kept."""
        findings = [Finding(**{**finding, "columns": tuple(finding["columns"])}) for finding in kept["findings"]]
        return cls([Column(**column) for column in kept["columns"]], findings)

    def warn(self, stacklevel: int) -> None:
        """Warn of everything that a user can do something about, once for each kind."""
        for finding in self.findings:
            if finding.grave:
                warnings.warn(finding.sentence(), UserWarning, stacklevel + 1)


class Given(NamedTuple):
    """A problem as the command line hands it over, and who is told of its columns instead of being warned."""

    problem: Problem
    tell: Callable[[Summary], None]
    command: str = ""
    """The command as it was written."""


def described(problem: Problem) -> Summary:
    """A summary of the columns, and findings about them, the labels and the rows.

    Of a sparse matrix only the labels are looked at.
    """
    if hasattr(problem.X, "tocsr"):
        return Summary([], list(_of_labels(problem)))
    import pandas

    framed = problem.X if hasattr(problem.X, "iloc") else pandas.DataFrame(problem.X)
    names = list(problem.names) or [str(k) for k in range(framed.shape[1])]
    series = [framed.iloc[:, k] for k in range(framed.shape[1])]
    columns = [_column(name, values) for name, values in zip(names, series, strict=True)]
    return Summary(
        columns, [*_of_labels(problem), *_of_columns(problem, columns, series), *_of_rows(problem, columns, framed)]
    )


def _column(name: str, values: Any) -> Column:
    missing = float(values.isna().mean())
    if str(values.dtype) == "category":
        counted = values.value_counts()
        counted = counted[counted > 0]
        distinct = len(counted)
    else:
        counted, distinct = None, int(values.nunique())
    if not distinct:
        return Column(name, "constant", missing, 0, "")
    kind = _number_kind(name, values, distinct) if counted is None else _text_kind(counted)
    if distinct == 1 and missing == 0.0:
        kind = "constant"
    return Column(name, kind, missing, distinct, _shown(values.dropna().iloc[0] if counted is None else counted.index[0]))


def _text_kind(counted: Any) -> str:
    """What a column of text is, from how often each value occurs."""
    import pandas

    rows, levels = int(counted.sum()), len(counted)
    some = pandas.Series([str(level) for level in counted.index[:: max(1, levels // 200)]])
    if np.mean([bool(_DATE.fullmatch(text)) for text in some]) >= _NEARLY_ALL:
        return "date"
    long, wordy = some.str.len().mean() >= _LONG, some.str.split().str.len().mean() >= _WORDY
    if rows >= _FEW and long and wordy and levels >= max(_FEW, 0.1 * rows):
        return "text"
    if rows >= _FEW and levels >= _NEARLY_ALL * rows:
        return "identifier"
    return "category"


def _number_kind(name: str, values: Any, distinct: int) -> str:
    """A number, or an identifier: whole numbers, nearly all different, that count up, lie close together or are named so."""
    if values.dtype.kind == "b" or str(values.dtype) == "boolean":
        return "category"
    found = values.dropna().to_numpy(np.float64)
    if len(found) < _FEW or distinct < _NEARLY_ALL * len(found) or not np.array_equal(found, np.floor(found)):
        return "number"
    steps = np.diff(found)
    counts_up = bool((steps > 0).all() or (steps < 0).all())
    close = found.max() - found.min() < 2 * len(found)
    return "identifier" if counts_up or close or _KEY.search(name) else "number"


def _of_labels(problem: Problem) -> Iterator[Finding]:
    for alike in problem.spellings():
        shown = " and ".join(f"{label!r} ({count} rows)" for label, count in alike.items())
        yield Finding(
            "labels",
            (),
            f"The labels {shown} differ only by case or blanks, and count as different classes",
            "`--merge-labels` makes them one",
            "`y = y.str.strip().str.casefold()` makes them one",
        )
    if problem.unlabelled:
        rows = f"{problem.unlabelled} rows have" if problem.unlabelled > 1 else "1 row has"
        yield Finding(
            "unlabelled", (), f"{rows} no label and {'are' if problem.unlabelled > 1 else 'is'} left out", "", "", False
        )


def _of_columns(problem: Problem, columns: list[Column], series: list[Any]) -> Iterator[Finding]:
    by_type: dict[str, list[str]] = {}
    for column in columns:
        by_type.setdefault(column.type, []).append(column.name)
    leaks = dict(_leaks(problem, columns, series))
    if leaks:
        outcome = repr(problem.classes[1]) if problem.task is Task.BINARY else "the target"
        several = len(leaks) > 1
        yield Finding(
            "leak",
            tuple(leaks),
            f"{_named(list(leaks), 'alone ranks', 'each alone rank')} {outcome} almost perfectly (area under the ROC curve "
            f"{'at least ' if several else ''}{min(leaks.values()):.3f}); unless known before the outcome is, "
            f"{'they give' if several else 'it gives'} the target away",
            _dropping(list(leaks)),
            _dropped(problem, columns, list(leaks)),
        )
    telling = [name for name in by_type.get("identifier", []) if name not in leaks]
    if telling:
        yield Finding(
            "identifier",
            tuple(telling),
            f"{_named(telling, 'is', 'are')} different in nearly every row, as an identifier is, and a model learns nothing "
            f"from that for new rows",
            _dropping(telling),
            _dropped(problem, columns, telling),
        )
    if problem.groups is None and problem.time is None:
        yield from _keys(problem, columns)
    if dates := by_type.get("date"):
        numbers = f"turn {'it' if len(dates) == 1 else 'them'} into numbers (year, month, day: skrub's DatetimeEncoder)"
        forward = f"`--time {shlex.quote(dates[0])}`", f"`time=X[{dates[0]!r}]`"
        yield Finding(
            "date",
            tuple(dates),
            f"{_named(dates, 'holds', 'hold')} dates as text, of which every one becomes a category without an order",
            f"{numbers}, or {_dropping(dates)}; {forward[0]} makes folds that go forward",
            f"{numbers}, or {_dropped(problem, columns, dates)}; {forward[1]} makes folds that go forward",
        )
    if texts := by_type.get("text"):
        it = "it" if len(texts) == 1 else "them"
        numbers = f", or turn {it} into numbers first (skrub's StringEncoder)"
        yield Finding(
            "text",
            tuple(texts),
            f"{_named(texts, 'holds', 'hold')} free text, of which every one becomes a category",
            _dropping(texts) + numbers,
            _dropped(problem, columns, texts) + numbers,
        )
    if problem.words:
        names, counts = list(problem.words), Counter[str]()
        for words in problem.words.values():
            counts.update(words)
        shown = ", ".join(f"{word!r} ({count})" for word, count in counts.most_common(5))
        more = f" and {len(counts) - 5} others" if len(counts) > 5 else ""
        held = _named(names, "holds words among its numbers", "hold words among their numbers")
        yield Finding(
            "words",
            tuple(names),
            f"{held}, which are taken as missing values, {shown}{more}",
            "",
            f"`X[{names!r}] = X[{names!r}].apply(pandas.to_numeric, errors='coerce')` does so in your own code",
        )
    if constant := by_type.get("constant"):
        yield Finding(
            "constant",
            tuple(constant),
            f"{_named(constant, 'says', 'say')} nothing, with one value in all rows",
            _dropping(constant),
            _dropped(problem, columns, constant),
            False,
        )


def _keys(problem: Problem, columns: list[Column]) -> Iterator[Finding]:
    """Columns that name what several rows belong to."""
    for column in columns:
        known = problem.rows * (1.0 - column.missing)
        several = _FEW <= column.distinct <= 0.9 * known and column.distinct >= 0.02 * known
        if column.type in ("number", "category") and several and _KEY.search(column.name):
            each = f"{known / column.distinct:.1f} rows to each"
            yield Finding(
                "key",
                (column.name,),
                f"Column {column.name!r} looks like the key of what rows belong to, {each}",
                f"`--group {shlex.quote(column.name)}` keeps them on one side of every split and out of the features",
                f"`groups=X[{column.name!r}]` keeps them on one side of every split; leave it out of X",
            )


def _of_rows(problem: Problem, columns: list[Column], framed: Any) -> Iterator[Finding]:
    """Rows with equal features, where features are fine enough for that to be no chance."""
    import pandas

    if problem.groups is not None or problem.rows < _FEW:
        return
    told = [k for k, column in enumerate(columns) if column.type not in ("identifier", "constant")]
    if not told:
        return
    hashed = pandas.util.hash_pandas_object(framed.iloc[:, told], index=False)
    copies = int(hashed.duplicated(keep=False).sum())
    if copies >= max(_FEW_COPIES, _COPIES * problem.rows) and hashed.nunique() > problem.rows / 2:
        kept = "`keep = ~X.duplicated(); X, y = X[keep], y[keep]`" if problem.names else "keep one of each"
        yield Finding(
            "copies",
            (),
            f"{copies} rows have the same features as another row, so that folds test on what was learnt by heart",
            "keep one of each, or name with `--group` the column of what they belong to",
            f"{kept}, or give `groups=`",
        )


def _leaks(problem: Problem, columns: list[Column], series: list[Any]) -> Iterator[tuple[str, float]]:
    """Columns that rank the target almost perfectly by themselves, with their mean area under the ROC curve."""
    rows = _sample(problem, len(columns))
    label = problem.label[rows]
    truth = label if problem.task is Task.MULTILABEL else (label[:, None] == np.arange(problem.columns)).astype(np.float64)
    truth = truth[:, 1:] if problem.task is Task.BINARY else truth
    positive, negative = (truth == 1).sum(axis=0), (truth == 0).sum(axis=0)
    if min(positive.min(), negative.min()) < _LEAST_POSITIVE:
        return
    for column, values in zip(columns, series, strict=True):
        if column.type == "constant" or column.distinct + (column.missing > 0) < 2:
            continue
        drawn = values.iloc[rows]
        area = _area_of(column, drawn, truth)
        if column.missing > 0:
            area = max(area, _area(drawn.isna().to_numpy(np.float64), truth))
        if area >= LEAK:
            yield column.name, area


def _sample(problem: Problem, columns: int) -> Array:
    """Row numbers, as many of each class as there is room for, which changes no area under a curve."""
    most = int(np.clip(_CELLS // max(columns, 1), 2000, _SAMPLE))
    order = np.random.default_rng(0).permutation(problem.rows)
    if problem.task is Task.MULTILABEL:
        return order[:most]
    share = max(_FEW, most // problem.columns)
    return np.concatenate([order[problem.label[order] == k][:share] for k in range(problem.columns)])


def _area_of(column: Column, values: Any, truth: Array) -> float:
    if str(values.dtype) != "category":
        found = values.to_numpy(np.float64, na_value=np.nan)
        return _area(np.where(np.isnan(found), -np.inf, found), truth)
    if column.type in ("identifier", "text"):  # of a value seen once, nothing is known of the target
        return 0.5
    codes = values.cat.codes.to_numpy() + 1  # 0 is a missing value, which is a category too
    return float(np.mean([_area(_held_out_rate(codes, one), one[:, None]) for one in truth.T]))


def _held_out_rate(codes: Array, truth: Array) -> Array:
    """For each row the rate of positives of its category in the half of the rows in which it is not; NaN is unknown."""
    known, half, rate = np.isfinite(truth), np.arange(len(truth)) % 2 == 0, np.zeros(len(truth))
    for part in (half, ~half):
        learnt = known & ~part
        counts, positives = (np.bincount(codes[learnt], w, codes.max() + 1) for w in (None, truth[learnt]))
        rate[part] = ((positives + truth[learnt].mean()) / (counts + 1.0))[codes[part]]
    return rate


def _area(values: Array, truth: Array) -> float:
    """The mean area under the ROC curve over the columns of a truth, whichever way round the values rank; NaN is unknown."""
    areas = []
    for one in truth.T:
        known = np.isfinite(one)
        ranks, is_positive = rankdata(values[known]), one[known] == 1
        positive, negative = int(is_positive.sum()), int((~is_positive).sum())
        area = (ranks[is_positive].sum() - positive * (positive + 1) / 2) / (positive * negative)
        areas.append(max(area, 1.0 - area))
    return float(np.mean(areas))


def _named(names: Sequence[str], one: str, several: str) -> str:
    listed = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} others" if len(names) > 8 else "")
    return f"{'Columns' if len(names) > 1 else 'Column'} {listed} {several if len(names) > 1 else one}"


def _dropping(names: Sequence[str]) -> str:
    return f"`{' '.join(f'--drop {shlex.quote(name)}' for name in names)}`"


def _dropped(problem: Problem, columns: list[Column], names: Sequence[str]) -> str:
    if problem.names:
        return f"`X = X.drop(columns={list(names)!r})`"
    return f"`X = np.delete(X, {[k for k, column in enumerate(columns) if column.name in names]}, axis=1)`"


def percent(share: float) -> str:
    """A share of missing values for a table; nothing if none are."""
    if share == 0.0:
        return ""
    return "<0.1%" if share < 0.001 else f"{share:.1%}"


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:37] + "..."
