"""`featx predict`: use what was trained."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli.options import (
    PATH,
    cache_dir_option,
    json_option,
    out_dir_option,
    own_weights_option,
)
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_notes, show_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from featx.predict.predictions import Answers


@click.command()
@click.argument("words", nargs=-1, required=True, type=PATH, metavar="[RUN] PATH...")
@click.option(
    "--imagenet",
    metavar="BACKBONE",
    help="Name ImageNet's 1000 classes with a pretrained network instead of a RUN.",
)
@click.option(
    "--top-k",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many classes to name for each image.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print all probabilities as CSV.")
@click.option(
    "--submission",
    type=PATH,
    metavar="SAMPLE",
    help="Print Kaggle's sample_submission.csv, its columns filled by name.",
)
@own_weights_option
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Images per run of the model.  [what suits the memory]",
)
@cache_dir_option
@out_dir_option
@json_option
def predict(
    words: tuple[Path, ...],
    imagenet: str | None,
    top_k: int,
    as_csv: bool,
    submission: Path | None,
    weights: tuple[Path, ...],
    batch_size: int | None,
    cache_dir: Path,
    out_dir: Path,
    as_json: bool,
) -> None:
    """Classify images with a RUN, a run's folder or name.

    PATH is an image, or a folder of which all images are meant. Load only runs that
    you trust: a run's head.joblib is a pickle, and loading a joblib file or a Keras
    model from a stranger can run code.
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
                imagenet, words, batch_size=batch_size, progress=progress
            )
        else:
            answers = run_predict(
                find_run(out_dir, str(words[0])),
                words[1:],
                cache_dir,
                weights=weights,
                batch_size=batch_size,
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
