"""Find out whether data is packed, what it is called and how it is read fastest.

fsspec is imported only where something is packed.
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from featx.addresses import Address, Location, as_address
from featx.images.packed.archives import ENDINGS, is_archive
from featx.images.packed.members import PROTOCOL
from featx.images.packed.shards import SUFFIX, shards_in

if TYPE_CHECKING:
    from upath import UPath


def is_packed(path: Any) -> bool:
    """Return whether a path is one in packed data."""
    return not isinstance(path, Path) and path.protocol == PROTOCOL


def packed_notes(path: Any) -> Sequence[str]:
    """Return what was left out of packed data, one line each."""
    return path.fs.members.notes if is_packed(path) else ()


def data_path(given: Location) -> Address:
    """Return the path of a data folder, which may be packed.

    Parameters
    ----------
    given : str, Path or UPath
        A folder, an archive or a folder in one (``photos.zip/train``), Parquet shards
        or a folder of them, or an address of any of these.
    """
    place = as_address(given)
    if is_packed(place):
        return place
    if not isinstance(place, Path):
        return _at_address(place)
    if ".." in place.parts and not place.exists():  # there are no such ways in archives
        place = Path(os.path.normpath(place))
    for outer in (place, *place.parents):
        if _is_packed_here(outer):
            return _packed(outer, place.relative_to(outer).parts)
        if outer.exists():
            break
    return place


def _is_packed_here(place: Path) -> bool:
    """Return whether a path of this machine is packed data; not a folder in it.

    Class folders may have a table beside them.
    """
    if is_archive(place.name) or place.name.endswith(SUFFIX):
        return place.is_file()
    return place.is_dir() and bool(shards_in(place)) and not _has_class_folders(place)


def _packed(place: Address, inner: Sequence[str] = ()) -> Address:
    from featx.images.packed.file_system import packed_path

    return packed_path(place, "/".join(inner))


def _at_address(place: "UPath") -> Address:
    parts = PurePosixPath(place.path).parts
    for depth, part in enumerate(parts, 1):
        if is_archive(part) or part.endswith(SUFFIX):
            outer = place
            for _ in parts[depth:]:
                outer = outer.parent
            return _packed(outer, parts[depth:])
    return _packed(place)


def _has_class_folders(folder: Path) -> bool:
    """Return whether a folder has others but ``data`` and hidden ones."""
    return any(
        one.is_dir() and not one.name.startswith(".") and one.name != "data"
        for one in folder.iterdir()
    )


def data_name(root: Address) -> str:
    """Return the name of a data folder, without the ending of an archive."""
    place: Any = root.resolve()
    if not is_packed(place):
        return str(place.name)
    name = place.name or PurePosixPath(place.address).name
    for ending in sorted([*ENDINGS, SUFFIX], key=len, reverse=True):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


def reading_order(files: Sequence[Address]) -> list[int]:
    """Return in which order files are read fastest, as indices into them."""
    if not any(is_packed(path) for path in files):
        return list(range(len(files)))
    places: dict[int, tuple[str, int]] = {}
    path: Any
    for row, path in enumerate(files):
        where = ("", row)
        if is_packed(path):
            where = path.address, path.fs.order.get(path.path, 0)
        places[row] = where
    return sorted(places, key=lambda row: places[row])


REMOTE_THREADS = 32
"""Files that are fetched at a time from an address: each waits for the network."""


def reading_threads(files: Sequence[Address]) -> int | None:
    """Return how many threads read files; None for one a core."""
    first: Any = next(iter(files), Path())
    return REMOTE_THREADS if is_packed(first) and "://" in first.address else None
