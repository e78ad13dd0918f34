"""A power law through a learning curve, and what it forecasts."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import LEVEL, independent_images, share_interval
from featx.splits import Labels

Floats = NDArray[np.float64]

EXPONENTS: Floats = np.geomspace(0.02, 3.0, 200)
"""Exponents that are tried; Hestness et al. found 0.07 to 0.35 for whole networks."""

FLOOR = 0.5
"""Share of the fitted floor that is kept in the forecast."""

FEWEST = 3
"""Sizes that a forecast needs: as many as the law has parameters."""

TOO_FAR = 3.0
"""Deviations by which more images may be worse before it can't be chance."""

MISFIT = 0.25
"""Deviation of gains from what the law forecasts, in parts of the gain."""

STEPS = 4
"""Points of the curve between a size and its double."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Sizes:
    """What was measured with training sets of several sizes, the smallest first.

    Attributes
    ----------
    images : ndarray of float, shape (n_sizes,)
        Training images a class.
    right : ndarray of float, shape (n, n_sizes)
        How often each image was right when held out.
    noise : ndarray of float, shape (n_sizes,)
        Variance of each accuracy by which images there were to fit on.
    groups : ndarray of int, shape (n,)
        Images of one group are copies, and count together as one.
    """

    images: Floats
    right: Floats
    noise: Floats
    groups: Labels

    @property
    def accuracies(self) -> Floats:
        """Share of the images that were right, shape (n_sizes,)."""
        accuracies: Floats = self.right.mean(axis=0)
        return accuracies

    @property
    def covariance(self) -> Floats:
        """Covariance of the accuracies, shape (n_sizes, n_sizes).

        All sizes are scored on the same images, so that they are high or low together.
        One image that is always right and one that never is are added, since even
        where all are right the truth may be less.
        """
        mean = self.accuracies
        member = np.unique(self.groups, return_inverse=True)[1]
        by_group = np.zeros((member.max() + 1, len(mean)))
        np.add.at(by_group, member, self.right - mean)
        rows = np.concatenate([by_group, [1 - mean, -mean]])
        covariance: Floats = rows.T @ rows / len(self.right) ** 2
        return covariance + np.diag(self.noise)


@dataclass(frozen=True)
class PowerLaw:
    """The error with n training images a class: a n^-b + c."""

    a: float
    b: float
    c: float


@dataclass(frozen=True)
class FittedPoint:
    """A point of the power law, with its 95% interval."""

    images_per_class: float
    accuracy: float
    interval: list[float]


def falls(sizes: Sizes) -> bool:
    """Return whether more images were worse somewhere, by more than chance explains."""
    mean, covariance = sizes.accuracies, sizes.covariance
    for fewer, more in combinations(range(len(mean)), 2):
        contrast = np.zeros(len(mean))
        contrast[[fewer, more]] = -1, 1
        deviation = np.sqrt(contrast @ covariance @ contrast)
        if mean[more] - mean[fewer] < -TOO_FAR * deviation:
            return True
    return False


def fit_power_law(sizes: Sizes, *, seed: int = 0) -> tuple[PowerLaw, list[FittedPoint]]:
    """Fit the law, and follow it to twice the images of the largest size.

    The error is a n^-b + c with n images a class, fitted by least squares with weights
    of n squared: what counts is how the curve goes on, and few images follow the law
    least. A handful of sizes can't tell a floor c from a small exponent. Without a
    floor the forecasts were too high, with that of the best fit they were too low, so
    a and b are fitted once more with half of it.

    The interval is a parametric bootstrap: the law is fitted to accuracies that are
    drawn around those that were measured, with their covariance, and each time another
    share of the floor from none to all of it is kept. Beyond what was measured, what is
    gained varies by `MISFIT` more, since no learning curve is exactly a power law. The
    interval is never narrower than that of a share of as many images.

    Parameters
    ----------
    sizes : Sizes
        Three or more.
    seed : int
        Of the bootstrap.

    Returns
    -------
    law : PowerLaw
    curve : list of FittedPoint
        From the smallest size on; the last has twice the images of the largest size.

    References
    ----------
    .. [1] Hestness et al., "Deep Learning Scaling is Predictable, Empirically", 2017
    .. [2] Figueroa et al., "Predicting Sample Size Required for Classification
       Performance", 2012
    .. [3] Viering and Loog, "The Shape of Learning Curves: a Review", 2021
    """
    rng = np.random.default_rng(seed)
    mean, largest = sizes.accuracies, sizes.images[-1]
    drawn = rng.multivariate_normal(mean, sizes.covariance, RESAMPLES, method="eigh")
    errors = 1 - np.clip(np.concatenate([mean[None], drawn]), 0, 1)
    kept = np.concatenate([[FLOOR], rng.uniform(0, 1, RESAMPLES)])
    a, b, c = _fit(sizes.images / largest, errors, kept)
    misfit = np.concatenate([[1.0], rng.normal(1, MISFIT, RESAMPLES)])
    curve = []
    n_independent = independent_images(sizes.groups)
    for ratio in _ratios(sizes.images[0] / largest):
        # With as many images as were measured, the error is a + c.
        gained = a * (1 - ratio**-b) * (misfit if ratio > 1 else 1)
        accuracies = 1 - (a + c) + gained
        best = float(np.clip(accuracies[0], 0, 1))
        low, high = map(float, np.percentile(accuracies[1:], LEVEL))
        least, most = share_interval(best, n_independent)
        interval = [max(0.0, min(low, least)), min(1.0, max(high, most))]
        curve.append(FittedPoint(float(ratio * largest), best, interval))
    law = PowerLaw(float(a[0] * largest ** b[0]), float(b[0]), float(c[0]))
    return law, curve


def _ratios(least: float) -> Iterator[float]:
    """Yield numbers of images, relative to the largest size, up to twice as many."""
    steps = int(np.ceil(-np.log2(least) * STEPS))
    for step in range(-steps, STEPS + 1):
        yield max(least, 2 ** (step / STEPS))


def _fit(x: Floats, errors: Floats, kept: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit the law to several curves at once.

    For each exponent the best a and c are those of a linear regression, so only the
    exponent is searched (variable projection, Golub and Pereyra, 1973). A thousand fits
    take hundredths of a second, and none ends in a local minimum.

    Parameters
    ----------
    x : ndarray of float, shape (n_sizes,)
        Images, relative to the largest size.
    errors : ndarray of float, shape (n_curves, n_sizes)
    kept : ndarray of float, shape (n_curves,)
        Share of the floor that is kept.

    Returns
    -------
    a, b, c : ndarray of float, shape (n_curves,)
        None is negative.
    """
    powers = x[None] ** -EXPONENTS[:, None]
    weights = x**2 / (x**2).sum()
    floors = _floors(powers, errors, weights)
    c = kept * floors
    rest = errors - c[:, None]
    # Without a floor: the slope of a line through the origin, for each exponent.
    products, squares = rest @ (powers * weights).T, powers**2 @ weights
    slopes = np.maximum(products / squares, 0)
    best = (slopes * (slopes * squares - 2 * products)).argmin(axis=1)
    return slopes[np.arange(len(errors)), best], EXPONENTS[best], c


def _floors(powers: Floats, errors: Floats, weights: Floats) -> Floats:
    """Return the floor of the best fit of each curve, shape (n_curves,)."""
    mean_power, mean_error = powers @ weights, errors @ weights
    centred = powers - mean_power[:, None]
    products = (errors - mean_error[:, None]) @ (centred * weights).T
    squares = centred**2 @ weights
    slopes = np.maximum(products / squares, 0)
    floors = mean_error[:, None] - slopes * mean_power
    # Where the line would fall below zero, it goes through the origin instead.
    through = (errors @ (powers * weights).T) / (powers**2 @ weights)
    below = floors < 0
    slopes, floors = np.where(below, through, slopes), np.where(below, 0, floors)
    losses = np.zeros_like(slopes)
    for size, weight in enumerate(weights):
        left = errors[:, size, None] - slopes * powers[:, size] - floors
        losses += weight * left**2
    best: Floats = floors[np.arange(len(errors)), losses.argmin(axis=1)]
    return best
