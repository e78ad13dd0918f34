"""How far an image is from those that a classifier was trained on.

A head names one of its classes for any image, a photo of something else as well. Such
an image is recognized by its embedding: it is farther from those of the training images
than nearly all of these are from each other.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5

MOST_ROWS, MOST_NUMBERS = 2000, 1 << 22
"""Of the sample that is kept: more rows cost time and space, and hardly tell more."""

UNLIKE = 0.99
"""Share of the training images that are nearer, from which on an image is unlike."""

BLOCK_NUMBERS = 1 << 23
"""Numbers that are computed with at a time, which bounds the memory to some 64 MiB."""


@dataclass(frozen=True, repr=False, eq=False)
class Familiarity:
    """A sample of training images, and how far each is from the others.

    Attributes
    ----------
    rows : ndarray of int8, shape (m, d)
        Directions of embeddings, each times a number of its own.
    distances : ndarray of float32, shape (m,)
        Of each to its nearest others, ascending.
    map_shape : (int, int, int) or None
        Of embeddings that are whole feature maps; their mean over all places counts.
    test : ndarray of float32, shape (n_test,)
        Of the test images to their nearest ones.
    """

    rows: NDArray[np.int8]
    distances: NDArray[np.float32]
    map_shape: tuple[int, int, int] | None
    test: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Familiarity({len(self.rows)} training images, {len(self.test)} others)"

    @classmethod
    def learn(
        cls,
        views: NDArray[np.floating],
        train: NDArray[np.intp],
        test: NDArray[np.intp],
        groups: NDArray[np.integer],
        *,
        map_shape: tuple[int, int, int] | None = None,
        seed: int = 0,
    ) -> "Familiarity":
        """Sample training images, and measure the distances of others to them.

        Parameters
        ----------
        views : ndarray of float, shape (n, n_views, d)
            Embeddings of all images; the first view counts. They may lie in a file.
        train, test : ndarray of int
            Rows of `views`.
        groups : ndarray of int, shape (n,)
            Of several images of a group, which are copies, the first one counts.
        map_shape : (int, int, int), optional
            Of embeddings that are whole feature maps.
        seed : int
            Of the sample.
        """
        different = train[np.unique(groups[train], return_index=True)[1]]
        width = map_shape[-1] if map_shape else views.shape[2]
        most = min(MOST_ROWS, max(MOST_NUMBERS // width, NEIGHBOURS + 1))
        if len(different) > most:
            rng = np.random.default_rng(seed)
            different = np.sort(rng.choice(different, most, replace=False))
        kept = _directions(views, different, map_shape)
        nothing = np.zeros(0, np.float32)
        found = cls(
            np.rint(127 * _largest_one(kept)).astype(np.int8),
            nothing,
            map_shape,
            nothing,
        )
        distances = np.sort(found._distances_to_others())
        return replace(found, distances=distances, test=found.distances_of(views, test))

    def distances_of(
        self, views: NDArray[np.floating], rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """Return the mean cosine distance of images to their five nearest ones.

        Parameters
        ----------
        views : ndarray of float, shape (n, n_views, d)
        rows : ndarray of int, optional
            Which of them; all by default.

        Returns
        -------
        ndarray of float32, shape (n,)
            From 0 to 2.
        """
        rows = np.arange(len(views)) if rows is None else rows
        step = max(1, BLOCK_NUMBERS // (views.shape[2] + len(self.rows)))
        kept, found = self._kept, np.empty(len(rows), np.float32)
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            directions = _directions(views, rows[part], self.map_shape)
            found[part] = _mean_distance(directions @ kept.T, len(kept))
        return found

    def nearer_share(self, distances: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return which share of the training images is nearer to the others.

        The image itself counts as one more that is not nearer, so that of images like
        the training images a share of 0.01 or less gets 0.99 or more.

        Parameters
        ----------
        distances : ndarray of float, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        nearer = np.searchsorted(self.distances, distances, side="left")
        share: NDArray[np.float64] = nearer / (len(self.distances) + 1)
        return share

    @property
    def _kept(self) -> NDArray[np.float32]:
        """The sample as vectors of length one, shape (m, d)."""
        return _length_one(self.rows.astype(np.float32))

    def _distances_to_others(self) -> NDArray[np.float32]:
        """Return the distance of each of the sample to the others, shape (m,)."""
        kept = self._kept
        cosines = kept @ kept.T
        np.fill_diagonal(cosines, -np.inf)
        return _mean_distance(cosines, len(kept) - 1)


def _mean_distance(
    cosines: NDArray[np.float32], neighbours: int
) -> NDArray[np.float32]:
    """Return the mean distance to the nearest ones of each row, shape (n,)."""
    near = min(NEIGHBOURS, neighbours)
    nearest = -np.partition(-cosines, near - 1, axis=1)[:, :near]
    distances: NDArray[np.float32] = 1 - nearest.mean(axis=1)
    return distances


def _directions(
    views: NDArray[np.floating],
    rows: NDArray[np.intp],
    map_shape: tuple[int, int, int] | None,
) -> NDArray[np.float32]:
    """Return the first view of some images as vectors of length one, shape (m, d)."""
    height, width, channels = map_shape or (1, 1, views.shape[2])
    found = np.empty((len(rows), channels), np.float32)
    step = max(1, BLOCK_NUMBERS // views.shape[2])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        block = views[rows[part], 0].astype(np.float32)
        found[part] = block.reshape(-1, height * width, channels).mean(axis=1)
    return _length_one(found)


def _largest_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows divided by their largest number; rows of zeros stay."""
    largest = np.abs(rows).max(axis=1, keepdims=True)
    largest[largest == 0] = 1
    scaled: NDArray[np.float32] = rows / largest
    return scaled


def _length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length one; rows of zeros stay.

    Squares of tiny numbers, as networks with random weights give, would vanish.
    """
    scaled = _largest_one(rows)
    scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1)
    return scaled
