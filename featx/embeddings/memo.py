"""Small JSON files in the cache folder: what is worth remembering, but not needed."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from featx.addresses import Address, rename
from featx.atomic import write_atomically
from featx.files import read_json
from featx.locks import updating

DAMAGED = "damaged-"
"""Prefix of the name under which a damaged file is kept."""


def read_memo(path: Address) -> dict[str, Any]:
    """Return what a JSON file holds; nothing where it is missing or damaged."""
    return _read(path) or {}


def is_damaged(path: Address) -> bool:
    """Return whether something that was remembered is lost."""
    return path.with_name(DAMAGED + path.name).exists() or _read(path) is None


def update_memo(
    path: Address, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> bool:
    """Change a JSON file, while no other process does; it is there whole at all times.

    What is damaged is kept under another name.

    Parameters
    ----------
    change : callable
        Takes what the file holds and returns what it is to hold.

    Returns
    -------
    bool
        False where it can't be written; then nothing has happened.
    """
    with contextlib.suppress(OSError), updating(path.parent):
        known = _read(path)
        if known is None:
            rename(path, DAMAGED + path.name)
        content = change(known or {})
        if content != known:
            text = json.dumps(content, indent=2) + "\n"
            write_atomically(path, text.encode())
        return True
    return False


def _read(path: Address) -> dict[str, Any] | None:
    """Return what a JSON file holds; None if it is damaged."""
    try:
        content = read_json(path)
    except OSError:
        return {}
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
