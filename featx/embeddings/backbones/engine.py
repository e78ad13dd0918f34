"""What runs a backbone: the protocol of an engine, and the table of engines.

Adding an engine takes a module with the functions of `EngineModule` and a row in
`ENGINES`. The spec doesn't name the engine: all of them are to compute the same
embeddings, as far as rounding goes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from featx.embeddings.backbones.extractor import KerasExtractor

ENGINES = {"tensorflow": "featx.embeddings.backbones.tensorflow_engine"}
"""Module of each engine."""


class Engine(Protocol):
    """Maps a batch of images to embeddings."""

    dim: int
    """Width D of an embedding."""

    batch_size: int
    """How many images at a time suit the memory there is."""

    def __call__(self, batch: "NDArray[np.uint8]") -> "NDArray[np.float32]":
        """Embed uint8 (N, height, width, 3), RGB, as float32 (N, D).

        Raises
        ------
        MemoryError
            The batch doesn't fit; a smaller one may.
        """
        ...


class EngineModule(Protocol):
    """The functions of an engine's module."""

    def open_engine(self, extractor: "KerasExtractor") -> Engine:
        """Load an extractor's model, to run in its precision.

        Raises
        ------
        BackboneError
            There is no such layer, or this machine can't compute in the precision.
        WeightsError
            The file doesn't fit the backbone.
        """
        ...

    def faster_precision(self) -> str | None:
        """Return the precision that may be faster than float32 on this machine."""
        ...


def find_engine(name: str) -> EngineModule:
    """Import the module of an engine."""
    return cast("EngineModule", import_module(ENGINES[name]))
