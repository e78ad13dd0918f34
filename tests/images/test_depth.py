"""Images of 16 bits that would be black are noticed."""

import numpy as np
import pytest
from PIL import Image

from featx.images.layouts.read import read_images
from tests.images.conftest import encode


def write(folder, brightest, kind="TIFF"):
    for name in ("a/1", "a/2", "b/1", "b/2"):
        samples = np.full((4, 4), 40, np.uint16)
        samples[1, 1] = brightest
        suffix = {"TIFF": "tif", "PNG": "png"}[kind]
        folder.write(f"{name}.{suffix}", encode(Image.fromarray(samples), kind))
    return read_images(folder.root)


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_dark_images_are_said(folder, kind):
    (note,) = write(folder, 269, kind).notes
    assert "nearly black (brightest value 269 of 65535, in a/1." in note


def test_images_that_use_the_high_bits_are_fine(folder):
    assert write(folder, 50_000).notes == ()


def test_damaged_files_are_passed_over(folder):
    write(folder, 269)
    folder.write("a/0.tif", b"II*\0garbage")
    assert len(read_images(folder.root).notes) == 1
