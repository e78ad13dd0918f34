"""Making several things in one go: one that fails doesn't take the others down."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from featx.progress import Progress

T = TypeVar("T")
R = TypeVar("R")


def make_each(
    settings: Iterable[T],
    make: Callable[[T], R],
    progress: Progress,
    *,
    name: Callable[[T], str],
) -> list[R]:
    """Make a run or the like of each settings object, and go on where one fails.

    Parameters
    ----------
    settings : iterable
        Of heads, networks, fine-tuning or embeddings.
    make : callable
        Makes what is wanted of one of them.
    progress : Progress
        Gets each failure by `failed`, which may raise it.
    name : callable
        Says what failed.

    Returns
    -------
    list
        Those that could be made, in the order of `settings`.

    Raises
    ------
    Exception
        The only one, or all of them failed: what the last one raised.
    """
    wanted = list(settings)
    made: list[R] = []
    for number, one in enumerate(wanted, start=1):
        try:
            made.append(make(one))
        except Exception as error:
            if number == len(wanted) and not made:
                raise
            progress.failed(name(one), error)
    return made
