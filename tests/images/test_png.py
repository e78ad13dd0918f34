"""Large PNG files are read in strips, with the same pixels."""

import numpy as np
import pytest
from PIL import Image

from featx.errors import ImageError
from featx.images import decoding, png
from featx.images.decoding import decode, decode_full
from tests.images.conftest import encode


@pytest.fixture
def in_strips(monkeypatch):
    monkeypatch.setattr(png, "LARGE", 1)
    monkeypatch.setattr(decoding, "STRIP", 500)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("smooth", [True, False])
def test_the_same_pixels(mode, smooth, noise, monkeypatch):
    image = Image.fromarray(noise(90, 70)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image = image.resize((140, 180)) if smooth else image
    content = encode(image.convert(mode), "PNG")
    whole, small = decode_full(content), decode(content, (20, 17))
    monkeypatch.setattr(png, "LARGE", 1)
    monkeypatch.setattr(decoding, "STRIP", 500)
    assert np.array_equal(decode_full(content), whole)
    assert np.array_equal(decode(content, (20, 17)), small)


def test_a_transparent_colour(in_strips):
    content = encode(
        Image.new("RGB", (9, 80), (1, 2, 3)), "PNG", transparency=(1, 2, 3)
    )
    assert (decode_full(content) == 255).all()


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_truncated(share, noise, in_strips):
    content = encode(Image.fromarray(noise(80, 80)), "PNG")
    with pytest.raises(ImageError, match=r"truncated"):
        decode_full(content[: int(share * len(content)) - 20])


def test_damaged(noise, in_strips):
    content = bytearray(encode(Image.fromarray(noise(80, 80)), "PNG"))
    content[len(content) // 2] ^= 255
    with pytest.raises(ImageError, match=r"damaged"):
        decode_full(bytes(content))


def test_metadata_is_no_reason_for_remarks(noise, capfd):
    samples = noise(9, 7)
    content = encode(Image.fromarray(samples), "PNG", icc_profile=b"garbage" * 30)
    assert np.array_equal(decode_full(content), samples)
    assert capfd.readouterr().err == ""
