"""Standardisation of embeddings, and the softmax of scores."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from featx.heads.layers import Floats

BLOCK = 2**24
"""Numbers in a block of rows, about: 64 MB in float32."""


def block_length(width: int) -> int:
    """Return how many rows of this width make a block."""
    return max(1, BLOCK // width)


def blocks_of(n: int, width: int) -> Iterator[slice]:
    """Yield where each block of n rows of this width stands, in order."""
    step = block_length(width)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def as_they_are(rows: Floats) -> Floats:
    """Return rows unchanged."""
    return rows


def signed_root(rows: Floats) -> Floats:
    """Return ``sign(x) sqrt(|x|)`` of each number."""
    roots: Floats = np.sqrt(np.abs(rows))
    return np.copysign(roots, rows, out=roots)


def column_means(blocks: Iterable[Floats], count: int) -> NDArray[np.float64]:
    """Return the mean of each column, shape (d,), over blocks of so many rows in all.

    In float32, the sum over a million rows would lose digits.
    """
    total: NDArray[np.float64] = np.sum(
        [block.sum(axis=0, dtype=np.float64) for block in blocks], axis=0
    )
    return total / count


def learn_scaling(
    rows: Floats, transform: Callable[[Floats], Floats] = as_they_are
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column, shapes (d,).

    The deviation of a constant column is 1, so that scaled rows stay finite. A block of
    rows is in memory at a time.

    Parameters
    ----------
    rows : ndarray of float, shape (n, d)
    transform : callable
        What is done to a block of rows before.
    """

    def blocks() -> Iterator[Floats]:
        return (transform(rows[part]) for part in blocks_of(*rows.shape))

    mean = column_means(blocks(), len(rows)).astype(rows.dtype)
    squares = (np.square(block - mean) for block in blocks())
    scale = np.sqrt(column_means(squares, len(rows)))
    scale = np.where(scale > 1e-6 * np.abs(mean), scale, 1)
    return mean, scale.astype(rows.dtype)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    from scipy.special import softmax as scipy_softmax

    probabilities: NDArray[np.float64] = scipy_softmax(logits, axis=-1)
    return probabilities
