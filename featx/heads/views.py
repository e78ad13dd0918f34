"""Heads on several views of each image, such as original and flipped.

Each view is a training row; the probabilities of an image are the mean over its views.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.heads.scaling import softmax
from featx.heads.tuning import fit_head

if TYPE_CHECKING:
    from featx.heads.base import Head


@dataclass(frozen=True)
class ViewsHead:
    """A head that predicts images from their views.

    Attributes
    ----------
    head : Head
        Fitted on single views.
    """

    head: "Head"

    def predict_proba(self, views: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean probabilities of views (n, v, d), shape (n, n_classes)."""
        logits = self.logits(views).astype(np.float64)
        each = softmax(logits / self.head.temperature_)
        probabilities: NDArray[np.float64] = each.mean(axis=1)
        return probabilities

    def logits(self, views: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the scores of each view, shape (n, v, n_classes)."""
        n, v, d = views.shape
        return self.head.logits(views.reshape(n * v, d)).reshape(n, v, -1)

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels seen, sorted, shape (n_classes,)."""
        return self.head.classes_

    def predict(self, views: NDArray[np.floating]) -> NDArray[Any]:
        """Return the most probable labels, shape (n,)."""
        labels: NDArray[Any] = self.head.classes_[self.predict_proba(views).argmax(1)]
        return labels


def fit_views(
    name: str,
    views: NDArray[np.floating],
    y: NDArray[np.integer],
    groups: NDArray[np.integer],
    **options: Any,
) -> ViewsHead:
    """Fit a head on all views of images.

    Parameters
    ----------
    name : str
        A row of `HEADS`.
    views : ndarray of float, shape (n, v, d)
    y, groups : ndarray of int, shape (n,)
        Of the images; all views of an image stay on one side of every inner split.
    **options
        See `fit_head`.

    Raises
    ------
    HeadError
        See `fit_head`.
    """
    n, v, d = views.shape
    rows = views.reshape(n * v, d)
    return ViewsHead(fit_head(name, rows, y.repeat(v), groups.repeat(v), **options))
