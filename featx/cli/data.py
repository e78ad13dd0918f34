"""`featx data`: a public data set as an image folder."""

from pathlib import Path

import click

from featx.cli.command import PATH, SettingsCommand
from featx.cli.options import json_option
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json

NAMES = ("cifar10", "cifar100", "mnist", "fashion_mnist")


@click.command(
    cls=SettingsCommand,
    options=[
        click.Argument(
            ["name"], type=click.Choice(NAMES, case_sensitive=False), metavar="NAME"
        ),
        click.Option(
            ["--classes"],
            type=click.IntRange(2),
            show_default="all",
            help="Number of classes to write, the first in the order of the labels.",
        ),
        click.Option(
            ["--per-class"],
            type=click.IntRange(1),
            show_default="all",
            help="Largest number of images per class and split.",
        ),
        click.Option(
            ["--out"],
            type=PATH,
            show_default="data/NAME",
            help="Folder to write; it must not exist.",
        ),
        click.Option(
            ["--seed"],
            type=int,
            show_default="0",
            help="Seed of the images that --per-class draws.",
        ),
        json_option,
    ],
)
def data(
    name: str,
    classes: int | None,
    per_class: int | None,
    out: Path | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Write one of the data sets of Keras as an image folder.

    NAME is cifar10, cifar100, mnist or fashion_mnist. Keras downloads it once; the
    images are written as PNG files to OUT/train/<class>/ and OUT/test/<class>/.
    """
    from featx.datasets.keras_datasets import write_keras_dataset

    if seed is not None and per_class is None:
        raise click.UsageError("--seed needs --per-class beside it")
    with TerminalProgress() as progress:
        written = write_keras_dataset(
            name,
            Path("data", name) if out is None else out,
            classes=classes,
            per_class=per_class,
            seed=seed or 0,
            progress=progress,
        )
    if as_json:
        show_json(
            {
                "folder": str(written.folder),
                "classes": list(written.classes),
                "n_train": written.n_train,
                "n_test": written.n_test,
            }
        )
        return
    click.echo(
        f"{written.folder}: {written.n_train:,} training and {written.n_test:,} test"
        f" images, {len(written.classes)} classes"
    )
