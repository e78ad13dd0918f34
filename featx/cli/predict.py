"""`featx predict`: classify images with a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import PATH, SettingsCommand, SettingsOptions
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes, show_table
from featx.cli.terminal import say_data, say_json

if TYPE_CHECKING:
    from featx.embeddings.settings import CacheSettings
    from featx.predict.predictions import Predictions
    from featx.predict.settings import OutputSettings
    from featx.runs.settings import ReportSettings


@click.command(cls=SettingsCommand)
@click.argument("words", nargs=-1, required=True, type=PATH, metavar="[RUN] PATH...")
@click.option(
    "--imagenet",
    metavar="BACKBONE",
    help="Predict the 1000 classes of ImageNet with a pretrained network"
    " instead of a RUN.",
)
@SettingsOptions("output", "featx.predict.settings:OutputSettings")
@options.own_weights
@options.trust
@options.cache
@options.report
def predict(
    words: tuple[Path, ...],
    imagenet: str | None,
    output: "OutputSettings",
    weights: tuple[Path, ...],
    trust: bool,
    cache: "CacheSettings",
    report: "ReportSettings",
) -> None:
    """Classify images with a run.

    RUN is a run's folder or name; PATH is an image or a folder of images.
    """
    from featx.predict.predict import predict as predict_images
    from featx.predict.predict import predict_imagenet
    from featx.predict.submission import fill_submission

    if imagenet and weights:
        raise click.UsageError("--weights is for a RUN; leave it out with --imagenet")
    if not imagenet and len(words) == 1:
        raise click.UsageError("name a RUN and images, or images and --imagenet")
    with TerminalProgress() as progress:
        if imagenet:
            predictions = predict_imagenet(
                imagenet, words, batch_size=cache.batch_size, progress=progress
            )
        else:
            predictions = predict_images(
                words[0],
                words[1:],
                cache_dir=cache.folder,
                out_dir=report.out_dir,
                weights=weights,
                trust=trust,
                batch_size=cache.batch_size,
                progress=progress,
            )
    unreadable = [f"{path}: {why}" for path, why in predictions.unreadable.items()]
    show_notes([*predictions.notes, *unreadable])
    if output.submission:
        say_data(fill_submission(output.submission, predictions))
    elif output.csv:
        say_data(predictions.to_csv())
    else:
        _show(predictions, output)


def _show(predictions: "Predictions", output: "OutputSettings") -> None:
    """Print the most probable classes of each image."""
    top = predictions.top(output.top_k)
    best = list(zip(map(str, predictions.files), top, strict=True))
    if output.as_json:
        say_json(
            [
                {
                    "path": path,
                    "predicted": classes[0][0],
                    "confidence": classes[0][1],
                    "top": dict(classes),
                }
                for path, classes in best
            ]
        )
        return
    rows = [
        [path, ", ".join(f"{name} {p:.3f}" for name, p in classes)]
        for path, classes in best
    ]
    show_table("", ["image", "classes"], rows, left=2)
