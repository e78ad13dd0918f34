"""Confusion matrices of any size, with numbers where they fit."""

import numpy as np
import pytest

from featx.figures.confusion_matrix import confusion_figure, row_percent
from tests.figures.conftest import texts


def test_many_thousand_cells_stay_within_bounds():
    count = 700
    matrix = np.eye(count, dtype=np.int64)
    names = [f"class number {i}" for i in range(count)]
    figure = confusion_figure(matrix, names, "run", normalised=True)
    assert figure.get_size_inches().max() <= 17
    said = texts(figure)
    assert "class number 0" in said
    assert "class number 1" not in said


@pytest.mark.parametrize(("count", "written"), [(3, True), (30, True), (80, False)])
def test_numbers_stand_in_cells_only_where_they_fit(count, written):
    matrix = np.full((count, count), 7)
    matrix[0, 1] = 0
    figure = confusion_figure(matrix, ["n"] * count, "run", normalised=False)
    assert ("7" in texts(figure)) is written


def test_long_numbers_are_left_out_of_small_cells():
    matrix = np.full((30, 30), 1_234_567)
    figure = confusion_figure(matrix, ["n"] * 30, "run", normalised=False)
    assert "1234567" not in texts(figure)


def test_small_shares_are_not_shown_as_zero():
    matrix = np.array([[999, 1], [0, 5]])
    said = texts(confusion_figure(matrix, ["a", "b"], "run", normalised=True))
    assert "<1" in said
    assert "0" in said


def test_row_percent_of_a_class_without_images_is_zero():
    percent = row_percent(np.array([[3, 1], [0, 0]]))
    np.testing.assert_allclose(percent, [[75, 25], [0, 0]])
