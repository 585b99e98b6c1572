"""The classifier for PySpark: two workers train, judge and decide as one machine, and what is saved is what was trained."""

import importlib.util
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers import python_blocks

pytest.importorskip("sklearn")
pytest.importorskip("xgboost")

import boost_imbalance as bi
from boost_imbalance import (
    adaptive_objective,
    focal_objective,
    logit_adjusted_objective,
    poly1_objective,
    weighted_objective,
)


@pytest.mark.parametrize("missing", ["pyspark", "xgboost", "pandas"])
def test_what_is_missing_is_named_with_its_extra(missing):
    if importlib.util.find_spec("pyspark") is None and missing != "pyspark":
        pytest.skip("needs pyspark")
    code = f"import sys; sys.modules[{missing!r}] = None; import boost_imbalance as b; b.ImbalancedSparkXGBClassifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert "pip install 'boost-imbalance[xgboost,spark]'" in done.stderr


def test_importing_the_package_imports_no_spark():
    code = "import sys, boost_imbalance; assert not {'pyspark', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql")
    pytest.importorskip("pyarrow")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("needs Java")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        settings = {
            "spark.driver.memory": "1g",
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
        }
        builder = sql.SparkSession.builder.master("local[2]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


def data(kind):
    """Features with few values, so that workers find the same candidates for splits as one machine."""
    rng = np.random.default_rng(0)
    n = 500
    X = np.clip(np.round(2 * rng.normal(size=(n, 3))) / 2, -2, 2).astype(np.float32)
    latent = X[:, 0] + rng.normal(size=n)
    y = {
        "binary": (latent > 1.5).astype(int),
        "several classes": np.array(["rare", "some", "usual"])[np.digitize(-latent, [-1.8, -0.5])],
        "several labels": (X[:, :2] + rng.normal(size=(n, 2)) > [1.0, 1.8]).astype(int),
    }[kind]
    return X, y, rng.choice([0.5, 1.0, 2.0], n), np.arange(n) % 3 == 0


def frame(spark, X, y, weight=None, valid=None, parts=2):
    """A data frame whose rows of label 1 are all in its last partition."""
    order = np.argsort(y if y.ndim == 1 else y[:, 0], kind="stable")
    columns = {"features": X.astype(float), "label": y, "weight": weight, "valid": valid}
    columns = {name: value[order].tolist() for name, value in columns.items() if value is not None}
    rows = list(zip(*columns.values(), strict=True))
    made = spark.createDataFrame(spark.sparkContext.parallelize(rows, parts), list(columns))
    assert made.rdd.getNumPartitions() == parts
    return made


SETTINGS = {"n_estimators": 8, "max_depth": 3}
SLOW = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
]


def slow(test):
    for mark in SLOW:
        test = mark(test)
    return test


def collected(table, name):
    return np.array([list(row[0]) if hasattr(row[0], "__len__") and not isinstance(row[0], str) else row[0]
                     for row in table.select(name).collect()])  # fmt: skip


@slow
@pytest.mark.parametrize(
    ("kind", "loss", "weighted"),
    [
        ("binary", focal_objective(gamma=2.0, weights="balanced"), True),
        ("binary", adaptive_objective(), False),
        ("several classes", logit_adjusted_objective(tau=1.0), True),
        ("several labels", poly1_objective(epsilon=1.0, weights="balanced"), True),
    ],
)
def test_two_workers_train_the_model_of_one(spark, kind, loss, weighted):
    X, y, weight, _ = data(kind)
    weight = weight if weighted else None
    table = frame(spark, X, y, weight)
    columns = {"weight_col": "weight"} if weighted else {}
    model = bi.ImbalancedSparkXGBClassifier(loss=loss, num_workers=2, repartition=False, **columns, **SETTINGS)
    model = model.fit(table)
    alone = bi.ImbalancedXGBClassifier(loss=loss, n_jobs=1, **SETTINGS).fit(X, y, sample_weight=weight)
    assert np.array_equal(model.classifier.predict_proba(X), alone.predict_proba(X))
    assert model.classifier.loss_.copy(n_threads=1) == alone.loss_
    assert np.array_equal(model.classifier.class_prior_, alone.class_prior_)
    assert model.classifier.classes_.tolist() == alone.classes_.tolist()

    predicted = model.transform(table)
    rows = collected(table, "features").astype(np.float32)
    assert np.array_equal(collected(predicted, "probability"), alone.predict_proba(rows))
    margin = alone.decision_function(rows).astype(float)
    raw = np.stack([-margin, margin], axis=1) if kind == "binary" else margin
    assert np.array_equal(collected(predicted, "rawPrediction"), raw)
    assert np.array_equal(collected(predicted, "prediction"), alone.predict(rows))
    assert predicted.columns == [*table.columns, "rawPrediction", "probability", "prediction"]


