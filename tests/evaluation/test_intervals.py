"""The difference of two classifiers on the same images."""

import numpy as np
import pytest

from featx.evaluation.intervals import mean_interval, paired_difference


def test_the_interval_is_of_the_differences():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(200) < 0.8, rng.random(200) < 0.6
    difference, interval = paired_difference(ours, theirs, seed=3)
    assert difference == pytest.approx(ours.mean() - theirs.mean())
    expected = mean_interval(ours.astype(float) - theirs.astype(float), seed=3)
    assert interval == expected
    assert interval[0] < difference < interval[1]


def test_equal_answers_have_no_difference():
    assert paired_difference([True, False], [True, False], seed=0) == (0.0, [0.0, 0.0])
