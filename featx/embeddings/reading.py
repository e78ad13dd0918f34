"""Embeddings of images, from the cache where it has them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.cache import EmbeddingCache
from featx.embeddings.extraction import Extraction, extract
from featx.embeddings.extractor import Extractor
from featx.embeddings.sources import Source
from featx.errors import CacheError


def embed_rows(
    source: Source,
    extractor: Extractor,
    cache_dir: Path,
    **options: Any,
) -> tuple[NDArray[np.float32], Extraction]:
    """Compute what the cache lacks and return all rows.

    Parameters
    ----------
    options : dict
        For `extract`.

    Returns
    -------
    rows : ndarray of float32, shape (n, d)
        Zeros for images that can't be read.
    extraction : Extraction

    Raises
    ------
    CacheError
        The cache can't be written to, or loses rows as soon as they are written.
    """
    cache = EmbeddingCache(cache_dir, extractor.spec)
    extraction = extract(source, extractor, cache, **options)
    for _ in range(2):
        rows, found = cache.read(source.digests.keys)
        found[list(extraction.unreadable)] = True
        if found.all():
            rows = rows if rows.shape[1] else np.zeros((len(rows), extractor.dim), "f4")
            extraction.notes.extend(n for n in cache.notes if n not in extraction.notes)
            return rows, extraction
        # A part turned out to be damaged and was set aside: compute its rows again.
        again = extract(source, extractor, cache, **options)
        extraction.computed += again.computed
        extraction.cached = again.cached
        extraction.unreadable = again.unreadable
    raise CacheError(
        f"{cache.folder}: embeddings vanish as they are written; check the disk"
    )
