"""Standardisation of embeddings."""

import numpy as np

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
