"""Standardisation of embeddings, and the softmax of scores."""

from collections.abc import Callable, Iterator

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
    # In float32, the sum over a million rows would lose digits.
    total, squares = np.zeros((2, rows.shape[1]), np.float64)
    for part in blocks_of(*rows.shape):
        total += transform(rows[part]).sum(axis=0, dtype=np.float64)
    mean = (total / len(rows)).astype(rows.dtype)
    for part in blocks_of(*rows.shape):
        squares += np.square(transform(rows[part]) - mean).sum(axis=0, dtype=np.float64)
    scale = np.sqrt(squares / len(rows))
    scale = np.where(scale > 1e-6 * np.abs(mean), scale, 1)
    return mean, scale.astype(rows.dtype)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    from scipy.special import softmax as scipy_softmax

    probabilities: NDArray[np.float64] = scipy_softmax(logits, axis=-1)
    return probabilities
