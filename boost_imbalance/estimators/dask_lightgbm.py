"""The classifier for LightGBM on Dask, for what LightGBM does there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import dask.array as da
import lightgbm
import numpy as np

from boost_imbalance.estimators import internals
from boost_imbalance.estimators.classifier import Prepared
from boost_imbalance.estimators.dask import DaskClassifier, Parts
from boost_imbalance.estimators.documentation import documented_as
from boost_imbalance.estimators.lightgbm import (
    IMBALANCE,
    LINEAR,
    METRIC,
    NO_METRIC,
    ImbalancedLGBMClassifier,
    add_to_first_trees,
    seed,
)
from boost_imbalance.estimators.targets import is_dask
from boost_imbalance.libraries.lightgbm import with_link
from boost_imbalance.types import Array, ArrayLike, DaskCollection, FeaturesLike

if TYPE_CHECKING:
    from typing_extensions import Self

_ROUNDS = ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change")


@documented_as(ImbalancedLGBMClassifier)
class ImbalancedDaskLGBMClassifier(DaskClassifier, ImbalancedLGBMClassifier):
    """:class:`ImbalancedLGBMClassifier` for Dask arrays and data frames, for what LightGBM does there.

    ``lightgbm.dask`` trains, with classes counted over all partitions, for binary and multi-class tasks with row weights
    and every decision, tuned ones on held-out partitions. LightGBM lets its workers exchange histograms only, so that
    evaluation sets, early stopping, the adaptive loss and several labels are refused; :class:`ImbalancedDaskXGBClassifier`
    has them. Fitted, it is an ``ImbalancedLGBMClassifier``: ``predict_proba`` of a NumPy array or a pandas data frame
    answers here, and that of a Dask collection is lazy, a Dask array. ``to_local`` makes it one that knows nothing of Dask.

    {parameters}

    Attributes
    ----------
    client : distributed.Client
        What trains. Set it before ``fit`` where it is not the default one: ``model.client = client``.

    Notes
    -----
    ``decision_cv`` divides partitions, not rows: a number of folds, or a splitter of the positions of those with rows. Tuned
    decisions bring one number for each held-out row to this process. Partitions without rows take no part. LightGBM bins
    features from samples of each worker's rows, so that a model of several workers is not that of one, but as good.

    See Also
    --------
    ImbalancedDaskXGBClassifier : With an example, which goes for this class too.
    """

    _margin_type = np.float64

    if TYPE_CHECKING:

        def to_local(self) -> ImbalancedLGBMClassifier:
            """As :class:`DaskClassifier` has it."""

    def _local_class(self) -> type:
        return ImbalancedLGBMClassifier

    def fit(  # type: ignore[override]  # Dask's collections are all it takes
        self,
        X: DaskCollection,
        y: DaskCollection,
        sample_weight: DaskCollection | None = None,
        init_score: None = None,
        eval_set: None = None,
        eval_names: None = None,
        eval_sample_weight: None = None,
        eval_class_weight: None = None,
        eval_init_score: None = None,
        eval_metric: None = None,
        feature_name: Literal["auto"] | Sequence[str] = "auto",
        categorical_feature: Literal["auto"] | Sequence[str] | Sequence[int] = "auto",
        callbacks: None = None,
        init_model: None = None,
        *,
        eval_X: None = None,
        eval_y: None = None,
    ) -> Self:
        """Train the classifier on the workers that hold the data.

        Parameters
        ----------
        X : Dask array or data frame, shape (n, features)
        y : Dask array, series or data frame, shape (n,)
            With the partitions of ``X``. Any labels; NaN, None and ``missing_label`` mean that there is none.
        sample_weight : Dask array or series, shape (n,), optional
            With the partitions of ``X``.
        feature_name, categorical_feature
            As of :meth:`lightgbm.LGBMClassifier.fit`.
        init_score, eval_set, eval_names, eval_sample_weight, eval_class_weight, eval_init_score, eval_metric, callbacks, \
