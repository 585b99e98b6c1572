"""Features as both libraries take them, and the Python that makes them so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_array

_UNFIT = re.compile(r'[][{}<>",:\\\n\r\t]|^$')
"""Names of columns that one of the libraries refuses."""

_NUMBERS = 0.9
"""Share of a text column's values from which on it is a column of numbers with a few words in it."""

_WORDS, _DISTINCT = 20, 50
"""Most different words, and fewest different numbers, of such a column; codes such as 1, 2, 3, U stay categories."""


class Prepared(NamedTuple):
    """Features as both libraries take them."""

    X: Any
    """A data frame of numbers and categories, a CSR matrix, or a 2-d array."""
    lines: tuple[str, ...] = ()
    """Lines of Python that make it so."""
    names: tuple[str, ...] = ()
    """Names of the columns as they were given; none of an array."""
    words: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    """Words that stood in columns of numbers and are missing values now, by column, with how often each did."""


def prepared(X: Any) -> Prepared:
    """Bring features into a form that both libraries take, and tell how."""
    lines = []
    if hasattr(X, "collect"):
        X = X.collect()
        lines.append("X = X.collect()")
    if hasattr(X, "to_pandas"):
        X = X.to_pandas()
        lines.append("X = X.to_pandas()")
    if hasattr(X, "tocsr"):
        X = X.tocsr()
        return Prepared(X if X.dtype.kind == "f" else X.astype(np.float64))
    if not hasattr(X, "iloc") or X.ndim != 2:
        array = np.asarray(X)
        if array.dtype.kind != "O" or array.ndim != 2:
            return Prepared(check_array(array, ensure_all_finite="allow-nan"))
        import pandas

        X = pandas.DataFrame(array).infer_objects()
        lines += ["import pandas", "X = pandas.DataFrame(X).infer_objects()"]
    if X.shape[1] == 0:
        raise ValueError(f"X has shape {X.shape}; give at least one column.")
    begun = len(lines)
    given = names = [str(column) for column in X.columns]
    if len(set(names)) < len(names) or any(map(_UNFIT.search, names)):
        names = [str(k) for k in range(X.shape[1])]
        lines.append("X = X.set_axis([str(k) for k in range(X.shape[1])], axis=1)  # names that the libraries refuse")
    elif names != list(X.columns):
        lines.append("X = X.rename(columns=str)")
    X = X.set_axis(names, axis=1)
    _refuse_dates(X, given)
    words = {name: found for name in names if (found := _words(X[name]))}
    if words:
        import pandas

        X = X.assign(**{name: pandas.to_numeric(X[name], errors="coerce") for name in words})
        numbers = f'{{name: pandas.to_numeric(X[name], errors="coerce") for name in {list(words)!r}}}'
        lines += ["import pandas", f"X = X.assign(**{numbers})  # words among the numbers are missing values"]
    kinds = {name: _conversion(shown, X[name]) for name, shown in zip(names, given, strict=True)}
    for kind in ("Float64", "string", "category"):
        changed = dict.fromkeys((name for name, steps in kinds.items() if kind in steps), kind)
        if changed:
            X = X.astype(changed)
            lines.append(f"X = X.astype({changed!r})")
    for name, shown in zip(names, given, strict=True):
        if X[name].dtype.kind == "f" and np.isinf(X[name].to_numpy(np.float64, na_value=np.nan)).any():
            raise ValueError(f"column {shown!r} holds infinity; write NaN where a number is missing, or leave it out.")
    named = dict(zip(names, given, strict=True))
    return Prepared(
        X,
        tuple(lines) if len(lines) > begun or "import pandas" in lines else (),
        tuple(given),
        {named[name]: found for name, found in words.items()},
    )


def _words(values: Any) -> dict[str, int]:
    """The words of a text column whose other values are numbers, most frequent first, with how often each stands there."""
    import pandas
    from pandas.api.types import infer_dtype

    if values.dtype.kind in "biufcMm" or str(values.dtype) == "category":
        return {}
    if infer_dtype(values, skipna=True) not in ("string", "mixed", "mixed-integer"):
        return {}
    known = values.astype(object)[values.notna()].map(str)
    some = pandas.to_numeric(known.iloc[:: max(1, len(known) // 1000)], errors="coerce")
    if not some.notna().mean() > 0.5:  # free text, of which no more needs to be read
        return {}
    counts = known.value_counts()
    texts = counts.index.to_series()
    if texts.str.fullmatch(r"[+-]?0\d+").any():  # codes, which would lose their zeros
        return {}
    numbers = pandas.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    number = np.isfinite(numbers)
    few = 0 < (~number).sum() <= _WORDS and len(np.unique(numbers[number])) >= _DISTINCT
    if not few or counts.to_numpy()[number].sum() < _NUMBERS * counts.sum():
        return {}
    return {str(word): int(count) for word, count in counts[~number].items()}


def _refuse_dates(X: Any, given: list[str]) -> None:
    dates = [name for k, name in enumerate(given) if _holds_dates(X.iloc[:, k])]
    if dates:
        several, kind = len(dates) > 1, X.iloc[:, given.index(dates[0])].dtype
        raise ValueError(
            f"{'columns' if several else 'column'} {', '.join(map(repr, dates))} {'hold' if several else 'holds'} dates "
            f"({kind}); turn {'them' if several else 'it'} into numbers, or leave {'them' if several else 'it'} out. "
            f"time= takes one for folds that go forward."
        )


def _holds_dates(values: Any) -> bool:
    from pandas.api.types import infer_dtype

    if values.dtype.kind in "biuf":
        return False
    held = infer_dtype(values.cat.categories if str(values.dtype) == "category" else values, skipna=True)
    return values.dtype.kind in "Mm" or held.startswith(("date", "time", "period"))


def _conversion(name: str, values: Any) -> tuple[str, ...]:
    """The kinds through which a column becomes numbers, or categories that are text or whole numbers."""
    from pandas.api.types import infer_dtype, is_hashable

    kind = values.dtype
    if kind.kind in "biuf":
        return ("Float64",) if str(kind).endswith("[pyarrow]") else ()
    held = infer_dtype(values.cat.categories if str(kind) == "category" else values, skipna=True)
    if held.startswith("complex") or (held == "mixed" and not all(map(is_hashable, values))):
        raise ValueError(f"column {name!r} holds values that are neither numbers nor text ({kind}); leave it out.")
    if str(kind) == "category" and held in ("string", "integer"):
        return ()
    if held == "empty" or (
        str(kind) != "category" and held in ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
    ):
        return ("Float64",)
    return ("category",) if held == "string" else ("string", "category")
