"""What the classifiers use of XGBoost and LightGBM that is not public; each thing says so where it is gone.

``tests/estimators/test_internals.py`` names them one by one.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from boost_imbalance.types import Array

RECORD = "boost_imbalance"
"""The attribute of an XGBoost model that says what classifier it belongs to."""

_BASE_SCORE = re.compile(rb'"base_score":"([^"]*)"')
_FEATURES = "\nfeature_names="
_XGBOOST_HOOK = "XGBModel._configure_fit, which turns settings into training parameters"
_LIGHTGBM_HOOK = "LGBMClassifier.fit that leaves the training to the class behind it"


def _gone(library: str, what: str) -> RuntimeError:
    version = getattr(sys.modules.get(library), "__version__", "?")
    return RuntimeError(
        f"{library} {version} has no {what}, or uses it differently; this version of boost-imbalance does not support it: "
        f"install an earlier {library}, or a later boost-imbalance."
    )


class Parameters(dict[str, Any]):
    """Parameters of a training that show more to whoever logs them than the library gets to know.

    Both libraries train with a copy, and that is without what is only shown.
    """

    def __init__(self, params: dict[str, Any], shown: dict[str, Any]) -> None:
        super().__init__({**params, **shown})
        self._params = params

    def copy(self) -> dict[str, Any]:
        """As XGBoost copies them."""
        return dict(self._params)

    def __deepcopy__(self, memo: Any) -> dict[str, Any]:
        """As LightGBM copies them."""
        return copy.deepcopy(self._params, memo)


# XGBoost


def configured(found: Any, metric: Callable[..., Any] | None, params: dict[str, Any], shown: dict[str, Any]) -> Any:
    """What XGBoost's ``_configure_fit`` found, with another metric and more training parameters.

    ``shown`` are parameters of the classifier's own, as in :class:`Parameters`.

    It is the only place that takes several metrics, and a number of classes that is not that of the labels.
    """
    if not isinstance(found, tuple) or len(found) < 3 or not isinstance(found[2], dict):
        raise _gone("xgboost", _XGBOOST_HOOK)
    model, _, settings, *rest = found
    return (model, metric, Parameters({**settings, **params}, shown), *rest)


def with_labels_at_hand(data: Any) -> Any:
    """An XGBoost data set that says its labels and weights at once; XGBoost asks for them in every round.

    It copies them out anew each time, which takes longer than the gradients of ten thousand rows.
    """
    for name in ("get_label", "get_weight"):
        setattr(data, name, functools.partial(_identity, getattr(data, name)()))
    return data


def _identity(value: Any) -> Any:
    return value


def check_configured(used: bool) -> None:
    """Refuse a model that XGBoost's ``fit`` trained without asking ``_configure_fit``."""
    if not used:
        raise _gone("xgboost", _XGBOOST_HOOK)


def forget_booster(model: Any) -> None:
    """Make an ``XGBModel`` one that is not fitted, whose ``load_model`` begins with a Booster of its own."""
    vars(model).pop("_Booster", None)
    if model.__sklearn_is_fitted__():
        raise _gone("xgboost", "XGBModel._Booster, which holds the model")


def set_booster(model: Any, booster: Any) -> None:
    """Give an ``XGBModel`` another Booster."""
    model._Booster = booster
    if model.get_booster() is not booster:
        raise _gone("xgboost", "XGBModel._Booster, which holds the model")


class Learner(NamedTuple):
    """What an XGBoost model says of its outputs."""

    objective: str
    n_classes: int
    n_targets: int


def learner_of(booster: Any) -> Learner:
    """The objective of an XGBoost model, and its numbers of classes and of labels."""
    try:
        learner = json.loads(booster.save_config())["learner"]
        sizes = learner["learner_model_param"]
        return Learner(learner["objective"]["name"], int(sizes["num_class"]), int(sizes["num_target"]))
    except KeyError as error:
        raise _gone("xgboost", f"{error} in the configuration of a model") from None


