"""Every loss as the objective of XGBoost's own classifier."""

import pickle

import numpy as np
import pytest

import boost_imbalance as bi
from tests.libraries.xgboost.common import predict, train

xgb = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")


def classifier(objective, y, weight=None, **options):
    return xgb.XGBClassifier(
        n_estimators=15, n_jobs=1, **{**objective.xgboost_params(y, weight), "objective": objective, **options}
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_classifier_is_the_native_training(any_data, any_constructor, weighted):
    objective = any_constructor()
    weight = any_data.weight if weighted else None
    model = classifier(objective, any_data.y, weight).fit(any_data.X, any_data.y, sample_weight=weight)
    native = predict(train(any_constructor(), any_data, weight=weight), any_data)
    probability = model.predict_proba(any_data.X)
    if any_data.task == "binary":
        assert probability.shape == (len(any_data.y), 2)
        probability = probability[:, 1]
    np.testing.assert_allclose(probability, native, rtol=0, atol=1e-6)
    decided = native.argmax(axis=1) if any_data.task == "multiclass" else native > 0.5
    np.testing.assert_array_equal(model.predict(any_data.X), decided)


def test_classifier_survives_pickle_and_clone(any_data, any_constructor):
    from sklearn.base import clone

    objective = any_constructor()
    model = classifier(objective, any_data.y).fit(any_data.X, any_data.y)
    probability = model.predict_proba(any_data.X)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(any_data.X), probability)
    margin = again.predict(any_data.X, output_margin=True)
    np.testing.assert_array_equal(again.objective.probability(margin), objective.probability(margin))
    for copy in (again, clone(model), clone(again)):
        np.testing.assert_array_equal(copy.fit(any_data.X, any_data.y).predict_proba(any_data.X), probability)


def test_classifier_stops_early_with_a_metric(make_data):
    data, held_out = make_data("binary"), make_data("binary", seed=1)
    objective = bi.focal_objective()
    for metric in (bi.metrics.average_precision(), objective.metric):
        model = classifier(objective, data.y, eval_metric=metric, early_stopping_rounds=10).set_params(n_estimators=200)
        model.fit(
            data.X, data.y, eval_set=[(held_out.X, held_out.y)], sample_weight_eval_set=[held_out.weight], verbose=False
        )
        values = np.array(model.evals_result()["validation_0"][metric.__name__])
        assert model.best_iteration == (values.argmax() if metric.greater_is_better else values.argmin())
        assert 0 < model.best_iteration == len(values) - 1 - 10
        expected = metric.value(model.predict(held_out.X, output_margin=True), held_out.y, held_out.weight)
        assert model.best_score == pytest.approx(expected, abs=1e-6)


def test_classifier_in_a_grid_over_objectives(make_data):
    from sklearn.model_selection import GridSearchCV

    data = make_data("binary", n=600)
    grid = {"objective": [bi.focal_objective(gamma=0.0), bi.focal_objective(gamma=5.0)]}
    search = GridSearchCV(xgb.XGBClassifier(n_estimators=5), grid, scoring="neg_log_loss", cv=2).fit(data.X, data.y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
