"""A candidate as a classifier to train on all rows, and as the Python that makes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from boost_imbalance.comparison.candidates import BASELINES, built_in
from boost_imbalance.comparison.fitting import LIBRARIES, Library
from boost_imbalance.comparison.results import Results
from boost_imbalance.estimators import portable
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.labels import Task

_SAMPLERS = {"over": ("over_sampling", "RandomOverSampler"), "under": ("under_sampling", "RandomUnderSampler")}


class Recipe(NamedTuple):
    """Parts of a candidate's classifier: library, loss, parameters and sampler."""

    library: Library
    loss: Objective | None
    params: dict[str, Any]
    own: bool
    """True for a classifier of this package, False for the library's."""
    sampler: str | None


def recipe(results: Results, name: str, library: str) -> Recipe:
    """The parts of one candidate's classifier, with the parameters and rounds that the comparison found."""
    if name not in BASELINES and name not in results.settings["losses"]:
        raise ValueError(f"candidate is {name!r}, a model of your own; take it as you gave it.")
    records = results.tuned_on_all(name, library) or _typical(results, name, library)
    if not records:
        raise ValueError(f"candidate is {name!r}, of which nothing was trained with {library}; run the comparison first.")
    params = {**records[0]["params"], "n_estimators": max(1, round(float(np.mean([r["rounds"] for r in records]))))}
    changes = {key.removeprefix("loss__"): params.pop(key) for key in list(params) if key.startswith("loss__")}
    state = results.settings["losses"].get(name)
    loss = None if state is None else portable.loss_from(state).replace(**changes)
    own, sampler = loss is not None or results.task is Task.MULTILABEL, None
    if name in BASELINES:
        baseline = BASELINES[name]
        own = own or baseline.balance == "weights" or baseline.thresholds is not None
        params |= {"class_weight": "balanced"} if baseline.balance == "weights" else {}
        params |= {} if baseline.thresholds is None else {"decision": baseline.thresholds}
        sampler = baseline.balance if baseline.balance in _SAMPLERS else None
        loss = built_in() if own else None
    return Recipe(LIBRARIES[library], loss, params, own, sampler)


def estimator(results: Results, name: str, library: str) -> Any:
    """A candidate's classifier, not fitted; one that samples rows is a pipeline."""
    made = recipe(results, name, library)
    model = made.library.classifier_of(made.own)(**({} if made.loss is None else {"loss": made.loss}), **made.params)
    if made.sampler is None:
        return model
    import importlib

    from imblearn.pipeline import make_pipeline

    module, sampler = _SAMPLERS[made.sampler]
    return make_pipeline(getattr(importlib.import_module(f"imblearn.{module}"), sampler)(random_state=0), model)


def code(results: Results, name: str, library: str) -> str:
    """Python lines to copy: imports, features and labels as they were compared, and the model."""
    made = recipe(results, name, library)
    shown = made.library.classifier if made.own else made.library.built_in
    names = [shown] + ([made.loss.public_name] if made.loss is not None and made.loss.public_name else [])
    lines = [f"from {'boost_imbalance' if made.own else library} import {', '.join(names)}"]
    if made.loss is not None and not made.loss.public_name:
        lines.append(_import_of(type(made.loss)))
    lines += _rows(results, _labels(results, made))
    arguments = ([f"loss={made.loss!r}"] if made.loss is not None else []) + [
        f"{key}={_shown(value)}" for key, value in made.params.items()
    ]
    body = "".join(f"    {argument},\n" for argument in arguments)
    text = f"{shown}(\n{body})"
    if made.sampler is not None:
        module, sampler = _SAMPLERS[made.sampler]
        lines = ["from imblearn.pipeline import make_pipeline", f"from imblearn.{module} import {sampler}", *lines]
        text = f"make_pipeline({sampler}(random_state=0), {text})"
    return "\n".join([*lines, "", *_notes(made), f"model = {text}", "model.fit(X, y)", ""])


def _notes(made: Recipe) -> list[str]:
    """Comments on how the classifier predicts otherwise than it did in the comparison."""
    if "class_weight" in made.params:
        return ["# The same trees, but its probabilities are calibrated; the library's own, which were measured, are not."]
    if made.loss is not None and "decision" not in made.params:
        return ["# predict takes the largest calibrated probability; decision='f1' or 'balanced_accuracy' tunes thresholds."]
    return []


def _labels(results: Results, made: Recipe) -> list[str]:
    """Lines that turn ``y``, an array, into the codes that the losses saw, the positive class as 1."""
    task, classes = results.task, results.settings["classes"]
    if task is Task.BINARY and (classes != [0, 1] or results.settings["unlabelled"]):
        return [f"y = (y == {classes[1]!r}).astype(int)"]
    if task is Task.MULTICLASS and classes != list(range(len(classes))) and not made.own and made.library.name == "xgboost":
        return ["y = np.unique(y, return_inverse=True)[1]"]
    return []


def _import_of(cls: type) -> str:
    """Where somebody's own loss comes from."""
    if cls.__module__ == "__main__":
        return f"# {cls.__name__} is the class that you defined."
    return f"from {cls.__module__} import {cls.__qualname__.partition('.')[0]}"


def _rows(results: Results, labels: list[str]) -> list[str]:
    """Lines that prepare features and labels, without the rows that have no label."""
    preparation, unlabelled = results.settings["preparation"], results.settings["unlabelled"]
    imports = [line for line in preparation if line.startswith("import")]
    lines = [line for line in preparation if line not in imports]
    if unlabelled and results.task is not Task.MULTILABEL:
        imports += ["import pandas", "from sklearn.utils import _safe_indexing"]
        lines += ["known = pandas.notna(np.ravel(y))", "X, y = _safe_indexing(X, np.flatnonzero(known)), np.ravel(y)[known]"]
    elif labels:
        lines.append("y = np.ravel(y)")
    if labels or unlabelled:
        imports.append("import numpy as np")
    return [*sorted(set(imports)), "", *lines, *labels] if lines or labels else []


def _typical(results: Results, name: str, library: str) -> list[dict[str, Any]]:
    """A candidate's records of all folds; if they were tuned, the one record whose result is in the middle."""
    records = results.records_of(name, library)
    if results.settings["tune"] and records:
        records = sorted(records, key=lambda r: float(r[results.settings["tune_for"]]))
        return [records[len(records) // 2]]
    return records


def _shown(value: Any) -> str:
    """A parameter as Python writes it, numbers to five digits, which no model notices."""
    if isinstance(value, float):
        return repr(float(f"{value:.5g}")) if np.isfinite(value) else f"float('{value}')"
    return repr(value)
