"""SHA-256 of files: an image is known by its content, not by its name."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address, is_local
from featx.errors import first_line
from featx.files import NOT_REGULAR, open_file
from featx.images.memory import MAX_BYTES, TOO_LARGE
from featx.images.packed.find import reading_order, reading_threads
from featx.images.prefetch import prefetch
from featx.progress import Update, ignore

DIGEST_SIZE = 32

BATCH = 64
"""Files that a thread reads in one go."""

ADVICE = {
    errno.EACCES: "; make it readable",
    errno.EPERM: "; make it readable",
    errno.EISDIR: "; remove it",
    errno.ELOOP: "; fix the link",
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


def digest_files(files: Sequence[Address], update: Update = ignore) -> Digests:
    """Read files and return their digests, several at a time.

    A file that can't be read gets a reason and raises nothing.

    Parameters
    ----------
    files : sequence of Path or UPath
    update : callable
        Called with (done, total) as it goes.
    """
    order = reading_order(files)
    # A small file takes no longer than a task of its own would.
    batches = [
        [files[row] for row in order[i : i + BATCH]]
        for i in range(0, len(files), BATCH)
    ]
    found: list[tuple[bytes, str]] = []
    update(0, len(files))
    with prefetch(_digest_batch, batches, threads=reading_threads(files)) as digested:
        for batch in digested:
            found += batch
            update(len(found), len(files))
    keys = np.empty((len(files), DIGEST_SIZE), np.uint8)
    keys[order] = join_digests(key for key, _ in found)
    reasons = zip(order, found, strict=True)
    return Digests(keys, {row: why for row, (_, why) in sorted(reasons) if why})


def join_digests(digests: Iterable[bytes]) -> NDArray[np.uint8]:
    """Return digests as rows, shape (n, 32)."""
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, DIGEST_SIZE)


def _digest_batch(files: Sequence[Address]) -> list[tuple[bytes, str]]:
    return [_digest(path) for path in files]


def _digest(path: Address) -> tuple[bytes, str]:
    """Return a file's digest, and why it can't be read if it can't."""
    try:
        with open_file(path) as stream:
            return hashlib.file_digest(stream, "sha256").digest(), ""
    except OSError as error:
        return bytes(DIGEST_SIZE), read_failure(path, error)


def read_file(path: Address) -> bytes:
    """Return a regular file's bytes; see `open_file`."""
    with open_file(path) as stream:
        if is_local(path) and os.fstat(stream.fileno()).st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, TOO_LARGE)
        return stream.read()


def read_failure(path: Address, error: OSError) -> str:
    """Say in a few words why a file can't be read, and what to do."""
    if not isinstance(path, Path):
        return _in_words(error)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "broken link; fix it" if path.is_symlink() else "no such file any more"
    except OSError as found:
        error = found
    else:
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return NOT_REGULAR
    return f"{_in_words(error)}{ADVICE.get(error.errno or 0, '')}"


def _in_words(error: OSError) -> str:
    reason = error.strerror or first_line(error)
    return f"{reason[:1].lower()}{reason[1:]}"
