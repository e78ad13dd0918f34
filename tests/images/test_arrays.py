"""Pixels: decoded once, in memory or on disk, whatever can't be read told."""

import errno

import numpy as np
import pytest

from featx import scratch
from featx.errors import RunError
from featx.images.arrays import read_pixels
from featx.images.decoding import decode
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles, View


@pytest.fixture
def source(colours):
    (colours / "train" / "red" / "bad.png").write_bytes(b"no image")
    return ImageFiles(read_images(colours).files)


def test_pixels_are_those_of_the_decoder(source, tmp_path):
    told = []
    array, unreadable = read_pixels(
        source, View(9), tmp_path, update=lambda *done: told.append(done)
    )
    assert array.shape == (37, 9, 9, 3)
    (bad,) = unreadable
    assert source.files[bad].name == "bad.png"
    assert "not an image" in unreadable[bad]
    for row in (0, 5, 35):
        content = source.files[row].read_bytes()
        np.testing.assert_array_equal(array[row], decode(content, (9, 9)))
    assert (told[0], told[-1]) == ((0, 37), (37, 37))


def test_what_the_memory_cannot_hold_goes_to_disk(source, tmp_path, monkeypatch):
    in_memory, _ = read_pixels(source, View(9), tmp_path)
    monkeypatch.setattr(scratch, "available_memory", lambda: 1000)
    folder = tmp_path / "scratch"
    folder.mkdir()
    on_disk, _ = read_pixels(source, View(9), folder)
    assert isinstance(on_disk, np.memmap)
    np.testing.assert_array_equal(on_disk, in_memory)
    # Its file has no name that a kill could leave behind.
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_told_before_the_work(source, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch, "available_memory", lambda: 1000)
    monkeypatch.setattr(scratch.os, "posix_fallocate", full)
    with pytest.raises(RunError, match=r"no room for .* smaller --image-size"):
        read_pixels(source, View(9), tmp_path)
