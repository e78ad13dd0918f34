"""What is checked of a part file before HDF5 opens it, and before rows are read.

HDF5 trusts its files: one flipped bit can make it loop for ever, and a file made with
intent can lead it to other files. So the whole file is checked first, and only what
featx itself writes is read from it.
"""

import hashlib
import io
import re
import stat
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from featx.addresses import Address

DIGEST_DIGITS = 32
"""Hexadecimal digits of the SHA-256 of a part file, in its name."""

_DIGEST = re.compile(rf"part-.*-([0-9a-f]{{{DIGEST_DIGITS}}})\.h5")
_BLOCK_BYTES = 1 << 18

# From version 2 on the superblock has a checksum; lengths and offsets take 8 bytes.
_SIGNATURE = re.compile(rb"\x89HDF\r\n\x1a\n[\x02-\xff]\x08\x08", re.DOTALL)

# Version 1 of part files has texts in heaps, which have no checksum. The layout is in
# "Disk Format: Level 1E - Global Heap" of HDF5's file format specification.
_HEAP = b"GCOL\x01"
_HEAP_HEADER, _LEAST_HEAP = 16, 4096
_OBJECT = struct.Struct("<H6xQ")
_SIZE = struct.Struct("<8xQ")


def content_digest(content: bytes) -> str:
    """Return what a part file's name says of its content."""
    return hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]


def named_digest(path: Address) -> str | None:
    """Return the digest in the name of a part; those before featx 0.3 have none."""
    match = _DIGEST.fullmatch(path.name)
    return match[1] if match else None


def screen(path: Path) -> None:
    """Check the bytes of a part file, once for as long as it doesn't change.

    Raises
    ------
    ValueError
        They aren't those that were written, or would mislead HDF5.
    OSError
        They can't be read.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would take for ever
        raise ValueError("no regular file")
    _screen(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=1 << 14)
def _screen(path: Path, _state: tuple[int, ...]) -> None:
    with path.open("rb") as stream:
        if not _SIGNATURE.match(stream.read(16)):
            raise ValueError("no HDF5 file that featx writes")
        stream.seek(0)
        expected = named_digest(path)
        if expected is None:
            for start in _find_heaps(stream):
                _check_heap(stream, start)
        elif _digest(stream) != expected:
            raise ValueError("its bytes are not those that its name stands for")


def _digest(stream: io.BufferedReader) -> str:
    return hashlib.file_digest(stream, "sha256").hexdigest()[:DIGEST_DIGITS]


def _find_heaps(stream: io.BufferedReader) -> list[int]:
    """Return where heaps of texts may begin."""
    found: list[int] = []
    start, block = 0, b""
    while more := stream.read(_BLOCK_BYTES):
        rest = block[1 - len(_HEAP) :]  # one may begin in the block before
        start += len(block) - len(rest)
        block = rest + more
        found += [start + match.start() for match in re.finditer(_HEAP, block)]
    return found


def _check_heap(stream: io.BufferedReader, start: int) -> None:
    """Walk from text to text as HDF5 does: it stays where one has no size."""
    stream.seek(start)
    header = stream.read(_HEAP_HEADER)
    size = _SIZE.unpack(header)[0] if len(header) == _HEAP_HEADER else 0
    if size > stream.seek(0, 2) - start:
        return  # no heap, or HDF5 finds out itself
    stream.seek(start + _HEAP_HEADER)
    heap = stream.read(size - _HEAP_HEADER) if size >= _LEAST_HEAP else b""
    place = 0
    while place + _OBJECT.size <= len(heap):
        number, length = _OBJECT.unpack_from(heap, place)
        # The rest that is free has number 0, and its length includes the header.
        place += -(-length // 8) * 8 + _OBJECT.size if number else max(length, 1)
        if place % 8:
            break
    if not heap or place % 8 or place > len(heap):
        raise ValueError("its attributes are damaged")


def attribute(file: Any, name: str, *, in_heap: bool = False) -> Any:
    """Return a file's attribute: a number, or a text of fixed length.

    Parameters
    ----------
    in_heap : bool
        Whether texts of variable length are read as well.

    Raises
    ------
    KeyError, ValueError
        It isn't there, or of another type.
    """
    import h5py

    found = file.attrs.get_id(name)
    text = h5py.check_string_dtype(found.dtype)
    varies = text is not None and text.length is None
    plain = found.dtype.kind in "iuS"
    if found.shape != () or not (plain or (in_heap and varies)):
        raise ValueError(f"attribute '{name}' is of another type")
    value = file.attrs[name]
    return value.decode() if isinstance(value, bytes) else value


def check_dataset(file: Any, name: str, dtype: Any) -> None:
    """Check that rows are in the file itself, as featx writes them.

    Storage of as many bytes as the shape says must be there: a wrong shape can't take
    more memory than the file has.

    Parameters
    ----------
    dtype : dtype
        The type that the rows must have.

    Raises
    ------
    KeyError, ValueError
        They are missing, elsewhere (links, external or virtual storage), or of another
        type or shape.
    """
    import h5py

    # A link is looked at before it is followed: it may lead to any file.
    if file.get(name, getclass=True, getlink=True) is not h5py.HardLink:
        raise ValueError(f"'{name}' is a link to elsewhere")
    rows = file[name]
    if not isinstance(rows, h5py.Dataset) or rows.dtype != np.dtype(dtype):
        raise ValueError(f"'{name}' has another type than {np.dtype(dtype)}")
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(f"'{name}' has shape {rows.shape}")
    how = rows.id.get_create_plist()
    filters = [how.get_filter(i)[0] for i in range(how.get_nfilters())]
    if how.get_layout() != h5py.h5d.CHUNKED or filters != [h5py.h5z.FILTER_FLETCHER32]:
        raise ValueError(f"'{name}' is not stored in chunks with checksums")
    stored = rows.id.get_storage_size()
    size = rows.shape[0] * rows.shape[1] * rows.dtype.itemsize
    if not size <= stored <= file.id.get_filesize():
        raise ValueError(f"'{name}' of shape {rows.shape} in {stored} bytes")
