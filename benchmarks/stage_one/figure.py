"""The rates as a figure, one panel per backbone."""

from typing import TYPE_CHECKING, Any

from featx.figures.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    apply,
    head,
    new_figure,
    png,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PEER = FAINT
ALONE = "#8fbfdd"
"""Lighter than the blue of what it belongs to."""


def stage_one_figure(results: dict[str, Any]) -> bytes:
    """Draw images per second with the range of the repeats, as PNG."""
    measured = results["backbones"]
    bars = [_bars(one) for one in measured.values()]
    height = sum(0.34 * len(rows) + 0.62 for rows in bars) + 0.7
    figure = new_figure(8.6, height)
    panels = figure.subplots(
        len(bars), 1, squeeze=False, height_ratios=[len(rows) + 0.6 for rows in bars]
    )[:, 0]
    for axes, (name, one), rows in zip(panels, measured.items(), bars, strict=True):
        _draw(axes, rows)
        limit = one["medians"][f"matmul_{one['precision']}"] / one["operations"]
        drawn = _draw_limit(axes, limit)
        beyond = "" if drawn else f"; matrix products would allow {limit:.0f}"
        axes.set_title(
            f"{name}, {one['image_size']} pixels, {one['precision']}{beyond}",
            loc="left",
            fontsize=9.5,
            color=INK,
        )
    panels[-1].set_xlabel("images/s; dashed: what the machine's matrix products allow")
    panels[-1].xaxis.label.set(color=INK, fontsize=9.5)
    machine, images = results["machine"], results["images"]
    head(
        panels[0],
        "From JPEG files to embeddings",
        f"{machine['cpu']}, {machine['cores']} cores  ·  {images['count']} files of"
        f" {images['mean_kb']:.0f} kB  ·  {results['date']}",
    )
    _lift_head(panels[0])
    return png(figure)


def _bars(one: dict[str, Any]) -> list[tuple[str, str, list[float]]]:
    """Return label, colour and the repeats' rates of each bar, the slowest first."""
    kinds = {
        "torch": ("PyTorch, plain loop", PEER),
        "keras": ("Keras, model.predict", PEER),
        "end_to_end": ("featx", BLUE),
        f"model_{one['precision']}": ("its model alone", ALONE),
    }
    return [
        (label, colour, [repeat[kind] for repeat in one["repeats"]])
        for kind, (label, colour) in kinds.items()
        if kind in one["medians"]
    ]


def _draw(axes: "Axes", rows: list[tuple[str, str, list[float]]]) -> None:
    from statistics import median

    for place, (_, colour, rates) in enumerate(rows):
        middle = median(rates)
        axes.barh(place, middle, height=0.68, color=colour)
        axes.plot([min(rates), max(rates)], [place, place], color=INK, linewidth=1.2)
        axes.annotate(
            f"{middle:.1f}" if middle < 100 else f"{middle:.0f}",
            (max(rates), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
            # The limit's line may run here.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
        )
    apply(axes, grid="x")
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlim(left=0)


def _draw_limit(axes: "Axes", limit: float) -> bool:
    """Mark the limit where it doesn't dwarf the bars; return whether it was."""
    right = axes.get_xlim()[1]
    near = limit < 2 * right
    if near:
        axes.axvline(limit, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_xlim(right=1.1 * max(limit if near else 0, right))
    return near


def _lift_head(axes: "Axes") -> None:
    """Put the figure's heading above the first panel's own."""
    for text in axes.texts[-2:]:
        x, y = text.xyann
        text.xyann = (x, y + 20)
