"""The base class of all losses: a formula with parameters, as an objective for the libraries and as plain functions."""

from __future__ import annotations

import inspect
import sys
import weakref
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import numpy as np
import numpy.typing as npt

from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.kernels.program import BAD_LABEL, Checks, Program
from boost_imbalance.kernels.source import Formula
from boost_imbalance.kernels.threads import default_threads
from boost_imbalance.losses import advice, backend, definition, labels, protocol, weighting
from boost_imbalance.losses.fitted import FittedLoss, fitted_loss
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.losses.metric import LossMetric
from boost_imbalance.losses.parameters import (
    Parameter,
    PerClass,
    check_device,
    check_hessian,
    check_range,
    check_scale,
    check_threads,
    check_weights,
    declared,
    hashable,
    is_whole,
    same,
)
from boost_imbalance.losses.training import Training, raise_if_wrong
from boost_imbalance.losses.workers import ALONE, Workers
from boost_imbalance.types import (
    Array,
    ArrayLike,
    Dataset,
    Device,
    Expression,
    FeaturesLike,
    FloatArray,
    FloatLike,
    Hessian,
    LibraryName,
    MarginLike,
    Model,
    Scale,
    Weights,
)

if TYPE_CHECKING:
    import lightgbm
    import xgboost
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """The one of :mod:`typing`, which Python 3.10 has not; it means something to type checkers only."""
        return lambda cls: cls


L = TypeVar("L", bound="Loss")

COMMON = """\
weights : "balanced", float, array_like or dict, optional
    Class weights, times any other that this loss brings. ``"balanced"``: inverse frequency ``n / (K n_k)``, by label
    if multi-label. A number: weight of the positive class. An array: one weight per class; in a multi-label task one
    positive weight per label, or shape (labels, 2) for label 0 and 1. A dict: by class or label, the others 1.
clip_weights : (float, float), optional
    Lowest and highest class weight, applied to the product.
tau : float
    Strength of the logit adjustment added to margins in training; see :func:`logit_adjusted_objective`.
smoothing : float
    In [0, 1): labels are moved by this share towards the mean label, 1/2 or one in K.
hessian : {"exact", "expected", "positive_terms", "absolute", "reweighted", "residual", "safeguarded"}, optional
    Curvature handed to the booster. ``exact``: the second derivative, which is negative where a focal loss meets a
    badly misclassified row; of cross-entropy it gives the trees of the library's own objective and class weights. That is
    a multiple of ``p (1 - p)`` for several classes, or ``|p - y|`` where the installed XGBoost's own objective has it.
    ``positive_terms``, the default under unequal class weights: without its negative terms, and under the geometric mean of
    the class weights, each class as probable as ``sigmoid`` or ``softmax`` of the margin says. ``safeguarded``, the default
    else: the positive terms too, but at least half the size of the gradient, so that no leaf steps further than twice the
    learning rate; rates of 0.3 to 0.5 hold. ``expected``: the mean over labels of the second
    derivative, with the same probabilities; of a sigmoid, never less than by calibrated ones, which is positive. It
    learns more slowly and overfits less. ``absolute``: the absolute value. ``reweighted``: cross-entropy's, under the
    frozen dynamic weight. ``residual``: the size of the gradient, of cross-entropy ``|p - y|``, under which no leaf
    steps further than the learning rate.
scale : {"auto", "start"} or float
    What gradient and Hessian are multiplied by on their way to a booster. It does not change the loss, but decides
    what ``min_child_weight``, ``lambda`` and ``min_sum_hessian_in_leaf`` mean. ``"start"``: such that the mean Hessian
    at this loss's start is that of cross-entropy at its own, under the same ``hessian`` and class weights at mean 1.
    Where a class is rare and gamma high, that is far below 1 and strengthens ``lambda``. ``"auto"``: the same, but never
    less than what brings the class weights to mean 1.
n_threads : int, optional
    Default: the processors that this process may use.
device : {"auto", "cpu", "cuda"}
    Where to compute. ``"auto"``: on the GPU where the labels of the training data are on it, or the booster is
    (XGBoost), or where the arrays are that a function is given; else on the host. ``"cuda"`` needs the extra
    ``boost-imbalance[cuda]``.
"""


class _ConstructorSignature:
    """The signature of a class's constructor; its instances have the one of ``__call__``, which XGBoost looks at."""

    def __get__(self, instance: Any, owner: Any) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") == "inspect":
            frame = frame.f_back
        protocol.refuse_uncalled(owner.public_name or owner.__name__, frame)  # which LightGBM finds out by the signature
        signature: inspect.Signature = owner._signature
        return signature


@dataclass_transform(frozen_default=True, field_specifiers=(declared,))
class _Declared:
    """What a loss has beside its parameters; type checkers take those for the arguments of its constructor."""

    counts: Counts | None
    """Class counts that :meth:`fit` has fixed."""
    priors: FloatLike | None = None
    """Class shares for the logit adjustment; None for those of the training labels."""
    _memory: _Memory


