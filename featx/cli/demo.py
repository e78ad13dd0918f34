"""`featx demo`: all steps on images that featx draws."""

from pathlib import Path

import click

from featx.cli.command import PATH
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_best, show_leaderboard
from featx.cli.terminal import say


@click.command()
@click.argument("folder", type=PATH, default=Path("featx-demo"))
def demo(folder: Path) -> None:
    """Try all steps on images that featx draws itself.

    Everything is written to FOLDER, by default featx-demo/.
    """
    from featx.pipeline.demo import run_demo

    with TerminalProgress() as progress:
        done = run_demo(folder, progress=progress)
    show_leaderboard(done.runs)
    show_best(done.runs)
    say(f"Report: {done.report.page}")
