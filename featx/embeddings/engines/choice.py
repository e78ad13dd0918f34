"""Choosing the precision and the engine of a spec: measured once, and kept."""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.embeddings.backbones.extractor import (
    AUTO,
    PRECISIONS,
    Extractor,
    KerasExtractor,
)
from featx.embeddings.cache.models import models_folder
from featx.embeddings.cache.store import SPEC_FILE, EmbeddingCache
from featx.embeddings.engines.converted import is_converted
from featx.embeddings.engines.table import (
    CONVERTED,
    default_engine,
    find_engine,
)
from featx.embeddings.engines.trials import (
    LONG,
    SAMPLE,
    Choice,
    can_run,
    installed,
    measure,
)
from featx.embeddings.memo import read_memo
from featx.errors import ImageError
from featx.hardware import machine_kind
from featx.images.sources import Source, View, show_or_reason
from featx.progress import Update, ignore

LOGGER = logging.getLogger(__name__)

CHOICE = "engine_check"
"""Key of the choices in `spec.json`, by kind of machine."""

CHOSEN = "precision_chosen"
"""Key in `spec.json` that says that featx chose the precision, and not a user."""

OLD_CHOICE = "precision_check"
"""Key that said so in featx 0.2."""

TRIED = 1000
"""Images of which a sample is taken, as some may not be readable."""


def choose_precision(
    extractor: Extractor,
    source: Source,
    cache_dir: Address,
    update: Update = ignore,
    *,
    count: int | None = None,
) -> tuple[Extractor, str | None]:
    """Choose the precision of an extractor that leaves it open.

    The cache decides if it has these embeddings in any precision: first those of the
    same spec, then those of the flipped view. Otherwise what this machine has is
    measured on some of the images, other engines among it where they are worth it, and
    the choice is kept in `spec.json`.

    Parameters
    ----------
    update : callable
        Called with (0, total) before something is measured, which takes seconds.
    count : int, optional
        How many images are to be embedded; by default those of the source.

    Returns
    -------
    extractor : Extractor
        With a precision.
    note : str or None
        What was chosen and why, if it was chosen now and is not the reference.

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
    if cached in _precisions(extractor):
        return replace(extractor, precision=cached), None
    rows = range(len(source.names))
    images = _sample(source, extractor.spec.view, rows)
    if not len(images):
        return replace(extractor, precision="float32"), None
    EmbeddingCache(cache_dir, extractor.spec).check_writable()
    return _choose(extractor, images, count or len(rows), cache_dir, update)


def choose_engine(
    extractor: Extractor,
    source: Source,
    rows: Collection[int],
    cache_dir: Address,
    update: Update = ignore,
    *,
    count: int | None = None,
) -> tuple[Extractor, str | None]:
    """Choose the engine that embeds some images, or check the one that is given.

    `spec.json` has what was chosen on this kind of machine. Otherwise engines are
    measured where that is worth it, and the choice is kept.

    Parameters
    ----------
    extractor : Extractor
        With a precision.
    rows : collection of int
        The images that are to be embedded.
    update : callable
        As in `choose_precision`.
    count : int, optional
        How many there are, where `rows` is a sample of them.

    Returns
    -------
    extractor : Extractor
    note : str or None
        What was chosen and why, if it was chosen now and is not Keras' backend.

    Raises
    ------
    BackboneError, WeightsError
        The model can't be built, or the given engine computes other embeddings.
    CacheError
        The cache can't be written to.
    """
    if not isinstance(extractor, KerasExtractor):
        return extractor, None
    count = count or len(rows)
    kept = _kept(extractor, cache_dir, count)
    if kept is not None:
        return replace(extractor, engine=kept, models=models_folder(cache_dir)), None
    if _is_alone(extractor):
        return replace(extractor, engine=default_engine()), None
    images = _sample(source, extractor.spec.view, sorted(rows))
    if not len(images):
        return replace(extractor, engine=default_engine()), None
    return _choose(extractor, images, count, cache_dir, update)


def _choose(
    extractor: KerasExtractor,
    images: NDArray[np.uint8],
    count: int,
    cache_dir: Address,
    update: Update,
) -> tuple[KerasExtractor, str | None]:
    """Measure what this machine has, and keep the choice."""
    update(0, count)
    extractor = replace(extractor, models=models_folder(cache_dir))
    choice = measure(extractor, images, count)
    best = choice.chosen
    chosen = replace(extractor, engine=best.engine, precision=best.precision)
    if extractor.precision != AUTO and len(choice.tried) == 1 and not choice.failed:
        return chosen, None  # there was nothing to choose
    cache = EmbeddingCache(cache_dir, chosen.spec)
    by_machine = {**_choices(cache_dir, chosen), machine_kind(): choice.as_dict()}
    reason = f"{extractor.spec}: {choice}"
    facts: dict[str, Any] = {CHOICE: by_machine}
    if extractor.precision == AUTO:
        facts[CHOSEN] = True
    with cache.writable(facts):
        if best != choice.tried[0]:
            return chosen, reason
    LOGGER.debug("%s", reason)  # what is usual is no news
    return chosen, None


def _choices(cache_dir: Address, extractor: KerasExtractor) -> dict[str, Any]:
    """Return the choices in a spec's `spec.json`, by kind of machine."""
    found = read_memo(cache_dir / extractor.spec.folder_name / SPEC_FILE).get(CHOICE)
    return found if isinstance(found, dict) else {}


