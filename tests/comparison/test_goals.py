"""What is deployed: goals and their rules, what was measured against what is delivered, and the sentence that says it."""

import importlib.util
import json
import warnings

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd
from sklearn import metrics as sk
from sklearn.datasets import load_wine, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from boost_imbalance.comparison import experiment
from boost_imbalance.comparison.goals import Goal
from boost_imbalance.comparison.problem import Problem
from boost_imbalance.comparison.statistics import paired
from boost_imbalance.losses.labels import Task

LIBRARIES = [name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)]
QUICK = {"folds": 3, "repeats": 1, "progress": False, "n_jobs": 1}
GOALS = ["f1", "balanced_accuracy", "recall=0.8", "precision=0.5", "false_positive_rate=0.02", "top=200", "cost:fn=20,fp=1"]


@pytest.fixture(scope="module", params=LIBRARIES)
def library(request):
    return request.param


@pytest.fixture(scope="module")
def rows():
    return make_classification(3000, n_features=8, n_informative=4, weights=[0.93], flip_y=0.02, random_state=3)


@pytest.fixture(scope="module")
def found(rows, library):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bi.compare(*rows, **QUICK, library=library, params={"n_estimators": 30})


def small(X, y, **options):
    return bi.compare(X, y, **{**QUICK, "losses": ["focal"], "baselines": [], "library": LIBRARIES[0], **options})


# Goals


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("f1", "f1"),
        ("recall=0.9", {"recall": 0.9}),
        ("precision=.5,confidence=0.9", {"precision": 0.5, "confidence": 0.9}),
        ("top=100", {"alarms": 0.05}),
        ("cost:fn=500,fp=10", {"cost": [[0.0, 10.0], [500.0, 0.0]]}),
        ("cost:fn=500,fp=10,tp=3,tn=-1", {"cost": [[-1.0, 10.0], [500.0, 3.0]]}),
    ],
)
def test_goals_as_they_are_written(text, decision):
    found = Goal.of(text, Task.BINARY, [0, 1], 2000)
    assert (found.decision, found.text) == (decision, text)
    if isinstance(decision, dict):
        assert Goal.of(decision, Task.BINARY, [0, 1], 2000).decision == decision
    assert Goal(**json.loads(json.dumps(found._asdict()))) == found


