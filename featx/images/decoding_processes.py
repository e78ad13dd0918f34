"""Decoding in processes, for machines on which threads don't keep up with the model.

Python's lock lets about eight threads decode side by side. Processes have a lock each,
and one that a damaged image crashes takes only that image with it. Pixels come back
through shared memory, which the system frees however the program ends.
"""

import contextlib
import os
import shutil
import signal
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from featx.errors import ImageError
from featx.hardware import available_memory
from featx.images.memory import DECODING, Account, shared_account
from featx.images.sources import ImageFiles, View, Views, show_or_reason

CHUNK = 16
"""Images that a process is sent at most at a time, as sending takes time as well."""

SLOTS = 3
"""Chunks per process that are decoded or wait to be used."""

MOST_BYTES = 2**29
"""Of pixels that wait in shared memory."""

SHARED = Path("/dev/shm")  # noqa: S108  where Linux keeps shared memory
"""In a container it may be small, and writing more than there is kills a process."""

START_SECONDS = 60
"""What a process may take to start before it counts as one that can't."""

CRASHED = "its decoder crashes; convert or remove it"

Item = tuple[int, frozenset[View]]
"""A row of the source, and how to show it."""

Shown = tuple[int, Views | ImageError]
"""A row, and its pixels or why it can't be read."""


class ProcessesError(Exception):
    """No process can be started here."""


class _Layout(NamedTuple):
    """Where the pixels of an image's views lie in a slot."""

    offsets: dict[View, int]
    size: int
    """Bytes of an image."""

    @classmethod
    def of(cls, views: Iterable[View]) -> "_Layout":
        offsets, size = {}, 0
        for view in sorted(views):
            offsets[view], size = size, size + 3 * view.side**2
        return cls(offsets, size)

    def pixels(self, memory: SharedMemory, place: int, view: View) -> NDArray[np.uint8]:
        """Return a view of the image at a place, as an array in the memory itself."""
        offset = place * self.size + self.offsets[view]
        shape = view.side, view.side, 3
        return np.ndarray(shape, np.uint8, memory.buf, offset)


class _Chunk(NamedTuple):
    """Images that a process is sent, and the slot for their pixels."""

    slot: int
    items: list[Item]
    outcomes: "Future[list[ImageError | None]]"


