"""The parts of the two classifiers' docstrings that are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

C = TypeVar("C", bound=type)

_PARAMETERS = """Parameters
    ----------
    loss : Objective, optional
        Any of this package's; it is copied, so that one may go into several classifiers. Its own parameters are reached as
        ``loss__gamma`` and so on, by ``set_params`` and every search. Default: cross-entropy without weights;
        ``weighted_objective(None, hessian="exact")`` trains the library's own model.
    decision : str or dict
        How ``predict`` decides from calibrated probabilities. ``"posterior"``: the most probable class, or every label with
        a probability above 1/2; ``class_weight``, if given, multiplies the probabilities. ``"balanced"``: probability
        divided by the class's share in training. ``{"threshold": t}``: label 1 above ``t``, one number or one per label;
        with several classes, the largest probability divided by its threshold. ``{"cost": C}``: the smallest expected cost,
        ``C[true, predicted]``; of a multi-label task, of shape (2, 2) or (labels, 2, 2); costs of each row go to ``predict``
        and ``score``. ``"f1"``, ``"balanced_accuracy"``, ``{"recall": r}``: thresholds that held-out folds choose, for the
        best F1 of the positive class (of several, or of labels, the mean), the best balanced accuracy, or the best precision
        with at least this recall.
        ``{"precision": p}``, ``{"false_positive_rate": a}``, ``{"alarms": s}``: the most recall with at least this
        precision, at most this share of the negatives as false alarms, at most this share of all rows as alarms. With
        ``"confidence": c`` beside one of the four it holds beyond the held-out rows with this probability.
        ``{"top": k}``: the k most probable rows of those that ``predict`` is given. A class without a row in training
        counts as impossible.
    decision_cv : int or splitter
        Folds for rules that are tuned. Each trains a model more.
    prevalence : float, dict or list, optional
        Shares of the classes in the population that is predicted for, where they differ from those of training and the
        rows of each class look the same. Of two classes the share of the positive one, or a dict by class; of several a
        dict, or a list in the order of ``classes_``; of a multi-label task a list, the share of 1 in each label.
        ``predict_proba`` gives the probabilities of that population, ``predict`` decides by them, and tuned rules are tuned
        for it, on held-out rows that are weighted so as to stand for it. Margins, and probabilities that are not calibrated,
        stay as they are. May be changed after ``fit``; a tuned rule must then be tuned anew. ``estimate_prevalence`` finds
        it from rows without labels. Default: the shares of training.
    sampling_rate : dict, optional
        Instead of ``prevalence``, where the training rows were drawn by class: the share of each class's rows that was kept,
        such as ``{0: 0.1}`` for a tenth of the negatives; 1 for a class that is not named, above 1 for copies. The
        population is then the one before they were drawn. Leave it out where ``sample_weight`` has weighted them back.
    classes : array_like, optional
        All classes, where the training labels may lack some. They get columns, and a probability close to 0.
    pos_label : optional
        Of two classes, the one that F1, recall, a threshold and ``scale_pos_weight`` are about. Default: 1 of 0 and 1, or of
        -1 and 1; other labels must be named where it matters.
    missing_label : optional
        A value of ``y`` that means no label, as NaN and None always do."""

_ATTRIBUTES = """Attributes
    ----------
    loss_ : Objective
        The loss as trained, with its class counts.
    classes_ : ndarray
        The classes in order; of a multi-label task, the label indices.
    class_prior_ : ndarray
        Weighted share of each class (binary: of the second), or of each label, in training, whatever ``prevalence`` says.
    thresholds_ : ndarray or None
        What ``predict`` compares with."""

_EXAMPLE = """Examples
    --------
    >>> import numpy as np
    >>> from boost_imbalance import {name}, focal_objective
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> y = np.where(X[:, 0] + rng.normal(size=500) > 2, "rare", "usual")
    >>> model = {name}(loss=focal_objective(gamma=1.0), n_estimators=20, decision="balanced"{quiet})
    >>> model.fit(X, y).classes_.tolist()
    ['rare', 'usual']
    >>> model.predict_proba(X).shape
    (500, 2)"""


def documented(cls: C) -> C:
    """Fill in a docstring."""
    quiet = ", verbosity=-1" if "LGBM" in cls.__name__ else ""
    text = (cls.__doc__ or "").replace("{parameters}", _PARAMETERS).replace("{attributes}", _ATTRIBUTES)
    cls.__doc__ = text.replace("{example}", _EXAMPLE.replace("{name}", cls.__name__).replace("{quiet}", quiet))
    return cls


def documented_as(local: type) -> Callable[[C], C]:
    """Fill in the docstring of a class with the parameters of the one that it is for more than one machine."""
    parameters = (local.__doc__ or "").partition("Parameters\n")[2].partition("Attributes\n")[0].rstrip()

    def fill(cls: C) -> C:
        cls.__doc__ = (cls.__doc__ or "").replace("{parameters}", f"Parameters\n{parameters}")
        return cls

    return fill
