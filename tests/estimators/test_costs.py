"""Costs of each row: decisions against a search over all others, metrics against scikit-learn and closed forms."""

import itertools
import warnings

import numpy as np
import pytest

import boost_imbalance as bi
from boost_imbalance import metrics
from boost_imbalance.losses.costs import cheapest, expected
from boost_imbalance.losses.labels import Task

TASKS = {"binary": Task.BINARY, "multiclass": Task.MULTICLASS, "multilabel": Task.MULTILABEL}
MATRICES = {
    "binary": [[0.0, 1.0], [8.0, 0.5]],
    "multiclass": [[0.0, 1.0, 2.0], [4.0, 0.0, 1.0], [9.0, 3.0, 0.0]],
    "multilabel": [[[0.0, 1.0], [4.0, 0.0]], [[0.0, 2.0], [3.0, 1.0]], [[-1.0, 1.0], [7.0, 0.0]]],
}


@pytest.fixture(params=sorted(TASKS))
def task(request):
    return request.param


@pytest.fixture(params=["xgboost", "lightgbm"])
def make(request):
    """Make a classifier of one library."""
    pytest.importorskip("sklearn")
    pytest.importorskip(request.param)
    name, quiet = ("XGB", {}) if request.param == "xgboost" else ("LGBM", {"verbosity": -1})

    def made(**params):
        settings = {"n_estimators": 8, "learning_rate": 0.3, "max_depth": 3, "n_jobs": 1, **quiet}
        return getattr(bi, f"Imbalanced{name}Classifier")(**{"loss": bi.focal_objective(), **settings, **params})

    return made


def costs_of_rows(task, n, seed=0):
    rng = np.random.default_rng(seed)
    shape = {"binary": (n, 2, 2), "multiclass": (n, 3, 3), "multilabel": (n, 3, 2, 2)}[task]
    return rng.exponential(size=shape) - 0.3