class DecodingProcesses:
    """Processes that decode images, a bounded number ahead; a context manager.

    A process that dies is replaced. The image that it died of is reported as one that
    can't be read, once it has done so twice.

    Parameters
    ----------
    source : ImageFiles
    views : collection of View
        All that occur.
    processes : int
        How many.
    """

    def __init__(
        self, source: ImageFiles, views: Collection[View], processes: int
    ) -> None:
        self.source, self.processes = source, processes
        self._layout = _Layout.of(views)
        self._chunk = CHUNK
        self._context = get_context("spawn")  # forks of threads may hang
        self._memory: SharedMemory | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._starting: list[Future[int]] = []

    def __enter__(self) -> Self:
        """Return itself; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes and free the memory."""
        self._stop()
        if self._memory is not None:
            self._memory.close()
            self._memory.unlink()
            self._memory = None

    def start(self) -> None:
        """Let the processes start, and don't wait for them.

        What keeps them from it is raised when they are needed.
        """
        with contextlib.suppress(ProcessesError, BrokenProcessPool, OSError):
            self._allocate()
            self._open_pool(self.processes)

    @property
    def have_started(self) -> bool:
        """Whether there is nothing to wait for, or none of them can start."""
        return all(started.done() for started in self._starting)

    def results(self, items: Iterator[Item]) -> Iterator[Shown]:
        """Decode images.

        Parameters
        ----------
        items : iterator of (int, frozenset of View)
            Rows of the source, and how to show each. It is read as it is needed.

        Yields
        ------
        (int, dict or ImageError)
            For each item its row, and its pixels by view or why it can't be read.

        Raises
        ------
        ProcessesError
            A process can't be started, as in a script that isn't protected by
            ``if __name__ == "__main__"``.
        """
        waiting: deque[_Chunk] = deque()
        free = deque(range(SLOTS * self.processes))
        self._allocate()
        chunk = list(islice(items, self._chunk))
        while chunk or waiting:
            while chunk and free:
                waiting.append(self._send(free.popleft(), chunk))
                chunk = list(islice(items, self._chunk))
            done = waiting.popleft()
            yield from self._collect(done, waiting)
            free.append(done.slot)

    def _allocate(self) -> None:
        """Take shared memory, if that isn't done.

        Raises
        ------
        ProcessesError
            There is too little.
        """
        if self._memory is not None:
            return
        slots = SLOTS * self.processes * self._layout.size
        self._chunk = min(CHUNK, _most_bytes() // slots)
        if not self._chunk:
            raise ProcessesError(f"{SHARED} has no room for {self.processes} images")
        self._memory = SharedMemory(create=True, size=self._chunk * slots)

    def _open_pool(self, count: int) -> None:
        """Let so many processes start; others will when there is work for them.

        Raises
        ------
        BrokenProcessPool, ProcessesError
            They can't be started.
        """
        assert self._memory is not None
        account = shared_account(self._context)
        self._pool = ProcessPoolExecutor(
            self.processes,
            self._context,
            initializer=_set_up,
            initargs=(self._memory.name, self._layout, account),
        )
        try:
            with _interrupts_held():
                self._starting = [self._pool.submit(os.getpid) for _ in range(count)]
        except OSError as error:
            self._stop()
            raise ProcessesError(str(error)) from error

    def _await_start(self) -> None:
        """Wait until a process has started, where none is known to have."""
        try:
            for started in self._starting[:1]:
                started.result(START_SECONDS)
        except (BrokenProcessPool, OSError, TimeoutError) as error:
            self._stop()
            raise ProcessesError(str(error) or type(error).__name__) from error
        self._starting = []

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool, self._starting = None, []

    def _submit(
        self, part: ImageFiles, views: list[frozenset[View]], place: int
    ) -> "Future[list[ImageError | None]]":
        """Have some images decoded; start processes if there are none.

        Raises
        ------
        BrokenProcessPool
            One has died.
        ProcessesError
        """
        if self._pool is None:
            self._open_pool(1)
        self._await_start()
        assert self._pool is not None
        with _interrupts_held():  # it starts another process where none is idle
            return self._pool.submit(_decode, part, views, place)

    def _send(self, slot: int, items: list[Item]) -> _Chunk:
        part = self.source.select([row for row, _ in items])
        views = [views for _, views in items]
        try:
            sent = self._submit(part, views, slot * self._chunk)
        except BrokenProcessPool as error:
            sent = Future()
            sent.set_exception(error)
        return _Chunk(slot, items, sent)

    def _collect(self, chunk: _Chunk, waiting: deque[_Chunk]) -> Iterator[Shown]:
        """Yield a chunk's images; where a process died, find out which image it was."""
        try:
            outcomes = chunk.outcomes.result()
        except BrokenProcessPool:
            self._stop()
            # Nobody can tell which of the chunks it was: none is lost.
            outcomes = self._send_alone(chunk).outcomes.result()
            for turn, other in enumerate(waiting):
                if not _is_done(other):
                    waiting[turn] = self._send_alone(other)
        for place, ((row, views), outcome) in enumerate(
            zip(chunk.items, outcomes, strict=True), chunk.slot * self._chunk
        ):
            yield row, outcome or self._copied(place, views)

    def _send_alone(self, chunk: _Chunk) -> _Chunk:
        """Decode a chunk image by image, with nothing else under way."""
        outcomes: list[ImageError | None] = []
        for place, (row, views) in enumerate(chunk.items, chunk.slot * self._chunk):
            outcomes += self._decode_alone(row, views, place)
        found: Future[list[ImageError | None]] = Future()
        found.set_result(outcomes)
        return _Chunk(chunk.slot, chunk.items, found)

    def _decode_alone(
        self, row: int, views: frozenset[View], place: int
    ) -> list[ImageError | None]:
        part = self.source.select([row])
        for _ in range(2):  # the first death may have had another cause
            with contextlib.suppress(BrokenProcessPool):
                return self._submit(part, [views], place).result()
            self._stop()
        return [ImageError(CRASHED)]

    def _copied(self, place: int, views: frozenset[View]) -> Views:
        assert self._memory is not None
        return {
            view: self._layout.pixels(self._memory, place, view).copy()
            for view in views
        }


def _most_bytes() -> int:
    """Return how many bytes of shared memory may be taken."""
    room = available_memory() // 8
    if SHARED.is_dir():
        room = min(room, shutil.disk_usage(SHARED).free // 2)
    return min(MOST_BYTES, room)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let an interrupt wait; a process that is started meanwhile never gets one.

    Otherwise Ctrl-C in a terminal would make each of them print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_done(chunk: _Chunk) -> bool:
    return chunk.outcomes.done() and chunk.outcomes.exception() is None


_HERE: dict[str, tuple[SharedMemory, _Layout]] = {}
"""In a decoding process: where pixels go."""


def _set_up(name: str, layout: _Layout, account: Account) -> None:
    """Prepare a decoding process."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program ends its processes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)  # there is a process for each core
    DECODING.account = account
    _HERE["memory"] = SharedMemory(name=name), layout


def _end_with_parent() -> None:
    """Leave when the program was killed, which closes no queue of its processes."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _decode(
    source: ImageFiles, views: Sequence[frozenset[View]], place: int
) -> list[ImageError | None]:
    """Decode images into the shared memory; return why not, for each that can't be."""
    memory, layout = _HERE["memory"]
    outcomes: list[ImageError | None] = []
    for row, wanted in enumerate(views):
        shown = show_or_reason(source, row, wanted)
        if isinstance(shown, ImageError):
            outcomes.append(shown)
            continue
        for view, pixels in shown.items():
            layout.pixels(memory, place + row, view)[...] = pixels
        outcomes.append(None)
    return outcomes
