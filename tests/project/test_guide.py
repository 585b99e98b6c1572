"""The code on the pages of docs runs, and the pages lead to each other."""

import dis
import platform
import re

import pytest

from tests.helpers import ROOT, python_blocks

DOCS = ROOT / "docs"
PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in DOCS.rglob("*.md")
    if not {"_build", "gallery"} & set(page.relative_to(DOCS).parts)
)
WITH_CODE = [page for page in PAGES if "```python\n" in (ROOT / page).read_text(encoding="utf-8")]
RUN_ELSEWHERE = {"docs/guide/ray.md", "docs/guide/spark.md"}  # by test_ray.py and test_spark.py, in a session of theirs
WITHOUT_CODE = {"benchmarks.md", "changelog.md", "contributing.md", "guide/README.md", "losses/index.md"}
LONG = {f"docs/guide/{name}.md" for name in ("compare", "own-loss", "shap", "tuning")}
WRITTEN = {"our_losses"}  # modules that a page writes itself
CLASSIFIERS = {
    "ImbalancedDaskLGBMClassifier": "lightgbm",
    "ImbalancedDaskXGBClassifier": "xgboost",
    "ImbalancedLGBMClassifier": "lightgbm",
    "ImbalancedXGBClassifier": "xgboost",
}


def imported(block):
    """The modules that a block of code needs."""
    for instruction in dis.get_instructions(block):
        if instruction.opname == "IMPORT_NAME":
            yield instruction.argval.partition(".")[0]
        elif instruction.opname == "IMPORT_FROM" and instruction.argval in CLASSIFIERS:
            yield CLASSIFIERS[instruction.argval]


def anchors(text):
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings]


def test_every_page_has_code():
    pages = {page.removeprefix("docs/") for page in PAGES} - {page.removeprefix("docs/") for page in WITH_CODE}
    assert {page for page in pages if not page.startswith(("api/", "benchmarks/"))} == WITHOUT_CODE


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] * (page in LONG)) for page in WITH_CODE if page not in RUN_ELSEWHERE],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_guide_code_runs(page, tmp_path, monkeypatch):
    blocks = list(python_blocks(page))
    assert blocks
    for module in sorted({module for block in blocks for module in imported(block)} - WRITTEN):
        pytest.importorskip(module)
    monkeypatch.chdir(tmp_path)
    # One thread: where other tests run beside this one, threads that wait for each other cost more than they bring.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    # MLflow: files instead of a database, and no second process to find what a model imports.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT", "1")
    names = {"__name__": "guide"}
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):
        for block in blocks:
            exec(block, names)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if "```dockerfile\n" in (ROOT / page).read_text(encoding="utf-8")])
def test_python_of_an_image_runs(page, fresh_python, tmp_path):
    """Docker is not needed: the lines are run here, in the environment that the image would have."""
    pytest.importorskip("xgboost")
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```dockerfile\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        stages = re.split(r"^FROM ", block, flags=re.MULTILINE)[1:]
        assert re.search(r"^USER [1-9]", stages[-1], re.MULTILINE)
        variables = [{name: value.strip('"') for name, value in re.findall(r"(NUMBA_\w+)=(\S+)", stage)} for stage in stages]
        assert variables[0] == variables[-1]  # else the image's kernels would not be found
        if platform.machine() != "x86_64":
            variables[0] = {}
        codes = re.findall(r'^RUN python -c "(.*)"$', block, re.MULTILINE)
        assert codes
        for code in codes:
            printed = fresh_python(code, NUMBA_CACHE_DIR=str(tmp_path), **variables[0])
            assert "0 found" in printed
            assert variables[0].get("NUMBA_CPU_NAME", "") in printed
            assert " 0 kernels compiled" in fresh_python(code, NUMBA_CACHE_DIR=str(tmp_path), **variables[0])


@pytest.mark.parametrize("page", PAGES)
def test_guide_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)]+)\)", text)
    assert links or not page.startswith("docs/guide/")
    for link in links:
        file, _, heading = link.partition("#")
        target = ((ROOT / page).parent / file if file else ROOT / page).resolve()
        if "gallery" in target.parts:  # made from examples when the site is built
            target = ROOT / "examples" / target.with_suffix(".py").name
            if target.name == "index.py":
                continue
        assert target.is_file(), link
        assert not heading or heading in anchors(target.read_text(encoding="utf-8")), link
