"""Images and their reconstructions."""

import numpy as np
import pytest

from featx.figures.reconstructions import reconstructions_figure
from featx.figures.style import png
from tests.figures.conftest import assert_readable, texts


@pytest.mark.parametrize("count", [1, 8])
def test_each_image_has_its_reconstruction_below(count):
    rng = np.random.default_rng(0)
    images, found = rng.integers(0, 256, (2, count, 9, 9, 3)).astype(np.uint8)
    figure = reconstructions_figure(images, found, "pets, images held out")
    assert_readable(png(figure))
    for word in ("images", "reconstructed", "pets, images held out"):
        assert word in texts(figure)
    (axes,) = figure.axes
    extents = [image.get_extent() for image in axes.images]
    assert len(extents) == 2 * count
    for above, below in zip(extents[:count], extents[count:], strict=True):
        assert above[:2] == below[:2]
        assert above[2] < below[3]
