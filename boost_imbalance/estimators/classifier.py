"""What both classifiers share: the loss and its parameters, labels, probabilities and decisions."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit, check_cv
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from boost_imbalance.estimators import advice, internals, population
from boost_imbalance.estimators.decisions import Decision, decide, known, largest, out_of_reach
from boost_imbalance.estimators.targets import Target, as_array, collected, is_dask, labelled, weights_of
from boost_imbalance.losses import costs, protocol
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.parameters import check_weights, is_whole
from boost_imbalance.losses.weighted import weighted_objective
from boost_imbalance.losses.weighting import balanced, given
from boost_imbalance.types import (
    Array,
    ArrayLike,
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
    import onnx
    from typing_extensions import Self

OWN = ("loss", "decision", "decision_cv", "prevalence", "sampling_rate", "classes", "pos_label", "missing_label")
"""Parameters that the library knows nothing of."""
SHOWN = (*OWN, "class_weight", "scale_pos_weight")


class Prepared(NamedTuple):
    """The labels of one fit, as a loss wants them."""

    target: Target
    loss: Objective
    label: Array
    weight: Array | None
    """Of each row, or of each row and label; 0 where the label is missing."""
    prior: Array
    even: Array
    """Thresholds at which ``class_weight`` is indifferent; 1/2 without one."""
    class_weight: Any
    """The user's, with the labels of a multi-label task by position."""

    @property
    def row_weight(self) -> Array | None:
        """For the library, which takes one weight per row."""
        if self.weight is None or self.weight.ndim == 1:
            return self.weight
        return np.asarray(self.weight.mean(axis=1))


class Rows(NamedTuple):
    """Which of the rows that the user gave have a label."""

    known: Array | None
    """Their indices; None if all have."""
    given: int
    label_names: list[Any]
    """Those of a data frame's columns; empty without."""


