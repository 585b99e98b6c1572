"""The benchmarks: BENCHMARKS.md says what their data say, the data are tidy, and the site shows all of them."""

import csv
import datetime
import fnmatch
import re
import sys

import pytest

from tests.helpers import ROOT

RESULTS = ROOT / "benchmarks" / "results"
FILES = sorted(path.name for path in RESULTS.glob("*.csv"))
PAGE = (ROOT / "BENCHMARKS.md").read_text(encoding="utf-8")
QUESTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]


@pytest.fixture
def scripts(monkeypatch):
    """``benchmarks`` on the path, and none of its modules left behind."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield
    for name in ("results", "summary", "timing"):
        if name not in before:
            sys.modules.pop(name, None)


def rows(name):
    with (RESULTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_summary_is_what_the_data_say(scripts):
    import summary

    assert summary.text() == PAGE, "write it anew: python benchmarks/summary.py"


def test_the_summary_is_two_pages():
    assert len(PAGE.encode()) <= 12 * 1024


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda text: text.partition("\n")[0])
def test_each_question_has_a_table_that_fits_a_screen_and_a_picture(question):
    found = re.findall(r"(?:^\|.*\n)+", question, re.MULTILINE)
    assert found
    for table in found:
        header, _, *lines = table.splitlines()
        assert header.count("|") - 1 <= 7
        assert len(lines) <= 12
    (picture,) = re.findall(r"!\[.+\]\((.*)\)", question)
    assert 0 < (ROOT / picture).stat().st_size < 60_000


def test_no_line_is_a_comment_by_mistake():
    """The site leaves out lines that begin with a percent sign."""
    for page in [ROOT / "BENCHMARKS.md", *(ROOT / "docs" / "benchmarks").glob("*.md")]:
        assert not re.findall(r"^ *%.*", page.read_text(encoding="utf-8"), re.MULTILINE), page.name


def test_every_link_of_the_summary_leads_somewhere():
    for link in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("name", FILES)
def test_results_are_tidy(name):
    header, *lines = rows(name)
    assert len(set(header)) == len(header)
    assert all(re.fullmatch("[a-z][a-z0-9_]*", column) for column in header)
    assert lines
    assert {len(line) for line in lines} == {len(header)}


def test_it_is_said_of_every_file_where_it_came_from():
    header, *lines = rows("runs.csv")
    assert header == ["file", "command", "date", "machine", "versions", "note"]
    assert [line[0] for line in lines] == [name for name in FILES if name != "runs.csv"]
    for file, command, date, machine, versions, note in lines:
        datetime.date.fromisoformat(date)
        assert machine, file
        assert versions, file
        assert command or note, file


def test_every_file_is_on_a_page_of_the_site():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "benchmarks").glob("*.md"))
    patterns = re.findall(r"^```\{results\} (\S+)$", pages, re.MULTILINE)
    for name in FILES:
        assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), name


def test_the_page_on_decisions_has_the_means_of_its_data(scripts):
    import summary

    page = (ROOT / "docs" / "benchmarks" / "decisions.md").read_text(encoding="utf-8")
    for library, title in summary.LIBRARIES.items():
        for goal in ("10", "even"):
            found = summary.decision_worth(library, f"a miss costs {goal}")
            ratios = f"{found['of at_half']:.3f} | {found['of best_afterwards']:.3f}"
            assert f"| {title} | {goal} | {ratios} | on {found['within noise']} of {found['sets']} sets |" in page


def test_a_benchmark_writes_its_table_and_where_it_came_from(scripts, tmp_path, monkeypatch):
    pytest.importorskip("numba")
    import results

    monkeypatch.setattr(sys, "argv", ["benchmarks/own.py", "--csv", "own.csv"])
    results.write(tmp_path / "other.csv", [{"a": 1}])
    results.write(
        tmp_path / "own.csv", [{"loss": "focal", "mean": 0.5}, {"loss": "LDAM", **results.difference(-0.02, 0.01)}]
    )
    results.write(
        tmp_path / "own.csv", [{"loss": "focal", "mean": 0.5}, {"loss": "LDAM", **results.difference(-0.02, 0.01)}], "again"
    )
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    assert results.read("own.csv", loss="LDAM") == [
        {"loss": "LDAM", "mean": "", "difference": "-0.0200", "half": "0.0100", "beyond_noise": "True"}
    ]
    other, own = results.read("runs.csv")
    assert (other["file"], own["file"], own["note"]) == ("other.csv", "own.csv", "again")
    assert own["command"] == "python benchmarks/own.py --csv own.csv"
    assert "Python" in own["versions"]


def test_tables_of_the_site_are_filtered_and_crossed(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    from measurements import chosen, crossed, flat

    found = [
        {"loss": "built-in", "metric": "AP", "mean": "0.5", "difference": "", "half": "", "beyond_noise": "", "better": ""},
        {
            "loss": "focal",
            "metric": "AP",
            "mean": "",
            "difference": "-0.1",
            "half": "0.2",
            "beyond_noise": "False",
            "better": "",
        },
        {
            "loss": "focal",
            "metric": "F1",
            "mean": "",
            "difference": "+0.3",
            "half": "0.2",
            "beyond_noise": "True",
            "better": "4",
        },
    ]
    assert chosen(found, "metric=AP; loss!=focal|LDAM") == found[:1]
    assert chosen(found, "metric=F1|AP") == found
    headings, lines = crossed(found, "loss", "metric")
    assert headings == ["loss", "AP", "F1", "F1: better"]
    assert lines == [["built-in", "0.5", "", ""], ["focal", "-0.1 ± 0.2", "**+0.3 ± 0.2**", "4"]]
    assert flat(found[1:2], "loss; difference±half=gain") == (["loss", "gain"], [["focal", "-0.1 ± 0.2"]])
