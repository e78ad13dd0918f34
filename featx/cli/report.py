"""`featx report`: runs as figures and pages."""

from pathlib import Path

import click

from featx.cli.options import json_option, out_dir_option
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_json, show_leaderboard, summary


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@out_dir_option
@json_option
def report(runs: tuple[str, ...], out_dir: Path, as_json: bool) -> None:
    """Render runs and the leaderboard over all of them.

    RUN is a run's folder or name; by default all runs whose page is not up to date.
    """
    from featx.pipeline.report import run_report

    with TerminalProgress() as progress:
        rendered = run_report(out_dir, runs, progress=progress)
    if as_json:
        pages = [str(run.path / "index.html") for run in rendered.runs]
        scores = [summary(run) for run in rendered.runs]
        show_json({"page": str(rendered.page), "pages": pages, "runs": scores})
        return
    show_leaderboard(rendered.runs)
    for run in rendered.runs if runs else []:
        click.echo(run.path / "index.html")
    click.echo(rendered.page)
