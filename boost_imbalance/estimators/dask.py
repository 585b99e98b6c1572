"""What the classifiers for Dask share: partitions, their counts, folds of whole partitions, and predictions by block."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from boost_imbalance.estimators.classifier import ImbalancedClassifier, Prepared, Rows, deciding, take_rows
from boost_imbalance.estimators.targets import (
    Target,
    as_array,
    check_types,
    is_dask,
    labelled,
    missing_in,
    plain,
    weights_of,
)
from boost_imbalance.losses import costs, labels
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.types import Array, ArrayLike, DaskCollection, FeaturesLike, LabelsLike

try:
    import dask
    import dask.array as da
    import dask.dataframe as dd
    import distributed
except ImportError as error:
    # Of dask.dataframe's own parts too, which it names in an ImportError without a name.
    raise ModuleNotFoundError(str(error), name="dask") from error

if TYPE_CHECKING:
    from typing_extensions import Self


class Summary(NamedTuple):
    """What is known of the labels of one partition."""

    rows: int
    """Those that have a label."""
    complete: bool
    """Whether all have, and the features can be used as they are."""
    missing: bool
    """Whether any label of those rows is missing."""
    labels: Array
    """The distinct labels; of a multi-label task zeros and ones, shape (2, labels)."""
    ones: Array
    """How many rows have each."""
    totals: Array
    """Their summed weight."""
    features: int


@dataclass(frozen=True)
class Parts:
    """Features, labels, weights and margins, partition by partition, in the memory of the workers."""

    name: str
    """How errors name it: nothing for the training data, else which of the evaluation sets."""
    X: Any
    """The collection, which says of what type and with which columns partitions are."""
    columns: list[list[Any]]
    """One list for each partition: futures of features and labels, and of weights and margins or None."""
    label_names: list[Any]
    """Those of a data frame of several labels; empty without."""
    summaries: list[Summary]
    positions: list[int]
    """Which partitions of the collection they are."""
    held: list[Any]
    """The collections, which keep what is computed in the workers' memory."""

    @classmethod
    def of(
        cls, client: Any, X: Any, y: Any, sample_weight: Any, base_margin: Any, missing_label: Any, name: str = ""
    ) -> Parts:
        """Have it computed on the workers, and count labels there."""
        given = {"X": X, "y": y, "sample_weight": sample_weight, "base_margin": base_margin}
        named = {key: f"{key} of {name}" if name else key for key in given}
        for key, value in given.items():
            if value is not None and not isinstance(value, (da.Array, dd.DataFrame, dd.Series)):
                raise TypeError(
                    f"{named[key]} is {type(value).__name__}; give a Dask collection, such as dask.array.from_array({key}, "
                    f"...) with the chunks of the others, or take the classifier without Dask in its name."
                )
        if getattr(X, "ndim", 2) != 2:
            raise ValueError(f"{named['X']} has shape {X.shape}: Expected 2D array, got 1D array instead.")
        if y is None:
            raise ValueError("y is None; this classifier requires y to be passed, but the target y is None.")
        # Features in one block a partition.
        whole = [
            value.rechunk({1: -1}) if getattr(value, "numblocks", (1,))[1:] > (1,) else value for value in given.values()
        ]
        collections = _persisted(client, whole)
        columns = [None if value is None else _partitions(client, value) for value in collections]
        count = len(_partitions(client, collections[0]))
        for key, column in zip(given, columns, strict=True):
            if column is not None and len(column) != count:
                raise ValueError(
                    f"{named[key]} has {len(column)} partitions, but {named['X']} has {count}; repartition or rechunk them "
                    f"alike, or persist the frame that both come from."
                )
        by_part = [[None if column is None else column[i] for column in columns] for i in range(count)]
        label_names = list(y.columns) if isinstance(y, dd.DataFrame) and len(y.columns) > 1 else []
        counted = [dask.delayed(_counted)(*part, missing_label, list(given), name, i) for i, part in enumerate(by_part)]
        summaries = client.gather(client.compute(counted))
        # A partition without a labelled row, such as a filter leaves behind, takes no part.
        used = [i for i, summary in enumerate(summaries) if summary.rows]
        if not used:
            raise ValueError(f"{named['y']} holds no label at all; give rows that have one.")
        return cls(
            name, collections[0], [by_part[i] for i in used], label_names, [summaries[i] for i in used], used, collections
        )

    def subset(self, chosen: Sequence[int]) -> Parts:
        """Some of the partitions."""
        columns, summaries = [self.columns[i] for i in chosen], [self.summaries[i] for i in chosen]
        positions = [self.positions[i] for i in chosen]
        return Parts(self.name, self.X, columns, self.label_names, summaries, positions, self.held)

    def labels(self) -> tuple[Array, Array]:
        """Labels and weights that stand for those of all rows: each class once a partition, or zeros and ones."""
        if self.summaries[0].labels.ndim == 2:
            ones, totals = sum(self._column("ones")), sum(self._column("totals"))
            y = self.summaries[0].labels
            if (ones.sum(axis=0) == 0).any():
                y = np.where(ones.sum(axis=0) == 0, np.nan, y)
            return y, totals
        found = [summary.labels for summary in self.summaries]
        if len({array.dtype.kind in "OUS" for array in found}) > 1:
            found = [array.astype(object) for array in found]  # NumPy would make strings of the numbers
        return np.concatenate(found), np.concatenate([summary.totals for summary in self.summaries])

    def _column(self, name: str) -> list[Any]:
        return [getattr(summary, name) for summary in self.summaries]

    def counts(self, target: Target) -> Counts:
        """Global class counts."""
        rows = sum(summary.rows for summary in self.summaries)
        if target.task is Task.MULTILABEL:
            ones, totals = (sum(column) for column in (self._column("ones"), self._column("totals")))
            return Counts(target.task, ones[1], totals[1], rows, totals.sum(axis=0))
        code = target.encode(self.labels()[0], "y")[0].astype(np.intp)
        ones, totals = (
            np.bincount(code, weights=np.concatenate(self._column(name)), minlength=len(target.classes))
            for name in ("ones", "totals")
        )
        mass = totals.sum()
        if target.task is Task.BINARY:
            return Counts(target.task, ones[1:], totals[1:], rows, np.array([mass]))
        return Counts(target.task, ones, totals, rows, np.full(len(totals), mass))

    def encoded(self, target: Target) -> dict[str, Any]:
        """Collections of the rows that have a label: features, codes (-1 where a label is missing), weights and margins."""
        complete = all(one.complete for one in self.summaries)
        encode = dask.delayed(_encoded, nout=4)
        found = [encode(*part, target, complete) for part in self.columns]
        X, label, weight, margin = (list(column) for column in zip(*found, strict=True))
        shape = (len(target.classes),) if target.task is Task.MULTILABEL else ()
        margins = shape if target.task is Task.BINARY or shape else (len(target.classes),)
        if complete:  # features stay what they are
            chosen = self.X.partitions[self.positions]
        elif isinstance(self.X, dd.DataFrame):
            chosen = dd.from_delayed(X, meta=self.X._meta, verify_meta=False)
        else:
            chosen = self._array(X, (self.summaries[0].features,), self.X.dtype, self.X._meta)
        return {
            "X": chosen,
            "label": self._array(label, shape, np.float32),
            "weight": None if self.columns[0][2] is None else self._array(weight, (), np.float64),
            "base_margin": None if self.columns[0][3] is None else self._array(margin, margins, np.float32),
        }

    def _array(self, parts: list[Any], shape: tuple[int, ...], dtype: Any, meta: Any = None) -> Any:
        blocks = [
            da.from_delayed(part, (one.rows, *shape), dtype=dtype, meta=meta)
            for part, one in zip(parts, self.summaries, strict=True)
        ]
        return da.concatenate(blocks)


