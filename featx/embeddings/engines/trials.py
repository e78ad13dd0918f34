"""Engines and precisions side by side: how fast each is, and whether it agrees.

The float32 embeddings of some images, computed by Keras' own backend, are the
reference. Another engine or a lower precision is chosen only where it is faster and
gives the same embeddings.
"""

import contextlib
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from featx.embeddings.backbones.extractor import AUTO, KerasExtractor
from featx.embeddings.comparison import largest_difference, mean_cosine
from featx.embeddings.engines.converted import is_convertible
from featx.embeddings.engines.table import (
    CONVERTED,
    MODEL_RUNS,
    Engine,
    default_engine,
    find_engine,
)
from featx.errors import BackboneError, WeightsError

LEAST_SPEEDUP = 1.15
LEAST_COSINE = 0.999
MOST_DIFFERENCE = 1e-5
"""Of an engine's float32 embeddings from the reference, relative to their length."""

LONG = 10.0
"""Seconds that the reference would take for all images, from which on other engines
are tried: converting a backbone and loading it takes several seconds itself."""

SAMPLE, FEW = 32, 8
SLOW_SECONDS = 0.1
"""Models that take longer for a few images are measured on those few only."""

REPEATS = 3

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """One engine in one precision, and what was measured of it.

    Attributes
    ----------
    engine, precision : str
    rate : float
        Images per second.
    cosine : float
        Mean cosine between its embeddings and the reference.
    difference : float
        Largest ``||its - reference|| / ||reference||`` of an image.
    """

    engine: str
    precision: str
    rate: float
    cosine: float = 1.0
    difference: float = 0.0

    @property
    def agrees(self) -> bool:
        """Whether its embeddings may stand for the reference."""
        if self.precision == "float32":
            return self.difference <= MOST_DIFFERENCE
        return self.cosine >= LEAST_COSINE


@dataclass(frozen=True)
class Choice:
    """What was chosen, and what was measured.

    Attributes
    ----------
    chosen : Candidate
    tried : tuple of Candidate
        The reference first.
    failed : dict of str to str
        Engines that can't run the backbone, and why.
    """

    chosen: Candidate
    tried: tuple[Candidate, ...]
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, content: Any) -> Self | None:
        """Return the choice that `spec.json` has; None where it is damaged."""
        with contextlib.suppress(KeyError, TypeError, ValueError):
            tried = tuple(Candidate(**one) for one in content["tried"])
            chosen = (content["engine"], content["precision"])
            named = {(one.engine, one.precision): one for one in tried}
            return cls(named[chosen], tried, dict(content["failed"]))
        return None

    def __str__(self) -> str:
        """Name what was chosen, and why."""
        reference, *others = self.tried
        if self.chosen != reference:
            return f"{_name(self.chosen)}, {self._compared(self.chosen)}"
        if not others:
            return f"{_name(reference)}; nothing else was tried"
        fastest = max(others, key=lambda one: one.rate)
        return f"{_name(reference)}; {_name(fastest)} is {self._compared(fastest)}"

    def _compared(self, one: Candidate) -> str:
        reference = self.tried[0]
        words = f"{one.rate / reference.rate:.2f} times as fast as {_name(reference)}"
        if one.precision == "float32" and one.agrees:
            return f"{words} here, with the same embeddings"
        how = "with nearly the same" if one.agrees else "but changes the"
        if one.precision == "float32":
            return f"{words} here, {how} embeddings (by {one.difference:.0e})"
        return f"{words} here, {how} embeddings (mean cosine {one.cosine:.5f})"

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as `spec.json` has it."""
        return {
            "engine": self.chosen.engine,
            "precision": self.chosen.precision,
            "tried": [asdict(one) for one in self.tried],
            "failed": self.failed,
        }


def _name(one: Candidate) -> str:
    return f"{one.engine} in {one.precision}"


def installed(extractor: KerasExtractor) -> Iterator[str]:
    """Yield the engines that can run here, Keras' own backend first."""
    yield default_engine()
    if not find_engine(default_engine()).uses_gpu():
        yield from (name for name in CONVERTED if can_run(name, extractor))


def can_run(name: str, extractor: KerasExtractor) -> bool:
    """Return whether an engine is installed, and has a converted backbone if needed."""
    is_installed = find_engine(name).missing() is None
    return is_installed and (name not in CONVERTED or is_convertible(extractor))


