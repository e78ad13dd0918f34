"""`featx inspect`: what is in the data."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes, show_table
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.images.inspection import Inspection
    from featx.images.layouts.options import DataSettings
    from featx.reports.inspection.words import Finding
    from featx.runs.settings import ReportSettings

ALL_SHOWN = 20  # up to so many classes each has its line
ENDS_SHOWN = 5  # of more, so many of the largest and of the smallest

COLUMNS = 80
TITLES = 16
LONGEST_NAME = 40


@click.command(cls=SettingsCommand)
@options.DataOptions(
    "data",
    options.DATA,
    without=frozenset({"test_size"}),
    carried=True,
    helps={"seed": "Seed of the draw of the images shown."},
)
@options.report
@options.as_json
def inspect(data: "DataSettings", report: "ReportSettings", as_json: bool) -> Next:
    """Show classes, sizes, formats, damaged and duplicate images.

    DATA is the image folder, an archive or address of it; by default the one that
    featx.toml names, else data/.
    Each image is decoded in full; none is changed.
    """
    from featx.pipeline.inspect import run_inspect
    from featx.reports.inspection.facts import inspection_facts
    from featx.reports.inspection.words import findings

    with TerminalProgress() as progress:
        inspection, page = run_inspect(data, report.out_dir, progress=progress)
    show_notes(inspection.images.notes)
    if as_json:
        say_json({**inspection_facts(inspection), "page": page})
    else:
        _show_classes(inspection)
        for finding in findings(inspection):
            _show_finding(finding)
        say(page)
    return Next("extract")


def _show_classes(inspection: "Inspection") -> None:
    images = inspection.images
    total = len(images.classes)
    say(f"{images.name}: {len(images):,} images, {total:,} classes ({images.layout})")
    columns = ["class", *inspection.splits]
    if inspection.unreadable:
        columns.append("unreadable")
    show_table("", columns, _class_lines(inspection, columns[1:]))


def _class_lines(inspection: "Inspection", counts: list[str]) -> Iterator[list[str]]:
    """Yield the table's rows; of many classes the largest and the smallest."""
    from featx.figures.class_counts import by_count
    from featx.figures.labels import shorten
    from featx.reports.inspection.facts import class_rows

    rows = class_rows(inspection)

    def line(name: str, *summed: dict[str, Any]) -> list[str]:
        totals = (sum(row[count] for row in summed) for count in counts)
        return [shorten(name, LONGEST_NAME), *(f"{total:,}" for total in totals)]

    largest, between, smallest = rows, rows[:0], rows[:0]
    if len(rows) > ALL_SHOWN:
        ordered = [rows[index] for index in by_count(inspection.counts)]
        largest, smallest = ordered[:ENDS_SHOWN], ordered[-ENDS_SHOWN:]
        between = ordered[ENDS_SHOWN:-ENDS_SHOWN]
    yield from (line(row["name"], row) for row in largest)
    if between:
        yield line(f"({len(between):,} between)", *between)
    yield from (line(row["name"], row) for row in smallest)
    yield line("together", *rows)


def _show_finding(finding: "Finding") -> None:
    """Print a finding's gist beside its title, and its cases below."""
    gist = textwrap.wrap(
        finding.text,
        COLUMNS,
        initial_indent=f"{finding.title:<{TITLES}}",
        subsequent_indent=" " * TITLES,
    )
    say(*gist)
    for detail in finding.details:
        say(f"  {detail}")
    if finding.more:
        say(f"  and {finding.more:,} more")
