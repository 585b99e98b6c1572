"""Runs a comparison: every candidate on every fold, once; what is done already is not done again."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import joblib
import numpy as np

from boost_imbalance.comparison import metrics
from boost_imbalance.comparison.candidates import Candidate, chosen
from boost_imbalance.comparison.columns import Given, described
from boost_imbalance.comparison.comparison import Comparison
from boost_imbalance.comparison.fitting import (
    LIBRARIES,
    Library,
    Predicted,
    compile_loss,
    importance,
    predict,
    seconds_to_predict,
    train,
)
from boost_imbalance.comparison.goals import DEFAULT, Goal
from boost_imbalance.comparison.goals import tuned as tuned_for
from boost_imbalance.comparison.interrupt import interruptible
from boost_imbalance.comparison.problem import Fold, Part, Problem
from boost_imbalance.comparison.progress import progress_bar
from boost_imbalance.comparison.results import ALL_ROWS
from boost_imbalance.comparison.store import VERSION, Store
from boost_imbalance.comparison.tuning import INNER_FOLDS, tuned
from boost_imbalance.estimators import portable
from boost_imbalance.estimators.decisions import Decision, decide
from boost_imbalance.types import (
    Array,
    BaselineName,
    DecisionLike,
    FeaturesLike,
    Label,
    LabelsLike,
    LibraryName,
    LossName,
    PathLike,
    ProbabilityModel,
)

if TYPE_CHECKING:
    from boost_imbalance.losses.base import Loss

_TUNABLE = ("average_precision", "log_loss", "brier")
_DECIDED = (
    *("objective", "objective_type", "app", "application", "loss", "class_weight", "scale_pos_weight", "is_unbalance"),
    *("unbalance", "unbalanced_sets", "decision", "decision_cv", "classes", "pos_label", "missing_label", "callbacks"),
    *("eval_metric", "metric", "metrics", "early_stopping_rounds", "early_stopping_round", "early_stopping"),
)
"""Parameters of a library by which candidates would no longer differ by what they are."""

_ALIASES = {
    "eta": "learning_rate",
    "shrinkage_rate": "learning_rate",
    "num_leaf": "num_leaves",
    "num_iterations": "n_estimators",
    "num_boost_round": "n_estimators",
    "lambda": "reg_lambda",
    "lambda_l2": "reg_lambda",
    "max_tree_output": "max_delta_step",
    "max_leaf_output": "max_delta_step",
}
"""Other names of parameters that have a usual value here, which would stay beside them, with the name to write."""


class Unit(NamedTuple):
    """One training, of one candidate on one fold; candidates that only decide otherwise share it."""

    library: Library
    source: Candidate
    fold: Fold


def compare(
    X: FeaturesLike,
    y: LabelsLike,
    *,
    losses: LossName | Loss | Sequence[LossName | Loss] | Mapping[str, Loss] | None = None,
    baselines: Sequence[BaselineName] | None = None,
    others: Mapping[str, ProbabilityModel] | None = None,
    library: LibraryName | Literal["both"] | None = None,
    goal: DecisionLike | str = DEFAULT,
    folds: int = 5,
    repeats: int = 2,
    tune: int = 0,
    tune_for: Literal["average_precision", "log_loss", "brier"] = "average_precision",
    precision: float = 0.5,
    confidence: float = 0.95,
    params: Mapping[str, Any] | None = None,
    pos_label: Label | None = None,
    groups: LabelsLike | None = None,
    time: LabelsLike | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    output: PathLike | None = None,
    restart: bool = False,
    progress: bool = True,
    name: str = "data",
) -> Comparison:
    """Compare every loss with what else helps on these data.

    Every loss, and every remedy against imbalance that the library has without it, is trained on each fold of a repeated
    cross-validation, with the same trees (but for two at a higher learning rate), and measured on the fold's test part.
    Training stops early on a fifth of the other rows. The result begins with what to deploy: a model and its rule of
    decision, with what it finds and how many alarms it raises. It holds the means, and the paired differences to the
    library's own objective with their intervals.

    Parameters
    ----------
    X : array_like, data frame or sparse matrix, shape (n, features)
        NaN is a missing feature; text columns of a data frame become categories.
    y : array_like, shape (n,) or (n, labels)
        Any two classes, any number of classes, or zeros and ones of several labels. Rows without a label (NaN, None) are
        left out; of several labels, any may be NaN.
    losses : str, Objective, list or dict, optional
        Names (``"weighted"``, ``"class-balanced"``, ``"focal"``, ``"asymmetric"``, ``"logit-adjusted"``, ``"adaptive"``,
        ``"fewer-trees"``), objectives, or a dict of objectives by names of your own. Default: all seven, as
        the guide recommends them: at their defaults, but asymmetric with ``gamma_neg=2, margin=0``.
        ``"fewer-trees"`` is cross-entropy at a learning rate of 0.4, with ``reg_lambda=1``.
    baselines : list of str, optional
        Some of ``"tuned threshold"``, ``"max_delta_step"``, ``"class weights"``, ``"over-sampling"``, ``"under-sampling"``;
        ``"built-in"``, the library's own objective, always takes part. Default: all that the task allows. A multi-label task
        allows only the first two, and its built-in objective is trained through this package with cross-entropy, which is
        equal. ``"max_delta_step"`` is the built-in at a learning rate of 0.4, with that parameter and ``reg_lambda`` at 1.
    others : dict, optional
        Models of your own by name: scikit-learn classifiers with ``predict_proba``. They are trained on the rows that the
        losses are fitted on, labels 0, 1, ... (the positive class 1), and are not tuned.
    library : {"xgboost", "lightgbm", "both"}, optional
        Default: XGBoost, or LightGBM where XGBoost is not installed.
    goal : str or dict
        What the model is for: ``"f1"`` (of two classes, the positive one's), ``"balanced_accuracy"``, ``{"recall": r}``,
        ``{"precision": p}``, ``{"false_positive_rate": a}`` and ``{"alarms": s}`` with or without a ``"confidence"``,
        ``{"top": k}`` of as many rows as are given here, or ``{"cost": C}``, as ``decision=`` of a classifier takes them; or
        their text on the command line, such as ``"recall=0.9"`` and ``"cost:fn=500,fp=10"``. Every candidate is decided for
        it, by thresholds that come from the predictions of the other folds' rows, and one is recommended by it. It may be
        changed later: :meth:`Comparison.for_goal`.
    folds, repeats : int
    tune : int
        Trials of an Optuna study in each fold, for each candidate alike, over the loss's own parameters and those of the
        trees. It takes about ``2 tune`` times as long. 0: everything at its defaults.
    tune_for : {"average_precision", "log_loss", "brier"}
        The metric that a study optimises.
    precision : float
        The precision that the metric "recall at precision" asks for.
    confidence : float
        Confidence of the intervals: those of one column hold together with at least this.
    params : dict, optional
        Parameters of the library for all candidates, but for those that ``"max_delta_step"`` and ``"fewer-trees"`` have of
        their own, over the usual ones: ``learning_rate=0.1, max_depth=4`` (XGBoost),
        ``learning_rate=0.05, num_leaves=15`` (LightGBM), at most 1000 rounds. For both libraries a dict of two dicts. A
        study leaves them as they are.
    pos_label : optional
        Which of two classes is the positive one. Default: the rarer.
    groups : array_like, shape (n,), optional
        Rows of one group are never on both sides of a split.
    time : array_like, shape (n,), optional
        When each row was, as numbers or dates. Folds then go forward (scikit-learn's ``TimeSeriesSplit``): each is trained
        on what was before and measured on what came next. They are not repeated, so ``repeats`` has to be 1.
    seed : int
    n_jobs : int, optional
        Threads of a training. Default: the library's.
    output : path, optional
        A folder that keeps everything. A call with the same arguments goes on where an earlier one was stopped.
    restart : bool
        Throw away what another comparison has left in ``output``.
    progress : bool
        Show a bar with the time left.
    name : str
        Name of the data, for tables and reports.

    Returns
    -------
    Comparison
        If you press Ctrl-C, that of what was done until then.

    Raises
    ------
    ValueError, TypeError
        If an argument makes no sense, before anything is trained.

    Warns
    -----
    UserWarning
        Of columns that are likely to spoil a model or its measurement (identifiers, dates and free text as categories,
        words among numbers, a column that gives the target away), of labels that differ only by case or blanks, and of
        rows that occur more than once, each with the line to write. ``Comparison.columns`` keeps them.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from boost_imbalance import compare
    >>> X, y = make_classification(400, weights=[0.9], random_state=0)
    >>> found = compare(X, y, losses=["focal"], baselines=[], folds=3, repeats=1, progress=False)
    >>> found.table()["candidate"].tolist()
    ['built-in', 'focal']
    """
    problem = X.problem if isinstance(X, Given) else Problem.of(X, y, name, pos_label, groups, time)
    _check_numbers(folds, repeats, tune, seed, precision, confidence)
    folds, repeats, tune, seed = int(folds), int(repeats), int(tune), int(seed)
    if problem.time is not None and repeats > 1:
        raise ValueError(
            f"repeats is {repeats}, but folds that go forward in time can be cut in one way only; give repeats=1."
        )
    problem.check(folds, INNER_FOLDS if tune else 0)
    if tune_for not in _TUNABLE:
        raise ValueError(f"tune_for is {tune_for!r}; give {', '.join(map(repr, _TUNABLE))}.")
    libraries = _libraries(library)
    candidates = chosen(problem.task, losses, baselines, others)
    _require(candidates, tune, progress)
    chosen_goal = Goal.of(goal, problem.task, problem.classes, problem.rows)
    given = _params(libraries, params, n_jobs)
    if problem.has_categories and "xgboost" in given:
        given["xgboost"] = {"enable_categorical": True, **given["xgboost"]}
    of_features = joblib.hash(problem.X)
    settings = {
        "version": VERSION,
        "name": name,
        "task": problem.task.value,
        "target": problem.target,
        "classes": [_plain(c) for c in problem.classes],
        "counts": problem.counts.tolist(),
        "rows": problem.rows,
        "unlabelled": problem.unlabelled,
        "reading": list(problem.reading),
        "preparation": list(problem.preparation),
        "features": int(problem.X.shape[1]),
        "data": joblib.hash((of_features, problem.label, problem.groups, problem.time)),
        "features_data": of_features,
        "libraries": [found.name for found in libraries],
        "versions": {
            name: importlib.import_module(name).__version__ for name in ("boost_imbalance", *(one.name for one in libraries))
        },
        "candidates": [candidate.name for candidate in candidates],
        "about": {candidate.name: candidate.about for candidate in candidates},
        "losses": {c.name: portable.loss_parameters(c.loss) for c in candidates if c.loss is not None},
        "params": {name: {key: _plain(value) for key, value in chosen.items()} for name, chosen in given.items()},
        "folds": folds,
        "repeats": repeats,
        "tune": tune,
        "tune_for": tune_for,
        "precision": float(precision),
        "confidence": float(confidence),
        "seed": seed,
        "goal": chosen_goal._asdict(),
    }
    if problem.time is not None:
        settings["forward"] = True
    store = Store.open(settings, problem.label, output, restart)
    summary = described(problem)
    store.describe({**summary.to_json(), "command": X.command if isinstance(X, Given) else ""})
    if isinstance(X, Given):
        X.tell(summary)
    else:
        summary.warn(stacklevel=2)
    units = [
        Unit(found, candidate, fold)
        for fold in problem.folds(folds, repeats, seed)
        for found in libraries
        for candidate in candidates
        if candidate.thresholds is None
    ]
    study = Study(problem, candidates, given, store)
    left = [unit for unit in units if study.missing(unit)]
    try:
        with interruptible() as check, progress_bar(len(units), progress, len(units) - len(left)) as bar:
            study.told = bar.step
            for unit in left:
                check()
                bar.begin(f"{unit.library.name}, {unit.source.name}")
                study.run(unit)
                bar.advance()
            if tune:
                for found in libraries:
                    check()
                    bar.begin(f"{found.name}, tuning on all rows")
                    study.finish(found)
    except KeyboardInterrupt:
        if not store.records:
            raise
        trained = sum(store.has(u.library.name, u.source.name, u.fold.repeat, u.fold.number) for u in units)
        done = f"stopped after {trained} of {len(units)} trainings"
        remedy = (
            "give output= a folder to be able to go on" if output is None else "call again with the same arguments to go on"
        )
        warnings.warn(f"{done}; {remedy}.", stacklevel=2)
    return study.comparison()


class Study:
    """The trainings of one comparison, and what to do with their results."""

    def __init__(
        self, problem: Problem, candidates: list[Candidate], params: dict[str, dict[str, Any]], store: Store
    ) -> None:
        self.problem, self.candidates, self.params, self.store = problem, candidates, params, store
        self._compiled: set[tuple[str, str]] = set()
        self.told: Callable[[int, int], None] = lambda number, total: None

    def missing(self, unit: Unit) -> list[Candidate]:
        """The candidates that decide upon a unit's training and were not measured yet."""
        name, fold = unit.library.name, unit.fold
        deciding = [candidate for candidate in self.candidates if candidate.source == unit.source.name]
        return [c for c in deciding if not self.store.has(name, c.name, fold.repeat, fold.number)]

    def run(self, unit: Unit) -> None:
        """Train one candidate on one fold, and measure all that decide upon it."""
        library, source, fold = unit
        missing = self.missing(unit)
        common = {"library": library.name, "repeat": fold.repeat, "fold": fold.number}
        common |= {"n_train": len(fold.train), "n_test": len(fold.test)}
        fit, stop, test = (self.problem.part(rows) for rows in (fold.fit, fold.stop, fold.test))
        try:
            params = self._tuned(library, source, fold.train, fold.seed)
            if (library.name, source.name) not in self._compiled:
                compile_loss(library, source, self.problem, fit, stop, params)
                self._compiled.add((library.name, source.name))
            trained = train(library, source, self.problem, fit, stop, params, fold.seed)
            held_out = predict(trained, source, self.problem.task, stop.X)
            tested = predict(trained, source, self.problem.task, test.X)
            seconds = seconds_to_predict(trained, test.X)
            measured = [(c, self._measured(c, stop, held_out, test, tested)) for c in missing]
        except Exception as error:
            for candidate in missing:
                self.store.add({**common, "candidate": candidate.name, "error": f"{type(error).__name__}: {error}"}, None)
            return
        common |= {"rounds": trained.rounds or float("nan"), "seconds": trained.seconds, "params": params}
        common |= {"predicting": 1e6 * seconds / len(fold.test), "importance": importance(trained, library, source)}
        for candidate, found in measured:
            decided = found.pop("decided")
            kept = {"rows": fold.test, "probability": tested.probability.astype(np.float32), "decided": decided}
            self.store.add({**common, "candidate": candidate.name, **found}, kept)

    def finish(self, library: Library) -> None:
        """Tune the candidate to recommend on all rows."""
        comparison = self.comparison()
        name = comparison.recommended(library.name)
        by_name = {candidate.name: candidate for candidate in self.candidates}
        source = by_name[by_name[name].source]
        if self.store.has(library.name, name, ALL_ROWS, 0):
            return
        rows = np.arange(self.problem.rows)
        try:
            params = self._tuned(library, source, rows, 0)
            fit, stop = (self.problem.part(part) for part in self.problem.split(rows, 0))
            trained = train(library, source, self.problem, fit, stop, params, 0)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"tuning {name} on all rows failed with {reason}; its code has the parameters of one fold.", stacklevel=3
            )
            return
        record = {"library": library.name, "candidate": name, "repeat": ALL_ROWS, "fold": 0}
        self.store.add({**record, "rounds": trained.rounds, "params": params}, None)

    def comparison(self) -> Comparison:
        """The comparison of what was found so far."""
        errors = [record["error"] for record in self.store.records if "error" in record]
        if errors and len(errors) == len(self.store.records):
            raise RuntimeError(f"no training succeeded; the first failed with {errors[0]}")
        return Comparison(self.store)

    def _tuned(self, library: Library, source: Candidate, rows: Array, seed: int) -> dict[str, Any]:
        params, trials = {**self.params[library.name], **source.params}, self.store.settings["tune"]
        if not trials or source.train is not None:
            return params
        return tuned(library, source, self.problem, rows, params, trials, self.store.settings["tune_for"], seed, self.told)

    def _measured(
        self, candidate: Candidate, stop: Part, held_out: Predicted, test: Part, tested: Predicted
    ) -> dict[str, Any]:
        task = self.problem.task
        by_rule = {
            rule: decide(task, tested.probability, tuned_for(Decision.of(rule), task, held_out.probability, stop.label))
            for rule in ("f1", "balanced_accuracy")
        }
        decided = by_rule[candidate.thresholds] if candidate.thresholds else tested.decided
        found: dict[str, Any] = {
            **metrics.of_probabilities(task, test.label, tested.probability, self.store.settings["precision"]),
            **metrics.of_decisions(task, test.label, decided),
            "macro_f1_tuned": metrics.of_decisions(task, test.label, by_rule["f1"])["macro_f1"],
        }
        by_recall = metrics.of_decisions(task, test.label, by_rule["balanced_accuracy"])
        return {**found, "balanced_accuracy_tuned": by_recall["balanced_accuracy"], "decided": decided.astype(np.int16)}


def _libraries(wanted: Any) -> list[Library]:
    if wanted is None:
        wanted = "xgboost" if importlib.util.find_spec("xgboost") else "lightgbm"
    names = list(LIBRARIES) if wanted == "both" else [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in LIBRARIES:
            raise ValueError(f"library is {name!r}; give 'xgboost', 'lightgbm' or 'both'.")
        if importlib.util.find_spec(name) is None:
            raise ImportError(f"library is {name!r}, which is not installed; pip install 'boost-imbalance[{name}]'.")
    return [LIBRARIES[name] for name in names]


def _params(libraries: list[Library], params: Any, n_jobs: int | None) -> dict[str, dict[str, Any]]:
    """The parameters by library: its usual ones, and those of the user over them."""
    if not isinstance(params, (Mapping, type(None))):
        raise TypeError(f"params is {params!r}; give a dict, such as {{'max_depth': 3}}.")
    params = dict(params or {})
    for name, value in params.items():
        if isinstance(value, Mapping) != (name in LIBRARIES):
            raise ValueError(
                f"params holds {value!r} as {name!r}; of two libraries give {{'xgboost': ..., 'lightgbm': ...}}."
            )
    by_library = any(name in LIBRARIES for name in params)
    if by_library and any(name not in LIBRARIES for name in params):
        raise ValueError("params holds names of libraries beside others; give {'xgboost': {...}, 'lightgbm': {...}}.")
    found = {}
    for library in libraries:
        own = dict(params.get(library.name, {})) if by_library else params
        for name in own:
            if name in _DECIDED:
                raise ValueError(
                    f"params holds {name!r}, by which {library.name} would not compare what it should; leave it out."
                )
            if name in _ALIASES:
                raise ValueError(f"params holds {name!r}; write {_ALIASES[name]!r}.")
        own = {name: value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value for name, value in own.items()}
        found[library.name] = {**library.defaults, **({} if n_jobs is None else {"n_jobs": n_jobs}), **own}
    return found


def _check_numbers(folds: Any, repeats: Any, tune: Any, seed: Any, precision: Any, confidence: Any) -> None:
    for name, value, least in (("folds", folds, 2), ("repeats", repeats, 1), ("tune", tune, 0), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} is {value!r}; give a whole number.")
        if value < least:
            raise ValueError(f"{name} is {value!r}; give at least {least}.")
    for name, value in (("precision", precision), ("confidence", confidence)):
        if not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{name} is {value!r}; give a number between 0 and 1.")
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value!r}; give a number between 0 and 1.")


def _require(candidates: list[Candidate], tune: int, progress: bool) -> None:
    needed = {"pandas": True, "rich": progress, "optuna": tune > 0}
    needed["imblearn"] = any(candidate.balance in ("over", "under") for candidate in candidates)
    for name, wanted in needed.items():
        if wanted and importlib.util.find_spec(name) is None:
            raise ImportError(f"compare needs {name}; install it with pip install 'boost-imbalance[compare]'.")


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it, such that it equals itself when read again."""
    value = value.item() if isinstance(value, np.generic) else value
    finite = isinstance(value, float) and np.isfinite(value)  # NaN would differ from itself
    return value if finite or value is None or isinstance(value, (bool, int, str)) else repr(value)
