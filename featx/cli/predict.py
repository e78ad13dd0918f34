"""`featx predict`: classify images with a run."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand, SettingsOptions
from featx.cli.completion import complete_names, complete_run_and_paths
from featx.cli.field_option import ADDRESS
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes, show_table
from featx.cli.terminal import say_data, say_json

if TYPE_CHECKING:
    from featx.addresses import Address
    from featx.embeddings.settings import CacheSettings
    from featx.images.resizing import Resize
    from featx.predict.predictions import Predictions
    from featx.predict.settings import OutputSettings
    from featx.runs.settings import ReportSettings

NAMED = 3
"""Images that the remark on those that are like nothing in training names."""

SHOWN = 6
"""Classes of a prediction set that the table names; CSV and JSON name all."""


def backbone_names() -> Iterable[str]:
    """Return the names of all backbones."""
    from featx.embeddings.backbones.table import BACKBONES

    return BACKBONES


@click.command(cls=SettingsCommand)
@click.argument(
    "words",
    nargs=-1,
    required=True,
    type=ADDRESS,
    metavar="[RUN] PATH...",
    shell_complete=complete_run_and_paths,
)
@click.option(
    "--imagenet",
    metavar="BACKBONE",
    shell_complete=complete_names(backbone_names),
    help="Predict the 1000 classes of ImageNet with a pretrained network"
    " instead of a RUN. efficientnetlite0 needs no download.",
)
@click.option(
    "--resize",
    type=click.Choice(["squash", "crop", "pad"]),
    help="How images become squares with --imagenet; a RUN has its own."
    "  [default: squash]",
)
@SettingsOptions("output", "featx.predict.settings:OutputSettings")
@options.own_weights
@options.trust
@options.cache_and_batch
@options.report
def predict(
    words: "tuple[Address, ...]",
    imagenet: str | None,
    resize: "Resize | None",
    output: "OutputSettings",
    weights: tuple[Path, ...],
    trust: bool,
    cache: "CacheSettings",
    report: "ReportSettings",
) -> Next | None:
    """Classify images with a run.

    RUN is a run's folder or name; PATH is an image or a folder of images.
    """
    if imagenet and weights:
        raise click.UsageError("--weights is for a RUN; leave it out with --imagenet")
    if not imagenet and resize:
        raise click.UsageError("--resize is for --imagenet; a RUN has its own")
    if imagenet and output.coverage is not None:
        raise click.UsageError(
            "--coverage is for a RUN: held-out images calibrate its sets"
        )
    if not imagenet and len(words) == 1:
        raise click.UsageError("name a RUN and images, or images and --imagenet")
    if imagenet:
        predictions = _with_imagenet(imagenet, words, resize or "squash", output, cache)
    else:
        predictions = _with_run(words, output, weights, trust, cache, report)
    unreadable = [f"{path}: {why}" for path, why in predictions.unreadable.items()]
    show_notes([*predictions.notes, *unreadable, *_doubt_notes(predictions)])
    _say(predictions, output)
    return None if imagenet else Next("export", (str(words[0]),))


def _doubt_notes(predictions: "Predictions") -> Iterator[str]:
    """Say how to read prediction sets, and which images are unlike all training."""
    from featx.evaluation.familiarity import UNLIKE

    rule = predictions.set_rule
    if rule is not None:
        yield (
            f"the set of an image contains its true class for about"
            f" {rule.coverage:.4g} of images like the training images; an image with"
            " a large set is doubtful"
        )
        if not rule.least:
            yield (
                f"too few of the {rule.n} held-out images were recognized for"
                f" --coverage {rule.coverage:.4g}: every set has all classes"
            )
    unlike = predictions.unlike
    if unlike:
        by_chance = round((1 - UNLIKE) * len(predictions))
        names = ", ".join(map(str, unlike[:NAMED]))
        others = f" and {len(unlike) - NAMED} more" if len(unlike) > NAMED else ""
        yield (
            f"{len(unlike)} of {len(predictions)} images"
            f" {'is' if len(unlike) == 1 else 'are'} like nothing in training, farther"
            " from the training images than 99% of these are from each other"
            f" ({f'about {by_chance}' if by_chance else 'hardly any'} would be by"
            f" chance); don't trust what is predicted for {names}{others}"
        )


def _say(predictions: "Predictions", output: "OutputSettings") -> None:
    """Print predictions in the form that was asked for."""
    from featx.formulas import formula_notes
    from featx.predict.submission import fill_submission

    if output.submission or output.csv:
        paths = [*predictions.files, *predictions.unreadable]
        show_notes(formula_notes([*map(str, paths), *predictions.classes]))
    if output.submission:
        say_data(fill_submission(output.submission, predictions))
    elif output.csv:
        say_data(predictions.to_csv())
    elif output.as_json:
        say_json(_entries(predictions, output.top_k))
    else:
        _show(predictions, output.top_k)


def _with_imagenet(
    backbone: str,
    paths: "Sequence[Address]",
    resize: "Resize",
    output: "OutputSettings",
    cache: "CacheSettings",
) -> "Predictions":
    from featx.embeddings.backbones.imagenet import imagenet_classes
    from featx.embeddings.backbones.table import find_backbone
    from featx.predict.predict import find_images, predict_imagenet
    from featx.predict.submission import check_submission

    find_backbone(backbone)
    if output.submission:
        check_submission(output.submission, imagenet_classes(), find_images(paths))
    with TerminalProgress() as progress:
        return predict_imagenet(
            backbone,
            paths,
            resize=resize,
            batch_size=cache.batch_size,
            progress=progress,
        )


def _with_run(
    words: "Sequence[Address]",
    output: "OutputSettings",
    weights: Sequence[Path],
    trust: bool,
    cache: "CacheSettings",
    report: "ReportSettings",
) -> "Predictions":
    from featx.predict.predict import find_images, predict
    from featx.predict.submission import check_submission
    from featx.runs.find import find_run

    if len(words) == 1:
        raise click.UsageError("name a RUN and images, or images and --imagenet")
    run = find_run(report.out_dir, str(words[0]))
    paths = words[1:]
    if output.submission:
        check_submission(output.submission, run.classes, find_images(paths))
    with TerminalProgress() as progress:
        return predict(
            run,
            paths,
            cache_dir=cache.folder,
            out_dir=report.out_dir,
            weights=weights,
            trust=trust,
            batch_size=cache.batch_size,
            coverage=output.coverage,
            progress=progress,
        )


def _entries(predictions: "Predictions", top_k: int) -> list[dict[str, Any]]:
    """Return an entry for each image, the unreadable ones last."""
    entries: list[dict[str, Any]] = [
        {
            "path": path,
            "predicted": classes[0][0],
            "confidence": classes[0][1],
            "top": dict(classes),
        }
        for path, classes in zip(predictions.files, predictions.top(top_k), strict=True)
    ]
    nothing: dict[str, Any] = {"predicted": None, "confidence": None, "top": {}}
    for name, values in predictions.doubts.items():
        nothing[name] = None
        for entry, value in zip(entries, values, strict=True):
            entry[name] = value
    entries += [
        {"path": path, **nothing, "unreadable": reason}
        for path, reason in predictions.unreadable.items()
    ]
    return entries


def _show(predictions: "Predictions", top_k: int) -> None:
    """Print the most probable classes of each image, and its set if there is one."""
    rows = [
        [str(path), ", ".join(f"{name} {p:.3f}" for name, p in classes)]
        for path, classes in zip(predictions.files, predictions.top(top_k), strict=True)
    ]
    columns = ["image", "classes"]
    if predictions.sets is not None:
        columns += ["set", "set size"]
        for row, names in zip(rows, predictions.sets, strict=True):
            more = len(names) - SHOWN
            others = f" and {more} more" if more > 0 else ""
            row += [", ".join(names[:SHOWN]) + others, str(len(names))]
    show_table("", columns, rows, left=3, whole=1)
