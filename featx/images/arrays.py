"""All images of a data folder, decoded once for a view."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.errors import ImageError
from featx.hardware import usable_cores
from featx.images.prefetch import prefetch
from featx.images.sources import Source, View, show_or_reason
from featx.progress import SILENT, Progress, Update, ignore
from featx.scratch import PIXELS, allocate

AHEAD_BYTES = 1 << 26
"""Pixels decoded ahead of a model, about."""

Decoded = tuple[NDArray[np.uint8], ...]
"""An image in each of some views, each (side, side, 3)."""


def read_pixels(
    source: Source, view: View, scratch_dir: Path | None, *, update: Update = ignore
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Decode all images of a source.

    Parameters
    ----------
    source : Source
    view : View
    scratch_dir : Path
        Where pixels go that don't fit in memory; None is the system's folder for
        temporary files.
    update : callable
        Called with (done, total) images.

    Returns
    -------
    array : ndarray of uint8, shape (n, side, side, 3)
        RGB, a row per image of the source; zeros where one can't be read. In memory,
        or in a nameless file that is gone when the process ends, however it ends.
    unreadable : dict of int to str
        Row to reason, of the images that can't be read.

    Raises
    ------
    RunError
        They fit neither in memory nor on the disk.
    """
    count = len(source.names)
    array = allocate((count, view.side, view.side, 3), np.uint8, scratch_dir, PIXELS)
    unreadable: dict[int, str] = {}
    update(0, count)
    with decoded_ahead(source, [view]) as decoded:
        for row, found in enumerate(decoded):
            if isinstance(found, str):
                unreadable[row] = found
            else:
                (array[row],) = found
            update(row + 1, count)
    return array, unreadable


def read_views(
    source: Source,
    views: Iterable[View],
    scratch_dir: Path | None = None,
    *,
    progress: Progress = SILENT,
) -> tuple[list[NDArray[np.uint8]], dict[int, str]]:
    """Decode all images of a source for several views.

    Parameters
    ----------
    source, scratch_dir
        See `read_pixels`.
    views : iterable of View
    progress : Progress

    Returns
    -------
    arrays : list of ndarray of uint8, each (n, side, side, 3)
    unreadable : dict of int to str
        Row to reason, of the images that can't be read.

    Raises
    ------
    RunError
        They fit neither in memory nor on the disk.
    """
    arrays, unreadable = [], {}
    for view in views:
        update = progress.images(f"decoding at {view}")
        array, reasons = read_pixels(source, view, scratch_dir, update=update)
        arrays.append(array)
        unreadable.update(reasons)
    return arrays, unreadable


def images_ahead(views: Iterable[View]) -> int:
    """Return how many images to decode ahead of a model, so that it never waits."""
    pixels = sum(3 * view.side**2 for view in views)
    return max(2 * usable_cores(), AHEAD_BYTES // pixels)


@contextlib.contextmanager
def decoded_ahead(
    source: Source, views: Sequence[View], *, ahead: int | None = None
) -> Iterator[Iterator[Decoded | str]]:
    """Decode the images of a source in threads, some ahead of what is asked for.

    Parameters
    ----------
    source : Source
    views : sequence of View
        Each image is decoded once for all of them.
    ahead : int, optional
        Images that may wait; see `prefetch`.

    Yields
    ------
    iterator
        For each image its pixels in each view, or why it can't be read.
    """

    def decode(row: int) -> Decoded | str:
        shown = show_or_reason(source, row, set(views))
        if isinstance(shown, ImageError):
            return str(shown)
        return tuple(shown[view] for view in views)

    with prefetch(decode, range(len(source.names)), ahead=ahead) as decoded:
        yield decoded