class Loss(_Declared):
    """A loss for imbalanced data, which XGBoost and LightGBM can train.

    The same object goes into ``xgboost.train(obj=)``, ``xgboost.cv(obj=)``, ``XGBClassifier(objective=)``,
    ``lightgbm.train({"objective": })``, ``lightgbm.cv`` and ``LGBMClassifier(objective=)``. Whether the task is binary,
    multi-class or multi-label follows from the shapes of margins and labels. It is a value: objects with equal parameters
    are equal, and none ever changes. What a training has to remember is kept with that training.

    A loss of your own is a subclass with a formula and parameters. ``positive(self, t)`` is what a true outcome costs at the
    log-odds ``t`` of that outcome, so that ``sigmoid(t)`` is its probability: the margin where the label is 1, minus the
    margin where it is 0, and ``log(p / (1 - p))`` of the true class under a softmax. Gradient, Hessians, start, calibrated
    probabilities and everything else follow from it. Where label 0 costs something else, define ``negative(self, t)`` too,
    with ``t`` the log-odds of label 0; a softmax then adds it for every class that is not the true one.

    Parameters
    ----------
    {common}

    Examples
    --------
    >>> from boost_imbalance import Loss, log_sigmoid, parameter, sigmoid
    >>> class Poly1(Loss):
    ...     '''-log p + epsilon (1 - p); Leng et al., PolyLoss, ICLR 2022.'''
    ...     epsilon: float = parameter(1.0, low=-1.0)
    ...     def positive(self, t):
    ...         return -log_sigmoid(t) + self.epsilon * sigmoid(-t)
    >>> gradient, hessian = Poly1(epsilon=2.0).gradient_hessian([0.0, 0.0], [0, 1])
    >>> gradient.tolist()
    [1.0, -1.0]
    """

    weights: Weights = declared(default=None, check=check_weights, common=True, kw_only=True)
    clip_weights: tuple[float, float] | None = declared(default=None, check=check_range, common=True, kw_only=True)
    tau: float = declared(
        default=0.0, allowed=lambda v: v >= 0, wanted="finite and not negative", low=0.0, scalar=True, common=True,
        kw_only=True,
    )  # fmt: skip
    smoothing: float = declared(
        default=0.0, allowed=lambda v: (v >= 0) & (v < 1), wanted="at least 0 and less than 1", low=0.0, high=1.0,
        scalar=True, common=True, kw_only=True,
    )  # fmt: skip
    hessian: Hessian | None = declared(default=None, check=check_hessian, common=True, kw_only=True)
    scale: Scale = declared(default="auto", check=check_scale, common=True, kw_only=True)
    n_threads: int | None = declared(default=None, check=check_threads, common=True, kw_only=True)
    device: Device = declared(default="auto", check=check_device, common=True, kw_only=True)

    public_name: ClassVar[str | None] = None
    """What ``repr`` calls the class, where that is not its own name."""
    weights_move: ClassVar[bool] = False
    """Whether class weights follow the model's errors; see :meth:`moved_weights`."""

    __signature__ = _ConstructorSignature()

    compiled_in: ClassVar[Mapping[str, tuple[float, ...]]] = {}
    """Values of parameters, beside 0, for which the formula is compiled by itself, because it is faster there."""

    _declared: ClassVar[dict[str, Parameter]]
    _signature: ClassVar[inspect.Signature] = inspect.Signature()
    _by_class: ClassVar[dict[str, PerClass]]
    _formulas: ClassVar[dict[frozenset[tuple[str, float]], Formula]]
    _checked: ClassVar[set[Any]]
    _base: ClassVar[Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        definition.declare(cls, Loss, COMMON)

    def __init__(self, *arguments: object, **keywords: object) -> None:
        cls = type(self)
        if len(arguments) > 1:
            protocol.refuse_uncalled(self.constructor_name, sys._getframe(1), arguments[1])
        if cls is Loss:
            raise TypeError("Loss has no formula; define one in a subclass, or take focal_objective() or another.")
        try:
            bound = cls._signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise TypeError(f"{self.constructor_name}: {error}; it has {', '.join(cls._declared)}.") from None
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            self.__dict__[name] = cls._declared[name].checked(value)
        self._begin(None)
        definition.check(self)

    def _begin(self, counts: Counts | None) -> None:
        self.__dict__["counts"] = counts
        self.__dict__["_memory"] = _Memory()

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a loss does not change; make another one with replace({name}=...).")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a loss does not change; {name} cannot be deleted.")

    # A loss is a value ---------------------------------------------------------------------------------------------------

    def _key(self) -> Any:
        return tuple((name, hashable(value)) for name, value in self.parameters.items()), self.counts

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key() == other._key()

    def __hash__(self) -> int:
        try:
            return hash((type(self), self._key()))
        except TypeError:  # an argument of a type that has no hash
            return hash(type(self))

    def __getstate__(self) -> dict[str, Any]:
        self._note_sending()
        return {**self.parameters, "counts": self.counts, "told": self._memory.trained or self._memory.told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        told = tuple(state.pop("told"))
        counts = state.pop("counts")
        self.__dict__.update(state)
        self._begin(counts)
        self._memory.told = told

    def __copy__(self) -> Self:
        made = _rebuilt(type(self), self.parameters, self.counts, self._memory.told)
        made._memory.warned = self._memory.warned
        return made

    def __deepcopy__(self, memo: object) -> Self:
        self._note_sending()
        return self.__copy__()

    def _note_sending(self) -> None:
        """Forget earlier trainings where this object is on its way to workers, which will not say what labels they had."""
        sender = protocol.sender()
        if sender is not None:
            self._memory.send(sender)

    def __repr__(self) -> str:
        shown = {
            name: self.__dict__[name]
            for name, declared in type(self)._declared.items()
            if not same(self.__dict__[name], declared.default)
            or not (declared.default is None or same(declared.default, 0.0) or same(declared.default, _usual(name)))
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
        return {name: self.__dict__[name] for name in type(self)._declared}

    def replace(self, **changes: Any) -> Self:
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
        return type(self)(**{**known, **changes})

    def copy(self, **changes: Any) -> Self:
        """Like :meth:`replace`, but with the class counts that :meth:`fit` has fixed."""
        made = self.replace(**changes)
        return made if self.counts is None else made.fit_counts(self.counts)

    @property
    def constructor_name(self) -> str:
        """The name under which this package, or the class, makes such a loss."""
        return self.public_name or type(self).__name__

    # The formula ---------------------------------------------------------------------------------------------------------

    def positive(self, t: Expression) -> Expression:
        """What a true outcome costs at its log-odds ``t``."""
        raise NotImplementedError(f"{type(self).__name__} has no formula; define positive(self, t).")

    def negative(self, t: Expression) -> Expression:
        """What label 0 costs at its log-odds ``t``; the same as :meth:`positive`, unless a subclass says otherwise."""
        return self.positive(t)

    @property
    def formula(self) -> Formula:
        """The traced formula; parameters that are 0, or a value of :attr:`compiled_in`, are part of its code."""
        fixed = frozenset(
            (name, value)
            for name, declared in type(self)._declared.items()
            if declared.is_number and not declared.common
            for value in (0.0, *self.compiled_in.get(name, ()))
            if self.__dict__[name] is not None and np.all(np.equal(self.__dict__[name], value))
        )
        return definition.formula_of(type(self), fixed)

    def class_weights(self, counts: Counts) -> Array:
        """Weight of each class, shape (classes, 1), or of label 0 and 1 in each column, shape (2, columns)."""
        return weighting.product(self.weights, counts)

    def class_parameters(self, counts: Counts) -> Mapping[str, ArrayLike]:
        """Values of what :func:`per_class` declares, in the shape of :meth:`class_weights`."""
        return {}

    def offset(self, counts: Counts) -> Array:
        """What training adds to the margins of each column."""
        return weighting.logit_adjustment(self.tau, self.priors, counts)

    def moved_weights(self, weights: Array, missed: Array) -> Array:
        """Class weights of the next round, from those of the last one and the share of each class that is missed."""
        return weights

    @property
    def needs_counts(self) -> bool:
        """Whether the loss itself depends on how often each class occurs."""
        adjusted = self.tau > 0 and self.priors is None
        return isinstance(self.weights, str) or adjusted or bool(type(self)._by_class)

    @property
    def threads(self) -> int:
        """How many threads compute."""
        return self.n_threads or default_threads()

    # Labels --------------------------------------------------------------------------------------------------------------

    @property
    def is_fitted(self) -> bool:
        """Whether :meth:`fit` has fixed what depends on class counts."""
        return self.counts is not None

    @property
    def fitted(self) -> FittedLoss:
        """The loss for the labels of :meth:`fit`, or for those of the training that this object has served."""
        known = self._known()
        if known is None:
            raise ValueError(f"{self!r} has not seen any labels; use the objective that fit(label) returns.")
        return known

    @property
    def seen_counts(self) -> Counts | None:
        """Class counts of :meth:`fit`, or of the training that this object has served; None before either."""
        known = self._known()
        return None if known is None else known.counts

    def _known(self) -> FittedLoss | None:
        memory = self._memory
        if self.counts is not None:
            if memory.fitted is None:
                memory.fitted = fitted_loss(self, self.counts)
            return memory.fitted
        seen = memory.trained or memory.told
        if memory.sent is not None and memory.trained and self.needs_counts:
            raise ValueError(
                f"{self!r} has trained here and on other workers, and only one of the two is meant; write "
                f"{_line_of_counts(memory.trained[-1].columns)}, with the class counts that belong to these margins."
            )
        if len({self._distinct(counts) for counts in seen}) > 1:
            raise ValueError(
                f"{self!r} has served trainings with different labels; use the objective that fit(label) returns, with the "
                f"labels that belong to these margins."
            )
        return fitted_loss(self, seen[-1]) if seen else None

    def _distinct(self, counts: Counts) -> Any:
        """What makes labels others than those of another training, as far as this loss can tell."""
        shape = counts.task, counts.columns
        return (*shape, counts.rows, counts.ones.tobytes()) if self.needs_counts else shape

    def fit_counts(self, counts: Counts) -> Self:
        """:meth:`fit` to labels that have been counted already."""
        made = _rebuilt(type(self), self.parameters, counts, ())
        _ = made.fitted  # what cannot be fitted says so here
        return made

    def fit(self, label: ArrayLike, sample_weight: ArrayLike | None = None, n_classes: int | None = None) -> Self:
        """The same loss with all fixed that depends on class counts: class weights, logit adjustment, scale and start.

        Without it they are worked out from the training labels when a training starts.

        Parameters
        ----------
        label : array_like, shape (n,) or (n, labels)
            0 or 1, or a number between them for a label that is not certain; or class indices. Two dimensions mean a
            multi-label task, or, with ``n_classes``, a probability for each class.
        sample_weight : array_like, shape (n,) or (n, labels), optional
        n_classes : int, optional
            Number of classes, where the highest may be missing from ``label``, or where ``label`` has a column for each.

        Returns
        -------
        A new objective, with the labels' counts; this one is left as it is.

        Notes
        -----
        Counts are enough, as a query over a cluster gives them: ``fit([0, 1], sample_weight=[n0, n1])``, or one row for each
        of several classes; of several labels, one row of zeros and one of ones, ``fit([[0, 0], [1, 1]],
        sample_weight=[n - positives, positives])``. That is the way where the labels are on other machines: the result goes
        to the workers of a distributed training, and its :meth:`probability` answers here.

        Raises
        ------
        ValueError
            If labels are not 0, 1, ..., or sample weights are negative or all 0.

        Examples
        --------
        >>> from boost_imbalance import logit_adjusted_objective
        >>> objective = logit_adjusted_objective(tau=1.0).fit([0, 0, 0, 1])
        >>> print(objective.probability([0.0]).round(4))  # the adjustment is undone: a margin of 0 means the prior
        [0.25]
        >>> counted = logit_adjusted_objective(tau=1.0).fit([0, 1], sample_weight=[3, 1])
        >>> print(counted.probability([0.0]).round(4))
        [0.25]
        >>> zeros, ones = [9_900, 9_000, 5_000], [100, 1_000, 5_000]
        >>> counted = logit_adjusted_objective(tau=1.0).fit([[0, 0, 0], [1, 1, 1]], sample_weight=[zeros, ones])
        >>> print(counted.probability([[0.0, 0.0, 0.0]]).round(4))
        [[0.01 0.1  0.5 ]]
        """
        return self.fit_counts(self._count(label, sample_weight, n_classes))

    def bind(
        self,
        label: ArrayLike,
        sample_weight: ArrayLike | None = None,
        n_classes: int | None = None,
        library: LibraryName | str | None = None,
    ) -> Training:
        """The training of this loss for the given labels, as an object of its own.

        What ``obj=objective`` does behind the scenes, for those who call a loss themselves, or for another library.

        Parameters
        ----------
        label : array_like, shape (n,) or (n, labels)
        sample_weight : array_like, shape (n,) or (n, labels), optional
        n_classes : int, optional
            As in :meth:`fit`.
        library : {"xgboost", "lightgbm"}, optional
            Whose Hessian of a softmax is wanted, or the name of another library that is registered; None for the loss's own.

        Returns
        -------
        Training
            Call it with margins; it gives gradient and Hessian.

        Examples
        --------
        >>> import numpy as np
        >>> from boost_imbalance import adaptive_objective
        >>> training = adaptive_objective(rate=0.5).bind([0, 1])
        >>> _ = training(np.array([-1.0, -1.0]))  # label 1 is missed and stays at 1; label 0 is right and halves
        >>> gradient, _ = training(np.array([-0.9, -0.9]))
        >>> print(gradient.round(4))
        [ 0.0723 -0.7109]
        """
        gpu = backend.use_gpu(self.device, label)
        y = labels.as_label(label, gpu)
        task, columns = self._task(y, n_classes)
        found = None if library is None else protocol.library(library)
        return Training(self, y, labels.as_weight(sample_weight, y, gpu), task, columns, found)

    # Functions of arrays -------------------------------------------------------------------------------------------------

    def loss(self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None) -> FloatArray:
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
        gpu = backend.use_gpu(self.device, margin, label)
        m, y, w, fitted = self._prepare(margin, label, sample_weight, self._own(), gpu)
        return cast(Array, arrays.like(self._loss(m, y, w, fitted, gpu), margin))

    def gradient_hessian(
        self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
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
        gpu = backend.use_gpu(self.device, margin, label)
        m, y, w, fitted = self._prepare(margin, label, sample_weight, self._own(), gpu)
        engine, table = backend.backend(gpu), fitted.coefficients.astype(m.dtype)
        out = engine.empty_like(m), engine.empty_like(m)

        def run(program: Program) -> Checks:
            checks: Checks = engine.gradient_hessian(
                program, m, y, w, table, out, softmax=fitted.softmax, n_threads=self.threads
            )
            return checks

        _run(run, fitted.program, fitted, m, y, w)
        return arrays.like(out[0], margin), arrays.like(out[1], margin)

    def probability(self, margin: MarginLike) -> FloatArray:
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

        Warns
        -----
        UserWarning
            If the margins of many rows all lie between 0 and 1; :meth:`predict_probability` cannot be given the wrong ones.

        Raises
        ------
        ValueError
            If it takes class counts to know, and this object has neither come from :meth:`fit` nor served a training in
            this process, or has served several with different labels. After a training on workers of Dask or Spark, give
            :meth:`fit` their counts.

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
        return self._probability(margin, careful=protocol.calling() is None)

    def predict_probability(
        self, model: Model, data: FeaturesLike | xgboost.DMatrix, *, start: ArrayLike | None = None, **options: Any
    ) -> FloatArray:
        """Calibrated probability that a trained model gives the rows of some data.

        :meth:`probability` of the model's raw scores, whichever way its library wants to be asked for them.

        Parameters
        ----------
        model : xgboost.Booster, lightgbm.Booster, or a fitted model of their scikit-learn classes
            Trained with this loss.
        data : array, sparse matrix or data frame, shape (n, features)
            Or an ``xgboost.DMatrix``, for an ``xgboost.Booster``.
        start : float or array_like, optional
            Margins that training began with and that the model does not contain: ``init_score`` of LightGBM, or
            ``base_margin`` of XGBoost, where ``data`` is not a ``DMatrix`` that has it.
        **options
            Passed to the model's ``predict``, such as ``iteration_range`` or ``num_iteration``.

        Returns
        -------
        ndarray
            As of :meth:`probability`.

        Examples
        --------
        >>> import numpy as np, xgboost
        >>> from boost_imbalance import focal_objective
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(2000, 3))
        >>> y = (X[:, 0] + rng.normal(size=2000) > 2).astype(int)
        >>> objective = focal_objective(gamma=2.0)
        >>> booster = xgboost.train(objective.xgboost_params(y), xgboost.DMatrix(X, y), 20, obj=objective)
        >>> print(abs(objective.predict_probability(booster, X).mean() - y.mean()).round(1))
        0.0
        """
        library = protocol.library_of_model(model)
        if library is None:
            raise TypeError(
                f"model is {type(model).__name__}; give a Booster of XGBoost or LightGBM, or a fitted model of their "
                f"scikit-learn classes."
            )
        return self._probability(library.margin(model, data, start, **options))

    def _probability(self, margin: MarginLike, careful: bool = False) -> FloatArray:
        """See :meth:`probability`; ``careful``: warn of what looks like probabilities."""
        gpu = backend.use_gpu(backend.to_predict(self.device), margin)
        m = labels.as_margin(margin, gpu)
        columns = m.shape[1] if m.ndim == 2 else 1
        fitted = self._known()
        if fitted is None:
            if self._memory.sent is not None and (columns > 1 or self.needs_counts):
                raise ValueError(
                    f"{self!r} has trained on other workers, whose labels are not known here; write "
                    f"{_line_of_counts(columns)}, with how many rows each class had there, and call probability(margin) of "
                    f"that."
                )
            if columns > 1 or self.needs_counts:
                raise ValueError(
                    f"{self!r} has not seen any labels; call probability(margin) of the objective that fit(label) returns."
                )
            fitted = fitted_loss(self, _unknown_counts(Task.BINARY, 1))
        if columns != fitted.counts.columns:
            raise ValueError(
                f"margin has shape {m.shape} but the labels were {fitted.task.value} with {fitted.counts.columns} columns; "
                f"use the objective that fit(label) returns, with the labels that belong to it."
            )
        if careful:
            advice.warn_of_probabilities(m, fitted)
        m, engine = arrays.to_device(m) if gpu else m, backend.predictor(gpu, m.size)
        out = backend.backend(gpu).empty_like(m) if gpu else np.empty_like(m)
        program = fitted.program._replace(curvature=None, soft=False)
        checks = engine.probability(program, m, fitted.coefficients, out, softmax=fitted.softmax, n_threads=self.threads)
        if checks.wrong:
            labels.check_margin(arrays.to_host(m))
        return cast(Array, arrays.like(out, margin))

    def start(
        self, label: ArrayLike, sample_weight: ArrayLike | None = None, n_classes: int | None = None
    ) -> float | FloatArray:
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
        margin = self.begin(label, sample_weight, n_classes).start
        return margin.copy() if len(margin) > 1 else float(margin[0])

    def mean_loss(self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
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
        return self.mean_loss_over(ALONE, margin, label, sample_weight)

    def mean_loss_over(
        self, workers: Workers, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """:meth:`mean_loss` of the rows of all workers of a distributed training, of which some may have none."""
        gpu = backend.use_gpu(self.device, margin, label)
        is_empty = workers.size > 1 and not labels.as_array("label", label, gpu).shape[0]
        known = self._known()
        if known is None and workers.size > 1:
            known = self._of_all(workers, None if is_empty else (margin, label, sample_weight))

        def sums() -> tuple[float, float]:
            if is_empty:
                return 0.0, 0.0
            m, y, w, fitted = self._prepare(margin, label, sample_weight, known, gpu)
            values, total = self._loss(m, y, w, fitted, gpu, workers.size > 1), backend.backend(gpu).total
            return total(values), float(values.size) if w is None else total(w) * values.size / w.size

        loss, mass = workers.sums(*workers.together(sums))
        if not mass:
            raise ValueError("there is no row with a weight on any worker; a mean needs at least one.")
        return float(loss / mass)

    def _own(self) -> FittedLoss | None:
        return None if self.counts is None else self.fitted

    def begin(self, label: ArrayLike, sample_weight: ArrayLike | None = None, n_classes: int | None = None) -> FittedLoss:
        """The loss for the given labels, whose weights are by their own counts, or by those that :meth:`fit` fixed."""
        known = self.counts
        if n_classes is None and known is not None and known.task is Task.MULTICLASS:
            n_classes = known.columns
        counts = self._count(label, sample_weight, n_classes)
        if known is not None:
            return FittedLoss(self, counts, self.fitted.coefficients)
        self._memory.tell(counts)
        return fitted_loss(self, counts)

    def _task(self, y: Array, n_classes: int | None) -> tuple[Task, int]:
        if n_classes is not None and not (is_whole(n_classes) and 2 <= n_classes <= labels.MOST_CLASSES):
            raise ValueError(f"n_classes is {n_classes!r}; give a whole number of at least 2, or leave it out.")
        if y.ndim == 2:
            if n_classes not in (None, y.shape[1]):
                raise ValueError(
                    f"n_classes is {n_classes}, but label has shape {y.shape}; give one column of probabilities per class, "
                    f"or for a multi-label task leave n_classes out."
                )
            known = self.counts is not None and self.counts.task is Task.MULTICLASS
            return (Task.MULTICLASS if n_classes is not None or known else Task.MULTILABEL), y.shape[1]
        if n_classes is None:
            highest = arrays.to_host(y).max()
            if highest >= labels.MOST_CLASSES:
                labels.bad_label(arrays.to_host(y), None)
            n_classes = 1 if not highest >= 2 else int(highest) + 1
        return Task.BINARY if n_classes == 1 else Task.MULTICLASS, n_classes

    def _count(self, label: ArrayLike, sample_weight: ArrayLike | None, n_classes: int | None) -> Counts:
        y = labels.as_label(label)
        w = labels.as_weight(sample_weight, y)
        return labels.count(y, w, *self._task(y, n_classes))

    def _loss(self, m: Array, y: Array, w: Array | None, fitted: FittedLoss, gpu: bool, partial: bool = False) -> Array:
        empty = arrays.empty if gpu else np.empty
        out = empty((len(m),) if fitted.softmax else m.shape, m.dtype)
        engine, table = backend.backend(gpu), fitted.coefficients.astype(m.dtype)

        def run(program: Program) -> Checks:
            checks: Checks = engine.loss(program, m, y, w, table, out, softmax=fitted.softmax, n_threads=self.threads)
            return checks

        _run(run, fitted.program._replace(curvature=None), fitted, m, y, w, partial)
        return out

    def _prepare(
        self, margin: ArrayLike, label: ArrayLike, sample_weight: ArrayLike | None, known: FittedLoss | None, gpu: bool
    ) -> tuple[Array, Array, Array | None, FittedLoss]:
        m, y, w = backend.place(gpu, margin, label, sample_weight)
        task = labels.task_of(m, y, None if known is None else known.task)
        columns = m.shape[1] if m.ndim == 2 else 1
        if known is None:
            counts = labels.count(y, w, task, columns) if self.needs_counts else _unknown_counts(task, columns)
            return m, y, w, fitted_loss(self, counts)
        if (known.task, known.counts.columns) != (task, columns):
            raise ValueError(
                f"margin has shape {m.shape} and label {y.shape}, a {task.value} task, but this objective was fitted to "
                f"{known.task.value} labels with {known.counts.columns} columns; make a new one for other data."
            )
        return m, y, w, known

    # What the libraries call ---------------------------------------------------------------------------------------------

    def __call__(
        self, first: ArrayLike | None, second: ArrayLike | Dataset, sample_weight: ArrayLike | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Gradient and Hessian for a booster.

        Called as ``(margin, data)`` by the native interfaces, ``data`` being an ``xgboost.DMatrix`` or a
        ``lightgbm.Dataset``, and as ``(label, margin, sample_weight)`` by the scikit-learn interfaces. Called by hand with
        arrays, it keeps nothing from one call to the next; :meth:`bind` makes a training that does.

        Returns
        -------
        gradient, hessian : ndarray of float32
            Shape of the margins; multiplied by ``sample_weight`` and by ``scale``; the Hessian is positive wherever the
            weight is. The arrays are used again once nobody refers to them.
        """
        call = protocol.calling()
        try:
            return self._of_call(first, second, sample_weight, call)
        except BaseException:
            if call is not None:
                call.library.leave(call.booster)
            raise

    def _of_call(self, first: Any, second: Any, sample_weight: Any, call: protocol.Call | None) -> tuple[Array, Array]:
        library, owner = (None, None) if call is None else (call.library, call.booster)
        data = None
        if hasattr(second, "get_label"):
            margin, data = first, second
            library = library or protocol.library_of(data)
            label, sample_weight = protocol.label_and_weight(data) if library is None else library.label_and_weight(data)
            owner = data if owner is None else owner
        else:
            label, margin = first, second
        device = None if library is None or call is None else library.device(call.booster)
        if device is None and type(margin) is type(label) is np.ndarray and self.device != "cuda":
            return self._round(margin, label, sample_weight, library, owner, False, call, data)
        gpu = backend.use_gpu(self.device, margin, label, on_device=device is not None)
        if gpu and device is not None:
            with arrays.on_gpu(device):
                return self._round(margin, label, sample_weight, library, owner, gpu, call, data)
        out = self._round(margin, label, sample_weight, library, owner, gpu, call, data)
        if not gpu or device is not None or arrays.is_on_device(label) or arrays.is_on_device(margin):
            return out
        return arrays.to_host(out[0]), arrays.to_host(out[1])

    def _round(
        self, margin: Any, label: Any, sample_weight: Any, library: Any, owner: Any, gpu: bool, call: Any, data: Any
    ) -> tuple[Array, Array]:
        memory = self._memory
        training = None if owner is None else memory.trainings.get(owner)
        if training is not None and training.library is not library:
            training = None
        workers = None if library is None else library.sum_over_workers(data)
        if workers is not None and workers.size > 1:
            return self._round_of_several(workers, training, (margin, label, sample_weight), library, gpu, call, data)
        if training is not None and training.knows(margin, label, sample_weight):
            m, y, w = margin, label, sample_weight
        else:
            m, y = labels.as_margin(margin, gpu), labels.as_label(label, gpu)
            w = labels.as_weight(sample_weight, y, gpu)
            if training is None or not training.suits(m, y):
                training = self._begin_training(m, y, w, self._task_of(m, y), library, owner, call, data)
        fitted = training.fitted
        out = training.attempt(m, y, w, gpu) or training.anew(m, y, w, gpu)
        if self.weights_move or training.fitted is not fitted or fitted.counts not in memory.trained:
            self._remember(training, call)
        return out

    def _round_of_several(
        self, workers: Workers, training: Training | None, given: tuple[Any, Any, Any], library: Any, gpu: bool, call: Any,
        data: Any,
    ) -> tuple[Array, Array]:  # fmt: skip
        """A round of one worker of several, all of which notice if one of them has other labels, or something wrong."""
        owner = data if call is None else call.booster
        moving = None if training is None else training.moving

        def look() -> tuple[Any, tuple[float]]:
            m, y, w = self._of_worker(*given, gpu)
            fits, out = training is not None and training.suits(m, y), None
            if fits and not self.weights_move:
                out = cast("Training", training).attempt(m, y, w, gpu)
                fits = out is not None
            return (m, y, w, out), (float(not fits),)

        (m, y, w, out), changed = workers.agree(look, 1)
        if self.weights_move and not changed.any():
            # The misses of all are added up on the way, so that all must have got here.
            def attempt() -> tuple[Any, tuple[float]]:
                out = cast("Training", training).attempt(m, y, w, gpu)
                return out, (float(out is None),)

            out, changed = workers.agree(attempt, 1)
        if changed.any():
            task = self._agreed_task(workers, m, y, call)
            y = y if len(y) else labels.none(*task)
            bound = training = self._begin_training(m, y, w, task, library, owner, call, data, workers)
            bound.take_over(moving)
            out = workers.together(lambda: bound.attempt(m, y, w, gpu, bound=True))
        self._remember(cast("Training", training), call)
        return cast("tuple[Array, Array]", out)

    def _of_worker(self, margin: Any, label: Any, sample_weight: Any, gpu: bool) -> tuple[Array, Array, Array | None]:
        """The arrays that one of several workers is given; one without rows may get them in any shape."""
        if not labels.as_array("label", label, gpu).shape[0]:
            return np.empty(0, np.float32), np.empty(0, np.float32), None
        y = labels.as_label(label, gpu)
        return labels.as_margin(margin, gpu), y, labels.as_weight(sample_weight, y, gpu)

    def _task_of(self, m: Array, y: Array) -> tuple[Task, int]:
        labels.check_margin(arrays.to_host(m))
        known = None if self.counts is None else self.counts.task
        return labels.task_of(m, y, known), m.shape[1] if m.ndim == 2 else 1

    def _agreed_task(self, workers: Workers, m: Array, y: Array, call: Any = None) -> tuple[Task, int]:
        """The task of the workers that have rows, which the others cannot tell."""
        tasks = list(Task)
        # The same number for workers that begin at the same place.
        start = 0 if call is None else zlib.crc32(call.library.start_of(call.booster).encode())
        # The same for those that have been fitted alike, up to what processors of different makes round.
        own_fit = 0 if self.counts is None else zlib.crc32(self.fitted.coefficients.astype(np.float32).tobytes())

        def find() -> tuple[None, list[float]]:
            if not len(y):
                return None, [0.0] * (len(tasks) + 1) + [start, own_fit]
            task, columns = self._task_of(m, y)
            return None, [*(float(one is task) for one in tasks), columns, start, own_fit]

        *votes, total, starts, fits = workers.agree(find, len(tasks) + 3)[1]
        voters = sum(votes)
        if not voters:
            raise ValueError("label is empty on every worker; a loss needs at least one row.")
        task, columns = tasks[int(np.argmax(votes))], int(total // voters)

        def check_task() -> None:
            own = columns
            if len(y):
                own = self._task_of(m, y)[1]
            elif call is not None:
                own = call.library.n_outputs(call.booster)
            if max(votes) < voters or own != columns:
                raise ValueError(
                    f"the workers do not train the same task: this one has {own} columns of margins, those with rows have "
                    f"{total / voters:g}; where some have no rows, write num_class or num_target in the parameters, as "
                    f"xgboost_params(y) does."
                )

        def check_start() -> None:
            if starts != start * workers.size:
                raise ValueError(
                    f"the workers begin at different places, this one at base_score {call.library.start_of(call.booster)}; "
                    f"take it from the labels of all workers, or their counts: objective.xgboost_params([0, 1], "
                    f"sample_weight=[n0, n1])."
                )

        def check_fit() -> None:
            if fits != own_fit * workers.size:
                raise ValueError(
                    "the workers' objectives were fitted to different labels, as ImbalancedXGBClassifier does with the rows "
                    "that it is given; give xgboost.train an objective that is not fitted, which counts the rows of all "
                    "workers, or one of their counts: objective.fit([0, 1], sample_weight=[n0, n1])."
                )

        workers.together(check_task)
        workers.together(check_start)
        workers.together(check_fit)
        return task, columns

    def _of_all(self, workers: Workers, given: tuple[Any, Any, Any] | None) -> FittedLoss:
        """The loss for the labels of all workers, of which those without rows give None."""

        def arrays_of() -> tuple[Array, Array, Array | None]:
            empty = np.empty(0, np.float32)
            if given is None:
                return empty, empty, None
            m, y = labels.as_margin(given[0]), labels.as_label(given[1])
            return m, y, labels.as_weight(given[2], y)

        m, y, w = workers.together(arrays_of)
        task, columns = self._agreed_task(workers, m, y)
        y = y if len(y) else labels.none(task, columns)
        counts = workers.together(lambda: labels.count(y, w, task, columns, partial=True))
        return fitted_loss(self, counts.summed(workers))

    def _begin_training(
        self, m: Array, y: Array, w: Array | None, task: tuple[Task, int], library: Any, owner: Any, call: Any, data: Any,
        workers: Workers = ALONE,
    ) -> Training:  # fmt: skip
        memory, booster = self._memory, None if call is None else call.booster
        first = owner is None or owner not in memory.trainings
        training = Training(self, y, w, *task, library, booster, workers)
        training.label = training.weight = None  # the library hands them over each time
        if owner is not None:
            memory.trainings[owner] = training
        if first and call is not None and self.weights_move:
            training.continue_from(call)
        if first and call is not None and len(y):
            margins = np.atleast_1d(np.asarray(arrays.to_host(m)[0], np.float64))
            advice.advise(advice.FirstRound(training.fitted, margins, call, data is not None), memory.warned)
        return training

    def _remember(self, training: Training, call: Any) -> None:
        if call is not None and self.weights_move:
            call.library.keep_weights(call.booster, training.moving)
        if training.fitted.counts not in self._memory.trained[-1:]:
            self._memory.train(training.fitted.counts)

    def in_training(self, call: protocol.Call | None) -> Self:
        """The loss fitted to the labels of the training that a booster is in, for a metric that it calls."""
        if call is None or self.counts is not None:
            return self
        training = self._memory.trainings.get(call.booster)
        if training is not None:
            if training.evaluated is None or training.evaluated.counts is not training.fitted.counts:
                training.evaluated = self.fit_counts(training.fitted.counts)
            return training.evaluated
        data = call.library.training_data(call.booster)
        if data is None:
            return self
        found = self._memory.seen_in.get(call.booster)
        if found is None:
            found = self._memory.seen_in[call.booster] = self._fitted_to(data, call)
        return found

    def _fitted_to(self, data: Any, call: protocol.Call) -> Self:
        label, weight = protocol.label_and_weight(data)
        y = labels.as_label(label)
        columns = call.library.n_outputs(call.booster)
        task = Task.MULTILABEL if y.ndim == 2 else Task.MULTICLASS if columns > 1 else Task.BINARY
        return self.fit_counts(labels.count(y, labels.as_weight(weight, y), task, columns))

    @property
    def metric(self) -> LossMetric:
        """The loss as an evaluation metric: its weighted mean, on the scale it is trained on.

        One object for ``custom_metric`` of XGBoost, ``feval`` of LightGBM and ``eval_metric`` of both scikit-learn
        classes; smaller is better.
        """
        return LossMetric(self, f"{self.constructor_name.removesuffix('_objective')}_loss")

    def xgboost_params(
        self, label: ArrayLike, sample_weight: ArrayLike | None = None, n_classes: int | None = None
    ) -> dict[str, Any]:
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
            multi-class task, and, unless this is plain cross-entropy, ``disable_default_eval_metric``, because XGBoost's
            default metric would take the margins for those of one: give ``custom_metric=``, for instance :attr:`metric`.
            Add your own, or override these.

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
        return cast("dict[str, Any]", protocol.library("xgboost").params(self.begin(label, sample_weight, n_classes)))

    def lightgbm_params(self, label: ArrayLike, n_classes: int | None = None) -> dict[str, Any]:
        """Parameters with which LightGBM trains this objective.

        Returns
        -------
        dict
            ``objective`` (this object), ``num_class`` where there is more than one column, and ``metric: "None"``, because
            LightGBM's own metrics would be given raw scores. Pass ``feval=objective.metric``.
        """
        label, weight = labels.without_missing(label, None)
        fitted = self.begin(label, weight, n_classes)
        return cast("dict[str, Any]", protocol.library("lightgbm").params(self, fitted))

    def lightgbm_start(
        self,
        data: FeaturesLike | lightgbm.Sequence,
        label: ArrayLike,
        sample_weight: ArrayLike | None = None,
        n_classes: int | None = None,
    ) -> lightgbm.Booster:
        """A constant model for ``init_model=`` with which LightGBM begins at this loss's own start.

        It becomes part of the trained model, so that validation, early stopping and ``predict`` agree.

        Parameters
        ----------
        data : array, sparse matrix, data frame or lightgbm.Sequence, shape (n, features)
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
        start = self.begin(label, sample_weight, n_classes).start
        return protocol.library("lightgbm").constant_model(start, data)

    def lightgbm_model(self, booster: lightgbm.Booster | lightgbm.LGBMModel) -> lightgbm.Booster:
        """A copy of a LightGBM model that knows its link: it predicts probabilities, here and in any other process.

        A model trained with a custom objective has no link, and predicts raw scores. This one's saved file gives
        ``sigmoid`` or ``softmax`` of the raw score wherever LightGBM reads it, as XGBoost's does.
        ``predict(raw_score=True)`` is unchanged, and ``probability`` of that is calibrated.

        If ``sigmoid`` or ``softmax`` is calibrated, the text also says that LightGBM's own objective trained the model, so
        that ``Booster.refit`` and converters take it for one. For any other loss ``refit`` would mix two kinds of margins,
        and LightGBM goes on refusing it.

        Parameters
        ----------
        booster : lightgbm.Booster or a fitted lightgbm.LGBMModel

        Returns
        -------
        lightgbm.Booster
        """
        known = self._known()
        multilabel = known is not None and known.task is Task.MULTILABEL
        calibrated = known is not None and known.link_is_calibrated
        return protocol.library("lightgbm").with_link(booster, multilabel, calibrated)


class _Memory:
    """What one object has been told of trainings, so that ``obj=objective`` needs no more than that."""

    def __init__(self) -> None:
        self.trainings: weakref.WeakKeyDictionary[Any, Training] = weakref.WeakKeyDictionary()
        self.seen_in: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.trained: tuple[Counts, ...] = ()
        """Counts of the labels of trainings that this object served: all there were, or two that differ."""
        self.told: tuple[Counts, ...] = ()
        """The same of labels that were given for a start or for parameters."""
        self.warned: set[str] = set()
        """Kinds of mistakes that have been warned of; copies share it."""
        self.fitted: FittedLoss | None = None
        self.sent: Any = None
        """Who sent it to workers last; this object does not know what labels they had."""
        self.claimed: tuple[Counts, ...] = ()
        """What had been told when it went there."""

    def send(self, sender: Any) -> None:
        """What was known of earlier trainings says nothing of the one that begins, but what has been told since may."""
        if sender != self.sent:
            self.told = tuple(counts for counts in self.told if counts not in (*self.trained, *self.claimed))
            self.trained, self.claimed, self.sent = (), self.told, sender

    def train(self, counts: Counts) -> None:
        self.trained = _with(self.trained, counts)

    def tell(self, counts: Counts) -> None:
        self.told = _with(self.told, counts)
        self.claimed = tuple(one for one in self.claimed if one != counts)


def _with(known: tuple[Counts, ...], counts: Counts) -> tuple[Counts, ...]:
    """The counts of two label sets at most, the last one last; the same labels under other weights take their place."""
    others = tuple(one for one in known if (one.rows, one.ones.tobytes()) != (counts.rows, counts.ones.tobytes()))
    return (*others, counts)[-2:]


def _line_of_counts(columns: int) -> str:
    """The line with which :meth:`Loss.fit` gets counts instead of labels."""
    if columns == 1:
        return "objective = objective.fit([0, 1], sample_weight=[n0, n1])"
    return (
        f"objective = objective.fit(range({columns}), sample_weight=counts), or of several labels "
        f"objective.fit([[0] * {columns}, [1] * {columns}], sample_weight=[zeros, ones])"
    )


def _rebuilt(cls: type[L], parameters: dict[str, Any], counts: Counts | None, told: tuple[Counts, ...]) -> L:
    """A loss with parameters that have been checked."""
    made = object.__new__(cls)
    made.__dict__.update(parameters)
    made._begin(counts)
    made._memory.told = told
    return made


def _usual(name: str) -> Any:
    """The default that most losses have for a parameter."""
    return Loss._declared[name].default if name in Loss._declared else None


def _unknown_counts(task: Task, columns: int) -> Counts:
    """Stands in where nothing depends on counts."""
    return Counts(task, np.zeros(columns), np.zeros(columns), 0, np.zeros(columns))


def _run(
    run: Callable[[Program], Checks],
    program: Program,
    fitted: FittedLoss,
    m: Array,
    y: Array,
    w: Array | None,
    partial: bool = False,
) -> None:
    """Run a kernel; once more if it took labels between 0 and 1 for wrong ones."""
    if fitted.softmax and y.ndim == 2:
        program = program._replace(soft=True)
    checks = run(program)
    if checks.wrong == BAD_LABEL and not program.soft and not fitted.softmax:
        checks = run(program._replace(soft=True))
    raise_if_wrong(checks, m, y, w, fitted, partial)


Loss._declared = {name: value for name, value in vars(Loss).items() if isinstance(value, Parameter)}
Loss._by_class = {}
definition.document(Loss, COMMON)
