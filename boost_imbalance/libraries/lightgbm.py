"""LightGBM: a start as a constant model, the link in the model's text, and several labels in one data set."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.losses import labels
from boost_imbalance.losses.fitted import FittedLoss
from boost_imbalance.losses.labels import Task

Array = npt.NDArray[Any]

_ATTACHED = "_boost_imbalance_labels"


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

    def sum_over_workers(self) -> Callable[[Array], Array] | None:
        """None: LightGBM's Python interface has no such sum; fix class counts with ``fit`` before a distributed training."""
        return None

    def metric_result(self, metric: Any, value: float) -> Any:
        """A name, the value, and which way is better."""
        return metric.name, value, metric.greater_is_better

    def params(self, objective: Any, fitted: FittedLoss) -> dict[str, Any]:
        """Training parameters: the objective, its number of columns, and no metric of LightGBM's own."""
        chosen = {"objective": objective, "metric": "None"}
        return {**chosen, "num_class": fitted.counts.columns} if fitted.counts.columns > 1 else chosen

    def constant_model(self, start: Array, data: Any) -> Any:
        """A model that predicts ``start`` for every row."""
        return constant_model(start, data)

    def with_link(self, booster: Any, multilabel: bool) -> Any:
        """A copy of a model whose text names its link."""
        return with_link(booster, multilabel)


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
    import lightgbm

    shape = getattr(data, "shape", None)
    if shape is None or len(shape) != 2:
        raise TypeError(
            f"data is {type(data).__name__}; give the training features as a matrix or data frame of shape (n, features), "
            f"not a Dataset or a file name."
        )
    features = int(shape[1])
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


def multilabel_dataset(data: Any, label: Any, sample_weight: Any = None, **options: Any) -> Any:
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
    import lightgbm

    label, sample_weight = labels.without_missing(label, sample_weight)
    y = labels.as_label(label)
    if y.ndim != 2:
        raise ValueError(f"label has shape {y.shape}; one column of labels goes into lightgbm.Dataset itself.")
    w = labels.as_weight(sample_weight, y)
    labels.count(y, w, Task.MULTILABEL, y.shape[1])
    dataset = lightgbm.Dataset(data, np.zeros(len(y), np.float32), **options)
    setattr(dataset, _ATTACHED, (y, w))
    return dataset


def attached(data: Any) -> tuple[Array, Array | None] | None:
    """Labels and weights that :func:`multilabel_dataset` attached to this data set, or to the one it is a part of."""
    own: tuple[Array, Array | None] | None = getattr(data, _ATTACHED, None)
    rows = getattr(data, "used_indices", None)
    if own is None and rows is not None:
        whole = attached(data.reference)
        if whole is not None:
            own = whole[0][rows], None if whole[1] is None else whole[1][rows]
            setattr(data, _ATTACHED, own)
    return own


def with_link(booster: Any, multilabel: bool) -> Any:
    """A copy of the model whose text names its link."""
    import lightgbm

    booster = getattr(booster, "booster_", booster)
    text = booster.model_to_string()
    columns = booster.num_model_per_iteration()
    if columns == 1:
        link = "binary sigmoid:1"
    else:
        link = f"multiclassova num_class:{columns} sigmoid:1" if multilabel else f"multiclass num_class:{columns}"
    header, separator, rest = text.partition("\nfeature_names=")
    if "\nobjective=" not in header:
        text = f"{header}\nobjective={link}{separator}{rest}"
    return lightgbm.Booster(model_str=text)


def _categories(data: Any) -> Any:
    """The categories of a data frame's categorical columns, as LightGBM compares them between models."""
    kinds = getattr(data, "dtypes", None)
    if kinds is None or not hasattr(data, "columns"):
        return None
    return [list(kind.categories) for kind in kinds if hasattr(kind, "categories")]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
