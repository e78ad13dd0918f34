"""`featx config`: which settings hold, and where they come from."""

import click

from featx.cli import options
from featx.cli.command import SettingsCommand
from featx.cli.show import show_notes, show_table
from featx.cli.terminal import say_json


@click.command(cls=SettingsCommand)
@options.as_json
def config(as_json: bool) -> None:
    """Show the settings that hold here, and where each comes from.

    featx.toml in the working folder states settings, in tables like those of a recipe;
    see the documentation. What it doesn't state has its default. Options of a command
    win over both; a recipe has settings of its own.
    """
    from featx.pipeline.project import holdings, read_project

    project = read_project()
    found = list(holdings(project))
    if as_json:
        say_json(
            {
                one.name: {
                    "value": one.value,
                    "from": one.source,
                    "option": one.option or None,
                }
                for one in found
            }
        )
        return
    if not project.path.is_file():
        show_notes([f"there is no {project.path} here, so all are defaults"])
    rows = [[one.name, one.meaning, one.source] for one in found]
    show_table("", ["setting", "value", "from"], rows, left=3, whole=1)