@pytest.mark.parametrize(
    ("goal", "task", "message"),
    [
        ("recall", Task.BINARY, "goal is 'recall'; give f1, "),
        ("recall=2", Task.BINARY, "goal is 'recall=2': .* lies between 0 and 1"),
        ("posterior", Task.BINARY, "goal is 'posterior'"),
        ({"threshold": 0.5}, Task.BINARY, "a rule rather than a goal"),
        ("recall=0.9", Task.MULTICLASS, "goal is 'recall=0.9': .*for binary and multi-label tasks"),
        ("cost:fn=5", Task.MULTICLASS, "give cost=FILE.csv"),
        ("cost:miss=5", Task.BINARY, "the outcomes are tp, fp, fn and tn"),
        ("cost=nowhere.csv", Task.BINARY, "there is no such file"),
        ("top=3000", Task.BINARY, "between 1 and the 2000 there are"),
        (0.5, Task.BINARY, "goal is 0.5; give f1"),
        ({}, Task.BINARY, "goal is {}; give f1"),
        ("cost:fp=1", Task.BINARY, "a wrong decision costs no more than the right one"),
        ("cost:fn=-15,fp=10", Task.BINARY, "give a miss"),
        ({"cost": [[0, 1, 2], [3, 4, 0], [1, 1, 0]]}, Task.MULTICLASS, "a wrong decision costs no more"),
    ],
)
def test_goals_that_make_no_sense(goal, task, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Goal.of(goal, task, [0, 1, 2] if task is Task.MULTICLASS else [0, 1], 2000)


def test_costs_of_classes_from_a_file(tmp_path):
    classes, path = ["low", "mid", "high"], tmp_path / "costs.csv"
    table = pd.DataFrame([[0, 1, 2], [3, 0, 4], [9, 8, 0]], index=classes, columns=classes)
    table.loc[["high", "low", "mid"], ["mid", "high", "low"]].to_csv(path)
    found = Goal.of(f"cost={path}", Task.MULTICLASS, classes, 100)
    assert found.decision == {"cost": table.astype(float).to_numpy().tolist()}
    table.rename(columns={"mid": "middle"}).to_csv(path)
    with pytest.raises(ValueError, match=r"columns \['low', 'middle', 'high'\]; give a line for each true class"):
        Goal.of(f"cost={path}", Task.MULTICLASS, classes, 100)


# What was measured


def folds_of(found, rows):
    """Training and test rows of the comparison's folds."""
    s = found.settings
    return [(fold.train, fold.test) for fold in Problem.of(*rows).folds(s["folds"], s["repeats"], s["seed"])]


def test_thresholds_come_from_the_rows_of_the_other_folds(found, rows):
    one, goal = found.out_of_fold("focal"), found.for_goal("f1")
    p, y = one["probability"].astype(float), rows[1][one["rows"]]
    for (_, test), measured in zip(folds_of(found, rows), goal.values("focal", "goal"), strict=True):
        held_out = np.isin(one["rows"], test)
        precision, recall, cuts = sk.precision_recall_curve(y[~held_out], p[~held_out])
        best = cuts[np.argmax((2 * precision * recall / np.maximum(precision + recall, 1e-9))[:-1])]
        expected = sk.f1_score(y[held_out], p[held_out] >= best)
        assert measured == pytest.approx(expected, abs=0.02)  # of equal scores another threshold may be taken


def test_the_figures_are_those_of_scikit_learn(found, rows):
    one = found.out_of_fold("weighted")
    costs = found.for_goal("cost:fn=20,fp=1")
    decided, y = costs.decided("weighted"), rows[1]
    np.testing.assert_array_equal(decided["decided"], one["probability"] > 1.0 / 21.0)
    for k, (_, test) in enumerate(folds_of(found, rows)):
        d = decided["decided"][np.searchsorted(decided["rows"], np.sort(test))]
        tn, fp, fn, _ = sk.confusion_matrix(y[np.sort(test)], d).ravel()
        assert costs.values("weighted", "goal")[k] == pytest.approx(1000.0 * (20.0 * fn + fp) / len(test))
        assert costs.values("weighted", "found")[k] == pytest.approx(sk.recall_score(y[np.sort(test)], d))
        assert costs.values("weighted", "false_alarms")[k] == pytest.approx(1000.0 * fp / len(test))
        assert tn + fp == (y[test] == 0).sum()


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("recall=0.8", lambda y, p: max(a for a, b in zip(*sk.precision_recall_curve(y, p)[:2], strict=True) if b >= 0.8)),
        (
            "precision=0.5",
            lambda y, p: max(b for a, b in zip(*sk.precision_recall_curve(y, p)[:2], strict=True) if a >= 0.5),
        ),
        ("false_positive_rate=0.02", lambda y, p: max(b for a, b in zip(*sk.roc_curve(y, p)[:2], strict=True) if a <= 0.02)),
        ("alarms=0.1", lambda y, p: y[np.argsort(-p)[: len(y) // 10]].sum() / y.sum()),
    ],
)
def test_floors_and_ceilings_are_judged_by_the_ranking(found, rows, goal, expected):
    one, (_, test) = found.out_of_fold("built-in"), folds_of(found, rows)[0]
    held_out = np.isin(one["rows"], test)
    p, y = one["probability"][held_out], rows[1][one["rows"]][held_out]
    assert found.for_goal(goal).values("built-in", "goal")[0] == pytest.approx(expected(y, p), abs=0.01)


# What is delivered


def test_the_delivered_is_what_was_measured(found, rows, library):
    """For every candidate and goal: refitted on the same folds, the classifier does what the comparison says it does.

    It learns from a fourth more rows, those that training stopped on, and thresholds vary a little with the rows.
    """
    (X, y), folds, off = rows, folds_of(found, rows), {}
    for name in found.candidates:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models = [found.estimator(name).fit(X[train], y[train]) for train, _ in folds]
        for text in GOALS:
            goal = found.for_goal(text)
            for model, (_, test) in zip(models, folds, strict=True):
                (model[-1] if hasattr(model, "steps") else model).set_params(decision=goal.decision(name))
                p, decided = model.predict_proba(X[test])[:, 1], model.predict(X[test])
                for metric, value in goal.goal.measured(Task.BINARY, y[test], p, decided, 1).items():
                    off.setdefault((text, metric, name), []).append(value)
            for metric in ("goal", "found", "false_alarms"):
                off[text, metric, name] = np.mean(off[text, metric, name]) - goal.mean(name, metric)
    for text in GOALS:
        goal = found.for_goal(text)
        for metric in ("goal", "found", "false_alarms"):
            ours = np.array([off[text, metric, name] for name in found.candidates])
            usual = np.mean([goal.mean(name, metric) for name in found.candidates])
            assert abs(ours.mean()) < max(0.04, 0.1 * usual), (text, metric)
            if metric == "goal":
                assert np.abs(ours).max() < max(0.17, 0.15 * usual), (text, dict(zip(found.candidates, ours, strict=True)))


@pytest.mark.parametrize(
    ("classes", "goal"),
    [((1, 0), "recall=0.8"), (("ok", "fraud"), "cost:fn=30,fp=1"), (("ok", "fraud"), "f1"), ((False, True), "recall=0.8"),
     ((1, -1), "cost:fn=30,fp=1")],
)  # fmt: skip
def test_the_estimator_takes_the_labels_that_were_given(rows, classes, goal):
    """Whatever the rare class is called, and wherever it stands among both."""
    X, y = rows[0][:1500], np.array(classes)[rows[1][:1500]]
    found = small(X, y, goal=goal)
    assert found.settings["classes"] == list(classes)
    given = y.astype(object)
    given[::100] = None  # without a label
    model = found.estimator("focal").fit(X, given)
    assert model.classes_.tolist() == sorted(classes)
    alarms = 1000.0 * (model.predict(X) == classes[1]).mean()
    assert alarms == pytest.approx(np.mean(found._for_goal("focal", LIBRARIES[0])["alarms"]), rel=0.5)
    p = model.predict_proba(X)[:, model.classes_.tolist().index(classes[1])]
    assert sk.roc_auc_score(y == classes[1], p) > 0.9
    with pytest.raises(ValueError, match=r"holds '[ab]', which is not one of the classes|classes are 'a', 'b'"):
        found.estimator("focal").fit(X, np.where(y == classes[1], "a", "b"))


def test_sampled_rows_are_decided_by_the_probabilities_of_all(rows):
    found = small(*rows, baselines=["over-sampling", "under-sampling"], goal="cost:fn=20,fp=1")
    costs = {name: found.mean(name, "goal") for name in found.candidates}
    assert max(costs["over-sampling"], costs["under-sampling"]) < 1.6 * costs["built-in"]
    model = found.estimator("under-sampling").fit(*rows)
    assert model.predict_proba(rows[0])[:, 1].mean() == pytest.approx(rows[1].mean(), rel=0.4)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("goal", ["f1", "balanced_accuracy", "cost"])
def test_the_classifier_decides_by_the_rule_that_was_chosen(make_data, task, goal):
    data = make_data(task, 500)
    cost = [[0, 1, 2], [5, 0, 2], [9, 7, 0]] if task == "multiclass" else [[0, 1], [6, 0]]
    found = small(data.X, data.y.astype(int), baselines=["class weights"] if task != "multilabel" else [], folds=2)
    found = found.for_goal({"cost": cost} if goal == "cost" else goal)
    for name in found.candidates:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = found.estimator(name).fit(data.X, data.y.astype(int))
        p = model.predict_proba(data.X)
        rule = found.decision(name)
        if goal == "cost" and task == "multilabel":
            expected = p > 1.0 / 7.0
        elif goal == "cost":
            expected = (p @ np.array(cost, float)).argmin(axis=1)
        else:
            none = np.full(3 if task != "binary" else 1, 0.5)
            t = none if rule == "posterior" else np.array(rule["threshold"])
            expected = p[:, 1] > t if task == "binary" else p > t if task == "multilabel" else (p / t).argmax(axis=1)
        np.testing.assert_array_equal(model.predict(data.X), expected)


def test_thresholds_that_do_no_better_are_not_moved(library):
    """Nearly all rows are right already, so that thresholds fit the few that are not."""
    X, y = load_wine(return_X_y=True)
    found = small(X, y, baselines=["class weights"], folds=4, library=library)
    one = found.out_of_fold("built-in")
    plain = [
        sk.f1_score(y[one["rows"]][one["fold"] == k], one["decided"][one["fold"] == k], average="macro") for k in range(4)
    ]
    np.testing.assert_allclose(found.values("built-in", "goal"), plain, atol=1e-12)
    assert "which thresholds tuned for f1 do not beat on average" in found.deployment()
    assert any(sentence.startswith("Thresholds tuned for f1 do no better than none") for sentence in found.conclusion())
    assert found.decision("built-in") == "posterior"
    assert found.decision("class weights") == {"threshold": [pytest.approx(1 / 3, rel=1e-4)] * 3}
    model = found.estimator().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))
    assert "thresholds tuned for f1 did no better" in found.code()