def base_score_in(model: bytes) -> tuple[Array, Callable[[Array], bytes]]:
    """The intercepts in an XGBoost model's JSON, on the scale of its objective, and what replaces them."""
    found = _BASE_SCORE.search(model)
    if found is None:
        raise _gone("xgboost", "base_score in the JSON of a model")
    before, after = model[: found.start(1)], model[found.end(1) :]

    def replaced(values: Array) -> bytes:
        return before + f"[{','.join(f'{value:.9E}' for value in values)}]".encode() + after

    return np.atleast_1d(np.asarray(json.loads(found.group(1)), dtype=np.float64)), replaced


def is_linear(booster: Any) -> bool:
    """Whether an XGBoost model is one of weights, not of trees."""
    try:
        return bool(json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear")
    except KeyError as error:
        raise _gone("xgboost", f"{error} in the configuration of a model") from None


def moved_biases(booster: Any, shift: Array) -> bytes:
    """The JSON of a linear XGBoost model whose biases are larger by ``shift``."""
    try:
        model = json.loads(booster.save_raw("json"))
        part = model["learner"]["gradient_booster"]["model"]
        features = int(model["learner"]["learner_model_param"]["num_feature"])
        # One row for each feature, the last one of biases; none at all before the first round.
        weights = np.reshape(part["weights"] or np.zeros((features + 1) * len(shift)), (features + 1, len(shift)))
    except (KeyError, ValueError) as error:
        raise _gone("xgboost", f"weights of features and outputs in the JSON of a linear model ({error})") from None
    weights[-1] += shift
    part["weights"] = weights.ravel().tolist()
    return json.dumps(model).encode()


# LightGBM


def check_trained(used: bool) -> None:
    """Refuse a model that LightGBM's ``fit`` trained by itself."""
    if not used:
        raise _gone("lightgbm", _LIGHTGBM_HOOK)


def lightgbm_train(*args: Any, **kwargs: Any) -> Any:
    """Train as LightGBM's classifiers do, by a name that logging tools such as MLflow know from ``lightgbm.train``."""
    import lightgbm

    return getattr(lightgbm.sklearn, "train", lightgbm.train)(*args, **kwargs)


def set_lightgbm_model(model: Any, booster: Any, n_features: int, n_classes: int, evals_result: dict[str, Any]) -> None:
    """Give an ``LGBMModel`` a trained Booster, as its ``fit`` would; its public properties read these attributes."""
    names = booster.feature_name()
    named = names != [f"Column_{i}" for i in range(len(names))]
    vars(model).update(
        _Booster=booster, _n_features=booster.num_feature(), _n_features_in=n_features, _n_classes=n_classes,
        _fitted_with_feature_names=named, _evals_result=evals_result,
        _best_iteration=booster.best_iteration, _best_score=booster.best_score, fitted_=True,
    )  # fmt: skip
    read = (model.booster_, model.n_features_in_, model.n_classes_, model.evals_result_, model.best_iteration_)
    if read != (booster, n_features, n_classes, evals_result, booster.best_iteration):
        raise _gone("lightgbm", "LGBMModel._Booster and its like, which hold the model")


def feature_names_of(model: Any) -> Any:
    """Names of the columns that a model was fitted to; None for unnamed ones, to which LightGBM before 4.7 gives names."""
    return getattr(model, "feature_names_in_", None) if getattr(model, "_fitted_with_feature_names", True) else None


def has_no_features(error: Exception) -> bool:
    """Whether LightGBM says that no feature was left to train with; False where it says so in other words."""
    return "num_features()" in str(error)


def split_model(text: str) -> tuple[str, str]:
    """A LightGBM model's text: the header, which may have more lines than LightGBM reads, and the rest."""
    header, separator, rest = text.partition(_FEATURES)
    if not separator:
        raise _gone("lightgbm", "feature_names in the text of a model")
    return header, separator + rest


# MLflow


def without_autologging() -> AbstractContextManager[Any]:
    """Trainings that are a part of another; MLflow, where it logs by itself, would make runs and models of them."""
    utilities: Any = sys.modules.get("mlflow.utils.autologging_utils")
    try:
        # Who has switched it off already will switch it on again.
        off = utilities is None or utilities._AUTOLOGGING_GLOBALLY_DISABLED
        return nullcontext() if off else utilities.disable_autologging()
    except AttributeError:
        return nullcontext()
