"""Running the model over images: decode ahead, embed, commit as it comes."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.cache import EmbeddingCache
from featx.embeddings.engine import Engine
from featx.embeddings.extractor import Extractor
from featx.embeddings.sources import Source
from featx.errors import ImageError

COMMIT_IMAGES = 500
COMMIT_SECONDS = 10.0
BATCHES_AHEAD = 3

Progress = Callable[[int, int], None]
"""Called with how many images are done and how many there are to compute."""

Batch = tuple[list[int], NDArray[np.uint8]]
"""Rows of the source and their pixels, shape (n, side, side, 3)."""


@dataclass
class Computation:
    """Computes some images' embeddings and commits them to a cache.

    Attributes
    ----------
    source : Source
    rows : sequence of int
        Which images of the source.
    extractor : Extractor
    cache : EmbeddingCache
    batch_size : int
    progress : callable
    computed : int
        How many were embedded.
    failed : dict of int to str
        Row to reason, for images that can't be decoded.
    seconds : float
        Spent on computing, without loading the model.
    """

    source: Source
    rows: Sequence[int]
    extractor: Extractor
    cache: EmbeddingCache
    batch_size: int
    progress: Progress
    computed: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def run(self) -> None:
        """Embed all rows; whatever stops this, what was computed is committed.

        Raises
        ------
        CacheError
            The cache can't be written to.
        """
        pending = _Pending(self.cache)
        pool = ThreadPoolExecutor(max_workers=os.cpu_count())
        try:
            self.progress(0, len(self.rows))
            batches = self._batches(pool)
            # The first images are decoded while the model is being loaded.
            first = next(batches, None)
            if first is not None:
                engine = self.extractor.open()
                self._embed(engine, chain([first], batches), pending)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            pending.commit()

    def _embed(
        self, engine: Engine, batches: Iterator[Batch], pending: "_Pending"
    ) -> None:
        start = time.perf_counter()
        self.progress(0, len(self.rows))  # rates are told from here on
        for rows, pixels in batches:
            embedded = engine(pixels)
            if embedded.shape != (len(rows), engine.dim):
                raise RuntimeError(f"{embedded.shape} embeddings of {len(rows)} images")
            pending.add(self.source.digests.keys[rows], embedded)
            self.computed += len(rows)
            self.progress(self.computed + len(self.failed), len(self.rows))
        self.seconds = time.perf_counter() - start

    def _batches(self, pool: ThreadPoolExecutor) -> Iterator[Batch]:
        """Yield batches in order, decoded in the pool, a bounded number ahead.

        What can't be decoded is noted, and the next image takes its place.
        """
        side = self.extractor.spec.image_size
        todo = iter(self.rows)
        waiting: deque[tuple[int, Future[NDArray[np.uint8]]]] = deque()

        def submit(count: int) -> None:
            for row in islice(todo, count):
                waiting.append((row, pool.submit(self.source.pixels, row, side)))

        submit(self.batch_size * BATCHES_AHEAD)
        rows: list[int] = []
        pixels: list[NDArray[np.uint8]] = []
        while waiting:
            row, future = waiting.popleft()
            submit(1)
            try:
                pixels.append(future.result())
                rows.append(row)
            except ImageError as error:
                self.failed[row] = str(error)
            if len(rows) == self.batch_size:
                yield rows, np.stack(pixels)
                rows, pixels = [], []
        if rows:
            yield rows, np.stack(pixels)


@dataclass
class _Pending:
    """Embeddings that are computed and not committed yet."""

    cache: EmbeddingCache
    keys: list[NDArray[np.uint8]] = field(default_factory=list)
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    since: float = 0.0

    def add(self, keys: NDArray[np.uint8], rows: NDArray[np.float32]) -> None:
        if not self.keys:
            self.since = time.monotonic()
        self.keys.append(keys)
        self.rows.append(rows)
        waited = time.monotonic() - self.since
        if sum(map(len, self.keys)) >= COMMIT_IMAGES or waited >= COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        if self.keys:
            keys, rows = np.concatenate(self.keys), np.concatenate(self.rows)
            self.keys, self.rows = [], []
            self.cache.add(keys, rows)
