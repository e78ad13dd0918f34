"""Ridge regression on one-vs-rest targets, with signed square roots."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from featx.heads.layers import Floats
from featx.heads.linear import LinearHead
from featx.heads.rows import Rows
from featx.heads.sums import Doubles, class_sums, products
from featx.splits import Labels

PENALTIES = np.logspace(-4, 4, 33)
"""Penalties between which cross-validation chooses, per row and unit of the mean
eigenvalue of the features' covariance."""


@dataclass(kw_only=True, eq=False, repr=False)
class RidgeHead(LinearHead):
    """Least squares with an L2 penalty on targets of 1 for a class and 0 for the rest.

    The answer is scikit-learn's `RidgeClassifier` on standardised signed roots, in
    closed form. One eigendecomposition, of the rows' products or of the features'
    whichever is smaller, serves all penalties: the penalty is the one with the smallest
    error of generalised cross-validation (Golub, Heath and Wahba, "Generalized
    Cross-Validation as a Method for Choosing a Good Ridge Parameter", 1979), as in
    `RidgeClassifierCV`. There a group of rows counts as one: with copies in it, every
    row would foretell its copy, and no penalty would be small enough.

    Parameters
    ----------
    alpha : float, optional
        The penalty, as scikit-learn has it; None chooses it by cross-validation.
    class_weight, random_state
        See `Head`.

    Attributes
    ----------
    alpha_ : float
        The penalty.
    """

    signed_sqrt = True

    alpha: Annotated[float, Field(gt=0)] | None = None

    def _fit_affine(
        self, rows: Rows, y: Labels, weight: Floats, groups: Labels
    ) -> None:
        n_classes = len(self.classes_)
        weights = weight.astype(np.float64)
        sizes = np.ones(len(y))
        if self.alpha is None:
            sizes = np.bincount(groups)[groups].astype(np.float64)
        sums = _Sums.of(rows, y, weights / sizes, n_classes)
        if self.alpha is None:
            penalty = sums.best_penalty(count=len(np.unique(groups)))
            self.alpha_ = float(penalty * weights.sum())
        else:
            self.alpha_ = float(self.alpha)
        if np.ptp(sizes):  # where groups differ, each row weighs something else now
            sums = _Sums.of(rows, y, weights, n_classes)
        coef, intercept = sums.solve(self.alpha_ / weights.sum())
        self.coef_ = coef.astype(rows.dtype)
        self.intercept_ = intercept.astype(rows.dtype)

    def _multiply_adds(self, X: Floats) -> int:
        return int(X.size) * int(min(X.shape))


@dataclass(frozen=True)
class _Sums:
    """What the solutions for all penalties are made from.

    Rows, weighted and centred, are ``U diag(sqrt(values)) V'``.

    Attributes
    ----------
    mean : ndarray, shape (d,)
        Weighted mean of the rows.
    shares : ndarray, shape (n_classes,)
        Weighted mean of the targets.
    values : ndarray, shape (r,)
        Eigenvalues of the covariance, those that are not zero.
    projected : ndarray, shape (r, n_classes)
        ``U' Y`` of the weighted and centred targets Y.
    total : float
        Sum of the squares of Y.
    factors : tuple of ndarray
        Their product is ``V diag(sqrt(values))``, shape (d, r).
    """

    mean: Doubles
    shares: Doubles
    values: Doubles
    projected: Doubles
    total: float
    factors: tuple[Doubles, ...]

    @classmethod
    def of(cls, rows: Rows, y: Labels, weight: Doubles, n_classes: int) -> "_Sums":
        share = weight / weight.sum()
        sums = class_sums(rows, y, n_classes, share)
        mean = sums.sum(axis=0)
        shares = np.bincount(y, weights=share, minlength=n_classes).astype(np.float64)
        root = np.sqrt(share)[:, None]

        def centred(part: slice) -> Doubles:
            found: Doubles = (rows[part] - mean) * root[part]
            return found

        values, vectors = _eigh(products(centred, len(rows), rows.width))
        total = 1 - float(shares @ shares)
        if len(vectors) == rows.width:
            crossed = sums - shares[:, None] * mean  # centred rows times targets
            projected = vectors.T @ crossed.T / np.sqrt(values)[:, None]
            factors: tuple[Doubles, ...] = (vectors * np.sqrt(values),)
        else:
            whole = centred(slice(0, len(rows)))
            projected = vectors.T @ ((np.eye(n_classes)[y] - shares) * root)
            factors = (whole.T, vectors)
        return cls(mean, shares, values, projected, total, factors)

    def best_penalty(self, count: int) -> float:
        """Return the penalty with the least error of generalised cross-validation.

        Parameters
        ----------
        count : int
            Of the independent rows.
        """
        if not len(self.values):
            return 1.0
        penalties = PENALTIES * self.values.mean()
        squares = np.square(self.projected).sum(axis=1)
        kept = self.values / (self.values + penalties[:, None])
        residual = self.total - squares.sum() + np.square(1 - kept) @ squares
        # The intercept takes one degree of freedom.
        free = np.maximum(count - 1 - kept.sum(axis=1), 1e-9 * count)
        return float(penalties[np.argmin(residual / np.square(free))])

    def solve(self, penalty: float) -> tuple[Doubles, Doubles]:
        """Return coefficients, shape (n_classes, d), and intercepts."""
        product = self.projected / (self.values + penalty)[:, None]
        for factor in reversed(self.factors):
            product = factor @ product
        coef: Doubles = product.T
        return coef, self.shares - coef @ self.mean


def _eigh(matrix: Doubles) -> tuple[Doubles, Doubles]:
    """Return the eigenvalues that are not zero but for rounding, and their vectors."""
    from scipy.linalg import eigh

    values, vectors = eigh(matrix, overwrite_a=True, check_finite=False, driver="evd")
    kept = values > 1e-10 * max(values[-1], 1e-300)
    return values[kept], vectors[:, kept]
