"""Decisions that keep a promise, or a budget: recall, precision, false alarms, alarms, so many rows."""

import warnings

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from boost_imbalance.estimators.budgets import PROMISES, cut_for
from boost_imbalance.estimators.decisions import Decision
from boost_imbalance.losses.labels import Task

GOALS = {"recall": 0.8, "precision": 0.4, "false_positive_rate": 0.05, "alarms": 0.05}
FLOORS = ("recall", "precision")


def population(n, seed=0):
    """Calibrated probabilities, and labels drawn by them: 10 % are positive."""
    rng = np.random.default_rng(seed)
    p = 1.0 / (1.0 + np.exp(3.0 - 1.5 * rng.normal(size=n)))
    return p, (rng.random(n) < p).astype(float)


def reached(kind, cut, p, y):
    alarm = p >= cut
    shares = {"recall": (alarm, y == 1), "precision": (y == 1, alarm), "false_positive_rate": (alarm, y == 0)}
    counted, among = shares.get(kind, (alarm, np.ones(len(y), bool)))
    return counted[among].mean() if among.any() else 1.0


def keeps(kind, value, slack=0.0):
    return value >= GOALS[kind] - slack if kind in FLOORS else value <= GOALS[kind] + slack


@pytest.mark.parametrize("kind", PROMISES)
@pytest.mark.parametrize("ties", [False, True])
def test_it_holds_on_the_held_out_rows_and_no_other_threshold_finds_more(kind, ties):
    p, y = population(500, seed=3)
    p = np.round(p, 2) if ties else p
    cut = cut_for(kind, p, y, np.ones(500), GOALS[kind], None)
    assert keeps(kind, reached(kind, cut, p, y))
    others = [c for c in np.unique(p) if keeps(kind, reached(kind, c, p, y))]
    assert cut == (max(others) if kind == "recall" else min(others))


@pytest.mark.parametrize("kind", PROMISES)
def test_weights_count_as_rows(kind):
    p, y = population(300, seed=4)
    weight = np.random.default_rng(5).integers(1, 4, 300)
    repeated = (np.repeat(one, weight) for one in (p, y))
    expected = cut_for(kind, *repeated, np.ones(weight.sum()), GOALS[kind], None)
    assert cut_for(kind, p, y, weight.astype(float), GOALS[kind], None) == expected


@pytest.mark.parametrize("kind", PROMISES)
@pytest.mark.parametrize("rows", [400, 2000])
def test_with_a_confidence_it_holds_in_the_population_that_often(kind, rows):
    p, y = population(400_000)
    kept = []
    for seed in range(200):
        cut = cut_for(kind, *population(rows, seed + 1), np.ones(rows), GOALS[kind], 0.9)
        kept.append(cut is None or keeps(kind, reached(kind, cut, p, y)))
    assert np.mean(kept) > 0.9 - 3 * np.sqrt(0.9 * 0.1 / 200)
    plain = [
        keeps(kind, reached(kind, cut_for(kind, *population(rows, s), np.ones(rows), GOALS[kind], None), p, y))
        for s in range(1, 101)
    ]
    assert np.mean(plain) < 0.75  # what holds on the held-out rows is a coin's throw elsewhere


@pytest.mark.parametrize("kind", PROMISES)
def test_more_rows_cost_less_caution(kind):
    def cautious(rows):
        cuts = [cut_for(kind, *population(rows, seed), np.ones(rows), GOALS[kind], 0.9) for seed in range(20)]
        p, y = population(200_000, seed=99)
        return np.mean([abs(reached(kind, cut, p, y) - GOALS[kind]) for cut in cuts if cut is not None])

    assert cautious(20_000) < cautious(2000)


def test_what_cannot_be_promised():
    p, y = population(60, seed=1)
    assert cut_for("recall", p, y, np.ones(60), 0.99, 0.95) is None
    assert cut_for("precision", p, y, np.ones(60), 0.99, 0.95) is None
    assert cut_for("precision", p, y, np.ones(60), 1.0, 0.95) is None
    assert cut_for("false_positive_rate", p, y, np.ones(60), 0.001, 0.95) == np.inf
    assert cut_for("alarms", p, y, np.ones(60), 0.001, None) == np.inf


@pytest.mark.parametrize("confidence", [None, 0.9])
@pytest.mark.parametrize("kind", PROMISES)
def test_a_label_that_no_held_out_row_has(kind, confidence):
    p, y = population(5000)  # enough to promise all of them
    known = np.column_stack([np.ones(5000), np.zeros(5000)])
    rule = Decision(kind, np.array(GOALS[kind]), confidence)
    found = rule.tune(Task.MULTILABEL, np.column_stack([p, p]), np.column_stack([y, y]), known)
    assert 0.0 < found[0] < 1.0
    assert found[1] == 0.5


@pytest.fixture(params=["xgboost", "lightgbm"])
def make(request):
    pytest.importorskip(request.param)
    if request.param == "xgboost":
        return lambda **o: bi.ImbalancedXGBClassifier(n_estimators=20, max_depth=3, n_jobs=1, **o)
    return lambda **o: bi.ImbalancedLGBMClassifier(n_estimators=20, num_leaves=7, n_jobs=1, verbosity=-1, **o)


