"""Thumbnails of images of any mode, and of none that is outside the data."""

import base64
import io

import pytest
from PIL import Image

from featx.reports.pictures import thumbnail


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK"])
def test_thumbnails_of_every_mode(tmp_path, mode):
    suffix = ".jpg" if mode == "CMYK" else ".png"
    Image.new(mode, (300, 300)).save(tmp_path / f"a{suffix}")
    assert thumbnail(tmp_path, f"a{suffix}").startswith("data:image/jpeg;base64,")


def test_what_is_transparent_becomes_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
    content = base64.b64decode(thumbnail(tmp_path, "a.png").partition(",")[2])
    assert Image.open(io.BytesIO(content)).getpixel((4, 4)) == (255, 255, 255)


def test_thumbnails_only_of_readable_images_in_the_folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")
    Image.new("RGB", (8, 8)).save(tmp_path / "outside.png")
    assert thumbnail(tmp_path / "data", "broken.jpg") == ""
    assert thumbnail(tmp_path / "data", "missing.jpg") == ""
    assert thumbnail(tmp_path / "data", "../outside.png") == ""
    assert thumbnail(tmp_path / "data", str(tmp_path / "outside.png")) == ""
    assert thumbnail(tmp_path / "data", "nul\0byte.png") == ""
