"""Which image files and which folders lie in a folder."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from featx.addresses import Address
from featx.errors import DataError
from featx.images.formats import HEIF, INSTALL, is_image, unread_suffix

if TYPE_CHECKING:
    from upath import UPath

SYSTEM_FOLDERS = {
    *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
}
"""Folders that file systems, archives and network drives put among the user's own."""

OWN_FILES = (frozenset({"run.json", "metrics.json"}), frozenset({"inspection.json"}))
"""Files by which a folder is known that featx has written: a run or an inspection."""


def image_files(folder: Address) -> Iterator[Address]:
    """Return all image files below a folder; follow links.

    What is hidden, in a folder of the system or a figure of featx is left out.

    Raises
    ------
    DataError
        A folder can't be listed.
    """
    return (path for path in _walk(folder) if is_image(path.name))


def unread_files(folder: Address) -> list[str]:
    """Return a note about the pictures and films that can't be read, if any.

    Raises
    ------
    DataError
        A folder can't be listed.
    """
    counts = Counter(unread_suffix(path.name) for path in _walk(folder))
    counts.pop("", None)
    if not counts:
        return []
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())
    how = f"; {INSTALL}" if HEIF & set(counts) else ""
    files = "file" if counts.total() == 1 else "files"
    note = f"{counts.total()} {files} of formats that featx can't read, left out"
    return [f"{note} ({kinds}){how}"]


def broken_links(folder: Address) -> Iterator[Address]:
    """Return all links below a folder that lead nowhere, hidden ones left out.

    Raises
    ------
    DataError
        A folder can't be listed.
    """
    return (p for p in _walk(folder) if p.is_symlink() and not p.exists())


def _walk(folder: Address) -> Iterator[Address]:
    """Yield all files below a folder once; follow links.

    Hidden ones are left out, and what featx writes if it works among the images.
    """
    return _walk_here(folder) if isinstance(folder, Path) else _walk_packed(folder)


def _walk_packed(folder: "UPath") -> Iterator[Address]:
    """Yield what `_walk` does of packed data, which has no links."""
    names = {
        PurePosixPath(one["name"]).name: one["type"]
        for one in folder.fs.ls(folder.path)
    }
    if any(known <= set(names) for known in OWN_FILES):
        return
    shown = sorted(name for name in names if not is_hidden(name))
    yield from (folder / name for name in shown if names[name] == "file")
    for name in shown:
        if names[name] == "directory":
            yield from _walk_packed(folder / name)


def _walk_here(folder: Path) -> Iterator[Path]:
    start = os.path.realpath(folder)
    seen: set[str] = set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(parent)
        if real in seen or (seen and _holds(real, start)):  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        if any(known <= set(files) for known in OWN_FILES):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if not is_hidden(name):
                yield Path(parent, name)


def holds_own(folder: Address) -> bool:
    """Return whether a folder is one of featx's: of runs and reports, or a cache."""
    names = {name for known in OWN_FILES for name in known} | {"spec.json"}
    return any(path.name in names for path in folder.glob("*/*.json"))


def relative(path: Address, root: Address) -> str:
    """Return the path as an image set keeps it."""
    if isinstance(path, Path):
        assert isinstance(root, Path)
        return path.relative_to(root).as_posix()
    assert not isinstance(root, Path)
    return path.path.removeprefix(root.path).strip("/")


def is_hidden(name: str) -> bool:
    """Return whether a name is hidden, or that of a folder of the system."""
    return name.startswith(".") or name.casefold() in SYSTEM_FOLDERS


def _holds(outer: str, inner: str) -> bool:
    """Return whether a real path is another one or lies above it."""
    return os.path.join(inner, "").startswith(os.path.join(outer, ""))  # noqa: PTH118


def _refuse(error: OSError) -> None:
    reason = (error.strerror or str(error)).lower()
    raise DataError(
        f"{error.filename}: can't be listed ({reason}); fix that or remove it"
    ) from error


def subfolders(folder: Address) -> Sequence[Address]:
    """Return the folders in a folder, but hidden ones, the system's, and links back."""
    if not isinstance(folder, Path):
        found = sorted(folder.iterdir())
        return [p for p in found if not is_hidden(p.name) and p.is_dir()]
    here = os.path.realpath(folder)
    try:
        there = sorted(folder.iterdir())
    except OSError as error:
        _refuse(error)
    return [
        p
        for p in there
        if not is_hidden(p.name)
        and p.is_dir()
        and not (p.is_symlink() and _holds(os.path.realpath(p), here))
    ]
