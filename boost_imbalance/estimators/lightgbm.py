"""The classifier for LightGBM."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import joblib
import lightgbm
import numpy as np
from lightgbm import LGBMClassifier, LGBMModel
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from boost_imbalance.estimators import advice, evaluation, internals, portable
from boost_imbalance.estimators.classifier import (
    OWN,
    ImbalancedClassifier,
    Prepared,
    check_keywords,
    is_frame,
    total_hessian,
)
from boost_imbalance.estimators.documentation import documented
from boost_imbalance.estimators.targets import collected, weights_of
from boost_imbalance.libraries.lightgbm import constant_model, with_link
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import (
    Array,
    ArrayLike,
    ClassWeight,
    CrossValidation,
    DecisionLike,
    EvalMetric,
    FeaturesLike,
    FloatArray,
    Label,
    LabelsLike,
    PathLike,
    Prevalence,
)

if TYPE_CHECKING:
    from typing_extensions import Self

_ATTRIBUTE = "\nboost_imbalance="
IMBALANCE = ("scale_pos_weight", "is_unbalance", "unbalance", "unbalanced_sets")
METRIC = ("metric", "metrics", "metric_types")
_NUM_CLASS = ("num_class", "num_classes")
_BAGGING = tuple(
    f"{sign}_{name}" for sign in ("pos", "neg") for name in ("bagging_fraction", "bagging", "subsample", "sub_row")
)
LINEAR = ("linear_tree", "linear_trees")
_BOOSTING = ("boosting_type", "boosting", "boost")
NO_METRIC = ("None", "none", "", "na", "null", "custom")
_OF_RAW_SCORES = {
    Task.BINARY: ("auc", "average_precision"),
    Task.MULTICLASS: ("auc_mu", "multi_error"),
    Task.MULTILABEL: (),
}
"""Metrics of LightGBM's own that mean the same of raw scores as of probabilities."""
_CROSS_ENTROPY = re.compile(r"|cross_entropy|(binary|multiclass|multiclassova)( num_class:\d+)?( sigmoid:1)?")
_LEAVES = re.compile(r"\nnum_leaves=(\d+)")
_FEW_ROWS = 1000
_SMALLEST_HESSIAN = (
    "min_child_weight",
    "min_sum_hessian_in_leaf",
    "min_sum_hessian_per_leaf",
    "min_sum_hessian",
    "min_hessian",
)
_SMALLEST_GAIN = ("min_split_gain", "min_gain_to_split")
_SMALLEST_LEAF = ("min_child_samples", "min_data_in_leaf", "min_data_per_leaf", "min_data")
_THREADS = ("num_threads", "num_thread", "nthread", "nthreads", "n_jobs")


class _Trained(LGBMModel):
    """Comes after ``LGBMClassifier`` in the order of inheritance: its ``fit`` finds here what trains.

    So LightGBM's own fit runs for the classifier itself, and whoever watches it finds a model that is complete.
    """

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train as the classifier's ``fit`` has prepared it."""
        train: Callable[[], None] | None = self.__dict__.pop("_train", None)
        if train is None:
            return super().fit(*args, **kwargs)
        train()
        return self


