"""Sheets of sample images."""

from pathlib import Path

import numpy as np

from featx.figures.samples import (
    BACKGROUND,
    choose_samples,
    samples_figure,
    small_square,
)
from featx.figures.style import png
from featx.images.decoding import ImageFormat
from featx.images.duplicates import find_duplicates
from featx.images.image_set import ImageSet
from featx.images.inspection import Inspection, inspect_images
from featx.images.layouts.read import read_images
from tests.conftest import make_colours, write_image
from tests.figures.conftest import assert_readable, texts


def stub(n_classes, each):
    """Make an inspection of images that are nowhere, all readable."""
    count = n_classes * each
    images = ImageSet(
        root=Path("nowhere"),
        paths=tuple(f"{i:05}.png" for i in range(count)),
        labels=np.repeat(np.arange(n_classes), each),
        is_test=None,
        classes=tuple(f"class {i:03}" for i in range(n_classes)),
        layout="",
    )
    keys = np.zeros((count, 32), np.uint8)
    return Inspection(
        images=images,
        keys=keys,
        widths=np.full(count, 5, np.int32),
        heights=np.full(count, 5, np.int32),
        sizes=np.full(count, 5),
        kinds=(ImageFormat("PNG", "RGB"),),
        kind=np.zeros(count, np.int32),
        unreadable={},
        duplicates=find_duplicates(images, keys, np.zeros(count, bool)),
    )


def test_samples_are_seeded_and_bounded():
    inspection = stub(40, 20)
    samples = choose_samples(inspection, 1)
    assert len(samples) == 16
    assert {len(rows) for rows in samples.values()} == {4}
    for label, rows in samples.items():
        assert set(inspection.images.labels[rows]) == {label}
    again = choose_samples(inspection, 1)
    for label, rows in samples.items():
        assert rows.tolist() == again[label].tolist()
    other = choose_samples(inspection, 2)
    assert list(samples) != list(other)


def test_few_classes_show_more_of_each():
    for inspection, each in ((stub(2, 20), 8), (stub(3, 1), 1)):
        samples = choose_samples(inspection, 0)
        assert len(samples) == len(inspection.images.classes)
        assert {len(rows) for rows in samples.values()} == {each}


def test_the_sample_grid_has_each_image_under_its_name(tmp_path):
    root = make_colours(tmp_path / "data", train=2, test=1)
    (root / "train" / "grey").mkdir()
    (root / "train" / "grey" / "no.png").write_text("no image")
    inspection = inspect_images(read_images(root))
    figure = samples_figure(inspection, choose_samples(inspection, 0), "data")
    assert {"Samples", "data", "blue", "green", "red", "grey"} <= set(texts(figure))
    assert "no readable image" in texts(figure)
    drawn = figure.axes[0].images
    assert len(drawn) == 9
    assert drawn[0].get_array().mean(axis=(0, 1)).argmax() == 2  # blue comes first
    assert_readable(png(figure))


def test_squares_keep_the_shape(tmp_path):
    path = write_image(tmp_path / "a.png", (250, 10, 10), size=(10, 40), noise=0)
    square = small_square(path, 20)
    assert square.shape == (20, 20, 3)
    assert (square[0] == BACKGROUND).all()
    assert (np.abs(square[10].astype(int) - (250, 10, 10)) <= 2).all()
    assert (small_square(tmp_path / "gone.png", 20) == BACKGROUND).all()
