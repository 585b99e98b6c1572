"""Model files: what a classifier writes into one beside the trees, and calibration as a constant in the model itself."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from boost_imbalance import losses as constructors
from boost_imbalance.estimators.decisions import Decision
from boost_imbalance.estimators.targets import Target
from boost_imbalance.losses import protocol
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.labels import Counts, Task
from boost_imbalance.types import Array

VERSION = 1
"""Format of what :func:`record` writes."""

_FIELDS = {"loss", "task", "classes", "dtype", "prior", "even", "pos_label", "decision", "tuned", "shift"}
_HEAD = 4096
_KINDS = {
    "XGBoost": "a model of XGBoost, for ImbalancedXGBClassifier",
    "LightGBM": "a model of LightGBM, for ImbalancedLGBMClassifier",
    "pickle": "a pickle, for pickle.load or joblib.load",
    "empty": "empty",
    "other": "no model file",
}


def check_file(file: Any, library: str) -> None:
    """Refuse what is no model of the library, ``"XGBoost"`` or ``"LightGBM"``, before the library tries to read it."""
    if isinstance(file, (str, os.PathLike)):
        name = repr(os.fspath(file))
        with pathlib.Path(file).open("rb") as opened:
            head = opened.read(_HEAD)
    else:
        name, head = "the model", bytes(file[:_HEAD])
    kind = _kind(head)
    if kind != library:
        raise ValueError(f"{name} is {_KINDS[kind]}; give a file that save_model wrote, of {library} or of its classifier.")


def damaged(file: Any, error: Exception) -> ValueError:
    """The error of a file that begins like a model of the library, which could not read it."""
    name = repr(os.fspath(file)) if isinstance(file, (str, os.PathLike)) else "the model"
    reason = str(error).partition("\nStack trace")[0].strip().splitlines()
    return ValueError(f"{name} is damaged, or of another version of the library ({reason[-1] if reason else error!r}).")


def _kind(head: bytes) -> str:
    """The kind of file that begins like this."""
    if not head.strip():
        return "empty"
    if head.startswith((b"tree\n", b"tree\r\n")):
        return "LightGBM"
    if head.startswith(b"{") and b"learner" in head:  # JSON and its binary form
        return "XGBoost"
    return "pickle" if head.startswith(b"\x80") else "other"


def warn_of_link(reason: str, remedy: str) -> None:
    """Say that a file is less than could be expected."""
    message = f"{reason}, so that the file predicts the link's probabilities; for calibrated ones {remedy}."
    protocol.warn(message)


def record(model: Any, shift: Array | None) -> str:
    """What a file says about the classifier, without an equals sign, which LightGBM's format reserves."""
    target, tuned = model._target, model._tuned
    if target.dtype.kind not in "biufUO" or target.dtype == np.longdouble:
        raise TypeError(f"the classes have dtype {target.dtype}, which a model file cannot hold; fit with strings.")
    state = {
        "version": VERSION,
        "loss": _loss_state(model.loss_),
        "task": target.task.value,
        "classes": plain(target.classes),
        "dtype": str(target.dtype),
        "prior": plain(model.class_prior_),
        "even": plain(model._even),
        "pos_label": plain(model.pos_label),
        "decision": _decision_state(model.decision),
        "tuned": None if tuned is None else _tuned_state(*tuned[:3]),
        "tuned_for": None if tuned is None else plain(tuned[3]),
        "prevalence": _population_state(model.prevalence, target.task),
        "sampling_rate": _population_state(model.sampling_rate, target.task),
        "knows_prior": model._knows_prior,
        "shift": plain(shift),
        "missing": model._missing,
    }
    return json.dumps(state).replace("=", "\\u003d")


def restore(model: Any, text: str) -> Array | None:
    """Make a classifier what the record says; the shift that its model contains."""
    state = _state(text)
    dtype = np.dtype(state["dtype"])
    task = Task(state["task"])
    classes = np.array(state["classes"], dtype=np.intp if task is Task.MULTILABEL else dtype)
    target = Target(task, classes, dtype, model.missing_label)
    model._target, model.loss_ = target, _loss_of(state["loss"])
    model.class_prior_, model._even = (np.asarray(state[name], dtype=np.float64) for name in ("prior", "even"))
    model.decision, model.pos_label = state["decision"], state["pos_label"]
    model.prevalence, model.sampling_rate = (from_plain(state.get(name)) for name in ("prevalence", "sampling_rate"))
    model._tuned, model._knows_prior = None, state.get("knows_prior", True)
    if state["tuned"] is not None:
        kind, value, positive, thresholds, *confidence = state["tuned"]
        rule = Decision(kind, None if value is None else np.asarray(value, dtype=np.float64), *confidence)
        shares = state["prior"] if state.get("tuned_for") is None else state["tuned_for"]
        model._tuned = rule, positive, np.asarray(thresholds, np.float64), np.asarray(shares, np.float64)
    if "missing" in state and hasattr(model, "missing"):
        model.missing = state["missing"]
    return None if state["shift"] is None else np.asarray(state["shift"], dtype=np.float64)


def shift_in(text: str) -> tuple[Task, Array | None]:
    """The task of a recorded classifier, and the calibrating shift that its file contains."""
    state = _state(text)
    return Task(state["task"]), None if state["shift"] is None else np.asarray(state["shift"], dtype=np.float64)


