"""Render the pages of runs and the leaderboard over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from featx.errors import RunError
from featx.progress import SILENT, Progress
from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.run.page import is_current, render_run
from featx.runs.find import find_run
from featx.runs.run import Run, list_runs


@dataclass(frozen=True)
class Report:
    """What was rendered: the leaderboard's page, and each run's."""

    page: Path
    runs: list[Run]


def run_report(
    reports_dir: Path,
    named: Sequence[str] = (),
    *,
    progress: Progress = SILENT,
) -> Report:
    """Render runs and the leaderboard over all runs.

    Parameters
    ----------
    named : sequence of str
        Runs to render, by folder or by name; all whose page is not up to date
        where none is named.

    Raises
    ------
    RunError
        There is no run, or a named one is missing.
    """
    runs = list_runs(reports_dir, note=progress.note)
    todo = [find_run(reports_dir, name) for name in named]
    if not named:
        todo = [run for run in runs if not is_current(run)]
    if not runs and not todo:
        raise RunError(f"{reports_dir}: no runs yet; `featx fit --head all` makes some")
    for done, run in enumerate(todo, start=1):
        render_run(run)
        progress.pages(done, len(todo))
    reports_dir.mkdir(parents=True, exist_ok=True)
    page = render_leaderboard(reports_dir, runs)
    return Report(page, todo if named else runs)
