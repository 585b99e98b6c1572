"""The classifier for XGBoost as an estimator of PySpark: training over the workers of a Spark cluster."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from pyspark import BarrierTaskContext
from pyspark.ml import Estimator, Model
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import (
    HasFeaturesCol,
    HasLabelCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
    HasValidationIndicatorCol,
    HasWeightCol,
)
from pyspark.ml.util import (
    DefaultParamsReadable,
    DefaultParamsReader,
    DefaultParamsWritable,
    DefaultParamsWriter,
    MLReadable,
    MLReader,
    MLWritable,
    MLWriter,
)
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import ArrayType, BooleanType, DecimalType, NumericType, StringType
from xgboost import Booster, DataIter, DMatrix, QuantileDMatrix, XGBClassifier, train
from xgboost.callback import EarlyStopping
from xgboost.collective import CommunicatorContext
from xgboost.tracker import RabitTracker

from boost_imbalance import metrics
from boost_imbalance.estimators import evaluation, internals, portable
from boost_imbalance.estimators.classifier import Prepared, Rows, default_loss
from boost_imbalance.estimators.decisions import Decision
from boost_imbalance.estimators.targets import Target
from boost_imbalance.estimators.xgboost import ImbalancedXGBClassifier, TrainingSettings
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.types import Array

if TYPE_CHECKING:
    from typing_extensions import Self

_FEATURES, _LABEL, _WEIGHT, _VALID = "features", "label", "weight", "valid"
_MOST_CLASSES = 10_000
_ELSEWHERE = {
    "objective": "give loss= an objective, such as focal_objective()",
    "n_jobs": "each worker has spark.task.cpus threads",
    "nthread": "each worker has spark.task.cpus threads",
    "callbacks": "they cannot be saved; early_stopping_rounds is a parameter",
    "device": "workers train on CPUs; on GPUs use xgboost.spark.SparkXGBClassifier(obj=objective)",
    "feature_weights": "it is not passed on",
    "enable_categorical": "mark categorical features by 'c' in feature_types",
    "decision_cv": "tuned decisions take the rows that validation_indicator_col marks",
}
"""Parameters of the classifier for one machine that this one does not have, and what to do instead."""
_COLUMNS = {
    "features_col": "featuresCol",
    "label_col": "labelCol",
    "weight_col": "weightCol",
    "validation_indicator_col": "validationIndicatorCol",
    "prediction_col": "predictionCol",
    "probability_col": "probabilityCol",
    "raw_prediction_col": "rawPredictionCol",
}
_OURS = {
    "decision": "How predictions are made from calibrated probabilities.",
    "prevalence": "Shares of the classes in the population that is predicted for.",
    "sampling_rate": "Share of the rows of each class that was kept for training.",
    "classes": "All classes, where the training rows may lack some.",
    "pos_label": "Of two classes, the one that F1, recall, a threshold and scale_pos_weight are about.",
    "missing_label": "A label that means no label, as null and NaN always do.",
    "class_weight": "'balanced', or a dict of weights by class.",
}


def _text_of_loss(value: Any) -> str:
    """A loss as JSON text; a text of one as it is."""
    if isinstance(value, str):
        try:
            portable.loss_from(json.loads(value))
        except (ValueError, KeyError, TypeError, LookupError) as error:
            raise TypeError(f"loss is {value!r}, no text of a loss ({error!r}); give an objective.") from None
        return value
    if not isinstance(value, Loss):
        raise TypeError(f"loss is {value!r}; give an objective of this package, for instance focal_objective(gamma=2.0).")
    if value.is_fitted:
        raise TypeError("loss has been fitted to labels, but fit counts those of the data frame; give loss.replace().")
    return json.dumps(portable.loss_parameters(value))


def _by_class(value: Any) -> Any:
    """A value of JSON's types; one whose keys are classes, which need not be strings, as pairs."""
    if isinstance(value, dict) and set(value) == {"by_class"}:  # of JSON's types already
        return value
    return portable.plain(dict(value.items()) if hasattr(value, "items") else value)


def _by_name(value: Any) -> Any:
    """A value of JSON's types; one whose keys are names stays a dict."""
    return {name: portable.plain(one) for name, one in value.items()} if hasattr(value, "items") else portable.plain(value)


def _plain_metrics(value: Any) -> Any:
    """``eval_metric``, checked; it consists of names, so that it can be saved."""
    _metrics(value)
    return value


