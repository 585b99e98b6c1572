"""Thresholds that serve held-out rows best: of one column by its curve, of several classes by coordinate ascent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from boost_imbalance.types import Array

_SWEEPS = 10
_MANY, _MANY_ROWS = 64, 20_000
_LEAST_GAIN = 1e-6
"""Of a mean over classes; less is far below what held-out rows can tell."""
_FEW, _EACH = 64, 8
_SMALLEST = 1e-300


def of_column(eta: Array, label: Array, weight: Array | None, kind: str, goal: float) -> float:
    """The best threshold of one column of probabilities; ``goal`` is the least recall, where that is what is wanted."""
    if not 0 < label.sum() < len(label):
        return 0.5
    if kind == "balanced_accuracy":
        false_alarm, hit, cut = roc_curve(label, eta, sample_weight=weight, drop_intermediate=False)
        best = int(np.argmax(hit - false_alarm))
    else:
        precision, recall, cut = precision_recall_curve(label, eta, sample_weight=weight)
        precision, recall = precision[:-1], recall[:-1]
        if kind == "f1":
            score = 2 * precision * recall / np.maximum(precision + recall, _SMALLEST)
        else:
            # Of all that reach the floor, the most precise.
            score = np.where(recall >= goal - 1e-12, precision, -1.0)
        best = len(score) - 1 - int(np.argmax(score[::-1]))
    return below(eta, float(cut[best]))


def below(eta: Array, cut: float) -> float:
    """A threshold that ``cut`` passes, and the next smaller probability does not."""
    smaller = eta[eta < cut]
    if len(smaller):
        highest = float(smaller.max())
        middle = (cut + highest) / 2
        return middle if highest < middle < cut else highest
    return cut / 2 if cut > 0 else -_SMALLEST  # a probability of 0 is above this


def of_classes(eta: Array, label: Array, weight: Array | None, kind: str) -> Array:
    """One threshold per class, by coordinate ascent from equal thresholds, from the prior of the held-out rows, and between.

    A row goes to the class with the largest ``eta / threshold``. With the other thresholds fixed, lowering that of one class
    takes rows over from the others one by one, in an order that one sort finds.
    """
    w = np.ones(len(label)) if weight is None else weight.astype(np.float64)
    kept = w > 0
    eta, label, w = eta[kept], label[kept], w[kept]
    classes = eta.shape[1]
    true = np.bincount(label, weights=w, minlength=classes)
    with np.errstate(divide="ignore"):
        log_eta = np.log(eta.T, order="C")
    share = _f1 if kind == "f1" else _recall
    log_prior = np.log(np.clip(true / true.sum(), 1e-12, None))
    many = classes > _MANY or len(label) > _MANY_ROWS
    powers = (0.0, 1.0) if many else (0.0, 0.5, 1.0)
    tried = [_Assignment(log_eta, label, w, true, share, -power * log_prior) for power in powers]
    for one in tried:
        one.climb(thorough=not many)
    level = max(tried, key=lambda one: one.score()).climb(thorough=True)
    return np.asarray(np.maximum(np.exp(level.min() - level), _SMALLEST))


class _Assignment:
    """Rows at the class with the largest log probability plus level, the negative log threshold."""

    def __init__(
        self, log_eta: Array, label: Array, w: Array, true: Array, share: Callable[..., Array], level: Array
    ) -> None:
        self.log_eta, self.label, self.w, self.true, self.share = log_eta, label, w, true, share
        """``log_eta`` is of shape (classes, rows)."""
        self.level = level
        self.first, self.first_value = self._largest(slice(None))
        self.second, self.second_value = self._largest(slice(None), besides=self.first)

    def climb(self, thorough: bool = False) -> Array:
        """Levels after some sweeps over the classes, each of which gets its best one in turn.

        After the first sweep a class is looked at again when rows have gone to it or have left it; a ``thorough`` climb
        looks at all until no change of a single level improves anything.
        """
        stale = np.ones(len(self.level), bool)
        for _ in range(_SWEEPS):
            for k in np.flatnonzero(stale).tolist():
                stale[k] = False
                level, score, now = self._best_level(k)
                if score > now + _LEAST_GAIN * len(stale):
                    before = self.first
                    self._move(k, level)
                    moved = before != self.first
                    stale[before[moved]] = stale[self.first[moved]] = True
                    stale[k] = False
            if not stale.any():
                break
            stale |= thorough
        return self.level

    def score(self) -> float:
        """The sum over classes of what each has."""
        classes = len(self.level)
        mass = np.bincount(self.first, weights=self.w, minlength=classes)
        hits = np.bincount(self.first, weights=self.w * (self.first == self.label), minlength=classes)
        return float(self.share(hits, mass, self.true).sum())

    def _largest(self, rows: Any, besides: Array | None = None) -> tuple[Array, Array]:
        """The class of each row, or the best one beside another, and its value."""
        values = self.log_eta[:, rows] + self.level[:, None]
        each = np.arange(values.shape[1])
        if besides is not None:
            values[besides, each] = -np.inf
        largest = values.argmax(axis=0)
        return largest, values[largest, each]

    def _rivals(self, k: int) -> tuple[Array, Array]:
        """The class of each row if ``k`` did not exist, and its value."""
        is_first = self.first == k
        return np.where(is_first, self.second, self.first), np.where(is_first, self.second_value, self.first_value)

    def _best_level(self, k: int) -> tuple[float, float, float]:
        """The best level of class ``k`` with the others fixed, its score, and the score as it is now."""
        rival, value = self._rivals(k)
        with np.errstate(invalid="ignore"):
            needed = value - self.log_eta[k]  # the level above which the class takes the row over
        needed[np.isnan(needed)] = np.inf
        classes = len(self.level)
        mass = np.bincount(rival, weights=self.w, minlength=classes)
        hits = np.bincount(rival, weights=self.w * (self.label == rival), minlength=classes)
        # Some of the rows that go first will do, unless it pays to go on.
        wanted = _FEW + 4 * int(np.count_nonzero((needed < self.level[k]) | (self.label == k)))
        while True:
            rows = _first(needed, wanted, self.level[k])
            rows = rows[np.argsort(needed[rows])]
            edges, scores = needed[rows], self._scores(k, rows, rival[rows], mass, hits)
            now = float(scores[np.searchsorted(edges, self.level[k])])
            # After the first m rows is a place to stop if the next one needs more; what is infinite cannot be moved.
            low, high = np.append(-np.inf, edges), np.append(edges, np.inf)
            scores[(low >= high) | (low == np.inf)] = -np.inf
            if len(rows) < len(needed):
                scores[-1] = -np.inf  # the next one is not among them
            best = int(np.argmax(scores))
            if len(rows) == len(needed) or 2 * best < len(rows):
                return _between(float(low[best]), float(high[best])), float(scores[best]), now
            wanted = 4 * len(rows)

    def _scores(self, k: int, rows: Array, rival: Array, mass: Array, hits: Array) -> Array:
        """The score when class ``k`` has none of these rows, the first, the first two and so on."""
        w, label = self.w[rows], self.label[rows]
        # What each rival has lost when a row goes: sums over its own rows, which a stable sort brings together.
        together = np.argsort(rival.astype(np.uint16) if len(mass) <= 2**16 else rival, kind="stable")
        r, w_r = rival[together], w[together]
        right_r = w_r * (label[together] == r)
        length = np.bincount(r, minlength=len(mass))
        begins = np.cumsum(length) - length
        left, right = mass[r] - _running(w_r, begins, r), hits[r] - _running(right_r, begins, r)
        change = np.empty(len(rows))
        change[together] = self.share(right, left, self.true[r]) - self.share(right + right_r, left + w_r, self.true[r])
        own = self.share(_summed(w * (label == k)), _summed(w), self.true[k])
        return np.asarray(self.share(hits, mass, self.true).sum() + _summed(change) + own)

    def _move(self, k: int, level: float) -> None:
        """Give class ``k`` another level, and each row its two best classes anew."""
        rival, value = self._rivals(k)
        was_near = (self.first == k) | (self.second == k)
        self.level[k] = level
        own = self.log_eta[k] + level
        takes = own > value
        is_second = ~takes & (own > self.second_value)
        unknown = np.flatnonzero(was_near & ~takes)
        self.first, self.first_value = np.where(takes, k, rival), np.where(takes, own, value)
        self.second = np.where(takes, rival, np.where(is_second, k, self.second))
        self.second_value = np.where(takes, value, np.where(is_second, own, self.second_value))
        if len(unknown):
            self.second[unknown], self.second_value[unknown] = self._largest(unknown, besides=rival[unknown])


def _first(needed: Array, wanted: int, level: float) -> Array:
    """About as many rows as are wanted, those that go first, with all that have gone at this level."""
    if 2 * wanted >= len(needed):
        return np.arange(len(needed))
    some = needed[::_EACH]
    highest = np.partition(some, wanted // _EACH)[wanted // _EACH]
    return np.flatnonzero(needed <= max(highest, level))


def _summed(values: Array) -> Array:
    """Sums of the first 0, 1, 2, ... values."""
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    return total


def _running(values: Array, begins: Array, group: Array) -> Array:
    """Sums up to each entry, by groups that lie together."""
    total = _summed(values)
    return np.asarray(total[1:] - total[begins[group]])


def _between(low: float, high: float) -> float:
    if low == -np.inf:
        return high - 1.0 if high < np.inf else 0.0
    return low + 1.0 if high == np.inf else (low + high) / 2


def _f1(hits: Array, predicted: Array, true: Any) -> Array:
    return np.asarray(2 * hits / np.maximum(predicted + true, _SMALLEST))


def _recall(hits: Array, predicted: Array, true: Any) -> Array:
    return np.asarray(hits / np.where(np.asarray(true) > 0, true, np.inf))
