"""The classifier for XGBoost on Dask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted
from xgboost import Booster, XGBClassifier

from boost_imbalance.estimators import evaluation, internals
from boost_imbalance.estimators.classifier import Prepared
from boost_imbalance.estimators.dask import DaskClassifier, Parts
from boost_imbalance.estimators.documentation import documented_as
from boost_imbalance.estimators.targets import is_dask
from boost_imbalance.estimators.xgboost import ImbalancedXGBClassifier, TrainingSettings, as_trained
from boost_imbalance.libraries.xgboost import label_of, weight_of
from boost_imbalance.losses import protocol
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.metric import Metric
from boost_imbalance.types import Array, ArrayLike, DaskCollection, FeaturesLike, PathLike

if TYPE_CHECKING:
    from typing_extensions import Self

try:
    import dask.array as da
    import xgboost.dask as distributed_xgboost
except ImportError as error:  # of a part of Dask that it needs
    raise ModuleNotFoundError(str(error), name="dask") from error


_RANKING = ("auc", "pre", "map", "ndcg")
"""XGBoost's own metrics that no sum over workers gives."""


@documented_as(ImbalancedXGBClassifier)
class ImbalancedDaskXGBClassifier(DaskClassifier, ImbalancedXGBClassifier):
    """:class:`ImbalancedXGBClassifier` for Dask arrays and data frames: trained by ``xgboost.dask``, predicting by block.

    Classes are counted over all partitions, so that the loss, its start and its class weights are those of one machine, and
    so are the metrics of this package. Fitted, it is an ``ImbalancedXGBClassifier``: ``predict_proba`` of a NumPy array or a
    pandas data frame answers here, and that of a Dask collection is lazy, a Dask array. ``to_local`` makes it one that knows
    nothing of Dask, for a file or a server.

    {parameters}

    Attributes
    ----------
    client : distributed.Client
        What trains. Set it before ``fit`` where it is not the default one: ``model.client = client``.

    Notes
    -----
    The rows stay where they are: no partition is moved. ``decision_cv`` divides partitions, not rows: a number of folds, or
    a splitter of the positions of those with labels. Tuned decisions bring one number for each held-out row to this process.
    Functions of labels and probabilities are no ``eval_metric`` here, because each worker sees its own rows only.
    Partitions without rows take no part. ``booster="gblinear"`` and ``tree_method="exact"`` are not distributed.

    Examples
    --------
    >>> import dask.array, distributed, numpy as np
    >>> from boost_imbalance import ImbalancedDaskXGBClassifier, focal_objective
    >>> cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
    >>> client = distributed.Client(cluster)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> y = np.where(X[:, 0] + rng.normal(size=500) > 2, "rare", "usual")
    >>> X, y = dask.array.from_array(X, chunks=(250, 3)), dask.array.from_array(y, chunks=250)
    >>> model = ImbalancedDaskXGBClassifier(loss=focal_objective(gamma=1.0), n_estimators=20, n_jobs=1)
    >>> model.fit(X, y).classes_.tolist()
    ['rare', 'usual']
    >>> model.predict_proba(X).shape, model.predict_proba(X[:2].compute()).shape
    ((500, 2), (2, 2))
    >>> type(model.to_local()).__name__
    'ImbalancedXGBClassifier'
    >>> client.close(), cluster.close()
    (None, None)
    """

    if TYPE_CHECKING:

        def to_local(self) -> ImbalancedXGBClassifier:
            """As :class:`DaskClassifier` has it."""

    def _local_class(self) -> type:
        return ImbalancedXGBClassifier

    def fit(  # type: ignore[override]  # Dask's collections are all it takes
        self,
        X: DaskCollection,
        y: DaskCollection,
        *,
        sample_weight: DaskCollection | None = None,
        base_margin: DaskCollection | None = None,
        eval_set: Sequence[tuple[DaskCollection, DaskCollection]] | None = None,
        verbose: bool | int | None = True,
        xgb_model: Booster | XGBClassifier | PathLike | None = None,
        sample_weight_eval_set: Sequence[DaskCollection | None] | None = None,
        base_margin_eval_set: Sequence[DaskCollection | None] | None = None,
        feature_weights: ArrayLike | None = None,
    ) -> Self:
        """Train the classifier on the workers that hold the data.

        Parameters
        ----------
        X : Dask array or data frame, shape (n, features)
        y : Dask array, series or data frame, shape (n,) or (n, labels)
            With the partitions of ``X``. Any labels, as of :meth:`ImbalancedXGBClassifier.fit`.
        sample_weight : Dask array or series, shape (n,), optional
            With the partitions of ``X``; a weight for each row, in a multi-label task too.
        base_margin : Dask array or data frame, optional
            Margins to begin with, instead of the loss's start.
        eval_set : list of (X, y), optional
            Dask collections. Judged by ``eval_metric`` over the rows of all workers: by default, log loss of calibrated
            probabilities.
        sample_weight_eval_set, base_margin_eval_set : list of Dask collections, optional
        verbose, xgb_model, feature_weights
            As of :meth:`ImbalancedXGBClassifier.fit`.

        Returns
        -------
        ImbalancedDaskXGBClassifier
            The classifier itself, which is fitted for one machine too.
        """
        self._check_distributed()
        client = self._synchronous_client()
        parts = Parts.of(client, X, y, sample_weight, base_margin, self.missing_label)
        sets = self._evaluation_parts(
            client, eval_set, sample_weight_eval_set, base_margin_eval_set, (X, y, sample_weight), parts
        )
        prepared = self._prepared_of(parts)
        for one in sets:
            if one is not parts:
                prepared.target.encode(one.labels()[0], f"the y of {one.name}")
        whole = {"base_margin": base_margin, "xgb_model": as_trained(xgb_model)}
        options: dict[str, Any] = {"sets": sets, "verbose": verbose, "feature_weights": feature_weights}
        tuned = self._tuned_in_partitions(parts, prepared, whole, **options)
        self._fit_parts(parts, prepared, tuned=tuned, xgb_model=whole["xgb_model"], **options)
        self._check_splits(prepared)
        return self

    def _prepared_of(self, parts: Parts) -> Prepared:
        weighing = {"class_weight": self.class_weight, "scale_pos_weight": self.scale_pos_weight}
        return self._prepared(parts, weighing, self.n_jobs)

    def _check_distributed(self) -> None:
        """Refuse what XGBoost trains on one machine only."""
        for name, values in {"booster": ("gblinear",), "tree_method": ("exact",)}.items():
            if getattr(self, name) in values:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, which XGBoost does not distribute; leave it out, or take "
                    f"ImbalancedXGBClassifier on one machine."
                )
        for metric in evaluation.requested(self.eval_metric):
            if callable(metric) and not isinstance(metric, Metric):
                shown = getattr(metric, "__name__", metric)
                raise ValueError(
                    f"eval_metric holds {shown!r}, a function that would see the rows of one worker only; give one of "
                    f"boost_imbalance.metrics, which are of all rows."
                )
            if isinstance(metric, str) and metric.startswith(_RANKING):
                protocol.warn(
                    f"eval_metric is {metric!r}, which XGBoost takes of the rows of each worker by itself, and then the "
                    f"mean; for that of all rows give eval_metric=boost_imbalance.metrics.average_precision()."
                )

    def _evaluation_parts(
        self, client: Any, eval_set: Any, weights: Any, margins: Any, training: tuple[Any, ...], parts: Parts
    ) -> list[Parts]:
        found: list[Parts] = []
        count = 0 if eval_set is None else len(eval_set)
        for name, given in {"sample_weight_eval_set": weights, "base_margin_eval_set": margins}.items():
            if given is not None and len(given) != count:
                raise ValueError(f"{name} has {len(given)} entries, but eval_set has {count}; give one for each.")
        for i, given in enumerate(eval_set or ()):
            X, y = evaluation.pair(given, i, "sample_weight_eval_set")
            weight, margin = (None if one is None else one[i] for one in (weights, margins))
            if (
                X is training[0]
                and y is training[1]
                and weight is training[2]
                and margin is None
                and parts.columns[0][3] is None
            ):
                found.append(parts)
            else:
                found.append(Parts.of(client, X, y, weight, margin, self.missing_label, f"eval_set[{i}]"))
        named = [metric for metric in evaluation.requested(self.eval_metric) if isinstance(metric, str)]
        for i, one in enumerate(found):
            _check_columns(f"X of eval_set[{i}]", one, parts)
            if named and any(summary.missing for summary in one.summaries):
                raise ValueError(
                    f"eval_metric is {named[0]!r}, by which XGBoost would count the missing labels of eval_set[{i}] too; "
                    f"give one of boost_imbalance.metrics."
                )
        return found

    def _fit_parts(  # type: ignore[override]  # with the keywords of this library's fit
        self,
        parts: Parts,
        prepared: Prepared,
        *,
        sets: Sequence[Parts] = (),
        verbose: Any = True,
        feature_weights: Any = None,
        tuned: Array | None = None,
        xgb_model: Any = None,
    ) -> None:
        client = self._synchronous_client()
        metrics = evaluation.requested(self.eval_metric) or (evaluation.default() if sets else [])
        settings = TrainingSettings.of(prepared, metrics, xgb_model is None and self.base_score is None)
        params = {**self.get_xgb_params(), **settings.params}
        stopping = {"early_stopping_rounds": self.early_stopping_rounds, "callbacks": self.callbacks}
        stopping |= self._early_stopping(metrics)
        if feature_weights is None:
            feature_weights = getattr(self, "feature_weights", None)
        with client.as_current():  # of which XGBoost asks for the type
            training = self._matrix(client, parts, prepared, None, feature_weights)
            evals = [
                (training if one is parts else self._matrix(client, one, prepared, training), f"validation_{i}")
                for i, one in enumerate(sets)
            ]
            found = distributed_xgboost.train(
                client,
                params,
                training,
                self.get_num_boosting_rounds(),
                evals=evals or None,
                obj=_Objective(prepared.loss),
                custom_metric=settings.metric,
                xgb_model=xgb_model
                if xgb_model is None or not hasattr(xgb_model, "get_booster")
                else xgb_model.get_booster(),
                verbose_eval=verbose or False,
                **stopping,
            )
        before = dict(vars(self))
        try:
            self._finish(prepared, tuned)
            internals.set_booster(self, found["booster"])
            self.n_classes_ = len(prepared.target.classes)
            self.evals_result_ = found["history"] if evals else None
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _matrix(self, client: Any, parts: Parts, prepared: Prepared, ref: Any, feature_weights: Any = None) -> Any:
        given = parts.encoded(prepared.target)
        X = given.pop("X")
        given |= {"missing": self.missing, "feature_types": self.feature_types}
        given["feature_names"] = _names(X)  # as XGBoost does it itself, but on workers without rows too
        given["enable_categorical"] = bool(self.enable_categorical)
        if feature_weights is not None:
            given["feature_weights"] = (
                feature_weights if is_dask(feature_weights) else da.from_array(np.asarray(feature_weights))
            )
        if self.tree_method in (None, "auto", "hist"):
            return distributed_xgboost.DaskQuantileDMatrix(client, X, max_bin=self.max_bin, ref=ref, **given)
        return distributed_xgboost.DaskDMatrix(client, X, **given)

    def predict(
        self,
        X: DaskCollection | FeaturesLike,
        *,
        output_margin: bool = False,
        validate_features: bool = True,
        base_margin: DaskCollection | ArrayLike | None = None,
        iteration_range: tuple[int, int] | None = None,
        cost: ArrayLike | None = None,
    ) -> Any:
        """Decide, by the rule that ``decision`` names, or by what the decisions of these rows cost; lazily where ``X`` is.

        Parameters
        ----------
        X : Dask array or data frame, or array_like, shape (n, features)
            Of a Dask collection each block is decided by itself, so that ``decision={"top": k}`` and costs of each row are
            refused.
        output_margin, validate_features, iteration_range, cost
            As of :meth:`ImbalancedXGBClassifier.predict`.
        base_margin : as ``X``, optional

        Returns
        -------
        dask.array.Array or ndarray
            Shape (n,), of the labels' type; or zeros and ones, shape (n, labels).
        """
        options: dict[str, Any] = {
            "validate_features": validate_features,
            "base_margin": base_margin,
            "iteration_range": iteration_range,
        }
        if not is_dask(X):
            return super().predict(X, output_margin=output_margin, cost=cost, **options)
        if output_margin:
            check_is_fitted(self)
            columns = None if self._target.task is Task.BINARY else self._target.columns
            return self._lazily(X, "predict", columns, np.float32, {**options, "output_margin": True}, validate_features)
        return self._lazy_decision(X, cost, options, validate_features)

    def predict_proba(
        self,
        X: DaskCollection | FeaturesLike,
        validate_features: bool = True,
        base_margin: DaskCollection | ArrayLike | None = None,
        iteration_range: tuple[int, int] | None = None,
        *,
        calibrated: bool = True,
    ) -> Any:
        """Probability of each class, or of each label; lazily where ``X`` is.

        Parameters
        ----------
        X : Dask array or data frame, or array_like, shape (n, features)
        validate_features, iteration_range, calibrated
            As of :meth:`ImbalancedXGBClassifier.predict_proba`.
        base_margin : as ``X``, optional

        Returns
        -------
        dask.array.Array or ndarray of float64
            Shape (n, classes), or (n, labels) for a multi-label task.
        """
        options: dict[str, Any] = {
            "validate_features": validate_features,
            "base_margin": base_margin,
            "iteration_range": iteration_range,
        }
        if not is_dask(X):
            return super().predict_proba(X, calibrated=calibrated, **options)
        return self._lazy_probability(X, {**options, "calibrated": calibrated}, validate_features)


