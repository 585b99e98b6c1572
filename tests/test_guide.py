"""The code on the pages of docs/guide runs, and the pages lead to each other."""

import dis
import re

import pytest
from test_readme import ROOT, python_blocks

GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(page.name for page in GUIDE.glob("*.md"))
CLASSIFIERS = {"ImbalancedLGBMClassifier": "lightgbm", "ImbalancedXGBClassifier": "xgboost"}


def imported(block):
    """The modules that a block of code needs."""
    for instruction in dis.get_instructions(block):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval.partition(".")[0]
        elif instruction.opname == "IMPORT_FROM" and instruction.argval in CLASSIFIERS:
            yield CLASSIFIERS[instruction.argval]


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_guide_code_runs(page, tmp_path, monkeypatch):
    blocks = list(python_blocks(f"docs/guide/{page}"))
    assert blocks
    for module in sorted({module for block in blocks for module in imported(block)}):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    # One thread: where other tests run beside this one, threads that wait for each other cost more than they bring.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    names = {"__name__": "guide"}
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):
        for block in blocks:
            exec(block, names)


@pytest.mark.parametrize("page", PAGES)
def test_guide_links_lead_somewhere(page):
    text = (GUIDE / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)]+)\)", text)
    assert links
    for link in links:
        file, _, heading = link.partition("#")
        target = (GUIDE / file if file else GUIDE / page).resolve()
        assert target.is_file(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings]
        assert not heading or heading in anchors, link


def test_guide_index_lists_every_page():
    text = (GUIDE / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[[^\]]*\]\(([^)]+)\)", text, re.MULTILINE)) == [p for p in PAGES if p != "README.md"]
