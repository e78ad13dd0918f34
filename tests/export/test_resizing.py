"""Resizing inside of a model gives featx's own pixels."""

import io

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from featx.export.resizing import to_square
from featx.images.decoding import decode

SIDE = 24


def draw(height, width):
    """Draw an image of blurred noise."""
    rng = np.random.default_rng(height * 1000 + width)
    coarse = rng.integers(0, 256, (height // 3 + 2, width // 3 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height)))


def differences(pixels, way):
    """Return how far each number is from featx's, for a photo saved without loss."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    expected = decode(content.getvalue(), (SIDE, SIDE), way)
    (found,) = np.asarray(to_square(pixels[None], SIDE, way))
    assert found.dtype == np.uint8
    return np.abs(found.astype(int) - expected)


@pytest.mark.parametrize("way", ["squash", "crop", "pad"])
@given(height=st.integers(1, 260), width=st.integers(1, 260))
def test_any_size_becomes_the_same_square(way, height, width):
    assume(way != "pad" or height <= 2 * width)
    found = differences(draw(height, width), way)
    assert found.max() <= 1
    assert (found > 0).mean() < 0.01


@pytest.mark.parametrize("way", ["squash", "crop", "pad"])
@pytest.mark.parametrize(
    "size", [(SIDE, SIDE), (2 * SIDE, 2 * SIDE), (8 * SIDE + 5, 20 * SIDE), (1, 300)]
)
def test_edges_of_what_is_made_smaller_first(way, size):
    found = differences(draw(*size), way)
    assert found.max() <= 1
    assert (found > 0).mean() < 0.01
