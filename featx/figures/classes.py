"""Figures with a row for each class; of many classes, all at a glance and the ends."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from featx.figures.style import INK, head, legend, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL_SHOWN = 40
"""The most classes that all get a row."""

ENDS_SHOWN = 20
"""Of more classes, the number of the first and of the last that get one."""

ROW = 0.235  # inches


def classes_figure(
    order: Sequence[int],
    draw_rows: "Callable[[Axes, Sequence[int]], None]",
    draw_all: "Callable[[Axes], None]",
    *,
    titles: tuple[str, str],
    ends: tuple[str, str],
    subtitle: str,
) -> "Figure":
    """Draw classes in rows: all of them up to 40, else the first and the last 20.

    Parameters
    ----------
    order : sequence of int
        Class indices, from top to bottom.
    draw_rows : callable
        Draws rows of these classes.
    draw_all : callable
        Draws all classes without their names, above the rows of many classes.
    titles : (str, str)
        Of the rows of all classes, and of what `draw_all` draws.
    ends : (str, str)
        What the first and the last classes are, as in "The 20 best".
    subtitle : str
        Whose numbers these are.
    """
    if len(order) <= ALL_SHOWN:
        figure = new_figure(7.6, 1.4 + ROW * len(order))
        axes = figure.subplots()
        draw_rows(axes, order)
        head(axes, titles[0], subtitle)
        legend(figure)
        return figure
    figure = new_figure(11.5, 8.4)
    grid = figure.add_gridspec(2, 2, height_ratios=(1.7, ENDS_SHOWN * ROW))
    top = figure.add_subplot(grid[0, :])
    draw_all(top)
    head(top, titles[1], subtitle)
    for column, shown in enumerate((order[:ENDS_SHOWN], order[-ENDS_SHOWN:])):
        axes = figure.add_subplot(grid[1, column])
        draw_rows(axes, shown)
        title = f"The {ENDS_SHOWN} {ends[column]}"
        style: dict[str, Any] = {"fontsize": 10, "fontweight": "bold", "color": INK}
        axes.set_title(title, loc="left", **style)
    legend(figure)
    return figure
