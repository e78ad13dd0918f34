"""`featx train`: networks from scratch, to hold transfer against."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli.options import (
    checked,
    data_options,
    data_settings,
    json_option,
    out_dir_option,
    split_options,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes, show_table, summary
from featx.networks.table import NETWORKS

if TYPE_CHECKING:
    from featx.runs.run import Run


def _networks_help() -> str:
    """List the networks for the command's help."""
    lines = [f"{row.name:<10} {row.summary}" for row in NETWORKS.values()]
    sizes = ", ".join(f"{row.name} {row.image_size}" for row in NETWORKS.values())
    # click would fill the lines up but for the backspace.
    return "\n".join(["\b", *lines, "", f"Their own sizes in pixels: {sizes}."])


@click.command(epilog=_networks_help())
@data_options
@click.option(
    "--network",
    "networks",
    multiple=True,
    required=True,
    type=click.Choice(list(NETWORKS), case_sensitive=False),
    metavar="NAME",
    help="One of the four below. May repeat.",
)
@click.option(
    "--image-size", type=click.IntRange(1), help="Side in pixels; the network's own."
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Passes over the training images.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Images a step.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="Adam's.",
)
@click.option(
    "--augment/--no-augment",
    default=None,
    help="Rotate, shift and mirror in training.  [all but basenet]",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    help="Cross-validate too: as many trainings more.  [a tenth is held out]",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Train so many times, with other seeds; says mean and deviation.",
)
@split_options
@click.option("--seed", default=0, show_default=True, help="Of splits and training.")
@out_dir_option
@json_option
def train(
    data: Path | None,
    networks: tuple[str, ...],
    test_size: float | None,
    seed: int,
    out_dir: Path,
    as_json: bool,
    labels: Path | None,
    path_column: str | None,
    label_column: str | None,
    train_list: Path | None,
    test_list: Path | None,
    **training: Any,
) -> None:
    """Train networks from scratch: the baselines that show what transfer is worth.

    With Adam, on images normalised by the training part's mean and deviation. A run
    that is there already is not trained again, one that was interrupted goes on.
    """
    from featx.networks.settings import NetworkSettings
    from featx.pipeline.train import run_train

    settings = data_settings(
        data,
        seed=seed,
        test_size=test_size,
        labels=labels,
        path_column=path_column,
        label_column=label_column,
        train_list=train_list,
        test_list=test_list,
    )
    chosen = [
        checked(NetworkSettings, name=name, seed=seed, **training)
        for name in dict.fromkeys(networks)
    ]
    with TerminalProgress() as progress:
        runs = run_train(settings, chosen, out_dir, progress=progress)
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
