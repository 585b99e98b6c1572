"""A contestant as a classifier to train on all rows, and as the Python that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from boost_imbalance._adapters.objective import Objective
from boost_imbalance._compare.contestants import BASELINES
from boost_imbalance._compare.fitting import LIBRARIES, Library
from boost_imbalance._estimators import portable
from boost_imbalance._losses.labels import Task

if TYPE_CHECKING:
    from boost_imbalance._compare.comparison import Comparison

_SAMPLERS = {"over": ("over_sampling", "RandomOverSampler"), "under": ("under_sampling", "RandomUnderSampler")}


class Recipe(NamedTuple):
    """What a classifier is made of."""

    library: Library
    loss: Objective | None
    params: dict[str, Any]
    own: bool
    """Whether it is a classifier of this package."""
    sampler: str | None


def recipe(comparison: Comparison, name: str, library: str) -> Recipe:
    """Of one contestant."""
    if name not in BASELINES and name not in comparison.settings["losses"]:
        raise ValueError(f"contestant is {name!r}, a model of your own; take it as you gave it.")
    records = comparison.tuned_on_all(name, library) or _typical(comparison, name, library)
    if not records:
        raise ValueError(f"contestant is {name!r}, of which nothing was trained with {library}; run the comparison first.")
    params = {**records[0]["params"], "n_estimators": max(1, round(float(np.mean([r["rounds"] for r in records]))))}
    changes = {key.removeprefix("loss__"): params.pop(key) for key in list(params) if key.startswith("loss__")}
    state = comparison.settings["losses"].get(name)
    loss = None if state is None else portable.loss_from(state).replace(**changes)
    own, sampler = loss is not None or comparison.task is Task.MULTILABEL, None
    if name in BASELINES:
        baseline = BASELINES[name]
        own = own or baseline.balance == "weights" or baseline.thresholds is not None
        params |= {"class_weight": "balanced"} if baseline.balance == "weights" else {}
        params |= {} if baseline.thresholds is None else {"decision": baseline.thresholds}
        sampler = baseline.balance if baseline.balance in _SAMPLERS else None
    return Recipe(LIBRARIES[library], loss, params, own, sampler)


def estimator(comparison: Comparison, name: str, library: str) -> Any:
    """Not fitted."""
    made = recipe(comparison, name, library)
    model = made.library.classifier_of(made.own)(**({} if made.loss is None else {"loss": made.loss}), **made.params)
    if made.sampler is None:
        return model
    import importlib

    from imblearn.pipeline import make_pipeline

    module, sampler = _SAMPLERS[made.sampler]
    return make_pipeline(getattr(importlib.import_module(f"imblearn.{module}"), sampler)(random_state=0), model)


def code(comparison: Comparison, name: str, library: str) -> str:
    """Lines to copy: imports, the labels as they were compared, the model."""
    made = recipe(comparison, name, library)
    shown = made.library.classifier if made.own else made.library.built_in
    imported = ", ".join([shown] + ([made.loss.constructor_name] if made.loss is not None else []))
    lines = [f"from {'boost_imbalance' if made.own else library} import {imported}"]
    lines += _labels(comparison, made)
    arguments = ([f"loss={made.loss!r}"] if made.loss is not None else []) + [
        f"{key}={_rounded(value)!r}" for key, value in made.params.items()
    ]
    body = "".join(f"    {argument},\n" for argument in arguments)
    text = f"{shown}(\n{body})"
    if made.sampler is not None:
        module, sampler = _SAMPLERS[made.sampler]
        lines = ["from imblearn.pipeline import make_pipeline", f"from imblearn.{module} import {sampler}", *lines]
        text = f"make_pipeline({sampler}(random_state=0), {text})"
    note = [
        "# predict takes the largest calibrated probability; decision='f1' or 'balanced_accuracy' tunes thresholds instead."
    ]
    return "\n".join([*lines, "", *(note if made.loss is not None else []), f"model = {text}", "model.fit(X, y)", ""])


def _labels(comparison: Comparison, made: Recipe) -> list[str]:
    """The classes as the losses saw them, the positive one as 1."""
    task, classes = comparison.task, comparison.settings["classes"]
    if task is Task.BINARY and classes != [0, 1]:
        return ["", f"y = [int(label == {classes[1]!r}) for label in y]"]
    if task is Task.MULTICLASS and classes != list(range(len(classes))) and not made.own and made.library.name == "xgboost":
        return ["from sklearn.preprocessing import LabelEncoder", "", "y = LabelEncoder().fit_transform(y)"]
    return []


def _typical(comparison: Comparison, name: str, library: str) -> list[dict[str, Any]]:
    """All folds; if they were tuned, the one whose result is in the middle."""
    records = [r for r in comparison.records if (r["library"], r["contestant"]) == (library, name)]
    if comparison.settings["tune"] and records:
        records = sorted(records, key=lambda r: float(r[comparison.settings["tune_for"]]))
        return [records[len(records) // 2]]
    return records


def _rounded(value: Any) -> Any:
    """To five digits, which no model notices."""
    return float(f"{value:.5g}") if isinstance(value, float) else value
