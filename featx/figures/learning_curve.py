"""Accuracy against training images as a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np

from featx.figures import style
from featx.runs.metrics import LearningCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS: dict[str, Any] = {"elinewidth": 1.1, "capsize": 2.5, "zorder": 4}


def learning_curve_figure(curve: LearningCurve, subtitle: str) -> "Figure":
    """Draw the accuracies that were measured, the power law, and the forecast.

    Parameters
    ----------
    curve : LearningCurve
    subtitle : str
        Whose numbers these are.
    """
    figure = style.new_figure(7.2, 4.6)
    axes = figure.subplots()
    _draw_law(axes, curve)
    _draw_points(axes, curve)
    _draw_forecast(axes, curve)
    style.apply(axes, grid="both")
    axes.set(xlabel="training images a class", ylabel="accuracy when held out")
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g}%")
    _scale(axes, curve)
    style.legend(figure)
    style.head(axes, "Accuracy against training images", subtitle)
    return figure


def _draw_points(axes: "Axes", curve: LearningCurve) -> None:
    """Draw what was measured, with the deviation between fits."""
    axes.errorbar(
        [point.images_per_class for point in curve.points],
        [point.accuracy for point in curve.points],
        yerr=[point.std or 0.0 for point in curve.points],
        fmt="o",
        color=style.BLUE,
        markersize=6,
        label="measured, ± deviation between fits",
        **BARS,
    )


def _draw_law(axes: "Axes", curve: LearningCurve) -> None:
    """Draw the power law, dashed beyond what was measured, in its interval."""
    if not curve.fitted:
        return
    n = np.array([point.images_per_class for point in curve.fitted])
    accuracy = np.array([point.accuracy for point in curve.fitted])
    low, high = np.array([point.interval for point in curve.fitted]).T
    axes.fill_between(n, low, high, color=style.BLUE, alpha=0.12, linewidth=0)
    last = curve.points[-1].images_per_class
    within, beyond = n <= 1.001 * last, n >= 0.999 * last
    line: dict[str, Any] = {"color": style.BLUE, "linewidth": 1.6, "zorder": 2}
    label = "power law, with 95% interval"
    axes.plot(n[within], accuracy[within], label=label, **line)
    axes.plot(n[beyond], accuracy[beyond], linestyle=style.DASHED, **line)


def _draw_forecast(axes: "Axes", curve: LearningCurve) -> None:
    """Mark what twice the images would likely bring."""
    found = curve.forecast
    if found is None:
        return
    low, high = found.interval
    axes.errorbar(
        [found.images_per_class],
        [found.accuracy],
        yerr=[[found.accuracy - low], [high - found.accuracy]],
        fmt="D",
        color=style.ORANGE,
        markersize=6.5,
        markerfacecolor="white",
        markeredgewidth=1.6,
        label="with twice the images, likely",
        **BARS,
    )


def _scale(axes: "Axes", curve: LearningCurve) -> None:
    """Make the x axis logarithmic, with a tick at each number of images."""
    from matplotlib.ticker import NullLocator

    ticks = [point.images_per_class for point in curve.points]
    if curve.forecast is not None:
        ticks.append(curve.forecast.images_per_class)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [f"{n:,.0f}" if n >= 10 else f"{n:.2g}" for n in ticks])
    axes.set_xlim(ticks[0] / 1.25, ticks[-1] * 1.25)
    axes.set_ylim(top=min(axes.get_ylim()[1], 1.005))
