"""What holds for every engine that is installed."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.cache.models import FOLDER
from featx.embeddings.comparison import largest_difference, mean_cosine
from featx.embeddings.engines.table import (
    CONVERTED,
    ENGINES,
    default_engine,
    find_engine,
)
from featx.embeddings.engines.trials import MOST_DIFFERENCE
from featx.embeddings.extract import embed_rows
from featx.errors import BackboneError
from featx.images.decoding import decode
from featx.images.resizing import Fit, resize
from featx.images.sources import ImageArrays

INSTALLED = [name for name in ENGINES if find_engine(name).missing() is None]
REFERENCE = default_engine()
CONVERTIBLE = [
    *(one for one in CONVERTED if one in INSTALLED and REFERENCE == "tensorflow")
]
needs_conversion = pytest.mark.skipif(
    not CONVERTIBLE, reason="only TensorFlow converts backbones"
)
SIDE = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def images():
    coarse = np.random.default_rng(0).integers(0, 256, (9, 6, 6, 3), dtype=np.uint8)
    return np.stack([resize(image, Fit(SIDE, SIDE)) for image in coarse])


def find(name, folder, **options):
    options = {"weights": "random", "image_size": SIDE, **options}
    backbone = options.pop("backbone", "mobilenet-0.25")
    extractor = find_extractor(backbone, precision="float32", **options)
    return replace(extractor, engine=name, models=folder)


@pytest.fixture(scope="module")
def reference(folder, images):
    return find(REFERENCE, folder).open()(images)


@pytest.fixture(scope="module", params=INSTALLED)
def engine(request, folder):
    return find(request.param, folder).open()


def test_rows_are_those_of_the_reference(engine, images, reference):
    rows = engine(images)
    assert (engine.dim, rows.dtype, rows.shape) == (256, np.float32, (9, 256))
    assert largest_difference(rows, reference) <= MOST_DIFFERENCE
    assert engine.name in ENGINES
    assert engine.batch_size >= 1


def test_a_row_depends_on_its_image_only(engine, images):
    rows = engine(images)
    for count in (0, 1, 4):
        np.testing.assert_array_equal(engine(images[:count]), rows[:count])
    np.testing.assert_array_equal(engine(images[::-1])[::-1], rows)


def test_several_threads_may_run_it(engine, images):
    rows = engine(images)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(engine, [images] * 12):
            np.testing.assert_array_equal(found, rows)


def test_other_images_are_refused(engine, images):
    for wrong in (images[:, :32], images[0], images.astype(np.float32)):
        with pytest.raises(ValueError, match=r"uint8 \(N, 40, 40, 3\), not"):
            engine(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTALLED)
def test_layers_maps_and_poolings(name, folder, images):
    for options in (
        {"layer": "conv_pw_6_relu", "pooling": "max"},
        {"pooling": "none"},
    ):
        rows = find(name, folder, **options).open()(images)
        expected = find(REFERENCE, folder, **options).open()(images)
        assert largest_difference(rows, expected) <= MOST_DIFFERENCE


@pytest.mark.parametrize("name", INSTALLED)
def test_lower_precisions_are_near(name, folder, images, reference):
    for precision in find_engine(name).precisions():
        rows = replace(find(name, folder), precision=precision).open()(images)
        assert mean_cosine(rows, reference) >= 0.99
    with pytest.raises(BackboneError, match="float16"):
        replace(find(name, folder), precision="float16").open()


@pytest.mark.parametrize("name", INSTALLED)
def test_the_cache_says_which_engine_computed_a_row(name, folder, images, tmp_path):
    import h5py

    find(name, folder).open()
    if name in CONVERTED:
        shutil.copytree(folder / FOLDER, tmp_path / FOLDER)
    extractor = find(name, tmp_path)
    ((rows, done),) = embed_rows(ImageArrays(images), [extractor], tmp_path)
    (part,) = done.folder.glob("part-*.h5")
    with h5py.File(part) as file:
        assert file.attrs["engine"] == name.encode()
    assert len(rows) == 9


@needs_conversion
def test_a_backbone_is_converted_once(images, tmp_path, monkeypatch):
    name = CONVERTIBLE[0]
    rows = find(name, tmp_path).open()(images)
    (path,) = (tmp_path / FOLDER).iterdir()
    before = path.stat()
    find_engine(name)._open.cache_clear()
    monkeypatch.setattr("featx.embeddings.engines.converted._converted", None)
    np.testing.assert_array_equal(find(name, tmp_path).open()(images), rows)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    # The flipped view and another precision are other specs, of the same network.
    flipped = find(name, tmp_path).flipped()
    np.testing.assert_array_equal(flipped.open()(images), rows)


@needs_conversion
def test_a_cache_that_cannot_be_written_to_is_no_obstacle(images, tmp_path):
    name = CONVERTIBLE[0]
    (tmp_path / FOLDER).write_text("a file stands where the folder would be")
    rows = find(name, tmp_path).open()(images)
    np.testing.assert_array_equal(find(name, None).open()(images), rows)


@pytest.mark.parametrize("name", CONVERTIBLE)
def test_large_backbones_are_not_converted(name, folder):
    with pytest.raises(BackboneError, match="too large"):
        find(name, folder, backbone="convnextxlarge").open()


FAMILIES = {
    "mobilenetv3small": None,
    "densenet121": "conv2_block2_concat",
    "efficientnetv2b0": "block4a_activation",
    "convnexttiny": "convnext_tiny_stage_1_block_0_identity",
}
"""Backbones that together have all kinds of layers, as far as a layer; whole ones take
minutes to convert. All families agreed when each was tried whole."""


@pytest.mark.slow
@pytest.mark.parametrize("backbone", FAMILIES)
def test_each_family_agrees(backbone, tmp_path):
    coarse = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), dtype=np.uint8)
    images = np.stack([resize(image, Fit(32, 32)) for image in coarse])
    options = {"image_size": 32, "backbone": backbone, "layer": FAMILIES[backbone]}
    expected = find(REFERENCE, tmp_path, **options).open()(images)
    for name in CONVERTIBLE:
        rows = find(name, tmp_path, **options).open()(images)
        assert largest_difference(rows, expected) <= MOST_DIFFERENCE


@pytest.mark.slow
@pytest.mark.samples
@pytest.mark.parametrize("backbone", ["mobilenetv2-0.35", "efficientnetlite0"])
def test_real_weights_agree(samples, backbone, tmp_path):
    if "KERAS_HOME" not in os.environ and backbone != "efficientnetlite0":
        pytest.skip("KERAS_HOME names no folder with ImageNet weights")
    files = sorted((samples / "dogs-vs-cats").rglob("*.jpg"))[:16]
    images = np.stack([decode(file.read_bytes(), (224, 224)) for file in files])
    options = {"backbone": backbone, "weights": "imagenet", "image_size": 224}
    expected = find(REFERENCE, tmp_path, **options).open()(images)
    for name in CONVERTIBLE:
        rows = find(name, tmp_path, **options).open()(images)
        assert largest_difference(rows, expected) <= MOST_DIFFERENCE