init_model, eval_X, eval_y
            Refused: LightGBM would evaluate the rows of each worker by itself, and may wait forever where one of them stops.

        Returns
        -------
        ImbalancedDaskLGBMClassifier
            The classifier itself, which is fitted for one machine too.
        """
        sets = {"eval_set": eval_set, "eval_X": eval_X, "eval_y": eval_y, "eval_metric": eval_metric, "callbacks": callbacks}
        sets |= {"eval_names": eval_names, "eval_sample_weight": eval_sample_weight, "eval_init_score": eval_init_score}
        self._check_distributed({**sets, "eval_class_weight": eval_class_weight}, init_score, init_model)
        client = self._synchronous_client()
        parts = Parts.of(client, X, y, sample_weight, None, self.missing_label)
        if parts.summaries[0].labels.ndim == 2:
            raise ValueError(
                f"y has {len(parts.summaries[0].labels[0])} columns, but LightGBM's own trainer for Dask keeps one label "
                f"per row; take ImbalancedDaskXGBClassifier."
            )
        prepared = self._prepared_of(parts)
        self._check_parameters(self.get_params(deep=False), prepared.target.columns)
        options = {"feature_name": feature_name, "categorical_feature": categorical_feature}
        tuned = self._tuned_in_partitions(parts, prepared, {}, **options)
        self._fit_parts(parts, prepared, tuned=tuned, **options)
        self._check_splits(prepared, self.get_params(deep=False))
        return self

    def _prepared_of(self, parts: Parts) -> Prepared:
        own = self.get_params(deep=False)
        prepared = self._prepared(parts, {name: own.get(name) for name in (*IMBALANCE, "class_weight")}, self.n_jobs)
        if prepared.loss.weights_move:
            raise ValueError(
                f"loss is {prepared.loss!r}, whose class weights follow the rows that are missed on all workers, which "
                f"LightGBM does not add up; take ImbalancedDaskXGBClassifier, or class_weight='balanced'."
            )
        return prepared

    def _check_distributed(self, sets: dict[str, Any], init_score: Any, init_model: Any) -> None:
        """Refuse what LightGBM does on one machine only, or does wrong on several."""
        own = self.get_params(deep=False)
        sets |= {name: own[name] for name in _ROUNDS if own.get(name)}
        sets |= {name: own[name] for name in METRIC if own.get(name) not in (None, *NO_METRIC)}
        for name, value in sets.items():
            if value is not None:
                raise ValueError(
                    f"{name} is given, but LightGBM evaluates the rows of each worker by itself, and waits forever where "
                    f"one worker stops before another (LightGBM#6351); take ImbalancedDaskXGBClassifier, or choose "
                    f"n_estimators by score(X, y) of held-out partitions."
                )
        for name, value in {"init_score": init_score, "init_model": init_model}.items():
            if value is not None:
                raise ValueError(f"{name} is given, which is not supported on Dask; take ImbalancedDaskXGBClassifier.")
        for name in LINEAR:
            if own.get(name):
                raise ValueError(f"{name} is {own[name]!r}, which LightGBM does not distribute; leave it out.")

    def _fit_parts(
        self,
        parts: Parts,
        prepared: Prepared,
        *,
        tuned: Array | None = None,
        **options: Any,
    ) -> None:
        client, target = self._synchronous_client(), prepared.target
        given = parts.encoded(target)
        X, label, weight = given["X"], given["label"], given["weight"]
        params = self._booster_params()
        del params["num_threads"]  # LightGBM gives each worker its own
        params |= {"random_state": seed(self.random_state), "metric": "None"}
        if target.columns > 1:
            params["num_class"] = target.columns
        begins = self.get_params(deep=False).get("boost_from_average") is not False
        start = np.atleast_1d(np.asarray(prepared.loss.fitted.start))
        shape = () if len(start) == 1 else start.shape
        # Labels go as codes to a regressor, which leaves them as they are: a worker may lack some of the classes.
        trainer = lightgbm.DaskLGBMRegressor(
            client=client, objective=_Objective(prepared.loss), n_estimators=self.n_estimators, **params
        )
        if begins:
            block = start[0] if len(start) == 1 else start
            rows = label.chunks[0]
            begun = da.concatenate(
                [da.from_array(np.broadcast_to(block, (count, *shape)).copy(), chunks=(count, *shape)) for count in rows]
            )
            options["init_score"] = begun
        with warnings.catch_warnings():
            if self.n_jobs is None:
                warnings.filterwarnings("ignore", "Parameter n_jobs will be ignored", UserWarning)
            trainer.fit(X, label, sample_weight=weight, **options)
        booster = trainer.booster_
        if begins:
            add_to_first_trees(booster, start)
        linked = with_link(booster, False, prepared.loss.fitted.link_is_calibrated, begins)
        before = dict(vars(self))
        try:
            internals.set_lightgbm_model(self, linked, parts.summaries[0].features, len(target.classes), {})
            self._named_by_hand = not isinstance(options["feature_name"], str)
            self._finish(prepared, tuned)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def predict(
        self,
        X: DaskCollection | FeaturesLike,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        *,
        cost: ArrayLike | None = None,
        **kwargs: Any,
    ) -> Any:
        """Decide, by the rule that ``decision`` names, or by what the decisions of these rows cost; lazily where ``X`` is.

        Parameters
        ----------
        X : Dask array or data frame, or array_like, shape (n, features)
            Of a Dask collection each block is decided by itself, so that ``decision={"top": k}`` and costs of each row are
            refused, and so are ``pred_leaf`` and ``pred_contrib``.
        raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, cost, **kwargs
            As of :meth:`ImbalancedLGBMClassifier.predict`.

        Returns
        -------
        dask.array.Array or ndarray
            Shape (n,), of the labels' type.
        """
        options = {"start_iteration": start_iteration, "num_iteration": num_iteration, **kwargs}
        shown = {"raw_score": raw_score, "pred_leaf": pred_leaf, "pred_contrib": pred_contrib}
        if not is_dask(X):
            return super().predict(X, **shown, **options, cost=cost)
        if any(shown.values()):
            return self._raw_lazily(X, options, **shown)
        return self._lazy_decision(X, cost, options)

    def predict_proba(
        self,
        X: DaskCollection | FeaturesLike,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        *,
        calibrated: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Probability of each class; lazily where ``X`` is.

        Parameters
        ----------
        X : Dask array or data frame, or array_like, shape (n, features)
        raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, calibrated, **kwargs
            As of :meth:`ImbalancedLGBMClassifier.predict_proba`.

        Returns
        -------
        dask.array.Array or ndarray of float64
            Shape (n, classes).
        """
        options = {"start_iteration": start_iteration, "num_iteration": num_iteration, **kwargs}
        shown = {"raw_score": raw_score, "pred_leaf": pred_leaf, "pred_contrib": pred_contrib}
        if not is_dask(X):
            return super().predict_proba(X, **shown, **options, calibrated=calibrated)
        if any(shown.values()):
            return self._raw_lazily(X, options, **shown)
        return self._lazy_probability(X, {**options, "calibrated": calibrated})

    def _raw_lazily(self, X: Any, options: dict[str, Any], raw_score: bool, pred_leaf: bool, pred_contrib: bool) -> Any:
        for name, asked in {"pred_leaf": pred_leaf, "pred_contrib": pred_contrib}.items():
            if asked:
                raise ValueError(
                    f"{name} is for arrays and data frames of one machine; write X.map_blocks(model.to_local().predict, "
                    f"{name}=True, ...) for a Dask array."
                )
        return self.decision_function(X, **options)


class _Objective:
    """The loss on a worker; LightGBM hands over the worker's own rows."""

    def __init__(self, loss: Any) -> None:
        self._loss = loss

    def __repr__(self) -> str:
        """As the loss: it is what a log of the training's parameters shows."""
        return repr(self._loss)

    def __call__(self, label: Array, margin: Array, weight: Any) -> tuple[Array, Array]:
        """Gradient and Hessian."""
        gradient, hessian = self._loss(label, margin, weight)
        return gradient, hessian
