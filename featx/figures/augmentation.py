"""Images and what training makes of them, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures.labels import text_label
from featx.figures.samples import (
    GAP,
    NAME,
    SIDE,
    STRIP,
    draw_strip,
    fit_square,
    new_sheet,
    write,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

APART = 4 * GAP
"""Between an original and its copies."""


def augmented_figure(
    originals: NDArray[np.uint8],
    copies: NDArray[np.uint8],
    labels: Sequence[str],
    subtitle: str,
) -> "Figure":
    """Draw images and, to their right, augmented copies of them.

    Parameters
    ----------
    originals : ndarray of uint8, shape (n, height, width, 3)
        RGB.
    copies : ndarray of uint8, shape (n, k, height, width, 3)
        As `featx.training.augmentation_layers.augmented_samples` returns them.
    labels : sequence of str
        The class name of each image, written above its row.
    subtitle : str
        Whose images these are, and how they were augmented.
    """
    lefts = [0.0] + [SIDE + APART + k * (SIDE + GAP) for k in range(copies.shape[1])]
    height = NAME + len(originals) * STRIP
    figure, axes, start = new_sheet(lefts[-1] + SIDE, height, "Augmentation", subtitle)
    for words, left in zip(("original", "as trained on"), lefts, strict=False):
        write(axes, left, start + NAME / 2, words)
    for row, label in enumerate(labels):
        top = start + NAME + row * STRIP
        name = text_label(label)
        squares = [fit_square(pixels) for pixels in (originals[row], *copies[row])]
        draw_strip(axes, lefts, top, squares, name.texts[0], name.style)
    return figure
