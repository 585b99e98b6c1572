"""Comparisons against trainings by hand, scikit-learn's metrics, and what an interrupted one leaves behind."""

import contextlib
import importlib.util
import itertools
import json
import signal
import warnings

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd
from scipy import sparse, stats
from sklearn import metrics as sk
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, train_test_split

from boost_imbalance.comparison import candidates, experiment, fitting, metrics, sources, store
from boost_imbalance.comparison.problem import Problem
from boost_imbalance.comparison.statistics import Difference, paired
from boost_imbalance.comparison.tuning import tuned
from boost_imbalance.losses.labels import Task

TASKS = ["binary", "multiclass", "multilabel"]
LIBRARIES = [name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)]
QUICK = {"baselines": [], "folds": 3, "repeats": 1, "progress": False, "n_jobs": 1}
RATES = ("average_precision", "log_loss", "brier", "balanced_accuracy", "macro_f1", "mcc", "recall_at_precision")


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


@pytest.fixture(scope="module")
def rare():
    """A rare class that can be learnt."""
    return make_classification(900, n_features=8, n_informative=4, weights=[0.9], class_sep=1.5, random_state=0)


def compared(X, y, **options):
    return bi.compare(X, y, **{**QUICK, **options})


# Statistics


def test_independent_folds_give_the_paired_t_interval():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 12))
    expected = stats.ttest_rel(a, b).confidence_interval(0.9)
    found = paired(a, b, test_share=0.0, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_shared_rows_widen_the_interval_as_nadeau_and_bengio_say():
    a = np.random.default_rng(0).normal(size=10)
    plain, shared = (paired(a, np.zeros(10), share, 0.95).half for share in (0.0, 0.25))
    assert shared / plain == pytest.approx(np.sqrt((0.1 + 0.25) / 0.1))


def test_several_candidates_widen_the_interval_as_bonferroni_says():
    a = np.random.default_rng(0).normal(size=10)
    assert paired(a, np.zeros(10), 0.25, 0.95, compared=10).half == pytest.approx(paired(a, np.zeros(10), 0.25, 0.995).half)


def test_verdicts():
    assert Difference(0.2, 0.1).verdict(True) == "better"
    assert Difference(0.2, 0.1).verdict(False) == "worse"
    assert Difference(-0.2, 0.1).verdict(False) == "better"
    assert Difference(1e-8, 0.0).verdict(True) == "tie"
    assert Difference(0.1, 0.2).verdict(True) == "tie"
    assert Difference(0.1, float("nan")).verdict(True) == "tie"
    assert paired(np.array([0.5, np.nan]), np.zeros(2), 0.2, 0.95).verdict(True) == "tie"


def test_equal_candidates_seldom_win():
    """Two models of one kind on fold after fold: the interval leaves out 0 no more often than it says."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        # Means of folds: what training sets share, and what each test part adds.
        ours, theirs = (rng.normal() * 0.5 + rng.normal(size=10) for _ in range(2))
        wrong += paired(ours, theirs, 0.25, 0.95).verdict(True) != "tie"
    assert wrong / 300 < 0.07


def test_folds_that_all_differ_by_the_same_show_no_noise():
    """Two small test parts, in each of which one row more was found."""
    assert paired(np.array([0.6, 0.7]), np.array([0.5, 0.6]), 0.5, 0.95).verdict(True) == "tie"
    assert paired(np.array([0.6, 0.7]), np.array([0.6, 0.7]), 0.5, 0.95) == (0.0, 0.0)


# Metrics


@pytest.mark.parametrize("task", TASKS)
def test_metrics_are_those_of_scikit_learn(make_data, task):
    data = make_data(task, 400)
    y, p = data.y.astype(int), data.posterior
    found = metrics.of_probabilities(Task[task.upper()], y, p, 0.4)
    if task == "multiclass":
        decided = p.argmax(axis=1)
        expected = {
            "log_loss": sk.log_loss(y, p),
            "brier": sk.brier_score_loss(y, p, scale_by_half=False),
            "average_precision": sk.average_precision_score(np.eye(3)[y], p),
        }
        decisions = {
            "balanced_accuracy": sk.balanced_accuracy_score(y, decided),
            "macro_f1": sk.f1_score(y, decided, average="macro"),
            "mcc": sk.matthews_corrcoef(y, decided),
        }
    else:
        columns, truths = p.reshape(len(y), -1).T, y.reshape(len(y), -1).T
        decided = (p > 0.3).astype(int)
        pairs = list(zip(truths, columns, strict=True))
        expected = {
            "log_loss": np.mean([sk.log_loss(t, c) for t, c in pairs]),
            "brier": np.mean([sk.brier_score_loss(t, c) for t, c in pairs]),
            "average_precision": np.mean([sk.average_precision_score(t, c) for t, c in pairs]),
        }
        pairs = list(zip(truths, decided.reshape(len(y), -1).T, strict=True))
        binary = task == "binary"
        decisions = {
            "balanced_accuracy": np.mean([sk.balanced_accuracy_score(t, d) for t, d in pairs]),
            "macro_f1": np.mean([sk.f1_score(t, d, average="macro" if binary else "binary") for t, d in pairs]),
            "mcc": np.mean([sk.matthews_corrcoef(t, d) for t, d in pairs]),
        }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert metrics.of_decisions(Task[task.upper()], y, decided) == pytest.approx(decisions)


def test_recall_at_a_precision_tries_every_threshold(make_data):
    data = make_data("binary", 300)
    y, p = data.y.astype(int), data.posterior
    reached = [sk.recall_score(y, p >= t) for t in np.unique(p) if sk.precision_score(y, p >= t) >= 0.6]
    assert metrics.of_probabilities(Task.BINARY, y, p, 0.6)["recall_at_precision"] == pytest.approx(max(reached))
    assert metrics.of_probabilities(Task.BINARY, y, 1 - p, 0.99)["recall_at_precision"] == 0.0


def test_missing_labels_are_not_measured(make_data):
    data = make_data("multilabel", 400)
    seen = np.random.default_rng(0).random(data.y.shape) < 0.6
    y = np.where(seen, data.y, np.nan)
    found = metrics.of_probabilities(Task.MULTILABEL, y, data.posterior, 0.5)
    expected = [sk.average_precision_score(data.y[seen[:, k], k], data.posterior[seen[:, k], k]) for k in range(3)]
    assert found["average_precision"] == pytest.approx(np.mean(expected))
    assert found["log_loss"] == pytest.approx(sk.log_loss(data.y[seen], data.posterior[seen]))
    decided = data.posterior > 0.5
    by_hand = [sk.matthews_corrcoef(data.y[seen[:, k], k], decided[seen[:, k], k]) for k in range(3)]
    assert metrics.of_decisions(Task.MULTILABEL, y, decided)["mcc"] == pytest.approx(np.mean(by_hand))


def test_one_certain_error_does_not_make_the_log_loss_infinite():
    found = metrics.of_probabilities(Task.BINARY, np.array([0, 1, 1]), np.array([0.1, 0.0, 0.9]), 0.5)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, metrics.SMALLEST, 0.9]).mean())


# Data


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


@pytest.fixture(scope="module")
def small():
    """Few rows, as a data frame."""
    X, y = make_classification(240, n_features=4, n_informative=3, n_redundant=0, weights=[0.8], random_state=0)
    return pd.DataFrame(X, columns=list("abcd")), y


SMALL = {"losses": ["focal"], "folds": 2, "params": {"n_estimators": 5}}


def runs(found, X, y):
    """The data and the model that the code of the first loss makes of them."""
    scope = {"X": X, "y": y}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in found.candidates:
            scope = {"X": X, "y": y}
            exec(found.code(name), scope)
            assert len(scope["model"].predict(scope["X"])) == len(scope["y"])
    return scope


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


# Candidates


@pytest.mark.parametrize("how", ["over", "under"])
def test_sampling_makes_classes_equal(make_data, how):
    data = make_data("multiclass", 500)
    part = fitting._resampled(fitting.Part(np.arange(500), data.y.astype(int)), how, seed=0)
    counts, before = np.bincount(part.label), np.bincount(data.y.astype(int))
    assert (counts == (before.max() if how == "over" else before.min())).all()
    assert (data.y[part.X] == part.label).all()


def test_the_built_in_objective_is_the_library_trained_by_hand(library, rare):
    X, y = rare
    found = compared(X, y, library=library, losses=["focal"], seed=5)
    train, test = next(StratifiedKFold(3, shuffle=True, random_state=5).split(X, y))
    fit, stop = train_test_split(train, test_size=0.2, random_state=5, stratify=y[train])
    if library == "xgboost":
        import xgboost

        model = xgboost.XGBClassifier(
            n_estimators=1000, learning_rate=0.1, max_depth=4, early_stopping_rounds=30, n_jobs=1
        ).fit(X[fit], y[fit], eval_set=[(X[stop], y[stop])], verbose=False)
    else:
        import lightgbm

        model = lightgbm.LGBMClassifier(
            n_estimators=1000, learning_rate=0.05, num_leaves=15, feature_pre_filter=False, verbosity=-1, n_jobs=1
        ).fit(X[fit], y[fit], eval_X=X[stop], eval_y=y[stop], callbacks=[lightgbm.early_stopping(30, verbose=False)])
    p = model.predict_proba(X[test])[:, 1]
    record = next(r for r in found.records if r["candidate"] == "built-in" and r["fold"] == 0)
    assert record["average_precision"] == pytest.approx(sk.average_precision_score(y[test], p))
    assert record["mcc"] == pytest.approx(sk.matthews_corrcoef(y[test], p > 0.5))
    kept = found.out_of_fold("built-in")
    np.testing.assert_allclose(kept["probability"][np.isin(kept["rows"], test)], p, rtol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_cross_entropy_ties_with_the_built_in_objective(library, make_data, task):
    """The same loss, so nothing but the last digits may differ."""
    data = make_data(task, 600)
    found = compared(data.X, data.y, library=library, losses={"same": bi.weighted_objective(weights=None, hessian="exact")})
    for name in RATES:
        np.testing.assert_allclose(found.values("same", name), found.values("built-in", name), atol=2e-3)
    assert found.recommended() == "built-in"


def test_a_tuned_threshold_is_a_decision_on_the_same_model(library, rare):
    found = compared(*rare, library=library, losses=["focal"], baselines=["tuned threshold"])
    one, other = found.out_of_fold("built-in"), found.out_of_fold("tuned threshold")
    assert np.array_equal(one["probability"], other["probability"])
    assert not np.array_equal(one["decided"], other["decided"])
    assert np.array_equal(found.values("tuned threshold", "macro_f1"), found.values("built-in", "macro_f1_tuned"))


def test_what_helps_is_seen_to_help(library, make_data):
    """Logit adjustment raises balanced accuracy by construction, and class weights spoil the log loss."""
    data = make_data("binary", 2500)
    found = compared(
        data.X, data.y, library=library, losses=["logit-adjusted"], baselines=["class weights"], folds=5, repeats=2
    )
    assert found.difference("logit-adjusted", "balanced_accuracy").verdict(True) == "better"
    assert found.difference("class weights", "log_loss").verdict(False) == "worse"
    assert found.wins("balanced_accuracy") == ["logit-adjusted"]


def test_losses_by_name_by_object_and_by_a_name_of_ones_own():
    mine = bi.focal_objective(gamma=1.0)
    names = [c.name for c in candidates.chosen(Task.BINARY, {"mine": mine, "theirs": bi.adaptive_objective()}, [])]
    assert names == ["built-in", "mine", "theirs"]
    assert [c.name for c in candidates.chosen(Task.BINARY, [mine], [])] == ["built-in", "focal_objective(gamma=1.0)"]
    assert [c.name for c in candidates.chosen(Task.BINARY, "focal", [])] == ["built-in", "focal"]
    assert [c.name for c in candidates.chosen(Task.MULTILABEL)][:2] == ["built-in", "tuned threshold"]
    for name in ("weighted_objective", "focal_objective", "asymmetric_objective", "class_balanced_objective"):
        assert any(c.loss and c.loss.constructor_name == name for c in candidates.losses().values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"losses": ["focus"]}, "losses holds 'focus'"),
        ({"losses": {"built-in": bi.focal_objective()}}, "names one 'built-in'"),
        ({"baselines": ["smote"]}, "baselines holds 'smote'"),
        ({"library": "catboost"}, "library is 'catboost'"),
        ({"folds": 1}, "folds is 1"),
        ({"repeats": 0}, "repeats is 0"),
        ({"tune": -1}, "tune is -1"),
        ({"tune_for": "accuracy"}, "tune_for is 'accuracy'"),
        ({"precision": 1.0}, "precision is 1.0"),
        ({"confidence": 95}, "confidence is 95"),
        ({"pos_label": 7}, "pos_label holds 7"),
        ({"folds": 300}, "folds is 300, but the class 1 has"),
        ({"params": {"xgboost": {}, "max_depth": 3}}, "params holds names of libraries beside others"),
        ({"params": {"xgboost": 3}}, "params holds 3 as 'xgboost'"),
        ({"params": {"objective": "binary:logistic"}}, "params holds 'objective'"),
        ({"params": {"eval_metric": "auc"}}, "params holds 'eval_metric'"),
        ({"params": {"scale_pos_weight": 3}}, "params holds 'scale_pos_weight'"),
        ({"params": {"eta": 0.3}}, "params holds 'eta'; write 'learning_rate'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_arguments_that_are_refused(rare, options, message, monkeypatch):
    monkeypatch.setattr(experiment, "train", None)  # nothing may be trained
    with pytest.raises(ValueError, match=message):
        compared(*rare, **options)


def test_arguments_of_a_wrong_type(rare):
    with pytest.raises(TypeError, match=r"folds is 3\.0"):
        compared(*rare, folds=3.0)
    with pytest.raises(TypeError, match="seed is None"):
        compared(*rare, seed=None)
    with pytest.raises(TypeError, match="confidence is"):
        compared(*rare, confidence="0.9")
    with pytest.raises(TypeError, match=r"params is \[1\]"):
        compared(*rare, params=[1])
    with pytest.raises(TypeError, match="losses holds 3"):
        compared(*rare, losses={"mine": 3})
    with pytest.raises(ValueError, match="multi-label"):
        compared(rare[0], np.column_stack([rare[1]] * 2), baselines=["over-sampling"])


# Runs


@pytest.mark.parametrize("task", ["binary", *(pytest.param(task, marks=pytest.mark.slow) for task in TASKS[1:])])
def test_every_candidate_on_every_task(library, make_data, task):
    data = make_data(task, 500)
    y = data.y.copy()
    if task == "multilabel":
        y[::7, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compared(data.X, y, library=library, baselines=None)
    assert found.complete
    assert not found.errors
    table = found.table()
    assert table["candidate"].tolist() == found.candidates
    assert len(found.candidates) == (10 if task == "multilabel" else 13)
    assert np.isfinite(table[list(metrics.METRICS)].to_numpy()).all()
    for name in found.candidates:
        kept = found.out_of_fold(name)
        assert np.array_equal(kept["rows"], np.arange(500))
        assert kept["probability"].shape == {"binary": (500,), "multiclass": (500, 3), "multilabel": (500, 3)}[task]
    json.dumps(found.to_dict(), allow_nan=False)
    assert "built-in" in repr(found)
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize("kind", ["frame", "sparse", "list"])
def test_kinds_of_features(library, rare, kind):
    X, y = rare
    if kind == "frame":
        X = pd.DataFrame(X).assign(text=np.where(X[:, 0] > 0, "up", "down"), flag=X[:, 1] > 0)
        X.iloc[::5, 2] = np.nan
    elif kind == "sparse":
        X = sparse.coo_matrix(np.where(np.abs(X) > 1, X, 0))
    else:
        X, y = X.tolist(), np.where(y, "yes", "no").tolist()
    found = compared(X, y, library=library, losses=["focal"], baselines=["over-sampling"])
    assert not found.errors
    assert found.mean("focal", "average_precision") > 0.5


def test_a_failure_is_told_and_the_rest_goes_on(library, rare, monkeypatch):
    def train(library, candidate, *rest):
        if candidate.name == "focal":
            raise RuntimeError("no memory")
        return fitting.train(library, candidate, *rest)

    monkeypatch.setattr(experiment, "train", train)
    found = compared(*rare, library=library, losses=["focal", "adaptive"])
    assert found.errors == [{"library": library, "candidate": "focal", "folds": 3, "error": "RuntimeError: no memory"}]
    assert found.complete
    assert np.isfinite(found.mean("adaptive", "log_loss"))
    assert np.isnan(found.mean("focal", "log_loss"))
    monkeypatch.setattr(experiment, "train", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match=r"no training succeeded.*ZeroDivisionError"):
        compared(*rare, library=library)


@pytest.mark.slow
def test_stopped_and_continued_is_as_if_never_stopped(library, rare, tmp_path, monkeypatch):
    options = {"library": library, "losses": ["focal", "asymmetric"], "baselines": ["tuned threshold"], "repeats": 2}
    whole = compared(*rare, **options)
    calls = []

    def train(*arguments):
        calls.append(arguments[1].name)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return fitting.train(*arguments)

    monkeypatch.setattr(experiment, "train", train)
    with pytest.warns(UserWarning, match=r"stopped after .* call again with the same arguments"):
        part = compared(*rare, **options, output=tmp_path)
    assert not part.complete
    assert np.isfinite(part.mean("focal", "log_loss"))
    with (tmp_path / "records.jsonl").open("a") as lines:
        lines.write('{"library": "xgb')  # as a crash would leave it
    calls.clear()
    calls.extend(["already"] * 10)
    rest = compared(*rare, **options, output=tmp_path)
    assert rest.complete
    assert len(calls) - 10 == 3 * 3 * 2 - 4
    again = bi.Comparison.read(tmp_path)
    for name, metric in itertools.product(whole.candidates, RATES):
        assert np.array_equal(whole.values(name, metric), rest.values(name, metric))
        assert np.array_equal(whole.values(name, metric), again.values(name, metric))
        np.testing.assert_array_equal(whole.out_of_fold(name)["probability"], again.out_of_fold(name)["probability"])
    assert again.to_dict() == rest.to_dict()


def test_ctrl_c_that_a_library_drops_still_stops(rare, monkeypatch):
    """What a callback raises does not come through every C library."""
    calls = []

    def train(*arguments):
        calls.append(arguments[1].name)
        if len(calls) == 2:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return fitting.train(*arguments)

    monkeypatch.setattr(experiment, "train", train)
    before = signal.getsignal(signal.SIGINT)
    with pytest.warns(UserWarning, match="stopped after 2 of"):
        compared(*rare, losses=["focal"])
    assert len(calls) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_keeps_one_comparison(rare, tmp_path, monkeypatch):
    X, y = rare
    compared(X, y, losses=["focal"], output=tmp_path)
    monkeypatch.setattr(experiment, "train", None)
    compared(X, y, losses=["focal"], output=tmp_path)  # all there
    with pytest.raises(ValueError, match=r"holds a comparison of other seed; give another folder, or restart=True"):
        compared(X, y, losses=["focal"], output=tmp_path, seed=1)
    with pytest.raises(ValueError, match="other data"):
        compared(X + 1, y, losses=["focal"], output=tmp_path)
    monkeypatch.undo()
    assert compared(X, y, losses=["focal"], output=tmp_path, seed=1, restart=True).settings["seed"] == 1
    with pytest.raises(FileNotFoundError, match="holds no comparison"):
        bi.Comparison.read(tmp_path / "elsewhere")


@pytest.mark.parametrize("library", LIBRARIES)
def test_fewer_trees_at_a_high_rate_and_the_same_in_the_code(rare, library):
    found = compared(*rare, library=library, losses=["fewer-trees"], baselines=["max_delta_step", "tuned threshold"])
    for name in ("fewer-trees", "max_delta_step"):
        assert found.mean(name, "rounds") < found.mean("built-in", "rounds") / 2
        assert found.estimator(name).get_params()["learning_rate"] == 0.4
    assert found.estimator("max_delta_step").get_params()["max_delta_step"] == 1.0
    assert found.mean("fewer-trees", "predicting") > 0
    # A baseline that only decides otherwise has the trees of the library's own objective.
    X, y = rare
    own, moved = (found.estimator(name).fit(X, y) for name in ("built-in", "tuned threshold"))
    np.testing.assert_allclose(moved.predict_proba(X), own.predict_proba(X), rtol=1e-4)


@pytest.mark.skipif("lightgbm" not in LIBRARIES, reason="of LightGBM alone")
def test_a_model_that_cannot_stop_early_has_all_its_rounds(small):
    params = {"boosting_type": "dart", "n_estimators": 7}
    found = compared(*small, losses=["focal"], folds=2, library="lightgbm", params=params)
    assert found.mean("built-in", "rounds") == 7
    assert "n_estimators=7" in found.code()


def test_a_folder_of_an_older_version(small, tmp_path):
    """Its settings and records call a candidate a contestant."""
    compared(*small, **SMALL, output=tmp_path)
    for name in ("settings.json", "records.jsonl"):
        path = tmp_path / name
        path.write_text(
            path.read_text().replace("candidate", "contestant").replace(f'"version": {store.VERSION}', '"version": 1')
        )
    with pytest.raises(ValueError, match="an older version wrote; run it again with restart=True"):
        bi.Comparison.read(tmp_path)
    with pytest.raises(ValueError, match="an older version wrote"):
        compared(*small, **SMALL, output=tmp_path)
    assert compared(*small, **SMALL, output=tmp_path, restart=True).complete


def test_a_folder_of_a_later_version(small, tmp_path):
    compared(*small, **SMALL, output=tmp_path)
    path = tmp_path / "settings.json"
    path.write_text(path.read_text().replace(f'"version": {store.VERSION}', f'"version": {store.VERSION + 1}'))
    for read in (lambda: bi.Comparison.read(tmp_path), lambda: compared(*small, **SMALL, output=tmp_path)):
        with pytest.raises(ValueError, match="holds a comparison that a later version wrote; upgrade boost-imbalance"):
            read()


def test_stopped_before_anything_was_done(rare, monkeypatch):
    def train(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train", train)
    with pytest.raises(KeyboardInterrupt):
        compared(*rare)


def test_numbers_of_numpy(small, tmp_path):
    X, y = small
    params = {"n_estimators": np.int64(5), "learning_rate": np.float32(0.25), "missing": np.nan}
    options = {**SMALL, "library": LIBRARIES[0], "folds": np.int64(2), "seed": np.int64(3), "output": tmp_path}
    if LIBRARIES[0] != "xgboost":
        del params["missing"]
    found = compared(X, y, **{**options, "params": params})
    runs(found, X, y)
    compared(X, y, **{**options, "params": params})  # the same comparison
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_failed_is_tried_once_more(small, tmp_path, monkeypatch):
    def train(library, candidate, *rest):
        if candidate.name == "built-in":
            raise RuntimeError("no memory")
        return fitting.train(library, candidate, *rest)

    monkeypatch.setattr(experiment, "train", train)
    found = compared(*small, **SMALL, output=tmp_path)
    assert [(failed["candidate"], failed["folds"]) for failed in found.errors] == [("built-in", 2)]
    assert found.conclusion() == [
        "No loss was measured on two folds beside the built-in objective; nothing can be said of the losses."
    ]
    monkeypatch.undo()
    found = compared(*small, **SMALL, output=tmp_path)
    assert found.complete
    assert not found.errors
    assert not bi.Comparison.read(tmp_path).errors


def test_two_runs_in_one_folder_count_once(small, tmp_path):
    found = compared(*small, **SMALL, output=tmp_path)
    path = tmp_path / "records.jsonl"
    path.write_text(path.read_text() * 2)
    assert bi.Comparison.read(tmp_path).records == found.records


def test_nothing_but_the_built_in_objective(small):
    found = compared(*small, **{**SMALL, "losses": []})
    assert found.table()["candidate"].tolist() == ["built-in"]
    assert found.recommended() == "built-in"


def test_names_of_candidates(small):
    from sklearn.linear_model import LogisticRegression

    names = [c.name for c in candidates.chosen(Task.BINARY, ["focal", "focal"], [])]
    assert names == ["built-in", "focal"]
    assert [c.name for c in candidates.chosen(Task.BINARY, {"a": "focal", "b": "focal"}, [])][1:] == ["a", "b"]
    with pytest.raises(ValueError, match="two candidates named 'mine'"):
        compared(*small, losses={"mine": bi.focal_objective()}, others={"mine": LogisticRegression()})


@pytest.mark.parametrize("value", [np.nan, 7.0, -1.0])
def test_models_of_ones_own_that_give_no_probabilities(small, value):
    from sklearn.dummy import DummyClassifier

    class Odd(DummyClassifier):
        def predict_proba(self, X):
            return np.full((len(X), 2), value)

    found = compared(*small, **SMALL, others={"odd": Odd()})
    assert "predict_proba gave numbers from" in found.errors[0]["error"]
    assert np.isfinite(found.mean("focal", "log_loss"))


def test_names_that_are_not_there(rare):
    found = compared(*rare, losses=["focal"])
    with pytest.raises(ValueError, match="candidate is 'fokal'"):
        found.difference("fokal", "log_loss")
    with pytest.raises(ValueError, match="metric is 'auc'"):
        found.values("focal", "auc")
    with pytest.raises(ValueError, match="library is 'catboost'"):
        found.mean("focal", "log_loss", "catboost")


# Tuning


@pytest.mark.slow
def test_every_study_has_the_same_budget_and_begins_with_the_usual_parameters(library, rare, monkeypatch):
    pytest.importorskip("optuna")
    seen = []

    def train(library, candidate, problem, fit, stop, params, seed):
        seen.append((candidate.name, len(fit.label), params))
        return fitting.train(library, candidate, problem, fit, stop, {**params, "n_estimators": 5}, seed)

    monkeypatch.setattr("boost_imbalance.comparison.tuning.train", train)
    found = compared(*rare, library=library, losses=["focal", "asymmetric"], tune=3)
    counts = {name: sum(one == name for one, *_ in seen) for name in ("built-in", "focal", "asymmetric")}
    assert set(counts.values()) == {3 * 3 * 3} | ({counts[found.recommended()]} if found.recommended() in counts else set())
    first = next(params for name, _, params in seen if name == "focal")
    usual = fitting.LIBRARIES[library].defaults
    assert {name: first[name] for name in usual} == usual
    assert first["loss__gamma"] == bi.focal_objective().parameters["gamma"]
    assert max(rows for _, rows, _ in seen) <= len(rare[1]) * 2 / 3
    chosen = [r["params"] for r in found.records if r["candidate"] == "focal"]
    assert all("loss__gamma" in params for params in chosen)
    assert found.tuned_on_all(found.recommended())


def test_a_study_leaves_what_the_user_has_set(small, capfd):
    pytest.importorskip("optuna")
    losses = {"weights": bi.weighted_objective(weights=[1, 3]), "gamma": bi.focal_objective(gamma=6.0)}
    found = compared(*small, **{**SMALL, "losses": losses, "params": {"n_estimators": 5, "max_depth": 12}}, tune=2)
    assert not found.errors
    for record in found.records:
        assert record["params"]["max_depth"] == 12
        assert not any(name.startswith("loss__") for name in record["params"])
    assert not capfd.readouterr().err
    y = (np.arange(240) % 60 == 0).astype(int)
    with pytest.raises(ValueError, match="tune needs 3 rows of each class"):
        compared(small[0], y, **SMALL, tune=2)


def test_a_study_on_all_rows_that_fails_loses_nothing(small, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.setattr(
        experiment, "tuned", lambda *arguments: {**arguments[4], **({} if len(arguments[3]) < 240 else 1 / 0)}
    )
    with pytest.warns(UserWarning, match="on all rows failed with ZeroDivisionError"):
        found = compared(*small, **SMALL, tune=1)
    assert found.complete
    assert found.code()


def test_a_study_finds_what_is_better(library, rare):
    """At 1 round the learning rate that was given is far too small, and a study is free to leave it."""
    pytest.importorskip("optuna")
    X, y = rare
    problem, lib = Problem.of(X, y), fitting.LIBRARIES[library]
    candidate = candidates.chosen(Task.BINARY, ["focal"], [])[-1]
    params = {**lib.defaults, "n_estimators": 20, "n_jobs": 1}
    best = tuned(lib, candidate, problem, np.arange(len(y)), params, 12, "log_loss", 0)
    scores = []
    for settings in (params, best):
        fit, stop = (problem.part(rows) for rows in problem.split(np.arange(len(y)), 0))
        trained = fitting.train(lib, candidate, problem, fit, stop, settings, 0)
        p = fitting.predict(trained, candidate, problem.task, stop.X).probability
        scores.append(sk.log_loss(stop.label, p))
    assert scores[1] < scores[0]


# Code


@pytest.mark.parametrize("kind", ["strings", *(pytest.param(kind, marks=pytest.mark.slow) for kind in TASKS)])
def test_the_code_runs_and_is_the_estimator(library, make_data, kind):
    data = make_data("binary" if kind == "strings" else kind, 400)
    y = np.where(data.y == 1, "fraud", "ok") if kind == "strings" else data.y.astype(int)
    found = compared(data.X, y, library=library, baselines=None)
    for name in found.candidates:
        scope = {"X": data.X, "y": y}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(found.code(name), scope)
            model = found.estimator(name).fit(data.X, y)
            order = [1, 0] if kind == "strings" else slice(None)  # "fraud", the positive class, comes first
            np.testing.assert_allclose(
                scope["model"].predict_proba(data.X), model.predict_proba(data.X)[:, order], atol=1e-4
            )
    assert f"n_estimators={round(np.mean([r['rounds'] for r in found.records if r['candidate'] == 'focal']))}" in found.code(
        "focal"
    )


def test_models_of_ones_own(library, make_data):
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    data = make_data("multilabel", 400)
    found = compared(
        data.X, data.y, library=library, losses=["focal"], others={"neighbours": KNeighborsClassifier(20)}, tune=0
    )
    assert found.mean("neighbours", "average_precision") > data.y.mean()
    y = data.y[:, 0].astype(int)
    found = compared(data.X, y, library=library, losses=["focal"], others={"linear": LogisticRegression()})
    problem = Problem.of(data.X, y)
    fold = next(problem.folds(3, 1, 0))
    p = LogisticRegression().fit(data.X[fold.fit], y[fold.fit]).predict_proba(data.X[fold.test])[:, 1]
    assert found.values("linear", "log_loss")[0] == pytest.approx(sk.log_loss(y[fold.test], p))
    with pytest.raises(ValueError, match="a model of your own"):
        found.code("linear")
    with pytest.raises(TypeError, match="has no predict_proba"):
        compared(data.X, y, others={"linear": LinearRegression()})
    with pytest.raises(ValueError, match="others names a model 'focal'"):
        compared(data.X, y, others={"focal": LogisticRegression()})


# Sources


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
