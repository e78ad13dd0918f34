"""Whether probabilities agree with how often they are right, and how to make them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.intervals import wilson_interval

BINS = 10

ENOUGH = 1 << 22
"""Scores that a temperature is fitted to, at least: of more only every so many images
count. With 1,000 classes these are 4,194 images, which is plenty for one number."""

# Scores run into the hundreds (LDA) or are tiny (SVM with a small C).
LOG_TEMPERATURES = (float(np.log(1e-9)), float(np.log(1e5)))


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
    bins = bin_of(confidence)
    count = np.bincount(bins, minlength=BINS)
    safe = np.where(count > 0, count, np.nan)
    sure = np.bincount(bins, weights=confidence, minlength=BINS) / safe
    right = np.bincount(bins, weights=correct, minlength=BINS) / safe
    low, high = wilson_interval(right, safe)
    error = calibration_error(bins, confidence - correct, np.ones(len(bins)))
    return Reliability(count, sure, right, low, high, error)


def bin_of(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return in which of ten bins of equal width each confidence falls, shape (n,)."""
    bins: NDArray[np.intp] = np.clip((confidence * BINS).astype(np.intp), 0, BINS - 1)
    return bins


def calibration_error(
    bins: NDArray[np.intp], excess: NDArray[np.float64], weights: NDArray[Any]
) -> float:
    """Return the expected calibration error: the mean gap over bins, by their size.

    Parameters
    ----------
    bins : ndarray of int, shape (n,)
        From `bin_of`.
    excess : ndarray of float, shape (n,)
        Confidence minus 1 where the prediction is correct, else minus 0.
    weights : ndarray, shape (n,)
        Of the images.
    """
    gaps = np.abs(np.bincount(bins, weights=excess * weights, minlength=BINS))
    return float(gaps.sum() / max(weights.sum(), 1))


def fit_temperature(
    logits: NDArray[np.floating],
    y: NDArray[np.integer],
    weight: NDArray[np.floating] | None = None,
) -> float:
    """Return the temperature that minimises the log loss of held-out scores.

    Temperature scaling of Guo et al., "On Calibration of Modern Neural Networks",
    2017, for the mean probabilities over the views of an image. For one view it is the
    same as scikit-learn's ``method="temperature"`` on the same scores, with one bound:
    n images that are all predicted correctly are no proof of certainty, so the mean
    confidence is at most (n + 1) / (n + 2), Laplace's rule of succession.

    Parameters
    ----------
    logits : ndarray, shape (n, n_views, n_classes)
        Scores of images that were held out of training; -inf for a class that the
        classifier didn't know.
    y : ndarray of int, shape (n,)
    weight : ndarray, shape (n,), optional

    Returns
    -------
    float
        1 where no classifier knew the class of an image.
    """
    from scipy.optimize import brentq, minimize_scalar

    weight = np.ones(len(y)) if weight is None else weight
    step = max(1, logits.size // ENOUGH)
    logits, y, weight = logits[::step], y[::step], weight[::step]
    known = np.isfinite(logits[np.arange(len(y)), 0, y])
    if not known.any():
        return 1.0
    logits, y, weight = logits[known].astype(np.float64), y[known], weight[known]
    most_sure = (len(y) + 1) / (len(y) + 2)

    def log_probabilities(log_temperature: float) -> NDArray[np.float64]:
        return mean_log_probabilities(logits, float(np.exp(log_temperature)))

    def loss(log_temperature: float) -> float:
        right = log_probabilities(log_temperature)[np.arange(len(y)), y]
        return float(-(weight * right).sum())

    def excess(log_temperature: float) -> float:
        sure = np.exp(log_probabilities(log_temperature).max(axis=1))
        return float(np.average(sure, weights=weight)) - most_sure

    found = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x
    highest = LOG_TEMPERATURES[1]
    if excess(found) > 0 > excess(highest):
        found = brentq(excess, found, highest)
    return float(np.exp(found))


def mean_log_probabilities(
    logits: NDArray[np.floating], temperature: float
) -> NDArray[np.float64]:
    """Return the log of the mean probabilities over views, at a temperature.

    Parameters
    ----------
    logits : ndarray, shape (n, n_views, n_classes)
    temperature : float
        By which the scores are divided.

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
    """
    from scipy.special import log_softmax

    each = log_softmax(logits / temperature, axis=2)
    # SciPy's logsumexp takes three times as long over so few.
    total = np.logaddexp.reduce(each, axis=1)
    mean: NDArray[np.float64] = total - np.log(logits.shape[1])
    return mean


def log_of(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return finite logarithms of probabilities: scores whose softmax they are."""
    least = np.finfo(np.float32).tiny
    logits: NDArray[np.float64] = np.log(np.maximum(probabilities, least))
    return logits


def temperature_of(
    probabilities: NDArray[np.floating],
    y: NDArray[np.integer],
    class_weight: str | None = None,
) -> float:
    """Return the temperature of held-out probabilities; see `fit_temperature`.

    Parameters
    ----------
    probabilities : ndarray, shape (n, n_classes)
        Of one view.
    y : ndarray of int, shape (n,)
    class_weight : {"balanced"} or None
    """
    from sklearn.utils import compute_sample_weight

    weight = compute_sample_weight(class_weight, y)
    return fit_temperature(log_of(probabilities)[:, None], y, weight)
