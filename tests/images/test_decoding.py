"""Pixels: the same from both decoders, and an ImageError for all that is no image."""

import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps

from featx.errors import ImageError
from featx.images.decoding import (
    MAX_PIXELS,
    _decode_any,
    _decode_fast,
    _is_fast,
    check_content,
    decode,
    decode_above,
    decode_each,
    decode_full,
)
from featx.images.resizing import Fit, resize

from .conftest import encode
from .zoo import PNG, chunk, png, png_header

JPEGS = st.fixed_dictionaries(
    {"quality": st.integers(1, 100), "subsampling": st.integers(0, 2)},
    optional={
        "progressive": st.just(True),
        "optimize": st.just(True),
        "restart_marker_blocks": st.integers(1, 3),
    },
)
pixels = st.one_of(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)),
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
)


def by_pillow(content):
    return np.array(
        ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    )


def header(content):
    return Image.open(io.BytesIO(content))


def fast(content, factor=1):
    return _decode_fast(content, header(content), factor)


def outcome(content):
    try:
        shape = decode(content, (4, 5)).shape
    except ImageError as error:
        return "pixels or a reason" if str(error) else "an error without a reason"
    return "pixels or a reason" if shape == (4, 5, 3) else shape


def reason(content):
    with pytest.raises(ImageError) as caught:
        decode(content, (8, 8))
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


@given(pixels, JPEGS)
def test_jpeg_is_as_pillow_has_it(samples, options):
    content = encode(Image.fromarray(samples), "JPEG", **options)
    # The tolerance is none, and OpenCV does it all.
    assert np.array_equal(fast(content), by_pillow(content))
    assert np.array_equal(decode_full(content), by_pillow(content))


@given(st.sampled_from(["JPEG", "PNG"]), JPEGS, st.data())
def test_damaged_images_that_both_decode_are_the_same(kind, options, data):
    image = Image.linear_gradient("L").resize((33, 17)).convert("RGB")
    content = bytearray(encode(image, kind, **options if kind == "JPEG" else {}))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(
        st.integers(1, 255)
    )
    try:
        wanted = by_pillow(bytes(content))
    except Exception:  # noqa: BLE001
        return
    if fast(bytes(content)) is not None and _is_fast(header(content)):
        assert np.array_equal(decode_full(bytes(content)), wanted)


@given(pixels)
def test_png_is_lossless(samples):
    content = encode(Image.fromarray(samples), "PNG")
    decoded = decode_full(content)
    assert np.array_equal(fast(content), decoded)
    wanted = samples if samples.ndim == 3 else np.dstack([samples] * 3)
    assert np.array_equal(decoded, wanted)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", PNG, b"GIF89a", b"BM", b"II*\0", b"MM\0*"]),
    st.binary(max_size=300),
)
def test_garbage_is_an_image_error(magic, garbage):
    assert outcome(magic + garbage) == "pixels or a reason"


KINDS = ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "TGA", "AVIF"]


@given(st.sampled_from(KINDS), st.data())
def test_damage_is_an_image_error(kind, data):
    content = bytearray(encode(Image.linear_gradient("L").resize((20, 30)), kind))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(
            st.integers(1, 255)
        )
    end = data.draw(st.integers(1, len(content)))
    assert outcome(bytes(content[:end])) == "pixels or a reason"


def test_sizes(noise):
    content = encode(Image.fromarray(noise(20, 30)), "PNG")
    assert decode(content, (5, 9)).shape == (5, 9, 3)
    assert np.array_equal(decode(content, (20, 30)), decode_full(content))
    whole = noise(4, 4)
    assert resize(whole, Fit(4, 4)) is whole
    half = whole.reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize(whole, Fit(2, 2)) - half).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_one_pixel(kind, mode):
    content = encode(Image.new(mode, (1, 1), "white"), kind)
    assert (decode(content, (3, 3)) >= 254).all()


