"""Parameters of the loss and of the library: where they go, and that nothing is shared."""

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_score,
)

from tests.estimators.classifier.common import WORDS, library_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


# Parameters and search


def test_parameters_of_the_loss(library):
    model = library.make(loss=bi.focal_objective(gamma=1.5))
    deep, shallow = model.get_params(), model.get_params(deep=False)
    assert deep["loss__gamma"] == 1.5
    assert {"loss", "decision", "decision_cv", "classes", "missing_label", "class_weight", "n_estimators"} <= set(shallow)
    assert not any("__" in name for name in shallow)
    assert "objective" not in deep
    assert set(library.plain().get_params()) - {"objective"} <= set(deep)
    assert model.set_params(loss__gamma=0.5, n_estimators=7) is model
    assert model.get_params()["loss__gamma"] == 0.5
    assert model.n_estimators == model.get_params()["n_estimators"] == 7
    model.set_params(loss__tau=1.0, loss=bi.asymmetric_objective())
    assert model.loss.parameters["tau"] == 1.0
    assert model.loss.constructor_name == "asymmetric_objective"
    default = library.ours()
    assert default.loss is None
    assert default.get_params()["loss__gamma"] == default.set_params(loss__tau=0.0).get_params()["loss__gamma"]
    assert default.set_params(loss__gamma=1.25).get_params()["loss__gamma"] == 1.25
    copied = clone(model)
    assert copied is not model
    assert {name: repr(value) for name, value in copied.get_params().items()} == {
        name: repr(value) for name, value in model.get_params().items()
    }


def test_parameters_reach_the_training(library, binary):
    far = library.make(loss=bi.focal_objective(gamma=4.0)).fit(binary.X, binary.y)
    near = library.make(loss=bi.focal_objective(gamma=0.0)).fit(binary.X, binary.y)
    moved = library.make(loss=bi.focal_objective(gamma=0.0)).set_params(loss__gamma=4.0).fit(binary.X, binary.y)
    np.testing.assert_array_equal(moved.decision_function(binary.X), far.decision_function(binary.X))
    assert np.abs(moved.decision_function(binary.X) - near.decision_function(binary.X)).max() > 0.1
    assert moved.loss_.parameters["gamma"] == 4.0
    few = library.make().set_params(n_estimators=2).fit(binary.X, binary.y)
    wanted = library.make(n_estimators=2).fit(binary.X, binary.y)
    np.testing.assert_array_equal(few.decision_function(binary.X), wanted.decision_function(binary.X))


def test_setting_parameters_after_fit_does_not_change_the_model(library, make_data, task):
    data, test = make_data(task, 300), make_data(task, 200, seed=1)
    model, _ = library.evaluated(data.X, data.y, [(test.X, test.y)], params={"loss": bi.focal_objective()})
    before = model.predict_proba(test.X)
    model.set_params(loss__gamma=0.0, max_depth=2, n_jobs=1, learning_rate=0.7)
    np.testing.assert_array_equal(model.predict_proba(test.X), before)
    model.set_params(loss=bi.asymmetric_objective())
    np.testing.assert_array_equal(model.predict_proba(test.X), before)


@pytest.mark.parametrize("metric", [bi.metrics.f1(), [bi.metrics.f1(), bi.metrics.log_loss()], "log_loss"], ids=repr)
def test_setting_parameters_after_fit_with_metrics(library, binary, metric):
    model, _ = library.evaluated(binary.X, binary.y, [(binary.X, binary.y)], metric)
    before = model.predict_proba(binary.X)
    model.set_params(max_depth=2)
    np.testing.assert_array_equal(model.predict_proba(binary.X), before)


