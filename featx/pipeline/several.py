"""Making several runs in one go: one that fails doesn't take the others down."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from featx.progress import Progress
from featx.runs.run import Run


class Named(Protocol):
    """Settings of a run, with the name of its head or network."""

    @property
    def name(self) -> str:
        """The name in the table of heads or networks."""


T = TypeVar("T", bound=Named)


def make_each(
    settings: Iterable[T], make: Callable[[T], Run], progress: Progress
) -> list[Run]:
    """Make a run of each settings object, and go on where one fails.

    Parameters
    ----------
    settings : iterable
        Of heads or networks.
    make : callable
        Makes the run of one of them.
    progress : Progress
        Gets each failure by `failed`, which may raise it.

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
            progress.failed(one.name, error)
    return runs
