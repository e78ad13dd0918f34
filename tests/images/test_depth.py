"""Images of 16 bits that would be black are noticed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from featx.embeddings.spec import Spec
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles, View
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


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_dark_colour_images_are_said(folder, suffix, channels):
    samples = np.full((4, 4, channels), 40, np.uint16)
    samples[1, 1, :3] = 800
    samples[..., 3:] = 65535
    _, content = cv2.imencode(suffix, samples)
    for name in ("a/1", "b/1"):
        folder.write(f"{name}{suffix}", content.tobytes())
    (note,) = read_images(folder.root).notes
    assert "nearly black (brightest value 1023 of 65535, in a/1." in note
    assert "convert others" in note


def test_images_that_use_the_high_bits_are_fine(folder):
    assert write(folder, 50_000).notes == ()


def test_damaged_files_are_passed_over(folder):
    write(folder, 269)
    folder.write("a/0.tif", b"II*\0garbage")
    assert len(read_images(folder.root).notes) == 1


def test_stretched_from_the_darkest_to_the_brightest(folder):
    images = write(folder, 269)
    plain, stretched = View(4), View(4, stretch=True)
    views = ImageFiles(images.files).show(0, [plain, stretched])
    assert views[plain].max() == 1
    assert views[stretched].min() == 0
    assert views[stretched].max() == 255


def test_only_a_stretched_spec_differs():
    spec = Spec(backbone="resnet50", image_size=8, weights_id="")
    stretched = replace(spec, stretch=True)
    assert "stretch" not in spec.as_dict()
    for one in (spec, stretched):
        assert Spec.from_dict(one.as_dict()) == one
    assert spec.id != stretched.id
    assert str(stretched).endswith("stretched")
