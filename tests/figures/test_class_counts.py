"""Bars of how many images a class has."""

import numpy as np
import pytest

from featx.figures.class_counts import by_count, class_counts_figure
from featx.figures.style import png
from tests.figures.conftest import assert_readable, texts


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
