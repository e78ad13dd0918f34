"""What an image set's files are: size, format, content; read whole, each once."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featx.errors import ImageError
from featx.images.decoding import decode_content
from featx.images.digests import DIGEST_SIZE, read_failure, read_file
from featx.images.duplicates import Duplicates, find_duplicates
from featx.images.image_set import ImageSet
from featx.images.prefetch import prefetch
from featx.progress import Update, ignore

# What a name promises, by Pillow's names of formats.
PROMISES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), ("JPEG", "MPO")),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF",)),
    ".png": ("PNG",),
    ".gif": ("GIF",),
    ".bmp": ("BMP", "DIB"),
    ".webp": ("WEBP",),
}


class ImageFormat(NamedTuple):
    """What a file is, by its content; Pillow's names."""

    format: str
    mode: str


@dataclass(frozen=True)
class Inspection:
    """The facts of an image set, a row for each of its images.

    Attributes
    ----------
    images : ImageSet
    keys : ndarray of uint8, shape (n, 32)
        SHA-256 of each file's bytes; zeros where they can't be read at all.
    widths, heights : ndarray of int32, shape (n,)
        In pixels, turned as EXIF says; 0 where the image is unreadable.
    sizes : ndarray of int64, shape (n,)
        In bytes.
    kinds : tuple of ImageFormat
        All that were met, the commonest first.
    kind : ndarray of int32, shape (n,)
        Index into `kinds`; -1 where the image is unreadable.
    unreadable : dict of int to str
        Row to reason, in row order; the reasons are the ones that extraction gives.
    duplicates : Duplicates
        Readable files of the same content.
    """

    images: ImageSet
    keys: NDArray[np.uint8]
    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    sizes: NDArray[np.int64]
    kinds: tuple[ImageFormat, ...]
    kind: NDArray[np.int32]
    unreadable: dict[int, str]
    duplicates: Duplicates

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which images can be read, shape (n,)."""
        return self.kind >= 0

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the columns of `counts`."""
        return ("images",) if self.images.is_test is None else ("train", "test")

    def split(self, row: int) -> str:
        """Return which split an image belongs to."""
        is_test = self.images.is_test
        return self.splits[0 if is_test is None else int(is_test[row])]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Images by class and split, unreadable ones too, shape (k, n_splits)."""
        classes, splits = len(self.images.classes), len(self.splits)
        cells = self.images.labels * splits
        if self.images.is_test is not None:
            cells = cells + self.images.is_test
        counts = np.bincount(cells, minlength=classes * splits)
        return counts.reshape(classes, splits)

    @property
    def unreadable_counts(self) -> NDArray[np.int64]:
        """Unreadable images by class, shape (k,)."""
        labels = self.images.labels[~self.readable]
        return np.bincount(labels, minlength=len(self.images.classes))

    @cached_property
    def misnamed(self) -> dict[int, str]:
        """Row to format, for readable files whose suffix promises another one."""
        return {
            row: self.kinds[code].format
            for row, code in enumerate(self.kind.tolist())
            if code >= 0 and _lies(self.images.paths[row], self.kinds[code].format)
        }


def _lies(path: str, kind: str) -> bool:
    promised = PROMISES.get(PurePath(path).suffix.lower())
    return promised is not None and kind not in promised


def inspect_images(images: ImageSet, update: Update = ignore) -> Inspection:
    """Read and decode all files of an image set, on all cores.

    A file is known to be readable only once it is decoded whole. One that isn't gets
    a reason and raises nothing.

    Parameters
    ----------
    update : callable
        Called with (done, total) as it goes.
    """
    count = len(images)
    keys = np.zeros((count, DIGEST_SIZE), dtype=np.uint8)
    shapes = np.zeros((count, 2), dtype=np.int32)
    sizes = np.zeros(count, dtype=np.int64)
    kind = np.full(count, -1, dtype=np.int32)
    kinds: dict[ImageFormat, int] = {}
    unreadable: dict[int, str] = {}
    update(0, count)
    with prefetch(partial(_look, images), range(count)) as found:
        for row, facts in enumerate(found):
            keys[row] = np.frombuffer(facts.key, dtype=np.uint8)
            sizes[row] = facts.size
            shapes[row] = facts.shape
            if facts.kind is None:
                unreadable[row] = facts.reason
            else:
                kind[row] = kinds.setdefault(facts.kind, len(kinds))
            update(row + 1, count)
    names, codes = _commonest_first(list(kinds), kind)
    return Inspection(
        images,
        keys,
        widths=shapes[:, 1],
        heights=shapes[:, 0],
        sizes=sizes,
        kinds=names,
        kind=codes,
        unreadable=unreadable,
        duplicates=find_duplicates(images, keys, kind >= 0),
    )


def _commonest_first(
    kinds: list[ImageFormat], kind: NDArray[np.int32]
) -> tuple[tuple[ImageFormat, ...], NDArray[np.int32]]:
    """Return the kinds by falling count, and each row's index into them."""
    counts = np.bincount(kind[kind >= 0], minlength=len(kinds))
    order = sorted(range(len(kinds)), key=lambda code: (-counts[code], kinds[code]))
    place = np.full(len(kinds) + 1, -1, dtype=np.int32)  # its last is for the -1
    place[order] = np.arange(len(order))
    return tuple(kinds[code] for code in order), place[kind]


@dataclass
class _Facts:
    """What was found out about one file."""

    key: bytes = bytes(DIGEST_SIZE)
    size: int = 0
    shape: tuple[int, int] = (0, 0)
    kind: ImageFormat | None = None
    reason: str = ""


def _look(images: ImageSet, row: int) -> _Facts:
    path = images.root / images.paths[row]
    facts = _Facts()
    try:
        content = read_file(path)
        facts.size = len(content)
        facts.key = hashlib.sha256(content).digest()
        decoded = decode_content(content)
    except ImageError as error:
        facts.reason = str(error)
    except OSError as error:
        facts.reason = read_failure(path, error)
    except MemoryError:
        facts.reason = "not enough memory to decode it"
    else:
        height, width = decoded.pixels.shape[:2]
        facts.shape = (height, width)
        facts.kind = ImageFormat(decoded.format, decoded.mode)
    return facts
