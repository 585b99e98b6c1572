"""One training of a loss: labels, weights and a library, and what has to be kept from round to round."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.kernels.program import BAD_LABEL, BAD_MARGIN, BAD_WEIGHT, Checks, Program, Row
from boost_imbalance.losses import backend, labels, slices
from boost_imbalance.losses.buffers import Buffers
from boost_imbalance.losses.device import Copies, DeviceBuffers
from boost_imbalance.losses.fitted import CURVATURES, FittedLoss, fitted_loss
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.protocol import Call, Library

Array = npt.NDArray[Any]


class Training:
    """A loss bound to the labels and sample weights of one training. ``Loss.bind`` makes one.

    Call it with margins: it gives gradient and Hessian as its library wants them. It is the only object here that changes
    from round to round: class weights that follow a model's errors, and memory that is used again.
    """

    def __init__(self, loss: Any, label: Any, weight: Any, task: Task, columns: int, library: Library | None) -> None:
        self.loss, self.library = loss, library
        self.label, self.weight = label, weight
        self.buffers = Buffers()
        self.device_buffers: dict[int, DeviceBuffers] = {}
        self.copies = Copies()
        self.moving: Array | None = None
        self.evaluated: Any = None
        """The loss fitted to this training's labels, for metrics."""
        self.n_threads = loss.threads
        self._formats: Any = None
        self._task, self._columns = task, columns
        self._bind(label, weight)

    def __getstate__(self) -> dict[str, Any]:
        kept = ("buffers", "device_buffers", "copies", "_served", "_formats")  # memory that another process makes anew
        return {name: value for name, value in vars(self).items() if name not in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.__dict__.update(_served={}, _formats=None)
        self.buffers, self.device_buffers, self.copies = Buffers(), {}, Copies()

    def __deepcopy__(self, memo: Any) -> Training:
        """The training itself, which is one and the same wherever its library copies it to."""
        return self

    def _bind(self, label: Any, weight: Any) -> None:
        if self.loss.weights_move and self._task is Task.MULTICLASS and label.ndim == 2:
            raise ValueError(
                f"label has shape {label.shape}, a probability for each class, but the class weights of "
                f"{self.loss.constructor_name} follow the rows of each class that are missed; give class indices."
            )
        self.local = labels.count(label, weight, self._task, self._columns)
        add = None if self.library is None else self.library.sum_over_workers()
        counts = self.local if add is None else self.local.summed(add)
        fitted = self.loss.counts
        if fitted is None:
            self.fitted = fitted_loss(self.loss, counts)
        elif (fitted.task, fitted.columns) == (counts.task, counts.columns):
            # The labels at hand set the scale and are what later rounds must agree with; fit() set the loss.
            self.fitted = FittedLoss(self.loss, counts, self.loss.fitted.coefficients)
        else:
            raise ValueError(
                f"this training is {counts.task.value} with {counts.columns} columns, but fit() saw {fitted.task.value} "
                f"labels with {fitted.columns}; make a new objective for it."
            )
        self._served: dict[Any, tuple[Program, Array]] = {}

    def __call__(self, margin: Any) -> tuple[Array, Array]:
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

    def knows(self, margin: Any, label: Any, weight: Any) -> bool:
        """Whether these arrays are of the kind of the last round's, which have been checked."""
        return self._formats == (
            type(margin), margin.shape, margin.dtype, type(label), label.shape, label.dtype, type(weight),
            None if weight is None else (weight.shape, weight.dtype),
        )  # fmt: skip

    def continue_from(self, call: Call) -> None:
        """Begin with the class weights of the training that this one continues, if it continues one."""
        kept = self.library.kept_weights(call) if self.library is not None else None
        if kept is not None and kept.shape == self._weights_shape:
            self.moving = kept

    @property
    def _weights_shape(self) -> tuple[int, int]:
        return 1 if self.fitted.softmax else 2, self.fitted.counts.columns

    def suits(self, margin: Array, label: Array) -> bool:
        """Whether these could be a round of this training."""
        columns = margin.shape[1] if margin.ndim == 2 else 1
        several = label.ndim == 2 and self._task is not Task.MULTICLASS
        return self._columns == columns and self.local.rows == len(margin) and several == (self._task is Task.MULTILABEL)

    def round(self, m: Array, y: Array, w: Array | None, gpu: bool) -> tuple[Array, Array]:
        """Gradient and Hessian of one round; labels that changed since the last one are noticed."""
        if self.moving is None and self.loss.weights_move:
            self.moving = np.ones(self._weights_shape)
        checks, out = self._pass(m, y, w, gpu)
        if checks.wrong or not self.local.agrees(checks.counts, checks.totals):
            raise_if_wrong(checks, m, y, w, self.fitted)
            self._bind(y, w)
            checks, out = self._pass(m, y, w, gpu)
            raise_if_wrong(checks, m, y, w, self.fitted)
        if self._formats is None and not gpu and y.dtype == np.float32:
            weight = None if w is None else (w.shape, w.dtype)
            self._formats = type(m), m.shape, m.dtype, type(y), y.shape, y.dtype, type(w), weight
        return out

    def _pass(self, m: Array, y: Array, w: Array | None, gpu: bool) -> tuple[Checks, tuple[Array, Array]]:
        fitted, threads = self.fitted, self.n_threads
        if gpu:
            buffers = self.device_buffers.setdefault(arrays.current_gpu(), DeviceBuffers())
            m = m if arrays.is_on_device(m) else buffers.margin(m)
            y, w = self.copies.of("label", y), self.copies.of("weight", w)
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
        rows = None if gpu or fitted.softmax else slices.rows_at_once(m)
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
        missed = engine.misses(m, y, w, fitted.coefficients, softmax=fitted.softmax, n_threads=self.n_threads)
        add = None if self.library is None else self.library.sum_over_workers()
        missed = missed if add is None else add(missed)
        mass = fitted.counts.by_class.reshape(missed.shape)
        with np.errstate(invalid="ignore"):
            moved = np.asarray(self.loss.moved_weights(self.moving, np.where(mass > 0, missed / mass, 0.0)), np.float64)
        if moved.shape != missed.shape or not (np.isfinite(moved) & (moved >= 0)).all():
            raise ValueError(
                f"{self.loss.constructor_name}.moved_weights gives {moved.ravel().tolist()}; class weights must be finite, "
                f"not negative, and of shape {missed.shape}."
            )
        self.moving = moved
        table = table.copy()
        if fitted.softmax:
            table[Row.POSITIVE_WEIGHT] *= self.moving[0]
        else:
            table[Row.NEGATIVE_WEIGHT] *= self.moving[0]
            table[Row.POSITIVE_WEIGHT] *= self.moving[1]
        return table


def raise_if_wrong(checks: Checks, m: Array, y: Array, w: Array | None, fitted: FittedLoss) -> None:
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
        labels.check_weight(w)
