"""Width against height, and aspect ratios, as figures."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELLS = 150
"""Steps of each side that sizes are rounded to, so that dots are few."""

LOGARITHMIC = 12
"""Ratio of the largest side to the smallest from which axes are logarithmic."""

NAMED_RATIOS = (1, 3), (1, 2), (2, 3), (3, 4), (1, 1), (4, 3), (3, 2), (2, 1), (3, 1)
WIDE_SPAN = 4.0
"""Doublings of the aspect ratio above which only powers of two have ticks."""


def sizes_figure(
    widths: NDArray[np.int32], heights: NDArray[np.int32], subtitle: str
) -> "Figure":
    """Draw widths against heights; a dot's area says how many images are of a size.

    Parameters
    ----------
    widths, heights : ndarray of int, shape (n,)
        In pixels.
    subtitle : str
        Whose images these are.
    """
    figure = style.new_figure(5.6, 5.4)
    axes = figure.subplots()
    largest = int(max(widths.max(), heights.max()))
    smallest = int(min(widths.min(), heights.min()))
    logarithmic = largest >= LOGARITHMIC * smallest
    x, y, counts = _cells(widths, heights, logarithmic=logarithmic)
    _draw_guides(axes, largest, logarithmic=logarithmic)
    # A single image must still be seen, and all in one place not fill the figure.
    smallest_dot = np.clip(9000 / len(counts), 1.0, 7.0)
    areas = smallest_dot + 420 * counts / max(counts.sum(), 60)
    axes.scatter(x, y, s=areas, color=style.BLUE, alpha=0.45, linewidths=0, zorder=3)
    cross: dict[str, Any] = {
        "color": style.ORANGE,
        "markersize": 13,
        "markeredgewidth": 2,
        "zorder": 4,
    }
    axes.plot([np.median(widths)], [np.median(heights)], "+", **cross)
    style.apply(axes, grid="both")
    _scale(axes, smallest, largest, logarithmic=logarithmic)
    axes.set(xlabel="width, pixels", ylabel="height, pixels")
    style.head(axes, "Sizes; the cross is the median", subtitle)
    return figure


def _cells(
    widths: NDArray[np.int32], heights: NDArray[np.int32], *, logarithmic: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct sizes, rounded to a grid, and how many images are of each."""
    sides = np.stack([widths, heights], axis=1).astype(np.float64)
    plain = np.log(sides) if logarithmic else sides
    low = plain.min()
    step = max((plain.max() - low) / CELLS, 1e-9)
    cells, first, counts = np.unique(
        np.round((plain - low) / step), axis=0, return_index=True, return_counts=True
    )
    # A size that is alone in its cell is drawn where it is.
    rounded = low + step * cells
    points = np.exp(rounded) if logarithmic else rounded
    alone = counts == 1
    points[alone] = sides[first[alone]]
    return points[:, 0], points[:, 1], counts


def _draw_guides(axes: "Axes", largest: int, *, logarithmic: bool) -> None:
    """Draw the lines of some aspect ratios through the origin."""
    start = 1e-9 if logarithmic else 0.0
    ends = np.array([start, 10.0 * largest])
    for ratio, width, line in (
        (0.5, 0.9, style.DASHED),
        (1.0, 1.2, "-"),
        (2.0, 0.9, style.DASHED),
    ):
        look: dict[str, Any] = {"linewidth": width, "linestyle": line, "zorder": 1}
        axes.plot(ratio * ends, ends, color=style.FAINT, **look)


def _scale(axes: "Axes", smallest: int, largest: int, *, logarithmic: bool) -> None:
    """Set equal limits on both axes, and say what the lines are."""
    from matplotlib.ticker import LogLocator, NullFormatter

    if logarithmic:
        axes.set(xscale="log", yscale="log")
        limits = (smallest / 1.25, largest * 1.25)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="minor", colors=style.FAINT, width=0.6, length=2)
    else:
        limits = (0.0, 1.1 * largest)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda side, _: f"{side:,.0f}")
    axes.set(xlim=limits, ylim=limits, box_aspect=1)
    top = limits[1]
    # The title stands above, so the first is inside.
    for text, place, offset, vertical in (
        ("1:2", (top / 2, top), (6, -3), "top"),
        ("1:1", (top, top), (4, 0), "center"),
        ("2:1", (top, top / 2), (4, 0), "center"),
    ):
        style.note(
            axes, text, place, offset, va=vertical, fontsize=8, color=style.MUTED
        )


def aspect_ratios_figure(
    widths: NDArray[np.int32], heights: NDArray[np.int32], subtitle: str
) -> "Figure":
    """Draw how many images have which ratio of width to height.

    Parameters
    ----------
    widths, heights : ndarray of int, shape (n,)
        In pixels.
    subtitle : str
        Whose images these are.
    """
    figure = style.new_figure(5.6, 5.4)
    axes = figure.subplots()
    # On a logarithmic scale 2:1 is as far from square as 1:2.
    doublings = np.log2(widths / heights)
    low, high = min(-1.0, doublings.min()), max(1.0, doublings.max())
    step = max(0.1, (high - low) / 60)
    # Square images are the commonest; they are in the middle of a bar.
    edges = step * np.arange(np.floor(low / step) - 0.5, np.ceil(high / step) + 1)
    axes.hist(
        doublings, bins=edges.tolist(), color=style.BLUE, edgecolor="white", alpha=0.9
    )
    median = float(np.median(widths / heights))
    text = f"median {median:.2f}"
    style.mark_value(axes, float(np.log2(median)), text, on_left=median >= 1.3)
    style.apply(axes, grid="y")
    _name_ratios(axes, low, high)
    axes.set_ylim(top=1.12 * axes.get_ylim()[1])
    axes.set(xlim=(edges[0] - step, edges[-1] + step), box_aspect=1)
    axes.set(xlabel="width : height", ylabel="images")
    style.head(axes, "Aspect ratios", subtitle)
    return figure


def _name_ratios(axes: "Axes", low: float, high: float) -> None:
    if high - low <= WIDE_SPAN:
        ticks = {np.log2(w / h): f"{w}:{h}" for w, h in NAMED_RATIOS}
    else:
        step = math.ceil((high - low) / 10)
        powers = range(step * math.floor(low / step), math.ceil(high) + 1, step)
        ticks = {float(p): f"{2 ** max(p, 0)}:{2 ** max(-p, 0)}" for p in powers}
    shown = {place: name for place, name in ticks.items() if low <= place <= high}
    axes.set_xticks(list(shown), list(shown.values()))
    axes.tick_params(axis="x", labelcolor=style.INK)
    style.count_on(axes.yaxis, 5)
