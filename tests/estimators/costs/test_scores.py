"""What decisions have cost: scores, routing, mean costs and savings."""

import numpy as np
import pytest

import boost_imbalance as bi
from tests.estimators.costs.common import MATRICES, costs_of_rows, fraud


def test_score_is_minus_the_mean_cost(make, make_data, task):
    data, test = make_data(task, 400), make_data(task, 200, seed=1)
    cost = costs_of_rows(task, 200)
    model = make().fit(data.X, data.y)
    decided = model.predict(test.X, cost=cost)
    assert model.score(test.X, test.y, cost=cost) == pytest.approx(-bi.mean_cost(test.y, decided, cost=cost))
    weighted = model.score(test.X, test.y, test.weight, cost=cost)
    assert weighted == pytest.approx(-bi.mean_cost(test.y, decided, cost=cost, sample_weight=test.weight))
    assert model.score(test.X, model.predict(test.X)) == 1.0  # without costs it is the accuracy
    y = test.y.copy()
    y[:20] = np.nan  # rows without a label do not count
    rest = model.score(test.X[20:], test.y[20:], cost=cost[20:])
    assert model.score(test.X, y, cost=cost) == pytest.approx(rest)


def test_costs_are_routed(make):
    sklearn = pytest.importorskip("sklearn")
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import GridSearchCV, cross_validate
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y, _, amount = fraud(600)
    cost = bi.cost_matrix(fn=amount, fp=5.0, tp=5.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = make().set_score_request(cost=True).set_predict_request(cost=True)
        found = cross_validate(
            model, X, y, params={"cost": cost}, cv=3, return_estimator=True, return_indices=True, error_score="raise"
        )
        for fitted, rows, score in zip(found["estimator"], found["indices"]["test"], found["test_score"], strict=True):
            decided = fitted.predict(X[rows], cost=cost[rows])
            assert score == -bi.mean_cost(y[rows], decided, cost=cost[rows])
        grid = {"loss__gamma": [0.0, 2.0]}
        search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y, cost=cost)
        direct = [cross_validate(model.set_params(loss__gamma=g), X, y, params={"cost": cost}, cv=3) for g in (0.0, 2.0)]
        means = [one["test_score"].mean() for one in direct]
        np.testing.assert_allclose(search.cv_results_["mean_test_score"], means)
        assert search.best_params_ == {"loss__gamma": [0.0, 2.0][int(np.argmax(means))]}
        # One matrix for all rows goes through whole.
        shared = cross_validate(model, X, y, params={"cost": MATRICES["binary"]}, cv=3, error_score="raise")
        assert (shared["test_score"] < 0).all()
        # A scorer of decisions made by another rule.
        scorer = make_scorer(bi.savings_score).set_score_request(cost=True)
        balanced = make(decision="balanced")
        found = cross_validate(
            balanced, X, y, params={"cost": cost}, cv=3, scoring=scorer, return_estimator=True, return_indices=True,
            error_score="raise",
        )  # fmt: skip
        rows = found["indices"]["test"][0]
        saved = bi.savings_score(y[rows], found["estimator"][0].predict(X[rows]), cost=cost[rows])
        assert found["test_score"][0] == saved
        pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
        decided = pipeline[-1].predict(pipeline[0].transform(X), cost=cost)
        np.testing.assert_array_equal(pipeline.predict(X, cost=cost), decided)
        assert pipeline.score(X, y, cost=cost) == -bi.mean_cost(y, decided, cost=cost)


def test_out_of_fold_probabilities_are_decided_by_the_costs_of_their_rows(make):
    """For ``cross_val_predict``, which passes nothing on to ``predict``."""
    selection = pytest.importorskip("sklearn.model_selection")
    X, y, _, amount = fraud(400)
    cost = bi.cost_matrix(fn=amount, fp=5.0, tp=5.0)
    cv = selection.StratifiedKFold(3)
    decided = bi.decide_by_cost(selection.cross_val_predict(make(), X, y, cv=cv, method="predict_proba"), cost)
    for train, test in cv.split(X, y):
        expected_codes = make().fit(X[train], y[train]).predict(X[test], cost=cost[test])
        np.testing.assert_array_equal(decided[test], expected_codes)


