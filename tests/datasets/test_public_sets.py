"""Public data sets as image folders; Keras' loader is faked at its seam."""

import numpy as np
import pytest
from PIL import Image

from featx.datasets import public_sets
from featx.datasets.public_sets import (
    PUBLIC_SETS,
    load_with_keras,
    write_public_set,
)
from featx.datasets.settings import DatasetSettings
from featx.errors import DataError
from featx.images.layouts.read import read_images

OF_KERAS = [name for name, row in PUBLIC_SETS.items() if row.files]


def load(row):
    """Return three training images and a test image of each class."""
    rng = np.random.default_rng(0)
    shape = (28, 28) if "mnist" in row.name else (32, 32, 3)

    def part(count):
        labels = np.arange(len(row.classes)).repeat(count)
        pixels = rng.integers(0, 256, (len(labels), *shape)).astype(np.uint8)
        return pixels, labels[:, None] if "cifar" in row.name else labels

    return part(3), part(1)


@pytest.fixture(autouse=True)
def _faked(monkeypatch):
    monkeypatch.setattr(public_sets, "load_with_keras", load)


def write(name, **settings):
    return write_public_set(name, DatasetSettings(**settings))


def test_the_classes():
    counts = {name: len(row.classes) for name, row in PUBLIC_SETS.items()}
    assert counts == {
        "cifar10": 10,
        "cifar100": 100,
        "mnist": 10,
        "fashion_mnist": 10,
        "digits": 10,
    }
    names = PUBLIC_SETS["cifar100"].classes
    assert list(names) == sorted(set(names))
    # Kaggle, papers and Keras agree on these.
    assert (names[0], names[23], names[68], names[99]) == (
        *("apple", "cloud", "road", "worm"),
    )
    assert PUBLIC_SETS["cifar10"].classes[6] == "frog"


def test_25_classes_of_cifar100(tmp_path):
    written = write("cifar100", out=tmp_path / "new" / "c", classes=25)
    assert (written.n_train, written.n_test) == (75, 25)
    images = read_images(written.folder)
    assert images.classes == PUBLIC_SETS["cifar100"].classes[:25]
    assert len(images) == 100
    (pixels, labels), _ = load(PUBLIC_SETS["cifar100"])
    stored = np.asarray(Image.open(written.folder / "train" / "baby" / "00007.png"))
    np.testing.assert_array_equal(stored, pixels[7])
    assert labels[7] == 2
    assert [path.name for path in written.folder.parent.iterdir()] == ["c"]


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_all_of_each_is_read_back(tmp_path, name):
    written = write(name, out=tmp_path / name)
    images = read_images(written.folder)
    assert images.classes == tuple(sorted(PUBLIC_SETS[name].classes))
    assert len(images) == written.n_train + written.n_test
    if written.n_test:  # else featx draws a test split
        assert images.is_test.sum() == written.n_test


def test_digits_need_no_download_and_have_no_split(tmp_path):
    written = write("digits", out=tmp_path / "digits")
    assert (written.n_train, written.n_test) == (1797, 0)
    images = read_images(written.folder)
    assert images.classes == tuple("0123456789")
    assert len(images) == 1797
    first = np.asarray(Image.open(tmp_path / "digits" / "0" / "00000.png"))
    # The 0 that scikit-learn's gallery opens with, of 16 shades.
    assert first.shape == (8, 8)
    assert first[0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]


def test_a_seeded_part_of_each_class(tmp_path):
    def names(folder, seed):
        write("mnist", out=folder, per_class=2, seed=seed)
        return sorted(p.relative_to(folder) for p in folder.rglob("*.png"))

    first = names(tmp_path / "a", 0)
    assert len(first) == 10 * (2 + 1)
    assert names(tmp_path / "b", 0) == first
    assert names(tmp_path / "c", 1) != first


def test_what_is_there_is_kept(tmp_path):
    with pytest.raises(DataError, match="exists already"):
        write("mnist", out=tmp_path)


def test_classes_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="has 10 classes, not 11; take 2 to 10"):
        write("mnist", out=tmp_path / "m", classes=11)


def test_nothing_is_left_of_a_failed_one(tmp_path, monkeypatch):
    def broken(row):
        (pixels, labels), test = load(row)
        return (pixels.astype(complex), labels), test  # Pillow refuses these

    monkeypatch.setattr(public_sets, "load_with_keras", broken)
    with pytest.raises(TypeError):
        write("mnist", out=tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", OF_KERAS)
def test_offline_says_which_file_to_put_where(tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def offline(row):
        raise OSError("URL fetch failure on http://x: None -- no route to host")

    monkeypatch.setattr(public_sets, "load_with_keras", offline)
    with pytest.raises(DataError) as told:
        write(name, out=tmp_path / "m")
    message = str(told.value)
    assert "could not be fetched (no route to host)" in message
    for file, url in PUBLIC_SETS[name].files.items():
        assert f"{url} as {tmp_path}/keras/datasets/{file}" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", OF_KERAS)
def test_keras_looks_where_the_table_says(tmp_path, monkeypatch, name):
    """What Keras asks its downloader for, and where that would put it."""
    import importlib

    module = importlib.import_module(f"keras.src.datasets.{name}")
    asked = {}

    def get_file(fname, origin, cache_subdir="datasets", extract=False, **rest):
        folder = cache_subdir.removeprefix("datasets").lstrip("/")
        kept = f"{fname}_archive" if extract else fname
        asked[f"{folder}/{kept}".lstrip("/")] = origin
        if len(asked) == len(PUBLIC_SETS[name].files):
            raise OSError("enough")

    monkeypatch.setattr(module, "get_file", get_file)
    with pytest.raises(OSError, match="enough"):
        load_with_keras(PUBLIC_SETS[name])
    assert asked == dict(PUBLIC_SETS[name].files)
