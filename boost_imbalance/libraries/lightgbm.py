"""LightGBM: a start as a constant model, the link in the model's text, and several labels in one data set."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from boost_imbalance.losses import labels, protocol
from boost_imbalance.losses.fitted import FittedLoss
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Array, ArrayLike, FeaturesLike

if TYPE_CHECKING:
    import lightgbm

    from boost_imbalance.losses.advice import FirstRound


_ATTACHED = "_boost_imbalance_labels"
_WEIGHTS = "_boost_imbalance_class_weights"
_CLASS_WEIGHTS = ("scale_pos_weight", "is_unbalance", "unbalance", "unbalanced_sets")
_BAGGING = tuple(
    f"{sign}_{name}" for sign in ("pos", "neg") for name in ("bagging_fraction", "bagging", "subsample", "sub_row")
)
_TREE_LEARNER = ("tree_learner", "tree", "tree_type", "tree_learner_type")
_THREADS = ("num_threads", "num_thread", "nthread", "nthreads", "n_jobs")
_OFF = ("false", "0", "-")
_METRIC = ("metric", "metrics", "metric_types")
_NO_METRIC = ("None", "none", "na", "null", "custom")
_OF_PROBABILITIES = (
    "binary_logloss", "binary", "binary_error", "multi_logloss", "multiclass", "softmax", "multiclassova", "multiclass_ova",
    "ova", "ovr", "cross_entropy", "xentropy", "kullback_leibler", "kldiv",
)  # fmt: skip
"""Metrics of LightGBM's that take the raw scores of a custom objective for probabilities."""
_OBJECTIVE = re.compile(r"(?<=\n\[objective: )[^\]\n]*")
"""Among the parameters that a model's text ends with."""
_SHRINKAGE = re.compile(r"(?<=\nshrinkage=)[^\n]+")