class ImbalancedClassifier:
    """The part of a classifier that does not depend on the library."""

    _is_fold = False
    """Whether another classifier tunes its decision by this one."""
    _knows_prior = True
    """Whether ``class_prior_`` is that of training; a model file without a record does not say it."""

    loss: Objective | None
    decision: DecisionLike
    decision_cv: CrossValidation
    prevalence: Prevalence
    sampling_rate: Prevalence
    classes: LabelsLike | None
    pos_label: Label | None
    missing_label: Label | None

    loss_: Objective
    class_prior_: FloatArray

    # Of the library's own class.
    get_params: Any
    predict_proba: Any
    decision_function: Any
    n_features_in_: Any

    def _with_loss_parameters(self, params: dict[str, Any], deep: bool) -> dict[str, Any]:
        params.pop("objective", None)
        if deep:
            loss = default_loss() if self.loss is None else self.loss
            if isinstance(loss, Objective):
                params |= {f"loss__{name}": value for name, value in loss.parameters.items()}
        return params

    def _shown(self) -> dict[str, Any]:
        """Parameters that the library knows nothing of, for whoever logs a training."""
        own: dict[str, Any] = self.get_params()
        shown = {name: value for name, value in own.items() if name in SHOWN or name.startswith("loss__")}
        return {**shown, "loss": _checked_loss(self.loss)}

    def _set_own_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Set those that are ours, nested ones last; return the others."""
        refuse_objective(params)
        nested = {}
        others = {}
        for name, value in params.items():
            if name.startswith("loss__"):
                nested[name.removeprefix("loss__")] = value
            elif name in OWN:
                setattr(self, name, value)
            else:
                others[name] = value
        if nested:
            self.loss = _checked_loss(self.loss).replace(**nested)
        return others

    def _labelled_rows(self, X: Any, y: Any, **by_row: Any) -> tuple[Any, Any, dict[str, Any], Rows]:
        """The rows that have any label at all; what else there is of each row goes with them."""
        self._refuse_dask(X=X, y=y, **by_row)
        X, y = collected(X), collected(y)
        by_row = {name: collected(value) for name, value in by_row.items()}
        if hasattr(X, "shape") or isinstance(X, (list, tuple)):
            check_consistent_length(X, y)
        columns = _column_names(y) if len(getattr(y, "shape", ())) == 2 else None
        names = [] if columns is None else list(columns)
        has_label = labelled(y, self.missing_label)
        if has_label is None:
            return X, y, by_row, Rows(None, 0, names)
        X = _indexable(X)
        for name, value in by_row.items():
            if value is not None and np.shape(value)[:1] != np.shape(y)[:1]:
                raise ValueError(
                    f"{name} has shape {np.shape(value)}, but y has shape {np.shape(y)}; give one for each row."
                )
        kept = {name: value if value is None else take_rows(value, has_label) for name, value in by_row.items()}
        array = as_array(y)
        return take_rows(X, has_label), array[has_label], kept, Rows(has_label, len(array), names)

    def _refuse_dask(self, **given: Any) -> None:
        """Refuse what would be collected from a cluster, without a word, into the memory of one process."""
        for name, value in given.items():
            if is_dask(value):
                own = type(self).__name__
                raise TypeError(
                    f"{name} is a Dask {type(value).__name__}, all of which {own} would load into this process; write "
                    f"{own.replace('Imbalanced', 'ImbalancedDask', 1)}(...), which trains and predicts where the data is, "
                    f"or give {name}.compute()."
                )

    def _prepare(
        self, y: Any, sample_weight: Any, rows: Rows, class_weights: dict[str, Any], n_jobs: int | None
    ) -> Prepared:
        """Check what was given, before anything is trained."""
        target = Target.of(y, self.classes, self.missing_label)
        self._rule(target)
        label, observed = target.encode(y, "y")
        weight = weights_of(sample_weight, label, observed, "sample_weight")
        loss = _checked_loss(self.loss)
        class_weight = class_weights["class_weight"]
        if target.task is Task.MULTILABEL and class_weight is not None and not isinstance(class_weight, str):
            class_weight = _weights_by_label(target, class_weight, rows.label_names)
        changes = _class_weights(target, loss, class_weights, class_weight, self.pos_label)
        if not self._is_fold:
            self._advise(loss)
            if target.task is Task.MULTILABEL:
                advice.of_values_as_labels(class_weights["class_weight"], target.columns)
                if observed is None and rows.known is None:  # the line to write has no answer for a missing label
                    advice.of_one_hot(y, label)
        if n_jobs is not None and n_jobs > 0 and loss.parameters["n_threads"] is None:
            changes["n_threads"] = n_jobs
        made = loss.copy(**changes)
        if not made.is_fitted:
            made = made.fit(label, weight, target.n_classes)
        fitted = made.fitted
        if (fitted.task, fitted.counts.columns) != (target.task, target.columns):
            raise ValueError(
                f"loss was fitted to {fitted.task.value} labels with {fitted.counts.columns} columns, but y is "
                f"{target.task.value} with {target.columns}; give a loss that is not fitted."
            )
        even, prior = _even_thresholds(changes.get("weights"), made), _priors(target, label, weight)
        self._shares(target, prior)  # says early what is wrong with it
        return Prepared(target, made, label, weight, prior, even, class_weight)

    def _advise(self, loss: Objective) -> None:
        """Warn of parameters that are likely to be meant as the loss's."""
        raise NotImplementedError

    def _finish(self, prepared: Prepared, tuned: Array | None) -> None:
        self._target, self.loss_ = prepared.target, prepared.loss
        self.class_prior_, self._even, self._knows_prior = prepared.prior, prepared.even, True
        self._tuned = None if tuned is None else (*self._rule(prepared.target), tuned, self._population)

    def _shares(self, target: Target, prior: Array) -> Array | None:
        """What ``prevalence`` and ``sampling_rate`` say, in the form of ``prior``, that of training; None if nothing."""
        return population.shares_of(self.prevalence, self.sampling_rate, target, self.pos_label, prior)

    @property
    def _other_shares(self) -> Array | None:
        """Those that ``prevalence`` and ``sampling_rate`` say now of a model that is fitted."""
        if self.prevalence is not None and not self._knows_prior:
            raise ValueError(
                f"prevalence is {self.prevalence!r}, but the model file did not say which shares the classes had in "
                f"training; give sampling_rate, or load a file that save_model of this classifier wrote."
            )
        return self._shares(self._target, self.class_prior_)

    @property
    def _population(self) -> Array:
        """Shares of the population that is predicted for, in the form of ``class_prior_``."""
        shares = self._other_shares
        return np.asarray(self.class_prior_ if shares is None else shares)

    @property
    def _ratio(self) -> Array | None:
        """How much more each class counts than in training; None if nothing is said of another population."""
        shares = self._other_shares
        return None if shares is None else population.ratios(self._target.task, self.class_prior_, shares)

    @property
    def _file_shift(self) -> Array | None:
        """What makes the plain link of the margins what ``predict_proba`` gives; None if no constant does."""
        shift, ratio = self.loss_.fitted.calibrating_shift, self._ratio
        return shift if shift is None or ratio is None else shift + population.margin_shift(self._target.task, ratio)

    def _reweighted(self, target: Target, label: Array, weight: Array | None, shares: Array | None) -> Array | None:
        """Weights with which held-out rows have the shares of the population that is predicted for."""
        if shares is None:
            return weight
        counted = weight
        if weight is not None and weight.ndim == 2:  # of a label that is not known anywhere, nothing is tuned
            counted = np.where(weight.any(axis=0), weight, 1.0)
        ratio = population.ratios(target.task, _priors(target, label, counted), shares)
        decision = Decision.of(self.decision)
        if decision.confidence is not None and decision.kind in ("precision", "alarms") and not np.allclose(ratio, 1.0):
            given = "prevalence" if self.sampling_rate is None else "sampling_rate"
            raise ValueError(
                f"decision={self.decision!r} has a confidence, which takes rows that count alike, but with "
                f"{given}={getattr(self, given)!r} those of one class count more than those of the other; leave the "
                f"confidence out."
            )
        return population.row_weights(label, weight, ratio)

    def _rule(self, target: Target) -> tuple[Decision, int]:
        """What ``decision`` and ``pos_label`` say now; the latter as the code of the positive one of two classes."""
        decision = Decision.of(self.decision)
        decision.check(target.task, target.columns)
        if self.pos_label is not None:
            return decision, target.positive_code(self.pos_label)
        if decision.is_about_one_class and target.task is Task.BINARY:
            target.check_positive(f"decision={self.decision!r}")
        return decision, 1

    def _positive_to_tune_for(self) -> int:
        """The code of the positive one of two classes, where ``decision`` is a rule whose thresholds can be tuned."""
        check_is_fitted(self)
        decision, positive = self._rule(self._target)
        if not decision.is_tuned:
            raise ValueError(
                f"decision is {self.decision!r}, which has nothing to tune; set it to 'f1' or another tuned rule."
            )
        return positive

    def _tuned_in_folds(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        rows: Rows,
        prepared: Prepared,
        whole: dict[str, Any],
        others: dict[str, Any],
    ) -> Array | None:
        """Thresholds chosen on held-out folds, if the decision asks for that.

        ``rows`` says which of the user's rows these are; ``whole`` are arguments that cannot be divided into folds,
        ``others`` those that every fold gets.
        """
        decision, positive = self._rule(prepared.target)
        if not decision.is_tuned:
            return None
        self._check_foldable(whole)
        target, label, weight = prepared.target, prepared.label, prepared.weight
        shares = self._shares(target, prepared.prior)
        self._reweighted(target, label, weight, shares)  # says early what it cannot do
        strata = label
        if target.task is not Task.MULTILABEL and weight is not None:
            strata = np.where(weight > 0, label, -1)
        multilabel = target.task is Task.MULTILABEL
        eta = np.full(label.shape if target.task is not Task.MULTICLASS else (len(label), target.columns), np.nan)
        counts = None if weight is None else weight.copy()
        model = self._fold_model(prepared)
        X, y = _indexable(X), as_array(y)
        folds = self._folds(strata, multilabel, rows)
        if target.task is Task.BINARY:
            self._advise_of_folds(strata, [strata[train] for train, _ in folds])
        for train, test in folds:
            row_weight = None if sample_weight is None else np.asarray(sample_weight)[train]
            fold_y = y[train]
            if multilabel and weight is not None and counts is not None and weight.ndim == 2:
                # Nothing can be learnt of a label that no row of the fold has, and nothing is tuned by what is predicted.
                unseen = ~weight[train].any(axis=0)
                fold_y[:, unseen] = 0
                counts[np.ix_(test, unseen)] = 0
                if row_weight is not None and row_weight.ndim == 2:
                    row_weight[:, unseen] = 1
            fold = clone(model)
            fold._is_fold = True
            with internals.without_autologging():
                fold.fit(take_rows(X, train), fold_y, sample_weight=row_weight, **others)
            eta[test] = fold._held_out(take_rows(X, test), positive, shares)
        held_out = np.isfinite(eta).reshape(len(eta), -1).all(axis=1)
        counts = None if counts is None else counts[held_out]
        return self._best_thresholds(prepared, eta[held_out], label[held_out], counts)

    def _advise_of_folds(self, label: Array, trained: list[Array]) -> None:
        """Warn of folds that are trained on one of two classes, by the codes of their labels."""
        blind = sum(not {0, 1}.issubset(np.unique(codes).tolist()) for codes in trained)
        if blind and {0, 1}.issubset(np.unique(label).tolist()):
            protocol.warn(
                f"decision is {self.decision!r}, but {blind} of the {len(trained)} folds of decision_cv "
                f"are trained on rows of one class only, and say nothing of where the threshold should be; divide the rows "
                f"so that both classes are among those that each fold is trained on."
            )

    def _check_foldable(self, whole: dict[str, Any]) -> None:
        """Refuse what cannot be divided into folds."""
        for name, value in whole.items():
            if value is not None:
                raise ValueError(
                    f"decision is {self.decision!r}, whose folds cannot have {name}; fit with decision='posterior', then "
                    f"set it and call tune_decision(X, y) with held-out rows."
                )

    def _fold_model(self, prepared: Prepared) -> Any:
        """What is trained on a fold, to be cloned."""
        model: Any = clone(self)
        model.set_params(decision="posterior", prevalence=None, sampling_rate=None)
        if prepared.target.task is Task.MULTILABEL:
            model.set_params(classes=None, class_weight=prepared.class_weight)
        else:
            model.set_params(classes=prepared.target.classes)
        return model

    def _held_out(self, X: Any, positive: int, shares: Array | None) -> Array:
        """What decides about rows that this model of a fold does not know, in a population of these shares."""
        probability, target = self.predict_proba(X), self._target
        if shares is not None:
            probability = population.adapted(probability, population.ratios(target.task, self.class_prior_, shares))
        eta = deciding(target, probability, self.class_prior_, positive)
        return eta if shares is None else known(target.task, eta, _of(positive, shares))

    def _best_thresholds(self, prepared: Prepared, eta: Array, label: Array, weight: Array | None) -> Array:
        """Those that serve held-out rows best, in the population that is predicted for."""
        (decision, positive), target = self._rule(prepared.target), prepared.target
        shares = self._shares(target, prepared.prior)
        weight = self._reweighted(target, label, weight, shares)
        found = decision.tune(target.task, eta, _of(positive, label), weight)
        return out_of_reach(target.task, found, _of(positive, prepared.prior if shares is None else shares))

    def _folds(self, strata: Array, multilabel: bool, rows: Rows) -> list[tuple[Array, Array]]:
        try:
            cv = check_cv(self.decision_cv, None if multilabel else strata, classifier=not multilabel)
            by_index = isinstance(cv, PredefinedSplit) or not (
                isinstance(self.decision_cv, numbers.Integral) or hasattr(self.decision_cv, "split")
            )
            with warnings.catch_warnings():
                # Rows of weight 0 are a stratum of their own, and a class may have few rows.
                warnings.filterwarnings("ignore", "The least populated class", UserWarning)
                if rows.known is None or not by_index:
                    folds = list(cv.split(np.zeros(len(strata)), strata))
                else:
                    folds = list(cv.split(np.zeros(rows.given)))
        except (TypeError, ValueError) as error:
            raise type(error)(f"decision_cv is {self.decision_cv!r}: {error}") from None
        if rows.known is None or not by_index:
            return folds
        position = np.full(rows.given, -1)
        position[rows.known] = np.arange(len(rows.known))
        places = ((position[train], position[test]) for train, test in folds)
        return [(train[train >= 0], test[test >= 0]) for train, test in places]

    def tune_decision(self, X: FeaturesLike, y: LabelsLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose the thresholds of ``decision`` anew, on rows that the model has not been trained on.

        For a model that is fitted already; ``fit`` does it by itself, on held-out folds of its training rows. With
        ``prevalence`` or ``sampling_rate``, the rows are weighted so that their classes have the shares of that population,
        whichever shares they have here.

        Parameters
        ----------
        X : array_like or data frame, shape (n, features)
        y : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        The classifier itself.
        """
        positive = self._positive_to_tune_for()
        label, observed = self._target.encode(y, "y")
        weight = weights_of(sample_weight, label, observed, "sample_weight")
        return self._tune(deciding(self._target, self.predict_proba(X), self._population, positive), label, weight)

    def _tune(self, eta: Array, label: Array, weight: Array | None) -> Self:
        """See :meth:`tune_decision`."""
        (decision, positive), shares = self._rule(self._target), self._population
        weight = self._reweighted(self._target, label, weight, self._other_shares)
        found = decision.tune(self._target.task, eta, _of(positive, label), weight)
        self._tuned = decision, positive, out_of_reach(self._target.task, found, _of(positive, shares)), shares
        return self

    def estimate_prevalence(self, X: FeaturesLike) -> dict[Any, float] | npt.NDArray[np.float64]:
        """Shares of the classes among rows without labels, where only the shares differ from those of training.

        The most likely shares given the calibrated probabilities. It does not depend on ``prevalence`` and
        ``sampling_rate``, and changes nothing: ``model.set_params(prevalence=model.estimate_prevalence(X))`` does.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
            Rows that are drawn at random from the population, and that the model was not trained on.

        Returns
        -------
        dict or ndarray of float64
            As ``prevalence=`` takes it: the share of each class by its name, or that of 1 in each label, shape (labels,).

        Notes
        -----
        It assumes label shift: rows of a class look as they did in training, and all rows are of known classes. Where the
        features of a class have changed too, or a new kind of row has come, the result is wrong, and nothing here shows it.
        It also takes the probabilities for calibrated: those of a model that overfits lead it astray, and so do training
        rows as ``X``. So try it on held-out rows of the training's population, where it should give ``class_prior_``. Its
        error is that of a count of as many rows at best, and the larger, the less the model tells the classes apart; a model
        that gives all rows the same probability answers ``class_prior_``. A class without a row in training gets 0.

        References
        ----------
        Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
        Computation 14 (2002), https://doi.org/10.1162/089976602753284446.

        Examples
        --------
        >>> import numpy as np
        >>> from boost_imbalance import ImbalancedXGBClassifier
        >>> rng = np.random.default_rng(0)
        >>> y = rng.random(4000) < 0.1
        >>> model = ImbalancedXGBClassifier(n_estimators=20, max_depth=2, n_jobs=1).fit(rng.normal(2.0 * y)[:, None], y)
        >>> elsewhere = rng.normal(2.0 * (rng.random(4000) < 0.4))[:, None]
        >>> {name: round(share, 1) for name, share in model.estimate_prevalence(elsewhere).items()}
        {False: 0.6, True: 0.4}
        """
        check_is_fitted(self)
        if not self._knows_prior:
            raise ValueError(
                "the model file did not say which shares the classes had in training, without which others cannot be "
                "estimated; load a file that save_model of this classifier wrote."
            )
        margin = np.asarray(self.decision_function(X))
        if len(margin) == 0:
            raise ValueError("X has no rows; give some of the population whose shares are wanted.")
        shares = population.estimated(self._target.task, self._calibrated(margin), self.class_prior_)
        if self._target.task is Task.MULTILABEL:
            return shares
        return dict(zip(self.classes_.tolist(), population.by_class(self._target.task, shares).tolist(), strict=True))

    @property
    def classes_(self) -> Array:
        """The classes, in the order of the columns of ``predict_proba``; of a multi-label task, the label indices."""
        check_is_fitted(self)
        return self._target.classes

    @property
    def thresholds_(self) -> Array | None:
        """What ``predict`` compares with: one probability per label, or one divisor per class; None under a cost matrix."""
        check_is_fitted(self)
        decision, positive = self._rule(self._target)
        if decision.kind in ("cost", "top"):
            return None
        if not decision.is_tuned:
            prior, even = _of(positive, self._population), _of(positive, self._even)
            return decision.thresholds(self._target.task, prior, even)
        if self._tuned is None or not _same_rule(self._tuned, decision, positive):
            raise ValueError(
                f"decision is {self.decision!r}, but no thresholds were tuned for it; call fit again, or tune_decision(X, "
                f"y)."
            )
        if not np.allclose(self._tuned[3], self._population, rtol=1e-9, atol=0.0):
            raise ValueError(
                f"decision is {self.decision!r}, whose thresholds were tuned for a population of other shares than "
                f"prevalence={self.prevalence!r} and sampling_rate={self.sampling_rate!r} say; call fit again, or "
                f"tune_decision(X, y)."
            )
        return np.asarray(self._tuned[2])

    def to_onnx(self, path: PathLike | None = None) -> onnx.ModelProto:
        """The whole classifier as an ONNX model, with the calibration in its graph.

        Parameters
        ----------
        path : str or path, optional
            Where to write it.

        Returns
        -------
        onnx.ModelProto
            Input ``X``, float32 of shape (n, features), NaN, or XGBoost's ``missing=``, where a feature is missing. Outputs
            ``margin``, that of ``decision_function``, which knows of no other population, and ``probability``, which is
            what ``predict_proba`` gives, under ``prevalence`` or ``sampling_rate`` as they are now.

        See Also
        --------
        boost_imbalance.to_onnx : The same for a booster of ``xgboost.train`` or ``lightgbm.train``.
        """
        from boost_imbalance.estimators.onnx import exported

        check_is_fitted(self)
        return exported(self._exported(), self.loss_, path, missing=self._missing, ratio=self._ratio)

    @property
    def _missing(self) -> float:
        """What stands for a missing feature beside NaN."""
        return float("nan")

    def _exported(self) -> Any:
        """The model that predicts, without rounds that early stopping left behind."""
        raise NotImplementedError

    def _probability(self, margin: Array, calibrated: bool) -> Array:
        if len(margin) == 0:
            return np.empty((0, len(self._target.classes)))
        if not calibrated:
            margin = np.asarray(margin, dtype=np.float64)
            return self._columns(softmax(margin, axis=1) if self._target.task is Task.MULTICLASS else expit(margin))
        advice.of_absolute_error(self.loss_)
        probability, ratio = self._calibrated(margin), self._ratio
        return probability if ratio is None else np.asarray(population.adapted(probability, ratio))

    def _calibrated(self, margin: Array) -> Array:
        """Probabilities in the population of training."""
        return self._columns(self.loss_._probability(np.asarray(margin, dtype=np.float64)))

    def _columns(self, eta: Any) -> Array:
        return np.column_stack([1.0 - eta, eta]) if self._target.task is Task.BINARY else np.asarray(eta)

    def score(
        self,
        X: FeaturesLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        *,
        cost: ArrayLike | None = None,
    ) -> float:
        """Accuracy of :meth:`predict`, or, given costs, minus the mean cost of deciding by them: the larger the better.

        Parameters
        ----------
        X : array_like, sparse matrix or data frame, shape (n, features)
        y : array_like, shape (n,) or (n, labels)
            With costs, a row or label that is missing does not count.
        sample_weight : array_like, shape (n,), optional
        cost : array_like, optional
            As of :meth:`predict`. With scikit-learn's metadata routing, ``set_score_request(cost=True)`` has searches and
            ``cross_validate`` pass the rows of each fold on.

        Returns
        -------
        float
            Of a multi-label task, the costs are means over rows and labels.

        See Also
        --------
        boost_imbalance.mean_cost, boost_imbalance.savings_score : Of decisions made by any rule.
        """
        if cost is None:
            accuracy: float = super().score(X, y, sample_weight)  # type: ignore[misc]  # of the library's class
            return accuracy
        X = collected(X)
        given = self._costs(cost, X)
        label, observed = self._target.encode(y, "y")
        weight = weights_of(sample_weight, label, observed, "sample_weight")
        decided = self._cheapest(self.predict_proba(X), given)
        return -costs.realised(label.astype(np.intp), decided, given, weight)[0]

    def _costs(self, cost: Any, X: Any) -> Array:
        """Costs that are given with the rows, checked before anything is predicted."""
        check_is_fitted(self)
        self._refuse_dask(X=X)
        rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return costs.checked(cost, self._target.task, self._target.columns, rows, "cost")

    def _cheapest(self, probability: Array, cost: Array) -> Array:
        task, eta = self._target.task, deciding(self._target, probability, self._population, 1)
        return costs.cheapest(task, eta, cost)

    def _decide(self, probability: Array, cost: Array | None = None) -> Array:
        target = self._target
        if cost is not None:
            return target.decode(self._cheapest(probability, cost))
        thresholds = self.thresholds_
        (decision, positive), shares = self._rule(target), self._population
        if decision.kind == "top":
            eta = deciding(target, probability, shares, positive)
            return target.decode(_of(positive, largest(eta, decision.value)))
        if thresholds is None:
            return target.decode(self._cheapest(probability, decision.value))
        eta, prior = deciding(target, probability, shares, positive), _of(positive, shares)
        code = decide(target.task, eta, thresholds, prior, decision.is_by_share(self._even))
        return target.decode(_of(positive, code))

    def _check_features(self, X: Any, names: bool = True) -> None:
        """The same words for both libraries."""
        check_is_fitted(self)
        self._refuse_dask(X=X)
        shape: Any = np.shape(X) if isinstance(X, (list, tuple)) else getattr(X, "shape", ())
        if len(shape) == 1:
            raise ValueError(
                f"X has shape {shape}: Expected 2D array, got 1D array instead. Reshape your data to (n, features)."
            )
        expected = self.n_features_in_
        if len(shape) == 2 and shape[1] != expected:
            raise ValueError(
                f"X has {shape[1]} features, but {type(self).__name__} is expecting {expected} features as input."
            )
        columns, known = _column_names(X), internals.feature_names_of(self)
        if not names or columns is None or known is None:
            return
        given, wanted = [_plain_name(name) for name in columns], [_plain_name(name) for name in known]
        if given != wanted:
            column = next(i for i, (one, other) in enumerate(zip(given, wanted, strict=True)) if one != other)
            raise ValueError(
                f"The feature names should match those that were passed during fit: column {column} of X is "
                f"{given[column]!r}, but was {wanted[column]!r}; give the columns of fit, in its order."
            )


def total_hessian(prepared: Prepared, library: str) -> float:
    """The largest sum over all rows of the Hessians of a column, at the start of a training."""
    loss, label, n_classes = prepared.loss, prepared.label, prepared.target.n_classes
    start = np.atleast_1d(np.asarray(loss.start(label, prepared.weight, n_classes)))
    margin = np.full(len(label), start[0]) if len(start) == 1 else np.tile(start, (len(label), 1))
    _, hessian = loss.bind(label, prepared.weight, n_classes, library)(margin.astype(np.float32))
    return float(np.asarray(hessian, np.float64).reshape(len(label), -1).sum(axis=0).max())


def default_loss() -> Objective:
    """The loss of a classifier that is given none: no other beat it everywhere, see BENCHMARKS.md."""
    loss: Objective = weighted_objective(weights=None)
    return loss


def check_keywords(params: Mapping[str, Any]) -> None:
    """Refuse what would go around the loss."""
    for name in params:
        if name.startswith("loss__"):
            raise TypeError(
                f"{name} is no argument of the constructor; give loss= an objective, or use set_params({name}=...)."
            )
    refuse_objective(params)


def refuse_objective(params: Mapping[str, Any]) -> None:
    """Refuse the libraries' own parameter for an objective."""
    for name in params:
        if name.startswith("objective__"):
            raise ValueError(f"{name} does not reach the loss; write loss__{name.removeprefix('objective__')}.")
    for name in ("objective", "objective_type", "app", "application"):
        if params.get(name) is not None:
            raise TypeError(f"{name} is {params[name]!r}; this classifier takes loss=, for instance loss=focal_objective().")


def _checked_loss(loss: Any) -> Objective:
    if loss is None:
        return default_loss()
    if isinstance(loss, Objective):
        return loss
    raise TypeError(f"loss is {loss!r}; give an objective of this package, for instance focal_objective(gamma=2.0).")


def _class_weights(
    target: Target, loss: Objective, weighing: dict[str, Any], class_weight: Any, pos_label: Any
) -> dict[str, Any]:
    """The libraries' ways of weighing classes, as the loss's own; ``class_weight`` has the labels by position."""
    positive = weighing.get("scale_pos_weight")
    for name in ("is_unbalance", "unbalance", "unbalanced_sets"):
        if weighing.get(name):
            raise ValueError(
                f"{name} is {weighing[name]!r}, which a loss given by gradients ignores; write class_weight='balanced'."
            )
    if positive is not None and positive != 1:
        if pos_label is None and target.task is Task.BINARY:
            target.check_positive(f"scale_pos_weight={positive!r}")
        if class_weight is not None:
            raise ValueError(f"class_weight and scale_pos_weight={positive!r} both weigh the classes; give one of them.")
        if target.task is Task.MULTICLASS:
            raise ValueError(
                f"scale_pos_weight is {positive!r}, but y has {target.columns} classes; give class_weight, or a loss with "
                f"weights=."
            )
        name, weights = (
            "scale_pos_weight",
            positive if pos_label is None or target.positive_code(pos_label) else [positive, 1.0],
        )
    elif class_weight is not None:
        name, weights = "class_weight", _weights_by_class(target, class_weight)
    else:
        return {}
    if loss.parameters["weights"] is not None:
        raise ValueError(
            f"{name} is {weighing[name]!r}, but loss has weights={loss.parameters['weights']!r}; give one of them."
        )
    return {"weights": weights}


def _weights_by_class(target: Target, class_weight: Any) -> Any:
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight is {class_weight!r}; give 'balanced', or a dict of weights by class.")
        return "balanced"
    if target.task is Task.MULTILABEL:
        return class_weight
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight is {class_weight!r}; give 'balanced', or a dict of weights by class.")
    check_weights("class_weight", class_weight)
    weights = np.ones(len(target.classes))
    for label, weight in class_weight.items():
        weights[target.class_index(label, "class_weight")] = weight
    return weights.tolist()


def _weights_by_label(target: Target, class_weight: Any, names: list[Any]) -> list[list[float]]:
    """``class_weight`` of a multi-label task as the weights of 0 and 1 of each label."""
    weights = [[1.0, 1.0] for _ in target.classes]
    if not isinstance(class_weight, Mapping):
        if not isinstance(class_weight, (list, tuple, np.ndarray)):
            raise TypeError(
                f"class_weight is {class_weight!r}; of a multi-label task give 'balanced', a dict by label or a list with "
                f"an entry for each label."
            )
        if len(class_weight) != target.columns:
            raise ValueError(
                f"class_weight has {len(class_weight)} entries, but y has {target.columns} labels; give one for each."
            )
        class_weight = dict(enumerate(class_weight))
        names = []
    for key, value in class_weight.items():
        weights[_label_position(key, target.columns, names)] = _weights_of_label(key, value)
    return weights


def _label_position(key: Any, columns: int, names: list[Any]) -> int:
    if key in names:
        return names.index(key)
    numbered = not any(isinstance(name, numbers.Integral) for name in names)
    if numbered and is_whole(key) and 0 <= key < columns:
        return int(key)
    labels = ", ".join(map(repr, names[:10])) if names else f"columns 0 to {columns - 1}"
    raise ValueError(
        f"class_weight has the key {key!r}, which is no label of y; its labels are {labels}{', ...' if names[10:] else ''}."
    )


def _weights_of_label(key: Any, value: Any) -> list[float]:
    """The weights of 0 and 1: as a dict, a pair, or a number for that of 1."""
    name = f"class_weight[{key!r}]"
    if isinstance(value, Mapping):
        unknown = [one for one in value if one not in (0, 1)]
        if unknown:
            raise ValueError(f"{name} has the key {unknown[0]!r}; a label of a multi-label task is 0 or 1.")
        value = [value.get(0, 1.0), value.get(1, 1.0)]
    check_weights(name, value)
    if value is None or isinstance(value, str) or np.shape(value) not in ((), (2,)):
        raise ValueError(f"{name} is {value!r}; give a number, the weight of 1, or a dict such as {{0: 1.0, 1: 5.0}}.")
    return [1.0, float(value)] if np.ndim(value) == 0 else [float(one) for one in value]


def _even_thresholds(weights: Any, loss: Objective) -> Array:
    counts = loss.fitted.counts
    if weights is None:
        return np.full(counts.columns, 0.5)
    table = balanced(counts) if isinstance(weights, str) else given(weights, counts)
    if counts.task is Task.MULTICLASS:
        return np.asarray(0.5 / table[:, 0])
    return np.asarray(table[0] / (table[0] + table[1]))


def _priors(target: Target, label: Array, weight: Array | None) -> Array:
    """Weighted share of each class, or of label 1 in each column."""
    if target.task is Task.MULTICLASS:
        counts = np.bincount(label.astype(np.intp), weights=weight, minlength=target.columns)
        return np.asarray(counts / counts.sum())
    y = label.reshape(len(label), -1).astype(np.float64)
    w = None if weight is None else np.broadcast_to(weight.reshape(len(weight), -1), y.shape).astype(np.float64)
    return np.asarray(np.average(y, axis=0, weights=w))


def _same_rule(tuned: Any, decision: Decision, positive: int) -> bool:
    known, code, *_ = tuned
    same_kind = (known.kind, known.confidence, code) == (decision.kind, decision.confidence, positive)
    return same_kind and np.array_equal(known.value, decision.value)


def deciding(target: Target, probability: Array, prior: Array, positive: int) -> Array:
    """The probabilities that decide: of the positive class, of each class, or of each label."""
    eta = probability[:, positive] if target.task is Task.BINARY else probability
    return known(target.task, eta, _of(positive, prior))


def _of(positive: int, values: Array) -> Array:
    """Codes or shares of class 1 as those of the positive class, and back."""
    return values if positive == 1 else np.asarray(1 - values)


def _indexable(X: Any) -> Any:
    """``X`` with rows that can be chosen; those of some sparse formats, and of a lazy frame, cannot."""
    return X.tocsr() if hasattr(X, "tocsr") else collected(X)


def take_rows(data: Any, rows: Array) -> Any:
    """Some rows of features, labels or weights, of the same type."""
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if type(data).__module__.startswith("pyarrow"):
        return data.take(rows)
    return data[rows] if hasattr(data, "shape") else [data[row] for row in rows]


def is_frame(X: Any) -> bool:
    """Whether this is a data frame or table."""
    return _column_names(X) is not None


def _column_names(X: Any) -> Any:
    """Of a data frame or table; None of anything else."""
    if hasattr(X, "collect_schema"):  # polars, where a lazy frame warns of ``columns``
        return X.collect_schema().names()
    if hasattr(X, "schema"):  # pyarrow, where ``columns`` are the values
        return X.schema.names
    return getattr(X, "columns", None)


def _plain_name(name: Any) -> str:
    levels = name if isinstance(name, tuple) else (name,)
    return " ".join(map(str, levels)).replace(" ", "_")
