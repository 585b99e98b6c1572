"""What is written by hand, beside the library that could do it: ``python benchmarks/by_hand.py``.

Needs ``pip install mapie onnxmltools onnxruntime optuna joblib`` beside the package with its extras. Every row of the file
has the same question to both: what is measured, by hand, and with the library.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import io
import pathlib
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
from scipy.special import expit
from timing import interleaved

from boost_imbalance import focal_objective, metrics, to_onnx

RESULTS = pathlib.Path(__file__).parent / "results" / "by_hand.csv"
ALPHA = 0.1
"""One minus the confidence of a promise."""


def versions(*packages):
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


def row(subject, measure, by_hand, library, used, better):
    return {"subject": subject, "measure": measure, "by_hand": by_hand, "library": library, "used": used, "better": better}


def trees():
    """Rows whose probability is off by more than 1e-5 in ONNX, trained by the library's own log loss."""
    import lightgbm
    import onnxmltools
    import onnxruntime
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 6)).astype(np.float32)
    X[:, 4] = rng.integers(0, 8, len(X))
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 5] = np.where(rng.random(len(X)) < 0.3, 0, X[:, 5])
    margin = np.nan_to_num(X[:, 0]) + np.isin(X[:, 4], (1, 3, 6)) - 1.5 + rng.normal(size=len(X))
    two, three, types = (margin > 0.8).astype(int), np.digitize(margin, (0.0, 1.0)), [("X", FloatTensorType([None, 6]))]
    objective = focal_objective(gamma=0.0).fit(two)

    def off(model, expected):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        found = np.asarray(session.run(None, {session.get_inputs()[0].name: X})[-1])
        found = found[:, 1:] if expected.ndim == 1 else found
        return float(np.mean((np.abs(found - expected.reshape(found.shape)) > 1e-5).any(axis=1)))

    def attempt(call, expected):
        try:
            return off(call(), expected)
        except Exception as error:
            return f"refused ({type(error).__name__})"

    for kind, changes in {"": {}, ", zero is missing": {"zero_as_missing": True}, ", DART": {"boosting": "dart"}}.items():
        data = lightgbm.Dataset(X, two, categorical_feature=[4])
        plain = {"num_leaves": 15, "verbosity": -1, "num_threads": 1, **changes}
        theirs = lightgbm.train({**plain, "objective": "binary"}, data, 30)
        ours = lightgbm.train(
            {**plain, **objective.lightgbm_params(two)}, lightgbm.Dataset(X, two, categorical_feature=[4]), 30,
            init_model=objective.lightgbm_start(X, two),
        )  # fmt: skip
        yield row(
            "trees as ONNX", f"share of rows that are off, LightGBM{kind}",
            off(to_onnx(ours, objective), objective.probability(ours.predict(X, raw_score=True))),
            attempt(lambda m=theirs: onnxmltools.convert_lightgbm(m, initial_types=types, zipmap=False), theirs.predict(X)),
            versions("onnxmltools", "lightgbm"), "less",
        )  # fmt: skip
    several = {"objective": "multi:softprob", "num_class": 3, "multi_strategy": "multi_output_tree"}
    for kind, y, changes in (
        ("", two, {"objective": "binary:logistic"}),
        (", DART", two, {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}),
        (", vector leaves", three, several),
    ):
        names = ["q"] * 4 + ["q" if y is three else "c", "q"]
        data, objective = (
            xgboost.DMatrix(X, y, feature_types=names, enable_categorical=True),
            focal_objective(gamma=0.0).fit(y),
        )
        plain = {"max_depth": 4, "nthread": 1, **changes}
        theirs = xgboost.train(plain, data, 30)
        ours = xgboost.train({**plain, **objective.xgboost_params(y)}, data, 30, obj=objective)
        yield row(
            "trees as ONNX",
            f"share of rows that are off, XGBoost{kind}",
            off(to_onnx(ours, objective), objective.probability(ours.predict(data, output_margin=True))),
            attempt(lambda m=theirs: onnxmltools.convert_xgboost(m, initial_types=types), theirs.predict(data)),
            versions("onnxmltools", "xgboost"),
            "less",
        )


