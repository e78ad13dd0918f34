"""Embeddings of images, from the cache where it has them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.cache import EmbeddingCache
from featx.embeddings.extraction import Extraction, extract
from featx.embeddings.extractor import Extractor
from featx.embeddings.sources import Source
from featx.errors import CacheError

ATTEMPTS = 3


def embed_rows(
    source: Source,
    extractors: Sequence[Extractor],
    cache_dir: Path,
    **options: Any,
) -> list[tuple[NDArray[np.float32], Extraction]]:
    """Compute what the cache lacks and return all rows.

    Parameters
    ----------
    options : dict
        For `extract`.

    Returns
    -------
    list of (rows, Extraction)
        One pair per extractor; rows are float32, shape (n, d), zeros for images that
        can't be read.

    Raises
    ------
    CacheError
        The cache can't be written to, or loses rows as soon as they are written.
    BackboneError, WeightsError
        A model can't be built.
    """
    done = extract(source, extractors, cache_dir, **options)
    for _ in range(ATTEMPTS):
        found = [_read(source, extraction, cache_dir) for extraction in done]
        pairs = list(zip(found, done, strict=True))
        lost = [extraction for rows, extraction in pairs if rows is None]
        if not lost:
            return [
                (rows, extraction) for rows, extraction in pairs if rows is not None
            ]
        # A part turned out to be damaged and was set aside: compute its rows again.
        again = extract(source, extractors, cache_dir, **options)
        for extraction, anew in zip(done, again, strict=True):
            extraction.computed += anew.computed
            extraction.cached = anew.cached
            extraction.unreadable = anew.unreadable
    raise CacheError(
        f"{lost[0].folder}: embeddings vanish as they are written; check the disk"
    )


def _read(
    source: Source, extraction: Extraction, cache_dir: Path
) -> NDArray[np.float32] | None:
    """Return all rows of a spec, or None where some are missing."""
    cache = EmbeddingCache(cache_dir, extraction.spec)
    rows, found = cache.read(source.digests.keys)
    extraction.notes.extend(n for n in cache.notes if n not in extraction.notes)
    found[list(extraction.unreadable)] = True
    return rows if found.all() else None
