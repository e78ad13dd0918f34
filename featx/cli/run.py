"""`featx run`: a recipe, whole."""

from pathlib import Path

import click

from featx.cli.options import PATH, json_option
from featx.cli.progress import Progress
from featx.cli.show import (
    show_best,
    show_json,
    show_leaderboard,
    show_notes,
    summary,
)


@click.command()
@click.argument("recipe", type=PATH)
@json_option
def run(recipe: Path, as_json: bool) -> None:
    """Run a RECIPE whole: extract, fit, report.

    RECIPE is a TOML file as in pipelines/; paths in it start from this folder.
    """
    from featx.pipeline.flow import run_recipe
    from featx.pipeline.recipe import read_recipe

    settings = read_recipe(recipe)
    with Progress() as progress:
        runs, report = run_recipe(settings, listener=progress)
    show_notes(note for run in runs for note in run.info["notes"])
    if as_json:
        scores = [summary(run) for run in runs]
        show_json({"page": str(report.page), "runs": scores})
        return
    show_leaderboard(runs)
    show_best(runs)
    click.echo(report.page)
