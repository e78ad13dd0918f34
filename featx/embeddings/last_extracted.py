"""What was extracted last for a data folder, so that `fit` needs not be told."""

import contextlib
import json
from pathlib import Path
from typing import Any

from featx.durable import write_whole

FILE = "last-extracted.json"


def remember(cache_dir: Path, data: Path, settings: list[dict[str, Any]]) -> None:
    """Remember with which settings a data folder was extracted.

    A cache that can't be written to remembers nothing and stops nothing.
    """
    known = _read(cache_dir)
    known[str(data.resolve())] = settings
    text = json.dumps(known, indent=2) + "\n"
    with contextlib.suppress(OSError):
        write_whole(cache_dir / FILE, text.encode("utf-8", "backslashreplace"))


def recall(cache_dir: Path, data: Path) -> list[dict[str, Any]]:
    """Return the settings that were remembered; empty where there are none."""
    return _read(cache_dir).get(str(data.resolve()), [])


def _read(cache_dir: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        known = json.loads((cache_dir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
