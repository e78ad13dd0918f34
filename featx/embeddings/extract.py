"""Stage one: find what the cache lacks, compute that, list what can't be read.

Decide, then act: `plan_extraction` looks and returns which images are there, which
are to be computed and which can't be read; `extract` acts on it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import Extractor
from featx.embeddings.cache.quarantine import Unreadable
from featx.embeddings.cache.store import EmbeddingCache, split_keys
from featx.embeddings.compute import Computation, SpecQueue
from featx.embeddings.precision import choose_precision
from featx.embeddings.spec import Spec
from featx.errors import CacheError, ImageError
from featx.images.sources import Source
from featx.progress import Update, ignore


@dataclass(frozen=True)
class Plan:
    """What is to be done for some images.

    Attributes
    ----------
    compute : tuple of int
        Rows to compute, each content once.
    cached : int
        How many images the cache has already.
    unreadable : dict of int to str
        Row to reason: can't be opened, or quarantined earlier.
    """

    compute: tuple[int, ...]
    cached: int
    unreadable: dict[int, str]


@dataclass
class Extraction:
    """What stage one did for one spec.

    Attributes
    ----------
    spec : Spec
    images, cached, computed : int
        How many images there were, were in the cache, and were computed now.
    folder : Path
        Of the spec in the cache.
    unreadable : dict of int to str
        Row to reason.
    seconds : float
        Spent on computing, without loading the models, for all specs together.
    notes : list of str
        What a person should know of.
    """

    spec: Spec
    images: int
    cached: int
    folder: Path
    unreadable: dict[int, str]
    computed: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


def plan_extraction(
    source: Source, cache: EmbeddingCache, *, retry: bool = False
) -> Plan:
    """Find out which images the cache lacks.

    Parameters
    ----------
    retry : bool
        Whether quarantined images are tried again.
    """
    digests = source.digests
    present = cache.contains(digests.keys)
    quarantined = {} if retry else cache.quarantine.reasons()
    unreadable = dict(digests.unreadable)
    compute: dict[bytes, int] = {}
    for row, key in enumerate(split_keys(digests.keys)):
        if row in unreadable or present[row]:
            continue
        if key in quarantined:
            unreadable[row] = quarantined[key]
        else:
            compute.setdefault(key, row)
    return Plan(tuple(compute.values()), int(present.sum()), unreadable)


def extract(
    source: Source,
    extractors: Sequence[Extractor],
    cache_dir: Path,
    *,
    batch_size: int | None = None,
    retry: bool = False,
    update: Update = ignore,
) -> list[Extraction]:
    """Compute and commit the embeddings that the cache lacks.

    Models are loaded only if there is something to compute. Each image is decoded
    once for all extractors, while the models run on those before. Whatever stops
    this, what was committed stays, and an interrupt commits what was computed.

    Parameters
    ----------
    source : Source
        Where the images come from.
    extractors : sequence of Extractor
        One that leaves its precision open gets one; see `choose_precision`.
    batch_size : int, optional
        Images per run of a model; by default what suits the memory.
    retry : bool
        Whether quarantined images are tried again.
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
    for extractor in extractors:
        chosen, note = choose_precision(extractor, source, cache_dir)
        cache = EmbeddingCache(cache_dir, chosen.spec)
        plan = plan_extraction(source, cache, retry=retry)
        queue = SpecQueue(chosen, cache, frozenset(plan.compute), batch_size)
        result = Extraction(
            spec=chosen.spec,
            images=len(source.names),
            cached=plan.cached,
            folder=cache.folder,
            unreadable=dict(plan.unreadable),
            notes=[note] if note else [],
        )
        works.append((queue, result))
    todo = [queue for queue, _ in works if queue.rows]
    computation = Computation(source, todo, update)
    if todo:
        for queue in todo:
            queue.cache.check_writable()  # before a model is loaded
        computation.run()
    for queue, result in works:
        _finish(source, queue, computation, result, retry=retry)
    return [result for _, result in works]


def _finish(
    source: Source,
    queue: SpecQueue,
    computation: Computation,
    result: Extraction,
    *,
    retry: bool,
) -> None:
    """Merge parts, list what can't be read, and say what was done."""
    cache = queue.cache
    if queue.rows:
        result.computed = queue.computed
        result.seconds = computation.seconds
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
        with cache.writable():
            cache.quarantine.add(lines)
    except CacheError as error:
        result.notes.append(str(error))


def _forget(
    source: Source, result: Extraction, cache: EmbeddingCache, *, retry: bool
) -> None:
    """Take out of the list what can be read now."""
    if not cache.quarantine.read():
        return
    rows = [r for r in range(len(source.names)) if r not in result.unreadable]
    keys = {bytes(source.digests.keys[row]) for row in rows} if retry else set()
    # Where there is no list to be written, it stays as it is.
    with contextlib.suppress(OSError):
        cache.quarantine.forget(keys, {source.names[row] for row in rows})


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
