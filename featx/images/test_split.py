"""The test part: given by the data, or cut once, stratified and by content."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images.image_set import ImageSet, shorten
from featx.splits import shuffle_by_class

DEFAULT_TEST_SIZE = 0.25


def split_images(
    images: ImageSet,
    keys: NDArray[np.uint8],
    *,
    test_size: float | None = None,
    seed: int = 0,
) -> ImageSet:
    """Give the image set a test part and take leaks out of the training part.

    A split that the data itself gives is kept. Without one, a stratified part is
    cut; files with the same content fall on the same side, and the order of files
    or their names play no part. Training images whose content is in the test part
    as well are left out of training, so that no test image was ever trained on.

    Parameters
    ----------
    keys : ndarray of uint8, shape (n, 32)
        The files' digests.
    test_size : float in (0, 1), optional
        Share of the images for the test part; 0.25 where the data gives no split.

    Raises
    ------
    DataError
        `test_size` is out of bounds, is given for data that has its own test part,
        a class has too few images to be split, or none to train on but leaks.
    """
    images = _note_contradictions(images, keys)
    if images.is_test is not None:
        if test_size is not None:
            raise DataError(
                f"{images.root} has its own test part ({images.layout});"
                " drop --test-size, or name the folder that holds the classes"
            )
        return _without_leaks(images, keys)
    share = DEFAULT_TEST_SIZE if test_size is None else test_size
    if not 0 < share < 1:
        raise DataError(f"--test-size {share}: must lie between 0 and 1, like 0.25")
    is_test = _cut(images, keys, share, seed)
    layout = f"{images.layout}; {100 * share:g}% cut off for the test, seed {seed}"
    return replace(images, is_test=is_test, layout=layout)


def _cut(
    images: ImageSet, keys: NDArray[np.uint8], share: float, seed: int
) -> NDArray[np.bool_]:
    """Choose the test images, a stratified share of the distinct contents."""
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    labels = images.labels[first]
    counts = np.bincount(labels, minlength=len(images.classes))
    few = [images.classes[i] for i in np.flatnonzero(counts < 2)]
    if few:
        raise DataError(
            f"{images.root}: fewer than two distinct images of {shorten(few)}; a class"
            " needs two to be split into training and test: add images or take it out"
        )
    order = shuffle_by_class(labels, seed)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(labels)) - starts[labels[order]]
    chosen = order[place < _allot(counts, share)[labels[order]]]
    return np.isin(group.reshape(-1), chosen)


def _allot(counts: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Share the test images out to the classes, by largest remainder.

    Both parts get one image of each class at least.
    """
    exact = share * counts
    allotted = np.floor(exact).astype(np.int64)
    left = round(share * counts.sum()) - int(allotted.sum())
    allotted[np.argsort(allotted - exact, kind="stable")[:left]] += 1
    bounded: NDArray[np.int64] = np.clip(allotted, 1, counts - 1)
    return bounded


def _without_leaks(images: ImageSet, keys: NDArray[np.uint8]) -> ImageSet:
    assert images.is_test is not None
    tested = {bytes(key) for key in keys[images.is_test]}
    leaked = np.array([bytes(key) in tested for key in keys]) & ~images.is_test
    if not leaked.any():
        return images
    kept = images.labels[~leaked & ~images.is_test]
    gone = sorted(set(images.labels[leaked]) - set(kept))
    if gone:
        names = shorten([images.classes[label] for label in gone])
        raise DataError(
            f"{images.root}: all training images of {names} are in the test part too;"
            " put other images into one of the two"
        )
    first = images.paths[int(np.flatnonzero(leaked)[0])]
    note = (
        f"{leaked.sum()} training images are in the test part too and are left out of"
        f" training (first: {first})"
    )
    return replace(images.take(~leaked), notes=(*images.notes, note))


def _note_contradictions(images: ImageSet, keys: NDArray[np.uint8]) -> ImageSet:
    """Note files of the same content in different classes."""
    seen: dict[bytes, int] = {}
    pairs = [
        (first, row)
        for row, key in enumerate(keys)
        if images.labels[first := seen.setdefault(bytes(key), row)]
        != images.labels[row]
    ]
    if not pairs:
        return images
    first, row = pairs[0]
    note = (
        f"{len(pairs)} images have the same content as one of another class (first:"
        f" {images.paths[first]} and {images.paths[row]}); remove the wrong ones"
    )
    return replace(images, notes=(*images.notes, note))
