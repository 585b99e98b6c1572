"""A classifier for the labels that a user has, trained as it was compared: on 0 and 1, the positive class as 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from boost_imbalance.estimators.targets import labelled

Array = npt.NDArray[Any]


class TwoClasses(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # of scikit-learn, without types
    """A classifier of 0 and 1, for labels of any two classes.

    Parameters
    ----------
    estimator : classifier
        Trained on 1 for the positive class, and 0.
    classes : list of two
        The negative class, then the positive one.

    Attributes
    ----------
    classes_ : ndarray
        Both in order, which is that of the columns of ``predict_proba``.
    estimator_ : classifier
        Fitted; it predicts 0 and 1.
    """

    def __init__(self, estimator: Any, classes: Any) -> None:
        self.estimator = estimator
        self.classes = classes

    def fit(self, X: Any, y: Any, **fit_params: Any) -> TwoClasses:
        """Train; rows without a label are left to the classifier, which leaves them out."""
        self.classes_ = np.array(sorted(self.classes))
        self.estimator_ = clone(self.estimator).fit(X, self._codes(y), **fit_params)
        return self

    def predict(self, X: Any) -> Array:
        """The class of each row, by the classifier's decision."""
        check_is_fitted(self)
        return np.asarray(np.array(self.classes)[np.asarray(self.estimator_.predict(X)).astype(np.intp)])

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities (n, 2), in the order of ``classes_``."""
        check_is_fitted(self)
        columns = [list(self.classes).index(one) for one in self.classes_.tolist()]
        return np.asarray(self.estimator_.predict_proba(X)[:, columns])

    def _codes(self, y: Any) -> Array:
        values = np.asarray(y, dtype=object).reshape(-1)
        is_class = np.array([[value is not None and value == one for one in self.classes] for value in values], dtype=bool)
        known = labelled(y, np.nan)
        missing = np.zeros(len(values), bool) if known is None else ~np.isin(np.arange(len(values)), known)
        unknown = ~is_class.any(axis=1) & ~missing
        if unknown.any():
            negative, positive = self.classes
            raise ValueError(
                f"y holds {values[unknown][0]!r}, but {negative!r} and {positive!r} were compared; give labels as they were."
            )
        return np.where(missing, np.nan, is_class[:, 1]) if missing.any() else is_class[:, 1].astype(np.int64)
