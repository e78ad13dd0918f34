"""`featx demo`: all steps on images that need no network."""

from pathlib import Path

import click

from featx.cli.command import Next, SettingsCommand
from featx.cli.field_option import PATH
from featx.cli.progress import TerminalProgress
from featx.cli.show import predict_next, show_best, show_leaderboard
from featx.cli.terminal import say


@click.command(cls=SettingsCommand)
@click.argument("folder", type=PATH, default=Path("featx-demo"))
def demo(folder: Path) -> Next | None:
    """Try all steps on two image sets, without a network.

    One set is shapes that featx draws, the other the handwritten digits of
    scikit-learn. Everything is written to FOLDER, by default featx-demo/.
    """
    from featx.embeddings.settings import CacheSettings
    from featx.pipeline.demo import run_demo
    from featx.runs.settings import ReportSettings

    with TerminalProgress() as progress:
        done = run_demo(folder, progress=progress)
    for runs in done.runs.values():
        show_leaderboard(runs)
        show_best(runs)
        say("")
    say(f"Report: {done.report.page}")
    say(
        "With photos of your own in data/<class>/, type `featx extract`, `featx fit`,"
        " `featx report`."
    )
    return predict_next(
        [run for runs in done.runs.values() for run in runs],
        ReportSettings(out_dir=folder / "reports"),
        CacheSettings(folder=folder / "cache"),
    )
