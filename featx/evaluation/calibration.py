"""How well predicted probabilities agree with how often they are right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import wilson_interval

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in ten bins of equal width.

    Attributes
    ----------
    count : ndarray of int, shape (10,)
        Images in each bin.
    confidence, accuracy : ndarray of float, shape (10,)
        Means over the bin; NaN where it is empty.
    low, high : ndarray of float, shape (10,)
        Wilson's 95% interval of the accuracy.
    error : float
        Expected calibration error: the mean gap, weighted by `count`.
    """

    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    error: float


def reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> Reliability:
    """Compare how sure a classifier is with how often it is right.

    Parameters
    ----------
    confidence : ndarray of float, shape (n,)
        Probability of the predicted class.
    correct : ndarray of bool, shape (n,)

    Notes
    -----
    After Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    bins = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    safe = np.where(count > 0, count, np.nan)
    sure = np.bincount(bins, weights=confidence, minlength=BINS) / safe
    right = np.bincount(bins, weights=correct, minlength=BINS) / safe
    low, high = wilson_interval(right, safe)
    error = float(np.nansum(np.abs(sure - right) * count) / max(count.sum(), 1))
    return Reliability(count, sure, right, low, high, error)
