"""`featx backbones` and `featx heads`: the tables of both."""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from featx.cli import options
from featx.cli.command import SettingsCommand
from featx.cli.completion import complete_head
from featx.cli.show import show_table
from featx.cli.terminal import say_json

if TYPE_CHECKING:
    from featx.embeddings.backbones.table import Backbone


ORDERS: dict[str, Callable[["Backbone"], Any]] = {
    "name": lambda row: row.name,
    "top1": lambda row: -row.top1,
    "size": lambda row: row.parameters,
    "speed": lambda row: row.multiply_adds,
}


@click.command(cls=SettingsCommand)
@click.option(
    "--sort",
    type=click.Choice([*ORDERS]),
    help="By name, by accuracy, from small to large or from fast to slow; without it,"
    " by family.",
)
@options.as_json
def backbones(sort: str | None, as_json: bool) -> None:
    """List the backbones with accuracy, speed and size.

    The accuracy is the published one on ImageNet's validation images. Weights that
    aren't "here" are downloaded, or installed, when they are first needed.
    """
    from featx.embeddings.backbones.table import BACKBONES
    from featx.embeddings.backbones.weights import is_here

    rows = sorted(BACKBONES.values(), key=ORDERS[sort] if sort else lambda _: 0)
    if as_json:
        say_json(
            [
                {
                    "name": row.name,
                    **asdict(row),
                    "speed": row.speed,
                    "weights_here": is_here(row),
                }
                for row in rows
            ]
        )
        return
    columns = ["backbone", "speed", "weights", "top-1 %", "parameters", "pixels"]
    cells = [
        [
            row.name,
            row.speed,
            "here" if is_here(row) else "",
            f"{row.top1:.1f}",
            f"{row.parameters:.1f} M",
            str(row.image_size),
        ]
        for row in rows
    ]
    drop = ["pixels", "parameters", "speed", "weights"]
    show_table("Backbones", columns, cells, left=3, whole=3, drop=drop)


@click.command(cls=SettingsCommand)
@click.argument("name", required=False, shell_complete=complete_head)
@options.as_json
def heads(name: str | None, as_json: bool) -> None:
    """List the heads, or the parameters of the head NAME.

    The quick ones take seconds: `featx fit` fits them where no --head is given. Every
    classifier of scikit-learn is a head too, by its import path, such as
    sklearn.ensemble.ExtraTreesClassifier.
    """
    from featx.heads.search_space import plain
    from featx.heads.table import HEADS, default_parameters, find_head

    if name is not None:
        parameters = default_parameters(find_head(name))
        if as_json:
            say_json(parameters)
        else:
            cells = [[key, str(value)] for key, value in sorted(parameters.items())]
            show_table("Parameters", ["parameter", "default"], cells, left=2, whole=1)
        return
    if as_json:
        say_json(
            [
                {
                    "name": row.name,
                    "quick": row.quick,
                    "summary": row.summary,
                    "space": plain(row.space),
                }
                for row in HEADS.values()
            ]
        )
        return
    rows = [
        [row.name, "yes" if row.quick else "", row.summary] for row in HEADS.values()
    ]
    rows.append(["sklearn.…", "", "any classifier of scikit-learn by its import path"])
    show_table("Heads", ["name", "quick", "what it is"], rows, left=3, whole=2)
