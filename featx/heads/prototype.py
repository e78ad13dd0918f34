"""Nearest class mean among whitened embeddings."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from featx.heads.layers import Floats
from featx.heads.lda import shrinkage_from
from featx.heads.linear import LinearHead
from featx.heads.rows import Rows
from featx.heads.scaling import blocks_of
from featx.heads.sums import Doubles, class_sums, products
from featx.splits import Labels


@dataclass(kw_only=True, eq=False, repr=False)
class PrototypeHead(LinearHead):
    """The nearest class mean, after the covariance within classes is whitened.

    Signed roots are whitened by one covariance for all classes, of the rows' deviations
    from their class means, shrunk towards a multiple of the identity as Ledoit and Wolf
    do ("A well-conditioned estimator for large-dimensional covariance matrices", 2004).
    The total covariance would need no labels, but whitens what tells classes apart as
    well: on 200 birds the accuracy was 0.56 instead of 0.64. Distances to the means are
    compared as those of normal distributions of unit variance are, with the classes'
    shares as priors. `lda` shrinks each class's covariance on its own.

    Parameters
    ----------
    shrinkage : float in [0, 1], optional
        None estimates it.
    class_weight : "balanced", dict or None
        Changes the classes' priors: balanced makes them equal.
    random_state
        See `Head`.
    """

    signed_sqrt = True

    shrinkage: Annotated[float, Field(ge=0, le=1)] | None = None

    def _fit_affine(
        self, rows: Rows, y: Labels, weight: Floats, groups: Labels
    ) -> None:
        n, width = len(rows), rows.width
        counts = np.bincount(y)
        means = class_sums(rows, y, len(counts)) / counts[:, None]

        def centred(part: slice) -> Doubles:
            found: Doubles = rows[part] - means[y[part]]
            return found

        pairs = products(centred, n, width)
        squares = np.concatenate(
            [np.square(centred(part)).sum(axis=1) for part in blocks_of(n, width)]
        )
        variance = squares.sum() / n / width
        shrinkage = self.shrinkage
        if shrinkage is None:
            shrinkage = max(shrinkage_from(pairs, squares, width), 1 / n)
        # With one image per class nothing varies, and plain distances decide.
        ridge = (shrinkage + 1e-6) * variance or 1.0
        whole = centred(slice(0, n)) if n < width else None
        coef = _solve(whole, pairs, means.T, (1 - shrinkage) / n, ridge).T
        priors = np.bincount(y, weights=weight) / weight.sum()
        self.coef_ = coef.astype(rows.dtype)
        intercept = np.log(priors) - (coef * means).sum(axis=1) / 2
        self.intercept_ = intercept.astype(rows.dtype)

    def _multiply_adds(self, X: Floats) -> int:
        return int(X.size) * int(min(X.shape))


def _solve(
    rows: Doubles | None, pairs: Doubles, right: Doubles, factor: float, ridge: float
) -> Doubles:
    """Return the solution of ``(factor rows' rows + ridge I) x = right``.

    Parameters
    ----------
    rows : ndarray, shape (n, d), or None
        Needed where there are fewer rows than features.
    pairs : ndarray, shape (n, n) or (d, d)
        ``rows rows'``, or ``rows' rows``: the smaller of them.
    right : ndarray, shape (d, k)
    """
    from scipy.linalg import solve

    matrix = factor * pairs
    matrix.flat[:: len(matrix) + 1] += ridge
    if rows is None:
        whole: Doubles = solve(matrix, right, assume_a="pos", overwrite_a=True)
        return whole
    inner = solve(matrix, factor * (rows @ right), assume_a="pos", overwrite_a=True)
    found: Doubles = (right - rows.T @ inner) / ridge
    return found
