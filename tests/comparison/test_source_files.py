"""Files and named sets."""

import importlib.util

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd

from boost_imbalance.comparison import sources


def test_files(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5], "b": ["x", "y", "x"], "y": [0, 1, 0], "z": [1, 1, 0]})
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.to_csv(tmp_path / "data.tsv", index=False, sep="\t")
    frame.to_csv(tmp_path / "data.csv.gz", index=False)
    names = ["data.csv", "data.tsv", "data.csv.gz"]
    if importlib.util.find_spec("pyarrow"):
        frame.to_parquet(tmp_path / "data.parquet")
        names.append("data.parquet")
    for name in names:
        found = sources.read(str(tmp_path / name), ["y"], ["z"])
        assert found.name == "data"
        assert list(found.X.columns) == ["a", "b"]
        assert found.y.tolist() == [0, 1, 0]
    assert sources.read(str(tmp_path / "data.csv"), ["y", "z"]).y.shape == (3, 2)


def test_the_index_that_pandas_writes_is_no_feature(tmp_path):
    pd.DataFrame({"a": [5, 6, 7], "y": [0, 1, 1]}).to_csv(tmp_path / "data.csv")
    assert list(sources.read(str(tmp_path / "data.csv"), ["y"]).X.columns) == ["a"]
    assert list(sources.read(str(tmp_path / "data.csv"), ["y"], ["Unnamed: 0"]).X.columns) == ["a"]


def test_files_that_are_refused(tmp_path):
    path = tmp_path / "data.csv"
    pd.DataFrame({"a": [1], "y": [0]}).to_csv(path, index=False)
    with pytest.raises(ValueError, match="target is missing; name the column of labels, one of a, y"):
        sources.read(str(path))
    with pytest.raises(ValueError, match="target is 'label', which is no column"):
        sources.read(str(path), ["label"])
    with pytest.raises(ValueError, match="drop is 'b'"):
        sources.read(str(path), ["y"], ["b"])
    with pytest.raises(ValueError, match="there is no such file"):
        sources.read(str(tmp_path / "none.csv"), ["y"])
    (tmp_path / "data.xlsx").write_text("")
    with pytest.raises(ValueError, match="give a file that ends in"):
        sources.read(str(tmp_path / "data.xlsx"), ["y"])
    with pytest.raises(ValueError, match="neither a file nor a named set"):
        sources.read("no_such_set")


def test_named_sets():
    names = sources.names()
    assert "breast_cancer" in names["scikit-learn"]
    assert sources.read("wine").X.shape == (178, 13)
    for package, found in names.items():
        data = sources.read(found[0])
        assert len(data.X) == len(data.y), package