@pytest.mark.parametrize(
    "kind", ["BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000", "TGA"]
)
def test_other_formats(kind, noise):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(Image.fromarray(noise(9, 7)), kind, **options)
    assert np.array_equal(decode_full(content), by_pillow(content))


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        *(("PNG", mode) for mode in ("RGB", "L", "P", "I;16")),
        *(("TIFF", mode) for mode in ("RGB", "L", "CMYK", "P")),
        ("WEBP", "RGB"),
    ],
)
def test_exif_turns(kind, mode, orientation, noise):
    image = Image.fromarray(noise(20, 30))
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(image, kind, exif=exif)
    decoded = decode_full(content)
    assert decoded.shape[:2] == ((30, 20) if orientation in {5, 6, 7, 8} else (20, 30))
    assert mode == "I;16" or np.array_equal(decoded, by_pillow(content))
    assert decoded.flags.c_contiguous


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x02up\0\0\0\0\0\0",
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_damaged_exif_is_passed_over(exif, mode):
    image = Image.new(mode, (3, 2), "white")
    assert decode_full(encode(image, "JPEG", exif=exif)).shape == (2, 3, 3)


def test_cmyk_jpeg():
    content = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    assert np.abs(decode_full(content).astype(int) - (255, 0, 0)).max() <= 3


def test_rgb_jpeg_that_is_not_ycbcr(noise):
    samples = noise(16, 16)
    content = encode(Image.fromarray(samples), "JPEG", keep_rgb=True, quality=100)
    assert np.array_equal(decode_full(content), by_pillow(content))
    assert np.abs(decode_full(content).astype(int) - samples).max() <= 4


def test_palette_png(noise):
    image = Image.fromarray(noise(9, 7)).quantize(16)
    decoded = decode_full(encode(image, "PNG"))
    assert np.array_equal(decoded, np.array(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey(kind):
    samples = np.random.default_rng(0).integers(0, 65536, (9, 7), dtype=np.uint16)
    decoded = decode_full(encode(Image.fromarray(samples), kind))
    assert np.array_equal(decoded, np.dstack([samples >> 8] * 3))


def test_16_bit_rgb():
    samples = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), dtype=np.uint16)
    decoded = decode_full(png(samples.astype(">u2"), bits=16))
    assert np.array_equal(decoded, samples >> 8)


