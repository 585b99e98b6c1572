"""The loss as plain NumPy functions: value, gradient, curvature, start and calibrated probability."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels import cpu as runner
from boost_imbalance.kernels.cpu import Row
from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.kernels.threads import default_threads
from boost_imbalance.losses import backend as engines
from boost_imbalance.losses import labels, start
from boost_imbalance.losses import weighting as weights
from boost_imbalance.losses.curvature import CURVATURES, Curvature
from boost_imbalance.losses.formula import CROSS_ENTROPY, Formula
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.parameters import Parameters, is_whole

Array = npt.NDArray[Any]

DEFAULT_CURVATURE = "bound"
"""By measurement, see BENCHMARKS.md."""


@dataclass(frozen=True, eq=False)
class Resolved:
    """A loss whose class weights and offsets are numbers: parameters met counts."""

    parameters: Parameters
    counts: Counts
    coefficients: Array
    """Float64, as the engine's loops take them; scales are 1 and there is no floor under the Hessian."""

    @property
    def task(self) -> Task:
        """Binary, multi-class or multi-label."""
        return self.counts.task

    @property
    def softmax(self) -> bool:
        """Whether the link is a softmax; else a sigmoid per column."""
        return self.counts.task is Task.MULTICLASS

    @property
    def formula(self) -> Formula:
        """What the engine runs."""
        return self.parameters.formula

    @property
    def curvature(self) -> Curvature:
        """The Hessian that was asked for, or the default; all are one for plain cross-entropy."""
        if self.is_built_in:
            return CURVATURES["exact"]
        curvature = CURVATURES[self.parameters.hessian or DEFAULT_CURVATURE]
        w1, w0 = self.coefficients[Row.POSITIVE_WEIGHT], self.coefficients[Row.NEGATIVE_WEIGHT]
        equal = (w1 == w1[0]).all() if self.softmax else (w1 == w0).all()
        return curvature._replace(smooth=False) if equal else curvature  # the mean of equal weights costs time

    @property
    def offset(self) -> Array:
        """What training adds to the margins of each column."""
        return np.asarray(self.coefficients[Row.OFFSET])

    @property
    def is_built_in(self) -> bool:
        """Whether this is the cross-entropy that the libraries have themselves."""
        return (
            self.formula is CROSS_ENTROPY
            and not self.offset.any()
            and bool((self.coefficients[Row.POSITIVE_WEIGHT] == 1).all())
            and (self.softmax or bool((self.coefficients[Row.NEGATIVE_WEIGHT] == 1).all()))
        )

    @functools.cached_property
    def start(self) -> Array:
        """The constant margin of each column that minimises the loss, float64 of shape (columns,)."""
        priors = start.clip_prior(self.counts.priors)
        w1, w0 = self.coefficients[Row.POSITIVE_WEIGHT], self.coefficients[Row.NEGATIVE_WEIGHT]
        if self.softmax:
            if self.formula is CROSS_ENTROPY:
                share = priors * np.maximum(w1, start.SMALLEST_PRIOR * w1.max())
                u = np.log(share / share.sum())
            else:
                u = start.softmax_start(self._softmax_terms, priors, w1)
        elif self.formula is CROSS_ENTROPY:
            share = start.clip_prior(priors * w1 / (priors * w1 + (1.0 - priors) * w0))
            u = np.log(share / (1.0 - share))  # as LightGBM computes it, to the last bit
        else:
            u = np.array(
                [
                    start.sigmoid_start(functools.partial(self._slopes, k), priors[k], w1[k], w0[k])
                    for k in range(self.counts.columns)
                ]
            )
        return np.asarray(u - self.offset)

    @property
    def calibrating_shift(self) -> Array | None:
        """What to add to the margins of each column so that their plain link is calibrated; None if no constant does it."""
        if self.formula is not CROSS_ENTROPY:
            return None
        w1, w0 = self.coefficients[Row.POSITIVE_WEIGHT], self.coefficients[Row.NEGATIVE_WEIGHT]
        shift = self.offset - np.log(w1 if self.softmax else w1 / w0)
        return np.asarray(shift - shift.mean() if self.softmax else shift)

    def _terms(self, column: int, t: Array) -> Array:
        return runner.evaluate(self.formula, t, self.coefficients[Row.POSITIVE_A : Row.NEGATIVE_B + 1, column])

    def _slopes(self, column: int, t: Array) -> tuple[Array, Array]:
        """Slope in the log-odds ``t`` (n,) if the column is 1, and if it is 0; without class weights."""
        terms = self._terms(column, t)
        return terms[0, 1], -terms[1, 1]

    def _softmax_terms(self, t: Array) -> tuple[Array, Array, Array, Array]:
        terms = np.stack([self._terms(k, t[k : k + 1])[:, :2, 0] for k in range(len(t))])
        seen = 1.0 if self.formula.negatives_in_softmax else 0.0
        return terms[:, 0, 0], terms[:, 0, 1], seen * terms[:, 1, 0], -seen * terms[:, 1, 1]


