"""What networks are trained on: a data folder's pixels at one size, split."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.images.arrays import Pixels, read_pixels
from featx.images.image_set import ImageSet
from featx.images.layouts.options import DataSettings
from featx.images.sources import ImageFiles
from featx.images.usable import Split, split_readable
from featx.networks.train import LabelledPixels
from featx.progress import SILENT, Progress


@dataclass(frozen=True)
class TrainingData:
    """Images decoded at one size, split.

    Attributes
    ----------
    split : Split
    images : LabelledPixels
        Row for row with the split's.
    seconds : float
        Spent on decoding.
    """

    split: Split
    images: LabelledPixels
    seconds: float

    @property
    def train(self) -> NDArray[np.intp]:
        """Rows of the training part."""
        return np.flatnonzero(~self._is_test)

    @property
    def test(self) -> NDArray[np.intp]:
        """Rows of the test part."""
        return np.flatnonzero(self._is_test)

    @property
    def _is_test(self) -> NDArray[np.bool_]:
        assert self.split.images.is_test is not None
        return self.split.images.is_test


def read_training_data(
    images: ImageSet,
    source: ImageFiles,
    side: int,
    data: DataSettings,
    scratch_dir: Path,
    *,
    progress: Progress = SILENT,
) -> TrainingData:
    """Decode and split an image set.

    Parameters
    ----------
    images : ImageSet
    source : ImageFiles
        Of its files.
    side : int
        In pixels.
    data : DataSettings
        How to split it.
    scratch_dir : Path
        Where pixels go that don't fit into the memory.

    Raises
    ------
    DataError
        No readable image is left, or the set can't be split.
    RunError
        There is no room for the pixels.
    """
    start = time.perf_counter()
    update = progress.images(f"decoding at {side}x{side}")
    pixels = read_pixels(source, side, scratch_dir, update=update)
    seconds = time.perf_counter() - start
    split = split_readable(
        images,
        source.digests.keys,
        pixels.unreadable,
        test_size=data.test_size,
        seed=data.seed,
    )
    labelled = LabelledPixels(_kept(pixels, split), split.images.labels)
    return TrainingData(split, labelled, round(seconds, 3))


def _kept(pixels: Pixels, split: Split) -> NDArray[np.uint8]:
    """Return the pixels of the images that are used, moved together in place.

    The rows rise, so none is written over before it was read.
    """
    for place, row in enumerate(split.rows):
        if place != row:
            pixels.array[place] = pixels.array[row]
    return pixels.array[: len(split.rows)]
