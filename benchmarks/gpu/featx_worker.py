"""featx by turns: matrix products, its model alone, and from files to rows.

Processes that decode import this module again: it imports no framework early.
"""

import itertools
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arithmetic import (
    GPU_SIDES,
    SIDES,
    MatrixProduct,
    operations_per_image,
    timed,
)
from benchmarks.gpu.steady import Watch
from benchmarks.machine import versions
from benchmarks.turns import serve
from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.backbones.keras_model import build_model
from featx.embeddings.engines.table import MODEL_RUNS, default_engine, find_engine
from featx.embeddings.extract import extract
from featx.frameworks import import_jax, import_keras, import_tensorflow, import_torch
from featx.images.decode_ahead import Decoders
from featx.images.sources import ImageFiles

PACKAGES = (
    *("featx", "keras", "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin"),
    *("tensorflow", "torch", "numpy", "opencv-python-headless"),
)

BATCHES = 4
"""Distinct batches in the machine's memory."""


class FeatxWorker:
    """Embeds with one backbone in one precision, on the backend that featx takes."""

    def open(
        self,
        backbone: str,
        precision: str,
        image_size: int,
        batch_size: int | None,
        folder: str,
    ) -> dict[str, Any]:
        """Load the model and run it once, or say why not; tell what took how long."""
        named = {"image_size": image_size, "weights": "random", "precision": precision}
        found = find_extractor(backbone, **named)
        self._extractor = replace(found, engine=default_engine())
        start_up = {"import": timed(_start_backend)}
        module = find_engine(default_engine())
        if precision not in module.precisions():
            here = " and ".join(module.precisions())
            return {"skipped": f"{default_engine()} computes in {here} here"}
        self._precision, self._on_gpu = precision, module.uses_gpu()
        start_up["build"] = timed(self._extractor.open)
        self._engine = self._extractor.open()  # which is built
        self._batch_size = batch_size or self._engine.batch_size
        shape = (self._batch_size, image_size, image_size, 3)
        draw = np.random.default_rng(0).integers
        self._batches = [draw(0, 256, shape, np.uint8) for _ in range(BATCHES)]
        start_up["compile"] = timed(lambda: self._engine(self._batches[0]))
        self._runs = ThreadPoolExecutor(MODEL_RUNS)
        self._files = sorted(Path(folder).rglob("*.jpg"))
        return {
            "engine": self._engine.name,
            "device": _device_name(on_gpu=self._on_gpu),
            "batch_size": self._batch_size,
            "start_up": start_up,
            "operations": operations_per_image(build_model(self._extractor.network)),
            "versions": versions(PACKAGES),
        }

    def multiply(self, seconds: float) -> dict[str, float]:
        """Return operations per second of matrix products."""
        product = MatrixProduct(self._precision, GPU_SIDES if self._on_gpu else SIDES)
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            product()
            done += product.operations
        return {"rate": done / (time.perf_counter() - start)}

    def embed(self, images: str, seconds: float) -> dict[str, float]:
        """Return images per second of the model alone, run as stage one runs it.

        Parameters
        ----------
        images : {"device", "host"}
            Where they lie: in the device's memory, or in the machine's as uint8. Rows
            come back to the machine's memory.
        seconds : float
        """
        if images == "device":
            batches = itertools.repeat(_on_device(self._batches[0]))
        else:
            batches = itertools.cycle(self._batches)
        return {"rate": _embedded(self._engine, self._runs, batches, seconds)}

    def end_to_end(self, images: int, decode_in: str) -> dict[str, float]:
        """Embed files into an empty cache; the model is loaded.

        Returns
        -------
        dict
            See `Watch.result`; `hashing` are the seconds before the first is decoded.
        """
        with tempfile.TemporaryDirectory() as cache:
            watch, start = Watch(), time.perf_counter()
            source = ImageFiles(self._files[:images])
            hashing = time.perf_counter() - start
            (done,) = extract(
                source,
                [self._extractor],
                Path(cache),
                batch_size=self._batch_size,
                decoders=Decoders(decode_in),
                update=watch,
            )
            result = watch.result()
        if done.computed != images:
            raise RuntimeError(f"{done.computed} rows of {images} files")
        return {**result, "hashing": hashing}


def _start_backend() -> None:
    """Import Keras and the library it runs on, and let that find the device."""
    import_keras()
    find_engine(default_engine()).uses_gpu()


def _embedded(
    engine: Callable[[Any], Any],
    runs: ThreadPoolExecutor,
    batches: Iterator[Any],
    seconds: float,
) -> float:
    """Return the rate of a model that always finds one more batch waiting."""
    running = deque(runs.submit(engine, next(batches)) for _ in range(MODEL_RUNS + 1))
    len(running.popleft().result())
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        running.append(runs.submit(engine, next(batches)))
        done += len(running.popleft().result())
    rate = done / (time.perf_counter() - start)
    while running:
        running.popleft().result()
    return rate


def _on_device(batch: np.ndarray) -> Any:
    """Return a batch in the memory of what the model runs on."""
    if default_engine() == "jax":
        return import_jax().device_put(batch)
    if default_engine() == "tensorflow":
        return import_tensorflow().identity(batch)
    torch = import_torch()
    return torch.from_numpy(batch).to("cuda" if torch.cuda.is_available() else "cpu")


def _device_name(*, on_gpu: bool) -> str:
    if not on_gpu:
        return "CPU"
    if default_engine() == "jax":
        return str(import_jax().devices()[0].device_kind)
    if default_engine() == "torch":
        return str(import_torch().cuda.get_device_name())
    tf = import_tensorflow()
    gpu = tf.config.list_physical_devices("GPU")[0]
    return str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU"))


if __name__ == "__main__":
    serve(FeatxWorker())
