"""Standardisation of embeddings, and the softmax of scores."""

import numpy as np
from numpy.typing import NDArray

from featx.heads.layers import Floats


def learn_scaling(rows: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column, shapes (d,).

    The deviation of a constant column is 1, so that scaled rows stay finite.

    Parameters
    ----------
    rows : ndarray of float, shape (n, d)
    """
    # In float32, the sum over a million rows would lose digits.
    mean = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    variance = np.square(rows - mean).mean(axis=0, dtype=np.float64)
    scale = np.sqrt(variance)
    scale = np.where(scale > 1e-6 * np.abs(mean), scale, 1)
    return mean, scale.astype(rows.dtype)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    from scipy.special import softmax as scipy_softmax

    probabilities: NDArray[np.float64] = scipy_softmax(logits, axis=-1)
    return probabilities
