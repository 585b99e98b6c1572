"""The comparison that a user gets: its results, in every form in which they are wanted."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from boost_imbalance.comparison.code import code, estimator, save
from boost_imbalance.comparison.deployed import TwoClasses
from boost_imbalance.comparison.goals import Goal
from boost_imbalance.comparison.report import html
from boost_imbalance.comparison.results import Results
from boost_imbalance.comparison.store import Store
from boost_imbalance.losses.labels import Task
from boost_imbalance.types import Classifier, DecisionLike, FeaturesLike, LabelsLike, PathLike

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Self


class Comparison(Results):
    """The result of :func:`boost_imbalance.compare`.

    Attributes
    ----------
    settings : dict
        Data, candidates, folds and parameters that were compared.
    records : list of dict
        One record for each library, candidate, repeat and fold.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from boost_imbalance import compare
    >>> X, y = make_classification(400, weights=[0.9], random_state=0)
    >>> found = compare(X, y, losses=["focal"], baselines=[], folds=3, repeats=1, progress=False)
    >>> found.difference("focal", "log_loss").verdict(larger_is_better=False) in ("better", "tie", "worse")
    True
    """

    @classmethod
    def read(cls, folder: PathLike) -> Self:
        """The comparison that ``compare(..., output=folder)`` has left, complete or not.

        Parameters
        ----------
        folder : path

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        return cls(Store.read(folder))

    def for_goal(self, goal: DecisionLike | str) -> Self:
        """The same trainings, decided and recommended for another goal.

        Parameters
        ----------
        goal : str or dict
            As in :func:`boost_imbalance.compare`.
        """
        classes, rows = self.settings["classes"], self.settings["rows"]
        return type(self)(self._store, Goal.of(goal, self.task, classes, rows))

    def to_html(self, path: PathLike) -> None:
        """Write a report: one file that needs no network."""
        pathlib.Path(path).write_text(html(self), encoding="utf-8")

    def estimator(self, candidate: str | None = None, library: str | None = None) -> Classifier:
        """A classifier to train on all rows: the parameters compared, and as many rounds as the folds needed.

        It decides as the candidate was decided for the goal, by thresholds from all held-out rows (:meth:`decision`).

        Parameters
        ----------
        candidate : str, optional
            Default: the recommended one.
        library : str, optional

        Returns
        -------
        ImbalancedXGBClassifier or ImbalancedLGBMClassifier
            Not fitted; of a baseline that samples rows, the last step of a pipeline. It takes labels as they were given to
            ``compare``: where of two classes the positive one is not 1 beside 0, it stands in another classifier, as its
            ``estimator``, that writes them so.
        """
        chosen = self._chosen(candidate, library)
        made: Classifier = estimator(self, self._candidate(candidate or self.recommended(chosen)), chosen)
        classes = self.settings["classes"]
        return TwoClasses(made, classes) if self.task is Task.BINARY and classes != [0, 1] else made

    def save(
        self,
        folder: PathLike,
        X: FeaturesLike,
        y: LabelsLike,
        candidate: str | None = None,
        library: str | None = None,
    ) -> list[pathlib.Path]:
        """Fit :meth:`estimator` to all rows and write it, with its library's model file and the code that makes it.

        Parameters
        ----------
        folder : path
            Made if there is none.
        X, y
            As they were given to :func:`boost_imbalance.compare`; of two classes, the classifier that is written predicts 1
            for the positive one.
        candidate, library : str, optional
            As for :meth:`estimator`.

        Returns
        -------
        list of Path
            ``classifier.joblib``, the classifier; ``model.json`` (XGBoost) or ``model.txt`` (LightGBM), which predicts
            anywhere; ``classifier.py``, the code.

        Raises
        ------
        ValueError
            If the rows are not those that were compared.
        """
        chosen = self._chosen(candidate, library)
        return save(self, self._candidate(candidate or self.recommended(chosen)), chosen, pathlib.Path(folder), X, y)

    def code(self, candidate: str | None = None, library: str | None = None) -> str:
        """Python that makes :meth:`estimator`, to copy.

        Where there are two classes, it writes the labels as 0 and 1, as the losses saw them.
        """
        chosen = self._chosen(candidate, library)
        return code(self, self._candidate(candidate or self.recommended(chosen)), chosen)

    def _chosen(self, candidate: str | None, library: str | None) -> str:
        """The library that was asked for; of the recommended candidate, that which serves the goal best."""
        return self.best_library if candidate is library is None else self._library(library)

    def to_dict(self) -> dict[str, Any]:
        """Settings, table and records, as JSON can hold them."""
        table = self.table().to_dict(orient="records")
        return {
            "settings": self.settings,
            **self.columns,
            "complete": self.complete,
            "deployment": {library: self.deployment(library) for library in self.libraries},
            "conclusion": {library: self.conclusion(library) for library in self.libraries},
            "recommended": {library: self.recommended(library) for library in self.libraries},
            "table": _json(table),
            "records": [_json(record) for record in self.records],
            "errors": self.errors,
        }

    def to_json(self, path: PathLike) -> None:
        """Write :meth:`to_dict` as JSON."""
        pathlib.Path(path).write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def to_csv(self, path: PathLike) -> None:
        """Write :meth:`table` as CSV."""
        self.table().to_csv(path, index=False)

    def _repr_html_(self) -> str:
        return str(self._shown().to_html(index=False))

    def __repr__(self) -> str:
        said = [sentence for library in self.libraries for sentence in self.conclusion(library)]
        return "\n".join([self.deployment(), self._shown().to_string(index=False), *said])

    def _shown(self) -> pandas.DataFrame:
        """Means with their differences, as text."""
        import pandas

        rows = []
        for library in self.libraries:
            for candidate in self.candidates:
                row = {"library": library} if len(self.libraries) > 1 else {}
                row["candidate"] = candidate
                for name, metric in self.metrics.items():
                    mean, found = self.mean(candidate, name, library), self.difference(candidate, name, library)
                    mark = {"better": " +", "worse": " -", "tie": ""}[found.verdict(metric.larger_is_better)]
                    row[metric.title] = f"{mean:.{metric.digits}f}{mark}"
                rows.append(row)
        return pandas.DataFrame(rows)


def _json(value: Any) -> Any:
    """A value as JSON can hold it: None instead of NaN, text instead of objects."""
    if isinstance(value, dict):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(one) for one in value]
    if not isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)
    return None if isinstance(value, float) and not np.isfinite(value) else value
