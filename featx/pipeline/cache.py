"""Looking after the cache: verify, prune and export."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from featx.atomic import atomic_file
from featx.embeddings.backbones.extractor import Extractor, find_by_spec
from featx.embeddings.cache.export import _writer
from featx.embeddings.cache.inventory import find_caches
from featx.embeddings.cache.last_extracted import forget, remembered
from featx.embeddings.cache.prune import Pruned, prune
from featx.embeddings.cache.store import EmbeddingCache, split_keys
from featx.embeddings.cache.verify import Comparison, check_parts, compare, draw_sample
from featx.embeddings.dataset import Embeddings
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.embeddings.spec import Spec
from featx.errors import BackboneError, CacheError, DataError, WeightsError
from featx.images.digests import digest_files
from featx.images.image_set import ImageSet
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.images.walking import broken_links, image_files
from featx.pipeline.extract import find_embeddings
from featx.progress import SILENT, Progress, Update


@dataclass(frozen=True)
class Exported:
    """What was written where."""

    path: Path
    embeddings: Embeddings


def run_export(
    data: DataSettings,
    out: Path,
    *,
    extract: Sequence[ExtractSettings] = (),
    cache: CacheSettings = CacheSettings(),
    progress: Progress = SILENT,
) -> Exported:
    """Write the rows that `run_fit` would use; those that the cache lacks are computed.

    Parameters
    ----------
    out : Path
        Its suffix says the format. It is there whole or not at all.

    Raises
    ------
    CacheError
        The suffix is unknown, or the file can't be written.
    RecipeError, DataError, BackboneError, WeightsError
    """
    write = _writer(out)  # before a long work
    _check_place(out)
    embeddings, _ = find_embeddings(
        data, extract=extract, cache=cache, progress=progress
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(out) as aside:
            write(aside, embeddings)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CacheError(
            f"{out}: can't write ({reason}); fix that, or choose another --out"
        ) from error
    return Exported(out, embeddings)


def _check_place(out: Path) -> None:
    if out.is_dir():
        raise CacheError(f"--out {out}: a folder; name a file")


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
        """What is wrong and how to fix it, in one line; None if all is well."""
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
    progress: Progress = SILENT,
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
    images = None if data is None else read_images(data)
    found = Verification(lost=shelf.damaged, notes=list(shelf.foreign))
    update = progress.parts("checking")
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
        _recompute(shelf.caches, found.specs, images, search, (sample, seed), progress)
    return found


def _recompute(
    caches: Sequence[EmbeddingCache],
    found: Sequence[Verified],
    images: ImageSet,
    search: Callable[[Spec], Extractor],
    drawn: tuple[int, int],
    progress: Progress,
) -> None:
    """Compare a sample of each spec, of so many images and drawn with a seed."""
    digests = digest_files(images.files, progress.images("reading images"))
    samples = [draw_sample(cache, digests.keys, *drawn) for cache in caches]
    update, done, total = progress.images("computing"), 0, sum(map(len, samples))
    for cache, verified, rows in zip(caches, found, samples, strict=True):
        if not rows:
            if not verified.damaged:  # then it may have had some
                verified.skipped = f"it has none of the images in {images.root}"
            continue
        files = [images.files[row] for row in rows]
        with _skipping(verified):
            now = search(cache.spec)
            shown = partial(_tell, update, done, total)
            verified.comparison = compare(cache, now, files, shown)
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


@dataclass(frozen=True)
class Pruning:
    """What was, or would be, taken out of a cache.

    Attributes
    ----------
    kept : dict of Path to int
        Data folders whose rows stay, with how many images each has.
    specs : list of Pruned
    notes : list of str
    """

    kept: dict[Path, int] = field(default_factory=dict)
    specs: list[Pruned] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run_prune(
    cache_dir: Path,
    data: Sequence[Path] = (),
    *,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> Pruning:
    """Drop the rows of images that are in none of some data folders.

    All image files below a folder count, whatever its labels say: an image that is
    left out today may be labelled tomorrow.

    Parameters
    ----------
    data : sequence of Path
        Folders whose rows stay; by default all that were extracted into this cache.
    dry_run : bool
        Only say what would happen.

    Raises
    ------
    CacheError
        There is no cache, no folder is known, one isn't there, or the cache can't be
        written to.
    DataError
        A folder has no images, or some can't be read, so that it isn't known which
        rows are theirs.
    """
    shelf = find_caches(cache_dir)
    known = remembered(cache_dir)
    folders = [Path(folder) for folder in data] or known
    _check(cache_dir, folders, given=bool(data))
    pruning = Pruning(notes=[*shelf.damaged, *shelf.foreign])
    wanted: set[bytes] = set()
    for folder in folders:
        digests = _digest_folder(folder, progress)
        pruning.kept[folder] = len(digests)
        wanted.update(digests)
    for cache in shelf.caches:
        pruning.specs.append(prune(cache, wanted, dry_run=dry_run))
        pruning.notes.extend(cache.notes)
    if not dry_run:
        # Named folders say which there are: a lost one must not block the next time.
        forget(cache_dir, [folder for folder in known if not folder.is_dir()])
    return pruning


def _check(cache_dir: Path, folders: Sequence[Path], *, given: bool) -> None:
    """Check that the folders whose rows stay are known and there."""
    if not folders:
        raise CacheError(
            f"{cache_dir}: it remembers no data folder; name those whose embeddings are"
            " to stay: `featx cache prune DATA...`"
        )
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing and given:
        raise DataError(f"{missing[0]}: no such folder; name those that are to stay")
    if missing:
        names = " and ".join(str(folder) for folder in missing)
        raise DataError(
            f"{names}: extracted before, but not there now; mount the disk that it is"
            " on, or name the folders to keep: `featx cache prune DATA...`"
        )


def _digest_folder(folder: Path, progress: Progress) -> list[bytes]:
    """Return the digests of all images below a folder.

    Raises
    ------
    DataError
        Some can't be read, or there are none: their rows would be taken for unused.
    """
    # A link to another disk's folder looks, when broken, like a file that is no image.
    for link in broken_links(folder):
        raise DataError(
            f"{link}: broken link; fix or remove it first, for the embeddings of what"
            " it leads to would be lost"
        )
    files = list(image_files(folder))
    if not files:
        raise DataError(
            f"{folder}: no images in it now; is its disk mounted? If it is meant to be"
            " empty, name the other folders: `featx cache prune DATA...`"
        )
    digests = digest_files(files, progress.images(f"reading {folder}"))
    if digests.unreadable:
        row, reason = min(digests.unreadable.items())
        count = len(digests.unreadable)
        lost = "1 image" if count == 1 else f"{count} images"
        raise DataError(
            f"{files[row]}: {reason}; the embeddings of {lost} that can't be read would"
            " be lost"
        )
    return split_keys(digests.keys)
