"""The classifiers in the hands of other packages."""

import numpy as np
import pytest

import boost_imbalance as bi

pytest.importorskip("sklearn")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] * X[:, 2] + RNG.logistic(size=400) > 2).astype(int)
SETTINGS = {"xgboost": {"max_depth": 3}, "lightgbm": {"num_leaves": 7, "verbosity": -1}}


def classifier(library, **params):
    pytest.importorskip(library)
    cls = {"xgboost": "ImbalancedXGBClassifier", "lightgbm": "ImbalancedLGBMClassifier"}[library]
    return getattr(bi, cls)(**{"n_estimators": 8, "n_jobs": 1, **SETTINGS[library], **params})


# MLflow


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """MLflow with a store of its own; it would load each model in another process to find what that imports."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", lambda *_, fallback=None, **__: fallback)
    return mlflow


@pytest.fixture
def autolog(mlflow, monkeypatch):
    """Switch a library's autologging on, until the end of the test."""
    on = []

    def switch(library, **options):
        pytest.importorskip(library)
        flavor = pytest.importorskip(f"mlflow.{library}")
        if library == "lightgbm" and hasattr(flavor, "_get_default_serialization_format"):
            # What MLflow does on Databricks and did before; skops has to be told which types to trust.
            monkeypatch.setattr(flavor, "_get_default_serialization_format", lambda: "cloudpickle")
        on.append(flavor)
        flavor.autolog(log_datasets=False, **options)
        return flavor

    yield switch
    for flavor in on:
        flavor.autolog(disable=True)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("task", ["binary", "words", "multiclass", "multilabel"])
@pytest.mark.filterwarnings("ignore")
def test_mlflow_logs_the_classifier_and_its_loss(mlflow, autolog, library, task):
    y = {"binary": Y, "words": np.array(["no", "yes"])[Y], "multiclass": Y + (X[:, 3] > 1), "multilabel": np.c_[Y, 1 - Y]}
    flavor = autolog(library)
    with mlflow.start_run() as run:
        model = classifier(library, loss=bi.focal_objective(gamma=2.0), decision="balanced").fit(X, y[task])
    loaded = flavor.load_model(f"runs:/{run.info.run_id}/model")
    assert type(loaded) is type(model)
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(X), model.predict(X))
    params = mlflow.get_run(run.info.run_id).data.params
    assert params["loss"] == "focal_objective(gamma=2.0)"
    assert (params["loss__gamma"], params["decision"], params["num_boost_round"]) == ("2.0", "balanced", "8")
    assert len(mlflow.search_runs(output_format="list")) == 1


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.filterwarnings("ignore")
def test_mlflow_makes_one_run_of_a_fit_with_a_tuned_decision(mlflow, autolog, library):
    autolog(library, log_models=False)
    model = classifier(library, loss=bi.focal_objective(gamma=2.0), decision="f1", decision_cv=3)
    model.fit(X, Y)
    (run,) = mlflow.search_runs(output_format="list")
    assert run.data.params["decision"] == "f1"
    model.fit(X, Y)  # logging goes on after the folds
    assert len(mlflow.search_runs(output_format="list")) == 2
    from mlflow.utils.autologging_utils import disable_autologging

    with disable_autologging():
        model.fit(X, Y)
    assert len(mlflow.search_runs(output_format="list")) == 2


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.filterwarnings("ignore")
def test_mlflow_loads_a_classifier_that_was_logged_by_hand(mlflow, library):
    model = classifier(library, loss=bi.focal_objective(gamma=2.0), decision="f1").fit(X, Y)
    mlflow_sklearn = pytest.importorskip("mlflow.sklearn")
    logged = mlflow_sklearn.log_model(
        model, name="model", pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle", pip_requirements=[]
    )
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(logged.model_uri).predict(X), model.predict_proba(X))
    np.testing.assert_array_equal(mlflow_sklearn.load_model(logged.model_uri).predict(X), model.predict(X))


# SHAP


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.filterwarnings("ignore")
def test_shap_explains_the_margin(library, task):
    shap = pytest.importorskip("shap")
    y = {"binary": Y, "multiclass": Y + (X[:, 3] > 1), "multilabel": np.c_[Y, X[:, 3] > 1].astype(int)}[task]
    model = classifier(library, loss=bi.focal_objective(gamma=2.0)).fit(X, y)
    found = shap.TreeExplainer(model)(X[:50])
    np.testing.assert_allclose(found.base_values + found.values.sum(axis=1), model.decision_function(X[:50]), atol=1e-5)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.filterwarnings("ignore")
