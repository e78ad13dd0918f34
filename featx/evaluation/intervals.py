"""Percentile bootstrap: Efron, "Bootstrap Methods: Another Look", 1979."""

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
