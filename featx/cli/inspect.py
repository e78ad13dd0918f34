"""`featx inspect`: what is in the data."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from featx.cli import options
from featx.cli.command import SettingsCommand
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes, show_table

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
    helps={"seed": "Seed of the draw of the images shown."},
)
@options.report
@options.as_json
def inspect(data: "DataSettings", report: "ReportSettings", as_json: bool) -> None:
    """Show classes, sizes, formats, damaged and duplicate images.

    DATA is the image folder; by default the one that featx.toml names, else data/.
    Each image is decoded in full; none is changed.
    """
    from featx.pipeline.inspect import run_inspect
    from featx.reports.inspection.facts import inspection_facts
    from featx.reports.inspection.words import findings

    with TerminalProgress() as progress:
        inspection, page = run_inspect(data, report.out_dir, progress=progress)
    show_notes(inspection.images.notes)
    if as_json:
        show_json({**inspection_facts(inspection), "page": str(page)})
        return
    _show_classes(inspection)
    for finding in findings(inspection):
        _show_finding(finding)
    click.echo(page)


def _show_classes(inspection: "Inspection") -> None:
    images = inspection.images
    total = len(images.classes)
    click.echo(
        f"{images.name}: {len(images):,} images, {total:,} classes ({images.layout})"
    )
    columns = ["class", *inspection.splits]
    if inspection.unreadable:
        columns.append("unreadable")
    show_table("", columns, _class_lines(inspection, len(columns) - 1))


def _class_lines(inspection: "Inspection", columns: int) -> Iterator[list[str]]:
    """Yield the table's rows; of many classes the largest and the smallest."""
    import numpy as np

    from featx.figures.class_counts import by_count
    from featx.figures.labels import shorten

    names = inspection.images.classes
    counts = np.column_stack([inspection.counts, inspection.unreadable_counts])
    counts = counts[:, :columns]

    def line(name: str, values: Any) -> list[str]:
        return [name, *(f"{value:,}" for value in values)]

    shown = list(range(len(names)))
    between: list[int] = []
    if len(names) > ALL_SHOWN:
        order = by_count(inspection.counts)
        between = order[ENDS_SHOWN:-ENDS_SHOWN]
        shown = order[:ENDS_SHOWN] + order[-ENDS_SHOWN:]
    for place, index in enumerate(shown):
        if between and place == ENDS_SHOWN:
            yield line(f"({len(between):,} between)", counts[between].sum(axis=0))
        yield line(shorten(names[index], LONGEST_NAME), counts[index])
    yield line("together", counts.sum(axis=0))


def _show_finding(finding: "Finding") -> None:
    """Print a finding's gist beside its title, and its cases below."""
    gist = textwrap.fill(
        finding.text,
        COLUMNS,
        initial_indent=f"{finding.title:<{TITLES}}",
        subsequent_indent=" " * TITLES,
    )
    click.echo(gist)
    for detail in finding.details:
        click.echo(f"  {detail}")
    if finding.more:
        click.echo(f"  and {finding.more:,} more")
