"""Intervals: the percentile bootstrap and Wilson's for a share.

Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; Wilson, "Probable
Inference, the Law of Succession, and Statistical Inference", 1927.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1000
LEVEL = (2.5, 97.5)


def resampled_weights(n: int, *, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each of n rows was drawn, for each resample."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield np.bincount(rng.integers(0, n, n), minlength=n)


def mean_interval(values: ArrayLike, *, seed: int) -> list[float]:
    """Return the 95% interval of the mean of some values, [low, high]."""
    values = np.asarray(values, dtype=np.float64)
    means = [
        values @ w / len(values) for w in resampled_weights(len(values), seed=seed)
    ]
    low, high = np.percentile(means, LEVEL)
    return [float(low), float(high)]


def paired_difference(
    ours: ArrayLike, theirs: ArrayLike, *, seed: int
) -> tuple[float, list[float]]:
    """Return the difference of two accuracies, and its 95% interval.

    Parameters
    ----------
    ours, theirs : array-like of bool, shape (n,)
        Whether each classifier was right about an image; the same images in the same
        order.
    seed : int
        Of the bootstrap, which resamples images and so keeps the pairs.

    Returns
    -------
    difference : float
    interval : list of float
        [low, high].
    """
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    return float(differences.mean()), mean_interval(differences, seed=seed)


def wilson_interval(
    share: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95% intervals of shares, each of n trials, as low and high ends."""
    z = 1.96
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    spread = np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    half = z * spread / (1 + z**2 / n)
    return middle - half, middle + half