def promises(draws=100):
    """Thresholds that keep a promise with 90% confidence: how often it is kept, and what the threshold finds."""
    from mapie.risk_control import BinaryClassificationController

    from boost_imbalance.estimators.budgets import cut_for

    rng = np.random.default_rng(0)

    def drawn(n):
        eta = expit(rng.normal(-4.5, 2.0, n))
        return eta, (rng.random(n) < eta).astype(int)

    population, truth = drawn(1_000_000)
    candidates = np.unique(np.quantile(drawn(20_000)[0], np.linspace(0, 0.9999, 1000)))

    def judged(cut):
        alarm = population >= cut
        hits = truth[alarm].sum()
        false = (alarm & (truth == 0)).sum() / (truth == 0).sum()
        return {"recall": hits / truth.sum(), "precision": hits / max(alarm.sum(), 1), "fpr": false}

    def by_mapie(eta, y, risk, goal, options):
        controller = BinaryClassificationController(
            lambda X: np.column_stack([1.0 - X, X]), risk, goal, confidence_level=1.0 - ALPHA, **options
        ).calibrate(eta[:, None], y)
        found = controller.best_predict_param
        return None if found is None else float(np.ravel(found)[0])

    def sequence(thresholds):
        """A sequence of tests whose order and ends were chosen with the answer in sight."""
        return {"fwer_method": "fixed_sequence", "list_predict_params": thresholds}

    for kind, risk, goal, other, by_choice in (
        ("recall", "recall", 0.9, "precision", sequence(candidates)),
        ("precision", "precision", 0.6, "recall", sequence(np.linspace(0.6, 0.05, 12))),
        ("false_positive_rate", "fpr", 0.01, "recall", sequence(np.linspace(0.0, 0.99, 100))),
    ):
        used = ["by hand", versions("mapie"), f"{versions('mapie')}, thresholds and method chosen for the case"]
        kept, worth = [[], [], []], [[], [], []]
        for _ in range(draws):
            eta, y = drawn(3000)
            cuts = (
                cut_for(kind, eta, y, np.ones(len(y)), goal, 1.0 - ALPHA),
                by_mapie(eta, y, risk, goal, {}),
                by_mapie(eta, y, risk, goal, by_choice),
            )
            for k, cut in enumerate(cuts):
                found = None if cut is None else judged(cut)
                worth[k].append(0.0 if found is None else float(found[other]))
                if found is not None:
                    kept[k].append(found[risk] <= goal if risk == "fpr" else found[risk] >= goal)
        shares = [len(one) / draws for one in kept]
        held = [float(np.mean(one)) if one else "" for one in kept]
        title = f"{kind} {goal} with 90% confidence"
        for k in (1, 2):
            difference = np.subtract(worth[0], worth[k])
            half = 1.98 * difference.std(ddof=1) / len(difference) ** 0.5
            means = (float(np.mean(worth[i])) for i in (0, k))
            yield row("promises", f"{title}: {other} ({difference.mean():+.4f} ± {half:.4f})", *means, used[k], "more")
            yield row("promises", f"{title}: share of draws with a threshold", shares[0], shares[k], used[k], "more")
            yield row("promises", f"{title}: share of thresholds that keep it", held[0], held[k], used[k], "at least 0.9")


def separators(files=400):
    """Files of quoted text, dates and decimal commas whose separator is found."""
    from boost_imbalance.comparison import sources

    rng = np.random.default_rng(0)
    words = ["rear", "bumper, left", "damage", "it's", 'said "no"', "late; again", "a|b"]
    kinds = {
        "numbers": lambda: rng.normal(size=150).round(3),
        "categories": lambda: rng.choice(["north", "south", None], 150),
        "text": lambda: [" ".join(rng.choice(words, 6)) for _ in range(150)],
        "dates": lambda: rng.choice(["2024-01-02", "03/04/2024 10:30"], 150),
    }

    def sniffed(text):
        try:
            return csv.Sniffer().sniff(text, ",;\t|").delimiter
        except csv.Error:
            return ""

    right = np.zeros(2)
    for _ in range(files):
        separator = str(rng.choice([",", ";", "\t", "|"]))
        table = pd.DataFrame({f"c{k}": kinds[str(rng.choice(list(kinds)))]() for k in range(rng.integers(2, 12))})
        decimal = "," if separator == ";" and rng.random() < 0.6 else "."
        text = table.to_csv(sep=separator, decimal=decimal, index=False)
        right += [sources._separator(text, ",;\t|") == separator, sniffed(text) == separator]
    yield row("separators", "share of files whose separator is found", *(right / files), "csv.Sniffer of Python", "more")


