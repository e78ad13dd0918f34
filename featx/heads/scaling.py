"""Standardising embeddings, so that no unit of theirs matters."""

import numpy as np

from featx.heads.base import Floats


def learn_scaling(rows: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column, shapes (d,).

    The deviation is 1 where a column never changes: it says nothing, and stays
    finite.

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
