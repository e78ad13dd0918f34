"""The leaderboard of one data set as a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featx.figures import style
from featx.figures.labels import class_labels, text_label
from featx.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SHOWN = 40

FOLDS: dict[str, Any] = {
    "marker": "D",
    "markersize": 6,
    "markerfacecolor": "white",
    "markeredgewidth": 1.6,
    "linestyle": "none",
}
"""How the accuracy in cross-validation is marked."""


def leaderboard_figure(runs: Sequence[Run], subtitle: str) -> "Figure":
    """Draw test accuracy with its 95% interval and cross-validated accuracy.

    Parameters
    ----------
    runs : sequence of Run
        All of one data set, best first; the first 40 are drawn.
    """
    shown = runs[:MOST_SHOWN]
    figure = style.new_figure(8.6, 1.5 + 0.36 * len(shown))
    axes = figure.subplots()
    for row, run in enumerate(shown):
        _draw_run(axes, row, run)
    style.apply(axes, grid="x")
    _name_runs(axes, shown)
    axes.set_xlabel("accuracy")
    axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.4g}%")
    more = f"; the first {MOST_SHOWN} of {len(runs)}" if len(runs) > MOST_SHOWN else ""
    # Ranks are among runs with the same folds, repeats and seed.
    is_apart = len({run.cv_settings for run in runs} - {None}) > 1
    order = "like with like" if is_apart else "best first"
    in_folds = any(run.metrics.cv_accuracy is not None for run in shown)
    ranked_by = (
        "cross-validated accuracy" if in_folds else "accuracy on held-out images"
    )
    style.head(axes, f"Runs by {ranked_by}, {order}", subtitle + more)
    # Drawn runs can be grey or lack a mark, so the legend explains marks of its own.
    tested = "test split, with 95% interval"
    axes.plot([], [], "o-", color=style.BLUE, markersize=8, linewidth=2, label=tested)
    if in_folds:
        decides = "cross-validation, which decides the rank"
        axes.plot([], [], color=style.ORANGE, label=decides, **FOLDS)
    style.legend(figure)
    return figure


def _draw_run(axes: "Axes", row: int, run: Run) -> None:
    """Draw a run's row: hollow and grey on random weights.

    A run that was not cross-validated has no second mark.
    """
    accuracy = run.metrics.accuracy
    low, high = run.metrics.intervals.get("accuracy", (accuracy, accuracy))
    colour = style.MUTED if run.random_weights else style.BLUE
    fill = "white" if run.random_weights else colour
    axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot([accuracy], [row], "o", color=colour, markerfacecolor=fill, markersize=8)
    if run.metrics.cv_accuracy is None:
        return
    colour = style.MUTED if run.random_weights else style.ORANGE
    axes.plot([run.metrics.cv_accuracy], [row], color=colour, **FOLDS)


def _name_runs(axes: "Axes", runs: Sequence[Run]) -> None:
    texts = [
        text_label(run.name, limit=44).texts[0]
        + (f"\n({style.RANDOM_WEIGHTS})" if run.random_weights else "")
        for run in runs
    ]
    style.name_rows(axes, texts, class_labels([run.name for run in runs]).style)