def _metrics(value: Any) -> list[Any]:
    """Metrics by their names: this package's as objects, XGBoost's own as they are."""
    found: list[Any] = []
    for one in list(value) if isinstance(value, (list, tuple)) else [value]:
        if not isinstance(one, (str, dict)):
            raise TypeError(
                f"eval_metric holds {one!r}, which cannot be saved; give names, such as 'average_precision', or a name with "
                f"its arguments, such as {{'recall_at': {{'top': 0.01}}}}."
            )
        for name, arguments in [(one, {})] if isinstance(one, str) else one.items():
            found.append(getattr(metrics, name)(**arguments) if name in set(metrics.__all__) - {"Metric"} else name)
    return evaluation.requested(found)


def _param(name: str, doc: str, converter: Callable[[Any], Any]) -> Any:
    return Param(Params._dummy(), name, doc, converter)


class _SparkParams(
    HasFeaturesCol,
    HasLabelCol,
    HasWeightCol,
    HasValidationIndicatorCol,
    HasPredictionCol,
    HasProbabilityCol,
    HasRawPredictionCol,
):
    """The parameters of estimator and model: columns, the loss, what is done with probabilities, and XGBoost's own."""

    features_cols = _param("features_cols", "Names of numeric feature columns.", TypeConverters.toListString)
    label_cols = _param("label_cols", "Names of the columns of several labels.", TypeConverters.toListString)
    num_workers = _param("num_workers", "Number of workers; each is one Spark task.", TypeConverters.toInt)
    repartition = _param("repartition", "Shuffle the rows over the workers at random.", TypeConverters.toBoolean)
    loss = _param("loss", "The loss, as JSON text; an objective is made one.", _text_of_loss)
    eval_metric = _param("eval_metric", "Names of the metrics of the validation rows.", _plain_metrics)
    xgb_params = _param("xgb_params", "Further parameters of xgboost.train.", _by_name)

    def _col(self, param: Any) -> str | None:
        return self.getOrDefault(param) or None if self.isDefined(param) else None

    def getLoss(self) -> Loss:  # noqa: N802 -- as Spark names them
        """The loss as an object."""
        text = self.getOrDefault("loss")
        return default_loss() if text is None else portable.loss_from(json.loads(text))


_XGBOOST: dict[str, Any] = {
    name: value for name, value in XGBClassifier().get_params().items() if name not in {*_ELSEWHERE, "eval_metric"}
}
"""XGBoost's own parameters, with their defaults."""

for _name in _OURS:
    setattr(_SparkParams, _name, _param(_name, _OURS[_name], _by_name if _name == "decision" else _by_class))
for _name in _XGBOOST:
    setattr(_SparkParams, _name, _param(_name, f"{_name} of xgboost.XGBClassifier.", _by_name))


