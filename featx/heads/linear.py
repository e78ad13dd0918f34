"""Heads that are one affine map: scale, multiply, add, soften, softmax.

All of them hold the same few arrays, so that each can become Keras layers exactly.
"""

from abc import abstractmethod

import numpy as np

from featx.heads.base import Codes, Floats, Head
from featx.heads.inner_splits import inner_folds

# Scores run into the hundreds (LDA) or are tiny (SVM with a small C).
LOG_TEMPERATURES = (float(np.log(1e-9)), float(np.log(1e5)))


class LinearHead(Head):
    """Softmax of an affine map of the (square-rooted and) scaled embedding.

    ::

        z = (sign(x) sqrt(|x|) if signed_sqrt else x - mean_) / scale_
        p = softmax((coef_ z + intercept_) / temperature_)

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (d,)
    coef_ : ndarray, shape (n_classes, d)
    intercept_ : ndarray, shape (n_classes,)
    temperature_ : float
        1 for heads whose training already makes probabilities.
    """

    signed_sqrt = False

    def _transform(self, X: Floats) -> Floats:
        if self.signed_sqrt:
            X = np.sign(X) * np.sqrt(np.abs(X))
        scaled: Floats = (X - self.mean_) / self.scale_
        return scaled

    def _logits(self, X: Floats) -> Floats:
        """Return the scores before the temperature, shape (n, n_classes)."""
        logits: Floats = self._transform(X) @ self.coef_.T + self.intercept_
        return logits

    def _probabilities(self, X: Floats) -> Floats:
        return softmax(self._logits(X) / self.temperature_)

    def _learn_scaling(self, X: Floats) -> Floats:
        """Standardise: learn `mean_` and `scale_`, return the scaled rows."""
        rooted = np.sign(X) * np.sqrt(np.abs(X)) if self.signed_sqrt else X
        # In float32, the sum over a million rows would lose digits.
        self.mean_ = rooted.mean(axis=0, dtype=np.float64).astype(X.dtype)
        variance = np.square(rooted - self.mean_).mean(axis=0, dtype=np.float64)
        scale = np.sqrt(variance)
        # A feature that never changes says nothing; 1 keeps it finite.
        self.scale_ = np.where(scale > 1e-6 * np.abs(self.mean_), scale, 1)
        self.scale_ = self.scale_.astype(X.dtype)
        return self._transform(X)

    def _fit(self, X: Floats, y: Codes, weight: Floats, groups: Codes | None) -> None:
        self.temperature_ = 1.0
        self._fit_affine(self._learn_scaling(X), y, weight, groups)

    @abstractmethod
    def _fit_affine(
        self, Z: Floats, y: Codes, weight: Floats, groups: Codes | None
    ) -> None:
        """Learn `coef_` and `intercept_` from scaled rows."""


class CalibratedLinearHead(LinearHead):
    """A linear head whose scores are softened to probabilities by a temperature.

    The temperature is learnt on scores of rows that were held out, fold by fold; the
    map itself is learnt on all rows. It changes no prediction, only how sure it is.
    `calibrate` turns that off where only predictions count, as in cross-validation.
    """

    calibrate: bool
    calibration_folds = 5

    def _fit(self, X: Floats, y: Codes, weight: Floats, groups: Codes | None) -> None:
        temperature = 1.0
        if self.calibrate:
            temperature = self._calibrate(X, y, weight, groups)
        super()._fit(X, y, weight, groups)
        self.temperature_ = temperature

    def _calibrate(
        self, X: Floats, y: Codes, weight: Floats, groups: Codes | None
    ) -> float:
        logits = np.zeros((len(y), len(self.classes_)))
        scored = np.zeros(len(y), dtype=bool)
        for train, held_out in inner_folds(
            y, groups, folds=self.calibration_folds, seed=self.random_state
        ):
            super()._fit(X[train], y[train], weight[train], None)
            logits[held_out] = self._logits(X[held_out])
            scored[held_out] = True
        if not scored.any():
            return 1.0
        return fit_temperature(logits[scored], y[scored], weight[scored])


def softmax(logits: Floats) -> Floats:
    """Return the softmax over the last axis."""
    from scipy.special import softmax as scipy_softmax

    probabilities: Floats = scipy_softmax(logits, axis=-1)
    return probabilities


def fit_temperature(logits: Floats, y: Codes, weight: Floats) -> float:
    """Return the temperature that makes the log loss least.

    Temperature scaling of Guo et al., "On Calibration of Modern Neural Networks",
    2017; the same as scikit-learn's ``method="temperature"`` on the same scores,
    with one bound: n rows that are all right don't vouch for certainty. The mean
    confidence stays at Laplace's rule of succession, (n + 1) / (n + 2), or below.

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
