"""The reliability diagram as a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.evaluation.calibration import BINS, Reliability
from featx.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def reliability_figure(
    bins: Reliability, subtitle: str, held_out: Reliability | None = None
) -> "Figure":
    """Draw a reliability diagram with the number of images under it.

    Parameters
    ----------
    bins : Reliability
        Of the test images.
    subtitle : str
    held_out : Reliability, optional
        Of the training images, each while it was held out.
    """
    figure = style.new_figure(5.4, 6.4)
    top, bottom = figure.subplots(
        2, 1, sharex=True, height_ratios=(4.6, 1), gridspec_kw={"hspace": 0.04}
    )
    top.fill_between([0, 1], [0, 1], color=style.GRID, alpha=0.5, label="overconfident")
    top.plot([0, 1], [0, 1], color=style.MUTED, linestyle=style.DASHED, linewidth=1)
    tested = "this run, with 95% interval"
    if held_out is not None:
        tested = "test split, with 95% interval"
        _draw_bins(
            top,
            held_out,
            fmt="D--",
            color=style.ORANGE,
            linewidth=1.0,
            markersize=5,
            markerfacecolor="white",
            label="training images, held out",
        )
    _draw_bins(
        top,
        bins,
        fmt="o-",
        color=style.BLUE,
        linewidth=1.6,
        markersize=5.5,
        label=tested,
    )
    style.apply(top)
    top.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy: how often it is right")
    style.legend(figure)
    style.head(top, "Can its probabilities be trusted?", subtitle)
    _draw_counts(bottom, bins.count)
    return figure


def _draw_bins(axes: "Axes", bins: Reliability, **look: Any) -> None:
    """Draw accuracy with its interval over confidence, bin by bin."""
    full = bins.count > 0
    x, y = bins.confidence[full], bins.accuracy[full]
    spread = np.abs(np.stack([y - bins.low[full], bins.high[full] - y]))
    axes.errorbar(x, y, yerr=spread, elinewidth=1.1, **look)


def _draw_counts(axes: "Axes", count: NDArray[np.int64]) -> None:
    edges = (np.arange(BINS) + 0.5) / BINS
    axes.bar(edges, count, width=0.092, color=style.BLUE, alpha=0.45)
    for x, number in zip(edges, count, strict=True):
        if number:
            look = {"ha": "center", "va": "baseline", "fontsize": 7.5}
            style.note(
                axes, f"{number}", (x, number), (0, 2), color=style.MUTED, **look
            )
    style.apply(axes)
    axes.set(ylim=(0, 1.3 * max(count.max(), 1)), yticks=[], ylabel="images")
    axes.set_xlabel("confidence: probability of the predicted class")
    axes.spines["left"].set_visible(False)