def test_what_is_saved_predicts_what_the_code_predicts(rows, tmp_path):
    X, y = rows[0][:800], np.where(rows[1][:800] == 1, "fraud", "ok")
    found = small(X, y)
    written = found.save(tmp_path / "model", X, y)
    assert [path.name for path in written][::2] == ["classifier.joblib", "classifier.py"]
    scope = {"X": X, "y": y}
    exec(written[2].read_text(), scope)
    import joblib

    model = joblib.load(written[0])
    np.testing.assert_array_equal(model.predict(X), scope["model"].predict(X))
    if LIBRARIES[0] == "xgboost":
        import xgboost

        plain = xgboost.Booster(model_file=written[1]).predict(xgboost.DMatrix(X))
    else:
        import lightgbm

        plain = lightgbm.Booster(model_file=written[1]).predict(X)
    np.testing.assert_allclose(plain, model.predict_proba(X)[:, 1], atol=1e-5)
    with pytest.raises(ValueError, match=r"X and y have 700 rows and 8 columns, which are not the 800 rows"):
        found.save(tmp_path, X[:700], y[:700])
    with pytest.raises(ValueError, match="or not with the same values; give those"):
        found.save(tmp_path, X + 1.0, y)


# What is said


def test_the_first_sentence_has_the_figures(found, rows):
    said = found.deployment()
    name = found.recommended()
    title = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}[found.libraries[0]]
    assert said.startswith(f"Deploy {name} ({title}) with an alarm above a probability of ")
    assert f"probability of {found.decision(name)['threshold']:.3g}, tuned for f1" in said
    false = found.values(name, "false_alarms")
    half = paired(false, np.zeros(3), 0.5, 0.95).half
    assert f"{false.mean():.0f} ± {half:.0f} of them false" in said
    assert f"finds {100 * found.mean(name, 'found'):.0f}% ± " in said
    plain, decided = found.out_of_fold("built-in"), found.decided("built-in")
    assert plain["decided"].sum() < decided["decided"].sum()  # a rare class, at 0.5
    assert "At 0.5, built-in raises" in said
    assert repr(found).startswith(said)
    assert found.to_dict()["deployment"] == {found.libraries[0]: said}


