"""Which formats are read, and what is said of the others."""

import subprocess
import sys

import pytest
from PIL import Image

from featx.images import formats
from featx.images.decoding import decode_full
from featx.images.formats import allowed_formats, is_image, unread_suffix
from tests.images.conftest import encode


@pytest.fixture
def without_heif(monkeypatch):
    monkeypatch.setattr(formats, "reads_heif", lambda: False)


@pytest.mark.parametrize("name", ["a.jpg", "a.PGM", "a.avif", "a.jp2", "a.b.tga"])
def test_names_of_images(name):
    assert is_image(name)
    assert not is_image(f".{name}")
    assert unread_suffix(name) == ""


@pytest.mark.parametrize("name", ["a.jxl", "a.CR2", "a.svg", "a.mp4"])
def test_names_of_pictures_that_cannot_be_read(name):
    assert not is_image(name)
    assert unread_suffix(name) == name[1:].lower()
    assert unread_suffix(f".{name}") == ""


def test_heic_without_the_extra(without_heif):
    assert not is_image("a.HEIC")
    assert unread_suffix("a.HEIC") == ".heic"
    start = b"\0\0\0\x18ftypheic\0\0\0\0"
    assert 'pip install "featx[heif]"' in formats.unknown_format(start)


def test_heic_with_the_extra():
    pytest.importorskip("pillow_heif")
    assert is_image("a.HEIC")
    assert unread_suffix("a.HEIC") == ""
    allowed_formats()
    content = encode(Image.new("RGB", (16, 24), (200, 30, 30)), "HEIF")
    pixels = decode_full(content)
    assert pixels.shape == (24, 16, 3)
    assert abs(int(pixels[0, 0, 0]) - 200) < 12


def test_all_formats_are_ones_that_pillow_opens():
    Image.init()
    assert set(allowed_formats()) <= set(Image.OPEN)
    assert "EPS" not in allowed_formats()


@pytest.mark.parametrize(
    ("call", "where", "allowed"),
    [
        ("from PIL import Image\n\nImage.open('x')\n", "reports", False),
        ("import cv2\n\ncv2.imread('x')\n", "figures", False),
        ("from PIL import Image\n\nImage.open('x')\n", "images", True),
    ],
)
def test_lint_forbids_other_decoders(call, where, allowed):
    ruff = pytest.importorskip("ruff.__main__").__file__
    command = [sys.executable, ruff, "check", "--select", "TID251", "-"]
    name = f"featx/{where}/decoding.py"
    done = subprocess.run(
        [*command, "--stdin-filename", name],
        input=call,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == allowed, done.stdout