def _precisions(extractor: KerasExtractor) -> tuple[str, ...]:
    """Return the precisions that the engine computes in; all where it is open."""
    if extractor.engine == AUTO:
        return PRECISIONS
    return extractor.engine_module().precisions()


def _both_views(extractor: KerasExtractor) -> Iterator[KerasExtractor]:
    for flip in (extractor.flip, not extractor.flip):
        yield replace(extractor, flip=flip)


def _cached_precision(extractor: KerasExtractor, cache_dir: Address) -> str | None:
    """Return the precision of what the cache has; a chosen one before others."""
    found: list[str] = []
    for view in _both_views(extractor):
        for precision in ("float32", "bfloat16", "float16"):
            spec = replace(view, precision=precision).spec
            content = read_memo(cache_dir / spec.folder_name / SPEC_FILE)
            if CHOSEN in content or OLD_CHOICE in content:
                return precision
            found += [precision] if content else []
    return found[0] if found else None


def _kept(extractor: KerasExtractor, cache_dir: Address, count: int) -> str | None:
    """Return the engine that needs no measuring to embed so many images."""
    if extractor.engine == default_engine():
        return extractor.engine
    extractor = replace(extractor, models=models_folder(cache_dir))
    for view in _both_views(extractor):
        choice = Choice.from_dict(_choices(cache_dir, view).get(machine_kind()))
        if choice is None:
            continue
        known = {one.engine for one in choice.tried} | choice.failed.keys()
        if extractor.engine != AUTO:
            asked = extractor.engine, extractor.precision
            fits = [one for one in choice.tried if (one.engine, one.precision) == asked]
            return extractor.engine if fits and fits[0].agrees else None
        if not can_run(choice.chosen.engine, extractor):
            return None
        chosen, is_short = choice.chosen.engine, count < LONG * choice.tried[0].rate
        if is_short and chosen in CONVERTED:
            # To convert a backbone for few images would take longer than they do.
            return chosen if is_converted(extractor) else default_engine()
        is_complete = known.issuperset(installed(extractor))
        return chosen if is_short or is_complete else None
    return None


def _is_alone(extractor: KerasExtractor) -> bool:
    """Tell whether Keras' backend is all there is, as on a GPU.

    Then nothing is measured: that would build and compile the float32 network, too.
    """
    default = default_engine()
    return (
        extractor.engine == AUTO
        and extractor.precision in find_engine(default).precisions()
        and list(installed(extractor)) == [default]
    )


def _sample(source: Source, view: View, rows: Iterable[int]) -> NDArray[np.uint8]:
    """Return the first images that can be decoded, shape (n, side, side, 3)."""

    def decoded() -> Iterator[NDArray[np.uint8]]:
        for row in islice(rows, TRIED):
            if row not in source.digests.unreadable:
                shown = show_or_reason(source, row, [view])
                if not isinstance(shown, ImageError):
                    yield shown[view]

    images = list(islice(decoded(), SAMPLE))
    return np.stack(images) if images else np.zeros((0, view.side, view.side, 3), "u1")
