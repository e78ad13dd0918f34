"""SHA-256 of files: an image is known by its content, not by its name."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGEST_SIZE = 32


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
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        return read_failure(path, error)


def read_failure(path: Path, error: OSError) -> str:
    """Say in a few words why a file can't be read."""
    if path.is_symlink() and not path.exists():
        return "broken link"
    return (error.strerror or str(error)).lower()
