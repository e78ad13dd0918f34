"""All figures of an inspection, as PNG."""

from featx.figures.class_counts import class_counts_figure
from featx.figures.samples import Strip, samples_figure
from featx.figures.sizes import aspect_ratios_figure, sizes_figure
from featx.figures.style import png
from featx.images.inspection import Inspection
from featx.reports.numbers import counted

FIGURES = ("classes", "samples", "sizes", "aspect_ratios")


def inspection_figures(inspection: Inspection, strips: list[Strip]) -> dict[str, bytes]:
    """Draw all figures of an inspection.

    Parameters
    ----------
    strips : list of Strip
        The samples to show.

    Returns
    -------
    dict
        Name to PNG; only that of the classes where no image is readable.
    """
    images, readable = inspection.images, inspection.readable
    total = counted(len(images.classes), "class", "classes")
    whose = f"{images.name}  ·  {counted(len(images), 'image')}, {total}"
    figures = {
        "classes": class_counts_figure(
            inspection.counts, inspection.splits, images.classes, whose
        )
    }
    if readable.any():
        sides = inspection.widths[readable], inspection.heights[readable]
        shown = f"{images.name}  ·  {describe_strips(inspection, strips)}"
        figures |= {
            "samples": samples_figure(inspection, strips, shown),
            "sizes": sizes_figure(*sides, whose),
            "aspect_ratios": aspect_ratios_figure(*sides, whose),
        }
    return {name: png(figure) for name, figure in figures.items()}


def describe_strips(inspection: Inspection, strips: list[Strip]) -> str:
    """Say how many of the classes the samples show."""
    total = len(inspection.images.classes)
    rest = total - len(strips)
    if not rest:
        return "all classes"
    return f"{len(strips)} of {total:,} classes; the other {rest:,} are not shown"
