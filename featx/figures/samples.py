"""A seeded sample of the images as a figure, in rows by class."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.errors import ImageError
from featx.figures.labels import class_labels, text_label
from featx.figures.style import DPI, INK, MUTED, new_figure
from featx.images.decoding import decode_above
from featx.images.digests import read_file
from featx.images.inspection import Inspection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES = 16
ONE_COLUMN = 6
"""The most classes that get a line each; of more, two share one."""

IN_A_LINE = 8
SIDE = 1.1  # inches, of an image's square
GAP = 0.06
NAME = 0.24
STRIP = NAME + SIDE + 2 * GAP
TITLE = 0.62
LETTERS, SUBTITLE = 15, 0.17
"""Letters of the subtitle in an inch, and inches between its lines."""

BACKGROUND = 0xF4, 0xF6, 0xF8  # of the pages


Samples = Mapping[int, NDArray[np.int64]]
"""Some classes, by index, and rows of the image set that belong to each."""


def choose_samples(inspection: Inspection, seed: int) -> Samples:
    """Choose up to 16 classes and up to eight readable images of each.

    The same seed chooses the same images of the same image set. A class without a
    readable image has no rows.
    """
    images = inspection.images
    rng = np.random.default_rng(seed)
    labels = np.arange(len(images.classes))
    if len(labels) > MOST_CLASSES:
        labels = np.sort(rng.choice(labels, MOST_CLASSES, replace=False))
    most = IN_A_LINE if len(labels) <= ONE_COLUMN else IN_A_LINE // 2
    samples = {}
    for label in labels.tolist():
        rows = np.flatnonzero((images.labels == label) & inspection.readable)
        if len(rows) > most:
            rows = np.sort(rng.choice(rows, most, replace=False))
        samples[label] = rows
    return samples


def samples_figure(inspection: Inspection, samples: Samples, subtitle: str) -> "Figure":
    """Draw a sample grid, a strip of images under each class's name.

    Parameters
    ----------
    samples : Mapping
        As `choose_samples` returns them.
    subtitle : str
        Whose images these are.
    """
    images = inspection.images
    columns = 1 if len(samples) <= ONE_COLUMN else 2
    lines = -(-len(samples) // columns)
    between = 3 * GAP * (columns - 1)
    width = IN_A_LINE * (SIDE + GAP) - GAP + between
    figure, axes, start = new_sheet(width, lines * STRIP, "Samples", subtitle)
    names = class_labels(images.classes, limit=54 if columns == 2 else 80)
    for number, (label, rows) in enumerate(samples.items()):
        column, line = divmod(number, lines)
        left = column * (width + between) / 2
        top = start + line * STRIP
        if not len(rows):
            write(axes, left, top + NAME + SIDE / 2, "no readable image")
        lefts = [left + place * (SIDE + GAP) for place in range(IN_A_LINE)]
        squares = [small_square(images.root / images.paths[row]) for row in rows]
        draw_strip(axes, lefts, top, squares, names.texts[label], names.style)
    return figure


def new_sheet(
    width: float, height: float, title: str, subtitle: str
) -> tuple["Figure", "Axes", float]:
    """Make a figure measured in inches from the upper left, with a heading.

    Parameters
    ----------
    width, height : float
        Of what is drawn below the heading.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes
        Its only ones.
    start : float
        The height of the heading.
    """
    letters = max(20, int(width * LETTERS))
    lines = wrap(subtitle, letters)
    start = TITLE + (len(lines) - 1) * SUBTITLE
    figure = new_figure(width, start + height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(start + height, 0))
    axes.axis("off")
    write(axes, 0, 0.13, title, fontsize=11.5, fontweight="bold", color=INK)
    for number, line in enumerate(lines):
        label = text_label(line, limit=letters)
        write(axes, 0, 0.36 + number * SUBTITLE, label.texts[0], **label.style)
    return figure, axes, start


def write(axes: "Axes", left: float, y: float, text: str, **style: Any) -> None:
    """Write one line, centred on the height `y`."""
    look = {"fontsize": 8.5, "color": MUTED, "parse_math": False, "va": "center"}
    axes.text(left, y, text, **{**look, **style})


def draw_strip(
    axes: "Axes",
    lefts: Sequence[float],
    top: float,
    squares: Sequence[NDArray[np.uint8]],
    name: str,
    style: Mapping[str, Any],
) -> None:
    """Draw square images from the left ends `lefts` on, below their name."""
    look = {"fontsize": 9, "color": INK, **style}
    write(axes, lefts[0], top + NAME / 2, name, **look)
    for left, pixels in zip(lefts, squares, strict=False):
        extent = (left, left + SIDE, top + NAME + SIDE, top + NAME)
        axes.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest")


def small_square(path: Address, side: int = round(SIDE * DPI)) -> NDArray[np.uint8]:
    """Read an image and fit it into a square, without distortion.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
        Empty where the file has gone since it was inspected.
    """
    try:
        pixels = decode_above(read_file(path), (side, side))
    except (ImageError, OSError):
        return np.full((side, side, 3), BACKGROUND, dtype=np.uint8)
    return fit_square(pixels, side)


def fit_square(
    pixels: NDArray[np.uint8], side: int = round(SIDE * DPI)
) -> NDArray[np.uint8]:
    """Fit an image (height, width, 3) into a square (side, side, 3), undistorted."""
    from PIL import Image, ImageOps

    image = Image.fromarray(pixels)
    return np.asarray(ImageOps.pad(image, (side, side), color=BACKGROUND))
