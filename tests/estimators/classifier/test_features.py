"""Kinds of features, boosters, margins and settings, as in the parents."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

pytest.importorskip("sklearn")


from tests.estimators.classifier.common import CROSS_ENTROPY, library_of, mean_log_loss, positive

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


# Features


def frame(data):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(data.X, columns=["a", "b", "c", "d"])
    table["kind"] = pd.Categorical(rng.choice(["red", "green", "blue"], size=len(table)))
    table.loc[::5, "b"] = np.nan
    return table


def parent_of(library, data, X, **params):
    own = library.make(loss=CROSS_ENTROPY, **params).fit(X, data.y)
    return own, library.plain(**params).fit(X, data.y)


@pytest.mark.parametrize("kind", ["pandas", "polars", "csr", "csc", "NaN", "float32", "list"])
def test_kinds_of_features_are_as_in_the_parent(library, make_data, kind):
    data = make_data("multiclass", 400)
    params = {}
    if kind == "pandas":
        X = frame(data)
        params = {"enable_categorical": True} if library.is_xgboost else {}
    elif kind == "polars":
        X = pytest.importorskip("polars").DataFrame(data.X, schema=["a", "b", "c", "d"])
    elif kind in ("csr", "csc"):
        X = scipy.sparse.csr_matrix(np.where(np.abs(data.X) < 0.7, 0.0, data.X)).asformat(kind)
    elif kind == "NaN":
        X = np.where(np.random.default_rng(0).random(data.X.shape) < 0.3, np.nan, data.X)
    else:
        X = data.X.astype(np.float32) if kind == "float32" else data.X.tolist()
    own, parent = parent_of(library, data, X, **params)
    np.testing.assert_allclose(own.predict_proba(X), parent.predict_proba(X), rtol=0, atol=1e-6)
    np.testing.assert_allclose(own.feature_importances_, parent.feature_importances_, rtol=1e-4, atol=1e-6)
    assert own.n_features_in_ == parent.n_features_in_ == (5 if kind == "pandas" else 4)
    names = getattr(own, "feature_names_in_", None)
    np.testing.assert_array_equal(names, getattr(parent, "feature_names_in_", None))
    if kind in ("pandas", "polars"):
        assert list(names) == list(X.columns)


def test_evaluation_with_frames_and_sparse_features(library, make_data):
    data, test = make_data("binary", 300), make_data("binary", 200, seed=1)
    params = {"enable_categorical": True} if library.is_xgboost else {}
    for make in (frame, lambda data: scipy.sparse.csr_matrix(np.round(data.X))):
        model, (curve,) = library.evaluated(make(data), data.y, [(make(test), test.y)], params=params)
        assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(test.y, model.predict_proba(make(test))), abs=2e-6)


def test_contributions_sum_to_the_margin(library, make_data, task):
    data = make_data(task, 300)
    model = library.make().fit(data.X, data.y)
    margin = model.decision_function(data.X)
    if library.is_xgboost:
        contributions = model.get_booster().predict(library.module.DMatrix(data.X), pred_contribs=True)
        summed = contributions.sum(axis=-1)
    else:
        contributions = np.asarray(model.predict(data.X, pred_contrib=True))
        summed = contributions.reshape(300, -1, 5).sum(axis=2).reshape(margin.shape)
    np.testing.assert_allclose(summed, margin, rtol=0, atol=1e-5)
    assert np.abs(contributions).sum() > 0


def test_leaves_and_boosters(library, binary):
    model = library.make().fit(binary.X, binary.y)
    leaves = model.apply(binary.X) if library.is_xgboost else model.predict(binary.X, pred_leaf=True)
    assert leaves.shape == (500, 10)
    assert isinstance(model.get_booster() if library.is_xgboost else model.booster_, library.module.Booster)
    if library.is_xgboost:
        # The model is told its link, so that its own prediction is that of the margin.
        direct = model.get_booster().predict(library.module.DMatrix(binary.X))
    else:
        direct = model.booster_.predict(binary.X)
    np.testing.assert_allclose(direct, model.predict_proba(binary.X, calibrated=False)[:, 1], rtol=1e-5)


@pytest.mark.parametrize("form", ["classifier", "booster"])
def test_continued_training_is_longer_training(library, make_data, task, form):
    data = make_data(task, 400)
    first = library.make(n_estimators=5).fit(data.X, data.y)
    booster = first.get_booster() if library.is_xgboost else first.booster_
    name = "xgb_model" if library.is_xgboost else "init_model"
    before = first.predict_proba(data.X)
    longer = library.make(n_estimators=7).fit(data.X, data.y, **{name: first if form == "classifier" else booster})
    whole = library.make(n_estimators=12).fit(data.X, data.y)
    np.testing.assert_allclose(longer.decision_function(data.X), whole.decision_function(data.X), rtol=0, atol=2e-5)
    np.testing.assert_array_equal(first.predict_proba(data.X), before)


def test_callbacks(library, binary, make_data):
    test = make_data("binary", 200, seed=1)
    if library.is_xgboost:
        seen = []

        class Watch(library.module.callback.TrainingCallback):
            def after_iteration(self, model, epoch, evals_log):
                seen.append(epoch)
                return epoch == 5

        model = library.make(callbacks=[Watch()]).fit(binary.X, binary.y)
        assert seen == list(range(6))
        assert model.get_booster().num_boosted_rounds() == 6
        return
    found = {}
    callbacks = [
        library.module.record_evaluation(found),
        library.module.reset_parameter(learning_rate=lambda k: 0.1 * 0.9**k),
    ]
    model = library.make().fit(binary.X, binary.y, eval_set=[(test.X, test.y)], callbacks=callbacks)
    assert found["valid_0"]["log_loss"] == library.curves(model)[0]["log_loss"]
    plain = library.make().fit(binary.X, binary.y)
    assert np.abs(model.predict_proba(test.X) - plain.predict_proba(test.X)).max() > 1e-3


@pytest.mark.parametrize(
    "options", [{"subsample": 0.5}, {"colsample_bytree": 0.5}, {"reg_lambda": 5.0}, "boosting"], ids=str
)
def test_settings_of_the_library_reach_it(library, binary, options):
    if options == "boosting":
        options = {"booster": "dart", "rate_drop": 0.5} if library.is_xgboost else {"boosting_type": "dart"}
    options = {
        **options,
        "random_state": 1,
        **({"subsample_freq": 1} if "subsample" in options and not library.is_xgboost else {}),
    }
    # LightGBM draws other random numbers where an objective is given by gradients.
    exact = library.is_xgboost or "reg_lambda" in options or "subsample" in options
    own, parent = parent_of(library, binary, binary.X, n_estimators=20, **options)
    plain = library.make(loss=CROSS_ENTROPY, n_estimators=20).fit(binary.X, binary.y)
    assert np.abs(own.predict_proba(binary.X) - plain.predict_proba(binary.X)).max() > 1e-3
    if exact:
        np.testing.assert_allclose(own.predict_proba(binary.X), parent.predict_proba(binary.X), rtol=0, atol=1e-6)
    else:
        assert mean_log_loss(binary.y, own.predict_proba(binary.X)) == pytest.approx(
            mean_log_loss(binary.y, parent.predict_proba(binary.X)), rel=0.25
        )


def test_margins_to_begin_with(library, binary):
    offset = np.where(binary.X[:, 0] > 0, 0.5, -2.5)
    name = "base_margin" if library.is_xgboost else "init_score"
    own = library.make(loss=CROSS_ENTROPY).fit(binary.X, binary.y, **{name: offset})
    parent = library.plain().fit(binary.X, binary.y, **{name: offset})
    if library.is_xgboost:
        np.testing.assert_allclose(
            own.predict_proba(binary.X, base_margin=offset), parent.predict_proba(binary.X, base_margin=offset), atol=1e-6
        )
    else:
        np.testing.assert_allclose(own.decision_function(binary.X), library.margin(parent, binary.X), rtol=0, atol=1e-12)


def test_linear_leaves_begin_at_the_start(make_data, task):
    library = library_of("lightgbm")
    data, test = make_data(task, 1500), make_data(task, 1000, seed=1)
    for name in ("linear_tree", "linear_trees"):
        model, (curve,) = library.evaluated(data.X, data.y, [(test.X, test.y)], params={name: True, "n_estimators": 5})
        probability = model.predict_proba(test.X)
        assert "is_linear=1" in model.booster_.model_to_string()
        assert curve["log_loss"][-1] == pytest.approx(mean_log_loss(test.y, probability), abs=1e-9)
        np.testing.assert_allclose(positive(probability).mean(axis=0), test.posterior.mean(axis=0), atol=0.05)


@pytest.mark.parametrize("categorical", [[1], [0, 1]], ids=str)
def test_lightgbm_categorical_features(make_data, categorical):
    library = library_of("lightgbm")
    data = make_data("binary", 500)
    X = np.where(np.arange(4) < 2, np.abs(np.round(data.X)), data.X)
    own = library.make(loss=CROSS_ENTROPY).fit(X, data.y, categorical_feature=categorical)
    parent = library.plain().fit(X, data.y, categorical_feature=categorical)
    np.testing.assert_allclose(own.decision_function(X), library.margin(parent, X), rtol=0, atol=1e-12)
    assert (
        np.abs(own.decision_function(X) - library.make(loss=CROSS_ENTROPY).fit(X, data.y).decision_function(X)).max() > 0.01
    )