def measure(extractor: KerasExtractor, images: NDArray[np.uint8], count: int) -> Choice:
    """Compare what can compute an extractor's embeddings, and choose.

    Parameters
    ----------
    extractor : KerasExtractor
        What it leaves open, engine and precision, is tried.
    images : ndarray of uint8, shape (n, side, side, 3)
        Some of the images; n at least 1.
    count : int
        How many images there are to embed.

    Raises
    ------
    BackboneError
        The model can't be built, or the engine that is asked for doesn't agree with
        the reference.
    WeightsError
        The file doesn't fit the backbone.
    """
    # A batch of full size, however few images there are.
    batch = images[np.arange(SAMPLE) % len(images)]
    reference = replace(extractor, engine=default_engine(), precision="float32")
    engine = reference.open()
    engine(batch[:FEW])  # the first run optimises the graph
    seconds = _seconds(engine, batch[:FEW])
    if seconds > SLOW_SECONDS:
        batch = batch[:FEW]
    rate = MODEL_RUNS * FEW / seconds
    names = _to_try(extractor, is_long=count >= LONG * rate)
    is_known = extractor.precision in find_engine(default_engine()).precisions()
    if names == [default_engine()] and is_known:
        only = Candidate(default_engine(), extractor.precision, round(rate, 2))
        return Choice(only, (only,))
    trials = _Trials(batch, engine)
    for name in names:
        for precision in replace(extractor, engine=name).engine_module().precisions():
            if extractor.precision in {AUTO, precision}:
                trials.add(replace(extractor, engine=name, precision=precision))
    return _decide(extractor, trials.run(), trials.failed)


def _to_try(extractor: KerasExtractor, *, is_long: bool) -> list[str]:
    if extractor.engine != AUTO:
        return [extractor.engine]
    return list(installed(extractor)) if is_long else [default_engine()]


class _Trials:
    """Engines beside the reference: their rates, and how far their rows agree."""

    def __init__(self, batch: NDArray[np.uint8], reference: Engine) -> None:
        self.failed: dict[str, str] = {}
        self._batch = batch
        self._expected = reference(batch)
        self._engines: dict[tuple[str, str], Engine] = {
            (default_engine(), "float32"): reference
        }
        self._rows = {(default_engine(), "float32"): self._expected}

    def add(self, extractor: KerasExtractor) -> None:
        """Load an engine; one that can't run the backbone counts as failed."""
        name = extractor.engine, extractor.precision
        if name in self._engines:
            return
        try:
            engine = extractor.open()
            self._rows[name] = engine(self._batch)
            self._engines[name] = engine
        except WeightsError:
            raise
        except BackboneError as error:
            if extractor.engine == default_engine():
                raise
            LOGGER.debug("%s", error)
            self.failed[extractor.engine] = str(error)

    def run(self) -> list[Candidate]:
        """Measure all, by turns, as stage one runs them; the reference comes first."""
        least = dict.fromkeys(self._engines, np.inf)
        for _ in range(REPEATS):
            for name, engine in self._engines.items():
                least[name] = min(least[name], _seconds(engine, self._batch))
        return [
            Candidate(
                *name,
                rate=round(MODEL_RUNS * len(self._batch) / least[name], 2),
                cosine=round(mean_cosine(self._expected, rows), 6),
                difference=float(f"{largest_difference(rows, self._expected):.2e}"),
            )
            for name, rows in self._rows.items()
        ]


def _decide(
    extractor: KerasExtractor, tried: list[Candidate], failed: dict[str, str]
) -> Choice:
    """Choose the fastest that agrees; fewer digits have to pay more."""
    allowed = [
        one
        for one in tried
        if extractor.precision in {AUTO, one.precision}
        and extractor.engine in {AUTO, one.engine}
    ]
    # A precision that is given, or that the cache has rows in already, is what Keras'
    # backend makes of it, however far these images' embeddings are from float32.
    agreeing = [
        one
        for one in allowed
        if one.agrees
        or (one.engine == default_engine() and extractor.precision == one.precision)
    ]
    name = extractor.engine
    if not agreeing and name == AUTO:
        raise BackboneError(
            f"--precision {extractor.precision}: {tried[0].engine} doesn't compute in"
            " it on this machine; use auto or float32"
        )
    if not agreeing:
        differ = [
            f"its embeddings in {one.precision} differ from {tried[0].engine}'s (mean"
            f" cosine {one.cosine:.5f})"
            for one in allowed
        ]
        why = [failed[name]] if name in failed else differ
        why = why or [f"doesn't compute in {extractor.precision} on this machine"]
        raise BackboneError(f"--engine {name}: {' and '.join(why)}; use auto")
    chosen = agreeing[0]  # Keras' own backend, where it is among them
    for exact in (True, False):
        group = [one for one in agreeing if (one.precision == "float32") == exact]
        fastest = max(group, key=lambda one: one.rate, default=chosen)
        if fastest.rate >= LEAST_SPEEDUP * chosen.rate:
            chosen = fastest
    return Choice(chosen, tuple(tried), failed)


def _seconds(engine: Engine, batch: NDArray[np.uint8]) -> float:
    """Return how long as many batches take as stage one runs at a time."""
    with ThreadPoolExecutor(MODEL_RUNS) as runs:
        start = time.perf_counter()
        list(runs.map(engine, [batch] * MODEL_RUNS))
        return time.perf_counter() - start
