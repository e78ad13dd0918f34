"""Reliability diagrams of few images."""

import numpy as np

from featx.evaluation.calibration import reliability
from featx.figures.reliability import reliability_figure
from featx.figures.style import png
from tests.figures.conftest import assert_readable


def test_reliability_of_one_image_is_drawn():
    bins = reliability(np.array([0.7]), np.array([True]))
    assert_readable(png(reliability_figure(bins, "run")))
