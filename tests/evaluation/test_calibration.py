"""Confidence against accuracy, in bins."""

import numpy as np
import pytest

from featx.evaluation.calibration import reliability


def test_reliability_counts_each_image_once():
    confidence = np.array([0.0, 0.05, 0.95, 1.0])
    bins = reliability(confidence, np.array([False, True, True, True]))
    assert bins.count.tolist() == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert bins.accuracy[0] == 0.5
    assert bins.confidence[9] == pytest.approx(0.975)
    assert np.isnan(bins.accuracy[5])
    assert bins.error == pytest.approx((2 * 0.475 + 2 * 0.025) / 4)
    assert (bins.low[[0, 9]] < bins.accuracy[[0, 9]]).all()
    assert bins.high[9] <= 1 + 1e-12


def test_wilson_interval_of_eight_in_ten():
    bins = reliability(np.full(10, 0.85), np.arange(10) < 8)
    assert bins.low[8] == pytest.approx(0.490, abs=0.001)
    assert bins.high[8] == pytest.approx(0.943, abs=0.001)
