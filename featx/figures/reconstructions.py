"""Images and what an autoencoder made of them, one above the other."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures.samples import (
    GAP,
    SIDE,
    STRIP,
    draw_strip,
    fit_square,
    new_sheet,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST = 4
"""Images for whose width there is room: a single one would be narrower than words."""


def reconstructions_figure(
    originals: NDArray[np.uint8], reconstructions: NDArray[np.uint8], subtitle: str
) -> "Figure":
    """Draw images in a row and, below each, its reconstruction.

    Parameters
    ----------
    originals, reconstructions : ndarray of uint8, shape (n, height, width, 3)
        RGB.
    subtitle : str
        Whose images these are.
    """
    lefts = [column * (SIDE + GAP) for column in range(len(originals))]
    width = max(len(originals), LEAST) * (SIDE + GAP) - GAP
    figure, axes, start = new_sheet(width, 2 * STRIP, "Reconstructions", subtitle)
    rows = {"images": originals, "reconstructed": reconstructions}
    for place, (name, images) in enumerate(rows.items()):
        squares = [fit_square(pixels) for pixels in images]
        draw_strip(axes, lefts, start + place * STRIP, squares, name, {})
    return figure
