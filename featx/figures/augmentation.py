"""Images and what training makes of them, side by side."""

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures.labels import text_label
from featx.figures.samples import GAP, NAME, SIDE, TITLE, fit_square, write
from featx.figures.style import INK, MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

APART = 4 * GAP
"""Between an original and its copies."""

LETTERS, SUBTITLE = 15, 0.17
"""Of the subtitle in an inch, and the inches from one line of it to the next."""


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
    line = NAME + SIDE + 2 * GAP
    starts = [0.0] + [SIDE + APART + k * (SIDE + GAP) for k in range(copies.shape[1])]
    width = starts[-1] + SIDE
    letters = max(20, int(width * LETTERS))
    subtitles = wrap(subtitle, letters)
    title = TITLE + (len(subtitles) - 1) * SUBTITLE
    height = title + NAME + len(originals) * line
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    # One pair of axes in inches, from the upper left.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    write(axes, 0.13, "Augmentation", fontsize=11.5, fontweight="bold", color=INK)
    for number, text in enumerate(subtitles):
        below = text_label(text, limit=letters)
        style = {"fontsize": 8.5, "color": MUTED, **below.style}
        write(axes, 0.36 + number * SUBTITLE, below.texts[0], **style)
    for words, left in zip(("original", "as trained on"), starts, strict=False):
        write(axes, title + NAME / 2, words, left=left, fontsize=8.5, color=MUTED)
    for row, label in enumerate(labels):
        top = title + NAME + row * line
        name = text_label(label)
        style = {"fontsize": 9, "color": INK, **name.style}
        write(axes, top + NAME / 2, name.texts[0], **style)
        for pixels, left in zip([originals[row], *copies[row]], starts, strict=True):
            axes.imshow(
                fit_square(pixels),
                extent=(left, left + SIDE, top + NAME + SIDE, top + NAME),
                aspect="auto",
                interpolation="nearest",
            )
    return figure