def _persisted(client: Any, given: list[Any]) -> list[Any]:
    """Computed together, so that what they share is computed once; arrays and frames apart, at whose mixture Dask warns."""
    found = list(given)
    for of_array in (True, False):
        chosen = [i for i, one in enumerate(given) if one is not None and isinstance(one, da.Array) is of_array]
        for i, one in zip(chosen, client.persist([given[i] for i in chosen]) if chosen else (), strict=True):
            found[i] = one
    return found


def _partitions(client: Any, collection: Any) -> list[Any]:
    """The futures of a persisted collection, in order, which their keys say.

    The collection itself may name its keys otherwise, and ``to_delayed`` of Dask 2026.8 then asks for what nobody holds.
    """
    return sorted(client.futures_of(collection), key=lambda future: future.key[1:])


def _rows(part: Any) -> int:
    return int(part.shape[0]) if hasattr(part, "shape") else len(part)


def _counted(
    X: Any, y: Any, weight: Any, margin: Any, missing_label: Any, names: list[str], of: str, position: int
) -> Summary:
    """Count the labels of one partition."""
    where = f"partition {position}" + (f" of {of}" if of else "")
    rows, features = _rows(X), int(X.shape[1])
    for name, part in zip(names, (X, y, weight, margin), strict=True):
        if part is not None and _rows(part) != rows:
            raise ValueError(f"{name} has {_rows(part)} rows in {where}, but X has {rows} there; align their partitions.")
    if not rows:
        empty = np.empty(0)
        return Summary(0, True, False, empty, empty, empty, features)
    array = as_array(y)
    known = ~missing_in(array, missing_label)
    has_label = known.any(axis=1) if known.ndim == 2 else known
    w, aligned = _row_weights(weight, array, where), _is_aligned(X)
    if array.ndim == 1:
        observed = plain(array[known])
        check_types("y", observed)
        check_classification_targets(observed)
        try:
            found, code = np.unique(observed, return_inverse=True)
        except TypeError:
            raise TypeError("y mixes labels of different types; give numbers or strings, not both.") from None
        ones = np.bincount(code, minlength=len(found)).astype(np.float64)
        totals = ones if w is None else np.bincount(code, weights=w[known], minlength=len(found))
        return Summary(int(known.sum()), bool(known.all()) and aligned, False, found, ones, totals, features)
    dtype = array.dtype if array.dtype.kind in "biuf" else np.dtype(np.int64)
    target = Target(Task.MULTILABEL, np.arange(array.shape[1]), dtype, missing_label)
    code, _ = target.encode(array, f"y in {where}")
    sides = np.stack([known & (code == 0), known & (code == 1)])
    ones = sides.sum(axis=1).astype(np.float64)
    totals = ones if w is None else np.einsum("i,sij->sj", w.astype(np.float64), sides)
    pair = np.stack([np.zeros(array.shape[1], dtype), np.ones(array.shape[1], dtype)])
    missing = bool((~known[has_label]).any())
    return Summary(int(has_label.sum()), bool(has_label.all()) and aligned, missing, pair, ones, totals, features)


