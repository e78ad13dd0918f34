"""Running models over images: decode once and ahead, embed, commit as it comes."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import Extractor
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.engines.table import MODEL_RUNS
from featx.errors import BackboneError, ImageError
from featx.images.decode_ahead import USUAL, Decoders, decode_ahead
from featx.images.decoding_processes import Shown
from featx.images.sources import Source, View, Views
from featx.progress import Update

if TYPE_CHECKING:
    from featx.embeddings.engines.table import Engine

COMMIT_IMAGES = 500
COMMIT_SECONDS = 10.0
COMMIT_BYTES = 1 << 25
"""Rows of whole feature maps are large: they are committed in smaller parts."""


@dataclass
class SpecQueue:
    """The images that one extractor is to embed, and how far it is.

    Attributes
    ----------
    extractor : Extractor
    cache : EmbeddingCache
        Where its embeddings are committed.
    rows : frozenset of int
        Which images of the source it lacks.
    batch_size : int or None
        Images per run of the model; None leaves it to the engine. Halved when the
        memory runs out.
    computed : int
        How many were embedded.
    notes : list of str
        What a user should know.
    """

    extractor: Extractor
    cache: EmbeddingCache
    rows: frozenset[int]
    batch_size: int | None = None
    computed: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = self.extractor.spec.view
        self._engine: Engine | None = None
        self._models: ThreadPoolExecutor | None = None
        self._rooms = threading.local()  # for the batch that a thread is at
        self._batch: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
        self._running: deque[tuple[NDArray[np.uint8], Future[NDArray[np.float32]]]]
        self._running = deque()
        self._uncommitted: list[tuple[NDArray[np.uint8], NDArray[np.float32]]] = []
        self._uncommitted_since = 0.0

    def open(self, models: ThreadPoolExecutor) -> None:
        """Load the model, to be run by these threads."""
        self._models = models
        self._engine = self.extractor.open()
        self.batch_size = self.batch_size or self._engine.batch_size

    def add(self, key: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> bool:
        """Take an image; return whether any were embedded since."""
        self._batch.append((key, pixels))
        if len(self._batch) < (self.batch_size or 1):
            return False
        self._submit()
        # The models always find one more batch waiting.
        return self._collect(running=MODEL_RUNS)

    def flush(self) -> bool:
        """Embed the images that wait for a full batch; return whether any did."""
        if self._batch:
            self._submit()
        return self._collect(running=0)

    def commit(self) -> None:
        """Commit what was embedded, when nothing runs any more."""
        while self._running:
            keys, embedded = self._running.popleft()
            if not embedded.cancelled() and embedded.exception() is None:
                self._take(keys, embedded.result())
        self._commit()

    def _submit(self) -> None:
        assert self._models is not None
        keys, images = zip(*self._batch, strict=True)
        self._batch = []
        # To join the images here would hold up the next ones for as long as it takes.
        embedded = self._models.submit(self._embed_images, images)
        self._running.append((np.stack(keys), embedded))

    def _collect(self, running: int) -> bool:
        """Wait until so many batches run at most; return whether any were done."""
        done = len(self._running) > running
        while len(self._running) > running:
            keys, embedded = self._running.popleft()
            self._take(keys, embedded.result())
        return done

    def _take(self, keys: NDArray[np.uint8], rows: NDArray[np.float32]) -> None:
        if not self._uncommitted:
            self._uncommitted_since = time.monotonic()
        self._uncommitted.append((keys, rows))
        self.computed += len(keys)
        if (
            sum(len(keys) for keys, _ in self._uncommitted) >= COMMIT_IMAGES
            or sum(rows.nbytes for _, rows in self._uncommitted) >= COMMIT_BYTES
            or time.monotonic() - self._uncommitted_since >= COMMIT_SECONDS
        ):
            self._commit()

    def _commit(self) -> None:
        if self._uncommitted:
            keys, rows = map(np.concatenate, zip(*self._uncommitted, strict=True))
            self._uncommitted = []
            assert self._engine is not None
            self.cache.add(keys, rows, self._engine.name)

    def _embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        # A batch in new memory takes many times as long: the system clears it first.
        room = getattr(self._rooms, "pixels", None)
        if room is None or len(room) < len(images):
            room = self._rooms.pixels = np.empty((len(images), *images[0].shape), "u1")
        return self._embed(np.stack(images, out=room[: len(images)]))

    def _embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch, in smaller ones where the memory is too small for it."""
        assert self._engine is not None
        size = len(pixels)
        while True:
            try:
                batches = [pixels[i : i + size] for i in range(0, len(pixels), size)]
                rows = np.concatenate([self._engine(batch) for batch in batches])
            except MemoryError:
                if size == 1:
                    raise BackboneError(
                        f"{self.extractor.spec}: not enough memory for a single image;"
                        " use a smaller --image-size or --backbone"
                    ) from None
                size = self.batch_size = size // 2
                note = f"out of memory: batches of {size} images from now"
                if note not in self.notes:
                    self.notes.append(note)
                continue
            if rows.shape != (len(pixels), self._engine.dim):
                raise RuntimeError(f"{rows.shape} embeddings of {len(pixels)} images")
            if not np.isfinite(rows).all():
                raise BackboneError(
                    f"{self.extractor.spec}: gives numbers that are not finite; use"
                    " --precision float32, or other --weights"
                )
            return rows


