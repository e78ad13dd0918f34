"""Who is told of progress: nobody here, the terminal in the command line."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Update = Callable[[int, int], None]
"""Told how many of a work are done and how many there are."""


def ignore(done: int, total: int) -> None:
    """Tell nobody."""


class Progress:
    """Told what a long flow does; a subclass shows what it wants to."""

    def images(self, title: str) -> Update:  # noqa: ARG002
        """Return what is told how many images of an extraction are done."""
        return ignore

    def parts(self, title: str) -> Update:  # noqa: ARG002
        """Return what is told how many parts of a cache are checked."""
        return ignore

    def folds(self, head: str) -> Update:  # noqa: ARG002
        """Return what is told how many folds of a head are done."""
        return ignore

    def epochs(self, network: str) -> Update:  # noqa: ARG002
        """Return what is told how many epochs of a network's training are done."""
        return ignore

    def pages(self, done: int, total: int) -> None:
        """Take note of how many pages are drawn."""

    def run(self, name: str, path: Path, *, fresh: bool) -> None:
        """Take note of a run, and whether it was made now."""

    def note(self, line: str) -> None:
        """Take note of something that a person should know at once."""


SILENT = Progress()


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note under a name how many seconds a block took, if it succeeds."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 3)
