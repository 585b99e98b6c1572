"""A candidate as a classifier to train on all rows, and as the Python that makes it."""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import joblib
import numpy as np

from boost_imbalance.comparison.candidates import BASELINES, built_in
from boost_imbalance.comparison.fitting import LIBRARIES, Library
from boost_imbalance.comparison.problem import Problem
from boost_imbalance.comparison.results import Results
from boost_imbalance.estimators import portable
from boost_imbalance.losses.base import Loss as Objective
from boost_imbalance.losses.labels import Task

_SAMPLERS = {"over": ("over_sampling", "RandomOverSampler"), "under": ("under_sampling", "RandomUnderSampler")}


class Recipe(NamedTuple):
    """Parts of a candidate's classifier: library, loss, parameters and sampler."""

    library: Library
    loss: Objective
    params: dict[str, Any]
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
    state, baseline = results.settings["losses"].get(name), BASELINES.get(name)
    loss = built_in() if state is None else portable.loss_from(state).replace(**changes)
    balance = None if baseline is None else baseline.balance
    params |= {"class_weight": "balanced"} if balance == "weights" else {}
    params |= {"prevalence": _shares(results)} if balance in _SAMPLERS else {}
    params["decision"] = results.decision(name, library)
    return Recipe(LIBRARIES[library], loss, params, balance if balance in _SAMPLERS else None)


def _shares(results: Results) -> Any:
    """Shares of the classes among all rows, which a model of rows drawn by class has to be told."""
    shares = results.shares.tolist()
    return shares[1] if results.task is Task.BINARY else dict(zip(results.settings["classes"], shares, strict=True))


def estimator(results: Results, name: str, library: str) -> Any:
    """A candidate's classifier, not fitted; one that samples rows is a pipeline."""
    made = recipe(results, name, library)
    model = made.library.classifier_of(True)(loss=made.loss, **made.params)
    if made.sampler is None:
        return model
    import importlib

    from imblearn.pipeline import make_pipeline

    module, sampler = _SAMPLERS[made.sampler]
    return make_pipeline(getattr(importlib.import_module(f"imblearn.{module}"), sampler)(random_state=0), model)


def save(results: Results, name: str, library: str, folder: pathlib.Path, X: Any, y: Any) -> list[pathlib.Path]:
    """Write a candidate's classifier, fitted to these rows, as joblib does and as its library does, and its code."""
    classes = results.settings["classes"]
    problem = Problem.of(X, y, pos_label=classes[1] if results.task is Task.BINARY else None)
    same = np.array_equal(problem.label, results.label, equal_nan=True)
    if not same or joblib.hash(problem.X) != results.settings["features_data"]:
        raise ValueError(
            f"X and y have {problem.rows} rows and {problem.X.shape[1]} columns, which are not the "
            f"{results.settings['rows']} rows and {results.settings['features']} columns that were compared, or not with "
            f"the same values; give those."
        )
    label = np.asarray(classes)[problem.label] if results.task is Task.MULTICLASS else problem.label
    model = estimator(results, name, library).fit(problem.X, label)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / file for file in ("classifier.joblib", LIBRARIES[library].file, "classifier.py")]
    joblib.dump(model, written[0])
    last = model[-1] if hasattr(model, "steps") else model
    last.save_model(written[1])
    written[2].write_text(code(results, name, library), encoding="utf-8")
    return written


def code(results: Results, name: str, library: str) -> str:
    """Python lines to copy: imports, features and labels as they were compared, and the model."""
    made = recipe(results, name, library)
    names = [made.library.classifier] + ([made.loss.public_name] if made.loss.public_name else [])
    lines = [f"from boost_imbalance import {', '.join(names)}"]
    if not made.loss.public_name:
        lines.append(_import_of(type(made.loss)))
    lines += _rows(results, _labels(results))
    arguments = [f"loss={made.loss!r}", *(f"{key}={_shown(value)}" for key, value in made.params.items())]
    body = "".join(f"    {argument},\n" for argument in arguments)
    text = f"{made.library.classifier}(\n{body})"
    if made.sampler is not None:
        module, sampler = _SAMPLERS[made.sampler]
        lines = ["from imblearn.pipeline import make_pipeline", f"from imblearn.{module} import {sampler}", *lines]
        text = f"make_pipeline({sampler}(random_state=0), {text})"
    return "\n".join([*lines, "", *_notes(results, made), f"model = {text}", "model.fit(X, y)", ""])


def _notes(results: Results, made: Recipe) -> list[str]:
    """Comments on where the rule of decision comes from, and on what differs from the comparison."""
    notes = []
    if "class_weight" in made.params:
        notes.append(
            "# The same trees, but its probabilities are calibrated; the library's own, which were measured, are not."
        )
    if results.leaves_thresholds(made.library.name):
        notes.append(
            f"# decision: thresholds tuned for {results.goal.text} did no better on the comparison's held-out rows."
        )
    elif "threshold" in made.params["decision"]:
        notes.append(f"# decision: chosen for {results.goal.text} on the comparison's held-out rows.")
        if made.sampler is None:
            notes.append(f"# To have it chosen anew in each fit, write decision={results.goal.decision!r}.")
    return notes


def _labels(results: Results) -> list[str]:
    """Lines that turn ``y``, an array, into the codes that the losses saw, the positive class as 1."""
    task, classes = results.task, results.settings["classes"]
    if task is Task.BINARY and (classes != [0, 1] or results.settings["unlabelled"]):
        return [f"y = (y == {classes[1]!r}).astype(int)"]
    return []


def _import_of(cls: type) -> str:
    """Where somebody's own loss comes from."""
    if cls.__module__ == "__main__":
        return f"# {cls.__name__} is the class that you defined."
    return f"from {cls.__module__} import {cls.__qualname__.partition('.')[0]}"


def _rows(results: Results, labels: list[str]) -> list[str]:
    """Lines that prepare features and labels, without the rows that have no label."""
    given = [*results.settings.get("reading", []), *results.settings["preparation"]]
    unlabelled = results.settings["unlabelled"]
    imports = [line for line in given if line.startswith(("import", "from"))]
    lines = [line for line in given if line not in imports]
    if unlabelled and results.task is not Task.MULTILABEL:
        imports += ["import pandas"]
        lines += ["known = pandas.notna(np.ravel(y))", "X, y = X[known], np.ravel(y)[known]"]
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
