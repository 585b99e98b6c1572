"""A classifier for the labels that a user has, trained as it was compared: on 0 and 1, the positive class as 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from boost_imbalance.estimators.targets import Target, as_array, labelled

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
        array, known = as_array(y).reshape(-1), labelled(y, np.nan)
        rows = np.arange(len(array)) if known is None else known
        target = Target.of(array[rows], self.classes, np.nan)
        code, _ = target.encode(array[rows], "y")
        positive = code == target.class_index(self.classes[1], "classes")
        label = positive.astype(np.int64) if known is None else np.full(len(array), np.nan)
        label[rows] = positive
        self.classes_ = target.classes
        self.estimator_ = clone(self.estimator).fit(X, label, **fit_params)
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