@dataclass
class Computation:
    """Computes embeddings of some images and commits them, several extractors at once.

    Attributes
    ----------
    source : Source
    queues : sequence of SpecQueue
        Each image is decoded once for all of them.
    update : callable
    decoders : Decoders
    failed : dict of int to ImageError
        Row to reason, for images that can't be decoded.
    seconds : float
        Spent on computing, without loading the models.
    """

    source: Source
    queues: Sequence[SpecQueue]
    update: Update
    decoders: Decoders = USUAL
    failed: dict[int, ImageError] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._failed_shares = 0
        wanted = frozenset().union(*(queue.rows for queue in self.queues))
        rows = [row for row in self.source.order if row in wanted]
        # Most rows want the same views: one set for all of these.
        shared: dict[frozenset[View], frozenset[View]] = {}
        self._items = []
        for row in rows:
            views = frozenset(queue.view for queue in self._wanting(row))
            self._items.append((row, shared.setdefault(views, views)))

    def run(self) -> None:
        """Embed all rows; however this ends, what was computed is committed.

        Raises
        ------
        CacheError
            The cache can't be written to.
        BackboneError
            A model can't be built, gives numbers that are not finite, or the memory is
            too small for one image.
        """
        models = ThreadPoolExecutor(max_workers=MODEL_RUNS)
        with ExitStack() as stack:
            for queue in self.queues:
                stack.callback(queue.commit)
            stack.callback(models.shutdown, wait=True, cancel_futures=True)
            self._report()
            shown = decode_ahead(self.source, self._items, self.decoders)
            decoded = self._readable(stack.enter_context(shown))
            # The first images are decoded while the models are being loaded.
            first = next(decoded, None)
            if first is not None:
                for queue in self.queues:
                    queue.open(models)
                self._embed(chain([first], decoded))

    def _embed(self, decoded: Iterator[tuple[int, Views]]) -> None:
        start = time.perf_counter()
        self._report()  # rates are measured from here on
        for row, views in decoded:
            key = self.source.digests.keys[row]
            took = [queue.add(key, views[queue.view]) for queue in self._wanting(row)]
            if any(took):
                self._report()
        last = [queue.flush() for queue in self.queues]
        if any(last):
            self._report()
        self.seconds = time.perf_counter() - start

    def _wanting(self, row: int) -> list[SpecQueue]:
        return [queue for queue in self.queues if row in queue.rows]

    def _report(self) -> None:
        done = self._failed_shares + sum(queue.computed for queue in self.queues)
        rows = sum(len(queue.rows) for queue in self.queues)
        # An image counts in as many shares as there are embeddings of it.
        self.update(done * len(self._items) // rows, len(self._items))

    def _readable(self, shown: Iterator[Shown]) -> Iterator[tuple[int, Views]]:
        """Yield what could be decoded, and note the rest."""
        for row, views in shown:
            if isinstance(views, ImageError):
                self.failed[row] = views
                self._failed_shares += len(self._wanting(row))
            else:
                yield row, views
