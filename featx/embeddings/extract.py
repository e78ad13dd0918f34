"""Stage one: find what the cache lacks, compute that, list what can't be read."""

import contextlib
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.embeddings.backbones.extractor import AUTO, Extractor, KerasExtractor
from featx.embeddings.cache.quarantine import Unreadable
from featx.embeddings.cache.store import EmbeddingCache, split_keys
from featx.embeddings.cluster import RayCluster
from featx.embeddings.compute import Computation, SpecQueue
from featx.embeddings.engines.choice import choose_engine, choose_precision
from featx.embeddings.spec import Spec
from featx.errors import CacheError, CacheWriteError, ImageError
from featx.images.decode_ahead import USUAL, Decoders
from featx.images.sources import ImageFiles, Source
from featx.progress import Update, ignore

LOGGER = logging.getLogger(__name__)


@dataclass
class Extraction:
    """What stage one did for one spec.

    Attributes
    ----------
    spec : Spec
    images, cached, computed : int
        How many images there were, were in the cache, and were computed now.
    folder : Path or UPath
        Of the spec in the cache.
    unreadable : dict of int to str
        Row to reason.
    seconds : float
        Spent on computing, without loading the models, for all specs together.
    notes : list of str
        What a user should know, one line each.
    """

    spec: Spec
    images: int
    cached: int
    folder: Address
    unreadable: dict[int, str]
    computed: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


def extract(
    source: Source,
    extractors: Sequence[Extractor],
    cache_dir: Address,
    *,
    batch_size: int | None = None,
    engine: str = AUTO,
    decoders: Decoders = USUAL,
    retry: bool = False,
    cluster: RayCluster | None = None,
    count: int | None = None,
    update: Update = ignore,
) -> list[Extraction]:
    """Compute and commit the embeddings that the cache lacks.

    Models are loaded only if there is something to compute. Each image is decoded
    once for all extractors, while the models run on those before. After an error or
    an interrupt, what was computed so far is committed.

    Parameters
    ----------
    source : Source
        Where the images come from.
    extractors : sequence of Extractor
        One that leaves its precision open gets one; see `choose_precision`.
    batch_size : int, optional
        Images per run of a model; by default what suits the memory.
    engine : str
        What runs the models; ``auto``: the fastest that gives the same embeddings.
    decoders : Decoders
        What decodes the images.
    retry : bool
        Whether quarantined images are tried again.
    cluster : RayCluster, optional
        The machines that compute; this one by default. The source must then be
        `ImageFiles`.
    count : int, optional
        How many images there are, where those of the source are a sample of them: the
        precision and the engine are chosen for so many.
    update : callable
        Called with (done, total) after each batch.

    Returns
    -------
    list of Extraction
        One per extractor.

    Raises
    ------
    BackboneError, WeightsError
        A model can't be built.
    CacheError
        The cache can't be written to.
    """
    works = []
    for extractor in _run_by(engine, extractors):
        chosen, chose_precision = (
            cluster.choose_precision(extractor, _files(source), cache_dir)
            if cluster
            else choose_precision(extractor, source, cache_dir, update, count=count)
        )
        cache = EmbeddingCache(cache_dir, chosen.spec)
        rows, result = _plan(source, cache, retry=retry)
        chose_engine = None
        if rows:
            cache.check_writable()  # before a model is loaded
            if cluster is None:  # each of its machines chooses for itself
                chosen, chose_engine = choose_engine(
                    chosen, source, rows, cache_dir, update, count=count
                )
        result.notes += [note for note in (chose_precision, chose_engine) if note]
        works.append((SpecQueue(chosen, cache, rows, batch_size), result))
    todo = [queue for queue, _ in works if queue.rows]
    computation = Computation(source, todo, update, decoders)
    if todo and cluster:
        computation = cluster.compute(_files(source), todo, update, decoders)
    elif todo:
        computation.run()
    for queue, result in works:
        _finish(source, queue, computation, result, retry=retry)
    return [result for _, result in works]


def _files(source: Source) -> ImageFiles:
    assert isinstance(source, ImageFiles)  # arrays are on this machine alone
    return source


def _run_by(engine: str, extractors: Sequence[Extractor]) -> list[Extractor]:
    """Return extractors with the engine that is asked for, if one is."""
    if engine == AUTO:
        return list(extractors)
    return [
        replace(one, engine=engine) if isinstance(one, KerasExtractor) else one
        for one in extractors
    ]


def _plan(
    source: Source, cache: EmbeddingCache, *, retry: bool
) -> tuple[frozenset[int], Extraction]:
    """Return which rows to compute, each content once, and what is there already."""
    present = cache.contains(source.digests.keys)
    quarantined = {} if retry else cache.quarantine.reasons()
    unreadable = dict(source.digests.unreadable)
    compute: dict[bytes, int] = {}
    for row, key in enumerate(split_keys(source.digests.keys)):
        if row in unreadable or present[row]:
            continue
        if key in quarantined:
            unreadable[row] = quarantined[key]
        else:
            compute.setdefault(key, row)
    count = len(source.names)
    result = Extraction(cache.spec, count, int(present.sum()), cache.folder, unreadable)
    LOGGER.debug(
        "%s: %d of %d images are in the cache, %d to compute, %d unreadable",
        *(cache.folder, result.cached, count, len(compute), len(unreadable)),
    )
    return frozenset(compute.values()), result


