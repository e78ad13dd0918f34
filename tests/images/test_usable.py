"""Embeddings and networks split alike."""

import numpy as np
import pytest

from featx.embeddings.dataset import embed
from featx.errors import DataError
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles
from featx.images.usable import split_readable


def test_networks_see_what_embeddings_see(colours, extractor, tmp_path):
    twin = colours / "train" / "red" / "twin.png"
    twin.write_bytes((colours / "test" / "red" / "000.png").read_bytes())
    (colours / "train" / "red" / "bad.png").write_bytes(b"no image")
    images = read_images(colours)
    embeddings = embed(images, extractor, cache_dir=tmp_path / "cache")
    bad = images.paths.index("train/red/bad.png")
    split = split_readable(images, ImageFiles(images.files).digests.keys, {bad: "bad"})
    assert split.fingerprint == embeddings.fingerprint
    assert split.images.paths == embeddings.images.paths
    np.testing.assert_array_equal(split.groups, embeddings.groups)
    assert (np.diff(split.rows) > 0).all()
    assert [images.paths[row] for row in split.rows] == list(split.images.paths)
    assert "train/red/twin.png" not in split.images.paths
    assert "1 of 38 images can't be read" in split.notes[0]


def test_nothing_readable(colours):
    images = read_images(colours)
    keys = np.zeros((len(images), 32), np.uint8)
    with pytest.raises(DataError, match="none of 36 images can be read"):
        split_readable(images, keys, dict.fromkeys(range(36), "bad"))
