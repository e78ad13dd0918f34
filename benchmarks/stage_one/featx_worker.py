"""featx by turns: the model alone beside matrix products, and from files to rows."""

import itertools
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arithmetic import MatrixProduct, timed
from benchmarks.turns import PER_CORE, serve
from featx.embeddings.backbones.extractor import find_extractor
from featx.embeddings.engines.table import MODEL_RUNS
from featx.embeddings.engines.trials import SAMPLE, measure
from featx.embeddings.extract import extract
from featx.images.decoding import decode
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles

MANY = 10**6
"""Images from which on every engine is worth a trial."""

BATCHES = 4
"""Distinct batches that the model is shown alone."""

SLICE = 0.4
"""Seconds of the same work, about, before the next kind's."""


class FeatxWorker:
    """Extracts, with one backbone."""

    def open(
        self, backbone: str, image_size: int, weights: str, folder: str, warm_up: int
    ) -> dict[str, Any]:
        """Load the model, let featx settle its precision, warm all up."""
        self._folder = Path(folder)
        self._images = read_images(self._folder).files
        named = {"image_size": image_size, "weights": weights}
        self._place = tempfile.TemporaryDirectory()
        self._cache = Path(self._place.name)
        asked = replace(find_extractor(backbone, **named), models=self._cache)
        contents = [path.read_bytes() for path in self._images[:SAMPLE]]
        pixels = np.stack([decode(c, (image_size, image_size)) for c in contents])
        chosen = measure(asked, pixels, count=MANY).chosen
        self._extractor = replace(
            asked, engine=chosen.engine, precision=chosen.precision
        )
        engine = self._extractor.open()
        engines = {chosen.precision: engine}
        if chosen.precision != "float32":
            engines["float32"] = replace(self._extractor, precision="float32").open()
        self._extract(self._images[:warm_up])
        self._kinds = self._prepare(engines, engine.batch_size, image_size)
        return {
            "engine": chosen.engine,
            "precision": chosen.precision,
            "batch_size": engine.batch_size,
        }

    def _prepare(self, engines, batch_size: int, image_size: int) -> dict[str, Any]:
        """Return what is done by turns in `model`: name to a call and what it does."""
        contents = [path.read_bytes() for path in self._images[: BATCHES * batch_size]]
        pixels = np.stack([decode(c, (image_size, image_size)) for c in contents])
        starts = [batch_size * i for i in range(len(pixels) // batch_size)] or [0]
        batches = itertools.cycle([pixels[i : i + batch_size] for i in starts])
        runs = ThreadPoolExecutor(MODEL_RUNS)  # as many at a time as in stage one
        kinds: dict[str, Any] = {}
        for precision, engine in engines.items():
            product = MatrixProduct(precision)
            kinds[f"matmul_{precision}"] = product, product.operations

            def embed(engine=engine) -> None:
                list(runs.map(engine, [next(batches) for _ in range(MODEL_RUNS)]))

            embed()
            amount = MODEL_RUNS * min(batch_size, len(pixels))
            kinds[f"model_{precision}"] = embed, amount
        return kinds

    def model(self, seconds: float) -> dict[str, float]:
        """Return the rates of models and matrix products, a little of each in turn.

        Parameters
        ----------
        seconds : float
            Of each kind.

        Returns
        -------
        dict
            Images or operations per second, and per core-second.
        """
        done = dict.fromkeys(self._kinds, 0)
        spent = dict.fromkeys(self._kinds, 0.0)
        worked = dict.fromkeys(self._kinds, 0.0)
        while min(spent.values()) < seconds:
            for kind, (call, amount) in self._kinds.items():
                end = spent[kind] + min(SLICE, seconds)
                work = time.process_time()
                while spent[kind] < end:
                    spent[kind] += timed(call)
                    done[kind] += amount
                worked[kind] += time.process_time() - work
        rates = {kind: done[kind] / spent[kind] for kind in done}
        return rates | {kind + PER_CORE: done[kind] / worked[kind] for kind in done}

    def end_to_end(self) -> dict[str, float]:
        """Extract the whole folder into an empty cache; the model is loaded."""
        for part in self._cache.glob("*/part-*"):
            part.unlink()
        start = time.perf_counter()
        files = read_images(self._folder).files
        computed = self._extract(files)
        seconds = time.perf_counter() - start
        if computed != len(files):
            raise RuntimeError(f"{computed} rows of {len(files)} files")
        return {"images": computed, "seconds": seconds}

    def _extract(self, files: list[Path]) -> int:
        (done,) = extract(ImageFiles(files), [self._extractor], self._cache)
        return done.computed


if __name__ == "__main__":
    serve(FeatxWorker())
