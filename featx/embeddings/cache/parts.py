"""A part file: one immutable HDF5 file with the embeddings of some images.

See `docs/formats.md`. It is made in memory and written in one go, so that a full disk
or a kill never leaves half of one under its name.
"""

import contextlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.atomic import write_atomically
from featx.errors import CacheError, first_line

FORMAT = "featx-embeddings"
VERSION = 2
"""Version 1 had attributes of variable length: their text lies in a heap, and HDF5
loops for ever on a heap with a flipped bit."""

CHUNK_BYTES = 1 << 18
BLOCK_BYTES = 1 << 26

# Superblock and object headers of HDF5 1.10 and later carry checksums of their own.
LIBRARY_VERSIONS = ("v110", "v110")


class DamagedPartError(CacheError):
    """A part that can't be read or whose checksums don't agree."""


def write_part(
    path: Path,
    keys: NDArray[np.uint8],
    embeddings: NDArray[np.float32],
    provenance: Mapping[str, str],
) -> None:
    """Write a part, whole or not at all.

    Parameters
    ----------
    keys : ndarray of uint8, shape (n, 32)
    embeddings : ndarray of float32, shape (n, d)
    provenance : Mapping
        Attributes of the file: who made it, with which versions.

    Raises
    ------
    OSError
        It can't be written.
    """
    import h5py

    memory = io.BytesIO()
    with h5py.File(memory, "w", libver=LIBRARY_VERSIONS) as file:
        for name, value in provenance.items():
            file.attrs[name] = np.bytes_(value.encode())
        file.attrs.update({"format": np.bytes_(FORMAT), "version": VERSION})
        for name, rows in (("key", keys), ("embedding", embeddings)):
            row_bytes = max(1, rows.shape[1] * rows.dtype.itemsize)
            chunk = int(np.clip(CHUNK_BYTES // row_bytes, 1, max(1, len(rows))))
            file.create_dataset(
                name, data=rows, chunks=(chunk, rows.shape[1]), fletcher32=True
            )
    write_atomically(path, memory.getvalue())


def read_keys(path: Path, spec_id: str | None = None) -> NDArray[np.uint8]:
    """Return a part's keys, shape (n, 32).

    Parameters
    ----------
    spec_id : str, optional
        What the part must say that its spec is.

    Raises
    ------
    DamagedPartError
        The file is damaged, no part, or one of another spec.
    """
    with _opened(path) as file:
        if spec_id is not None and _text(file.attrs["spec"]) != spec_id:
            raise ValueError("of another spec")
        keys: NDArray[np.uint8] = file["key"][:]
        return keys


def read_blocks(path: Path) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield a part's embeddings in blocks of bounded memory, with their rows.

    Raises
    ------
    DamagedPartError
        The file is damaged or no part.
    """
    with _opened(path) as file:
        dataset = file["embedding"]
        step = max(1, BLOCK_BYTES // max(1, 4 * dataset.shape[1]))
        for start in range(0, dataset.shape[0], step):
            rows = slice(start, min(start + step, dataset.shape[0]))
            yield rows, dataset[rows]


def _text(value: Any) -> Any:
    """Return an attribute's text as `str`, whichever version of a part it is from."""
    return value.decode() if isinstance(value, bytes) else value


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a part file for reading; all that HDF5 raises becomes DamagedPartError."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            _check_layout(file)
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise DamagedPartError(f"{path} is damaged ({first_line(error)})") from error


def _check_layout(file: Any) -> None:
    if _text(file.attrs["format"]) != FORMAT or file.attrs["version"] > VERSION:
        raise ValueError("another format, or of a newer featx")
    keys, rows = file["key"], file["embedding"]
    if keys.ndim != 2 or rows.ndim != 2 or keys.shape != (rows.shape[0], 32):
        raise ValueError("keys and embeddings don't fit together")


def common_width(paths: Iterable[Path]) -> int:
    """Return how wide most embeddings in some parts are; 0 where there are none."""
    rows: Counter[int] = Counter()
    for path in paths:
        with contextlib.suppress(DamagedPartError), _opened(path) as file:
            count, width = file["embedding"].shape
            rows[width] += count
    return rows.most_common(1)[0][0] if rows else 0


def check_width(path: Path, rows: NDArray[np.float32], width: int) -> None:
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


def choose_small(parts: Sequence[Path], most_bytes: int) -> list[Path]:
    """Choose the parts to merge, so that each row is rewritten a few times only.

    From the smallest up, as long as the next isn't twice as large as all before: the
    parts that stay grow geometrically, so their number with the logarithm.
    """
    sized = sorted((path.stat().st_size, path) for path in parts)
    group: list[Path] = []
    total = 0
    for size, path in sized:
        if total + size > most_bytes or (group and size > 2 * total):
            break
        group.append(path)
        total += size
    return sorted(group)
