"""Decoding images ahead of a model: in threads, or in processes where they are faster.

Threads start at once and share memory, so they come first. Where the model waits for
them, and there are cores that they leave idle, processes take over.
"""

import contextlib
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from featx.hardware import usable_cores
from featx.images.arrays import images_ahead
from featx.images.decoding_processes import (
    DecodingProcesses,
    Item,
    ProcessesError,
    Shown,
)
from featx.images.packed.find import reading_threads
from featx.images.prefetch import prefetch
from featx.images.sources import ImageFiles, Source, show_or_reason

LOGGER = logging.getLogger(__name__)

Where = Literal["auto", "threads", "processes"]

WATCHED = 256
"""Images by which it is judged whether threads keep up, after as many others."""

MOST_WAITING = 0.25
"""Share of the time that a model may wait for threads."""

FEWEST_CORES = 4
"""From so many cores on, threads may leave some idle."""

FEWEST_LEFT = 2000
"""Images for which it pays to start processes, which takes a second or two."""


@dataclass(frozen=True)
class Decoders:
    """What decodes.

    Attributes
    ----------
    where : {"auto", "threads", "processes"}
        ``auto``: in threads, and in processes where those don't keep up.
    count : int, optional
        How many; by default one for each core.
    """

    where: Where = "auto"
    count: int | None = None


USUAL = Decoders()


@contextlib.contextmanager
def decode_ahead(
    source: Source, items: Sequence[Item], decoders: Decoders = USUAL
) -> Iterator[Iterator[Shown]]:
    """Decode images, a bounded number ahead of what is asked for.

    Parameters
    ----------
    source : Source
        Only files are decoded in processes.
    items : sequence of (int, frozenset of View)
        Rows of the source, and how to show each.
    decoders : Decoders

    Yields
    ------
    iterator of (int, dict or ImageError)
        For each item its row, and its pixels by view or why it can't be read, in the
        order of the items.
    """
    with contextlib.closing(_Stream(source, items, decoders).shown()) as shown:
        yield shown


class _Stream:
    """Images on their way from one kind of decoders, or one after the other."""

    def __init__(
        self, source: Source, items: Sequence[Item], decoders: Decoders
    ) -> None:
        self.source, self.items = source, items
        self.count = decoders.count or usable_cores()
        files = source.files if isinstance(source, ImageFiles) else ()
        self.threads = decoders.count or reading_threads(files) or self.count
        self.where = decoders.where if isinstance(source, ImageFiles) else "threads"
        self.views = {view for _, views in items for view in views}
        self.done = 0
        self._leaving = False
        """Whether threads get no more images, since processes are to take over."""
        self._processes: DecodingProcesses | None = None

    def shown(self) -> Generator[Shown]:
        """Yield what `decode_ahead` does."""
        if not self.items:
            return
        with ExitStack() as stack:
            if isinstance(self.source, ImageFiles):
                self._processes = stack.enter_context(
                    DecodingProcesses(self.source, self.views, self.count)
                )
            if self.where != "processes":
                yield from self._in_threads()
            if self.done < len(self.items):
                yield from self._in_processes_or_threads()

    def _in_processes_or_threads(self) -> Iterator[Shown]:
        try:
            yield from self._in_processes()
        except ProcessesError as error:
            LOGGER.warning(
                "decoding in threads, as processes can't be started (%s); a"
                ' script needs `if __name__ == "__main__":`',
                error,
            )
            self.where, self._leaving = "threads", False
            yield from self._in_threads()

    def _in_threads(self) -> Iterator[Shown]:
        ahead = max(images_ahead(self.views), 2 * self.threads)
        with prefetch(
            self._show, self._left(), ahead=ahead, threads=self.threads
        ) as shown:
            yield from (
                self._watched(shown) if self.where == "auto" else self._counted(shown)
            )

    def _in_processes(self) -> Iterator[Shown]:
        assert self._processes is not None
        LOGGER.debug("decoding in %d processes", self.count)
        left = islice(self.items, self.done, None)
        yield from self._counted(self._processes.results(left))

    def _left(self) -> Iterator[Item]:
        for item in islice(self.items, self.done, None):
            if self._leaving:
                return
            yield item

    def _show(self, item: Item) -> Shown:
        row, views = item
        return row, show_or_reason(self.source, row, views)

    def _counted(self, shown: Iterator[Shown]) -> Iterator[Shown]:
        for one in shown:
            self.done += 1
            yield one

    def _watched(self, shown: Iterator[Shown]) -> Iterator[Shown]:
        """Yield images, and judge after some whether the model waits for them."""
        if self.count < FEWEST_CORES or len(self.items) < FEWEST_LEFT:
            yield from self._counted(shown)
            return
        assert self._processes is not None
        waited, start, are_starting = 0.0, 0.0, False
        while True:
            before = time.perf_counter()
            one = next(shown, None)
            if one is None:
                return
            waited += time.perf_counter() - before
            self.done += 1
            yield one
            # What was decoded while the model was loaded says nothing.
            if self.done == WATCHED:
                waited, start = 0.0, time.perf_counter()
            if self.done == 2 * WATCHED:
                share = waited / (time.perf_counter() - start)
                LOGGER.debug("the model waits %.0f%% of the time", 100 * share)
                left = len(self.items) - self.done
                are_starting = share > MOST_WAITING and left >= FEWEST_LEFT
                if are_starting:
                    self._processes.start()
            # Threads go on until then.
            self._leaving = are_starting and self._processes.have_started
