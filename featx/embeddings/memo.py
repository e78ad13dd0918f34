"""Small JSON files in the cache folder: what is worth remembering, but not needed."""

import contextlib
import json
from pathlib import Path
from typing import Any

from featx.atomic import write_atomically


def read_memo(path: Path) -> dict[str, Any]:
    """Return what a JSON file holds; nothing where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_memo(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole; nothing happens where it can't be written."""
    text = json.dumps(content, indent=2) + "\n"
    with contextlib.suppress(OSError):
        write_atomically(path, text.encode())
