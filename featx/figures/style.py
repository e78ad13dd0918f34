"""The look that all figures share: colours, sizes, headings.

It is set on the axes, not by a Matplotlib style: the parameters of ticks are read when
a figure is drawn, which in a notebook is after any `rc_context` has ended.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featx.figures.labels import text_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK = "#1c2733"
MUTED = "#5a6875"
FAINT = "#b9c4cd"
GRID = "#e3e9ee"

# Okabe and Ito's palette: distinguishable with every kind of colour blindness.
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"

MATRIX_COLOURS = "Blues"
DASHED = (0, (4, 3))
DPI = 150
RANDOM_WEIGHTS = "random weights, never trained"


def new_figure(width: float, height: float) -> "Figure":
    """Make an empty white figure of a size in inches, apart from pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained"
    )
    # Its own canvas keeps one renderer: texts are measured a hundred times faster.
    FigureCanvasAgg(figure)
    return figure


def png(figure: "Figure") -> bytes:
    """Draw a figure as a PNG, without a margin of its own."""
    stream = io.BytesIO()
    figure.savefig(
        stream,
        format="png",
        dpi=DPI,
        facecolor="white",
        bbox_inches="tight",
        pad_inches=0.12,
        metadata={"Software": None},
    )
    return stream.getvalue()


def apply(axes: "Axes", *, grid: str | None = None) -> None:
    """Give axes the look that all figures share.

    Parameters
    ----------
    grid : {"x", "y", "both"}, optional
        Where faint lines go.
    """
    axes.set_facecolor("white")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=MUTED, labelsize=8.5, width=0.8, length=3)
    axes.xaxis.label.set(color=INK, fontsize=9.5)
    axes.yaxis.label.set(color=INK, fontsize=9.5)
    axes.set_axisbelow(True)
    axes.grid(visible=False)
    if grid is not None:
        axes.grid(visible=True, axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]


def head(axes: "Axes", title: str, subtitle: str, *, scale: float = 1.0) -> None:
    """Write a title and, smaller and below it, whose numbers these are.

    Parameters
    ----------
    scale : float
        Above one for figures so large that they are shown reduced.
    """
    below = text_label(subtitle)
    lines = (
        (25, 11.5, title, {"fontweight": "bold", "color": INK, "parse_math": False}),
        (11, 8.5, below.texts[0], {"color": MUTED, **below.style}),
    )
    for height, size, text, style in lines:
        style |= {"xycoords": "axes fraction", "va": "baseline"}
        note(axes, text, (0, 1), (0, height * scale), fontsize=size * scale, **style)


def note(
    axes: "Axes",
    text: str,
    place: tuple[float, float],
    offset: tuple[float, float],
    **style: Any,
) -> None:
    """Write a small text, `offset` points from `place`, even outside the axes."""
    axes.annotate(
        text,
        place,
        xytext=offset,
        textcoords="offset points",
        **{"va": "center", "fontsize": 8.5, "annotation_clip": False, **style},
    )


def mark_value(axes: "Axes", x: float, text: str, *, on_left: bool) -> None:
    """Draw a line at a value of the x axis, with its name beside it."""
    axes.axvline(x, color=ORANGE, linewidth=1.8)
    note(
        axes,
        text,
        (x, 0.975),
        (-6 if on_left else 6, 0),
        xycoords=axes.get_xaxis_transform(),
        ha="right" if on_left else "left",
        va="top",
        fontweight="bold",
        color=ORANGE,
    )


def count_on(axis: "Axis", ticks: int) -> None:
    """Put about `ticks` ticks at whole numbers, with commas between thousands."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(ticks, steps=(1, 2, 5, 10), integer=True))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def name_rows(axes: "Axes", texts: Sequence[str], style: dict[str, Any]) -> None:
    """Name the rows of `axes` on its left, the first one at the top."""
    axes.set_yticks(range(len(texts)), texts, **style)
    axes.set_ylim(len(texts) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=INK, length=0, pad=7)


def legend(figure: "Figure") -> None:
    """Explain what is labelled in a figure, each once, in one line under it."""
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(
            handles=list(handles.values()),
            loc="outside lower center",
            ncols=len(handles),
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
        )