@documented
class ImbalancedLGBMClassifier(ImbalancedClassifier, LGBMClassifier, _Trained):
    """LightGBM's classifier with a loss for imbalanced data, for binary, multi-class and multi-label tasks.

    A multi-label task is one model with one tree per label and round, on features that are binned once.

    {parameters}
    **kwargs
        Everything that :class:`lightgbm.LGBMClassifier` takes, except ``objective``.

    {attributes}

    Notes
    -----
    ``class_weight`` and ``scale_pos_weight`` become part of the loss. In a multi-label task ``class_weight`` is by label,
    named by its column number or, in a data frame, its column: a number is the weight of 1, a dict has those of 0 and 1. A
    list has an entry for each label. Training begins at the loss's own start, which is part of the first tree, or with
    ``linear_tree`` a tree and an iteration of its own.

    {example}
    """

    def __init__(
        self,
        *,
        loss: Loss | None = None,
        decision: DecisionLike = "posterior",
        decision_cv: CrossValidation = 5,
        prevalence: Prevalence = None,
        sampling_rate: Prevalence = None,
        classes: LabelsLike | None = None,
        pos_label: Label | None = None,
        missing_label: Label | None = np.nan,
        **kwargs: Any,
    ) -> None:
        check_keywords(kwargs)
        super().__init__(**kwargs)
        self.loss = loss
        self.decision = decision
        self.decision_cv = decision_cv
        self.prevalence = prevalence
        self.sampling_rate = sampling_rate
        self.classes = classes
        self.pos_label = pos_label
        self.missing_label = missing_label

    def __sklearn_tags__(self) -> Any:
        """LightGBM's own, and several labels."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, with those of the loss as ``loss__gamma`` and so on."""
        return self._with_loss_parameters(super().get_params(deep), deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the loss as ``loss__gamma`` and so on."""
        super().set_params(**self._set_own_params(params))
        return self

    def fit(
        self,
        X: FeaturesLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        init_score: ArrayLike | None = None,
        eval_set: Sequence[tuple[FeaturesLike, LabelsLike]] | None = None,
        eval_names: list[str] | None = None,
        eval_sample_weight: Sequence[ArrayLike | None] | None = None,
        eval_class_weight: Sequence[ClassWeight] | None = None,
        eval_init_score: Sequence[ArrayLike | None] | None = None,
        eval_metric: EvalMetric | Sequence[EvalMetric] | None = None,
        feature_name: Literal["auto"] | Sequence[str] = "auto",
        categorical_feature: Literal["auto"] | Sequence[str] | Sequence[int] = "auto",
        callbacks: list[Callable[..., Any]] | None = None,
        init_model: lightgbm.Booster | LGBMClassifier | PathLike | None = None,
        *,
        eval_X: FeaturesLike | tuple[FeaturesLike, ...] | None = None,
        eval_y: LabelsLike | tuple[LabelsLike, ...] | None = None,
    ) -> Self:
        """Train the classifier.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        y : array_like, shape (n,) or (n, labels)
            Any labels; two columns or more are a multi-label task of zeros and ones. NaN, None and ``missing_label`` mean
            that there is no label: such a row, or such a label of a row, does not count.
        sample_weight : array_like, shape (n,) or (n, labels), optional
        init_score : array_like, optional
            Margins to begin with, instead of the loss's start. They are not part of the model.
        eval_set : list of (X, y), optional
            Judged by ``eval_metric``.
        eval_metric : str, callable or list, optional
            Names that mean the same of raw scores (``"auc"``, ``"average_precision"``); the names of log loss, which is
            taken of calibrated probabilities and is the default; metrics of this package; functions of labels, calibrated
            probabilities and (optional) weights that return ``(name, value, greater_is_better)``.
        eval_names, eval_sample_weight, eval_class_weight, eval_init_score, feature_name, categorical_feature, callbacks
            As in :meth:`lightgbm.LGBMClassifier.fit`.
        init_model : Booster, fitted classifier or path, optional
            A model to continue. It keeps its own start.
        eval_X, eval_y : array_like or tuple of them, optional
            Instead of ``eval_set``.

        Returns
        -------
        ImbalancedLGBMClassifier
            The classifier itself.
        """
        own = self.get_params(deep=False)
        weighing = {name: own.get(name) for name in (*IMBALANCE, "class_weight")}
        whole_X, whole_y = X, y
        X, y, by_row, rows = self._labelled_rows(X, y, sample_weight=sample_weight, init_score=init_score)
        sample_weight, init_score = by_row.values()
        prepared = self._prepare(y, sample_weight, rows, weighing, self.n_jobs)
        others = {
            "eval_set": eval_set, "eval_names": eval_names, "eval_sample_weight": eval_sample_weight,
            "eval_class_weight": eval_class_weight, "eval_init_score": eval_init_score, "eval_metric": eval_metric,
            "feature_name": feature_name, "categorical_feature": categorical_feature, "callbacks": callbacks,
        }  # fmt: skip
        later = {"eval_X": eval_X, "eval_y": eval_y} if eval_X is not None or eval_y is not None else {}
        init_model = _as_trained(init_model)
        whole = {"init_score": init_score, "init_model": init_model}
        tuned = self._tuned_in_folds(X, y, sample_weight, rows, prepared, whole, {**others, **later})

        target = prepared.target
        self._check_parameters(own, target.columns)
        begins = init_model is None and init_score is None and own.get("boost_from_average") is not False
        if begins and eval_init_score is not None:
            raise ValueError("eval_init_score is given without init_score; give both, or neither for the loss's own start.")
        linear = any(own.get(name) for name in LINEAR)
        start = np.atleast_1d(np.asarray(prepared.loss.start(prepared.label, prepared.weight, target.n_classes)))
        if begins and linear:  # leaves with a slope cannot take up a constant
            init_model, begins = constant_model(start, X), False
        sets = _EvaluationSets(whole_X, whole_y, prepared, others, later)
        requested = [metric for name in METRIC for metric in evaluation.requested(own.get(name))]
        requested += evaluation.requested(eval_metric)
        if not requested and sets.given:
            requested = evaluation.default()
        metrics = [_usable(metric, prepared) for metric in requested]
        params = self._booster_params()
        params["random_state"] = seed(self.random_state)
        params["objective"] = evaluation.Training(prepared.loss, prepared.label, prepared.weight)
        params["metric"] = [*(metric for metric in metrics if isinstance(metric, str)), "None"]
        if target.columns > 1:
            params["num_class"] = target.columns
        evals_result: dict[str, Any] = {}
        features = self._checked(X, fitted=False)
        training = _Training(
            X=features,
            # LightGBM takes one column of labels; the loss and the metrics have their own.
            codes=np.zeros(len(prepared.label), np.float32) if target.task is Task.MULTILABEL else prepared.label,
            weight=prepared.row_weight,
            init_score=init_score,
            start=start if begins else None,
            feature_options={"feature_name": feature_name, "categorical_feature": categorical_feature},
            params=params,
            rounds=self.n_estimators,
            metrics=[metric for metric in metrics if not isinstance(metric, str)],
            sets=sets,
            callbacks=[*(callbacks or []), lightgbm.record_evaluation(evals_result)],
            init_model=getattr(init_model, "booster_", init_model),
            shown=self._shown(),
        )
        before = dict(vars(self))

        def restore() -> None:
            self.__dict__.clear()
            self.__dict__.update(before)

        def train() -> None:
            restore()
            booster = training.run()
            linked = with_link(booster, target.task is Task.MULTILABEL, prepared.loss.fitted.link_is_calibrated, begins)
            linked.best_iteration, linked.best_score = booster.best_iteration, booster.best_score
            internals.set_lightgbm_model(self, linked, features.shape[1], len(target.classes), evals_result)
            self._named_by_hand = not isinstance(feature_name, str)
            self._finish(prepared, tuned)

        try:
            self._train = train
            self.class_weight = None  # is part of the loss; LightGBM would look for its labels among the codes
            super().fit(X, training.codes)
            internals.check_trained(used="_train" not in self.__dict__)
        except BaseException:
            restore()
            raise
        self._check_splits(prepared, own)
        return self

    def _advise(self, loss: Any) -> None:
        own = self.get_params(deep=False)
        advice.of_ignored(own, self.loss, loss)
        if own.get("boost_from_average") is not False:
            advice.of_absolute_error(loss, "boost_from_average=False")

    def _check_splits(self, prepared: Prepared, own: dict[str, Any]) -> None:
        """Warn of a model that predicts the same for every row."""
        if self._is_fold:
            return
        has_split = _has_split(self.booster_, prepared.target.columns)
        if has_split.all():
            return
        rows, total = len(prepared.label), total_hessian(prepared, "lightgbm")
        fewest = max(own.get(name) or 0 for name in _SMALLEST_LEAF)
        smallest = max(own.get(name) or 0.0 for name in _SMALLEST_HESSIAN)
        gain = max(own.get(name) or 0.0 for name in _SMALLEST_GAIN)
        if rows < 2 * fewest:
            remedy = f"min_child_samples={fewest} needs {2 * fewest} rows for a split, and there are {rows}, so lower it"
        elif total < 2 * smallest:
            remedy = (
                f"min_child_weight={smallest:g} asks for Hessians of that sum on both sides of a split, and those of all "
                f"rows sum to {total:.3g}, so give min_child_weight=0"
            )
        elif gain:
            remedy = f"lower the gain that a split must have, which is {gain!r} (min_split_gain)"
        else:
            remedy = (
                "lower min_child_samples, which LightGBM compares with Hessians more than with rows, or see whether any "
                "feature tells the classes apart"
            )
        advice.of_no_split(prepared.target.task, prepared.prior, has_split, remedy)

    def predict(
        self,
        X: FeaturesLike,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        *,
        cost: ArrayLike | None = None,
        **kwargs: Any,
    ) -> Array:
        """Decide, by the rule that ``decision`` names, or by what the decisions of these rows cost.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        raw_score : bool
            Give the margins instead, as :meth:`decision_function` does.
        start_iteration, num_iteration, pred_leaf, pred_contrib, **kwargs
            As in :meth:`lightgbm.LGBMClassifier.predict`.
        validate_features : bool
            Feature names are compared in any case.
        cost : array_like, optional
            Decide by the smallest expected cost instead: ``cost[true, predicted]`` of shape (classes, classes), or
            (n, classes, classes) with that of each row; of a multi-label task, (2, 2), (labels, 2, 2), (n, 1, 2, 2) or
            (n, labels, 2, 2). Classes are in the order of ``classes_``. :func:`boost_imbalance.cost_matrix` makes them.

        Returns
        -------
        ndarray
            Shape (n,), of the labels' type; or zeros and ones, shape (n, labels).
        """
        options: dict[str, Any] = {"start_iteration": start_iteration, "num_iteration": num_iteration}
        if raw_score or pred_leaf or pred_contrib:
            return self._raw(X, raw_score=raw_score, pred_leaf=pred_leaf, pred_contrib=pred_contrib, **options, **kwargs)
        if cost is None:
            return self._decide(self.predict_proba(X, **options, **kwargs))
        X = collected(X)
        given = self._costs(cost, X)
        return self._decide(self.predict_proba(X, **options, **kwargs), given)

    def predict_proba(
        self,
        X: FeaturesLike,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        *,
        calibrated: bool = True,
        **kwargs: Any,
    ) -> Array:
        """Probability of each class, or of each label.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, **kwargs
            As in :meth:`predict`.
        calibrated : bool
            False: the ``sigmoid`` or ``softmax`` of the margin, which is what SHAP takes for the probability, and what the
            model file of a loss without a constant calibration predicts. It knows of no other population.

        Returns
        -------
        ndarray of float64
            Shape (n, classes), or (n, labels) for a multi-label task.
        """
        options: dict[str, Any] = {"start_iteration": start_iteration, "num_iteration": num_iteration}
        if raw_score or pred_leaf or pred_contrib:
            return self._raw(X, raw_score=raw_score, pred_leaf=pred_leaf, pred_contrib=pred_contrib, **options, **kwargs)
        return self._probability(self._raw(X, raw_score=True, **options, **kwargs), calibrated)

    def decision_function(self, X: FeaturesLike, **kwargs: Any) -> FloatArray:
        """Margins: shape (n,) for a binary task, else (n, classes) or (n, labels)."""
        return np.asarray(self._raw(X, raw_score=True, **kwargs))

    def _raw(self, X: Any, **options: Any) -> Array:
        self._check_features(X, names=not getattr(self, "_named_by_hand", False))
        found: Array = self.booster_.predict(self._checked(X, fitted=True), **self._booster_params(options))
        return found

    def _checked(self, X: Any, fitted: bool) -> Any:
        """The features as LightGBM's own classifier takes them: a data frame as it is, anything else as a matrix."""
        X = collected(X)
        if is_frame(X):
            return X
        options = {"accept_sparse": True, "ensure_all_finite": False}
        if fitted:
            return validate_data(self, X, reset=False, **options)
        return check_array(X, estimator=self, input_name="X", ensure_min_samples=2, **options)

    def _check_parameters(self, own: dict[str, Any], columns: int) -> None:
        """Refuse what LightGBM would ignore, or fail at, because a loss is given by gradients."""
        for name in _BOOSTING:
            if own.get(name) in ("rf", "random_forest"):
                raise ValueError(
                    f"{name} is {own[name]!r}, which LightGBM has for its own objectives only; give 'gbdt' or 'dart'."
                )
        for name in _BAGGING:
            if own.get(name) is not None and own[name] != 1:
                raise ValueError(
                    f"{name} is {own[name]!r}, which a loss given by gradients ignores; write class_weight=, or resample "
                    f"the rows before fit."
                )
        for name in _NUM_CLASS:
            if own.get(name) not in (None, columns):
                raise ValueError(f"{name} is {own[name]!r}, but y has {columns} columns of margins; name all in classes=.")

    def _booster_params(self, given: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
        """Parameters that go to LightGBM, with those that are given to a method before the classifier's own."""
        ours = {*OWN, *IMBALANCE, *METRIC, *_NUM_CLASS, "class_weight", "importance_type", "n_estimators", "random_state"}
        own = {name: value for name, value in self.get_params(deep=False).items() if name not in ours}
        threads = [one.get(name) for one in (given, own) for name in _THREADS]
        n_jobs = next((value for value in threads if value is not None), None)
        if n_jobs is None:
            n_jobs = joblib.cpu_count(only_physical_cores=True)
        params = {name: value for name, value in {**own, **given}.items() if name not in _THREADS}
        params["num_threads"] = n_jobs if n_jobs >= 0 else max(joblib.cpu_count() + 1 + n_jobs, 1)
        return params

    def _exported(self) -> Any:
        return self.booster_

    @property
    def objective_(self) -> Loss:
        """The loss as trained."""
        return self.loss_

    def save_model(self, fname: PathLike) -> None:
        """Write a model file that LightGBM reads anywhere and predicts probabilities from.

        They are calibrated where a constant does it, for weighted and logit-adjusted cross-entropy, and are those of the
        population that ``prevalence`` or ``sampling_rate`` names: both are folded into the first tree. For other losses they
        are the link's, in the population of training; :meth:`to_onnx` writes a file with all of it.

        Parameters
        ----------
        fname : str or path
        """
        check_is_fitted(self)
        booster = self.booster_
        shift = self._file_shift
        if shift is not None and shift.any() and "\nis_linear=1" in booster.model_to_string(num_iteration=1):
            portable.warn_of_link("leaves with a slope cannot take up the calibrating shift", "use predict_proba")
            shift = None
        if shift is not None and shift.any():
            booster = with_link(booster, self._target.task is Task.MULTILABEL, calibrated=True, begun=True)
            add_to_first_trees(booster, shift)
        header, rest = internals.split_model(booster.model_to_string())
        pathlib.Path(fname).write_text(f"{header}{_ATTRIBUTE}{portable.record(self, shift)}{rest}", encoding="utf-8")

    def load_model(self, fname: PathLike) -> None:
        """Read a model file; one that :meth:`save_model` wrote brings its loss, classes, decision and population.

        Any other model is taken for one of LightGBM's own cross-entropy, with classes 0, 1, ...
        """
        text, booster = _read(fname)
        header, record = _header(text)
        if record is not None:
            shift = portable.restore(self, record)
            if shift is not None and shift.any():
                calibrated = self.loss_.fitted.link_is_calibrated
                booster = with_link(booster, self._target.task is Task.MULTILABEL, calibrated)
                add_to_first_trees(booster, -shift)
        else:
            objective = header.partition("\nobjective=")[2].partition("\n")[0]
            if "\naverage_output" in header or not _CROSS_ENTROPY.fullmatch(objective):
                raise ValueError(
                    f"the model is of another kind than boosted cross-entropy (objective {objective!r}); load it with "
                    f"lightgbm.Booster."
                )
            columns = booster.num_model_per_iteration()
            multilabel = "\nobjective=multiclassova" in header
            task = Task.MULTILABEL if multilabel else Task.BINARY if columns == 1 else Task.MULTICLASS
            portable.assume_built_in(self, task, max(columns, 2))
        internals.set_lightgbm_model(self, booster, booster.num_feature(), len(self._target.classes), {})


def _read(file: str | os.PathLike[str]) -> tuple[str, lightgbm.Booster]:
    """A model file's text and model."""
    portable.check_file(file, "LightGBM")
    try:
        text = pathlib.Path(file).read_text(encoding="utf-8")
        return text, lightgbm.Booster(model_str=text)
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise portable.damaged(file, error) from None


def _header(text: str) -> tuple[str, str | None]:
    """What stands before the features in a model file, and the record in it."""
    header, _ = internals.split_model(text)
    return header, header.partition(_ATTRIBUTE)[2].partition("\n")[0] or None


def _as_trained(model: Any) -> Any:
    """A model to continue; from a file of ``save_model`` without the calibrating shift."""
    if not isinstance(model, (str, os.PathLike)):
        return model
    text, booster = _read(model)
    record = _header(text)[1]
    shift = None if record is None else portable.shift_in(record)[1]
    if shift is not None:
        add_to_first_trees(booster, -shift)
    return booster


@dataclass
class _Training:
    """One training."""

    X: Any
    codes: Array
    weight: Array | None
    init_score: Any
    start: Array | None
    """Where margins begin, to become part of the first trees."""
    feature_options: dict[str, Any]
    params: dict[str, Any]
    rounds: int
    metrics: list[evaluation.Evaluation]
    sets: _EvaluationSets
    callbacks: list[Callable[..., Any]]
    init_model: Any
    shown: dict[str, Any]
    """Parameters that LightGBM knows nothing of, for whoever logs the training."""

    def run(self) -> lightgbm.Booster:
        """Train, where need be with features of which no split could leave ``min_child_samples`` rows on both sides.

        LightGBM leaves those out, and cannot train with gradients from outside if none remain.
        """
        attempts: list[dict[str, Any]] = [{}]
        if "feature_pre_filter" not in self.params:
            attempts.append({"feature_pre_filter": False})
        smallest = max(self.params.get(name) or 0 for name in _SMALLEST_LEAF)
        if len(self.codes) <= _FEW_ROWS and not _splittable(self.X, smallest):
            attempts = attempts[-1:]  # before LightGBM prints that the check failed
        for changes in attempts:
            self.params |= changes
            try:
                return self._train()
            except lightgbm.basic.LightGBMError as error:
                if not internals.has_no_features(error):
                    raise
        raise ValueError(
            "X has no feature that LightGBM could split: all are constant, or have fewer than min_child_samples rows on one "
            "side of every split; lower min_child_samples, or give other features."
        )

    def _train(self) -> lightgbm.Booster:
        # Asked for its training scores by a metric, dart leaves out trees; after the last round nothing puts them back.
        # It also scales trees that are there, and with them a start that they contain.
        dart = any(self.params.get(name) == "dart" for name in _BOOSTING)
        training = self._dataset(self.X, self.codes, self.weight, self.init_score, **self.feature_options)
        datasets, labels = [], {}
        for one in self.sets.given:
            if one.is_training and not dart:
                dataset = training
            elif one.is_training:
                dataset = self._dataset(self.X, self.codes, self.weight, one.init_score, **self.feature_options)
            else:
                codes = one.label if one.label.ndim == 1 else np.zeros(len(one.label), np.float32)
                dataset = self._dataset(one.X, codes, one.row_weight, one.init_score)
            datasets.append(dataset)
            labels[dataset] = one.label, one.weight

        def feval(metric: evaluation.Evaluation) -> Callable[[Array, Any], Any]:
            return lambda margin, data: metric(margin, *labels[data])

        first = [] if self.start is None or dart else [_begun_at(self.start)]
        booster: lightgbm.Booster = internals.lightgbm_train(
            internals.Parameters(self.params, self.shown),
            training,
            self.rounds,
            valid_sets=datasets,
            valid_names=self.sets.names,
            feval=[feval(metric) for metric in self.metrics],
            init_model=self.init_model,
            callbacks=[*first, *self.callbacks],
        )
        if self.start is not None and dart:
            add_to_first_trees(booster, self.start)
        return booster

    def _dataset(self, X: Any, codes: Array, weight: Array | None, init_score: Any, **options: Any) -> lightgbm.Dataset:
        if self.start is not None:
            init_score = _constant(self.start, len(codes))
        return lightgbm.Dataset(collected(X), codes, weight=weight, init_score=init_score, params=self.params, **options)


def _begun_at(start: Array) -> Callable[[Any], None]:
    """A callback that adds the start to the first trees as soon as they are there.

    Whoever else sees the model, in a callback or as what ``lightgbm.train`` returns, sees one that predicts its margins.
    """

    def add(env: Any) -> None:
        if env.iteration == env.begin_iteration:
            add_to_first_trees(env.model, start)

    add.order = -(10**6)  # type: ignore[attr-defined]  # where LightGBM looks for it
    return add


def _splittable(X: Any, smallest: int) -> bool:
    """Whether some feature has a split with at least ``smallest`` rows on both sides; True where that is not a number."""
    try:
        values = np.sort(np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64), axis=0)
    except (TypeError, ValueError):
        return True
    if values.ndim != 2 or not 0 < 2 * smallest <= len(values):
        return smallest == 0
    return bool((values[smallest - 1] < values[len(values) - smallest]).any())


def _has_split(booster: Any, columns: int) -> Array:
    """Whether any tree of each column has a split."""
    leaves = [tree["num_leaves"] for tree in booster.dump_model(num_iteration=1)["tree_info"]]
    if min(leaves, default=1) < 2:  # the first round nearly always tells
        leaves = [int(number) for number in _LEAVES.findall(booster.model_to_string(num_iteration=-1))]
    found = np.zeros(columns, bool)
    for i, number in enumerate(leaves):
        found[i % columns] |= number > 1
    return found


class _EvaluationSet(NamedTuple):
    X: Any
    label: Array
    weight: Array | None
    """Of each row, or of each row and label; 0 where the label is missing."""
    init_score: Any
    is_training: bool

    @property
    def row_weight(self) -> Array | None:
        """For LightGBM, which takes one weight per row."""
        return self.weight if self.weight is None or self.weight.ndim == 1 else np.asarray(self.weight.mean(axis=1))


class _EvaluationSets:
    """Validation data with encoded labels."""

    def __init__(self, X: Any, y: Any, prepared: Prepared, given: dict[str, Any], later: dict[str, Any]) -> None:
        """``X`` and ``y`` are the training data as given, to be recognised among the sets."""
        target = prepared.target
        self.given: list[_EvaluationSet] = []
        for i, pair in enumerate(_pairs(given["eval_set"], later)):
            X_valid, y_valid = evaluation.pair(pair, i, "eval_sample_weight")
            init_score = _item(given["eval_init_score"], i)
            if X_valid is X and y_valid is y:
                self.given.append(_EvaluationSet(X, prepared.label, prepared.weight, init_score, True))
                continue
            label, observed = target.encode(y_valid, f"the y of eval_set[{i}]")
            weight = weights_of(_item(given["eval_sample_weight"], i), label, observed, f"eval_sample_weight[{i}]")
            by_class = _item(given["eval_class_weight"], i)
            if by_class is not None:
                if target.task is Task.MULTILABEL:
                    raise ValueError("eval_class_weight is for binary and multi-class tasks; use eval_sample_weight.")
                own = compute_sample_weight(by_class, target.decode(label))
                weight = own if weight is None else weight * own
            self.given.append(_EvaluationSet(X_valid, label, weight, init_score, False))
        self.names = given["eval_names"]
        if self.names is None:
            self.names = ["training" if one.is_training else f"valid_{i}" for i, one in enumerate(self.given)]


def _pairs(eval_set: Any, later: dict[str, Any]) -> list[tuple[Any, Any]]:
    if later:
        X, y = later["eval_X"], later["eval_y"]
        if eval_set is not None:
            raise ValueError("eval_set and eval_X are both given; give one of them.")
        if X is None or y is None:
            raise ValueError("eval_X and eval_y belong together; give both.")
        if not isinstance(X, tuple):
            X, y = (X,), (y,)
        if not isinstance(y, tuple) or len(X) != len(y):
            raise ValueError(f"eval_X has {len(X)} entries; give eval_y as many, in a tuple.")
        return list(zip(X, y, strict=True))
    if eval_set is None:
        return []
    return [eval_set] if isinstance(eval_set, tuple) else list(eval_set)


def _item(collection: Any, i: int) -> Any:
    """The entry of one validation set: of a list, or of a dict by position."""
    if collection is None:
        return None
    if isinstance(collection, dict):
        return collection.get(i)
    return collection[i] if i < len(collection) else None


def _usable(metric: Any, prepared: Prepared) -> Any:
    task = prepared.target.task
    if not isinstance(metric, str):
        return evaluation.Evaluation(metric, prepared.loss)
    decides = metric == "multi_error" and not prepared.loss.fitted.link_is_calibrated
    if metric not in NO_METRIC and (decides or metric not in _OF_RAW_SCORES[task]):
        able = "".join(f"{name!r}, " for name in _OF_RAW_SCORES[task])
        raise ValueError(
            f"eval_metric is {metric!r}, which LightGBM does not take of the raw scores of a {task.value} task; give {able}"
            f"'log_loss', one of boost_imbalance.metrics, or a function of labels and probabilities."
        )
    return metric


def _constant(start: Array, rows: int) -> Array:
    return np.full(rows, start[0]) if len(start) == 1 else np.tile(start, (rows, 1))


def seed(random_state: Any) -> Any:
    """A number, which LightGBM's own classifier draws from a generator in the same way."""
    largest = np.iinfo(np.int32).max
    if isinstance(random_state, np.random.RandomState):
        return random_state.randint(largest)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(largest))
    return random_state


def add_to_first_trees(booster: Any, shift: Array) -> None:
    """Add a constant to the margin of each column, in the leaves of its first tree."""
    trees = booster.dump_model(num_iteration=1)["tree_info"]
    for k, constant in enumerate(shift):
        for leaf in range(trees[k]["num_leaves"]):
            booster.set_leaf_output(k, leaf, booster.get_leaf_output(k, leaf) + float(constant))
