"""What an image set's files are: size, format, content; read whole, each once."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from featx.errors import ImageError
from featx.images.decoding import NO_MEMORY, ImageFormat, check_content
from featx.images.digests import DIGEST_SIZE, join_digests, read_failure, read_file
from featx.images.duplicates import Duplicates, find_duplicates
from featx.images.image_set import ImageSet
from featx.images.prefetch import prefetch
from featx.progress import Update, ignore

SAME_SUFFIX = {"MPO": "JPEG", "DIB": "BMP"}
"""Formats whose files usually have the suffix of another one, by Pillow's names."""


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
    from PIL import Image

    promised = Image.registered_extensions().get(PurePath(path).suffix.lower())
    return promised not in (None, kind, SAME_SUFFIX.get(kind))


def inspect_images(images: ImageSet, update: Update = ignore) -> Inspection:
    """Read and decode all files of an image set, on all cores.

    A file is known to be readable only once it is decoded whole. One that isn't gets
    a reason and raises nothing.

    Parameters
    ----------
    update : callable
        Called with (done, total) as it goes.
    """
    facts: list[_Facts] = []
    update(0, len(images))
    with prefetch(partial(_look, images), range(len(images))) as found:
        for one in found:
            facts.append(one)
            update(len(facts), len(images))
    counts = Counter(one.kind for one in facts if one.kind)
    kinds = sorted(counts, key=lambda kind: (-counts[kind], kind))
    codes = {kind: code for code, kind in enumerate(kinds)}
    kind = np.array(
        [codes[one.kind] if one.kind else -1 for one in facts], dtype=np.int32
    )
    keys = join_digests(one.key for one in facts)
    return Inspection(
        images,
        keys,
        widths=np.array([one.width for one in facts], dtype=np.int32),
        heights=np.array([one.height for one in facts], dtype=np.int32),
        sizes=np.array([one.size for one in facts], dtype=np.int64),
        kinds=tuple(kinds),
        kind=kind,
        unreadable={row: one.reason for row, one in enumerate(facts) if not one.kind},
        duplicates=find_duplicates(images, keys, kind >= 0),
    )


@dataclass(slots=True)
class _Facts:
    """What was found out about one file."""

    key: bytes = bytes(DIGEST_SIZE)
    size: int = 0
    width: int = 0
    height: int = 0
    kind: ImageFormat | None = None
    reason: str = ""


def _look(images: ImageSet, row: int) -> _Facts:
    path = images.root / images.paths[row]
    facts = _Facts()
    try:
        content = read_file(path)
        facts.size = len(content)
        facts.key = hashlib.sha256(content).digest()
        facts.kind, (facts.height, facts.width) = check_content(content)
    except ImageError as error:
        facts.reason = str(error)
    except OSError as error:
        facts.reason = read_failure(path, error)
    except MemoryError:
        facts.reason = NO_MEMORY
    return facts