def test_shap_explains_the_calibrated_probability_in_the_file_of_a_weighted_loss(library, tmp_path):
    shap = pytest.importorskip("shap")
    model = classifier(library, loss=bi.weighted_objective("balanced")).fit(X, Y)
    path = str(tmp_path / ("model.json" if library == "xgboost" else "model.txt"))
    model.save_model(path)
    booster = pytest.importorskip(library).Booster(model_file=path)
    if library == "lightgbm":
        booster.params["objective"] = "binary"
    found = shap.TreeExplainer(booster, X[:50], model_output="probability")(X[50:100])
    total = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(total, model.predict_proba(X[50:100])[:, 1], atol=1e-5)
    assert abs(total - model.predict_proba(X[50:100], calibrated=False)[:, 1]).max() > 0.1


# Treelite


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_treelite_predicts_what_the_file_does(library, task, tmp_path):
    treelite = pytest.importorskip("treelite")
    y = {"binary": Y, "multiclass": Y + (X[:, 3] > 1), "multilabel": np.c_[Y, X[:, 3] > 1].astype(int)}[task]
    for loss, calibrated in ((bi.weighted_objective("balanced"), True), (bi.focal_objective(gamma=2.0), False)):
        model = classifier(library, loss=loss).fit(X, y)
        path = str(tmp_path / ("model.json" if library == "xgboost" else "model.txt"))
        model.save_model(path)
        read = getattr(treelite.frontend, f"load_{library}_model")(path)
        found = treelite.gtil.predict(read, X).reshape(len(X), -1)
        wanted = model.predict_proba(X, calibrated=calibrated)
        np.testing.assert_allclose(found, wanted[:, 1:] if task == "binary" else wanted, rtol=0, atol=1e-5)


# Optuna


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("folds", [True, False])
@pytest.mark.parametrize("name", ["log_loss", "average_precision"])
@pytest.mark.filterwarnings("ignore")
def test_optuna_prunes_by_metrics_of_this_package(library, folds, name):
    module, optuna = pytest.importorskip(library), pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    maximised = name == "average_precision"

    def train(trial):
        loss = bi.focal_objective(gamma=2.0)
        metric = bi.metrics.average_precision() if maximised else bi.metrics.log_loss(loss)
        if library == "xgboost":
            data, where = module.DMatrix(X, Y), "test" if folds else "valid"
            key = f"{where}-pre_{name}" if maximised else f"{where}-{name}"
            options = {"obj": loss, "custom_metric": metric}
            options["callbacks"] = [integration.XGBoostPruningCallback(trial, key)]
            params = {**loss.xgboost_params(Y), "nthread": 1}
            if folds:
                return module.cv(params, data, 5, nfold=2, **options)
            return module.train(params, data, 5, evals=[(data, "valid")], verbose_eval=False, **options)
        data = module.Dataset(X, Y)
        options = {"feval": metric, "init_model": loss.lightgbm_start(X, Y)}
        options["callbacks"] = [integration.LightGBMPruningCallback(trial, name, valid_name="valid")]
        params = {**loss.lightgbm_params(Y), "verbosity": -1, "num_threads": 1}
        if folds:
            return module.cv(params, data, 5, nfold=2, **options)
        return module.train(params, data, 5, valid_sets=[data.create_valid(X, Y)], valid_names=["valid"], **options)

    pruner = optuna.pruners.ThresholdPruner(lower=2.0, upper=3.0)  # no metric is there
    study = optuna.create_study(direction="maximize" if maximised else "minimize", pruner=pruner)
    study.optimize(train, n_trials=1)
    (trial,) = study.trials
    assert trial.state is optuna.trial.TrialState.PRUNED
    assert all(0.0 < value < 1.0 for value in trial.intermediate_values.values())


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.filterwarnings("ignore")
def test_optuna_searches_for_parameters_of_the_loss(library):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {"loss__gamma": optuna.distributions.FloatDistribution(0.0, 3.0)}
    model = classifier(library, loss=bi.focal_objective(), n_estimators=3)
    search = integration.OptunaSearchCV(model, space, scoring="neg_log_loss", cv=2, n_trials=3, random_state=0).fit(X, Y)
    assert len({trial.value for trial in search.study_.trials}) == 3
    assert search.best_estimator_.loss_.parameters["gamma"] == search.best_params_["loss__gamma"]
