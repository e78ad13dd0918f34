"""Backbones as LiteRT files, and what runs such a file image by image.

On CPUs, a small network image by image in one thread per core is up to three times as
fast as TensorFlow's graph in batches: an image's maps stay in the core's own cache, and
no thread waits for another. Each row depends on its image only, so it has the same bits
in any batch.
"""

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from featx.atomic import write_atomically
from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.cache.models import model_path
from featx.embeddings.engines.batches import check_batch
from featx.errors import BackboneError, first_line
from featx.frameworks import import_tensorflow, need_tensorflow, silenced_stderr
from featx.keras_backend import missing_backend

BATCH = 32
"""Images that are embedded and committed together; each runs alone."""

ImageRunner = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""From one image, shape (1, side, side, 3), to its row, shape (1, D)."""


def convert(extractor: KerasExtractor) -> Path:
    """Return the LiteRT file of a backbone with its weights; it is written once.

    It is kept in the cache folder; where that can't be written to, or none is named,
    only as long as this process runs.

    Raises
    ------
    BackboneError
        There is no such layer, or the backbone can't be converted: Keras has to run on
        TensorFlow for it.
    WeightsError
        The file doesn't fit the backbone.
    """
    paths = _paths_of(extractor)
    for path in paths:
        if path.is_file():
            return path
    need_tensorflow(f"converting {extractor.backbone.name}")
    content = _converted(extractor)
    for path in paths[:-1]:
        with contextlib.suppress(OSError):
            _write(path, content)
            return path
    _write(paths[-1], content)
    return paths[-1]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)


def is_converted(extractor: KerasExtractor) -> bool:
    """Return whether a backbone was converted before."""
    return any(path.is_file() for path in _paths_of(extractor))


def is_convertible(extractor: KerasExtractor) -> bool:
    """Return whether a backbone is converted, or can be."""
    return is_converted(extractor) or missing_backend("tensorflow") is None


def _paths_of(extractor: KerasExtractor) -> list[Path]:
    """Return where a converted backbone may be, the best place first."""
    folders = [extractor.models] if extractor.models else []
    folders.append(Path(_scratch().name))
    return [model_path(folder, extractor.spec) for folder in folders]


@lru_cache(maxsize=1)
def _scratch() -> "TemporaryDirectory[str]":
    """Return a folder that goes with this process, where no cache is named."""
    return TemporaryDirectory(prefix="featx-")


def _converted(extractor: KerasExtractor) -> bytes:
    from featx.embeddings.engines.tensorflow import is_frozen, trace_backbone

    if not is_frozen(extractor.backbone):
        raise BackboneError(f"{extractor.backbone.name}: too large to be converted")
    graph, model = trace_backbone(extractor, batch=1)
    lite = import_tensorflow().lite
    converter = lite.TFLiteConverter.from_concrete_functions([graph], model)
    try:
        with silenced_stderr():
            content: bytes = converter.convert()
    except Exception as error:  # the converter raises exceptions of any type
        raise BackboneError(
            f"{extractor.backbone.name}: LiteRT can't convert it ({first_line(error)})"
        ) from error
    return content


class ImageByImage:
    """Runs images one by one, several at a time: an `Engine`.

    Parameters
    ----------
    name : str
        Of the engine.
    runners : sequence of callable
        Each serves one thread at a time.
    side, dim : int
        Of an image, in pixels, and of a row.
    """

    def __init__(
        self, name: str, runners: Sequence[ImageRunner], side: int, dim: int
    ) -> None:
        self.name = name
        self.dim = dim
        self.batch_size = BATCH
        self._shape = (side, side, 3)
        self._idle: SimpleQueue[ImageRunner] = SimpleQueue()
        for runner in runners:
            # Here, in one thread: where two enter OpenVINO for the first time at once,
            # one may hold Python's lock and wait for the other, which waits for it.
            runner(np.zeros((1, *self._shape), np.uint8))
            self._idle.put(runner)
        self._threads = ThreadPoolExecutor(len(runners), "featx-engine")

    def __call__(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed a batch; see `Engine`."""
        check_batch(batch, self._shape)
        rows = np.empty((len(batch), self.dim), np.float32)

        def embed(index: int) -> None:
            runner = self._idle.get()
            try:
                rows[index] = runner(batch[index : index + 1])[0]
            finally:
                self._idle.put(runner)

        list(self._threads.map(embed, range(len(batch))))
        return rows
