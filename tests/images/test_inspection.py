"""The facts of an image set are those of its files, whatever their names say."""

import hashlib
import threading

import numpy as np
import pytest
from PIL import Image

from featx.errors import ImageError
from featx.images import inspection as inspection_module
from featx.images import prefetch as prefetch_module
from featx.images import sources
from featx.images.decoding import ImageFormat
from featx.images.inspection import inspect_images
from featx.images.layouts.read import read_images
from tests.images.conftest import encode
from tests.images.messy import (
    CONFLICTS,
    LEAKS,
    ODD_CLASS,
    UNREADABLE,
    WITHIN_TEST,
    WITHIN_TRAIN,
    make_messy,
)


@pytest.fixture
def messy(tmp_path):
    return inspect_images(read_images(make_messy(tmp_path / "messy")))


def test_counts_by_class_and_part(messy):
    assert messy.images.classes == (ODD_CLASS, "cat", "dog")
    assert messy.splits == ("train", "test")
    assert messy.counts.tolist() == [[1, 0], [9, 2], [4, 3]]
    assert messy.unreadable_counts.tolist() == [0, 5, 0]


def test_counts_without_a_test_part(folder):
    folder.add("cat/1.png", "dog/1.png", "dog/2.png")
    found = inspect_images(read_images(folder.root))
    assert found.splits == ("images",)
    assert found.split(0) == "images"
    assert found.counts.tolist() == [[1], [2]]
    assert found.unreadable == {}
    assert len(found.duplicates) == 0


def test_unreadable_files_have_the_reasons_of_stage_one(messy):
    images = messy.images
    found = {images.paths[row]: reason for row, reason in messy.unreadable.items()}
    assert set(found) == set(UNREADABLE)
    for path, part_of_reason in UNREADABLE.items():
        assert part_of_reason in found[path]
    source = sources.ImageFiles(images.files)
    for row, reason in messy.unreadable.items():
        with pytest.raises(ImageError) as raised:
            source.show(row, [sources.View(8)])
        assert str(raised.value) == reason
        assert messy.widths[row] == messy.heights[row] == 0
    assert np.flatnonzero(~messy.readable).tolist() == list(messy.unreadable)


def test_duplicates_within_and_across_the_parts(messy):
    paths = messy.images.paths
    groups = [[paths[row] for row in rows] for rows in messy.duplicates]
    assert groups == [*CONFLICTS, *LEAKS, *WITHIN_TEST, *WITHIN_TRAIN]
    assert messy.duplicates.conflicting.tolist() == [True, False, False, False]
    assert messy.duplicates.across.tolist() == [True, True, False, False]


def test_formats_are_found_by_content(folder):
    grey, colour = Image.new("L", (3, 5)), Image.new("RGB", (4, 6))
    folder.write("a/1.png", encode(grey, "PNG"))
    folder.write("a/2.JPE", encode(colour, "JPEG"))
    folder.write("a/3.jpg", encode(colour, "JPEG", quality=20))
    folder.write("b/1.jpeg", encode(colour, "GIF"))
    folder.write("b/2.tif", encode(colour, "TIFF"))
    folder.write("b/3.webp", encode(colour, "BMP"))
    found = inspect_images(read_images(folder.root))
    assert found.kinds[0] == ImageFormat("JPEG", "RGB")
    assert {kind.format for kind in found.kinds} == {
        *("JPEG", "PNG", "GIF", "TIFF", "BMP")
    }
    assert found.kinds[found.kind[0]] == ImageFormat("PNG", "L")
    paths = found.images.paths
    assert {paths[row]: kind for row, kind in found.misnamed.items()} == {
        "b/1.jpeg": "GIF",
        "b/3.webp": "BMP",
    }


def test_sizes_are_those_of_the_image_as_it_is_seen(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(Image.new("RGB", (30, 20)), "JPEG", exif=exif)
    folder.write("a/turned.jpg", turned)
    folder.write("b/plain.png", encode(Image.new("RGB", (30, 20)), "PNG"))
    found = inspect_images(read_images(folder.root))
    assert list(zip(found.widths, found.heights, strict=True)) == [(20, 30), (30, 20)]
    assert found.sizes[0] == len(turned)
    assert bytes(found.keys[0]) == hashlib.sha256(turned).digest()


def test_progress_counts_all_images(folder):
    folder.add(*(f"{name}/{i}.png" for name in "ab" for i in range(40)))
    told = []
    images = read_images(folder.root)
    inspect_images(images, lambda done, total: told.append((done, total)))
    assert told[0] == (0, 80)
    assert told[-1] == (80, 80)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 3


def test_nothing_more_is_read_after_an_interrupt(folder, monkeypatch):
    folder.add(*(f"{name}/{i}.png" for name in "ab" for i in range(300)))
    looked, interrupted = [], threading.Event()
    monkeypatch.setattr(prefetch_module, "usable_cores", lambda: 1)
    decode = inspection_module.check_content

    def look(content):
        looked.append(content)
        if len(looked) > 100:
            interrupted.wait(10)
        return decode(content)

    def interrupt(done, total):
        if done:
            interrupted.set()
            raise KeyboardInterrupt

    monkeypatch.setattr(inspection_module, "check_content", look)
    with pytest.raises(KeyboardInterrupt):
        inspect_images(read_images(folder.root), interrupt)
    assert len(looked) < 600


def test_an_image_that_memory_cannot_hold(folder, monkeypatch):
    folder.add("a/1.png", "b/1.png")

    def fail(content):
        raise MemoryError

    monkeypatch.setattr(inspection_module, "check_content", fail)
    found = inspect_images(read_images(folder.root))
    assert set(found.unreadable.values()) == {"not enough memory to decode it"}
    assert found.kinds == ()
    assert found.misnamed == {}
