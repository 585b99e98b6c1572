"""What the classifiers lean on in XGBoost and LightGBM, and what happens where it is gone."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from boost_imbalance.estimators import internals

X = np.random.default_rng(0).normal(size=(300, 3))
Y = (X[:, 0] + np.random.default_rng(1).normal(size=300) > 1).astype(int)


# XGBoost


@pytest.mark.library_fact
def test_xgboost_asks_configure_fit_between_the_labels_and_the_training(xgboost, monkeypatch):
    order = []

    class Watched(xgboost.XGBClassifier):
        @property
        def classes_(self):
            order.append("classes_")
            return np.arange(2)

        def _configure_fit(self, *arguments):
            order.append("_configure_fit")
            self.configured = super()._configure_fit(*arguments)
            return self.configured

    train = xgboost.sklearn.train
    monkeypatch.setattr(xgboost.sklearn, "train", lambda *args, **options: order.append("train") or train(*args, **options))
    model = Watched(n_estimators=1).fit(X, Y)
    assert order == ["classes_", "_configure_fit", "train"]
    continued, metric, params, *_ = model.configured
    assert continued is None
    assert metric is None
    assert params["objective"] == "binary:logistic"


@pytest.mark.library_fact
def test_xgboost_trains_with_the_parameters_and_the_metric_of_configure_fit(xgboost):
    class Told(xgboost.XGBClassifier):
        def _configure_fit(self, *arguments):
            model, _, params, *rest = super()._configure_fit(*arguments)
            chosen = {"objective": "multi:softprob", "num_class": 4, "disable_default_eval_metric": 1}
            return (model, lambda margin, data: [("a", 1.0), ("b", 2.0)], {**params, **chosen}, *rest)

    model = Told(n_estimators=1).fit(X, Y, eval_set=[(X, Y)], verbose=False)
    assert model.evals_result() == {"validation_0": {"a": [1.0], "b": [2.0]}}
    assert model.get_booster().predict(xgboost.DMatrix(X)).shape == (300, 4)


@pytest.mark.library_fact
def test_xgboost_keeps_its_model_as_booster(xgboost):
    model = xgboost.XGBClassifier(n_estimators=1).fit(X, Y)
    booster = model.get_booster()
    internals.forget_booster(model)
    assert not hasattr(model, "_Booster")
    internals.set_booster(model, booster)
    assert model.get_booster() is booster


@pytest.mark.library_fact
@pytest.mark.parametrize("columns", [1, 3])
def test_xgboost_writes_base_score_as_text_of_numbers_in_its_json(xgboost, columns):
    y, score = (Y, 0.25) if columns == 1 else (np.c_[Y, 1 - Y, Y], [0.25, 0.5, 0.75])
    model = xgboost.XGBClassifier(n_estimators=1, base_score=score).fit(X, y)
    found, replaced = internals.base_score_in(bytes(model.get_booster().save_raw("json")))
    assert found.tolist() == np.atleast_1d(score).tolist()
    other = xgboost.Booster()
    other.load_model(bytearray(replaced(np.full(columns, 0.125))))
    moved = other.predict(xgboost.DMatrix(X), output_margin=True) - model.predict(X, output_margin=True)
    expected = np.log(1 / 7) - np.log(np.divide(score, np.subtract(1, score)))
    np.testing.assert_allclose(moved, np.broadcast_to(expected, moved.shape), rtol=0, atol=1e-5)
    with pytest.raises(RuntimeError, match=r"xgboost .* has no base_score in the JSON"):
        internals.base_score_in(b"{}")


@pytest.mark.library_fact
def test_xgboost_says_in_its_configuration_what_it_predicts(xgboost):
    def learner(y):
        return internals.learner_of(xgboost.XGBClassifier(n_estimators=1).fit(X, y).get_booster())

    assert learner(Y) == ("binary:logistic", 0, 1)
    assert learner(Y + (X[:, 1] > 0)) == ("multi:softprob", 3, 1)
    assert learner(np.c_[Y, 1 - Y]) == ("binary:logistic", 0, 2)

    class Other:
        def save_config(self):
            return "{}"

    with pytest.raises(RuntimeError, match=r"xgboost .* has no 'learner' in the configuration"):
        internals.learner_of(Other())


@pytest.mark.library_fact
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounds", [0, 2])
def test_xgboost_writes_the_biases_of_a_linear_model_after_its_weights(xgboost, rounds):
    data, shift = xgboost.DMatrix(X, Y), np.array([1.0, -2.0, 0.5])
    params = {"booster": "gblinear", "objective": "multi:softprob", "num_class": 3, "base_score": 0.0}
    booster = xgboost.train(params, data, rounds)
    moved = xgboost.Booster(model_file=bytearray(internals.moved_biases(booster, shift)))
    before, after = (model.predict(data, output_margin=True) for model in (booster, moved))
    np.testing.assert_allclose(after, before + shift, rtol=0, atol=1e-6)
    assert internals.is_linear(booster)
    assert not internals.is_linear(xgboost.train({}, data, 1))

    class Other:
        def save_raw(self, form):
            return "{}"

        def save_config(self):
            return "{}"

    with pytest.raises(RuntimeError, match=r"xgboost .* has no weights of features and outputs in the JSON"):
        internals.moved_biases(Other(), shift)
    with pytest.raises(RuntimeError, match=r"xgboost .* has no 'learner' in the configuration"):
        internals.is_linear(Other())


@pytest.mark.library_fact
@pytest.mark.filterwarnings("ignore")
def test_xgboost_trains_on_from_a_model_that_a_callback_loads_before_training(xgboost):
    start = [1.0, -2.0, 0.5]
    params = {"booster": "gblinear", "objective": "multi:softprob", "num_class": 3, "base_score": 0.0, "eta": 1e-9}

    class Loads(xgboost.callback.TrainingCallback):
        def before_training(self, model):
            model.load_model(bytearray(internals.moved_biases(model, np.array(start))))
            model.set_param(params)
            return model

    data = xgboost.DMatrix(X, Y)
    margin = xgboost.train(params, data, 2, callbacks=[Loads()]).predict(data, output_margin=True)
    np.testing.assert_allclose(margin, np.tile(start, (len(X), 1)), rtol=0, atol=1e-6)


def test_xgboost_copies_no_labels_from_round_to_round(xgboost, monkeypatch):
    asked = []
    read = xgboost.DMatrix.get_label
    monkeypatch.setattr(xgboost.DMatrix, "get_label", lambda data: asked.append(data) or read(data))
    model = bi.ImbalancedXGBClassifier(n_estimators=9, n_jobs=1).fit(X, Y, eval_set=[(X, Y)], verbose=False)
    assert len(model.evals_result()["validation_0"]["log_loss"]) == 9
    assert len(asked) == 2  # the sets


def test_what_a_metric_does_to_its_labels_is_forgotten(xgboost):
    def spoiling(y, p):
        share = y.mean()
        y[:] = -1
        return share

    model = bi.ImbalancedXGBClassifier(n_estimators=3, n_jobs=1, eval_metric=spoiling)
    model.fit(X, Y, eval_set=[(X, Y)], verbose=False)
    assert model.evals_result()["validation_0"]["spoiling"] == [pytest.approx(Y.mean(), rel=1e-5)] * 3


def test_an_xgboost_that_does_not_ask_is_refused(xgboost, monkeypatch):
    model = bi.ImbalancedXGBClassifier(n_estimators=2, n_jobs=1).fit(X, Y)
    before = model.predict_proba(X)

    def fit(self, X, y, **options):
        self._Booster = xgboost.train({}, xgboost.DMatrix(X, y), 1)
        return self

    with monkeypatch.context() as patch:
        patch.setattr(xgboost.XGBClassifier, "fit", fit)
        with pytest.raises(RuntimeError, match=r"xgboost .* has no XGBModel._configure_fit"):
            model.fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert np.array_equal(model.classes_, [0, 1])
    with monkeypatch.context() as patch:
        patch.setattr(xgboost.XGBClassifier, "_configure_fit", lambda self, *arguments: {"params": {}})
        with pytest.raises(RuntimeError, match=r"xgboost .* has no XGBModel._configure_fit"):
            model.fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_an_xgboost_that_keeps_its_model_elsewhere_is_refused(xgboost, monkeypatch):
    model = xgboost.XGBClassifier(n_estimators=1).fit(X, Y)
    other = model.get_booster().copy()
    monkeypatch.setattr(xgboost.XGBModel, "get_booster", lambda self: other)
    with pytest.raises(RuntimeError, match=r"xgboost .* has no XGBModel._Booster"):
        internals.set_booster(model, model.get_booster().copy())
    monkeypatch.setattr(xgboost.XGBModel, "__sklearn_is_fitted__", lambda self: True)
    with pytest.raises(RuntimeError, match=r"xgboost .* has no XGBModel._Booster"):
        internals.forget_booster(model)


# LightGBM


@pytest.mark.library_fact
def test_lightgbm_reads_the_attributes_of_a_fitted_model(lightgbm):
    trained = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=1, verbosity=-1).fit(X, Y)
    told = lightgbm.LGBMClassifier()
    internals.set_lightgbm_model(told, trained.booster_, 3, 2, {})
    for name in ("booster_", "n_features_", "n_features_in_", "n_classes_", "best_iteration_", "n_iter_", "evals_result_"):
        assert getattr(told, name) == getattr(trained, name)
    assert told.best_score_ == trained.best_score_
    # Before 4.7, LightGBM has names for unnamed columns too.
    assert hasattr(told, "feature_names_in_") == hasattr(trained, "feature_names_in_")
    assert told.feature_importances_.tolist() == trained.feature_importances_.tolist()


def test_a_model_of_unnamed_columns_takes_named_ones(lightgbm):
    pandas = pytest.importorskip("pandas")
    model = bi.ImbalancedLGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(pandas.DataFrame(X, columns=list("abc"))), model.predict_proba(X))


def test_a_lightgbm_that_reads_other_attributes_is_refused(lightgbm, monkeypatch):
    model = bi.ImbalancedLGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1)
    monkeypatch.setattr(lightgbm.LGBMModel, "booster_", property(lambda self: None))
    with pytest.raises(RuntimeError, match=r"lightgbm .* has no LGBMModel._Booster"):
        model.fit(X, Y)


@pytest.mark.library_fact
def test_lightgbm_says_that_no_feature_is_left_by_num_features(lightgbm, capfd):
    params = {"objective": lambda margin, data: (margin, np.ones_like(margin)), "verbosity": -1}
    with pytest.raises(lightgbm.basic.LightGBMError) as caught:
        lightgbm.train(params, lightgbm.Dataset(np.ones((100, 2)), np.arange(100) % 2), 1)
    assert internals.has_no_features(caught.value)


@pytest.mark.library_fact
def test_lightgbm_hands_a_metric_the_data_set_that_it_was_given(lightgbm):
    seen = []

    def metric(margin, data):
        seen.append(data)
        return "none", 0.0, False

    train = lightgbm.Dataset(X, Y)
    test = lightgbm.Dataset(X[:100], Y[:100], reference=train)
    params = {"objective": "binary", "metric": "None", "verbosity": -1}
    lightgbm.train(params, train, 1, valid_sets=[test, train], feval=[metric])
    assert {id(data) for data in seen} == {id(train), id(test)}
    assert len({train, test}) == 2


@pytest.mark.library_fact
@pytest.mark.parametrize("params", [{}, {"boosting": "goss"}, {"bagging_fraction": 0.5, "bagging_freq": 1}], ids=str)
def test_lightgbm_trains_on_from_its_scores_whatever_the_leaves_become(lightgbm, params):
    """So that a start can become part of the first tree as soon as that is there."""
    params = {"objective": "binary", "verbosity": -1, "num_threads": 1, "deterministic": True, **params}

    def add(booster):
        for leaf in range(booster.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"]):
            booster.set_leaf_output(0, leaf, booster.get_leaf_output(0, leaf) + 2.0)

    def first(env):
        if env.iteration == 0:
            add(env.model)

    at_once = lightgbm.train(params, lightgbm.Dataset(X, Y), 10, callbacks=[first])
    after = lightgbm.train(params, lightgbm.Dataset(X, Y), 10)
    add(after)
    np.testing.assert_array_equal(at_once.predict(X, raw_score=True), after.predict(X, raw_score=True))


@pytest.mark.library_fact
def test_lightgbm_reads_a_header_with_a_line_that_it_does_not_know(lightgbm):
    booster = lightgbm.train({"objective": "binary", "verbosity": -1}, lightgbm.Dataset(X, Y), 3)
    header, rest = internals.split_model(booster.model_to_string())
    assert "\nobjective=binary" in header
    other = lightgbm.Booster(model_str=f"{header}\nanother={{}}{rest}")
    np.testing.assert_array_equal(other.predict(X), booster.predict(X))
    with pytest.raises(RuntimeError, match=r"lightgbm .* has no feature_names in the text"):
        internals.split_model("tree")


# Whoever watches the training


def watch(monkeypatch, owner, name, seen):
    original = getattr(owner, name)

    def recorded(*arguments, **options):
        found = original(*arguments, **options)
        seen.append((name, arguments, options, found))
        return found

    recorded.__signature__ = inspect.signature(original)
    monkeypatch.setattr(owner, name, recorded)


TASKS = {"binary": Y, "words": np.array(["no", "yes"])[Y], "multiclass": Y + (X[:, 1] > 0), "multilabel": np.c_[Y, 1 - Y, Y]}


@pytest.mark.parametrize("task", TASKS)
def test_who_watches_xgboost_sees_the_classifier_itself_complete(xgboost, monkeypatch, tmp_path, task):
    y, fits, predicted = TASKS[task], [], []
    for owner in (xgboost.XGBModel, xgboost.XGBClassifier):
        watch(monkeypatch, owner, "fit", fits)
    fit = xgboost.XGBClassifier.fit

    def logged(self, *arguments, **options):
        assert self.get_params()["loss__gamma"] == 2.0
        fit(self, *arguments, **options)
        self.save_model(tmp_path / "model.ubj")
        predicted.append((self.predict(X), self.predict_proba(X), self.classes_, self.get_params()))

    monkeypatch.setattr(xgboost.XGBClassifier, "fit", logged)
    made = []
    watch(monkeypatch, xgboost.XGBModel, "__init__", made)
    model = bi.ImbalancedXGBClassifier(loss=bi.focal_objective(gamma=2.0), n_estimators=5, n_jobs=1)
    model.fit(X, y, eval_set=[(X, y)], verbose=False)
    assert [arguments[0] for _, arguments, _, _ in fits] == [model]
    assert [arguments[0] for _, arguments, _, _ in made] == [model]
    label, probability, classes, params = predicted[0]
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_array_equal(probability, model.predict_proba(X))
    np.testing.assert_array_equal(classes, model.classes_)
    assert params == model.get_params()
    loaded = bi.ImbalancedXGBClassifier()
    loaded.load_model(tmp_path / "model.ubj")
    np.testing.assert_array_equal(loaded.predict_proba(X), probability)
    np.testing.assert_array_equal(loaded.classes_, classes)


@pytest.mark.parametrize("boosting", ["gbdt", "goss"])
@pytest.mark.parametrize("task", TASKS)
def test_who_watches_lightgbm_sees_a_model_of_the_classifiers_margins(lightgbm, monkeypatch, task, boosting):
    y, fits, trainings, made = TASKS[task], [], [], []
    for owner in (lightgbm.LGBMModel, lightgbm.LGBMClassifier):
        watch(monkeypatch, owner, "fit", fits)
        watch(monkeypatch, owner, "predict", fits)
    watch(monkeypatch, lightgbm, "train", trainings)
    watch(monkeypatch, lightgbm.sklearn, "train", trainings)
    watch(monkeypatch, lightgbm.LGBMModel, "__init__", made)
    model = bi.ImbalancedLGBMClassifier(
        loss=bi.focal_objective(gamma=2.0), n_estimators=5, n_jobs=1, verbosity=-1, boosting_type=boosting
    )
    margins = []
    model.fit(X, y, eval_X=X, eval_y=y, callbacks=[lambda env: margins.append(env.model.predict(X))])
    assert [(name, arguments[0]) for name, arguments, _, _ in fits] == [("fit", model)]
    assert [arguments[0] for _, arguments, _, _ in made] == [model]
    ((_, arguments, _, booster),) = trainings
    np.testing.assert_allclose(booster.predict(X), model.decision_function(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(margins[-1], model.decision_function(X), rtol=0, atol=1e-12)
    assert str(arguments[0]["objective"]) == str(model.loss_)
    assert str(model.loss_).startswith("focal_objective(gamma=2.0")


@pytest.mark.library_fact
@pytest.mark.parametrize("task", TASKS)
def test_who_watches_lightgbm_sees_the_classifier_itself_complete(lightgbm, monkeypatch, task):
    y, seen = TASKS[task], []
    weights = None if task == "multilabel" else {np.unique(y)[-1]: 3.0}
    fit = lightgbm.LGBMClassifier.fit

    def logged(self, *arguments, **options):
        fit(self, *arguments, **options)
        seen.append((self, pickle.loads(pickle.dumps(self))))

    monkeypatch.setattr(lightgbm.LGBMClassifier, "fit", logged)
    loss = bi.focal_objective(gamma=2.0)
    model = bi.ImbalancedLGBMClassifier(loss=loss, n_estimators=5, n_jobs=1, verbosity=-1, class_weight=weights).fit(X, y)
    ((watched, copied),) = seen
    assert watched is model
    assert str(copied.get_params()) == str(model.get_params())
    assert copied.get_params()["class_weight"] == weights
    assert vars(copied).keys() == vars(model).keys()
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))


@pytest.mark.filterwarnings("ignore:Found .loss. in params")
def test_a_training_that_lightgbm_does_by_itself_is_refused(lightgbm, monkeypatch):
    monkeypatch.setattr(lightgbm.LGBMClassifier, "fit", lightgbm.LGBMModel.fit)
    model = bi.ImbalancedLGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1)
    before = dict(vars(model))
    with pytest.raises(RuntimeError, match=r"lightgbm .* has no LGBMClassifier\.fit that leaves the training"):
        model.fit(X, Y)
    assert vars(model) == before


@pytest.mark.library_fact
@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_who_watches_a_training_sees_the_loss_and_the_library_does_not(library, monkeypatch, capfd):
    module, cls, own = {
        "xgboost": ("xgboost", "ImbalancedXGBClassifier", {"scale_pos_weight": 2.0}),
        "lightgbm": ("lightgbm", "ImbalancedLGBMClassifier", {"class_weight": {1: 2.0}}),
    }[library]
    module, seen = pytest.importorskip(module), []
    watch(monkeypatch, module.sklearn, "train", seen)
    loss = bi.focal_objective(gamma=2.0)
    model = getattr(bi, cls)(loss=loss, n_estimators=5, n_jobs=1, decision="balanced", **own).fit(X, Y)
    ((_, arguments, _, _),) = seen
    shown = arguments[0]
    assert str(shown["loss"]) == "focal_objective(gamma=2.0)"
    assert (shown["loss__gamma"], shown["loss__alpha"], shown["decision"]) == (2.0, None, "balanced")
    assert own.items() <= shown.items()
    trained = shown.copy() if library == "xgboost" else copy.deepcopy(shown)
    assert not {name for name in trained if name in own or name.startswith(("loss", "decision"))}
    assert trained.items() <= shown.items()
    printed = "".join(capfd.readouterr())
    assert "loss" not in printed
    assert "decision" not in printed
    if library == "lightgbm":
        assert "loss__gamma" not in model.booster_.model_to_string()


def test_lightgbm_validation_sets_of_several_labels_differ_by_nothing_but_themselves(lightgbm, monkeypatch):
    trainings = []
    watch(monkeypatch, lightgbm.sklearn, "train", trainings)
    model = bi.ImbalancedLGBMClassifier(n_estimators=3, n_jobs=1, verbosity=-1)
    y = TASKS["multilabel"]
    model.fit(X, y, eval_X=(X[:100], X[:100], X), eval_y=(y[:100], 1 - y[:100], y))
    ((_, _, options, _),) = trainings
    assert not any(np.any(data.label) for data in options["valid_sets"])
    found = {name: one["log_loss"][-1] for name, one in model.evals_result_.items()}
    probability = model.predict_proba(X)

    def log_loss(label, p):
        return -np.mean(np.where(label == 1, np.log(p), np.log(1 - p)))

    assert found == {
        "valid_0": pytest.approx(log_loss(y[:100], probability[:100]), abs=1e-6),
        "valid_1": pytest.approx(log_loss(1 - y[:100], probability[:100]), abs=1e-6),
        "training": pytest.approx(log_loss(y, probability), abs=1e-6),
    }


@pytest.mark.parametrize("kind", ["array", "list", "csr", "pandas", "Series", "polars", "pyarrow"])
def test_some_rows_of_any_kind_of_data(kind):
    from boost_imbalance.estimators.classifier import take_rows

    if kind == "array":
        data = X
    elif kind == "list":
        data = X.tolist()
    elif kind == "csr":
        data = pytest.importorskip("scipy.sparse").csr_matrix(X)
    elif kind == "polars":
        data = pytest.importorskip("polars").DataFrame(X)
    elif kind == "pyarrow":
        data = pytest.importorskip("pyarrow").table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    else:
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame(X, index=np.arange(300)[::-1]) if kind == "pandas" else pandas.Series(X[:, 0], index=Y)
    taken = take_rows(data, np.array([5, 0, 5]))
    assert type(taken) is type(data)
    if kind == "csr":
        taken = taken.toarray()
    elif kind == "pyarrow":
        taken = taken.to_pandas()
    np.testing.assert_array_equal(np.asarray(taken), X[[5, 0, 5], 0] if kind == "Series" else X[[5, 0, 5]])
