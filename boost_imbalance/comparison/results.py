"""A comparison's results: means, paired differences, and what follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from boost_imbalance.comparison.candidates import BASELINE
from boost_imbalance.comparison.metrics import METRICS
from boost_imbalance.comparison.statistics import Difference, paired
from boost_imbalance.comparison.store import Store
from boost_imbalance.losses.labels import Task

if TYPE_CHECKING:
    import pandas

Array = npt.NDArray[Any]

ALL_ROWS = -1
"""Stands in a record for the number of a repeat where a candidate was tuned on all rows."""


class Results:
    """Settings and records of a comparison, and the statistics of their differences.

    Attributes
    ----------
    settings : dict
        Data, candidates, folds and parameters that were compared.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.settings = store.settings

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
            (m, classes) or (m, labels)) and ``decided`` (codes).
        """
        return self._store.out_of_fold(self._library(library), self._candidate(candidate))

    def values(self, candidate: str, metric: str, library: str | None = None) -> Array:
        """A metric on each fold of each repeat, float64 of shape (repeats * folds,); NaN where it is not known."""
        if metric not in METRICS:
            raise ValueError(f"metric is {metric!r}; give one of {', '.join(map(repr, METRICS))}.")
        found = np.full((self.settings["repeats"], self.settings["folds"]), np.nan)
        for r in self.records_of(self._candidate(candidate), library):
            found[r["repeat"], r["fold"]] = r[metric]
        return found.ravel()

    def mean(self, candidate: str, metric: str, library: str | None = None) -> float:
        """The mean of a metric over the folds that were measured; NaN if none was."""
        values = self.values(candidate, metric, library)
        values = values[np.isfinite(values)]
        return float(values.mean()) if len(values) else float("nan")

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
        return paired(own, base, self._test_share, self.settings["confidence"], max(1, len(self.candidates) - 1))

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
                for name, metric in METRICS.items():
                    row[name] = self.mean(candidate, name, library)
                    difference = self.difference(candidate, name, library, baseline)
                    row |= {f"{name}_difference": difference.mean, f"{name}_low": difference.low}
                    row |= {f"{name}_high": difference.high}
                    row[f"{name}_verdict"] = "" if candidate == baseline else difference.verdict(metric.larger_is_better)
                rows.append(row)
        return pandas.DataFrame(rows)

    def wins(self, metric: str, library: str | None = None, baseline: str = BASELINE) -> list[str]:
        """The losses that are better than the baseline beyond noise, the best first."""
        larger = METRICS[metric].larger_is_better
        won = [name for name in self.losses if self.difference(name, metric, library, baseline).verdict(larger) == "better"]
        return sorted(won, key=lambda name: self.difference(name, metric, library, baseline).mean, reverse=larger)

    def recommended(self, library: str | None = None) -> str:
        """The best by ``tune_for`` of the losses that beat the built-in objective beyond noise; if none does, that one."""
        won = self.wins(self.settings["tune_for"], library)
        return won[0] if won else BASELINE

    def conclusion(self, library: str | None = None) -> list[str]:
        """A few sentences on what the differences say.

        Returns
        -------
        list of str
        """
        library = self._library(library)
        if all(np.isnan(self.difference(name, "log_loss", library).half) for name in self.losses):
            return ["No loss was measured on two folds beside the built-in objective; nothing can be said of the losses."]
        said = []
        for metric in ("average_precision", "log_loss"):
            title, won = METRICS[metric].title, self.wins(metric, library)
            if not won:
                said.append(f"No loss beats the built-in objective in {title} beyond noise.")
                continue
            difference = self.difference(won[0], metric, library)
            others = f" So do {', '.join(won[1:])}." if len(won) > 1 else ""
            said.append(f"{won[0]} beats the built-in objective in {title}: {_signed(difference)}.{others}")
        thresholds = [("macro_f1", "macro_f1_tuned"), ("balanced_accuracy", "balanced_accuracy_tuned")]
        for plain, tuned in thresholds:
            if all(np.isnan(self.values(BASELINE, tuned, library))):
                continue
            gained = self._gain(plain, tuned, library)
            won = self.wins(tuned, library)
            moved = f"Moving the built-in objective's threshold changes its {METRICS[plain].title} by {_signed(gained)}"
            if won:
                best = self.difference(won[0], tuned, library)
                said.append(f"{moved}; {won[0]} with a threshold moved likewise adds {_signed(best)}.")
            else:
                said.append(f"{moved}; with thresholds moved likewise, no loss adds to that beyond noise.")
        if self.task is Task.MULTILABEL:
            said.append("No weighting or sampling of rows is a baseline here: they apply to one label at a time.")
        return said

    def _gain(self, before: str, after: str, library: str) -> Difference:
        """The built-in objective's difference from one metric to another, such as the same with tuned thresholds."""
        own, base = self.values(BASELINE, after, library), self.values(BASELINE, before, library)
        return paired(own, base, self._test_share, self.settings["confidence"])

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


def _signed(difference: Difference) -> str:
    return f"{difference.mean:+.4f}" + ("" if np.isnan(difference.half) else f" ± {difference.half:.4f}")
