"""`featx data`: a public data set as an image folder."""

from pathlib import Path

import click

from featx.cli.options import PATH, json_option
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json

NAMES = ("cifar10", "cifar100", "mnist", "fashion_mnist")


@click.command()
@click.argument("name", type=click.Choice(NAMES, case_sensitive=False), metavar="NAME")
@click.option(
    "--classes",
    type=click.IntRange(2),
    help="The first so many, in the order of the labels.  [all]",
)
@click.option(
    "--per-class",
    type=click.IntRange(1),
    help="At most so many images of a class in each part.  [all]",
)
@click.option("--out", type=PATH, help="The folder to make.  [data/NAME]")
@click.option("--seed", type=int, help="Of the draw of --per-class.  [0]")
@json_option
def data(
    name: str,
    classes: int | None,
    per_class: int | None,
    out: Path | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Write a public data set of Keras' as an image folder.

    NAME is cifar10, cifar100, mnist or fashion_mnist. Keras fetches it the first
    time; the images land as PNG files in OUT/train/<class>/ and OUT/test/<class>/.
    """
    from featx.datasets.keras_datasets import write_public_data

    if seed is not None and per_class is None:
        raise click.UsageError("--seed needs --per-class beside it")
    with TerminalProgress() as progress:
        written = write_public_data(
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
