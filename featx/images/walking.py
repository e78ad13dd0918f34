"""Which image files and which folders lie in a folder."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from featx.errors import DataError
from featx.images.formats import HEIF, INSTALL, is_image, unread_suffix

SYSTEM_FOLDERS = {
    *("@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
}
"""Folders that file systems, archives and network drives put among the user's own."""

OWN_FILES = (frozenset({"run.json", "metrics.json"}), frozenset({"inspection.json"}))
"""Files by which a folder is known that featx has written: a run or an inspection."""


def image_files(folder: Path) -> Iterator[Path]:
    """Return all image files below a folder; follow links.

    What is hidden, in a folder of the system or a figure of featx is left out.

    Raises
    ------
    DataError
        A folder can't be listed.
    """
    return (path for path in _walk(folder) if is_image(path.name))


def unread_files(folder: Path) -> list[str]:
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


def broken_links(folder: Path) -> Iterator[Path]:
    """Return all links below a folder that lead nowhere, hidden ones left out.

    Raises
    ------
    DataError
        A folder can't be listed.
    """
    return (p for p in _walk(folder) if p.is_symlink() and not p.exists())


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder once; follow links.

    Hidden ones are left out, and what featx writes if it works among the images.
    """
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
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(files):
            if not _is_hidden(name):
                yield Path(parent, name)


def holds_own(folder: Path) -> bool:
    """Return whether a folder is one of featx's: of runs and reports, or a cache."""
    names = {name for known in OWN_FILES for name in known} | {"spec.json"}
    return any(path.name in names for path in folder.glob("*/*.json"))


def relative(path: Path, root: Path) -> str:
    """Return the path as an image set keeps it."""
    return path.relative_to(root).as_posix()


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in SYSTEM_FOLDERS


def _holds(outer: str, inner: str) -> bool:
    """Return whether a real path is another one or lies above it."""
    return os.path.join(inner, "").startswith(os.path.join(outer, ""))  # noqa: PTH118


def _refuse(error: OSError) -> None:
    reason = (error.strerror or str(error)).lower()
    raise DataError(
        f"{error.filename}: can't be listed ({reason}); fix that or remove it"
    ) from error


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, but hidden ones, the system's, and links back."""
    here = os.path.realpath(folder)
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        _refuse(error)
    return [
        p
        for p in found
        if not _is_hidden(p.name)
        and p.is_dir()
        and not (p.is_symlink() and _holds(os.path.realpath(p), here))
    ]
