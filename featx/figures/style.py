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


def style_axes(axes: "Axes", *, grid: str | None = None) -> None:
    """Give axes the house look.

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
    axes.annotate(
        title,
        (0, 1),
        xytext=(0, 25 * scale),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=11.5 * scale,
        fontweight="bold",
        color=INK,
        parse_math=False,
    )
    axes.annotate(
        below.texts[0],
        (0, 1),
        xytext=(0, 11 * scale),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8.5 * scale,
        color=MUTED,
        **below.style,
    )


def legend(axes: "Axes", handles: Sequence[Any] | None = None) -> None:
    """Explain the marks of `axes` in one line under the figure."""
    from matplotlib.figure import Figure

    figure = axes.get_figure(root=True)
    if isinstance(figure, Figure):
        shown = handles or axes.get_legend_handles_labels()[0]
        figure.legend(
            handles=shown,
            loc="outside lower center",
            ncols=len(shown),
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
        )
