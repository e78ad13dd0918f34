"""Heads that are fixed layers, whose last one gives log-probabilities."""

from dataclasses import dataclass

import numpy as np

from featx.heads.base import Head
from featx.heads.layers import (
    Dense,
    Floats,
    Layer,
    Scaling,
    SignedRoot,
    UnitLength,
    apply_layers,
)
from featx.heads.scaling import blocks_of, column_means

FLOOR = 1e-30
"""Magnitudes below it have its root: that of float32's smallest has half its digits."""


@dataclass(kw_only=True, eq=False, repr=False)
class LayeredHead(Head):
    """A head that learns layers and isn't trained by gradients.

    Attributes
    ----------
    layers_ : list of Layer
        From embeddings to log-probabilities, as arrays.
    """

    @property
    def has_gradients(self) -> bool:
        """Whether scores change smoothly with the embeddings: they do not."""
        return False

    def _logits(self, X: Floats) -> Floats:
        return apply_layers(self.layers_, X)

    def _layers(self) -> list[Layer]:
        n_classes = len(self.classes_)
        dense = Dense(np.eye(n_classes), np.zeros(n_classes))
        return [*self.layers_, dense.softened(self.temperature_)]


def directions(X: Floats) -> list[Layer]:
    """Return the layers to centred signed roots of length 1, learned from rows.

    On 25 and 200 birds and on dogs, nearest neighbours and clusters were better on
    these than on embeddings as they are, standardised, or not rooted.
    """
    root = SignedRoot(FLOOR)
    rooted = (root(X[part]) for part in blocks_of(*X.shape))
    mean = column_means(rooted, len(X)).astype(X.dtype)
    return [root, Scaling(mean, np.ones_like(mean)), UnitLength()]
