"""Removing rows from a cache that no data set uses."""

import contextlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from featx.addresses import Address
from featx.atomic import ASIDE
from featx.embeddings.cache.inventory import folder_size
from featx.embeddings.cache.parts import DamagedPartError, PartError
from featx.embeddings.cache.store import (
    LOCK_FILE,
    QUARANTINE_FILE,
    SPEC_FILE,
    EmbeddingCache,
    split_keys,
)
from featx.errors import CacheError, DataError
from featx.images.digests import digest_files
from featx.images.walking import broken_links, image_files
from featx.progress import Update, ignore


@dataclass
class Pruned:
    """What was, or would be, taken out of a spec's folder.

    Attributes
    ----------
    cache : EmbeddingCache
    kept, dropped : int
        Different images.
    freed : int
        Bytes; before the work an estimate.
    files : list of str
        Names of files that were set aside as damaged, or that a killed process left.
    damaged : int
        Parts that can't be read, damaged or by a newer featx: they stay.
    busy : bool
        Another process uses the folder, so that nothing was looked at.
    """

    cache: EmbeddingCache
    kept: int = 0
    dropped: int = 0
    freed: int = 0
    files: list[str] = field(default_factory=list)
    damaged: int = 0
    busy: bool = False

    @property
    def removed(self) -> bool:
        """Whether nothing of the spec is left."""
        return not (self.kept or self.damaged or self.busy)

    def note_damage(self, path: Address, error: PartError) -> None:
        """Count and note a part that can't be read."""
        self.damaged += 1
        self.cache.note_damage(path, error)


@dataclass(frozen=True)
class Pruning:
    """What was, or would be, taken out of a cache.

    Attributes
    ----------
    kept : dict of Path or UPath to int
        Data folders whose rows stay, with how many images each has.
    specs : list of Pruned
    leftovers : dict of Path to int
        What killed processes left beside the specs' folders, with its bytes.
    models : dict of Path to int
        Converted backbones that no spec uses any more, with their bytes.
    notes : list of str
    """

    kept: dict[Address, int] = field(default_factory=dict)
    specs: list[Pruned] = field(default_factory=list)
    leftovers: dict[Path, int] = field(default_factory=dict)
    models: dict[Path, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def prune(
    cache: EmbeddingCache, wanted: Collection[bytes], *, dry_run: bool = False
) -> Pruned:
    """Drop the rows of all images but those wanted, and what was set aside.

    Part by part, each rewritten before the old one goes: a kill loses nothing that
    is to stay. Without a row left the whole folder goes, but for files that aren't
    featx's. Where another process uses the folder, nothing happens.

    Parameters
    ----------
    wanted : collection of bytes
        Digests of the images whose rows stay.
    dry_run : bool
        Only say what would happen.

    Raises
    ------
    CacheError
        The folder can't be written to.
    """
    # A full disk is no reason not to prune.
    if not os.access(str(cache.folder), os.W_OK):
        raise CacheError(f"{cache.folder}: not writable; make it so, then prune")
    pruned = Pruned(cache)
    with cache.lock.alone() as alone:
        if not alone:
            pruned.busy = True
            return pruned
        gone, rewritten = _plan(pruned, wanted)
        if dry_run:
            return pruned
        before = folder_size(cache.folder)
        _drop(pruned, wanted, gone, rewritten)
        pruned.freed = max(0, before - folder_size(cache.folder))
    if not pruned.removed:
        cache.merge()  # what is left of the parts may be small
    return pruned


def check_folders(
    cache_dir: Address, folders: Sequence[Address], *, given: bool
) -> None:
    """Check that the folders whose rows stay are known and exist.

    Parameters
    ----------
    given : bool
        Whether the user named them; otherwise the cache remembers them.

    Raises
    ------
    CacheError, DataError
    """
    if not folders:
        raise CacheError(
            f"{cache_dir}: no data folder is recorded there; name those whose"
            " embeddings to keep: `featx cache prune DATA...`"
        )
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing and given:
        raise DataError(f"{missing[0]}: no such folder; name the folders to keep")
    if missing:
        names = " and ".join(str(folder) for folder in missing)
        raise DataError(
            f"{names}: extracted before, but not there now; mount the disk that it is"
            " on, or name the folders to keep: `featx cache prune DATA...`"
        )


def digest_folder(folder: Address, update: Update = ignore) -> list[bytes]:
    """Return the digests of all images below a folder.

    Raises
    ------
    DataError
        Some can't be read, or there are none: their rows would be dropped as unused.
    """
    # A link to another disk's folder looks, when broken, like a file that is no image.
    for link in broken_links(folder):
        raise DataError(
            f"{link}: broken link; fix or remove it first, or the embeddings of what"
            " it leads to would be lost"
        )
    files = list(image_files(folder))
    if not files:
        raise DataError(
            f"{folder}: no images in it now; is its disk mounted? If it is meant to be"
            " empty, name the other folders: `featx cache prune DATA...`"
        )
    digests = digest_files(files, update)
    if digests.unreadable:
        row, reason = min(digests.unreadable.items())
        count = len(digests.unreadable)
        lost = "1 image" if count == 1 else f"{count} images"
        raise DataError(
            f"{files[row]}: {reason}; the embeddings of {lost} that can't be read would"
            " be lost"
        )
    return split_keys(digests.keys)


def _plan(
    pruned: Pruned, wanted: Collection[bytes]
) -> tuple[list[Address], list[Address]]:
    """Return which files go and which lose rows; count these and their bytes."""
    cache = pruned.cache
    gone: list[Address] = [
        *cache.folder.glob("damaged-*"),
        *cache.folder.glob(f"{ASIDE}*"),
    ]
    rewritten: list[Address] = []
    pruned.files = [path.name for path in gone]
    pruned.freed = sum(path.lstat().st_size for path in gone)  # a link may be broken
    kept: set[bytes] = set()
    dropped: set[bytes] = set()
    for path, names in cache.keys_by_part(pruned.note_damage):
        unused = [name for name in names if name not in wanted]
        kept.update(name for name in names if name in wanted)
        dropped.update(unused)
        if unused:
            pruned.freed += path.stat().st_size * len(unused) // len(names)
            (gone if len(unused) == len(names) else rewritten).append(path)
    pruned.kept, pruned.dropped = len(kept), len(dropped)
    if pruned.removed:
        pruned.freed = folder_size(cache.folder)
    return gone, rewritten


def _drop(
    pruned: Pruned,
    wanted: Collection[bytes],
    gone: list[Address],
    rewritten: list[Address],
) -> None:
    """Remove files and rewrite parts; damaged ones stay for `verify`."""
    cache = pruned.cache
    with cache.reporting_failures():
        # First what only goes: the rest takes room on the disk.
        for path in gone:
            path.unlink(missing_ok=True)
        for path in rewritten:
            try:
                cache.rewrite([path], wanted)
            except DamagedPartError as error:
                pruned.note_damage(path, error)
        if pruned.removed:
            _remove(cache)


def _remove(cache: EmbeddingCache) -> None:
    """Remove a folder without parts, but for files that aren't featx's.

    A process that waits for the lock finds the folder gone, and creates it again.
    """
    for name in (QUARANTINE_FILE, SPEC_FILE, LOCK_FILE):
        (cache.folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        cache.folder.rmdir()
