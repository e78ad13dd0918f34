"""`featx new`: a first recipe for a data folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand
from featx.cli.field_option import PATH
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_notes
from featx.cli.terminal import say

if TYPE_CHECKING:
    from featx.images.layouts.options import DataSettings


@click.command(cls=SettingsCommand)
@options.DataOptions("data", options.DATA)
@click.option(
    "--out",
    type=PATH,
    default=Path("recipe.toml"),
    show_default=True,
    help="File to write; it must not exist.",
)
def new(data: "DataSettings", out: Path) -> Next:
    """Write a recipe that suits a data folder.

    featx looks at some of the images, guesses which embeddings and heads suit them,
    measures how long it will take, and explains its guesses in the recipe. DATA is the
    image folder; by default the one that featx.toml names, else data/.
    """
    from featx.embeddings.backbones.table import find_backbone
    from featx.pipeline.new_recipe import new_recipe
    from featx.reports.numbers import duration

    with TerminalProgress() as progress:
        made = new_recipe(data, out, progress=progress)
    show_notes(made.notes)
    say(made.path)
    for one in made.recipe.extract:
        size = one.image_size or find_backbone(one.backbone).image_size
        flipped = ", also flipped" if one.flip else ""
        say(f"  embeddings: {one.backbone} at {size} pixels{flipped}")
    say(f"  heads: {', '.join(one.name for one in made.recipe.head)}")
    time = duration(made.seconds, rough=True)
    say(f"Embedding all images takes about {time} on this machine.")
    return Next("run", (str(made.path),))
