"""Scaling of what goes into a head and comes out: standardisation and temperature."""

import numpy as np

from featx.heads.layers import Floats
from featx.splits import Labels

# Scores run into the hundreds (LDA) or are tiny (SVM with a small C).
LOG_TEMPERATURES = (float(np.log(1e-9)), float(np.log(1e5)))


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


def softmax(logits: Floats) -> Floats:
    """Return the softmax over the last axis."""
    from scipy.special import softmax as scipy_softmax

    probabilities: Floats = scipy_softmax(logits, axis=-1)
    return probabilities


def fit_temperature(logits: Floats, y: Labels, weight: Floats) -> float:
    """Return the temperature that minimises the log loss.

    Temperature scaling of Guo et al., "On Calibration of Modern Neural Networks",
    2017; the same as scikit-learn's ``method="temperature"`` on the same scores,
    with one bound: n rows that are all predicted correctly are no proof of certainty,
    so the mean confidence is at most (n + 1) / (n + 2), Laplace's rule of succession.

    Parameters
    ----------
    logits : ndarray, shape (n, n_classes)
        Scores of rows that were held out of training.
    y : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
    """
    from scipy.optimize import brentq, minimize_scalar
    from scipy.special import log_softmax

    logits = logits.astype(np.float64)
    rows = np.arange(len(y))
    most_sure = (len(y) + 1) / (len(y) + 2)

    def loss(log_temperature: float) -> float:
        log_p = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-(weight * log_p[rows, y]).sum())

    def excess(log_temperature: float) -> float:
        sure = softmax(logits / np.exp(log_temperature)).max(axis=1)
        return float(np.average(sure, weights=weight)) - most_sure

    found = minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x
    highest = LOG_TEMPERATURES[1]
    if excess(found) > 0 > excess(highest):
        found = brentq(excess, found, highest)
    return float(np.exp(found))
