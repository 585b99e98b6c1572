"""Files as people have them: what parts their columns, how their text is encoded, and the decimal point are found out."""

import gzip
import zipfile

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("sklearn")

import pandas as pd
from pandas.testing import assert_frame_equal

from boost_imbalance.comparison import sources

FRAME = pd.DataFrame(
    {
        "name": ["Müller", "Özil", "a, b; c", "d|e", 'f "g"', "h\ni"] * 5,
        "amount": [1.5, 2.25, -3.5, 1000.0, 0.125, None] * 5,
        "count": [1, 2, 3, 4, 5, 6] * 5,
        "y": [0, 1, 0, 1, 0, 0] * 5,
    }
)


def written(path, **options):
    FRAME.to_csv(path, index=False, **options)
    return str(path)


def same(found):
    assert_frame_equal(found.X.assign(y=found.y), FRAME)


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-32"])
def test_separator_and_encoding_are_found(tmp_path, sep, encoding):
    found = sources.read(written(tmp_path / "data.csv", sep=sep, encoding=encoding), ["y"])
    same(found)
    assert bool(found.remarks) == (encoding == "cp1252")
    scope = {}
    exec("\n".join(found.lines), scope)
    same(sources.Data("data", scope["X"], scope["y"]))


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_a_decimal_comma_is_found(tmp_path, sep):
    found = sources.read(written(tmp_path / "data.csv", sep=sep, decimal=","), ["y"])
    same(found)
    assert f"sep={sep!r}, decimal=','" in found.lines[1]


def test_what_is_named_is_not_looked_for(tmp_path):
    path = written(tmp_path / "data.csv", sep=":", decimal=",", encoding="cp1250")
    same(sources.read(path, ["y"], sep=":", encoding="cp1250", decimal=","))
    (tmp_path / "points.csv").write_text("a;b;y\n1,5;2;0\n2,5;3;1\n")
    assert sources.read(str(tmp_path / "points.csv"), ["y"], decimal=".").X["a"].tolist() == ["1,5", "2,5"]


def test_packed_files(tmp_path):
    text = FRAME.to_csv(index=False, sep=";").encode("cp1252")
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "data.csv.zip", "w") as archive:
        archive.writestr("inside.csv", text)
    for name in ("data.csv.gz", "data.csv.zip"):
        same(sources.read(str(tmp_path / name), ["y"]))


def test_text_with_blanks_between_columns(tmp_path):
    (tmp_path / "data.txt").write_text("a b y\n1 2 0\n3 4 1\n")
    assert sources.read(str(tmp_path / "data.txt"), ["y"]).X.to_numpy().tolist() == [[1, 2], [3, 4]]


def test_a_letter_beyond_what_is_looked_at(tmp_path):
    """It says only at the end that it is not UTF-8."""
    rows = "".join(f"{k},{k % 2},plain\n" for k in range(40_000))
    (tmp_path / "data.csv").write_bytes(f"a,y,b\n{rows}1,0,Müller\n".encode("cp1252"))
    found = sources.read(str(tmp_path / "data.csv"), ["y"])
    assert found.X["b"].iloc[-1] == "Müller"
    assert "read as cp1252" in found.remarks[0]


def test_columns_of_groups_and_times_come_from_one_reading(tmp_path, monkeypatch):
    path = written(tmp_path / "data.csv")
    read = []
    whole = pd.read_csv
    monkeypatch.setattr(pd, "read_csv", lambda *a, **o: read.append(a) or whole(*a, **o))
    found = sources.read(path, ["y"], ["amount"], group="name", time="count")
    assert len(read) == 1
    assert found.X.shape == (30, 0)
    assert found.groups.tolist() == FRAME["name"].tolist()
    assert found.time.tolist() == FRAME["count"].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "utf-8"}, "encoding is 'utf-8', in which .* is not written"),
        ({"encoding": "klingon"}, "encoding is 'klingon', which Python does not know"),
        ({"target": ["Y "]}, r"target is 'Y ', which is no column of .* \(did you mean 'y'\?\); it has name, amount"),
        ({"drop": ["amuont"]}, r"drop is 'amuont', .*did you mean 'amount'"),
        ({"group": "names"}, r"group is 'names', .*did you mean 'name'"),
        ({"time": "when"}, "time is 'when', which is no column"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path, options, message):
    path = written(tmp_path / "data.csv", encoding="cp1252")
    with pytest.raises(ValueError, match=message):
        sources.read(path, **{"target": ["y"], **options})


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "ragged.csv").write_text("a,y\n1,0\n2,1\n3,4,5\n6,1\n")
    with pytest.raises(ValueError, match=r"cannot be read with ',' between its columns \(.*line 4.*\); give sep="):
        sources.read(str(tmp_path / "ragged.csv"), ["y"])
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="cannot be read"):
        sources.read(str(tmp_path / "empty.csv"), ["y"])
    with pytest.raises(ValueError, match=r"no such file \(did you mean '.*ragged.csv'\?\)"):
        sources.read(str(tmp_path / "raged.csv"), ["y"])


WORDS = ["rear", "bumper, left", "damage", "it's", 'said "no"', "late; again", "a|b"]
KINDS = {
    "numbers": lambda rng: rng.normal(size=50).round(3),
    "categories": lambda rng: rng.choice(["north", "south", None], 50),
    "text": lambda rng: [" ".join(rng.choice(WORDS, 6)) for _ in range(50)],
    "dates": lambda rng: rng.choice(["2024-01-02", "03/04/2024 10:30"], 50),
}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_whatever_stands_between(tmp_path, separator):
    # The csv module's Sniffer misses about one in eight of such files.
    rng = np.random.default_rng(0)
    for number in range(15):
        chosen = rng.choice(list(KINDS), rng.integers(1, 8))
        table = pd.DataFrame({f"c{k}": KINDS[kind](rng) for k, kind in enumerate(chosen)}).assign(y=rng.integers(0, 2, 50))
        path = tmp_path / f"{number}.csv"
        table.to_csv(path, sep=separator, decimal="," if separator == ";" and number % 2 else ".", index=False)
        found = sources.read(str(path), ["y"])
        assert list(found.X.columns) == [f"c{k}" for k in range(len(chosen))]
        np.testing.assert_array_equal(found.y, table["y"])
