"""All images of a data folder, decoded once at one size."""

import os
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from featx.errors import ImageError, RunError
from featx.hardware import available_memory, usable_cores
from featx.images.sources import Source, View
from featx.progress import Update, ignore

MEMORY_SHARE = 4
"""Pixels that would take more than one part in so many of the free memory go to disk:
the network and what it learns with need the rest."""

AHEAD = 4
"""Images a core that are decoded before they are asked for."""


@dataclass(frozen=True)
class Pixels:
    """Decoded images.

    Attributes
    ----------
    array : ndarray of uint8, shape (n, side, side, 3)
        RGB, a row per image of the source; zeros where one can't be read. In memory,
        or in a nameless file that goes with the process, however that ends.
    unreadable : dict of int to str
        Row to reason.
    """

    array: NDArray[np.uint8]
    unreadable: dict[int, str]


def read_pixels(
    source: Source, side: int, scratch_dir: Path, *, update: Update = ignore
) -> Pixels:
    """Decode all images of a source, squashed to a square.

    Parameters
    ----------
    source : Source
    side : int
        In pixels.
    scratch_dir : Path
        Where pixels go that don't fit into the memory.
    update : callable
        Told how many images are done.

    Raises
    ------
    RunError
        They fit neither into the memory nor on the disk.
    """
    count = len(source.names)
    array = allocate((count, side, side, 3), np.uint8, scratch_dir)
    unreadable: dict[int, str] = {}
    update(0, count)
    for row, found in enumerate(_decoded(source, View(side))):
        if isinstance(found, str):
            unreadable[row] = found
        else:
            array[row] = found
        update(row + 1, count)
    return Pixels(array, unreadable)


def _decoded(source: Source, view: View) -> Iterator[NDArray[np.uint8] | str]:
    """Yield each image's pixels, or why it can't be read, in order."""

    def show(row: int) -> NDArray[np.uint8] | str:
        try:
            return source.show(row, {view})[view]
        except ImageError as error:
            return str(error)

    cores = usable_cores()
    todo = iter(range(len(source.names)))
    waiting: deque[Future[NDArray[np.uint8] | str]] = deque()
    pool = ThreadPoolExecutor(max_workers=cores)
    try:
        waiting.extend(pool.submit(show, row) for row in islice(todo, AHEAD * cores))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(pool.submit(show, row) for row in islice(todo, 1))
            yield found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def allocate(
    shape: tuple[int, ...], dtype: DTypeLike, scratch_dir: Path
) -> NDArray[Any]:
    """Return zeros, in memory or in a nameless file that goes with the process.

    Raises
    ------
    RunError
        They fit neither into the memory nor on the disk.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if size <= available_memory() // MEMORY_SHARE:
        return np.zeros(shape, kind)
    try:
        with tempfile.TemporaryFile(dir=scratch_dir) as stream:
            # Set aside at once: a disk that fills later would kill the process.
            _reserve(stream.fileno(), size)
            return np.memmap(stream, kind, "r+", shape=shape)
    except OSError as error:
        raise RunError(
            f"{scratch_dir}: no room for {size / 1e9:.1f} GB of decoded images or what"
            f" is made of them ({error.strerror or error}); take a smaller --image-size"
        ) from error


def _reserve(handle: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.truncate(handle, size)
