"""How many images each class has, as bars."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures.labels import Labels, class_labels
from featx.figures.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    head,
    legend,
    new_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL_SHOWN = 40  # up to so many classes each has its bar with a name
ENDS_SHOWN = 20  # of more, so many of the largest and of the smallest

ROW = 0.235  # inches
COLOURS = (BLUE, ORANGE)
STEPS = (1, 2, 5, 10)  # of the scales


def by_count(counts: NDArray[np.int64]) -> list[int]:
    """Order class indices by images, most first; ties stay in class order."""
    return [int(i) for i in np.argsort(-counts.sum(axis=1), kind="stable")]


def class_counts_figure(
    counts: NDArray[np.int64],
    parts: Sequence[str],
    classes: Sequence[str],
    subtitle: str,
) -> "Figure":
    """Draw how many images each class has, the parts on end, most first.

    More than 40 classes: all of them without names, and the largest and smallest 20.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_parts)
    parts : sequence of str
        Names of the columns: one or two.
    classes : sequence of str
        Names of the rows.
    subtitle : str
        Whose numbers these are.
    """
    order = by_count(counts)
    labels = class_labels(classes, limit=34)
    if len(classes) > ALL_SHOWN:
        return _many_classes(counts, parts, labels, order, subtitle)
    figure = new_figure(7.6, 1.3 + ROW * len(classes))
    axes = figure.subplots()
    _draw_rows(axes, counts, parts, labels, order)
    axes.set_xlabel("images")
    head(axes, "Images by class", subtitle)
    if len(parts) > 1:
        legend(axes)
    return figure


def _many_classes(
    counts: NDArray[np.int64],
    parts: Sequence[str],
    labels: Labels,
    order: list[int],
    subtitle: str,
) -> "Figure":
    figure = new_figure(11.5, 8.4)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.7, ENDS_SHOWN * ROW))
    top = figure.add_subplot(grid[0, :])
    _draw_all(top, counts[order], parts)
    head(top, f"Images by class, all {len(counts):,} classes", subtitle)
    ends = (("largest", order[:ENDS_SHOWN]), ("smallest", order[-ENDS_SHOWN:]))
    for column, (title, shown) in enumerate(ends):
        axes = figure.add_subplot(grid[1, column])
        _draw_rows(axes, counts, parts, labels, shown)
        # One scale for both, so that the eye can compare them.
        axes.set_xlim(0, _limit(counts))
        axes.set_xlabel("images")
        axes.set_title(
            f"The {len(shown)} {title}",
            loc="left",
            fontsize=10,
            fontweight="bold",
            color=INK,
        )
    if len(parts) > 1:
        legend(axes)
    return figure


def _limit(counts: NDArray[np.int64]) -> float:
    return 1.02 * max(int(counts.sum(axis=1).max()), 1)


def _thousands(value: float, _: object) -> str:
    return f"{value:,.0f}"


def _draw_rows(
    axes: "Axes",
    counts: NDArray[np.int64],
    parts: Sequence[str],
    labels: Labels,
    shown: Sequence[int],
) -> None:
    """Draw one bar per class, the first at the top, with its numbers."""
    from matplotlib.ticker import MaxNLocator

    rows = np.arange(len(shown))
    lefts = np.zeros(len(shown))
    for column, part in enumerate(parts):
        values = counts[list(shown), column]
        axes.barh(rows, values, 0.72, left=lefts, color=COLOURS[column], label=part)
        lefts += values
    style_axes(axes, grid="x")
    axes.set_xlim(0, _limit(counts[list(shown)]))
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=STEPS, integer=True))
    axes.xaxis.set_major_formatter(_thousands)
    axes.set_yticks(rows, [labels.texts[i] for i in shown], **labels.style)
    axes.tick_params(axis="y", labelcolor=INK, length=0, pad=6)
    for row, index in enumerate(shown):
        axes.annotate(
            " + ".join(f"{value:,}" for value in counts[index]),
            (lefts[row], row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=MUTED,
            annotation_clip=False,
        )


def _draw_all(axes: "Axes", counts: NDArray[np.int64], parts: Sequence[str]) -> None:
    """Draw all classes side by side without names, and their median."""
    from matplotlib.ticker import MaxNLocator

    edges = np.arange(len(counts) + 1)
    below = np.zeros(len(counts))
    for column in range(len(parts)):
        above = below + counts[:, column]
        axes.stairs(
            above,
            edges.tolist(),
            baseline=below,
            fill=True,
            color=COLOURS[column],
        )
        below = above
    median = float(np.median(below))
    axes.axhline(median, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(
        f"median {median:,.0f}",
        (1, median),
        xycoords=axes.get_yaxis_transform(),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=INK,
        annotation_clip=False,
    )
    style_axes(axes, grid="y")
    axes.set_xlim(0, len(counts))
    axes.set_ylim(0, 1.08 * max(below.max(), 1))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=STEPS, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=STEPS, integer=True))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_thousands)
    axes.set_ylabel("images")
    axes.set_xlabel("classes, most images first")
