"""The rows that a head learns from: rooted and scaled, block by block."""

from collections.abc import Iterator
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from featx.heads.layers import Floats
from featx.heads.scaling import (
    as_they_are,
    blocks_of,
    column_means,
    learn_scaling,
    signed_root,
)

HELD = 2**26
"""Numbers up to which scaled rows are held in memory, beside the embeddings."""


class Rows:
    """Embeddings as a head sees them: ``(root(x) - mean) / scale``.

    A copy of all of them is held only where it is small.

    Parameters
    ----------
    X : ndarray of float, shape (n, d)
        Embeddings; they may lie in a file (`numpy.memmap`).
    signed_sqrt : bool
        Whether ``root(x)`` is ``sign(x) sqrt(|x|)``; else it is x.
    scaling : (ndarray, ndarray), optional
        Mean and scale, shapes (d,); by default those that standardise the rooted
        columns.

    Attributes
    ----------
    mean, scale : ndarray, shape (d,)
        Of the rooted columns.
    """

    def __init__(
        self,
        X: Floats,
        *,
        signed_sqrt: bool = False,
        scaling: tuple[Floats, Floats] | None = None,
    ) -> None:
        self._root = signed_root if signed_sqrt else as_they_are
        self.mean, self.scale = scaling or learn_scaling(X, self._root)
        self._is_scaled = X.size <= HELD
        self._X = self._scaled(X) if self._is_scaled else X
        self._places: NDArray[np.intp] | None = None
        self._shift: Floats | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._X if self._places is None else self._places)

    @property
    def width(self) -> int:
        """The number of columns."""
        return int(self._X.shape[1])

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """float32 or float64."""
        return self._X.dtype

    @property
    def is_small(self) -> bool:
        """Whether a copy of all of them may be held."""
        return len(self) * self.width <= HELD

    def __getitem__(self, places: slice | NDArray[np.integer]) -> Floats:
        """Return scaled rows by their places, shape (m, d); they may be a view."""
        rows = self._X[places if self._places is None else self._places[places]]
        rows = rows if self._is_scaled else self._scaled(rows)
        return rows if self._shift is None else rows - self._shift

    def blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Yield all rows in order: the places of a block, and its scaled rows."""
        for part in blocks_of(len(self), self.width):
            yield part, self[part]

    def mean_row(self) -> Floats:
        """Return the mean of the scaled rows, shape (d,)."""
        blocks = (block for _, block in self.blocks())
        return column_means(blocks, len(self)).astype(self.dtype)

    def subset(self, places: NDArray[np.intp], *, shift: Floats | None = None) -> Self:
        """Return some of the rows, scaled as these are.

        Parameters
        ----------
        places : ndarray of int, shape (m,)
        shift : ndarray, shape (d,), optional
            What is subtracted from each scaled row.
        """
        found = copy(self)
        found._shift = self._shift if shift is None else shift
        found._places = places if self._places is None else self._places[places]
        if found._is_scaled:  # once, not in every step of a solver
            found._X, found._places, found._shift = found[:], None, None
        return found

    def _scaled(self, rows: Floats) -> Floats:
        scaled: Floats = self._root(rows) - self.mean
        scaled /= self.scale
        return scaled
