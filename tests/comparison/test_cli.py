"""The command as a person runs it: files in, tables and files out, and what it says when something is wrong."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("typer")
pytest.importorskip("pandas")

import pandas as pd
from sklearn.datasets import make_classification
from typer.testing import CliRunner

import boost_imbalance as bi
from boost_imbalance._cli import app
from boost_imbalance.comparison import experiment

QUICK = ["--folds", "3", "--repeats", "1", "--baseline", "none", "--quiet", "--jobs", "1"]


@pytest.fixture
def table(tmp_path):
    X, y = make_classification(400, n_features=5, n_informative=3, weights=[0.85], random_state=0)
    frame = pd.DataFrame(X, columns=list("abcde")).assign(
        y=np.where(y == 1, "fraud", "ok"), one=y, other=(X[:, 0] > 0).astype(int), who=np.arange(400) // 4
    )
    path = tmp_path / "claims.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The exit code and what was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


def test_a_file_gives_a_table_and_a_folder(run, table, tmp_path):
    done = run(
        "compare", table, "--target", "y", "--drop", "one", "--loss", "focal", "--loss", "focal:gamma=1,tau=0.5", *QUICK
    )
    assert done.exit_code == 0, done.output
    for text in (
        "claims: 400 rows",
        "are 'fraud'",
        "built-in",
        "focal:gamma=1,tau=0.5",
        "average precision",
        "model.fit(X, y)",
    ):
        assert text in done.output
    folder = tmp_path / "claims-comparison"
    found = bi.Comparison.read(folder)
    assert found.complete
    assert found.settings["losses"]["focal:gamma=1,tau=0.5"]["parameters"]["tau"] == 0.5
    assert json.loads((folder / "comparison.json").read_text())["settings"]["name"] == "claims"
    assert pd.read_csv(folder / "comparison.csv")["candidate"].tolist() == found.candidates
    assert "<html" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_several_labels_groups_and_both_forms(run, table, tmp_path):
    arguments = ["compare", table, "-y", "one", "-y", "other", "--drop", "y", "--group", "who", "--loss", "focal", *QUICK]
    done = run(*arguments, "--output", "out", "--no-report", "--format", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["settings"]["classes"] == ["one", "other"]
    assert found["settings"]["features"] == 5
    assert not (tmp_path / "out" / "report.html").exists()
    again = run("report", "out", "--format", "csv")
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("library,candidate,goal,goal_difference")
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
def test_named_sets(run):
    done = run("compare", "wine", "--loss", "adaptive", *QUICK, "--no-report")
    assert done.exit_code == 0, done.output
    assert "3 classes" in done.output
    listed = run("datasets")
    assert "breast_cancer" in listed.output


def test_the_positive_class_by_its_text(run, table, tmp_path):
    done = run("compare", table, "-y", "one", "--drop", "y", "--positive", "0", "--loss", "focal", *QUICK, "--no-report")
    assert done.exit_code == 0, done.output
    assert bi.Comparison.read(tmp_path / "claims-comparison").settings["classes"] == [1, 0]


def test_the_positive_class_beside_missing_labels(run, table, tmp_path):
    frame = pd.read_csv(table)
    frame.assign(one=frame["one"].where(frame.index > 9), y=frame["y"].where(frame.index > 9)).to_csv(table, index=False)
    for target, positive, dropped in (("one", "1", "y"), ("y", "ok", "one")):
        arguments = ["-y", target, "--positive", positive, "--drop", dropped, "--loss", "focal", *QUICK, "--no-report"]
        done = run("compare", table, *arguments, "--output", target)
        assert done.exit_code == 0, done.output
        assert bi.Comparison.read(tmp_path / target).settings["rows"] == 390


def test_brackets_are_printed_as_they_are(run, table):
    frame = pd.read_csv(table).drop(columns="one")
    frame.assign(y=frame["y"].replace("fraud", "[/fraud]")).to_csv(table, index=False)
    done = run("compare", table, "-y", "y", "--loss", "weighted:weights=[1,3]", *QUICK, "--no-report", "--output", "[/out]")
    assert done.exit_code == 0, done.output
    for text in ("are '[/fraud]'", "weighted:weights=[1,3]", "Written: [/out]"):
        assert text in done.output


def test_a_report_of_what_has_hardly_begun(run, table, tmp_path, monkeypatch):
    monkeypatch.setattr("boost_imbalance._cli._write", lambda *_: None)
    run("compare", table, "-y", "y", "--loss", "focal", *QUICK, "--output", "out")
    (tmp_path / "out" / "records.jsonl").write_text("")
    done = run("report", "out")
    assert done.exit_code == 0, done.output
    assert "nothing can be said" in done.output.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "why"], "target is 'why', which is no column"),
        ([], "target is missing"),
        (["-y", "y", "--loss", "focus"], "--loss holds 'focus'"),
        (["-y", "y", "--loss", "focus:gamma=1"], "loss is 'focus'"),
        (["-y", "y", "--loss", "focal:gamma"], "write parameters as in"),
        (["-y", "y", "--loss", "fewer-trees:gamma=1"], "fewer-trees takes no parameters"),
        (["-y", "y", "--loss", "focal:delta=1"], "'delta' is not a parameter of focal_objective"),
        (["-y", "y", "--loss", "focal:gamma=-1"], "gamma"),
        (["-y", "y", "--positive", "maybe"], "positive is 'maybe'; the classes are fraud, ok"),
        (["-y", "y", "--baseline", "smote"], "--baseline holds 'smote'"),
        (["-y", "y", "--precision", "2"], "precision is 2.0"),
        (["-y", "[/y]"], "target is '[/y]', which is no column"),
        (["-y", "y", "--output", "claims.csv"], "claims.csv"),
        (["-y", "a"], "y"),
        (["-y", "Y"], "--target is 'Y', which is no column of"),
        (["-y", "Y"], "did you mean 'y'?"),
        (["-y", "y", "--drop", "othr"], "--drop is 'othr', which is no column"),
        (["-y", "y", "--folds", "100"], "--folds is 100, but the class 'fraud' has"),
        (["-y", "y", "--positive", "maybe"], "--positive is 'maybe'"),
        (["-y", "y", "--seed", "-1"], "--seed is -1; give at least 0"),
        (["-y", "y", "--confidence", "1"], "--confidence is 1.0"),
        (["-y", "y", "--encoding", "utf-16"], "--encoding is 'utf-16'"),
        (["-y", "y", "--group", "y", "--time", "a"], "--group and time are given"),
        (["-y", "y", "--time", "a", "--repeats", "2"], "--repeats is 2, but folds that go forward"),
        (["-y", "one", "--merge-labels"], "--merge-labels is True, but y holds other than text"),
    ],
)
def test_mistakes_end_with_a_sentence(run, table, arguments, message):
    done = run("compare", table, *arguments)
    assert done.exit_code == 2
    assert message in done.output.replace("\n", " ")
    assert "Traceback" not in done.output
    assert len(done.output.strip().splitlines()) <= 3


def test_missing_files_and_folders(run):
    assert "no such file" in run("compare", "none.csv", "-y", "y").output
    assert "neither a file nor a named set" in run("compare", "none").output
    assert "holds no comparison" in run("report", "none").output


def test_stopped_and_continued(run, table, tmp_path, monkeypatch):
    trained = []
    whole = experiment.train

    def train(*arguments):
        trained.append(arguments[1].name)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(experiment, "train", train)
    arguments = ["compare", table, "-y", "y", "--drop", "one", "--loss", "focal", *QUICK, "--no-report"]
    done = run(*arguments)
    assert done.exit_code == 130
    assert "stopped after 2 of 6" in done.output.replace("\n", " ")
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert len(trained) == 3 + 4


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs signals as Ctrl-C sends them")
def test_ctrl_c_in_a_real_process(table, tmp_path):
    command = [
        sys.executable,
        "-m",
        "boost_imbalance._cli",
        "compare",
        str(table),
        "-y",
        "y",
        "--repeats",
        "50",
        "--no-report",
    ]
    records = tmp_path / "claims-comparison" / "records.jsonl"
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not (records.exists() and len(records.read_text().splitlines()) >= 3):
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "to go on" in errors.replace("\n", " ")
    assert "difference to built-in" in output
    assert len(bi.Comparison.read(tmp_path / "claims-comparison").records) >= 3


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """A file as people have them: a rare class written in two ways, an identifier, dates, words among numbers, a leak."""
    rng = np.random.default_rng(0)
    n = 1200
    slope = rng.normal(size=n)
    y = slope + rng.normal(size=n) > 2.2
    income = np.round(np.exp(10 + slope), 2).astype(str).astype(object)
    income[rng.random(n) < 0.03] = "unknown"
    frame = pd.DataFrame(
        {
            "Kennung [nr]": np.arange(n),
            "geöffnet": (pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D")).strftime("%d.%m.%Y"),
            "income": income,
            "ratio": rng.normal(size=n).round(3),
            "settled": np.where(y, "by us", rng.choice(["paid", "open"], n)),
            "fraud": np.where(y, np.where(rng.random(n) < 0.3, "Yes ", "yes"), "no"),
        }
    )
    path = tmp_path_factory.mktemp("messy") / "claims.csv"
    frame.to_csv(path, index=False, sep=";", encoding="cp1252")
    return path, frame


def test_a_messy_file_is_read_and_told_of(run, messy, tmp_path):
    path, frame = messy
    arguments = ["compare", path, "-y", "fraud", "--loss", "focal", *QUICK]
    done = run(*arguments, "--drop", "Kennung [nr]", "--drop", "settled", "--time", "geöffnet")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    counts = frame["fraud"].value_counts()
    spelled = " and ".join(f"{label!r} ({counts[label]} rows)" for label in counts.index if label != "no")
    assert f"Labels {spelled} are taken for one; --no-merge-labels keeps them apart." in said
    assert "claims.csv is not UTF-8 and was read as cp1252; if letters are wrong, give --encoding." in said
    rows = (frame["income"] == "unknown").sum()
    assert f"! Column 'income' holds words among its numbers, which are taken as missing values, 'unknown' ({rows})." in said
    assert not re.search("settled|Kennung|differ only", said)
    assert "holds words" not in done.stdout  # which is for results
    assert "3 folds that go forward in time" in done.stdout
    found = bi.Comparison.read(tmp_path / "claims-comparison")
    assert found.settings["classes"] == ["no", "yes"]
    assert [column["name"] for column in found.columns["columns"]] == ["income", "ratio"]
    assert "taken as missing values" in (tmp_path / "claims-comparison" / "report.html").read_text(encoding="utf-8")
    again = run("report", "claims-comparison", "--format", "json")
    assert json.loads(again.stdout)["findings"] == found.columns["findings"]


def test_remedies_are_options(run, messy):
    """What is said of a file, written behind the command as it stands there, leaves nothing more to say of it."""
    path, _ = messy
    arguments = ["compare", path, "-y", "fraud", "--loss", "focal", *QUICK, "--no-report"]
    done = run(*arguments, "--no-merge-labels", "--output", "before")
    said = " ".join(done.stderr.split())
    options = re.findall(r"--drop (?:'[^']*'|\w+)|--merge-labels", said)
    assert sorted(set(options)) == ["--drop 'Kennung [nr]'", "--drop 'geöffnet'", "--drop settled", "--merge-labels"]
    done = run(*arguments, "--output", "after", *shlex.split(" ".join(options)))
    assert done.exit_code == 0, done.output
    assert re.findall(r"^!.*Column '(\w+)'", done.stderr, re.MULTILINE) == ["income"]


def test_dates_of_a_file_that_knows_them(run, table, tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.read_csv(table).assign(day=pd.date_range("2024-01-01", periods=400))
    frame.to_parquet(tmp_path / "claims.parquet")
    done = run("compare", "claims.parquet", "-y", "y")
    assert done.exit_code == 2
    assert "leave it out with --drop. --time takes one" in done.output.replace("\n", " ")


def test_versions(run):
    import boost_imbalance

    done = run("--version")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"boost-imbalance {boost_imbalance.__version__}\n")


def test_every_option_has_help(run):
    from typer.main import get_command

    for command in get_command(app).commands.values():
        for parameter in command.params:
            assert parameter.param_type_name == "argument" or parameter.help, f"{command.name}: {parameter.name}"
    assert "Column of times" in run("compare", "--help").output


def test_losses_are_completed():
    from boost_imbalance._cli import _known_baselines, _known_losses

    assert _known_losses("fo") == ["focal"]
    assert _known_baselines("n") == ["none"]
    assert _known_baselines("over") == ["over-sampling"]


def test_arguments_of_python_are_never_spoken_of():
    """In what the command says, a parameter is the option."""
    from boost_imbalance._cli import _in_options

    for message, expected in (
        ("pos_label is 3, but y has 3 classes; it is for two.", "--positive is 3, but y has 3 classes; it is for two."),
        ("folds is 3, but groups holds 2 groups; give", "--folds is 3, but groups holds 2 groups; give"),
        ("tune_for is 'x'; give", "--tune-for is 'x'; give"),
        ("rows; give tune=0, or leave", "rows; give --tune 0, or leave"),
        ("other data; give another folder, or restart=True to", "other data; give another folder, or --restart to"),
        ("the targets is it", "the targets is it"),
    ):
        assert _in_options(message) == expected


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal as Unix has them")
def test_something_moves_within_a_second(messy, tmp_path):
    """In a real terminal, from the start of the process."""
    import pty

    path, _ = messy
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "boost_imbalance._cli", "compare", str(path), "-y", "fraud", "--no-report"]
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=child, env={**os.environ, "TERM": "xterm"}
    )
    try:
        os.read(parent, 1)
        assert time.monotonic() - begun < 10  # a busy machine; about 0.6 seconds on one that is not
    finally:
        process.kill()
        process.wait()
        os.close(parent)
        os.close(child)


def test_the_package_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "boost_imbalance", "--help"], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout


def test_the_first_line_is_what_to_deploy(run, table, tmp_path):
    done = run("compare", table, "--target", "y", "--loss", "focal", "--goal", "recall=0.8", "--save", "model", *QUICK)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines[0].startswith("Deploy ")
    assert "tuned for recall=0.8" in " ".join(lines[:2])
    assert "Saved: model/classifier.joblib" in done.output
    assert sorted(path.name for path in (tmp_path / "model").iterdir())[:2] == ["classifier.joblib", "classifier.py"]
    again = run("report", "claims-comparison", "--goal", "cost:fn=20,fp=1")
    assert again.exit_code == 0, again.output
    assert "smallest expected cost" in again.output
    wrong = run("report", "claims-comparison", "--goal", "profit")
    listed = run("compare", table, "-y", "y", "--goal", "posterior", *QUICK).output
    assert "f1, balanced_accuracy, recall=0.9, precision=0.5" in " ".join(listed.split())
    as_json = run(
        "compare", table, "-y", "y", "--loss", "focal", "--format", "json", "--save", "model", "--output", "j", *QUICK
    )
    assert json.loads(as_json.stdout)["complete"]
    assert (wrong.exit_code, wrong.output.startswith("error: --goal is 'profit'; give f1")) == (2, True)


def test_the_report_has_the_command_and_the_target(table, tmp_path):
    command = [
        sys.executable,
        "-m",
        "boost_imbalance",
        "compare",
        str(table),
        "--target",
        "y",
        "--drop",
        "one",
        "--loss",
        "focal",
    ]
    done = subprocess.run([*command, *QUICK], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.startswith("Deploy ")
    page = (tmp_path / "claims-comparison" / "report.html").read_text(encoding="utf-8")
    assert f"boost-imbalance compare {table} --target y --drop one --loss focal --folds 3" in page
    assert "are fraud (y)." in page