class ImbalancedSparkXGBClassifier(_SparkParams, Estimator, DefaultParamsReadable, DefaultParamsWritable):
    """XGBoost's training over Spark workers with a loss for imbalanced data: binary, multi-class and multi-label tasks.

    An estimator of PySpark ML, for pipelines and cross-validation, which is saved and loaded with its loss. Class counts are
    those of all workers, from one aggregation, and so are the metrics of the validation rows.

    Parameters
    ----------
    features_col : str or list of str
        A column of vectors or arrays, or numeric columns.
    label_col : str or list of str
        Numbers, strings or booleans; two columns or more, or a column of arrays or vectors, are a multi-label task of zeros
        and ones. A row whose label is null or NaN does not count.
    weight_col : str, optional
    validation_indicator_col : str, optional
        A boolean column; rows where it is true are judged by ``eval_metric``, and not trained on.
    prediction_col, probability_col, raw_prediction_col : str
        Columns that ``transform`` adds: decisions, calibrated probabilities of ``classes_``, and margins. ``""``: none.
        Decisions are numbers of type double, strings where the labels are, or arrays where there are several labels.
    num_workers : int
        Each is a task of one barrier stage, so there must be as many free slots.
    repartition : bool
        Shuffle the rows over the workers at random. False: each worker has a partition of the data frame as it is, of which
        there must be ``num_workers``, and Spark refuses frames from ``union`` and ``coalesce``.
    loss : Objective or str, optional
        As of :class:`ImbalancedXGBClassifier`, or the JSON text of :meth:`loss_json`.
    decision, prevalence, sampling_rate, classes, pos_label, missing_label, class_weight
        As of :class:`ImbalancedXGBClassifier`. A rule that is tuned takes the validation rows, whose margins are collected.
    eval_metric : str, dict or list, optional
        Names of metrics, of this package or XGBoost's own, such as ``"average_precision"``; or with arguments,
        ``{"recall_at": {"top": 0.01}}``. Early stopping goes by the last. Default: log loss of calibrated probabilities.
    early_stopping_rounds : int, optional
    xgb_params : dict, optional
        Parameters of ``xgboost.train`` that :class:`xgboost.XGBClassifier` does not name.
    **kwargs
        Parameters of :class:`xgboost.XGBClassifier`, such as ``n_estimators`` and ``max_depth``.

    Notes
    -----
    Workers need this package too. They train by ``xgboost.train`` in a barrier stage, joined by ``xgboost.collective``; the
    rows of a worker lie in its memory, features as float32. Parameters of the loss cannot be searched by name: give
    ``ParamGridBuilder().addGrid(estimator.loss, [...])`` whole ones.

    Examples
    --------
    >>> from boost_imbalance import ImbalancedSparkXGBClassifier, focal_objective
    >>> estimator = ImbalancedSparkXGBClassifier(loss=focal_objective(gamma=2.0), num_workers=4, max_depth=3)
    >>> estimator.getLoss()
    focal_objective(gamma=2.0)

    With a data frame that has the columns ``features`` and ``label``, ``estimator.fit(frame).transform(frame)`` adds
    ``rawPrediction``, ``probability`` and ``prediction``; the guide's page on Spark has all of it.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        defaults = {**_XGBOOST, **dict.fromkeys(_OURS), "decision": "posterior", "missing_label": float("nan")}
        others = dict.fromkeys(("loss", "eval_metric", "xgb_params", "features_cols", "label_cols"))
        self._setDefault(num_workers=1, repartition=True, **defaults, **others)
        self.setParams(**kwargs)

    def setParams(self, **kwargs: Any) -> Self:  # noqa: N802 -- as Spark names them
        """Set parameters, by the names of the constructor."""
        for name, value in kwargs.items():
            if name in _ELSEWHERE:
                raise TypeError(f"{name} is no parameter of ImbalancedSparkXGBClassifier; {_ELSEWHERE[name]}.")
            if name in ("features_col", "label_col") and isinstance(value, (list, tuple)):
                self._set(**{f"{name}s": list(value)})
            elif self.hasParam(known := _COLUMNS.get(name, name)):
                self._set(**{known: value})
            else:
                near = difflib.get_close_matches(name, [*_COLUMNS, *(param.name for param in self.params)], 1)
                hint = f"did you mean {near[0]}?" if near else "parameters of xgboost.train alone go into xgb_params={...}."
                raise TypeError(f"{name} is no parameter of ImbalancedSparkXGBClassifier; {hint}")
        return self

    @staticmethod
    def loss_json(loss: Loss) -> str:
        """A loss as the text that ``loss`` also takes: for grids of a ``CrossValidator`` that is to be saved.

        Examples
        --------
        >>> from boost_imbalance import ImbalancedSparkXGBClassifier, poly1_objective
        >>> ImbalancedSparkXGBClassifier.loss_json(poly1_objective(epsilon=2.0))[:56]
        '{"constructor": "poly1_objective", "parameters": {"epsil'
        """
        return _text_of_loss(loss)

    def _classifier(self) -> ImbalancedXGBClassifier:
        """The classifier for one machine with the same parameters."""
        given = {name: self.getOrDefault(name) for name in _XGBOOST if self.isSet(self.getParam(name))}
        given |= {name: self.getOrDefault(name) for name in ("decision", "pos_label", "missing_label")}
        for name in ("prevalence", "sampling_rate", "classes", "class_weight"):
            given[name] = portable.from_plain(self.getOrDefault(name))
        if isinstance(given.get("monotone_constraints"), list):
            given["monotone_constraints"] = tuple(given["monotone_constraints"])  # XGBoost takes no lists there
        categorical = given.get("feature_types") is not None
        further = self.getOrDefault("xgb_params") or {}
        return ImbalancedXGBClassifier(loss=self.getLoss(), enable_categorical=categorical, **given, **further)

    def _fit(self, dataset: DataFrame) -> ImbalancedSparkXGBClassifierModel:
        classifier, has_valid = self._classifier(), self._col(self.validationIndicatorCol) is not None
        self._check(classifier, has_valid)
        table = self._table(dataset)
        counted = _counted(table, has_valid, classifier.missing_label)
        threads = _threads(dataset)
        prepared = _prepared(classifier, counted, self.getOrDefault("label_cols"))
        given = self.getOrDefault("eval_metric")
        chosen = (evaluation.default() if given is None else _metrics(given)) if has_valid else []
        training = TrainingSettings.of(prepared, chosen, classifier.base_score is None)
        worker = _Worker(
            target=prepared.target,
            loss=prepared.loss.copy(n_threads=prepared.loss.parameters["n_threads"] or threads),
            params={**classifier.get_xgb_params(), **training.params, "nthread": threads},
            rounds=classifier.get_num_boosting_rounds(),
            metric=training.metric,
            stopping=_stopping(classifier.early_stopping_rounds, chosen),
            n_features=counted.n_features,
            data={
                "feature_names": self.getOrDefault("features_cols"),
                "feature_types": classifier.feature_types,
                "enable_categorical": classifier.enable_categorical,
                "missing": classifier.missing,
                "nthread": threads,
            },
            weighted=_WEIGHT in table.columns,
            has_valid=has_valid,
        )
        text, raw = self._trained(table, worker)
        fitted = _fitted(classifier, prepared, Booster(model_file=bytearray(raw)), self._classifier())
        if has_valid:
            fitted.evals_result_ = json.loads(text)
        fitted._check_splits(prepared)
        model: ImbalancedSparkXGBClassifierModel = self._copyValues(ImbalancedSparkXGBClassifierModel(fitted))
        model._resetUid(self.uid)
        if Decision.of(classifier.decision).is_tuned:
            model.tune_decision(dataset.where(sf.col(self.getValidationIndicatorCol())))
        return model

    def _check(self, classifier: ImbalancedXGBClassifier, has_valid: bool) -> None:
        """Refuse early what workers would find out late."""
        if self.getOrDefault("num_workers") < 1:
            raise ValueError(f"num_workers is {self.getOrDefault('num_workers')}; give at least 1.")
        if classifier.tree_method == "exact":
            raise ValueError("tree_method is 'exact', which XGBoost does not have for several workers; give 'hist'.")
        if classifier.booster == "gblinear":
            raise ValueError("booster is 'gblinear', but the workers train trees; give 'gbtree' or 'dart'.")
        decision = Decision.of(classifier.decision)
        if decision.kind == "top":
            raise ValueError(
                f"decision is {classifier.decision!r}, but transform sees a part of the rows at a time; rank them by the "
                f"probability column."
            )
        for name, needed in (
            ("early_stopping_rounds", classifier.early_stopping_rounds is not None),
            ("eval_metric", self.getOrDefault("eval_metric") is not None),
            ("decision", decision.is_tuned),
        ):
            if needed and not has_valid:
                raise ValueError(
                    f"{name} is {self.getOrDefault(name)!r}, which takes validation rows; mark them by a boolean column "
                    f"validation_indicator_col."
                )

    def _table(self, dataset: DataFrame) -> DataFrame:
        """Features, labels, weights and indicator alone, under names of our own."""
        columns = [_features(self, dataset).alias(_FEATURES), _labels(self, dataset).alias(_LABEL)]
        if weight := self._col(self.weightCol):
            columns.append(sf.col(weight).cast("double").alias(_WEIGHT))
        if valid := self._col(self.validationIndicatorCol):
            if not isinstance(dataset.schema[valid].dataType, BooleanType):
                raise TypeError(
                    f"validation_indicator_col {valid!r} is of type {dataset.schema[valid].dataType.simpleString()}; "
                    f"give a boolean column."
                )
            columns.append(sf.coalesce(sf.col(valid), sf.lit(False)).alias(_VALID))
        return dataset.select(*columns)

    def _trained(self, table: DataFrame, worker: _Worker) -> tuple[str, bytes]:
        workers = self.getOrDefault("num_workers")
        if self.getOrDefault("repartition"):
            table = table.repartition(workers, sf.rand(1))
        elif (parts := table.rdd.getNumPartitions()) != workers:
            raise ValueError(f"repartition is False, but there are {parts} partitions for {workers} workers; give True.")
        rows = table.mapInPandas(worker, "history string, model binary", barrier=True).collect()
        return rows[0]["history"], bytes(rows[0]["model"])


class ImbalancedSparkXGBClassifierModel(_SparkParams, Model, MLReadable[Any], MLWritable):
    """What :meth:`ImbalancedSparkXGBClassifier.fit` returns.

    Attributes
    ----------
    classifier : ImbalancedXGBClassifier
        The same model for one machine: ``predict_proba``, ``save_model``, ``to_onnx`` and everything else. Its ``decision``,
        ``prevalence`` and ``sampling_rate`` may be set, and ``transform`` follows.
    """

    def __init__(self, classifier: ImbalancedXGBClassifier | None = None) -> None:
        super().__init__()
        self._setDefault(features_cols=None, label_cols=None)
        self.classifier: Any = classifier

    def get_booster(self) -> Booster:
        """The plain XGBoost model."""
        booster: Booster = self.classifier.get_booster()
        return booster

    def copy(self, extra: Any = None) -> ImbalancedSparkXGBClassifierModel:
        """A copy with other columns; the classifier is the same."""
        made: ImbalancedSparkXGBClassifierModel = self._copyValues(ImbalancedSparkXGBClassifierModel(self.classifier), extra)
        made._resetUid(self.uid)
        return made

    def tune_decision(self, dataset: DataFrame) -> ImbalancedSparkXGBClassifierModel:
        """Choose the thresholds of ``classifier.decision`` on rows that the model has not been trained on.

        Their margins, labels and weights are collected: some 20 bytes for each row.

        Parameters
        ----------
        dataset : pyspark.sql.DataFrame

        Returns
        -------
        ImbalancedSparkXGBClassifierModel
            The model itself.
        """
        weight = self._col(self.weightCol)
        wanted = [_labels(self, dataset).alias(_LABEL), *([sf.col(weight).alias(_WEIGHT)] if weight else [])]
        margins = _scored(self.classifier, _features(self, dataset), decide=False)["margin"].alias("margin")
        found = dataset.select(margins, *wanted).toPandas()
        margin = np.stack(found["margin"].to_list()).astype(np.float32)
        margin = margin[:, 0] if margin.shape[1] == 1 else margin
        label, several = found[_LABEL], self.classifier._target.task is Task.MULTILABEL
        y = np.stack(label.to_list()) if several else label.to_numpy()
        judge = _OfMargins()
        judge.__dict__.update(self.classifier.__dict__)
        self.classifier._tuned = judge.tune_decision(margin, y, found[_WEIGHT].to_numpy() if weight else None)._tuned
        return self

    def _transform(self, dataset: DataFrame) -> DataFrame:
        target, name = self.classifier._target, "__boost_imbalance"
        _ = self.classifier.thresholds_  # a rule that has not been tuned says so here
        out = dataset.withColumn(name, _scored(self.classifier, _features(self, dataset)))
        margin = sf.col(f"{name}.margin")
        if target.task is Task.BINARY:
            margin = sf.array(-margin[0], margin[0])
        for param, value in (
            (self.rawPredictionCol, array_to_vector(margin)),
            (self.probabilityCol, array_to_vector(sf.col(f"{name}.probability"))),
            (self.predictionCol, sf.col(f"{name}.prediction")),
        ):
            if column := self._col(param):
                out = out.withColumn(column, value)
        return out.drop(name)

    def write(self) -> MLWriter:
        """What writes the model: parameters as Spark does, and XGBoost's model file beside them."""
        return _ModelWriter(self)

    @classmethod
    def read(cls) -> MLReader[Any]:
        """What reads the model."""
        return _ModelReader()


