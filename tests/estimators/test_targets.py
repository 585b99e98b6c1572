"""What a column of labels means, whatever holds it."""

import datetime
import decimal
import enum
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
    began = time.thread_time()
    target = Target.of(array, None, None)
    code, _ = target.encode(array, "y")
    took = time.thread_time() - began
    assert code.sum() == (array == "yes").sum()
    began = time.thread_time()
    np.unique(array)  # a single sort of them
    assert took < 2.0 * (time.thread_time() - began)


def test_a_list_of_strings_and_gaps_has_no_class_of_gaps():
    target = Target.of(["b", float("nan"), "a", None, "b"], None, None)
    assert target.classes.tolist() == ["a", "b"]
    assert Target.of(["b", np.nan, "a"], None, None).classes.tolist() == ["a", "b"]
    with pytest.raises(TypeError, match="mixes labels of different types"):
        Target.of(["a", 1, "a"], None, None)


Colour = enum.Enum("Colour", "red blue")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([decimal.Decimal("1.5"), decimal.Decimal(0)], r"y holds Decimal\('1.5'\), of type Decimal; labels are strings or"),
        ([1, decimal.Decimal(0)], r"y holds Decimal\('0'\), of type Decimal"),
        ([datetime.date(2020, 1, 1), None, datetime.date(2021, 1, 1)], r"datetime.date\(2020, 1, 1\), of type date"),
        ([Colour.red, Colour.blue], "of type Colour; .*convert them, for instance by numpy.asarray"),
        ([{1: 2}, {3: 4}], "of type dict"),
        ([10**30, 10**30 + 1], f"y holds {10**30}, of type int; labels are strings or numbers that NumPy has"),
        ([{1, 2}, {1}], r"y holds \{1, 2\}; several labels a row are columns .*MultiLabelBinarizer"),
        ([(1, 2), (3,)], r"y holds \(1, 2\); several labels a row"),
        ([decimal.Decimal("sNaN"), "a", "a"], "y holds one class only, 'a'; a classifier needs two"),
    ],
)
def test_what_is_no_label_is_named(values, told):
    array = np.empty(len(values), object)
    array[:] = values
    with pytest.raises((TypeError, ValueError), match=told):
        Target.of(array, None, None)


def test_dates_may_be_missing():
    y = np.array(["2020-01-02", "2020-01-01", "NaT", "2020-01-02"], "M8[D]")
    target = Target.of(y, None, None)
    code, observed = target.encode(y, "y")
    assert target.classes.tolist() == [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]
    assert code[observed].tolist() == [1, 0, 1]
    assert labelled(y, None).tolist() == [0, 1, 3]


def test_what_is_no_list_of_classes_or_no_missing_label_is_named():
    y = np.array([0.0, 0.0])
    with pytest.raises(ValueError, match=r"y holds one class only, 0\.0; a classifier needs two"):
        Target.of(y, None, None)
    for classes in ("01", {0, 1}, [[0, 1]]):
        with pytest.raises(TypeError, match=r"classes is .*; give a list of all classes, such as \[0, 1\]"):
            Target.of(y, classes, None)
    for sentinel in (["?", None], {"?"}, np.array(["?"])):
        with pytest.raises(TypeError, match=r"missing_label is .*; give one value"):
            Target.of(["a", "b", "?"], None, sentinel)
