"""How far embeddings that were computed twice are apart."""

import numpy as np
from numpy.typing import NDArray


def largest_difference(
    now: NDArray[np.float32], reference: NDArray[np.float32]
) -> float:
    """Return the largest ``||now - reference|| / ||reference||`` of rows, shape (n, d).

    What isn't a number, and a row of another width, is infinitely far away.
    """
    if now.shape != reference.shape:
        return float("inf")
    with np.errstate(invalid="ignore", over="ignore"):
        distances = np.linalg.norm(now.astype(float) - reference, axis=1)
        lengths = np.linalg.norm(reference.astype(float), axis=1)
        ratios = np.where(distances == 0, 0.0, distances / np.maximum(lengths, 1e-30))
    return float(np.nan_to_num(ratios, nan=np.inf).max())


def mean_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the mean cosine of rows; 0 where arithmetic overflowed.

    It is 0, too, for rows that differ in width.
    """
    if a.shape != b.shape:
        return 0.0
    a, b = a.astype(float), b.astype(float)  # for the squares of tiny numbers
    with np.errstate(invalid="ignore", over="ignore"):
        norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        products = (a * b).sum(axis=1) / np.maximum(norms, 1e-300)
        cosines = np.where(norms > 0, products, (a == b).all(axis=1))
    return float(np.nan_to_num(cosines, nan=0.0, posinf=0.0, neginf=0.0).mean())
