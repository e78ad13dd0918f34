"""The data that networks are trained on: images decoded for one view, split."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.images.arrays import read_views
from featx.images.image_set import ImageSet, Split, split_images
from featx.images.sources import ImageFiles, View
from featx.progress import SILENT, Progress


@dataclass(frozen=True)
class TrainingData:
    """Images decoded for one view, split.

    Attributes
    ----------
    split : Split
    pixels : ndarray of uint8, shape (n, side, side, 3)
        RGB, row for row with the split's images; may be memory-mapped.
    seconds : float
        Time spent on decoding.
    """

    split: Split
    pixels: NDArray[np.uint8]
    seconds: float

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class codes, shape (n,)."""
        return self.split.images.labels


def read_training_data(
    images: ImageSet,
    view: View,
    scratch_dir: Path,
    *,
    progress: Progress = SILENT,
) -> TrainingData:
    """Decode and split an image set.

    Parameters
    ----------
    images : ImageSet
    view : View
    scratch_dir : Path
        Where pixels go that don't fit into memory.

    Raises
    ------
    DataError
        No readable image is left, or the set can't be split.
    RunError
        There is no room for the pixels.
    """
    start = time.perf_counter()
    source = ImageFiles(images.files, images.digests)
    (pixels,), unreadable = read_views(source, [view], scratch_dir, progress=progress)
    seconds = time.perf_counter() - start
    split = split_images(images, images.digests, unreadable)
    # The rows ascend, so none is overwritten before it is read.
    for place, row in enumerate(split.rows):
        if place != row:
            pixels[place] = pixels[row]
    return TrainingData(split, pixels[: len(split.rows)], round(seconds, 3))