def _state(text: str) -> dict[str, Any]:
    """Read a text of :func:`record`; one that this version would not write is refused."""
    try:
        state = json.loads(text)
        version = state["version"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            "the file's record of the classifier, in the attribute boost_imbalance, is damaged; save the model again."
        ) from None
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"the file's record of the classifier has format {version}, but this boost-imbalance reads formats up to "
            f"{VERSION}; upgrade boost-imbalance."
        )
    missing = _FIELDS - set(state)
    if missing:
        raise ValueError(f"the file's record of the classifier lacks {', '.join(sorted(missing))}; save the model again.")
    found: dict[str, Any] = state
    return found


def assume_built_in(model: Any, task: Task, columns: int) -> None:
    """Make a classifier of a model without a record: one of the library's own cross-entropy."""
    multilabel = task is Task.MULTILABEL
    target = Target(task, np.arange(columns), np.dtype(np.intp), model.missing_label)
    counts = np.ones(columns if multilabel or task is Task.MULTICLASS else 1)
    model._target, model._tuned, model._knows_prior = target, None, False
    loss = constructors.weighted_objective(weights=None, hessian="exact")
    model.loss_ = loss.fit_counts(Counts(task, counts, counts, 2, 2.0 * counts))
    model.class_prior_ = np.full(len(counts), 0.5 if len(counts) == 1 or multilabel else 1.0 / columns)
    model._even = np.full(len(counts), 0.5)


def _tuned_state(rule: Decision, positive: int, thresholds: Array) -> list[Any]:
    confidence = [] if rule.confidence is None else [rule.confidence]
    return [rule.kind, plain(rule.value), positive, plain(thresholds), *confidence]


def _decision_state(decision: Any) -> Any:
    return {key: plain(value) for key, value in decision.items()} if isinstance(decision, Mapping) else decision


def _population_state(given: Any, task: Task) -> Any:
    if hasattr(given, "items") and task is not Task.MULTILABEL:  # a dict, or a Series of pandas
        return plain(dict(given.items()))
    return None if given is None else np.asarray(given).tolist()


def loss_parameters(loss: Objective) -> dict[str, Any]:
    """A loss that has seen no labels, as JSON can hold it."""
    parameters = {name: plain(value) for name, value in loss.parameters.items()}
    if loss.public_name is not None:
        return {"constructor": loss.public_name, "parameters": parameters}
    cls = type(loss)
    return {"class": f"{cls.__module__}:{cls.__qualname__}", "parameters": parameters}


def loss_from(state: dict[str, Any]) -> Objective:
    """The loss that :func:`loss_parameters` wrote.

    Raises
    ------
    LookupError
        If somebody's own loss is of a module that has not been imported, because a file could name any, or not in it.
    """
    parameters = {key: from_plain(value) for key, value in state["parameters"].items()}
    if "class" in state:
        return _own_class(state["class"])(**parameters)
    name = state["constructor"]
    if not name.endswith("_objective") or not hasattr(constructors, name):
        raise ValueError(f"the file names the loss {name!r}, which this version does not have; update it.")
    if parameters.get("hessian") == "bound":  # what an earlier version called it
        parameters["hessian"] = "positive_terms"
    made: Objective = getattr(constructors, name)(**parameters)
    return made


def _own_class(where: str) -> type[Objective]:
    module, _, name = where.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, "__dict__", {}).get(part)  # getattr could run code of the module's
    if found is None:
        remedy = "define its class" if module == "__main__" or module in sys.modules else f"write import {module}"
        raise LookupError(
            f"the loss {name} of the module {module!r} is not here; {remedy} before the model is loaded, since a file "
            f"imports none"
        )
    if not (isinstance(found, type) and issubclass(found, Objective)):
        raise LookupError(f"{name} of the module {module!r} is no loss")
    return found


def _loss_state(loss: Objective) -> dict[str, Any]:
    counts = loss.fitted.counts
    return {
        **loss_parameters(loss),
        "counts": {
            "task": counts.task.value,
            "ones": plain(counts.ones),
            "totals": plain(counts.totals),
            "rows": int(counts.rows),
            "weight": plain(counts.weight),
            "soft": counts.soft,
        },
    }


def _loss_of(state: dict[str, Any]) -> Objective:
    counts = state["counts"]
    arrays = {name: np.asarray(counts[name], dtype=np.float64) for name in ("ones", "totals", "weight")}
    known = Counts(Task(counts["task"]), rows=counts["rows"], soft=counts.get("soft", False), **arrays)
    try:
        loss = loss_from(state)
    except LookupError as error:
        message = f"{error}; the model is loaded without it, and gives the plain link's probabilities."
        protocol.warn(message)
        loss = constructors.weighted_objective(weights=None)
    fitted: Objective = loss.fit_counts(known)
    return fitted


def plain(value: Any) -> Any:
    """A value of JSON's types; a dict, whose keys need not be strings, as pairs."""
    if isinstance(value, Mapping):
        return {"by_class": [[plain(key), plain(one)] for key, one in value.items()]}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (np.ndarray, list, tuple)):
        return np.asarray(value).tolist()
    return value


def from_plain(value: Any) -> Any:
    """What :func:`plain` was given, with lists for arrays."""
    if isinstance(value, dict):
        return {key: from_plain(one) for key, one in value["by_class"]}
    return value
