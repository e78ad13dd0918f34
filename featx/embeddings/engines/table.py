"""What runs a backbone: the protocol of an engine, and the table of engines.

Adding an engine takes a module with the functions of `EngineModule` and a row in
`ENGINES`. The spec doesn't name the engine: all of them compute the same embeddings, as
far as rounding goes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from featx.keras_backend import keras_backend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from featx.embeddings.backbones.extractor import KerasExtractor

EngineName = Literal["auto", "tensorflow", "jax", "torch", "litert", "openvino"]
"""What a user may ask for: a row of `ENGINES`, or to leave it open."""

ENGINES = {
    "tensorflow": "featx.embeddings.engines.tensorflow",
    "jax": "featx.embeddings.engines.jax",
    "torch": "featx.embeddings.engines.torch",
    "litert": "featx.embeddings.engines.litert",
    "openvino": "featx.embeddings.engines.openvino",
}
"""Module of each engine."""

CONVERTED = ("litert", "openvino")
"""Engines that run a converted model on the CPU, often faster than Keras' backend."""


MODEL_RUNS = 2
"""Batches embedded at a time: where one run waits for its slowest thread, the other
goes on. Small models gain two fifths."""


class Engine(Protocol):
    """Maps a batch of images to embeddings."""

    name: str
    """Its row in `ENGINES`; part files say which engine computed them."""

    dim: int
    """Width D of an embedding."""

    batch_size: int
    """How many images at a time suit the memory there is."""

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed uint8 (N, height, width, 3), RGB, as float32 (N, D).

        The batch's memory is used for the next one afterwards.

        Raises
        ------
        ValueError
            The batch is of another size or type.
        MemoryError
            The batch doesn't fit; a smaller one may.
        """
        ...


class EngineModule(Protocol):
    """The functions of an engine's module, none of which imports a framework early."""

    def missing(self) -> str | None:
        """Say why the engine can't run on this machine, and what to do."""
        ...

    def open_engine(self, extractor: "KerasExtractor") -> Engine:
        """Load an extractor's model, to run in its precision.

        Raises
        ------
        BackboneError
            There is no such layer, this machine can't compute in the precision, or
            the engine can't run the backbone.
        WeightsError
            The file doesn't fit the backbone.
        """
        ...

    def uses_gpu(self) -> bool:
        """Tell whether the engine computes on a GPU here."""
        ...

    def precisions(self) -> tuple[str, ...]:
        """Return what the engine computes in here: float32, and what may be faster."""
        ...


def find_engine(name: str) -> EngineModule:
    """Import the module of an engine."""
    return cast("EngineModule", import_module(ENGINES[name]))


def default_engine() -> str:
    """Return the engine that computes the reference: that of Keras' own backend."""
    return keras_backend()
