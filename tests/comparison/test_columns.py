"""What is said of a user's columns, labels and rows, what to write about it, and no alarm where nothing is wrong."""

import importlib.util
import re
import warnings

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.metrics import roc_auc_score

from boost_imbalance.comparison import columns
from boost_imbalance.comparison.columns import described
from boost_imbalance.comparison.problem import Problem, instants, merged

LIBRARY = next((name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)), None)
QUICK = {
    "losses": ["focal"], "baselines": [], "folds": 2, "repeats": 1, "progress": False, "n_jobs": 1,
    "params": {"n_estimators": 5}, "library": LIBRARY,
}  # fmt: skip
WORDS = ["rear", "bumper", "damage", "customer", "called", "late", "parking", "lot", "rain", "night", "police", "report"]


def messy(n=1500, positives=0.05):
    """A table as people have them: its target, and features of every kind."""
    rng = np.random.default_rng(0)
    slope = rng.normal(size=(n, 2))
    margin = 1.5 * slope[:, 0] + slope[:, 1] + rng.logistic(size=n)
    y = margin > np.quantile(margin, 1 - positives)
    label = np.where(y, "yes", "no").astype(object)
    label[np.flatnonzero(y)[::3]] = "Yes "
    income = np.round(np.exp(10 + 0.5 * slope[:, 0]), 2).astype(str).astype(object)
    income[rng.random(n) < 0.03] = "unknown"
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 700, n)), "D")
    frame = pd.DataFrame(
        {
            "claim": 100_000 + np.arange(n),
            "opened": days.strftime("%d/%m/%Y"),
            "income": income,
            "amount": np.round(np.exp(7 + slope[:, 1]), 2),
            "age": rng.integers(18, 90, n),
            "zip": [f"0{z:04d}" for z in rng.integers(0, 400, n)],
            "region": rng.choice(["north", "south", "east", "west"], n),
            "customer_id": rng.integers(0, n // 4, n),
            "notes": [" ".join(rng.choice(WORDS, 8)) for _ in range(n)],
            "country": "DE",
            "closed_by": np.where(y, rng.choice(["fraud team", "legal"], n), np.where(rng.random(n) < 0.5, "desk", None)),
        }
    )
    return frame, pd.Series(label)


@pytest.fixture(scope="module")
def table():
    return messy()


@pytest.fixture(scope="module")
def summary(table):
    return described(Problem.of(*table))


def kinds(summary):
    """Findings by kind, without the backticks around code."""
    return {
        f.kind: f._replace(command=f.command.replace("`", ""), python=f.python.replace("`", "")) for f in summary.findings
    }


def grave(X, y, **options):
    return [finding.sentence() for finding in described(Problem.of(X, y, **options)).findings if finding.grave]


def test_what_the_columns_are(table, summary):
    X, _ = table
    found = {column.name: column for column in summary.columns}
    assert {name: column.type for name, column in found.items()} == {
        "claim": "identifier", "opened": "date", "income": "number", "amount": "number", "age": "number",
        "zip": "category", "region": "category", "customer_id": "number", "notes": "text", "country": "constant",
        "closed_by": "category",
    }  # fmt: skip
    for name in ("age", "region", "closed_by"):
        assert found[name].distinct == X[name].nunique()
        assert found[name].missing == pytest.approx(X[name].isna().mean())
    assert found["income"].missing == pytest.approx((X["income"] == "unknown").mean())
    assert found["region"].example in set(X["region"])


def test_what_is_found_and_what_to_write(table, summary):
    X, y = table
    found = kinds(summary)
    assert set(found) == {"labels", "leak", "identifier", "key", "date", "text", "words", "constant"}
    for kind, column in (("leak", "closed_by"), ("identifier", "claim"), ("text", "notes"), ("constant", "country")):
        assert found[kind].columns == (column,)
        assert f"--drop {column}" in found[kind].command
        assert found[kind].python.startswith(f"X = X.drop(columns=['{column}'])")
    assert "--time opened" in found["date"].command
    assert "--group customer_id" in found["key"].command
    assert f"'unknown' ({(X['income'] == 'unknown').sum()})" in found["words"].text
    counts = y.value_counts()
    assert all(f"'{label}' ({counts[label]} rows)" in found["labels"].text for label in ("yes", "Yes "))
    assert "--merge-labels" in found["labels"].command


def test_the_python_of_a_remedy_is_one(table):
    """Written before the comparison, it leaves nothing to say."""
    X, y = table
    scope = {"X": X.copy(), "y": y, "pandas": pd}
    for _ in range(3):  # a leak that is gone, merged labels
        for finding in described(Problem.of(scope["X"], scope["y"])).findings:
            for line in re.findall(r"`([Xy](?:\[\[.*?\]\])? = [^`]*)`", finding.python):
                exec(line, scope)
    X, y = scope["X"], scope["y"]
    assert set(X.columns) == {"income", "amount", "age", "zip", "region", "customer_id"}
    left = described(Problem.of(X.drop(columns="customer_id"), y, groups=X["customer_id"])).findings
    assert left == []


def test_names_are_those_of_the_user():
    """Even where the libraries would refuse them; and a shell takes them."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"Amount [EUR]": rng.normal(size=200), "Claim [no]": np.arange(200), "a": rng.normal(size=200)})
    found = kinds(described(Problem.of(X, rng.random(200) < 0.3)))["identifier"]
    assert found.columns == ("Claim [no]",)
    assert found.command == "--drop 'Claim [no]'"
    scope = {"X": X}
    exec(found.python, scope)
    assert list(scope["X"]) == ["Amount [EUR]", "a"]


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits, load_iris, load_wine])
@pytest.mark.parametrize("as_frame", [True, False])
def test_no_alarm_about_good_data(load, as_frame):
    found = grave(*load(return_X_y=True, as_frame=as_frame))
    assert not [sentence for sentence in found if "same features" not in sentence]


def test_columns_without_names_are_numbered():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), np.arange(300)])
    found = kinds(described(Problem.of(X, rng.random(300) < 0.3)))["identifier"]
    assert found.columns == ("1",)
    scope = {"np": np, "X": X}
    exec(found.python, scope)
    assert np.array_equal(scope["X"], X[:, :1])


def test_amounts_in_whole_numbers_are_no_identifiers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"cents": rng.integers(0, 10**7, 500), "case_id": rng.integers(0, 10**7, 500)})
    types = {column.name: column.type for column in described(Problem.of(X, rng.random(500) < 0.3)).columns}
    assert types == {"cents": "number", "case_id": "identifier"}


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-{:02d}", "{:02d}.01.2024", "01/{:d}/24", "2024-01-{:02d} 12:30:00", "2024-01-{:02d}T12:30:00Z"),
        *("Jan {:d}, 2024", "{:d} January 2024"),
    ],
)
def test_text_that_is_a_date(text):
    X = pd.DataFrame({"when": [text.format(1 + k % 28) for k in range(100)], "x": np.arange(100.0) ** 2})
    assert described(Problem.of(X, np.arange(100) % 5 == 0)).columns[0].type == "date"


@pytest.mark.parametrize("text", ["1.2.{:d}", "10.0.1.{:d}", "A-{:d}", "{:d}-x-2024", "2024{:02d}"])
def test_text_that_is_none(text):
    X = pd.DataFrame({"what": [text.format(k % 28) + ("" if k else "?") for k in range(100)]})
    assert described(Problem.of(X, np.arange(100) % 5 == 0)).columns[0].type == "category"


# A column that gives the target away


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_the_area_is_that_of_scikit_learn(make_data, task):
    data = make_data(task, 400)
    values = np.round(data.X[:, 0], 1)
    y = data.y.astype(int)
    truth = y.astype(float) if task == "multilabel" else np.eye(3)[y] if task == "multiclass" else y[:, None].astype(float)
    expected = [max(area := roc_auc_score(one, values), 1 - area) for one in truth.T]
    assert columns._area(values, truth) == pytest.approx(np.mean(expected))


def test_leaks_of_every_kind():
    rng = np.random.default_rng(0)
    y = rng.random(1000) < 0.05
    noisy = y ^ (rng.random(1000) < 0.001)
    X = pd.DataFrame(
        {
            "number": np.where(noisy, 5.0, 0.0) + rng.normal(size=1000) * 0.5,
            "backwards": np.where(noisy, -5.0, 0.0) + rng.normal(size=1000) * 0.5,
            "only then": np.where(y, rng.normal(size=1000), np.nan),
            "flag": noisy,
            "word": np.where(noisy, rng.choice(["x", "y"], 1000), rng.choice(["p", "q", None], 1000)),
            "good": 2.0 * y + rng.normal(size=1000),
            "many": rng.integers(0, 400, 1000).astype(str),
            "few": rng.choice(["a", "b"], 1000),
        }
    )
    X["many"] = "v" + X["many"]
    found = list(kinds(described(Problem.of(X, y)))["leak"].columns)
    assert found == ["number", "backwards", "only then", "flag", "word"]


def test_a_leak_is_not_seen_where_too_little_is_known():
    y = np.arange(100) < 4
    assert described(Problem.of(pd.DataFrame({"a": y * 1.0, "b": np.sin(np.arange(100))}), y)).findings == []


def test_wide_data_are_looked_at_in_a_sample():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 3))
    y = rng.random(6000) < 0.02
    problem = Problem.of(X, y)
    rows = columns._sample(problem, 10**5)
    assert len(rows) < 2500
    assert y[rows].sum() == y.sum()


# Words among numbers


@pytest.mark.parametrize("kind", ["object", "string", "mixed"])
def test_words_are_missing_values_in_the_code_too(kind):
    X, y = make_classification(400, n_features=4, n_informative=3, n_redundant=0, weights=[0.8], random_state=0)
    frame = pd.DataFrame(X, columns=list("abcd"))
    said = frame["a"].astype(object) if kind == "mixed" else frame["a"].astype(str).astype(kind)
    said[::40] = "n/a?"
    frame = frame.assign(a=said)
    with pytest.warns(UserWarning, match=r"Column 'a' holds words among its numbers.*'n/a\?' \(10\): X\[\['a'\]\] = "):
        found = bi.compare(frame, y, **QUICK)
    scope = {"X": frame, "y": y}
    exec(found.code("focal"), scope)
    expected = np.where(np.arange(400) % 40 == 0, np.nan, X[:, 0])
    np.testing.assert_allclose(scope["X"]["a"].to_numpy(np.float64, na_value=np.nan), expected)
    assert Problem.of(frame, y).X["a"].dtype == scope["X"]["a"].dtype


@pytest.mark.parametrize(
    "values",
    [
        [f"{k:05d}" for k in range(99)] + ["unknown"],  # codes keep their zeros
        [str(k % 9) for k in range(99)] + ["U"],  # few
        [str(k) for k in range(80)] + ["unknown"] * 20,  # many words
        [str(k) for k in range(100)],  # somebody wrote numbers as text
        pd.Categorical([str(k) for k in range(99)] + ["unknown"]),
    ],
)
def test_categories_stay_categories(values):
    found = Problem.of(pd.DataFrame({"a": values, "b": np.arange(100.0)}), np.arange(100) % 5 == 0)
    assert not found.words
    assert str(found.X["a"].dtype) == "category"


# Labels and rows


def test_labels_that_differ_by_case_or_blanks(table):
    X, y = table
    assert Problem.of(X, y).spellings() == [{"Yes ": 25, "yes": 50}]
    problem = Problem.of(X, y, merge_labels=True)
    assert problem.classes == ["no", "yes"]
    assert problem.counts.tolist() == [1425, 75]
    scope = {"X": X, "y": y}
    exec("\n".join(problem.preparation), scope)
    assert scope["y"].tolist() == merged(y).tolist()
    with pytest.raises(ValueError, match="merge_labels is True, but y holds other than text"):
        Problem.of(X, y == "no", merge_labels=True)


def test_too_few_of_one_spelling(table):
    X, y = table
    y = y.str.strip().str.lower().where(y.index != y.index[y == "yes"][0], "YES")
    with pytest.raises(ValueError, match=r"y holds 'YES', 'yes', which differ only by case or blanks"):
        bi.compare(X, y, **QUICK)


def test_copies_of_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    twice = pd.concat([X, X[:40]], ignore_index=True).assign(number=np.arange(340))
    y = rng.random(340) < 0.3
    found = kinds(described(Problem.of(twice, y)))
    assert found["copies"].text.startswith("80 rows have the same features")
    assert "copies" not in kinds(described(Problem.of(twice, y, groups=np.arange(340) % 300)))
    assert "copies" not in kinds(described(Problem.of(X, y[:300])))
    coarse = pd.DataFrame(rng.integers(0, 3, size=(300, 3)), columns=list("abc"))
    assert "copies" not in kinds(described(Problem.of(coarse, y[:300])))


def test_sparse_matrices_are_not_looked_at():
    found = described(Problem.of(sparse.random(200, 5, 0.3, format="csr", random_state=0), np.arange(200) % 5 == 0))
    assert found == ([], [])


def test_rows_without_a_label_are_counted():
    y = pd.Series(np.arange(200) % 5 == 0).astype(object)
    y[3] = None
    found = kinds(described(Problem.of(np.random.default_rng(0).normal(size=(200, 2)), y)))
    assert found["unlabelled"].text == "1 row has no label and is left out"
    assert not found["unlabelled"].grave


# Where it is said


def test_a_comparison_warns_and_keeps_it(table, tmp_path):
    X, y = table
    X, y = X.drop(columns=["notes", "closed_by"]), merged(y)
    with pytest.warns(UserWarning, match="Column") as caught:
        found = bi.compare(X, y, **QUICK, output=tmp_path)
    said = [str(one.message) for one in caught if one.category is UserWarning]
    assert sorted(sentence.split("'")[1] for sentence in said) == ["claim", "customer_id", "income", "opened"]
    assert all(one.filename == __file__ for one in caught)
    kept = bi.Comparison.read(tmp_path)
    assert kept.columns == found.columns
    assert kept.to_dict()["findings"] == found.columns["findings"]
    (tmp_path / "columns.json").unlink()  # as an earlier version has left its folder
    assert bi.Comparison.read(tmp_path).columns == {"columns": [], "findings": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = bi.compare(X, y, **QUICK, output=tmp_path)
    assert again.records == found.records
    assert bi.Comparison.read(tmp_path).columns == found.columns


def test_nothing_is_said_of_good_data():
    X, y = make_classification(300, weights=[0.8], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bi.compare(X, y, **QUICK)
    assert len(found.columns["columns"]) == 20


def test_the_report_has_a_section(table):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    from boost_imbalance.comparison.report import html

    X, y = make_classification(300, n_features=60, weights=[0.8], random_state=0)
    frame = pd.DataFrame(X).rename(columns=str).assign(**{"<id>": np.arange(300)})
    with pytest.warns(UserWarning, match="<id>"):
        found = bi.compare(frame, y, **QUICK)
    page = html(found)
    assert '<h2 id="columns-title">The columns</h2>' in page
    assert "<id>" not in page
    assert "<code>--drop &#39;&lt;id&gt;&#39;</code>" in page
    assert "<code>X = X.drop(columns=[&#39;&lt;id&gt;&#39;])</code>" in page
    section = page[page.index('id="columns"') :]
    assert section.index("&lt;id&gt;</th><td>identifier") < section.index("The other 21 columns")


# Folds that go forward


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_folds_go_forward(make_data, task):
    data = make_data(task, 600)
    time = np.random.default_rng(1).permutation(600)
    problem = Problem.of(data.X, data.y, time=time)
    folds = list(problem.folds(4, 1, 0))
    assert len(folds) == 4
    last = -1
    for fold in folds:
        assert time[fold.fit].max() < time[fold.stop].min()
        assert time[fold.stop].max() < time[fold.test].min()
        assert len(fold.stop) == pytest.approx(0.2 * len(fold.train), abs=1)
        assert time[fold.test].min() > last
        last = time[fold.test].max()
        for fit, score in problem.inner(fold.train, 3, 0):
            assert time[fit].max() < time[score].min()
            assert set(score) <= set(fold.train)
    assert last == 599


@pytest.mark.parametrize(
    "values",
    [
        [1, 3, 2],
        [0.5, 1.5, 0.7],
        ["2024-01-02", "2024-03-01", "2024-02-01"],
        ["13/01/2024", "01/03/2024", "02/02/2024"],
        ["01/13/2024", "03/01/2024", "02/02/2024"],
        ["2024-01-02 10:00", "2024-01-02 12:00", "2024-01-02 11:00"],
        pd.to_datetime(["2024-01-02", "2024-03-01", "2024-02-01"]),
        pd.to_datetime(["2024-01-02", "2024-03-01", "2024-02-01"], utc=True),
        pd.PeriodIndex(["2024-01", "2024-03", "2024-02"], freq="M"),
        [pd.Timestamp(day).date() for day in ("2024-01-02", "2024-03-01", "2024-02-01")],
    ],
)
def test_times_in_order(values):
    assert np.argsort(instants(values)).tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["01/02/2024", "02/01/2024"], "may be month first or day first"),
        (["soon", "later"], "time holds 'soon', and not all can be read as dates"),
        (["2024-01-01", None], "time is missing in row 1"),
    ],
)
def test_times_that_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        instants(values)


def test_a_comparison_in_time(table):
    X, y = table
    X = X[["amount", "age"]]
    y = merged(y)
    found = bi.compare(X, y, time=table[0]["opened"], **QUICK)
    assert not found.errors
    assert len(found.out_of_fold("focal")["rows"]) == 1000  # the first third is only learnt from
    assert found.out_of_fold("focal")["rows"].min() >= 450  # rows are in order of days, of which some are drawn twice
    with pytest.raises(ValueError, match="repeats is 2, but folds that go forward"):
        bi.compare(X, y, time=np.arange(1500), **{**QUICK, "repeats": 2})
    with pytest.raises(ValueError, match="groups and time are given"):
        bi.compare(X, y, time=np.arange(1500), groups=np.arange(1500), **QUICK)
    with pytest.raises(ValueError, match=r"leaves a fold no row of the class 'yes'.*fewer folds, or no time"):
        bi.compare(X, y, time=(y == "yes").to_numpy(), **QUICK)


def test_only_the_past_decides(table):
    """In folds that go forward, the rows of later folds change no decision."""
    X, y = table
    X, y = X[["amount", "age"]], (merged(y) == "yes").to_numpy()
    options = {**QUICK, "folds": 3, "losses": ["focal"], "library": LIBRARY, "time": np.arange(1500)}
    whole = bi.compare(X, y, **options)
    last = np.sort(whole.out_of_fold("focal")["rows"])[-375:]
    changed = y.copy()
    changed[last] = changed[last][::-1]
    other = bi.compare(X, changed, **options)
    found, again = whole.decided("focal"), other.decided("focal")
    assert found["rows"].tolist() == again["rows"].tolist() == list(range(750, 1500))  # the first part has no past
    assert np.array_equal(found["decided"][:375], again["decided"][:375])
    thresholds = whole.goal.thresholds(whole.task, *_of_rows(whole, y, range(375, 750)))
    part = whole.out_of_fold("focal")
    inside = (part["rows"] >= 750) & (part["rows"] < 1125)
    expected = whole.goal.decide(whole.task, part["probability"][inside].astype(np.float64), thresholds)
    assert np.array_equal(found["decided"][:375], expected)
    by_fold = whole.decisions_of_folds("focal")
    assert (len(by_fold), by_fold[0]) == (2, whole.goal.delivered(whole.task, thresholds))
    assert "Deploy" in whole.deployment()


def _of_rows(found, y, rows):
    part = found.out_of_fold("focal")
    inside = np.isin(part["rows"], rows)
    return part["probability"][inside].astype(np.float64), y[part["rows"][inside]].astype(np.int64)


def test_dates_are_refused_all_at_once():
    days = pd.date_range("2024-01-01", periods=10)
    with pytest.raises(ValueError, match=r"columns 'from', 'to' hold dates .*leave them out"):
        bi.compare(pd.DataFrame({"from": days, "a": 1.0, "to": days}), [0, 1] * 5)


def test_the_code_of_the_command_reads_the_file_and_runs_as_it_stands(tmp_path, monkeypatch):
    """From a file as people have them to a classifier: what is printed, what is saved and what was compared agree."""
    pytest.importorskip("typer")
    import joblib
    from typer.testing import CliRunner

    from boost_imbalance._cli import app

    frame, label = messy()
    label = pd.Series(np.where(np.arange(len(frame)) % 50 == 7, None, label), name="claimed")  # some are not known
    frame.assign(claimed=label).to_csv(tmp_path / "claims.csv", index=False, sep=";", encoding="cp1252")
    monkeypatch.chdir(tmp_path)
    drop = [f"--drop={name}" for name in ("claim", "opened", "notes", "country", "closed_by")]
    done = CliRunner().invoke(
        app,
        ["compare", "claims.csv", "--target", "claimed", "--merge-labels", *drop, "--library", LIBRARY, "--loss", "focal",
         "--baseline", "none", "--folds", "2", "--repeats", "1", "--jobs", "1", "--quiet", "--save", "model"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Deploy ")
    code = (tmp_path / "model" / "classifier.py").read_text()
    assert code in done.stdout
    scope = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(code, scope)
    saved, X = joblib.load(tmp_path / "model" / "classifier.joblib"), scope["X"]
    assert len(X) == label.notna().sum()
    assert scope["y"].sum() == (label.str.strip().str.casefold() == "yes").sum()
    np.testing.assert_allclose(scope["model"].predict_proba(X), saved.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(scope["model"].predict(X), saved.predict(X))
    assert saved.predict(X).any()


def test_the_encoders_that_a_comparison_names_make_numbers_of_dates_and_text():
    skrub = pytest.importorskip("skrub")
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.1
    days = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, 400), "D")
    text = [" ".join(rng.choice(WORDS, 8)) for _ in range(400)]
    X = pd.DataFrame({"opened": days.strftime("%d/%m/%Y"), "notes": text})
    remedies = {one.kind: one.python for one in described(Problem.of(X, y)).findings}
    assert "skrub's DatetimeEncoder" in remedies["date"]
    assert "skrub's StringEncoder" in remedies["text"]
    opened = skrub.DatetimeEncoder().fit_transform(skrub.ToDatetime().fit_transform(X["opened"]))
    numbers = pd.concat([opened, skrub.StringEncoder(random_state=0).fit_transform(X["notes"])], axis=1)
    found = described(Problem.of(numbers, y))
    assert {one.type for one in found.columns} == {"number"}
    assert found.findings == []