class _OfMargins(ImbalancedXGBClassifier):
    """A classifier whose rows are given by their margins."""

    def predict_proba(self, X: Any, *others: Any, **options: Any) -> Array:
        return self._probability(X, True)


class _ModelWriter(MLWriter):
    def __init__(self, model: ImbalancedSparkXGBClassifierModel) -> None:
        super().__init__()
        self.model = model

    def saveImpl(self, path: str) -> None:  # noqa: N802 -- as Spark names it
        DefaultParamsWriter.saveMetadata(self.model, path, self.sc)
        frame = self.sparkSession.createDataFrame([(_file_of(self.model.classifier),)], "model binary")
        frame.coalesce(1).write.parquet(os.path.join(path, "model"))


class _ModelReader(MLReader[Any]):
    def load(self, path: str) -> ImbalancedSparkXGBClassifierModel:
        metadata = DefaultParamsReader.loadMetadata(path, self.sc)
        raw = self.sparkSession.read.parquet(os.path.join(path, "model")).collect()[0]["model"]
        model = ImbalancedSparkXGBClassifierModel(ImbalancedXGBClassifier())
        model._resetUid(metadata["uid"])
        DefaultParamsReader.getAndSetParams(model, metadata)
        model.classifier.load_model(bytearray(raw))
        return model


