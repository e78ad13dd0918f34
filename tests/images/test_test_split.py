"""The test part: stratified, by content, without leaks, whatever the order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.errors import DataError
from featx.images.image_set import ImageSet
from featx.images.test_split import split_images


def image_set(labels, is_test=None, names=None):
    labels = np.array(labels, dtype=np.int64)
    names = names or [f"{i:04}.png" for i in range(len(labels))]
    return ImageSet(
        root=Path("pets"),
        paths=tuple(names),
        labels=labels,
        is_test=None if is_test is None else np.array(is_test, dtype=bool),
        classes=tuple("abcdefgh"[: labels.max() + 1]),
        layout="class folders",
    )


def keys_of(contents):
    """Return keys, shape (n, 32), that sort in no order of the contents."""
    return np.stack(
        [
            np.random.default_rng(c).integers(0, 256, 32, dtype=np.uint8)
            for c in contents
        ]
    )


@st.composite
def contents_by_class(draw):
    """Draw (labels, contents): up to 5 classes, files of the same content."""
    labels, contents = [], []
    for label in range(draw(st.integers(2, 5))):
        for _ in range(draw(st.integers(2, 12))):
            copies = draw(st.sampled_from([1, 1, 1, 2, 3]))
            content = len(set(contents))
            labels += [label] * copies
            contents += [content] * copies
    return np.array(labels), np.array(contents)


shares = st.floats(0.01, 0.99)
seeds = st.integers(0, 99)


@given(contents_by_class(), shares, seeds)
def test_cut_is_stratified_and_by_content(drawn, share, seed):
    labels, contents = drawn
    images = image_set(labels)
    split = split_images(images, keys_of(contents), test_size=share, seed=seed)
    assert split.paths == images.paths
    tested = set(contents[split.is_test])
    assert not tested & set(contents[~split.is_test])
    for label in range(len(images.classes)):
        of_class = set(contents[labels == label])
        count = len(of_class & tested)
        assert 1 <= count < len(of_class)
        wanted = np.clip(share * len(of_class), 1, len(of_class) - 1)
        assert abs(count - wanted) <= 1


@given(contents_by_class(), seeds, st.randoms(use_true_random=False))
def test_cut_knows_neither_order_nor_names(drawn, seed, random):
    labels, contents = drawn
    order = list(range(len(labels)))
    random.shuffle(order)
    one = split_images(image_set(labels), keys_of(contents), seed=seed)
    names = [f"{random.random()}.jpg" for _ in order]
    shuffled = image_set(labels[order], names=names)
    other = split_images(shuffled, keys_of(contents[order]), seed=seed)
    assert other.is_test.tolist() == one.is_test[order].tolist()


def test_share_is_met_over_all_classes():
    labels = np.repeat([0, 1, 2, 3], 10)
    images = image_set(labels)
    split = split_images(images, keys_of(range(40)))
    assert split.is_test.sum() == 10
    assert sorted(np.bincount(labels[split.is_test])) == [2, 2, 3, 3]
    assert split.layout == "class folders; 25% cut off for the test, seed 0"
    eighth = split_images(images, keys_of(range(40)), test_size=0.125, seed=3)
    assert eighth.layout == "class folders; 12.5% cut off for the test, seed 3"


def test_seed_decides():
    images, keys = image_set(np.repeat([0, 1], 30)), keys_of(range(60))
    splits = [split_images(images, keys, seed=s).is_test.tolist() for s in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def test_rare_class_keeps_training_images_in_a_large_test_part():
    labels = np.array([0] * 2 + [1] * 100)
    split = split_images(image_set(labels), keys_of(range(102)), test_size=0.9)
    assert np.bincount(labels[~split.is_test]).tolist() == [1, 10]


@pytest.mark.parametrize("share", [0, 1, -0.5, 25, float("nan")])
def test_share_out_of_bounds(share):
    images = image_set([0, 0, 1, 1])
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        split_images(images, keys_of(range(4)), test_size=share)


def test_class_of_one_content():
    images = image_set([0, 0, 1, 1, 1])
    with pytest.raises(DataError) as caught:
        split_images(images, keys_of([0, 1, 2, 2, 2]))
    assert str(caught.value) == (
        "pets: fewer than two distinct images of 'b'; a class needs two to be split"
        " into training and test: add images or take it out"
    )


def test_size_for_data_with_its_own_test_part():
    images = image_set([0, 1, 0, 1], [0, 0, 1, 1])
    with pytest.raises(
        DataError, match=r"pets has its own test part .*drop --test-size"
    ):
        split_images(images, keys_of(range(4)), test_size=0.2)


def test_own_test_part_is_kept():
    images = image_set([0, 1, 0, 1], [0, 0, 1, 1])
    assert split_images(images, keys_of(range(4))) is images


def test_leaks_are_left_out_of_training():
    images = image_set([0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1])
    split = split_images(images, keys_of([7, 8, 9, 7, 7, 10]))
    assert split.paths == ("0001.png", "0002.png", "0004.png", "0005.png")
    assert split.is_test.tolist() == [False, False, True, True]
    assert split.notes == (
        (
            "1 images have the same content as one of another class (first: 0000.png"
            " and 0003.png); remove the wrong ones"
        ),
        (
            "2 training images are in the test part too and are left out of training"
            " (first: 0000.png)"
        ),
    )


@given(contents_by_class(), st.data())
def test_no_test_image_is_ever_trained_on(drawn, data):
    labels, contents = drawn
    flags = data.draw(
        st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))
    )
    images = image_set(labels, flags)
    flags = np.array(flags)
    if set(labels[~flags]) - set(labels[~flags & ~np.isin(contents, contents[flags])]):
        with pytest.raises(DataError, match="all training images of"):
            split_images(images, keys_of(contents))
        return
    split = split_images(images, keys_of(contents))
    kept = dict(zip(images.paths, contents, strict=True))
    in_test = {kept[p] for p, t in zip(split.paths, split.is_test, strict=True) if t}
    trained = {
        kept[p] for p, t in zip(split.paths, split.is_test, strict=True) if not t
    }
    assert not in_test & trained
    assert in_test == set(contents[flags])
    assert trained == set(contents) - in_test
    # A class that was trained on still is.
    before = set(labels[~flags])
    assert set(split.labels[~split.is_test]) == before


def test_class_that_is_nothing_but_leaks():
    images = image_set([0, 1, 0, 1], [0, 0, 1, 1])
    with pytest.raises(DataError) as caught:
        split_images(images, keys_of([0, 1, 2, 1]))
    assert str(caught.value) == (
        "pets: all training images of 'b' are in the test part too;"
        " put other images into one of the two"
    )


def test_contradicting_labels_are_noted_when_cutting_too():
    images = replace(image_set([0, 0, 1, 1, 1]), notes=("earlier",))
    split = split_images(images, keys_of([0, 1, 2, 0, 3]), test_size=0.4)
    assert split.is_test[0] == split.is_test[3]
    assert split.notes[0] == "earlier"
    assert "same content as one of another class (first: 0000.png and" in split.notes[1]