def _is_aligned(X: Any) -> bool:
    """Whether numbers begin at multiples of their size, as XGBoost 3.4 wants it; those that came over a network may not."""
    if hasattr(X, "dtypes"):
        columns = [X.iloc[:, i] for i in range(X.shape[1])]
        arrays = [column.to_numpy() for column in columns if isinstance(column.dtype, np.dtype)]
    else:
        arrays = [X, *(getattr(X, name, None) for name in ("data", "indices", "indptr"))]
    return all(array.flags.aligned for array in arrays if isinstance(array, np.ndarray))


def _row_weights(weight: Any, y: Array, where: str) -> Array | None:
    """Weights of one partition, which may all be 0 there."""
    if weight is None:
        return None
    array = np.asarray(weight)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"sample_weight has shape {array.shape} in {where}, but the library keeps one weight per row; give those."
        )
    found: Any = labels.as_weight(array, y)
    try:
        labels.check_weight(found, partial=True)
    except ValueError as error:
        raise ValueError(str(error).replace(" in row ", f" in {where}, row ")) from None
    return np.asarray(found)


def _encoded(X: Any, y: Any, weight: Any, margin: Any, target: Target, complete: bool) -> tuple[Any, ...]:
    """One partition as its library wants it; where all partitions are ``complete``, without the features."""
    w = None if weight is None else np.require(weight, requirements="A").reshape(-1)
    m = None if margin is None else np.require(margin, np.float32, "A")
    array = as_array(y)
    if not complete:
        X = X if _is_aligned(X) else X.copy()
        rows = labelled(array, target.missing_label)
        if rows is not None:
            X, array = take_rows(X.tocsr() if hasattr(X, "tocsr") else X, rows), array[rows]
            w, m = (None if one is None else one[rows] for one in (w, m))
    code, observed = target.encode(array, "y")
    if observed is not None:
        code = np.where(observed, code, np.float32(-1))
    if m is not None and m.ndim == 2 and m.shape[1] == 1:
        m = m[:, 0]
    return (None if complete else X), code, w, m


