"""Training images, on which a quantised model's ranges are measured."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from featx.addresses import Address
from featx.errors import DataError, ExportError
from featx.images.arrays import read_views
from featx.images.layouts.read import read_images
from featx.images.sources import ImageFiles, View
from featx.progress import Progress
from featx.runs.data import data_of
from featx.runs.run import Run

IMAGES = 128
SEED = 0


def calibration_images(
    run: Run, views: Mapping[str, View], progress: Progress
) -> dict[str, NDArray[np.uint8]]:
    """Decode some of a run's training images for each input of its model.

    Raises
    ------
    ExportError
        They are not there.
    RunError
    """
    files = _training_files(run)
    chosen = np.random.default_rng(SEED).permutation(len(files))[:IMAGES]
    source = ImageFiles([files[row] for row in sorted(chosen)])
    arrays, unreadable = read_views(source, views.values(), progress=progress)
    readable = [row for row in range(len(chosen)) if row not in unreadable]
    if not readable:
        raise _missing(run)
    return {name: array[readable] for name, array in zip(views, arrays, strict=True)}


def _training_files(run: Run) -> list[Address]:
    """Return the files of a run's data that it wasn't tested on."""
    try:
        images = read_images(data_of(run))
    except DataError as error:
        raise _missing(run) from error
    test = set(run.predictions().paths)
    return [images.root / path for path in images.paths if path not in test]


def _missing(run: Run) -> ExportError:
    return ExportError(
        f"{run.path}: --quantize int8 measures ranges on training images, and there are"
        f" none at {run.info.data.root}; bring them there, or choose float16"
    )