def fraud(n, seed=0):
    """Features, labels, true probabilities and amounts: the larger the amount, the likelier the fraud."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    amount = np.exp(3.0 + X[:, 2])
    p = 1.0 / (1.0 + np.exp(3.0 - 1.2 * X[:, 0] - 0.8 * X[:, 1] * X[:, 2] - 0.5 * X[:, 2]))
    return X, (rng.random(n) < p).astype(int), p, amount


# The matrix


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


# The score, and scikit-learn's routing


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


# Weights that train a cost


def test_weights_are_what_is_at_stake(task):
    if task == "multiclass":
        with pytest.raises(ValueError, match="y holds 2; give 0 and 1"):
            bi.cost_weights([0, 2], MATRICES["binary"])
        return
    rng = np.random.default_rng(0)
    shape = (40, 3) if task == "multilabel" else (40,)
    y, amount = rng.integers(2, size=shape), rng.exponential(size=shape)
    weight = bi.cost_weights(y, bi.cost_matrix(fn=2 + amount, fp=3.0, tp=amount, tn=1.0))
    np.testing.assert_allclose(weight, 2.0)
    weight = bi.cost_weights(y, bi.cost_matrix(fn=amount, fp=0.5))
    np.testing.assert_allclose(weight, np.where(y == 1, amount, 0.5))
    with pytest.raises(ValueError, match=r"the right decision of row \d+ \(y is 1\) dearer than the wrong one, 10 against"):
        bi.cost_weights(y, bi.cost_matrix(fn=amount, fp=10.0, tp=10.0))


def test_absolute_error_with_these_weights_is_the_expected_cost():
    """Up to a constant, in value, and in the gradient against finite differences of the expected cost."""
    rng = np.random.default_rng(0)
    y, amount = rng.integers(2, size=60), rng.exponential(size=60) + 1.0
    cost = bi.cost_matrix(fn=amount, fp=0.5, tp=0.25, tn=0.0)
    weight = bi.cost_weights(y, cost)
    objective = bi.generalized_cross_entropy_objective(q=1.0)

    def of_rows(margin):
        p = 1.0 / (1.0 + np.exp(-margin))
        return np.array([c[t, 1] * q + c[t, 0] * (1 - q) for c, t, q in zip(cost, y, p, strict=True)])

    margin = rng.normal(size=60)
    loss = objective.loss(margin, y, weight)
    np.testing.assert_allclose(of_rows(margin) - loss, cost[np.arange(60), y, y], atol=1e-12)
    gradient, _ = objective.gradient_hessian(margin, y, weight)
    step = 1e-6
    numeric = (of_rows(margin + step) - of_rows(margin - step)) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9)


def test_cross_entropy_with_these_weights_has_the_costs_in_its_probabilities(make):
    """Its decision at 1/2 is that of plain probabilities by cost; by cost once more, it would count them twice."""
    X, y, p, _ = fraud(6000)
    cost = bi.cost_matrix(fn=10.0, fp=1.0)
    settings = {"loss": bi.weighted_objective(None), "n_estimators": 60, "learning_rate": 0.1}
    plain = make(**settings).fit(X, y).predict(X, cost=cost)
    weighted = make(**settings).fit(X, y, sample_weight=bi.cost_weights(y, cost))
    best = bi.decide_by_cost(p, cost)
    assert (plain == best).mean() > 0.8
    assert (weighted.predict(X) == plain).mean() > 0.8
    twice = weighted.predict(X, cost=cost)
    assert twice.mean() > 2 * best.mean()


def test_the_expected_cost_is_trained_from_a_margin_of_0(make):
    X, y, _, _ = fraud(3000)
    weight = bi.cost_weights(y, bi.cost_matrix(fn=10.0, fp=1.0))
    settings = {"loss": bi.generalized_cross_entropy_objective(q=1.0), "n_estimators": 40}
    line = "base_score=0.5" if "XGB" in type(make()).__name__ else "boost_from_average=False"
    with pytest.warns(UserWarning, match=f"at q=1 training begins.*{line}"):
        make(**settings).fit(X, y, sample_weight=weight / weight.mean())
    name, value = line.split("=")
    model = make(**settings, **{name: {"0.5": 0.5, "False": False}[value]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, sample_weight=weight / weight.mean())
    alarm = (model.decision_function(X) > 0).astype(int)
    assert bi.savings_score(y, alarm, cost=bi.cost_matrix(fn=10.0, fp=1.0)) > 0.1
    with pytest.warns(UserWarning, match="every calibrated probability is 1/2"):
        model.predict(X)


@pytest.mark.parametrize("seed", range(2))
def test_cross_entropy_decided_by_costs_comes_close_to_the_best_decision(make, seed):
    """And closer than one threshold, the best known afterwards."""
    X, y, _, _ = fraud(20_000, seed)
    X_new, _, p, amount_new = fraud(20_000, 100 + seed)

    def paid(decided):
        return np.where(decided == 1, 5.0, p * amount_new).mean()

    settings = {"loss": bi.weighted_objective(None), "n_estimators": 60, "learning_rate": 0.1}
    plain = make(**settings).fit(X, y)
    by_cost = paid(plain.predict(X_new, cost=bi.cost_matrix(fn=amount_new, fp=5.0, tp=5.0)))
    q = plain.predict_proba(X_new)[:, 1]
    best = np.minimum(5.0, p * amount_new).mean()
    assert best <= by_cost < 1.06 * best
    assert by_cost < 0.9 * min(paid((q > t).astype(int)) for t in np.linspace(0.0, 1.0, 101))


# Metrics of a budget, per round


def case(task, weighted, seed=0, n=300):
    """Margins without ties that have something to do with the labels."""
    rng = np.random.default_rng(seed)
    label = rng.random((n, 3) if task == "multilabel" else n) < 0.2
    margin = 2.0 * label - 1.5 + rng.normal(size=label.shape)
    return margin, label.astype(int), rng.choice([0.5, 1.0, 3.25], size=n) if weighted else None


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "multilabel"])
@pytest.mark.parametrize("top", [1, 10, 300, 5000])
def test_a_number_of_rows_against_scikit_learn(kind, weighted, top):
    sk = pytest.importorskip("sklearn.metrics")
    margin, label, weight = case(kind, weighted)
    found = {"precision": [], "recall": [], "lift": []}
    for y, m in zip(label.reshape(300, -1).T, margin.reshape(300, -1).T, strict=True):
        decided = np.isin(np.arange(300), np.argsort(-m)[:top])
        found["precision"].append(sk.precision_score(y, decided, sample_weight=weight))
        found["recall"].append(sk.recall_score(y, decided, sample_weight=weight))
        found["lift"].append(found["precision"][-1] / np.average(y, weights=weight))
    for name, values in found.items():
        metric = getattr(metrics, f"{name}_at")(top)
        assert metric.value(margin, label, weight) == pytest.approx(np.mean(values), rel=1e-12)
        assert metric.name == f"{name}_at_{top}"


def test_a_share_is_one_of_the_weights():
    margin, label, _ = case("binary", False)
    weight = np.random.default_rng(1).integers(1, 4, 300)
    repeated = np.repeat(margin, weight), np.repeat(label, weight)
    for share in (0.01, 0.1, 0.5, 1.0):
        for make_metric in (metrics.precision_at, metrics.recall_at, metrics.lift_at):
            value = make_metric(share).value(margin, label, weight)
            assert value == pytest.approx(make_metric(share).value(*repeated), rel=1e-12)
            assert value == pytest.approx(make_metric(share).value(margin, label, 7.5 * weight), rel=1e-12)
        rows = int(share * 300)
        assert metrics.recall_at(share).value(margin, label) == pytest.approx(metrics.recall_at(rows).value(margin, label))
    assert metrics.lift_at(1.0).value(margin, label, weight) == pytest.approx(1.0)


def test_ties_count_by_their_chance():
    """The mean over all orders of the rows, of what the first rows would be."""
    margin, label = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 0.0]), np.array([1, 1, 0, 0, 1, 1])
    for top in range(1, 7):
        shares = []
        for order in itertools.permutations(range(6)):
            first = np.array(order)[np.argsort(-margin[list(order)], kind="stable")[:top]]
            shares.append(label[first].mean())
        assert metrics.precision_at(top).value(margin, label) == pytest.approx(np.mean(shares))
        assert metrics.recall_at(top).value(margin, label) == pytest.approx(np.mean(shares) * top / 4)


def test_rows_of_weight_0_are_none():
    margin, label, weight = case("binary", True)
    weight[np.random.default_rng(2).random(300) < 0.4] = 0.0
    kept = weight > 0
    for top in (20, 0.1):
        for make_metric in (metrics.precision_at, metrics.recall_at, metrics.lift_at):
            value = make_metric(top).value(margin, label, weight)
            assert value == pytest.approx(make_metric(top).value(margin[kept], label[kept], weight[kept]), rel=1e-12)


def test_labels_without_positives_do_not_count():
    margin, label, _ = case("multilabel", False)
    label[:, 1] = 0
    of_two = metrics.recall_at(30).value(margin[:, [0, 2]], label[:, [0, 2]])
    assert metrics.recall_at(30).value(margin, label) == pytest.approx(of_two)
    assert metrics.recall_at(30).value(margin[:, 1], label[:, 1]) == 0.0
    assert metrics.lift_at(30).value(margin[:, 1], label[:, 1]) == 0.0
    assert metrics.precision_at(30).value(margin[:, 1], label[:, 1]) == 0.0


@pytest.mark.parametrize("top", [0, -3, 0.0, 1.5, np.nan, True, "10", None, [10]])
def test_a_budget_that_is_none_is_refused(top):
    for make_metric in (metrics.precision_at, metrics.recall_at, metrics.lift_at):
        with pytest.raises((TypeError, ValueError), match="top is"):
            make_metric(top)


def test_wrong_input_of_a_budget_is_named():
    metric = metrics.recall_at(1)
    with pytest.raises(ValueError, match=r"label is 2(\.0)? in row 1"):
        metric.value([0.0, 1.0], [0, 2])
    with pytest.raises(ValueError, match="margin is nan in row 1"):
        metric.value([0.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="recall_at_1 is of binary and multi-label tasks, but margin has 3 columns"):
        metric.value(np.zeros((2, 3)), [0, 2])
    with pytest.raises(ValueError, match="sample_weight"):
        metric.value([0.0, 1.0], [0, 1], [1.0, -1.0])


def test_scikit_learn_scores_by_a_budget(make):
    sk = pytest.importorskip("sklearn.metrics")
    selection = pytest.importorskip("sklearn.model_selection")
    X, y, _, _ = fraud(600)
    scorer = sk.make_scorer(metrics.recall_at(50), response_method="decision_function")
    found = selection.cross_validate(
        make(), X, y, scoring=scorer, cv=3, return_estimator=True, return_indices=True, error_score="raise"
    )
    for fitted, rows, score in zip(found["estimator"], found["indices"]["test"], found["test_score"], strict=True):
        assert score == metrics.recall_at(50).value(fitted.decision_function(X[rows]), y[rows])


# Metrics of costs, per round


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("calibrated", [False, True])
def test_costs_of_margins_are_those_of_their_decisions(make_data, task, weighted, calibrated):
    data = make_data(task, 300)
    rng = np.random.default_rng(0)
    margin = rng.normal(size=(300, 3) if task != "binary" else 300)
    weight = data.weight if weighted else None
    objective = bi.focal_objective(gamma=3.0).fit(data.y, n_classes=3 if task == "multiclass" else None)
    options = {"objective": objective} if calibrated else {}
    plain = np.exp(margin) / np.exp(margin).sum(axis=1, keepdims=True) if task == "multiclass" else 1 / (1 + np.exp(-margin))
    p = objective.probability(margin) if calibrated else plain
    matrix = np.abs(MATRICES[task])
    if task == "multilabel":
        decided = np.stack([bi.decide_by_cost(p[:, k], matrix[k]) for k in range(3)], axis=1)
    else:
        decided = bi.decide_by_cost(p, matrix)
    paid = metrics.cost(matrix, **options).value(margin, data.y, weight)
    assert paid == pytest.approx(bi.mean_cost(data.y, decided, cost=matrix, sample_weight=weight), rel=1e-12)
    saved = metrics.savings(matrix, **options).value(margin, data.y, weight)
    assert saved == pytest.approx(bi.savings_score(data.y, decided, cost=matrix, sample_weight=weight), rel=1e-12)


def test_costs_of_each_row_are_no_metric_of_a_round():
    with pytest.raises(ValueError, match="costs of each row go to predict, score, mean_cost or savings_score"):
        metrics.cost(np.ones((4, 2, 2))).value([0.0, 1.0, -1.0, 2.0], [0, 1, 1, 0])
    with pytest.raises(ValueError, match=r"cost has shape \(3, 3\)"):
        metrics.savings(np.ones((3, 3))).value([0.0, 1.0], [0, 1])
    with pytest.raises(ValueError, match="cost is nan"):
        metrics.cost([[0.0, np.nan], [1.0, 0.0]])


def test_costs_of_each_row_in_a_function_for_one_held_out_set(make):
    X, y, _, amount = fraud(900)
    cost = bi.cost_matrix(fn=amount[600:], fp=5.0, tp=5.0)

    def paid(y_true, p):
        return bi.mean_cost(y_true, bi.decide_by_cost(p, cost), cost=cost)

    def lightgbm_metric(y_true, p):
        return "paid", paid(y_true, p), False

    held_out = [(X[600:], y[600:])]
    if "XGB" in type(make()).__name__:
        model = make(eval_metric=paid).fit(X[:600], y[:600], eval_set=held_out, verbose=False)
        shown = model.evals_result()["validation_0"]["paid"][-1]
    else:
        model = make().fit(X[:600], y[:600], eval_set=held_out, eval_metric=lightgbm_metric)
        shown = model.evals_result_["valid_0"]["paid"][-1]
    assert shown == pytest.approx(-model.score(*held_out[0], cost=cost), abs=1e-6)


METRICS = [
    metrics.precision_at(30),
    metrics.recall_at(0.1),
    metrics.lift_at(0.1),
    metrics.cost(MATRICES["binary"]),
    metrics.savings(MATRICES["binary"]),
]


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_classifiers_judge_by_them_and_stop_the_right_way(make, make_data, metric):
    data, held_out = make_data("binary", n=600), make_data("binary", n=300, seed=1)
    xgboost = "XGB" in type(make()).__name__
    if xgboost:
        model = make(eval_metric=metric, n_estimators=30, early_stopping_rounds=5)
        weights = {"sample_weight_eval_set": [held_out.weight]}
        model.fit(data.X, data.y, eval_set=[(held_out.X, held_out.y)], verbose=False, **weights)
        history, stopped = model.evals_result()["validation_0"][metric.__name__], model.best_iteration
    else:
        lightgbm = pytest.importorskip("lightgbm")
        model = make(n_estimators=30)
        weights = {"eval_sample_weight": [held_out.weight], "callbacks": [lightgbm.early_stopping(5, verbose=False)]}
        model.fit(data.X, data.y, eval_set=[(held_out.X, held_out.y)], eval_metric=metric, **weights)
        history, stopped = model.evals_result_["valid_0"][metric.name], model.best_iteration_ - 1
    best = min(history) if metric.name == "cost" else max(history)
    assert history[stopped] == pytest.approx(best, abs=1e-6)
    margin = model.decision_function(held_out.X)
    value = metric.of(model.loss_).value(margin, held_out.y, held_out.weight)
    assert value == pytest.approx(best, abs=2e-6)


@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_missing_labels_of_held_out_rows_do_not_count(make, make_data, metric):
    data, held_out = make_data("multilabel", n=300), make_data("multilabel", n=200, seed=1)
    y = np.where(np.random.default_rng(0).random((200, 3)) < 0.3, np.nan, held_out.y)
    if "XGB" in type(make()).__name__:
        model = make(eval_metric=metric).fit(data.X, data.y, eval_set=[(held_out.X, y)], verbose=False)
        shown = model.evals_result()["validation_0"][metric.__name__][-1]
    else:
        model = make().fit(data.X, data.y, eval_set=[(held_out.X, y)], eval_metric=metric)
        shown = model.evals_result_["valid_0"][metric.name][-1]
    known, matrix = np.isfinite(y), MATRICES["binary"]
    if metric.name in ("cost", "savings"):
        decided = model.predict(held_out.X, cost=matrix)
        value = bi.mean_cost(y[known], decided[known], cost=matrix)
        if metric.name == "savings":
            paid = [
                [bi.mean_cost(t[k], np.full(k.sum(), c), cost=matrix) for c in (0, 1)]
                for t, k in zip(y.T, known.T, strict=True)
            ]
            value = 1 - value / np.average(np.min(paid, axis=1), weights=known.sum(axis=0))
    else:
        margin, judge = model.decision_function(held_out.X), metric.of(model.loss_)
        value = np.mean([judge.value(m[k], t[k]) for m, t, k in zip(margin.T, y.T, known.T, strict=True)])
    assert shown == pytest.approx(value, abs=2e-6)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("metric", METRICS, ids=repr)
def test_native_interfaces_show_them(metric, make_data, library):
    data = make_data("binary" if library == "lightgbm" else "multilabel", 300)
    objective, found = bi.weighted_objective(None), {}
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        dataset = lightgbm.Dataset(data.X, data.y, weight=data.weight)
        params = {"objective": objective, "verbosity": -1, "num_threads": 1}
        booster = lightgbm.train(
            params, dataset, 4, valid_sets=[dataset], feval=metric, callbacks=[lightgbm.record_evaluation(found)],
            init_model=objective.lightgbm_start(data.X, data.y, data.weight),
        )  # fmt: skip
        value, shown = booster.predict(data.X, raw_score=True), found["training"][metric.name][-1]
        assert shown == pytest.approx(metric.value(value, data.y, data.weight), rel=1e-6)
        return
    xgboost = pytest.importorskip("xgboost")
    dmatrix = xgboost.DMatrix(data.X, data.y, weight=data.weight)
    params = {"nthread": 1, "disable_default_eval_metric": 1, **objective.xgboost_params(data.y, data.weight)}
    booster = xgboost.train(
        params, dmatrix, 4, evals=[(dmatrix, "train")], obj=objective, custom_metric=metric, evals_result=found,
        verbose_eval=False,
    )  # fmt: skip
    value, shown = booster.predict(dmatrix, output_margin=True), found["train"][metric.__name__][-1]
    assert shown == pytest.approx(metric.value(value, data.y, data.weight), abs=2e-6)
