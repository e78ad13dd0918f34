"""LogME: how well a linear model could explain labels, without fitting one.

References
----------
.. [1] You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for
   Transfer Learning", ICML 2021
.. [2] You, Liu, Zhang, Wang, Jordan and Long, "Ranking and Tuning Pre-trained Models: A
   New Paradigm for Exploiting Model Hubs", JMLR 2022, with the fixed-point algorithm
"""

import numpy as np
from numpy.typing import NDArray

from featx.hardware import blas_threads

MOST_STEPS = 1000
TOLERANCE = 1e-6
"""Relative change of the regularisation at which the iteration ends."""

BOUND = 1e9
"""Of the regularisation, from the largest eigenvalue up, and down: beyond, the rows
explain a class not at all, or without an error, and the evidence stays as it is."""


def logme(X: NDArray[np.floating], y: NDArray[np.integer]) -> float:
    """Return the logarithm of the maximum evidence of embeddings for labels.

    For each class, whether an image belongs to it, 0 or 1, is modelled as a linear
    function of its embedding with weights from N(0, 1 / alpha) and errors from
    N(0, 1 / beta). The evidence is the density of the labels with the weights
    integrated out, at the best alpha and beta. A model that fits only because it is
    flexible gains nothing by that, so no images need to be held out.

    Parameters
    ----------
    X : ndarray of float, shape (n, d)
        Rows of different images. They aren't centred: the model has no intercept.
    y : ndarray of int, shape (n,)
        Class codes.

    Returns
    -------
    float
        The mean over classes of the logarithm of the evidence, per image. Only its
        differences between embeddings of the same images mean something.

    Notes
    -----
    The evidence depends on the rows by their singular values s and the labels'
    coordinates on the left singular vectors alone. With t = alpha / beta, the fixed
    point of [2]_ is iterated for all classes at once. At its end alpha and beta are
    eliminated: the best beta for a given t has a closed form. So nothing is divided by
    an error or a weight that may be zero, and d may be larger than n.
    """
    X = X.astype(np.float64)
    with blas_threads(X.size * min(X.shape)):
        vectors, s, _ = np.linalg.svd(X, full_matrices=False)
        targets = (y[:, None] == np.unique(y)).astype(np.float64)
        coordinates = np.square(vectors.T @ targets)
    # What of the labels no embedding reaches; rounding must not make it negative.
    rest = np.maximum(np.square(targets).sum(axis=0) - coordinates.sum(axis=0), 0)
    sigma = np.square(s)[:, None]
    if not sigma.any():  # all embeddings are zero
        coordinates, rest = 0 * coordinates, rest + coordinates.sum(axis=0)
        sigma += 1
    t = _fixed_point(sigma, coordinates, rest, len(X))
    return float(_log_evidence(t, sigma, coordinates, rest, len(X)).mean() / len(X))


def _fixed_point(
    sigma: NDArray[np.float64],
    coordinates: NDArray[np.float64],
    rest: NDArray[np.float64],
    n: int,
) -> NDArray[np.float64]:
    """Return alpha / beta of each class, shape (classes,).

    Parameters
    ----------
    sigma : ndarray, shape (k, 1)
        Squared singular values.
    coordinates : ndarray, shape (k, classes)
        Squared coordinates of the labels on the singular vectors.
    rest : ndarray, shape (classes,)
        Squared length of what is left of the labels.
    """
    largest = sigma.max()
    low, high = largest / BOUND, largest * BOUND
    t = np.full(coordinates.shape[1], largest / len(sigma))
    tiny = np.finfo(np.float64).tiny
    for _ in range(MOST_STEPS):
        gamma = (sigma / (sigma + t)).sum(axis=0)
        weights = (sigma * coordinates / np.square(sigma + t)).sum(axis=0)
        errors = (coordinates * np.square(t / (sigma + t))).sum(axis=0) + rest
        # alpha = gamma / weights and beta = (n - gamma) / errors
        with np.errstate(over="ignore"):
            ratio = gamma * errors / np.maximum(weights * (n - gamma), tiny)
        new: NDArray[np.float64] = np.clip(ratio, low, high)
        if np.all(np.abs(new - t) <= TOLERANCE * t):
            return new
        t = new
    return t


def _log_evidence(
    t: NDArray[np.float64],
    sigma: NDArray[np.float64],
    coordinates: NDArray[np.float64],
    rest: NDArray[np.float64],
    n: int,
) -> NDArray[np.float64]:
    """Return the logarithm of the evidence at the best beta, shape (classes,).

    The labels are from N(0, (I + X X' / t) / beta); beta is n over their squared
    length in that metric.
    """
    stretch = 1 + sigma / t
    length = (coordinates / stretch).sum(axis=0) + rest
    log_determinant = np.log(stretch).sum(axis=0)
    evidence: NDArray[np.float64] = -0.5 * (
        n * (np.log(2 * np.pi * length / n) + 1) + log_determinant
    )
    return evidence
