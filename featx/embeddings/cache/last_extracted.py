"""Which embeddings were extracted last for a data folder: the default of `fit`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from featx.embeddings.memo import read_memo, write_memo

FILE = "last-extracted.json"


def remember(cache_dir: Path, data: Path, settings: list[dict[str, Any]]) -> None:
    """Remember with which settings a data folder was extracted.

    Nothing happens where the cache can't be written to.
    """
    file = cache_dir / FILE
    write_memo(file, {**read_memo(file), str(data.resolve()): settings})


def recall(cache_dir: Path, data: Path) -> list[dict[str, Any]]:
    """Return the settings that were remembered; empty where there are none."""
    settings: list[dict[str, Any]] = read_memo(cache_dir / FILE).get(
        str(data.resolve()), []
    )
    return settings


def remembered(cache_dir: Path) -> list[Path]:
    """Return the data folders that were extracted, as whole paths."""
    return [Path(path) for path in read_memo(cache_dir / FILE)]


def forget(cache_dir: Path, folders: Iterable[Path]) -> None:
    """Forget data folders."""
    known = read_memo(cache_dir / FILE)
    gone = {str(folder) for folder in folders} & known.keys()
    if gone:
        left = {path: known[path] for path in known if path not in gone}
        write_memo(cache_dir / FILE, left)
