"""Features as both libraries take them, and the Python that makes them so."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

_UNFIT = re.compile(r'[][{}<>",:\\\n\r\t]|^$')
"""Names of columns that one of the libraries refuses."""


def prepared(X: Any) -> tuple[Any, tuple[str, ...]]:
    """A data frame of numbers and categories, a CSR matrix, or a 2-d array; and the lines of Python that make it so."""
    lines = []
    if hasattr(X, "collect"):
        X = X.collect()
        lines.append("X = X.collect()")
    if hasattr(X, "to_pandas"):
        X = X.to_pandas()
        lines.append("X = X.to_pandas()")
    if hasattr(X, "tocsr"):
        X = X.tocsr()
        return (X if X.dtype.kind == "f" else X.astype(np.float64)), ()
    if not hasattr(X, "iloc") or X.ndim != 2:
        array = np.asarray(X)
        if array.dtype.kind != "O" or array.ndim != 2:
            return check_array(array, ensure_all_finite="allow-nan"), ()
        import pandas

        X = pandas.DataFrame(array).infer_objects()
        lines += ["import pandas", "X = pandas.DataFrame(X).infer_objects()"]
    if X.shape[1] == 0:
        raise ValueError(f"X has shape {X.shape}; give at least one column.")
    begun = len(lines)
    names = [str(column) for column in X.columns]
    if len(set(names)) < len(names) or any(map(_UNFIT.search, names)):
        names = [str(k) for k in range(X.shape[1])]
        lines.append("X = X.set_axis([str(k) for k in range(X.shape[1])], axis=1)  # names that the libraries refuse")
    elif names != list(X.columns):
        lines.append("X = X.rename(columns=str)")
    X = X.set_axis(names, axis=1)
    kinds = {name: _conversion(name, X[name]) for name in names}
    for kind in ("Float64", "string", "category"):
        changed = dict.fromkeys((name for name, steps in kinds.items() if kind in steps), kind)
        if changed:
            X = X.astype(changed)
            lines.append(f"X = X.astype({changed!r})")
    for name in names:
        if X[name].dtype.kind == "f" and np.isinf(X[name].to_numpy(np.float64, na_value=np.nan)).any():
            raise ValueError(f"column {name!r} holds infinity; write NaN where a number is missing, or leave it out.")
    return X, tuple(lines) if len(lines) > begun or "import pandas" in lines else ()


def _conversion(name: str, values: Any) -> tuple[str, ...]:
    """The kinds through which a column becomes numbers, or categories that are text or whole numbers."""
    from pandas.api.types import infer_dtype, is_hashable

    kind = values.dtype
    if kind.kind in "biuf":
        return ("Float64",) if str(kind).endswith("[pyarrow]") else ()
    held = infer_dtype(values.cat.categories if str(kind) == "category" else values, skipna=True)
    if kind.kind in "Mm" or held.startswith(("date", "time", "period")):
        raise ValueError(f"column {name!r} holds dates ({kind}); turn it into numbers, or leave it out.")
    if held.startswith("complex") or (held == "mixed" and not all(map(is_hashable, values))):
        raise ValueError(f"column {name!r} holds values that are neither numbers nor text ({kind}); leave it out.")
    if str(kind) == "category" and held in ("string", "integer"):
        return ()
    if held == "empty" or (
        str(kind) != "category" and held in ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
    ):
        return ("Float64",)
    return ("category",) if held == "string" else ("string", "category")
