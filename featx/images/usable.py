"""What of a data folder can be used: the readable images, split without leaks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError
from featx.images.image_set import ImageSet
from featx.images.test_split import split_images


@dataclass(frozen=True)
class Split:
    """The readable images, in a training and a test part.

    Embeddings and networks trained from scratch both begin here, so that the same
    folder and options give both the same parts and the same fingerprint.

    Attributes
    ----------
    images : ImageSet
        Without what can't be read and without training images that are in the test
        part too.
    rows : ndarray of int, shape (n,)
        Where each stands in the set that was split.
    keys : ndarray of uint8, shape (n, 32)
        SHA-256 of each image file.
    groups : ndarray of int, shape (n,)
        Images with the same content have the same number.
    fingerprint : str
        Of the images' content, labels and split.
    notes : tuple of str
        What was left out as unreadable.
    """

    images: ImageSet
    rows: NDArray[np.intp]
    keys: NDArray[np.uint8]
    groups: NDArray[np.int64]
    fingerprint: str
    notes: tuple[str, ...]


def split_readable(
    images: ImageSet,
    keys: NDArray[np.uint8],
    unreadable: Mapping[int, str],
    *,
    test_size: float | None = None,
    seed: int = 0,
) -> Split:
    """Leave out what can't be read and split the rest; see `split_images`.

    Parameters
    ----------
    images : ImageSet
    keys : ndarray of uint8, shape (len(images), 32)
    unreadable : mapping of int to str
        Row to reason.
    test_size : float in (0, 1), optional
        Where the data gives no test part; 0.25 by default.
    seed : int
        Of that split.

    Raises
    ------
    DataError
        No readable image is left, of all or of a class, or the set can't be split.
    """
    readable = np.setdiff1d(np.arange(len(images)), list(unreadable))
    notes = _unreadable_note(images, unreadable)
    if not len(readable):
        raise DataError(f"{images.root}: none of {len(images)} images can be read")
    readable_images = _checked(images.take(readable))
    split = split_images(
        readable_images, keys[readable], test_size=test_size, seed=seed
    )
    place = {path: row for row, path in enumerate(readable_images.paths)}
    rows = readable[np.array([place[path] for path in split.paths])]
    keys = keys[rows]
    return Split(
        images=split,
        rows=rows,
        keys=keys,
        groups=np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1),
        fingerprint=split.fingerprint(keys),
        notes=tuple(notes),
    )


def _unreadable_note(images: ImageSet, unreadable: Mapping[int, str]) -> list[str]:
    if not unreadable:
        return []
    row, reason = min(unreadable.items())
    note = (
        f"{len(unreadable)} of {len(images)} images can't be read, left out"
        f" (first: {images.paths[row]}: {reason})"
    )
    return [note]


def _checked(images: ImageSet) -> ImageSet:
    """Check that every class still has readable images to train on."""
    trains = np.ones(len(images), bool) if images.is_test is None else ~images.is_test
    counts = np.bincount(images.labels[trains], minlength=len(images.classes))
    for code in np.flatnonzero(counts == 0):
        raise DataError(
            f"{images.root}: no readable training image of '{images.classes[code]}';"
            " mend its files or take the class out"
        )
    if images.is_test is not None and not images.is_test.any():
        raise DataError(f"{images.root}: no readable image in the test part")
    return images