def test_parameters_that_are_refused(library, binary):
    with pytest.raises(ValueError, match="'beta' is not a parameter of focal_objective"):
        library.make().set_params(loss__beta=0.9)
    with pytest.raises(TypeError, match=r"loss__gamma.*set_params"):
        library.make(loss__gamma=1.0)
    for loss in ("focal", bi.focal_objective, 2.0):
        with pytest.raises(TypeError, match="loss is "):
            library.make(loss=loss).fit(binary.X, binary.y)
    with pytest.raises(TypeError, match=r"objective is .*loss="):
        library.make(objective="binary:logistic")
    with pytest.raises(TypeError, match=r"objective is .*loss="):
        library.make().set_params(objective=bi.focal_objective())
    library.make().set_params(objective=None)


@pytest.mark.parametrize("name", ["application", "app", "objective_type"])
@pytest.mark.parametrize("by", ["constructor", "set_params"])
def test_no_name_of_the_objective_goes_around_the_loss(name, by):
    library = library_of("lightgbm")
    with pytest.raises(TypeError, match=rf"{name} is 'binary'.*loss="):
        library.make(**{name: "binary"}) if by == "constructor" else library.make().set_params(**{name: "binary"})


def test_a_loss_is_not_changed_and_not_shared(library, make_data):
    loss = bi.focal_objective(gamma=1.0, weights="balanced")
    rare, even = make_data("binary", 400), make_data("binary", 400, seed=5)
    y_even = (even.X[:, 0] > 0).astype(int)
    first = library.make(loss=loss).fit(rare.X, rare.y)
    before = first.predict_proba(rare.X)
    second = library.make(loss=loss).fit(even.X, y_even)
    np.testing.assert_array_equal(first.predict_proba(rare.X), before)
    assert first.loss_ is not loss
    assert first.loss_ is not second.loss_
    assert not loss.is_fitted
    with pytest.raises(ValueError, match="has not seen any labels"):
        _ = loss.fitted
    assert first.loss is second.loss is loss
    again = first.fit(even.X, y_even)
    np.testing.assert_array_equal(again.predict_proba(even.X), second.predict_proba(even.X))


def test_a_loss_that_was_fitted_keeps_its_counts(library, binary):
    prior = np.r_[np.zeros(99), 1.0]
    own = library.make(loss=bi.logit_adjusted_objective().fit(prior)).fit(binary.X, binary.y)
    given = library.make(loss=bi.logit_adjusted_objective(priors=0.01)).fit(binary.X, binary.y)
    np.testing.assert_allclose(own.predict_proba(binary.X), given.predict_proba(binary.X), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="loss was fitted to"):
        library.make(loss=bi.logit_adjusted_objective().fit([0, 1, 2])).fit(binary.X, binary.y)


def test_grid_search(library, binary):
    grid = {"loss__gamma": [0.0, 2.0, 6.0], "loss__tau": [0.0, 1.0]}
    search = GridSearchCV(library.make(loss=bi.focal_objective()), grid, scoring="neg_log_loss", cv=3, error_score="raise")
    search.fit(binary.X, WORDS[binary.y.astype(int)])
    assert len(set(np.round(search.cv_results_["mean_test_score"], 12))) == 6
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        loss = bi.focal_objective(gamma=params["loss__gamma"], tau=params["loss__tau"])
        direct = cross_val_score(library.make(loss=loss), binary.X, binary.y, scoring="neg_log_loss", cv=3).mean()
        assert score == pytest.approx(direct, abs=1e-9)
    best = search.best_estimator_
    assert best.loss_.parameters["gamma"] == search.best_params_["loss__gamma"]


def test_grid_search_over_losses_and_decisions(library, binary):
    losses = [bi.focal_objective(), bi.weighted_objective()]
    grid = {"loss": losses, "decision": ["posterior", "balanced"]}
    search = GridSearchCV(library.make(), grid, scoring="balanced_accuracy", cv=2, error_score="raise")
    search.fit(binary.X, binary.y)
    by_rule = dict.fromkeys(["posterior", "balanced"], 0.0)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        by_rule[params["decision"]] += score
    assert by_rule["balanced"] > by_rule["posterior"]