# What decisions have cost


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_cost_is_that_of_the_confusion_matrix(weighted):
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    y, z = rng.integers(3, size=(2, 200))
    weight = rng.uniform(0.5, 2.0, 200) if weighted else None
    matrix = np.array(MATRICES["multiclass"])
    table = sk.confusion_matrix(y, z, sample_weight=weight, normalize="all")
    assert bi.mean_cost(y, z, cost=matrix, sample_weight=weight) == pytest.approx((table * matrix).sum())
    names = np.array(["c", "a", "b"])
    by_name = bi.mean_cost(names[y], names[z], cost=matrix, labels=names, sample_weight=weight)
    assert by_name == pytest.approx((table * matrix).sum())
    constant = [(table.sum(axis=1) @ matrix)[k] for k in range(3)]
    saved = bi.savings_score(y, z, cost=matrix, sample_weight=weight)
    assert saved == pytest.approx(1 - (table * matrix).sum() / min(constant))


def test_savings_in_closed_form():
    """Bahnsen et al.: a fraud costs its amount if missed, an alarm its price whether it is right or not."""
    _, y, p, amount = fraud(2000)
    for price in (0.5, 5.0, 50.0):
        decided = p > price / amount
        cost = bi.cost_matrix(fn=amount, fp=price, tp=price)
        paid = (y * (decided * price + (1 - decided) * amount) + (1 - y) * decided * price).mean()
        base = min((y * amount).mean(), price)
        assert bi.savings_score(y, decided, cost=cost) == pytest.approx(1 - paid / base)
        assert bi.savings_score(y, y, cost=cost) == pytest.approx(1 - (y * price).mean() / base)
        assert bi.savings_score(y, np.zeros_like(y), cost=cost) <= 1e-12
        assert bi.savings_score(y, np.ones_like(y), cost=cost) <= 1e-12


def test_what_is_better_than_a_gain_has_positive_savings():
    cost = bi.cost_matrix(fn=0.0, fp=1.0, tp=-5.0)  # all alarms gain 2.5 - 0.5
    y = np.array([0, 0, 1, 1])
    assert bi.savings_score(y, y, cost=cost) == pytest.approx(0.25)
    assert bi.savings_score(y, np.zeros(4, int), cost=cost) == -1.0
    with pytest.raises(ValueError, match="nothing to save"):
        bi.savings_score(np.zeros(4, int), y, cost=bi.cost_matrix(fn=1.0, fp=1.0))


def test_labels_are_paid_for_one_by_one():
    rng = np.random.default_rng(0)
    y, z = rng.integers(2, size=(2, 90, 3))
    weight = rng.uniform(0.5, 2.0, 90)
    cost = costs_of_rows("multilabel", 90)
    each = [bi.mean_cost(y[:, k], z[:, k], cost=cost[:, k], sample_weight=weight) for k in range(3)]
    assert bi.mean_cost(y, z, cost=cost, sample_weight=weight) == pytest.approx(np.mean(each))
    ones = np.abs(cost)
    base = [bi.mean_cost(y[:, k], np.full(90, c), cost=ones[:, k]) for k in range(3) for c in (0, 1)]
    best = np.mean(np.reshape(base, (3, 2)).min(axis=1))
    assert bi.savings_score(y, z, cost=ones) == pytest.approx(1 - bi.mean_cost(y, z, cost=ones) / best)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (([0, 1, 2], [0, 1, 1], MATRICES["binary"]), r"y_true holds 2; name the classes .*labels="),
        ((["a", "b"], ["a", "b"], MATRICES["binary"]), r"y_true holds 'a'; name the classes"),
        (([0, 1], [0, 1, 1], MATRICES["binary"]), r"y_true has shape \(2,\), but y_pred has shape \(3,\)"),
        (([0, 1], [0, 1], np.ones((3, 2, 2))), r"cost has shape \(3, 2, 2\)"),
        (([0, 1], [0, 1], 1.0), r"cost has shape \(\)"),
        (([0, 1], [0, 1], [[0.0, 1.0], [np.nan, 0.0]]), r"cost is nan at \[1, 0\]"),
        (([], [], MATRICES["binary"]), r"y_true has shape \(0,\)"),
    ],
)
def test_wrong_arguments_of_a_mean_cost_are_named(given, words):
    y_true, y_pred, cost = given
    for function in (bi.mean_cost, bi.savings_score):
        with pytest.raises(ValueError, match=words):
            function(y_true, y_pred, cost=cost)
    with pytest.raises(ValueError, match="y_pred holds 'c'; labels holds 'a', 'b'"):
        bi.mean_cost(["a"], ["c"], cost=MATRICES["binary"], labels=["a", "b"])
    with pytest.raises(ValueError, match="y_true holds nan; leave out what has no label"):
        bi.mean_cost([0, np.nan], [0, 1], cost=MATRICES["binary"])
    with pytest.raises(ValueError, match="sample_weight"):
        bi.mean_cost([0, 1], [0, 1], cost=MATRICES["binary"], sample_weight=[1.0, -1.0])
