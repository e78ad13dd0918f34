"""Progress of long tasks: bars in a terminal, plain lines elsewhere."""

import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from featx.cli.terminal import STDERR, log, note, visible
from featx.errors import FeatxError, first_line
from featx.progress import Progress, Update

if TYPE_CHECKING:
    from rich.progress import Progress as Bars


PLAIN_SECONDS = 5.0

NUMBERS = 40
"""Columns of a terminal that a bar and its numbers take at least."""


class TerminalProgress(Progress):
    """Shows the progress of long tasks on stderr.

    A context manager, which stops the bars on leaving.
    """

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._has_bars = sys.stderr.isatty() and not STDERR.is_quiet
        self._failures: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the bars where they are: other lines may follow."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = STDERR.bars = None

    def run(self, name: str, path: Path, *, fresh: bool) -> None:
        """Print where a run is that was made before, instead of making it again."""
        if fresh:
            log(f"{name}: written to {path}", level=logging.DEBUG)
        else:
            log(f"{name}: fitted before, {path}")

    def failed(self, name: str, error: Exception) -> None:
        """Print why a run failed, and remember it for `check`."""
        self._failures.append(name)
        failed = f"{name} failed, going on with the others: {_describe(error)}"
        log(f"note: {failed}", level=logging.ERROR)

    def check(self) -> None:
        """Check that no run failed; to be called when the others have been shown.

        Raises
        ------
        FeatxError
            Some did.
        """
        if self._failures:
            raise FeatxError(f"failed, as noted above: {', '.join(self._failures)}")

    def note(self, line: str) -> None:
        """Print a note."""
        note(line)

    def task(self, title: str, unit: str) -> Update:
        """Return a callback that shows how far a task is."""
        lines = _Lines(title, unit, is_shown=not self._has_bars)
        if not self._has_bars:
            return lines
        bar = self._bar(title, unit)

        def update(done: int, total: int) -> None:
            lines(done, total)
            bar(done, total)

        return update

    def _bar(self, title: str, unit: str) -> Update:
        task = None  # the bars' number of it, once there are any

        def update(done: int, total: int) -> None:
            nonlocal task
            if self._bars is None:
                self._bars = _make_bars()
                self._bars.start()
                STDERR.bars = self._bars.console
            if task is None or task not in self._bars.task_ids:
                task = self._bars.add_task(visible(title), total=total, unit=unit)
            self._bars.update(task, completed=done, total=total)

        return update


class _Lines:
    """Says the progress of a task every few seconds and at its end."""

    def __init__(self, title: str, unit: str, *, is_shown: bool) -> None:
        self.title = title
        self.unit = unit
        self.is_shown = is_shown
        self.start = time.monotonic()
        # A training may continue after earlier epochs; everything else starts at 0.
        self.before: int | None = None if unit == "epochs" else 0
        self.said = 0.0

    def __call__(self, done: int, total: int) -> None:
        from featx.reports.numbers import duration

        now = time.monotonic()
        if done == 0 or self.before is None:
            self.start, self.before = now, done
        if done < total and self.said and now - self.said < PLAIN_SECONDS:
            return
        self.said = now
        rate = (done - self.before) / max(now - self.start, 1e-3)
        text = f"{self.title}: {done}/{total} {self.unit}"
        if rate and self.unit == "images":
            text += f", {rate:.0f} images/s"
        if rate and done < total:
            text += f", {duration((total - done) / rate, rough=True)} left"
        log(text, is_shown=self.is_shown)


def _make_bars() -> "Bars":
    from rich import progress
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    class Title(progress.ProgressColumn):
        """The description in one line, which ends early in a narrow terminal."""

        def render(self, task: progress.Task) -> Text:
            return Text(task.description, no_wrap=True, overflow="ellipsis")

    class Rate(progress.ProgressColumn):
        """Images per second; other tasks show no rate."""

        def render(self, task: progress.Task) -> Text:
            if task.fields["unit"] != "images" or not task.speed:
                return Text("")
            return Text(f"{task.speed:.0f} images/s", style="cyan")

    console = Console(stderr=True)
    whole = Column(no_wrap=True)  # else a rate may end on the next line
    title = Column(no_wrap=True, max_width=max(4, console.width - NUMBERS))
    return progress.Progress(
        Title(table_column=title),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(table_column=whole),
        Rate(table_column=whole.copy()),
        progress.TimeRemainingColumn(
            compact=True, elapsed_when_finished=True, table_column=whole.copy()
        ),
        console=console,
    )


def _describe(error: Exception) -> str:
    kind = "" if isinstance(error, FeatxError) else f"{type(error).__name__}: "
    return f"{kind}{first_line(error)}"
