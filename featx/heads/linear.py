"""Heads that are one affine map of the embedding, with softmax.

They all hold the same few arrays, so that each can become Keras layers exactly.
"""

from abc import abstractmethod

import numpy as np

from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer, SignedRoot
from featx.heads.scaling import learn_scaling
from featx.splits import Labels

ROOT_FLOOR = 1e-6
"""Roots are exact down to this share of the smallest feature's standard deviation."""


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
    """

    signed_sqrt = False

    def _rooted(self, X: Floats) -> Floats:
        return np.sign(X) * np.sqrt(np.abs(X)) if self.signed_sqrt else X

    def _transform(self, X: Floats) -> Floats:
        scaled: Floats = (self._rooted(X) - self.mean_) / self.scale_
        return scaled

    def _logits(self, X: Floats) -> Floats:
        logits: Floats = self._transform(X) @ self.coef_.T + self.intercept_
        return logits

    def _learn_scaling(self, X: Floats) -> Floats:
        """Standardise: learn `mean_` and `scale_`, return the scaled rows."""
        self.mean_, self.scale_ = learn_scaling(self._rooted(X))
        return self._transform(X)

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        self._fit_affine(self._learn_scaling(X), y, weight, groups)

    def _layers(self) -> list[Layer]:
        dense = Dense(self.coef_.T, self.intercept_)
        folded = dense.after_scaling(self.mean_, self.scale_).softened(
            self.temperature_
        )
        if not self.signed_sqrt:
            return [folded]
        # Not below what float32 holds with all of its digits.
        floor = max(ROOT_FLOOR * float(self.scale_.min()), 1e-15) ** 2
        return [SignedRoot(floor), folded]

    @abstractmethod
    def _fit_affine(self, Z: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        """Learn `coef_` and `intercept_` from scaled rows."""
