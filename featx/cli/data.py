"""`featx data`: a public data set as an image folder."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import SettingsCommand, SettingsOptions
from featx.cli.progress import TerminalProgress
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.datasets.settings import DatasetSettings

NAMES = ("cifar10", "cifar100", "mnist", "fashion_mnist")


@click.command(cls=SettingsCommand)
@click.argument("name", type=click.Choice(NAMES, case_sensitive=False), metavar="NAME")
@SettingsOptions("settings", "featx.datasets.settings:DatasetSettings")
@options.as_json
def data(name: str, settings: "DatasetSettings", as_json: bool) -> None:
    """Write a public data set as an image folder.

    NAME is cifar10, cifar100, mnist or fashion_mnist, as Keras names them. Keras
    downloads it once; the images are written as PNG files to OUT/train/<class>/ and
    OUT/test/<class>/.
    """
    from featx.datasets.keras_datasets import write_keras_dataset

    with TerminalProgress() as progress:
        written = write_keras_dataset(name, settings, progress=progress)
    if as_json:
        say_json(asdict(written))
        return
    say(
        f"{written.folder}: {written.n_train:,} training and {written.n_test:,} test"
        f" images, {len(written.classes)} classes"
    )
