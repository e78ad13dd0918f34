"""What engines share: how they are built, batches, their sizes and precisions."""

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.engines.table import Engine
from featx.errors import BackboneError
from featx.frameworks import garbage_kept
from featx.hardware import has_bfloat16

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from featx.embeddings.backbones.extractor import KerasExtractor

Kind = TypeVar("Kind", bound=Engine)

# Larger batches bring nothing more.
CPU_BATCH, GPU_BATCH = 32, 256

# Of the memory there is, what the maps of a batch may take: two run at a time.
_MEMORY_SHARE = 0.2

# A map, what it is made of, and what the convolution between them works with.
_LIVE_MAPS = 4

Run = Callable[["NDArray[np.uint8]"], "NDArray[np.float32]"]
"""Embeds a batch of one size."""


def build_engine(
    kind: Callable[["keras.Model"], Kind], extractor: "KerasExtractor", policy: str
) -> Kind:
    """Build an engine and the network that it runs; a second call finds it built.

    Parameters
    ----------
    kind : callable
        From a model to its engine.
    extractor : KerasExtractor
        Only its network matters.
    policy : str
        Keras' dtype policy of the model.

    Raises
    ------
    BackboneError
        There is no such layer.
    WeightsError
        The file doesn't fit the backbone.
    """
    return cast("Kind", _built(kind, extractor.network, policy))


@lru_cache(maxsize=1)  # one at a time: a large backbone takes gigabytes
def _built(
    kind: Callable[["keras.Model"], Engine], network: "KerasExtractor", policy: str
) -> Engine:
    with garbage_kept():
        return kind(build_model(network, policy))


def check_batch(batch: "NDArray[np.uint8]", shape: tuple[int, ...]) -> None:
    """Refuse a batch of another type, or of images of another shape.

    Raises
    ------
    ValueError
    """
    if batch.dtype != np.uint8 or batch.shape[1:] != shape:
        raise ValueError(
            f"a batch is uint8 (N, {', '.join(map(str, shape))}), "
            f"not {batch.dtype} {batch.shape}"
        )


def suitable_batch(largest_map: int, memory: int, most: int) -> int:
    """Return how many images at a time suit the memory: a power of two.

    Parameters
    ----------
    largest_map : int
        Bytes of an image's largest map on its way through the model.
    memory : int
        Bytes that there are.
    most : int
        More are of no use.
    """
    fits = int(memory * _MEMORY_SHARE / (_LIVE_MAPS * largest_map))
    return 1 << (min(most, max(1, fits)).bit_length() - 1)


def largest_map(model: "keras.Model") -> int:
    """Return the bytes of an image's largest map on its way through a model."""
    sizes = []
    for operation in model.operations:
        if hasattr(operation, "operations"):
            sizes.append(largest_map(operation))
        elif hasattr(operation.output, "shape"):
            sizes.append(4 * int(np.prod(operation.output.shape[1:])))
    return max(sizes)


def cpu_precisions() -> tuple[str, ...]:
    """Return what oneDNN and OpenVINO compute in on this CPU."""
    return ("float32", "bfloat16") if has_bfloat16() else ("float32",)


def gpu_precisions(capability: tuple[int, int]) -> tuple[str, ...]:
    """Return what an NVIDIA GPU computes in, the one that may be faster last.

    Parameters
    ----------
    capability : tuple of int
        Its compute capability.
    """
    if capability >= (8, 0):
        return ("float32", "bfloat16")
    return ("float32", "float16") if capability >= (7, 0) else ("float32",)


def policy_of(precision: str, backend: str, *, on_gpu: bool) -> str:
    """Return Keras' dtype policy of a model that computes in a precision.

    Raises
    ------
    BackboneError
        On a CPU, where only float32 is of use.
    """
    if precision == "float32":
        return precision
    if not on_gpu:
        raise BackboneError(
            f"--precision {precision}: takes a GPU, and {backend} finds none; use auto"
            " or float32"
        )
    return f"mixed_{precision}"


class PaddedRuns:
    """A model that is compiled for each size of a batch: for few of them.

    A batch is filled up with black images to a power of two, or to a size that is
    compiled already. Several threads may call it.

    Parameters
    ----------
    compile_for : callable
        Returns what embeds batches of a size. It, and what it returns, raise
        MemoryError where such a batch doesn't fit; no batch as large is run again.
    """

    def __init__(self, compile_for: Callable[[int], Run]) -> None:
        self._compile_for = compile_for
        self._compiled: dict[int, Run] = {}
        self._limit: int | None = None
        self._compiling = threading.Lock()

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed a batch of at least one image.

        Raises
        ------
        MemoryError
            It doesn't fit; a smaller one may.
        """
        while True:
            size = self._size(len(batch))
            try:
                run = self._run_of(size)
                return run(_padded(batch, size))[: len(batch)]
            except MemoryError:
                self._forget(size)

    def _size(self, count: int) -> int:
        """Return the size to run so many images at."""
        if self._limit is not None and count > self._limit:
            raise MemoryError(f"a batch of {count} images")
        ready = [size for size in list(self._compiled) if size >= count]
        return min(ready, default=1 << (count - 1).bit_length())

    def _run_of(self, size: int) -> Run:
        with self._compiling:  # compiling is the work of all cores
            if size not in self._compiled:
                self._compiled[size] = self._compile_for(size)
            return self._compiled[size]

    def _forget(self, size: int) -> None:
        with self._compiling:
            smaller = size // 2
            self._limit = smaller if self._limit is None else min(self._limit, smaller)
            for large in [one for one in self._compiled if one > self._limit]:
                del self._compiled[large]


def _padded(batch: "NDArray[np.uint8]", size: int) -> "NDArray[Any]":
    if len(batch) == size:
        return batch
    filled = np.zeros((size, *batch.shape[1:]), np.uint8)
    filled[: len(batch)] = batch
    return filled
