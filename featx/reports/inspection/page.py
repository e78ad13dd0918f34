"""The folder of an inspection: its facts, its figures and its page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from featx.atomic import json_bytes
from featx.figures.class_counts import by_count, class_counts_figure
from featx.figures.labels import lacking_glyphs
from featx.figures.samples import Samples, choose_samples, samples_figure
from featx.figures.sizes import aspect_ratios_figure, sizes_figure
from featx.figures.style import png
from featx.images.inspection import Inspection
from featx.reports.inspection.facts import class_rows, format_rows, inspection_facts
from featx.reports.inspection.words import (
    MODES,
    balance,
    measures,
    representatives,
    where_duplicates_lie,
)
from featx.reports.numbers import counted, moment
from featx.reports.pictures import Picture, picture, thumbnail
from featx.reports.writing import PAGE, render, replace_file
from featx.runs.write import claim_reports, drawing, slug

FACTS_FILE = "inspection.json"
FIGURES = ("classes", "samples", "sizes", "aspect_ratios")

FILES_LISTED = 50
"""Unreadable and misnamed files with a row each; the facts list them all."""

GROUPS_SHOWN = 30
FILES_SHOWN = 6  # of a group of duplicates


def claim_folder(reports_dir: Path, name: str) -> Path:
    """Make the folder for the inspection of a data set of this name.

    Raises
    ------
    RunError
        It can't be made or written to.
    """
    folder = reports_dir / f"inspect-{slug(name)}"
    claim_reports(folder, "report")
    return folder


def render_inspection(
    inspection: Inspection, reports_dir: Path, *, seed: int = 0
) -> Path:
    """Draw an image set's figures and write them, its facts and its page.

    An earlier inspection of a data set of the same name is replaced.

    Parameters
    ----------
    seed : int
        Chooses the samples shown.

    Returns
    -------
    Path
        The page, `index.html`; written last, so that its figures are there.

    Raises
    ------
    RunError
        The folder can't be written.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    facts = {
        **inspection_facts(inspection),
        "seed": seed,
        "created": created,
        "featx": version("featx"),
    }
    samples = choose_samples(inspection, seed)
    drawn = inspection_figures(inspection, samples)
    page = render(
        "inspection.html.j2",
        created=moment(created),
        shown=f"{_describe(samples, inspection).capitalize()}.",
        seed=seed,
        **_context(inspection, drawn),
    )
    folder = claim_folder(reports_dir, inspection.images.name)
    with drawing(reports_dir, [folder]):
        for name in FIGURES:
            if name in drawn:
                replace_file(folder / f"{name}.png", drawn[name])
            else:  # left from an earlier inspection
                (folder / f"{name}.png").unlink(missing_ok=True)
        replace_file(folder / FACTS_FILE, json_bytes(facts))
        replace_file(folder / PAGE, page)
    return folder / PAGE


def inspection_figures(inspection: Inspection, samples: Samples) -> dict[str, bytes]:
    """Draw all figures of an inspection.

    Parameters
    ----------
    samples : Mapping
        Those to show, as `choose_samples` returns them.

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
        shown = f"{images.name}  ·  {_describe(samples, inspection)}"
        figures |= {
            "samples": samples_figure(inspection, samples, shown),
            "sizes": sizes_figure(*sides, whose),
            "aspect_ratios": aspect_ratios_figure(*sides, whose),
        }
    return {name: png(figure) for name, figure in figures.items()}


def _describe(samples: Samples, inspection: Inspection) -> str:
    """Say how many of the classes the samples show."""
    total = len(inspection.images.classes)
    rest = total - len(samples)
    if not rest:
        return "all classes"
    return f"{len(samples)} of {total:,} classes; the other {rest:,} are not shown"


def _context(inspection: Inspection, drawn: Mapping[str, bytes]) -> dict[str, Any]:
    images, groups = inspection.images, inspection.duplicates
    rows = class_rows(inspection)
    return {
        "images": images,
        "inspection": inspection,
        "cards": _cards(inspection),
        "pictures": _pictures(inspection, drawn),
        "unnamed": lacking_glyphs(images.classes),
        "splits": [split for split in inspection.splits if split != "images"],
        "classes": [rows[i] for i in by_count(inspection.counts)],
        "largest": max(row["images"] for row in rows),
        "balance": balance(inspection),
        # Formats have a table of their own.
        "measures": [(one.title, one.text) for one in measures(inspection)][:-1],
        "formats": format_rows(inspection),
        "modes": MODES,
        "misnamed": list(inspection.misnamed.items())[:FILES_LISTED],
        "unreadable": list(inspection.unreadable.items())[:FILES_LISTED],
        "groups": [
            _group(inspection, i) for i in range(min(len(groups), GROUPS_SHOWN))
        ],
        "where": where_duplicates_lie(inspection),
        "facts_file": FACTS_FILE,
    }


def _cards(inspection: Inspection) -> list[tuple[str, str, str]]:
    """List the numbers at the top of the page: each with its name and a remark."""
    images, groups = inspection.images, inspection.duplicates
    totals = inspection.counts.sum(axis=1)
    sums = zip(inspection.counts.sum(axis=0), inspection.splits, strict=True)
    splits = " + ".join(f"{count:,} {split}" for count, split in sums)
    least, most = totals.min(), totals.max()
    each = f"{f'{least:,} to ' if least < most else ''}{counted(most, 'image')} each"
    cards = [
        ("Images", len(images), "no test split" if images.is_test is None else splits),
        ("Classes", len(images.classes), each),
        ("Unreadable", len(inspection.unreadable), "left out by featx"),
        ("Copies", groups.copies, f"of {counted(len(groups), 'image')}"),
        ("Contradictions", int(groups.conflicting.sum()), "same image, other label"),
    ]
    return [
        (label, f"{value:,}", text if value else "") for label, value, text in cards
    ]


def _pictures(inspection: Inspection, drawn: Mapping[str, bytes]) -> dict[str, Picture]:
    texts = {one.title: one.text for one in measures(inspection)}
    alts = {
        "classes": f"Images by class: {balance(inspection)}."
        " The table of classes has the numbers.",
        "samples": "Some images of each class shown, under the class's name.",
        "sizes": f"Height against width, a dot for each size: {texts.get('Sizes')}.",
        "aspect_ratios": "How many images have which ratio of width to height:"
        f" {texts.get('Aspect ratios')}.",
    }
    return {
        name: picture(content, alts[name], link=f"{name}.png", photo=name == "samples")
        for name, content in drawn.items()
    }


def _group(inspection: Inspection, number: int) -> dict[str, Any]:
    """Describe a group of duplicates for its row."""
    images, groups = inspection.images, inspection.duplicates
    rows = groups[number]
    shown = representatives(inspection, rows)[:FILES_SHOWN]
    splits = {inspection.split(int(row)) for row in rows}
    return {
        "picture": thumbnail(images.root, images.paths[rows[0]]),
        "files": [(images.paths[r], images.classes[images.labels[r]]) for r in shown],
        "more": len(rows) - len(shown),
        "conflicting": bool(groups.conflicting[number]),
        "across": bool(groups.across[number]),
        "where": "\u00a0+\u00a0".join(sorted(splits, reverse=True)),
    }