# Columns -----------------------------------------------------------------------------------------------------------------


def _features(params: _SparkParams, dataset: DataFrame) -> Column:
    """The features of a row as an array of float; a null in it is a missing feature."""
    names = params.getOrDefault("features_cols")
    if names:
        for name in names:
            kind = dataset.schema[name].dataType
            if not isinstance(kind, (NumericType, BooleanType)):
                raise TypeError(f"features_col names {name!r}, of type {kind.simpleString()}; give numeric columns.")
        return sf.array(*[sf.coalesce(sf.col(name).cast("float"), sf.lit(float("nan"))) for name in names])
    name = params.getFeaturesCol()
    if isinstance(kind := dataset.schema[name].dataType, VectorUDT):
        return vector_to_array(sf.col(name), dtype="float32")
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, NumericType):
        return sf.col(name).cast("array<float>")
    raise TypeError(
        f"features_col {name!r} is of type {kind.simpleString()}; give a column of vectors or of arrays of numbers, or a "
        f"list of numeric columns."
    )


def _labels(params: _SparkParams, dataset: DataFrame) -> Column:
    """The label of a row, or its labels as an array."""
    names = params.getOrDefault("label_cols")
    if names:
        return sf.array(*[sf.col(name).cast("double") for name in names])
    name = params.getLabelCol()
    if isinstance(kind := dataset.schema[name].dataType, VectorUDT):
        return vector_to_array(sf.col(name))
    if isinstance(kind, ArrayType):
        return sf.col(name).cast("array<double>")
    if isinstance(kind, DecimalType):
        return sf.col(name).cast("double")
    if isinstance(kind, (NumericType, BooleanType, StringType)):
        return sf.col(name)
    raise TypeError(f"label_col {name!r} is of type {kind.simpleString()}; give numbers, strings or booleans.")


