"""Intervals and verdicts of paired folds."""

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

from scipy import stats

from boost_imbalance.comparison.statistics import Difference, paired


def test_independent_folds_give_the_paired_t_interval():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 12))
    expected = stats.ttest_rel(a, b).confidence_interval(0.9)
    found = paired(a, b, test_share=0.0, confidence=0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_shared_rows_widen_the_interval_as_nadeau_and_bengio_say():
    a = np.random.default_rng(0).normal(size=10)
    plain, shared = (paired(a, np.zeros(10), share, 0.95).half for share in (0.0, 0.25))
    assert shared / plain == pytest.approx(np.sqrt((0.1 + 0.25) / 0.1))


def test_several_candidates_widen_the_interval_as_bonferroni_says():
    a = np.random.default_rng(0).normal(size=10)
    assert paired(a, np.zeros(10), 0.25, 0.95, compared=10).half == pytest.approx(paired(a, np.zeros(10), 0.25, 0.995).half)


def test_verdicts():
    assert Difference(0.2, 0.1).verdict(True) == "better"
    assert Difference(0.2, 0.1).verdict(False) == "worse"
    assert Difference(-0.2, 0.1).verdict(False) == "better"
    assert Difference(1e-8, 0.0).verdict(True) == "tie"
    assert Difference(0.1, 0.2).verdict(True) == "tie"
    assert Difference(0.1, float("nan")).verdict(True) == "tie"
    assert paired(np.array([0.5, np.nan]), np.zeros(2), 0.2, 0.95).verdict(True) == "tie"


def test_equal_candidates_seldom_win():
    """Two models of one kind on fold after fold: the interval leaves out 0 no more often than it says."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        # Means of folds: what training sets share, and what each test part adds.
        ours, theirs = (rng.normal() * 0.5 + rng.normal(size=10) for _ in range(2))
        wrong += paired(ours, theirs, 0.25, 0.95).verdict(True) != "tie"
    assert wrong / 300 < 0.07


def test_folds_that_all_differ_by_the_same_show_no_noise():
    """Two small test parts, in each of which one row more was found."""
    assert paired(np.array([0.6, 0.7]), np.array([0.5, 0.6]), 0.5, 0.95).verdict(True) == "tie"
    assert paired(np.array([0.6, 0.7]), np.array([0.6, 0.7]), 0.5, 0.95) == (0.0, 0.0)
