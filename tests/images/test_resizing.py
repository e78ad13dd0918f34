"""Squashed, cropped or padded to a square, whatever decoder served it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from featx.embeddings.spec import Spec
from featx.images.decoding import MAX_PIXELS, decode, decode_each
from featx.images.resizing import PADDING, Fit, is_enough, resize
from featx.images.sources import ImageArrays, ImageFiles, View
from tests.images.conftest import encode

SIDES = st.integers(1, 300)
WAYS = st.sampled_from(["squash", "crop", "pad"])
BICUBIC = Image.Resampling.BICUBIC


def by_pillow(image, side):
    """Crop and resize as EfficientNet's evaluation does, in other words."""
    part = 7 * min(image.size) // 8
    left, top = ((whole - part + 1) // 2 for whole in image.size)
    box = (left, top, left + part, top + part)
    return np.array(image.crop(box).resize((side, side), BICUBIC))


@pytest.mark.parametrize("size", [(60, 40), (40, 60), (50, 50), (41, 33)])
@pytest.mark.parametrize("side", [24, 32, 70])
def test_crop_is_the_evaluation_of_imagenet(noise, size, side):
    image = Image.fromarray(noise(*size))
    found = decode(encode(image, "PNG"), (side, side), "crop")
    assert np.array_equal(found, by_pillow(image, side))


def test_crop_of_224_pixels_takes_the_inner_224_of_256(noise):
    whole = noise(256, 300)
    assert np.array_equal(resize(whole, Fit(224, 224, "crop")), whole[16:240, 38:262])


def test_downscaling_is_antialiased():
    """A fine chessboard becomes grey; without antialiasing it would be a pattern."""
    board = np.indices((160, 160)).sum(axis=0) % 2 * 255
    pixels = np.dstack([board.astype(np.uint8)] * 3)
    for way in ("crop", "pad"):
        small = resize(pixels, Fit(20, 20, way))[2:-2, 2:-2]
        assert np.abs(small.astype(int) - 127).max() <= 2
    assert np.array_equal(
        resize(pixels, Fit(20, 20)), resize(pixels, Fit(20, 20, "squash"))
    )


@pytest.mark.parametrize(
    ("shape", "inner"),
    [
        ((40, 80), (slice(4, 12), slice(0, 16))),
        ((80, 40), (slice(0, 16), slice(4, 12))),
        ((3, 3000), (slice(8, 9), slice(0, 16))),
    ],
)
def test_padding_keeps_the_whole_image(shape, inner):
    image = np.full((*shape, 3), 200, np.uint8)
    padded = resize(image, Fit(16, 16, "pad"))
    assert (padded[inner] == 200).all()
    ground = np.full((16, 16), True)
    ground[inner] = False
    assert (padded[ground] == PADDING).all()


@given(st.integers(20, 99), st.integers(20, 99), st.integers(10, 64))
def test_padding_is_as_pillow_pads(height, width, side):
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    wanted = ImageOps.pad(image, (side, side), BICUBIC, color=PADDING)
    found = resize(np.array(image), Fit(side, side, "pad"))
    assert np.array_equal(found, np.array(wanted))


@given(SIDES, SIDES, st.integers(1, 64), WAYS, st.sampled_from(["JPEG", "PNG"]))
def test_any_size(height, width, side, way, kind):
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    found = decode(encode(image, kind), (side, side), way)
    assert found.shape == (side, side, 3)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous


@given(SIDES, SIDES, st.integers(1, 64), WAYS)
def test_a_reduced_image_is_never_enlarged(height, width, side, way):
    """Of what `is_enough` takes, each pixel shows at least one of the image."""
    fit = Fit(side, side, way)
    shown = {
        "squash": min(height, width),
        "crop": max(7 * min(height, width) // 8, 1),
        "pad": max(height, width),
    }
    assert is_enough((height, width), fit) == (shown[way] >= side)


@pytest.mark.parametrize(("way", "factor"), [("squash", 4), ("crop", 2), ("pad", 8)])
def test_large_images_begin_no_smaller_than_needed(way, factor, noise, monkeypatch):
    seen = []
    content = encode(Image.fromarray(noise(460, 880)), "JPEG")
    monkeypatch.setattr(
        "featx.images.decoding.resize",
        lambda pixels, fit: seen.append(pixels.shape) or resize(pixels, fit),
    )
    decode(content, (104, 104), way)
    assert seen == [(-(-460 // factor), 880 // factor, 3)]


def test_one_decoding_for_all_ways(noise, monkeypatch):
    content = encode(Image.fromarray(noise(90, 120)), "JPEG")
    fits = [Fit(64, 64, way) for way in ("squash", "crop", "pad")]
    alone = {fit: decode(content, fit[:2], fit.resize) for fit in fits}
    opened = []
    real = Image.open
    monkeypatch.setattr(
        Image, "open", lambda *args, **more: opened.append(1) or real(*args, **more)
    )
    together = decode_each(content, fits)
    assert len(opened) == 1
    for fit in fits:
        assert np.array_equal(together[fit], alone[fit])


def test_exif_turns_before_the_crop(noise):
    image = Image.fromarray(noise(40, 60))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = decode(encode(image, "PNG", exif=exif), (24, 24), "crop")
    upright = image.transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(turned, by_pillow(upright, 24))


@pytest.mark.parametrize("way", ["crop", "pad"])
def test_the_longest_images(way):
    """A strip of as many pixels as may be, one pixel high."""
    content = encode(Image.new("1", (65_000, 1)), "PNG")
    assert MAX_PIXELS > 65_000
    assert decode(content, (224, 224), way).shape == (224, 224, 3)


@pytest.mark.parametrize("way", ["squash", "crop", "pad"])
def test_files_and_arrays_give_the_same_views(way, noise, tmp_path):
    pixels = noise(30, 35)
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.fromarray(pixels), "PNG"))
    views = [View(20, resize=way), View(20, flip=True, resize=way)]
    of_file = ImageFiles([path]).show(0, views)
    of_array = ImageArrays(pixels[None]).show(0, views)
    for view in views:
        assert np.array_equal(of_file[view], of_array[view])
    plain, flipped = (of_file[view] for view in views)
    assert np.array_equal(plain[:, ::-1], flipped)


def test_views_are_named_by_what_is_not_the_default():
    assert str(View(224)) == "224x224"
    assert str(View(224, resize="crop", stretch=True)) == "224x224, cropped, stretched"
    assert [View(9, resize=way).suffix for way in ("squash", "pad")] == ["", "-pad"]


def test_specs_that_squash_are_as_they_were():
    spec = Spec(backbone="resnet50", image_size=8, weights_id="")
    assert "resize" not in spec.as_dict()
    assert spec.as_dict()["layer"] is None
    assert spec.folder_name.startswith("resnet50-8-avg-")
    cropped = replace(spec, resize="crop", flip=True)
    for one in (spec, cropped):
        assert Spec.from_dict(one.as_dict()) == one
    assert spec.id != cropped.id != replace(spec, flip=True).id
    assert cropped.folder_name.startswith("resnet50-8-crop-avg-flip-")
    assert str(cropped) == "resnet50 at 8 pixels, cropped, flipped"
    assert cropped.view == View(8, flip=True, resize="crop")
