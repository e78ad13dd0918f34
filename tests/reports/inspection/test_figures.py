"""Figures of an inspection: drawn for two classes as for hundreds."""

from pathlib import Path

import numpy as np
import pytest

from featx.figures.class_counts import by_count, class_counts_figure
from featx.figures.samples import (
    BACKGROUND,
    choose_samples,
    samples_figure,
    small_square,
)
from featx.figures.sizes import aspect_ratios_figure, sizes_figure
from featx.figures.style import png
from featx.images.duplicates import find_duplicates
from featx.images.image_set import ImageSet
from featx.images.inspection import ImageFormat, Inspection, inspect_images
from featx.images.layouts.read import read_images
from tests.conftest import make_colours, write_image
from tests.test_plots import assert_readable, texts


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


@pytest.mark.parametrize(
    ("n_classes", "parts"),
    [(2, ("train", "test")), (40, ("images",)), (200, ("train", "test"))],
)
def test_bars(n_classes, parts):
    counts = np.random.default_rng(0).integers(1, 5000, (n_classes, len(parts)))
    names = [f"class {i}" for i in range(n_classes)]
    figure = class_counts_figure(counts, parts, names, "pets")
    assert_readable(png(figure))
    words = texts(figure)
    most, least = by_count(counts)[0], by_count(counts)[-1]
    for index in (most, least):
        assert names[index] in words
        assert " + ".join(f"{n:,}" for n in counts[index]) in words
    assert ("train" in words) == (len(parts) > 1)


def test_names_in_bars_are_drawn_as_they_are(odd_names):
    counts = np.arange(2 * len(odd_names)).reshape(-1, 2)
    figure = class_counts_figure(counts, ("train", "test"), odd_names, "$x$")
    assert_readable(png(figure))
    assert "$x$ and $y^2_" in texts(figure)


def test_ties_stay_in_class_order():
    assert by_count(np.array([[1, 1], [3, 0], [0, 2], [2, 1]])) == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("widths", "heights"),
    [
        ([32], [32]),
        ([1, 9000, 400], [9000, 1, 300]),
        (list(range(100, 400)), list(range(400, 100, -1))),
    ],
)
def test_sizes_from_one_to_extremes(widths, heights):
    widths, heights = np.array(widths), np.array(heights)
    assert_readable(png(sizes_figure(widths, heights, "pets")))
    assert_readable(png(aspect_ratios_figure(widths, heights, "pets")))


def test_dots_and_bars_count_all_images():
    rng = np.random.default_rng(0)
    widths, heights = rng.integers(10, 3000, (2, 20_000))
    figure = sizes_figure(widths, heights, "pets")
    (dots,) = figure.axes[0].collections
    assert len(dots.get_offsets()) < 20_000
    bars = aspect_ratios_figure(widths, heights, "pets").axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 20_000


def test_a_size_that_is_alone_is_drawn_where_it_is():
    widths, heights = np.array([500, 500, 333]), np.array([375, 375, 499])
    (dots,) = sizes_figure(widths, heights, "pets").axes[0].collections
    assert [333.0, 499.0] in dots.get_offsets().tolist()


def test_samples_are_seeded_and_bounded():
    inspection = stub(40, 20)
    strips = choose_samples(inspection, 1)
    assert len(strips) == 16
    assert {len(strip.rows) for strip in strips} == {4}
    for strip in strips:
        assert set(inspection.images.labels[strip.rows]) == {strip.label}
    again = choose_samples(inspection, 1)
    assert [s.rows.tolist() for s in strips] == [s.rows.tolist() for s in again]
    other = choose_samples(inspection, 2)
    assert [s.label for s in strips] != [s.label for s in other]


def test_few_classes_show_more_of_each():
    strips = choose_samples(stub(2, 20), 0)
    assert [len(strip.rows) for strip in strips] == [8, 8]
    assert [len(strip.rows) for strip in choose_samples(stub(3, 1), 0)] == [1, 1, 1]


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
