"""k nearest neighbours by cosine."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from featx.heads.layered import LayeredHead, directions
from featx.heads.layers import Dense, Floats, Mixture, apply_layers
from featx.heads.scaling import blocks_of
from featx.splits import Labels

DOUBT = 0.01
"""How much of each neighbour's vote is spread over the classes as often as they are: no
probability is 0, also of a class that none of the neighbours has."""


@dataclass(kw_only=True, eq=False, repr=False)
class NearestNeighboursHead(LayeredHead):
    """Votes of the nearest training rows, by cosine between centred signed roots.

    A neighbour's vote has the weight ``exp(cosine / spread)``, as in the evaluation of
    Wu et al., "Unsupervised Feature Learning via Non-parametric Instance
    Discrimination", 2018. It learns nothing but the mean of the features, and keeps all
    training rows.

    Parameters
    ----------
    k : int
        Neighbours that vote; all rows where there are fewer.
    spread : float
        The smaller, the more the nearest of them decides.
    class_weight : "balanced", dict or None
        Factors of the votes.
    random_state
        See `Head`.

    Attributes
    ----------
    layers_ : list of Layer
        The kernel of the `Dense` among them holds the rows.
    """

    k: Annotated[int, Field(ge=1)] = 20
    spread: Annotated[float, Field(gt=0)] = 0.1

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        before = directions(X)
        rows = np.empty(X.shape, X.dtype)  # the only copy: there may be many
        for part in blocks_of(*X.shape):
            rows[part] = apply_layers(before, X[part])
        rows /= self.spread
        n, n_classes = len(y), len(self.classes_)
        counts = np.bincount(y)
        shares = (1 - DOUBT) * np.eye(n_classes) + DOUBT * counts / n
        # All rows of a class have the same weight.
        shares = shares * (np.bincount(y, weight) / counts)
        self.layers_ = [
            *before,
            Dense(rows.T, np.zeros(n, X.dtype)),
            Mixture(y, shares.astype(X.dtype), min(self.k, n)),
        ]

    def _multiply_adds(self, X: Floats) -> int:
        return int(X.size) * 1024