def stores():
    """Sixty trainings with the predictions of 10,000 rows each: seconds to keep and to read them, and megabytes."""
    import joblib
    import optuna

    from boost_imbalance.comparison.store import Store

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(0)
    names, parts = [f"candidate {k}" for k in range(6)], np.array_split(rng.permutation(100_000), 10)
    kept = [
        (
            {"library": "xgboost", "candidate": name, "repeat": 0, "fold": fold, "log_loss": 0.3},
            {
                "rows": rows,
                "probability": rng.beta(1, 20, len(rows)).astype(np.float32),
                "decided": np.zeros(len(rows), "i2"),
            },
        )
        for fold, rows in enumerate(parts)
        for name in names
    ]

    def by_hand(folder):
        store = Store.open({"version": 3, "candidates": names, "goal": {}}, np.zeros(100_000, np.int64), folder, False)
        for record, prediction in kept:
            store.add(record, prediction)
        return lambda: Store.read(folder)

    def by_optuna(folder):
        folder.mkdir()

        def storage():
            return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "journal.log")))

        study = optuna.create_study(storage=storage(), study_name="compare")
        for record, prediction in kept:
            trial = study.ask()
            trial.set_user_attr("record", record)
            trial.set_user_attr("prediction", {name: values.tolist() for name, values in prediction.items()})
            study.tell(trial, record["log_loss"])
        return lambda: optuna.load_study(storage=storage(), study_name="compare").trials

    def by_joblib(folder):
        by_key = {(record["candidate"], record["fold"]): (record, prediction) for record, prediction in kept}
        trained = joblib.Memory(folder, verbose=0).cache(lambda candidate, fold: by_key[candidate, fold])
        for key in by_key:
            trained(*key)
        return lambda: [trained(*key) for key in by_key]

    measured = {}
    for name, keep in (("by hand", by_hand), ("optuna", by_optuna), ("joblib", by_joblib)):
        with tempfile.TemporaryDirectory() as parent:
            folder, begun = pathlib.Path(parent) / "kept", time.perf_counter()
            read = keep(folder)
            written = time.perf_counter() - begun
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
            measured[name] = written, interleaved({name: read}, 3)[name], size
    for name in ("optuna", "joblib"):
        for measure, own, theirs in zip(
            ("seconds to keep", "seconds to read", "MB of"), measured["by hand"], measured[name], strict=True
        ):
            yield row("store", f"{measure} 60 trainings", own, theirs, versions(name), "less")


def rounds():
    """Milliseconds of a metric after each round, on 200,000 rows of which 2% are positive."""
    from sklearn import metrics as sk

    rng = np.random.default_rng(0)
    y = (rng.random(200_000) < 0.02).astype(np.float32)
    margin = (rng.normal(size=len(y)) + y).astype(np.float32)
    for metric, theirs in (
        (metrics.average_precision(), lambda: sk.average_precision_score(y, margin)),
        (metrics.balanced_accuracy(), lambda: sk.balanced_accuracy_score(y, margin > 0)),
        (metrics.f1(), lambda: sk.f1_score(y, margin > 0, average="macro")),
    ):
        assert abs(metric.value(margin, y) - theirs()) < 1e-9
        seconds = interleaved({"by hand": lambda m=metric: m.value(margin, y), "library": theirs}, 9).values()
        yield row(
            "a metric each round", f"ms, {metric.name}", *(1e3 * one for one in seconds), versions("scikit-learn"), "less"
        )


SUBJECTS = {one.__name__: one for one in (trees, promises, separators, stores, rounds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    chosen = parser.parse_args().subjects
    warnings.simplefilter("ignore")
    written = io.StringIO()
    table = csv.DictWriter(written, row("", "", "", "", "", ""), lineterminator="\n")
    table.writeheader()
    for name in chosen:
        for found in SUBJECTS[name]():
            shown = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in found.items()}
            print(shown, flush=True)
            table.writerow(shown)
    if chosen == list(SUBJECTS):
        RESULTS.write_text(written.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main()
