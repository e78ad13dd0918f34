"""The split of an image set: stratified, by content, without leaks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from featx.embeddings.dataset import embed
from featx.errors import DataError
from featx.images.digests import Digests
from featx.images.image_set import ImageSet
from featx.images.image_set import split_images as split_digests
from featx.images.layouts.read import read_images


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


def split_images(images, keys, **options):
    """Split images whose files have these digests."""
    return split_digests(replace(images, **options), Digests(keys, {}))


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
    assert split.images.paths == images.paths
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


@given(contents_by_class(), shares, seeds, st.permutations(range(5)), st.data())
def test_cut_knows_no_names_of_classes(drawn, share, seed, renamed, data):
    labels, contents = drawn
    wrong = data.draw(st.booleans())
    if wrong and len(labels) > 8:
        contents = np.where(contents == contents[-1], contents[0], contents)
        assume(all(len(set(contents[labels == c])) > 2 for c in set(labels)))
    ranks = np.unique(np.array(renamed)[: labels.max() + 1], return_inverse=True)[1]
    others = ranks[labels]
    order = np.argsort(others, kind="stable")
    options = {"test_size": share, "seed": seed}
    one = split_images(image_set(labels), keys_of(contents), **options)
    other = split_images(image_set(others[order]), keys_of(contents[order]), **options)
    assert other.is_test.tolist() == one.is_test[order].tolist()


def test_share_is_met_over_all_classes():
    labels = np.repeat([0, 1, 2, 3], 10)
    images = image_set(labels)
    split = split_images(images, keys_of(range(40)))
    assert split.is_test.sum() == 10
    assert sorted(np.bincount(labels[split.is_test])) == [2, 2, 3, 3]
    assert split.images.layout == "class folders; 25% cut off for the test, seed 0"
    eighth = split_images(images, keys_of(range(40)), test_size=0.125, seed=3)
    assert eighth.images.layout == "class folders; 12.5% cut off for the test, seed 3"


def test_fingerprints_tell_content_labels_and_split_apart():
    keys = keys_of(range(4))

    def fingerprints(labels, is_test=(0, 0, 1, 1), names="ab"):
        images = replace(image_set(labels, is_test), classes=tuple(names))
        split = split_images(images, keys)
        return (
            split.content_fingerprint,
            split.labels_fingerprint,
            split.fingerprint,
        )

    first = fingerprints([0, 1, 0, 1])
    cases = [
        (fingerprints([0, 1, 0, 1], (1, 1, 0, 0)), [True, True, False]),
        (fingerprints([0, 1, 1, 0]), [True, False, False]),
        (fingerprints([0, 1, 0, 1], names="ac"), [True, False, False]),
    ]
    for other, same in cases:
        assert [a == b for a, b in zip(first, other, strict=True)] == same


def test_seed_decides():
    images, keys = image_set(np.repeat([0, 1], 30)), keys_of(range(60))
    splits = [split_images(images, keys, seed=s).is_test.tolist() for s in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def test_rare_class_keeps_training_images_in_a_large_test_split():
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
        " into training and test: add images or remove it"
    )


def test_size_for_data_with_its_own_test_split():
    images = image_set([0, 1, 0, 1], [0, 0, 1, 1])
    with pytest.raises(
        DataError, match=r"pets has its own test split .*drop --test-size"
    ):
        split_images(images, keys_of(range(4)), test_size=0.2)


def test_own_test_split_is_kept():
    images = image_set([0, 1, 0, 1], [0, 0, 1, 1])
    split = split_images(images, keys_of(range(4)))
    assert split.is_test.tolist() == [False, False, True, True]
    assert (split.train.tolist(), split.test.tolist()) == ([0, 1], [2, 3])


def test_leaks_are_left_out_of_training():
    images = image_set([0, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1])
    split = split_images(images, keys_of([7, 8, 9, 7, 7, 10]))
    assert split.images.paths == ("0001.png", "0002.png", "0004.png", "0005.png")
    assert split.is_test.tolist() == [False, False, True, True]
    assert split.notes == (
        (
            "1 images have the same content as one of another class (first: 0000.png"
            " and 0003.png); remove the wrong ones"
        ),
        (
            "2 training images are in the test split too and are left out of training"
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
    # What `read_images` returns has test images, and trains on every class.
    assume(flags.any())
    assume(set(labels[~flags]) == set(labels))
    if set(labels[~flags]) - set(labels[~flags & ~np.isin(contents, contents[flags])]):
        with pytest.raises(DataError, match="all training images of"):
            split_images(images, keys_of(contents))
        return
    split = split_images(images, keys_of(contents))
    in_test = set(contents[split.rows[split.test]])
    trained = set(contents[split.rows[split.train]])
    assert not in_test & trained
    assert in_test == set(contents[flags])
    assert trained == set(contents) - in_test
    # A class that was trained on still is.
    before = set(labels[~flags])
    assert set(split.images.labels[~split.is_test]) == before


def test_class_that_is_nothing_but_leaks():
    images = image_set([0, 1, 0, 1], [0, 0, 1, 1])
    with pytest.raises(DataError) as caught:
        split_images(images, keys_of([0, 1, 2, 1]))
    assert str(caught.value) == (
        "pets: all training images of 'b' are in the test split too;"
        " put other images into one of the two"
    )


def test_contradicting_labels_are_noted_when_cutting_too():
    images = replace(image_set([0, 0, 1, 1, 1]), notes=("earlier",))
    split = split_images(images, keys_of([0, 1, 2, 0, 3]), test_size=0.4)
    assert split.is_test[0] == split.is_test[3]
    assert split.notes[0] == "earlier"
    assert "same content as one of another class (first: 0000.png and" in split.notes[1]


def test_what_cannot_be_decoded_changes_no_other_side():
    images = image_set(np.repeat([0, 1], 10))
    digests = Digests(keys_of(range(20)), {})
    whole = split_digests(images, digests)
    split = split_digests(images, digests, {3: "bad"})
    assert split.rows.tolist() == [row for row in range(20) if row != 3]
    assert split.is_test.tolist() == whole.is_test[split.rows].tolist()
    assert split.notes == (
        "1 of 20 images can't be read, left out (first: 0003.png: bad)",
    )


def test_train_and_test_are_image_sets(colours):
    images = read_images(colours)
    assert (len(images.train), len(images.test)) == (24, 12)
    assert all(path.startswith("test/") for path in images.test.paths)
    assert images.train.classes == images.classes
    assert images.train.layout.endswith("; training split")


def test_a_drawn_split_is_the_one_of_embeddings(colours, extractor, tmp_path):
    bad = colours / "train" / "red" / "bad.png"
    bad.write_bytes(b"no image")
    images = read_images(colours / "train", test_size=0.5, seed=3)
    embeddings = embed(images, extractor, cache_dir=tmp_path / "cache")
    for own, rows in ((images.train, embeddings.train), (images.test, embeddings.test)):
        used = {embeddings.images.paths[row] for row in rows}
        assert set(own.paths) - used <= {"red/bad.png"}
        assert used <= set(own.paths)
    twin = embed(images.train, extractor, cache_dir=tmp_path / "cache")
    assert set(twin.images.paths) <= set(images.train.paths)


def test_networks_see_what_embeddings_see(colours, extractor, tmp_path):
    twin = colours / "train" / "red" / "twin.png"
    twin.write_bytes((colours / "test" / "red" / "000.png").read_bytes())
    (colours / "train" / "red" / "bad.png").write_bytes(b"no image")
    images = read_images(colours)
    embeddings = embed(images, extractor, cache_dir=tmp_path / "cache")
    bad = images.paths.index("train/red/bad.png")
    split = split_digests(images, images.digests, {bad: "bad"})
    assert split.fingerprint == embeddings.split.fingerprint
    assert split.images.paths == embeddings.images.paths
    np.testing.assert_array_equal(split.groups, embeddings.split.groups)
    assert (np.diff(split.rows) > 0).all()
    assert [images.paths[row] for row in split.rows] == list(split.images.paths)
    assert "train/red/twin.png" not in split.images.paths
    assert "1 of 38 images can't be read" in split.notes[-1]


def test_nothing_readable(colours):
    images = read_images(colours)
    with pytest.raises(DataError, match="none of 36 images can be read"):
        split_digests(images, images.digests, dict.fromkeys(range(36), "bad"))


def test_it_shows_itself_shortly(colours):
    images = read_images(colours)
    assert repr(images) == (
        f"ImageSet('{colours}', 36 images, 3 classes, 24 train + 12 test)"
    )
    single = read_images(colours / "train", test_size=0.5)
    assert "test split of 50% to be drawn" in repr(single)
    assert "digests" not in vars(single)  # which nothing was read for
    assert "<td>blue</td><td>12</td>" in images._repr_html_()


def test_copies_among_the_test_images_are_noted():
    images = image_set([0, 0, 0, 1, 1, 1], is_test=[True, True, False] * 2)
    split = split_images(images, keys_of([0, 0, 1, 2, 2, 3]))
    assert split.notes == (
        (
            "4 test images, 2 distinct: the others are copies, which scores count and"
            " intervals don't"
        ),
    )
    assert split.is_test.sum() == 4
