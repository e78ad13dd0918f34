"""Running a converted backbone with OpenVINO on the CPU: the engine `openvino`."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import KerasExtractor
from featx.embeddings.engines.batches import cpu_precisions
from featx.embeddings.engines.converted import ImageByImage, convert
from featx.embeddings.engines.table import Engine
from featx.errors import BackboneError
from featx.hardware import usable_cores

_TYPES = {"float32": "f32", "bfloat16": "bf16"}
"""OpenVINO's names of the precisions."""


def missing() -> str | None:
    """Say why the engine can't run here, and what to do."""
    if find_spec("openvino"):
        return None
    return "OpenVINO isn't installed; pip install 'featx[openvino]'"


def uses_gpu() -> bool:
    """Tell whether it computes on a GPU: it never does."""
    return False


def precisions() -> tuple[str, ...]:
    """Return what it computes in here."""
    return cpu_precisions()


def open_engine(extractor: KerasExtractor) -> Engine:
    """Load a backbone, converting it if that wasn't done before.

    Raises
    ------
    BackboneError
        There is no such layer, it can't be converted, or the CPU can't compute in the
        precision.
    WeightsError
        The file doesn't fit the backbone.
    """
    if extractor.precision not in precisions():
        raise BackboneError(
            f"--engine openvino: can't compute in {extractor.precision} on this CPU"
        )
    return _open(convert(extractor), extractor.precision, usable_cores())


@lru_cache(maxsize=1)  # one at a time: a large backbone takes gigabytes
def _open(path: Path, precision: str, cores: int) -> Engine:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(path),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": _TYPES[precision],
            "INFERENCE_NUM_THREADS": cores,
            "NUM_STREAMS": cores,  # one thread each
        },
    )
    requests = [_Request(compiled) for _ in range(cores)]
    side, dim = compiled.input(0).shape[1], compiled.output(0).shape[1]
    return ImageByImage("openvino", requests, int(side), int(dim))


class _Request:
    """One stream of a compiled model; serves one thread at a time."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        found = self._request.infer([image], share_inputs=True, share_outputs=True)
        row: NDArray[np.float32] = found[0]
        return row