def _names(X: Any) -> list[str] | None:
    """Those of the columns of a data frame, as XGBoost writes them."""
    if not hasattr(X, "columns"):
        return None
    levels = (name if isinstance(name, tuple) else (name,) for name in X.columns)
    return [" ".join(map(str, level)) for level in levels]


def _check_columns(name: str, parts: Parts, training: Parts) -> None:
    """Refuse an evaluation set of other columns than the training data's."""
    count, expected = (one.summaries[0].features for one in (parts, training))
    if count != expected:
        raise ValueError(f"{name} has {count} features, but X has {expected}; give the columns of X.")
    given, wanted = _names(parts.X), _names(training.X)
    if (given is None) != (wanted is None):
        raise ValueError(f"one of X and {name} names its columns, the other does not; give data frames or arrays for both.")
    if given != wanted:
        raise ValueError(f"{name} has the columns {given}, but X has {wanted}; give the columns of X, in its order.")


class _Objective:
    """The loss on a worker, with the worker's own rows, of which XGBoost keeps labels and weights."""

    def __init__(self, loss: Any) -> None:
        self._loss = loss

    def __repr__(self) -> str:
        """As the loss: it is what a log of the training's parameters shows."""
        return repr(self._loss)

    def __call__(self, margin: Array, data: Any) -> tuple[Array, Array]:
        """Gradient and Hessian; labels of -1 are missing."""
        label, weight = evaluation.as_given(label_of(data), weight_of(data))
        gradient, hessian = self._loss(label, margin, weight)
        return gradient, hessian