def test_4_bit_grey():
    samples = np.array([[0x0F], [0x80]], dtype=np.uint8)
    header = struct.pack(">IIBBBBB", 2, 2, 4, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    content = PNG + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
    decoded = decode_full(content + chunk(b"IEND", b""))
    assert decoded[:, :, 0].tolist() == [[0, 255], [136, 0]]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_over_white(mode, kind):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    decoded = decode_full(encode(image.convert(mode), kind, **options))
    assert (decoded[0, 0] == 255).all()
    assert np.abs(decoded[0, 1].astype(int) - 127).max() <= 1


@pytest.mark.parametrize(
    ("mode", "colour", "transparent"),
    [("RGB", (10, 20, 30), (10, 20, 30)), ("L", 10, 10), ("P", 0, 0)],
)
def test_transparent_colour_is_white(mode, colour, transparent):
    image = Image.new(mode, (2, 1), colour)
    content = encode(image, "PNG", transparency=transparent)
    assert (decode_full(content) == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame(kind):
    frames = [Image.new("RGB", (4, 4), c) for c in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(
        frames[0], kind, save_all=True, append_images=frames[1:], **options
    )
    assert (decode_full(content) == (255, 0, 0)).all()


def test_empty():
    assert reason(b"") == "empty file; download it again"


@pytest.mark.parametrize(
    "content", [b"hello, world\n" * 9, b"<html></html>", b"\0" * 99]
)
def test_no_image(content):
    wanted = "not an image, or of an unknown format; download it again or convert it"
    assert reason(content) == wanted


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_truncated(kind, options, share, noise):
    content = encode(Image.fromarray(noise(80, 80)), kind, **options)
    message = reason(content[: int(share * len(content)) - 20])
    assert "truncated" in message.lower()


@pytest.mark.parametrize("size", [(50_000, 50_000), (20_000, 10_000), (MAX_PIXELS, 3)])
def test_too_many_pixels(size):
    pixels = size[0] * size[1]
    wanted = f"{pixels} pixels, over the bound of {MAX_PIXELS}; make it smaller"
    assert reason(png_header(*size)) == wanted


def test_bound_holds_where_pillows_is_taken_away(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    message = reason(png_header(20_000, 10_000))
    assert message.startswith(f"20000×10000 pixels, over the bound of {MAX_PIXELS};")


def test_pillow_decodes_what_opencv_refuses():
    wide = np.zeros((1, 2**20 + 1, 3), dtype=np.uint8)
    assert decode(png(wide), (2, 2)).shape == (2, 2, 3)


def test_many_pixels_below_the_bound_are_no_reason():
    # Pillow warns at half the bound; the header is all there is to this one.
    assert "bound" not in reason(png_header(13_000, 13_000))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_pixels(mode):
    content = encode(Image.new(mode, (2, 2)), "TIFF")
    assert reason(content) == "32-bit pixels; convert it to 8 bits per colour"


def test_eps_is_not_run():
    content = encode(Image.new("RGB", (2, 2)), "EPS")
    assert reason(content) == "an EPS drawing; convert it to PNG"


def test_pillows_remarks_are_no_errors(noise):
    # EXIF's directory says more than there is: Pillow warns of it.
    exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x0f\x01"
    content = encode(Image.fromarray(noise(4, 6)), "JPEG", exif=exif)
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        Image.open(io.BytesIO(content)).getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            assert decode_full(content).shape[2] == 3


@given(pixels, JPEGS, st.sampled_from([2, 4, 8]))
def test_a_smaller_jpeg_is_as_pillow_has_it(samples, options, factor):
    content = encode(Image.fromarray(samples).resize((41, 35)), "JPEG", **options)
    assert np.array_equal(
        fast(content, factor), _decode_any(header(content), content, factor)
    )
    assert fast(content, factor).shape == (-(-35 // factor), -(-41 // factor), 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_other_images_are_means_of_blocks(kind, mode, noise, monkeypatch):
    monkeypatch.setattr("featx.images.decoding.STRIP", 1000)
    samples = noise(88, 64)
    content = encode(Image.fromarray(samples).convert(mode), kind)
    means = samples.reshape(22, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(decode(content, (22, 16)) - means).max() <= 0.51
    assert np.array_equal(decode_full(content), samples)


@pytest.mark.parametrize("mode", ["P", "LA", "I;16", "CMYK"])
def test_strips_change_nothing(mode, noise, monkeypatch):
    image = Image.fromarray(noise(99, 67))
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    content = encode(image, "TIFF" if mode == "CMYK" else "PNG")
    whole = decode(content, (13, 7))
    monkeypatch.setattr("featx.images.decoding.STRIP", 1)
    assert np.array_equal(decode(content, (13, 7)), whole)


@pytest.mark.parametrize(
    ("wanted", "shape"),
    [
        ((25, 50), (25, 50)),
        ((26, 50), (50, 100)),
        ((51, 100), (100, 200)),
        ((101, 1), (200, 400)),
        ((300, 300), (200, 400)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_no_smaller_than_wanted(kind, wanted, shape, noise):
    image = Image.fromarray(noise(200, 400))
    assert decode_above(encode(image, kind), wanted).shape == (*shape, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(image, kind, exif=exif)
    assert decode_above(turned, wanted[::-1]).shape == (*shape[::-1], 3)
    assert check_content(turned)[1] == (400, 200)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_size_has_the_same_pixels_alone_and_with_others(kind, noise):
    content = encode(Image.fromarray(noise(90, 120)), kind)
    sizes = [(10, 10), (30, 30), (31, 31), (90, 120)]
    together = decode_each(content, [Fit(*size) for size in sizes])
    for size in sizes:
        assert np.array_equal(together[Fit(*size)], decode(content, size))


def test_memory_is_bounded_in_bytes():
    content = encode(Image.new("RGB", (16, 16)), "AVIF")
    wide = content.replace(
        struct.pack(">II", 16, 16), struct.pack(">II", 12_000, 9_000)
    )
    assert "take 1.3 GB to decode, over the bound of 1.1; make it" in reason(wide)


@pytest.mark.samples
def test_real_images_are_as_pillow_has_them(samples):
    files = sorted((samples / "dogs-vs-cats").rglob("*.jpg"))[:20]
    assert files
    for file in files:
        content = file.read_bytes()
        assert np.array_equal(decode_full(content), by_pillow(content))


def test_a_size_that_needs_too_much_memory_is_a_memory_error(monkeypatch):
    def fail(*_, **__):
        error = cv2.error("Failed to allocate")
        error.code = cv2.Error.StsNoMem
        raise error

    monkeypatch.setattr(cv2, "resize", fail)
    with pytest.raises(MemoryError):
        resize(np.zeros((4, 4, 3), np.uint8), Fit(10**6, 10**6))
