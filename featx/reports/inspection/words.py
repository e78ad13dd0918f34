"""What an inspection found, in a few words: for the terminal and for the page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from featx.images.inspection import Inspection
from featx.reports.inspection.facts import format_rows
from featx.reports.numbers import counted, file_size, percent

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
        What it is about, and the gist of it.
    details : tuple of str
        A line each for the first few cases.
    more : int
        How many cases have no line.
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
        Cases that are named for each; the rest are counted.
    """
    return [
        Finding("Classes", balance(inspection)),
        *measures(inspection),
        _misnamed(inspection, most),
        _unreadable(inspection, most),
        _duplicates(inspection, most),
        _conflicts(inspection, most),
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
    extent = f"{file_size(sizes.min())} to {file_size(sizes.max())}"
    return [
        Finding("Sizes", _pixels(widths, heights)),
        Finding("Aspect ratios", _ratios(widths, heights)),
        Finding(
            "File sizes",
            f"{file_size(sizes.sum())} together, {extent}, median"
            f" {file_size(float(np.median(sizes)))}",
        ),
        Finding("Formats", _formats(inspection)),
    ]


def name_group(inspection: Inspection, rows: NDArray[np.int64]) -> str:
    """Name files of the same content, and their labels where these differ."""
    shown = list(islice(telling(inspection, rows), IN_A_GROUP))
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


def telling(inspection: Inspection, rows: NDArray[np.int64]) -> Iterator[int]:
    """Yield a group's rows, each label's and each part's first ones first."""
    labels = inspection.images.labels
    firsts: dict[tuple[int, str], int] = {}
    for row in map(int, rows):
        firsts.setdefault((int(labels[row]), inspection.split(row)), row)
    by_label = {label: row for (label, _), row in reversed(firsts.items())}
    first = [*sorted(by_label.values()), *firsts.values(), *map(int, rows)]
    yield from dict.fromkeys(first)


def where_duplicates_lie(inspection: Inspection) -> str:
    """Count groups of duplicates within and across the parts; empty without parts."""
    groups = inspection.duplicates
    if len(inspection.splits) == 1 or not len(groups):
        return ""
    across = int(groups.across.sum())
    within_test = int((groups.tested & ~groups.across).sum())
    return (
        f"{len(groups) - across - within_test:,} within train, {within_test:,} within"
        f" test, {across:,} across"
    )


def _pixels(widths: NDArray[np.int32], heights: NDArray[np.int32]) -> str:
    low_w, high_w = int(widths.min()), int(widths.max())
    low_h, high_h = int(heights.min()), int(heights.max())
    if low_w == high_w and low_h == high_h:
        return f"all of {low_w:,} × {low_h:,} pixels"
    return (
        f"width {low_w:,} to {high_w:,}, median {np.median(widths):,.0f};"
        f" height {low_h:,} to {high_h:,}, median {np.median(heights):,.0f} pixels"
    )


def _ratios(widths: NDArray[np.int32], heights: NDArray[np.int32]) -> str:
    ratios = widths / heights
    shares = {
        "wide": (widths > heights).mean(),
        "square": (widths == heights).mean(),
        "tall": (widths < heights).mean(),
    }
    if 1.0 in shares.values() and ratios.min() == ratios.max():
        (shape,) = (name for name, share in shares.items() if share == 1)
        return "all square" if shape == "square" else f"all {shape}, {ratios[0]:.2f}"
    spread = ", ".join(f"{percent(share, 0)} {name}" for name, share in shares.items())
    extent = f"{ratios.min():.2f} to {ratios.max():.2f}"
    return f"{extent}, median {np.median(ratios):.2f}; {spread}"


def _formats(inspection: Inspection) -> str:
    return ", ".join(
        f"{row['images']:,} {row['format']} ({MODES.get(row['mode'], row['mode'])})"
        for row in format_rows(inspection)
    )


def _misnamed(inspection: Inspection, most: int) -> Finding:
    lines = [
        f"{inspection.images.paths[row]} is {kind}"
        for row, kind in inspection.misnamed.items()
    ]
    text = f"{counted(len(lines), 'file')} of another format than the suffix says"
    return _listed("Misnamed", text if lines else "", lines, len(lines), most)


def _unreadable(inspection: Inspection, most: int) -> Finding:
    found = inspection.unreadable
    lines = (f"{inspection.images.paths[r]} ({why})" for r, why in found.items())
    text = f"{counted(len(found), 'image')}, left out by featx" if found else ""
    return _listed("Unreadable", text, lines, len(found), most)


def _duplicates(inspection: Inspection, most: int) -> Finding:
    groups = inspection.duplicates
    calm = [groups[number] for number in np.flatnonzero(~groups.conflicting)[:most]]
    lines = [name_group(inspection, rows) for rows in calm]
    text = (
        f"{counted(groups.copies, 'copy', 'copies')} of {counted(len(groups), 'image')}"
    )
    where = where_duplicates_lie(inspection)
    text += f": {where}" if where else ""
    total = int((~groups.conflicting).sum())
    return _listed("Duplicates", text if len(groups) else "", lines, total, most)


def _conflicts(inspection: Inspection, most: int) -> Finding:
    groups = inspection.duplicates
    total = int(groups.conflicting.sum())  # they stand first
    lines = [
        name_group(inspection, groups[number]) for number in range(min(total, most))
    ]
    text = f"{counted(total, 'image')} in several classes"
    return _listed("Contradictions", text if total else "", lines, total, most)


def _listed(
    title: str, text: str, lines: Iterable[str], total: int, most: int
) -> Finding:
    """Make a finding of its first lines; `none` where there is nothing to tell."""
    shown: Sequence[str] = list(islice(lines, most))
    return Finding(title, text or "none", tuple(shown), max(0, total - len(shown)))
