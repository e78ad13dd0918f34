"""Where images come from: files, or arrays that are already decoded."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from featx.errors import DataError, ImageError
from featx.images import Digests, decode, digest_files, resize
from featx.images.digests import read_failure

CHANGED = "changed while it was read"


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

    def pixels(self, row: int, side: int) -> NDArray[np.uint8]:
        """Return RGB pixels, shape (side, side, 3).

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
    files : sequence of Path
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.names = [str(path) for path in files]
        self.digests = digest_files(files)

    def pixels(self, row: int, side: int) -> NDArray[np.uint8]:
        """Read, decode and resize one file."""
        path = self.files[row]
        try:
            content = path.read_bytes()
            # A row must never stand under the digest of other bytes.
            if hashlib.sha256(content).digest() != bytes(self.digests.keys[row]):
                raise ImageError(CHANGED)
            return decode(content, (side, side))
        except OSError as error:
            raise ImageError(read_failure(path, error)) from error
        except MemoryError:
            raise ImageError("not enough memory to decode it") from None


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
        self.digests = Digests(_digest_arrays(images), {})

    def pixels(self, row: int, side: int) -> NDArray[np.uint8]:
        """Resize one image."""
        return resize(self.images[row], (side, side))


def _digest_arrays(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return digests, shape (n, 32), that no file's digest can equal."""
    shape = f"featx array {images.shape[1:]}\0".encode()
    digests = [hashlib.sha256(shape + image.tobytes()).digest() for image in images]
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
