"""Large arrays that live as long as the process, in memory or on the disk."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from featx.addresses import Address
from featx.errors import RunError
from featx.hardware import available_memory

MEMORY_SHARE = 4
"""What would take more than one over this of the free memory goes to disk: the rest is
for what works on it."""


PIXELS = "decoded images or what is made of them", "use a smaller --image-size"
EMBEDDINGS = "embeddings", "free some there, or let TMPDIR name another disk"
"""What arrays hold, and what to do where there is no room for it."""


def allocate(
    shape: tuple[int, ...],
    dtype: DTypeLike,
    scratch_dir: Path | None,
    naming: tuple[str, str],
    *,
    memory: int | None = None,
) -> NDArray[Any]:
    """Return zeros, in memory or in a nameless file that lives as long as the process.

    Parameters
    ----------
    shape, dtype
        Of the array.
    scratch_dir : Path or None
        Where the file goes; None is the system's folder for temporary files.
    naming : (str, str)
        What the array holds, and what to do where there is no room for it.
    memory : int, optional
        Bytes from which on it goes to disk; by default a quarter of what is free.

    Raises
    ------
    RunError
        It fits neither in memory nor on the disk.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    memory = available_memory() // MEMORY_SHARE if memory is None else memory
    if size <= memory:
        return np.zeros(shape, kind)
    try:
        with tempfile.TemporaryFile(dir=scratch_dir) as stream:
            # Set aside at once: a disk that fills later would kill the process.
            _reserve(stream.fileno(), size)
            return np.memmap(stream, kind, "r+", shape=shape)
    except OSError as error:
        what, remedy = naming
        raise RunError(
            f"{scratch_dir or tempfile.gettempdir()}: no room for {size / 1e9:.1f} GB"
            f" of {what} ({error.strerror or error}); {remedy}"
        ) from error


def folder_for_scratch(folder: Address) -> Path | None:
    """Return a folder of this machine that can be written to, else None.

    The system's folder for temporary files often is memory itself.
    """
    if isinstance(folder, Path) and os.access(folder, os.W_OK):
        return folder
    return None


def _reserve(handle: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)
