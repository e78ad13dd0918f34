"""Which data folders a cache has rows of, and what was extracted last for each.

`featx fit` takes the latter by default, and `featx cache prune` keeps the rows of the
former: a folder that is missing here loses its rows.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from featx.addresses import Address, make_folder
from featx.embeddings.memo import DAMAGED, is_damaged, read_memo, update_memo
from featx.errors import CacheError
from featx.images.packed.find import data_path

FILE = "last-extracted.json"

_Settings = list[dict[str, Any]]


def register(cache_dir: Address, data: Address) -> None:
    """Have `prune` keep the rows of a data folder, before the first is computed.

    Nothing happens where the cache can't be written to.
    """
    with contextlib.suppress(OSError):
        make_folder(cache_dir)
    name = str(data.resolve())
    if name not in read_memo(cache_dir / FILE):
        update_memo(cache_dir / FILE, lambda known: {name: [], **known})


def remember(cache_dir: Address, data: Address, settings: _Settings) -> bool:
    """Remember with which settings a data folder was extracted.

    Returns
    -------
    bool
        False where the cache can't be written to; then nothing has happened.
    """
    if recall(cache_dir, data) == settings:
        return True
    name = str(data.resolve())
    return update_memo(cache_dir / FILE, lambda known: {**known, name: settings})


def recall(cache_dir: Address, data: Address) -> _Settings:
    """Return the settings that were remembered; empty where there are none."""
    settings: _Settings = read_memo(cache_dir / FILE).get(str(data.resolve()), [])
    return settings


def remembered(cache_dir: Address) -> list[Address]:
    """Return the data folders that have rows in a cache, as whole paths.

    Raises
    ------
    CacheError
        The file is or was damaged, so that some may be missing.
    """
    if is_damaged(cache_dir / FILE):
        raise CacheError(
            f"{cache_dir / FILE}: damaged, so the data folders aren't known; name all"
            " of them: `featx cache prune DATA...`"
        )
    return [data_path(path) for path in read_memo(cache_dir / FILE)]


def forget_missing(cache_dir: Address, named: Iterable[Address]) -> None:
    """Forget data folders that aren't there, and that the file was damaged.

    Parameters
    ----------
    named : iterable of Path or UPath
        All data folders that have rows, as somebody named them: they are known again
        after the file was damaged.
    """
    lost = named if is_damaged(cache_dir / FILE) else ()
    again: dict[str, Any] = {str(folder.resolve()): [] for folder in lost}

    def there(known: dict[str, Any]) -> dict[str, Any]:
        known = {**again, **known}
        return {name: known[name] for name in known if _may_be_there(name)}

    update_memo(cache_dir / FILE, there)
    with contextlib.suppress(OSError):
        (cache_dir / f"{DAMAGED}{FILE}").unlink(missing_ok=True)


def _may_be_there(name: str) -> bool:
    """Return whether a data folder is there; one at an address always may be."""
    folder = data_path(name)
    return not isinstance(folder, Path) or folder.is_dir()
