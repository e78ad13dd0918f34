"""`featx backbones` and `featx heads`: the tables of both."""

from dataclasses import asdict

import click

from featx.cli import options
from featx.cli.command import SettingsCommand
from featx.cli.show import show_table
from featx.cli.terminal import say_json


@click.command(cls=SettingsCommand)
@options.as_json
def backbones(as_json: bool) -> None:
    """List the backbones with image size, features and parameters."""
    from featx.embeddings.backbones.table import BACKBONES

    if as_json:
        say_json([asdict(row) for row in BACKBONES.values()])
        return
    rows = [
        [r.name, str(r.image_size), str(r.features), f"{r.parameters:.1f}"]
        for r in BACKBONES.values()
    ]
    columns = ["name", "pixels", "features", "million parameters"]
    show_table("Backbones", columns, rows)


@click.command(cls=SettingsCommand)
@options.as_json
def heads(as_json: bool) -> None:
    """List the heads."""
    from featx.heads.table import HEADS

    if as_json:
        say_json(
            [
                {"name": row.name, "summary": row.summary, "grid": dict(row.grid)}
                for row in HEADS.values()
            ]
        )
        return
    rows = [[row.name, row.summary] for row in HEADS.values()]
    show_table("Heads", ["name", "what it is"], rows, left=2)
