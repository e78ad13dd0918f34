"""Verifying a cache: check all checksums, compute a sample of embeddings again."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.embeddings.backbones.extractor import Extractor
from featx.embeddings.cache.parts import (
    DamagedPartError,
    check_width,
    common_width,
    read_blocks,
    read_keys,
)
from featx.embeddings.cache.store import EmbeddingCache
from featx.embeddings.comparison import largest_difference, mean_cosine
from featx.embeddings.extract import embed_rows
from featx.embeddings.spec import Spec
from featx.errors import BackboneError
from featx.images.digests import digest_files
from featx.images.image_set import ImageSet
from featx.images.sources import ImageFiles
from featx.progress import Progress, Update, ignore

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


@dataclass
class Verified:
    """What was found of a spec.

    Attributes
    ----------
    cache : EmbeddingCache
    parts : int
        Number of part files.
    damaged : list of str
        Names of those that were damaged and are set aside.
    comparison : Comparison or None
        Of a sample with what is computed now.
    skipped : str or None
        Why nothing was compared, although it was asked for.
    """

    cache: EmbeddingCache
    parts: int = 0
    damaged: list[str] = field(default_factory=list)
    comparison: Comparison | None = None
    skipped: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the sample differs from what is computed now."""
        return self.comparison is not None and not self.comparison.ok


def check_parts(cache: EmbeddingCache) -> Iterator[str | None]:
    """Read all parts whole; set damaged ones aside, as any reader does.

    Yields
    ------
    str or None
        For each part, its name if it is damaged.

    Raises
    ------
    UnusablePartError
        A newer featx wrote a part, or the system doesn't let it be read.
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


def compare_samples(
    found: Sequence[Verified],
    images: ImageSet,
    find: FindExtractor,
    *,
    count: int,
    seed: int,
    progress: Progress,
) -> None:
    """Compare a sample of each spec with what is computed now.

    A spec that can't be computed here gets a reason; the others go on.
    """
    keys = digest_files(images.files, progress.images("reading images")).keys
    found = [one for one in found if one.skipped is None]
    samples = [draw_sample(one.cache, keys, count, seed) for one in found]
    update, done, total = progress.images("computing"), 0, sum(map(len, samples))

    def report(now: int, _: int) -> None:
        update(done + now, total)

    for one, rows in zip(found, samples, strict=True):
        if not rows:
            if not one.damaged:  # then it may have had some
                one.skipped = f"it has none of the images in {images.root}"
            continue
        files = [images.files[row] for row in rows]
        try:
            one.comparison = compare(one.cache, find(one.cache.spec), files, report)
            if one.comparison is None:
                one.skipped = "none of its images can be read any more"
        except BackboneError as error:
            one.skipped = str(error)
        done += len(rows)
        update(done, total)


def compare(
    cache: EmbeddingCache,
    extractor: Extractor,
    files: Sequence[Address],
    update: Update = ignore,
) -> Comparison | None:
    """Compute embeddings again, as stage one does, and compare them with the cached.

    Parameters
    ----------
    files : sequence of Path or UPath
        Images that the cache has.
    update : callable
        Called with (done, total) images.

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
        again = embed_rows(source, [extractor], Path(folder), update=update)
    ((now, extraction),) = again
    found[list(extraction.unreadable)] = False
    if not found.any():
        return None
    now, cached = now[found], cached[found]
    difference, cosine = largest_difference(now, cached), mean_cosine(now, cached)
    return Comparison(len(now), difference, cosine, TOLERANCE[cache.spec.precision])
