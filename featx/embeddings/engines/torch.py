"""Running a Keras model on PyTorch: the engine `torch`."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
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
        self._threads = threading.local()
        most, memory = CPU_BATCH, available_memory()
        if uses_gpu():
            most, memory = GPU_BATCH, torch.cuda.mem_get_info()[0]
        self.batch_size = suitable_batch(largest_map(model), memory, most)
        self._run: Run = self._runs(self._embed)
        if uses_gpu():
            self._run = PaddedRuns(self._compile)

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed a batch; see `Engine`. A tensor on the model's device will do, too."""
        if not self._torch.is_tensor(batch):
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
                with torch.inference_mode(), self._stream():
                    rows = embed(self._placed(batch))
                    return np.asarray(rows.cpu().numpy(), np.float32)
            except torch.OutOfMemoryError as error:
                raise MemoryError(f"a batch of {len(batch)} images") from error
            except RuntimeError as error:
                if _NO_MEMORY in str(error):
                    raise MemoryError(f"a batch of {len(batch)} images") from error
                raise

        return run

    @contextlib.contextmanager
    def _stream(self) -> Iterator[None]:
        """Let this thread's work wait for no other thread's on a GPU.

        On the stream that all threads share, a batch would be sent to the GPU only
        once the other thread's batch is done.
        """
        if self._device.type == "cpu":
            yield
            return
        cuda = self._torch.cuda
        if not hasattr(self._threads, "stream"):
            self._threads.stream = cuda.Stream()
            # The weights were written there.
            self._threads.stream.wait_stream(cuda.default_stream())
        with cuda.stream(self._threads.stream):
            yield

    def _placed(self, batch: "NDArray[np.uint8]") -> Any:
        """Return a batch as a tensor where the model is."""
        torch = self._torch
        if torch.is_tensor(batch):
            return batch
        images = torch.from_numpy(np.ascontiguousarray(batch))
        if self._device.type == "cpu":
            return images
        # Only from memory that stays in its place does the GPU fetch it by itself.
        return images.pin_memory().to(self._device, non_blocking=True)

    def _traced(self, size: int) -> Callable[[Any], Any]:
        """Return the operations on tensors that the model consists of, for one size.

        PyTorch's compiler looks into Python code. Of Keras' layers that is so much that
        it gives up on parts, after a minute, and what it returns is slower.
        """
        from torch.fx.experimental.proxy_tensor import make_fx

        torch = self._torch
        shape = (size, *self._shape)
        images = torch.zeros(shape, dtype=torch.uint8, device=self._device)

        def embed(images: Any) -> Any:  # a method has one argument more than it takes
            return self._embed(images)

        with torch.no_grad():
            traced: Callable[[Any], Any] = make_fx(embed)(images)
        return traced

    def _compile(self, size: int) -> Run:
        """Compile the model for batches of one size, or leave it as it is."""
        plain = self._runs(self._embed)
        try:
            operations = self._traced(size)
            compiled = self._runs(self._torch.compile(operations, dynamic=False))
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
