"""95% intervals of shares, of means over images, and of differences.

`benchmarks/coverage.py` simulates how often they contain the truth.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1000
LEVEL = (2.5, 97.5)
Z = 1.959964
"""The normal distribution's 97.5th percentile."""

TAIL = 0.035
"""Of the exact bounds that Wilson's interval is extended to: the largest with which
the benchmark covers at least 0.93 everywhere."""


AT_ONCE = 200_000
"""Images of all resamples that are drawn at once, which bounds the memory."""


def portions(resamples: int, n: int) -> Iterator[int]:
    """Yield how many resamples of n images to draw at a time."""
    at_once = max(1, AT_ONCE // n)
    for start in range(0, resamples, at_once):
        yield min(at_once, resamples - start)


def effective_number(copies: ArrayLike) -> float:
    """Return how many independent images say as much as images with copies.

    Parameters
    ----------
    copies : array-like of int, shape (n_distinct,)
        How many images show each content.

    Notes
    -----
    The number of distinct contents where each has equally many copies, fewer where
    some have more than others (Kish, Survey Sampling, 1965, on unequal weights).
    """
    weights = np.asarray(copies, np.float64)
    return float(weights.sum() ** 2 / (weights**2).sum())


def independent_images(groups: ArrayLike) -> float:
    """Return the effective number of images of which those of a group are copies."""
    return effective_number(np.unique(np.asarray(groups), return_counts=True)[1])


def wilson_interval(
    share: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95% intervals of shares, each of n trials, as low and high ends.

    After Wilson, "Probable Inference, the Law of Succession, and Statistical
    Inference", 1927.
    """
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    spread = np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    half = Z * spread / (1 + Z**2 / n)
    return middle - half, middle + half


def share_interval(share: float, n: float) -> list[float]:
    """Return the 95% interval of a share of n independent images, [low, high].

    Wilson's interval. It covers too rarely where a few counts decide, such as one
    error among few images; there its ends are moved out to exact one-sided bounds
    (Clopper and Pearson, 1934).

    Parameters
    ----------
    share : float
        In [0, 1].
    n : float
        Images, or an effective number of them, which need not be whole.
    """
    from scipy.special import betaincinv

    low, high = (float(end) for end in wilson_interval(np.array(share), np.array(n)))
    hits, misses = n * share, n * (1 - share)
    if hits > 0:
        low = min(low, float(betaincinv(hits, misses + 1, TAIL)))
    if misses > 0:
        high = max(high, float(betaincinv(hits + 1, misses, 1 - TAIL)))
    # Rounding must not leave the share outside.
    return [max(0.0, min(low, share)), min(1.0, max(high, share))]


def hits_interval(hits: ArrayLike, groups: ArrayLike | None = None) -> list[float]:
    """Return the 95% interval of a share of hits, [low, high].

    Parameters
    ----------
    hits : array-like of bool or float, shape (n,)
        Whether each image was right, or how often in repeated trials.
    groups : array-like of int, shape (n,), optional
        Images of one group are copies, and count together as one.
    """
    values = np.asarray(hits, np.float64)
    n = len(values) if groups is None else independent_images(groups)
    return share_interval(float(values.mean()), n)


def independent_difference(
    ours: float,
    our_interval: Sequence[float],
    theirs: float,
    their_interval: Sequence[float],
) -> list[float]:
    """Return the interval of the difference of two shares of different images.

    Parameters
    ----------
    ours, theirs : float
    our_interval, their_interval : sequence of float
        [low, high] of each share.

    References
    ----------
    .. [1] Newcombe, "Interval Estimation for the Difference Between Independent
       Proportions", 1998, method 10
    """
    (our_low, our_high), (their_low, their_high) = our_interval, their_interval
    difference = ours - theirs
    return [
        difference - float(np.hypot(ours - our_low, their_high - theirs)),
        difference + float(np.hypot(our_high - ours, theirs - their_low)),
    ]


PAIRED_Z = 1.04 * Z
"""The score test's bound. With Z itself, intervals of 10 to 60 images contained the
true difference in as few as 0.923 of all test splits, computed exactly for shares
gained and lost of up to one half; with this in 0.943."""


def paired_difference(
    ours: ArrayLike, theirs: ArrayLike, *, n: float | None = None
) -> tuple[float, list[float]]:
    """Return the difference of two accuracies, and its 95% interval.

    Parameters
    ----------
    ours, theirs : array-like of bool or float, shape (n,)
        Whether each classifier was right about an image, or how often in repeated
        trials; the same images in the same order.
    n : float, optional
        How many of the images are independent; all where it isn't given.

    Returns
    -------
    difference : float
    interval : list of float
        [low, high]: the differences that a score test doesn't reject (Tango,
        "Equivalence Test and Confidence Interval for the Difference in Proportions
        for the Paired-Sample Design", 1998), with a bound of `PAIRED_Z`. It has a width
        even where both are right about the same images.
    """
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    n = len(differences) if n is None else n
    gained = n * float(np.maximum(differences, 0).mean())
    lost = n * float(np.maximum(-differences, 0).mean())
    low, high = -_tango_bound(lost, gained, n), _tango_bound(gained, lost, n)
    return float(differences.mean()), [low, high]


def _tango_bound(gained: float, lost: float, n: float) -> float:
    """Return the largest difference that the score test doesn't reject."""
    from scipy.optimize import brentq

    def excess(difference: float) -> float:
        """Return the squared distance to what was found, minus what is tolerated."""
        linear = (2 * n - gained + lost) * difference - gained - lost
        product = -lost * difference * (1 - difference)
        root = np.sqrt(max(linear**2 - 8 * n * product, 0.0))
        # The share of images that only the other one got right, were this true.
        share = (root - linear) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return float((gained - lost - n * difference) ** 2 - PAIRED_Z**2 * variance)

    # At no difference and no images that tell the two apart, the test is undefined.
    start = (gained - lost) / n + 1e-9
    return 1.0 if excess(1.0) <= 0 else float(brentq(excess, start, 1.0))
