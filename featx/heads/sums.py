"""Sums over rows, block by block: in float64 without a copy of all rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from featx.heads.rows import Rows
from featx.heads.scaling import blocks_of
from featx.splits import Labels

Doubles = NDArray[np.float64]


def class_sums(
    rows: Rows, y: Labels, n_classes: int, weight: Doubles | None = None
) -> Doubles:
    """Return the weighted sum of each class's rows, shape (n_classes, d)."""
    total = np.zeros((n_classes, rows.width))
    for part, block in rows.blocks():
        members = np.eye(n_classes)[y[part]]
        if weight is not None:
            members *= weight[part, None]
        total += members.T @ block.astype(np.float64)
    return total


def products(rows: Callable[[slice], Doubles], n: int, width: int) -> Doubles:
    """Return the products of rows with each other, or of features if there are fewer.

    Parameters
    ----------
    rows : callable
        Returns some of the rows.
    n, width : int
        How many there are, and of how many numbers.

    Returns
    -------
    ndarray, shape (n, n) or (width, width)
    """
    if n < width:
        whole = rows(slice(0, n))
        return whole @ whole.T
    total = np.zeros((width, width))
    for part in blocks_of(n, width):
        block = rows(part)
        total += block.T @ block
    return total
