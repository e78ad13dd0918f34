"""Precision, recall and F1 of every class as a figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures.labels import Labels, class_labels
from featx.figures.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    head,
    legend,
    new_figure,
    style_axes,
)
from featx.runs.metrics import ClassScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL_SHOWN = 40  # up to so many classes each has its line
ENDS_SHOWN = 20  # of more, so many of the best and of the worst

ROW = 0.235  # inches
Scores = Mapping[str, ClassScores]


def by_f1(per_class: Scores, classes: Sequence[str]) -> list[int]:
    """Order class indices by F1, best first; ties stay in class order."""
    return sorted(range(len(classes)), key=lambda i: -per_class[classes[i]].f1)


def per_class_figure(
    per_class: Scores, classes: Sequence[str], subtitle: str
) -> "Figure":
    """Draw precision, recall and F1 by class, best F1 first.

    More than 40 classes: the distribution of F1, and the best and worst 20.

    Parameters
    ----------
    per_class : Mapping
        Class name to `precision`, `recall`, `f1` and `support`.
    classes : sequence of str
        All names, in class order.
    subtitle : str
        Whose numbers these are.
    """
    order = by_f1(per_class, classes)
    labels = class_labels(classes, limit=34)
    values = np.array(
        [
            [one.precision, one.recall, one.f1]
            for one in (per_class[name] for name in classes)
        ]
    )
    if len(classes) <= ALL_SHOWN:
        figure = new_figure(7.6, 1.5 + ROW * len(classes))
        axes = figure.subplots()
        _draw_rows(axes, values, labels, order)
        head(axes, "Precision, recall and F1 by class", subtitle)
        legend(axes)
        return figure
    return _many_classes(values, labels, order, subtitle)


def _many_classes(
    values: NDArray[np.float64], labels: Labels, order: list[int], subtitle: str
) -> "Figure":
    figure = new_figure(11.5, 8.2)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.5, ENDS_SHOWN * ROW))
    top = figure.add_subplot(grid[0, :])
    _draw_distribution(top, values[:, 2])
    head(top, f"F1 of all {len(values)} classes", subtitle)
    best, worst = order[:ENDS_SHOWN], order[-ENDS_SHOWN:]
    for column, (title, shown) in enumerate((("best", best), ("worst", worst))):
        axes = figure.add_subplot(grid[1, column])
        _draw_rows(axes, values, labels, shown)
        axes.set_title(
            f"The {len(shown)} {title}",
            loc="left",
            fontsize=10,
            fontweight="bold",
            color=INK,
        )
    legend(axes)
    return figure


def _draw_rows(
    axes: "Axes", values: NDArray[np.float64], labels: Labels, shown: Sequence[int]
) -> None:
    """Draw one line per class, the first at the top."""
    rows = np.arange(len(shown))
    precision, recall, f1 = values[list(shown)].T
    axes.hlines(
        rows,
        np.minimum(precision, recall),
        np.maximum(precision, recall),
        color=FAINT,
        linewidth=1.6,
        zorder=1,
    )
    for label, x, marker, colour in (
        ("precision", precision, ">", BLUE),
        ("recall", recall, "<", ORANGE),
        ("F1", f1, "o", INK),
    ):
        mark = axes.plot(x, rows, marker, color=colour, markersize=5.5, label=label)
        mark[0].set(clip_on=False, zorder=3)
    style_axes(axes, grid="x")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_yticks(rows, [labels.texts[i] for i in shown], **labels.style)
    axes.tick_params(axis="y", labelcolor=INK, length=0, pad=8)
    for row, text in [(-1, "F1"), *enumerate(f"{value:.2f}" for value in f1)]:
        axes.annotate(
            text,
            (1, row),
            xytext=(12, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK if row < 0 else MUTED,
            annotation_clip=False,
        )


def _draw_distribution(axes: "Axes", f1: NDArray[np.float64]) -> None:
    """Draw how many classes reach which F1."""
    from matplotlib.ticker import MaxNLocator

    axes.hist(
        f1,
        bins=np.linspace(0, 1, 21).tolist(),
        color=BLUE,
        edgecolor="white",
        alpha=0.85,
    )
    mean = float(f1.mean())
    axes.axvline(mean, color=ORANGE, linewidth=1.8)
    axes.annotate(
        f"mean {mean:.2f}",
        (mean, 0.97),
        xycoords=axes.get_xaxis_transform(),
        xytext=(6 if mean < 0.85 else -6, 0),
        textcoords="offset points",
        ha="left" if mean < 0.85 else "right",
        va="top",
        fontsize=8.5,
        fontweight="bold",
        color=ORANGE,
    )
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    style_axes(axes, grid="y")
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_ylabel("classes")
    axes.set_xlabel("F1")
