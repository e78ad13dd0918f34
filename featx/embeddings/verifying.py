"""Is the cache what it says it is? Checksums read whole, a sample computed again."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.cache import EmbeddingCache
from featx.embeddings.computing import Progress
from featx.embeddings.extractor import Extractor, KerasExtractor, find_extractor
from featx.embeddings.parts import (
    DamagedPartError,
    check_width,
    common_width,
    read_blocks,
    read_keys,
)
from featx.embeddings.precision import mean_cosine
from featx.embeddings.reading import embed_rows
from featx.embeddings.sources import ImageFiles
from featx.embeddings.spec import Spec
from featx.errors import BackboneError

TOLERANCE = {"float32": 1e-3, "bfloat16": 0.3, "float16": 0.3}
"""Largest relative difference that arithmetic explains: see `docs/formats.md`.

The same machine computes the same digits again, in any batch and with any number of
threads. Other kernels differ by 2e-6 in float32. Half as many digits cost small
MobileNets up to 0.24, and each machine rounds its own way; another image is 0.6 away.
"""

FindExtractor = Callable[[Spec], Extractor]
"""Returns what computes a spec; raises BackboneError, with the reason, if none does."""


@dataclass(frozen=True)
class Comparison:
    """Cached embeddings beside those that are computed now.

    Attributes
    ----------
    images : int
        How many were compared.
    largest_difference : float
        Of ``||now - cached|| / ||cached||`` over the images.
    mean_cosine : float
    tolerance : float
        What the largest difference may be.
    """

    images: int
    largest_difference: float
    mean_cosine: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether they are the same, as far as the arithmetic goes."""
        return self.largest_difference <= self.tolerance


def check_parts(cache: EmbeddingCache) -> Iterator[str | None]:
    """Read all parts whole; set damaged ones aside, as any reader does.

    Yields
    ------
    str or None
        For each part, its name if it is damaged.
    """
    with cache.lock.shared():
        parts = cache.parts()
        width = common_width(parts)
        for path in parts:
            try:
                read_keys(path, cache.spec.id)
                for _, rows in read_blocks(path):
                    check_width(path, rows, width)
            except DamagedPartError as error:
                cache.set_aside(path, error)
                yield path.name
            else:
                yield None


def draw_sample(
    cache: EmbeddingCache, keys: NDArray[np.uint8], count: int, seed: int
) -> list[int]:
    """Choose some of the images that a cache has, the same ones for the same content.

    Parameters
    ----------
    keys : ndarray of uint8, shape (n, 32)
        Digests of the images.
    count : int
        How many at most.
    seed : int

    Returns
    -------
    list of int
        Rows of `keys`, of different content.
    """
    present = np.flatnonzero(cache.contains(keys))
    # In the order of the digests: neither names nor their order play a part.
    _, first = np.unique(keys[present], axis=0, return_index=True)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(first, size=min(count, len(first)), replace=False)
    return [int(row) for row in present[np.sort(chosen)]]


def find_by_spec(
    spec: Spec, *, weights: Sequence[Path] = (), memo: Path | None = None
) -> KerasExtractor:
    """Return the extractor that computes a spec, with the very weights it names.

    Parameters
    ----------
    weights : sequence of Path
        Files to look for a user's own weights in.
    memo : Path, optional
        The cache folder, where digests of weights files are remembered.

    Raises
    ------
    BackboneError, WeightsError
        This featx, machine or weights file computes something else; the message says
        what, in a few words.
    """
    words = [spec.weights]
    if spec.weights == "file":
        words = [str(path) for path in weights]
    found = [_named(spec, word, memo) for word in words]
    for extractor in found:
        if extractor.spec == spec:
            return extractor
    if spec.weights == "file":
        given = "none of the files given by" if found else "name their file by"
        raise BackboneError(
            f"weights of SHA-256 {spec.weights_id[:8]}...: {given} --weights"
        )
    now = found[0].spec
    if now.pixels != spec.pixels:
        raise BackboneError("another version of featx decoded its images")
    if spec.weights == "random":
        raise BackboneError(f"random weights of {spec.weights_id}")
    raise BackboneError("its ImageNet weights were another file")


def compare(
    cache: EmbeddingCache,
    extractor: Extractor,
    files: Sequence[Path],
    progress: Progress | None = None,
) -> Comparison | None:
    """Compute embeddings again, as stage one does, and compare them with the cached.

    Parameters
    ----------
    files : sequence of Path
        Images that the cache has.
    progress : callable, optional
        Told how many are computed and how many there are.

    Returns
    -------
    Comparison or None
        None where none of the images can be read any more.

    Raises
    ------
    BackboneError, WeightsError
        The model can't be built, or this machine lacks its arithmetic.
    """
    source = ImageFiles(files)
    cached, found = cache.read(source.digests.keys)
    with tempfile.TemporaryDirectory(prefix="featx-") as folder:
        again = embed_rows(source, [extractor], Path(folder), progress=progress)
    ((now, extraction),) = again
    found[list(extraction.unreadable)] = False
    if not found.any():
        return None
    now, cached = now[found], cached[found]
    difference, cosine = float("inf"), 0.0
    if now.shape == cached.shape:
        with np.errstate(invalid="ignore", over="ignore"):  # whatever was cached
            difference, cosine = _difference(now, cached), mean_cosine(now, cached)
    return Comparison(len(now), difference, cosine, TOLERANCE[cache.spec.precision])


def _named(spec: Spec, weights: str, memo: Path | None) -> KerasExtractor:
    extractor = find_extractor(
        spec.backbone,
        image_size=spec.image_size,
        pooling=spec.pooling,
        layer=spec.layer,
        weights=weights,
        precision=spec.precision,
        seed=_seed(spec),
        cache_dir=memo,
    )
    return extractor.mirrored() if spec.flip else extractor


def _seed(spec: Spec) -> int:
    """Return the seed of random weights, written as ``seed 0, keras 3.15.1``."""
    seed = spec.weights_id.removeprefix("seed ").split(",")[0]
    return int(seed) if spec.weights == "random" and seed.isdecimal() else 0


def _difference(now: NDArray[np.float32], cached: NDArray[np.float32]) -> float:
    """Return the largest relative difference of rows, shape (n, d).

    What isn't a number is infinitely far away.
    """
    distances = np.linalg.norm(now.astype(float) - cached, axis=1)
    lengths = np.linalg.norm(cached.astype(float), axis=1)
    ratios = np.where(distances == 0, 0.0, distances / np.maximum(lengths, 1e-30))
    return float(np.nan_to_num(ratios, nan=np.inf).max())
