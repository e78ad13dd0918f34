"""All facts of an inspection, for `inspection.json` and for scripts."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.images.inspection import Inspection

FORMAT = "featx-inspection"
VERSION = 1


def inspection_facts(inspection: Inspection) -> dict[str, Any]:
    """Return the content of `inspection.json`."""
    images = inspection.images
    return {
        "format": FORMAT,
        "version": VERSION,
        "data": {
            "name": images.name,
            "root": str(images.root.resolve()),
            "layout": images.layout,
            "notes": list(images.notes),
        },
        "images": len(images),
        "classes": class_rows(inspection),
        "sizes": _sizes(inspection),
        "formats": format_rows(inspection),
        "misnamed": [
            {"path": images.paths[row], "format": kind}
            for row, kind in inspection.misnamed.items()
        ],
        "unreadable": [
            {**_image(inspection, row), "reason": reason}
            for row, reason in inspection.unreadable.items()
        ],
        "duplicates": _duplicates(inspection),
    }


def class_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """Return each class's name, number of images by split, and unreadable ones."""
    return [
        {
            "name": name,
            **dict(zip(inspection.splits, map(int, counts), strict=True)),
            "images": int(counts.sum()),
            "unreadable": int(unreadable),
        }
        for name, counts, unreadable in zip(
            inspection.images.classes,
            inspection.counts,
            inspection.unreadable_counts,
            strict=True,
        )
    ]


def _sizes(inspection: Inspection) -> dict[str, Any]:
    """Return extents of the readable images, and how often each size occurs."""
    readable = inspection.readable
    if not readable.any():
        return {"distinct": []}
    widths, heights = inspection.widths[readable], inspection.heights[readable]
    sizes = Counter(sorted(zip(widths.tolist(), heights.tolist(), strict=True)))
    return {
        "width": _extent(widths),
        "height": _extent(heights),
        "aspect_ratio": _extent(widths / heights),
        "bytes": _extent(inspection.sizes[readable]),
        "distinct": [
            {"width": width, "height": height, "images": count}
            for (width, height), count in sizes.most_common()
        ],
    }


def _extent(values: NDArray[Any]) -> dict[str, float]:
    extent = {"min": values.min(), "median": np.median(values), "max": values.max()}
    return {name: round(float(value), 4) for name, value in extent.items()}


def format_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """Return how many readable images are of each format and mode."""
    readable = inspection.kind[inspection.readable]
    counts = np.bincount(readable, minlength=len(inspection.kinds))
    return [
        {"format": kind.format, "mode": kind.mode, "images": int(count)}
        for kind, count in zip(inspection.kinds, counts, strict=True)
    ]


def _duplicates(inspection: Inspection) -> list[dict[str, Any]]:
    groups = inspection.duplicates
    return [
        {
            "sha256": bytes(inspection.keys[rows[0]]).hex(),
            "conflicting": bool(groups.conflicting[number]),
            "across": bool(groups.across[number]),
            "images": [_image(inspection, int(row)) for row in rows],
        }
        for number, rows in enumerate(groups)
    ]


def _image(inspection: Inspection, row: int) -> dict[str, str]:
    images = inspection.images
    image = {"path": images.paths[row], "class": images.classes[images.labels[row]]}
    if len(inspection.splits) > 1:
        image["part"] = inspection.split(row)
    return image
