"""Searches, pipelines, samplers and routed weights around the classifiers."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import metrics as sk
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.estimators.classifier.common import WORDS

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:Unknown data type.*trying to convert it to csr_matrix"),
    pytest.mark.filterwarnings("ignore:Converting data to scipy sparse matrix"),
]


def test_randomized_search_in_a_pipeline(library, binary):
    pipeline = make_pipeline(StandardScaler(), library.make(n_estimators=5))
    name = f"{pipeline.steps[1][0]}__loss__gamma"
    search = RandomizedSearchCV(
        pipeline,
        {name: np.linspace(0.0, 5.0, 20)},
        n_iter=3,
        scoring="neg_log_loss",
        cv=2,
        random_state=0,
        error_score="raise",
    )
    search.fit(binary.X, binary.y)
    assert len(set(np.round(search.cv_results_["mean_test_score"], 12))) == 3
    assert search.best_estimator_[-1].loss_.parameters["gamma"] == search.best_params_[name]
    assert search.predict_proba(binary.X).shape == (500, 2)


def test_an_optuna_study(library, binary):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    model = library.make(n_estimators=5)

    def score(trial):
        trying = clone(model).set_params(loss__gamma=trial.suggest_float("loss__gamma", 0.0, 5.0))
        return cross_val_score(trying, binary.X, binary.y, scoring="neg_log_loss", cv=2, error_score="raise").mean()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(score, n_trials=3)
    assert len({round(trial.value, 12) for trial in study.trials}) == 3
    best = clone(model).set_params(**study.best_params)
    assert best.loss.parameters["gamma"] == study.best_params["loss__gamma"]


def test_smote_before_the_model(library, binary):
    pipelines = pytest.importorskip("imblearn.pipeline")
    over_sampling = pytest.importorskip("imblearn.over_sampling")
    y = WORDS[binary.y.astype(int)]
    pipeline = pipelines.make_pipeline(over_sampling.SMOTE(random_state=0), library.make(n_estimators=5))
    pipeline.fit(binary.X, y)
    assert pipeline[-1].class_prior_ == pytest.approx(0.5)
    assert pipeline.predict_proba(binary.X)[:, 1].mean() > binary.y.mean() + 0.1
    name = f"{pipeline.steps[1][0]}__loss__gamma"
    search = GridSearchCV(pipeline, {name: [0.0, 3.0]}, scoring="neg_log_loss", cv=2, error_score="raise").fit(binary.X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 2


def test_weights_are_routed_through_cross_validation(library, binary):
    sklearn = pytest.importorskip("sklearn")
    with sklearn.config_context(enable_metadata_routing=True):
        model = library.make().set_fit_request(sample_weight=True)
        scorer = sk.get_scorer("neg_log_loss").set_score_request(sample_weight=False)
        found = cross_validate(
            model, binary.X, binary.y, params={"sample_weight": binary.weight}, scoring=scorer, cv=2,
            return_estimator=True, return_indices=True, error_score="raise",
        )  # fmt: skip
    for fitted, rows in zip(found["estimator"], found["indices"]["train"], strict=True):
        direct = library.make().fit(binary.X[rows], binary.y[rows], sample_weight=binary.weight[rows])
        np.testing.assert_array_equal(fitted.predict_proba(binary.X), direct.predict_proba(binary.X))


def test_inside_other_estimators(library, binary):
    y = WORDS[binary.y.astype(int)]
    out_of_fold = cross_val_predict(library.make(), binary.X, y, method="decision_function", cv=StratifiedKFold(3))
    assert sk.roc_auc_score(binary.y, out_of_fold) > 0.6
    bagged = BaggingClassifier(library.make(n_estimators=3), n_estimators=3, random_state=0).fit(binary.X, y)
    assert sk.roc_auc_score(binary.y, bagged.predict_proba(binary.X)[:, 1]) > 0.7
