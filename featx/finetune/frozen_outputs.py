"""What the frozen layers hand on, computed once and not once an epoch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from featx.finetune.joined_model import Graft
from featx.training.batches import Samples
from featx.training.predict import traced

Allocate = Callable[[tuple[int, ...], DTypeLike], NDArray[Any]]
"""Returns an array of zeros, in memory or in a file."""

Images = tuple[NDArray[np.uint8], ...]
"""The same images at each size, each (n, side, side, 3)."""

Change = Callable[[Images], Images]
"""Makes other images of the same labels: mirrored or augmented ones."""


@dataclass(frozen=True)
class Handed:
    """Samples for the trained layers.

    Attributes
    ----------
    samples : Samples
        The inputs of `Graft.above`.
    seconds : float
        What it took, as if the graph had been there before.
    """

    samples: Samples
    seconds: float


def hand_on(
    graft: Graft,
    images: Samples,
    changes: Sequence[Change | None],
    allocate: Allocate,
    *,
    batch_size: int,
    update: Callable[[int, int], None] = lambda _done, _total: None,
) -> Handed:
    """Run images through the frozen layers, once for each change.

    Parameters
    ----------
    graft : Graft
    images : Samples
        uint8 (n, side, side, 3) for each input.
    changes : sequence of callable or None
        What is done to the images before; None leaves them as they are.
    allocate : callable
    batch_size : int
    update : callable
        Told how many rows are done, of how many.

    Raises
    ------
    RunError
        There is no room for them, where `allocate` says so.
    """
    run = traced(graft.below)
    n, total = len(images), len(images) * len(changes)
    kinds = [(tensor.shape[1:], tensor.dtype) for tensor in graft.below.outputs]
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
            if first:  # which built the graph
                start, first = time.perf_counter(), False
            else:
                timed += len(batch[0])
            update(rows.stop, total)
    if batch and not timed:
        run(*batch)
        timed = len(batch[0])
    seconds = (time.perf_counter() - start) * total / max(1, timed)
    repeats = len(changes)
    return Handed(
        Samples(
            tuple(arrays),
            np.arange(total),
            np.tile(images.labels, repeats),
            np.tile(images.weight, repeats),
        ),
        seconds,
    )


def mirrored(images: Images) -> Images:
    """Return images with left and right exchanged."""
    return tuple(one[:, :, ::-1] for one in images)