class DaskClassifier(ImbalancedClassifier):
    """The part of a classifier for Dask that does not depend on the library."""

    _client: Any = None

    missing_label: Any

    @property
    def client(self) -> distributed.Client:
        """The ``distributed.Client`` to train with: the one that was set, or the default one. It is not pickled."""
        if self._client is not None:
            return self._client
        try:
            return distributed.get_client()
        except ValueError:
            raise ValueError(
                "there is no Dask client; write client = distributed.Client(...) first, or model.client = client."
            ) from None

    @client.setter
    def client(self, client: distributed.Client | None) -> None:
        if client is not None and not isinstance(client, distributed.Client):
            raise TypeError(f"client is {client!r}; give a distributed.Client, or None for the default one.")
        self._client = client

    def __getstate__(self) -> dict[str, Any]:
        """Without the client, which belongs to this process."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[misc]  # of the library's class
        return {name: value for name, value in state.items() if name != "_client"}

    def _synchronous_client(self) -> Any:
        client = self.client
        if client.status == "closed":
            raise ValueError("the Dask client is closed; write model.client = client with one that is open, or None.")
        if client.asynchronous:
            raise ValueError(
                "the Dask client is asynchronous, which fit does not wait for; give a distributed.Client that is not."
            )
        return client

    def _local_class(self) -> type:
        raise NotImplementedError

    def to_local(self) -> ImbalancedClassifier:
        """The same model as a classifier that knows nothing of Dask, to be pickled and served where there is none.

        Returns
        -------
        ImbalancedXGBClassifier or ImbalancedLGBMClassifier
        """
        made: ImbalancedClassifier = object.__new__(self._local_class())
        made.__dict__.update({name: value for name, value in vars(self).items() if name != "_client"})
        return made

    # Training ------------------------------------------------------------------------------------------------------------

    def _prepared(self, parts: Parts, weighing: dict[str, Any], n_jobs: int | None) -> Prepared:
        """What the loss makes of the labels of all partitions, of which the counts alone come here."""
        y, weight = parts.labels()
        known = Rows(np.arange(len(y)), len(y), parts.label_names)
        with warnings.catch_warnings():
            # scikit-learn takes many classes in few rows for numbers; here a row stands for many.
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            prepared = self._prepare(y, weight, known, weighing, n_jobs)
        given = self.loss
        if given is None or not given.is_fitted:
            prepared = prepared._replace(loss=prepared.loss.fit_counts(parts.counts(prepared.target)))
        return prepared

    def _prepared_of(self, parts: Parts) -> Prepared:
        """What this classifier's own parameters make of it."""
        raise NotImplementedError

    def _fit_parts(self, parts: Parts, prepared: Prepared, **options: Any) -> None:
        """Train, and become the model."""
        raise NotImplementedError

    def _tuned_in_partitions(self, parts: Parts, prepared: Prepared, whole: dict[str, Any], **options: Any) -> Array | None:
        """Thresholds chosen on held-out partitions, if the decision asks for that."""
        decision, positive = self._rule(prepared.target)
        if not decision.is_tuned:
            return None
        self._check_foldable(whole)
        count = len(parts.columns)
        if count < 2:
            raise ValueError(
                f"decision is {self.decision!r}, which is tuned on held-out partitions, but X has only one with labels; "
                f"repartition the data."
            )
        folds: Any = self.decision_cv
        if isinstance(folds, (int, np.integer)):
            folds = min(int(folds), count)
        try:
            found_splits = list(check_cv(folds).split(np.zeros(count)))
            positions = np.arange(count)
            splits = [(positions[np.asarray(train)], positions[np.asarray(test)]) for train, test in found_splits]
        except (IndexError, TypeError, ValueError) as error:
            raise type(error)(
                f"decision_cv is {self.decision_cv!r}, which has to divide the positions 0 to {count - 1} of the partitions "
                f"with labels, as a number, KFold or TimeSeriesSplit does: {error}"
            ) from None
        shares = self._shares(prepared.target, prepared.prior)
        self._reweighted(prepared.target, prepared.label, prepared.weight, shares)  # says early what it cannot do
        if prepared.target.task is Task.BINARY:
            trained = [prepared.target.encode(parts.subset(train).labels()[0], "y")[0] for train, _ in splits]
            self._advise_of_folds(prepared.label, trained)
        client = self._synchronous_client()
        model = self._fold_model(prepared)
        found: dict[int, tuple[Any, ...]] = {}
        for train, test in splits:
            fold = clone(model)
            fold._is_fold, fold._client = True, client
            chosen = parts.subset(train)
            fold._fit_parts(chosen, fold._prepared_of(chosen), **options)
            trained = dask.delayed(fold.to_local(), pure=False)
            held_out = dask.delayed(_held_out)
            asked = [held_out(trained, *parts.columns[i][:3], prepared.target, positive, shares) for i in test]
            found |= dict(zip(test.tolist(), client.gather(client.compute(asked)), strict=True))
        return self._best_thresholds(prepared, *_concatenated([found[i] for i in sorted(found)]))

    def tune_decision(
        self,
        X: DaskCollection | FeaturesLike,
        y: DaskCollection | LabelsLike,
        sample_weight: DaskCollection | ArrayLike | None = None,
    ) -> Self:
        """Choose the thresholds of ``decision`` anew, on rows that the model has not been trained on.

        Of Dask collections, one number for each row or each of its labels comes to this process, and its label.

        Parameters
        ----------
        X : Dask array or data frame, or array_like, shape (n, features)
        y : Dask array, series or data frame, or array_like, shape (n,) or (n, labels)
        sample_weight : as ``y``, shape (n,), optional

        Returns
        -------
        The classifier itself.
        """
        if not is_dask(X):
            return super().tune_decision(X, *cast(Any, (y, sample_weight)))
        positive = self._positive_to_tune_for()
        client = self._synchronous_client()
        parts = Parts.of(client, X, y, sample_weight, None, self.missing_label)
        self._target.encode(parts.labels()[0], "y")
        model, asked = dask.delayed(self.to_local(), pure=False), dask.delayed(_deciding_part)
        found = [asked(model, *part[:3], self._target, positive, self._population) for part in parts.columns]
        return self._tune(*_concatenated(client.gather(client.compute(found))))

    # Predicting ----------------------------------------------------------------------------------------------------------

    def _lazily(
        self, X: Any, method: str, columns: int | None, dtype: Any, options: dict[str, Any], names: bool = True
    ) -> Any:
        """What a method of the model on one machine gives, block by block, shape (n,) or (n, columns)."""
        self._check_lazily(X, names)
        model, margin = dask.delayed(self.to_local(), pure=False), options.pop("base_margin", None)
        call = _Call(method, columns, np.dtype(dtype), options)
        if isinstance(X, dd.DataFrame):
            names_ = None if columns is None else list(range(columns))
            import pandas as pd

            empty = np.empty((0,) if columns is None else (0, columns), dtype)
            meta = pd.Series(empty) if names_ is None else pd.DataFrame(empty, columns=names_)
            if margin is None:
                frame = X.map_partitions(call.of_frame, model, meta=meta)
            else:
                frame = X.map_partitions(call.of_frame, model, _as_frame(margin), meta=meta)
            return frame.to_dask_array().map_blocks(np.asarray, dtype=dtype)
        X = X.rechunk({1: -1})
        arrays = [X]
        if margin is not None:
            if not isinstance(margin, da.Array):
                margin = margin.to_dask_array(lengths=True)
            arrays.append((margin[:, None] if margin.ndim == 1 else margin).rechunk({0: X.chunks[0], 1: -1}))
        shape: dict[str, Any] = {"drop_axis": 1} if columns is None else {"chunks": (X.chunks[0], (columns,))}
        meta = np.empty((0,) if columns is None else (0, columns), dtype)
        return da.map_blocks(call, *arrays, model=model, dtype=dtype, meta=meta, **shape)

    def _check_lazily(self, X: Any, names: bool) -> None:
        check_is_fitted(self)
        if not isinstance(X, (da.Array, dd.DataFrame)):
            raise TypeError(f"X is {type(X).__name__}; give a Dask array or data frame.")
        self._check_features(X, names)

    def _refuse_dask(self, **given: Any) -> None:
        """Here they are welcome."""

    def _lazy_decision(self, X: Any, cost: Any, options: dict[str, Any], names: bool = True) -> Any:
        check_is_fitted(self)
        target = self._target
        if cost is not None:
            cost = costs.checked(cost, target.task, target.columns, None, "cost")
        elif self._rule(target)[0].kind == "top":
            raise ValueError(
                f"decision is {self.decision!r}, which is about all rows together, but a Dask collection is decided block "
                f"by block; take the largest of predict_proba(X), or set decision={{'threshold': t}}."
            )
        else:
            _ = self.thresholds_  # says now what the blocks would say later
        columns, dtype = (
            (len(target.classes), target.dtype) if target.task is Task.MULTILABEL else (None, target.classes.dtype)
        )
        return self._lazily(X, "predict", columns, dtype, {**options, "cost": cost}, names)

    def _lazy_probability(self, X: Any, options: dict[str, Any], names: bool = True) -> Any:
        check_is_fitted(self)
        return self._lazily(X, "predict_proba", len(self._target.classes), np.float64, options, names)

    def decision_function(self, X: DaskCollection | FeaturesLike, **kwargs: Any) -> Any:
        """Margins: shape (n,) for a binary task, else (n, classes) or (n, labels); lazy where ``X`` is."""
        if not is_dask(X):
            return super().decision_function(X, **kwargs)
        check_is_fitted(self)
        columns = None if self._target.task is Task.BINARY else self._target.columns
        return self._lazily(X, "decision_function", columns, self._margin_type, kwargs)

    _margin_type: Any = np.float32

    def score(
        self,
        X: DaskCollection | FeaturesLike,
        y: DaskCollection | LabelsLike,
        sample_weight: DaskCollection | ArrayLike | None = None,
        *,
        cost: ArrayLike | None = None,
    ) -> float:
        """Accuracy of :meth:`predict`, or, given costs, minus the mean cost of deciding by them: the larger the better.

        Of Dask collections, a sum for each partition comes to this process.

        Parameters
        ----------
        X : Dask array or data frame, or array_like, shape (n, features)
        y : Dask array, series or data frame, or array_like, shape (n,) or (n, labels)
            With costs, a row or label that is missing does not count.
        sample_weight : as ``y``, shape (n,), optional
        cost : array_like, optional
            As of :meth:`predict`.

        Returns
        -------
        float
        """
        if not is_dask(X):
            return super().score(X, *cast(Any, (y, sample_weight)), cost=cost)
        check_is_fitted(self)
        if cost is not None:
            cost = costs.checked(cost, self._target.task, self._target.columns, None, "cost")
        client = self._synchronous_client()
        parts = Parts.of(client, X, y, sample_weight, None, self.missing_label)
        self._target.encode(parts.labels()[0], "y")
        model, scored = dask.delayed(self.to_local(), pure=False), dask.delayed(_scored)
        found = client.gather(client.compute([scored(model, *part[:3], self._target, cost) for part in parts.columns]))
        total, mass = np.sum(found, axis=0)
        if not mass:
            raise ValueError("sample_weight is zero in every row; leave it out for equal weights.")
        return float(total / mass)


