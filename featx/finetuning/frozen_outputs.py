"""The outputs of the frozen layers, computed once instead of in every epoch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from featx.finetuning.joined_model import JoinedModel
from featx.progress import Update, ignore
from featx.training.batches import Samples
from featx.training.predict import traced

Allocate = Callable[[tuple[int, ...], DTypeLike], NDArray[Any]]
"""Returns an array of zeros, in memory or in a file."""

Images = tuple[NDArray[np.uint8], ...]
"""The same images at each size, each (n, side, side, 3)."""

Change = Callable[[Images], Images]
"""Flips or augments images."""


@dataclass(frozen=True)
class FrozenOutputs:
    """Samples for the trained layers.

    Attributes
    ----------
    samples : Samples
        The inputs of `JoinedModel.above`.
    seconds : float
        Time to compute them, without tracing the graph.
    """

    samples: Samples
    seconds: float


def compute_frozen_outputs(
    joined: JoinedModel,
    images: Samples,
    changes: Sequence[Change | None],
    allocate: Allocate,
    *,
    batch_size: int,
    update: Update = ignore,
) -> FrozenOutputs:
    """Run images through the frozen layers, once for each change.

    Parameters
    ----------
    joined : JoinedModel
    images : Samples
        With labels and weights; uint8 (n, side, side, 3) for each input.
    changes : sequence of callable or None
        How to change the images first; None leaves them as they are.
    allocate : callable
    batch_size : int
    update : callable
        Called with the number of finished rows and of all rows.

    Raises
    ------
    RunError
        `allocate` found no room for them.
    """
    run = traced(joined.below)
    n, total = len(images), len(images) * len(changes)
    kinds = [(tensor.shape[1:], tensor.dtype) for tensor in joined.below.outputs]
    arrays = [allocate((total, *shape), dtype) for shape, dtype in kinds]
    start, timed, first = time.perf_counter(), 0, True
    batch: Images = ()
    for turn, change in enumerate(changes):
        for place in range(0, n, batch_size):
            batch = images.take(slice(place, place + batch_size))
            found = run(*(change(batch) if change else batch))
            rows = slice(turn * n + place, turn * n + place + len(batch[0]))
            for array, tensor in zip(arrays, found, strict=True):
                array[rows] = tensor.numpy()
            if first:  # this batch traced the graph
                start, first = time.perf_counter(), False
            else:
                timed += len(batch[0])
            update(rows.stop, total)
    if batch and not timed:
        run(*batch)
        timed = len(batch[0])
    seconds = (time.perf_counter() - start) * total / max(1, timed)
    assert images.labels is not None
    assert images.weight is not None
    samples = Samples(
        tuple(arrays),
        np.arange(total),
        np.tile(images.labels, len(changes)),
        np.tile(images.weight, len(changes)),
    )
    return FrozenOutputs(samples, seconds)


def flipped(images: Images) -> Images:
    """Return images with left and right exchanged."""
    return tuple(one[:, :, ::-1] for one in images)
