"""What a cache folder holds; nothing is changed."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featx.addresses import Address, reaching
from featx.embeddings.cache.store import SPEC_FILE, EmbeddingCache
from featx.embeddings.spec import Spec
from featx.errors import CacheError
from featx.files import read_json
from featx.images.decoding import PIXELS_VERSION
from featx.images.resizing import SQUASH


@dataclass(frozen=True)
class Inventory:
    """The folders of the specs in a cache, and its other folders.

    Attributes
    ----------
    caches : list of EmbeddingCache
        Similar ones are neighbours, as they share a model.
    damaged : list of str
        Folders that lost their spec, one line each.
    foreign : list of str
        Folders of other programs or other versions of featx, one line each.
    """

    caches: list[EmbeddingCache] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class InventoryEntry:
    """What a cache holds of one spec.

    Attributes
    ----------
    cache : EmbeddingCache
        Its notes tell of damage, one line each.
    rows : int
        Different images.
    size : int
        Bytes of all files in the folder.
    newest : float or None
        When the newest part was written, in seconds since 1970; None without parts.
    """

    cache: EmbeddingCache
    rows: int
    size: int
    newest: float | None


def find_caches(root: Address) -> Inventory:
    """List the folders in a cache folder; no part file is read.

    Raises
    ------
    CacheError
        There is no such folder, or it can't be listed.
    """
    try:
        with reaching(root):
            found: list[Address] = [path for path in root.iterdir() if path.is_dir()]
        folders = sorted(found, key=lambda path: path.name)
    except FileNotFoundError:
        raise CacheError(
            f"{root}: no such folder; `featx extract` makes a cache, or"
            " name another by --cache-dir"
        ) from None
    except OSError as error:
        raise CacheError(
            f"{root}: can't be listed ({error.strerror}); name a folder by --cache-dir"
        ) from error
    inventory = Inventory()
    for folder in folders:
        if not folder.name.startswith("."):
            _place(inventory, folder)
    inventory.caches.sort(key=lambda cache: _likeness(cache.spec))
    return inventory


def inventory_entry(cache: EmbeddingCache) -> InventoryEntry:
    """Count what a cache holds of a spec; damaged part files are left in place."""
    keys: set[bytes] = set()
    with cache.lock.shared():
        for _, names in cache.keys_by_part(cache.note_damage):
            keys.update(names)
        newest = max(map(_changed, cache.parts()), default=None)
    aside = len(list(cache.folder.glob("damaged-*")))
    if aside:
        parts_are = "part is" if aside == 1 else "parts are"
        cache.notes.append(
            f"{cache.folder}: {aside} damaged {parts_are} set aside;"
            " `featx cache prune` removes what was set aside"
        )
    return InventoryEntry(cache, len(keys), folder_size(cache.folder), newest)


def _changed(part: Address) -> float:
    """Return when a part was written, in seconds; it may be a link to nowhere."""
    state = part.lstat() if isinstance(part, Path) else part.stat()
    return state.st_mtime


def folder_size(folder: Address) -> int:
    """Return the bytes of all files in a folder."""
    total = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # removed meanwhile
            total += path.stat().st_size
    return total


def options_of(spec: Spec) -> list[str]:
    """Say which options of `featx extract` aren't the default; backbone, size apart."""
    weights = {"imagenet": "", "file": f"weights {spec.weights_id[:8]}"}
    old = "decoded by another version" if spec.pixels != PIXELS_VERSION else ""
    words = [
        f"layer {spec.layer}" if spec.layer else "",
        spec.pooling if spec.pooling != "avg" else "",
        "flip" if spec.flip else "",
        "stretch" if spec.stretch else "",
        spec.resize if spec.resize != SQUASH else "",
        spec.precision if spec.precision != "float32" else "",
        weights.get(spec.weights, spec.weights),
        old,
    ]
    return [word for word in words if word]


def _place(inventory: Inventory, folder: Address) -> None:
    """Put a folder where it belongs on the inventory."""
    try:
        spec = _read_spec(folder)
    except FileNotFoundError:
        if any(folder.glob("part-*.h5")):
            inventory.damaged.append(
                f"{folder}: {SPEC_FILE} is missing; move the folder away and extract"
                " again"
            )
        else:
            inventory.foreign.append(f"{folder}: not a folder of featx's, left alone")
    except (OSError, ValueError) as error:
        inventory.damaged.append(
            f"{folder}: {SPEC_FILE} is damaged ({error}); move the folder away and"
            " extract again"
        )
    else:
        cache = EmbeddingCache(folder.parent, spec)
        if cache.folder == folder:
            inventory.caches.append(cache)
        else:
            inventory.foreign.append(
                f"{folder}: its name and {SPEC_FILE} don't agree (renamed, or of"
                " another version of featx), left alone"
            )


def _read_spec(folder: Address) -> Spec:
    content: Any = read_json(folder / SPEC_FILE)
    if not isinstance(content, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  as JSON's own errors
    try:
        return Spec.from_dict(content)
    except KeyError as error:
        raise ValueError(f"no {error}") from None


def _likeness(spec: Spec) -> tuple[str, ...]:
    return (
        *(spec.backbone, f"{spec.image_size:06}", spec.pooling, spec.layer or ""),
        *(spec.weights_id, spec.resize, str(spec.flip), spec.precision),
    )
