"""Where images come from: files, or arrays that are already decoded."""

import copy
import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.errors import DataError, ImageError
from featx.images.decoding import NO_MEMORY, decode_each, flip
from featx.images.digests import (
    Digests,
    digest_files,
    join_digests,
    read_failure,
    read_file,
)
from featx.images.packed.find import reading_order
from featx.images.resizing import RESIZED, SQUASH, Fit, Resize, resize

CHANGED = "changed while it was read; run this again"


class View(NamedTuple):
    """How an image is shown to a backbone."""

    side: int
    """Of the square, in pixels."""
    flip: bool = False
    """Whether it is flipped, left to right."""
    stretch: bool = False
    """Whether 16-bit grey goes from its darkest to its brightest pixel."""
    resize: Resize = SQUASH
    """How its shape becomes the square's."""

    @property
    def fit(self) -> Fit:
        """The square, and how the image becomes it."""
        return Fit(self.side, self.side, self.resize)

    @property
    def suffix(self) -> str:
        """What names end in where images aren't squashed, as ``-crop``."""
        return "" if self.resize == SQUASH else f"-{self.resize}"

    def __str__(self) -> str:
        """Name size, resizing and stretch: ``224x224, cropped``."""
        words = [f"{self.side}x{self.side}", RESIZED[self.resize]]
        words += ["stretched"] if self.stretch else []
        return ", ".join(word for word in words if word)


Views = Mapping[View, NDArray[np.uint8]]
"""RGB pixels of one image by view, each of shape (side, side, 3)."""


class Source(Protocol):
    """Images in an order, each decoded when it is asked for, from any thread."""

    @property
    def names(self) -> Sequence[str]:
        """What to call each image in messages."""
        ...

    @property
    def digests(self) -> Digests:
        """What each image is known by."""
        ...

    @property
    def order(self) -> Sequence[int]:
        """The rows in the order in which they are read fastest."""
        ...

    def show(self, row: int, views: Collection[View]) -> Views:
        """Decode one image, once, and return these views of it.

        Raises
        ------
        ImageError
            The image can't be read; the message is the reason.
        """
        ...


class ImageFiles:
    """Image files.

    Parameters
    ----------
    files : sequence of Path or UPath
    digests : Digests, optional
        Of the files, where they are known already.
    """

    def __init__(
        self, files: Sequence[Address], digests: Digests | None = None
    ) -> None:
        self.files = files
        self.names = [str(path) for path in files]
        self.digests = digests or digest_files(files)

    @cached_property
    def order(self) -> Sequence[int]:
        """The rows in the order in which they are read fastest."""
        return reading_order(self.files)

    def select(self, rows: Sequence[int]) -> Self:
        """Return some of the files as a source that another process can be sent."""
        part = copy.copy(self)
        part.__dict__.pop("order", None)
        part.files = [self.files[row] for row in rows]
        part.names = [self.names[row] for row in rows]
        part.digests = Digests(self.digests.keys[list(rows)], {})
        return part

    def show(self, row: int, views: Collection[View]) -> Views:
        """Read and decode one file, and make the views of it."""
        path = self.files[row]
        try:
            content = read_file(path)
            # A row must never stand under the digest of other bytes.
            if hashlib.sha256(content).digest() != bytes(self.digests.keys[row]):
                raise ImageError(CHANGED, lasting=False)
            found: dict[View, NDArray[np.uint8]] = {}
            for stretch in {view.stretch for view in views}:
                alike = [view for view in views if view.stretch == stretch]
                fitted = decode_each(content, _fits(alike), stretch=stretch)
                found |= {view: _seen(fitted[view.fit], view) for view in alike}
            return found
        except OSError as error:
            raise ImageError(read_failure(path, error), lasting=False) from error
        except MemoryError:
            raise ImageError(NO_MEMORY, lasting=False) from None


class ImageArrays:
    """Images that are decoded already.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, 3)
        RGB.

    Raises
    ------
    DataError
        Another type or shape.
    """

    def __init__(self, images: NDArray[np.uint8]) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise DataError(
                f"images of {images.dtype} {images.shape}; expected uint8"
                " (n, height, width, 3), RGB from 0 to 255"
            )
        self.images = images
        self.names = [f"image {row}" for row in range(len(images))]
        # No file's digest can equal these.
        shape = f"featx array {images.shape[1:]}\0".encode()
        digests = (hashlib.sha256(shape + image.tobytes()) for image in images)
        self.digests = Digests(join_digests(one.digest() for one in digests), {})

    @property
    def order(self) -> Sequence[int]:
        """The rows as they are."""
        return range(len(self.images))

    def show(self, row: int, views: Collection[View]) -> Views:
        """Make the views of one image."""
        fitted = {fit: resize(self.images[row], fit) for fit in _fits(views)}
        return {view: _seen(fitted[view.fit], view) for view in views}


def show_or_reason(
    source: Source, row: int, views: Collection[View]
) -> Views | ImageError:
    """Return what a source shows, or why it can't."""
    try:
        return source.show(row, views)
    except ImageError as error:
        # Anew: its traceback would keep the file's bytes in memory.
        return ImageError(str(error), lasting=error.lasting)


def _fits(views: Collection[View]) -> set[Fit]:
    return {view.fit for view in views}


def _seen(pixels: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    return flip(pixels) if view.flip else pixels
