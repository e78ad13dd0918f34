"""Stage one: find what the cache lacks, compute that, list what can't be read.

Decide, then act: `plan_extraction` looks and returns which images are there, which
are to be computed and which can't be read; `extract` acts on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from featx.embeddings.cache import EmbeddingCache, split_keys
from featx.embeddings.computing import Computation, Progress
from featx.embeddings.extractor import Extractor
from featx.embeddings.quarantine import Unreadable
from featx.embeddings.sources import CHANGED, Source
from featx.errors import CacheError

DEFAULT_BATCH_SIZE = 32


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
    """What stage one did.

    Attributes
    ----------
    images, cached, computed : int
        How many images there were, were in the cache, and were computed now.
    folder : Path
        Of the spec in the cache.
    unreadable : dict of int to str
        Row to reason.
    seconds : float
        Spent on computing, without loading the model.
    notes : list of str
        What a person should know of.
    """

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
    extractor: Extractor,
    cache: EmbeddingCache,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    retry: bool = False,
    progress: Progress | None = None,
) -> Extraction:
    """Compute and commit the embeddings that the cache lacks.

    The model is loaded only if there is something to compute. Images are decoded
    while the model runs on those before. Whatever stops this, what was committed
    stays, and an interrupt commits what was computed.

    Parameters
    ----------
    source : Source
        Where the images come from.
    retry : bool
        Whether quarantined images are tried again.
    progress : callable, optional
        Called with (done, total) after each batch.

    Raises
    ------
    CacheError
        The cache can't be written to.
    """
    plan = plan_extraction(source, cache, retry=retry)
    result = Extraction(
        images=len(source.names),
        cached=plan.cached,
        folder=cache.folder,
        unreadable=dict(plan.unreadable),
    )
    failed: Mapping[int, str] = {}
    if plan.compute:
        with cache.writable():
            pass  # a folder that can't be written to is told before the model loads
        computation = Computation(
            source,
            plan.compute,
            extractor,
            cache,
            batch_size,
            progress or (lambda *_: None),
        )
        computation.run()
        result.computed = computation.computed
        result.seconds = computation.seconds
        failed = computation.failed
        cache.merge()
    _quarantine(source, failed, result, cache)
    if retry:
        readable = enumerate(split_keys(source.digests.keys))
        cache.quarantine.forget({k for r, k in readable if r not in result.unreadable})
    result.notes.extend(cache.notes)
    return result


def _quarantine(
    source: Source,
    failed: Mapping[int, str],
    result: Extraction,
    cache: EmbeddingCache,
) -> None:
    """List what could not be read now; the same content under all its names."""
    digests = source.digests
    reasons = {bytes(digests.keys[row]): reason for row, reason in failed.items()}
    lines = []
    for row, key in enumerate(split_keys(digests.keys)):
        if row in digests.unreadable:
            lines.append(Unreadable(source.names[row], "", digests.unreadable[row]))
        elif key in reasons:
            result.unreadable[row] = reasons[key]
            # What changed under us is not known to be bad: it is tried again.
            if reasons[key] != CHANGED:
                lines.append(Unreadable(source.names[row], key.hex(), reasons[key]))
    if not lines:
        return
    try:
        with cache.writable():
            cache.quarantine.add(lines)
    except CacheError as error:
        result.notes.append(str(error))
