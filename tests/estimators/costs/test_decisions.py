"""Costs of each row: decisions against a search over all others."""

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance.losses.costs import cheapest, expected
from tests.estimators.costs.common import MATRICES, TASKS, costs_of_rows, fraud


def test_the_places_of_the_four_outcomes():
    assert bi.cost_matrix(tn=1, fp=2, fn=3, tp=4).tolist() == [[1, 2], [3, 4]]
    amount = pytest.importorskip("pandas").Series([5.0, 7.0], index=[3, 9])
    matrix = bi.cost_matrix(fn=amount, fp=2)
    np.testing.assert_array_equal(matrix, [[[0, 2], [5, 0]], [[0, 2], [7, 0]]])
    assert bi.cost_matrix(fn=np.ones((4, 3)), fp=1, tp=np.zeros((4, 1))).shape == (4, 3, 2, 2)


@pytest.mark.parametrize(
    ("parts", "error", "words"),
    [
        ({"fn": [1.0, 2.0], "fp": [1.0, 2.0, 3.0]}, ValueError, r"fp \(3,\), fn \(2,\)"),
        ({"fn": [1.0, np.nan], "fp": 1.0}, ValueError, "fn is nan at 1"),
        ({"fn": 1.0, "fp": np.inf}, ValueError, "fp is inf;"),
        ({"fn": "much", "fp": 1.0}, TypeError, "fn cannot be read"),
        ({"fn": [[1.0], [1.0, 2.0]], "fp": 1.0}, TypeError, "fn cannot be read"),
    ],
)
def test_costs_that_are_none_are_refused(parts, error, words):
    with pytest.raises(error, match=words):
        bi.cost_matrix(**parts)


# The decision


def test_no_other_decision_is_expected_to_cost_less(task):
    """The sum over what may be true, for each decision by itself."""
    rng, n = np.random.default_rng(1), 60
    cost = costs_of_rows(task, n)
    eta = rng.dirichlet(np.ones(3), n) if task == "multiclass" else rng.random((n, 3) if task == "multilabel" else n)
    decided = cheapest(TASKS[task], eta, cost)
    assert decided.shape == (eta.shape[:1] if task == "multiclass" else eta.shape)
    for place in np.ndindex(decided.shape):
        p = eta[place] if task == "multiclass" else [1 - eta[place], eta[place]]
        totals = [sum(p[true] * cost[place][true, one] for true in range(len(p))) for one in range(len(p))]
        assert decided[place] == np.argmin(totals)
        assert expected(TASKS[task], eta, cost)[place].tolist() == pytest.approx(totals)


def test_true_probabilities_and_costs_beat_every_threshold():
    _, y, p, amount = fraud(100_000)
    cost = bi.cost_matrix(fn=amount, fp=5.0, tp=5.0)
    best = bi.mean_cost(y, bi.decide_by_cost(p, cost), cost=cost)
    assert best == pytest.approx(np.minimum(p * amount, 5.0).mean(), rel=0.05)
    rivals = [p > t for t in np.linspace(0.0, 1.0, 101)] + [amount > a for a in np.quantile(amount, np.linspace(0, 1, 21))]
    assert best < 0.9 * min(bi.mean_cost(y, rival, cost=cost) for rival in rivals)
    scaled = [bi.mean_cost(y, p * amount > t, cost=cost) for t in (2.0, 4.0, 5.0, 6.0, 10.0)]
    assert scaled[2] == pytest.approx(best)
    assert best < min(scaled[0], scaled[-1])


def test_probabilities_of_two_columns_are_those_of_one():
    p = np.random.default_rng(0).random(50)
    cost = costs_of_rows("binary", 50)
    np.testing.assert_array_equal(bi.decide_by_cost(p, cost), bi.decide_by_cost(np.column_stack([1 - p, p]), cost))
    assert bi.decide_by_cost([0.5, 0.5], [[1.0, 1.0], [1.0, 1.0]]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="not between 0 and 1"):
        bi.decide_by_cost([0.5, -2.0], cost[:2])
    with pytest.raises(ValueError, match=r"shape \(2, 1\)"):
        bi.decide_by_cost([[0.5], [0.5]], cost[:2])
    with pytest.raises(ValueError, match=r"cost has shape \(50, 2, 2\).*\(2, 2\) or \(3, 2, 2\)"):
        bi.decide_by_cost([0.5, 0.5, 0.1], cost)


def posterior_of(model, X):
    probability = model.predict_proba(X)
    return probability[:, 1] if probability.shape[1] == 2 else probability


def test_each_row_by_its_own_cost(make, make_data, task):
    data, test = make_data(task, 400), make_data(task, 200, seed=1)
    cost = costs_of_rows(task, 200)
    model = make(decision="balanced").fit(data.X, data.y)
    decided = model.predict(test.X, cost=cost)
    for row in range(0, 200, 7):
        one = cost[row : row + 1]
        np.testing.assert_array_equal(model.predict(test.X[row : row + 1], cost=one), decided[row : row + 1])
    eta = posterior_of(model, test.X)
    if task == "multilabel":
        each = [bi.decide_by_cost(eta[:, k], cost[:, k]) for k in range(3)]
        np.testing.assert_array_equal(decided, np.stack(each, axis=1))
    else:
        np.testing.assert_array_equal(decided, bi.decide_by_cost(eta, cost))
    assert (decided != model.predict(test.X)).any()
    if "XGB" in type(model).__name__:  # LightGBM wants at least one row
        assert len(model.predict(test.X[:0], cost=cost[:0])) == 0
    np.testing.assert_array_equal(decided, model.predict(test.X, cost=cost.tolist()))