class LightGBM:
    """See :class:`boost_imbalance.losses.protocol.Library`."""

    name = "lightgbm"
    calls_from = "lightgbm.basic"
    margin_format = np.float64, "F"

    def is_data(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("lightgbm")
        return module is not None and isinstance(value, module.Dataset)

    def is_booster(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("lightgbm")
        return module is not None and isinstance(value, module.Booster)

    def label_and_weight(self, data: Any) -> tuple[Any, Any]:
        """Those of :func:`multilabel_dataset`, or the data set's own."""
        own = attached(data)
        return (data.get_label(), data.get_weight()) if own is None else own

    def training_data(self, booster: Any) -> Any:
        """The data set of a booster in training."""
        return getattr(booster, "train_set", None)

    def n_outputs(self, booster: Any) -> int:
        """Number of margins of a row."""
        return int(booster.num_model_per_iteration())

    def device(self, booster: Any) -> int | None:
        """None: LightGBM takes gradients from the host."""
        return None

    def hessian_factor(self, n_classes: int) -> float:
        """LightGBM makes the diagonal larger by the number of classes over that of the others."""
        return n_classes / (n_classes - 1.0)

    def takes_gradient_as_hessian(self) -> bool:
        """LightGBM does not."""
        return False

    def sum_over_workers(self, data: Any = None) -> None:
        """None: LightGBM's Python interface has no such sum; fix class counts with ``fit`` before a distributed training."""

    def has_unseen_rows(self, booster: Any) -> bool:
        """Whether the booster is on one of several machines, each with its own rows; feature parallel ones have all."""
        if not getattr(booster, "_network", False):
            return False
        learner = next((str(booster.params[name]) for name in _TREE_LEARNER if name in booster.params), "serial")
        return learner.startswith(("data", "voting"))

    def start_of(self, booster: Any) -> str:
        """Nothing: a start is a model, which machines are not asked to compare."""
        return ""

    def leave(self, booster: Any) -> None:
        """Close the connections, at which the other machines fail; else they would wait for ``time_out``, two hours."""
        if getattr(booster, "_network", False):
            _reset_when_closed(_ports(booster.params))
            booster.free_network()

    def n_threads(self, booster: Any) -> int | None:
        """The ``num_threads`` or ``n_jobs`` of a booster."""
        given = next((booster.params[name] for name in _THREADS if booster.params.get(name)), 0)
        return int(given) if int(given) > 0 else None

    def metric_result(self, metric: Any, value: float) -> Any:
        """A name, the value, and which way is better."""
        return metric.name, value, metric.greater_is_better

    def is_model(self, value: Any) -> bool:
        """See :class:`Library`."""
        module = sys.modules.get("lightgbm")
        return module is not None and isinstance(value, (module.Booster, getattr(module, "LGBMModel", ())))

    def margin(self, model: Any, data: Any, start: Any, **options: Any) -> Array:
        """As ``predict(raw_score=True)`` gives it."""
        if self.is_data(data):
            raise TypeError("data is a lightgbm.Dataset, which LightGBM cannot predict; give the features.")
        raw = np.asarray(model.predict(data, raw_score=True, **options))
        return raw if start is None else raw + np.asarray(start)

    def kept_weights(self, call: protocol.Call) -> Array | None:
        """From the Booster that is given as ``init_model``."""
        _, arguments = protocol.arguments_of("lightgbm.engine", "train", "cv")
        kept: Array | None = getattr(call.booster, _WEIGHTS, None)
        return getattr(arguments.get("init_model"), _WEIGHTS, None) if kept is None else kept

    def keep_weights(self, booster: Any, weights: Array) -> None:
        """As an attribute of the Booster; LightGBM's files have no place for it."""
        setattr(booster, _WEIGHTS, weights)

    def advice(self, first: FirstRound) -> Iterator[tuple[str, str]]:
        """See :class:`Library`."""
        booster = first.call.booster
        if self.has_unseen_rows(booster):
            _refuse_early_stopping()
        for name in _CLASS_WEIGHTS:
            value = booster.params.get(name)
            a_number = name == "scale_pos_weight"
            if not value or (float(value) == 1.0 if a_number else str(value).lower() in _OFF):
                continue
            weights = f"{float(value):g}" if a_number else "'balanced'"
            yield (
                "scale_pos_weight",
                f"{name}={value!r} does nothing beside an objective given by gradients; make it part of the loss: "
                f"objective.replace(weights={weights}).",
            )
        for name in _BAGGING:
            if float(booster.params.get(name) or 1.0) != 1.0:
                yield (
                    "bagging",
                    f"{name}={booster.params[name]!r} does nothing beside an objective given by gradients; leave rows out "
                    f"before training, or weigh the classes by the loss: objective.replace(weights='balanced').",
                )
        data = self.training_data(booster)
        begun = booster.current_iteration() > 0 or data is None or data.get_init_score() is not None
        if not begun and booster.params.get("boost_from_average") is not False and first.far_from_start:
            yield (
                "start",
                f"init_model is not given, so that LightGBM begins {first.starts}; give lightgbm.train or fit init_model="
                "objective.lightgbm_start(X, y) (ImbalancedLGBMClassifier(loss=objective) does it by itself).",
            )
        model = protocol.arguments_of("lightgbm.engine", "train", "cv")[1].get("init_model")
        if first.loss.weights_move and isinstance(model, (str, os.PathLike)):
            yield (
                "class weights",
                f"the file {os.fspath(model)!r} does not say where the class weights of this objective ended, so that they "
                f"begin at 1 again; give init_model= the Booster that was trained, or a pickle of it.",
            )
        yield from _advice_on_metrics(first, booster.params)

    def params(self, objective: Any, fitted: FittedLoss) -> dict[str, Any]:
        """Training parameters: the objective, its number of columns, and no metric of LightGBM's own."""
        chosen = {"objective": objective, "metric": "None"}
        return {**chosen, "num_class": fitted.counts.columns} if fitted.counts.columns > 1 else chosen

    def constant_model(self, start: Array, data: Any) -> Any:
        """A model that predicts ``start`` for every row."""
        return constant_model(start, data)

    def with_link(self, booster: Any, multilabel: bool, calibrated: bool) -> Any:
        """A copy of a model whose text names its link."""
        return with_link(booster, multilabel, calibrated)


def _refuse_early_stopping() -> None:
    """Refuse, on all machines alike, what would end a training on one of them and leave the others waiting."""
    callbacks = protocol.arguments_of("lightgbm.engine", "train")[1].get("callbacks_set", ())
    if any(type(callback).__name__ == "_EarlyStoppingCallback" for callback in callbacks):
        raise ValueError(
            "early stopping is on in a training on several machines, each of which would stop when its own validation rows "
            "say so, while the others wait for it; leave early_stopping out and choose num_boost_round, or train with "
            "XGBoost, whose workers stop together."
        )


def _ports(params: dict[str, Any]) -> set[int]:
    """Those on which the machines of a training listen."""
    machines = params.get("machines", ())
    ends = machines.split(",") if isinstance(machines, str) else machines
    return {int(str(end).rpartition(":")[2]) for end in ends}


def _reset_when_closed(ports: set[int]) -> None:
    """Let the connections from or to these ports end in a reset, which LightGBM takes for an error.

    The end of an orderly one it takes for data that are yet to come, and asks for them again for ever.
    """
    try:
        files = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:  # another system
        return
    for file in files:
        try:
            if not stat.S_ISSOCK(os.fstat(file).st_mode):
                continue
            with socket.socket(fileno=os.dup(file)) as connection:
                ends = connection.getsockname(), connection.getpeername()
                if any(isinstance(end, tuple) and end[1] in ports for end in ends):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:  # closed by now, or not connected
            continue


def _advice_on_metrics(first: FirstRound, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    function, arguments = protocol.arguments_of("lightgbm.engine", "train", "cv")
    if function != "cv" and not arguments.get("valid_sets"):
        return
    given = next((params[name] for name in _METRIC if params.get(name)), ())
    names = given.split(",") if isinstance(given, str) else list(given)
    own = "feval=" if first.native else "eval_metric="
    misread = [name for name in names if name in _OF_PROBABILITIES]
    if misread:
        yield (
            "log loss",
            f"metric {misread[0]!r} is LightGBM's own, which takes the raw scores of a custom objective for probabilities; "
            f"write metric='None' and {own}boost_imbalance.metrics.log_loss(objective).",
        )
    if len(names) == 1 and names[0] in _NO_METRIC and not arguments.get("feval"):
        yield (
            "no metric",
            f"there is no metric to judge the validation data by: lightgbm_params switches off LightGBM's own, which would "
            f"misread raw scores; write {own}objective.metric, or {own}boost_imbalance.metrics.log_loss(objective).",
        )


_TREE = """Tree={index}
num_leaves=1
num_cat=0
split_feature=
split_gain=
threshold=
decision_type=
left_child=
right_child=
leaf_value={value!r}
leaf_weight=
leaf_count=
internal_value=
internal_weight=
internal_count=
is_linear=0
shrinkage=1


"""

_MODEL = """tree
version=v4
num_class={columns}
num_tree_per_iteration={columns}
label_index=0
max_feature_idx={last_feature}
feature_names={names}
feature_infos={infos}
tree_sizes={sizes}

{trees}end of trees

feature_importances:

parameters:
end of parameters

pandas_categorical:{categories}
"""


def constant_model(start: Array, data: Any) -> Any:
    """A model that predicts ``start`` for every row of data with as many features as ``data``."""
    lightgbm = _imported("lightgbm_start")
    features = _feature_count(lightgbm, data)
    trees = [_TREE.format(index=index, value=float(value)) for index, value in enumerate(start)]
    text = _MODEL.format(
        columns=len(start),
        last_feature=features - 1,
        names=" ".join(f"Column_{i}" for i in range(features)),
        infos=" ".join(["none"] * features),
        sizes=" ".join(str(len(tree)) for tree in trees),
        trees="".join(trees),
        categories=json.dumps(_categories(data), default=_plain),
    )
    return lightgbm.Booster(model_str=text)


def _feature_count(lightgbm: Any, data: Any) -> int:
    """Number of features of a matrix, a data frame, or a sequence of rows."""
    if isinstance(data, lightgbm.Sequence):
        return len(data[0])
    if isinstance(data, list) and data and isinstance(data[0], lightgbm.Sequence):
        raise TypeError(
            f"data is a list of {len(data)} lightgbm.Sequence, from which LightGBM cannot continue a model (init_model); "
            f"make one Sequence of them, or give lightgbm.Dataset(init_score=) the start(label) for each row."
        )
    shape = getattr(data, "shape", None)
    if shape is None or len(shape) != 2:
        raise TypeError(
            f"data is {type(data).__name__}; give the training features as a matrix or data frame of shape (n, features) or "
            f"as a lightgbm.Sequence, not as a Dataset or a file name."
        )
    return int(shape[1])


def multilabel_dataset(
    data: FeaturesLike, label: ArrayLike, sample_weight: ArrayLike | None = None, **options: Any
) -> lightgbm.Dataset:
    """A ``lightgbm.Dataset`` with several labels a row, for one model with one tree per label and round.

    Goes into ``lightgbm.train``, as training or validation data, and into ``lightgbm.cv``, with an objective and metrics of
    this package. LightGBM itself takes one column of labels; these travel with the data set, and with its subsets.

    Parameters
    ----------
    data : array, sparse matrix or data frame, shape (n, features)
    label : array_like, shape (n, labels)
        Zeros and ones; NaN where a label is missing.
    sample_weight : array_like, shape (n,) or (n, labels), optional
    **options
        Passed to ``lightgbm.Dataset``.

    Returns
    -------
    lightgbm.Dataset

    Examples
    --------
    >>> import lightgbm, numpy as np
    >>> from boost_imbalance import focal_objective, multilabel_dataset
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> Y = (X[:, :2] + rng.normal(size=(500, 2)) > 1).astype(int)
    >>> objective = focal_objective(gamma=2.0)
    >>> params = {**objective.lightgbm_params(Y), "verbosity": -1}
    >>> start = objective.lightgbm_start(X, Y)
    >>> booster = lightgbm.train(params, multilabel_dataset(X, Y), 20, init_model=start)
    >>> objective.lightgbm_model(booster).predict(X).shape
    (500, 2)
    """
    lightgbm = _imported("multilabel_dataset")
    label, sample_weight = labels.without_missing(label, sample_weight)
    y = labels.as_label(label)
    if y.ndim != 2:
        raise ValueError(f"label has shape {y.shape}; one column of labels goes into lightgbm.Dataset itself.")
    w = labels.as_weight(sample_weight, y)
    labels.count(y, w, Task.MULTILABEL, y.shape[1])
    dataset = lightgbm.Dataset(data, np.zeros(len(y), np.float32), **options)
    setattr(dataset, _ATTACHED, _by_column(y, w))
    return dataset


def _imported(name: str) -> Any:
    """LightGBM, which ``name`` needs."""
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        if error.name != "lightgbm":
            raise
        message = f"{name} needs lightgbm; install it with pip install 'boost-imbalance[lightgbm]'."
        raise ModuleNotFoundError(message, name=error.name) from error
    return lightgbm


def attached(data: Any) -> tuple[Array, Array | None] | None:
    """Labels and weights that :func:`multilabel_dataset` attached to this data set, or to the one it is a part of."""
    own: tuple[Array, Array | None] | None = getattr(data, _ATTACHED, None)
    rows = getattr(data, "used_indices", None)
    if own is None and rows is not None:
        whole = attached(data.reference)
        if whole is not None:
            own = _by_column(whole[0][rows], None if whole[1] is None else whole[1][rows])
            setattr(data, _ATTACHED, own)
    return own


def _by_column(label: Array, weight: Array | None) -> tuple[Array, Array | None]:
    """One column after the other, as LightGBM's margins are."""
    return np.asfortranarray(label), weight if weight is None or weight.ndim == 1 else np.asfortranarray(weight)


def with_link(booster: Any, multilabel: bool, calibrated: bool, begun: bool = False) -> Any:
    """A copy of the model whose text names its link.

    ``calibrated`` says whether the link's probabilities are. Then the text also says that LightGBM's own objective trained
    the model, and ``refit`` and converters, which ask for that, do with it what they do with such a model. ``begun`` says
    whether the first trees contain a constant; LightGBM itself gives such trees a shrinkage of 1, for ``refit``.
    """
    lightgbm = _imported("lightgbm_model")
    booster = getattr(booster, "booster_", booster)
    text = booster.model_to_string()
    columns = booster.num_model_per_iteration()
    if columns == 1:
        link = "binary sigmoid:1"
    else:
        link = f"multiclassova num_class:{columns} sigmoid:1" if multilabel else f"multiclass num_class:{columns}"
    header, separator, rest = text.partition("\nfeature_names=")
    if "\nobjective=" not in header:
        header = f"{header}\nobjective={link}"
    objective = link.partition(" ")[0] if calibrated else "custom"
    rest = _OBJECTIVE.sub(objective, rest)
    if begun:
        rest = _SHRINKAGE.sub(lambda found: _one(len(found[0])), rest, count=columns)
    made = lightgbm.Booster(model_str=f"{header}{separator}{rest}")
    if "objective" not in made.params:  # LightGBM before 4.7 does not read it from the text
        made.params |= {"objective": objective, **({"num_class": columns} if columns > 1 else {})}
    kept = getattr(booster, _WEIGHTS, None)
    if kept is not None:
        setattr(made, _WEIGHTS, kept)
    return made


def _one(width: int) -> str:
    """The number 1 in so many characters, because the header says how long each tree is."""
    return "1" if width == 1 else f"{1:#.{width - 2}f}"


def trained_by_lightgbm(booster: Any) -> bool:
    """Whether a model's text says that an objective of LightGBM's own trained it."""
    found = _OBJECTIVE.search(booster.model_to_string(num_iteration=1))
    return found is not None and found[0] not in ("custom", "none", "")


def _categories(data: Any) -> Any:
    """The categories of a data frame's categorical columns, as LightGBM compares them between models."""
    kinds = getattr(data, "dtypes", None)
    if kinds is None or not hasattr(data, "columns"):
        return None
    return [list(kind.categories) for kind in kinds if hasattr(kind, "categories")]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
