"""Intervals of shares and of differences: known values, and never without a width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from featx.evaluation.intervals import (
    PAIRED_Z,
    effective_number,
    hits_interval,
    independent_difference,
    independent_images,
    paired_difference,
    share_interval,
)


def test_all_right_is_wilsons():
    """n / (n + z squared) is the lower end of Wilson's interval."""
    assert share_interval(1.0, 160) == pytest.approx([160 / 163.8415, 1.0], abs=1e-5)
    assert share_interval(0.0, 160) == pytest.approx([0.0, 3.8415 / 163.8415], abs=1e-5)


@pytest.mark.parametrize(("hits", "n"), [(80, 160), (450, 500), (8, 10), (159, 160)])
def test_contains_wilsons_and_is_hardly_wider(hits, n):
    found = binomtest(hits, n).proportion_ci(method="wilson")
    low, high = share_interval(hits / n, n)
    assert low <= found.low + 1e-6
    assert high >= found.high - 1e-6
    assert high - low < 1.12 * (found.high - found.low)


def test_is_wilsons_where_that_covers():
    found = binomtest(450, 500).proportion_ci(method="wilson")
    assert share_interval(0.9, 500) == pytest.approx([found.low, found.high], abs=1e-3)


@given(st.integers(1, 600), st.floats(0, 1))
def test_contains_the_share_and_has_a_width(n, share):
    low, high = share_interval(share, n)
    assert 0 <= low <= share <= high <= 1
    assert high - low > 0.003


def test_copies_count_as_one():
    hits, groups = np.repeat([True] * 38 + [False] * 2, 4), np.repeat(np.arange(40), 4)
    assert hits_interval(hits, groups) == share_interval(0.95, 40)
    assert hits_interval(hits) == share_interval(0.95, 160)


def test_many_copies_of_one_picture_are_not_many_pictures():
    assert effective_number([4] * 40) == 40
    assert effective_number([100] + [1] * 60) < 3
    assert independent_images([7, 7, 3, 3]) == 2


def test_repeated_trials_are_one_image_each():
    assert hits_interval([1.0, 0.5, 0.0, 1.0]) == share_interval(0.625, 4)


def test_difference_of_independent_shares_is_newcombes():
    """His first example: 56 of 70 against 48 of 80, by method 10."""
    ours, theirs = (
        binomtest(hits, n).proportion_ci(method="wilson")
        for hits, n in ((56, 70), (48, 80))
    )
    interval = independent_difference(56 / 70, ours, 48 / 80, theirs)
    assert interval == pytest.approx([0.0524, 0.3339], abs=1e-4)


def test_equal_answers_leave_room_for_a_difference():
    """Where no image tells two classifiers apart, Tango's is z^2 / (n + z^2)."""
    end = PAIRED_Z**2 / (160 + PAIRED_Z**2)
    for ours in (np.ones(160), np.arange(160) % 2):
        difference, interval = paired_difference(ours, ours)
        assert difference == 0
        assert interval == pytest.approx([-end, end], abs=1e-5)


@pytest.mark.parametrize(("gained", "lost", "n"), [(12, 1, 50), (3, 3, 20), (0, 9, 30)])
def test_the_ends_are_where_the_score_test_rejects(gained, lost, n):
    """With the most likely share of images that only one got right, searched for."""
    ours, theirs = np.arange(n) < gained, np.arange(n) >= n - lost
    for end in paired_difference(ours, theirs)[1]:

        def unlikely(share, end=end):
            shares = np.array([share + end, share, 1 - 2 * share - end])
            counts = np.array([gained, lost, n - gained - lost])
            return -np.sum(counts * np.log(np.maximum(shares, 1e-300)))

        bounds = max(0, -end), (1 - end) / 2
        share = minimize_scalar(unlikely, bounds=bounds, method="bounded").x
        variance = n * (2 * share + end - end**2)
        distance = abs(gained - lost - n * end) / np.sqrt(variance)
        assert distance == pytest.approx(1.04 * 1.96, abs=1e-3)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_interval_of_a_difference_is_sane(pairs):
    ours, theirs = np.array(pairs).T
    difference, (low, high) = paired_difference(ours, theirs)
    assert -1 <= low <= difference <= high <= 1
    assert low < high
    swapped = paired_difference(theirs, ours)[1]
    assert swapped == pytest.approx([-high, -low])


def test_copies_widen_the_interval_of_a_difference():
    ours, theirs = np.arange(160) % 10 > 0, np.arange(160) % 5 > 0
    low, high = paired_difference(ours, theirs)[1]
    lower, higher = paired_difference(ours, theirs, n=40)[1]
    assert lower < low < high < higher