def test_rows_that_share_costs_are_decided_as_by_one_matrix(make, make_data, task):
    data, test = make_data(task, 400), make_data(task, 200, seed=1)
    matrix = np.array(MATRICES[task])
    model = make(decision={"cost": matrix}).fit(data.X, data.y)
    expected_codes = model.predict(test.X)
    model.set_params(decision="f1")  # which is not tuned, and not asked
    np.testing.assert_array_equal(model.predict(test.X, cost=matrix), expected_codes)
    of_rows = np.broadcast_to(matrix, (200, *matrix.shape))
    np.testing.assert_array_equal(model.predict(test.X, cost=of_rows), expected_codes)
    if task == "multilabel":
        same = np.broadcast_to(matrix[0], (200, 1, 2, 2))
        np.testing.assert_array_equal(model.predict(test.X, cost=same), model.predict(test.X, cost=matrix[0]))


def test_costs_are_weighed_by_the_probabilities_of_another_population(make, make_data):
    data = make_data("binary", 400)
    cost = costs_of_rows("binary", 400)
    model = make().fit(data.X, data.y)
    decided = model.predict(data.X, cost=cost)
    model.set_params(prevalence=0.6)
    adapted = model.predict(data.X, cost=cost)
    np.testing.assert_array_equal(adapted, bi.decide_by_cost(posterior_of(model, data.X), cost))
    assert (adapted != decided).any()
    assert model.score(data.X, data.y, cost=cost) == -bi.mean_cost(data.y, adapted, cost=cost)


def test_classes_are_in_the_order_of_classes_(make, make_data):
    data = make_data("binary", 300)
    names = np.array(["ok", "fraud"])[data.y.astype(int)]
    cost = bi.cost_matrix(fn=np.linspace(1, 30, 300), fp=1.0)
    model = make(pos_label="fraud").fit(data.X, names)
    reference = make().fit(data.X, data.y)
    decided = model.predict(data.X, cost=cost[..., ::-1, ::-1])
    agree = (decided == "fraud") == reference.predict(data.X, cost=cost)
    assert agree.mean() > 0.98  # trees of mirrored labels may differ by rounding
    assert 0.05 < (decided == "fraud").mean() < 0.95


def test_frames_are_taken(make, make_data):
    data = make_data("binary", 300)
    cost = costs_of_rows("binary", 300)
    frame = pytest.importorskip("pandas").DataFrame(data.X, columns=list("abcd"))
    model = make().fit(frame, data.y)
    decided = model.predict(frame, cost=cost)
    assert model.score(frame, data.y, cost=cost) == -bi.mean_cost(data.y, decided, cost=cost)
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    lazy = polars.DataFrame(data.X, schema=list("abcd")).lazy()
    np.testing.assert_array_equal(model.predict(lazy, cost=cost), decided)


def wrong_costs(task, n=50):
    right = costs_of_rows(task, n)
    bad = right.copy()
    bad[(7, *[0] * (bad.ndim - 1))] = np.nan
    yield bad, rf"cost is nan at \[7{', 0' * (bad.ndim - 1)}\]"
    yield right[:-1], rf"cost has shape \({n - 1}, .*\({n}, "
    yield np.ones((n, 4, 4)), r"cost has shape \(50, 4, 4\)"
    yield 3.0, r"cost has shape \(\)"
    if task == "multilabel":
        yield np.ones((n, 2, 2)), r"give cost\[:, None\]"


def test_wrong_costs_are_named_before_anything_is_predicted(make, make_data, task, monkeypatch):
    data = make_data(task, 200)
    model = make().fit(data.X, data.y)

    def fail(*_, **__):
        raise AssertionError("it was predicted")

    monkeypatch.setattr(type(model), "predict_proba", fail)
    for cost, words in wrong_costs(task):
        with pytest.raises(ValueError, match=words):
            model.predict(data.X[:50], cost=cost)
        with pytest.raises(ValueError, match=words):
            model.score(data.X[:50], data.y[:50], cost=cost)
    with pytest.raises(TypeError, match="cost cannot be read"):
        model.predict(data.X[:50], cost={"fn": 1.0})
    with pytest.raises(ValueError, match="predict, score"):
        make(decision={"cost": costs_of_rows(task, 50)}).fit(data.X, data.y)


def test_a_model_that_is_not_fitted_says_so(make):
    with pytest.raises(pytest.importorskip("sklearn.exceptions").NotFittedError):
        make().predict(np.zeros((2, 4)), cost=MATRICES["binary"])
    with pytest.raises(pytest.importorskip("sklearn.exceptions").NotFittedError):
        make().score(np.zeros((2, 4)), [0, 1], cost=MATRICES["binary"])
