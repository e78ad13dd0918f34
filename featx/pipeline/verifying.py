"""Checking a cache: checksums of everything, and a sample computed again."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from featx.embeddings import (
    Comparison,
    EmbeddingCache,
    Extractor,
    Spec,
    check_parts,
    compare,
    draw_sample,
    find_by_spec,
    find_caches,
)
from featx.errors import BackboneError, WeightsError
from featx.images import ImageSet, read_images
from featx.pipeline.digesting import digest_all
from featx.pipeline.listener import SILENT, Listener, Update
from featx.pipeline.settings import DataSettings

SAMPLE = 32


@dataclass
class Verified:
    """What was found of a spec.

    Attributes
    ----------
    spec : Spec
    folder : Path
    parts : int
        How many there were.
    damaged : list of str
        Names of those that were damaged and are set aside.
    comparison : Comparison or None
        Of a sample with what is computed now.
    skipped : str or None
        Why none was computed, where that was wanted.
    """

    spec: Spec
    folder: Path
    parts: int = 0
    damaged: list[str] = field(default_factory=list)
    comparison: Comparison | None = None
    skipped: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the sample isn't what is computed now."""
        return self.comparison is not None and not self.comparison.ok


@dataclass(frozen=True)
class Verification:
    """What was found of a cache.

    Attributes
    ----------
    specs : list of Verified
    lost : list of str
        Folders without a readable spec, one line each.
    notes : list of str
    """

    specs: list[Verified] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def problem(self) -> str | None:
        """What is wrong and how to mend it, in one line; None if all is well."""
        wrong = []
        damaged = sum(len(spec.damaged) for spec in self.specs)
        if damaged:
            files = "1 damaged file" if damaged == 1 else f"{damaged} damaged files"
            wrong.append(f"{files}: `featx extract` computes the images again")
        wrong += [
            f"{one.folder} isn't what is computed now: delete that folder, and"
            " `featx extract` fills it again"
            for one in self.specs
            if one.differs
        ]
        return "; ".join([*wrong, *self.lost]) or None


def run_verify(
    cache_dir: Path,
    data: DataSettings | None = None,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    weights: Sequence[Path] = (),
    find: Callable[[Spec], Extractor] | None = None,
    listener: Listener = SILENT,
) -> Verification:
    """Check all checksums of a cache, and compute some of its embeddings again.

    Parameters
    ----------
    data : DataSettings, optional
        Where the images are; without them checksums only.
    sample : int
        How many images of each spec are computed again, at most.
    seed : int
        Chooses them.
    weights : sequence of Path
        The user's own weights files, for specs that were computed with such.
    find : callable, optional
        Returns the extractor of a spec; by default that of Keras Applications.

    Raises
    ------
    CacheError
        There is no cache.
    DataError
        The data can't be read.
    WeightsError
        A weights file isn't there.
    """
    for path in weights:
        if not path.is_file():
            raise WeightsError(f"--weights {path}: no such file")
    shelf = find_caches(cache_dir)
    images = None if data is None else read_images(data.path, data.layout)
    found = Verification(lost=shelf.damaged, notes=list(shelf.foreign))
    update = listener.parts("checking")
    total = sum(len(cache.parts()) for cache in shelf.caches)
    if total:
        update(0, total)
    for cache in shelf.caches:
        verified = Verified(cache.spec, cache.folder)
        found.specs.append(verified)
        for name in check_parts(cache):
            verified.parts += 1
            verified.damaged += [name] if name else []
            update(sum(one.parts for one in found.specs), total)
        found.notes.extend(cache.notes)
    if images is not None and sample and found.specs:
        search = find or partial(find_by_spec, weights=weights, memo=cache_dir)
        _recompute(shelf.caches, found.specs, images, search, (sample, seed), listener)
    return found


def _recompute(
    caches: Sequence[EmbeddingCache],
    found: Sequence[Verified],
    images: ImageSet,
    search: Callable[[Spec], Extractor],
    drawn: tuple[int, int],
    listener: Listener,
) -> None:
    """Compare a sample of each spec, of so many images and drawn with a seed."""
    digests = digest_all(images.files, listener.images("reading images"))
    samples = [draw_sample(cache, digests.keys, *drawn) for cache in caches]
    update, done, total = listener.images("computing"), 0, sum(map(len, samples))
    for cache, verified, rows in zip(caches, found, samples, strict=True):
        if not rows:
            if not verified.damaged:  # then it may have had some
                verified.skipped = f"it has none of the images in {images.root}"
            continue
        files = [images.files[row] for row in rows]
        with _skipping(verified):
            now = search(cache.spec)
            progress = partial(_tell, update, done, total)
            verified.comparison = compare(cache, now, files, progress)
        done += len(rows)
        if verified.skipped:
            update(done, total)


def _tell(update: Update, before: int, total: int, done: int, _: int) -> None:
    """Tell how far all specs are, where one is told of its own images only."""
    update(before + done, total)


@contextlib.contextmanager
def _skipping(verified: Verified) -> Iterator[None]:
    """Keep the reason why nothing could be compared; other specs go on."""
    try:
        yield
        if verified.comparison is None:
            verified.skipped = "none of its images can be read any more"
    except BackboneError as error:
        verified.skipped = str(error)
