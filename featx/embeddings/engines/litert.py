"""Running a converted backbone with LiteRT on the CPU: the engine `litert`."""

import importlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.engines.converted import ImageByImage, convert
from featx.embeddings.engines.table import Engine
from featx.errors import BackboneError
from featx.frameworks import ignoring, import_tensorflow, silenced_stderr
from featx.hardware import available_memory, usable_cores

STANDALONE = "ai_edge_litert"
"""LiteRT alone; it loads in a tenth of the time that TensorFlow takes."""

_MEMORY_SHARE = 0.4
_COPIES = 2  # of the weights, in each interpreter: it packs them anew


def missing() -> str | None:
    """Say why the engine can't run here, and what to do."""
    if find_spec(STANDALONE) or find_spec("tensorflow"):
        return None
    return "LiteRT isn't installed; pip install ai-edge-litert"


def uses_gpu() -> bool:
    """Tell whether it computes on a GPU: it never does."""
    return False


def precisions() -> tuple[str, ...]:
    """Return what it computes in."""
    return ("float32",)


def open_engine(extractor: KerasExtractor) -> Engine:
    """Load a backbone, converting it if that wasn't done before.

    Raises
    ------
    BackboneError
        There is no such layer, it can't be converted, or the precision isn't float32.
    WeightsError
        The file doesn't fit the backbone.
    """
    if extractor.precision != "float32":
        raise BackboneError(
            f"--engine litert: computes in float32, not in {extractor.precision}"
        )
    return _open(convert(extractor), usable_cores())


@lru_cache(maxsize=1)  # one at a time: a large backbone takes gigabytes
def _open(path: Path, cores: int) -> Engine:
    fits = available_memory() * _MEMORY_SHARE / (_COPIES * path.stat().st_size)
    count = max(1, min(cores, int(fits)))
    runners = [_Interpreter(path, max(1, cores // count)) for _ in range(count)]
    return ImageByImage("litert", runners, runners[0].side, runners[0].dim)


class _Interpreter:
    """One interpreter; serves one thread at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        self._interpreter = _load(path, threads)
        (image,) = self._interpreter.get_input_details()
        (row,) = self._interpreter.get_output_details()
        self._image, self._row = image["index"], row["index"]
        self.side, self.dim = int(image["shape"][1]), int(row["shape"][1])

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._image, image)
        self._interpreter.invoke()
        row: NDArray[np.float32] = self._interpreter.get_tensor(self._row)
        return row


def _load(path: Path, threads: int) -> Any:
    if find_spec(STANDALONE):
        make = importlib.import_module(f"{STANDALONE}.interpreter").Interpreter
    else:
        make = import_tensorflow().lite.Interpreter
    with (
        ignoring("tf.lite.Interpreter is deprecated", UserWarning),
        silenced_stderr(),  # it lists the kernels that it uses
    ):
        interpreter = make(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter
