"""One training of a loss: labels, weights and a library, and what has to be kept from round to round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.kernels.program import BAD_LABEL, BAD_MARGIN, BAD_WEIGHT, Checks, Program, Row
from boost_imbalance.losses import backend, labels, slices
from boost_imbalance.losses.buffers import Buffers
from boost_imbalance.losses.device import Copies, DeviceBuffers
from boost_imbalance.losses.fitted import CURVATURES, FittedLoss, fitted_loss
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.protocol import Call, Library
from boost_imbalance.losses.workers import ALONE, Workers
from boost_imbalance.types import Array, ArrayLike

if TYPE_CHECKING:
    from boost_imbalance.losses.base import Loss


class Training:
    """A loss bound to the labels and sample weights of one training. ``Loss.bind`` makes one.

    Call it with margins: it gives gradient and Hessian as its library wants them. It is the only object here that changes
    from round to round: class weights that follow a model's errors, and memory that is used again.
    """

    def __init__(
        self,
        loss: Loss,
        label: Array,
        weight: Array | None,
        task: Task,
        columns: int,
        library: Library | None,
        booster: object = None,
        workers: Workers = ALONE,
    ) -> None:
        self.loss, self.library = loss, library
        self._workers = workers
        self._unseen = library is not None and booster is not None and library.has_unseen_rows(booster)
        self._partial = self._unseen or workers.size > 1
        """Whether other workers have other rows."""
        self.label: Any = label
        self.weight: Any = weight
        told = None if library is None or booster is None else library.n_threads(booster)
        self.n_threads = loss.n_threads or told or loss.threads
        self.buffers = Buffers()
        self.device_buffers: dict[int, DeviceBuffers] = {}
        self.copies = Copies(self.n_threads)
        self.moving: Array | None = None
        self.evaluated: Any = None
        """The loss fitted to this training's labels, for metrics."""
        self._formats: Any = None
        self._task, self._columns = task, columns
        self._bind(label, weight)

    def __getstate__(self) -> dict[str, Any]:
        # What another process makes anew.
        kept = ("buffers", "device_buffers", "copies", "_served", "_formats", "_workers")
        return {name: value for name, value in vars(self).items() if name not in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__dict__.update(_served={}, _formats=None, _workers=ALONE)
        self.buffers, self.device_buffers, self.copies = Buffers(), {}, Copies(self.n_threads)

    def __deepcopy__(self, memo: object) -> Training:
        """The training itself, which is one and the same wherever its library copies it to."""
        return self

    def _bind(self, label: Any, weight: Any) -> None:
        def count() -> Counts:
            if self.loss.weights_move and self._task is Task.MULTICLASS and label.ndim == 2:
                raise ValueError(
                    f"label has shape {label.shape}, a probability for each class, but the class weights of "
                    f"{self.loss.constructor_name} follow the rows of each class that are missed; give class indices."
                )
            return labels.count(label, weight, self._task, self._columns, self._partial)

        self.local = self._workers.together(count)
        counts = self.local.summed(self._workers) if self._workers.size > 1 else self.local
        fitted = self.loss.counts
        if fitted is None:
            self.fitted = fitted_loss(self.loss, counts)
        elif (fitted.task, fitted.columns) != (counts.task, counts.columns):
            raise ValueError(
                f"this training is {counts.task.value} with {counts.columns} columns, but fit() saw {fitted.task.value} "
                f"labels with {fitted.columns}; make a new objective for it."
            )
        elif self._unseen:
            self.fitted = self.loss.fitted
        else:
            # The labels at hand set the scale and are what later rounds must agree with; fit() set the loss.
            self.fitted = FittedLoss(self.loss, counts, self.loss.fitted.coefficients)
        if self._unseen:
            self._refuse_unseen_rows()
        self._served: dict[Any, tuple[Program, Array]] = {}

    def _refuse_unseen_rows(self) -> None:
        """Refuse what would depend on the rows of this machine alone, on all machines alike."""
        loss = self.loss
        where = "this training runs on several machines whose labels LightGBM does not add up"
        if loss.weights_move:
            raise ValueError(
                f"{where}, but the class weights of {loss!r} follow the errors on all rows; train it with XGBoost, or take "
                f"weighted_objective('balanced').fit(y)."
            )
        scaled = isinstance(loss.scale, str) and not self.fitted.is_built_in
        if loss.counts is None and (loss.needs_counts or scaled):
            what = "" if loss.needs_counts else f"scale={loss.scale!r} of "
            classes = "[0, 1], sample_weight=[n0, n1]" if self._columns == 1 else "[0, 1, ...], sample_weight=[n0, n1, ...]"
            one = (
                f", or objective.fit({classes}) with how often each class occurs"
                if self._task is not Task.MULTILABEL
                else ""
            )
            raise ValueError(
                f"{where}, but {what}{loss!r} depends on how often each class occurs; before training, write objective = "
                f"objective.fit(y) with the labels of all machines{one}."
            )

    def __call__(self, margin: ArrayLike) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Gradient and Hessian at these margins, for the labels and weights that the training is bound to.

        Parameters
        ----------
        margin : array_like, shape (n,) or (n, columns)

        Returns
        -------
        gradient, hessian : ndarray of float32
            Shape of the margins; see :meth:`Loss.__call__`.
        """
        gpu = backend.use_gpu(self.loss.device, margin, self.label)
        m = labels.as_margin(margin, gpu)
        if not self.suits(m, self.label):
            shape = (self.local.rows, self._columns) if self._columns > 1 else (self.local.rows,)
            raise ValueError(
                f"margin has shape {m.shape}, but the labels of this training are {self.fitted.task.value}; give shape "
                f"{shape}."
            )
        if not gpu and m.ndim == 2:  # once, not a jump in memory for each number in every round
            self.label, self.weight = slices.in_order_of(m, self.label), slices.in_order_of(m, self.weight)
        out = self.round(m, self.label, self.weight, gpu)
        if not gpu or arrays.is_on_device(margin) or arrays.is_on_device(self.label):
            return out
        return arrays.to_host(out[0]), arrays.to_host(out[1])

    def knows(self, margin: Array, label: Array, weight: Array | None) -> bool:
        """Whether these arrays are of the kind of the last round's, which have been checked."""
        return self._formats == (
            type(margin), margin.shape, margin.dtype, type(label), label.shape, label.dtype, type(weight),
            None if weight is None else (weight.shape, weight.dtype),
        )  # fmt: skip

    def continue_from(self, call: Call) -> None:
        """Begin with the class weights of the training that this one continues, if it continues one."""
        self.take_over(self.library.kept_weights(call) if self.library is not None else None)

    def take_over(self, moving: Array | None) -> None:
        """Begin with these class weights, if they are for as many classes."""
        if moving is not None and moving.shape == self._weights_shape:
            self.moving = moving

    @property
    def _weights_shape(self) -> tuple[int, int]:
        return 1 if self.fitted.softmax else 2, self.fitted.counts.columns

    def suits(self, margin: Array, label: Array) -> bool:
        """Whether these could be a round of this training."""
        if not len(label):  # of a worker without rows, whose margins have any shape
            return self.local.rows == len(margin) == 0
        columns = margin.shape[1] if margin.ndim == 2 else 1
        several = label.ndim == 2 and self._task is not Task.MULTICLASS
        return self._columns == columns and self.local.rows == len(margin) and several == (self._task is Task.MULTILABEL)

    def round(self, m: Array, y: Array, w: Array | None, gpu: bool) -> tuple[Array, Array]:
        """Gradient and Hessian of one round; labels that changed since the last one are noticed."""
        return self.attempt(m, y, w, gpu) or self.anew(m, y, w, gpu)

    def anew(self, m: Array, y: Array, w: Array | None, gpu: bool) -> tuple[Array, Array]:
        """The same of labels that are bound first."""
        self._bind(y, w)
        return cast("tuple[Array, Array]", self.attempt(m, y, w, gpu, bound=True))

    def attempt(self, m: Array, y: Array, w: Array | None, gpu: bool, bound: bool = False) -> tuple[Array, Array] | None:
        """Gradient and Hessian; None if the labels are others than in the last round, unless they have just been bound."""
        if self.moving is None and self.loss.weights_move:
            self.moving = np.ones(self._weights_shape)
        moving = self.moving
        checks, out = self._pass(m, y, w, gpu)
        if checks.wrong or not self.local.agrees(checks.counts, checks.totals):
            raise_if_wrong(checks, m, y, w, self.fitted, self._partial)
            if not bound:
                self.moving = moving
                return None
        if self._formats is None and not gpu and y.dtype == np.float32:
            weight = None if w is None else (w.shape, w.dtype)
            self._formats = type(m), m.shape, m.dtype, type(y), y.shape, y.dtype, type(w), weight
        return out

    def _pass(self, m: Array, y: Array, w: Array | None, gpu: bool) -> tuple[Checks, tuple[Array, Array]]:
        fitted, threads = self.fitted, self.n_threads
        if not len(y):
            nothing = np.zeros(self._columns)
            if self.moving is not None:
                self._move(np.zeros(self._weights_shape))
            return Checks(nothing, nothing, 0), (np.empty((0, self._columns), np.float32),) * 2
        if gpu:
            buffers = self.device_buffers.setdefault(arrays.current_gpu(), DeviceBuffers())
            copies = self.copies.compared(label=y, weight=w)  # which takes as long as to copy the margins
            m = m if arrays.is_on_device(m) else buffers.margin(m)
            y, w = copies()
            out = buffers.take(m.shape)
        else:
            out = self.buffers.take(
                m.shape, "F" if m.ndim == 2 and m.flags.f_contiguous and not m.flags.c_contiguous else "C"
            )
        engine = backend.backend(gpu)
        if m.dtype not in self._served:
            self._served[m.dtype] = self._serve(m.dtype, None if w is None else w.dtype)
        program, table = self._served[m.dtype]
        if self.moving is not None:
            table = self._moved(table, m, y, w, engine)
        if gpu:
            table = buffers.table(table)
        rows = None if gpu or fitted.softmax or m.ndim == 1 else slices.rows_at_once(m)
        if rows is not None and y.flags.c_contiguous:
            return slices.gradient_hessian(engine, program, m, y, w, table, out, rows, threads), out
        return engine.gradient_hessian(program, m, y, w, table, out, softmax=fitted.softmax, n_threads=threads), out

    def _serve(self, margin_type: Any, weight_type: Any) -> tuple[Program, Array]:
        """Program and coefficients for margins of this type, with the Hessian of a softmax as the library scales it."""
        fitted, program, library = self.fitted, self.fitted.program, self.library
        residual = CURVATURES["residual"]
        if library is None or not fitted.softmax or program.curvature == residual:
            return program, fitted.served(1.0, margin_type, weight_type)
        exact = fitted.is_cross_entropy and program.curvature == CURVATURES["exact"] and not program.soft
        if exact and library.takes_gradient_as_hessian():  # what the library itself has there
            return program._replace(curvature=residual), fitted.served(1.0, margin_type, weight_type)
        return program, fitted.served(library.hessian_factor(fitted.counts.columns), margin_type, weight_type)

    def _moved(self, table: Array, m: Array, y: Array, w: Array | None, engine: Any) -> Array:
        """The coefficients after one step of the class weights, by each class's false-negative rate at these margins."""
        fitted = self.fitted
        self._move(engine.misses(m, y, w, fitted.coefficients, softmax=fitted.softmax, n_threads=self.n_threads))
        assert self.moving is not None
        table = table.copy()
        if fitted.softmax:
            table[Row.POSITIVE_WEIGHT] *= self.moving[0]
        else:
            table[Row.NEGATIVE_WEIGHT] *= self.moving[0]
            table[Row.POSITIVE_WEIGHT] *= self.moving[1]
        return table

    def _move(self, missed: Array) -> None:
        """One step of the class weights, by the weight of the rows of each class that this worker missed."""
        assert self.moving is not None
        missed = self._workers(missed)
        mass = self.fitted.counts.by_class.reshape(missed.shape)
        with np.errstate(invalid="ignore"):
            moved = np.asarray(self.loss.moved_weights(self.moving, np.where(mass > 0, missed / mass, 0.0)), np.float64)
        if moved.shape != missed.shape or not (np.isfinite(moved) & (moved >= 0)).all():
            raise ValueError(
                f"{self.loss.constructor_name}.moved_weights gives {moved.ravel().tolist()}; class weights must be finite, "
                f"not negative, and of shape {missed.shape}."
            )
        self.moving = moved


def raise_if_wrong(checks: Checks, m: Array, y: Array, w: Array | None, fitted: FittedLoss, partial: bool = False) -> None:
    """Turn what a loop noticed into an error that names the value."""
    if not checks.wrong and (w is None or 0 < checks.totals.max() < np.inf):
        return
    m, y, w = arrays.to_host(m), arrays.to_host(y), None if w is None else arrays.to_host(w)
    if checks.wrong & BAD_LABEL:
        if not (fitted.softmax and y.ndim == 1):
            labels.check_soft(y)
        else:
            labels.check_label(y, fitted.counts.columns)
    if checks.wrong & BAD_MARGIN:
        labels.check_margin(m)
    if w is not None and (checks.wrong & BAD_WEIGHT or not 0 < checks.totals.max() < np.inf):
        labels.check_weight(w, partial)
