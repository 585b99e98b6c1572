"""XGBoost: its data sets, its boosters, and the start on the scale that each of its objectives wants."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import json
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from boost_imbalance.kernels.cuda import arrays
from boost_imbalance.losses import protocol
from boost_imbalance.losses.fitted import FittedLoss
from boost_imbalance.losses.labels import Task
from boost_imbalance.losses.start import clip_prior
from boost_imbalance.losses.workers import Workers
from boost_imbalance.types import Array

if TYPE_CHECKING:
    from boost_imbalance.losses.advice import FirstRound


_WEIGHTS = "boost_imbalance_class_weights"
_WITHOUT_LINK = "reg:squarederror"
"""The objective that XGBoost takes where none is named, and that of its regressor."""
_LOG_LOSSES = ("logloss", "mlogloss")
_DEFAULT_METRIC = {"binary:logistic": "logloss", "multi:softprob": "mlogloss"}
"""What XGBoost evaluates where no metric is named, by objective."""


class XGBoost:
    """See :class:`boost_imbalance.losses.protocol.Library`."""

    name = "xgboost"
    calls_from = "xgboost.core"
    margin_format = np.float32, "C"

    def is_data(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("xgboost")
        return module is not None and isinstance(value, module.DMatrix)

    def is_booster(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("xgboost")
        return module is not None and isinstance(value, module.Booster)

    def label_and_weight(self, data: Any) -> tuple[Any, Any]:
        """Read where XGBoost keeps them."""
        return label_of(data), weight_of(data)

    def training_data(self, booster: Any) -> Any:
        """None: an XGBoost booster does not know its training data."""
        return None

    def n_outputs(self, booster: Any) -> int:
        """Number of margins of a row."""
        learner = json.loads(booster.save_config())["learner"]["learner_model_param"]
        return max(1, int(learner["num_class"]), int(learner["num_target"]))

    def device(self, booster: Any) -> int | None:
        """The GPU of a booster."""
        if booster not in _devices:
            _devices[booster] = _device_of(booster)
        return _devices[booster]

    def hessian_factor(self, n_classes: int) -> float:
        """XGBoost doubles the diagonal."""
        return 2.0

    def takes_gradient_as_hessian(self) -> bool:
        """Versions after 3.4 do, so the installed one is asked."""
        return takes_gradient_as_hessian()

    def sum_over_workers(self, data: Any = None) -> Workers | None:
        """XGBoost's own sum; of data that are split by column, every worker has all labels."""
        module = sys.modules.get("xgboost")
        if module is None or not module.collective.is_distributed():
            return None
        if self.is_data(data) and _is_split_by_column(data):
            return None
        collective = module.collective
        # Before version 3.4 allreduce returns a flat array.
        return Workers(
            lambda array: np.asarray(collective.allreduce(array, collective.Op.SUM)).reshape(array.shape),
            collective.get_rank(),
            collective.get_world_size(),
        )

    def has_unseen_rows(self, booster: Any) -> bool:
        """False: XGBoost's workers add up what they need."""
        return False

    def start_of(self, booster: Any) -> str:
        """The ``base_score``."""
        return str(json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"])

    def leave(self, booster: Any) -> None:
        """Nothing: XGBoost's workers agree on errors."""

    def n_threads(self, booster: Any) -> int | None:
        """The ``nthread`` or ``n_jobs`` of a booster."""
        given = int(json.loads(booster.save_config())["learner"]["generic_param"]["nthread"])
        return given if given > 0 else None

    def metric_result(self, metric: Any, value: float) -> Any:
        """A name, and the value."""
        return metric.__name__, value

    def is_model(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("xgboost")
        return module is not None and isinstance(value, (module.Booster, getattr(module, "XGBModel", ())))

    def margin(self, model: Any, data: Any, start: Any, **options: Any) -> Array:
        """As :meth:`xgboost.Booster.predict` or the classifier's own ``predict`` gives it."""
        import xgboost

        booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
        if isinstance(data, xgboost.DMatrix):
            if start is not None:
                raise ValueError("start is given beside a DMatrix; write data.set_base_margin(start) and leave start out.")
        elif start is not None:
            rows, columns = data.shape[0] if hasattr(data, "shape") else len(data), self.n_outputs(booster)
            start = np.broadcast_to(start, (rows, columns) if columns > 1 else (rows,))
        if model is not booster:
            base = {} if start is None else {"base_margin": start}
            return np.asarray(model.predict(data, output_margin=True, **base, **options))
        if not isinstance(data, xgboost.DMatrix):
            data = xgboost.DMatrix(data, base_margin=start, enable_categorical=True)
        return np.asarray(model.predict(data, output_margin=True, **options))

    def kept_weights(self, call: protocol.Call) -> Array | None:
        """From an attribute of the model, which a continued one takes over."""
        text = call.booster.attr(_WEIGHTS)
        return None if text is None else np.asarray(json.loads(text), dtype=np.float64)

    def keep_weights(self, booster: Any, weights: Array) -> None:
        """As an attribute of the model, which is saved with it."""
        booster.set_attr(**{_WEIGHTS: json.dumps(weights.tolist())})

    def advice(self, first: FirstRound) -> Iterator[tuple[str, str]]:
        """See :class:`Library`."""
        learner = json.loads(first.call.booster.save_config()).get("learner", {})
        objective = learner.get("objective", {})
        linked = objective.get("name") != _WITHOUT_LINK
        regressor = not first.native and not linked
        if regressor:
            yield (
                "regressor",
                f"predict() of this regressor will give the raw margins of {first.loss!r}; write XGBClassifier(objective="
                "objective, base_score=objective.xgboost_params(y)['base_score']), or take ImbalancedXGBClassifier(loss="
                "objective), whose probabilities are calibrated.",
            )
        weight = objective.get("reg_loss_param", {}).get("scale_pos_weight", "1")
        if float(weight) != 1.0:
            yield (
                "scale_pos_weight",
                f"scale_pos_weight={float(weight):g} does nothing beside an objective given by gradients; make it part of "
                f"the loss: objective.replace(weights={float(weight):g}).",
            )
        if first.call.booster.num_boosted_rounds():
            return
        # XGBoost's word for whether base_score is its own default.
        by_default = learner.get("learner_model_param", {}).get("boost_from_average") == "1"
        if by_default and not regressor and not _has_base_margin() and first.far_from_start:
            if first.native:
                raw = "" if linked else ", and its predict() gives raw margins"
                line = "params = {**objective.xgboost_params(y), **params}"
                then = "objective.predict_probability(booster, data) gives calibrated probabilities"
            else:
                raw = ""
                line = "XGBClassifier(objective=objective, base_score=objective.xgboost_params(y)['base_score'])"
                then = "ImbalancedXGBClassifier(loss=objective) does it by itself"
            yield (
                "start",
                f"base_score is not given, so that XGBoost begins {first.starts}{raw}; write {line} ({then}).",
            )
        yield from _advice_on_metrics(first, learner)

    def params(self, fitted: FittedLoss) -> dict[str, Any]:
        """Training parameters: the link, and ``base_score``."""
        return params(fitted)


def _is_split_by_column(data: Any) -> bool:
    """Whether each worker has some of the features of all rows, which newer versions do not train."""
    return hasattr(data, "data_split_mode") and int(data.data_split_mode()) == 1


def _has_base_margin() -> bool:
    data = protocol.arguments_of("xgboost.core", "boost", "update")[1].get("dtrain")
    return data is not None and bool(np.size(data.get_base_margin()))


def _advice_on_metrics(first: FirstRound, learner: dict[str, Any]) -> Iterator[tuple[str, str]]:
    names = [metric.get("name") for metric in learner.get("metrics", ())]
    function, arguments = protocol.arguments_of("xgboost.training", "train", "cv")
    evaluates = function == "cv" or bool(arguments.get("evals"))
    has_own = arguments.get("custom_metric") is not None
    own = "custom_metric=" if first.native else "eval_metric="
    disabled = learner.get("learner_train_param", {}).get("disable_default_eval_metric") == "1"
    by_default = _DEFAULT_METRIC.get(learner.get("objective", {}).get("name"))
    if not names and not disabled and not has_own and evaluates and by_default is not None:
        names = [by_default]  # XGBoost adds it at the first evaluation
    misread = [name for name in names if name in _LOG_LOSSES]
    if misread and not first.fitted.link_is_calibrated:
        yield (
            "log loss",
            f"the metric {misread[0]!r} is XGBoost's own, of the sigmoid or softmax of the margin, which is no probability "
            f"under {first.loss!r}; write {own}boost_imbalance.metrics.log_loss(objective).",
        )
    if not names and disabled and not has_own and evaluates:
        yield (
            "no metric",
            f"there is no metric to judge the evaluation data by: xgboost_params switches off XGBoost's default, which "
            f"would misread margins; write {own}objective.metric, or {own}boost_imbalance.metrics.log_loss(objective).",
        )


@functools.cache
def takes_gradient_as_hessian() -> bool:
    """Whether the installed XGBoost's own softmax has ``|p - y|`` for its Hessian; earlier versions have ``2 p (1 - p)``.

    Asked once, by a leaf with rows of two classes out of three, where ``p`` is 1/3: its values are ``-sum(g) / sum(h)``.
    """
    if importlib.util.find_spec("xgboost") is None:
        return False
    # In a thread of its own: it has no communicator, so that the workers of a distributed training need not ask together,
    # and keeps its verbosity to itself.
    with ThreadPoolExecutor(1) as thread:
        return bool(np.allclose(thread.submit(_leaf_of_softmax).result(), [5.0 / 7.0, -0.2, -1.0], rtol=1e-4))


def _leaf_of_softmax() -> Array:
    """The leaf of one round of XGBoost's own softmax, for rows of the classes 0, 0, 0 and 1 of three, at equal margins."""
    import xgboost

    data = xgboost.DMatrix(np.zeros((4, 1), np.float32), [0, 0, 0, 1], base_margin=np.zeros((4, 3), np.float32), nthread=1)
    params = {
        "objective": "multi:softprob",
        "num_class": 3,
        "learning_rate": 1.0,
        "reg_lambda": 0.0,
        "min_child_weight": 0.0,
    }
    settings = {"tree_method": "exact", "device": "cpu", "nthread": 1, "verbosity": 0}
    booster = xgboost.Booster({**params, **settings}, [data])  # not train(), at which others look
    booster.update(data, 0)
    leaf: Array = booster.predict(data, output_margin=True)[0]
    return leaf


class _Reference:
    """Memory of a DMatrix, on the host or on a GPU; valid until its labels are changed, so for one call of an objective."""


def label_of(data: Any) -> Any:
    """The labels of a DMatrix, read where XGBoost keeps them, or any other data set's ``get_label()``.

    ``DMatrix.get_label()`` makes a copy, which takes longer than the loss; this goes through the same C function.
    """
    reference = _reference(data, b"label")
    return data.get_label() if reference is None else reference


def weight_of(data: Any) -> Any:
    """The sample weights, in the same way; None for equal ones."""
    reference = _reference(data, b"weight")
    weight = data.get_weight() if reference is None else reference
    return None if isinstance(weight, np.ndarray) and weight.size == 0 else weight


def _reference(data: Any, field: bytes) -> Any:
    module = sys.modules.get("xgboost")
    if module is None or not isinstance(data, module.DMatrix):
        return None
    text = ctypes.c_char_p()
    try:
        failed = module.core._LIB.XGDMatrixGetInfoRef(data.handle, field, ctypes.byref(text))
    except (AttributeError, ctypes.ArgumentError):
        failed = True
    if failed or not text.value:
        return None
    interface = json.loads(text.value)
    for key in ("data", "shape", "strides"):
        if interface.get(key) is not None:
            interface[key] = tuple(interface[key])
    if 0 in interface["shape"]:
        return np.empty(0, np.float32)
    reference: Any = _Reference()
    reference.owner = data
    if "stream" not in interface:
        reference.__array_interface__ = interface
        return np.asarray(reference)
    reference.__cuda_array_interface__ = interface
    return reference if arrays.is_usable() else None


_devices: weakref.WeakKeyDictionary[Any, int | None] = weakref.WeakKeyDictionary()


def _device_of(booster: Any) -> int | None:
    name, _, ordinal = json.loads(booster.save_config())["learner"]["generic_param"]["device"].partition(":")
    return int(ordinal or 0) if name == "cuda" else None


def params(fitted: FittedLoss) -> dict[str, Any]:
    """Training parameters: the link, and ``base_score``."""
    chosen: dict[str, Any] = {} if fitted.is_built_in else {"disable_default_eval_metric": 1}
    if fitted.task is Task.MULTICLASS:
        # base_score of a softmax is a margin. XGBoost's own is log(prior + 1e-6), less its mean.
        start = np.log(fitted.counts.priors + 1e-6) if fitted.is_built_in else fitted.start
        start = start - start.mean()
        chosen |= {"objective": "multi:softprob", "num_class": len(start)}
        return {**chosen, "base_score": [float(value) for value in start]}
    # base_score of a logistic objective is a probability.
    share = fitted.counts.priors if fitted.is_built_in else 1.0 / (1.0 + np.exp(-fitted.start))
    start = np.asarray(clip_prior(share))
    chosen["objective"] = "binary:logistic"
    if fitted.task is Task.MULTILABEL:
        # The number of labels, which a worker of a distributed training that has no rows cannot know.
        return {**chosen, "num_target": len(start), "base_score": [float(value) for value in start]}
    return {**chosen, "base_score": float(start[0])}
