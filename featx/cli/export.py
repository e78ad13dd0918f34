"""`featx export`: a run as a model for other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import SettingsCommand, SettingsOptions
from featx.cli.progress import TerminalProgress
from featx.cli.show import say_sentences, show_table
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from featx.embeddings.settings import CacheSettings
    from featx.export.check import Check
    from featx.export.export import ExportedModel
    from featx.export.settings import ExportSettings
    from featx.runs.settings import ReportSettings

FORMATS = ("keras", "savedmodel", "tflite", "onnx")


@click.command(cls=SettingsCommand)
@options.run
@click.option(
    "formats",
    "--format",
    multiple=True,
    type=click.Choice(FORMATS),
    default=("keras",),
    show_default=True,
    help="Format of the model. Can be repeated.",
)
@SettingsOptions("settings", "featx.export.settings:ExportSettings")
@options.own_weights
@options.trust
@options.cache_dir
@options.report
@options.as_json
def export(
    run: str,
    formats: tuple[str, ...],
    settings: "ExportSettings",
    weights: tuple[Path, ...],
    trust: bool,
    cache: "CacheSettings",
    report: "ReportSettings",
    as_json: bool,
) -> None:
    """Export a run as a model that does not need featx.

    RUN is a run's folder or name. The model takes uint8 RGB images and returns class
    probabilities: preprocessing, backbones and head are all in it. Each file is written
    to export/ in the run's folder, loaded again, and compared with the run's
    predictions on its test images, or on drawn images where these are gone. The output
    is called probabilities; the file holds classes, sizes and the way to resize, and
    README.md beside it has code that asks it.
    """
    from featx.export.export import export as export_run

    with TerminalProgress() as progress:
        done = export_run(
            run,
            formats,
            settings,
            cache_dir=cache.folder,
            out_dir=report.out_dir,
            weights=weights,
            trust=trust,
            progress=progress,
        )
    if as_json:
        say_json(
            [
                {
                    "format": one.format,
                    "path": one.path,
                    "bytes": one.size,
                    "check": asdict(one.check),
                }
                for one in done
            ]
        )
        return
    _show(done)


def _show(done: "list[ExportedModel]") -> None:
    check = done[0].check
    columns = ["file", "MB", "largest difference", "mean", "other classes", "accuracy"]
    rows = [
        [
            one.path.name,
            f"{one.size / 1e6:.1f}",
            f"{one.check.largest_difference:.1e}",
            f"{one.check.mean_difference:.1e}",
            str(one.check.other_classes),
            "" if one.check.accuracy is None else f"{one.check.accuracy:.3f}",
        ]
        for one in done
    ]
    kind = "drawn" if check.missing else "test"
    title = (
        f"Each file loaded again and compared with {check.compared_with},"
        f" on {check.images} {kind} images"
    )
    if check.run_accuracy is not None:
        title += f" (accuracy {check.run_accuracy:.3f})"
    drop = ["mean", "MB", "other classes", "accuracy"]
    show_table(title, columns, rows, whole=1, drop=drop)
    say_sentences(*_remarks(check))
    say(done[0].path.parent)


def _remarks(check: "Check") -> "Iterator[str]":
    """Say what has to be known of the images or of what they were compared with."""
    if check.missing:
        yield (
            f"{check.missing} of the run's test images can't be found: the models were"
            " compared on images that featx drew."
        )
    if check.drift is not None:
        yield (
            "The cached embeddings' lower precision changes probabilities by"
            f" {check.drift:.1e} at most: predictions.csv is no measure here."
        )
    if check.reduced_drift is not None:
        yield (
            f"featx has the decoder reduce {check.reduced} of them, and the model"
            " reduces the whole photo instead, which changes probabilities by"
            f" {check.reduced_drift:.1e} at most; it agrees with the run on these whole"
            " photos."
        )
