"""Heads that are one affine map of the embedding, with softmax.

They all hold the same few arrays, so that each can become Keras layers exactly.
"""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from featx.heads.base import Head
from featx.heads.layers import Dense, Floats, Layer, SignedRoot
from featx.heads.rows import Rows
from featx.heads.scaling import as_they_are, blocks_of, signed_root
from featx.splits import Labels

ROOT_FLOOR = 1e-6
"""Roots are exact down to this share of the smallest feature's standard deviation."""


class LinearHead(Head):
    """Softmax of an affine map of the (square-rooted and) scaled embedding.

    ::

        z = (sign(x) sqrt(|x|) if rooted_ else x - mean_) / scale_
        p = softmax((coef_ z + intercept_) / temperature_)

    Attributes
    ----------
    rooted_ : bool
    mean_, scale_ : ndarray, shape (d,)
    coef_ : ndarray, shape (n_classes, d)
    intercept_ : ndarray, shape (n_classes,)
    """

    signed_sqrt: ClassVar[bool] = False
    """Whether `fit` roots embeddings."""

    rooted_ = False  # of heads that were written before all said it

    def _logits(self, X: Floats) -> Floats:
        root = signed_root if self.rooted_ else as_they_are
        logits = np.empty((len(X), len(self.coef_)), X.dtype)
        for part in blocks_of(*X.shape):
            scaled = (root(X[part]) - self.mean_) / self.scale_
            logits[part] = scaled @ self.coef_.T + self.intercept_
        return logits

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        self.rooted_ = self.signed_sqrt
        rows = Rows(X, signed_sqrt=self.signed_sqrt)
        self.mean_, self.scale_ = rows.mean, rows.scale
        self._fit_affine(rows, y, weight, groups)

    def _layers(self) -> list[Layer]:
        dense = Dense(self.coef_.T, self.intercept_)
        folded = dense.after_scaling(self.mean_, self.scale_).softened(
            self.temperature_
        )
        if not self.rooted_:
            return [folded]
        # Not below what float32 holds with all of its digits.
        floor = max(ROOT_FLOOR * float(self.scale_.min()), 1e-15) ** 2
        return [SignedRoot(floor), folded]

    @abstractmethod
    def _fit_affine(
        self, rows: Rows, y: Labels, weight: Floats, groups: Labels
    ) -> None:
        """Learn `coef_` and `intercept_` from scaled rows."""