def _scored(classifier: ImbalancedXGBClassifier, features: Column, decide: bool = True) -> Column:
    """Margins, calibrated probabilities and decisions of rows, as a column of structures."""
    target = classifier._target
    several, text = target.task is Task.MULTILABEL, target.dtype.kind in "UO"
    decided = "array<double>" if several else "string" if text else "double"

    schema = "margin array<double>, probability array<double>" + f", prediction {decided}" * decide

    @sf.pandas_udf(schema)  # type: ignore[untyped-decorator]  # PySpark has no types for it
    def score(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            margin = classifier._margin(np.stack(batch.to_list()), False, None, None)
            probability = classifier._probability(margin, True)
            columns = {
                "margin": list(margin.reshape(len(margin), -1).astype(np.float64)),
                "probability": list(probability.astype(np.float64)),
            }
            if decide:
                found = classifier._decide(probability)
                columns["prediction"] = list(found if text else found.astype(np.float64))
            yield pd.DataFrame(columns)

    return score(features)


# Counts ------------------------------------------------------------------------------------------------------------------


class _Counted(NamedTuple):
    """Rows of the training, by class, or by label of several."""

    label: Array
    """The classes; of several labels, a row of zeros and one of ones."""
    ones: Array
    """Number of rows of each class, or of 1 in each label."""
    totals: Array
    """The sums of their weights."""
    rows: int
    mass: float
    several: bool
    n_features: int
    judged: list[Any]
    """Labels of the validation rows."""


def _counted(table: DataFrame, has_valid: bool, missing_label: Any) -> _Counted:
    """Class counts, by one aggregation, which also checks what the workers will read."""
    several = isinstance(table.schema[_LABEL].dataType, ArrayType)
    weight = sf.col(_WEIGHT) if _WEIGHT in table.columns else sf.lit(1.0)
    bad_weight = sf.coalesce(~((weight >= 0) & (weight < float("inf"))), sf.lit(True))
    valid = sf.col(_VALID) if has_valid else sf.lit(False)
    sums = {
        "n": sf.count(sf.lit(1)),
        "mass": sf.sum(weight),
        "bad_weight": sf.sum(bad_weight.cast("int")),
        "without": sf.sum(sf.col(_FEATURES).isNull().cast("int")),
        "narrow": sf.min(sf.size(_FEATURES)),
        "wide": sf.max(sf.size(_FEATURES)),
    }
    by: list[Any] = [valid.alias(_VALID)]
    if several:
        sums["columns"], sums["fewest"] = sf.max(sf.size(_LABEL)), sf.min(sf.size(_LABEL))
        wrong = sf.exists(_LABEL, lambda one: sf.coalesce((one != 0) & (one != 1), sf.lit(True)))
        sums["wrong"] = sf.sum(sf.coalesce(wrong, sf.lit(True)).cast("int"))
        columns = len(table.select(_LABEL).first()[0]) if not table.isEmpty() else 0
        for k in range(columns):
            one = sf.coalesce(sf.col(_LABEL)[k], sf.lit(0.0))
            sums[f"ones{k}"], sums[f"totals{k}"] = sf.sum(one), sf.sum(one * weight)
    else:
        by.append(sf.col(_LABEL))
    aggregated = table.groupBy(*by).agg(*[value.alias(name) for name, value in sums.items()])
    found = aggregated.limit(_MOST_CLASSES + 1).collect()
    if len(found) > _MOST_CLASSES:
        raise ValueError(f"label_col has more than {_MOST_CLASSES} different values; give class labels.")
    if not several:
        found = [row for row in found if not _is_missing(row[_LABEL], missing_label)]
    _check_counted(found, several)
    training = [row for row in found if not row[_VALID]]
    if not training:
        raise ValueError("the data frame has no row with a label to train on; validation rows are not trained on.")
    rows, mass = sum(row["n"] for row in training), float(sum(row["mass"] for row in training))
    if several:
        ones, totals = (np.array([training[0][f"{name}{k}"] for k in range(columns)], float) for name in ("ones", "totals"))
        label = np.repeat([[0], [1]], columns, axis=1)
    else:
        training.sort(key=lambda row: row[_LABEL])
        label = np.array([row[_LABEL] for row in training])
        ones, totals = (np.array([row[name] for row in training], float) for name in ("n", "mass"))
    judged = [] if several else [row[_LABEL] for row in found if row[_VALID]]
    return _Counted(label, ones, totals, rows, mass, several, int(training[0]["narrow"]), judged)


def _check_counted(found: Sequence[Any], several: bool) -> None:
    for row in found:
        if row["bad_weight"]:
            raise ValueError(f"weight_col is null, negative or infinite in {row['bad_weight']} rows; give finite weights.")
        if row["without"]:
            raise ValueError(f"features_col is null in {row['without']} rows; fill them, or leave those rows out.")
        if several and row["wrong"]:
            raise ValueError(
                f"label_col holds something else than 0 and 1 in {row['wrong']} rows; several labels are zeros and ones, "
                f"and none may be missing here."
            )
        if several and row["fewest"] != row["columns"]:
            raise ValueError(f"label_col has {row['fewest']} to {row['columns']} labels; each row needs as many.")
    sizes = {row[name] for row in found for name in ("narrow", "wide")}
    if len(sizes) > 1:
        raise ValueError(f"features_col has {min(sizes)} to {max(sizes)} features; each row needs as many.")


def _is_missing(label: Any, missing_label: Any) -> bool:
    return label is None or label != label or label == missing_label


def _prepared(classifier: ImbalancedXGBClassifier, counted: _Counted, names: Any) -> Prepared:
    """What ``fit`` on one machine would find: one row of each class, weighted, stands for all of them."""
    mass = np.full(len(counted.totals), counted.mass)
    weight = np.stack([mass - counted.totals, counted.totals]) if counted.several else counted.totals
    weighing = {"class_weight": classifier.class_weight, "scale_pos_weight": classifier.scale_pos_weight}
    prepared = classifier._prepare(counted.label, weight, Rows(None, 0, list(names or [])), weighing, None)
    target = prepared.target
    if counted.judged:
        target.encode(np.array(counted.judged), "label_col of the validation rows")
    ones, totals = counted.ones, counted.totals
    if target.task is not Task.MULTILABEL:
        code = target.encode(counted.label, "label_col")[0].astype(np.intp)
        ones, totals = (np.bincount(code, sums, len(target.classes)) for sums in (ones, totals))
        if target.task is Task.BINARY:
            ones, totals = ones[1:], totals[1:]
    counts = Counts(target.task, ones, totals, counted.rows, np.full(len(ones), counted.mass))
    return prepared._replace(loss=prepared.loss.replace().fit_counts(counts))


# Training ----------------------------------------------------------------------------------------------------------------


def _threads(dataset: DataFrame) -> int:
    return int(dataset.sparkSession.conf.get("spark.task.cpus", "1") or 1)


def _stopping(rounds: int | None, chosen: list[Any]) -> dict[str, Any] | None:
    if rounds is None:
        return None
    last = chosen[-1]
    return {"rounds": rounds, "metric_name": last if isinstance(last, str) else last.__name__, "data_name": "validation"}


@dataclass
class _Worker:
    """What one Spark task does: reads its rows, and trains together with the others."""

    target: Target
    loss: Loss
    params: dict[str, Any]
    rounds: int
    metric: Any
    stopping: dict[str, Any] | None
    n_features: int
    data: dict[str, Any]
    weighted: bool
    has_valid: bool

    def __call__(self, batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """Rows of one partition; the first worker gives the history of the metrics, and the model."""
        context: Any = BarrierTaskContext.get()
        rank, tracker = context.partitionId(), None
        tasks = context.getTaskInfos()
        if rank == 0:  # here and not on the driver, so that a stage that is tried again has one of its own
            tracker = RabitTracker(len(tasks), host_ip=tasks[0].address.rpartition(":")[0], sortby="task")
            tracker.start()
        arguments = json.loads(context.allGather(json.dumps(tracker.worker_args() if tracker else None))[0])
        with CommunicatorContext(**arguments, dmlc_task_id=str(rank)):
            history, booster = self._train(*self._rows(batches))
        if tracker is not None:
            tracker.wait_for()
            yield pd.DataFrame({"history": [json.dumps(history)], "model": [bytes(booster.save_raw("ubj"))]})

    def _rows(self, batches: Iterator[pd.DataFrame]) -> tuple[_Part, _Part]:
        parts = _Part([]), _Part([])
        for batch in batches:
            valid = batch[_VALID].to_numpy(bool) if self.has_valid else np.zeros(len(batch), bool)
            X = np.stack(batch[_FEATURES].to_list()).astype(np.float32, copy=False) if len(batch) else None
            if X is None:
                continue
            several = self.target.task is Task.MULTILABEL
            y = np.stack(batch[_LABEL].to_list()) if several else batch[_LABEL].to_numpy()
            label, observed = self.target.encode(y, "label_col")
            weight = batch[_WEIGHT].to_numpy(np.float32) if self.weighted else None
            for part, rows in zip(parts, (~valid, valid), strict=True):
                rows = rows if observed is None else rows & observed
                if rows.any():
                    part.blocks.append((X[rows], label[rows], None if weight is None else weight[rows]))
        return parts

    def _train(self, training: _Part, validation: _Part) -> tuple[dict[str, Any], Booster]:
        several = self.target.columns if self.target.task is Task.MULTILABEL else None
        for part in (training, validation):
            if not part.blocks:  # a worker without rows takes part all the same
                shape = (0,) if several is None else (0, several)
                none = np.empty(0, np.float32) if self.weighted else None
                part.blocks.append((np.empty((0, self.n_features), np.float32), np.empty(shape, np.float32), none))
        hist = self.params.get("tree_method") in (None, "auto", "hist")
        made = self._quantiles(training) if hist else self._matrix(training)
        evals = []
        if self.has_valid:
            other = self._quantiles(validation, made) if hist else self._matrix(validation)
            evals = [(internals.with_labels_at_hand(other), "validation")]
        history: dict[str, Any] = {}
        booster = train(
            self.params, internals.with_labels_at_hand(made), self.rounds, obj=self.loss, custom_metric=self.metric,
            evals=evals, evals_result=history, verbose_eval=False,
            callbacks=[EarlyStopping(**self.stopping)] if self.stopping else None,
        )  # fmt: skip
        return history, booster

    def _quantiles(self, part: _Part, ref: DMatrix | None = None) -> DMatrix:
        bins = {} if self.params.get("max_bin") is None else {"max_bin": self.params["max_bin"]}
        named = {name: self.data[name] for name in ("feature_names", "feature_types")}
        others = {name: self.data[name] for name in ("missing", "nthread", "enable_categorical")}
        return QuantileDMatrix(_Blocks(part.blocks, named), ref=ref, **others, **bins)

    def _matrix(self, part: _Part) -> DMatrix:
        X, label, weight = zip(*part.blocks, strict=True)
        weights = None if weight[0] is None else np.concatenate(weight)
        return DMatrix(np.concatenate(X), np.concatenate(label), weight=weights, **self.data)


@dataclass
class _Part:
    """The rows of a worker for training, or for validation: blocks of features, labels and weights."""

    blocks: list[tuple[Array, Array, Array | None]]


class _Blocks(DataIter):
    """Hands the blocks over one by one, so that they need not lie in memory twice."""

    def __init__(self, blocks: list[Any], named: dict[str, Any]) -> None:
        self.blocks, self.named, self.position = blocks, named, 0
        super().__init__(release_data=True)

    def next(self, input_data: Callable[..., Any]) -> bool:
        """The next block, if there is one."""
        if self.position == len(self.blocks):
            return False
        X, label, weight = self.blocks[self.position]
        input_data(data=X, label=label, weight=weight, **self.named)
        self.position += 1
        return True

    def reset(self) -> None:
        """Begin anew."""
        self.position = 0


def _fitted(
    classifier: ImbalancedXGBClassifier, prepared: Prepared, booster: Booster, fitted: ImbalancedXGBClassifier
) -> ImbalancedXGBClassifier:
    """A classifier as its own ``fit`` on one machine would leave it, by way of its model file."""
    classifier._finish(prepared, None)
    classifier.n_classes_ = len(prepared.target.classes)
    internals.set_booster(classifier, booster)
    fitted.load_model(bytearray(_file_of(classifier)))
    return fitted


def _file_of(classifier: ImbalancedXGBClassifier) -> bytes:
    """The model file with the record of the classifier; unlike ``save_model``'s with all rounds, and margins as they are."""
    booster = classifier.get_booster().copy()
    meta = json.dumps({"_estimator_type": "classifier"})
    booster.set_attr(**{"scikit_learn": meta, internals.RECORD: portable.record(classifier, None)})
    return bytes(booster.save_raw("ubj"))
