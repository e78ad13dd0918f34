"""Reporting progress: silent by default, shown by the command line."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LOGGER = logging.getLogger(__name__)

Update = Callable[[int, int], None]
"""Called with how many steps of a task are done, and how many there are."""


def ignore(done: int, total: int) -> None:
    """Report nothing."""


class Progress:
    """What long tasks report to; a subclass shows it.

    `task` and `images` begin a task and return what to call after each step.
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def task(self, title: str, unit: str) -> Update:  # noqa: ARG002
        """Begin a task whose steps are so many images, folds or the like."""
        return ignore

    def images(self, title: str) -> Update:
        """Begin to read or embed images."""
        return self.task(title, "images")

    def run(self, name: str, path: Path, *, fresh: bool) -> None:
        """Report a run, and whether it was made now."""

    def failed(self, name: str, error: Exception) -> None:  # noqa: ARG002
        """Report that one of several runs failed; here its error is raised.

        A subclass that returns lets the other runs be made.
        """
        raise error

    def note(self, line: str) -> None:
        """Report what the user should know at once."""


SILENT = Progress()


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note under a name how many seconds a block took, if it succeeds."""
    start = time.perf_counter()
    yield
    seconds[name] = round(time.perf_counter() - start, 3)
    LOGGER.debug("%s: %.3f s", name.replace("_", " "), seconds[name])
