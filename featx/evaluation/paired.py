"""Compare two classifiers on the same images."""

import numpy as np
from numpy.typing import ArrayLike

from featx.evaluation.intervals import mean_interval


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
