"""An image set: paths, labels, and the split into training and test images."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.errors import DataError
from featx.images.digests import Digests, digest_files
from featx.images.layouts.options import DEFAULT_TEST_SIZE
from featx.images.packed.find import data_name
from featx.splits import draw_stratified, rank_classes

SHOWN = 20
"""Classes in a notebook's table."""


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Labelled image files.

    Attributes
    ----------
    root : Path or UPath
        The data folder.
    paths : tuple of str
        Relative to `root`, with ``/``, in sorted order.
    labels : ndarray of int64, shape (n,)
        Index into `classes`.
    is_test : ndarray of bool, shape (n,), or None
        Which images are in the test split that the data itself gives; None where it
        gives none.
    classes : tuple of str
        Class names, sorted; this order holds for all columns everywhere.
    layout : str
        How the folder was understood, in words.
    notes : tuple of str
        What was left out or looks wrong, one line each.
    test_size : float, optional
        Share of the images for the test split where the data gives none; 0.25 by
        default.
    seed : int
        Seed of that split.
    """

    root: Address
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    is_test: NDArray[np.bool_] | None
    classes: tuple[str, ...]
    layout: str
    notes: tuple[str, ...] = ()
    test_size: float | None = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"ImageSet('{self.root}', {self._summary})"

    def _repr_html_(self) -> str:
        """Return a table of the classes, for notebooks."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{count}</td></tr>"
            for name, count in list(zip(self.classes, counts, strict=True))[:SHOWN]
        )
        more = len(self.classes) - SHOWN
        rest = f"<tr><td>and {more} more</td><td></td></tr>" if more > 0 else ""
        return (
            f"<p><b>ImageSet</b> {escape(str(self.root))}: {self._summary}</p>"
            f"<table><tr><th>class</th><th>images</th></tr>{rows}{rest}</table>"
        )

    @property
    def _summary(self) -> str:
        if self.is_test is None:
            split = f"test split of {self.share:.0%} to be drawn"
        else:
            split = f"{(~self.is_test).sum()} train + {self.is_test.sum()} test"
        return f"{len(self)} images, {len(self.classes)} classes, {split}"

    @property
    def share(self) -> float:
        """Share of the images for the test split where the data gives none."""
        return DEFAULT_TEST_SIZE if self.test_size is None else self.test_size

    @property
    def name(self) -> str:
        """The data folder's name."""
        return data_name(self.root) or "data"

    @property
    def files(self) -> list[Address]:
        """The image files, in the order of `paths`."""
        return [self.root / path for path in self.paths]

    @cached_property
    def digests(self) -> Digests:
        """SHA-256 of the files; they are read the first time this is asked for."""
        return digest_files(self.files)

    @cached_property
    def split(self) -> "Split":
        """The images in a training and a test split.

        Raises
        ------
        DataError
        """
        return split_images(self, self.digests)

    @property
    def train(self) -> "ImageSet":
        """The training images, as a set of their own.

        Raises
        ------
        DataError
            The images can't be split.
        """
        return self.split.images.take(self.split.train, "training split")

    @property
    def test(self) -> "ImageSet":
        """The test images, as a set of their own.

        Raises
        ------
        DataError
            The images can't be split.
        """
        return self.split.images.take(self.split.test, "test split")

    def take(
        self, rows: NDArray[np.bool_] | NDArray[np.integer], what: str = ""
    ) -> "ImageSet":
        """Return the image set with these rows only, in this order.

        Parameters
        ----------
        rows : ndarray of bool or int
        what : str, optional
            One split, in words: the result is then a set of its own, not split yet.
        """
        index = np.arange(len(self))[rows]
        is_test = None if self.is_test is None or what else self.is_test[index]
        return replace(
            self,
            paths=tuple(self.paths[i] for i in index),
            labels=self.labels[index],
            is_test=is_test,
            layout=f"{self.layout}; {what}" if what else self.layout,
        )


