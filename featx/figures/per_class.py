"""Precision, recall and F1 of every class as a figure."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.figures import style
from featx.figures.classes import classes_figure
from featx.figures.labels import Labels, class_labels
from featx.runs.metrics import ClassScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
    scores = [per_class[name] for name in classes]
    values = np.array([[one.precision, one.recall, one.f1] for one in scores])
    labels = class_labels(classes, limit=34)
    return classes_figure(
        by_f1(per_class, classes),
        partial(_draw_rows, values, labels),
        partial(_draw_distribution, values[:, 2]),
        titles=(
            "Precision, recall and F1 by class",
            f"F1 of all {len(values)} classes",
        ),
        ends=("best", "worst"),
        subtitle=subtitle,
    )


def _draw_rows(
    values: NDArray[np.float64], labels: Labels, axes: "Axes", shown: Sequence[int]
) -> None:
    """Draw one line per class, the first at the top."""
    rows = np.arange(len(shown))
    precision, recall, f1 = values[list(shown)].T
    axes.hlines(rows, precision, recall, color=style.FAINT, linewidth=1.6, zorder=1)
    for label, x, marker, colour in (
        ("precision", precision, ">", style.BLUE),
        ("recall", recall, "<", style.ORANGE),
        ("F1", f1, "o", style.INK),
    ):
        mark = axes.plot(x, rows, marker, color=colour, markersize=5.5, label=label)
        mark[0].set(clip_on=False, zorder=3)
    style.apply(axes, grid="x")
    axes.set_xlim(0, 1)
    style.name_rows(axes, [labels.texts[i] for i in shown], labels.style)
    style.note(axes, "F1", (1, -1), (12, 0), color=style.INK)
    for row, value in enumerate(f1):
        style.note(axes, f"{value:.2f}", (1, row), (12, 0), color=style.MUTED)


def _draw_distribution(f1: NDArray[np.float64], axes: "Axes") -> None:
    """Draw how many classes reach which F1."""
    bins = np.linspace(0, 1, 21).tolist()
    axes.hist(f1, bins=bins, color=style.BLUE, edgecolor="white", alpha=0.85)
    mean = float(f1.mean())
    style.mark_value(axes, mean, f"mean {mean:.2f}", on_left=mean >= 0.85)
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    style.apply(axes, grid="y")
    style.count_on(axes.yaxis, 4)
    axes.set(xlim=(0, 1), xlabel="F1", ylabel="classes")
