"""What networks are trained on: a data folder's pixels at one size, split."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featx.images.arrays import Pixels, read_pixels
from featx.images.image_set import ImageSet, Split, split_images
from featx.images.sources import ImageFiles
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


def read_training_data(
    images: ImageSet,
    source: ImageFiles,
    side: int,
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
    split = split_images(images, source.digests, pixels.unreadable)
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
