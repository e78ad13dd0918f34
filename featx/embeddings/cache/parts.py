"""A part file: one immutable HDF5 file with the embeddings of some images.

See `docs/formats.md`. It is made in memory and written in one go, so that a full disk
or a kill never leaves half of one under its name. The name holds a digest of the
content: no second file has to be there for it to be checked.
"""

import contextlib
import errno
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address, make_folder, own_cache, reaching
from featx.atomic import write_atomically
from featx.embeddings.cache.screening import (
    attribute,
    check_dataset,
    content_digest,
    named_digest,
    screen,
)
from featx.errors import CacheError, first_line

FORMAT = "featx-embeddings"
VERSION = 2
"""Version 1 had attributes of variable length: their text lies in a heap, and HDF5
loops for ever on a heap with a flipped bit."""

CHUNK_BYTES = 1 << 18
BLOCK_BYTES = 1 << 26

# Superblock and object headers of HDF5 1.10 and later carry checksums of their own.
LIBRARY_VERSIONS = ("v110", "v110")


_NOT_THE_PARTS_FAULT = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE)


class PartError(CacheError):
    """A part file can't be used."""


class DamagedPartError(PartError):
    """A part that isn't what was written: it is set aside and computed again."""


class UnusablePartError(PartError):
    """A part that may be sound, but can't be read here and now: it is left alone."""


