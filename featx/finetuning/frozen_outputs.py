"""The outputs of the frozen layers, computed once instead of in every epoch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featx.finetuning.joined_model import JoinedModel
from featx.images.arrays import allocate
from featx.progress import Update, ignore
from featx.training.batches import Samples
from featx.training.predict import traced

Images = tuple[NDArray[np.uint8], ...]
"""The same images at each size, each (n, side, side, 3)."""

Change = Callable[[Images], Images]
"""Flips or augments images."""


@dataclass(frozen=True)
class Inputs:
    """A model to train or validate, and its samples.

    Attributes
    ----------
    model : keras.Model
        The trained layers only, or the whole model, behind augmentation layers in
        training.
    samples : Samples
        What the model takes.
    seconds : float
        Time to run the samples through the frozen layers, without tracing the graph; 0
        if that was not done.
    """

    model: Any
    samples: Samples
    seconds: float = 0.0


def compute_frozen_outputs(
    joined: JoinedModel,
    images: Samples,
    changes: Sequence[Change | None],
    scratch_dir: Path,
    *,
    batch_size: int,
    update: Update = ignore,
) -> Inputs:
    """Run images through the frozen layers, once for each change.

    Parameters
    ----------
    joined : JoinedModel
    images : Samples
        With labels and weights; uint8 (n, side, side, 3) for each input.
    changes : sequence of callable or None
        How to change the images first; None leaves them as they are.
    scratch_dir : Path
        Where arrays go that don't fit into memory.
    batch_size : int
    update : callable
        Called with the number of finished rows and of all rows.

    Returns
    -------
    Inputs
        Of `JoinedModel.above`.

    Raises
    ------
    RunError
        There is no room for the outputs.
    """
    run = traced(joined.below)
    n, total = len(images), len(images) * len(changes)
    kinds = [(tensor.shape[1:], tensor.dtype) for tensor in joined.below.outputs]
    arrays = [allocate((total, *shape), dtype, scratch_dir) for shape, dtype in kinds]
    run(*images.take(slice(1)))  # traces the graph, before the time is taken
    start = time.perf_counter()
    for turn, change in enumerate(changes):
        for place in range(0, n, batch_size):
            batch = images.take(slice(place, place + batch_size))
            found = run(*(change(batch) if change else batch))
            rows = slice(turn * n + place, turn * n + place + len(batch[0]))
            for array, tensor in zip(arrays, found, strict=True):
                array[rows] = tensor.numpy()
            update(rows.stop, total)
    seconds = time.perf_counter() - start
    assert images.labels is not None
    assert images.weight is not None
    samples = Samples(
        tuple(arrays),
        np.arange(total),
        np.tile(images.labels, len(changes)),
        np.tile(images.weight, len(changes)),
    )
    return Inputs(joined.above, samples, seconds)


def flipped(images: Images) -> Images:
    """Return images with left and right exchanged."""
    return tuple(one[:, :, ::-1] for one in images)