def test_the_recommended_beats_the_built_in_objective_decided_likewise(found):
    name, wins = found.recommended(), found.table().set_index("candidate")["goal_verdict"]
    assert name == "built-in" if not (wins == "better").any() else wins[name] == "better"
    # One meaning of an interval: that of what the decision gains is as wide as those of the table.
    gained = found.values("built-in", "goal") - found._for_goal("built-in", found.libraries[0], "own")["goal"]
    half = paired(gained, np.zeros(3), 0.5, 0.95, compared=len(found.candidates) - 1).half
    assert any(f"F1 by {gained.mean():+.4f} ± {half:.4f}" in sentence for sentence in found.conclusion())


def test_a_goal_that_cannot_be_met_is_said(rows):
    X, y = rows[0][:500], rows[1][:500]
    said = small(X, y, goal={"precision": 0.99, "confidence": 0.95}).deployment()
    assert said.startswith("Deploy nothing for precision=0.99,confidence=0.95: no threshold of built-in ")
    assert said.endswith("so that no row is an alarm. Ask for less, or bring more rows.")


def test_what_is_said_without_losses(rows):
    X, y = rows[0][:900], rows[1][:900]
    said = small(X, y, losses=[], others={"guess": DummyClassifier(strategy="prior")}, folds=4).conclusion()
    assert any(sentence.startswith(("Deciding for the goal", "Thresholds tuned for f1")) for sentence in said)
    assert not any("No loss" in sentence for sentence in said)


@pytest.mark.parametrize("top", [1, 7, 100, 299])
def test_top_rows_are_so_many_of_as_many_rows(top):
    share = Goal.of(f"top={top}", Task.BINARY, [0, 1], 300).decision["alarms"]
    p = np.random.default_rng(0).permutation(300) / 300.0
    threshold = Goal({"alarms": share}, "").thresholds(Task.BINARY, p, (p > 0.5).astype(int))
    assert (p > threshold).sum() == top


