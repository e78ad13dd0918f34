"""The confusion matrix as a figure, for two classes as for hundreds."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.figures import style
from featx.figures.labels import Labels, class_labels, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_SIDE = 17.0  # inches, of the matrix alone
SMALLEST_NUMBER = 5.5  # points
SMALLEST_NAME = 4.6


def confusion_figure(
    matrix: NDArray[np.int64],
    classes: Sequence[str],
    subtitle: str,
    *,
    normalised: bool,
) -> "Figure":
    """Draw a confusion matrix.

    Parameters
    ----------
    matrix : ndarray of int, shape (n_classes, n_classes)
        Rows are true classes, columns predicted ones.
    classes : sequence of str
        Names, in the order of rows and columns.
    subtitle : str
        Whose numbers these are.
    normalised : bool
        Percent of each true class instead of counts.
    """
    count = len(classes)
    cell = min(max(5.2 / count + 0.075, 0.05), 1.15, LARGEST_SIDE / count)
    side = cell * count
    figure = style.new_figure(side, side)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    values = row_percent(matrix) if normalised else matrix.astype(np.float64)
    image = _draw_cells(axes, values, top=100.0 if normalised else values.max())
    scale = min(max(1.0, side / 7), 2.0)
    labels = class_labels(classes, limit=28 if count > 4 else 40)
    _write_names(axes, labels, cell, scale)
    if count <= 60:
        _write_numbers(axes, values, cell, image.norm)
    counted = "percent of each true class" if normalised else "number of test images"
    style.head(axes, f"Confusion matrix, {counted}", subtitle, scale=scale)
    _draw_scale(figure, image, scale, side)
    return figure


def row_percent(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Turn counts into percent of each row; a row without images stays zero."""
    totals = matrix.sum(axis=1, keepdims=True)
    percent: NDArray[np.float64] = 100.0 * matrix / np.maximum(totals, 1)
    return percent


def _draw_cells(axes: "Axes", values: NDArray[np.float64], *, top: float) -> Any:
    from matplotlib.colors import PowerNorm

    image = axes.imshow(
        values,
        cmap=style.MATRIX_COLOURS,
        # Without numbers a single wrong image must be seen beside many right ones.
        norm=PowerNorm(0.85 if len(values) <= 12 else 0.6, vmin=0, vmax=max(top, 1)),
        interpolation="nearest",
        aspect="auto",
    )
    count = len(values)
    if count <= 60:
        axes.set_xticks(np.arange(1, count) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, count) - 0.5, minor=True)
        axes.grid(visible=True, which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_color(style.FAINT)
        spine.set_linewidth(0.8)
    return image


def _write_names(axes: "Axes", labels: Labels, cell: float, scale: float) -> None:
    """Name rows and columns; only every nth where more would not be legible."""
    count = len(labels.texts)
    step = max(1, math.ceil(SMALLEST_NAME / (0.8 * 72 * cell)))
    size = min(9.5, 0.8 * 72 * cell * step)
    shown = [(i, labels.texts[i]) for i in range(0, count, step)]
    widest = max(width(text) for _, text in shown)
    # A letter is about 0.6 of the font size wide.
    flat = widest * 0.6 * size / 72 < 0.92 * cell * step
    gap = 4 / 72 / cell
    look = {"fontsize": size, "color": style.INK, **labels.style}
    # Plain texts: hundreds of ticks would take several times as long to draw.
    axes.set(xticks=[], yticks=[])
    rows = [
        axes.text(-0.5 - gap, i, text, ha="right", va="center_baseline", **look)
        for i, text in shown
    ]
    below = {"ha": "center", "va": "top", "rotation": 0 if flat else 90, **look}
    columns = [axes.text(i, count - 0.5 + gap, text, **below) for i, text in shown]
    about: dict[str, Any] = {"fontsize": 9.5 * scale, "color": style.MUTED}
    left = max(text.get_window_extent().width for text in rows) * 72 / style.DPI
    deep = max(text.get_window_extent().height for text in columns) * 72 / style.DPI
    axes.set_ylabel("true class", labelpad=left + 6 + 6 * scale, **about)
    axes.set_xlabel("predicted class", labelpad=deep + 6 + 4 * scale, **about)


def _write_numbers(
    axes: "Axes", values: NDArray[np.float64], cell: float, shade: Any
) -> None:
    """Write the numbers into the cells if they all fit; few classes: zeros too."""
    digits = len(f"{values.max():.0f}")
    size = min(12.0, 0.46 * 72 * cell, 0.82 * 72 * cell / (0.64 * digits))
    if size < SMALLEST_NUMBER:
        return
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size}
    for (row, column), value in np.ndenumerate(values):
        if value == 0 and len(values) > 12:
            continue
        text = "<1" if 0 < value < 0.5 else f"{value:.0f}"
        colour = (
            "white" if shade(value) > 0.56 else (style.INK if value else style.FAINT)
        )
        axes.text(column, row, text, color=colour, **look)


def _draw_scale(figure: "Figure", image: Any, scale: float, side: float) -> None:
    """Draw the colour scale to the right of the matrix, at its foot."""
    from matplotlib.ticker import MaxNLocator

    place = (1 + 0.18 * scale / side, 0, 0.14 * scale / side)
    axes = figure.add_axes((*place, min(1.0, 3.2 * scale / side)))
    bar = figure.colorbar(image, cax=axes, ticks=MaxNLocator(5, integer=True))
    bar.outline.set_visible(False)
    axes.tick_params(colors=style.MUTED, labelsize=8 * scale, length=2, width=0.6)