@slow
@pytest.mark.parametrize("kind", ["binary", "several labels"])
def test_validation_rows_of_all_workers_judge_stop_and_tune(spark, kind):
    X, y, weight, valid = data(kind)
    names = ["f1", "log_loss", {"recall_at": {"top": 0.1}}, "average_precision"]
    own = bi.metrics
    metrics = [own.f1(), own.log_loss(), own.recall_at(0.1), own.average_precision()]
    loss = focal_objective(gamma=1.0)
    settings = {"loss": loss, "n_estimators": 40, "max_depth": 3, "learning_rate": 0.5, "early_stopping_rounds": 3}
    model = bi.ImbalancedSparkXGBClassifier(
        num_workers=2,
        repartition=False,
        decision="f1",
        validation_indicator_col="valid",
        weight_col="weight",
        eval_metric=names,
        **settings,
    ).fit(frame(spark, X, y, weight, valid))
    train, held_out = ~valid, (X[valid], y[valid])
    alone = bi.ImbalancedXGBClassifier(eval_metric=metrics, n_jobs=1, **settings).fit(
        X[train], y[train], sample_weight=weight[train], eval_set=[held_out], sample_weight_eval_set=[weight[valid]],
        verbose=False,
    )  # fmt: skip
    found, expected = model.classifier.evals_result_["validation"], alone.evals_result_["validation_0"]
    assert list(found) == list(expected)
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-12)
    assert model.classifier.best_iteration == alone.best_iteration < 36
    assert np.array_equal(model.classifier.predict_proba(X), alone.predict_proba(X))
    alone.set_params(decision="f1").tune_decision(*held_out, sample_weight=weight[valid])
    np.testing.assert_allclose(model.classifier.thresholds_, alone.thresholds_, rtol=1e-12)


def parted(spark, names, *parts):
    """A data frame with just these rows in its partitions."""
    rdd = spark.sparkContext.parallelize(range(len(parts)), len(parts))
    return spark.createDataFrame(rdd.mapPartitionsWithIndex(lambda i, _: parts[i]), names)


@slow
@pytest.mark.parametrize("kind", ["binary", "several classes", "several labels"])
def test_a_worker_without_rows_takes_part(spark, kind):
    """One without rows to train on, and one without rows to validate by."""
    X, y, _, _ = data(kind)
    half = len(y) // 2
    rows = list(zip(X.astype(float).tolist(), y.tolist(), [False] * half + [True] * half, strict=True))
    schema = f"features array<double>, label {LABELS[kind]}, valid boolean"
    settings = {"repartition": False, "num_workers": 2, "validation_indicator_col": "valid"}
    model = bi.ImbalancedSparkXGBClassifier(**settings, **SETTINGS).fit(parted(spark, schema, rows[:half], rows[half:]))
    alone = bi.ImbalancedXGBClassifier(n_jobs=1, **SETTINGS)
    alone.fit(X[:half], y[:half], eval_set=[(X[half:], y[half:])], verbose=False)
    assert np.array_equal(model.classifier.predict_proba(X), alone.predict_proba(X))
    judged, expected = model.classifier.evals_result_["validation"], alone.evals_result_["validation_0"]
    np.testing.assert_allclose(judged["log_loss"], expected["log_loss"], rtol=0, atol=2e-6)


LABELS = {"binary": "int", "several classes": "string", "several labels": "array<int>"}


