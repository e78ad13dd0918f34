"""Running a Keras model on PyTorch: the engine `torch`."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.embeddings.engines.batches import (
    CPU_BATCH,
    GPU_BATCH,
    PaddedRuns,
    Run,
    build_engine,
    check_batch,
    gpu_precisions,
    largest_map,
    policy_of,
    suitable_batch,
)
from featx.embeddings.engines.table import Engine
from featx.errors import first_line
from featx.frameworks import import_torch
from featx.hardware import available_memory
from featx.keras_backend import missing_backend

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from featx.embeddings.backbones.extractor import KerasExtractor

LOGGER = logging.getLogger(__name__)

_NO_MEMORY = "can't allocate memory"
"""What PyTorch's allocator for the CPU says, in a plain RuntimeError."""


class TorchEngine:
    """Runs a Keras model, compiled on a GPU and operation by operation on a CPU.

    Keras keeps images with the channels last, which is how the convolutions of oneDNN
    and of tensor cores take them, without a copy.

    Parameters
    ----------
    model : keras.Model
        From uint8 (N, height, width, 3) to (N, D).
    """

    name = "torch"

    def __init__(self, model: "keras.Model") -> None:
        self._torch = torch = import_torch()
        self.dim: int = int(model.output_shape[-1])
        self._shape: tuple[int, ...] = tuple(model.input_shape[1:])
        self._model = model
        self._device = torch.device("cuda" if uses_gpu() else "cpu")
        most, memory = CPU_BATCH, available_memory()
        if uses_gpu():
            most, memory = GPU_BATCH, torch.cuda.mem_get_info()[0]
        self.batch_size = suitable_batch(largest_map(model), memory, most)
        self._run: Run = self._runs(self._embed)
        if uses_gpu():
            self._run = PaddedRuns(self._compile)

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed a batch; see `Engine`."""
        check_batch(batch, self._shape)
        if len(batch) == 0:
            return np.empty((0, self.dim), np.float32)
        return self._run(batch)

    def _embed(self, images: Any) -> Any:
        return self._model(images, training=False).float()

    def _runs(self, embed: Callable[[Any], Any]) -> Run:
        """Return what embeds arrays, where `embed` does tensors."""
        torch = self._torch

        def run(batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
            try:
                with torch.inference_mode():
                    images = torch.from_numpy(np.ascontiguousarray(batch))
                    rows = embed(images.to(self._device))
                    return np.asarray(rows.cpu().numpy(), np.float32)
            except torch.OutOfMemoryError as error:
                raise MemoryError(f"a batch of {len(batch)} images") from error
            except RuntimeError as error:
                if _NO_MEMORY in str(error):
                    raise MemoryError(f"a batch of {len(batch)} images") from error
                raise

        return run

    def _compile(self, size: int) -> Run:
        """Compile the model for batches of one size, or leave it as it is."""
        plain = self._runs(self._embed)
        try:
            compiled = self._runs(self._torch.compile(self._embed, dynamic=False))
            compiled(np.zeros((size, *self._shape), np.uint8))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  compilers raise errors of any type
            LOGGER.debug("torch.compile: %s", first_line(error))
            return plain
        return compiled


def open_engine(extractor: "KerasExtractor") -> Engine:
    """Build a backbone; a second call finds it built.

    It runs on a GPU if PyTorch finds one, on the CPU otherwise.

    Raises
    ------
    BackboneError
        There is no such layer, or this machine can't compute in the precision.
    WeightsError
        The file doesn't fit the backbone.
    """
    policy = policy_of(extractor.precision, "PyTorch", on_gpu=uses_gpu())
    return build_engine(TorchEngine, extractor, policy)


def missing() -> str | None:
    """Say why the engine can't run here, and what to do."""
    return missing_backend("torch")


def uses_gpu() -> bool:
    """Tell whether it computes on a GPU here."""
    return bool(import_torch().cuda.is_available())


def precisions() -> tuple[str, ...]:
    """Return what it computes in here: float32, and what may be faster."""
    if not uses_gpu():
        return ("float32",)
    return gpu_precisions(import_torch().cuda.get_device_capability())