@dataclass(frozen=True)
class _Call:
    """One method of a model, for blocks of rows."""

    method: str
    columns: int | None
    dtype: Any
    options: dict[str, Any]

    @property
    def __name__(self) -> str:
        """What Dask calls the blocks."""
        return self.method

    def __call__(self, X: Any, *margin: Any, model: Any) -> Array:
        """An array for the rows of a block."""
        if not _rows(X):
            return np.empty((0,) if self.columns is None else (0, self.columns), self.dtype)
        options = dict(self.options)
        if margin:
            base = np.asarray(margin[0])
            options["base_margin"] = base[:, 0] if base.ndim == 2 and base.shape[1] == 1 else base
        return np.asarray(getattr(model, self.method)(X, **options))

    def of_frame(self, X: Any, model: Any, *margin: Any) -> Any:
        """The same as a data frame with the index of the rows."""
        import pandas as pd

        found = self(X, *margin, model=model)
        return pd.Series(found, index=X.index) if self.columns is None else pd.DataFrame(found, index=X.index)


def _as_frame(margin: Any) -> Any:
    return margin.to_dask_dataframe() if isinstance(margin, da.Array) else margin


def _labelled_part(X: Any, y: Any, weight: Any, target: Target) -> tuple[Any, Array, Array | None]:
    """The rows of a partition that have a label, their codes, and weights that leave out what is missing."""
    array, w = as_array(y), None if weight is None else np.asarray(weight).reshape(-1)
    rows = labelled(array, target.missing_label)
    if rows is not None:
        X, array = take_rows(X.tocsr() if hasattr(X, "tocsr") else X, rows), array[rows]
        w = None if w is None else w[rows]
    code, observed = target.encode(array, "y")
    if w is not None and not w.any():  # which a partition may have
        return X, code, w if observed is None else w[:, None] * observed
    return X, code, weights_of(w, code, observed, "sample_weight")


