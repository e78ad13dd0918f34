"""`featx data`: a public data set as an image folder."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand, SettingsOptions
from featx.cli.progress import TerminalProgress
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.datasets.settings import DatasetSettings

NAMES = ("cifar10", "cifar100", "mnist", "fashion_mnist", "digits")


@click.command(cls=SettingsCommand)
@click.argument("name", type=click.Choice(NAMES, case_sensitive=False), metavar="NAME")
@SettingsOptions("settings", "featx.datasets.settings:DatasetSettings")
@options.as_json
def data(name: str, settings: "DatasetSettings", as_json: bool) -> Next:
    """Write a public data set as an image folder.

    NAME is cifar10, cifar100, mnist or fashion_mnist, as Keras names them, or digits.
    Keras downloads a set once; the images are written as PNG files to
    OUT/train/<class>/ and OUT/test/<class>/. The digits are scikit-learn's handwritten
    ones. They need no download and have no test split: they are written to
    OUT/<class>/.
    """
    from featx.datasets.public_sets import write_public_set

    with TerminalProgress() as progress:
        written = write_public_set(name, settings, progress=progress)
    if as_json:
        say_json(asdict(written))
    else:
        images = f"{written.n_train:,} images"
        if written.n_test:
            images = f"{written.n_train:,} training and {written.n_test:,} test images"
        say(f"{written.folder}: {images}, {len(written.classes)} classes")
    return Next("inspect", (str(written.folder),))
