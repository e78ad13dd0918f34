"""Backbones as LiteRT files, and what runs such a file image by image.

On CPUs, a small network image by image in one thread per core is up to three times as
fast as TensorFlow's graph in batches: an image's maps stay in the core's own cache, and
no thread waits for another. Each row depends on its image only, so it has the same bits
in any batch.
"""

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

    Raises
    ------
    BackboneError
        There is no such layer, or the backbone can't be converted: Keras has to run on
        TensorFlow for it.
    WeightsError
        The file doesn't fit the backbone.
    OSError
        It can't be written.
    """
    path = _path_of(extractor)
    if not path.is_file():
        need_tensorflow(f"converting {extractor.backbone.name}")
        content = _converted(extractor)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    return path


def is_convertible(extractor: KerasExtractor) -> bool:
    """Return whether a backbone is converted, or can be."""
    return _path_of(extractor).is_file() or missing_backend("tensorflow") is None


def _path_of(extractor: KerasExtractor) -> Path:
    return model_path(extractor.models or Path(_scratch().name), extractor.spec)


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
