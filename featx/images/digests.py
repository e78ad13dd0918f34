"""SHA-256 of files: an image is known by its content, not by its name."""

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.progress import Update

DIGEST_SIZE = 32

NOT_REGULAR = "not a regular file but a pipe, a socket or a device; take it out"
ADVICE = {
    errno.EACCES: "; make it readable",
    errno.EPERM: "; make it readable",
    errno.EISDIR: "; take it out",
    errno.ELOOP: "; mend the link",
}


@dataclass(frozen=True)
class Digests:
    """The digests of some files.

    Attributes
    ----------
    keys : ndarray of uint8, shape (n, 32)
        SHA-256 of each file's bytes; zeros where the file can't be read.
    unreadable : dict of int to str
        Row to reason, for the files that can't be read at all.
    """

    keys: NDArray[np.uint8]
    unreadable: dict[int, str]


def digest_files(files: Sequence[Path]) -> Digests:
    """Read files and return their digests, several at a time.

    A file that can't be read gets a reason and raises nothing.
    """
    keys = np.zeros((len(files), DIGEST_SIZE), dtype=np.uint8)
    unreadable: dict[int, str] = {}
    workers = os.cpu_count() or 1
    # A task for each of a million files would take 2 GB.
    size = int(np.clip(len(files) // (4 * workers), 1, 256))
    tasks = [files[start : start + size] for start in range(0, len(files), size)]
    # hashlib lets go of the interpreter lock, so threads use all cores.
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for row, found in enumerate(chain.from_iterable(pool.map(_digest_all, tasks))):
            if isinstance(found, str):
                unreadable[row] = found
            else:
                keys[row] = np.frombuffer(found, dtype=np.uint8)
    return Digests(keys, unreadable)


def _digest_all(files: Sequence[Path]) -> list[bytes | str]:
    return [_digest(path) for path in files]


def _digest(path: Path) -> bytes | str:
    try:
        with open_file(path) as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        return read_failure(path, error)


def read_file(path: Path) -> bytes:
    """Return a regular file's bytes; see `open_file`."""
    with open_file(path) as stream:
        return stream.read()


def open_file(path: Path) -> BufferedReader:
    """Open a regular file for reading; others could be read for ever.

    Raises
    ------
    OSError
        It can't be opened, or is a named pipe, a socket, a device or a folder.
    """
    stream = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, NOT_REGULAR)
    return stream


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting, as for somebody to write to a named pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_failure(path: Path, error: OSError) -> str:
    """Say in a few words why a file can't be read, and what to do."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "broken link; mend it" if path.is_symlink() else "no such file any more"
    except OSError as found:
        error = found
    else:
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return NOT_REGULAR
    reason = (error.strerror or str(error)).lower()
    return f"{reason}{ADVICE.get(error.errno or 0, '')}"


AT_ONCE = 1000


def digest_all(files: Sequence[Path], update: Update) -> Digests:
    """Return the digests of many files; `update` is told how many are read."""
    found: list[Digests] = []
    unreadable: dict[int, str] = {}
    for start in range(0, len(files), AT_ONCE):
        update(start, len(files))
        found.append(digest_files(files[start : start + AT_ONCE]))
        unreadable |= {start + row: why for row, why in found[-1].unreadable.items()}
    update(len(files), len(files))
    keys = [digests.keys for digests in found]
    none = np.zeros((0, 32), np.uint8)
    return Digests(np.concatenate(keys) if keys else none, unreadable)
