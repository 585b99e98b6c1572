"""The classifier for XGBoost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from sklearn.utils.validation import check_is_fitted
from xgboost import Booster, DMatrix, XGBClassifier
from xgboost.callback import EarlyStopping, TrainingCallback
from xgboost.core import XGBoostError

from boost_imbalance.estimators import advice, evaluation, internals, portable
from boost_imbalance.estimators.classifier import OWN, ImbalancedClassifier, Prepared, check_keywords, total_hessian
from boost_imbalance.estimators.documentation import documented
from boost_imbalance.estimators.targets import collected, weights_of
from boost_imbalance.losses.base import Loss
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.start import SMALLEST_PRIOR, clip_prior
from boost_imbalance.types import (
    Array,
    ArrayLike,
    ClassWeight,
    CrossValidation,
    DecisionLike,
    FeaturesLike,
    FloatArray,
    Label,
    LabelsLike,
    PathLike,
    Prevalence,
)

if TYPE_CHECKING:
    from typing_extensions import Self

_NAMESAKES = {
    "gamma": ("XGBoost's smallest gain of a split", "min_split_loss"),
    "alpha": ("XGBoost's L1 penalty on leaves", "reg_alpha"),
}
_CROSS_ENTROPIES = ("binary:logistic", "binary:logitraw", "reg:logistic", "multi:softprob", "multi:softmax")


@documented
class ImbalancedXGBClassifier(ImbalancedClassifier, XGBClassifier):
    """XGBoost's classifier with a loss for imbalanced data, for binary, multi-class and multi-label tasks.

    {parameters}
    class_weight : "balanced" or dict, optional
        Weights by class, made part of the loss. In a multi-label task by label, named by its column number or, in a data
        frame, its column: a number is the weight of 1, a dict has those of 0 and 1. A list has an entry for each label.
    **kwargs
        Everything that :class:`xgboost.XGBClassifier` takes, except ``objective``.

    {attributes}

    Notes
    -----
    ``scale_pos_weight`` becomes part of the loss. ``base_score`` defaults to the loss's own start.

    {example}
    """

    eval_metric: Any

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
        class_weight: ClassWeight = None,
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
        self.class_weight = class_weight

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, with those of the loss as ``loss__gamma`` and so on."""
        return self._with_loss_parameters(super().get_params(deep), deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the loss as ``loss__gamma`` and so on."""
        super().set_params(**self._set_own_params(params))
        return self

    def get_xgb_params(self) -> dict[str, Any]:
        """Parameters that go to XGBoost."""
        ours = {*OWN, "class_weight", "scale_pos_weight", "eval_metric"}
        return {name: value for name, value in super().get_xgb_params().items() if name not in ours and "__" not in name}

    def fit(
        self,
        X: FeaturesLike,
        y: LabelsLike,
        *,
        sample_weight: ArrayLike | None = None,
        base_margin: ArrayLike | None = None,
        eval_set: Sequence[tuple[FeaturesLike, LabelsLike]] | None = None,
        verbose: bool | int | None = True,
        xgb_model: Booster | XGBClassifier | PathLike | None = None,
        sample_weight_eval_set: Sequence[ArrayLike | None] | None = None,
        base_margin_eval_set: Sequence[ArrayLike | None] | None = None,
        feature_weights: ArrayLike | None = None,
    ) -> Self:
        """Train the classifier.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        y : array_like, shape (n,) or (n, labels)
            Any labels; two columns or more are a multi-label task of zeros and ones. NaN, None and ``missing_label`` mean
            that there is no label: such a row, or such a label of a row, does not count.
        sample_weight : array_like, shape (n,) or (n, labels), optional
        base_margin : array_like, optional
            Margins to begin with, instead of the loss's start.
        eval_set : list of (X, y), optional
            Judged by ``eval_metric``: by default, log loss of calibrated probabilities.
        verbose, xgb_model, base_margin_eval_set, feature_weights
            As in :meth:`xgboost.XGBClassifier.fit`. A model to continue keeps its own start.
        sample_weight_eval_set : list of array_like, optional
            Of shape (n,), one for each of ``eval_set``.

        Returns
        -------
        ImbalancedXGBClassifier
            The classifier itself.
        """
        weighing = {"class_weight": self.class_weight, "scale_pos_weight": self.scale_pos_weight}
        X, y, by_row, rows = self._labelled_rows(X, y, sample_weight=sample_weight, base_margin=base_margin)
        sample_weight, base_margin = by_row.values()
        prepared = self._prepare(y, sample_weight, rows, weighing, self.n_jobs)
        others = {
            "eval_set": eval_set, "verbose": verbose, "feature_weights": feature_weights,
            "sample_weight_eval_set": sample_weight_eval_set, "base_margin_eval_set": base_margin_eval_set,
        }  # fmt: skip
        whole = {"base_margin": base_margin, "xgb_model": as_trained(xgb_model)}
        tuned = self._tuned_in_folds(X, y, sample_weight, rows, prepared, whole, others)
        metrics = evaluation.requested(self.eval_metric) or (evaluation.default() if eval_set else [])
        training = TrainingSettings.of(prepared, metrics, xgb_model is None and self.base_score is None)
        if eval_set is not None:
            others |= self._encoded_eval_set(prepared, eval_set, sample_weight_eval_set)
        for_now = {"objective": evaluation.Training(prepared.loss, prepared.label, prepared.weight)}
        for_now |= self._early_stopping(metrics)
        if self.booster == "gblinear" and base_margin is None:
            for_now |= self._linear_start(training, for_now.get("callbacks", self.callbacks))
        before = dict(vars(self))
        try:
            # XGBoost's own fit trains this very object, so that whoever watches it finds a model that is complete.
            self._finish(prepared, tuned)
            self.__dict__.update(for_now, _training=training)
            super().fit(X, prepared.label, sample_weight=prepared.row_weight, **whole, **others)
            internals.check_configured(used="_training" not in self.__dict__)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        self.__dict__.update({name: before[name] for name in for_now})
        self._check_splits(prepared)
        return self

    def _advise(self, loss: Any) -> None:
        advice.of_namesakes(self.get_params(deep=False), self.loss, loss, _NAMESAKES)
        if self.base_score is None:
            advice.of_absolute_error(loss, "base_score=0.5")

    def _check_splits(self, prepared: Prepared) -> None:
        """Warn of a model that predicts the same for every row."""
        if self._is_fold or self.booster == "gblinear" or self.get_booster().num_boosted_rounds() == 0:
            return
        shared = self.multi_strategy == "multi_output_tree"
        has_split = _has_split(self.get_booster(), prepared.target.columns, shared)
        if has_split.all():
            return
        smallest = 1.0 if self.min_child_weight is None else float(self.min_child_weight)
        total = total_hessian(prepared, "xgboost")
        gain = self.gamma or self.get_params(deep=False).get("min_split_loss")
        if total < 2 * smallest:
            remedy = (
                f"min_child_weight={smallest:g} asks for Hessians of that sum on both sides of a split, and those of all "
                f"rows sum to {total:.3g}, so give min_child_weight=0"
            )
        elif gain:
            remedy = f"lower the gain that a split must have, which is {gain!r} (gamma, min_split_loss)"
        else:
            remedy = "lower min_child_weight or reg_lambda, or see whether any feature tells the classes apart"
        advice.of_no_split(prepared.target.task, prepared.prior, has_split, remedy)

    def _early_stopping(self, metrics: list[Any]) -> dict[str, Any]:
        rounds, given = self.early_stopping_rounds, self.eval_metric
        named = isinstance(given, Sequence) and all(isinstance(name, str) for name in given)
        if rounds is None or not named or not any(map(callable, metrics)) or not isinstance(metrics[-1], str):
            return {}
        # A name of log loss has become a function, and XGBoost takes functions after names. It stops by the last.
        stop = EarlyStopping(rounds=rounds, metric_name=metrics[-1])
        return {"early_stopping_rounds": None, "callbacks": [*(self.callbacks or []), stop]}

    def _linear_start(self, training: TrainingSettings, callbacks: Any) -> dict[str, Any]:
        """A callback in place of the intercepts of several outputs, of which gblinear would take the first for all."""
        start, multilabel = training.params.get("base_score"), "num_class" not in training.params
        if not isinstance(start, list):
            return {}
        training.params["base_score"] = 0.5 if multilabel else 0.0
        params = {**self.get_xgb_params(), **training.params}
        return {"callbacks": [_LinearStart(logit(start) if multilabel else start, params), *(callbacks or [])]}

    @property
    def classes_(self) -> Array:
        """The classes, in the order of the columns of ``predict_proba``; of a multi-label task, the label indices."""
        training: TrainingSettings | None = self.__dict__.get("_training")
        # XGBoost's fit compares this with the labels that it is given, which are encoded.
        return super().classes_ if training is None else training.occurring

    def _configure_fit(self, booster: Any, params: dict[str, Any], *others: Any) -> Any:
        """XGBoost's fit asks for this once it has checked the labels: the parameters and the metric to train with."""
        training: TrainingSettings | None = self.__dict__.pop("_training", None)
        if training is None:
            return super()._configure_fit(booster, params, *others)
        self.n_classes_ = len(self._target.classes)
        given = self.eval_metric
        self.eval_metric = None
        try:
            found = super()._configure_fit(booster, params, *others)
        finally:
            self.eval_metric = given
        # Whoever asks for XGBoost's default metric shall have it.
        asked = {name: params[name] for name in ("disable_default_eval_metric",) if name in params}
        return internals.configured(found, training.metric, {**training.params, **asked}, self._shown())

    def _create_dmatrix(self, ref: Any, **arguments: Any) -> DMatrix:
        """XGBoost's fit makes each data set with this."""
        return internals.with_labels_at_hand(super()._create_dmatrix(ref, **arguments))

    def _encoded_eval_set(self, prepared: Prepared, eval_set: Any, weights: Any) -> dict[str, Any]:
        if weights is not None and len(weights) != len(eval_set):
            raise ValueError(
                f"sample_weight_eval_set has {len(weights)} entries, but eval_set has {len(eval_set)}; give one for each."
            )
        pairs, row_weights = [], []
        for i, given_set in enumerate(eval_set):
            X, y = evaluation.pair(given_set, i, "sample_weight_eval_set")
            self._refuse_dask(**{f"eval_set[{i}][0]": X, f"eval_set[{i}][1]": y})
            label, observed = prepared.target.encode(y, f"the y of eval_set[{i}]")
            given = None if weights is None else weights[i]
            if prepared.target.task is Task.MULTILABEL and observed is not None:
                named = [metric for metric in evaluation.requested(self.eval_metric) if isinstance(metric, str)]
                if named:
                    raise ValueError(
                        f"eval_metric is {named[0]!r}, by which XGBoost would count the missing labels of eval_set[{i}] "
                        f"too; give one of boost_imbalance.metrics."
                    )
                label = np.where(observed, label, np.float32(-1))  # a metric reads it as missing
                observed = None
            row_weight = weights_of(given, label, observed, f"sample_weight_eval_set[{i}]")
            if row_weight is not None and row_weight.ndim == 2:
                raise ValueError(
                    f"sample_weight_eval_set[{i}] has shape {row_weight.shape}, but XGBoost keeps one weight per row; give "
                    f"those."
                )
            row_weights.append(row_weight)
            pairs.append((X, label))
        some = any(weight is not None for weight in row_weights)
        return {
            "eval_set": pairs,
            "sample_weight_eval_set": [
                np.ones(len(pair[1]), np.float32) if weight is None else weight
                for pair, weight in zip(pairs, row_weights, strict=True)
            ]
            if some
            else None,
        }

    def predict(
        self,
        X: FeaturesLike,
        *,
        output_margin: bool = False,
        validate_features: bool = True,
        base_margin: ArrayLike | None = None,
        iteration_range: tuple[int, int] | None = None,
        cost: ArrayLike | None = None,
    ) -> Array:
        """Decide, by the rule that ``decision`` names, or by what the decisions of these rows cost.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        output_margin : bool
            Give the margins instead, as :meth:`decision_function` does.
        validate_features, base_margin, iteration_range
            As in :meth:`xgboost.XGBClassifier.predict`.
        cost : array_like, optional
            Decide by the smallest expected cost instead: ``cost[true, predicted]`` of shape (classes, classes), or
            (n, classes, classes) with that of each row; of a multi-label task, (2, 2), (labels, 2, 2), (n, 1, 2, 2) or
            (n, labels, 2, 2). Classes are in the order of ``classes_``. :func:`boost_imbalance.cost_matrix` makes them.

        Returns
        -------
        ndarray
            Shape (n,), of the labels' type; or zeros and ones, shape (n, labels).
        """
        if output_margin:
            return self._margin(X, validate_features, base_margin, iteration_range)
        if cost is None:
            return self._decide(self.predict_proba(X, validate_features, base_margin, iteration_range))
        X = collected(X)
        given = self._costs(cost, X)
        return self._decide(self.predict_proba(X, validate_features, base_margin, iteration_range), given)

    def predict_proba(
        self,
        X: FeaturesLike,
        validate_features: bool = True,
        base_margin: ArrayLike | None = None,
        iteration_range: tuple[int, int] | None = None,
        *,
        calibrated: bool = True,
    ) -> FloatArray:
        """Probability of each class, or of each label.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        validate_features, base_margin, iteration_range
            As in :meth:`xgboost.XGBClassifier.predict_proba`.
        calibrated : bool
            False: the ``sigmoid`` or ``softmax`` of the margin, which is what SHAP takes for the probability, and what the
            model file of a loss without a constant calibration predicts. It knows of no other population.

        Returns
        -------
        ndarray of float64
            Shape (n, classes), or (n, labels) for a multi-label task.
        """
        return self._probability(self._margin(X, validate_features, base_margin, iteration_range), calibrated)

    def decision_function(self, X: FeaturesLike) -> FloatArray:
        """Margins: shape (n,) for a binary task, else (n, classes) or (n, labels)."""
        return self._margin(X, True, None, None)

    def _margin(self, X: Any, validate_features: bool, base_margin: Any, iteration_range: Any) -> Array:
        self._check_features(X, names=validate_features)
        margin = super().predict(
            X,
            output_margin=True,
            validate_features=validate_features,
            base_margin=base_margin,
            iteration_range=iteration_range,
        )
        return np.asarray(margin)

    def save_model(self, fname: PathLike) -> None:
        """Write a model file that XGBoost reads anywhere and predicts probabilities from.

        They are calibrated where a constant does it, for weighted and logit-adjusted cross-entropy, and are those of the
        population that ``prevalence`` or ``sampling_rate`` names: both are folded into ``base_score``. For other losses they
        are the link's, in the population of training; :meth:`to_onnx` writes a file with all of it.
        Rounds after the best iteration of an early-stopped training are left out.

        Parameters
        ----------
        fname : str or path
            Ending in ``.json`` or ``.ubj``.
        """
        check_is_fitted(self)
        shift = self._file_shift
        booster = self._exported()
        if shift is not None and shift.any():
            shifted = _shifted(booster, shift, self._target.task)
            if shifted is None:
                portable.warn_of_link("the calibrating shift leads beyond the largest intercept of XGBoost", "use to_onnx")
                shift = None
            else:
                booster = shifted
        meta = json.dumps({"_estimator_type": "classifier"})
        booster.set_attr(**{"scikit_learn": meta, internals.RECORD: portable.record(self, shift)})
        booster.save_model(fname)

    def load_model(self, fname: PathLike | bytearray) -> None:
        """Read a model file; one that :meth:`save_model` wrote brings loss, classes, decision, population and ``missing``.

        Any other model is taken for one of XGBoost's own cross-entropy, with classes 0, 1, ...
        """
        before = dict(vars(self))
        try:
            self._load(fname)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _load(self, fname: Any) -> None:
        portable.check_file(fname, "XGBoost")
        internals.forget_booster(self)  # into which XGBoost would read the file
        try:
            super().load_model(fname)
        except XGBoostError as error:
            raise portable.damaged(fname, error) from None
        self.objective, self.base_score = "binary:logistic", None
        booster = self.get_booster()
        text = booster.attr(internals.RECORD)
        if text is None:
            objective, columns, labels = internals.learner_of(booster)
            if objective not in _CROSS_ENTROPIES:
                raise ValueError(
                    f"the model's objective is {objective!r}, whose margins are not those of a cross-entropy; load it with "
                    f"xgboost.Booster."
                )
            task = Task.MULTICLASS if columns > 1 else Task.MULTILABEL if labels > 1 else Task.BINARY
            portable.assume_built_in(self, task, max(columns, labels, 2))
            return
        shift = portable.restore(self, text)
        booster.set_attr(**{internals.RECORD: None})
        if shift is not None and shift.any():
            internals.set_booster(self, _shifted(booster, -shift, self._target.task) or booster)
        self.n_classes_ = len(self._target.classes)

    @property
    def _missing(self) -> float:
        return np.nan if self.missing is None else float(self.missing)  # as XGBoost takes it

    def _exported(self) -> Booster:
        """A copy of the model, without the rounds after the best one."""
        booster = self.get_booster()
        if internals.is_linear(booster):  # has no rounds to leave out, and predicts with all of them
            return booster.copy()
        try:
            best = booster.best_iteration + 1
        except AttributeError:
            return booster.copy()
        return booster[:best] if best < booster.num_boosted_rounds() else booster.copy()


def _has_split(booster: Booster, columns: int, shared: bool) -> Array:
    """Whether any tree of each column has a split; ``shared``: trees are of all columns."""
    found = np.zeros(columns, bool)
    for part in (booster[:1], booster):  # the first round nearly always tells
        trees = part.get_dump()
        in_round = len(trees) // part.num_boosted_rounds()
        for i, tree in enumerate(trees):
            if "yes=" in tree:
                found[slice(None) if shared else (i % in_round) * columns // in_round] = True
        if found.all():
            break
    return found


class TrainingSettings(NamedTuple):
    """What XGBoost's fit is told of one training."""

    occurring: Array
    """The codes among the labels; some classes may not occur."""
    params: dict[str, Any]
    metric: Callable[[Array, DMatrix], Any] | None

    @classmethod
    def of(cls, prepared: Prepared, metrics: list[Any], begins: bool) -> TrainingSettings:
        """``begins``: at the loss's own start."""
        names = [metric for metric in metrics if isinstance(metric, str)]
        _check_names(names, prepared)
        params = dict(prepared.loss.xgboost_params(prepared.label, prepared.weight, prepared.target.n_classes))
        params["disable_default_eval_metric"] = 1
        if not begins:
            del params["base_score"]
        if names:
            params["eval_metric"] = names
        functions = [evaluation.Evaluation(metric, prepared.loss) for metric in metrics if callable(metric)]
        return cls(np.unique(prepared.label), params, _together(functions))


def _check_names(names: list[str], prepared: Prepared) -> None:
    """Refuse metrics of XGBoost's own that would be of other probabilities, or that it does not have."""
    task = prepared.target.task
    for name in names:
        ranks = task is Task.BINARY and name.startswith("auc")
        if not ranks and not prepared.loss.fitted.link_is_calibrated:
            raise ValueError(
                f"eval_metric is {name!r}, which XGBoost would take of probabilities that are not calibrated; give "
                f"'logloss', one of boost_imbalance.metrics, or a function of labels and probabilities."
            )
        if task is Task.MULTILABEL and name.startswith(("auc", "pre", "map", "ndcg", "merror")):
            raise ValueError(
                f"eval_metric is {name!r}, which XGBoost does not have for a multi-label task; give one of "
                f"boost_imbalance.metrics, or a function of labels and probabilities."
            )


def _together(functions: list[evaluation.Evaluation]) -> Callable[[Array, DMatrix], Any] | None:
    """Several metrics as the one function that XGBoost takes."""
    if not functions:
        return None

    def metrics(margin: Array, data: DMatrix) -> Any:
        label, weight = evaluation.as_given(data.get_label(), data.get_weight())
        return [(function.__name__, float(function(margin, label, weight))) for function in functions]

    return metrics


def as_trained(model: Any) -> Any:
    """A model to continue; one from a file of ``save_model`` without the calibrating shift."""
    if isinstance(model, (str, os.PathLike, bytearray)):
        portable.check_file(model, "XGBoost")
        model = Booster(model_file=model)
    text = model.attr(internals.RECORD) if isinstance(model, Booster) else None
    if text is None:
        return model
    task, shift = portable.shift_in(text)
    model = model.copy() if shift is None else _shifted(model, -shift, task)
    model.set_attr(**{internals.RECORD: None})
    return model


class _LinearStart(TrainingCallback):
    """Begins each output of a linear model at its own margin, in the biases."""

    def __init__(self, start: Any, params: dict[str, Any]) -> None:
        super().__init__()
        self.start, self.params = start, params

    def before_training(self, model: Booster) -> Booster:
        """XGBoost's fit calls this with the model, which has no rounds yet."""
        model.load_model(bytearray(internals.moved_biases(model, self.start)))
        model.set_param(self.params)  # which loading forgets
        return model


def _shifted(booster: Booster, shift: Array, task: Task) -> Booster | None:
    """A copy of the model whose margins are larger by ``shift``; None if XGBoost could not store its intercept."""
    if internals.is_linear(booster):
        return Booster(model_file=bytearray(internals.moved_biases(booster, shift)))
    old, replaced = internals.base_score_in(bytes(booster.save_raw("json")))
    if task is Task.MULTICLASS:
        new = old + shift
    else:
        new = expit(logit(old) + shift)
        # One at the clamp itself comes back from a file with an error in the last digits.
        if not ((new > 0.9 * SMALLEST_PRIOR) & (new < 1 - 0.9 * SMALLEST_PRIOR)).all():
            return None
        new = clip_prior(new)
    made = Booster()
    made.load_model(bytearray(replaced(new)))
    return made
