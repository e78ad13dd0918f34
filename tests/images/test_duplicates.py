"""Copies are found by content, and what must be fixed comes first."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.images.duplicates import find_duplicates
from featx.images.image_set import ImageSet


def image_set(labels, is_test=None):
    return ImageSet(
        root=Path(),
        paths=tuple(f"{row:03}.png" for row in range(len(labels))),
        labels=np.array(labels, dtype=np.int64),
        is_test=None if is_test is None else np.array(is_test, dtype=bool),
        classes=("a", "b", "c"),
        layout="",
    )


def keys_of(contents):
    keys = np.zeros((len(contents), 32), dtype=np.uint8)
    # The last byte tells them apart: digests are compared whole.
    keys[:, 31] = contents
    return keys


def groups_of(found):
    return [rows.tolist() for rows in found]


def test_conflicts_come_first_then_leaks_then_the_rest():
    contents = [1, 1, 2, 2, 3, 3, 4, 5, 5, 5]
    labels = [0, 0, 0, 0, 0, 1, 0, 2, 2, 2]
    is_test = [0, 0, 0, 1, 0, 0, 1, 1, 1, 1]
    images = image_set(labels, is_test)
    found = find_duplicates(images, keys_of(contents), np.ones(10, bool))
    assert groups_of(found) == [[4, 5], [2, 3], [0, 1], [7, 8, 9]]
    assert found.conflicting.tolist() == [True, False, False, False]
    assert found.across.tolist() == [False, True, False, False]
    assert found.tested.tolist() == [False, True, False, True]


def test_what_is_unreadable_is_no_copy():
    readable = np.array([True, False, True, False])
    found = find_duplicates(image_set([0, 0, 0, 0]), keys_of([1, 1, 2, 1]), readable)
    assert len(found) == 0
    assert groups_of(found) == []


def test_a_group_that_is_not_there():
    found = find_duplicates(image_set([0, 0]), keys_of([1, 1]), np.ones(2, bool))
    with pytest.raises(IndexError):
        found[1]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.booleans())))
def test_groups_are_those_that_a_dictionary_gives(files):
    contents, labels, is_test = zip(*files, strict=True) if files else ([], [], [])
    images = image_set(list(labels), list(is_test))
    found = find_duplicates(images, keys_of(list(contents)), np.ones(len(files), bool))
    expected = {}
    for row, content in enumerate(contents):
        expected.setdefault(content, []).append(row)
    expected = [rows for rows in expected.values() if len(rows) > 1]
    assert sorted(groups_of(found)) == sorted(expected)
    for group, rows in enumerate(found):
        assert found.conflicting[group] == (len({labels[r] for r in rows}) > 1)
        assert found.across[group] == (len({is_test[r] for r in rows}) > 1)
        assert found.tested[group] == any(is_test[r] for r in rows)
