"""Running a Keras model compiled by XLA: the engine `jax`."""

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
from featx.frameworks import import_jax
from featx.hardware import available_memory
from featx.keras_backend import missing_backend

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    from featx.embeddings.backbones.extractor import KerasExtractor

_NO_MEMORY = "RESOURCE_EXHAUSTED"
"""How XLA's message begins; JAX has no type for it."""


class JaxEngine:
    """Runs a Keras model, compiled for some sizes of batches.

    The weights are arguments of what is compiled: as constants, XLA would fold them
    into others for minutes.

    Parameters
    ----------
    model : keras.Model
        From uint8 (N, height, width, 3) to (N, D). Later changes of its weights aren't
        seen.
    """

    name = "jax"

    def __init__(self, model: "keras.Model") -> None:
        self._jax = jax = import_jax()
        self.dim: int = int(model.output_shape[-1])
        self._shape: tuple[int, ...] = tuple(model.input_shape[1:])
        self._weights = (
            [variable.value for variable in model.trainable_variables],
            [variable.value for variable in model.non_trainable_variables],
        )

        def embed(trainable: Any, others: Any, images: Any) -> Any:
            rows, _ = model.stateless_call(trainable, others, images, training=False)
            return rows.astype("float32")

        self._embed = jax.jit(embed)
        self._runs = PaddedRuns(self._compile)
        most, memory = CPU_BATCH, available_memory()
        if uses_gpu():
            most, memory = GPU_BATCH, _gpu_memory(jax)
        self.batch_size = suitable_batch(largest_map(model), memory, most)

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed a batch; see `Engine`."""
        check_batch(batch, self._shape)
        if len(batch) == 0:
            return np.empty((0, self.dim), np.float32)
        return self._runs(batch)

    def _compile(self, size: int) -> Run:
        """Compile the model for batches of one size."""
        jax = self._jax
        images = jax.ShapeDtypeStruct((size, *self._shape), np.uint8)
        try:
            # GPUs would compute products of float32 in TF32 otherwise.
            with jax.default_matmul_precision("highest"):
                compiled = self._embed.lower(*self._weights, images).compile()
        except jax.errors.JaxRuntimeError as error:
            raise _memory_error(error, size) from error

        def run(batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
            try:
                rows = compiled(*self._weights, batch)
                # The copy begins when the rows are there, without waiting to be asked.
                rows.copy_to_host_async()
                return np.asarray(rows)
            except jax.errors.JaxRuntimeError as error:
                raise _memory_error(error, size) from error

        return run


def _memory_error(error: Exception, size: int) -> Exception:
    """Return the error as a MemoryError, if it is one."""
    if _NO_MEMORY in str(error):
        return MemoryError(f"a batch of {size} images")
    return error


def open_engine(extractor: "KerasExtractor") -> Engine:
    """Build a backbone; a second call finds it built.

    It runs on a GPU if JAX finds one, on the CPU otherwise.

    Raises
    ------
    BackboneError
        There is no such layer, or this machine can't compute in the precision.
    WeightsError
        The file doesn't fit the backbone.
    """
    policy = policy_of(extractor.precision, "JAX", on_gpu=uses_gpu())
    return build_engine(JaxEngine, extractor, policy)


def missing() -> str | None:
    """Say why the engine can't run here, and what to do."""
    return missing_backend("jax")


def uses_gpu() -> bool:
    """Tell whether it computes on a GPU here."""
    return bool(import_jax().default_backend() == "gpu")


def precisions() -> tuple[str, ...]:
    """Return what it computes in here: float32, and what may be faster."""
    if not uses_gpu():
        return ("float32",)
    words = str(import_jax().devices()[0].compute_capability).split(".")
    if not all(word.isdecimal() for word in words):  # AMD's have names
        return ("float32",)
    major, minor = (*map(int, words), 0)[:2]
    return gpu_precisions((major, minor))


def _gpu_memory(jax: Any) -> int:
    """Return the bytes of the first GPU that JAX may take."""
    return int(jax.devices()[0].memory_stats()["bytes_limit"])
