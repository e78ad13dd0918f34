"""`featx fit`: fit heads on embeddings."""

from typing import TYPE_CHECKING

import click

from featx.cli import options
from featx.cli.command import Next, SettingsCommand
from featx.cli.completion import complete_head
from featx.cli.progress import TerminalProgress
from featx.cli.show import (
    show_best,
    show_leaderboard,
    show_learning_curves,
    show_notes,
    summary,
)
from featx.cli.terminal import say_json

if TYPE_CHECKING:
    from featx.embeddings.settings import CacheSettings, ExtractSettings
    from featx.heads.settings import HeadSettings
    from featx.images.layouts.options import DataSettings
    from featx.runs.settings import ReportSettings


@click.command(cls=SettingsCommand)
@options.HeadOptions(
    "heads",
    "featx.heads.settings:HeadSettings",
    completers={"name": complete_head},
)
@options.data
@options.optional_extract
@options.cache
@options.report
@options.memory
@options.jobs
@options.as_json
def fit(
    data: "DataSettings",
    heads: "list[HeadSettings]",
    extract: "list[ExtractSettings]",
    cache: "CacheSettings",
    report: "ReportSettings",
    memory: int | None,
    jobs: int | None,
    as_json: bool,
) -> Next:
    """Fit heads on the embeddings of DATA, and score them.

    DATA is the image folder, an archive or address of it; by default the one that
    featx.toml names, else data/.
    Without --backbone, here or in featx.toml, the embeddings last extracted for DATA
    are used. Embeddings that are not in the cache are computed first. A run with the
    same settings on the same data is not made again. `featx heads NAME` lists the
    parameters for --set.
    """
    from featx.pipeline.fit import run_fit

    with TerminalProgress() as progress:
        runs = run_fit(
            data,
            heads,
            extract=extract,
            cache=cache,
            report=report,
            memory=memory,
            jobs=jobs,
            progress=progress,
        )
    show_notes(note for run in runs for note in run.info["notes"])
    if as_json:
        say_json([summary(run) for run in runs])
    else:
        show_leaderboard(runs)
        show_best(runs)
        show_learning_curves(runs)
    progress.check()
    return Next("report")
