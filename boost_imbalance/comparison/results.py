"""A comparison's results: means, paired differences, and what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from boost_imbalance.comparison.candidates import BASELINE, BASELINES
from boost_imbalance.comparison.fitting import LIBRARIES
from boost_imbalance.comparison.goals import Goal
from boost_imbalance.comparison.metrics import METRICS, Metric
from boost_imbalance.comparison.statistics import Difference, paired
from boost_imbalance.comparison.store import Store
from boost_imbalance.estimators.population import adapted
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import DecisionLike

if TYPE_CHECKING:
    import pandas

Array = npt.NDArray[Any]

_FEW = 20
"""Rows of a class below which nothing that is measured of it can be relied on."""

_FEW_ALARMS = 20
"""Alarms of 1000 rows below which they are given to a tenth."""

_SAME_ORDER = 0.999
"""Spearman's correlation with the built-in objective's predictions above which a loss is called no other ranking."""

ALL_ROWS = -1
"""Stands in a record for the number of a repeat where a candidate was tuned on all rows."""


class Results:
    """Settings and records of a comparison, and the statistics of their differences.

    Attributes
    ----------
    settings : dict
        Data, candidates, folds and parameters that were compared.
    goal : Goal
        What candidates are decided and recommended for.
    """

    def __init__(self, store: Store, goal: Goal | None = None) -> None:
        self._store = store
        self.goal = Goal(**store.settings["goal"]) if goal is None else goal
        self.settings = {**store.settings, "goal": self.goal._asdict()}
        self._found_for_goal: dict[tuple[str, str, str], dict[str, Array]] = {}

    @property
    def records(self) -> list[dict[str, Any]]:
        """One record for each library, candidate, repeat and fold that was measured."""
        return [r for r in self._store.records if "error" not in r and r["repeat"] != ALL_ROWS]

    def records_of(self, candidate: str, library: str | None = None) -> list[dict[str, Any]]:
        """The :attr:`records` of one candidate with one library."""
        key = self._library(library), candidate
        return [r for r in self.records if (r["library"], r["candidate"]) == key]

    def tuned_on_all(self, candidate: str, library: str | None = None) -> list[dict[str, Any]]:
        """The record of a study on all rows, in a list: empty but for the recommended candidate of a tuned comparison."""
        key = (self._library(library), candidate, ALL_ROWS)
        return [r for r in self._store.records if (r["library"], r["candidate"], r["repeat"]) == key]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Candidates that failed: ``library``, ``candidate``, in how many ``folds``, and the last ``error``."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for r in self._store.records:
            if "error" in r:
                key = r["library"], r["candidate"]
                folds = found[key]["folds"] + 1 if key in found else 1
                found[key] = {"library": key[0], "candidate": key[1], "folds": folds, "error": r["error"]}
        return list(found.values())

    @property
    def columns(self) -> dict[str, Any]:
        """The features' ``columns`` (name, type, missing, distinct, example), and ``findings`` with their remedies."""
        return self._store.columns

    @property
    def task(self) -> Task:
        """The task: binary, multi-class or multi-label."""
        return Task(self.settings["task"])

    @property
    def libraries(self) -> list[str]:
        """Names of the libraries that were compared."""
        return list(self.settings["libraries"])

    @property
    def candidates(self) -> list[str]:
        """Names of the candidates, baselines first."""
        return list(self.settings["candidates"])

    @property
    def losses(self) -> list[str]:
        """Names of the candidates that have a loss of this package."""
        return list(self.settings["losses"])

    @property
    def planned(self) -> int:
        """How many records a complete comparison has."""
        s = self.settings
        return int(len(s["libraries"]) * len(s["candidates"]) * s["repeats"] * s["folds"])

    @property
    def metrics(self) -> dict[str, Metric]:
        """What was measured: of the decisions for the goal, then what no goal changes."""
        return {**self.goal.metrics, **METRICS}

    @property
    def complete(self) -> bool:
        """True if every candidate was trained on every fold."""
        return len(self.records) + sum("error" in r for r in self._store.records) >= self.planned

    @property
    def label(self) -> Array:
        """Labels as codes, int64 of shape (n,), or float64 of shape (n, labels) with NaN for missing ones."""
        return self._store.label

    def out_of_fold(self, candidate: str, library: str | None = None) -> dict[str, Array]:
        """Predictions of each row by the model of the first repeat that had not seen it.

        Returns
        -------
        dict of ndarray
            ``rows`` (row numbers, among those with a label), ``probability`` (calibrated, float32 of shape (m,),
            (m, classes) or (m, labels)), ``decided`` (codes) and ``fold``, the number of the fold that a row was tested in.
        """
        return self._store.out_of_fold(self._library(library), self._candidate(candidate))

    def values(self, candidate: str, metric: str, library: str | None = None) -> Array:
        """A metric on each fold of each repeat, float64 of shape (repeats * folds,); NaN where it is not known."""
        if metric not in self.metrics:
            raise ValueError(f"metric is {metric!r}; give one of {', '.join(map(repr, self.metrics))}.")
        if metric in self.goal.metrics:
            return self._for_goal(self._candidate(candidate), self._library(library))[metric]
        found = np.full((self.settings["repeats"], self.settings["folds"]), np.nan)
        for r in self.records_of(self._candidate(candidate), library):
            found[r["repeat"], r["fold"]] = r[metric]
        return found.ravel()

    def decided(self, candidate: str, library: str | None = None) -> dict[str, Array]:
        """What is decided for the goal of each row by the model of the first repeat that had not seen it.

        Returns
        -------
        dict of ndarray
            ``rows`` (row numbers, among those with a label) and ``decided`` (codes).
        """
        parts = self._decided_in_folds(self._candidate(candidate), self._library(library), 0)
        if not parts:
            return {"rows": np.empty(0, np.int64)}
        rows, codes = (np.concatenate([part[name] for part in parts.values()]) for name in ("rows", "decided"))
        order = np.argsort(rows)
        return {"rows": rows[order], "decided": codes[order]}

    def decision(self, candidate: str, library: str | None = None) -> DecisionLike:
        """``decision=`` of the classifier to deploy: the thresholds that serve the goal best on all held-out rows.

        Each row counts with the probability that the model of the first repeat gave it which had not seen it. It is
        ``"posterior"`` where thresholds tuned for F1 or balanced accuracy do no better on average than none, and without any
        predictions the goal itself, for which ``fit`` then tunes.
        """
        candidate, library = self._candidate(candidate), self._library(library)
        parts = self._store.parts(library, candidate, 0)
        if not parts:
            return cast(DecisionLike, self.goal.decision)
        if self.leaves_thresholds(library) and not self._is_weighted(candidate):
            return "posterior"
        return cast(DecisionLike, self.goal.delivered(self.task, self._thresholds(parts, candidate, library)))

    def decisions_of_folds(self, candidate: str, library: str | None = None) -> list[Any]:
        """:meth:`decision` of each fold of the first repeat, chosen by the rows of the other folds."""
        candidate, library = self._candidate(candidate), self._library(library)
        parts = self._store.parts(library, candidate, 0)
        deciding = [rest for fold in parts if (rest := self._deciding(parts, fold))]
        return [self.goal.delivered(self.task, self._thresholds(rest, candidate, library)) for rest in deciding]

    def _deciding(self, parts: dict[int, dict[str, Array]], fold: int) -> dict[int, dict[str, Array]]:
        """The folds whose rows may choose the thresholds of one: the others, or in time those before."""
        return {one: part for one, part in parts.items() if (one < fold if self._forward else one != fold)}

    def leaves_thresholds(self, library: str) -> bool:
        """Whether the built-in objective's own rule is better on average than thresholds tuned for F1 or balanced accuracy.

        It is where classes have too few rows for a threshold of their own. A promise is kept, whatever that costs.
        """
        if self.goal.rule.kind not in ("f1", "balanced_accuracy"):
            return False
        gained = self._for_goal(BASELINE, library, "tuned")["goal"] - self._for_goal(BASELINE, library, "own")["goal"]
        return bool(np.isfinite(gained).any() and np.nanmean(gained) <= 0.0)

    @staticmethod
    def _is_weighted(candidate: str) -> bool:
        """Whether a baseline weights the classes, so that its own rule is not that of its calibrated probabilities."""
        return candidate in BASELINES and BASELINES[candidate].balance == "weights"

    def _decided_in_folds(
        self, candidate: str, library: str, repeat: int, rule: str = "deployed"
    ) -> dict[int, dict[str, Array]]:
        """Rows, probabilities and decisions of each fold that has others to choose its thresholds, or needs none.

        ``rule`` is ``"deployed"``, ``"tuned"``, whether or not tuned thresholds are better than none, or ``"own"``, as the
        candidate decides by itself.
        """
        parts, found = self._store.parts(library, candidate, repeat), {}
        thresholds = self._thresholds if rule == "deployed" else self._tuned
        for fold, part in parts.items():
            deciding = self._deciding(parts, fold)
            if rule == "own" and (deciding or not self._forward):
                found[fold] = part
            elif rule != "own" and (deciding or self.goal.rule.kind == "cost"):
                p = self.calibrated(candidate, part["probability"])
                decided = self.goal.decide(self.task, p, thresholds(deciding, candidate, library))
                found[fold] = {"rows": part["rows"], "probability": p, "decided": decided}
        return found

    def _thresholds(self, parts: dict[int, dict[str, Array]], candidate: str, library: str) -> Array | None:
        """Those to decide by; one half where none is moved."""
        if parts and self.leaves_thresholds(library):
            return np.full(1 if self.task is Task.BINARY else len(self.settings["classes"]), 0.5)
        return self._tuned(parts, candidate, library)

    def _tuned(self, parts: dict[int, dict[str, Array]], candidate: str, library: str) -> Array | None:
        """The thresholds that serve the goal best on these parts; None under costs, which need none."""
        if not parts:
            return None
        rows, p = (np.concatenate([part[name] for part in parts.values()]) for name in ("rows", "probability"))
        return self.goal.thresholds(self.task, self.calibrated(candidate, p), self.label[rows])

    def calibrated(self, candidate: str, probability: Array) -> Array:
        """Probabilities as the classifier to deploy has them: without the effect of class weights or of sampled rows."""
        p = probability.astype(np.float64)
        if candidate not in BASELINES or BASELINES[candidate].balance is None:
            return p
        if self.task is Task.BINARY:
            return np.asarray(adapted(np.column_stack([1.0 - p, p]), self.shares)[:, 1])
        return np.asarray(adapted(p, self.shares))

    @property
    def shares(self) -> Array:
        """Share of the rows that each class has."""
        return np.asarray(np.array(self.settings["counts"]) / self.settings["rows"])

    @property
    def _rarest(self) -> int:
        """The class or label with the fewest rows."""
        return int(np.argmin(self.settings["counts"]))

    def _for_goal(self, candidate: str, library: str, rule: str = "deployed") -> dict[str, Array]:
        """The goal's metrics on each fold; ``rule`` as of :meth:`_decided_in_folds`."""
        key = library, candidate, rule
        if key not in self._found_for_goal:
            rare = 1 if self.task is Task.BINARY else self._rarest
            shape = self.settings["repeats"], self.settings["folds"]
            found = {metric: np.full(shape, np.nan) for metric in (*self.goal.metrics, "alarms")}
            for repeat in range(self.settings["repeats"]):
                for fold, part in self._decided_in_folds(candidate, library, repeat, rule).items():
                    label, p, decided = self.label[part["rows"]], part["probability"], part["decided"]
                    for name, value in self.goal.measured(self.task, label, p, decided, rare).items():
                        found[name][repeat, fold] = value
            self._found_for_goal[key] = {name: values.ravel() for name, values in found.items()}
        return self._found_for_goal[key]

    def mean(self, candidate: str, metric: str, library: str | None = None) -> float:
        """The mean of a metric over the folds that were measured; NaN if none was."""
        values = self.values(candidate, metric, library)
        values = values[np.isfinite(values)]
        return float(values.mean()) if len(values) else float("nan")

    def importance(self, candidate: str, library: str | None = None) -> Array:
        """Each feature's share of what the splits gain, float64 of shape (trainings, features), NaN where not known."""
        shape = self.settings["repeats"] * self.settings["folds"], self.settings["features"]
        found = np.full(shape, np.nan)
        for r in self.records_of(self._candidate(candidate), library):
            if r.get("importance") is not None:
                found[r["repeat"] * self.settings["folds"] + r["fold"]] = r["importance"]
        return found

    def difference(self, candidate: str, metric: str, library: str | None = None, baseline: str = BASELINE) -> Difference:
        """The difference in a metric to the baseline on the same folds, with its interval.

        Parameters
        ----------
        candidate, metric : str
        library : str, optional
            Needed if both were compared.
        baseline : str

        Returns
        -------
        Difference
            It has ``mean``, ``half``, ``low``, ``high`` and ``verdict``.
        """
        own, base = self.values(candidate, metric, library), self.values(baseline, metric, library)
        return paired(own, base, self._test_share, self._confidence, self._compared)

    def table(self, baseline: str = BASELINE) -> pandas.DataFrame:
        """Means and differences as a data frame, one row for each library and candidate.

        Parameters
        ----------
        baseline : str
            The candidate that differences are taken to.

        Returns
        -------
        pandas.DataFrame
            Columns ``library``, ``candidate`` and, for each metric, ``<metric>``, its mean, and ``<metric>_difference``,
            ``_low``, ``_high`` and ``_verdict``.
        """
        import pandas

        rows = []
        for library in self.libraries:
            for candidate in self.candidates:
                row: dict[str, Any] = {"library": library, "candidate": candidate}
                for name, metric in self.metrics.items():
                    row[name] = self.mean(candidate, name, library)
                    difference = self.difference(candidate, name, library, baseline)
                    row |= {f"{name}_difference": difference.mean, f"{name}_low": difference.low}
                    row |= {f"{name}_high": difference.high}
                    row[f"{name}_verdict"] = "" if candidate == baseline else difference.verdict(metric.larger_is_better)
                rows.append(row)
        return pandas.DataFrame(rows)

    def wins(self, metric: str, library: str | None = None, baseline: str = BASELINE) -> list[str]:
        """The losses that are better than the baseline beyond noise, the best first."""
        return self._better(self.losses, metric, library, baseline)

    def _better(self, names: list[str], metric: str, library: str | None, baseline: str = BASELINE) -> list[str]:
        larger = self.metrics[metric].larger_is_better
        won = [name for name in names if self.difference(name, metric, library, baseline).verdict(larger) == "better"]
        return sorted(won, key=lambda name: self.difference(name, metric, library, baseline).mean, reverse=larger)

    def recommended(self, library: str | None = None) -> str:
        """The best for the goal of the candidates that beat the built-in objective beyond noise; if none does, that one.

        The built-in objective's decisions are made for the goal as well. Models of your own are not recommended.
        """
        won = self._better([name for name in self.candidates if self._is_ours(name)], "goal", library)
        return won[0] if won else BASELINE

    def _is_ours(self, candidate: str) -> bool:
        return candidate in BASELINES or candidate in self.losses

    @property
    def best_library(self) -> str:
        """The library whose recommended candidate serves the goal best on average."""
        sign = 1.0 if self.metrics["goal"].larger_is_better else -1.0
        means = {library: sign * self.mean(self.recommended(library), "goal", library) for library in self.libraries}
        return max(self.libraries, key=lambda library: np.nan_to_num(means[library], nan=-np.inf))

    def deployment(self, library: str | None = None) -> str:
        """What to deploy, what it finds and at which price on rows that it has not seen, beside the built-in at 0.5.

        Parameters
        ----------
        library : str, optional
            Default: that of the two which serves the goal best.

        Returns
        -------
        str
            A few sentences. Each ``±`` is half an interval at the comparison's confidence, for the mean over folds.
        """
        library = self.best_library if library is None else self._library(library)
        name = self.recommended(library)
        figures = self._for_goal(name, library)
        if np.isfinite(figures["goal"]).sum() < 2:
            return f"Nothing to deploy yet: {name} ({LIBRARIES[library].title}) was not measured on two folds."
        unmet = self._unmet(name, library)
        if unmet:
            return unmet
        usual = "By its largest probability" if self.task is Task.MULTICLASS else "At 0.5"
        plain = self._in_words(self._for_goal(BASELINE, library, "own"), not self.goal.is_ranking)
        found = f"of 1000 rows that it has not seen, it {self._in_words(figures)}"
        if self._ranks_at_random(library):
            return (
                f"Deploy nothing yet: on rows that it has not seen, no candidate ({LIBRARIES[library].title}) ranks the "
                f"positive ones above the others more often than chance does."
            )
        model = f"{name} ({LIBRARIES[library].title}) with {self._rule_in_words(name, library)}"
        beside = "" if name == BASELINE and self.leaves_thresholds(library) else f" {usual}, built-in {plain}."
        return f"Deploy {model}: {found}.{beside}{self._beside(library)}{self._given_away()}"

    def _unmet(self, name: str, library: str) -> str:
        """That no threshold keeps what the goal promises, if none does."""
        if self.task is not Task.BINARY or not self.goal.is_ranking:
            return ""
        decision: Any = self.decision(name, library)
        threshold = decision["threshold"]
        alarms = {True: "no row is", False: "every row is"}[threshold > 0.5]
        if 1e-6 < threshold < 1.0 - 1e-6:
            return ""
        return (
            f"Deploy nothing for {self.goal.text}: no threshold of {name} ({LIBRARIES[library].title}) keeps that on the "
            f"rows that were held out, so that {alarms} an alarm. Ask for less, or bring more rows."
        )

    def _given_away(self) -> str:
        """What all of it rests on, if a column gives the target away."""
        leaks = [name for one in self.columns.get("findings", []) if one["kind"] == "leak" for name in one["columns"]]
        if not leaks:
            return ""
        named = (
            f"column {leaks[0]!r}, which alone ranks" if len(leaks) == 1 else f"columns {leaks!r}, each of which alone ranks"
        )
        return f" All of this rests on {named} the target almost perfectly: is it known before the outcome?"

    def _in_words(self, figures: dict[str, Array], judged: bool = True) -> str:
        """What is found and at which price, and if ``judged`` how well that serves the goal."""

        def mean(metric: str, scale: float = 1.0, digits: int = 0, unit: str = "") -> str:
            found = paired(scale * figures[metric], np.zeros(len(figures[metric])), self._test_share, self._confidence)
            half = "" if np.isnan(found.half) else f" ± {found.half:.{digits}f}{unit}"
            if unit and found.half > scale:
                half = ""  # so few rows that it would say nothing
            return f"{found.mean:.{digits}f}{unit}{half}"

        classes, goal = self.settings["classes"], self.metrics["goal"]
        about = {
            Task.BINARY: f"of {classes[-1]!r}",
            Task.MULTICLASS: f"of {classes[self._rarest]!r}, the rarest class",
            Task.MULTILABEL: "of the labels",
        }[self.task]
        digits = 1 if np.nanmean(figures["alarms"]) < _FEW_ALARMS else 0
        served = f" ({goal.title} {mean('goal', digits=min(goal.digits, 3))})" if judged else ""
        return (
            f"raises {mean('alarms', digits=digits)} alarms, {mean('false_alarms', digits=digits)} of them false, and finds "
            f"{mean('found', 100.0, unit='%')} {about}{served}"
        )

    def _rule_in_words(self, name: str, library: str) -> str:
        found: Any = self.decision(name, library)
        if "cost" in found:
            return "the decision of the smallest expected cost"
        if self.leaves_thresholds(library):
            own = "the class of the largest probability" if self.task is Task.MULTICLASS else "the decision at 0.5"
            return f"{own}, which thresholds tuned for {self.goal.text} do not beat on average"
        values = np.atleast_1d(found["threshold"])
        aim = f"tuned for {self.goal.text}"
        if self.task is Task.BINARY:
            return f"an alarm above a probability of {values[0]:.3g}, {aim}"
        if self.task is Task.MULTICLASS:
            return f"the class of the largest probability over its threshold, {aim}"
        return f"thresholds from {values.min():.3g} to {values.max():.3g}, {aim}"

    def _beside(self, library: str) -> str:
        """What the other library does, if it took part."""
        others = [one for one in self.libraries if one != library]
        if not others:
            return ""
        own, (other,) = self.recommended(library), others
        base = self._for_goal(self.recommended(other), other)["goal"]
        found = paired(self._for_goal(own, library)["goal"], base, self._test_share, self._confidence)
        if np.isnan(found.half):
            return ""
        verdict = found.verdict(self.metrics["goal"].larger_is_better)
        metric = self.metrics["goal"]
        rival = f"{self.recommended(other)} ({LIBRARIES[other].title})"
        said = f" Beside {rival} that is {_signed(found, metric.digits)} of {metric.title}"
        return f"{said}{', a tie' if verdict == 'tie' else ''}."

    def conclusion(self, library: str | None = None) -> list[str]:
        """A few sentences on what the differences say.

        Returns
        -------
        list of str
        """
        library = self._library(library)
        beside = [name for name in self.candidates if name != BASELINE]
        if all(np.isnan(self.difference(name, "log_loss", library).half) for name in beside):
            return ["No loss was measured on two folds beside the built-in objective; nothing can be said of the losses."]
        said = self._doubts(library)
        for metric in ("average_precision", "log_loss") if self.losses else ():
            title, won = METRICS[metric].title, self.wins(metric, library)
            if not won:
                said.append(f"No loss beats the built-in objective in {title} beyond noise.")
                continue
            difference = self.difference(won[0], metric, library)
            others = f" So do {', '.join(won[1:])}." if len(won) > 1 else ""
            said.append(f"{won[0]} beats the built-in objective in {title}: {_signed(difference)}.{others}")
        said.append(self._about_the_goal(library))
        own = [name for name in self.candidates if not self._is_ours(name)]
        for name in self._better(own, "goal", library):
            title = self.metrics["goal"].title
            said.append(
                f"Your {name} beats the built-in objective in {title}: {_signed(self.difference(name, 'goal', library))}."
            )
        alike = self._ranks_alike(library)
        if alike:
            said.append(
                f"These rank the rows as the built-in objective does, and change at most a threshold: {', '.join(alike)}."
            )
        if self.task is Task.MULTILABEL:
            said.append("No weighting or sampling of rows is a baseline here: they apply to one label at a time.")
        return [sentence for sentence in said if sentence]

    def _about_the_goal(self, library: str) -> str:
        """What the decision gains, and what a loss or a baseline adds to that."""
        metric, base = self.metrics["goal"], self._for_goal(BASELINE, library)["goal"]
        plain = self._for_goal(BASELINE, library, "own")["goal"]
        if np.isnan(base - plain).all():
            return ""
        won = self._better([name for name in self.candidates if self._is_ours(name)], "goal", library)
        if won:
            added = f"{won[0]}, decided likewise, adds {_signed(self.difference(won[0], 'goal', library), metric.digits)}"
        else:
            added = "decided likewise, no other candidate adds to that beyond noise"
        if self.goal.is_ranking:
            return f"The built-in objective has a {metric.title} of {np.nanmean(base):.{metric.digits}f}; {added}."
        if self.leaves_thresholds(library):
            return f"Thresholds tuned for {self.goal.text} do no better than none on average, so none is moved; {added}."
        gained = paired(base, plain, self._test_share, self._confidence, self._compared)
        gain = _signed(gained, metric.digits)
        return f"Deciding for the goal changes the built-in objective's {metric.title} by {gain}; {added}."

    def _doubts(self, library: str) -> list[str]:
        """Where there is too little to learn from, or to tell by."""
        fewest, name = self.settings["counts"][self._rarest], self.settings["classes"][self._rarest]
        if fewest >= _FEW:
            return []
        return [f"Only {fewest} rows are {name!r}: figures and thresholds of so few are a matter of luck."]

    def _ranks_at_random(self, library: str) -> bool:
        """Whether of no class or label any candidate's held-out predictions tell the rows apart beyond noise.

        By the test of Mann and Whitney, at the comparison's confidence for all candidates and classes together.
        """
        from scipy.stats import mannwhitneyu

        chances, tried = [], 0
        for name in self.candidates:
            one = self.out_of_fold(name, library)
            if not len(one["rows"]):
                continue
            label, p = self.label[one["rows"]], one["probability"].reshape(len(one["rows"]), -1)
            for k in range(p.shape[1]):
                truth = label == k if self.task is Task.MULTICLASS else label.reshape(len(label), -1)[:, k]
                positive, negative = p[truth == 1, k], p[truth == 0, k]
                if len(positive) and len(negative):
                    tried += 1
                    chances.append(float(mannwhitneyu(positive, negative, alternative="greater").pvalue))
        return bool(chances) and min(chances) * tried > 1.0 - self._confidence

    def _ranks_alike(self, library: str) -> list[str]:
        """The losses whose held-out predictions are in the built-in objective's order, or next to it."""
        from scipy.stats import spearmanr

        base, found = self.out_of_fold(BASELINE, library), []
        for name in self.losses:
            own = self.out_of_fold(name, library)
            if not np.array_equal(own["rows"], base["rows"]) or not len(own["rows"]):
                continue
            columns = zip(*(one["probability"].reshape(len(one["rows"]), -1).T for one in (own, base)), strict=True)
            with np.errstate(all="ignore"):
                alike = [spearmanr(p, q).statistic for p, q in columns]
            if np.nanmin(alike) >= _SAME_ORDER:
                found.append(name)
        return found

    def paired(self, values: Array, base: Array, compared: int) -> Difference:
        """The mean difference of two figures over the trainings, with the interval of so many that hold together."""
        return paired(values, base, self._test_share, self._confidence, compared)

    @property
    def _confidence(self) -> float:
        return float(self.settings["confidence"])

    @property
    def _compared(self) -> int:
        """How many differences of a column hold together."""
        return max(1, len(self.candidates) - 1)

    @property
    def _forward(self) -> bool:
        """True if folds go forward in time, so that only the folds before may decide how a fold is decided."""
        return bool(self.settings.get("forward"))

    @property
    def _test_share(self) -> float:
        """The mean over records of ``n_test / n_train``; NaN without records."""
        sizes = [r["n_test"] / r["n_train"] for r in self.records]
        return float(np.mean(sizes)) if sizes else float("nan")

    def _library(self, library: str | None) -> str:
        known = self.libraries
        if library is None and len(known) == 1:
            return known[0]
        if library not in known:
            raise ValueError(f"library is {library!r}; give {' or '.join(map(repr, known))}.")
        return str(library)

    def _candidate(self, candidate: str) -> str:
        if candidate not in self.candidates:
            raise ValueError(f"candidate is {candidate!r}; give one of {', '.join(map(repr, self.candidates))}.")
        return candidate


def _signed(difference: Difference, digits: int = 4) -> str:
    return f"{difference.mean:+.{digits}f}" + ("" if np.isnan(difference.half) else f" ± {difference.half:.{digits}f}")
