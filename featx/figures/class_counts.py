"""How many images each class has, as bars."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures import style
from featx.figures.classes import classes_figure
from featx.figures.labels import Labels, class_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (style.BLUE, style.ORANGE)


def by_count(counts: NDArray[np.int64]) -> list[int]:
    """Order class indices by images, most first; ties stay in class order."""
    return [int(i) for i in np.argsort(-counts.sum(axis=1), kind="stable")]


def class_counts_figure(
    counts: NDArray[np.int64],
    splits: Sequence[str],
    classes: Sequence[str],
    subtitle: str,
) -> "Figure":
    """Draw how many images each class has, the splits end to end, most first.

    More than 40 classes: all of them without names, and the largest and smallest 20.

    Parameters
    ----------
    counts : ndarray of int, shape (n_classes, n_splits)
    splits : sequence of str
        Names of the columns: one or two.
    classes : sequence of str
        Names of the rows.
    subtitle : str
        Whose numbers these are.
    """
    order = by_count(counts)
    labels = class_labels(classes, limit=34)
    return classes_figure(
        order,
        partial(_draw_rows, counts, splits, labels),
        partial(_draw_all, counts[order]),
        titles=("Images by class", f"Images by class, all {len(counts):,} classes"),
        ends=("largest", "smallest"),
        subtitle=subtitle,
    )


def _draw_rows(
    counts: NDArray[np.int64],
    splits: Sequence[str],
    labels: Labels,
    axes: "Axes",
    shown: Sequence[int],
) -> None:
    """Draw one bar per class, the first at the top, with its numbers."""
    rows = np.arange(len(shown))
    lefts = np.zeros(len(shown))
    for column, split in enumerate(splits):
        values = counts[list(shown), column]
        label = split if len(splits) > 1 else ""
        axes.barh(rows, values, 0.72, left=lefts, color=COLOURS[column], label=label)
        lefts += values
    style.apply(axes, grid="x")
    # One scale for all rows, so that the largest and the smallest can be compared.
    most = max(int(counts.sum(axis=1).max()), 1)
    axes.set(xlim=(0, 1.02 * most), xlabel="images")
    style.count_on(axes.xaxis, 5)
    style.name_rows(axes, [labels.texts[i] for i in shown], labels.style)
    for row, index in enumerate(shown):
        text = " + ".join(f"{value:,}" for value in counts[index])
        style.note(axes, text, (lefts[row], row), (5, 0), color=style.MUTED)


def _draw_all(counts: NDArray[np.int64], axes: "Axes") -> None:
    """Draw all classes side by side without names, and their median."""
    edges = np.arange(len(counts) + 1).tolist()
    tops = counts.cumsum(axis=1)
    for top, values, colour in zip(tops.T, counts.T, COLOURS, strict=False):
        axes.stairs(top, edges, baseline=top - values, fill=True, color=colour)
    totals = tops[:, -1]
    median = float(np.median(totals))
    axes.axhline(median, color=style.INK, linewidth=1, linestyle=style.DASHED)
    across = axes.get_yaxis_transform()
    text = f"median {median:,.0f}"
    style.note(axes, text, (1, median), (5, 0), xycoords=across, color=style.INK)
    style.apply(axes, grid="y")
    axes.set(xlim=(0, len(counts)), ylim=(0, 1.08 * max(totals.max(), 1)))
    axes.set(xlabel="classes, most images first", ylabel="images")
    style.count_on(axes.yaxis, 4)
    style.count_on(axes.xaxis, 8)
