"""The object that goes into both libraries."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels import cpu as runner
from boost_imbalance.kernels.cpu import Row
from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.libraries import lightgbm, xgboost
from boost_imbalance.libraries.buffers import Buffers
from boost_imbalance.libraries.device import DeviceBuffers
from boost_imbalance.libraries.metric import LossMetric
from boost_imbalance.libraries.trainings import Training, Trainings, sample_of
from boost_imbalance.losses import backend as engines
from boost_imbalance.losses import labels
from boost_imbalance.losses import weighting as weights
from boost_imbalance.losses.base import Loss, Resolved
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.parameters import Parameters
from boost_imbalance.losses.start import clip_prior

Array = npt.NDArray[Any]

SMALLEST_HESSIAN = 1e-16
"""The floor that XGBoost's own objectives put under their Hessian."""


class Objective(Loss):
    """A loss that XGBoost and LightGBM can train.

    The same object goes into ``xgboost.train(obj=)``, ``xgboost.cv(obj=)``, ``XGBClassifier(objective=)``,
    ``lightgbm.train({"objective": })``, ``lightgbm.cv`` and ``LGBMClassifier(objective=)``. Whether the task is binary,
    multi-class or multi-label follows from the shapes of margins and labels.
    """

    def __init__(self, constructor: Callable[..., Objective], parameters: Parameters) -> None:
        super().__init__(constructor, parameters)
        self._begin_serving()

    def _begin_serving(self) -> None:
        self._trainings = Trainings()
        self._buffers = Buffers()
        self._device_buffers: dict[int, DeviceBuffers] = collections.defaultdict(DeviceBuffers)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key not in ("_trainings", "_buffers", "_device_buffers")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin_serving()

    def __deepcopy__(self, memo: Any) -> Objective:
        """The object itself: lightgbm.train deep-copies its parameters, and ``probability`` must know what it saw."""
        return self

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> tuple[Array, Array]:
        """Gradient and Hessian for a booster.

        Called as ``(margin, data)`` by the native interfaces, ``data`` being an ``xgboost.DMatrix`` or a
        ``lightgbm.Dataset``, and as ``(label, margin, sample_weight)`` by the scikit-learn interfaces.

        Returns
        -------
        gradient, hessian : ndarray of float32
            Shape of the margins; multiplied by ``sample_weight`` and by ``scale``; the Hessian is positive wherever the
            weight is. The arrays are used again once nobody refers to them.
        """
        if hasattr(second, "get_label"):
            label, weight = lightgbm.attached(second) or (xgboost.label_of(second), xgboost.weight_of(second))
            return self._serve(first, label, weight, second)
        return self._serve(second, first, sample_weight, None)

    def _serve(self, margin: Any, label: Any, sample_weight: Any, data: Any) -> tuple[Array, Array]:
        booster = xgboost.booster_device()
        gpu = engines.use_gpu(self._parameters.device, margin, label, on_device=booster is not None)
        if gpu and booster is not None:
            with arrays.on_gpu(booster):
                return self._gradients(margin, label, sample_weight, data, gpu, to_device=True)
        on_device = booster is not None or arrays.is_on_device(label) or arrays.is_on_device(margin)
        return self._gradients(margin, label, sample_weight, data, gpu, to_device=on_device)

    def _gradients(
        self, margin: Any, label: Any, sample_weight: Any, data: Any, gpu: bool, to_device: bool
    ) -> tuple[Array, Array]:
        m, y = labels.as_margin(margin, gpu), labels.as_label(label, gpu)
        task = labels.task_of(m, y)
        w = labels.as_weight(sample_weight, y, gpu)
        key = self._trainings.key(data, m)
        training = self._trainings.get(key)
        if training is None or not self._serves(training, task, m):
            training = self._start_training(key, data, m, y, w, task)
        checks, out = self._round(training, m, y, w, gpu)
        if checks.wrong or not training.local.agrees(checks.counts, checks.totals):
            self._raise_if_wrong(checks, m, y, w, training.resolved)
            training = self._start_training(key, data, m, y, w, task)
            checks, out = self._round(training, m, y, w, gpu)
        return out if to_device else (arrays.to_host(out[0]), arrays.to_host(out[1]))

    def _serves(self, training: Training, task: Task, m: Array) -> bool:
        resolved = training.resolved
        columns = m.shape[1] if m.ndim == 2 else 1
        settled = self._fitted is None or self._fitted.coefficients is resolved.coefficients
        return settled and (resolved.task, resolved.counts.columns, training.local.rows) == (task, columns, len(m))

    def _round(
        self, training: Training, m: Array, y: Array, w: Array | None, gpu: bool
    ) -> tuple[runner.Checks, tuple[Array, Array]]:
        resolved, sample = training.resolved, sample_of(m) if self._parameters.rate is not None else None
        if gpu:
            buffers = self._device_buffers[arrays.current_gpu()]
            m = m if arrays.is_on_device(m) else buffers.margin(m)
            y, w = (training.copies.of(name, array, self._threads) for name, array in (("label", y), ("weight", w)))
            out = buffers.take(m.shape)
        else:
            order = "F" if m.ndim == 2 and m.flags.f_contiguous and not m.flags.c_contiguous else "C"
            out = self._buffers.take(m.shape, order)
        if sample is not None:
            self._move_weights(training, sample, m, y, w, gpu)
        checks = engines.engine(gpu).gradient_hessian(
            resolved.formula, resolved.curvature, m, y, w, training.current(), out,
            softmax=resolved.softmax, n_threads=self._threads,
        )  # fmt: skip
        return checks, out

    def _start_training(self, key: Any, data: Any, m: Array, y: Array, w: Array | None, task: Task) -> Training:
        labels.check_margin(arrays.to_host(m))
        local = labels.count(y, w, task, m.shape[1] if m.ndim == 2 else 1)
        add = xgboost.sum_over_workers(m.dtype)
        counts = local if add is None else local.summed(add)
        fitted = self._fitted
        if fitted is None:
            resolved = self._resolve(counts)
        elif (fitted.task, fitted.counts.columns) == (task, counts.columns):
            # The labels at hand set the scale and are what later rounds must agree with; fit() set the loss.
            resolved = Resolved(self._parameters, counts, fitted.coefficients)
        else:
            raise ValueError(
                f"this training is {task.value} with {counts.columns} columns, but fit() saw {fitted.task.value} labels "
                f"with {fitted.counts.columns}; make a new objective for it."
            )
        self._seen = resolved
        training = Training(resolved, local, self._served(resolved, m.dtype))
        self._trainings.put(key, data, training)
        return training

    def _served(self, resolved: Resolved, margin_type: Any) -> Array:
        """Coefficients with what only serves a booster: scale, each library's own Hessian factor, floor."""
        table: Array = resolved.coefficients.copy()
        table[Row.HESSIAN_FLOOR] = SMALLEST_HESSIAN
        scale = self._scale(resolved)
        factor = hessian_factor(margin_type, resolved.counts)
        table[Row.GRADIENT_SCALE] *= scale
        table[Row.HESSIAN_SCALE] *= scale * factor
        # A booster takes float32 gradients, so float32 arithmetic serves it, except where the built-in objective of a
        # library with float64 margins is to be met to the last bit.
        return table.astype(margin_type if resolved.is_built_in else np.float32)

    def _scale(self, resolved: Resolved) -> Array | float:
        """What gradient and Hessian are multiplied by; see the constructors."""
        scale = self._parameters.scale
        if not isinstance(scale, str):
            return float(scale)
        if resolved.is_built_in:
            return 1.0
        # Cross-entropy under the same class weights at mean 1 has, at its own start, the mean Hessian share (1 - share).
        priors = clip_prior(resolved.counts.priors)
        columns = resolved.counts.columns
        share = priors * resolved.coefficients[Row.POSITIVE_WEIGHT]
        if resolved.softmax:
            mean_weight = share.sum(keepdims=True)
        else:
            mean_weight = share + (1.0 - priors) * resolved.coefficients[Row.NEGATIVE_WEIGHT]
        share = share / mean_weight
        plain = share * (1.0 - share)
        if resolved.softmax:
            label = np.arange(columns, dtype=np.float32)
            mass = (priors / priors.sum())[:, None]
        else:
            label = np.repeat(np.array([[0.0], [1.0]], np.float32), columns, axis=1)
            mass = np.stack([1.0 - priors, priors])
        margin = np.repeat(resolved.start[None, :], len(label), axis=0).astype(np.float32)
        gradient, hessian = np.empty_like(margin), np.empty_like(margin)
        runner.gradient_hessian(
            resolved.formula, resolved.curvature, margin, label, None, resolved.coefficients.astype(np.float32),
            (gradient, hessian),
            softmax=resolved.softmax, n_threads=1,
        )  # fmt: skip
        own = (mass * np.maximum(hessian, 0.0)).sum(axis=0)
        if resolved.softmax:
            own, plain = own.sum(keepdims=True), plain.sum(keepdims=True)
        with np.errstate(divide="ignore"):
            matched = plain / own
        matched = np.where(np.isfinite(matched) & (matched > 0), matched, 1.0)
        return matched if scale == "start" else np.maximum(matched, 1.0 / mean_weight)

    def _move_weights(self, training: Training, sample: Array, m: Array, y: Array, w: Array | None, gpu: bool) -> None:
        """One step of the class weights towards each class's false-negative rate under the current margins."""
        rate = self._parameters.rate or 0.0
        again = training.first_margin is not None and np.array_equal(sample, training.first_margin)
        resolved = training.resolved
        if training.moving is None or again:
            training.first_margin = sample
            training.moving = np.ones((1 if resolved.softmax else 2, resolved.counts.columns))
        missed = engines.engine(gpu).misses(
            m, y, w, resolved.coefficients, softmax=resolved.softmax, n_threads=self._threads
        )
        add = xgboost.sum_over_workers(m.dtype)
        missed = missed if add is None else add(missed)
        mass = weights.class_counts(resolved.counts).reshape(missed.shape)
        with np.errstate(invalid="ignore"):
            false_negatives = np.where(mass > 0, missed / mass, 0.0)
        training.moving = (1.0 - rate) * training.moving + rate * false_negatives
        if self._parameters.clip_weights is not None:
            training.moving = np.clip(training.moving, *self._parameters.clip_weights)

    def mean_loss(self, margin: Any, label: Any, sample_weight: Any = None) -> float:
        """Weighted mean of :meth:`loss` over rows and labels, with the class weights of the last training or :meth:`fit`.

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> round(focal_objective(gamma=2.0).mean_loss([0.0, 0.0], [0, 1]), 4)
        0.1733
        """
        gpu = engines.use_gpu(self._parameters.device, margin, label)
        m, y, w, resolved = self._prepare(margin, label, sample_weight, self._fitted or self._seen, gpu)
        values, total = self._loss(m, y, w, resolved, gpu), engines.engine(gpu).total
        mass = float(values.size) if w is None else total(w) * values.size / w.size
        return float(total(values) / mass)

    @property
    def metric(self) -> LossMetric:
        """The loss as an evaluation metric: its weighted mean, on the scale it is trained on.

        One object for ``custom_metric`` of XGBoost, ``feval`` of LightGBM and ``eval_metric`` of both scikit-learn
        classes; smaller is better.
        """
        return LossMetric(self, f"{self.constructor_name.removesuffix('_objective')}_loss")

    def xgboost_params(self, label: Any, sample_weight: Any = None, n_classes: int | None = None) -> dict[str, Any]:
        """Parameters with which XGBoost begins at this loss's own start and saves a model that predicts probabilities.

        Parameters
        ----------
        label : array_like, shape (n,) or (n, labels)
            The training labels.
        sample_weight : array_like, shape (n,), optional
        n_classes : int, optional
            Number of classes, where the highest may be missing from ``label``.

        Returns
        -------
        dict
            ``objective`` (the link: ``binary:logistic`` or ``multi:softprob``), ``base_score``, ``num_class`` for a
            multi-class task, and ``disable_default_eval_metric``, because XGBoost's default metric would take the margins
            for those of plain cross-entropy. Add your own, or override these.

        Examples
        --------
        >>> import numpy as np, xgboost
        >>> from boost_imbalance import focal_objective
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(500, 3))
        >>> y = (X[:, 0] + rng.normal(size=500) > 2).astype(int)
        >>> data = xgboost.DMatrix(X, y)
        >>> objective = focal_objective(gamma=2.0)
        >>> booster = xgboost.train(objective.xgboost_params(y), data, 20, obj=objective)
        >>> booster.predict(data).shape
        (500,)
        """
        return xgboost.params(self._begin(label, sample_weight, n_classes))

    def lightgbm_params(self, label: Any, n_classes: int | None = None) -> dict[str, Any]:
        """Parameters with which LightGBM trains this objective.

        Returns
        -------
        dict
            ``objective`` (this object), ``num_class`` where there is more than one column, and ``metric: "None"``, because
            LightGBM's own metrics would be given raw scores. Pass ``feval=objective.metric``.
        """
        label, weight = labels.without_missing(label, None)
        return lightgbm.params(self, self._begin(label, weight, n_classes))

    def lightgbm_start(self, data: Any, label: Any, sample_weight: Any = None, n_classes: int | None = None) -> Any:
        """A constant model for ``init_model=`` with which LightGBM begins at this loss's own start.

        It becomes part of the trained model, so that validation, early stopping and ``predict`` agree.

        Parameters
        ----------
        data : array, sparse matrix or data frame, shape (n, features)
            The training features; only their number, and the categories of a data frame, matter.
        label : array_like, shape (n,) or (n, labels)
            NaN means that one of several labels is missing.
        sample_weight : array_like, shape (n,), optional
        n_classes : int, optional

        Returns
        -------
        lightgbm.Booster

        Examples
        --------
        >>> import lightgbm, numpy as np
        >>> from boost_imbalance import focal_objective
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(500, 3))
        >>> y = (X[:, 0] + rng.normal(size=500) > 2).astype(int)
        >>> objective = focal_objective(gamma=2.0)
        >>> params = {**objective.lightgbm_params(y), "verbosity": -1}
        >>> start = objective.lightgbm_start(X, y)
        >>> booster = lightgbm.train(params, lightgbm.Dataset(X, y), 20, init_model=start)
        >>> objective.lightgbm_model(booster).predict(X).max() <= 1.0
        np.True_
        """
        label, sample_weight = labels.without_missing(label, sample_weight)
        return lightgbm.constant_model(self._begin(label, sample_weight, n_classes).start, data)

    def lightgbm_model(self, booster: Any) -> Any:
        """A copy of a LightGBM model that knows its link: it predicts probabilities, here and in any other process.

        A model trained with a custom objective has no link, and predicts raw scores. This one's saved file gives
        ``sigmoid`` or ``softmax`` of the raw score wherever LightGBM reads it, as XGBoost's does.
        ``predict(raw_score=True)`` is unchanged, and ``probability`` of that is calibrated.

        Parameters
        ----------
        booster : lightgbm.Booster or a fitted lightgbm.LGBMModel

        Returns
        -------
        lightgbm.Booster
        """
        seen = self._fitted or self._seen
        multilabel = seen is not None and seen.task is Task.MULTILABEL
        return lightgbm.with_link(booster, multilabel)


def hessian_factor(margin_type: Any, counts: Counts) -> float:
    """What each library multiplies the diagonal of a softmax's Hessian by, so that it bounds the whole matrix.

    XGBoost's margins are float32 and LightGBM's float64.
    """
    if counts.task is not Task.MULTICLASS:
        return 1.0
    return 2.0 if margin_type == np.float32 else counts.columns / (counts.columns - 1.0)
