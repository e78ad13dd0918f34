"""`featx predict`: classify images with a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.command import PATH, SettingsCommand
from featx.cli.options import (
    cache_options,
    json_option,
    own_weights_option,
    report_options,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes, show_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from featx.embeddings.settings import CacheSettings
    from featx.predict.predictions import Answers
    from featx.runs.settings import ReportSettings


@click.command(
    cls=SettingsCommand,
    options=[
        click.Argument(
            ["words"], nargs=-1, required=True, type=PATH, metavar="[RUN] PATH..."
        ),
        click.Option(
            ["--imagenet"],
            metavar="BACKBONE",
            help="Predict the 1000 classes of ImageNet with a pretrained network"
            " instead of a RUN.",
        ),
        click.Option(
            ["--top-k"],
            type=click.IntRange(1),
            default=3,
            show_default=True,
            help="Number of classes to show per image.",
        ),
        click.Option(
            ["as_csv", "--csv"], is_flag=True, help="Print all probabilities as CSV."
        ),
        click.Option(
            ["--submission"],
            type=PATH,
            metavar="SAMPLE",
            help="Print Kaggle's sample_submission.csv with its columns filled in.",
        ),
        own_weights_option,
        cache_options,
        report_options,
        json_option,
    ],
)
def predict(
    words: tuple[Path, ...],
    imagenet: str | None,
    top_k: int,
    as_csv: bool,
    submission: Path | None,
    weights: tuple[Path, ...],
    cache: "CacheSettings",
    report: "ReportSettings",
    as_json: bool,
) -> None:
    """Classify images with RUN, a run's folder or name.

    PATH is an image, or a folder of images. Load only runs that you trust: a run's
    head.joblib is a pickle, and loading a joblib file or a Keras model from a stranger
    can run code.
    """
    from featx.predict.predict import run_imagenet, run_predict
    from featx.predict.submission import fill_submission
    from featx.runs.find import find_run

    if as_csv + as_json + bool(submission) > 1:
        raise click.UsageError("choose one of --csv, --json and --submission")
    if imagenet and weights:
        raise click.UsageError("--weights belongs to a RUN; --imagenet takes none")
    if not imagenet and len(words) == 1:
        raise click.UsageError("give a RUN and images, or images and --imagenet")
    with TerminalProgress() as progress:
        if imagenet:
            answers = run_imagenet(
                imagenet, words, batch_size=cache.batch_size, progress=progress
            )
        else:
            answers = run_predict(
                find_run(report.out_dir, str(words[0])),
                words[1:],
                cache.folder,
                weights=weights,
                batch_size=cache.batch_size,
                progress=progress,
            )
    unreadable = [f"{path}: {why}" for path, why in answers.unreadable.items()]
    show_notes([*answers.notes, *unreadable])
    if submission:
        click.echo(fill_submission(submission, answers), nl=False)
        return
    show: Callable[[Answers, int], None] = _show_table
    if as_csv:
        show = _show_csv
    elif as_json:
        show = _show_json
    show(answers, top_k)


def _show_table(answers: "Answers", count: int) -> None:
    rows = [
        [str(path), ", ".join(f"{name} {p:.3f}" for name, p in top)]
        for path, top in zip(answers.files, answers.top(count), strict=True)
    ]
    show_table("", ["image", "classes"], rows, left=2)


def _show_csv(answers: "Answers", _: int) -> None:
    click.echo(answers.as_csv(), nl=False)


def _show_json(answers: "Answers", count: int) -> None:
    show_json(
        [
            {
                "path": str(path),
                "predicted": top[0][0],
                "confidence": top[0][1],
                "top": dict(top),
            }
            for path, top in zip(answers.files, answers.top(count), strict=True)
        ]
    )
