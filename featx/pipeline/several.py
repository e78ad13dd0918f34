"""Making several runs in one go: one that fails doesn't take the others down."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from featx.progress import Progress
from featx.runs.run import Run

T = TypeVar("T")


def make_each(
    settings: Iterable[T],
    make: Callable[[T], Run],
    progress: Progress,
    *,
    name: Callable[[T], str],
) -> list[Run]:
    """Make a run of each settings object, and go on where one fails.

    Parameters
    ----------
    settings : iterable
        Of heads, networks or fine-tuning.
    make : callable
        Makes the run of one of them.
    progress : Progress
        Gets each failure by `failed`, which may raise it.
    name : callable
        Says what failed.

    Returns
    -------
    list of Run
        Those that could be made, in the order of `settings`.

    Raises
    ------
    Exception
        The only one, or all of them failed: what the last one raised.
    """
    wanted = list(settings)
    runs: list[Run] = []
    for number, one in enumerate(wanted, start=1):
        try:
            runs.append(make(one))
        except Exception as error:
            if number == len(wanted) and not runs:
                raise
            progress.failed(name(one), error)
    return runs
