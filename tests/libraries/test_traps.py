"""What would silently give wrong numbers is said once, with the line to write, and nothing is said where all is well."""

import re
import warnings

import numpy as np
import pytest

import boost_imbalance as bi

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]


QUIET = {"verbosity": -1, "num_threads": 1}


@pytest.fixture
def data(make_data):
    return make_data("binary", n=600)


@pytest.fixture
def xgb():
    pytest.importorskip("sklearn")
    module = pytest.importorskip("xgboost")
    with module.config_context(nthread=1):
        yield module


@pytest.fixture
def lgb():
    pytest.importorskip("sklearn")
    return pytest.importorskip("lightgbm")


def said(call):
    """The warnings of a call that are this package's, and where they point to."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call()
    ours = [one for one in seen if one.category is UserWarning and "objective" in str(one.message)]
    assert all(one.filename == __file__ for one in ours)
    return [str(one.message) for one in ours]


def focal():
    return bi.focal_objective(gamma=2.0)


# The start -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_xgboost_begins_elsewhere_than_the_loss(xgb, make_data, task):
    data, objective = make_data(task, n=600), focal()
    params = {"num_class": 3} if task == "multiclass" else {}
    matrix = xgb.DMatrix(data.X, data.y)
    (message,) = said(lambda: [xgb.train(params, matrix, 2, obj=objective) for _ in range(3)])
    assert "params = {**objective.xgboost_params(y), **params}" in message
    assert "margin 0.5 instead" in message
    if task == "binary":
        assert f"{objective.start(data.y):.4g}" in message
        assert "predict() gives raw margins" in message
    written = {**objective.xgboost_params(data.y), **params}
    assert not said(lambda: xgb.train(written, matrix, 2, obj=focal()))


def test_the_line_of_the_warning_mends_the_probabilities(xgb, data):
    objective = focal()
    matrix = xgb.DMatrix(data.X, data.y)
    with pytest.warns(UserWarning, match="base_score is not given"):
        off = xgb.train({"eta": 0.05}, matrix, 5, obj=objective)
    right = xgb.train({**objective.xgboost_params(data.y), "eta": 0.05}, matrix, 5, obj=objective)
    share = data.y.mean()
    assert abs(objective.predict_probability(right, matrix).mean() - share) < 0.02
    assert abs(objective.predict_probability(off, matrix).mean() - share) > 0.1


def test_xgboost_s_own_classes_begin_elsewhere(xgb, data):
    (message,) = said(lambda: xgb.XGBClassifier(objective=focal(), n_estimators=2).fit(data.X, data.y))
    assert "XGBClassifier(objective=objective, base_score=objective.xgboost_params(y)['base_score'])" in message
    score = focal().xgboost_params(data.y)["base_score"]
    assert not said(lambda: xgb.XGBClassifier(objective=focal(), base_score=score, n_estimators=2).fit(data.X, data.y))
    (message,) = said(lambda: xgb.XGBRegressor(objective=focal(), n_estimators=2).fit(data.X, data.y))
    assert "regressor will give the raw margins" in message


def test_lightgbm_begins_elsewhere_than_the_loss(lgb, data):
    objective = focal()
    params = {**objective.lightgbm_params(data.y), **QUIET}
    start = objective.lightgbm_start(data.X, data.y)

    def train(**options):
        return lgb.train({**params, "objective": focal()}, lgb.Dataset(data.X, data.y), 2, **options)

    (message,) = said(train)
    assert "init_model=objective.lightgbm_start(X, y)" in message
    assert "margin 0 instead" in message
    assert not said(lambda: train(init_model=start))
    model = lgb.LGBMClassifier(objective=focal(), n_estimators=2, **QUIET)
    (message,) = said(lambda: model.fit(data.X, data.y))
    assert "init_model=objective.lightgbm_start(X, y)" in message
    model = lgb.LGBMClassifier(objective=focal(), n_estimators=2, **QUIET)
    assert not said(lambda: model.fit(data.X, data.y, init_model=start))


def test_a_start_of_the_user_s_own_is_left_alone_in_xgboost(xgb, data):
    def train(params, matrix, **options):
        return lambda: xgb.train(params, matrix, 2, obj=focal(), **options)

    plain, zero = xgb.DMatrix(data.X, data.y), xgb.DMatrix(data.X, data.y, base_margin=np.zeros(600))
    half = xgb.train(focal().xgboost_params(data.y), plain, 2, obj=focal())
    linked = {"objective": "binary:logistic"}
    for call in (
        train({**linked, "base_score": 0.5}, plain),
        train({"base_score": 0.5}, plain),
        train(linked, zero),
        train(linked, plain, xgb_model=half),
        train({**linked, "booster": "dart", "rate_drop": 0.5}, plain, xgb_model=half),
        lambda: xgb.XGBClassifier(objective=focal(), n_estimators=2).fit(data.X, data.y, base_margin=np.zeros(600)),
        lambda: xgb.train(linked, plain, 2, obj=bi.weighted_objective("balanced")),  # whose start is 0
        lambda: bi.ImbalancedXGBClassifier(loss=focal(), n_estimators=2).fit(data.X, data.y),
        lambda: bi.ImbalancedXGBClassifier(loss=focal(), n_estimators=2, base_score=0.5).fit(data.X, data.y),
        lambda: bi.ImbalancedXGBClassifier(loss=focal(), n_estimators=2).fit(data.X, data.y, base_margin=np.zeros(600)),
    ):
        assert not said(call)


def test_a_start_of_the_user_s_own_is_left_alone_in_lightgbm(lgb, data):
    params = {**focal().lightgbm_params(data.y), **QUIET}
    start = focal().lightgbm_start(data.X, data.y)
    half = lgb.train(params, lgb.Dataset(data.X, data.y), 2, init_model=start)
    zeros = np.zeros(600)

    def train(more, *rest, **options):
        given = {**params, "objective": focal(), **more}
        return lambda: lgb.train(given, lgb.Dataset(data.X, data.y, **dict(rest)), 2, **options)

    def own(**fit):
        return lambda: bi.ImbalancedLGBMClassifier(loss=focal(), n_estimators=2, **QUIET).fit(data.X, data.y, **fit)

    for call in (
        train({}, ("init_score", zeros)),
        train({}, init_model=half),
        train({"boosting": "dart"}, init_model=half),
        train({"boost_from_average": False}),
        train({"objective": bi.weighted_objective("balanced")}),
        own(),
        own(init_score=zeros),
        own(init_model=half),
    ):
        assert not said(call)


def test_the_first_round_alone_looks(xgb, data, monkeypatch):
    asked = []
    configured = xgb.Booster.save_config
    monkeypatch.setattr(xgb.Booster, "save_config", lambda self: asked.append(None) or configured(self))
    objective, matrix = focal(), xgb.DMatrix(data.X, data.y)
    with pytest.warns(UserWarning, match="base_score is not given"):
        xgb.train({}, matrix, 1, obj=objective)
    once = len(asked)
    xgb.train({}, matrix, 20, obj=objective)
    assert len(asked) == 2 * once


# Probabilities for margins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_probabilities_given_for_margins(xgb, make_data, task):
    data, objective = make_data(task, n=600), focal()
    matrix = xgb.DMatrix(data.X, data.y)
    booster = xgb.train(objective.xgboost_params(data.y), matrix, 3, obj=objective)
    linked, margin = booster.predict(matrix), booster.predict(matrix, output_margin=True)
    (message,) = said(lambda: objective.probability(linked))
    assert "objective.predict_probability(booster, data)" in message
    assert not said(lambda: objective.probability(margin))
    for metric in (bi.metrics.log_loss(objective), bi.metrics.balanced_accuracy(), objective.metric):
        assert len(said(lambda metric=metric: metric.value(linked, data.y))) == 1
        assert not said(lambda metric=metric: metric.value(margin, data.y))
    assert not said(lambda: bi.metrics.average_precision().value(linked, data.y))  # goes by their order


def test_margins_that_could_be_probabilities():
    rng = np.random.default_rng(0)
    objective = focal().fit([0, 1, 2])
    assert not said(lambda: focal().probability(rng.uniform(size=10)))  # too few to tell
    assert not said(lambda: focal().probability(np.append(rng.uniform(size=100), -0.1)))
    assert not said(lambda: objective.probability(rng.uniform(size=(100, 3))))  # rows that do not sum to 1
    assert len(said(lambda: objective.probability(rng.dirichlet(np.ones(3), size=100)))) == 1
    frequent = bi.weighted_objective(None).fit([0, 0, 1, 1, 1])  # begins at 0.41
    assert not said(lambda: frequent.probability(np.linspace(0.2, 0.7, 100)))
    assert not said(lambda: frequent.metric.value(np.linspace(0.2, 0.7, 100), np.arange(100) % 2))


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_probability_of_a_booster_of_xgboost(xgb, make_data, task):
    data, objective = make_data(task, n=600), bi.logit_adjusted_objective()
    matrix = xgb.DMatrix(data.X, data.y)
    booster = xgb.train(objective.xgboost_params(data.y), matrix, 5, obj=objective)
    expected = objective.probability(booster.predict(matrix, output_margin=True))
    for given in (matrix, data.X):
        np.testing.assert_array_equal(objective.predict_probability(booster, given), expected)
    two = objective.probability(booster.predict(matrix, output_margin=True, iteration_range=(0, 2)))
    np.testing.assert_array_equal(objective.predict_probability(booster, data.X, iteration_range=(0, 2)), two)
    shift = np.full(data.posterior.shape, 0.7, np.float32)
    shifted = xgb.DMatrix(data.X, base_margin=shift)
    moved = objective.probability(booster.predict(shifted, output_margin=True))
    np.testing.assert_array_equal(objective.predict_probability(booster, data.X, start=shift), moved)
    np.testing.assert_array_equal(objective.predict_probability(booster, shifted), moved)
    np.testing.assert_array_equal(objective.predict_probability(booster, data.X, start=0.7), moved)
    with pytest.raises(ValueError, match="set_base_margin"):
        objective.predict_probability(booster, matrix, start=shift)
    params = {**objective.xgboost_params(data.y), "objective": objective}
    model = xgb.XGBClassifier(n_estimators=5, **params).fit(data.X, data.y)
    np.testing.assert_allclose(objective.predict_probability(model, data.X), expected, atol=1e-6)
    np.testing.assert_allclose(objective.predict_probability(model, data.X, start=0.7), moved, atol=1e-6)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_probability_of_a_booster_of_lightgbm(lgb, make_data, task):
    data, objective = make_data(task, n=600), bi.logit_adjusted_objective()
    dataset = bi.multilabel_dataset(data.X, data.y) if task == "multilabel" else lgb.Dataset(data.X, data.y)
    start = objective.lightgbm_start(data.X, data.y)
    booster = lgb.train({**objective.lightgbm_params(data.y), **QUIET}, dataset, 5, init_model=start)
    expected = objective.probability(booster.predict(data.X, raw_score=True))
    for model in (booster, objective.lightgbm_model(booster)):
        np.testing.assert_array_equal(objective.predict_probability(model, data.X), expected)
    moved = objective.probability(booster.predict(data.X, raw_score=True) + 0.7)
    np.testing.assert_array_equal(objective.predict_probability(booster, data.X, start=0.7), moved)
    with pytest.raises(TypeError, match="give the features"):
        objective.predict_probability(booster, lgb.Dataset(data.X))
    if task != "multilabel":
        params = {**objective.lightgbm_params(data.y), **QUIET}
        model = lgb.LGBMClassifier(n_estimators=5, **params).fit(data.X, data.y, init_model=start)
        np.testing.assert_allclose(objective.predict_probability(model, data.X), expected, atol=1e-6)


def test_what_is_no_model_has_no_probability():
    with pytest.raises(TypeError, match="model is list; give a Booster"):
        focal().predict_probability([], np.zeros((3, 2)))


# Settings that do nothing, and metrics on another scale -----------------------------------------------------------------


def test_class_weights_of_xgboost_do_nothing(xgb, data):
    objective = focal()
    params = {**objective.xgboost_params(data.y), "scale_pos_weight": 5.0}
    (message,) = said(lambda: xgb.train(params, xgb.DMatrix(data.X, data.y), 2, obj=objective))
    assert "objective.replace(weights=5)" in message
    options = {**params, "objective": focal(), "n_estimators": 2}
    assert "objective.replace(weights=5)" in said(lambda: xgb.XGBClassifier(**options).fit(data.X, data.y))[0]
    own = bi.ImbalancedXGBClassifier(loss=focal(), scale_pos_weight=5.0, n_estimators=2)
    assert not said(lambda: own.fit(data.X, data.y))


@pytest.mark.parametrize(
    ("setting", "weights"), [({"scale_pos_weight": 5.0}, "weights=5"), ({"is_unbalance": True}, "weights='balanced'")]
)
def test_class_weights_of_lightgbm_do_nothing(lgb, data, setting, weights):
    objective = focal()
    start = objective.lightgbm_start(data.X, data.y)
    params = {**objective.lightgbm_params(data.y), **QUIET}
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    (message,) = said(lambda: lgb.train({**params, **setting}, dataset, 2, init_model=start))
    assert f"objective.replace({weights})" in message
    for nothing in ({"scale_pos_weight": 1.0}, {"is_unbalance": "false"}, {"pos_bagging_fraction": "1.0"}):
        assert not said(lambda nothing=nothing: lgb.train({**params, **nothing}, dataset, 2, init_model=start))
    if "is_unbalance" in setting:
        bagging = {"pos_bagging_fraction": 0.9, "neg_bagging_fraction": 0.1, "bagging_freq": 1, "objective": focal()}
        (message,) = said(lambda: lgb.train({**params, **bagging}, dataset, 2, init_model=start))
        assert "pos_bagging_fraction=0.9 does nothing" in message
    model = lgb.LGBMClassifier(objective=focal(), n_estimators=2, **QUIET, **setting)
    assert f"objective.replace({weights})" in said(lambda: model.fit(data.X, data.y, init_model=start))[0]


def test_log_loss_of_xgboost_is_of_the_link(xgb, data):
    matrix = xgb.DMatrix(data.X, data.y)

    def train(objective, metric):
        params = {**objective.xgboost_params(data.y), "eval_metric": metric}
        return lambda: xgb.train(params, matrix, 2, obj=objective, evals=[(matrix, "train")], verbose_eval=False)

    (message,) = said(train(focal(), "logloss"))
    assert "custom_metric=boost_imbalance.metrics.log_loss(objective)" in message
    assert not said(train(focal(), "auc"))
    assert not said(train(bi.focal_objective(gamma=0.0), "logloss"))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_log_loss_that_xgboost_adds_by_itself(xgb, make_data, task):
    data = make_data(task, n=300)
    matrix, evals = xgb.DMatrix(data.X, data.y), [(data.X, data.y)]

    def train(objective, **options):
        params = {**objective.xgboost_params(data.y), "disable_default_eval_metric": 0}
        watched = {"evals": [(matrix, "train")], "verbose_eval": False, **options}
        return lambda: xgb.train(params, matrix, 2, obj=objective, **watched)

    (message,) = said(train(focal()))
    assert f"{'mlogloss' if task == 'multiclass' else 'logloss'!r} is XGBoost's own" in message
    assert not said(train(bi.focal_objective(gamma=0.0)))
    assert not said(train(focal(), evals=()))
    own = focal()
    assert not said(train(own, custom_metric=own.metric))
    start = focal().xgboost_params(data.y)["base_score"]
    model = xgb.XGBClassifier(objective=focal(), base_score=start, n_estimators=2)
    (message,) = said(lambda: model.fit(data.X, data.y, eval_set=evals, verbose=False))
    assert "eval_metric=boost_imbalance.metrics.log_loss(objective)" in message


def test_log_loss_of_lightgbm_is_of_raw_scores(lgb, data):
    objective = bi.weighted_objective(None)
    start = objective.lightgbm_start(data.X, data.y)
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)

    def train(metric, **options):
        params = {**objective.lightgbm_params(data.y), **QUIET, "objective": bi.weighted_objective(None), "metric": metric}
        return lambda: lgb.train(params, dataset, 2, init_model=start, **options)

    (message,) = said(train("binary_logloss", valid_sets=[dataset]))
    assert "feval=boost_imbalance.metrics.log_loss(objective)" in message
    assert not said(train("auc", valid_sets=[dataset]))
    assert not said(train("binary_logloss"))  # of nothing


def test_no_metric_in_xgboost(xgb, data):
    objective = focal()
    matrix, params = xgb.DMatrix(data.X, data.y), objective.xgboost_params(data.y)
    (message,) = said(lambda: xgb.cv(params, matrix, 2, obj=objective, as_pandas=False))
    assert "custom_metric=objective.metric" in message
    written = xgb.cv(params, matrix, 2, obj=objective, custom_metric=objective.metric, as_pandas=False)
    assert list(written) == [f"{fold}-focal_loss-{kind}" for fold in ("train", "test") for kind in ("mean", "std")]

    def train(**options):
        return lambda: xgb.train(params, matrix, 2, obj=focal(), **options)

    evals = {"evals": [(matrix, "train")], "verbose_eval": False}
    assert "custom_metric=objective.metric" in said(train(**evals))[0]
    assert not said(train(custom_metric=objective.metric, **evals))
    assert not said(train())
    with (
        pytest.raises(ValueError, match="Must have at least 1 validation dataset"),
        pytest.warns(UserWarning, match="no metr"),
    ):
        train(early_stopping_rounds=2, **evals)()
    model = xgb.XGBClassifier(**{**params, "objective": focal(), "n_estimators": 2})
    (message,) = said(lambda: model.fit(data.X, data.y, eval_set=[(data.X, data.y)], verbose=False))
    assert "eval_metric=objective.metric" in message


def test_the_default_metric_of_plain_cross_entropy_is_xgboost_s_own(xgb, data):
    objective, matrix = bi.focal_objective(gamma=0.0, hessian="exact"), xgb.DMatrix(data.X, data.y)
    params = objective.xgboost_params(data.y)
    options = {"evals": [(matrix, "train")], "verbose_eval": False, "early_stopping_rounds": 2}
    own, built_in = {}, {}
    assert not said(lambda: xgb.train(params, matrix, 4, obj=objective, evals_result=own, **options))
    xgb.train({**params, "objective": "binary:logistic"}, matrix, 4, evals_result=built_in, **options)
    np.testing.assert_allclose(own["train"]["logloss"], built_in["train"]["logloss"], atol=1e-5)
    model = bi.ImbalancedXGBClassifier(loss=objective, n_estimators=2, eval_metric=bi.metrics.average_precision())
    model.fit(data.X, data.y, eval_set=[(data.X, data.y)], verbose=False)
    assert list(model.evals_result()["validation_0"]) == ["pre_average_precision"]


def test_no_metric_in_lightgbm(lgb, data):
    objective = focal()
    params = {**objective.lightgbm_params(data.y), **QUIET}
    start = objective.lightgbm_start(data.X, data.y)
    dataset = lgb.Dataset(data.X, data.y, free_raw_data=False)
    (message,) = said(lambda: lgb.cv(params, dataset, 2, init_model=start))
    assert "feval=objective.metric" in message
    assert list(lgb.cv(params, dataset, 2, init_model=start, feval=objective.metric)) == [
        f"valid focal_loss-{kind}" for kind in ("mean", "stdv")
    ]
    fresh = {**params, "objective": focal()}
    assert not said(lambda: lgb.train(fresh, dataset, 2, init_model=start))
    assert said(lambda: lgb.train(fresh, dataset, 2, init_model=start, valid_sets=[dataset]))


# An objective that is not called ---------------------------------------------------------------------------------------


class Plain(bi.Loss):
    """Cross-entropy, with parameters that a library could fill by accident."""

    first = bi.parameter(1.0)
    second = bi.parameter(1.0)

    def positive(self, t):
        return -bi.log_sigmoid(t)


@pytest.mark.parametrize("made", [bi.focal_objective, bi.adaptive_objective, Plain])
def test_an_uncalled_constructor_is_named(made, data, request):
    name = made.__name__
    xgb, lgb = (request.getfixturevalue(one) for one in ("xgb", "lgb"))
    matrix = xgb.DMatrix(data.X, data.y)
    for call, place in (
        (lambda: xgb.train({}, matrix, 2, obj=made), "obj"),
        (lambda: xgb.cv({}, matrix, 2, obj=made), "obj"),
        (lambda: xgb.XGBClassifier(objective=made).fit(data.X, data.y), "objective"),
        (lambda: lgb.train({"objective": made, **QUIET}, lgb.Dataset(data.X, data.y), 2), "objective"),
        (lambda: lgb.LGBMClassifier(objective=made, **QUIET).fit(data.X, data.y), "objective"),
    ):
        with pytest.raises(TypeError, match=re.escape(f"{name} is passed uncalled: write {place}={name}()")):
            call()


def test_a_loss_may_be_made_within_an_objective(xgb, data):
    def objective(margin, matrix):
        return bi.focal_objective(2.0, 0.25)(margin, matrix)

    params = focal().xgboost_params(data.y)
    assert xgb.train(params, xgb.DMatrix(data.X, data.y), 2, obj=objective).num_boosted_rounds() == 2
