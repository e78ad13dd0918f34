"""Originals beside what training makes of them."""

import numpy as np
import pytest

from featx.figures.augmentation import augmented_figure
from featx.figures.style import png
from tests.figures.conftest import assert_readable, texts


@pytest.mark.parametrize(
    ("count", "copies", "shape"), [(1, 1, (9, 9)), (3, 7, (8, 16))]
)
def test_each_row_has_an_original_and_its_copies(count, copies, shape):
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 256, (count, *shape, 3)).astype(np.uint8)
    made = rng.integers(0, 256, (count, copies, *shape, 3)).astype(np.uint8)
    labels = [f"class {i}" for i in range(count)]
    figure = augmented_figure(originals, made, labels, "pets  ·  strong")
    assert_readable(png(figure))
    words = texts(figure)
    for word in ("original", "as trained on", "pets  ·  strong", *labels):
        assert word in words
    (axes,) = figure.axes
    assert len(axes.images) == count * (1 + copies)
    lefts = [image.get_extent()[0] for image in axes.images[: copies + 1]]
    assert lefts == sorted(set(lefts))


def test_odd_names(odd_names):
    pixels = np.zeros((len(odd_names), 4, 4, 3), np.uint8)
    figure = augmented_figure(pixels, pixels[:, None], odd_names, "$odd$")
    assert_readable(png(figure))
    assert "$x$ and $y^2_" in texts(figure)


def test_a_long_subtitle_is_written_in_whole():
    subtitle = " ".join(["flipped, rotated by 20 degrees, shifted by 5%"] * 4)
    pixels = np.zeros((1, 8, 8, 3), np.uint8)
    figure = augmented_figure(pixels, pixels[:, None].repeat(6, 1), ["a"], subtitle)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert subtitle in " ".join(words)
