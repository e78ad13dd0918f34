"""Clusters of the training rows, named by the labels in them."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from featx.heads.layered import LayeredHead, directions
from featx.heads.layers import Dense, Floats, Mixture, apply_layers
from featx.splits import Labels


@dataclass(kw_only=True, eq=False, repr=False)
class KMeansHead(LayeredHead):
    """Clusters that are found without labels: how far one comes without any.

    Centred signed roots of length 1 are clustered by k-means, Lloyd's algorithm from
    k-means++ (Arthur and Vassilvitskii, "k-means++: The Advantages of Careful Seeding",
    2007). Labels only name the clusters: the probability of a class is its share of the
    training rows in the nearest cluster, and in others as far as they are near, with
    the weight ``exp(-distance ** 2 / (2 * spread))``. So a cluster has the name of most
    of its rows.

    Parameters
    ----------
    per_class : int
        Clusters, divided by the number of classes. With one, as is usual, several
        classes share a cluster where images look more different within them than
        between them; with more, fewer do.
    spread : float
        The smaller, the more the nearest cluster decides.
    starts : int
        Of several starts, the one with the least sum of squared distances is kept.
    class_weight : "balanced", dict or None
        Of the labels in a cluster.
    random_state
        See `Head`.
    """

    per_class: Annotated[int, Field(ge=1)] = 1
    spread: Annotated[float, Field(gt=0)] = 0.02
    starts: Annotated[int, Field(ge=1)] = 2

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        from sklearn.cluster import KMeans
        from threadpoolctl import threadpool_limits

        before = directions(X)
        rows = apply_layers(before, X)
        n_classes = len(self.classes_)
        clusters = min(self.per_class * n_classes, len(np.unique(rows, axis=0)))
        model = KMeans(clusters, n_init=self.starts, random_state=self.random_state)
        with threadpool_limits(1, "openmp"):  # threads would add in any order
            member = model.fit(rows).labels_
        counts = np.zeros((clusters, n_classes))
        np.add.at(counts, (member, y), weight)
        # One row more, spread as all of them are: no class is impossible anywhere.
        prior = np.bincount(y, weight) / weight.sum()
        shares = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
        centres = model.cluster_centers_.astype(np.float64)
        lengths = np.square(centres).sum(axis=1)
        self.layers_ = [
            *before,
            # The length of a row is the same to all centres.
            Dense(
                (centres.T / self.spread).astype(X.dtype),
                (-lengths / (2 * self.spread)).astype(X.dtype),
            ),
            Mixture(np.arange(clusters), shares.astype(X.dtype)),
        ]

    def _multiply_adds(self, X: Floats) -> int:
        return int(X.size) * self.per_class * len(self.classes_)
