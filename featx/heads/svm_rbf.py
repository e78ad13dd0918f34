"""Support vector machine with a Gaussian kernel."""

from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from featx.errors import HeadError
from featx.heads.base import Head
from featx.heads.layers import Floats, Layer
from featx.heads.scaling import learn_scaling, signed_root
from featx.splits import Labels

BLOCK = 1024
"""Rows that are compared with the support vectors at a time."""

Positive = Annotated[float, Field(gt=0)]


@dataclass(kw_only=True, eq=False, repr=False)
class KernelSVMHead(Head):
    """scikit-learn's `SVC` with an RBF kernel, on standardised signed square roots.

    It fits one machine for each pair of classes, in which libsvm (Chang and Lin, 2011)
    compares every row with every other one: the time grows faster than the square of
    their number. The score of a class is the number of pairs that it wins, and a
    fraction below a half for how clearly, as in `SVC.decision_function`. Votes
    are right more often than sums of margins would be, but their probabilities are
    coarse.

    Parameters
    ----------
    C : float
        Inverse of the penalty.
    gamma : float or "scale"
        Inverse of the kernel's squared width; scale: 1 / (d * variance), which is 1 / d
        on standardised rows.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    mean_, scale_ : ndarray, shape (d,)
    gamma_ : float
    vectors_ : ndarray, shape (n_vectors, d)
        Support vectors, scaled; class after class.
    counts_ : ndarray of int, shape (n_classes,)
        Support vectors of each class.
    coef_ : ndarray, shape (n_classes - 1, n_vectors)
        Of each vector in the machines of its class against the others, in their order.
    intercept_ : ndarray, shape (n_classes * (n_classes - 1) / 2,)
    """

    C: Positive = 10.0
    gamma: Positive | Literal["scale"] = "scale"

    @property
    def has_gradients(self) -> bool:
        """Whether scores change smoothly with the embeddings: they do not."""
        return False

    def _fit(self, X: Floats, y: Labels, weight: Floats, groups: Labels) -> None:
        from sklearn.svm import SVC

        self.mean_, self.scale_ = learn_scaling(X, signed_root)
        Z = self._scaled(X)
        self.gamma_ = self._width(Z) if self.gamma == "scale" else float(self.gamma)
        model = SVC(C=self.C, gamma=self.gamma_, cache_size=500)
        model.fit(Z, y, sample_weight=weight)
        self.vectors_ = model.support_vectors_.astype(X.dtype)
        self.counts_ = model.n_support_
        self.coef_, self.intercept_ = model.dual_coef_, model.intercept_

    def _scaled(self, X: Floats) -> Floats:
        scaled: Floats = (signed_root(X) - self.mean_) / self.scale_
        return scaled

    def _width(self, Z: Floats) -> float:
        """Return what `SVC` calls scale."""
        variance = float(Z.var(dtype=np.float64))
        return 1 / (Z.shape[1] * variance) if variance else 1.0

    def _multiply_adds(self, X: Floats) -> int:
        return int(X.size) * BLOCK

    def _logits(self, X: Floats) -> Floats:
        blocks = [X[i : i + BLOCK] for i in range(0, len(X), BLOCK)]
        scores: Floats = np.concatenate([self._block_scores(rows) for rows in blocks])
        return scores

    def _block_scores(self, X: Floats) -> Floats:
        from sklearn.metrics.pairwise import rbf_kernel

        kernel = rbf_kernel(self._scaled(X), self.vectors_, gamma=self.gamma_)
        if len(self.classes_) == 2:
            score = kernel @ self.coef_[0] + self.intercept_[0]
            return np.stack([np.zeros_like(score), score], axis=1)
        ends = np.cumsum(self.counts_)
        parts = [
            kernel[:, start:end] @ self.coef_[:, start:end].T
            for start, end in zip(ends - self.counts_, ends, strict=True)
        ]
        votes = np.zeros((len(X), len(self.classes_)))
        margins = np.zeros_like(votes)
        pairs = combinations(range(len(parts)), 2)
        for (first, second), intercept in zip(pairs, self.intercept_, strict=True):
            # The machines of a class skip the class itself.
            margin = parts[first][:, second - 1] + parts[second][:, first] + intercept
            votes[:, first] += margin > 0
            votes[:, second] += margin <= 0
            margins[:, first] += margin
            margins[:, second] -= margin
        scores: Floats = votes + margins / (3 * (np.abs(margins) + 1))
        return scores

    def _layers(self) -> list[Layer]:
        raise HeadError("svm-rbf: its votes between pairs of classes are no layers")
