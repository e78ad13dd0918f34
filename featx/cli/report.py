"""`featx report`: pages of runs and the leaderboard."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand
from featx.cli.progress import TerminalProgress
from featx.cli.show import predict_next, show_leaderboard, summary
from featx.cli.terminal import note, say, say_json

if TYPE_CHECKING:
    from featx.runs.settings import ReportSettings


@click.command(cls=SettingsCommand)
@options.runs
@click.option("open_", "--open", is_flag=True, help="Show the page in the browser.")
@options.report
@options.as_json
def report(
    runs: tuple[str, ...], open_: bool, report: "ReportSettings", as_json: bool
) -> Next | None:
    """Draw the pages of runs, and the leaderboard of all runs.

    RUN is a run's folder or name; by default each run whose page is out of date.
    """
    from featx.pipeline.report import report as render

    with TerminalProgress() as progress:
        rendered = render(runs, report.out_dir, progress=progress)
    if as_json:
        scores = [summary(run) for run in rendered.runs]
        say_json({"page": rendered.page, "pages": rendered.pages, "runs": scores})
    else:
        show_leaderboard(rendered.runs)
        for page in rendered.pages if runs else []:
            say(page)
        say(rendered.page)
    if open_:
        _open(rendered.pages[0] if len(runs) == 1 else rendered.page)
    return predict_next(rendered.runs, report)


def _open(page: Path) -> None:
    """Show a page in the browser; say where it is where there is none."""
    import webbrowser

    # click.launch can't tell on Linux whether there is a browser.
    address = page.absolute().as_uri()
    if not webbrowser.open(address):
        note(f"there is no browser here; the page is {address}")