@slow
def test_pipeline_search_save_and_load(spark, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.evaluation import BinaryClassificationEvaluator
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.tuning import CrossValidator, CrossValidatorModel, ParamGridBuilder

    X, y, _, _ = data("binary")
    rows = [(*map(float, x), int(label)) for x, label in zip(X, y, strict=True)]
    table = spark.createDataFrame(rows, ["a", "b", "c", "label"]).cache()
    estimator = bi.ImbalancedSparkXGBClassifier(
        num_workers=2, decision={"cost": [[0, 1], [8, 0]]}, sampling_rate={0: 0.5}, class_weight={1: 2.0},
        monotone_constraints=(1, 0, 0), xgb_params={"max_cached_hist_node": 100}, **SETTINGS,
    )  # fmt: skip
    pipeline = Pipeline(stages=[VectorAssembler(inputCols=["a", "b", "c"], outputCol="features"), estimator])
    losses = [focal_objective(gamma=1.0), weighted_objective(weights=None)]
    grid = ParamGridBuilder().addGrid(estimator.loss, [estimator.loss_json(loss) for loss in losses]).build()
    search = CrossValidator(
        estimator=pipeline, estimatorParamMaps=grid, evaluator=BinaryClassificationEvaluator(), numFolds=2, seed=0
    )
    found = search.fit(table)
    assert len(set(found.avgMetrics)) == 2
    best = found.bestModel.stages[-1]
    alone = bi.ImbalancedXGBClassifier(
        loss=losses[int(np.argmax(found.avgMetrics))], decision={"cost": [[0, 1], [8, 0]]}, sampling_rate={0: 0.5},
        class_weight={1: 2.0}, monotone_constraints=(1, 0, 0), n_jobs=1, **SETTINGS,
    ).fit(X, y)  # fmt: skip
    assert np.array_equal(best.classifier.predict_proba(X), alone.predict_proba(X))
    assert np.array_equal(best.classifier.predict(X), alone.predict(X))

    before = collected(found.transform(table), "probability")
    for name, saved, cls in [("search", found, CrossValidatorModel), ("pipeline", found.bestModel, PipelineModel)]:
        saved.write().overwrite().save(str(tmp_path / name))
        loaded = cls.load(str(tmp_path / name))
        assert np.array_equal(collected(loaded.transform(table), "probability"), before)
        stage = (loaded.bestModel if name == "search" else loaded).stages[-1]
        assert stage.classifier.loss_.copy(n_threads=1) == alone.loss_
        assert stage.getOrDefault("max_depth") == 3

    pipeline.write().overwrite().save(str(tmp_path / "untrained"))
    again = Pipeline.load(str(tmp_path / "untrained")).getStages()[-1]
    assert {p.name: v for p, v in again.extractParamMap().items() if v == v} == {
        p.name: v for p, v in estimator.extractParamMap().items() if v == v
    }

    # The plain model file and the classifier for one machine.
    best.classifier.save_model(tmp_path / "model.json")
    local = bi.ImbalancedXGBClassifier()
    local.load_model(tmp_path / "model.json")
    np.testing.assert_allclose(local.predict_proba(X), alone.predict_proba(X), atol=1e-6)


@slow
def test_columns_of_features_and_labels_by_name(spark):
    X, y, _, _ = data("several labels")
    rows = [(*map(float, x), *map(int, label)) for x, label in zip(X, y, strict=True)]
    rows[0] = (None, *rows[0][1:])
    table = spark.createDataFrame(rows, ["a", "b", "c", "p", "q"])
    model = bi.ImbalancedSparkXGBClassifier(
        features_col=["a", "b", "c"], label_col=["p", "q"], class_weight={"q": 3.0}, probability_col="",
        prediction_col="decided", **SETTINGS,
    ).fit(table)  # fmt: skip
    X[0, 0] = np.nan
    alone = bi.ImbalancedXGBClassifier(n_jobs=1, class_weight={1: {1: 3.0}}, **SETTINGS).fit(X, y)
    assert model.get_booster().feature_names == ["a", "b", "c"]
    frame_ = table.select("a", "b", "c").toPandas()
    assert np.array_equal(model.classifier.predict_proba(frame_), alone.predict_proba(X))
    assert model.transform(table).columns == [*table.columns, "rawPrediction", "decided"]
    assert np.array_equal(collected(model.transform(table), "decided"), alone.predict(X))


@slow
def test_rows_without_a_label_do_not_count(spark):
    X, y, _, _ = data("several classes")
    labels = [None if i % 7 == 0 else "?" if i % 11 == 0 else str(one) for i, one in enumerate(y)]
    table = spark.createDataFrame(list(zip(X.astype(float).tolist(), labels, strict=True)), ["features", "label"])
    model = bi.ImbalancedSparkXGBClassifier(missing_label="?", num_workers=2, **SETTINGS).fit(table)
    alone = bi.ImbalancedXGBClassifier(missing_label="?", n_jobs=1, **SETTINGS).fit(X, np.array(labels, object))
    assert np.array_equal(model.classifier.predict_proba(X), alone.predict_proba(X))


@slow
def test_a_loss_and_settings_that_cannot_be_had_are_refused_before_training(spark):
    Estimator = bi.ImbalancedSparkXGBClassifier
    for settings, words in [
        ({"objective": focal_objective()}, "give loss="),
        ({"n_jobs": 2}, "spark.task.cpus"),
        ({"max_dept": 3}, "did you mean max_depth"),
        ({"loss": focal_objective().fit([0, 1])}, r"give loss\.replace\(\)"),
        ({"loss": "focal"}, "no text of a loss"),
        ({"eval_metric": bi.metrics.f1()}, "give names"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            Estimator(**settings)
    X, y, weight, valid = data("binary")
    table = frame(spark, X, y, weight, valid)
    for settings, words in [
        ({"num_workers": 0}, "num_workers is 0"),
        ({"num_workers": 3, "repartition": False}, "2 partitions for 3 workers"),
        ({"tree_method": "exact"}, "give 'hist'"),
        ({"booster": "gblinear"}, "give 'gbtree'"),
        ({"early_stopping_rounds": 3}, "validation_indicator_col"),
        ({"decision": "f1"}, "validation_indicator_col"),
        ({"decision": {"top": 3}}, "rank them by the probability column"),
        ({"validation_indicator_col": "weight"}, "give a boolean column"),
        ({"features_col": "weight"}, "give a column of vectors"),
        ({"features_col": ["features"]}, "give numeric columns"),
        ({"class_weight": {7: 2.0}}, "not one of the classes 0, 1"),
        ({"decision": "f2"}, "decision is 'f2'"),
    ]:
        with pytest.raises((TypeError, ValueError), match=words):
            Estimator(**settings).fit(table)
    for change, words in [
        ("if(label = 1, null, label) as label", "one class only"),
        ("-weight as weight", "negative"),
        ("if(weight > 1, slice(features, 1, 2), features) as features", "2 to 3 features"),
        ("if(weight > 1, null, features) as features", "features_col is null"),
        ("if(valid, 2, label) as label", "not one of the classes"),
    ]:
        name = change.rpartition(" ")[2]
        others = [column for column in table.columns if column != name]
        with pytest.raises(ValueError, match=words):
            Estimator(weight_col="weight", validation_indicator_col="valid").fit(table.selectExpr(*others, change))


@slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_code_of_the_page_runs(spark, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "guide"}
    for block in python_blocks("docs/guide/spark.md"):
        exec(block, names)
    assert names["again"].stages[-1].getLoss() in [focal_objective(gamma=0.5), focal_objective(gamma=2.0)]
    y, calibrated = names["y"], names["calibrated"]
    assert abs(calibrated.mean() - y.mean()) < 0.01
    model, table = names["model"], names["frame"]
    assert np.array_equal(collected(model.transform(table), "probability"), names["probability"])


@slow
def test_a_worker_that_fails_ends_the_training(spark):
    from pyspark import BarrierTaskContext, TaskContext
    from pyspark.sql import functions

    X, y, _, _ = data("binary")

    @functions.udf("int")
    def label(value):
        context = TaskContext.get()
        if isinstance(context, BarrierTaskContext) and context.partitionId() == 1:
            raise RuntimeError("this worker is lost")
        return value

    table = frame(spark, X, y).withColumn("label", label("label"))
    estimator = bi.ImbalancedSparkXGBClassifier(num_workers=2, repartition=False, **SETTINGS)
    with pytest.raises(Exception, match="this worker is lost"):
        estimator.fit(table)
