"""Labels, groups and columns as people have them."""

import itertools

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd
from scipy import sparse

from boost_imbalance.comparison.problem import Problem
from tests.comparison.common import SMALL, TASKS, compared, runs


def test_the_positive_class_is_the_rarer_or_the_one_named():
    X = np.arange(20.0).reshape(10, 2)
    y = np.array(["fraud"] * 3 + ["ok"] * 7)
    found = Problem.of(X, y)
    assert (found.classes, found.label.tolist()) == (["ok", "fraud"], [1] * 3 + [0] * 7)
    named = Problem.of(X, y, pos_label="ok")
    assert (named.classes, named.label.tolist()) == (["fraud", "ok"], [0] * 3 + [1] * 7)
    assert Problem.of(X, np.array([1] * 5 + [0] * 5)).classes == [0, 1]


def test_rows_without_a_label_are_left_out():
    X = pd.DataFrame({"a": range(8), "b": list("xyxyxyxy")})
    y = pd.Series([0, 1, np.nan, 1, 0, np.nan, 0, 0])
    found = Problem.of(X, y, groups=np.arange(8))
    assert found.X["a"].tolist() == [0, 1, 3, 4, 6, 7]
    assert found.label.tolist() == [0, 1, 1, 0, 0, 0]
    assert found.groups.tolist() == [0, 1, 3, 4, 6, 7]
    assert str(found.X["b"].dtype) == "category"


def test_dates_are_refused():
    frame = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"] * 5)})
    with pytest.raises(ValueError, match="column 'day' holds dates"):
        bi.compare(frame, [0, 1] * 5)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("grouped", [False, True])
def test_folds_keep_rows_apart(make_data, task, grouped):
    data = make_data(task, 600)
    groups = np.repeat(np.arange(120), 5) if grouped else None
    problem = Problem.of(data.X, data.y, groups=groups)
    folds = list(problem.folds(4, 2, seed=3))
    assert len(folds) == 8
    for fold in folds:
        assert np.array_equal(np.sort(np.concatenate([fold.fit, fold.stop, fold.test])), np.arange(600))
        assert len(fold.stop) == pytest.approx(0.2 * 450, rel=0.1)
        if grouped:
            for one, other in itertools.combinations((fold.fit, fold.stop, fold.test), 2):
                assert not set(groups[one]) & set(groups[other])
    for repeat in range(2):
        tests = np.concatenate([fold.test for fold in folds if fold.repeat == repeat])
        assert np.array_equal(np.sort(tests), np.arange(600))
    assert not np.array_equal(folds[0].test, folds[4].test)


MESSY = {
    "text": np.array(["a", None, "b"] * 80, dtype=object),
    "mixed": np.array([1, "a", 2.5] * 80, dtype=object),
    "numbers with None": np.array([1, None, 2.5] * 80, dtype=object),
    "flags with None": np.array([True, None, False] * 80, dtype=object),
    "nothing": np.array([None] * 240, dtype=object),
    "huge": np.array([10**25, 1] * 120, dtype=object),
    "category": pd.Categorical(["x", "y", "z"] * 80),
    "category of floats": pd.Categorical([0.5, 1.5, 2.5] * 80),
    "category of flags": pd.Categorical([True, False, True] * 80),
    "Int64": pd.array([1, pd.NA, 3] * 80, dtype="Int64"),
    "string": pd.array(["a", pd.NA, "b"] * 80, dtype="string"),
    "intervals": pd.interval_range(0, 240),
}


@pytest.mark.parametrize("kind", MESSY)
def test_columns_of_every_kind(library, small, kind):
    X, y = small
    X = X.assign(z=MESSY[kind])
    found = compared(X, y, library=library, **SMALL)
    assert not found.errors
    runs(found, X, y)


@pytest.mark.parametrize("name", ["inc [k$]", "a<b", "a:b", "a,b", 'a"b', "a{", "", "b", 3, ("x", "y"), "a\nb", "ü"])
def test_names_of_columns_that_a_library_refuses(library, small, name):
    X, y = small
    X = X.set_axis(pd.Index([name, "b", "c", "d"], tupleize_cols=False), axis=1)
    found = compared(X, y, library=library, **SMALL)
    assert not found.errors
    runs(found, X, y)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([np.inf] + [0.0] * 239, "column 'z' holds infinity"),
        ([[1, 2]] * 240, "column 'z' holds values that are neither"),
        ([pd.Timestamp("2020-01-01").date()] * 240, "column 'z' holds dates"),
        (pd.period_range("2020", periods=240, freq="D"), "column 'z' holds dates"),
        (np.ones(240) * 1j, "column 'z' holds values that are neither"),
    ],
)
def test_columns_that_are_refused(small, values, message):
    X, y = small
    with pytest.raises(ValueError, match=message):
        compared(X.assign(z=values), y)


def test_sparse_matrices_of_whole_numbers(library, small):
    X, y = small
    assert not compared(sparse.csr_matrix((X > 0).to_numpy(dtype=np.int8)), y, library=library, **SMALL).errors


@pytest.mark.parametrize("kind", ["numbers", "text", "flags", "column"])
def test_the_code_knows_rows_without_a_label(library, small, kind):
    """They are no negatives."""
    X, y = small
    known = np.arange(240) > 8
    labels = {
        "numbers": pd.Series(y.astype(float)).where(known),
        "text": pd.Series(np.where(y == 1, "fraud", "ok")).where(known),
        "flags": pd.array(y == 1, dtype="boolean"),
        "column": pd.DataFrame({"y": np.where(y == 1, "fraud", "ok")}).where(known[:, None]),
    }[kind]
    if kind == "flags":
        labels[~known] = pd.NA
    found = compared(X, labels, library=library, **SMALL)
    assert np.array_equal(runs(found, X, labels)["y"], y[known])


@pytest.mark.parametrize("folds", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_class_of_few_rows_is_in_every_training(library, small, folds):
    X, y = small
    y = np.where(np.arange(240) < folds, 2, y)
    assert not compared(X, y, library=library, **{**SMALL, "folds": folds}).errors
    many = np.arange(240) % 60
    for fold in Problem.of(X, many).folds(2, 1, 0):
        assert len(set(many[fold.fit])) == 60


def test_groups_that_are_refused(small):
    X, y = small
    groups = pd.Series(["a", None, "b", "c"] * 60)
    with pytest.raises(ValueError, match="groups holds a missing value in row 1"):
        compared(X, y, groups=groups)
    with pytest.raises(ValueError, match="folds is 3, but groups holds 2 groups"):
        compared(X, y, groups=y)
    with pytest.raises(ValueError, match="leaves a fold no row of the class"):
        compared(X, np.arange(240) // 80, groups=np.arange(240) // 60, folds=2)