class Loss:
    """A loss for imbalanced data, as functions of NumPy arrays. The package's constructors make one."""

    def __init__(self, constructor: Callable[..., Any], parameters: Parameters) -> None:
        self._constructor = constructor
        self._parameters = parameters
        self._fitted: Resolved | None = None
        self._seen: Resolved | None = None

    def __repr__(self) -> str:
        blank, defaults = Parameters(), inspect.signature(self._constructor).parameters
        shown = {
            name: value
            for name, value in self.parameters.items()
            if not (_same(value, getattr(blank, self._field(name))) and _same(value, defaults[name].default))
        }
        return f"{self.constructor_name}({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    @property
    def parameters(self) -> dict[str, Any]:
        """The constructor's arguments, defaults included.

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> focal_objective(gamma=3.0).parameters["gamma"]
        3.0
        """
        return {
            name: getattr(self._parameters, self._field(name)) for name in inspect.signature(self._constructor).parameters
        }

    def _field(self, name: str) -> str:
        """Where :class:`Parameters` keeps an argument of the constructor."""
        return next((field for field, shown in self._parameters.names.items() if shown == name), name)

    def replace(self, **changes: Any) -> Any:
        """A new objective with some of the constructor's arguments changed; it has seen no labels yet.

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> focal_objective(gamma=3.0, weights=2.0).replace(gamma=1.0)
        focal_objective(gamma=1.0, weights=2.0)
        """
        known = self.parameters
        for name in changes:
            if name not in known:
                raise ValueError(f"{name!r} is not a parameter of {self.constructor_name}; it has {', '.join(known)}.")
        return self._constructor(**{**known, **changes})

    @property
    def is_fitted(self) -> bool:
        """Whether :meth:`fit` has fixed what depends on class counts."""
        return self._fitted is not None

    @property
    def counts(self) -> Counts | None:
        """Of the labels of :meth:`fit`, or of the last training; None before either."""
        return None if self._seen is None else self._seen.counts

    @property
    def needs_counts(self) -> bool:
        """Whether the loss itself depends on how often each class occurs."""
        return self._parameters.needs_counts

    @property
    def constructor_name(self) -> str:
        """Which function of this package made it."""
        return str(self._constructor.__name__)

    @property
    def resolved(self) -> Resolved:
        """The loss for the labels of :meth:`fit`, or of the last training."""
        known = self._fitted or self._seen
        if known is None:
            raise ValueError(f"{self!r} has not seen any labels; call fit(label) first.")
        return known

    def copy(self, **changes: Any) -> Any:
        """Like :meth:`replace`, but with the class counts that :meth:`fit` has fixed."""
        made = self.replace(**changes)
        return made if self._fitted is None else made.fit_counts(self._fitted.counts)

    def fit_counts(self, counts: Counts) -> Any:
        """:meth:`fit` to labels that have been counted already."""
        self._fitted = self._seen = self._resolve(counts)
        return self

    def fit(self, label: Any, sample_weight: Any = None, n_classes: int | None = None) -> Any:
        """Fix whatever depends on class counts: class weights, logit adjustment, scale and start.

        Without it they are worked out from the training labels when a training starts.

        Parameters
        ----------
        label : array_like, shape (n,) or (n, labels)
            0 or 1, or class indices; two dimensions mean a multi-label task.
        sample_weight : array_like, shape (n,), optional
        n_classes : int, optional
            Number of classes, where the highest may be missing from ``label``.

        Returns
        -------
        The objective itself.

        Raises
        ------
        ValueError
            If labels are not 0, 1, ...; or a class is missing whose weight would need its count.

        Examples
        --------
        >>> from boost_imbalance import logit_adjusted_objective
        >>> objective = logit_adjusted_objective(tau=1.0).fit([0, 0, 0, 1])
        >>> print(objective.probability([0.0]).round(4))  # the adjustment is undone: a margin of 0 means the prior
        [0.25]
        """
        return self.fit_counts(self._count(label, sample_weight, n_classes))

    def loss(self, margin: Any, label: Any, sample_weight: Any = None) -> Array:
        """Loss of each row, or of each row and label in a multi-label task.

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)
            Raw scores. One column per class (multi-class) or per label (multi-label).
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional
            Multiplies the loss.

        Returns
        -------
        ndarray
            Shape (n,), or (n, labels). float32 for float32 margins, else float64.

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> focal_objective(gamma=2.0).loss([0.0, 3.0], [1, 1]).round(4).tolist()
        [0.1733, 0.0001]
        """
        gpu = engines.use_gpu(self._parameters.device, margin, label)
        m, y, w, resolved = self._prepare(margin, label, sample_weight, self._fitted, gpu)
        return cast(Array, arrays.like(self._loss(m, y, w, resolved, gpu), margin))

    def gradient_hessian(self, margin: Any, label: Any, sample_weight: Any = None) -> tuple[Array, Array]:
        """First derivative of :meth:`loss` in the margin, and the curvature chosen with ``hessian=``.

        These are the loss's own numbers. What a booster is handed is the same times one constant (``scale=``), with a
        small positive floor under the curvature.

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        gradient, hessian : ndarray
            Shape and dtype of ``margin``. The Hessian of a softmax is its diagonal.

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> gradient, hessian = focal_objective(gamma=2.0).gradient_hessian([0.0, 3.0], [1, 1])
        >>> gradient.round(4).tolist()
        [-0.2983, -0.0003]
        """
        gpu = engines.use_gpu(self._parameters.device, margin, label)
        m, y, w, resolved = self._prepare(margin, label, sample_weight, self._fitted, gpu)
        engine = engines.engine(gpu)
        out = engine.empty_like(m), engine.empty_like(m)
        checks = engine.gradient_hessian(
            resolved.formula, resolved.curvature, m, y, w, resolved.coefficients.astype(m.dtype), out,
            softmax=resolved.softmax, n_threads=self._threads,
        )  # fmt: skip
        self._raise_if_wrong(checks, m, y, w, resolved)
        return arrays.like(out[0], margin), arrays.like(out[1], margin)

    def probability(self, margin: Any) -> Array:
        """Class probability that a margin stands for, with the loss's own distortion undone.

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)
            Raw scores of a model trained with this loss.

        Returns
        -------
        ndarray
            Probability of label 1, shape (n,) or (n, labels); or of each class, shape (n, classes). float32 for float32
            margins, else float64.

        Raises
        ------
        ValueError
            If it takes class counts to know, and there was neither a training nor a call of :meth:`fit`.

        References
        ----------
        Charoenphakdee et al., On Focal Loss for Class-Posterior Probability Estimation, CVPR 2021,
        https://arxiv.org/abs/2011.09172

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> focal_objective(gamma=2.0).probability([-3.0, 0.0, 3.0]).round(4).tolist()
        [0.0003, 0.5, 0.9997]
        """
        gpu = engines.use_gpu(engines.to_predict(self._parameters.device), margin)
        m = labels.as_margin(margin, gpu)
        columns = m.shape[1] if m.ndim == 2 else 1
        resolved = self._fitted or self._seen
        if resolved is None:
            if columns > 1 or self._parameters.needs_counts:
                raise ValueError(f"{self!r} has not seen any labels; call fit(label) before probability(margin).")
            resolved = self._resolve(_unknown_counts(Task.BINARY, 1))
        if columns != resolved.counts.columns:
            raise ValueError(
                f"margin has shape {m.shape} but the labels were {resolved.task.value} with "
                f"{resolved.counts.columns} columns; call fit(label) with the labels that belong to it."
            )
        m, engine = arrays.to_device(m) if gpu else m, engines.engine(gpu)
        out = engine.empty_like(m)
        checks = engine.probability(
            resolved.formula, m, resolved.coefficients, out, softmax=resolved.softmax, n_threads=self._threads
        )
        if checks.wrong:
            labels.check_margin(arrays.to_host(m))
        return cast(Array, arrays.like(out, margin))

    def start(self, label: Any, sample_weight: Any = None, n_classes: int | None = None) -> Any:
        """Constant margin that minimises the loss over the given labels.

        Its calibrated probability is the weighted share of each class. A share of 0 or 1 counts as 1e-6 or 1 - 1e-6.

        Parameters
        ----------
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,), optional
        n_classes : int, optional
            Number of classes, where the highest may be missing from ``label``.

        Returns
        -------
        float or ndarray
            A float for a binary task, else float64 of shape (columns,); of a softmax with log-sum-exp 0.

        Examples
        --------
        >>> from boost_imbalance import focal_objective
        >>> round(focal_objective(gamma=2.0).start([0] * 995 + [1] * 5), 2)  # the log-odds would be -5.29
        -1.96
        """
        margin = self._begin(label, sample_weight, n_classes).start
        return margin.copy() if len(margin) > 1 else float(margin[0])

    @property
    def _threads(self) -> int:
        return self._parameters.n_threads or default_threads()

    def _begin(self, label: Any, sample_weight: Any, n_classes: int | None) -> Resolved:
        """The loss resolved for the given labels: by their own counts, or by those that fit() fixed."""
        if n_classes is None and self._fitted is not None and self._fitted.softmax:
            n_classes = self._fitted.counts.columns
        counts = self._count(label, sample_weight, n_classes)
        if self._fitted is None:
            return self._resolve(counts)
        return Resolved(self._parameters, counts, self._fitted.coefficients)

    def _count(self, label: Any, sample_weight: Any, columns: int | None) -> Counts:
        y = labels.as_label(label)
        w = labels.as_weight(sample_weight, y)
        if columns is not None and not (is_whole(columns) and 2 <= columns <= labels.MOST_CLASSES):
            raise ValueError(f"n_classes is {columns!r}; give a whole number of at least 2, or leave it out.")
        if y.ndim == 2:
            if columns not in (None, y.shape[1]):
                raise ValueError(f"n_classes is {columns}, but label has shape {y.shape}, a multi-label task; leave it out.")
            return labels.count(y, w, Task.MULTILABEL, y.shape[1])
        if columns is None:
            highest = y.max()
            if highest >= labels.MOST_CLASSES:
                labels.bad_label(y, None)
            columns = 1 if not highest >= 2 else int(highest) + 1
        return labels.count(y, w, Task.BINARY if columns == 1 else Task.MULTICLASS, columns)

    def _resolve(self, counts: Counts) -> Resolved:
        return Resolved(self._parameters, counts, coefficients(self._parameters, counts))

    def _loss(self, m: Array, y: Array, w: Array | None, resolved: Resolved, gpu: bool) -> Array:
        empty = arrays.empty if gpu else np.empty
        out = empty((len(m),) if resolved.softmax else m.shape, m.dtype)
        checks = engines.engine(gpu).loss(
            resolved.formula,
            m,
            y,
            w,
            resolved.coefficients.astype(m.dtype),
            out,
            softmax=resolved.softmax,
            n_threads=self._threads,
        )
        self._raise_if_wrong(checks, m, y, w, resolved)
        return out

    def _prepare(
        self, margin: Any, label: Any, sample_weight: Any, known: Resolved | None, gpu: bool
    ) -> tuple[Array, Array, Array | None, Resolved]:
        m, y, w = engines.place(gpu, margin, label, sample_weight)
        task = labels.task_of(m, y)
        columns = m.shape[1] if m.ndim == 2 else 1
        if known is None:
            counts = labels.count(y, w, task, columns) if self._parameters.needs_counts else _unknown_counts(task, columns)
            return m, y, w, self._resolve(counts)
        if (known.task, known.counts.columns) != (task, columns):
            raise ValueError(
                f"margin has shape {m.shape} and label {y.shape}, a {task.value} task, but this objective was fitted to "
                f"{known.task.value} labels with {known.counts.columns} columns; make a new one for other data."
            )
        return m, y, w, known

    def _raise_if_wrong(self, checks: runner.Checks, m: Array, y: Array, w: Array | None, resolved: Resolved) -> None:
        """Turn what a loop noticed into an error that names the value."""
        if not checks.wrong and (w is None or 0 < checks.totals.max() < np.inf):
            return
        m, y, w = arrays.to_host(m), arrays.to_host(y), None if w is None else arrays.to_host(w)
        if checks.wrong & runner.BAD_LABEL:
            labels.check_label(y, resolved.counts.columns if resolved.softmax else 2)
        if checks.wrong & runner.BAD_MARGIN:
            labels.check_margin(m)
        if w is not None and (checks.wrong & runner.BAD_WEIGHT or not 0 < checks.totals.max() < np.inf):
            labels.check_weight(w)


def coefficients(parameters: Parameters, counts: Counts) -> Array:
    """What the engine's loops need to know, float64 of shape (10, columns)."""
    task, columns = counts.task, counts.columns
    table = np.zeros((len(Row), columns))
    table[Row.POSITIVE_A] = _per_column("gamma_pos", parameters.gamma_pos, parameters, counts)
    table[Row.NEGATIVE_A] = _per_column("gamma_neg", parameters.gamma_neg, parameters, counts)
    table[Row.NEGATIVE_B] = parameters.margin
    weight = class_weights(parameters, counts)
    if task is Task.MULTICLASS:
        table[Row.POSITIVE_WEIGHT], table[Row.NEGATIVE_WEIGHT] = weight[:, 0], 1.0
    else:
        table[Row.NEGATIVE_WEIGHT], table[Row.POSITIVE_WEIGHT] = weight
    table[Row.OFFSET] = _offset(parameters, counts)
    table[Row.GRADIENT_SCALE] = table[Row.HESSIAN_SCALE] = 1.0
    table[Row.HESSIAN_FLOOR] = -np.inf
    return table


def class_weights(parameters: Parameters, counts: Counts) -> Array:
    """Product of everything that weighs a class: (classes, 1) for a softmax, (2, columns) for label 0 and 1 else."""
    softmax = counts.task is Task.MULTICLASS
    product = np.ones((counts.columns, 1) if softmax else (2, counts.columns))
    if parameters.alpha is not None:
        alpha = _per_column("alpha", parameters.alpha, parameters, counts)
        if softmax and np.ndim(parameters.alpha) == 0:
            raise ValueError(
                f"alpha is {parameters.alpha}; a task with {counts.columns} classes needs an array with one per class."
            )
        product = product * (alpha[:, None] if softmax else np.stack([1.0 - alpha, alpha]))
    if isinstance(parameters.weights, str):
        product = product * weights.balanced(counts)
    elif parameters.weights is not None:
        product = product * weights.given(parameters.weights, counts)
    if parameters.beta is not None:
        product = product * weights.effective(counts, parameters.beta)
    if parameters.clip_weights is not None:
        product = np.clip(product, *parameters.clip_weights)
    return np.asarray(product)


