"""Reporting progress: silent by default, shown by the command line."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Update = Callable[[int, int], None]
"""Called with how many items are done and how many there are."""


def ignore(done: int, total: int) -> None:
    """Report nothing."""


class Progress:
    """Receives the progress of a long flow; subclasses show it."""

    def images(self, title: str) -> Update:  # noqa: ARG002
        """Return what to call as images are done."""
        return ignore

    def parts(self, title: str) -> Update:  # noqa: ARG002
        """Return what to call as part files of a cache are checked."""
        return ignore

    def folds(self, head: str) -> Update:  # noqa: ARG002
        """Return what to call as folds of a head are done."""
        return ignore

    def epochs(self, network: str) -> Update:  # noqa: ARG002
        """Return what to call as epochs of a network's training are done."""
        return ignore

    def pages(self, done: int, total: int) -> None:
        """Report how many pages are drawn."""

    def run(self, name: str, path: Path, *, fresh: bool) -> None:
        """Report a run, and whether it was made now."""

    def note(self, line: str) -> None:
        """Report something that the user should know at once."""


SILENT = Progress()


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note under a name how many seconds a block took, if it succeeds."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 3)
