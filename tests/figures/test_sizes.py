"""The sizes of the images of a set."""

import numpy as np
import pytest

from featx.figures.sizes import aspect_ratios_figure, sizes_figure
from featx.figures.style import png
from tests.figures.conftest import assert_readable


@pytest.mark.parametrize(
    ("widths", "heights"),
    [
        ([32], [32]),
        ([1, 9000, 400], [9000, 1, 300]),
        (list(range(100, 400)), list(range(400, 100, -1))),
    ],
)
def test_sizes_from_one_to_extremes(widths, heights):
    widths, heights = np.array(widths), np.array(heights)
    assert_readable(png(sizes_figure(widths, heights, "pets")))
    assert_readable(png(aspect_ratios_figure(widths, heights, "pets")))


def test_dots_and_bars_count_all_images():
    rng = np.random.default_rng(0)
    widths, heights = rng.integers(10, 3000, (2, 20_000))
    figure = sizes_figure(widths, heights, "pets")
    (dots,) = figure.axes[0].collections
    assert len(dots.get_offsets()) < 20_000
    bars = aspect_ratios_figure(widths, heights, "pets").axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 20_000


def test_a_size_that_is_alone_is_drawn_where_it_is():
    widths, heights = np.array([500, 500, 333]), np.array([375, 375, 499])
    (dots,) = sizes_figure(widths, heights, "pets").axes[0].collections
    assert [333.0, 499.0] in dots.get_offsets().tolist()