def _offset(parameters: Parameters, counts: Counts) -> Array:
    if parameters.tau == 0:
        return np.zeros(counts.columns)
    if parameters.priors is None:
        weights.require_all_classes(counts, f"tau={parameters.tau}")
        priors = counts.priors
    else:
        priors = np.asarray(parameters.priors, dtype=np.float64)
        if counts.task is Task.BINARY and priors.shape == (2,):
            priors = priors[1:] / priors.sum()
        if counts.task is not Task.MULTICLASS and priors.ndim == 0:
            priors = np.full(counts.columns, priors)
        if priors.shape != (counts.columns,):
            raise ValueError(
                f"priors has shape {priors.shape}; a {counts.task.value} task needs {counts.columns}, one for each "
                f"{'class' if counts.task is Task.MULTICLASS else 'label'}."
            )
    if counts.task is Task.MULTICLASS and abs(priors.sum() - 1.0) > 1e-3:
        raise ValueError(f"priors is {parameters.priors!r}, which sums to {priors.sum():g}; class shares must sum to 1.")
    if counts.task is Task.MULTICLASS:
        return np.asarray(parameters.tau * np.log(priors))
    return np.asarray(parameters.tau * (np.log(priors) - np.log1p(-priors)))


def _per_column(name: str, value: Any, parameters: Parameters, counts: Counts) -> Array:
    array = np.asarray(value, dtype=np.float64)
    if array.shape not in ((), (1,), (counts.columns,)):
        raise ValueError(
            f"{parameters.names.get(name, name)} has shape {array.shape}; give one number, or {counts.columns} of them for "
            f"this {counts.task.value} task."
        )
    return np.broadcast_to(array, counts.columns)


def _unknown_counts(task: Task, columns: int) -> Counts:
    """Stands in where nothing depends on counts."""
    return Counts(task, np.zeros(columns), np.zeros(columns), 0, np.zeros(columns))


def _same(value: Any, other: Any) -> bool:
    if type(value) is type(other) and not isinstance(value, np.ndarray):
        return bool(value == other)
    return value is other