@pytest.mark.parametrize("kind", PROMISES)
@pytest.mark.parametrize("confidence", [None, 0.9])
def test_a_classifier_keeps_it_on_the_rows_that_it_is_tuned_on(make, make_data, kind, confidence):
    data, held_out = make_data("binary", 1500), make_data("binary", 1500, seed=1)
    rule = {kind: GOALS[kind]} | ({} if confidence is None else {"confidence": confidence})
    model = make(decision="posterior").fit(data.X, data.y)
    model.set_params(decision=rule).tune_decision(held_out.X, held_out.y)
    decided = model.predict(held_out.X)
    found = reached(kind, 0.5, decided, held_out.y)
    assert keeps(kind, found, slack=1e-9)
    if confidence is not None:
        model.set_params(decision={kind: GOALS[kind]}).tune_decision(held_out.X, held_out.y)
        bold = reached(kind, 0.5, model.predict(held_out.X), held_out.y)
        assert found >= bold if kind in FLOORS else found <= bold


def test_several_labels_each_by_itself(make, make_data):
    data = make_data("multilabel", 1500)
    shares = [0.1, 0.05, 0.2]
    model = make(decision={"alarms": shares}, decision_cv=3).fit(data.X, data.y)
    np.testing.assert_allclose(model.predict(make_data("multilabel", 4000, seed=1).X).mean(axis=0), shares, atol=0.04)


def test_the_top_rows(make, make_data):
    data = make_data("binary", 600)
    model = make(decision={"top": 25}).fit(data.X, data.y)
    assert model.thresholds_ is None
    decided, p = model.predict(data.X), model.predict_proba(data.X)[:, 1]
    assert decided.sum() == 25
    assert p[decided == 1].min() >= p[decided == 0].max()
    assert model.set_params(decision={"top": 0}).predict(data.X).sum() == 0
    assert model.set_params(decision={"top": 10_000}).predict(data.X).all()
    labels = make_data("multilabel", 600)
    several = make(decision={"top": [5, 0, 50]}).fit(labels.X, labels.y)
    assert several.predict(labels.X).sum(axis=0).tolist() == [5, 0, 50]


def test_it_says_what_the_rows_cannot_promise(make, make_data):
    data = make_data("binary", 300)
    with pytest.warns(
        UserWarning, match=r"cannot promise a recall of 0\.999 with a confidence of 0\.9.*every row is an alarm"
    ):
        model = make(decision={"recall": 0.999, "confidence": 0.9}, decision_cv=2).fit(data.X, data.y)
    assert model.predict(data.X).all()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*cannot promise")
        make(decision={"recall": 0.8, "confidence": 0.9}, decision_cv=2).fit(data.X, data.y)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ({"confidence": 0.9}, "decision is"),
        ({"threshold": 0.3, "confidence": 0.9}, "decision is"),
        ({"recall": 0.3, "precision": 0.9}, "decision is"),
        ({"recall": 0.3, "confidence": 1.0}, "a confidence lies between 0.5 and 1"),
        ({"recall": 0.3, "confidence": "high"}, "a confidence lies between 0.5 and 1"),
        ({"precision": 1.5}, "a precision lies between 0 and 1"),
        ({"alarms": 0.0}, "a share of alarms lies between 0 and 1"),
        ({"top": 2.5}, "top is a whole number of rows"),
        ({"top": -1}, "top is a whole number of rows"),
        ({"alarms": [0.1, 0.2]}, "give one number"),
    ],
)
def test_what_is_refused(make, make_data, decision, message):
    data = make_data("binary", 100)
    with pytest.raises(ValueError, match=message):
        make(decision=decision).fit(data.X, data.y)


def test_several_classes_have_no_such_rule(make, make_data):
    data = make_data("multiclass", 200)
    for decision in ({"top": 5}, {"alarms": 0.1}):
        with pytest.raises(ValueError, match="is for binary and multi-label tasks"):
            make(decision=decision).fit(data.X, data.y)


def test_a_confidence_takes_rows_that_count_alike(make, make_data):
    data = make_data("binary", 400)
    with pytest.raises(ValueError, match="unequal weights; leave the confidence out"):
        make(decision={"recall": 0.8, "confidence": 0.9}).fit(data.X, data.y, sample_weight=data.weight)


def test_a_file_keeps_the_confidence(make, make_data, tmp_path):
    data = make_data("binary", 400)
    model = make(decision={"alarms": 0.1, "confidence": 0.8}, decision_cv=2).fit(data.X, data.y)
    path = tmp_path / ("model.json" if "XGB" in type(model).__name__ else "model.txt")
    model.save_model(path)
    loaded = make()
    loaded.load_model(path)
    np.testing.assert_array_equal(loaded.predict(data.X), model.predict(data.X))
    assert loaded.decision == {"alarms": 0.1, "confidence": 0.8}
