"""Taking out of a cache what no data set uses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from featx.embeddings import Pruned, find_caches, forget, prune, remembered
from featx.embeddings.cache import split_keys
from featx.errors import CacheError, DataError
from featx.images.walking import broken_links, image_files
from featx.pipeline.digesting import digest_all
from featx.pipeline.listener import SILENT, Listener


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
    listener: Listener = SILENT,
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
        digests = _digest_folder(folder, listener)
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


def _digest_folder(folder: Path, listener: Listener) -> list[bytes]:
    """Return the digests of all images below a folder.

    Raises
    ------
    DataError
        Some can't be read, or there are none: their rows would be taken for unused.
    """
    # A link to another disk's folder looks, when broken, like a file that is no image.
    for link in broken_links(folder):
        raise DataError(
            f"{link}: broken link; mend or remove it first, for the embeddings of what"
            " it leads to would be lost"
        )
    files = list(image_files(folder))
    if not files:
        raise DataError(
            f"{folder}: no images in it now; is its disk mounted? If it is meant to be"
            " empty, name the other folders: `featx cache prune DATA...`"
        )
    digests = digest_all(files, listener.images(f"reading {folder}"))
    if digests.unreadable:
        row, reason = min(digests.unreadable.items())
        count = len(digests.unreadable)
        lost = "1 image" if count == 1 else f"{count} images"
        raise DataError(
            f"{files[row]}: {reason}; the embeddings of {lost} that can't be read would"
            " be lost"
        )
    return split_keys(digests.keys)
