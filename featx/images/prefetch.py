"""A bounded look-ahead: results in order from threads, never too many waiting."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from featx.hardware import usable_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4
"""Items per core that are worked on before their results are needed."""


@contextlib.contextmanager
def prefetch(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    ahead: int | None = None,
    threads: int | None = None,
) -> Iterator[Iterator[Result]]:
    """Call a function on items in threads, a bounded number ahead.

    At the end of the block, an error and an interrupt among them, what has not begun
    is cancelled.

    Parameters
    ----------
    function : callable
        Takes an item, in any thread. Reading, hashing and decoding release the
        interpreter lock, so threads use all cores.
    items : iterable
    ahead : int, optional
        Results that may wait; by default `AHEAD` per thread.
    threads : int, optional
        By default one per core.

    Yields
    ------
    iterator
        The results, in the order of the items; work begins with the first one asked
        for. What the function raises is raised in its place, and ends the iterator.
    """
    threads = threads or usable_cores()
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        yield _results(pool, function, items, ahead or AHEAD * threads)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    ahead: int,
) -> Iterator[Result]:
    left = iter(items)
    waiting: deque[Future[Result]] = deque()
    waiting.extend(pool.submit(function, item) for item in islice(left, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(pool.submit(function, item) for item in islice(left, 1))
        yield result