def test_another_goal_trains_nothing(rows, tmp_path, monkeypatch):
    X, y = rows[0][:600], rows[1][:600]
    first = small(X, y, output=tmp_path, goal="f1")
    monkeypatch.setattr(experiment, "train", None)
    again = small(X, pd.Series(y, name="fraud"), output=tmp_path, goal="recall=0.8")  # a name is no other training either
    assert again.complete
    assert again.decision("focal") == first.for_goal("recall=0.8").decision("focal") != first.decision("focal")
    assert bi.Comparison.read(tmp_path).goal.text == "recall=0.8"
    assert "tuned for recall=0.8" in again.deployment()


def test_where_there_is_nothing_to_tell_by(rows):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 3)), (rng.random(600) < 0.1).astype(int)
    said = small(X, y, folds=5).deployment()
    assert said.startswith("Deploy nothing yet: on rows that it has not seen, no candidate ")
    y = (rng.random(600) < 1.0 / (1.0 + np.exp(2.5 - X[:, 0]))).astype(int)
    assert small(X, y).deployment().startswith("Deploy built-in ")
    few = np.zeros(600, int)
    few[:6] = 1
    said = small(X, few).conclusion()
    assert any(sentence.startswith("Only 6 rows are 1: ") for sentence in said)


def test_a_column_that_gives_the_target_away_is_said_with_the_figures(rows):
    X = pd.DataFrame(rows[0][:600]).rename(columns=str).assign(settled=rows[1][:600] + 0.0)
    with pytest.warns(UserWarning, match="gives the target away"):
        said = small(X, rows[1][:600]).deployment()
    assert said.endswith("All of this rests on column 'settled', which alone ranks the target almost perfectly: is it known "
                         "before the outcome?")  # fmt: skip


def test_losses_that_change_nothing_are_named(rows):
    losses = {"gamma 0": bi.focal_objective(gamma=0.0, hessian="exact"), "weights": bi.weighted_objective({1: 20.0})}
    found = small(*rows, losses=losses)
    said = [sentence for sentence in found.conclusion() if "rank the rows as the built-in objective does" in sentence]
    assert said == [f"{said[0].partition(': ')[0]}: gamma 0."]


def test_the_first_training_is_not_timed_with_its_compilation(rows, monkeypatch):
    calls = []
    for name in ("compile_loss", "train"):
        own = getattr(experiment, name)
        monkeypatch.setattr(experiment, name, lambda *a, own=own, name=name: (calls.append((name, a[1].name)), own(*a))[1])
    small(rows[0][:600], rows[1][:600], folds=2)
    assert calls == [
        ("compile_loss", "built-in"), ("train", "built-in"), ("compile_loss", "focal"), ("train", "focal"),
        ("train", "built-in"), ("train", "focal"),
    ]  # fmt: skip


@pytest.mark.skipif(len(LIBRARIES) < 2, reason="needs both libraries")
def test_of_two_libraries_one_is_named(rows):
    X, y = rows[0][:900], rows[1][:900]
    found = small(X, y, library="both")
    means = {name: found.mean(found.recommended(name), "goal", name) for name in LIBRARIES}
    best = max(means, key=means.get)
    assert found.best_library == best
    titles = {"xgboost": "XGBoost", "lightgbm": "LightGBM"}
    assert found.deployment().startswith(f"Deploy {found.recommended(best)} ({titles[best]}) ")
    other = next(name for name in LIBRARIES if name != best)
    assert (
        f"Beside {found.recommended(other)} ({titles[other]}) that is {means[best] - means[other]:+.4f}"
        in found.deployment()
    )
    assert found.code() == found.code(library=best)


def test_models_of_ones_own_are_judged_but_not_recommended(make_data):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 6))
    y = (X.sum(axis=1) + 0.3 * rng.normal(size=900) > 3.0).astype(int)  # a straight line, which trees find hard
    found = small(X, y, folds=5, others={"linear": LogisticRegression()})
    assert found.difference("linear", "goal").verdict(True) == "better"
    assert found.recommended() != "linear"
    assert any(sentence.startswith("Your linear beats the built-in objective in F1: +0.") for sentence in found.conclusion())
