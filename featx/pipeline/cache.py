"""Managing the cache: verify, prune and export."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from featx.addresses import Address
from featx.atomic import atomic_file, check_writable, leftovers, remove_leftovers
from featx.embeddings.backbones.extractor import find_by_spec
from featx.embeddings.backbones.weights import check_own_weights
from featx.embeddings.cache.export import find_writer
from featx.embeddings.cache.inventory import find_caches
from featx.embeddings.cache.last_extracted import forget_missing, remembered
from featx.embeddings.cache.models import unused_models
from featx.embeddings.cache.parts import UnusablePartError
from featx.embeddings.cache.prune import (
    Pruning,
    check_folders,
    digest_folder,
    prune,
)
from featx.embeddings.cache.verify import (
    FindExtractor,
    Verified,
    check_parts,
    compare_samples,
)
from featx.embeddings.dataset import Embeddings
from featx.embeddings.settings import CacheSettings, ExtractSettings
from featx.errors import CacheError
from featx.images.layouts.options import DataSettings
from featx.images.layouts.read import read_images
from featx.locks import updating
from featx.pipeline.extract import find_embeddings
from featx.progress import SILENT, Progress
from featx.reports.numbers import counted


def run_export(
    data: DataSettings,
    out: Path,
    *,
    extract: Sequence[ExtractSettings] = (),
    cache: CacheSettings = CacheSettings(),
    progress: Progress = SILENT,
) -> Embeddings:
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
    write = find_writer(out)  # before anything is computed
    with _failures_named(out):
        check_writable(out.parent)
    embeddings, _ = find_embeddings(
        data, extract=extract, cache=cache, progress=progress
    )
    with _failures_named(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(out) as aside:
            write(aside, embeddings)
    return embeddings


@contextlib.contextmanager
def _failures_named(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CacheError(
            f"{out}: can't write ({reason}); fix that, or choose another --out"
        ) from error


@dataclass(frozen=True)
class Verification:
    """What was found of a cache.

    Attributes
    ----------
    specs : list of Verified
    lost : list of str
        Folders without a readable spec, and parts that can't be read here, one line
        each.
    notes : list of str
    """

    specs: list[Verified]
    lost: list[str]
    notes: list[str]

    @property
    def problem(self) -> str | None:
        """What is wrong and how to fix it, in one line; None if all is well."""
        wrong = []
        damaged = sum(len(spec.damaged) for spec in self.specs)
        if damaged:
            files = counted(damaged, "damaged file")
            wrong.append(f"{files}: `featx extract` computes the images again")
        wrong += [
            f"{one.cache.folder} isn't what is computed now: delete that folder, and"
            " `featx extract` fills it again"
            for one in self.specs
            if one.differs
        ]
        return "; ".join([*wrong, *self.lost]) or None


def run_verify(
    cache_dir: Address,
    data: DataSettings | None = None,
    *,
    sample: int = 32,
    seed: int = 0,
    weights: Sequence[Path] = (),
    find: FindExtractor | None = None,
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
    check_own_weights(weights)
    inventory = find_caches(cache_dir)
    images = None if data is None else read_images(data)
    found = [Verified(cache) for cache in inventory.caches]
    unusable = _check_parts(found, progress)
    if images is not None and sample and found:
        search = find or partial(find_by_spec, weights=weights, memo=cache_dir)
        compare_samples(
            found, images, search, count=sample, seed=seed, progress=progress
        )
    notes = [note for one in found for note in one.cache.notes]
    lost = [*inventory.damaged, *unusable]
    return Verification(found, lost, [*inventory.foreign, *notes])


def _check_parts(found: Sequence[Verified], progress: Progress) -> list[str]:
    """Check all parts; return what keeps some from being checked, one line each."""
    update, done = progress.task("checking", "parts"), 0
    total = sum(len(one.cache.parts()) for one in found)
    unusable = []
    if total:
        update(0, total)
    for one in found:
        try:
            for name in check_parts(one.cache):
                one.parts += 1
                one.damaged += [name] if name else []
                done += 1
                update(done, total)
        except UnusablePartError as error:
            one.skipped = "a part file can't be read here"
            unusable.append(str(error))
    return unusable


def run_prune(
    cache_dir: Address,
    data: Sequence[Address] = (),
    *,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> Pruning:
    """Drop the rows of images that are in none of some data folders.

    All image files below a folder count, whatever the labels say: an image that is
    left out today may be labelled tomorrow.

    Parameters
    ----------
    data : sequence of Path or UPath
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
    if not isinstance(cache_dir, Path):
        raise CacheError(
            f"{cache_dir}: nothing can be removed from an object store, which has no"
            " locks; delete folders of specs by hand while nobody adds to them"
        )
    inventory = find_caches(cache_dir)
    check_folders(cache_dir, list(data) or remembered(cache_dir), given=bool(data))
    pruning = Pruning(notes=[*inventory.damaged, *inventory.foreign])
    wanted: set[bytes] = set()
    _keep(pruning, wanted, list(data) or remembered(cache_dir), progress)
    with contextlib.nullcontext() if dry_run else _updating(cache_dir):
        # Nobody begins to extract another folder now: those begun meanwhile are known.
        if not data:
            _keep(pruning, wanted, remembered(cache_dir), progress)
        for cache in inventory.caches:
            pruning.specs.append(prune(cache, wanted, dry_run=dry_run))
            pruning.notes.extend(cache.notes)
        pruning.leftovers.update(leftovers(cache_dir))
        kept = [one.cache.spec for one in pruning.specs if not one.removed]
        pruning.models.update(unused_models(cache_dir, kept))
        if not dry_run:
            remove_leftovers(cache_dir)
            for path in pruning.models:
                path.unlink(missing_ok=True)
    if not dry_run:
        # Named folders say which there are: a lost one must not block the next time.
        forget_missing(cache_dir, data)
    return pruning


def _keep(
    pruning: Pruning, wanted: set[bytes], folders: Sequence[Address], progress: Progress
) -> None:
    """Add what is in some folders to what is wanted, each folder once."""
    for folder in folders:
        if folder not in pruning.kept:
            digests = digest_folder(folder, progress.images(f"reading {folder}"))
            pruning.kept[folder] = len(digests)
            wanted.update(digests)


@contextlib.contextmanager
def _updating(cache_dir: Address) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(updating(cache_dir))
        except OSError as error:
            raise CacheError(
                f"{cache_dir}: not writable ({error.strerror}); make it so, then prune"
            ) from error
        yield
