"""What both classifiers share: the loss and its parameters, labels, probabilities and decisions."""

from __future__ import annotations

import numbers
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.model_selection import PredefinedSplit, check_cv
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from boost_imbalance.estimators import internals
from boost_imbalance.estimators.decisions import Decision, cheapest, decide
from boost_imbalance.estimators.targets import Target, as_array, labelled, weights_of
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.weighted import weighted_objective
from boost_imbalance.losses.weighting import balanced, given

Array = npt.NDArray[Any]

OWN = ("loss", "decision", "decision_cv", "classes", "pos_label", "missing_label")
"""Parameters that the library knows nothing of."""


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

    @property
    def link_is_calibrated(self) -> bool:
        """Whether the probabilities that the library computes by itself are the calibrated ones."""
        shift = self.loss.fitted.calibrating_shift
        return shift is not None and not shift.any()

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


class ImbalancedClassifier:
    """The part of a classifier that does not depend on the library."""

    loss: Any
    decision: Any
    decision_cv: Any
    classes: Any
    pos_label: Any
    missing_label: Any

    def _with_loss_parameters(self, params: dict[str, Any], deep: bool) -> dict[str, Any]:
        params.pop("objective", None)
        if deep:
            loss = default_loss() if self.loss is None else self.loss
            if isinstance(loss, Objective):
                params |= {f"loss__{name}": value for name, value in loss.parameters.items()}
        return params

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
        if hasattr(X, "shape") or isinstance(X, (list, tuple)):
            check_consistent_length(X, y)
        known = labelled(y, self.missing_label)
        if known is None:
            return X, y, by_row, Rows(None, 0)
        X = _indexable(X)
        for name, value in by_row.items():
            if value is not None and np.shape(value)[:1] != np.shape(y)[:1]:
                raise ValueError(
                    f"{name} has shape {np.shape(value)}, but y has shape {np.shape(y)}; give one for each row."
                )
        kept = {name: value if value is None else take_rows(value, known) for name, value in by_row.items()}
        array = as_array(y)
        return take_rows(X, known), array[known], kept, Rows(known, len(array))

    def _prepare(self, y: Any, sample_weight: Any, class_weights: dict[str, Any], n_jobs: int | None) -> Prepared:
        """Check what was given, before anything is trained."""
        target = Target.of(y, self.classes, self.missing_label)
        self._rule(target)
        label, observed = target.encode(y, "y")
        weight = weights_of(sample_weight, label, observed, "sample_weight")
        loss = _checked_loss(self.loss)
        changes = _class_weights(target, loss, class_weights, self.pos_label)
        if n_jobs is not None and n_jobs > 0 and loss.parameters["n_threads"] is None:
            changes["n_threads"] = n_jobs
        if changes.get("weights") == "balanced" and target.task is not Task.MULTILABEL:
            rows_of = np.bincount(label.astype(np.intp), weights=weight, minlength=len(target.classes))
            if rows_of.max() > 0 and not rows_of.all():
                absent = target.classes[rows_of == 0][0].item()
                raise ValueError(f"class_weight is 'balanced', but no row has the class {absent!r}; give a dict of weights.")
        made = loss.copy(**changes)
        if not made.is_fitted:
            made = made.fit(label, weight, target.n_classes)
        fitted = made.fitted
        if (fitted.task, fitted.counts.columns) != (target.task, target.columns):
            raise ValueError(
                f"loss was fitted to {fitted.task.value} labels with {fitted.counts.columns} columns, but y is "
                f"{target.task.value} with {target.columns}; give a loss that is not fitted."
            )
        even = _even_thresholds(changes.get("weights"), made)
        return Prepared(target, made, label, weight, _priors(target, label, weight), even)

    def _finish(self, prepared: Prepared, tuned: Array | None) -> None:
        self._target, self.loss_ = prepared.target, prepared.loss
        self.class_prior_, self._even = prepared.prior, prepared.even
        self._tuned = None if tuned is None else (*self._rule(prepared.target), tuned)

    def _rule(self, target: Target) -> tuple[Decision, int]:
        """What ``decision`` and ``pos_label`` say now; the latter as the code of the positive one of two classes."""
        decision = Decision.of(self.decision)
        decision.check(target.task, target.columns)
        if self.pos_label is not None:
            return decision, target.positive_code(self.pos_label)
        if decision.is_about_one_class and target.task is Task.BINARY:
            target.check_positive(f"decision={self.decision!r}")
        return decision, 1

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
        for name, value in whole.items():
            if value is not None:
                raise ValueError(
                    f"decision is {self.decision!r}, whose folds cannot have {name}; fit with decision='posterior', then "
                    f"set it and call tune_decision(X, y) with held-out rows."
                )
        target, label, weight = prepared.target, prepared.label, prepared.weight
        strata = label
        if target.task is not Task.MULTILABEL and weight is not None:
            strata = np.where(weight > 0, label, -1)
        multilabel = target.task is Task.MULTILABEL
        eta = np.full(label.shape if target.task is not Task.MULTICLASS else (len(label), target.columns), np.nan)
        model: Any = clone(self)
        model.set_params(decision="posterior", classes=None if multilabel else target.classes)
        X, y = _indexable(X), as_array(y)
        for train, test in self._folds(strata, multilabel, rows):
            row_weight = None if sample_weight is None else np.asarray(sample_weight)[train]
            fold = clone(model).fit(take_rows(X, train), y[train], sample_weight=row_weight, **others)
            found = fold.predict_proba(take_rows(X, test))
            eta[test] = found[:, positive] if target.task is Task.BINARY else found
        held_out = np.isfinite(eta).reshape(len(eta), -1).all(axis=1)
        weight = None if weight is None else weight[held_out]
        return decision.tune(target.task, eta[held_out], _of(positive, label[held_out]), weight)

    def _folds(self, strata: Array, multilabel: bool, rows: Rows) -> Iterator[tuple[Array, Array]]:
        try:
            cv = check_cv(self.decision_cv, None if multilabel else strata, classifier=not multilabel)
        except (TypeError, ValueError) as error:
            raise type(error)(f"decision_cv is {self.decision_cv!r}: {error}") from None
        by_index = isinstance(cv, PredefinedSplit) or not (
            isinstance(self.decision_cv, numbers.Integral) or hasattr(self.decision_cv, "split")
        )
        if rows.known is None or not by_index:
            yield from cv.split(np.zeros(len(strata)), strata)
            return
        position = np.full(rows.given, -1)
        position[rows.known] = np.arange(len(rows.known))
        for fold in cv.split(np.zeros(rows.given)):
            train, test = (places[places >= 0] for places in (position[index] for index in fold))
            yield train, test

    def tune_decision(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Choose the thresholds of ``decision`` anew, on rows that the model has not been trained on.

        For a model that is fitted already; ``fit`` does it by itself, on held-out folds of its training rows.

        Parameters
        ----------
        X : array_like or data frame, shape (n, features)
        y : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        The classifier itself.
        """
        check_is_fitted(self)
        decision, positive = self._rule(self._target)
        if not decision.is_tuned:
            raise ValueError(
                f"decision is {self.decision!r}, which has nothing to tune; set it to 'f1' or another tuned rule."
            )
        label, observed = self._target.encode(y, "y")
        weight = weights_of(sample_weight, label, observed, "sample_weight")
        eta = self.predict_proba(X)  # type: ignore[attr-defined]
        eta = eta[:, positive] if self._target.task is Task.BINARY else eta
        self._tuned = decision, positive, decision.tune(self._target.task, eta, _of(positive, label), weight)
        return self

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
        if decision.kind == "cost":
            return None
        if not decision.is_tuned:
            return decision.thresholds(_of(positive, self.class_prior_), _of(positive, self._even))
        if self._tuned is None or not _same_rule(self._tuned, decision, positive):
            raise ValueError(
                f"decision is {self.decision!r}, but no thresholds were tuned for it; call fit again, or tune_decision(X, "
                f"y)."
            )
        return np.asarray(self._tuned[2])

    def to_onnx(self, path: str | os.PathLike[str] | None = None) -> Any:
        """The whole classifier as an ONNX model, with the calibration in its graph.

        Parameters
        ----------
        path : str or path, optional
            Where to write it.

        Returns
        -------
        onnx.ModelProto
            Input ``X``, float32 of shape (n, features), NaN where missing. Outputs ``margin`` and ``probability``, which is
            what ``predict_proba`` gives.
        """
        from boost_imbalance.estimators.onnx import to_onnx

        check_is_fitted(self)
        model = to_onnx(self._exported(), self.loss_)
        if path is not None:
            pathlib.Path(path).write_bytes(model.SerializeToString())
        return model

    def _exported(self) -> Any:
        """The model that predicts, without rounds that early stopping left behind."""
        raise NotImplementedError

    def _probability(self, margin: Array, calibrated: bool) -> Array:
        margin = np.asarray(margin, dtype=np.float64)
        multiclass = self._target.task is Task.MULTICLASS
        if len(margin) == 0:
            return np.empty((0, len(self._target.classes)))
        if calibrated:
            eta = self.loss_.probability(margin)
        else:
            eta = softmax(margin, axis=1) if multiclass else expit(margin)
        return np.column_stack([1.0 - eta, eta]) if self._target.task is Task.BINARY else np.asarray(eta)

    def _decide(self, probability: Array) -> Array:
        target, thresholds = self._target, self.thresholds_
        decision, positive = self._rule(target)
        if thresholds is None:
            eta = probability[:, 1] if target.task is Task.BINARY else probability
            return target.decode(cheapest(target.task, eta, decision.value))
        eta = probability[:, positive] if target.task is Task.BINARY else probability
        return target.decode(_of(positive, decide(target.task, eta, thresholds)))

    def _check_features(self, X: Any, names: bool = True) -> None:
        """The same words for both libraries."""
        check_is_fitted(self)
        shape: Any = np.shape(X) if isinstance(X, (list, tuple)) else getattr(X, "shape", ())
        if len(shape) == 1:
            raise ValueError(
                f"X has shape {shape}: Expected 2D array, got 1D array instead. Reshape your data to (n, features)."
            )
        expected = self.n_features_in_  # type: ignore[attr-defined]
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


def _class_weights(target: Target, loss: Objective, weighing: dict[str, Any], pos_label: Any) -> dict[str, Any]:
    """The libraries' ways of weighing classes, as the loss's own."""
    class_weight, positive = weighing.get("class_weight"), weighing.get("scale_pos_weight")
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
        each = [class_weight] * target.columns if isinstance(class_weight, Mapping) else list(class_weight)
        if len(each) != target.columns:
            raise ValueError(
                f"class_weight has {len(each)} entries, but y has {target.columns} labels; give one dict for each."
            )
        return [[one.get(0, 1.0), one.get(1, 1.0)] for one in each]
    if not isinstance(class_weight, Mapping):
        raise TypeError(f"class_weight is {class_weight!r}; give 'balanced', or a dict of weights by class.")
    weights = np.ones(len(target.classes))
    for label, weight in class_weight.items():
        weights[target.class_index(label, "class_weight")] = weight
    return weights.tolist()


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
    known, code, _ = tuned
    return bool(known.kind == decision.kind and np.array_equal(known.value, decision.value) and code == positive)


def _of(positive: int, values: Array) -> Array:
    """Codes or shares of class 1 as those of the positive class, and back."""
    return values if positive == 1 else np.asarray(1 - values)


def _indexable(X: Any) -> Any:
    """``X`` with rows that can be chosen; those of some sparse formats cannot."""
    return X.tocsr() if hasattr(X, "tocsr") else X


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
