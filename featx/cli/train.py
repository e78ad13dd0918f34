"""`featx train`: train networks from scratch."""

from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand, SettingsOptions
from featx.cli.progress import TerminalProgress
from featx.cli.show import (
    data_title,
    decimals,
    score_cells,
    show_notes,
    show_repeats,
    show_table,
    summary,
)
from featx.cli.terminal import say, say_json
from featx.networks.table import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from featx.images.layouts.options import DataSettings
    from featx.networks.settings import NetworkSettings
    from featx.runs.run import Run
    from featx.runs.settings import ReportSettings


COLUMNS = ("parameters", "held out", "test acc", "test 95%", "total")
DROP = ("parameters", "total", "test 95%", "options")


def _networks_help() -> str:
    """List the networks for the command's help."""
    lines = [f"{row.name:<10} {row.summary}" for row in NETWORKS.values()]
    sizes = ", ".join(f"{row.name} {row.image_size}" for row in NETWORKS.values())
    # click would fill the lines up but for the backspace.
    networks = "\n".join(["\b", *lines, "", f"Their own sizes in pixels: {sizes}."])
    return f"{networks}\n\n{options.augmentation_help()}"


@click.command(cls=SettingsCommand, epilog=_networks_help())
@SettingsOptions("networks", "featx.networks.settings:NetworkSettings")
@options.data
@options.report
@options.as_json
def train(
    data: "DataSettings",
    networks: "list[NetworkSettings]",
    report: "ReportSettings",
    as_json: bool,
) -> Next:
    """Train networks from scratch, as baselines for the heads.

    A share of the training images is held out; it chooses the epoch whose weights are
    kept. A run with the same settings on the same data is not made again, and one that
    was interrupted continues.
    """
    from featx.pipeline.train import run_train

    with TerminalProgress() as progress:
        runs = run_train(data, networks, report=report, progress=progress)
    show_notes(note for run in runs for note in run.info["notes"])
    if as_json:
        say_json([summary(run) for run in runs])
    else:
        _show(runs)
    progress.check()
    return Next("report")


def _show(runs: "Sequence[Run]") -> None:
    from featx.reports.leaderboard.options import options_of_runs

    options = options_of_runs(runs)
    rows = map(_row, runs, options.own)
    columns = ["run", "options", *COLUMNS]
    title = ", ".join([data_title(runs[0]), *options.shared])
    show_table(title, columns, rows, left=2, whole=1, drop=DROP)
    for run in runs:
        _show_repeated(run)
    for run in runs:
        _show_layers(run)
    for run in runs:
        say(run.path)


def _row(run: "Run", options: "Sequence[str]") -> list[str]:
    from featx.reports.numbers import duration

    metrics = run.metrics
    return [
        run.name,
        ", ".join(options),
        f"{metrics.parameters:,}",
        decimals(metrics.val_accuracy),
        *score_cells(metrics, "accuracy"),
        duration(run.seconds),
    ]


def _show_repeated(run: "Run") -> None:
    """Print what cross-validation and repeats gave, if there were any."""
    cv_accuracy, repeats = run.metrics.cv_accuracy, run.metrics.repeats
    if cv_accuracy is not None:
        interval = score_cells(run.metrics, "cv_accuracy")[1]
        say(f"{run.backbone}: {cv_accuracy:.3f} in cross-validation, 95% {interval}")
    if repeats is not None:
        show_repeats(repeats)


def _show_layers(run: "Run") -> None:
    """Print the layers of a network."""
    rows = [
        [layer.name, " × ".join(map(str, layer.shape)), f"{layer.parameters:,}"]
        for layer in run.info.layers
    ]
    columns = ["layer", "output", "parameters"]
    show_table(f"{run.name}, {run.metrics.parameters:,} parameters", columns, rows)
