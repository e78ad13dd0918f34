"""Render the pages of runs and the leaderboard over them."""

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from featx.errors import RunError
from featx.progress import SILENT, Progress
from featx.reports.leaderboard.page import render_leaderboard
from featx.reports.run.page import is_current, render_run
from featx.reports.writing import PAGE
from featx.runs.find import find_run
from featx.runs.read import list_runs
from featx.runs.run import Run
from featx.runs.write import check_reports, drawing


@dataclass(frozen=True)
class Report:
    """What was rendered.

    Attributes
    ----------
    page : Path
        The leaderboard.
    runs : list of Run
        Those that were named; all runs where none was.
    """

    page: Path
    runs: list[Run]

    @property
    def pages(self) -> list[Path]:
        """The page of each run."""
        return [run.path / PAGE for run in self.runs]


def report(
    runs: Sequence[str | Path] = (),
    out_dir: str | Path = "reports",
    *,
    progress: Progress = SILENT,
) -> Report:
    """Render the pages of runs, and the leaderboard over all runs.

    Parameters
    ----------
    runs : sequence of str or Path
        Runs to render, by folder or by name; by default each whose page is out of
        date.
    out_dir : str or Path
        The folder of all runs.
    progress : Progress
        Shows how many pages are drawn, and notes each damaged run, which is left out.

    Raises
    ------
    RunError
        There is no run, a named one is missing or damaged, or a page can't be written.
    """
    out_dir = Path(out_dir)
    found = list_runs(out_dir, note=progress.note)
    todo = [find_run(out_dir, str(name)) for name in runs]
    if not runs:
        todo = [run for run in found if not is_current(run, found)]
    if not found and not todo:
        raise RunError(f"{out_dir}: no runs yet; `featx fit` makes some")
    for folder in (out_dir, *(run.path for run in todo)):
        check_reports(folder, "report")
    update = progress.task("drawing reports", "pages")
    with drawing(out_dir, [out_dir, *(run.path for run in found)]):
        left_out = set()
        for done, run in enumerate(todo, start=1):
            try:
                render_run(run, found)
            except RunError as error:
                if runs or _is_full(error):
                    raise
                left_out.add(run.path)
                progress.note(f"left out: {error}")
            update(done, len(todo))
        found = [run for run in found if run.path not in left_out]
        return Report(render_leaderboard(out_dir, found), todo if runs else found)


def _is_full(error: RunError) -> bool:
    """Return whether the disk is at fault, and not the run."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
