"""Which embeddings were extracted last for a data folder: the default of `fit`."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from featx.atomic import write_atomically

FILE = "last-extracted.json"


def remember(cache_dir: Path, data: Path, settings: list[dict[str, Any]]) -> None:
    """Remember with which settings a data folder was extracted.

    Nothing happens where the cache can't be written to.
    """
    _write(cache_dir, {**_read(cache_dir), str(data.resolve()): settings})


def recall(cache_dir: Path, data: Path) -> list[dict[str, Any]]:
    """Return the settings that were remembered; empty where there are none."""
    return _read(cache_dir).get(str(data.resolve()), [])


def remembered(cache_dir: Path) -> list[Path]:
    """Return the data folders that were extracted, as whole paths."""
    return [Path(path) for path in _read(cache_dir)]


def forget(cache_dir: Path, folders: Iterable[Path]) -> None:
    """Forget data folders."""
    known = _read(cache_dir)
    gone = {str(folder) for folder in folders} & known.keys()
    if gone:
        _write(cache_dir, {path: known[path] for path in known if path not in gone})


def _write(cache_dir: Path, known: dict[str, list[dict[str, Any]]]) -> None:
    text = json.dumps(known, indent=2) + "\n"
    with contextlib.suppress(OSError):
        write_atomically(cache_dir / FILE, text.encode("utf-8", "backslashreplace"))


def _read(cache_dir: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        known = json.loads((cache_dir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
