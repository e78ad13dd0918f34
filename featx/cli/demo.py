"""`featx demo`: all steps on images that need no network."""

from pathlib import Path

import click

from featx.cli.command import PATH
from featx.cli.progress import TerminalProgress
from featx.cli.show import show_best, show_leaderboard
from featx.cli.terminal import say


@click.command()
@click.argument("folder", type=PATH, default=Path("featx-demo"))
def demo(folder: Path) -> None:
    """Try all steps on two image sets, without a network.

    One set is shapes that featx draws, the other the handwritten digits of
    scikit-learn. Everything is written to FOLDER, by default featx-demo/.
    """
    from featx.pipeline.demo import run_demo

    with TerminalProgress() as progress:
        done = run_demo(folder, progress=progress)
    for runs in done.runs.values():
        show_leaderboard(runs)
        show_best(runs)
    say(f"Report: {done.report.page}")
    say(
        "Next: sort photos of your own into data/<class>/ and type `featx extract`,"
        " `featx fit`, `featx report`."
    )