@dataclass(frozen=True, eq=False)
class Split:
    """The readable images of a set, in a training and a test split.

    Embeddings and networks trained from scratch both begin here, so that the same
    folder and options give both the same split and the same fingerprint.

    Attributes
    ----------
    images : ImageSet
        Without what can't be read and without training images that are in the test
        split too; it has `is_test`.
    rows : ndarray of int, shape (n,)
        Where each stands in the set that was split, ascending.
    keys : ndarray of uint8, shape (n, 32)
        SHA-256 of each image file.
    notes : tuple of str
        Those of the set, and what was left out.
    """

    images: ImageSet
    rows: NDArray[np.intp]
    keys: NDArray[np.uint8]
    notes: tuple[str, ...]

    @property
    def is_test(self) -> NDArray[np.bool_]:
        """Which images are in the test split, shape (n,)."""
        assert self.images.is_test is not None
        return self.images.is_test

    @property
    def train(self) -> NDArray[np.intp]:
        """Rows of the training images in `images`."""
        return np.flatnonzero(~self.is_test)

    @property
    def test(self) -> NDArray[np.intp]:
        """Rows of the test images in `images`."""
        return np.flatnonzero(self.is_test)

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """Images with the same content have the same number, shape (n,)."""
        return np.unique(self.keys, axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the content, the labels and the split: 16 hexadecimal digits.

        The same for a renamed or moved folder.
        """
        return self._digest(self.images.labels.tolist(), self.is_test.tolist())

    @cached_property
    def labels_fingerprint(self) -> str:
        """Identifies the content and the labels, whatever the split."""
        return self._digest(self.images.labels.tolist())

    @cached_property
    def content_fingerprint(self) -> str:
        """Identifies the content, whatever the labels and the split."""
        return hashlib.sha256(np.unique(self.keys, axis=0).tobytes()).hexdigest()[:16]

    def _digest(self, *columns: list[Any]) -> str:
        rows = sorted(zip(map(bytes, self.keys), *columns, strict=True))
        content = repr((self.images.classes, rows))
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def split_images(
    images: ImageSet, digests: Digests, unreadable: Mapping[int, str] | None = None
) -> Split:
    """Leave out what can't be read and split the rest.

    A split that the data itself gives is kept. Otherwise a stratified test split is
    drawn: files with the same content fall on the same side, and neither the order of
    the files nor their names nor those of the classes matter. Training images whose
    content is in the test split as well are left out, so that no test image was ever
    trained on.

    Parameters
    ----------
    images : ImageSet
    digests : Digests
        Of its files.
    unreadable : mapping of int to str, optional
        Row to reason, for files that can't be decoded. They are left out, but don't
        change on which side the others fall.

    Raises
    ------
    DataError
        No readable image is left, of all or of a class; `test_size` is out of bounds
        or given for data that has its own test split; or a class has too few images to
        be split, or none to train on that isn't in the test split too.
    """
    reasons = {**digests.unreadable, **(unreadable or {})}
    images = _with_test_split(images, digests)
    rows = _readable_rows(images, reasons)
    left = images.take(rows)
    leaked = _find_leaks(left, digests.keys[rows])
    notes = [
        *images.notes,
        *_contradiction_notes(left, digests.keys[rows]),
        *_leak_notes(left, leaked),
        *_copies_notes(left, digests.keys[rows]),
        *_unreadable_notes(images, reasons),
    ]
    kept = rows[~leaked]
    return Split(left.take(~leaked), kept, digests.keys[kept], tuple(notes))


def _with_test_split(images: ImageSet, digests: Digests) -> ImageSet:
    """Draw a test split where the data gives none, of the files that can be opened."""
    if images.is_test is not None:
        if images.test_size is not None:
            raise DataError(
                f"{images.root} has its own test split ({images.layout});"
                " drop --test-size, or name the folder that holds the classes"
            )
        return images
    share = images.share
    if not 0 < share < 1:
        raise DataError(f"--test-size {share}: must lie between 0 and 1, like 0.25")
    is_test = _draw_test_split(images, digests)
    layout = (
        f"{images.layout}; {100 * share:g}% cut off for the test, seed {images.seed}"
    )
    return replace(images, is_test=is_test, layout=layout)


def _draw_test_split(images: ImageSet, digests: Digests) -> NDArray[np.bool_]:
    """Choose the test images, a stratified share of the distinct contents."""
    rows = _readable_rows(images, digests.unreadable)
    content = np.unique(digests.keys[rows], axis=0, return_inverse=True)[1]
    dealt = rank_classes(images.labels[rows], content.reshape(-1))
    counts = np.bincount(dealt.of_group, minlength=len(dealt.labels))
    few = sorted(images.classes[code] for code in dealt.labels[counts < 2])
    if few:
        raise DataError(
            f"{images.root}: fewer than two distinct images of {shorten(few)}; a class"
            " needs two to be split into training and test: add images or remove it"
        )
    is_test = np.zeros(len(images), bool)
    drawn = draw_stratified(dealt.of_group, share=images.share, seed=images.seed)
    is_test[rows] = np.isin(dealt.member, drawn)
    return is_test


def _readable_rows(images: ImageSet, unreadable: Mapping[int, str]) -> NDArray[np.intp]:
    """Return the rows that can be read; every class must have some to train on."""
    rows = np.setdiff1d(np.arange(len(images)), list(unreadable))
    if not len(rows):
        raise DataError(f"{images.root}: none of {len(images)} images can be read")
    left = images.take(rows)
    train = np.ones(len(left), bool) if left.is_test is None else ~left.is_test
    counts = np.bincount(left.labels[train], minlength=len(images.classes))
    for code in np.flatnonzero(counts == 0):
        raise DataError(
            f"{images.root}: no readable training image of '{images.classes[code]}';"
            " fix its files or remove the class"
        )
    if left.is_test is not None and not left.is_test.any():
        raise DataError(f"{images.root}: no readable image in the test split")
    return rows


def _find_leaks(images: ImageSet, keys: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which training images have the content of a test image, shape (n,)."""
    assert images.is_test is not None
    tested = {bytes(key) for key in keys[images.is_test]}
    leaked = np.array([bytes(key) in tested for key in keys]) & ~images.is_test
    kept = images.labels[~leaked & ~images.is_test]
    gone = sorted(set(images.labels[leaked]) - set(kept))
    if gone:
        names = shorten([images.classes[label] for label in gone])
        raise DataError(
            f"{images.root}: all training images of {names} are in the test split too;"
            " put other images into one of the two"
        )
    return leaked


def _leak_notes(images: ImageSet, leaked: NDArray[np.bool_]) -> Iterator[str]:
    if leaked.any():
        first = images.paths[int(np.flatnonzero(leaked)[0])]
        yield (
            f"{leaked.sum()} training images are in the test split too and are left out"
            f" of training (first: {first})"
        )


def _contradiction_notes(images: ImageSet, keys: NDArray[np.uint8]) -> Iterator[str]:
    """Note files of the same content in different classes."""
    _, first, content = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    like = first[content.reshape(-1)]
    wrong = np.flatnonzero(images.labels != images.labels[like])
    if len(wrong):
        row = wrong[0]
        yield (
            f"{len(wrong)} images have the same content as one of another class (first:"
            f" {images.paths[like[row]]} and {images.paths[row]}); remove the wrong"
            " ones"
        )


def _copies_notes(images: ImageSet, keys: NDArray[np.uint8]) -> Iterator[str]:
    """Say that copies among the test images are no independent ones."""
    tested = keys[images.is_test]
    distinct = len(np.unique(tested, axis=0))
    if distinct < len(tested):
        yield (
            f"{len(tested):,} test images, {distinct:,} distinct: the others are"
            " copies, which scores count and intervals don't"
        )


def _unreadable_notes(images: ImageSet, unreadable: Mapping[int, str]) -> Iterator[str]:
    if unreadable:
        row, reason = min(unreadable.items())
        yield (
            f"{len(unreadable)} of {len(images)} images can't be read, left out"
            f" (first: {images.paths[row]}: {reason})"
        )


def shorten(names: Sequence[str], most: int = 3) -> str:
    """List the first few names and count the rest."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    rest = len(names) - most
    return f"{shown} and {rest} more" if rest > 0 else shown
