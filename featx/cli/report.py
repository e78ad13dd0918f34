"""`featx report`: pages of runs and the leaderboard."""

from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import SettingsCommand
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_leaderboard, summary
from featx.cli.terminal import say, say_json

if TYPE_CHECKING:
    from featx.runs.settings import ReportSettings


@click.command(cls=SettingsCommand)
@options.runs
@options.report
@options.as_json
def report(runs: tuple[str, ...], report: "ReportSettings", as_json: bool) -> None:
    """Draw the pages of runs, and the leaderboard of all runs.

    RUN is a run's folder or name; by default each run whose page is out of date.
    """
    from featx.pipeline.report import report as render

    with TerminalProgress() as progress:
        rendered = render(runs, report.out_dir, progress=progress)
    if as_json:
        scores = [summary(run) for run in rendered.runs]
        say_json({"page": rendered.page, "pages": rendered.pages, "runs": scores})
        return
    show_leaderboard(rendered.runs)
    for page in rendered.pages if runs else []:
        say(page)
    say(rendered.page)
