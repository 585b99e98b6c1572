"""What a column of labels means, whatever holds it."""

import time

import numpy as np
import pandas as pd
import pytest

from boost_imbalance.estimators import targets
from boost_imbalance.estimators.targets import Target, labelled

COLUMNS = {
    "strings": ["b", "a", "b", "c"],
    "strings and gaps": ["b", None, "a", float("nan"), pd.NA, "b"],
    "whole numbers": [3, 1, 3, 2],
    "whole numbers and gaps": [3, None, 1, pd.NA, 3],
    "numbers of two kinds": [1, 1.5, 1, 2.0],
    "truth and numbers": [True, 0, False, 1],
    "truth": [True, False, True],
    "not a number": [1.0, float("nan"), 2.0, float("nan")],
    "NumPy strings": list(np.array(["b", "a", "b"])),
    "dates": list(pd.to_datetime(["2020-01-02", "2020-01-01", "2020-01-02"])),
}


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_objects_mean_the_same_looked_at_once_or_row_by_row(values, monkeypatch):
    array = np.empty(len(values), object)
    array[:] = values

    def read():
        try:
            target = Target.of(array, None, None)
        except (TypeError, ValueError) as error:
            return type(error), str(error)
        code, observed = target.encode(array, "y")
        rows = labelled(array, None)
        return (
            target.task, target.classes.tolist(), target.classes.dtype, code.tolist(), code.dtype,
            None if observed is None else observed.tolist(), None if rows is None else rows.tolist(),
        )  # fmt: skip

    found = read()
    monkeypatch.setattr(targets, "_distinct", lambda array: (array, None))
    assert found == read()


def test_unknown_label_among_objects_is_named():
    target = Target.of(np.array(["a", "b", "a"], object), None, None)
    with pytest.raises(ValueError, match="y holds 'c', which is not one of the classes 'a', 'b'"):
        target.encode(np.array(["a", "c", "b"], object), "y")


def test_objects_take_no_longer_than_text():
    """They took 40 times as long as numbers, sorted and compared one by one."""
    array = np.array(["no", "yes"], object)[(np.arange(300_000) % 7 == 0).astype(int)]
    began = time.perf_counter()
    target = Target.of(array, None, None)
    code, _ = target.encode(array, "y")
    took = time.perf_counter() - began
    assert code.sum() == (array == "yes").sum()
    began = time.perf_counter()
    np.unique(array)  # a single sort of them
    assert took < 2.0 * (time.perf_counter() - began)


def test_a_list_of_strings_and_gaps_has_no_class_of_gaps():
    target = Target.of(["b", float("nan"), "a", None, "b"], None, None)
    assert target.classes.tolist() == ["a", "b"]
    assert Target.of(["b", np.nan, "a"], None, None).classes.tolist() == ["a", "b"]
    with pytest.raises(TypeError, match="mixes labels of different types"):
        Target.of(["a", 1, "a"], None, None)
