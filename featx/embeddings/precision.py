"""Choosing the precision that a spec is computed in: measured once, and kept.

The float32 embeddings of some of the images are the reference. A lower precision is
chosen only where it is faster and gives the same embeddings.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.engine import Engine, find_engine
from featx.embeddings.backbones.extractor import AUTO, Extractor, KerasExtractor
from featx.embeddings.cache.store import SPEC_FILE, EmbeddingCache
from featx.embeddings.memo import read_memo
from featx.errors import ImageError
from featx.images.sources import Source, View

LEAST_SPEEDUP = 1.15
LEAST_COSINE = 0.999

LOGGER = logging.getLogger(__name__)

CHOICE = "precision_check"
"""Key of the choice in `spec.json`."""

SAMPLE, FEW = 32, 8
SLOW_SECONDS = 0.1
"""Models that take longer for a few images are measured on those few only."""

TRIED = 1000
REPEATS = 3


@dataclass(frozen=True)
class PrecisionChoice:
    """Which precision was chosen, and what was measured.

    Attributes
    ----------
    precision : str
    tried : str or None
        The precision that was measured; None where this machine has no faster one.
    cosine : float or None
        Mean cosine between its embeddings and float32's.
    float32_rate, tried_rate : float or None
        Images per second.
    """

    precision: str
    tried: str | None = None
    cosine: float | None = None
    float32_rate: float | None = None
    tried_rate: float | None = None

    def __str__(self) -> str:
        """Name the precision and the reason."""
        if not (self.tried and self.tried_rate and self.float32_rate):
            return f"{self.precision}; this machine has nothing faster"
        speedup = self.tried_rate / self.float32_rate
        if self.precision == self.tried:
            return (
                f"{self.tried}, {speedup:.2f} times as fast as float32 here, with"
                f" nearly the same embeddings (mean cosine {self.cosine:.5f})"
            )
        if speedup < LEAST_SPEEDUP:
            return f"float32; {self.tried} is only {speedup:.2f} times as fast here"
        return (
            f"float32; {self.tried} is {speedup:.2f} times as fast here, but changes"
            f" the embeddings (mean cosine {self.cosine:.5f})"
        )


def choose_precision(
    extractor: Extractor, source: Source, cache_dir: Path
) -> tuple[Extractor, str | None]:
    """Choose the precision of an extractor that leaves it open.

    The cache decides if it has these embeddings in any precision: first those of the
    same spec, then those of the other view. Otherwise both are measured on some of the
    images, and the choice is kept in `spec.json`.

    Returns
    -------
    extractor : Extractor
        With a precision.
    note : str or None
        What was chosen and why, if it was chosen now and is not float32.

    Raises
    ------
    BackboneError, WeightsError
        The model can't be built.
    CacheError
        The cache can't be written to.
    """
    if not isinstance(extractor, KerasExtractor) or extractor.precision != AUTO:
        return extractor, None
    cached = _cached_precision(extractor, cache_dir)
    if cached is not None:
        return replace(extractor, precision=cached), None
    images = _sample(source, extractor.spec.view)
    if not len(images):
        return replace(extractor, precision="float32"), None
    EmbeddingCache(cache_dir, extractor.spec).check_writable()
    choice = _decide(extractor, images)
    chosen = replace(extractor, precision=choice.precision)
    with EmbeddingCache(cache_dir, chosen.spec).writable({CHOICE: asdict(choice)}):
        reason = f"{extractor.spec}: {choice}"
        if chosen.precision != "float32":
            return chosen, reason
    LOGGER.debug("%s", reason)  # what is usual is no news
    return chosen, None


def _cached_precision(extractor: KerasExtractor, cache_dir: Path) -> str | None:
    """Return the precision of what the cache has; a chosen one before others."""
    found: list[str] = []
    for flip in (extractor.flip, not extractor.flip):
        for precision in ("float32", "bfloat16", "float16"):
            spec = replace(extractor, precision=precision, flip=flip).spec
            content = read_memo(cache_dir / spec.folder_name / SPEC_FILE)
            if CHOICE in content:
                return precision
            found += [precision] if content else []
    return found[0] if found else None


def _sample(source: Source, view: View) -> NDArray[np.uint8]:
    """Return the first images that can be decoded, shape (n, side, side, 3)."""

    def decoded() -> Iterator[NDArray[np.uint8]]:
        for row in range(min(len(source.names), TRIED)):
            if row not in source.digests.unreadable:
                try:
                    yield source.show(row, [view])[view]
                except ImageError:
                    continue

    images = list(islice(decoded(), SAMPLE))
    return np.stack(images) if images else np.zeros((0, view.side, view.side, 3), "u1")


def _decide(extractor: KerasExtractor, images: NDArray[np.uint8]) -> PrecisionChoice:
    reference = replace(extractor, precision="float32").open()
    tried = find_engine(extractor.engine).faster_precision()
    if tried is None:
        return PrecisionChoice("float32")
    # A batch of full size, however few images there are.
    batch = images[np.arange(SAMPLE) % len(images)]
    candidate = replace(extractor, precision=tried).open()
    few = batch[:FEW]
    expected = reference(few)  # the first run optimises the graph
    if _seconds(reference, few) > SLOW_SECONDS:
        batch = few
    else:
        expected = reference(batch)
    embedded = candidate(batch)
    times = [
        (_seconds(reference, batch), _seconds(candidate, batch)) for _ in range(REPEATS)
    ]
    slow, fast = (min(seconds) for seconds in zip(*times, strict=True))
    cosine = mean_cosine(expected, embedded)
    pays = slow / fast >= LEAST_SPEEDUP and cosine >= LEAST_COSINE
    return PrecisionChoice(
        tried if pays else "float32",
        tried,
        round(cosine, 6),
        round(len(batch) / slow, 2),
        round(len(batch) / fast, 2),
    )


def _seconds(engine: Engine, batch: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    engine(batch)
    return time.perf_counter() - start


def mean_cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the mean cosine of rows; 0 where arithmetic overflowed."""
    a, b = a.astype(float), b.astype(float)  # for the squares of tiny numbers
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(axis=1) / np.maximum(norms, 1e-300)
    cosines = np.where(norms > 0, products, (a == b).all(axis=1))
    return float(np.nan_to_num(cosines, nan=0.0, posinf=0.0, neginf=0.0).mean())