def _held_out(
    model: Any, X: Any, y: Any, weight: Any, target: Target, positive: int, shares: Array | None
) -> tuple[Array, Array, Array | None]:
    """What decides about the rows of a held-out partition, their codes and weights."""
    X, code, w = _labelled_part(X, y, weight, target)
    return model._held_out(X, positive, shares), code, w


def _deciding_part(
    model: Any, X: Any, y: Any, weight: Any, target: Target, positive: int, shares: Array
) -> tuple[Array, Array, Array | None]:
    X, code, w = _labelled_part(X, y, weight, target)
    return deciding(target, model.predict_proba(X), shares, positive), code, w


def _concatenated(parts: list[tuple[Any, ...]]) -> tuple[Array, Array, Array | None]:
    eta, code, weights = zip(*parts, strict=True)
    label = np.concatenate(code)
    if all(weight is None for weight in weights):
        return np.concatenate(eta), label, None
    # Some partitions may have no missing label.
    several = any(weight is not None and weight.ndim == 2 for weight in weights)
    shape = label.shape[1:] if several else ()
    ones = [
        np.broadcast_to(
            np.ones(1) if weight is None else weight.reshape(len(weight), -1) if several else weight, (len(one), *shape)
        )
        for weight, one in zip(weights, code, strict=True)
    ]
    return np.concatenate(eta), label, np.concatenate(ones)


def _scored(model: Any, X: Any, y: Any, weight: Any, target: Target, cost: Any) -> tuple[float, float]:
    """The sum of a partition's scores, and of their weights."""
    X, code, w = _labelled_part(X, y, weight, target)
    if cost is not None:
        paid = np.ones(code.shape) if w is None else np.broadcast_to(w.reshape(len(w), -1), (len(w), code.size // len(w)))
        mass = float(paid.sum())
        if not mass:
            return 0.0, 0.0
        decided = model._cheapest(model.predict_proba(X), cost)
        return -mass * costs.realised(code.astype(np.intp), decided, cost, w)[0], mass
    right: Any = np.asarray(model.predict(X) == target.decode(code))
    if right.ndim == 2:
        if w is not None and w.ndim == 2:
            raise ValueError("y has missing labels, of which no accuracy can be taken; give cost=, or rows without them.")
        right = right.all(axis=1)
    mass_of = np.ones(len(right)) if w is None else w
    return float((right * mass_of).sum()), float(mass_of.sum())
