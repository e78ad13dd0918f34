"""What an inspection found, summed up for the terminal and the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.images.inspection import Inspection
from featx.reports.inspection.facts import format_rows
from featx.reports.numbers import counted, file_size, percent

NONE = "none"

IN_A_GROUP = 4
"""Files of a group of duplicates that are named; the rest are counted."""

MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "I;16": "grey of 16 bits",
    "P": "palette",
    "RGBA": "RGB with transparency",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes
    ----------
    title, text : str
        The subject, and a summary.
    details : tuple of str
        A line for each of the first few cases.
    more : int
        Number of cases without a line.
    """

    title: str
    text: str
    details: tuple[str, ...] = ()
    more: int = 0


def findings(inspection: Inspection, *, most: int = 5) -> list[Finding]:
    """Say what was found, from the sizes to the contradictions.

    Parameters
    ----------
    most : int
        Cases that are named for each subject; the rest are counted.
    """
    return [
        Finding("Classes", balance(inspection)),
        *measures(inspection),
        *_files(inspection, most),
        *_groups(inspection, most),
    ]


def balance(inspection: Inspection) -> str:
    """Say how evenly the images are spread over the classes."""
    totals = inspection.counts.sum(axis=1)
    low, high = int(totals.min()), int(totals.max())
    if low == high:
        return f"{counted(low, 'image')} in each of {len(totals):,}"
    median = f"{np.median(totals):,.0f}"
    share = percent(high / totals.sum())
    return (
        f"{low:,} to {high:,} images in each of {len(totals):,}, median {median};"
        f" the largest has {share}"
    )


def measures(inspection: Inspection) -> list[Finding]:
    """Say how large the readable images are, and of which formats."""
    readable = inspection.readable
    if not readable.any():
        return []
    widths, heights = inspection.widths[readable], inspection.heights[readable]
    sizes = inspection.sizes[readable]
    together = file_size(sizes.sum())
    return [
        Finding("Sizes", _pixels(widths, heights)),
        Finding("Aspect ratios", _ratios(widths, heights)),
        Finding("File sizes", f"{together} together, {_extent(sizes, file_size)}"),
        Finding("Formats", _formats(inspection)),
    ]


def name_group(inspection: Inspection, rows: NDArray[np.int64]) -> str:
    """Name files of the same content, and their labels where these differ."""
    shown = representatives(inspection, rows)[:IN_A_GROUP]
    images = inspection.images
    differ = len(set(images.labels[rows])) > 1
    names = [
        f"{images.paths[row]} ({images.classes[images.labels[row]]})"
        if differ
        else images.paths[row]
        for row in shown
    ]
    rest = len(rows) - len(shown)
    return " = ".join(names) + (f" and {rest:,} more" if rest else "")


def representatives(inspection: Inspection, rows: NDArray[np.int64]) -> list[int]:
    """Order a group's rows: the first of each label and of each split come first."""
    labels = inspection.images.labels
    firsts: dict[tuple[int, str], int] = {}
    for row in map(int, rows):
        firsts.setdefault((int(labels[row]), inspection.split(row)), row)
    by_label = {label: row for (label, _), row in reversed(firsts.items())}
    first = [*sorted(by_label.values()), *firsts.values(), *map(int, rows)]
    return list(dict.fromkeys(first))


def where_duplicates_lie(inspection: Inspection) -> str:
    """Count groups of duplicates within and across splits; empty without splits."""
    groups = inspection.duplicates
    if len(inspection.splits) == 1 or not len(groups):
        return ""
    across = int(groups.across.sum())
    within_test = int((groups.tested & ~groups.across).sum())
    return (
        f"{len(groups) - across - within_test:,} within train, {within_test:,} within"
        f" test, {across:,} across"
    )


def _extent(values: NDArray[Any], write: Callable[[float], str]) -> str:
    low, middle, high = (write(f(values)) for f in (np.min, np.median, np.max))
    return f"{low} to {high}, median {middle}"


def _pixels(widths: NDArray[np.int32], heights: NDArray[np.int32]) -> str:
    if np.ptp(widths) == np.ptp(heights) == 0:
        return f"all of {widths[0]:,} × {heights[0]:,} pixels"
    write = "{:,.0f}".format
    return f"width {_extent(widths, write)}; height {_extent(heights, write)} pixels"


def _ratios(widths: NDArray[np.int32], heights: NDArray[np.int32]) -> str:
    ratios = widths / heights
    shares = {
        "wide": (widths > heights).mean(),
        "square": (widths == heights).mean(),
        "tall": (widths < heights).mean(),
    }
    if 1.0 in shares.values() and np.ptp(ratios) == 0:
        (shape,) = (name for name, share in shares.items() if share == 1)
        return "all square" if shape == "square" else f"all {shape}, {ratios[0]:.2f}"
    spread = ", ".join(f"{percent(share, 0)} {name}" for name, share in shares.items())
    return f"{_extent(ratios, '{:.2f}'.format)}; {spread}"


def _formats(inspection: Inspection) -> str:
    return ", ".join(
        f"{row['images']:,} {row['format']} ({MODES.get(row['mode'], row['mode'])})"
        for row in format_rows(inspection)
    )


def _files(inspection: Inspection, most: int) -> list[Finding]:
    """Say which files are misnamed, and which can't be read."""
    paths = inspection.images.paths
    wrong = [f"{paths[row]} is {kind}" for row, kind in inspection.misnamed.items()]
    lost = [f"{paths[row]} ({why})" for row, why in inspection.unreadable.items()]
    misnamed = f"{counted(len(wrong), 'file')} of another format than the suffix says"
    unreadable = f"{counted(len(lost), 'image')}, left out by featx"
    return [
        _finding("Misnamed", misnamed if wrong else NONE, wrong, most),
        _finding("Unreadable", unreadable if lost else NONE, lost, most),
    ]


def _groups(inspection: Inspection, most: int) -> list[Finding]:
    """Say which files are the same image, and which of these have several labels."""
    groups = inspection.duplicates
    conflicts = int(groups.conflicting.sum())  # they come first
    where = where_duplicates_lie(inspection)
    copies = (
        f"{counted(groups.copies, 'copy', 'copies')} of"
        f" {counted(len(groups), 'image')}{': ' if where else ''}{where}"
    )
    labels = f"{counted(conflicts, 'image')} in several classes" if conflicts else NONE
    name = partial(name_group, inspection)
    agreeing, contradicting = groups.groups[conflicts:], groups.groups[:conflicts]
    return [
        _finding("Duplicates", copies if len(groups) else NONE, agreeing, most, name),
        _finding("Contradictions", labels, contradicting, most, name),
    ]


def _finding(
    title: str,
    text: str,
    cases: Sequence[Any],
    most: int,
    name: Callable[[Any], str] = str,
) -> Finding:
    """Sum up some cases in `text`, and name the first of them."""
    details = tuple(name(case) for case in cases[:most])
    return Finding(title, text, details, len(cases) - len(details))
