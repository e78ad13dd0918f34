"""Training a network from scratch, on pixels that may not fit into the memory."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from featx.errors import NetworkError
from featx.frameworks import import_keras, import_tensorflow
from featx.training.checkpoints import Log
from featx.training.epochs import Draw, run_epochs

if TYPE_CHECKING:
    import keras

PREFETCH = 2
"""Batches gathered ahead of the network."""

NO_MEMORY = "not enough memory to train {}; take a smaller --batch-size or --image-size"


@dataclass(frozen=True)
class LabelledPixels:
    """Decoded images and their labels.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (n, side, side, 3)
        RGB; may lie in a file.
    labels : ndarray of int, shape (n,)
        Codes from 0 on.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.integer]


@dataclass(frozen=True)
class Schedule:
    """How long and how a network is trained, with Adam.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate : float
    seed : int
        Of the order of the images, which is another one each epoch.
    """

    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


def train_network(
    model: "keras.Model",
    images: LabelledPixels,
    train: NDArray[np.integer],
    held_out: NDArray[np.integer],
    schedule: Schedule,
    folder: Path,
    *,
    on_epoch: Callable[[int], None] = lambda _: None,
) -> Log:
    """Train a network in place.

    Parameters
    ----------
    model : keras.Model
        As `build_network` makes it.
    images : LabelledPixels
    train, held_out : ndarray of int
        Rows to learn from and rows to watch; the latter may be none and decide
        nothing.
    schedule : Schedule
    folder : Path
        Where the state is kept; a training that was interrupted goes on from the last
        epoch that was finished.
    on_epoch : callable
        Told how many epochs are done, at the start and after each.

    Returns
    -------
    Log
        Of all epochs. Loss and accuracy of training are means over the epoch, with
        dropout and augmentation at work.

    Raises
    ------
    NetworkError
        The loss is no number any more, the memory is too small, or the state can't be
        written.
    """
    keras, tf = import_keras(), import_tensorflow()
    model.compile(
        optimizer=keras.optimizers.Adam(schedule.learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # On a CPU, XLA is slower; and one way everywhere is one result.
        jit_compile=False,
    )
    # Its weights are kept with the model's.
    model.optimizer.build(model.trainable_variables)
    log = Log.open(folder)
    size = schedule.batch_size

    def batches(draw: Draw) -> Any:
        return _batches(tf, images, lambda: draw().permutation(train), len(train), size)

    def after() -> None:
        log.keep(model, {len(log.rows)})
        on_epoch(len(log.rows))

    on_epoch(len(log.rows))
    try:
        run_epochs(
            model,
            batches,
            log,
            epochs=schedule.epochs,
            seed=schedule.seed,
            watched=(
                _batches(tf, images, lambda: held_out, len(held_out), size)
                if len(held_out)
                else None
            ),
            after=after,
        )
    except NetworkError as error:
        raise NetworkError(f"{model.name}: {error}") from None
    except tf.errors.ResourceExhaustedError:
        raise NetworkError(NO_MEMORY.format(model.name)) from None
    return log


def predict_rows(
    model: "keras.Model",
    images: LabelledPixels,
    rows: NDArray[np.integer],
    *,
    batch_size: int = 64,
) -> NDArray[np.float64]:
    """Return probabilities of some images, shape (len(rows), n_classes)."""
    tf = import_tensorflow()
    batches = _batches(tf, images, lambda: rows, len(rows), batch_size)
    found = model.predict(batches, verbose=0).astype(np.float64)
    # float32 sums to one up to its own rounding only.
    probabilities: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return probabilities


def _batches(
    tf: Any,
    images: LabelledPixels,
    order: Callable[[], NDArray[np.integer]],
    count: int,
    batch_size: int,
) -> Any:
    """Return a data set of batches of so many rows, gathered when asked for."""

    def gather() -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        rows = order()
        for start in range(0, count, batch_size):
            chosen = rows[start : start + batch_size]
            yield images.pixels[chosen], images.labels[chosen].astype(np.int64)

    shape = images.pixels.shape[1:]
    signature = (
        tf.TensorSpec((None, *shape), tf.uint8),
        tf.TensorSpec((None,), tf.int64),
    )
    batches = tf.data.Dataset.from_generator(gather, output_signature=signature)
    steps = math.ceil(count / batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(
        PREFETCH
    )
