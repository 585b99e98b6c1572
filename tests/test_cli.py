"""The command as a person runs it: files in, tables and files out, and what it says when something is wrong."""

import json
import os
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
    assert again.stdout.startswith("library,candidate,average_precision")
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
        (["-y", "y", "--loss", "focus"], "losses holds 'focus'"),
        (["-y", "y", "--loss", "focus:gamma=1"], "loss is 'focus'"),
        (["-y", "y", "--loss", "focal:gamma"], "write parameters as in"),
        (["-y", "y", "--loss", "fewer-trees:gamma=1"], "fewer-trees takes no parameters"),
        (["-y", "y", "--loss", "focal:delta=1"], "'delta' is not a parameter of focal_objective"),
        (["-y", "y", "--loss", "focal:gamma=-1"], "gamma"),
        (["-y", "y", "--positive", "maybe"], "positive is 'maybe'; the classes are fraud, ok"),
        (["-y", "y", "--baseline", "smote"], "baselines holds 'smote'"),
        (["-y", "y", "--precision", "2"], "precision is 2.0"),
        (["-y", "[/y]"], "target is '[/y]', which is no column"),
        (["-y", "y", "--output", "claims.csv"], "claims.csv"),
        (["-y", "a"], "y"),
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


def test_the_first_line_is_what_to_deploy(run, table, tmp_path):
    done = run("compare", table, "--target", "y", "--loss", "focal", "--goal", "recall=0.8", "--save", "model", *QUICK)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line.strip()]
    assert lines[0].startswith("Deploy ")
    assert "tuned for recall=0.8" in " ".join(lines[:2])
    assert "Saved: model/classifier.joblib" in done.output
    assert sorted(path.name for path in (tmp_path / "model").iterdir())[:2] == ["classifier.joblib", "classifier.py"]
    again = run("report", "claims-comparison", "--goal", "cost:fn=20,fp=1")
    assert again.exit_code == 0, again.output
    assert "smallest expected cost" in again.output
    wrong = run("report", "claims-comparison", "--goal", "profit")
    assert (wrong.exit_code, wrong.output.startswith("error: goal is 'profit'; give f1")) == (2, True)
