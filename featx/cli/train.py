"""`featx train`: train networks from scratch."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from featx.cli.command import SettingsCommand, SettingsOptions
from featx.cli.options import data_options, json_option, report_options
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes, show_table, summary
from featx.networks.table import NETWORKS

if TYPE_CHECKING:
    from featx.images.layouts.options import DataSettings
    from featx.networks.settings import NetworkSettings
    from featx.runs.run import Run
    from featx.runs.settings import ReportSettings


def _networks_help() -> str:
    """List the networks for the command's help."""
    lines = [f"{row.name:<10} {row.summary}" for row in NETWORKS.values()]
    sizes = ", ".join(f"{row.name} {row.image_size}" for row in NETWORKS.values())
    # click would fill the lines up but for the backspace.
    return "\n".join(["\b", *lines, "", f"Their own sizes in pixels: {sizes}."])


@click.command(
    cls=SettingsCommand,
    epilog=_networks_help(),
    options=[
        SettingsOptions("networks", "featx.networks.settings:NetworkSettings"),
        data_options,
        report_options,
        json_option,
    ],
)
def train(
    data: "DataSettings",
    networks: "list[NetworkSettings]",
    report: "ReportSettings",
    as_json: bool,
) -> None:
    """Train networks from scratch, the baselines for what transfer is worth.

    They are trained with Adam on images standardised by the mean and deviation of the
    training split. A run with the same settings on the same data is not made again,
    and one that was interrupted continues.
    """
    from featx.pipeline.train import run_train

    with TerminalProgress() as progress:
        runs = run_train(data, networks, report=report, progress=progress)
    show_notes(note for run in runs for note in run.info["notes"])
    if as_json:
        show_json([summary(run) for run in runs])
        return
    _show(runs)


def _show(runs: "list[Run]") -> None:
    metrics = runs[0].metrics
    title = (
        f"{runs[0].data_name}: {metrics['n_train']} training and"
        f" {metrics['n_test']} test images, {len(metrics['classes'])} classes"
    )
    columns = ["from scratch", "parameters", "held out", "test acc", "95%", "fit s"]
    show_table(title, columns, map(_row, runs))
    for line in _repeated(runs):
        click.echo(line)
    for run in runs:
        click.echo(run.path)


def _row(run: "Run") -> list[str]:
    metrics = run.metrics
    low, high = metrics["intervals"]["accuracy"]
    held_out = metrics["val_accuracy"]
    return [
        run.backbone,
        f"{metrics['parameters']:,}",
        "–" if held_out is None else f"{held_out:.3f}",
        f"{metrics['accuracy']:.3f}",
        f"{low:.3f}–{high:.3f}",
        f"{run.info['timings']['fit']:.1f}",
    ]


def _repeated(runs: "Iterable[Run]") -> Iterable[str]:
    """Say what cross-validation and repeats gave, where there were any."""
    for run in runs:
        metrics = run.metrics
        if metrics["cv_accuracy"] is not None:
            yield f"{run.backbone}: {metrics['cv_accuracy']:.3f} in cross-validation"
        if "repeats" in metrics:
            repeats = metrics["repeats"]
            tested = repeats["accuracy"]
            yield (
                f"{run.backbone}: {tested['mean']:.3f} ± {tested['std']:.3f} on the"
                f" test, over {len(repeats['seeds'])} trainings"
            )