def count_lacking(source: Source, cache: EmbeddingCache) -> int:
    """Return how many images the cache lacks, each content counted once.

    Those that are known as unreadable don't count.
    """
    return len(_plan(source, cache, retry=False)[0])


def _finish(
    source: Source,
    queue: SpecQueue,
    computation: Computation,
    result: Extraction,
    *,
    retry: bool,
) -> None:
    """Merge part files, list what can't be read, and complete the result."""
    cache = queue.cache
    if queue.rows:
        result.computed = queue.computed
        result.seconds = computation.seconds
        LOGGER.debug(
            "%s: %d computed in %.3f s", cache.folder, queue.computed, result.seconds
        )
        cache.merge()
    failed = {row: why for row, why in computation.failed.items() if row in queue.rows}
    _quarantine(source, failed, result, cache)
    _forget(source, result, cache, retry=retry)
    result.notes.extend([*queue.notes, *cache.notes])


def _quarantine(
    source: Source,
    failed: Mapping[int, ImageError],
    result: Extraction,
    cache: EmbeddingCache,
) -> None:
    """List what could not be read now; the same content under all its names."""
    digests = source.digests
    failures = {bytes(digests.keys[row]): error for row, error in failed.items()}
    lines = []
    for row, key in enumerate(split_keys(digests.keys)):
        if row in digests.unreadable:
            lines.append(Unreadable(source.names[row], "", digests.unreadable[row]))
        elif key in failures:
            reason = result.unreadable[row] = str(failures[key])
            # Without a digest it is tried again: the content may be good.
            digest = key.hex() if failures[key].lasting else ""
            lines.append(Unreadable(source.names[row], digest, reason))
    if not lines:
        return
    try:
        cache.add_unreadable(lines)
    except CacheError as error:
        result.notes.append(str(error))


def _forget(
    source: Source, result: Extraction, cache: EmbeddingCache, *, retry: bool
) -> None:
    """Remove from the list what can be read now."""
    if not cache.quarantine.read():
        return
    rows = [r for r in range(len(source.names)) if r not in result.unreadable]
    keys = {bytes(source.digests.keys[row]) for row in rows} if retry else set()
    # A list that can't be written stays as it is.
    with contextlib.suppress(OSError):
        cache.quarantine.forget(keys, {source.names[row] for row in rows})


ATTEMPTS = 3


def embed_rows(
    source: Source,
    extractors: Sequence[Extractor],
    cache_dir: Address,
    *,
    memory: int | None = None,
    **options: Any,
) -> list[tuple[NDArray[np.float32], Extraction]]:
    """Compute what the cache lacks and return all rows.

    Parameters
    ----------
    memory : int, optional
        Bytes from which on rows lie in a file; see `allocate`.
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
        read = [_read(source, extraction, cache_dir, memory) for extraction in done]
        found = [
            (rows, one)
            for rows, one in zip(read, done, strict=True)
            if rows is not None
        ]
        if len(found) == len(done):
            return found
        # A part file was damaged and set aside: compute its rows again.
        again = extract(source, extractors, cache_dir, **options)
        for extraction, anew in zip(done, again, strict=True):
            extraction.computed += anew.computed
            extraction.cached = anew.cached
            extraction.unreadable = anew.unreadable
    raise CacheError(
        f"{cache_dir}: embeddings vanish as they are written; check the disk"
    )


def embed_rows_anyway(
    source: Source,
    extractors: Sequence[Extractor],
    cache_dir: Address,
    **options: Any,
) -> list[tuple[NDArray[np.float32], Extraction]]:
    """Return all rows as `embed_rows` does, even if the cache can't be written to.

    What it lacks is computed then, and not kept. For commands that need embeddings
    once, of images that are not in the data folder.
    """
    try:
        return embed_rows(source, extractors, cache_dir, **options)
    except CacheWriteError as error:
        note = f"{error.reason}: new embeddings are not kept"
    with tempfile.TemporaryDirectory(
        prefix="featx-", ignore_cleanup_errors=True
    ) as scratch:
        for extractor in extractors:
            EmbeddingCache(cache_dir, extractor.spec).link_parts(Path(scratch))
        found = embed_rows(source, extractors, Path(scratch), **options)
    for _, extraction in found:
        extraction.notes.append(note)
    return found


def _read(
    source: Source, extraction: Extraction, cache_dir: Address, memory: int | None
) -> NDArray[np.float32] | None:
    """Return all rows of a spec, or None where some are missing."""
    cache = EmbeddingCache(cache_dir, extraction.spec)
    rows, found = cache.read(source.digests.keys, memory=memory)
    extraction.notes.extend(n for n in cache.notes if n not in extraction.notes)
    found[list(extraction.unreadable)] = True
    return rows if found.all() else None
