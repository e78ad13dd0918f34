"""`featx run`: run a recipe from images to report."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand
from featx.cli.field_option import PATH
from featx.cli.finetune import show_finetuned
from featx.cli.progress import TerminalProgress
from featx.cli.show import (
    predict_next,
    say_sentences,
    show_best,
    show_leaderboard,
    show_learning_curves,
    show_notes,
    summary,
)
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.pipeline.run_recipe import RecipeResult


@click.command(cls=SettingsCommand)
@click.argument("recipe", type=PATH)
@options.as_json
def run(recipe: Path, as_json: bool) -> Next | None:
    """Run a recipe: fit, train and fine-tune, then report.

    RECIPE is a TOML file such as those in pipelines/, or the recipe.toml of a run,
    which makes the run again. Relative paths in it start from the current folder.
    """
    from featx.pipeline.recipe import read_recipe
    from featx.pipeline.run_recipe import run_recipe

    settings = read_recipe(recipe)
    with TerminalProgress() as progress:
        done = run_recipe(settings, progress=progress)
    runs = done.runs
    show_notes(note for run in runs for note in run.info["notes"])
    if as_json:
        scores = [summary(run) for run in runs]
        say_json({"page": done.report.page, "runs": scores})
    else:
        _show(done)
    progress.check()
    return predict_next(runs, settings.report, settings.cache)


def _show(done: "RecipeResult") -> None:
    from featx.reports.leaderboard.options import options_of_runs
    from featx.runs.ranking import best_run

    show_leaderboard(done.runs)
    if done.heads:
        show_best(done.heads)
        show_learning_curves(done.heads)
    own = options_of_runs(done.finetuned).own if done.finetuned else []
    for tuned, words in zip(done.finetuned, own, strict=True):
        if words:
            say("")
            say_sentences(f"Fine-tuned with {', '.join(words)}:")
        show_finetuned(tuned, best_run(done.heads))
    say(done.report.page)