def write_part(
    folder: Address,
    stamp: str,
    keys: NDArray[np.uint8],
    embeddings: NDArray[np.float32],
    provenance: Mapping[str, str],
) -> Address:
    """Write a part, whole or not at all.

    Parameters
    ----------
    folder : Path or UPath
        Where it is to be.
    stamp : str
        Time in its name, by which parts are sorted.
    keys : ndarray of uint8, shape (n, 32)
    embeddings : ndarray of float32, shape (n, d)
    provenance : Mapping
        Attributes of the file: who made it, with which versions.

    Returns
    -------
    Path or UPath
        Of the part; the same one for the same content and stamp.

    Raises
    ------
    CacheError
        The arrays are of another type or shape, or have numbers that aren't finite.
    OSError
        It can't be written.
    """
    import h5py

    _check_rows(folder, keys, embeddings)
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=LIBRARY_VERSIONS) as file:
        for name, value in provenance.items():
            file.attrs[name] = np.bytes_(value.encode())
        file.attrs.update({"format": np.bytes_(FORMAT), "version": VERSION})
        for name, rows in (("key", keys), ("embedding", embeddings)):
            row_bytes = rows.shape[1] * rows.dtype.itemsize
            chunk = int(np.clip(CHUNK_BYTES // row_bytes, 1, len(rows)))
            file.create_dataset(
                name, data=rows, chunks=(chunk, rows.shape[1]), fletcher32=True
            )
    content = memory.getvalue()
    path = folder / f"part-{stamp}-{content_digest(content)}.h5"
    write_atomically(path, content)
    return path


def _check_rows(
    folder: Address, keys: NDArray[np.uint8], rows: NDArray[np.float32]
) -> None:
    """Check that these are rows that would be read again."""
    wrong = None
    if rows.dtype != np.float32 or keys.dtype != np.uint8:
        wrong = f"are {rows.dtype}, not float32, or their keys {keys.dtype}, not uint8"
    elif rows.ndim != 2 or rows.size == 0 or keys.shape != (len(rows), 32):
        wrong = f"have shape {rows.shape} with keys of shape {keys.shape}"
    elif not np.isfinite(rows).all():
        wrong = "have numbers that are not finite"
    if wrong:
        raise CacheError(f"{folder}: not written: the embeddings {wrong}")


def read_keys(path: Address, spec_id: str | None = None) -> NDArray[np.uint8]:
    """Return a part's keys, shape (n, 32).

    Parameters
    ----------
    spec_id : str, optional
        What the part must say that its spec is.

    Raises
    ------
    DamagedPartError
        The file is damaged, no part, or one of another spec.
    UnusablePartError
        A newer featx wrote it, or the system doesn't let it be read.
    """
    with _opened(path) as file:
        return _keys(file, path, spec_id)


def read_part(
    path: Address, spec_id: str
) -> tuple[NDArray[np.uint8], NDArray[np.float32], str]:
    """Return all of a part: keys, embeddings, and what computed these.

    The last is empty where the part doesn't say.

    Raises
    ------
    DamagedPartError, UnusablePartError
        As in `read_keys`.
    """
    with _opened(path) as file:
        keys = _keys(file, path, spec_id)
        rows = np.concatenate([block for _, block in _blocks(file)])
        engine = str(attribute(file, "engine")) if "engine" in file.attrs else ""
        return keys, rows, engine


def _keys(file: Any, path: Address, spec_id: str | None) -> NDArray[np.uint8]:
    spec = attribute(file, "spec", in_heap=named_digest(path) is None)
    if spec_id not in {None, spec}:
        raise ValueError("of another spec")
    keys: NDArray[np.uint8] = file["key"][:]
    return keys


def read_blocks(path: Address) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield a part's embeddings in blocks of bounded memory, with their rows.

    Raises
    ------
    DamagedPartError
        The file is damaged or no part.
    UnusablePartError
        As in `read_keys`.
    """
    with _opened(path) as file:
        yield from _blocks(file)


def _blocks(file: Any) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    dataset = file["embedding"]
    step = max(1, BLOCK_BYTES // (4 * dataset.shape[1]))
    for start in range(0, dataset.shape[0], step):
        rows = slice(start, min(start + step, dataset.shape[0]))
        block = dataset[rows]
        if not np.isfinite(block).all():
            raise ValueError("numbers that are not finite")
        yield rows, block


def at_hand(part: Address) -> Path:
    """Return where a part can be read on this machine; one at an address is fetched.

    Parts never change, so a copy is kept in the folder for what can be fetched again.

    Raises
    ------
    OSError
        It can't be read there, or written here.
    """
    if isinstance(part, Path):
        return part
    copy = own_cache() / "parts" / part.parent.name / part.name
    if not copy.is_file():
        with reaching(part):
            content = part.read_bytes()
        make_folder(copy.parent)
        write_atomically(copy, content)
    return copy


def _fetched(part: Address) -> Path:
    """Return where a part is at hand; that a store can't be reached is no damage."""
    try:
        return at_hand(part)
    except OSError as error:
        raise UnusablePartError(
            f"{part}: can't be fetched ({first_line(error)}); try again, or choose"
            " another --cache-dir"
        ) from error


@contextlib.contextmanager
def _opened(path: Address) -> Iterator[Any]:
    """Open a part file for reading; all that HDF5 raises becomes PartError."""
    import h5py

    here = _fetched(path)
    try:
        screen(here)
        with h5py.File(here, "r", locking=False) as file:
            _check_layout(path, file)
            yield file
    except (OSError, LookupError, RuntimeError, ValueError, TypeError) as error:
        if isinstance(error, OSError) and error.errno in _NOT_THE_PARTS_FAULT:
            raise UnusablePartError(
                f"{path}: can't be read ({error.strerror}); fix that, or choose another"
                " --cache-dir"
            ) from error
        raise DamagedPartError(f"{path} is damaged ({first_line(error)})") from error


def _check_layout(path: Address, file: Any) -> None:
    version = attribute(file, "version")
    if version > VERSION:
        raise UnusablePartError(
            f"{path}: a newer featx wrote it (version {version} of part files); upgrade"
            " featx, or choose another --cache-dir"
        )
    if attribute(file, "format", in_heap=named_digest(path) is None) != FORMAT:
        raise ValueError("another format")
    check_dataset(file, "key", np.uint8)
    check_dataset(file, "embedding", np.float32)
    if file["key"].shape != (len(file["embedding"]), 32):
        raise ValueError("keys and embeddings don't fit together")


def common_width(paths: Iterable[Address]) -> int:
    """Return how wide most embeddings in some parts are; 0 where there are none."""
    rows: Counter[int] = Counter()
    for path in paths:
        with contextlib.suppress(DamagedPartError), _opened(path) as file:
            count, width = file["embedding"].shape
            rows[width] += count
    return rows.most_common(1)[0][0] if rows else 0


def check_width(path: Address, rows: NDArray[np.float32], width: int) -> None:
    """Check that a part's embeddings, shape (n, d), are as wide as the others.

    Raises
    ------
    DamagedPartError
        They aren't.
    """
    if rows.shape[1] != width:
        raise DamagedPartError(
            f"{path} is damaged (rows of {rows.shape[1]} numbers, not {width})"
        )


def choose_small(parts: Sequence[Address], most_bytes: int) -> list[Address]:
    """Choose the parts to merge, so that each row is rewritten a few times only.

    From the smallest up, as long as the next isn't twice as large as all before: the
    parts that stay grow geometrically, so their number with the logarithm.
    """
    sized = sorted((path.stat().st_size, path) for path in parts)
    group: list[Address] = []
    total = 0
    for size, path in sized:
        if total + size > most_bytes or (group and size > 2 * total):
            break
        group.append(path)
        total += size
    return sorted(group)
