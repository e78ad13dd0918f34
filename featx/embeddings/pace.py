"""How many images a second are embedded: measured on some, and remembered."""

import contextlib
import time
from typing import Any

from featx.embeddings.cache.store import SPEC_FILE, EmbeddingCache
from featx.embeddings.extract import Extraction
from featx.embeddings.memo import read_memo
from featx.errors import CacheError
from featx.hardware import machine_kind
from featx.progress import Update, ignore

PACE = "pace"
"""Key of the rates in `spec.json`, by kind of machine."""

ENOUGH = 100
"""Images from which on a rate that is measured replaces one that is remembered."""


class Pace:
    """Measures the rate at which a task goes on once it has started up.

    To be called as the task's `Update`. What comes before the first steps are done, the
    loading and compiling of a model, is no part of the rate.

    Parameters
    ----------
    update : callable
        Called as well.

    Attributes
    ----------
    steps : int
        How many the rate was measured on; 0 if the task came to its end with the
        first report.
    """

    def __init__(self, update: Update = ignore) -> None:
        self.steps = 0
        self._update = update
        self._first: tuple[int, float] | None = None
        self._seconds = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Take how far the task is."""
        now = time.perf_counter()
        if done and self._first is None:
            self._first = done, now
        elif self._first is not None and done > self._first[0]:
            self.steps = done - self._first[0]
            self._seconds = now - self._first[1]
        self._update(done, total)

    @property
    def rate(self) -> float | None:
        """Steps per second; None where it wasn't measured."""
        return self.steps / self._seconds if self.steps and self._seconds else None


def find_rate(
    extraction: Extraction, pace: Pace, cache: EmbeddingCache
) -> float | None:
    """Return at how many images a second a spec is embedded on this machine.

    It is what was measured now, unless that was on a few images only and more is
    remembered. What is measured is kept in `spec.json`, for the next time, when the
    images will be in the cache.

    Parameters
    ----------
    extraction : Extraction
        What was done for the spec.
    pace : Pace
        The `Update` of that.
    cache : EmbeddingCache
        Of the spec.

    Returns
    -------
    float or None
        None where it was never measured.
    """
    known = _known(cache)
    kept_rate, kept_images = _numbers(known.get(machine_kind()))
    rate, images = pace.rate, pace.steps
    if rate is None and extraction.seconds > 0:
        rate = extraction.computed / extraction.seconds
    if kept_rate and (not rate or images < min(ENOUGH, kept_images)):
        return kept_rate
    if not rate:
        return None
    now = {machine_kind(): {"rate": round(rate, 2), "images": images}}
    # It is worth remembering, but not needed.
    with contextlib.suppress(CacheError), cache.writable({PACE: {**known, **now}}):
        pass
    return rate


def _known(cache: EmbeddingCache) -> dict[str, Any]:
    """Return the rates in `spec.json`, by kind of machine."""
    found = read_memo(cache.folder / SPEC_FILE).get(PACE)
    return found if isinstance(found, dict) else {}


def _numbers(kept: Any) -> tuple[float, float]:
    """Return rate and images of an entry; zeros where it is none of `find_rate`'s."""
    match kept:
        case {"rate": int() | float() as rate, "images": int() as images}:
            return max(0.0, float(rate)), images
    return 0.0, 0.0
